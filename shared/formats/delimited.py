"""Counts as delimited text (commas, semicolons, tabs, pipes) <-> rows.

What a supplier sends is untrusted: lines, cells and amounts are bounded, nothing is guessed, and only InvalidInput
comes out. A fault of the file raises; a fault of one row is that row's refusal.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, NamedTuple

from shared.domain import money
from shared.domain.feeds import Refusal, Row
from shared.domain.names import Sku, name
from shared.domain.rules import FeedProfile
from shared.errors import InvalidInput

READER = 1
"""Raise it when the same bytes are read otherwise than before: rows that equal a snapshot are skipped."""

NEEDED = ("sku", "quantity")
LONGEST_LINE = 65_536
LONGEST_VALUE_TOLD = 40
MOST_UNITS = 1_000_000_000

HEAD = 4096
CHUNK = 1 << 16
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

_WRAPPED = re.compile(r'="(.*)"', re.DOTALL)
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?E[+-][0-9]+", re.IGNORECASE)
_UNITS = re.compile(r"(-?)([0-9]{1,18})(?:\.0{1,9})?")
_A_THOUSAND = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")

csv.field_size_limit(LONGEST_LINE)


class _Columns(NamedTuple):
    """Our word -> where it stands and what the file calls it; and how many cells a row has."""

    at: Mapping[str, int]
    headings: Mapping[str, str]
    width: int


def read(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[Row | Refusal]:
    """Yield every row of a file, from its first byte: as it reads, or why it does not.

    Raises InvalidInput when the file as a whole cannot be read: its text, its quotes, a needed column.
    """
    encoding = encoding_of(file, profile.encoding)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        records = _records(text, profile.delimiter)
        _, heading = next(records, (0, []))
        columns = _columns(heading, profile)
        for line, cells in records:
            yield _row(line, cells, columns, currency, profile.negative)
    except UnicodeDecodeError as error:
        raise InvalidInput("the text cannot be decoded", code="encoding_wrong", encoding=encoding) from error
    finally:
        text.detach()


def encoding_of(file: BinaryIO, declared: str) -> str:
    """Say how a file's text is encoded: byte-order mark, else zero bytes, else UTF-8 throughout, else as declared.

    UTF-8 is checked over the whole file: one letter in the last row otherwise breaks a half-read feed.
    """
    file.seek(0)
    head = file.read(HEAD)
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    half = len(head) // 2
    if head[1::2].count(0) * 2 > half:
        return "utf-16-le"
    if head[0::2].count(0) * 2 > half:
        return "utf-16-be"
    if _is_utf8(file):
        return "utf-8"
    return {"utf-8": "cp1252", "utf-16": "utf-16-le"}.get(declared, declared)


def fingerprint(profile: FeedProfile, currency: str) -> str:
    """Name the way a file is read: two files read the same way can be compared row by row."""
    way = [READER, sorted(profile.columns.items()), profile.delimiter, profile.encoding, currency, profile.negative]
    return hashlib.sha256(repr(way).encode()).hexdigest()[:12]


def render(rows: Iterable[Row], profile: FeedProfile, currency: str) -> bytes:
    """Write rows as a supplier with this profile would; reading them gives the same rows.

    Raises InvalidInput for a SKU that cannot come back as it is.
    """
    written = io.StringIO()
    writer = csv.writer(written, delimiter=profile.delimiter)
    words = [word for word in (*NEEDED, "cost") if word in profile.columns]
    writer.writerow(profile.columns[word] for word in words)
    for row in rows:
        # A reader takes one ="..." off, so a SKU that looks so gets one more.
        cell = f'="{row.sku}"' if _WRAPPED.fullmatch(row.sku) else row.sku
        if _sku(cell) != row.sku:
            raise InvalidInput("a SKU cannot be written so that it comes back", code="sku_unwritable", sku=row.sku)
        cost = "" if row.cost_minor is None else money.decimal(row.cost_minor, currency)
        cells = {"sku": cell, "quantity": str(row.units), "cost": cost}
        writer.writerow(cells[word] for word in words)
    return written.getvalue().encode(profile.encoding)


def _is_utf8(file: BinaryIO) -> bool:
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8")
    try:
        while text.read(CHUNK):
            pass
    except UnicodeDecodeError:
        return False
    finally:
        text.detach()
    return True


def _records(text: io.TextIOWrapper, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row with the line it begins on; rows of empty cells are no rows."""
    # strict: a quote left open would swallow the rows after it without a word.
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput("the cells cannot be told apart", code="quotes_wrong", line=begins) from error


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise InvalidInput("a line is too long", code="line_too_long", line=number, most=LONGEST_LINE)
        if "\0" in line:
            raise InvalidInput("the text has a zero byte", code="nul_byte", line=number)
        yield line


