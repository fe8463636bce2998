"""However a stream's batches come, what lies beside an order is what its last image says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import orders
from shared.domain.messages import FillSku, Message, PlanOrder, Publish
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.orders import DeductsAt, Order
from shared.errors import Transient
from shared.flows.changes import Change
from shared.flows.record_orders import RecordOrders
from shared.storage import keys, order_lists
from shared.storage.availability import Availability
from shared.storage.dynamo import Table
from shared.storage.problems import Problems
from tests.support import trade
from tests.support.problems import FakeProblems
from tests.support.streams import FakeTable
from tests.support.streams import of_order as change

NOW = trade.times_now()
ALPINA = SourceId("alpina")
SHIP = DeductsAt.SHIP
STEPS = ("take", "backorder", "fill", "cancel", "edit", "hold", "rename")


@dataclass
class World:
    """The tables, and what was sent to whom; marks are there before a shop is woken."""

    table: FakeTable = field(default_factory=FakeTable)
    stock: FakeTable = field(default_factory=FakeTable)
    problems: FakeProblems = field(default_factory=FakeProblems)
    sent: list[Message] = field(default_factory=list)
    woken: list[tuple[ChannelId, list[str]]] = field(default_factory=list)
    is_fill_checked: bool = True

    def send(self, waiting: Iterable[Message]) -> None:
        """A fill reads who waits: that has to be there when it is asked for."""
        asked = list(waiting)
        skus = {each.sku for each in asked if isinstance(each, FillSku)}
        assert not self.is_fill_checked or {f"BACK#{sku}" for sku in skus} <= {key.pk for key in self.table.items}
        self.sent += asked

    def wake(self, waiting: Iterable[Message]) -> None:
        for each in waiting:
            assert isinstance(each, Publish)
            self.woken.append((each.channel, self.marks(each.channel)))

    def run(self, *changes: Change) -> None:
        flow = RecordOrders(
            table=cast("Table", self.table),
            availability=Availability(cast("Table", self.stock)),
            problems=cast("Problems", self.problems),
            to_orders=self.send,
            to_channels=self.wake,
        )
        flow.run(changes, NOW)

    def marks(self, channel: str = "nordlys") -> list[str]:
        return [sk for _, sk in self.stock.keys(f"DIRTY#{channel}")]


def after(order: Order, step: str) -> Order:
    """The order after a step, or as it is where the step has nothing to do."""
    line = order.lines[0]
    changed = order
    match step:
        case "take" if line.open:
            changed = orders.take(order, {(line.line, ALPINA): 1}, attempt=f"t{order.revision}")
        case "backorder":
            changed = orders.backorder(order)
        case "fill" if line.backordered and not line.open:
            changed = orders.take(order, {(line.line, ALPINA): 1}, attempt=f"t{order.revision}", backordered=True)
        case "cancel" if not order.cancel_wanted:
            changed = orders.cancel(order, order.version + 1).order
        case "edit" if not order.cancel_wanted:
            changed = orders.edit(order, {line.line: line.ordered + 1}, order.version + 1).order
        case "hold":
            changed = replace(order, hold="" if order.hold else "no source has it")
        case "rename":
            changed = replace(order, name=f"{order.name}x")
    return changed


def chain(steps: Iterable[str]) -> list[Order]:
    found = [trade.order("1", ("A", 2), ("B", 1))]
    for step in steps:
        changed = after(found[-1], step)
        if changed != found[-1]:
            found.append(replace(changed, revision=found[-1].revision + 1))
    return found


@given(st.lists(st.sampled_from(STEPS), max_size=12), st.lists(st.integers(1, 4), min_size=1))
def test_whatever_the_batches_and_however_often_they_come_the_last_image_counts(
    steps: list[str], sizes: list[int]
) -> None:
    images = chain(steps)
    changes = [change(old, new) for old, new in zip([None, *images], images, strict=False)]
    world = World(is_fill_checked=False)  # in a batch, who waits first may wait no longer at its end

    while changes:
        batch, changes = changes[: sizes[0]], changes[sizes[0] :]
        sizes = [*sizes[1:], sizes[0]]
        world.run(*batch)
        world.run(*batch)

    assert world.table.items == order_lists.of_order(images[-1])


def test_a_fill_is_asked_for_each_sku_once_a_batch() -> None:
    world = World()
    first, second = (orders.backorder(trade.order(i, ("A", 1), ("A", 2))) for i in ("1", "2"))

    world.run(change(None, first), change(None, second))

    assert world.sent == [FillSku(sku=first.lines[0].sku)]


def test_a_line_that_waits_for_more_is_no_news() -> None:
    waiting = orders.backorder(trade.order("1", ("A", 1)))
    more = orders.backorder(orders.edit(waiting, {"l1": 5}, 2).order)
    world = World()

    world.run(change(waiting, more))

    assert (world.sent, world.problems.opened) == ([], [])


def test_more_open_units_of_one_line_are_news_though_another_has_fewer() -> None:
    before = trade.order("1", ("A", 2), ("B", 1))
    edited = orders.edit(before, {"l1": 1, "l2": 2}, 2).order
    world = World()

    world.run(change(None, before), change(before, edited))

    assert world.sent == [PlanOrder(order=before.key)]


def test_only_what_is_newly_named_is_kept() -> None:
    before = replace(trade.order("1", ("A", 2)), attempt="t1", ship_to="t1")
    planned = replace(before, attempt="t2", revision=2)
    world = World()

    world.run(change(before, replace(before, revision=2)))
    assert world.table.updated == []

    world.run(change(before, planned))
    assert world.table.updated == [keys.plan(before.key, "t2"), keys.ship_to(before.key, "t1")]


# ---- marks


def woken(*chain: Order | None, order_by: int = 1) -> World:
    """A world that heard of a chain of images, so many a batch."""
    world = World(is_fill_checked=False)
    changes = [change(old, new) for old, new in pairwise(chain) if new]
    for start in range(0, len(changes), order_by):
        world.run(*changes[start : start + order_by])
    return world


NEW = trade.order("1", ("A", 2), ("B", 1))
TAKEN = replace(orders.take(NEW, {("l1", ALPINA): 2, ("l2", ALPINA): 1}, attempt="t"), revision=2)
SENT = replace(orders.send(TAKEN, 1, deducts_at=SHIP).order, revision=3)
WAITING = replace(orders.backorder(NEW), revision=2)
CAPPED = replace(orders.backorder(NEW, {"l1": (2, "2026-12-01")}), revision=2)
GIVEN_UP = replace(orders.give_up(NEW, "l1"), revision=2)
INSTEAD = replace(orders.substitute(NEW, "l1", 2, Sku("C")), revision=2)
PARTLY = replace(orders.backorder(orders.take(NEW, {("l1", ALPINA): 1}, attempt="t")), revision=2)
FILLED = replace(
    orders.take(WAITING, {("l1", ALPINA): 2, ("l2", ALPINA): 1}, attempt="f", backordered=True), revision=3
)
FEWER = replace(orders.edit(NEW, {"l1": 1}, 2).order, revision=2)
NONE_LEFT = replace(orders.edit(NEW, {"l1": 0, "l2": 0}, 2).order, revision=2)
MORE = replace(orders.edit(TAKEN, {"l1": 5}, 2).order, revision=3)
CANCELLED = replace(orders.cancel(TAKEN, 2).order, revision=3)
CANCELLING = replace(orders.cancel(SENT, 2).order, revision=4)
CONFIRMED = replace(
    orders.confirm_cancel(orders.confirm_cancel(CANCELLING, 1, "l1", 2).order, 1, "l2", 1).order, revision=5
)
SHIPPED_ONE = replace(orders.ship(SENT, 1, "l1", 1, deducts_at=SHIP).order, revision=4)
SHIPPED_TWO = replace(orders.ship(SHIPPED_ONE, 1, "l1", 1, deducts_at=SHIP).order, revision=5)
ACCEPTED = replace(orders.accept(SENT, 1, "l1", 2, deducts_at=SHIP).order, revision=4)
REJECTED = replace(orders.reject(SENT, 1, "l1", 2).order, revision=4)
TOMBSTONE = replace(orders.cancel(replace(NEW, lines=()), 2).order, revision=1)
HELD = replace(NEW, hold="no source has it", revision=2)


@pytest.mark.parametrize(
    ("_case", "chain", "expected"),
    [
        ("new, and units are open: the shop counted them down", (None, NEW), ["1#A", "1#B"]),
        ("new, and all are taken: a level tells it", (None, TAKEN), []),
        ("new, and some units wait", (None, PARTLY), ["1#A", "1#B"]),
        ("taken", (NEW, TAKEN), []),
        ("open units begin to wait: the same to the shop", (NEW, WAITING), []),
        ("open units begin to wait under a cap: it has less room", (NEW, CAPPED), ["1#A"]),
        ("what waited was filled", (WAITING, FILLED), []),
        ("an edit opened units", (TAKEN, MORE), ["1#A"]),
        ("an edit took units away", (NEW, FEWER), ["1#A"]),
        ("an edit took all away: the shop knows it", (NEW, NONE_LEFT), ["1#A", "1#B"]),
        ("a supplier will not ship: its units are open again", (SENT, REJECTED), ["1#A"]),
        ("sent", (TAKEN, SENT), []),
        ("accepted", (SENT, ACCEPTED), []),
        ("held", (NEW, HELD), []),
        ("shipped", (SENT, SHIPPED_ONE), ["2#1"]),
        ("shipped further", (SHIPPED_ONE, SHIPPED_TWO), ["2#1"]),
        ("written again after it was shipped", (SHIPPED_ONE, replace(SHIPPED_ONE, revision=9)), []),
        ("shipped before anybody heard of it", (None, SHIPPED_ONE), ["2#1"]),
        ("cancelled as a whole", (TAKEN, CANCELLED), ["1#A", "1#B", "2#1"]),
        (
            "cancelled while it waited",
            (WAITING, replace(orders.cancel(WAITING, 2).order, revision=3)),
            ["1#A", "1#B", "2#1"],
        ),
        ("a cancel the supplier has to confirm", (SENT, CANCELLING), []),
        ("the supplier confirms it", (CANCELLING, CONFIRMED), ["1#A", "1#B", "2#1"]),
        ("cancelled is cancelled", (CANCELLED, replace(CANCELLED, name="x", revision=9)), []),
        ("cancelled before it came", (None, TOMBSTONE), []),
        ("deleted", (CANCELLED, None), []),
    ],
)
def test_a_shop_is_told_what_no_level_tells_it(
    _case: str, chain: tuple[Order | None, ...], expected: list[str]
) -> None:
    world = woken(*chain)

    assert world.marks() == expected
    assert world.woken == ([(ChannelId("nordlys"), expected)] if expected else [])


def test_a_mark_names_the_write_that_left_it_and_when() -> None:
    world = woken(SENT, SHIPPED_ONE, SHIPPED_TWO)

    (mark,) = world.stock.items.values()
    assert (mark["cause"], mark["at"]) == ("order#nordlys#1#5", trade.NOW)


@pytest.mark.parametrize("batch", [1, 2, 3, 10])
def test_the_marks_of_a_day_are_the_same_whatever_the_batches(batch: int) -> None:
    world = woken(None, NEW, TAKEN, SENT, SHIPPED_ONE, SHIPPED_TWO, order_by=batch)

    assert world.marks() == ["1#A", "1#B", "2#1"]
    assert world.stock.items[keys.dirty(ChannelId("nordlys"), 2, "1")]["cause"] == "order#nordlys#1#5"


def test_each_shop_is_woken_once_a_batch() -> None:
    other = replace(NEW, key=trade.key("2", "other"))
    world = World(is_fill_checked=False)

    world.run(change(None, NEW), change(None, other), change(SENT, SHIPPED_ONE))

    assert world.woken == [("nordlys", ["1#A", "1#B", "2#1"]), ("other", ["1#A", "1#B"])]


def test_a_table_that_takes_no_marks_has_the_batch_again_and_wakes_nobody() -> None:
    world = World(is_fill_checked=False)
    world.stock.failure = Transient("the table did not answer", code="storage")

    with pytest.raises(Transient):
        world.run(change(None, NEW))
    assert (world.woken, world.sent) == ([], [])


def test_a_poisoned_image_among_good_ones_is_one_exception() -> None:
    spoiled = change(None, NEW)
    assert spoiled.new
    spoiled = replace(spoiled, new={name: value for name, value in spoiled.new.items() if name != "lines"})
    world = World(is_fill_checked=False)

    world.run(spoiled, change(SENT, SHIPPED_ONE))

    assert world.problems.found == [("image_unreadable", "ORD:nordlys:1/ORD")]
    assert world.marks() == ["2#1"]


@pytest.mark.parametrize(
    ("_case", "chain", "kinds"),
    [
        ("a new order that nobody could fill", (None, GIVEN_UP), ["short_cancelled"]),
        ("units were given up", (NEW, GIVEN_UP), ["short_cancelled"]),
        ("others go out instead", (NEW, INSTEAD), []),
        ("the shop took them off", (NEW, FEWER), []),
        ("it was cancelled", (TAKEN, CANCELLED), []),
    ],
)
def test_who_paid_for_what_was_given_up_is_a_persons(
    _case: str, chain: tuple[Order | None, Order], kinds: list[str]
) -> None:
    world = World(is_fill_checked=False)

    world.run(change(*chain))

    assert [problem.kind for problem in world.problems.opened if problem.kind != "unfilled"] == kinds
