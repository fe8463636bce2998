"""Purchase orders as sending them needs it: numbers, claims, and every change over the revision that was seen.

A write that meets another revision raises Conflict: read again and decide again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from shared.domain.names import OrderKey, SourceId
from shared.domain.orders import Effect, Order
from shared.domain.purchase_orders import PurchaseOrder
from shared.errors import Conflict, InvalidInput, Transient
from shared.storage import attributes, dynamo, keys, orders, parcels, purchase_orders
from shared.storage.dynamo import Action, Outcome, Transactions
from shared.storage.order_book import Deducting, OrderBook

TRIES = 3


@dataclass(slots=True)
class Outbox:
    """Reads and writes purchase orders and their orders. What cannot be read raises InvalidInput."""

    book: OrderBook

    def order(self, key: OrderKey) -> Order | None:
        """Read an order, strongly."""
        with _readable("order", str(key)):
            return self.book.order(key)

    def purchase_orders(self, key: OrderKey) -> list[PurchaseOrder]:
        """Read all purchase orders of an order, strongly."""
        with _readable("purchase order", str(key)):
            return self.book.purchase_orders(key)

    def purchase_order(self, like: PurchaseOrder) -> PurchaseOrder:
        """Read a purchase order again, strongly. Raises InvalidInput when it is gone: nothing of ours deletes one."""
        found = self.book.orders.get(purchase_orders.key(like))
        if found is None:
            raise InvalidInput("a purchase order is gone", code="po_gone", number=like.number)
        with _readable("purchase order", like.number):
            return purchase_orders.from_item(found)

    def is_tracked(self, po: PurchaseOrder) -> bool:
        """Answer whether a parcel of a purchase order's source is known by a tracking number."""
        return bool(parcels.tracked(self.book.orders, po.order, po.source))

    def ship_to(self, order: Order, now: datetime) -> Mapping[str, str] | None:
        """Read the address of an order, strongly; None when there is none, or none any more."""
        found = self.book.orders.get(keys.ship_to(order.key, order.ship_to)) if order.ship_to else None
        if found is None or found.get("expires_at", now.timestamp()) < now.timestamp():
            return None
        with _readable("address", str(order.key)):
            address: Mapping[str, str] = found["address"]
            return address

    def number(self, source: SourceId, kind: str = "PO", *, day: str = "") -> int:
        """Take the supplier's next number of a kind, `PO` or `X12`; one that is then not used is a gap.

        With a `day` the counter counts the numbers of that day too, in the same write but for each day's first: whose
        orders have a daily cap is told so by whoever plans. A clock that is behind counts for the later day.
        """
        key = keys.counter(source, kind)
        if not day:
            return self._numbered(key, "SET entity = :entity, #schema = :one ADD revision :one", {})
        for _ in range(TRIES):
            same = "SET entity = :entity, #schema = :one ADD revision :one, #count :one"
            if taken := self._numbered(key, same, {"ConditionExpression": "#day >= :day"}, day):
                return taken
            first = "SET entity = :entity, #schema = :one, #day = :day, #count = :one ADD revision :one"
            begins = {"ConditionExpression": "attribute_not_exists(#day) OR #day < :day"}
            if taken := self._numbered(key, first, begins, day):
                return taken
        raise Transient("a supplier's counter keeps changing its day", code="counter_busy", source=source)

    def _numbered(self, key: keys.Key, change: str, only_if: Mapping[str, str], day: str = "") -> int:
        """Raise the counter; 0 where the condition refuses it."""
        names = {"#schema": "schema"} | ({"#day": "day", "#count": "count"} if day else {})
        values = {":entity": "counter", ":one": 1} | ({":day": day} if day else {})
        request = {
            "UpdateExpression": change,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": attributes.image(values),
            **only_if,
        }
        is_done, taken = self.book.orders.update(key, request)
        return taken["revision"] if is_done and taken else 0

    def make(self, po: PurchaseOrder) -> bool:
        """Put a purchase order unless one stands under its `n` already; answer whether it did."""
        return self.book.orders.put_new(purchase_orders.to_item(po))

    def claim(self, order: tuple[Order, Order], po: tuple[PurchaseOrder, PurchaseOrder]) -> None:
        """Claim a purchase order and record its units as sent, `(before, after)` each, in one transaction."""
        outcome = self._commit(
            orders.put_seen(self.book.orders.name, order[1], order[0]),
            purchase_orders.put_seen(self.book.orders.name, po[1], po[0]),
        )
        _done(outcome, po[1])

    def change(self, before: PurchaseOrder, after: PurchaseOrder) -> None:
        """Write a purchase order over the revision that was seen."""
        _done(self._commit(purchase_orders.put_seen(self.book.orders.name, after, before)), after)

    def drop(self, order: Order, before: PurchaseOrder, after: PurchaseOrder) -> None:
        """Write a purchase order if neither it nor its order has changed since they were seen."""
        outcome = self._commit(
            dynamo.unchanged_action(
                order.key, self.book.orders.name, keys.order(order.key), order.revision, orders.read_image
            ),
            purchase_orders.put_seen(self.book.orders.name, after, before),
        )
        _done(outcome, after)

    def postpone(self, before: Order, after: Order) -> None:
        """Write when an order is due again, over the revision that was seen."""
        _done(self._commit(orders.put_seen(self.book.orders.name, after, before)))

    def settle(
        self,
        order: tuple[Order, Order],
        effects: Sequence[Effect],
        changed: Sequence[tuple[PurchaseOrder, PurchaseOrder]],
        *,
        move_id: str,
        now: datetime,
        deducting: Deducting | None = None,
    ) -> None:
        """Give units of a purchase order back, or deduct them, once, with all transitions that go with it."""
        outcome = self.book.move(order, effects, changed, move_id=move_id, now=now, deducting=deducting)
        _done(outcome, *(after for _, after in changed))

    def _commit(self, *actions: Action) -> Outcome:
        return Transactions(self.book.client).commit(actions)


def _done(outcome: Outcome, *written: PurchaseOrder) -> None:
    """Take a refusal that met our own write as done: the answer to an earlier try was lost."""
    if outcome.is_done or any(refusal.found in written for refusal in outcome.refusals):
        return
    raise Conflict("a purchase order or its order has changed", code="po_changed")


@contextmanager
def _readable(what: str, which: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput("an item cannot be read", code="item_unreadable", what=what, which=which) from error
