"""The beginning of a foreign file, read in every way that it may be meant: rows of cells, and what was seen of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from shared.domain.profiles import Column

MOST_BYTES = 1 << 20
"""How much of a file is looked at."""
MOST_ROWS = 500
MOST_COLUMNS = 200
LONGEST_SAMPLE = 32

_WRAPPED = re.compile(r'="(.*)"', re.DOTALL)

Cell = str | tuple[str, ...]
"""Text as it stands, or several texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One setting of a profile, why it was chosen, and what it was seen on.

    `value` None: nothing is chosen, a person has to look. `is_sure`: nobody needs to.
    """

    setting: str
    value: object
    why: str
    is_sure: bool = True
    samples: tuple[str, ...] = ()


class Heading(NamedTuple):
    """One column: what a profile calls it, and what its name tells."""

    column: Column
    name: str


class Beside(NamedTuple):
    """A text that is no part of a row: where a profile finds it, and what stands there to say what it is."""

    at: str
    text: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One way to read a file. `doubt`: how far this way is less likely than others, in points of a column's name."""

    choices: tuple[Choice, ...]
    columns: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    beside: tuple[Beside, ...] = ()
    doubt: int = 0

    def cells(self, at: int) -> list[str]:
        """Return the cells of a column that are not blank, of several each, as they are read: without `="..."`."""
        found: list[str] = []
        for row in self.rows:
            cell = row[at] if at < len(row) else ""
            found += [each for each in (cell if isinstance(cell, tuple) else (cell,)) if each and not each.isspace()]
        return [_WRAPPED.sub(r"\1", each) if each.startswith("=") else each for each in found]

    def repeats(self, at: int) -> bool:
        """Whether a row has several texts in a column."""
        return any(at < len(row) and isinstance(row[at], tuple) and len(row[at]) > 1 for row in self.rows)
