"""A plan together with all that it was made from, so that it can be made again and compared.

What cannot matter to the order at hand (freight to other countries, rates of other currencies) is left out before
anything is planned: what is kept is what was decided on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from shared.domain.routing import calendar
from shared.domain.routing.plain import to_plain
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import (
    Candidate,
    Decision,
    Demands,
    Destination,
    Plan,
    Policy,
    Rates,
    ShipTo,
    Supplier,
    Tariff,
)


def again(decision: Decision) -> Plan:
    """Plan the same once more."""
    return plan(decision.demands, decision.candidates, decision.policy, decision.now)


def decide(demands: Demands, candidates: Iterable[Candidate], policy: Policy, now: datetime) -> Decision:
    """Plan an order and keep what the plan was made from. Raises InvalidInput for what can never be routed."""
    offered = sorted(candidates, key=lambda c: (c.supplier.source, c.sku))
    longest = max((candidate.lead_days for candidate in offered), default=0)
    terms: dict[Supplier, Supplier] = {}
    kept = []
    for candidate in offered:
        if candidate.supplier not in terms:
            terms[candidate.supplier] = _essential(candidate.supplier, demands.to, longest, now)
        kept.append(replace(candidate, supplier=terms[candidate.supplier]))
    currencies = {candidate.supplier.currency for candidate in kept} - {demands.currency}
    policy = replace(policy, rates=_rates(policy.rates, currencies))
    made = plan(demands, kept, policy, now)
    return Decision(demands=demands, candidates=tuple(kept), policy=policy, now=now, plan=made)


def is_same(one: Plan, other: Plan) -> bool:
    """Whether two plans are the same to the last word, whatever process made them."""
    return bool(to_plain(one) == to_plain(other))


def _essential(supplier: Supplier, to: Destination, longest_lead: int, now: datetime) -> Supplier:
    """Leave out of a source's terms what an order to this place cannot meet."""
    cutoff = supplier.cutoff
    if cutoff and cutoff.holidays:
        first, last = now.date() - calendar.A_DAY, calendar.arrives(cutoff, longest_lead, now)
        cutoff = replace(cutoff, holidays=frozenset(day for day in cutoff.holidays if first <= day <= last))
    return replace(
        supplier, tariffs=_tariffs(supplier.tariffs, to), ship_to=_ship_to(supplier.ship_to, to), cutoff=cutoff
    )


def _tariffs(tariffs: tuple[Tariff, ...], to: Destination) -> tuple[Tariff, ...]:
    """Keep what goes there; where nothing does, one that goes nowhere, for no tariff at all would be free freight."""
    there = [tariff for tariff in tariffs if to.country in tariff.countries]
    if there:
        return tuple(replace(tariff, countries=frozenset({to.country})) for tariff in there)
    return tuple(replace(tariff, countries=frozenset(), brackets=tariff.brackets[:1]) for tariff in tariffs[:1])


def _ship_to(limits: ShipTo, to: Destination) -> ShipTo:
    """Keep what the limits say of the place; where they leave it out, one country that they name."""
    named = limits.countries & {to.country} or frozenset(sorted(limits.countries)[:1])
    return replace(limits, countries=named, without_regions=limits.without_regions & {to.region})


def _rates(rates: Rates | None, currencies: set[str]) -> Rates | None:
    if rates is None or not currencies:
        return None
    return replace(rates, rates={name: rates.rates[name] for name in sorted(currencies & rates.rates.keys())})
