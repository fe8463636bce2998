"""Counts as X12 846, inventory advice: a LIN with its product numbers, and what stands behind it up to the next.

A column is a segment and its qualifier: `LIN.VP` is the number behind VP in whatever pair, `QTY.33` the quantity
available for sale, `CTP.WHL` a price, `REF.x` a reference, `N1.SF` where it lies, `SDQ.x` what a place x has. Another
element of that segment goes by its number: `QTY.33:3` is the unit of measure. What stands before the first LIN holds
for all. Read line by line: no more of the file is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import ELEMENT, FeedProfile
from shared.errors import InvalidInput
from shared.formats import x12, x12_reading
from shared.formats.stock_rows import Cell, Place, StockRows
from shared.formats.x12 import Segment
from shared.formats.x12_envelope import Envelopes, TransactionSet

NUMBER = "846"
MOST_OF_A_LINE = 1_000
"""Segments of one line."""
FAR = 1_000
"""Segments in which a file says when it was taken."""

QUALIFIED: Mapping[str, tuple[int, int]] = {
    "QTY": (1, 2),
    "CTP": (2, 3),
    "REF": (1, 2),
    "DTM": (1, 2),
    "N1": (1, 4),
    "N9": (1, 2),
    "MEA": (2, 3),
    "PID": (1, 5),
    "UIT": (1, 2),
}
"""Segment -> where its qualifier and what it qualifies stand; LIN and SDQ have pairs."""
USUAL = (1, 2)
PAIRS_OF_SDQ = 3
NAME_OF_N1 = 2


class _Wanted(NamedTuple):
    at: int
    segment: str
    qualifier: str
    element: int


def read(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[Row | Refusal]:
    """Yield every row of a file, from its first byte: as it reads, or why it does not.

    Raises InvalidInput for what is no X12, is cut off, holds other documents, or counts its segments otherwise.
    """
    reader = StockRows(profile, currency)
    wanted: dict[str, list[_Wanted]] = {}
    for at, column in enumerate(reader.fields):
        segment, qualifier, element = _parts(str(column.column))
        wanted.setdefault(segment, []).append(_Wanted(at, segment, qualifier, element))
    envelopes = Envelopes(file)
    for each in envelopes.sets():
        if each.number != NUMBER:
            where = {"segment": each.header.position, "byte": each.header.offset}
            raise InvalidInput("this is no stock advice", code="x12_other_set", found=each.number[:10], **where)
        yield from _rows(each, reader, wanted, profile)
    if envelopes.findings and profile.counts == "refuse":
        first = envelopes.findings[0]
        raise InvalidInput(
            "the file counts otherwise", code="x12_counts", told=first.text, segment=first.segment, byte=first.byte
        )


def text_at(file: BinaryIO, at: str) -> str:
    """Return the first of each element in `BIA04 BIA05`, put together with a space; empty where one is not there."""
    found: list[str] = []
    for wanted in at.split():
        name, element = wanted[:-2], int(wanted[-2:])
        for segment in x12.segments(file):
            if segment.id == name and segment.get(element):
                found.append(segment.get(element))
                break
            if segment.position > FAR:
                return ""
    return " ".join(found)


def _parts(column: str) -> tuple[str, str, int]:
    match = ELEMENT.fullmatch(column)
    if not match:  # the profile's reader lets no other through
        raise InvalidInput("a column is no element of X12", code="columns_missing", wanted=column)
    return match[1], match[2], int(match[3] or 0)


def _rows(
    found: TransactionSet, reader: StockRows, wanted: Mapping[str, Sequence[_Wanted]], profile: FeedProfile
) -> Iterator[Row | Refusal]:
    lin: Segment | None = None
    before: dict[int, Cell] = {}
    cells: dict[int, Cell] = {}
    fresh: set[int] = set()
    count, lines, length = len(reader.fields), 0, 0
    for segment in found.body:
        name = segment.elements[0]
        if name == "LIN":
            if lin and (row := _row(reader, lin, cells, count)) is not None:
                yield row
            lin, cells, fresh, length = segment, dict(before), set(), 0
            lines += 1
        elif name == "CTT":
            _check(profile, segment, lines)
        length += 1
        if length > MOST_OF_A_LINE:
            raise InvalidInput("a line is too long", code="row_too_long", segment=segment.position, byte=segment.offset)
        for each in wanted.get(name, ()):
            cell = _cell(segment, each)
            if not cell:
                continue
            if lin is None:
                before[each.at] = cell
            else:
                cells[each.at] = _twice(cell) if each.at in fresh else cell
                fresh.add(each.at)
    if lin and (row := _row(reader, lin, cells, count)) is not None:
        yield row


def _row(reader: StockRows, lin: Segment, cells: Mapping[int, Cell], count: int) -> Row | Refusal | None:
    return reader.read(Place(lin.position, lin.offset), [cells.get(at, "") for at in range(count)])


def _twice(cell: Cell) -> Cell:
    return InvalidInput("there is more than one", code="value_repeated", value=cell)


def _check(profile: FeedProfile, ctt: Segment, lines: int) -> None:
    said = ctt.get(1)
    adds_up = said.isascii() and said.isdigit() and int(said[:12]) == lines
    if profile.counts == "refuse" and said and not adds_up:
        where = {"segment": ctt.position, "byte": ctt.offset}
        raise InvalidInput("the file counts otherwise", code="x12_counts", told=said[:10], lines=lines, **where)


def _cell(segment: Segment, wanted: _Wanted) -> Cell:
    """Return what a qualifier qualifies in a segment; empty where the segment has another one."""
    first = x12_reading.first_of_lin(segment) if wanted.segment == "LIN" else PAIRS_OF_SDQ
    if wanted.segment in ("LIN", "SDQ"):
        pairs = range(first, len(segment.elements) - 1, 2)
        found = [segment.get(at + 1) for at in pairs if segment.get(at) == wanted.qualifier]
        if len(set(found)) > 1:
            return _twice(" + ".join(found[:5]))
        value = found[0] if found else ""
    else:
        at, value_at = QUALIFIED.get(wanted.segment, USUAL)
        if segment.get(at) != wanted.qualifier:
            return ""
        value = segment.get(value_at)
        if wanted.segment == "N1" and not value:
            value = segment.get(NAME_OF_N1)
    return segment.get(wanted.element) if value and wanted.element else value
