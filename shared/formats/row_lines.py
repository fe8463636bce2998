"""A stock file as lines that are at most one row each, so that two files are compared as bytes, without reading them.

Delimited text, fixed width and an object a line are such lines as they come. Of what newlines do not tell apart (a
workbook, a tree, a cell that goes on over lines, a footer that counts the rows) every row is read and written down
as a line of our own.
"""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import BinaryIO, cast

from shared.domain.names import Sku
from shared.domain.photographs import MOST_ROWS, Refusal, Row, too_long
from shared.domain.profiles import FeedProfile, Field, Format, span
from shared.errors import InvalidInput
from shared.formats import containers, fixed_width, json_rows, stock_files, tables, text
from shared.formats.line_changes import LONGEST_LINE, Lines, Survey, survey
from shared.formats.stock_rows import Reads, StockRows

Read = Callable[[int, bytes], Row | Refusal | None]
"""Line number and line -> the row there, why it is none, or None: nothing stands there that counts."""

NEWLINES_ARE_ROWS = frozenset({Format.DELIMITED, Format.FIXED, Format.NDJSON})
NOT_BY_BYTES = frozenset({"utf-16", "utf-16-le", "utf-16-be", "shift_jis", "euc-kr", "gb18030", "big5"})
"""Encodings in which a byte that looks like a mark may be half of a letter."""

OURS = "rows"
COPIED_AT_ONCE = 1 << 20

