"""The best plan by objectives in order: each is made as small as it can be, and then limited for those after it.

Units left short come first in every objective. The latest day is not searched for: offers that arrive too late are
left out, and the fewest days that lose nothing are found by halving.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.routing import merging
from shared.domain.routing.billing import SHORT
from shared.domain.routing.dealing import Budget
from shared.domain.routing.merging import Merged
from shared.domain.routing.problem import PPM, Goal, Objective
from shared.domain.routing.search import Found, Search
from shared.domain.routing.task import Taken, Task

COST, DATE = Objective.LANDED_COST, Objective.PROMISED_DATE


@dataclass(slots=True)
class Solver:
    """One order; what one question teaches about it is kept for the next."""

    task: Task
    merged: Merged = field(init=False)
    _searches: dict[int | None, Search] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the order as small as it can be."""
        self.merged = merging.merged(self.task)

    def best(self, goals: Sequence[Goal], nodes: int, *, without: int = 0) -> Found:
        """Return the plan that is best by the goals in order, or the best found in so many nodes.

        `without`: sources of which one at least must not be used. Value and floor are those of the last goal, or of
        the first whose best is not proven.
        """
        budget = Budget(nodes)
        limits: dict[Objective, int] = {}
        found, unproven = None, None
        for goal in _ending_in_cost(goals):
            found = self._least(goal.objective, limits, found, without, budget)
            unproven = unproven or (None if found.exact else found)
            short, value = divmod(found.value, SHORT)
            limit = short * SHORT + value + value * goal.tolerance_ppm // PPM
            limits[goal.objective] = min(limit, limits.get(goal.objective, limit))
        if found is None:
            raise AssertionError("there is always a last goal")
        told = unproven or found
        return Found(self.merged.spread(found.taken, self.task), told.value, told.floor)

    def _least(
        self, goal: Objective, limits: Mapping[Objective, int], start: Found | None, without: int, budget: Budget
    ) -> Found:
        others = {objective: limit for objective, limit in limits.items() if objective is not DATE}
        latest = limits[DATE] % SHORT if DATE in limits else None
        if goal is DATE:
            return self._soonest(others, start, without, budget)
        return self._search(latest).least(goal, others, start.taken if start else None, without, budget)

    def _search(self, latest: int | None) -> Search:
        if latest not in self._searches:
            task = self.merged.task
            self._searches[latest] = Search(task if latest is None else task.by(latest))
        return self._searches[latest]

    def _soonest(self, limits: Mapping[Objective, int], start: Found | None, without: int, budget: Budget) -> Found:
        """Find the least latest day at which as much is shipped within the limits; cost guides the search."""
        task = self.merged.task
        found = self._search(None).least(COST, limits, start.taken if start else None, without, budget)
        short = found.value // SHORT
        most = limits.get(COST, short * SHORT + SHORT - 1)
        days = sorted({offer.days for line in task.lines for offer in line.offers.values()})
        low, high, proven = 0, bisect_left(days, _latest(task, found.taken)), 0
        taken, least_short = found.taken, found.floor // SHORT
        while low < high:
            middle = (low + high) // 2
            trial = self._search(days[middle]).least(COST, limits, None, without, budget)
            if trial.value <= most:
                taken, high = trial.taken, bisect_left(days, _latest(task, trial.taken))
            else:
                low = middle + 1
                proven = low if trial.floor > most else proven
        soonest = days[proven] if taken else 0
        return Found(taken, short * SHORT + _latest(task, taken), least_short * SHORT + soonest)


def _ending_in_cost(goals: Sequence[Goal]) -> Sequence[Goal]:
    """Have equally good plans decided by what they cost."""
    is_decided = any(goal.objective is COST and not goal.tolerance_ppm for goal in goals)
    return goals if is_decided else (*goals, Goal(objective=COST))


def _latest(task: Task, taken: Taken) -> int:
    return max((task.lines[at].offers[s].days for at, s in taken), default=0)
