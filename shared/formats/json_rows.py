"""Counts as JSON: an array of objects somewhere in a document, or one object a line.

An array is read element by element, whatever its size. A path is names with `.` between; of a row `a.b` is a value
in an object, `c[]` every one of a list. Numbers keep the text that they have in the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from typing import Any, BinaryIO, Generic, TypeVar

from shared.domain.numerals import Number
from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import Column, FeedProfile
from shared.errors import InvalidInput
from shared.formats import text
from shared.formats.stock_rows import Cell, Place, Reads, StockRows, told

T = TypeVar("T")

LONGEST_ELEMENT = 262_144
MOST_BESIDE = 8 << 20
"""Characters of a document that are no rows."""
MOST_NAMES = 10_000
"""Names beside those that lead to the rows."""
DEEPEST = 64
CHUNK = 1 << 16

_SPACE = re.compile(r"[ \t\r\n]*")
_FLAT = re.compile(r'(?:[^\[\]{}"]+|\{[^\[\]{}"]*\}|\[[^\[\]{}"]*\]|"[^"\\]*")+')
"""What is skipped in one go: values without another in them."""
_IN_STRING = re.compile(r'[^"\\]*')
_REASON = "an object was expected here"


class _Twice(dict[str, Any]):
    """An object that has a name twice: which one counts is anyone's guess."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    return read if len(read) == len(pairs) else _Twice(read)


def _no_constant(_name: str) -> Any:  # noqa: ANN401 - what a value of JSON is
    raise ValueError("not a number of JSON")


_DECODER = json.JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=_no_constant, object_pairs_hook=_object
)


