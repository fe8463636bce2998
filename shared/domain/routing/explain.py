"""A plan in words and figures: what every source's part costs, and why each candidate ships or does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.domain.names import SourceId
from shared.domain.routing.billing import SHORT, Bill
from shared.domain.routing.problem import Alternative, Objective, SourceTerms, Weighed
from shared.domain.routing.weighing import Weighing

Named = Mapping[tuple[str, SourceId], int]


def weighed(weighings: Sequence[Weighing], taken: Named) -> tuple[Weighed, ...]:
    """Tell every candidate for every line, in the order of lines and sources."""
    shipping: dict[str, list[Weighing]] = {}
    for each in weighings:
        if (each.demand.line, each.candidate.supplier.source) in taken:
            shipping.setdefault(each.demand.line, []).append(each)
    told = [_told(each, taken, shipping.get(each.demand.line, [])) for each in weighings]
    told.sort(key=lambda each: (each.line, each.source))
    return tuple(told)


def _told(each: Weighing, taken: Named, shipping: Sequence[Weighing]) -> Weighed:
    line, source = each.demand.line, each.candidate.supplier.source
    units = taken.get((line, source), 0)
    verdict = each.refused or _verdict(each, units, shipping)
    if each.is_reckoned and not each.refused:
        verdict += ", its unknown cost reckoned at the selling price"
    return Weighed(
        line=line,
        source=source,
        available=each.candidate.available,
        unit_minor=each.unit,
        late_minor=each.late,
        reject_minor=each.reject,
        arrives=each.day,
        taken=units,
        verdict=verdict,
    )


def _verdict(each: Weighing, units: int, shipping: Sequence[Weighing]) -> str:
    """Say what became of a candidate that may ship."""
    if units:
        return "ships all of it" if units == each.demand.units else "ships a part of it"
    if each.candidate.available <= 0:
        return "has none"
    if each.candidate.available < each.demand.units:
        return "has too few"
    if not shipping:
        return "its terms or the order's other lines rule it out"
    names = ", ".join(sorted(other.candidate.supplier.source for other in shipping))
    if _a_unit(each) > max(map(_a_unit, shipping)):
        return f"a unit costs more than at {names}"
    return f"the whole order is better with {names}"


def _a_unit(each: Weighing) -> int:
    return (each.unit or 0) + each.late + each.reject


def terms(source: SourceId, bill: Bill, now: datetime) -> SourceTerms:
    """Tell a source's bill."""
    return SourceTerms(
        source=source,
        goods_minor=bill.goods,
        surplus_minor=bill.surplus,
        order_fee_minor=bill.order_fee,
        surcharge_minor=bill.surcharge,
        freight_minor=bill.freight,
        parcel_fee_minor=bill.parcel_fee,
        late_minor=bill.late,
        reject_minor=bill.reject,
        parcels=bill.parcels,
        grams=bill.grams,
        arrives=now.date() + timedelta(days=bill.days),
    )


def alternative(
    named: Named, theirs: Mapping[Objective, int], ours: Mapping[Objective, int], *, exact: bool
) -> Alternative:
    """Tell another plan by how much it is worse."""
    cost, parcels = Objective.LANDED_COST, Objective.PARCELS
    return Alternative(
        taken=named,
        landed_minor=theirs[cost] % SHORT,
        landed_more_minor=theirs[cost] % SHORT - ours[cost] % SHORT,
        parcels_more=theirs[parcels] % SHORT - ours[parcels] % SHORT,
        short_more=theirs[cost] // SHORT - ours[cost] // SHORT,
        exact=exact,
    )
