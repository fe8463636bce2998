"""Counts as lines whose cells stand at fixed places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile, span
from shared.errors import InvalidInput
from shared.formats import text
from shared.formats.stock_rows import Place, StockRows
from shared.formats.tables import Closing

_ENDS = "\r\n\x1a"
"""Line ends, and the mark by which old systems end a file."""


def read(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[Row | Refusal]:
    """Yield every row of a file. A cell that its line cuts short is refused: half a number is another number.

    Raises InvalidInput when the file as a whole cannot be read.
    """
    reader = RowReader(profile, currency)
    closing = Closing(profile.footer)
    with text.decoded(file, text.encoding_of(file, profile.encoding)) as opened:
        for number, line in text.lines(opened):
            first = line.strip(_ENDS + " \t")
            if number <= profile.heading_line or not first or first.startswith(profile.skips):
                continue
            if closing.closes(number, first):
                if profile.footer and profile.footer.count is not None:
                    closing.check_count(line.rstrip(_ENDS)[span(profile.footer.count)])
                continue
            row = reader.read(number, line)
            if row is not None:
                yield row
    closing.end()


class RowReader:
    """Reads lines below the heading."""

    def __init__(self, profile: FeedProfile, currency: str) -> None:
        self._rows = StockRows(profile, currency)
        self._spans = [span(each.column) for each in self._rows.fields]
        self._width = profile.width

    def read(self, number: int, line: str) -> Row | Refusal | None:
        """Read a line; None for a blank one and for one of a warehouse that does not count."""
        row = line.rstrip(_ENDS)
        if not row.strip(" \t"):
            return None
        if self._width and len(row) != self._width:
            value, reason = f"{len(row)} characters", f"a row of {self._width} characters was expected"
            return Refusal(line=number, column="", value=value, reason=reason)
        return self._rows.read(Place(number), [_cell(row, each) for each in self._spans])


def cells_of(file: BinaryIO, profile: FeedProfile, line: int) -> str:
    """Return a line as it is; empty where there is none."""
    with text.decoded(file, text.encoding_of(file, profile.encoding)) as opened:
        return next((each.rstrip(_ENDS) for number, each in text.lines(opened) if number == line), "")


def _cell(row: str, where: slice) -> str | InvalidInput:
    if where.stop is not None and where.start < len(row) < where.stop:
        return InvalidInput("the line ends within this cell", code="cell_cut")
    return row[where]
