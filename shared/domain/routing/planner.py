"""The plan of one order: who is eligible, the best way to ship, and why each candidate won or lost.

Pure: reads nothing, writes nothing. The input is put in order first and ties break by id, so permuting it changes
nothing and a stored input gives the same plan bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.domain.names import SourceId
from shared.domain.routing import billing, explain, weighing
from shared.domain.routing.billing import Totals
from shared.domain.routing.digest import digest
from shared.domain.routing.problem import Alternative, Candidate, Demands, Plan, Policy
from shared.domain.routing.search import Found
from shared.domain.routing.solve import Solver
from shared.domain.routing.task import Taken
from shared.domain.routing.weighing import Scales


def plan(demands: Demands, candidates: Iterable[Candidate], policy: Policy, now: datetime) -> Plan:
    """Return the best plan by the policy's goals; raises InvalidInput for what can never be routed."""
    return choose(demands, candidates, policy, now).plan()


def choose(demands: Demands, candidates: Iterable[Candidate], policy: Policy, now: datetime) -> Choice:
    """Find the best plan without telling it. Raises InvalidInput for what can never be routed."""
    offered = tuple(candidates)
    scales = weighing.weigh(demands, offered, policy, now)
    solver = Solver(scales.task)
    found = solver.best(policy.goals, policy.node_budget)
    return Choice(demands, offered, policy, now, scales, solver, found)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was found for an order, and all that is needed to tell it."""

    demands: Demands
    candidates: tuple[Candidate, ...]
    policy: Policy
    now: datetime
    scales: Scales
    solver: Solver
    found: Found

    def taken(self) -> dict[tuple[str, SourceId], int]:
        """Return the units by line and source."""
        return self._named(self.found.taken)

    def plan(self) -> Plan:
        """Tell it: every term, every candidate, and the next best."""
        scales, found = self.scales, self.found
        named = self.taken()
        left = {demand.line: demand.units for demand in scales.lines}
        for (line, _), units in named.items():
            left[line] -= units
        short = {line: units for line, units in left.items() if units}
        weighed = explain.weighed(scales.weighings, named)
        bills = billing.bills(scales.task, found.taken) or {}
        totals = Totals.of(found.taken, bills)
        short_gap, gap = found.gap()
        return Plan(
            taken=named,
            short=short,
            why_short={line: tuple(f"{w.source}: {w.verdict}" for w in weighed if w.line == line) for line in short},
            sources=tuple(explain.terms(scales.sources[s], bill, self.now) for s, bill in sorted(bills.items())),
            weighed=weighed,
            landed_minor=totals.landed,
            parcels=totals.parcels,
            next_best=self._next_best(totals),
            exact=found.exact,
            bound_gap=gap,
            short_gap=short_gap,
            digest=digest(self.demands, self.candidates, self.policy, self.now),
        )

    def _next_best(self, ours: Totals) -> Alternative | None:
        """Return the best plan that leaves out a source of this one, if it ships anything."""
        used = sum(1 << s for s in {s for _, s in self.found.taken})
        if not used:
            return None
        other = self.solver.best(self.policy.goals, self.policy.node_budget, without=used)
        if not other.taken:
            return None
        theirs = Totals.of(other.taken, billing.bills(self.scales.task, other.taken) or {})
        return explain.alternative(self._named(other.taken), theirs, ours, exact=other.exact)

    def _named(self, taken: Taken) -> dict[tuple[str, SourceId], int]:
        lines, sources = self.scales.lines, self.scales.sources
        return {(lines[at].line, sources[s]): units for (at, s), units in sorted(taken.items())}
