"""A shop is told its numbers: computed now, over what it has, in order of rank, by one publisher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import pytest

from shared.domain import messages, orders, pace
from shared.domain.availability import Rank
from shared.domain.messages import FillSku, Listed, Message, Publish, Refresh, Scope
from shared.domain.names import ChannelId, OrderKey, Sku, SourceId
from shared.domain.orders import DeductsAt, Order
from shared.domain.pace import LONGEST_WAIT_SECONDS
from shared.domain.packages import Package
from shared.domain.rules import Channel, Rules
from shared.errors import AppError, Conflict, InvalidInput, Rejected, Transient
from shared.flows.learn_listings import LearnListings
from shared.flows.publish_to_channels import LEAST_TIME_LEFT_MS, PublishToChannels
from shared.flows.refresh_numbers import RefreshNumbers
from shared.storage import pauses
from shared.storage.availability import Availability, Leases, Mark, Told
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storefronts import outbound
from shared.storefronts.contract import Answer, Parcel, Seen
from shared.storefronts.paced import Pacer
from tests.support import trade
from tests.support.pauses import FakePauses
from tests.support.problems import FakeProblems
from tests.support.publishing import NORDLYS, FakeAvailability, FakeDesk, FakeLeases, FakeShop, mark, part, told

PUBLISH = messages.write(Publish(channel=NORDLYS))


@dataclass
class FakeRefresh:
    """Leaves so many marks, or raises."""

    marks: int = 0
    failure: AppError | None = None
    asked: list[Refresh] = field(default_factory=list)

    def run(self, asked: Refresh, _rules: Rules, _now: datetime, _time_left_ms: object) -> int:
        self.asked.append(asked)
        if self.failure:
            raise self.failure
        return self.marks


@dataclass
class FakeLearn:
    """Learns so many listings of what it hears, or raises."""

    failure: AppError | None = None
    heard: list[Listed] = field(default_factory=list)

    def run(self, listed: Listed, _now: datetime) -> int:
        self.heard.append(listed)
        if self.failure:
            raise self.failure
        return len(listed.listings)


@dataclass
class Run:
    """One flow with its fakes. `time_left`: what is left at each question, the last one ever after."""

    availability: FakeAvailability = field(default_factory=FakeAvailability)
    leases: FakeLeases = field(default_factory=FakeLeases)
    pauses: FakePauses = field(default_factory=FakePauses)
    shop: FakeShop = field(default_factory=FakeShop)
    desk: FakeDesk = field(default_factory=FakeDesk)
    problems: FakeProblems = field(default_factory=FakeProblems)
    refresh: FakeRefresh = field(default_factory=FakeRefresh)
    learn: FakeLearn = field(default_factory=FakeLearn)
    orders: dict[str, Order] = field(default_factory=dict)
    packed: dict[str, list[Package]] = field(default_factory=dict)
    time_left: list[int] = field(default_factory=lambda: [30_000])
    sent: list[Message] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    again: dict[str, str] = field(default_factory=dict)
    told: int = 0
    orders_told: int = 0
    marked: int = 0
    unconnected: InvalidInput | None = None
    learned: int = 0

    def __call__(self, batch: Mapping[str, str] | None = None, **channel: object) -> list[str]:
        flow = PublishToChannels(
            availability=cast("Availability", self.availability),
            leases=cast("Leases", self.leases),
            pauses=cast("Pauses", self.pauses),
            problems=cast("Problems", self.problems),
            order=self.order,
            pacer=self.pacer,
            shop=self.connect,
            desk=lambda _, __: self.desk,
            refresh=cast("RefreshNumbers", self.refresh),
            learn=cast("LearnListings", self.learn),
            to_channels=self.send,
            wait=self.waited.append,
            packages=self.packages,
        )
        rules = trade.shop_rules("alpina", **channel)
        published = flow.run(
            {"m1": PUBLISH} if batch is None else batch,
            rules,
            holder="me",
            now=trade.times_now(),
            time_left_ms=lambda: self.time_left.pop(0) if len(self.time_left) > 1 else self.time_left[0],
        )
        self.again, self.told, self.marked = published.again, published.told, published.marked
        self.orders_told, self.learned = published.orders_told, published.learned
        return list(published.again)

    def connect(self, _channel: Channel, _pacer: Pacer) -> FakeShop:
        if self.unconnected:
            raise self.unconnected
        return self.shop

    def pacer(self, channel: Channel) -> Pacer:
        return Pacer(pace.full(outbound.limit(channel), trade.times_now()), trade.times_now, self.waited.append)

    def order(self, key: OrderKey) -> Order | None:
        assert key.channel == NORDLYS
        return self.orders.get(key.order_id)

    def packages(self, key: OrderKey) -> list[Package]:
        assert key.channel == NORDLYS
        return self.packed[key.order_id]

    def send(self, waiting: Iterable[Message]) -> None:
        self.sent += waiting

    def has(self, sku: str, units: int, *marks: Mark, told: int | None = None) -> None:
        self.availability.has(sku, units)
        self.availability.dirty += marks or (mark(sku),)
        if told is not None:
            self.availability.was_told(sku, told)

    def shipped(self, order_id: str, left: int = 2, cause: str = "", **of: Any) -> None:  # noqa: ANN401 - of a mark
        """Have an order of two units, both shipped, of which the shop has `left` to fulfil, and its mark."""
        order = trade.order(order_id, ("A", 2))
        sent = orders.send(orders.take(order, {("l1", SourceId("alpina")): 2}, attempt="t"), 1, deducts_at=SHIP).order
        self.orders[order_id] = orders.ship(sent, 1, "l1", 2, deducts_at=SHIP).order
        self.packed[order_id] = []
        at = f"fo-{order_id}"
        self.desk.seen[order_id] = Seen(is_cancelled=False, parts=(part(left=left, at=at),))
        self.availability.dirty.append(mark(order_id, Rank.ORDER, cause or f"order#{order_id}", **of))

    def cancelled(self, order_id: str, job: str = "") -> None:
        """Have an order that was cancelled as a whole, and its mark."""
        self.orders[order_id] = orders.cancel(trade.order(order_id, ("A", 2)), 2).order
        self.desk.seen[order_id] = Seen(is_cancelled=False, parts=())
        self.availability.dirty.append(mark(order_id, Rank.ORDER, f"order#{order_id}", job))

    def marks(self) -> list[tuple[Rank, str]]:
        return [(each.rank, each.subject) for each in self.availability.marks(NORDLYS, 1000)]


SHIP = DeductsAt.SHIP


def test_a_number_is_computed_told_written_and_its_mark_cleared() -> None:
    run = Run()
    run.has("A", 7, told=10)

    assert run() == []

    assert run.shop.asked == [[("item-A", 7, 10)]]
    assert run.availability.tellings[Sku("A")] == Told(
        sku=Sku("A"), channel=NORDLYS, number=7, told_at=trade.NOW, revision=5
    )
    assert run.availability.dirty == []


def test_what_was_never_told_is_set_whatever_it_is() -> None:
    run = Run()
    run.has("A", 7)

    run()

    assert run.shop.asked == [[("item-A", 7, None)]]
    assert run.availability.tellings[Sku("A")].revision == 1


def test_the_rules_of_the_channel_count() -> None:
    run = Run()
    run.has("A", 11, told=0)

    run(percent=50, buffer=2)

    assert run.shop.asked == [[("item-A", 3, 0)]]


def test_a_sku_that_is_not_listed_is_told_nothing_and_its_mark_is_cleared() -> None:
    run = Run()
    run.has("A", 7)
    run.availability.unlisted.add("A")

    run()

    assert (run.shop.asked, run.availability.tellings, run.availability.dirty) == ([], {}, [])


def test_a_sku_nobody_stocks_any_more_is_told_as_zero() -> None:
    run = Run()
    run.availability.dirty = [mark("A")]

    run()

    assert run.shop.asked == [[("item-A", 0, None)]]


def test_more_marks_than_one_batch_holds_are_told_in_order_of_rank() -> None:
    run = Run()
    for at in range(130):
        run.has(f"A{at:03}", at, mark(f"A{at:03}", Rank.RISES))
    run.has("Z", 0, mark("Z", Rank.ZERO), told=3)

    run()

    assert [len(batch) for batch in run.shop.asked] == [100, 31]
    assert run.told == 131
    assert ("item-Z", 0, 3) in run.shop.asked[0]
    assert run.availability.dirty == []


def test_marks_of_several_ranks_are_one_number() -> None:
    run = Run()
    run.has("A", 7, mark("A", Rank.FALLS, "s#2"), mark("A", Rank.RISES, "s#3"), told=1)

    run()

    assert run.shop.asked == [[("item-A", 7, 1)]]
    assert run.availability.dirty == []


def test_a_change_while_the_shop_is_told_is_told_next() -> None:
    run = Run()
    run.has("A", 7, mark("A", cause="s#1"), told=10)

    def sold() -> None:
        run.availability.dirty = [mark("A", cause="s#2")]
        run.availability.has("A", 5)

    run.availability.meanwhile = sold
    run()

    assert run.shop.asked == [[("item-A", 7, 10)], [("item-A", 5, 7)]]
    assert run.availability.dirty == []


def test_the_shops_own_sales_are_read_and_the_number_computed_after_that() -> None:
    run = Run(shop=FakeShop(answers=[Answer(stale=frozenset({"item-A"}))], shows={"item-A": 8}))
    run.has("A", 9, told=10)
    run.has("B", 4, told=5)
    run.availability.meanwhile = lambda: run.availability.has("A", 8)

    run()

    assert run.shop.asked == [[("item-A", 9, 10), ("item-B", 4, 5)], [("item-A", 8, 8), ("item-B", 4, 5)]]
    assert run.availability.dirty == []


def test_a_shop_that_keeps_moving_is_left_alone_with_its_marks() -> None:
    stale = Answer(stale=frozenset({"item-A"}))
    run = Run(shop=FakeShop(answers=[stale] * 3, shows={"item-A": 8}))
    run.has("A", 9, told=10)

    assert run() == []

    assert run.leases.failed == [("shop_moves", "0 s")]
    assert run.availability.dirty == [mark("A")]


def test_a_listing_the_shop_refuses_is_an_exception_and_holds_nobody_up() -> None:
    run = Run(shop=FakeShop(answers=[Answer(refused={"item-A": "INVALID_INVENTORY_ITEM"})]))
    run.has("A", 9, told=5)
    run.has("B", 4)

    assert run() == []

    assert run.shop.asked[1:] == [[("item-B", 4, None)]]
    assert run.availability.dirty == []
    assert run.availability.tellings[Sku("A")] == told("A", 5, revision=5, refused="INVALID_INVENTORY_ITEM")
    assert run.availability.tellings[Sku("B")].number == 4
    assert run.problems.found == [("listing_refused", "nordlys/A")]


def test_what_the_platform_takes_later_keeps_its_mark_and_is_told_next() -> None:
    run = Run(shop=FakeShop(answers=[Answer(later=frozenset({"item-B"}))]))
    run.has("A", 9, told=5)
    run.has("B", 4, told=5)
    run.has("C", 1)
    run.availability.unlisted.add("C")

    run()

    assert run.shop.asked == [[("item-A", 9, 5), ("item-B", 4, 5)], [("item-B", 4, 5)]]
    assert (run.told, run.availability.dirty) == (2, [])


def test_a_listing_that_was_mended_is_refused_no_more() -> None:
    run = Run()
    run.has("A", 9)
    run.availability.was_told("A", 5, refused="INVALID_INVENTORY_ITEM")

    run()

    assert (run.availability.tellings[Sku("A")].number, run.availability.tellings[Sku("A")].refused) == (9, "")


def test_a_number_somebody_else_told_since_keeps_its_mark_and_is_told_again() -> None:
    run = Run()
    run.has("A", 7, told=10)

    def overtaken() -> None:
        run.availability.tellings[Sku("A")] = replace(run.availability.tellings[Sku("A")], number=6, revision=5)

    run.availability.meanwhile = overtaken
    run()

    assert run.shop.asked == [[("item-A", 7, 10)], [("item-A", 7, 6)]]
    assert run.availability.tellings[Sku("A")].revision == 6
    assert run.availability.dirty == []


def test_a_shop_whose_lease_is_held_is_left_to_its_holder() -> None:
    run = Run(leases=FakeLeases(is_free=False))
    run.has("A", 7)

    assert run() == []
    assert run.shop.asked == []


def test_word_in_the_lease_sends_the_holder_round_again() -> None:
    run = Run(leases=FakeLeases(words=[1]))
    run.has("A", 7, told=1)
    run.leases.at_release = lambda: run.has("B", 3, told=1)

    run()

    assert run.shop.asked == [[("item-A", 7, 1)], [("item-B", 3, 1)]]


@pytest.mark.parametrize(
    ("_case", "failure", "opened", "rests"),
    [
        ("it failed", Transient("the shop failed", code="shop_failed", status=502), [], "0 s"),
        ("it was silent", Transient("the shop did not answer", code="shop_silent"), [], "0 s"),
        (
            "it throttles for long",
            Transient("the shop throttles", code="throttled", wait=LONGEST_WAIT_SECONDS + 55),
            [],
            "60 s",
        ),
        ("it does not understand", InvalidInput("no", code="shop_refused"), ["shop_refuses"], "0 s"),
    ],
)
def test_a_shop_that_fails_is_left_alone_and_no_message_comes_again(
    _case: str, failure: AppError, opened: list[str], rests: str
) -> None:
    run = Run(shop=FakeShop(answers=[failure]))
    run.has("A", 7)

    assert run() == []

    assert run.leases.failed == [(failure.code, rests)]
    assert (run.leases.released, run.leases.dropped, run.sent, run.waited) == (0, 0, [], [])
    assert run.availability.dirty == [mark("A")]
    assert run.problems.kinds == opened


def test_a_shop_that_is_not_to_be_told_is_an_exception_and_its_marks_wait() -> None:
    run = Run(unconnected=InvalidInput("no", code="platform_experimental"))
    run.has("A", 7)

    assert run() == []

    assert run.problems.found == [("shop_refuses", "nordlys")]
    assert (run.leases.failed, run.availability.dirty) == ([], [mark("A")])


def test_a_shop_that_throttles_a_little_is_waited_for() -> None:
    throttles = [Transient("the shop throttles", code="throttled", wait=wait) for wait in (1.5, LONGEST_WAIT_SECONDS)]
    run = Run(shop=FakeShop(answers=[*throttles]))
    run.has("A", 7)

    assert run() == []

    assert (run.waited, len(run.shop.asked)) == ([1.5, LONGEST_WAIT_SECONDS], 3)
    assert (run.leases.failed, run.availability.dirty) == ([], [])


def test_a_shop_that_throttles_on_and_on_rests_as_long_as_it_says() -> None:
    run = Run(shop=FakeShop(answers=[Transient("the shop throttles", code="throttled", wait=2.0)] * 3))
    run.has("A", 7)

    assert run() == []

    assert (len(run.shop.asked), run.leases.failed) == (3, [("throttled", "2 s")])
    assert run.availability.dirty == [mark("A")]


def test_nobody_waits_for_a_shop_without_the_time_for_it() -> None:
    throttled = Transient("the shop throttles", code="throttled", wait=2.0)
    run = Run(shop=FakeShop(answers=[throttled]), time_left=[30_000, LEAST_TIME_LEFT_MS - 1])
    run.has("A", 7)

    assert run() == []
    assert (run.waited, run.leases.failed) == ([], [("throttled", "2 s")])


def test_out_of_time_another_message_goes_on_behind_a_free_lease() -> None:
    run = Run(time_left=[LEAST_TIME_LEFT_MS, LEAST_TIME_LEFT_MS - 1])
    for at in range(130):
        run.has(f"A{at:03}", at)

    assert run() == []

    assert (len(run.shop.asked), len(run.availability.dirty)) == (1, 30)
    assert (run.leases.dropped, run.leases.released) == (1, 0)
    assert run.sent == [Publish(channel=NORDLYS)]


def test_a_table_that_does_not_answer_has_the_message_again_and_the_lease_free() -> None:
    run = Run()
    run.has("A", 7)

    def fails() -> None:
        raise Transient("the table did not answer", code="storage")

    run.availability.meanwhile = fails

    assert run() == ["m1"]
    assert (run.leases.dropped, run.leases.failed, run.problems.opened) == (1, [], [])


# ---- pauses


def test_a_paused_shop_is_told_nothing_and_its_marks_wait() -> None:
    run = Run(pauses=FakePauses({pauses.channel(NORDLYS)}))
    run.has("A", 7)
    run.shipped("1")

    assert run() == []

    assert (run.shop.asked, run.desk.fulfilled, run.sent) == ([], [], [])
    assert run.marks() == [(Rank.FALLS, "A"), (Rank.ORDER, "1")]
    assert (run.leases.released, run.leases.failed) == (1, [])


def test_a_pause_stops_within_one_page_of_marks() -> None:
    run = Run()
    for at in range(250):
        run.has(f"A{at:03}", at)

    def is_paused() -> None:
        run.pauses.scopes.add(pauses.channel(NORDLYS))

    run.shop.at_set = is_paused
    run()

    assert [len(batch) for batch in run.shop.asked] == [100]
    assert len(run.availability.dirty) == 150


# ---- orders


def test_orders_are_told_after_what_falls_and_before_what_rises() -> None:
    run = Run()
    happened: list[str] = []
    run.shop.at_set = lambda: happened.extend(item for item, _, _ in run.shop.asked[-1])
    run.desk.at_read = lambda: happened.append("order")
    run.has("Z", 9, mark("Z", Rank.RISES))
    run.shipped("1")
    run.has("F", 1, mark("F", Rank.FALLS))
    run.has("N", 0, mark("N", Rank.ZERO))

    run()

    assert happened == ["item-N", "item-F", "order", "item-Z"]
    assert run.shop.asked[0] == [("item-N", 0, None), ("item-F", 1, None)]
    assert (run.told, run.orders_told, run.marks()) == (3, 1, [])


def test_what_was_shipped_is_fulfilled_and_its_mark_cleared() -> None:
    run = Run()
    run.shipped("1")

    run()

    assert run.desk.fulfilled == [[("L1", "l1", 2)]]
    assert (run.orders_told, run.marks()) == (1, [])


def test_what_an_order_was_packed_into_is_told_with_it() -> None:
    run = Run()
    run.shipped("1")
    run.packed["1"] = [Package(number="P1", carrier="ups", lines={"l1": 2})]

    run()

    assert run.desk.parcels == [Parcel(number="P1", carrier="ups")]


def test_an_order_that_is_gone_is_told_nothing() -> None:
    run = Run()
    run.availability.dirty = [mark("1", Rank.ORDER)]

    assert run() == []
    assert (run.desk.fulfilled, run.marks(), run.leases.failed) == ([], [], [])


def test_an_order_the_shop_is_busy_with_keeps_its_mark_and_blocks_nobody() -> None:
    run = Run()
    run.cancelled("1")
    run.shipped("2")
    run.has("Z", 9, mark("Z", Rank.RISES))

    assert run() == []

    assert run.availability.noted == [("1", "job-1")]
    assert run.marks() == [(Rank.ORDER, "1")]
    assert (run.orders_told, run.told, run.leases.released) == (1, 1, 1)


def test_more_busy_orders_than_a_page_hold_nobody_up() -> None:
    run = Run()
    for at in range(130):
        run.cancelled(f"{at:03}")
    run.has("Z", 9, mark("Z", Rank.RISES))

    run()

    assert len(run.desk.cancelled) == 130
    assert run.shop.asked == [[("item-Z", 9, None)]]


@pytest.mark.parametrize(
    ("_case", "is_done", "left", "noted"),
    [("still at it", False, [(Rank.ORDER, "1")], [("1", "job-0")]), ("done", True, [], [])],
)
def test_a_cancel_is_asked_after_by_its_job(
    _case: str, left: list[object], noted: list[object], *, is_done: bool
) -> None:
    run = Run(desk=FakeDesk(done={"job-0": is_done}))
    run.cancelled("1", job="job-0")
    run.desk.seen["1"] = Seen(is_cancelled=True, parts=())

    run()

    assert (run.marks(), run.availability.noted, run.desk.cancelled) == (left, noted, [])


@pytest.mark.parametrize("refunds", [False, True])
def test_a_cancel_refunds_if_the_channel_says_so(*, refunds: bool) -> None:
    run = Run()
    run.cancelled("1")

    run(refunds_cancels=refunds)

    assert run.desk.cancelled == [("1", refunds)]


def test_an_order_the_shop_refuses_is_an_exception_and_blocks_nobody() -> None:
    run = Run()
    run.shipped("1")
    run.shipped("2")
    run.desk.fails = [Rejected("the shop does not fulfil this", code="not_fulfilled")]

    assert run() == []

    assert run.problems.found == [("order_not_told", "nordlys#1")]
    assert run.desk.fulfilled == [[("L1", "l1", 2)]]
    assert run.marks() == []


def test_a_shop_that_fails_at_an_order_is_left_alone_with_its_marks() -> None:
    run = Run(desk=FakeDesk(fails=[Transient("the shop failed", code="shop_failed", status=503)]))
    run.shipped("1")
    run.has("Z", 9, mark("Z", Rank.RISES))

    assert run() == []

    assert run.leases.failed == [("shop_failed", "0 s")]
    assert run.marks() == [(Rank.ORDER, "1"), (Rank.RISES, "Z")]


# ---- messages


def test_a_refresh_is_run_before_the_shops_are_told() -> None:
    run = Run(refresh=FakeRefresh(marks=3))
    refresh = Refresh(scope=Scope.SKU, name="A")

    assert run({"m1": messages.write(refresh)}) == []

    assert (run.refresh.asked, run.marked) == ([refresh], 3)


@pytest.mark.parametrize("failure", [Transient("no answer", code="storage"), Conflict("changed", code="changed")])
def test_a_refresh_that_fails_comes_again_and_stops_nobody(failure: AppError) -> None:
    run = Run(refresh=FakeRefresh(failure=failure))
    run.has("A", 7)

    assert run({"m1": messages.write(Refresh(scope=Scope.SKU, name="A")), "m2": PUBLISH}) == ["m1"]

    assert run.shop.asked == [[("item-A", 7, None)]]


def test_what_a_shop_lists_is_learned_and_what_fails_comes_again() -> None:
    listed = Listed(channel=NORDLYS, listings=((Sku("A"), "item-A"), (Sku("B"), "item-B")))
    run = Run()
    assert run({"m1": messages.write(listed)}) == []
    assert (run.learn.heard, run.learned) == ([listed], 2)

    run.learn.failure = Transient("no answer", code="storage")
    assert run({"m1": messages.write(listed)}) == ["m1"]


@pytest.mark.parametrize(
    ("_case", "text", "opened"),
    [
        ("not JSON", "{", ["unreadable_event"]),
        ("not for this queue", messages.write(FillSku(sku=Sku("A"))), ["unreadable_event"]),
        ("an unknown channel", messages.write(Publish(channel=ChannelId("closed"))), []),
    ],
)
def test_a_message_that_can_never_be_answered_is_not_had_again(_case: str, text: str, opened: list[str]) -> None:
    run = Run()
    run.has("A", 7)

    assert run({"m1": text}) == []

    assert run.shop.asked == []
    assert run.problems.kinds == opened


def test_a_channel_that_is_not_active_is_told_nothing() -> None:
    run = Run()
    run.has("A", 7)

    assert run(active=False) == []
    assert run.shop.asked == []


# ---- one thing that the shop does not understand


def poisons(run: Run, *items: str) -> None:
    """Have the shop understand no request that names one of these."""

    def refuse() -> None:
        if any(item in items for item, _, _ in run.shop.asked[-1]):
            raise InvalidInput("the shop did not understand", code="not_understood")

    run.shop.at_set = refuse


def test_one_poisoned_listing_does_not_block_its_batch() -> None:
    run = Run()
    poisons(run, "item-BAD")
    run.has("BAD", 9)
    for sku in ("A", "C", "GOOD"):
        run.has(sku, 1)

    run()

    assert {sku: each.number for sku, each in run.availability.tellings.items() if each.told_at} == {
        "A": 1,
        "C": 1,
        "GOOD": 1,
    }
    assert run.availability.tellings[Sku("BAD")].refused == "not_understood"
    assert run.problems.found == [("listing_refused", "nordlys/BAD")]
    assert run.availability.dirty == []


def test_a_shop_that_understands_nothing_is_failing_and_its_marks_wait() -> None:
    run = Run()
    skus = ["A", "B", "C", "D"]
    poisons(run, *(f"item-{sku}" for sku in skus))
    for sku in skus:
        run.has(sku, 1)

    run()

    assert run.leases.failed == [("not_understood", "0 s")]
    assert ("shop_refuses", "nordlys") in run.problems.found
    assert len(run.availability.dirty) >= 2


def test_an_order_that_the_shop_does_not_understand_blocks_nobody() -> None:
    run = Run()
    run.shipped("1")
    run.desk.fails = [InvalidInput("the shop did not understand", code="not_understood")]
    run.has("Z", 9, mark("Z", Rank.RISES))

    run()

    assert run.shop.asked == [[("item-Z", 9, None)]]
    assert run.problems.found == [("order_not_told", "nordlys#1")]
    assert run.availability.dirty == []


def test_refusals_one_at_a_time_do_not_stop_a_batch() -> None:
    run = Run(shop=FakeShop(answers=[Answer(refused={f"item-A{i}": "X"}) for i in range(3)]))
    for i in range(4):
        run.has(f"A{i}", 9)

    run()

    assert run.availability.dirty == []
    assert run.availability.tellings[Sku("A3")].number == 9


def test_only_a_shop_that_was_asked_is_said_to_work() -> None:
    paused = Run(pauses=FakePauses({pauses.channel(NORDLYS)}))
    paused.has("A", 7)
    asked = Run()
    asked.has("A", 7)

    paused()
    asked()

    assert (paused.leases.works, asked.leases.works) == ([False], [True])


def test_what_was_cancelled_in_the_shop_is_told_again_for_the_shop_moved_its_count() -> None:
    run = Run()
    run.cancelled("1")
    run.desk.seen["1"] = Seen(is_cancelled=True, parts=())
    run.availability.has("A", 7)
    run.availability.was_told("A", 7)

    run()

    assert run.shop.asked == [[("item-A", 7, 7)]]
    assert run.availability.dirty == []


def test_a_pause_stops_before_the_next_order() -> None:
    stops: set[str] = set()
    run = Run(pauses=FakePauses(stops))
    for order_id in ("1", "2", "3"):
        run.shipped(order_id)
    run.desk.at_read = lambda: stops.add(pauses.channel(NORDLYS))

    run()

    assert len(run.desk.fulfilled) == 1
    assert run.marks() == [(Rank.ORDER, "2"), (Rank.ORDER, "3")]


def test_a_shop_that_understands_no_order_is_failing_and_does_not_lose_them() -> None:
    run = Run()
    for order_id in ("1", "2", "3", "4"):
        run.shipped(order_id)
    run.desk.fails = [InvalidInput("the shop did not understand", code="not_understood") for _ in range(4)]

    run()

    assert run.leases.failed == [("not_understood", "0 s")]
    assert [subject for _, subject in run.marks()] == ["3", "4"]
