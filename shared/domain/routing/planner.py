"""The plan of one order: who is eligible, the best way to ship, and why each candidate won or lost.

Pure: reads nothing, writes nothing. The input is put in order first and ties break by id, so permuting it changes
nothing and a stored input gives the same plan bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from shared.domain.names import SourceId
from shared.domain.routing import calendar, eligibility, pricing, solve
from shared.domain.routing.problem import (
    PPM,
    Alternative,
    Candidate,
    Demand,
    Demands,
    Objective,
    Plan,
    Policy,
    SourceTerms,
    Split,
    Supplier,
    Weighed,
)
from shared.errors import InvalidInput


def plan(demands: Demands, candidates: Iterable[Candidate], policy: Policy, now: datetime) -> Plan:
    """Return the best plan by the policy's goals; raises InvalidInput for what can never be routed."""
    lines = sorted(demands.lines, key=lambda d: d.line)
    offered = sorted(candidates, key=lambda c: (c.supplier.source, c.sku))
    suppliers = {c.supplier.source: c.supplier for c in offered}
    _check(demands, offered, suppliers, policy, now)
    ids = sorted(suppliers)
    index = {source: at for at, source in enumerate(ids)}
    rates = {s: pricing.rate(suppliers[s].currency, demands.currency, policy.rates, now) for s in ids}
    shut = {s: eligibility.refusal_of_supplier(suppliers[s], demands, rates[s]) for s in ids}
    weighing: dict[tuple[str, SourceId], _Weighing] = {}
    by_line: list[solve.Line] = []
    for demand in lines:
        offers: dict[int, solve.Offer] = {}
        for candidate in offered:
            if candidate.sku == demand.sku:
                source = candidate.supplier.source
                seen = _Weighing(demand, candidate, demands, policy, now, rates[source], shut[source])
                weighing[demand.line, source] = seen
                if not seen.refused:
                    offers[index[source]] = seen.offer
        by_line.append(solve.Line(sku=demand.sku, units=demand.units, grams=demand.grams, offers=offers))
    task = solve.Task(
        sources=tuple(_source(suppliers[s], demands.to.country, rates[s]) for s in ids),
        lines=tuple(by_line),
        blocks=tuple(_blocks(lines, policy)),
        packs=policy.packs,
        single_source=policy.single_source,
    )
    search = solve.Search(task, policy.node_budget)
    found = search.best(policy.goals)
    taken = found.taken if found else {}
    used = sum(1 << s for s in {s for _, s in taken})
    search.left = policy.node_budget
    other = search.best(policy.goals, without=used) if used else None
    bills = search.bills(taken) or {}
    named = {(lines[at].line, ids[s]): units for (at, s), units in sorted(taken.items())}
    short = {
        d.line: missing
        for at, d in enumerate(lines)
        if (missing := d.units - sum(n for (line, _), n in taken.items() if line == at))
    }
    weighed = tuple(w.told(named) for w in weighing.values())
    landed = sum(bill.total for bill in bills.values())
    values = search.values(taken)
    return Plan(
        taken=named,
        short=short,
        why_short={line: tuple(f"{w.source}: {w.verdict}" for w in weighed if w.line == line) for line in short},
        sources=tuple(_terms(ids[s], bill, now) for s, bill in sorted(bills.items())),
        weighed=weighed,
        landed_minor=landed,
        parcels=sum(bill.parcels for bill in bills.values()),
        next_best=_alternative(search, other, values, lines, ids) if values else None,
        exact=found is not None and found.exact,
        bound_gap=found.gap if found else 0,
        digest=_digest(lines, offered, suppliers, demands, policy, now),
    )


def _digest(
    lines: list[Demand],
    offered: list[Candidate],
    suppliers: dict[SourceId, Supplier],
    demands: Demands,
    policy: Policy,
    now: datetime,
) -> str:
    ordered = [
        (
            c.supplier.source,
            c.sku,
            c.available,
            c.cost_minor,
            c.reject_ppm,
            c.pack,
            c.minimum,
            c.lead_days,
            c.stale,
            c.refused,
        )
        for c in offered
    ]
    rest = _canonical((suppliers, demands, policy))
    return hashlib.sha256(repr((lines, ordered, rest, now.isoformat())).encode()).hexdigest()


def _canonical(value: object) -> object:
    """Return it with every set and mapping in order, so that equal inputs are written alike in every process."""
    if isinstance(value, Demands):
        return [_canonical(part) for part in (value.to, value.currency, value.promised_by, value.rejected_by)]
    if is_dataclass(value):
        return [type(value).__name__, *(_canonical(getattr(value, f.name)) for f in fields(value))]
    if isinstance(value, Mapping):
        return sorted((repr(_canonical(k)), repr(_canonical(v))) for k, v in value.items())
    if isinstance(value, frozenset):
        return sorted(repr(_canonical(v)) for v in value)
    if isinstance(value, list | tuple):
        return [_canonical(v) for v in value]
    return value


