"""The least one objective can be while others are limited: sets of sources by bound, until no bound beats a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.routing import billing, bounds, greedy, options, sets
from shared.domain.routing.billing import SHORT
from shared.domain.routing.bounds import Measure
from shared.domain.routing.dealing import Best, Budget, Dealing
from shared.domain.routing.problem import Objective
from shared.domain.routing.reach import Reach, reaches
from shared.domain.routing.task import Taken, Task

ADD_UP = frozenset({Objective.PARCELS, Objective.LANDED_COST})
"""In a set where nothing depends on what else a source ships, one plan is the best by both."""
NO_PLAN = 1 << 100
Limited = list[tuple[Measure, int]]


@dataclass(frozen=True, slots=True)
class Found:
    """A plan, its value by a goal, and what no plan is below; NO_PLAN where none is within the limits."""

    taken: Taken
    value: int
    floor: int

    @property
    def exact(self) -> bool:
        """Whether no plan is better."""
        return self.floor >= self.value

    def gap(self) -> tuple[int, int]:
        """Return how many units fewer a better plan might leave short, and how much better it might be otherwise."""
        if self.exact:
            return 0, 0
        (short, value), (least_short, least) = divmod(self.value, SHORT), divmod(self.floor, SHORT)
        return short - least_short, max(value - least, 0)


@dataclass(slots=True)
class Search:
    """One task; what is tabulated for one goal is kept for the next."""

    task: Task
    _measures: dict[Objective, Measure] = field(default_factory=dict)
    _reach: list[Reach] = field(default_factory=list)

    def least(
        self, goal: Objective, limits: Mapping[Objective, int], start: Taken | None, without: int, budget: Budget
    ) -> Found:
        """Return the best plan by a goal. `start`: a plan within the limits; `without` as in `Solver.best`."""
        first = self._measure(goal)
        limited = [(self._measure(other), limit) for other, limit in limits.items() if other is not goal]
        measures = [first, *(measure for measure, _ in limited)]
        if options.is_linear(self.task, measures) and (not limited or ADD_UP.issuperset({goal, *limits})):
            by = self._measure(Objective.LANDED_COST) if goal in ADD_UP else first
            if not self.task.single_source and len(self.task.sources) <= sets.TABLE_SOURCES:
                return self._from_table(first, by, limited, without)
            return self._walked(first, by, limited, start, without, budget)
        return self._walked(first, None, limited, start, without, budget)

    def _measure(self, objective: Objective) -> Measure:
        if objective not in self._measures:
            self._measures[objective] = bounds.measure(self.task, objective, self._reaches)
        return self._measures[objective]

    def _from_table(self, goal: Measure, by: Measure, limited: Limited, without: int) -> Found:
        """Read the answer off the table, which is exact."""
        least = sets.least(goal, limited, without)
        if least is None:
            return Found({}, NO_PLAN, NO_PLAN)
        value, mask = least
        return Found(options.cheapest_first(self.task, by, mask), value, value)

    def _walked(
        self, goal: Measure, by: Measure | None, limited: Limited, start: Taken | None, without: int, budget: Budget
    ) -> Found:
        """Look into sets by their bound. `by`: fill a set by this instead of searching it, for its bound is exact."""
        best = self._start(goal, limited, start, without)
        dealing = Dealing(
            self.task,
            [goal, *(measure for measure, _ in limited)],
            [limit for _, limit in limited],
            self._reaches(),
            budget,
            best,
        )
        for bound, mask in sets.by_bound(goal, limited, without, budget):
            floor = -(-bound // goal.scale)
            if floor >= dealing.best.value:
                break
            if budget.left < 0:
                return Found(dealing.best.taken, dealing.best.value, floor)
            if by is not None:
                taken = options.cheapest_first(self.task, by, mask)
                return Found(taken, floor, floor)
            dealing.within(mask)
            if budget.left < 0:
                return Found(dealing.best.taken, dealing.best.value, min(floor, dealing.best.value))
        return Found(dealing.best.taken, dealing.best.value, dealing.best.value)

    def _start(self, goal: Measure, limited: Limited, start: Taken | None, without: int) -> Best:
        """Return the best of the plans that need no search."""
        best = Best(NO_PLAN, {})
        plans = [start] if start is not None else self._greedy(goal, without)
        for taken in plans:
            values = billing.values(self.task, taken)
            if values is None or values[goal.objective] >= best.value:
                continue
            if all(values[measure.objective] <= limit for measure, limit in limited):
                best = Best(values[goal.objective], taken)
        return best

    def _greedy(self, goal: Measure, without: int) -> list[Taken]:
        count = len(self.task.sources)
        everything = (1 << count) - 1
        if self.task.single_source:
            masks = [1 << s for s in range(count) if 1 << s != without]
        elif without:
            masks = [everything & ~(1 << s) for s in range(count) if without >> s & 1]
        else:
            masks = [everything]
            if count <= sets.TABLE_SOURCES and (least := sets.least(goal, [], 0)):
                masks.append(least[1])
        plans = [greedy.plan(self.task, goal, mask, counts_fixed=fixed) for mask in masks for fixed in (True, False)]
        return [{}, *plans]

    def _reaches(self) -> list[Reach]:
        if not self._reach:
            self._reach = reaches(self.task)
        return self._reach
