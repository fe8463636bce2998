"""A plan in words and figures: what every source's part costs, and why each candidate ships or does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.domain.names import SourceId
from shared.domain.routing.billing import Bill, Totals
from shared.domain.routing.problem import Alternative, SourceTerms, Weighed
from shared.domain.routing.weighing import Weighing

Named = Mapping[tuple[str, SourceId], int]


def weighed(weighings: Sequence[Weighing], taken: Named) -> tuple[Weighed, ...]:
    """Tell every candidate for every line, in the order of lines and sources."""
    shipping: dict[str, list[Weighing]] = {}
    for each in weighings:
        if (each.demand.line, each.candidate.supplier.source) in taken:
            shipping.setdefault(each.demand.line, []).append(each)
    by = {line: _Shipping.of(others) for line, others in shipping.items()}
    told = [_told(each, taken, by.get(each.demand.line)) for each in weighings]
    told.sort(key=lambda each: (each.line, each.source))
    return tuple(told)


class _Shipping(NamedTuple):
    """Who ships a line, and what a unit costs at most there."""

    names: str
    dearest: int

    @classmethod
    def of(cls, shipping: Sequence[Weighing]) -> _Shipping:
        names = ", ".join(sorted(each.candidate.supplier.source for each in shipping))
        return cls(names, max(map(_a_unit, shipping)))


def _told(each: Weighing, taken: Named, shipping: _Shipping | None) -> Weighed:
    demand, candidate, unit, is_reckoned, late, reject, day, refused = each
    units = taken.get((demand.line, candidate.supplier.source), 0)
    verdict = refused or _verdict(each, units, shipping)
    if is_reckoned and not refused:
        verdict += ", its unknown cost reckoned at the selling price"
    return Weighed(
        line=demand.line,
        source=candidate.supplier.source,
        available=candidate.available,
        unit_minor=unit,
        late_minor=late,
        reject_minor=reject,
        arrives=day,
        taken=units,
        verdict=verdict,
    )


def _verdict(each: Weighing, units: int, shipping: _Shipping | None) -> str:
    """Say what became of a candidate that may ship."""
    wanted, available = each.demand.units, each.candidate.available
    if units:
        return "ships all of it" if units == wanted else "ships a part of it"
    if available < wanted:
        return "has too few" if available > 0 else "has none"
    if shipping is None:
        return "its terms or the order's other lines rule it out"
    if _a_unit(each) > shipping.dearest:
        return f"a unit costs more than at {shipping.names}"
    return f"the whole order is better with {shipping.names}"


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


def alternative(named: Named, theirs: Totals, ours: Totals, *, exact: bool) -> Alternative:
    """Tell another plan by how much it is worse."""
    return Alternative(
        taken=named,
        landed_minor=theirs.landed,
        landed_more_minor=theirs.landed - ours.landed,
        parcels_more=theirs.parcels - ours.parcels,
        short_more=ours.units - theirs.units,
        exact=exact,
    )
