"""Counts as lines whose cells stand at fixed places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from shared.domain.feeds import Refusal, Row
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
    reader = StockRows(profile, currency)
    spans = [span(each.column) for each in reader.fields]
    closing = Closing(profile.footer)
    with text.decoded(file, text.encoding_of(file, profile.encoding)) as opened:
        for number, line in text.lines(opened):
            row, first = line.rstrip(_ENDS), line.strip(_ENDS + " \t")
            if number <= profile.heading_line or not first or first.startswith(profile.skips):
                continue
            if closing.closes(number, first):
                if profile.footer and profile.footer.count is not None:
                    closing.check_count(row[span(profile.footer.count)])
                continue
            if profile.width and len(row) != profile.width:
                value, reason = f"{len(row)} characters", f"a row of {profile.width} characters was expected"
                yield Refusal(line=number, column="", value=value, reason=reason)
                continue
            read_row = reader.read(Place(number), [_cell(row, each) for each in spans])
            if read_row is not None:
                yield read_row
    closing.end()


def cells_of(file: BinaryIO, profile: FeedProfile, line: int) -> str:
    """Return a line as it is; empty where there is none."""
    with text.decoded(file, text.encoding_of(file, profile.encoding)) as opened:
        return next((each.rstrip(_ENDS) for number, each in text.lines(opened) if number == line), "")


def _cell(row: str, where: slice) -> str | InvalidInput:
    if where.stop is not None and where.start < len(row) < where.stop:
        return InvalidInput("the line ends within this cell", code="cell_cut")
    return row[where]
