"""An order as it is here -> the shop has it so: fulfilled units, and a cancel.

The shop is read before anything is written to it: what it has as fulfilled already, by an earlier try whose answer
was lost or by somebody's hand, is not told again.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.orders import LineState, Order
from shared.errors import Rejected
from shared.storefronts.contract import Desk, Part, Seen


@dataclass(frozen=True, slots=True)
class Pending:
    """The shop is still at it: ask after this job later."""

    job: str


def tell(order: Order, desk: Desk, *, refunds: bool, job: str) -> Pending | None:
    """Tell the shop what it does not have yet of an order; None when there is nothing left to tell.

    `job`: a cancel that was begun earlier. Raises Rejected when the shop says no.
    """
    if job and not desk.is_done(job):
        return Pending(job)
    order_id = order.key.order_id
    seen = desk.order(order_id)
    if order.is_cancelled:
        if not seen.is_cancelled and not job:
            job = desk.say_cancel(order_id, refunds=refunds)
            if job:
                return Pending(job)
            seen = desk.order(order_id)
        if not seen.is_cancelled:
            raise Rejected("the shop's cancel ended without one", code="cancel_failed", job=job)
        return None
    for parts in _missing(order, seen):
        desk.say_fulfilment(parts)
    return None


def _missing(order: Order, seen: Seen) -> list[list[tuple[Part, int]]]:
    """Answer what is shipped and not fulfilled in the shop, one list a location: it takes no two at once."""
    by_location: dict[str, list[tuple[Part, int]]] = {}
    for line in order.lines:
        if line.instead_of:
            continue  # the shop knows it as the line that it goes instead of
        shipped = sum(order.counts(each)[LineState.SHIPPED] for each in (line, *order.instead_of(line.line)))
        wanted = shipped - seen.fulfilled(line.line)
        for part in seen.parts:
            units = min(wanted, part.left) if part.line == line.line and part.is_open else 0
            if units > 0:
                by_location.setdefault(part.location, []).append((part, units))
                wanted -= units
        if wanted > 0:
            raise Rejected("the shop has fewer units to fulfil than were shipped", code="shop_has_fewer", units=wanted)
    return [parts for _, parts in sorted(by_location.items())]