def read_array(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[Row | Refusal]:
    """Yield every row of the array at the profile's path.

    Raises InvalidInput for what is no JSON, is cut off, or has no array there.
    """
    reader: Reads[Row | Refusal] = StockRows(profile, currency)
    yield from array(file, profile, reader)


def array(file: BinaryIO, profile: FeedProfile, reader: Reads[T]) -> Iterator[T | Refusal]:
    """Yield what a reader makes of every element of the array; fails as `read_array` does."""
    paths = [_path(each.column) for each in reader.fields]
    way = profile.rows.split(".") if profile.rows else []
    encoding = text.encoding_of(file, profile.encoding, in_lines=False)
    with text.decoded(file, encoding) as opened:
        document = _Document(opened, encoding)
        document.enter(way)
        if not document.takes("["):
            raise InvalidInput("no list stands at the path of the rows", code="rows_missing", wanted=profile.rows)
        if not document.takes("]"):
            while True:
                document.peek()
                place = document.place()
                row = _row(reader, place, document.value(), paths)
                if row is not None:
                    yield row
                if document.takes("]"):
                    break
                document.needs(",")
        document.leave(way)


def read_lines(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[Row | Refusal]:
    """Yield every row of a file that has an object a line. A last line without its end must be whole."""
    reader: Reads[Row | Refusal] = StockRows(profile, currency)
    yield from lines(file, profile, reader)


def lines(file: BinaryIO, profile: FeedProfile, reader: Reads[T]) -> Iterator[T | Refusal]:
    """Yield what a reader makes of every line; fails as `read_lines` does."""
    of_line = LineReader(reader)
    with text.decoded(file, text.encoding_of(file, profile.encoding)) as opened:
        for number, line in text.lines(opened):
            row = of_line.read(number, line)
            if row is not None:
                yield row


class LineReader(Generic[T]):
    """Reads lines that are an object each."""

    def __init__(self, reader: Reads[T]) -> None:
        self._rows = reader
        self._paths = [_path(each.column) for each in reader.fields]

    def read(self, number: int, line: str) -> T | Refusal | None:
        """Read a line; None for a blank one and for one that does not count.

        Raises InvalidInput for one that is cut off, which only the last can be.
        """
        if not line.strip():
            return None
        try:
            value = _DECODER.decode(line.lstrip("\ufeff"))
        except (ValueError, RecursionError) as error:
            if not line.endswith("\n"):
                raise InvalidInput("the last line is cut off", code="document_not_closed", line=number) from error
            return Refusal(line=number, column="", value=told(line.strip()), reason=_REASON)
        return _row(self._rows, Place(number), value, self._paths)


def text_at(file: BinaryIO, profile: FeedProfile, path: str) -> str:
    """Return the text at a path from the root; empty where there is none."""
    encoding = text.encoding_of(file, profile.encoding, in_lines=False)
    with text.decoded(file, encoding) as opened:
        document = _Document(opened, encoding)
        try:
            document.enter(path.split("."))
        except InvalidInput as failure:
            if failure.code == "rows_missing":
                return ""
            raise
        cell = _cell(document.value(), ())
        return cell if isinstance(cell, str) else ""


class _Document:
    """A document that is read as far as it is needed."""

    def __init__(self, opened: TextIOWrapper, encoding: str) -> None:
        self._text = opened
        self._buffer = ""
        self._at = 0
        self._encoding = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
        self._told_at = 0
        self._line = 1
        self._byte = {"utf-8-sig": 3, "utf-16": 2}.get(encoding, 0)
        self._passed = self._beside = self._names = 0

    def place(self) -> Place:
        """Say where the document stands: line and byte."""
        passed = self._buffer[self._told_at : self._at]
        self._told_at = self._at
        self._line += passed.count("\n")
        self._byte += len(passed.encode(self._encoding))
        return Place(self._line, self._byte)

    def peek(self) -> str:
        """Return the next character that is not space; empty at the end."""
        while True:
            self._at = _end(_SPACE, self._buffer, self._at)
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def takes(self, mark: str) -> bool:
        """Step over a mark if it is next."""
        if self.peek() != mark:
            return False
        self._at += 1
        return True

    def needs(self, mark: str) -> None:
        """Step over a mark that must be next."""
        if not self.takes(mark):
            raise self._wrong()

    def value(self) -> Any:  # noqa: ANN401 - what a value of JSON is
        """Read the next value, whatever it is."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except RecursionError as error:
                raise InvalidInput("values are nested too deep", code="json_too_deep") from error
            except ValueError as error:
                if not self._more_of_value():
                    raise self._wrong(is_cut=_is_cut(error, self._buffer)) from error
                continue
            # A number at the end of what is read so far may go on.
            if end == len(self._buffer) and isinstance(value, Number) and self._more_of_value():
                continue
            self._at = end
            return value

    def enter(self, way: Sequence[str]) -> None:
        """Go to the value at a path. Raises InvalidInput `rows_missing` where there is none."""
        for name in way:
            if not self.takes("{"):
                raise _missing(way) if self.peek() else self._wrong()
            if self.takes("}"):
                raise _missing(way)
            while self._name() != name:
                self._skip()
                if self.takes("}"):
                    raise _missing(way)
                self.needs(",")

    def leave(self, way: Sequence[str]) -> None:
        """Go from the value at a path to the end. Raises InvalidInput if it comes again, or something after."""
        for name in reversed(way):
            while not self.takes("}"):
                self.needs(",")
                if self._name() == name:
                    raise InvalidInput("the list of the rows comes twice", code="rows_twice", name=name)
                self._skip()
        if self.peek():
            raise self._wrong()

    def _name(self) -> str:
        if self.peek() != '"':
            raise self._wrong()
        self._names += 1
        if self._names > MOST_NAMES:
            raise InvalidInput("too much stands beside the rows", code="json_beside", most=MOST_NAMES)
        name = str(self.value())
        self.needs(":")
        return name

    def _skip(self) -> None:
        """Step over a value, however large; only that its marks are closed is looked at."""
        depth, began = 0, self._passed + self._at
        while mark := self.peek():
            if depth and (flat := _FLAT.match(self._buffer, self._at)):
                self._at = flat.end()
            elif mark == '"':
                self._skip_string(began)
            elif mark in "[{":
                depth += 1
                self._at += 1
            elif depth and mark in "]}":
                depth -= 1
                self._at += 1
            else:
                self.value()
            if depth > DEEPEST:
                raise InvalidInput("values are nested too deep", code="json_too_deep", most=DEEPEST)
            self._set_aside(began)
            if not depth:
                self._beside += self._passed + self._at - began
                return
        raise self._wrong()

    def _skip_string(self, began: int) -> None:
        self._at += 1
        while True:
            self._set_aside(began)
            self._at = _end(_IN_STRING, self._buffer, self._at)
            if self._at + 1 >= len(self._buffer) and not self._more():
                if self._buffer[self._at : self._at + 1] == '"':
                    self._at += 1
                    return
                raise self._wrong()
            if self._buffer[self._at] == '"':
                self._at += 1
                return
            if self._buffer[self._at] == "\\":
                self._at += 2

    def _more_of_value(self) -> bool:
        if len(self._buffer) - self._at > LONGEST_ELEMENT:
            raise InvalidInput("a value is too long", code="value_too_long", most=LONGEST_ELEMENT)
        return self._more()

    def _set_aside(self, began: int) -> None:
        """Hold what was read since against the most that may be no row."""
        if self._beside + self._passed + self._at - began > MOST_BESIDE:
            raise InvalidInput("too much stands beside the rows", code="json_beside", most=MOST_BESIDE)

    def _more(self) -> bool:
        chunk = self._text.read(CHUNK)
        if not chunk:
            return False
        self.place()
        self._passed += self._at
        self._buffer = self._buffer[self._at :] + chunk
        self._at = self._told_at = 0
        if "\0" in chunk:
            raise InvalidInput("the text has a zero byte", code="nul_byte", line=self._line)
        return True

    def _wrong(self, *, is_cut: bool = False) -> InvalidInput:
        place = self.place()
        if is_cut or not self.peek():
            return InvalidInput("the document is not closed", code="document_not_closed", byte=place.offset)
        return InvalidInput("this is no JSON", code="json_wrong", line=place.line, byte=place.offset)


def _end(of: re.Pattern[str], buffer: str, at: int) -> int:
    """Return where a run of characters ends; where it would begin, if there is none."""
    run = of.match(buffer, at)
    return run.end() if run else at


def _is_cut(error: ValueError, buffer: str) -> bool:
    """Whether a value breaks off at the end of what there is, rather than going wrong before."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    rest = buffer[error.pos :].rstrip()
    return error.msg.startswith("Unterminated") or any(word.startswith(rest) for word in ("true", "false", "null", "-"))


def _missing(way: Sequence[str]) -> InvalidInput:
    return InvalidInput("no list stands at the path of the rows", code="rows_missing", wanted=".".join(way))


def _path(column: Column) -> tuple[str | int, ...]:
    """Split a path into names, and 0 for "every one of this list"; a position is one in a row that is a list."""
    if isinstance(column, int):
        return (column,)
    steps: list[str | int] = []
    for step in column.split("."):
        steps += [step.removesuffix("[]"), 0] if step.endswith("[]") else [step]
    return tuple(steps)


def _row(reader: Reads[T], place: Place, value: object, paths: Sequence[tuple[str | int, ...]]) -> T | Refusal | None:
    if not isinstance(value, dict | list):
        shown = told(value if isinstance(value, str) else str(value))
        return Refusal(line=place.line, column="", value=shown, reason=_REASON, offset=place.offset)
    return reader.read(place, [_cell(value, path) for path in paths])


def _cell(value: object, path: tuple[str | int, ...]) -> Cell:
    """Follow a path in a row. What is absent on the way, or null, is blank."""
    for at, step in enumerate(path):
        if value is None:
            break
        if step == 0 and isinstance(value, list):
            return _each([_cell(each, path[at + 1 :]) for each in value])
        if isinstance(value, _Twice):
            return InvalidInput("an object has a name twice", code="name_twice")
        if isinstance(step, int) and isinstance(value, list):
            value = value[step - 1] if 0 < step <= len(value) else None
        elif isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        else:
            return InvalidInput("an object was expected on the way to this", code="value_nested")
    return _scalar(value)


def _each(cells: Sequence[Cell]) -> Cell:
    texts: list[str] = []
    for cell in cells:
        if not isinstance(cell, str):
            return cell if isinstance(cell, InvalidInput) else InvalidInput("a list of lists", code="value_nested")
        texts.append(cell)
    return tuple(texts) or ""


def _scalar(value: object) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value or ""
    return InvalidInput("text or a number was expected", code="value_nested")
