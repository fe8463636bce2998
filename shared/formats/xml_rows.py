"""Counts as XML: an element per row, at one path from the root; YML catalogues, SOAP answers, plain exports.

A path is names with `/` between, prefixes of namespaces left aside. Of a row: `a/b` is the text of a child,
`@c` an attribute, `.` the row's own text, `param[name=qty]` a child whose attribute says so, `b[]` every one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple, TypeVar

from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from shared.formats import xml_stream
from shared.formats.stock_rows import Cell, Place, Reads, StockRows
from shared.formats.xml_stream import DEEPEST, local

T = TypeVar("T")

LONGEST_ROW = 65_536
"""Characters of the fields that are read of a row."""

_CHOSEN = re.compile(r"(.+)\[([^\[\]=]+)=([^\[\]=]*)\]")


class Found(NamedTuple):
    """One element: where it begins, and its fields in the order they were asked for."""

    place: Place
    cells: list[Cell]


def read(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[Row | Refusal]:
    """Yield every row of a file, from its first byte: as it reads, or why it does not.

    Raises InvalidInput for what is no XML, is cut off, or has nothing at the path of the rows.
    """
    reader: Reads[Row | Refusal] = StockRows(profile, currency)
    yield from rows(file, profile, reader)


def rows(file: BinaryIO, profile: FeedProfile, reader: Reads[T]) -> Iterator[T | Refusal]:
    """Yield what a reader makes of every row of a file; fails as `read` does."""
    handlers = _Handlers(profile.rows, [str(each.column) for each in reader.fields])
    for found in _found(file, profile, handlers):
        row = reader.read(found.place, found.cells)
        if row is not None:
            yield row
    if not handlers.was_near:
        raise InvalidInput("nothing stands at the path of the rows", code="rows_missing", wanted=profile.rows)


def text_at(file: BinaryIO, profile: FeedProfile, path: str) -> str:
    """Return the text of the first element, or attribute, at a path from the root; empty where there is none."""
    parent, slash, last = path.rpartition("/")
    wanted, field = (parent, last) if slash and last.startswith("@") else (path, ".")
    for found in _found(file, profile, _Handlers(wanted, [field])):
        (cell,) = found.cells
        return cell if isinstance(cell, str) else ""
    return ""


def _found(file: BinaryIO, profile: FeedProfile, handlers: _Handlers) -> Iterator[Found]:
    declared = None if profile.encoding == "utf-8" else profile.encoding
    parser = xml_stream.parser(handlers.start, handlers.end, handlers.characters, declared)
    handlers.where = lambda: Place(parser.CurrentLineNumber, parser.CurrentByteIndex)
    return xml_stream.parsed(file, parser, handlers.found)


class _Field(NamedTuple):
    at: int
    repeats: bool
    attribute: str = ""
    """Of which attribute; empty: the text."""
    chosen_by: tuple[str, str] | None = None
    """An attribute and its value that the element must have."""


def _fields(paths: Sequence[str]) -> dict[str, list[_Field]]:
    """Sort fields by the path, within a row, of the element that has them."""
    fields: dict[str, list[_Field]] = {}
    for at, path in enumerate(paths):
        repeats = "[]" in path
        element, slash, attribute = path.replace("[]", "").rpartition("/@")
        if not slash:
            element, attribute = ("", path[1:]) if path.startswith("@") else (path.replace("[]", ""), "")
        chosen = _CHOSEN.fullmatch(element)
        element = chosen[1] if chosen else element
        wanted = (chosen[2], chosen[3]) if chosen else None
        element = "/".join(local(name) for name in element.split("/"))
        fields.setdefault("" if element == "." else element, []).append(_Field(at, repeats, attribute, wanted))
    return fields


class _Handlers:
    """Follows a document, and collects the fields of each row."""

    def __init__(self, rows: str, paths: Sequence[str]) -> None:
        self.found: list[Found] = []
        self.was_near = False
        self.where: Callable[[], Place] = lambda: Place(0)
        self._way = [local(name) for name in rows.strip("/").split("/")]
        self._fields = _fields(paths)
        self._repeats = {each.at for fields in self._fields.values() for each in fields if each.repeats}
        self._count = len(paths)
        self._at_once = all(path.startswith("@") for path in paths)
        self._depth = self._matched = 0
        self._place = Place(0)
        self._values: list[list[str]] = []
        self._inner: list[str] = []
        self._open: list[list[_Field]] = []
        self._texts: list[list[str]] = []
        self._length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidInput("elements are nested too deep", code="xml_too_deep", most=DEEPEST)
        if self._inner:
            parent = self._inner[-1]
            self._enter(f"{parent}/{local(name)}" if parent else local(name), attributes)
        elif self._matched == self._depth - 1 < len(self._way) and self._way[self._matched] == local(name):
            self._matched += 1
            if self._matched >= len(self._way) - 1:
                self.was_near = True
            if self._matched == len(self._way):
                self._place = self.where()
                self._values = [[] for _ in range(self._count)]
                self._length = 0
                self._enter("", attributes)
                if self._at_once:
                    self._finish()

    def characters(self, data: str) -> None:
        if self._open and self._open[-1]:
            self._takes(data)
            self._texts[-1].append(data)

    def end(self, _name: str) -> None:
        if self._inner:
            self._inner.pop()
            fields, text = self._open.pop(), "".join(self._texts.pop())
            for each in fields:
                self._takes(text)
                self._values[each.at].append(text)
            if not self._inner and not self._at_once:
                self._finish()
        if self._matched == self._depth:
            self._matched -= 1
        self._depth -= 1

    def _takes(self, text: str) -> None:
        self._length += len(text) + 1
        if self._length > LONGEST_ROW:
            raise InvalidInput("a row is too long", code="row_too_long", line=self._place.line, most=LONGEST_ROW)

    def _enter(self, path: str, attributes: dict[str, str]) -> None:
        texts: list[_Field] = []
        for each in self._fields.get(path, ()):
            if each.chosen_by and attributes.get(each.chosen_by[0]) != each.chosen_by[1]:
                continue
            if not each.attribute:
                texts.append(each)
            elif each.attribute in attributes:
                self._takes(attributes[each.attribute])
                self._values[each.at].append(attributes[each.attribute])
        self._inner.append(path)
        self._open.append(texts)
        self._texts.append([])

    def _finish(self) -> None:
        cells: list[Cell] = []
        for at, values in enumerate(self._values):
            if len(values) > 1 and at not in self._repeats:
                told = " + ".join(values)
                cells.append(InvalidInput("there is more than one", code="value_repeated", value=told))
            else:
                cells.append(tuple(values) if len(values) > 1 else "".join(values))
        self.found.append(Found(self._place, cells))
