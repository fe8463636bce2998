"""Records of cells -> rows: the heading, the width, what is no row, and the footer that closes the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from shared.domain.photographs import Refusal
from shared.domain.profiles import MAY_BE_ABSENT, FeedProfile, Footer
from shared.errors import InvalidInput
from shared.formats.stock_rows import Place, Reads, by_cell, told

T = TypeVar("T")

Record = tuple[int, list[str]]
"""The line a record begins on, and its cells."""


def rows(
    records: Iterator[Record], profile: FeedProfile, reader: Reads[T], *, pads: bool = False
) -> Iterator[T | Refusal]:
    """Yield every row. Records have a cell that is not blank; `pads`: blank ones at the end may be missing.

    Raises InvalidInput for a column that is missing or comes twice, and for a footer that is wrong or missing.
    """
    heading = next(records, (0, []))[1] if profile.heading_line else []
    of_record = RowReader(heading, profile, reader, pads=pads)
    closing = Closing(profile.footer)
    watches = bool(profile.footer or profile.skips)
    for line, cells in records:
        if watches:
            first = next(cell.strip() for cell in cells if cell and not cell.isspace())
            if first.startswith(profile.skips):
                continue
            if closing.closes(line, first):
                closing.check(cells)
                continue
        row = of_record.read(line, cells)
        if row is not None:
            yield row
    closing.end()


class RowReader(Generic[T]):
    """Reads records below a heading. `pads`: blank cells at the end of a record may be missing.

    Raises InvalidInput for a column that is missing or comes twice.
    """

    def __init__(self, heading: Sequence[str], profile: FeedProfile, reader: Reads[T], *, pads: bool = False) -> None:
        self._rows = reader
        self._positions = _positions(heading, self._rows, profile)
        self._needed = 1 + max(at for at in self._positions if at is not None)
        self._pads = pads
        self.width = profile.width or len(_trimmed(heading))
        """Cells of every row; 0 until the first one has told."""

    @property
    def positions(self) -> Sequence[int | None]:
        """Where in a record the cells stand that a row is made of, the SKU first."""
        return self._positions

    def read(self, line: int, cells: list[str]) -> T | Refusal | None:
        """Read a record, which has a cell that is not blank; None for one that does not count."""
        if self._pads:
            cells.extend([""] * (max(self.width, self._needed) - len(cells)))
        elif not self.width:
            self.width = max(len(cells), self._needed)
        width = self.width
        if width and (len(cells) < width or any(cell and not cell.isspace() for cell in cells[width:])):
            value, reason = f"{len(cells)} cells", f"a row of {width} cells was expected"
            return Refusal(line=line, column="", value=value, reason=reason)
        return self._rows.read(Place(line), by_cell(cells, self._positions))


class Closing:
    """The end of a file as its profile describes it: one footer or more, nothing after, and the number of rows."""

    def __init__(self, footer: Footer | None) -> None:
        self._footer = footer
        self._rows = 0
        self._closed_at = 0

    def closes(self, line: int, first: str) -> bool:
        """Whether a record is the footer, by its first cell; what is not is counted as a row."""
        if self._footer and first.startswith(self._footer.starts_with):
            self._closed_at = self._closed_at or line
            return True
        if self._closed_at:
            raise InvalidInput("rows come after the footer", code="footer_early", line=line, footer=self._closed_at)
        self._rows += 1
        return False

    def check(self, cells: Sequence[str]) -> None:
        """Hold the cell that counts the rows against the rows."""
        if self._footer and isinstance(self._footer.count, int):
            at = self._footer.count - 1
            self.check_count(cells[at] if at < len(cells) else "")

    def check_count(self, text: str) -> None:
        """Hold a number in the footer against the rows. Raises InvalidInput."""
        digits = text.strip().partition(".")[0]
        if not (digits.isascii() and digits.isdigit()) or int(digits[:18]) != self._rows:
            raise InvalidInput("the footer counts otherwise", code="footer_count", told=told(text), rows=self._rows)

    def end(self) -> None:
        """Raise InvalidInput if the file ends without its footer: it is cut off."""
        if self._footer and not self._closed_at:
            wanted = list(self._footer.starts_with)
            raise InvalidInput("the file ends without its footer", code="document_not_closed", wanted=wanted)


def record_at(records: Iterable[Record], line: int) -> list[str]:
    """Return the cells of a line; none where it has none."""
    for number, cells in records:
        if number >= line:
            return cells if number == line else []
    return []


def _trimmed(heading: Sequence[str]) -> list[str]:
    found = [cell.strip() for cell in heading]
    while found and not found[-1]:
        found.pop()
    return found


def _positions(heading: Sequence[str], reader: Reads[T], profile: FeedProfile) -> list[int | None]:
    found = _trimmed(heading)
    named = {each.column: each.word for each in reader.fields if isinstance(each.column, str)}
    shown = [told(cell) for cell in found[:50]]
    needed = [column for column, word in named.items() if word not in MAY_BE_ABSENT]
    if any(each not in found for each in needed):
        raise InvalidInput("a needed column is missing", code="columns_missing", wanted=needed, found=shown)
    if twice := sorted(each for each in named if found.count(each) > 1):
        raise InvalidInput("a column comes more than once", code="columns_twice", columns=twice, found=shown)
    places = [
        each.column - 1 if isinstance(each.column, int) else found.index(each.column) if each.column in found else None
        for each in reader.fields
    ]
    if profile.heading_line and (far := [at + 1 for at in places if at is not None and at >= len(found)]):
        raise InvalidInput("a needed column is missing", code="columns_missing", wanted=far, found=shown)
    return places
