"""Orders that were touched -> purchase orders at their suppliers, each once (docs/protocols.md, Purchase orders).

A number is kept before anything is sent. A claim, which is one transaction with the order's own transition, decides
who sends; a send whose answer is lost is looked for, once it can no longer be on its way, before anybody sends
again. What is to be done is derived from the items as they are, so a second delivery, another worker and the sweep
all do the same thing or nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain import orders, times
from shared.domain.names import LevelKey, OrderKey, SourceId
from shared.domain.orders import Allocation, Effect, LineState, Order
from shared.domain.problems import Problem
from shared.domain.purchase_orders import ASKED_AGAIN, PoEvent, PoLine, PoState, PurchaseOrder, step
from shared.domain.rules import Rules
from shared.errors import AppError, Conflict, InvalidInput, Rejected, Transient
from shared.formats import purchase_order_csv
from shared.formats.purchase_order_csv import Document, Request
from shared.storage.outbox import Outbox
from shared.storage.problems import Problems
from shared.suppliers.file_drop import FileDrop

MOST_TRIES = 3
MOST_LINES_A_MOVE = 90
"""Levels of one transaction: its hundred actions hold the marker, the order and the purchase order too."""

ANSWERED_WITHIN = timedelta(hours=24)
LOOKED_AT_AGAIN_AFTER = timedelta(hours=1)
"""When what a person has to mend is tried again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One invocation: when it is ended at the latest, and how much time is left of it."""

    deadline: datetime
    left: Callable[[], timedelta]

    @classmethod
    def of(cls, now: datetime, left: Callable[[], timedelta]) -> Turn:
        """Begin a turn."""
        return cls(now + left(), left)

    @property
    def now(self) -> datetime:
        """The time by the clock that ends the turn."""
        return self.deadline - self.left()


@dataclass(slots=True)
class Sent:
    """What became of the orders: those to have again with the reason, and what was counted."""

    again: dict[OrderKey, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Visit:
    """One order as last read or written, and what its purchase orders are decided with."""

    order: Order
    rules: Rules
    turn: Turn
    counted: Counter[str]

    @property
    def now(self) -> str:
        return times.text(self.turn.now)

    def later(self, wait: timedelta) -> str:
        return times.text(self.turn.now + wait)


@dataclass(slots=True)
class SendPurchaseOrders:
    """Works off orders. `new_id` never gives the same twice: it tells one claim from another."""

    outbox: Outbox
    folder: FileDrop
    problems: Problems
    new_id: Callable[[], str]

    def run(self, touched: Iterable[OrderKey], rules: Rules, turn: Turn) -> Sent:
        """Do for each order what its purchase orders need now; answer which shall come again."""
        sent = Sent()
        for key in dict.fromkeys(touched):
            try:
                self._order(key, rules, turn, sent.counted)
            except (InvalidInput, Rejected) as failure:
                self._problem("order_stuck", str(key), _reason(failure), "settle the order by hand", turn.now)
                sent.counted["OrderStuck"] += 1
            except Transient as failure:
                sent.again[key] = failure.code
        return sent

    def _order(self, key: OrderKey, rules: Rules, turn: Turn, counted: Counter[str]) -> None:
        for _ in range(MOST_TRIES):
            try:
                if order := self.outbox.order(key):
                    self._visit(_Visit(order, rules, turn, counted))
            except Conflict:
                counted["PurchaseOrderConflict"] += 1
            else:
                return
        raise Transient("an order keeps changing", code="order_busy", order=str(key))

    def _visit(self, visit: _Visit) -> None:
        found = self.outbox.purchase_orders(visit.order.key)
        numbered = {po.n for po in found}
        reserved = {(each.n, each.source) for each in visit.order.allocations if each.count(LineState.RESERVED)}
        found += [self._make(visit, source, n) for n, source in sorted(reserved) if n not in numbered]
        for po in found:
            self._advance(visit, po)

    def _make(self, visit: _Visit, source: SourceId, n: int) -> PurchaseOrder:
        po = PurchaseOrder(
            order=visit.order.key,
            source=source,
            n=n,
            number=f"{source.upper()}-{self.outbox.number(source):06d}",
            lines=_reserved(visit.order, n),
            made_at=visit.now,
            due_at=visit.now,
        )
        if not self.outbox.make(po):
            raise Conflict("someone else made the purchase order", code="po_made", number=po.number)
        visit.counted["PurchaseOrderMade"] += 1
        return po

    def _advance(self, visit: _Visit, po: PurchaseOrder) -> None:
        """Do the next thing about a purchase order; what it then needs follows from what was written."""
        match po.state:
            case PoState.READY if not _reserved(visit.order, po.n):
                after = replace(step(po, PoEvent.CANCEL), due_at="")
                self.outbox.drop(visit.order, po, after)
                visit.counted["PurchaseOrderDropped"] += 1
            case PoState.READY:
                self._claim(visit, po)
            case PoState.CLAIMED | PoState.UNKNOWN if po.claimed_until <= visit.now:
                self._look(visit, po)
            case PoState.FAILED if po.cancel_wanted:
                self._settle(visit, po, step(po, PoEvent.CANCEL))
            case PoState.CANCELLED if _asked_for(visit.order, po.n):
                self._settle(visit, po)
            case PoState.CANCELLING if not po.cancel_told:
                self._tell_cancel(visit, po)
            case PoState.SENT | PoState.CANCELLING if po.due_at <= visit.now:
                self._hand_over(visit, po, "not_acknowledged", "the supplier has not answered", ANSWERED_WITHIN)

    # ---- claim, send, record

    def _claim(self, visit: _Visit, po: PurchaseOrder) -> None:
        """Claim a purchase order with the units that are reserved for it now, and send it."""
        asking = replace(po, lines=_reserved(visit.order, po.n))
        source = visit.rules.sources.get(po.source)
        if source is None:
            self._hand_over(visit, po, "unknown_source", "the rules have no such source")
            return
        body = self._body(visit, po, asking)
        if body is None:
            return
        self._need_time(visit)
        move = orders.send(visit.order, po.n, deducts_at=source.deducts_at)
        if move.effects:
            raise ValueError("the rules let no source deduct at receipt, and a claim moves no level")
        order = replace(move.order, revision=visit.order.revision + 1)
        claimed = self._claimed(visit, step(asking, PoEvent.CLAIM))
        self.outbox.claim((visit.order, order), (po, claimed))
        visit.order = order
        self._send(visit, claimed, body)

    def _claimed(self, visit: _Visit, po: PurchaseOrder) -> PurchaseOrder:
        until = times.text(visit.turn.deadline + self.folder.lands_within)
        return replace(po, claimed_by=self.new_id(), claimed_until=until, due_at=until)

    def _send(self, visit: _Visit, po: PurchaseOrder, body: bytes) -> None:
        self._need_time(visit)
        try:
            self.folder.send(po.source, po.number, body)
        except Transient:
            self._record(visit, po, PoEvent.NO_ANSWER)
        except Rejected as failure:
            action = "look at what stands there, then send the purchase order by hand or cancel the order"
            self._problem("send_refused", po.number, _reason(failure), action, visit.turn.now)
            self._record(visit, po, PoEvent.REFUSED)
        else:
            self._record(visit, po, PoEvent.SENT)

    def _record(self, visit: _Visit, po: PurchaseOrder, event: PoEvent) -> None:
        """Record what became of a send, over what a cancel may have written meanwhile.

        Raises Conflict when someone else has taken the purchase order on since.
        """
        seen = po
        for _ in range(MOST_TRIES):
            after = _recorded(visit, seen, event)
            try:
                self.outbox.change(seen, after)
            except Conflict:
                seen = self.outbox.purchase_order(po)
                if seen.claimed_by != po.claimed_by or seen.state not in ASKED_AGAIN:
                    raise
            else:
                visit.counted[f"PurchaseOrder{after.state.value.title()}"] += 1
                self._advance(visit, after)
                return
        raise Transient("a purchase order keeps changing", code="po_busy", number=po.number)

    # ---- nobody knows whether it was sent

    def _look(self, visit: _Visit, po: PurchaseOrder) -> None:
        """Look whether the supplier has it: nothing that was sent under the last claim can still arrive."""
        try:
            has_it = self.folder.has(po.source, po.number)
        except Transient as failure:
            if po.claimed_until <= visit.later(-LOOKED_AT_AGAIN_AFTER):
                action = "ask the supplier whether it has the purchase order"
                self._problem("unknown_whether_sent", po.number, _reason(failure), action, visit.turn.now)
            raise
        if has_it:
            self._record(visit, po, PoEvent.SENT)
        elif po.cancel_wanted:
            self._settle(visit, po, step(po, PoEvent.ABSENT))
        elif body := self._body(visit, po, po):
            self._need_time(visit)
            claimed = self._claimed(visit, step(po, PoEvent.ABSENT))
            self.outbox.change(po, claimed)
            self._send(visit, claimed, body)

    # ---- cancels

    def _tell_cancel(self, visit: _Visit, po: PurchaseOrder) -> None:
        """Ask the supplier to cancel. Its file is the same whoever writes it, so this needs no claim."""
        self._need_time(visit)
        try:
            body = purchase_order_csv.render(_document(visit.order, po, Request.CANCEL))
            self.folder.send_cancel(po.source, po.number, body)
        except (InvalidInput, Rejected) as failure:
            self._hand_over(visit, po, "cancel_refused", _reason(failure))
            return
        told = replace(po, cancel_told=True, due_at=visit.later(ANSWERED_WITHIN), revision=po.revision + 1)
        self.outbox.change(po, told)
        visit.counted["CancelTold"] += 1

    def _settle(self, visit: _Visit, po: PurchaseOrder, after: PurchaseOrder | None = None) -> None:
        """Give back the units of a purchase order that no supplier has; `after` is what it becomes with the last."""
        asked = _asked_for(visit.order, po.n)
        now, left = asked[:MOST_LINES_A_MOVE], asked[MOST_LINES_A_MOVE:]
        order, freed = visit.order, Counter[LevelKey]()
        for each in now:
            move = orders.confirm_cancel(order, po.n, each.line, each.count(LineState.SENT))
            order = move.order
            freed.update({effect.level: effect.give_back for effect in move.effects})
        order = replace(order, revision=visit.order.revision + 1)
        self.outbox.settle(
            (visit.order, order),
            [Effect(level=level, give_back=units) for level, units in sorted(freed.items())],
            [(po, replace(after, due_at=""))] if after and not left else [],
            move_id=f"confirm_cancel#{po.n}#{len(left)}",
            now=visit.turn.now,
        )
        visit.order = order
        if left:
            self._settle(visit, po, after)
        else:
            visit.counted["PurchaseOrderCancelled"] += 1

    # ---- what a person has to mend

    def _body(self, visit: _Visit, po: PurchaseOrder, asking: PurchaseOrder) -> bytes | None:
        """Write what is sent; None when it cannot be written, which a person has been told."""
        try:
            address = self.outbox.ship_to(visit.order, visit.turn.now)
            if not address:
                raise InvalidInput("the order has no address", code="no_address")
            return purchase_order_csv.render(replace(_document(visit.order, asking, Request.ORDER), ship_to=address))
        except InvalidInput as failure:
            self._hand_over(visit, po, "not_sendable", _reason(failure))
            return None

    def _hand_over(
        self, visit: _Visit, po: PurchaseOrder, kind: str, reason: str, wait: timedelta = LOOKED_AT_AGAIN_AFTER
    ) -> None:
        """Make a purchase order an exception, and try it again later.

        It is written only when it is due: every write of it comes back here by the stream.
        """
        action = "mend what the reason says, ask the supplier, or cancel the order"
        self._problem(kind, po.number, reason, action, visit.turn.now)
        visit.counted["PurchaseOrderHeld"] += 1
        if po.due_at <= visit.now:
            self.outbox.change(po, replace(po, due_at=visit.later(wait), revision=po.revision + 1))

    def _problem(self, kind: str, subject: str, reason: str, action: str, now: datetime) -> None:
        self.problems.open(Problem(kind=kind, subject=subject, reason=reason, action=action), times.text(now))

    def _need_time(self, visit: _Visit) -> None:
        if visit.turn.left() < self.folder.times_out:
            raise Transient("too little time is left for a send", code="no_time", order=str(visit.order.key))


def _recorded(visit: _Visit, po: PurchaseOrder, event: PoEvent) -> PurchaseOrder:
    after = step(po, event)
    match after.state:
        case PoState.SENT:
            return replace(after, sent_at=visit.now, due_at=visit.later(ANSWERED_WITHIN))
        case PoState.CANCELLING:
            return replace(after, sent_at=visit.now, due_at=visit.now)
        case PoState.FAILED:
            return replace(after, due_at=visit.now if after.cancel_wanted else "")
        case _:
            return replace(after, due_at=after.claimed_until)


def _reserved(order: Order, n: int) -> tuple[PoLine, ...]:
    """List what a purchase order would ask for now."""
    return tuple(
        PoLine(line=each.line, sku=order.line(each.line).sku, units=each.count(LineState.RESERVED))
        for each in order.allocations
        if each.n == n and each.count(LineState.RESERVED)
    )


def _asked_for(order: Order, n: int) -> list[Allocation]:
    return [each for each in order.allocations if each.n == n and each.count(LineState.SENT)]


def _document(order: Order, po: PurchaseOrder, request: Request) -> Document:
    return Document(
        request=request, number=po.number, order_token=order.key.token, order_name=order.name, lines=po.lines
    )


def _reason(failure: AppError) -> str:
    return f"{failure.message}: {failure.code}"
