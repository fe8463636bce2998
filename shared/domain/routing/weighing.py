"""Every candidate beside every line it could ship, and the task that is left for the search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from shared.domain.names import Sku, SourceId
from shared.domain.routing import calendar, checks, eligibility, pricing
from shared.domain.routing.problem import PPM, Candidate, Cutoff, Demand, Demands, Policy, Split, Supplier, UnknownCost
from shared.domain.routing.task import Block, Line, Offer, Source, Task

Rate = Decimal | str


class Weighing(NamedTuple):
    """One candidate for one line, in the order's currency; `unit` is None where its cost is unknown."""

    demand: Demand
    candidate: Candidate
    unit: int | None
    is_reckoned: bool
    late: int
    reject: int
    day: date
    refused: str


@dataclass(frozen=True, slots=True)
class Scales:
    """An order weighed: its lines and the sources that may ship any of it by id, and the task in their numbers."""

    lines: Sequence[Demand]
    sources: Sequence[SourceId]
    weighings: Sequence[Weighing]
    task: Task


def weigh(demands: Demands, candidates: Iterable[Candidate], policy: Policy, now: datetime) -> Scales:
    """Weigh an order. Raises InvalidInput for what can never be routed."""
    checks.check(demands, policy, now)
    offered = tuple(candidates)
    suppliers = checks.suppliers_of(offered)
    lines = sorted(demands.lines, key=lambda demand: demand.line)
    market = _Market(demands, policy, now, suppliers)
    weighings = market.weighings(lines, offered)
    live = [each for each in weighings if not each.refused and each.candidate.available > 0]
    sources = sorted({each.candidate.supplier.source for each in live})
    number = {source: s for s, source in enumerate(sources)}
    offers: dict[str, dict[int, Offer]] = {demand.line: {} for demand in lines}
    today = now.date()
    for demand, candidate, unit, _, late, reject, day, _ in live:
        offers[demand.line][number[candidate.supplier.source]] = Offer(
            candidate.available,
            unit or 0,
            late,
            reject,
            candidate.reject_ppm,
            candidate.pack,
            candidate.minimum,
            max((day - today).days, 0),
        )
    task = Task.of(
        market.sources(sources),
        (Line(demand.sku, demand.units, demand.grams, offers[demand.line]) for demand in lines),
        _blocks(lines, policy),
        packs=policy.packs,
        single_source=policy.single_source,
    )
    return Scales(lines, sources, weighings, task)


@dataclass(slots=True)
class _Market:
    """The sources of one order: rates, refusals and days are looked up once for each."""

    demands: Demands
    policy: Policy
    now: datetime
    suppliers: Mapping[SourceId, Supplier]
    rates: dict[SourceId, Rate] = field(default_factory=dict)
    shut: dict[SourceId, str] = field(default_factory=dict)
    days: dict[tuple[Cutoff | None, int], tuple[date, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look every source up."""
        for source, supplier in self.suppliers.items():
            at = pricing.rate(supplier.currency, self.demands.currency, self.policy.rates, self.now)
            self.rates[source] = at
            self.shut[source] = eligibility.refusal_of_supplier(supplier, self.demands, at)

    def sources(self, open_ones: Iterable[SourceId]) -> Iterable[Source]:
        """Return the terms of sources that are not shut, in the order's currency."""
        for source in open_ones:
            at = self.rates[source]
            if not isinstance(at, str):
                yield _source(self.suppliers[source], self.demands.to.country, at)

    def weighings(self, lines: Sequence[Demand], offered: Iterable[Candidate]) -> list[Weighing]:
        by_sku: dict[Sku, list[Candidate]] = {demand.sku: [] for demand in lines}
        for candidate in offered:
            if candidate.sku in by_sku:
                by_sku[candidate.sku].append(candidate)
        prices: dict[Sku, int] = {}
        for demand in lines:
            prices[demand.sku] = max(demand.price_minor, prices.get(demand.sku, 0))
        units = {sku: self._units(found, prices[sku]) for sku, found in by_sku.items()}
        demands, policy, shut = self.demands, self.policy, self.shut
        found: list[Weighing] = []
        for demand in lines:
            for candidate, unit in zip(by_sku[demand.sku], units[demand.sku], strict=True):
                day, late = self._day(candidate)
                refused = (
                    shut[candidate.supplier.source]
                    or eligibility.refusal_of_offer(candidate, demand, demands)
                    or eligibility.refusal_of_terms(demand, demands, policy, unit, day)
                )
                reject = (candidate.reject_ppm * policy.reject_cost_minor + PPM // 2) // PPM
                is_reckoned = candidate.cost_minor is None
                found.append(Weighing(demand, candidate, unit, is_reckoned, late, reject, day, refused))
        return found

    def _units(self, offered: Sequence[Candidate], price: int) -> list[int | None]:
        """Return what a unit costs at each, the unknown ones as the policy reckons them."""
        units: list[int | None] = []
        for candidate in offered:
            at, cost = self.rates[candidate.supplier.source], candidate.cost_minor
            units.append(None if cost is None or isinstance(at, str) else pricing.converted(cost, at))
        if self.policy.unknown_cost is UnknownCost.REFUSE or None not in units:
            return units
        last = max([price, *(unit + 1 for unit in units if unit is not None)])
        return [last if unit is None else unit for unit in units]

    def _day(self, candidate: Candidate) -> tuple[date, int]:
        """Return when a candidate's goods arrive and what a unit of them pays for being late."""
        key = candidate.supplier.cutoff, candidate.lead_days
        found = self.days.get(key)
        if found is None:
            day, promised = calendar.arrives(*key, self.now), self.demands.promised_by
            late_days = max((day - promised).days, 0) if promised else 0
            found = self.days[key] = day, late_days * self.policy.late_day_minor
        return found


def _blocks(lines: Sequence[Demand], policy: Policy) -> Iterable[Block]:
    kits: dict[str, list[int]] = {}
    for at, demand in enumerate(lines):
        if demand.kit:
            kits.setdefault(demand.kit, []).append(at)
        else:
            yield Block((at,), splits=demand.units > 1 and _may_split(demand, policy))
    for members in kits.values():
        yield Block(tuple(members), splits=False)


def _may_split(demand: Demand, policy: Policy) -> bool:
    is_above = policy.split is Split.ABOVE and demand.price_minor * demand.units > policy.split_above_minor
    return policy.split is Split.ALLOWED or is_above


def _source(supplier: Supplier, country: str, at: Decimal) -> Source:
    tariff = pricing.brackets_to(supplier, country) or ()
    return Source(
        pricing.converted(supplier.order_fee_minor, at),
        pricing.converted(supplier.parcel_fee_minor, at),
        pricing.converted(supplier.order_minimum_minor, at),
        tuple((pricing.converted(b.upto, at), pricing.converted(b.price_minor, at)) for b in supplier.surcharges),
        tuple((b.upto, pricing.converted(b.price_minor, at)) for b in tariff),
        supplier.priority,
    )