_BOM = b"\xef\xbb\xbf"
_PLAIN = re.compile(rb"[0-9A-Za-z](?:[0-9A-Za-z._/+-]*[0-9A-Za-z])?")
"""A cell that is the SKU it says, whatever the profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLines:
    """A file and how its lines read.

    `make`: files of the same make hold the same row where they hold the same line. `key`: what a line's row is about;
    rows of one SKU have one key, which is the SKU itself where the row can be read. `cut`: leaves of a line what
    counts; None: all of it. `tail`: bytes that all lines end with and that do not count; 0 where that is not so.
    `is_closed`: the last line has its end.
    """

    lines: Lines
    make: str
    key: Callable[[bytes], bytes]
    cut: Callable[[bytes], bytes] | None
    read: Read
    tail: int = 0
    is_closed: bool = True


@contextmanager
def opened(files: Sequence[BinaryIO], profile: FeedProfile, currency: str) -> Iterator[list[RowLines]]:
    """Open files of one profile so that they can be compared: as they come where all are of one make, else as ours.

    Raises InvalidInput when one of them cannot be read as a whole, then or as its lines are read.
    """
    with ExitStack() as stack:
        plain = [stack.enter_context(_unwrapped(file, profile)) for file in files]
        found = [_as_it_comes(file, profile, currency) for file in plain]
        as_they_come = [lines for lines in found if lines]
        if len(as_they_come) < len(files) or len({lines.make for lines in as_they_come}) > 1:
            yield [stack.enter_context(_as_ours(file, profile, currency)) for file in files]
            return
        if len({lines.tail for lines in as_they_come}) == 1 and (tail := as_they_come[0].tail):
            as_they_come = [replace(lines, cut=itemgetter(slice(-tail))) for lines in as_they_come]
        yield as_they_come


@contextmanager
def _unwrapped(file: BinaryIO, profile: FeedProfile) -> Iterator[BinaryIO]:
    """Unpack a file of lines once: it is gone over more than once, and packed ones only from their start."""
    if profile.format not in NEWLINES_ARE_ROWS:
        yield file
        return
    with containers.unwrapped(file, is_workbook=False) as inner:
        if inner is file:
            yield file
            return
        with tempfile.TemporaryFile() as unpacked:
            while chunk := inner.read(COPIED_AT_ONCE):
                unpacked.write(chunk)
            yield cast("BinaryIO", unpacked)


# ---- lines as they come


def _as_it_comes(file: BinaryIO, profile: FeedProfile, currency: str) -> RowLines | None:
    """Open a file whose every line is a row of its own; None where that is not so."""
    if profile.format not in NEWLINES_ARE_ROWS or profile.footer or profile.skips:
        return None
    encoding = text.encoding_of(file, profile.encoding)
    if encoding in NOT_BY_BYTES:
        return None
    seen = survey(file)
    if seen.lines > MOST_ROWS + profile.heading_line:
        raise too_long(seen.lines)
    if not seen.newlines_end_lines or (encoding == "utf-8-sig" and not profile.heading_line):
        return None
    match profile.format:
        case Format.DELIMITED:
            lines = _delimited(file, profile, currency, encoding, seen)
        case Format.FIXED:
            lines = _fixed(file, profile, currency, encoding)
        case _:
            lines = _objects(file, profile, currency, encoding)
    return replace(lines, is_closed=not _last_line(file)) if lines else None


def _delimited(file: BinaryIO, profile: FeedProfile, currency: str, encoding: str, seen: Survey) -> RowLines | None:
    if seen.quotes and _has_cells_over_lines(file):
        return None
    cells_of = _cells_of(profile.delimiter, encoding)
    lines, last = _below(file, profile.heading_line)
    heading = cells_of(profile.heading_line, last.removeprefix(_BOM)) if profile.heading_line else []
    rows: Reads[Row | Refusal] = StockRows(profile, currency)
    reader = tables.RowReader(heading, profile, rows)

    def read(number: int, line: bytes) -> Row | Refusal | None:
        cells = cells_of(number, line)
        return reader.read(number, cells) if any(cell and not cell.isspace() for cell in cells) else None

    if not reader.width:  # the first row tells it, and what a line says hangs on that
        next((row for number, line in lines.numbered() if (row := read(number, line))), None)
    volatile = _positions(profile, heading)
    return RowLines(
        lines=lines,
        make=f"{'plain' if seen.is_plain else encoding}|{reader.width}|{heading}",
        key=_key_of_cell(reader.positions, reader_of=read, profile=profile, is_plain=seen.is_plain),
        cut=_without_cells(volatile, profile.delimiter, cells_of) if volatile else None,
        read=read,
        tail=_tail(lines, seen, profile.delimiter.encode()) if volatile == [reader.width - 1] else 0,
    )


def _fixed(file: BinaryIO, profile: FeedProfile, currency: str, encoding: str) -> RowLines:
    reader, decode = fixed_width.RowReader(profile, currency), _decoder(encoding)
    skus = [span(each.column) for each in profile.fields() if each.word == "sku"]
    spans = [span(each) for each in profile.volatile]

    def read(number: int, line: bytes) -> Row | Refusal | None:
        return reader.read(number, decode(number, line))

    def key(line: bytes) -> bytes:
        cell = line[skus[0]].strip() if len(skus) == 1 and line.isascii() else b""
        return cell if _PLAIN.fullmatch(cell) else _key_as_read(read, line)

    def cut(line: bytes) -> bytes:
        left = decode(0, line)
        for where in spans:
            left = (
                left[: where.start] + " " * len(left[where]) + left[where.stop :] if where.stop else left[: where.start]
            )
        return left.encode()

    lines, _ = _below(file, profile.heading_line)
    return RowLines(lines=lines, make=encoding, key=key, cut=cut if spans else None, read=read)


def _objects(file: BinaryIO, profile: FeedProfile, currency: str, encoding: str) -> RowLines:
    rows: Reads[Row | Refusal] = StockRows(profile, currency)
    reader, decode = json_rows.LineReader(rows), _decoder(encoding)

    def read(number: int, line: bytes) -> Row | Refusal | None:
        return reader.read(number, decode(number, line))

    def cut(line: bytes) -> bytes:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return line
        if not isinstance(value, dict):
            return line
        return json.dumps({name: each for name, each in value.items() if name not in profile.volatile}).encode()

    last = _last_line(file)
    if last and not last.endswith(b"\n"):
        read(0, last)  # which refuses one that is cut off
    return RowLines(
        lines=Lines(file),
        make=encoding,
        key=lambda line: _key_as_read(read, line),
        cut=cut if profile.volatile else None,
        read=read,
    )


def _key_of_cell(
    positions: Sequence[int | None], *, reader_of: Read, profile: FeedProfile, is_plain: bool
) -> Callable[[bytes], bytes]:
    """Make the function that tells a line's key: the cell as it stands where that is the SKU, else what is read."""
    fields: list[Field] = list(profile.fields())
    parts = [at for at, each in zip(positions, fields, strict=True) if each.word == "sku"]
    delimiter = profile.delimiter.encode()
    at = parts[0]
    if len(parts) > 1 or at is None:
        return lambda line: _key_as_read(reader_of, line)
    upto = at + 1

    def of_plain(line: bytes) -> bytes:
        try:
            return line.split(delimiter, upto)[at].strip()
        except IndexError:
            return b""

    def of_first(line: bytes) -> bytes:
        return line.partition(delimiter)[0].strip()

    def of_any(line: bytes) -> bytes:
        cell = b"" if b'"' in line else of_plain(line)
        return cell if _PLAIN.fullmatch(cell) else _key_as_read(reader_of, line)

    if is_plain:
        return of_plain if at else of_first
    return of_any


def _key_as_read(read: Read, line: bytes) -> bytes:
    row = read(0, line)
    return row.sku.encode() if row and row.sku else b""


def _cells_of(delimiter: str, encoding: str) -> Callable[[int, bytes], list[str]]:
    decode = _decoder(encoding)

    def cells(number: int, line: bytes) -> list[str]:
        try:
            return next(csv.reader([decode(number, line)], delimiter=delimiter, strict=True), [])
        except csv.Error as error:
            raise InvalidInput("the cells cannot be told apart", code="quotes_wrong", line=number) from error

    return cells


