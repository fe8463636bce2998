"""What is seen in one column of a foreign file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cli.feed_names import points
from cli.feed_samples import LONGEST_SAMPLE
from cli.feed_values import is_bound, is_gtin, is_number, is_truth, is_whole
from shared.domain.profiles import Column

SURE = 3
"""From so many points on a name says what a column is."""
MOST = 0.8
MOST_WORDS = 12
DIGITS_OF_UNITS = 9
"""More of them are a code."""
FEW_ROWS = 10
LEAST_FOR_A_PATTERN = 20
SEVERAL = 3


@dataclass(frozen=True)
class Seen:
    """What is seen in one column."""

    at: int
    column: Column
    name: str
    cells: list[str]
    rows: int
    repeats: bool
    """Whether a row has several of it, which only quantities may be."""

    @cached_property
    def words(self) -> list[str]:
        """Return what is no number, each once, the most frequent first."""
        return [word for word, _ in Counter(cell for cell in self.cells if not is_number(cell)).most_common()]

    @cached_property
    def filled(self) -> float:
        """Return the share of rows that have it."""
        return min(len(self.cells) / self.rows, 1.0)

    @cached_property
    def distinct(self) -> float:
        """Return the share of values that are not there before."""
        return len(set(self.cells)) / max(len(self.cells), 1)

    @cached_property
    def wholes(self) -> float:
        """Return the share of whole numbers."""
        return self._share([is_whole(cell) for cell in self.cells])

    @cached_property
    def numbers(self) -> float:
        """Return the share of numbers."""
        return self._share([is_number(cell) for cell in self.cells])

    @cached_property
    def gtins(self) -> float:
        """Return the share of values whose check digits hold."""
        return self._share([is_gtin(cell) for cell in self.cells])

    @cached_property
    def is_flag(self) -> bool:
        """Whether it says true or false."""
        return bool(self.cells) and all(is_truth(cell) for cell in self.cells)

    @cached_property
    def steps(self) -> int:
        """Count the steps of its path."""
        return str(self.column).count(".") + str(self.column).count("/") if isinstance(self.column, str) else 0

    @property
    def samples(self) -> tuple[str, ...]:
        """Show two values, different ones if there are."""
        return tuple(dict.fromkeys(self.cells))[:2]

    @property
    def said(self) -> str:
        """Name the column in a sentence."""
        return repr(str(self.column)[:LONGEST_SAMPLE])

    def _share(self, of: Sequence[bool]) -> float:
        return sum(of) / max(len(of), 1)

    @cached_property
    def is_counted(self) -> bool:
        """Whether quantities may stand here: numbers of units, bounds, few words."""
        if points("quantity", self.name) < 0 or max(points("gtin", self.name), points("cost", self.name)) > 0:
            return False
        odd = [word for word in self.words if not is_bound(word)]
        has_number = any(is_whole(cell) or is_bound(cell) for cell in self.cells)
        return not self.is_flag and has_number and len(odd) <= MOST_WORDS and self.gtins < MOST and self._are_units()

    def _are_units(self) -> bool:
        numbers = [cell for cell in self.cells if is_number(cell)]
        units = [cell for cell in numbers if is_whole(cell) and len(cell.partition(".")[0]) <= DIGITS_OF_UNITS]
        return len(units) >= MOST * len(numbers)
