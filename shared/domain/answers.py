"""What a supplier says about the lines of a purchase order, in whatever document, mail or call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain import orders, times
from shared.domain.names import OrderKey
from shared.domain.orders import DeductsAt, Move, Order
from shared.domain.purchase_orders import PoEvent, PurchaseOrder
from shared.errors import InvalidInput

MOST_UNITS = 1_000_000


class Says(StrEnum):
    """What becomes of units of a line, by the supplier."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAnswer:
    """So many units of a line, and what becomes of them."""

    line: str
    says: Says
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A document about a purchase order, by its `number`: its own name, when it says that things happened, its lines.

    `document` is the supplier's own name of it: the same one twice says nothing new. `why`: a reason, where it has one.
    """

    order: OrderKey
    number: str
    document: str
    received_at: datetime
    lines: tuple[LineAnswer, ...]
    at: datetime | None = None
    why: str = ""


def moves(answer: Answer) -> list[LineAnswer]:
    """List what has to be moved, one kind of one line at a time. Raises InvalidInput for units that nobody can mean."""
    if not answer.lines:
        raise InvalidInput("an answer has no line", code="answer_empty", document=answer.document)
    units: Counter[tuple[str, Says]] = Counter()
    for each in answer.lines:
        is_whole = isinstance(each.units, int) and not isinstance(each.units, bool)
        if not is_whole or not 0 < each.units <= MOST_UNITS:
            raise InvalidInput(
                "an answer is about one unit or more", code="answer_units", line=each.line, units=repr(each.units)[:40]
            )
        units[each.line, each.says] += each.units
    return [LineAnswer(line=line, says=says, units=count) for (line, says), count in units.items()]


def move_id(po: PurchaseOrder, line: LineAnswer, document: str) -> str:
    """Name a move, so that the same document says it once."""
    return f"{line.says}#{po.source}#{po.n}#{document}#{line.line}"


def notes(answer: Answer, line: LineAnswer) -> dict[str, str | int]:
    """Say what a move is of, as it is kept with its marker: a scorecard counts that, and nothing else."""
    happened_at = times.text(answer.at or answer.received_at)
    kept: dict[str, str | int] = {"number": answer.number, "units": line.units, "happened_at": happened_at}
    return kept | ({"why": answer.why} if answer.why else {})


def apply(order: Order, n: int, answer: LineAnswer, deducts_at: DeductsAt) -> Move:
    """Move the units of an order as a supplier says. Raises Rejected and InvalidInput as the order does."""
    match answer.says:
        case Says.ACCEPTED:
            return orders.accept(order, n, answer.line, answer.units, deducts_at=deducts_at)
        case Says.SHIPPED:
            return orders.ship(order, n, answer.line, answer.units, deducts_at=deducts_at)
        case Says.REJECTED:
            return orders.reject(order, n, answer.line, answer.units)
        case Says.CANCELLED:
            return orders.confirm_cancel(order, n, answer.line, answer.units)


def event(order: Order, n: int, says: Says) -> PoEvent:
    """Say what an answer means for the purchase order as a whole, by its order after the move."""
    mine = [each for each in order.allocations if each.n == n]
    if not sum(each.live for each in mine):
        return PoEvent.CANCEL_ACCEPTED if says is Says.CANCELLED else PoEvent.REJECT
    return PoEvent.SHIP if all(each.shipped >= each.live for each in mine) else PoEvent.ACKNOWLEDGE
