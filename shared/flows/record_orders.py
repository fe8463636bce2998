"""A batch of images of orders and purchase orders -> lists, references, asks for units, marks, exceptions.

Everything is derived from an image and the one before it. A second delivery writes and deletes the same keys, in
the same order, and asks for what is asked for already. An image that cannot be read becomes an exception: it would
stop the stream for all that come after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain import times, twins
from shared.domain.availability import Rank
from shared.domain.messages import FillSku, Message, PlanOrder, Publish
from shared.domain.orders import LineState, Order
from shared.domain.problems import Problem
from shared.flows.changes import UNREADABLE, Change, unreadable
from shared.storage import keys, order_lists, orders, purchase_orders, whole_orders
from shared.storage.availability import Availability, Mark
from shared.storage.dynamo import Table
from shared.storage.keys import Key
from shared.storage.order_lists import Items
from shared.storage.problems import Problems

LONGEST_WHY, MOST_WHYS = 200, 20
"""How much of a plan an exception repeats: the plan has it all."""

ADDRESS_KEPT_FOR = timedelta(days=30)
"""How long an address stays after the last of its order is shipped or cancelled."""

Send = Callable[[Iterable[Message]], None]


@dataclass(slots=True)
class _Batch:
    """What a batch comes to: the last word on every key (None: delete it), and what follows from the images.

    `at`: when its marks are left.
    """

    at: str
    items: dict[Key, dict[str, Any] | None] = field(default_factory=dict)
    keeps: dict[Key, datetime | None] = field(default_factory=dict)
    marks: dict[Key, Mark] = field(default_factory=dict)
    asks: dict[Message, None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    short: list[Order] = field(default_factory=list)
    new: list[Order] = field(default_factory=list)

    def mark(self, order: Order, rank: Rank, subject: str) -> None:
        """Leave a mark for the order's shop; of two for one thing the later one stands."""
        cause = f"order#{order.key}#{order.revision}"
        mark = Mark(channel=order.key.channel, rank=rank, subject=subject, cause=cause, at=self.at)
        self.marks[keys.dirty(mark.channel, mark.rank, mark.subject)] = mark

    def replace(self, before: Items, after: Items) -> None:
        """Turn the items of one image into those of the next."""
        self.items |= dict.fromkeys(before.keys() - after.keys())
        self.items |= {key: item for key, item in after.items() if before.get(key) != item}


@dataclass(slots=True)
class RecordOrders:
    """Runs batches. `to_orders` and `to_channels` send messages to the queues of those names."""

    table: Table
    availability: Availability
    problems: Problems
    to_orders: Send
    to_channels: Send

    def run(self, changes: Iterable[Change], now: datetime) -> Counter[str]:
        """Record a batch; answer what was counted. Raises Transient when a table or a queue did not take it.

        Who waits for a SKU is written before anybody is asked to fill it: the other way round the fill finds
        nobody.
        """
        counted: Counter[str] = Counter()
        batch = _Batch(at=times.text(now))
        for change in changes:
            try:
                counted[_record(change, batch, now)] += 1
            except UNREADABLE as error:
                batch.problems.append(unreadable(change, error))
                counted["ImageUnreadable"] += 1
        self.table.write_all([item for item in batch.items.values() if item is not None])
        for key, item in batch.items.items():
            if item is None:
                self.table.delete(key)
        for key, until in batch.keeps.items():
            if until:
                order_lists.let_expire(self.table, key, int(until.timestamp()))
            else:
                order_lists.keep(self.table, key)
        self.availability.mark(batch.marks.values())
        self.to_orders(batch.asks)
        self.to_channels(Publish(channel=each) for each in sorted({mark.channel for mark in batch.marks.values()}))
        alike = filter(None, [self._twin(order, now) for order in batch.new])
        for problem in [*batch.problems, *map(self._unfilled, batch.short), *alike]:
            self.problems.open(problem, times.text(now))
        return counted

    def _twin(self, order: Order, now: datetime) -> Problem | None:
        """Describe an order that another channel brought too; who was first is kept for a day."""
        beside = self.table.get(keys.ship_to(order.key, order.ship_to))
        likeness = twins.likeness(order, (beside or {}).get("address", {}))
        if not likeness:
            return None
        seconds = int((now + twins.WITHIN).timestamp()), int(now.timestamp())
        first = order_lists.claim_likeness(self.table, likeness, order.key, *seconds)
        if first is None:
            return None
        return Problem(
            kind="imported_twice",
            subject=str(order.key),
            reason="another channel has an order of the same name, postcode and goods",
            action="if they are one order, truestock orders cancel one of them; else release what is held",
            details={"other": str(first)},
        )

    def _unfilled(self, order: Order) -> Problem:
        """Describe an order that waits, with what its plan says of why."""
        last = whole_orders.plan(self.table, order.key, order.attempt) if order.attempt else None
        said = last.decision.plan.why_short if last and last.decision else {}
        waits = order.total(LineState.OPEN) + order.total(LineState.BACKORDERED)
        details: dict[str, str | int] = {"units": waits}
        details |= {f"line {line.line}": line.sku for line in order_lists.waiting(order).values()}
        details |= {f"why {line}": "; ".join(why)[:LONGEST_WHY] for line, why in list(said.items())[:MOST_WHYS]}
        return Problem(
            kind="unfilled",
            subject=str(order.key),
            reason=order.hold or "units wait for stock",
            action="find stock, agree on something else with the customer, or cancel",
            details=details,
        )


