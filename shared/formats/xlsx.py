"""Counts as a workbook (ECMA-376): one sheet, read as it streams.

What is a number for the spreadsheet comes as `Number`, so that a SKU which became one is seen. A workbook is
untrusted: no cell is made room for that is not there, and shared texts, columns, depth and bytes are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO
from zipfile import ZipFile, ZipInfo

from shared.domain.numerals import Number
from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import MOST_COLUMNS, Column, FeedProfile, position
from shared.errors import InvalidInput
from shared.formats import containers, tables, xml_stream
from shared.formats.stock_rows import Reads, StockRows
from shared.formats.tables import Record
from shared.formats.xml_stream import DEEPEST, local

MOST_TEXTS = 2_000_000
MOST_TEXT = 32 << 20
LONGEST_CELL = 32_767
MOST_TAGS = 10_000
DAYS_BEFORE_1904 = 1_462
"""How many days less a workbook counts that begins with 1904 (ECMA-376, 18.17.4.1)."""

_PLACE = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[Row | Refusal]:
    """Yield every row of a sheet: as it reads, or why it does not. Lines are the sheet's rows.

    Raises InvalidInput for what is no workbook, has no such sheet, or is made to hurt.
    """
    reader: Reads[Row | Refusal] = StockRows(profile, currency)
    with containers.archive(file) as workbook:
        records = _records(workbook, profile.sheet, profile.heading_line)
        yield from tables.rows(records, profile, reader, pads=True)


def sheets(file: BinaryIO) -> list[str]:
    """Return the names of the sheets."""
    with containers.archive(file) as workbook:
        parts = {info.filename: info for info in workbook.infolist()}
        tags = _tags(workbook, _part(parts, "xl/workbook.xml"))
        return [attributes.get("name", "") for name, attributes in tags if name == "sheet"]


def records(file: BinaryIO, sheet: Column) -> Iterator[Record]:
    """Yield the rows of a sheet as they are, blank ones left out."""
    with containers.archive(file) as workbook:
        yield from _records(workbook, sheet, first_line=1)


def cells_of(file: BinaryIO, profile: FeedProfile, line: int) -> list[str]:
    """Return the cells of one row of the sheet, where a date stands; numbers are days as a workbook of 1900 counts."""
    with containers.archive(file) as workbook:
        cells = tables.record_at(_records(workbook, profile.sheet, line), line)
        return [_since_1900(each) for each in cells] if _begins_with_1904(workbook) else cells


def _begins_with_1904(workbook: ZipFile) -> bool:
    tags = _tags(workbook, workbook.getinfo("xl/workbook.xml"))
    return any(name == "workbookPr" and found.get("date1904") in {"1", "true"} for name, found in tags)


def _since_1900(cell: str) -> str:
    return Number(Decimal(cell.plain) + DAYS_BEFORE_1904) if isinstance(cell, Number) else cell


def _records(workbook: ZipFile, sheet: Column, first_line: int) -> Iterator[Record]:
    parts = {info.filename: info for info in workbook.infolist()}
    relations = [
        attributes
        for name, attributes in _tags(workbook, _part(parts, "xl/_rels/workbook.xml.rels"))
        if name == "Relationship" and attributes.get("TargetMode") != "External"
    ]
    path = _path_of(relations, "Id", _id_of(workbook, parts, sheet))
    texts = _shared_texts(workbook, parts, relations)
    for line, cells in _parsed(workbook, _part(parts, path), _Cells(texts)):
        if line >= first_line and any(cell and not cell.isspace() for cell in cells):
            yield line, cells


def _part(parts: dict[str, ZipInfo], path: str) -> ZipInfo:
    if path not in parts:
        raise InvalidInput("this is no workbook: a part is missing", code="workbook_part", part=path[:60])
    return parts[path]


def _parsed(workbook: ZipFile, info: ZipInfo, handlers: _Tags | _Texts | _Cells) -> Iterator[Record]:
    with containers.part(workbook, info) as part:
        parser = xml_stream.parser(handlers.start, handlers.end, handlers.characters)
        yield from xml_stream.parsed(part, parser, handlers.found)


def _id_of(workbook: ZipFile, parts: dict[str, ZipInfo], sheet: Column) -> str:
    """Find what a sheet is called inside, by its name or by its place among the sheets."""
    names, ids = [], []
    for name, attributes in _tags(workbook, _part(parts, "xl/workbook.xml")):
        if name == "sheet":
            names.append(attributes.get("name", ""))
            ids.append(next((value for key, value in attributes.items() if local(key) == "id" and key != "id"), ""))
    at = sheet - 1 if isinstance(sheet, int) else names.index(sheet) if sheet in names else len(names)
    if at >= len(names):
        raise InvalidInput("the workbook has no such sheet", code="sheet_missing", wanted=sheet, found=names[:20])
    return ids[at]


def _path_of(relations: list[dict[str, str]], by: str, value: str) -> str:
    """Find the part that a relation leads to; empty where there is none."""
    for each in relations:
        if each.get(by, "").rpartition("/")[2] == value:
            target = each.get("Target", "")
            return target[1:] if target.startswith("/") else f"xl/{target}"
    return ""


def _tags(workbook: ZipFile, info: ZipInfo) -> list[tuple[str, dict[str, str]]]:
    handlers = _Tags()
    list(_parsed(workbook, info, handlers))
    return handlers.tags


def _shared_texts(workbook: ZipFile, parts: dict[str, ZipInfo], relations: list[dict[str, str]]) -> list[str]:
    path = _path_of(relations, "Type", "sharedStrings")
    if not path:
        return []
    handlers = _Texts()
    list(_parsed(workbook, _part(parts, path), handlers))
    return handlers.texts


class _Tags:
    """Lists the tags of a small part."""

    def __init__(self) -> None:
        self.found: list[Record] = []
        self.tags: list[tuple[str, dict[str, str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.tags.append((local(name), attributes))  # at most so many are open, too
        if len(self.tags) > MOST_TAGS:
            raise InvalidInput("the workbook has too many parts", code="workbook_large", most=MOST_TAGS)

    def end(self, _name: str) -> None:
        pass

    def characters(self, _data: str) -> None:
        pass


class _Texts:
    """Collects the shared texts; a text may be in runs, and how it is pronounced is no part of it."""

    def __init__(self) -> None:
        self.found: list[Record] = []
        self.texts: list[str] = []
        self._way: list[str] = []
        self._runs: list[str] = []
        self._length = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        _check_depth(len(self._way))
        self._way.append(local(name))

    def end(self, _name: str) -> None:
        if self._way.pop() == "si":
            self.texts.append(_plain("".join(self._runs)))
            self._runs.clear()
            if len(self.texts) > MOST_TEXTS:
                raise InvalidInput("the workbook has too many texts", code="workbook_large", most=MOST_TEXTS)

    def characters(self, data: str) -> None:
        if self._way[-1] == "t" and "rPh" not in self._way:
            self._runs.append(data)
            self._length += len(data) + 1
            if self._length > MOST_TEXT:
                raise InvalidInput("the workbook has too much text", code="workbook_large", most=MOST_TEXT)


class _Cells:
    """Collects the rows of a sheet."""

    def __init__(self, texts: list[str]) -> None:
        self.found: list[Record] = []
        self._texts = texts
        self._depth = self._line = self._last = self._column = self._length = 0
        self._cells: list[str] = []
        self._type = ""
        self._value: list[str] = []
        self._takes = self._aside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        _check_depth(self._depth)
        if ":" in name:
            name = local(name)
        if name == "c":
            self._open_cell(attributes.get("r", ""))
            self._type = attributes.get("t", "n")
        elif name in ("v", "t"):
            self._takes = not self._aside
        elif name == "row":
            number = attributes.get("r", "")
            self._line = int(number) if number.isascii() and number.isdigit() and len(number) <= 7 else self._line + 1  # noqa: PLR2004
            self._cells, self._last = [], 0
        elif name == "rPh":
            self._aside = True

    def end(self, name: str) -> None:
        if ":" in name:
            name = local(name)
        if name in ("v", "t"):
            self._takes = False
        elif name == "c":
            if self._value:
                self._close_cell("".join(self._value))
        elif name == "row":
            self.found.append((self._line, self._cells))
        elif name == "rPh":
            self._aside = False
        self._depth -= 1

    def characters(self, data: str) -> None:
        if self._takes:
            self._length += len(data)
            if self._length > LONGEST_CELL:
                raise InvalidInput("a cell is too long", code="value_too_long", line=self._line, most=LONGEST_CELL)
            self._value.append(data)

    def _open_cell(self, place: str) -> None:
        self._value, self._length = [], 0
        named = _PLACE.fullmatch(place)
        self._column = position(named[1]) if named else self._last + 1
        if self._column <= self._last:
            raise InvalidInput("cells stand out of order", code="cells_unordered", line=self._line)
        self._last = self._column

    def _close_cell(self, text: str) -> None:
        if self._column > MOST_COLUMNS:
            raise InvalidInput("a cell stands too far right", code="sheet_too_wide", line=self._line, most=MOST_COLUMNS)
        self._cells += [""] * (self._column - 1 - len(self._cells))
        self._cells.append(self._read(text))

    def _read(self, text: str) -> str:
        match self._type:
            case "n":
                return Number(text)
            case "s":
                if text.isascii() and text.isdigit() and len(text) < len("1000000000") and int(text) < len(self._texts):
                    return self._texts[int(text)]
                raise InvalidInput("a cell names a text that is not there", code="workbook_part", line=self._line)
            case "b":
                return "TRUE" if text == "1" else "FALSE"
            case _:
                return _plain(text)


def _plain(text: str) -> str:
    """Undo the way in which workbooks write characters that XML cannot have."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _check_depth(depth: int) -> None:
    if depth > DEEPEST:
        raise InvalidInput("elements are nested too deep", code="xml_too_deep", most=DEEPEST)
