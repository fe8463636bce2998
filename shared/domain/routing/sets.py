"""Sets of sources by their bound, least first: from a table, or one after the other where a table would be too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from shared.domain.routing.bounds import Measure
from shared.domain.routing.dealing import Budget

TABLE_SOURCES = 12
Bounded = tuple[int, int]
"""(bound, set)."""


def by_bound(goal: Measure, limited: Sequence[tuple[Measure, int]], without: int, budget: Budget) -> Iterator[Bounded]:
    """Yield the sets in which a plan may be, by the least the goal can be there; of equals the fewest sources first.

    `limited`: other objectives and what they may be. `without`: sources of which one at least is left out.
    Where there is no table every look at a set costs budget, and the last pair is only a bound when none is left.
    """
    count = len(goal.task.sources)
    if goal.task.single_source:
        singles = [0, *(1 << s for s in range(count))]
        found = ((goal.of_set(mask, mask), mask) for mask in singles if not without or mask & without != without)
        yield from sorted(each for each in found if _may_hold(each[1], limited))
    elif count <= TABLE_SOURCES:
        table = goal.table()
        ranked = sorted((table[mask], mask.bit_count(), mask) for mask in masks(count, limited, without))
        yield from ((bound, mask) for bound, _, mask in ranked)
    else:
        yield from _one_by_one(goal, limited, without, budget)


def masks(count: int, limited: Sequence[tuple[Measure, int]], without: int) -> Sequence[int]:
    """Return the sets that a table holds and a plan may be in."""
    found: Sequence[int] = range(1 << count)
    if without:
        found = [mask for mask in found if mask & without != without]
    for measure, limit in limited:
        table, most = measure.table(), limit * measure.scale
        found = [mask for mask in found if table[mask] <= most]
    return found


def least(goal: Measure, limited: Sequence[tuple[Measure, int]], without: int) -> Bounded | None:
    """Return the set with the least bound of those a table holds, of equals the one of the fewest sources."""
    table = goal.table()
    found = masks(len(goal.task.sources), limited, without)
    lowest = min(map(table.__getitem__, found), default=None)
    if lowest is None:
        return None
    return lowest, min((mask for mask in found if table[mask] == lowest), key=lambda mask: (mask.bit_count(), mask))


def _may_hold(mask: int, limited: Sequence[tuple[Measure, int]]) -> bool:
    return all(measure.of_set(mask, mask) <= limit * measure.scale for measure, limit in limited)


def _one_by_one(
    goal: Measure, limited: Sequence[tuple[Measure, int]], without: int, budget: Budget
) -> Iterator[Bounded]:
    """Decide source after source, always for the set whose bound is the least: those that matter most come first."""
    count = len(goal.task.sources)
    alone = goal.gaps()
    order = sorted(range(count), key=lambda s: (-alone.get(1 << s, 0), s))
    undecided = [sum(1 << s for s in order[n:]) for n in range(count + 1)]
    heap = [(goal.of_set(0, undecided[0]), 0, 0)]
    while heap:
        bound, decided, used = heappop(heap)
        depth = -decided
        if not budget.spend():
            yield bound, used
            return
        if depth == count:
            if _may_hold(used, limited):
                yield bound, used
            continue
        for more in (0, 1 << order[depth]):
            mask = used | more
            if not without or mask & without != without:
                heappush(heap, (goal.of_set(mask, mask | undecided[depth + 1]), -(depth + 1), mask))
