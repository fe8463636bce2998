"""What stands where a number of units belongs -> units: numbers, bounds such as `99+`, and a supplier's words.

Nothing is guessed: a word that the profile does not know, a blank, a fraction is refused, and the old count stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.domain.numerals import Marks
from shared.errors import InvalidInput

MOST_UNITS = 1_000_000_000
LONGEST_TOLD = 40
FEW_DIGITS = 9

_UNITS = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,18}))?")
_AT_LEAST = re.compile(r"(?:>=?|≥)\s*(.+)|(.+?)\s*\+")
_AT_MOST = re.compile(r"(?:<=?|≤)\s*(.+)")


class Quantity(NamedTuple):
    """Units, which may be below zero, and how the file says it where that is more or less than the number."""

    units: int
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a source tells quantities.

    `words`: a word, in small letters -> units; None: the source says that it does not know. `bounds`: `lowest` counts
    what is certain of `99+` and `>20` (99, 20) and of `<10` (0), `refuse` does not. `fractions`: `floor` drops the
    part of a unit, `refuse` does not.
    """

    words: Mapping[str, int | None] = field(default_factory=dict)
    bounds: str = "refuse"
    fractions: str = "refuse"


def word(text: str) -> str:
    """Return a word as it is looked up: small letters, single spaces."""
    return " ".join(text.split()).casefold()


def read(cell: str, wording: Wording, marks: Marks) -> Quantity:
    """Read a cell. Raises InvalidInput with what is wrong with it."""
    if len(cell) <= FEW_DIGITS and cell.isascii() and cell.isdigit() and cell not in wording.words:
        return Quantity(int(cell))  # nearly every cell there is
    if (known := word(cell)) in wording.words:
        units = wording.words[known]
        if units is None:
            raise InvalidInput("the supplier says that it does not know", code="quantity_unknown")
        return Quantity(units, "" if cell.isdigit() else cell[:LONGEST_TOLD])
    if not cell:
        raise InvalidInput("a quantity is needed: an empty cell is not zero", code="quantity_blank")
    if wording.bounds == "lowest":
        if least := _AT_LEAST.fullmatch(cell):
            return Quantity(_units(least[1] or least[2], wording, marks), cell[:LONGEST_TOLD])
        if most := _AT_MOST.fullmatch(cell):
            _units(most[1], wording, marks)
            return Quantity(0, cell[:LONGEST_TOLD])
    return Quantity(_units(cell, wording, marks))


def _units(text: str, wording: Wording, marks: Marks) -> int:
    number = _UNITS.fullmatch(marks.plain(text))
    if not number or ((number[3] or "").strip("0") and wording.fractions == "refuse"):
        raise InvalidInput("a whole number of units was expected", code="quantity_unreadable")
    units = int(number[1] + number[2])
    if units > MOST_UNITS:
        raise InvalidInput("a quantity is too large to be true", code="quantity_too_large")
    return units
