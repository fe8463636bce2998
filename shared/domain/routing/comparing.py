"""What another way of choosing would cost by the same terms: each line from whoever is cheapest, as many shops do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from shared.domain.names import Sku, SourceId
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import Candidate, Decision, Demand, Plan, Policy, Split


def cheapest_per_line(decision: Decision) -> Plan:
    """Take each line from whoever asks least for a piece, and price that: fees, parcels and dates come as they come.

    Whoever has all of a line goes before those who have a part of it.
    """
    left = {(each.supplier.source, each.sku): max(each.available, 0) for each in decision.candidates}
    chosen: Counter[tuple[SourceId, Sku]] = Counter()
    for line in sorted(decision.demands.lines, key=lambda each: each.line):
        ranked = _by_price(decision, line)
        missing = line.units
        whole = [source for source in ranked if left[source, line.sku] >= missing]
        for source in whole[:1] or ranked:
            units = min(left[source, line.sku], missing)
            left[source, line.sku] -= units
            chosen[source, line.sku] += units
            missing -= units
    offered = [
        replace(each, available=chosen[each.supplier.source, each.sku])
        for each in decision.candidates
        if chosen[each.supplier.source, each.sku]
    ]
    apart = replace(decision.demands, lines=tuple(replace(line, kit="") for line in decision.demands.lines))
    return plan(apart, offered, _free(decision), decision.now)


def _by_price(decision: Decision, line: Demand) -> list[SourceId]:
    """Name the sources that may ship a line, by what they ask for a piece."""
    offered = [each for each in decision.candidates if each.sku == line.sku]
    prices = [(_alone(decision, line, each), each.supplier.source) for each in offered]
    return [source for _, source in sorted((price, source) for price, source in prices if price is not None)]


def _alone(decision: Decision, line: Demand, candidate: Candidate) -> int | None:
    """Return what a piece costs at a source, None where it may ship none of the line."""
    supplier = replace(candidate.supplier, order_minimum_minor=0)
    only = replace(decision.demands, lines=(replace(line, kit=""),))
    made = plan(only, [replace(candidate, supplier=supplier)], _free(decision), decision.now)
    return made.weighed[0].unit_minor if made.taken else None


def _free(decision: Decision) -> Policy:
    return replace(decision.policy, single_source=False, split=Split.ALLOWED)