def _columns(heading: list[str], profile: FeedProfile) -> _Columns:
    found = [cell.strip() for cell in heading]
    while found and not found[-1]:
        found.pop()
    told = [cell[:LONGEST_VALUE_TOLD] for cell in found[:50]]
    wanted = [profile.columns[word] for word in NEEDED]
    if any(each not in found for each in wanted):
        raise InvalidInput("a needed column is missing", code="columns_missing", wanted=wanted, found=told)
    headings = {word: each for word, each in profile.columns.items() if each in found}
    if twice := sorted(each for each in headings.values() if found.count(each) > 1):
        raise InvalidInput("a column comes more than once", code="columns_twice", columns=twice, found=told)
    return _Columns({word: found.index(each) for word, each in headings.items()}, headings, len(found))


def _row(line: int, cells: list[str], columns: _Columns, currency: str, negative: str) -> Row | Refusal:
    if len(cells) < columns.width or any(cell.strip() for cell in cells[columns.width :]):
        value, reason = f"{len(cells)} cells", f"a row of {columns.width} cells was expected"
        return Refusal(line=line, column="", value=value, reason=reason)
    cell = {word: cells[at].strip() for word, at in columns.at.items()}
    sku, word = None, "sku"
    try:
        sku = _sku(cell["sku"])
        word = "quantity"
        units = _units(cell["quantity"], negative)
        word = "cost"
        cost_minor = _cost(cell.get("cost", ""), currency)
    except InvalidInput as failure:
        value, heading = cell[word][:LONGEST_VALUE_TOLD], columns.headings[word]
        return Refusal(line=line, column=heading, value=value, reason=failure.message, sku=sku)
    warning = f"{units} is below zero, counted as 0" if units < 0 else ""
    return Row(line=line, sku=sku, units=max(units, 0), cost_minor=cost_minor, warning=warning)


def _unwrapped(cell: str) -> str:
    """Take off the ="..." by which spreadsheets are told that a number is text."""
    wrapped = _WRAPPED.fullmatch(cell)
    return wrapped[1].strip() if wrapped else cell


def _sku(cell: str) -> Sku:
    text = _unwrapped(cell)
    if _SCIENTIFIC.fullmatch(text):
        raise InvalidInput("a SKU that a spreadsheet has turned into a number", code="sku_scientific")
    return Sku(name(text, "sku"))


def _units(cell: str, negative: str) -> int:
    text = _unwrapped(cell)
    if not text:
        raise InvalidInput("a quantity is needed: an empty cell is not zero", code="quantity_blank")
    if _A_THOUSAND.fullmatch(text):
        raise InvalidInput("this may be thousands or decimals", code="quantity_ambiguous")
    number = _UNITS.fullmatch(text)
    if not number:
        raise InvalidInput("a whole number of units was expected", code="quantity_unreadable")
    units = int(number[1] + number[2])
    if units > MOST_UNITS:
        raise InvalidInput("a quantity is too large to be true", code="quantity_too_large")
    if units < 0 and negative == "refuse":
        raise InvalidInput("a quantity below zero", code="quantity_negative")
    return units


def _cost(cell: str, currency: str) -> int | None:
    text = _unwrapped(cell)
    if not text:
        return None
    if _A_THOUSAND.fullmatch(text) and money.exponent(currency) < len("000"):
        raise InvalidInput("this may be thousands or decimals", code="amount_ambiguous")
    return money.minor(text, currency)