class _Weighing:
    """One candidate for one line: its terms in the order's currency, and why it is out if it is."""

    __slots__ = ("candidate", "day", "demand", "late", "offer", "refused", "reject", "unit")

    def __init__(
        self,
        demand: Demand,
        candidate: Candidate,
        demands: Demands,
        policy: Policy,
        now: datetime,
        at: Decimal | str,
        shut: str,
    ) -> None:
        self.demand, self.candidate = demand, candidate
        known = candidate.cost_minor is not None and not isinstance(at, str)
        self.unit = pricing.converted(candidate.cost_minor, at) if known else None  # type: ignore[arg-type]
        self.day = calendar.arrives(candidate.supplier.cutoff, candidate.lead_days, now)
        late_days = max((self.day - demands.promised_by).days, 0) if demands.promised_by else 0
        self.late = late_days * policy.late_day_minor
        self.reject = (candidate.reject_ppm * policy.reject_cost_minor + PPM // 2) // PPM
        self.refused = shut or eligibility.refusal_of_offer(candidate, demand, demands, policy, self.unit, self.day)
        self.offer = solve.Offer(
            available=max(candidate.available, 0),
            unit=self.unit or 0,
            late=self.late,
            reject=self.reject,
            reject_ppm=candidate.reject_ppm,
            pack=candidate.pack,
            minimum=candidate.minimum,
            days=max((self.day - now.date()).days, 0),
        )

    def told(self, taken: dict[tuple[str, SourceId], int]) -> Weighed:
        source, units = self.candidate.supplier.source, taken.get((self.demand.line, self.candidate.supplier.source), 0)
        others = sorted({s for line, s in taken if line == self.demand.line and s != source})
        if self.refused:
            verdict = self.refused
        elif units == self.demand.units:
            verdict = "ships all of it"
        elif units:
            verdict = "ships a part of it"
        elif self.candidate.available <= 0:
            verdict = "has none"
        elif self.candidate.available < self.demand.units:
            verdict = "has too few"
        elif others:
            verdict = f"the whole order is better with {', '.join(others)}"
        else:
            verdict = "its terms or the order's other lines rule it out"
        return Weighed(
            line=self.demand.line,
            source=source,
            available=self.candidate.available,
            unit_minor=self.unit,
            late_minor=self.late,
            reject_minor=self.reject,
            arrives=self.day,
            taken=units,
            verdict=verdict,
        )


def _check(
    demands: Demands, offered: list[Candidate], suppliers: dict[SourceId, Supplier], policy: Policy, now: datetime
) -> None:
    ids = [d.line for d in demands.lines]
    wrong = (
        (not ids, "no_lines"),
        (len(set(ids)) < len(ids), "line_twice"),
        (any(d.units <= 0 for d in demands.lines), "units_not_positive"),
        (any(d.price_minor < 0 or d.grams < 0 or d.map_minor < 0 for d in demands.lines), "negative_amount"),
        (any((c.cost_minor or 0) < 0 or c.pack < 1 or c.minimum < 1 or c.lead_days < 0 for c in offered), "bad_terms"),
        (any(not 0 <= c.reject_ppm <= PPM for c in offered), "bad_chance"),
        (len({(c.supplier.source, c.sku) for c in offered}) < len(offered), "candidate_twice"),
        (any(suppliers[c.supplier.source] != c.supplier for c in offered), "supplier_differs"),
        (
            any(s.priority < 0 or min(s.order_fee_minor, s.parcel_fee_minor) < 0 for s in suppliers.values()),
            "bad_terms",
        ),
        (len(demands.to.country) != 2 or not demands.to.country.isupper(), "country_unknown"),  # noqa: PLR2004
        (now.tzinfo is None, "time_without_zone"),
        (len({g.objective for g in policy.goals}) < len(policy.goals), "goal_twice"),
    )
    for so, code in wrong:
        if so:
            raise InvalidInput("an order cannot be routed as it is", code=code)
    for supplier in suppliers.values():
        if supplier.surcharges:
            pricing.check_brackets(supplier.surcharges, "surcharge_brackets")
        for tariff in supplier.tariffs:
            pricing.check_brackets(tariff.brackets, "tariff_brackets")


def _blocks(lines: list[Demand], policy: Policy) -> Iterable[solve.Block]:
    kits: dict[str, list[int]] = {}
    for at, demand in enumerate(lines):
        kits.setdefault(f"kit {demand.kit}" if demand.kit else f"line {demand.line}", []).append(at)
    for members in kits.values():
        first = lines[members[0]]
        above = policy.split is Split.ABOVE and first.price_minor * first.units > policy.split_above_minor
        may = (policy.split is Split.ALLOWED or above) and not first.kit
        yield solve.Block(lines=tuple(members), splits=may and first.units > 1)


def _source(supplier: Supplier, country: str, at: Decimal | str) -> solve.Source:
    rate = Decimal(0) if isinstance(at, str) else at
    tariff = pricing.brackets_to(supplier, country) or ()
    return solve.Source(
        order_fee=pricing.converted(supplier.order_fee_minor, rate),
        parcel_fee=pricing.converted(supplier.parcel_fee_minor, rate),
        minimum=pricing.converted(supplier.order_minimum_minor, rate),
        surcharges=tuple(
            (pricing.converted(b.upto, rate), pricing.converted(b.price_minor, rate)) for b in supplier.surcharges
        ),
        freight=tuple((b.upto, pricing.converted(b.price_minor, rate)) for b in tariff),
        priority=supplier.priority,
    )


def _terms(source: SourceId, bill: solve.Bill, now: datetime) -> SourceTerms:
    day: date = now.date() + timedelta(days=bill.days)
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
        arrives=day,
    )


def _alternative(
    search: solve.Search,
    other: solve.Found | None,
    values: dict[Objective, int],
    lines: list[Demand],
    ids: list[SourceId],
) -> Alternative | None:
    theirs = search.values(other.taken) if other else None
    if other is None or theirs is None:
        return None
    cost, parcels = Objective.LANDED_COST, Objective.PARCELS
    return Alternative(
        taken={(lines[at].line, ids[s]): units for (at, s), units in sorted(other.taken.items())},
        landed_minor=theirs[cost] % solve.SHORT,
        landed_more_minor=theirs[cost] % solve.SHORT - values[cost] % solve.SHORT,
        parcels_more=theirs[parcels] % solve.SHORT - values[parcels] % solve.SHORT,
        short_more=theirs[cost] // solve.SHORT - values[cost] // solve.SHORT,
    )
