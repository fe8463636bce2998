"""DictReader and a dict of tuples: read both files whole, compare what matters of every SKU.

What a script does that somebody writes in an afternoon, and what the csv module's documentation adds up to. It holds
the file before in memory, and cares for the columns it names, so that a time stamp on every row does not mislead it.
"""

from __future__ import annotations

import csv
from pathlib import Path

NAME = "DictReader and a dict"


def changes(new: Path, old: Path) -> tuple[dict[str, tuple[int, str]], set[str]]:
    """Return what is new or differs, `SKU -> units, cost`, and the SKUs that are gone."""
    before = _read(old)
    changed: dict[str, tuple[int, str]] = {}
    with new.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            said = (int(row["qty"]), row["cost"])
            if before.pop(row["sku"], None) != said:
                changed[row["sku"]] = said
    return changed, before.keys() - changed.keys()


def _read(path: Path) -> dict[str, tuple[int, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["sku"]: (int(row["qty"]), row["cost"]) for row in csv.DictReader(file)}
