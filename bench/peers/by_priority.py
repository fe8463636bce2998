"""What Magento's source priority does: sources in one fixed order, each line filled from the first that has any.

Read in its MSI module (`PriorityBasedAlgorithm`), which differs from the distance one only in the order of sources.
"""

from __future__ import annotations

from typing import Any

NAME = "priority"


def route(case: dict[str, Any]) -> dict[tuple[int, int], int]:
    """Return units by (line, source); a line that must not be split goes to the first that has all of it."""
    order = sorted(range(len(case["sources"])), key=lambda s: (case["sources"][s]["priority"], s))
    taken = {}
    for at, line in enumerate(case["lines"]):
        left = line["units"]
        for s in order:
            available = case["offers"].get((s, line["sku"]), {"available": 0})["available"]
            units = min(left, available) if line["splits"] or available >= left else 0
            if units:
                taken[at, s] = units
                left -= units
    return taken
