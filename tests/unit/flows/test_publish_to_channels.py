"""A shop is told its numbers: computed now, over what it has, in order of rank, by one publisher."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

import pytest

from shared.domain import messages
from shared.domain.availability import Rank
from shared.domain.messages import FillSku, Publish
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.problems import Problem
from shared.domain.stock import Level
from shared.errors import InvalidInput, Transient
from shared.flows.publish_to_channels import LEAST_TIME_LEFT_MS, PublishToChannels
from shared.storage.availability import Availability, Facts, Leases, Mark, Told
from shared.storage.problems import Problems
from shared.storefronts.shopify_admin import Answer, Quantity
from tests.support import trade

NORDLYS = ChannelId("nordlys")
PUBLISH = messages.write(Publish(channel=NORDLYS))


def mark(sku: str, rank: Rank = Rank.FALLS, revision: int = 1) -> Mark:
    return Mark(channel=NORDLYS, rank=rank, sku=Sku(sku), source=SourceId("alpina"), revision=revision)


@dataclass
class FakeAvailability:
    """Marks, levels and what was told, in memory; `meanwhile` happens once, after facts were read."""

    dirty: list[Mark] = field(default_factory=list)
    levels: dict[str, Level] = field(default_factory=dict)
    told: dict[Sku, Told] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    meanwhile: Callable[[], None] | None = None

    def marks(self, _channel: ChannelId, most: int) -> list[Mark]:
        return sorted(self.dirty, key=lambda each: (each.rank, each.sku))[:most]

    def clear(self, mark: Mark) -> bool:
        is_there = mark in self.dirty
        if is_there:
            self.dirty.remove(mark)
        return is_there

    def facts(self, skus: Iterable[Sku], channel: ChannelId, _sources: Collection[SourceId]) -> dict[Sku, Facts]:
        found = {
            sku: Facts(
                listing="" if sku in self.unlisted else f"item-{sku}",
                levels=(self.levels[sku],) if sku in self.levels else (),
                told=self.told.get(sku, Told(sku=sku, channel=channel)),
            )
            for sku in skus
        }
        if self.meanwhile:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return found

    def tell(self, told: Told) -> bool:
        is_next = self.told.get(told.sku, Told(sku=told.sku, channel=told.channel)).revision + 1 == told.revision
        if is_next:
            self.told[told.sku] = told
        return is_next


@dataclass
class FakeLeases:
    """A lease that is free or not; `words` are what releasing answers, one after the other."""

    is_free: bool = True
    words: list[int] = field(default_factory=list)
    dropped: int = 0
    at_release: Callable[[], None] | None = None

    def take(
        self, _channel: ChannelId, _holder: str, message_ids: Sequence[str], now: datetime, until: datetime
    ) -> bool:
        assert message_ids
        assert until > now
        return self.is_free

    def release(self, _channel: ChannelId, _holder: str, _seen: int) -> int | None:
        if self.at_release:
            happens, self.at_release = self.at_release, None
            happens()
        return self.words.pop(0) if self.words else None

    def drop(self, _channel: ChannelId, _holder: str) -> None:
        self.dropped += 1


@dataclass
class FakeShop:
    """Takes what it is given, or answers as it was told to."""

    answers: list[Answer | Exception] = field(default_factory=list)
    shows: dict[str, int] = field(default_factory=dict)
    asked: list[list[tuple[str, int, int | None]]] = field(default_factory=list)

    def set_available(self, wanted: Sequence[Quantity]) -> Answer:
        self.asked.append([(each.item, each.units, each.change_from) for each in wanted])
        answer = self.answers.pop(0) if self.answers else Answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def available(self, items: Iterable[str]) -> dict[str, int]:
        return {item: self.shows[item] for item in items}


@dataclass
class FakeProblems:
    opened: list[Problem] = field(default_factory=list)

    def open(self, problem: Problem, _now: str) -> bool:
        self.opened.append(problem)
        return True


@dataclass
class Run:
    """One flow with its fakes."""

    availability: FakeAvailability = field(default_factory=FakeAvailability)
    leases: FakeLeases = field(default_factory=FakeLeases)
    shop: FakeShop = field(default_factory=FakeShop)
    problems: FakeProblems = field(default_factory=FakeProblems)
    again: dict[str, str] = field(default_factory=dict)
    told: int = 0

    def __call__(self, batch: Mapping[str, str] | None = None, time_left: int = 30_000, **channel: object) -> list[str]:
        flow = PublishToChannels(
            availability=cast("Availability", self.availability),
            leases=cast("Leases", self.leases),
            problems=cast("Problems", self.problems),
            shop=lambda _: self.shop,
        )
        rules = trade.shop_rules("alpina", **channel)
        published = flow.run(
            {"m1": PUBLISH} if batch is None else batch,
            rules,
            holder="me",
            now=trade.times_now(),
            time_left_ms=lambda: time_left,
        )
        self.again, self.told = published.again, published.told
        return list(published.again)

    def has(self, sku: str, units: int, *marks: Mark, told: int | None = None) -> None:
        self.availability.levels[sku] = trade.level(sku, "alpina", units)
        self.availability.dirty += marks or (mark(sku),)
        if told is not None:
            self.availability.told[Sku(sku)] = Told(
                sku=Sku(sku), channel=NORDLYS, number=told, told_at=trade.T0, revision=4
            )


def test_a_number_is_computed_told_written_and_its_mark_cleared() -> None:
    run = Run()
    run.has("A", 7, told=10)

    assert run() == []

    assert run.shop.asked == [[("item-A", 7, 10)]]
    assert run.availability.told[Sku("A")] == Told(
        sku=Sku("A"), channel=NORDLYS, number=7, told_at=trade.NOW, revision=5
    )
    assert run.availability.dirty == []


def test_what_was_never_told_is_set_whatever_it_is() -> None:
    run = Run()
    run.has("A", 7)

    run()

    assert run.shop.asked == [[("item-A", 7, None)]]
    assert run.availability.told[Sku("A")].revision == 1


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

    assert (run.shop.asked, run.availability.told, run.availability.dirty) == ([], {}, [])


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
    run.has("A", 7, mark("A", Rank.FALLS, 2), mark("A", Rank.RISES, 3), told=1)

    run()

    assert run.shop.asked == [[("item-A", 7, 1)]]
    assert run.availability.dirty == []


def test_a_change_while_the_shop_is_told_is_told_next() -> None:
    run = Run()
    run.has("A", 7, mark("A", revision=1), told=10)

    def sold() -> None:
        run.availability.dirty = [mark("A", revision=2)]
        run.availability.levels["A"] = trade.level("A", "alpina", 5)

    run.availability.meanwhile = sold
    run()

    assert run.shop.asked == [[("item-A", 7, 10)], [("item-A", 5, 7)]]
    assert run.availability.dirty == []


def test_the_shops_own_sales_are_read_and_the_number_computed_after_that() -> None:
    run = Run(shop=FakeShop(answers=[Answer(stale=frozenset({"item-A"}))], shows={"item-A": 8}))
    run.has("A", 9, told=10)
    run.has("B", 4, told=5)
    run.availability.meanwhile = lambda: run.availability.levels.update(A=trade.level("A", "alpina", 8))

    run()

    assert run.shop.asked == [[("item-A", 9, 10), ("item-B", 4, 5)], [("item-A", 8, 8), ("item-B", 4, 5)]]
    assert run.availability.dirty == []


def test_a_shop_that_keeps_moving_has_the_message_again_and_its_marks_kept() -> None:
    stale = Answer(stale=frozenset({"item-A"}))
    run = Run(shop=FakeShop(answers=[stale] * 3, shows={"item-A": 8}))
    run.has("A", 9, told=10)

    assert run() == ["m1"]

    assert run.again["m1"] == "shop_moves"
    assert run.availability.dirty == [mark("A")]
    assert run.leases.dropped == 1


def test_a_listing_the_shop_refuses_is_an_exception_and_holds_nobody_up() -> None:
    run = Run(shop=FakeShop(answers=[Answer(refused={"item-A": "INVALID_INVENTORY_ITEM"})]))
    run.has("A", 9)
    run.has("B", 4)

    assert run() == []

    assert run.shop.asked[1] == [("item-B", 4, None)]
    assert run.availability.dirty == []
    assert set(run.availability.told) == {"B"}
    assert [(each.kind, each.subject) for each in run.problems.opened] == [("listing_refused", "nordlys/A")]


def test_a_number_somebody_else_told_since_keeps_its_mark_and_is_told_again() -> None:
    run = Run()
    run.has("A", 7, told=10)

    def overtaken() -> None:
        run.availability.told[Sku("A")] = replace(run.availability.told[Sku("A")], number=6, revision=5)

    run.availability.meanwhile = overtaken
    run()

    assert run.shop.asked == [[("item-A", 7, 10)], [("item-A", 7, 6)]]
    assert run.availability.told[Sku("A")].revision == 6
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
    ("_case", "failure", "opened"),
    [
        ("busy", Transient("the shop is busy", code="throttled"), []),
        ("it does not understand", InvalidInput("the shop did not understand", code="shop_refused"), ["shop_refuses"]),
    ],
)
def test_a_shop_that_does_not_take_it_has_the_message_again(_case: str, failure: Exception, opened: list[str]) -> None:
    run = Run(shop=FakeShop(answers=[failure]))
    run.has("A", 7)

    assert run() == ["m1"]

    assert run.availability.dirty == [mark("A")]
    assert run.leases.dropped == 1
    assert [each.kind for each in run.problems.opened] == opened


def test_nothing_is_begun_without_the_time_for_it() -> None:
    run = Run()
    run.has("A", 7)

    assert run(time_left=LEAST_TIME_LEFT_MS - 1) == ["m1"]
    assert (run.shop.asked, run.leases.dropped) == ([], 1)


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
    assert [each.kind for each in run.problems.opened] == opened


def test_a_channel_that_is_not_active_is_told_nothing() -> None:
    run = Run()
    run.has("A", 7)

    assert run(active=False) == []
    assert run.shop.asked == []
