"""Counts as delimited text: commas, semicolons, tabs, pipes.

A fault of the file raises; a fault of one row is that row's refusal.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import dropwhile
from typing import BinaryIO, TypeVar

from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from shared.formats import tables, text
from shared.formats.stock_rows import Reads, StockRows
from shared.formats.tables import Record

T = TypeVar("T")

LONGEST_RECORD = 4 * text.LONGEST_LINE

csv.field_size_limit(text.LONGEST_LINE)


def read(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[Row | Refusal]:
    """Yield every row of a file, from its first byte: as it reads, or why it does not.

    Raises InvalidInput when the file as a whole cannot be read: its text, its quotes, a needed column.
    """
    reader: Reads[Row | Refusal] = StockRows(profile, currency)
    yield from rows(file, profile, reader)


def rows(file: BinaryIO, profile: FeedProfile, reader: Reads[T]) -> Iterator[T | Refusal]:
    """Yield what a reader makes of every row of a file; fails as `read` does."""
    with text.decoded(file, text.encoding_of(file, profile.encoding)) as opened:
        yield from tables.rows(records(opened, profile.delimiter, profile.heading_line), profile, reader)


def cells_of(file: BinaryIO, profile: FeedProfile, line: int) -> list[str]:
    """Return the cells of one line, as they are above a heading."""
    with text.decoded(file, text.encoding_of(file, profile.encoding)) as opened:
        return tables.record_at(records(opened, profile.delimiter, line), line)


def records(opened: TextIOWrapper, delimiter: str, first_line: int) -> Iterator[Record]:
    """Yield the cells of each row with the line it begins on, from a line on; rows of empty cells are no rows."""
    lines = _Lines(opened, first_line)
    # strict: a quote left open would swallow the rows after it without a word.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            begins, lines.begins = lines.begins, lines.number + 1
            lines.length = 0
            if any(cell.strip() for cell in cells):
                yield begins, cells
    except csv.Error as error:
        raise InvalidInput("the cells cannot be told apart", code="quotes_wrong", line=lines.begins) from error


class _Lines:
    """Lines from one on. A record that goes on over too many has a quote that is never closed."""

    def __init__(self, opened: TextIOWrapper, first_line: int) -> None:
        self._lines = dropwhile(lambda each: each[0] < first_line, text.lines(opened))
        self.begins = max(first_line, 1)
        self.number = self.length = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        self.length += len(line)
        if self.length > LONGEST_RECORD:
            raise InvalidInput("a row is too long: is a quote left open?", code="row_too_long", line=self.begins)
        return line
