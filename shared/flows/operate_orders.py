"""What a person does to an order: hold, release, cancel, reroute, send again. Each once, with who and why.

A cancel is the same move as the shop's own. Units are only given back here, never taken: a released order is asked
for like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from shared.domain import orders, times
from shared.domain.messages import FillSku, Message, PlanOrder
from shared.domain.names import OrderKey, Sku, SourceId
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
        """Hold an order: what no supplier was asked for stays where it is, and nothing is taken for it.

        Raises Rejected when a person holds it already, InvalidInput for a reason that reads as one of our own.
        """
        if by.reason.startswith(orders.OUR_HOLDS):
            raise InvalidInput("a hold by a person needs its own words", code="hold_reason", reason=by.reason)

        def held(order: Order) -> Move:
            if order.waits_for_a_person:
                raise Rejected("the order is held already", code="held_already", because=order.hold)
            if order.cancel_wanted:
                raise Rejected("a cancelled order cannot be held", code="cancelled_already", order=str(key))
            return Move(replace(order, hold=by.reason))

        return self._move(key, "hold", held, by, op_id, now)

    def release(self, key: OrderKey, by: By, op_id: str, now: datetime) -> Order:
        """Release a held order: what waits is asked for, reserved units go to their suppliers."""

        def released(order: Order) -> Move:
            if not order.hold:
                raise Rejected("the order is not held", code="not_held", order=str(key))
            return Move(replace(order, hold=""))

        after = self._move(key, "release", released, by, op_id, now)
        if after.wants_units:
            waiting = dict.fromkeys(line.sku for line in after.lines if line.backordered)
            self.to_orders([PlanOrder(order=key), *(FillSku(sku=sku) for sku in waiting)])
        return after

    def reroute(
        self, key: OrderKey, to: SourceId, away_from: Collection[SourceId], by: By, op_id: str, now: datetime
    ) -> Order:
        """Have another source ship what these were asked for and have not accepted; they are asked to cancel it.

        Units they still hold for it go back at once. Who then plans the order asks `to` only. Raises Rejected when
        nothing can go elsewhere.
        """

        def rerouted(order: Order) -> Move:
            if order.cancel_wanted:
                raise Rejected("a cancelled order goes nowhere else", code="cancelled_already", order=str(key))
            return orders.reroute_to(order, to, orders.reroutable(order, away_from))

        after = self._move(key, "reroute", rerouted, by, op_id, now)
        while orders.reroutable(after, away_from):
            after = self._move(key, "reroute", rerouted, by, f"{op_id}#r{after.revision}", now)
        return after

    def substitute(self, key: OrderKey, what: tuple[str, int, Sku], by: By, op_id: str, now: datetime) -> Order:
        """Have `(line, units, SKU)`: units of a line that wait go out as another SKU; who plans the order takes them.

        Raises Rejected when not so many wait.
        """
        return self._move(key, "substitute", lambda order: Move(orders.substitute(order, *what)), by, op_id, now)

    def cancel(self, key: OrderKey, by: By, op_id: str, now: datetime) -> Order:
        """Cancel an order: at once what no supplier was asked for; for the rest the suppliers are asked."""

        def cancelled(order: Order) -> Move:
            return orders.cancel(order, order.version, orders.MOST_LEVELS_A_MOVE)

        after = self._move(key, "cancel", cancelled, by, op_id, now)
        while after.is_cancelling:
            after = self._move(key, "cancel", cancelled, by, f"{op_id}#r{after.revision}", now)
        return after

    def consent(self, key: OrderKey, until: str, by: By, op_id: str, now: datetime) -> Order:
        """Record that the customer agreed to wait until a day. Raises Rejected for a cancelled order."""

        def agreed(order: Order) -> Move:
            if order.cancel_wanted:
                raise Rejected("a cancelled order waits for nothing", code="cancelled_already", order=str(key))
            if until <= order.agreed_until:
                raise Rejected("the customer agreed to wait as long already", code="agreed_already", order=str(key))
            return Move(replace(order, agreed_until=until))

        return self._move(key, "consent", agreed, by, op_id, now)

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

    def _given_up(self, kind: str, before: Order, after: Order) -> list[PurchaseOrder]:
        """Read the purchase orders that a cancel ends, or from which a reroute took units."""
        if kind not in {"cancel", "reroute"}:
            return []
        seen = self.book.purchase_orders(before.key)
        gone = {was.n for was, now in zip(before.allocations, after.allocations, strict=True) if was != now}
        return [po for po in seen if kind == "cancel" or po.n in gone]

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
            changed = cancel_with_order(self._given_up(kind, before, after), times.text(now))
            outcome = self.book.move((before, after), move.effects, changed, move_id=move_id, now=now, notes=asdict(by))
            if outcome.is_done or any(refusal.found == move_id for refusal in outcome.refusals):
                return after
        raise Conflict("the order keeps changing", code="order_busy", order=str(key))
