"""Decisions for tests that only need one to be there."""

from __future__ import annotations

from shared.domain.names import Sku, SourceId
from shared.domain.routing.decisions import decide
from shared.domain.routing.problem import Candidate, Decision, Demand, Demands, Destination, Policy, Supplier
from tests.support import trade


def decided(wanted: list[tuple[str, str, int]], offers: list[tuple[str, str, int, int]]) -> Decision:
    """Decide on (line, SKU, units) among (SKU, source, available, cost)."""
    lines = tuple(Demand(line=line, sku=Sku(sku), units=units, price_minor=1000) for line, sku, units in wanted)
    candidates = [
        Candidate(
            supplier=Supplier(source=SourceId(source), currency="EUR"),
            sku=Sku(sku),
            available=available,
            cost_minor=cost,
        )
        for sku, source, available, cost in offers
    ]
    asked = Demands(lines=lines, to=Destination(country="AT"), currency="EUR")
    return decide(asked, candidates, Policy(), trade.times_now())
