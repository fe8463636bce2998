"""A supplier's stock file day by day, made row by row, in no memory to speak of.

Eight columns and 69 bytes a row; three rows of ten have no stock, the rest few or many. Every day the same `changed` of
a hundred rows have another quantity, and `dearer` of a hundred another cost. The last column is when the row was
entered, or, where the file is `stamped`, when the file was made: then it differs on every row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from pathlib import Path

HEADING = b"sku,name,gtin,qty,cost,lead,currency,at\n"
COLUMNS = {"sku": "sku", "quantity": "qty", "cost": "cost"}
STAMP = "at"
NO_STOCK = range(3)

_WORD = (1 << 64) - 1
_STRIDES = (0.618, 0.414)
"""Of files out of order, each has an order of its own: it goes round the catalogue in such steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """So many rows, of which so many percent change a day."""

    rows: int
    changed: float = 0.0
    dearer: float = 0.0
    in_order: bool = True
    stamped: bool = False

    def write(self, path: Path, day: int) -> None:
        """Write the file of a day."""
        with path.open("wb") as file:
            file.write(HEADING)
            file.writelines(self.line(number, day) for number in self._numbers(day))

    def line(self, number: int, day: int) -> bytes:
        """Return the row of a SKU."""
        units, cents = self.stock(number, day)
        at = 1 + day if self.stamped else 1
        said = (self.sku(number).encode(), number % 10_000, number, units, cents // 100, cents % 100, number % 9, at)
        return b"%s,Bracket %04d,4%012d,%d,%d.%02d,%d,EUR,2026-11-%02d 06:00\n" % said

    @staticmethod
    def sku(number: int) -> str:
        """Name a SKU."""
        return f"AB{number:07}"

    def stock(self, number: int, day: int) -> tuple[int, int]:
        """Return units and cost in cents of a SKU."""
        drawn = _drawn(number, 0)
        units = 0 if drawn % 10 in NO_STOCK else drawn // 10 % (9 if drawn & 1024 else 400)
        return units + day * self.is_changed(number), 100 + drawn % 9_000 + day * self.is_dearer(number)

    def is_changed(self, number: int) -> bool:
        """Whether a SKU has another quantity every day."""
        return _drawn(number, 1) < self.changed / 100 * _WORD

    def is_dearer(self, number: int) -> bool:
        """Whether a SKU has another cost every day."""
        return _drawn(number, 2) < self.dearer / 100 * _WORD

    def count(self) -> tuple[int, int]:
        """Count the SKUs with another quantity, and those with another cost."""
        numbers = range(self.rows)
        return sum(map(self.is_changed, numbers)), sum(map(self.is_dearer, numbers))

    def _numbers(self, day: int) -> Iterator[int]:
        stride = 1 if self.in_order else int(self.rows * _STRIDES[day % 2]) | 1
        while gcd(stride, self.rows) > 1:
            stride += 2
        return (place * stride % self.rows for place in range(self.rows))


def _drawn(number: int, salt: int) -> int:
    """Draw 64 bits, the same for the same SKU."""
    mixed = (number + 1) * (0x9E3779B97F4A7C15 + 2 * salt) & _WORD
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _WORD
    return mixed ^ (mixed >> 31)
