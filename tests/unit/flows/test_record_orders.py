"""However a stream's batches come, what lies beside an order is what its last image says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.domain import orders
from shared.domain.messages import FillSku, Message, PlanOrder
from shared.domain.names import SourceId
from shared.domain.orders import Order
from shared.domain.problems import Problem
from shared.flows.record_orders import RecordOrders
from shared.flows.record_stock import Change
from shared.storage import attributes, keys, order_lists
from shared.storage import orders as order_items
from shared.storage.keys import Key
from tests.support import trade

NOW = trade.times_now()
ALPINA = SourceId("alpina")
STEPS = ("take", "backorder", "fill", "cancel", "edit", "hold", "rename")


@dataclass
class FakeTable:
    items: dict[Key, Mapping[str, object]] = field(default_factory=dict)
    kept: list[Key] = field(default_factory=list)

    def write_all(self, items: Sequence[Mapping[str, object]]) -> None:
        keys_written = [Key(str(item["PK"]), str(item["SK"])) for item in items]
        assert len(set(keys_written)) == len(keys_written)  # a batch write refuses the same key twice
        self.items |= dict(zip(keys_written, items, strict=True))

    def delete(self, key: Key) -> bool:
        self.items.pop(key, None)
        return True

    def update(self, key: Key, _request: Mapping[str, Any]) -> tuple[bool, None]:
        self.kept.append(key)
        return True, None


@dataclass
class World:
    table: FakeTable = field(default_factory=FakeTable)
    sent: list[Message] = field(default_factory=list)
    is_fill_checked: bool = True
    opened: list[Problem] = field(default_factory=list)

    def open(self, problem: Problem, _now: str) -> bool:
        self.opened.append(problem)
        return True

    def send(self, waiting: Iterable[Message]) -> None:
        """A fill reads who waits: that has to be there when it is asked for."""
        asked = list(waiting)
        skus = {each.sku for each in asked if isinstance(each, FillSku)}
        assert not self.is_fill_checked or {f"BACK#{sku}" for sku in skus} <= {key.pk for key in self.table.items}
        self.sent += asked

    def run(self, *changes: Change) -> None:
        RecordOrders(self.table, self, self.send).run(changes, NOW)  # type: ignore[arg-type]


def change(before: Order | None, after: Order) -> Change:
    pk, sk = keys.order(after.key)
    old, new = (attributes.image(order_items.to_item(order)) if order else None for order in (before, after))
    return Change(key=attributes.image({"PK": pk, "SK": sk}), old=old, new=new)


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

    assert (world.sent, world.opened) == ([], [])


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
    assert world.table.kept == []

    world.run(change(before, planned))
    assert world.table.kept == [keys.plan(before.key, "t2"), keys.ship_to(before.key, "t1")]