def _decoder(encoding: str) -> Callable[[int, bytes], str]:
    def decode(number: int, line: bytes) -> str:
        try:
            return line.decode(encoding)
        except UnicodeDecodeError as error:
            raise InvalidInput("the text cannot be decoded", code="encoding_wrong", line=number) from error

    return decode


def _without_cells(
    volatile: Sequence[int], delimiter: str, cells_of: Callable[[int, bytes], list[str]]
) -> Callable[[bytes], bytes]:
    """Make the function that cuts cells out of a line."""
    mark, gone = delimiter.encode(), sorted(volatile, reverse=True)
    last = gone[0]

    def cut(line: bytes) -> bytes:
        if b'"' in line:
            cells: list[bytes] = [cell.encode() for cell in cells_of(0, line)]
        elif len(gone) == 1 and line.count(mark) == last:
            return line.rpartition(mark)[0]
        else:
            cells = line.split(mark)
        for at in gone:
            if at < len(cells):
                del cells[at]
        return b"\0".join(cells)

    return cut


def _tail(lines: Lines, seen: Survey, delimiter: bytes) -> int:
    """Tell how long the last cell is, with its mark and its newline, where it is the same in all lines; else 0."""
    file, count = lines.from_start(), seen.lines - lines.first + 1
    _, mark, cell = file.readline().rpartition(delimiter)
    tail = mark + cell
    if not (seen.is_plain and mark and tail.endswith(b"\n")):
        return 0
    lines.from_start()
    left = b""
    while chunk := file.read(COPIED_AT_ONCE):
        chunk = left + chunk
        count -= chunk.count(tail)
        left = chunk[-len(tail) + 1 :]
    return 0 if count else len(tail)


def _positions(profile: FeedProfile, heading: Sequence[str]) -> list[int]:
    """Tell where the volatile columns stand: by heading, or, where there is none, by a position from 1."""
    found = [cell.strip() for cell in heading]
    if not profile.heading_line:
        return [int(each) - 1 for each in profile.volatile]
    return [found.index(each) for each in profile.volatile if each in found]


def _below(file: BinaryIO, heading_line: int) -> tuple[Lines, bytes]:
    """Tell the lines below the heading, and the heading; a file that ends before it has neither."""
    file.seek(0)
    last = b""
    for _ in range(heading_line):
        last = file.readline()
    return Lines(file, file.tell(), heading_line + 1), last


def _last_line(file: BinaryIO) -> bytes:
    file.seek(max(file.seek(0, os.SEEK_END) - LONGEST_LINE, 0))
    return file.read().rpartition(b"\n")[2]


def _has_cells_over_lines(file: BinaryIO) -> bool:
    """Whether a quoted cell may go on after its line: some line has an odd number of quotes."""
    return any(line.count(b'"') & 1 for line in Lines(file).from_start())


# ---- lines of our own


@contextmanager
def _as_ours(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[RowLines]:
    """Read a whole file and write down each row: its SKU, what it says, and last, which is cut off, where it stood."""
    with tempfile.TemporaryFile() as ours:
        for count, row in enumerate(stock_files.read(file, profile, currency), 1):
            if count > MOST_ROWS:
                raise too_long(count)
            ours.write(_written(row))
        yield RowLines(
            lines=Lines(cast("BinaryIO", ours)),
            make=OURS,
            key=lambda line: line.partition(b"\t")[0],
            cut=lambda line: line.rpartition(b"\t")[0],
            read=_read_back,
        )


def _written(row: Row | Refusal) -> bytes:
    if isinstance(row, Refusal):
        said: list[object] = [row.column, row.value, row.reason]
        where = f"{row.line} {'' if row.offset is None else row.offset}"
    else:
        said = [row.units, row.cost_minor, row.warning, row.told, row.gtin, row.warehouse, row.is_discontinued]
        where = str(row.line)
    return f"{row.sku or ''}\t{json.dumps(said)}\t{where}\n".encode()


def _read_back(_number: int, line: bytes) -> Row | Refusal:
    sku, told, where = line.decode().rstrip("\n").split("\t")
    number, _, offset = where.partition(" ")
    said = json.loads(told)
    if len(said) == len(("column", "value", "reason")):
        column, value, reason = said
        at = int(offset) if offset else None
        return Refusal(
            line=int(number), column=column, value=value, reason=reason, sku=Sku(sku) if sku else None, offset=at
        )
    units, cost_minor, warning, as_told, gtin, warehouse, is_discontinued = said
    return Row(
        line=int(number),
        sku=Sku(sku),
        units=units,
        cost_minor=cost_minor,
        warning=warning,
        told=as_told,
        gtin=gtin,
        warehouse=warehouse,
        is_discontinued=is_discontinued,
    )
