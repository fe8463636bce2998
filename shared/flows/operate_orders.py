"""What a person does to an order: hold, release, cancel, send a purchase order again. Each once, with who and why.

A cancel is the same move as the shop's own. Units are only given back here, never taken: a released order is asked
for like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain import orders, times
from shared.domain.messages import Message, PlanOrder
from shared.domain.names import OrderKey
from shared.domain.orders import Move, Order
from shared.domain.people import By
from shared.domain.purchase_orders import PoState, PurchaseOrder, cancel_with_order
from shared.errors import Conflict, InvalidInput, Rejected
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox

TRIES = 5
SENT_AGAIN = frozenset({PoState.READY, PoState.FAILED, PoState.UNKNOWN})
"""States in which a person may want it sent now; what a supplier has, it is not sent again."""


@dataclass(slots=True)
class OperateOrders:
    """Changes orders. `op_id` names one wish of a person: the same one twice is one move."""

    book: OrderBook
    to_orders: Callable[[Iterable[Message]], None]

    def hold(self, key: OrderKey, by: By, op_id: str, now: datetime) -> Order:
        """Hold an order: what no supplier was asked for stays where it is. Raises Rejected when it is held already."""

        def held(order: Order) -> Move:
            if order.hold:
                raise Rejected("the order is held already", code="held_already", because=order.hold)
            if order.cancel_wanted:
                raise Rejected("a cancelled order cannot be held", code="cancelled_already", order=str(key))
            return Move(replace(order, hold=by.reason))

        return self._move(key, "hold", held, by, op_id, now)

    def release(self, key: OrderKey, by: By, op_id: str, now: datetime) -> Order:
        """Release a held order: open units are asked for, reserved ones go to their suppliers."""

        def released(order: Order) -> Move:
            if not order.hold:
                raise Rejected("the order is not held", code="not_held", order=str(key))
            return Move(replace(order, hold=""))

        after = self._move(key, "release", released, by, op_id, now)
        if after.wants_units:
            self.to_orders([PlanOrder(order=key)])
        return after

    def cancel(self, key: OrderKey, by: By, op_id: str, now: datetime) -> Order:
        """Cancel an order: at once what no supplier was asked for; for the rest the suppliers are asked."""

        def cancelled(order: Order) -> Move:
            return orders.cancel(order, order.version, orders.MOST_LEVELS_A_MOVE)

        after = self._move(key, "cancel", cancelled, by, op_id, now)
        while after.is_cancelling:
            after = self._move(key, "cancel", cancelled, by, f"{op_id}#r{after.revision}", now)
        return after

    def resend(self, key: OrderKey, number: str, now: datetime) -> PurchaseOrder:
        """Have a purchase order sent now that failed, waits, or of which nobody knows whether it arrived.

        The latter is looked up first. Raises Rejected for one that the supplier has.
        """
        outbox = Outbox(self.book)
        for _ in range(TRIES):
            po = next((each for each in outbox.purchase_orders(key) if each.number == number), None)
            if po is None:
                raise InvalidInput("the order has no such purchase order", code="unknown_po", number=number)
            if po.state not in SENT_AGAIN:
                raise Rejected("the supplier has it, or it is over", code="po_past_that", state=po.state)
            after = replace(po, due_at=max(times.text(now), po.claimed_until), revision=po.revision + 1)
            try:
                outbox.change(po, after)
            except Conflict:
                continue
            return after
        raise Conflict("the purchase order keeps changing", code="po_busy", number=number)

    def _move(
        self, key: OrderKey, kind: str, change: Callable[[Order], Move], by: By, op_id: str, now: datetime
    ) -> Order:
        move_id = f"{kind}#{op_id}"
        for _ in range(TRIES):
            before = self.book.order(key)
            if before is None:
                raise InvalidInput("no such order", code="unknown_order", order=str(key))
            try:
                move = change(before)
            except Rejected:
                if self.book.has_moved(key, move_id):
                    return before
                raise
            wants = move.order.is_unfinished and not move.order.hold
            due_at = times.text(now) if wants else ""
            after = replace(move.order, revision=before.revision + 1, due_at=due_at)
            seen = self.book.purchase_orders(key) if kind == "cancel" else ()
            changed = cancel_with_order(seen, times.text(now))
            outcome = self.book.move((before, after), move.effects, changed, move_id=move_id, now=now, by=by)
            if outcome.is_done or any(refusal.found == move_id for refusal in outcome.refusals):
                return after
        raise Conflict("the order keeps changing", code="order_busy", order=str(key))