def _record(change: Change, batch: _Batch, now: datetime) -> str:
    """Add what follows from one change; name what it was."""
    if change.key["SK"]["S"] == "ORD":
        _record_order(change, batch, now)
        return "OrderChanged"
    old, new = (purchase_orders.read_image(image) if image else None for image in (change.old, change.new))
    before, after = (order_lists.of_purchase_order(po) if po else {} for po in (old, new))
    batch.replace(before, after)
    return "PurchaseOrderChanged"


def _record_order(change: Change, batch: _Batch, now: datetime) -> None:
    old, new = (orders.read_image(image) if image else None for image in (change.old, change.new))
    before, after = (order_lists.of_order(order) if order else {} for order in (old, new))
    batch.replace(before, after)
    if new is None:
        return
    if old is None and new.ship_to:
        batch.new.append(new)
    lost = new.given_up - (old.given_up if old else 0)
    if lost > 0 and not new.cancel_wanted and (old is None or old.version == new.version):
        batch.problems.append(_given_up(new, lost))
    if old is None or (old.attempt, old.ship_to) != (new.attempt, new.ship_to):
        batch.keeps |= dict.fromkeys(order_lists.beside(new))
    if new.ship_to and new.is_over != (old.is_over if old else False):
        until = now + ADDRESS_KEPT_FOR if new.is_over else None
        batch.keeps[keys.ship_to(new.key, new.ship_to)] = until
    if new.wants_units and _has_risen(old, new) and (old or not new.hold):
        batch.asks[PlanOrder(order=new.key)] = None
    # Only for who did not wait before: a fill that takes some of the units must not ask for the next one.
    batch.asks |= {FillSku(sku=line.sku): None for at, line in order_lists.waiting(new).items() if at not in before}
    _mark(old, new, batch)
    if _is_short(new) and not (old and _is_short(old)):
        batch.short.append(new)
    if new.late > (old.late if old else 0):
        batch.problems.append(_late(new))


def _mark(old: Order | None, new: Order, batch: _Batch) -> None:
    """Mark what the shop has to be told because of an order.

    It moves its own count by all that is ordered and cancelled; where no level moves by as much, or at another time,
    nobody else would tell it the number again. And it does not know what was shipped, or cancelled here.
    """
    before = {line.line: line for line in old.lines} if old else {}
    for line in new.lines:
        was = before.get(line.line)
        waits, waited = (each.open + each.backordered if each else 0 for each in (line, was))
        begins = line.capped and line.backordered > (was.backordered if was else 0)  # of a cap's room less is left
        if waits > waited or begins or line.cancelled > (was.cancelled if was else 0):
            batch.mark(new, Rank.FALLS, line.sku)
    has_shipped = new.total(LineState.SHIPPED) > (old.total(LineState.SHIPPED) if old else 0)
    if has_shipped or (new.is_cancelled and not (old and old.is_cancelled)):
        batch.mark(new, Rank.ORDER, new.key.order_id)


def _has_risen(old: Order | None, new: Order) -> bool:
    """Whether a line has more open units than before: somebody has to find them."""
    was = {line.line: line.open for line in old.lines} if old else {}
    return any(line.open > was.get(line.line, 0) for line in new.lines)


def _is_short(order: Order) -> bool:
    return bool(order.hold) or bool(order.total(LineState.BACKORDERED))


def _given_up(order: Order, units: int) -> Problem:
    return Problem(
        kind="short_cancelled",
        subject=str(order.key),
        reason="units that nobody has were cancelled, as the channel's rules want it",
        action="take them off the order in the shop, and pay them back",
        details={"units": units} | {f"line {line.line}": line.cancelled for line in order.lines if line.cancelled},
    )


def _late(order: Order) -> Problem:
    return Problem(
        kind="late_answer",
        subject=str(order.key),
        reason="a supplier answers for units that were given back: they may be shipped twice",
        action="agree with the suppliers who ships, and have the other one cancel",
        details={
            f"line {each.line} at {each.source}": f"{each.late} of {each.units}"
            for each in order.allocations
            if each.late
        },
    )
