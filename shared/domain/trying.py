"""What other rules would have decided about an order, from what its plan was made from.

The stock, the prices, the pauses and the place are those of then; terms, policy and rates are those of the rules that
are tried. A source that was not weighed then has none of anything: what it had, nobody knows any more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from shared.domain import times
from shared.domain.countries import UNKNOWN
from shared.domain.names import LevelKey
from shared.domain.offers import Offer
from shared.domain.orders import Order
from shared.domain.routing.candidates import Supply, problem_of
from shared.domain.routing.decisions import decide
from shared.domain.routing.problem import Candidate, Decision, Goods, Plan
from shared.domain.rules import Rules
from shared.domain.stock import Level
from shared.domain.taking import margin_floor_ppm


def under(rules: Rules, order: Order, decision: Decision) -> Decision:
    """Decide again by other rules. Raises InvalidInput for an order that these cannot route."""
    then = {LevelKey(each.sku, each.supplier.source): each for each in decision.candidates}
    to = decision.demands.to
    asked, candidates, policy = problem_of(
        order,
        {line.line: line.units for line in decision.demands.lines},
        _supply(decision),
        rules,
        decision.now,
        to=None if to.country == UNKNOWN else to,
        margin_floor_ppm=margin_floor_ppm(rules.channels[order.key.channel]),
    )
    asked = replace(asked, rejected_by=decision.demands.rejected_by)
    return decide(asked, [_as_then(each, then) for each in candidates], policy, decision.now)


def arrives(plan: Plan) -> date | None:
    """Return the day on which all of a plan has arrived; None when nothing is shipped."""
    return max((each.arrives for each in plan.sources), default=None)


def _supply(decision: Decision) -> Supply:
    at, currency = times.text(decision.now), decision.demands.currency
    offers, levels = {}, {}
    for each in decision.candidates:
        key = LevelKey(each.sku, each.supplier.source)
        levels[key] = _level(key, each.available, at)
        offers[key] = Offer(key=key, cost_minor=each.cost_minor, currency=each.supplier.currency, as_of=at)
    return Supply(
        left={key: level.available for key, level in levels.items()},
        levels=levels,
        offers=offers,
        goods={
            line.sku: Goods(grams=line.grams, hazmat=line.hazmat, map_minor=line.map_minor, currency=currency)
            for line in decision.demands.lines
        },
        paused={each.supplier.source for each in decision.candidates if each.supplier.paused},
        orders_today={each.supplier.source: each.supplier.orders_today for each in decision.candidates},
    )


def _level(key: LevelKey, units: int, at: str) -> Level:
    return Level(key=key, available=units, committed=0, counted=units, counted_as_of=at, count_id="")


def _as_then(now: Candidate, then: dict[LevelKey, Candidate]) -> Candidate:
    """Have a candidate refused and stale for what was so then."""
    known = then.get(LevelKey(now.sku, now.supplier.source))
    if known is None:
        return replace(now, refused=now.refused or "was not weighed then")
    return replace(now, refused=known.refused or now.refused, stale=known.stale)
