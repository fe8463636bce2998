"""What a sheet of costs suggests, and most drop-ship apps offer as a rule: every line from its cheapest source."""

from __future__ import annotations

from typing import Any

NAME = "cheapest per line"


def route(case: dict[str, Any]) -> dict[tuple[int, int], int]:
    """Return units by (line, source): cheapest that has all of a line, or cheapest first where it may be split."""
    taken = {}
    for at, line in enumerate(case["lines"]):
        ranked = sorted(
            (offer["unit"] + offer["late"] + offer["reject"], s, offer["available"])
            for (s, sku), offer in case["offers"].items()
            if sku == line["sku"]
        )
        left = line["units"]
        for _, s, available in [each for each in ranked if each[2] >= left][:1] or (ranked if line["splits"] else []):
            if units := min(left, available):
                taken[at, s] = units
                left -= units
    return taken
