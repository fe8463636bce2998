"""An order as it is here -> the shop has it so: fulfilled units, and a cancel.

The shop is read before anything is written to it: what it has as fulfilled already, by an earlier try whose answer
was lost or by somebody's hand, is not told again. That holds for a parcel that is known only after its units were
told, too: no platform takes a number for what it has as fulfilled already, so the shop stays without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain import packages as parcels
from shared.domain.orders import LineState, Order
from shared.domain.packages import Package
from shared.errors import Rejected
from shared.storefronts.contract import Desk, Parcel, Part, Seen


@dataclass(frozen=True, slots=True)
class Pending:
    """The shop is still at it: ask after this job later."""

    job: str


@dataclass(frozen=True, slots=True)
class _Fulfilment:
    """What is told at once: units of one location in one parcel. A part stands as it will then be."""

    parts: list[tuple[Part, int]]
    parcel: Parcel | None


def tell(order: Order, packages: Sequence[Package], desk: Desk, *, refunds: bool, job: str) -> Pending | None:
    """Tell the shop what it does not have yet of an order; None when there is nothing left to tell.

    `packages`: parcels of the order that are known, in the order in which they were shipped. `job`: a cancel that was
    begun earlier. Raises Rejected when the shop says no.
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
    for each in _missing(order, seen, parcels.in_order(_as_sold(order, packages), seen.tracking)):
        desk.say_fulfilment(each.parts, each.parcel)
    return None


def _as_sold(order: Order, packages: Sequence[Package]) -> list[Package]:
    """Put alternatives in a parcel under the lines that the shop knows them as."""
    sold_as = {line.line: line.instead_of or line.line for line in order.lines}

    def counted(package: Package) -> Counter[str]:
        lines: Counter[str] = Counter()
        for line, units in package.lines.items():
            lines[sold_as.get(line, line)] += units
        return lines

    return [replace(package, lines=counted(package)) for package in packages]


def _missing(order: Order, seen: Seen, packages: Sequence[Package]) -> list[_Fulfilment]:
    """Answer what is shipped and not fulfilled in the shop, parcel by parcel and location by location."""
    told: dict[tuple[int, str], list[tuple[Part, int]]] = {}
    for line in order.lines:
        if line.instead_of:
            continue  # the shop knows it as the line that it goes instead of
        fulfilled = seen.fulfilled(line.line)
        shipped = sum(order.counts(each)[LineState.SHIPPED] for each in (line, *order.instead_of(line.line)))
        open_parts = [part for part in seen.parts if part.line == line.line and part.is_open]
        for at, dealt in parcels.deal(line.line, shipped - fulfilled, fulfilled, packages):
            wanted = dealt
            for place, part in enumerate(open_parts):
                units = min(wanted, part.left)
                if units > 0:
                    told.setdefault((at, part.location), []).append((part, units))
                    open_parts[place] = replace(part, left=part.left - units)
                    wanted -= units
            if wanted > 0:
                code = "shop_has_fewer"
                raise Rejected("the shop has fewer units to fulfil than were shipped", code=code, units=wanted)
    numbered = [Parcel(number=each.number, carrier=each.carrier) for each in packages]
    return [_Fulfilment(parts, [*numbered, None][at]) for (at, _), parts in sorted(told.items())]
