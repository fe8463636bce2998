"""What Salesforce's "find routes with fewest splits" does: the smallest combination of sources that ships the most.

Of combinations of one size the first by priority is taken, and each line goes to the first of them that has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

NAME = "fewest splits"
Taken = dict[tuple[int, int], int]


def route(case: dict[str, Any]) -> Taken:
    """Return units by (line, source)."""
    order = sorted(range(len(case["sources"])), key=lambda s: (case["sources"][s]["priority"], s))
    everything = sum(_dealt(case, order).values())
    for size in range(1, len(order) + 1):
        for chosen in combinations(order, size):
            taken = _dealt(case, chosen)
            if sum(taken.values()) == everything:
                return taken
    return {}


def _dealt(case: dict[str, Any], order: Sequence[int]) -> Taken:
    taken: Taken = {}
    for at, line in enumerate(case["lines"]):
        have = [(s, case["offers"].get((s, line["sku"]), {"available": 0})["available"]) for s in order]
        left = line["units"]
        for s, available in [each for each in have if each[1] >= left][:1] or (have if line["splits"] else []):
            if units := min(left, available):
                taken[at, s] = units
                left -= units
    return taken
