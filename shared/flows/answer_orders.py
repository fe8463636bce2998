"""A supplier's answer -> moves of its order: accepted, rejected, shipped, a cancel confirmed (docs/protocols.md).

Each line's kind is one transaction with a marker, so the same document twice, or half of it again after a crash,
moves nothing twice. An answer about units that were given back moves the level only; `record_orders` tells a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial

from shared.domain import answers, clocks, stock, times
from shared.domain.answers import Answer, LineAnswer
from shared.domain.names import SourceId
from shared.domain.orders import Order
from shared.domain.people import By
from shared.domain.problems import Problem
from shared.domain.purchase_orders import PurchaseOrder, answered
from shared.domain.rules import Rules, Source
from shared.errors import Conflict, InvalidInput, Rejected
from shared.storage.order_book import Deducting, OrderBook
from shared.storage.problems import Problems

MOST_TRIES = 8


@dataclass(slots=True)
class AnswerOrders:
    """Settles answers. `pause` waits a moment, given how often it was already in vain."""

    book: OrderBook
    problems: Problems
    pause: Callable[[int], None]

    def run(self, answer: Answer, rules: Rules, now: datetime, by: By | None = None) -> Counter[str]:
        """Move the lines of an answer, each once; count what was moved and what had been.

        Raises InvalidInput for an order, purchase order or line that is not there, Rejected for more units than were
        asked for, Conflict when the order keeps changing: what was moved before stays, and the same answer goes on.
        """
        counted: Counter[str] = Counter()
        for each in answers.moves(answer):
            counted[self._move(answer, each, rules, now, by)] += 1
        return counted

    def _move(self, answer: Answer, line: LineAnswer, rules: Rules, now: datetime, by: By | None) -> str:
        for tried in range(1, MOST_TRIES + 1):
            before, po, source = self._read(answer, rules)
            move_id = answers.move_id(po, line, answer.document)
            try:
                move = answers.apply(before, po.n, line, source.deducts_at)
            except Rejected:
                if self.book.has_moved(before.key, move_id):
                    return "AnswerRepeated"
                raise
            due_at = times.text(now) if move.order.is_unfinished and not move.order.hold else ""
            after = replace(move.order, revision=before.revision + 1, due_at=due_at)
            sent_at = times.read(po.sent_at) if po.sent_at else None
            said = stock.said(answer.at, sent_at, answer.received_at, source.feed.slack)
            if said.odd:
                self._clock_off(po.source, said.odd, now)
            event = answers.event(after, po.n, line.says)
            changed = answered(
                po, event, times.text(now), partial(_due, order=after, source=source, rules=rules, now=now)
            )
            outcome = self.book.move(
                (before, after),
                move.effects,
                [(po, changed)] if changed else [],
                move_id=move_id,
                now=now,
                notes=answers.notes(answer, line) | (asdict(by) if by else {}),
                deducting=Deducting(said.at, source.feed.slack),
            )
            if outcome.is_done:
                return f"Units{line.says.capitalize()}"
            if any(refusal.found == move_id for refusal in outcome.refusals):
                return "AnswerRepeated"
            self.pause(tried)
        raise Conflict("the order keeps changing", code="order_busy", order=str(answer.order))

    def _read(self, answer: Answer, rules: Rules) -> tuple[Order, PurchaseOrder, Source]:
        order = self.book.order(answer.order)
        if order is None:
            raise InvalidInput("no such order", code="unknown_order", order=str(answer.order))
        found = [po for po in self.book.purchase_orders(order.key) if po.number == answer.number]
        if not found:
            raise InvalidInput("the order has no such purchase order", code="unknown_po", number=answer.number)
        source = rules.sources.get(found[0].source)
        if source is None:
            raise InvalidInput("no such source", code="unknown_source", source=found[0].source)
        return order, found[0], source

    def _clock_off(self, source: SourceId, odd: str, now: datetime) -> None:
        action = "compare the zone in the rules with the supplier's; a time earlier than can be is not used"
        self.problems.open(Problem(kind="clock_off", subject=source, reason=odd, action=action), times.text(now))


def _due(po: PurchaseOrder, *, order: Order, source: Source, rules: Rules, now: datetime) -> str:
    return clocks.due_at(order, po, source, rules, now)
