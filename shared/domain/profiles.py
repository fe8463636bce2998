"""How a source's stock file reads: its format, where each of our words stands in it, and what its cells mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.domain import quantities
from shared.domain.as_of import EXCEL, AsOf
from shared.domain.guard import DEFAULT, THRESHOLDS, Thresholds
from shared.domain.numerals import Marks
from shared.domain.places import Place
from shared.domain.quantities import MOST_UNITS, Wording


class Format(StrEnum):
    """What a file is, inside of any gzip or zip."""

    DELIMITED = "delimited"
    FIXED = "fixed"
    XLSX = "xlsx"
    JSON = "json"
    NDJSON = "ndjson"
    XML = "xml"
    X12 = "x12"


class Status(StrEnum):
    """What a source says of an article beside its count. Of `unsellable` none can be had, whatever is counted."""

    ACTIVE = "active"
    DISCONTINUED = "discontinued"
    UNSELLABLE = "unsellable"


TABLES = frozenset({Format.DELIMITED, Format.FIXED, Format.XLSX})
"""Rows of cells, which may have a heading and a footer; the others are trees, where cells have paths."""

ENCODINGS = (
    *("utf-8", "utf-16", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "cp437", "cp850", "cp852"),
    *("iso-8859-1", "iso-8859-2", "iso-8859-15", "koi8-r", "shift_jis", "euc-kr", "gb18030", "big5"),
)

NEEDED = ("sku", "quantity")
MAY_BE_SEVERAL = ("sku", "quantity")
MAY_BE_ABSENT = ("cost", "gtin")
"""Columns a file may come without. One that says what may be sold may not be missed."""
WORDS = (*NEEDED, *MAY_BE_ABSENT, "pack", "status", "warehouse")

ELEMENT = re.compile(r"([A-Z][A-Z0-9]{1,2})\.([A-Z0-9]{1,3})(?::([1-9][0-9]?))?")
"""What a qualifier qualifies in its segment, or another element of that, by its number: `QTY.33`, `QTY.33:3`."""
ELEMENTS = re.compile(r"[A-Z][A-Z0-9]{1,2}[0-9]{2}(?: [A-Z][A-Z0-9]{1,2}[0-9]{2})?")
"""One or two elements by their numbers: `BIA04 BIA05`."""

MOST_COLUMNS = 1_000
MOST_PACK = 100_000
LONGEST_LINE_OF_TEXT = 65_536

Column = str | int
"""A heading, a path or a span of characters; or a position, counted from 1."""


class Field(NamedTuple):
    """One cell that is read of each row: our word, and where it stands."""

    word: str
    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """The row that closes a file: how its first cell begins, and the cell that counts the rows; None: none does."""

    starts_with: tuple[str, ...]
    count: Column | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedProfile:
    """How a source's stock file reads.

    `columns`: our word -> where it stands in the file. `sku` and `quantity` are needed; several quantities are added
    up, several parts of a SKU are put together with `sku_join` between. `heading_line`: where the headings stand, rows
    come after it; 0: there are none. `width`: cells (fixed width: characters) of every row; 0: as the heading or the
    first row has. `rows`: path to the rows of a tree. `skips`: how the first cell of a row begins that is none.
    `numeric_skus`: a SKU may come as a machine's number. `sku_masks`: how SKUs look, `9` a digit, `A` a letter, `?` any
    character, else itself; one must fit. `pack`: units in what is counted; `packs`: the same by the word in the column
    `pack`. `status`: a word of the column `status` -> what it says. `warehouses`: whose rows count; empty: all.
    `negative`: a count below zero is `zero`, or the row is refused. `counts`: whether a document whose own counts do
    not add up is refused, or they are ignored. `full`: it names all that the source has, so what
    it does not name is not there; else it is a delta. `volatile`: columns whose change is none. `lag`: how much older
    than the object a file is that says no time; `slack`: how far the source's clock may be off. `guard`: from where on
    a file is implausible.
    """

    columns: Mapping[str, Column | tuple[Column, ...]]
    format: Format = Format.DELIMITED
    delimiter: str = ","
    encoding: str = "utf-8"
    heading_line: int = 1
    width: int = 0
    sheet: Column = 1
    rows: str = ""
    skips: tuple[str, ...] = ()
    footer: Footer | None = None
    marks: Marks = field(default_factory=Marks)
    quantities: Wording = field(default_factory=Wording)
    negative: str = "zero"
    counts: str = "refuse"
    numeric_skus: bool = False
    sku_masks: tuple[str, ...] = ()
    sku_join: str = "-"
    pack: int = 1
    packs: Mapping[str, int] = field(default_factory=dict)
    status: Mapping[str, Status] = field(default_factory=dict)
    warehouses: tuple[str, ...] = ()
    full: bool = True
    volatile: tuple[str, ...] = ()
    as_of: AsOf | None = None
    lag: timedelta = timedelta(0)
    slack: timedelta = timedelta(0)
    guard: Thresholds = DEFAULT

    def fields(self) -> Iterator[Field]:
        """Yield every cell that is read of a row, the SKU first, then the quantities."""
        for word in WORDS:
            if word in self.columns:
                each = self.columns[word]
                yield from (Field(word, column) for column in (each if isinstance(each, tuple) else (each,)))


def span(column: Column) -> slice:
    """Read `5-12`, the fifth to the twelfth character, or `5-`, all from the fifth on. Raises ValueError."""
    read = re.fullmatch(r"([1-9][0-9]{0,4})-([1-9][0-9]{0,4})?", str(column))
    if not read or (read[2] and int(read[2]) < int(read[1])):
        raise ValueError("no span of characters")
    return slice(int(read[1]) - 1, int(read[2]) if read[2] else None)


def cell(at: str) -> tuple[int, int]:
    """Read `B1` as line 1, cell 2. Raises ValueError."""
    read = re.fullmatch(r"([A-Z]{1,3})([1-9][0-9]{0,6})", at)
    if not read:
        raise ValueError("no cell of a table")
    return int(read[2]), position(read[1])


def position(letters: str) -> int:
    """Read the letters of a column as its position: A is 1, Z is 26, AA is 27."""
    at = 0
    for letter in letters:
        at = at * 26 + ord(letter) - ord("A") + 1
    return at


OF_FORMAT = {
    Format.DELIMITED: ("delimiter", "encoding", "heading_line", "width", "skips", "footer"),
    Format.FIXED: ("encoding", "heading_line", "width", "skips", "footer"),
    Format.XLSX: ("sheet", "heading_line", "skips", "footer"),
    Format.JSON: ("encoding", "rows"),
    Format.NDJSON: ("encoding",),
    Format.XML: ("encoding", "rows"),
    Format.X12: ("counts",),
}
OF_ALL = (
    *("format", "columns", "decimal", "thousands", "words", "bounds", "fractions", "negative", "numeric_skus"),
    *("sku_masks", "sku_join", "pack", "packs", "status", "warehouses", "full", "volatile", "as_of", "lag_minutes"),
    *("slack_minutes", "guard"),
)


def parse(at: Place) -> FeedProfile:
    """Read a profile. Raises InvalidInput naming the place, the value and what is allowed there.

    A setting that the format has no use for is a mistake: whoever wrote it believes something else of the file.
    """
    what = at.one_of("format", *Format, default=Format.DELIMITED)
    at.only(*OF_ALL, *OF_FORMAT[what])
    laid_out = layout(at, what)
    return replace(
        laid_out,
        columns=_columns(at.child("columns"), what, laid_out.heading_line),
        quantities=_wording(at),
        negative=at.one_of("negative", "zero", "refuse", default="zero"),
        numeric_skus=at.flag("numeric_skus", default=False),
        sku_masks=at.texts("sku_masks"),
        sku_join=at.text("sku_join") if at.has("sku_join") else "-",
        pack=at.whole("pack", 1, MOST_PACK, default=1),
        packs=_packs(at),
        status=_statuses(at),
        warehouses=at.texts("warehouses"),
        full=at.flag("full", default=True),
        volatile=at.texts("volatile"),
        as_of=_as_of(at.child("as_of"), what) if at.has("as_of") else None,
        lag=timedelta(minutes=at.whole("lag_minutes", 0, 7 * 24 * 60, default=0)),
        slack=timedelta(minutes=at.whole("slack_minutes", 0, 24 * 60, default=0)),
        guard=_guard(at.child("guard")) if at.has("guard") else DEFAULT,
    )


def layout(at: Place, what: Format) -> FeedProfile:
    """Read how rows and cells are told apart in a file of a format, and no column yet."""
    decimal = at.one_of("decimal", ".", ",", "", default="")
    thousands = at.one_of("thousands", "", ".", ",", " ", "'", "\u00a0", default="")
    if decimal and decimal == thousands:
        raise at.wrong("thousands", thousands, "another mark than the decimal one")
    return FeedProfile(
        columns={},
        format=what,
        delimiter=at.one_of("delimiter", ",", ";", "\t", "|", default=","),
        encoding=at.one_of("encoding", *ENCODINGS, default="utf-8"),
        heading_line=at.whole("heading_line", 0, 1_000, default=0 if what is Format.FIXED else 1),
        width=at.whole("width", 0, LONGEST_LINE_OF_TEXT, default=0),
        sheet=_sheet(at),
        rows=at.text("rows") if what is Format.XML or at.has("rows") else "",
        skips=at.texts("skips"),
        footer=_footer(at.child("footer"), what) if at.has("footer") else None,
        marks=Marks(decimal=decimal, thousands=thousands),
        counts=at.one_of("counts", "refuse", "ignore", default="refuse"),
    )


def _columns(at: Place, what: Format, heading_line: int) -> dict[str, Column | tuple[Column, ...]]:
    at.only(*WORDS)
    for needed in NEEDED:
        if not at.has(needed):
            at.text(needed)
    columns: dict[str, Column | tuple[Column, ...]] = {}
    for word in at.names():
        value = at.value(word)
        if word in MAY_BE_SEVERAL and isinstance(value, list) and value:
            columns[word] = tuple(column_at(at, word, each, what, heading_line) for each in value)
        else:
            columns[word] = column_at(at, word, value, what, heading_line)
    return columns


def column_at(at: Place, word: str, value: object, what: Format, heading_line: int) -> Column:
    """Read where a word stands, as the format of the file has places."""
    if what is Format.FIXED:
        if isinstance(value, str) and _is_span(value):
            return value
        raise at.wrong(word, value, "a span of characters such as 5-12, or 5- to the end of the line")
    if what is Format.X12:
        if isinstance(value, str) and ELEMENT.fullmatch(value):
            return value
        raise at.wrong(word, value, "a segment and its qualifier such as LIN.VP or QTY.33")
    if isinstance(value, int) and not isinstance(value, bool) and what is not Format.XML:
        if 1 <= value <= MOST_COLUMNS:
            return value
    elif isinstance(value, str) and value.strip() and (heading_line or what not in TABLES):
        return value
    allowed = (
        "a position, counted from 1" if what in TABLES and not heading_line else "a heading or path, or a position"
    )
    raise at.wrong(word, value, "a path" if what is Format.XML else allowed)


def _is_span(text: str) -> bool:
    try:
        span(text)
    except ValueError:
        return False
    return True


def _sheet(at: Place) -> Column:
    sheet = at.value("sheet")
    return at.whole("sheet", 1, 1_000, default=1) if sheet is None or isinstance(sheet, int) else at.text("sheet")


def _footer(at: Place, what: Format) -> Footer:
    at.only("starts_with", "count")
    starts_with, count = at.texts("starts_with"), at.value("count")
    if not starts_with:
        raise at.wrong("starts_with", at.value("starts_with"), "a list of texts")
    return Footer(
        starts_with=starts_with,
        count=None if count is None else column_at(at, "count", count, what, heading_line=0),
    )


def _wording(at: Place) -> Wording:
    words: dict[str, int | None] = {}
    if at.has("words"):
        table = at.child("words")
        for each in table.names():
            known = table.value(each) == "unknown"
            words[quantities.word(each)] = None if known else table.whole(each, 0, MOST_UNITS)
    return Wording(
        words=words,
        bounds=at.one_of("bounds", "refuse", "lowest", default="refuse"),
        fractions=at.one_of("fractions", "refuse", "floor", default="refuse"),
    )


def _packs(at: Place) -> dict[str, int]:
    if not at.has("packs"):
        return {}
    table = at.child("packs")
    return {quantities.word(each): table.whole(each, 1, MOST_PACK) for each in table.names()}


def _statuses(at: Place) -> dict[str, Status]:
    if not at.has("status"):
        return {}
    table = at.child("status")
    return {quantities.word(each): table.one_of(each, *Status) for each in table.names()}


def _guard(at: Place) -> Thresholds:
    at.only(*THRESHOLDS)
    return Thresholds(
        **{key: at.whole(key, least, most, default=getattr(DEFAULT, key)) for key, (least, most) in THRESHOLDS.items()}
    )


def _as_of(at: Place, what: Format) -> AsOf:
    at.only("at", "format", "zone")
    as_of = AsOf(
        at=at.text("at"),
        format=at.text("format") if at.has("format") else "",
        zone=at.text("zone") if at.has("zone") else "",
    )
    try:
        if what is Format.X12 and not ELEMENTS.fullmatch(as_of.at):
            raise at.wrong("at", as_of.at, "an element such as BIA04, or a day and a time such as BIA04 BIA05")
        if what is Format.FIXED:
            line, _, columns = as_of.at.partition(":")
            cell(f"A{line}")
            span(columns)
        elif what in TABLES:
            cell(as_of.at)
    except ValueError as error:
        allowed = "a line and a span such as 1:10-18" if what is Format.FIXED else "a cell such as B1"
        raise at.wrong("at", as_of.at, allowed) from error
    if as_of.format not in ("", EXCEL):
        told = datetime(2026, 11, 23, 10, 30, tzinfo=UTC).strftime(as_of.format)
        try:
            datetime.strptime(told, as_of.format)  # noqa: DTZ007 - only whether it can be read matters
        except ValueError as error:
            raise at.wrong("format", as_of.format, "a format of strptime such as %d.%m.%Y %H:%M, or excel") from error
    try:
        ZoneInfo(as_of.zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise at.wrong("zone", as_of.zone, "a zone of the tz database, such as Europe/Berlin") from error
    return as_of
