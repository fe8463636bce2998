"""A problem and its answer as plain values, and back to the very same: what a stored decision consists of.

Fractions and times are text, sets are sorted, tables are lists of pairs, and a field that has its default is left
out: changing a default changes what is stored, and needs a new schema of the items that hold it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]

_FROM_TEXT: dict[object, Reader] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    Decimal: Decimal,
}


def to_plain(value: object) -> Any:  # noqa: ANN401, PLR0911 - any plain value; a way out for each kind of it
    """Write a value. Raises TypeError for what no problem and no plan consists of."""
    if value is None or isinstance(value, str | int):
        return value
    if is_dataclass(value):
        kind: Any = type(value)
        held = ((name, getattr(value, name), default) for name, default in _defaults(kind))
        return {name: to_plain(own) for name, own, default in held if own != default}
    match value:
        case date() | time():
            return value.isoformat()
        case Decimal():
            return str(value)
        case tuple():
            return [to_plain(each) for each in value]
        case frozenset():
            return sorted(to_plain(each) for each in value)
        case Mapping():
            return [[to_plain(key), to_plain(each)] for key, each in value.items()]
    raise TypeError(f"no part of a plan is a {type(value).__name__}")


def from_plain(kind: type[T], value: object) -> T:
    """Read a value of a kind back. Raises KeyError, TypeError or ValueError for what no writer of ours wrote."""
    of: Any = kind
    read: T = _reader(of)(value)
    return read


@cache
def _defaults(kind: type) -> tuple[tuple[str, object], ...]:
    """List the fields of a dataclass with what each holds when nothing is said."""
    return tuple(
        (each.name, each.default if each.default_factory is MISSING else each.default_factory())
        for each in fields(kind)
    )


@cache
def _reader(kind: Any) -> Reader:  # noqa: ANN401, PLR0911 - any annotation; a way out for each kind of it
    """Return what reads values of an annotation."""
    origin: Any = get_origin(kind)
    parts = get_args(kind)
    if is_dataclass(kind):
        return _reader_of_fields(kind)
    if kind in _FROM_TEXT:
        return _FROM_TEXT[kind]
    if hasattr(kind, "__supertype__"):  # a NewType is what it stands for
        return _reader(kind.__supertype__)
    if origin is types.UnionType:
        read_some = _reader(parts[0])  # `T | None` is the only kind there is
        return lambda value: None if value is None else read_some(value)
    if origin is tuple and parts[-1] is not Ellipsis:
        readers = [_reader(part) for part in parts]
        return lambda value: tuple(read(each) for read, each in zip(readers, value, strict=True))
    if origin in {tuple, frozenset}:
        read_one = _reader(parts[0])
        return lambda value: origin(read_one(each) for each in value)
    if origin is Mapping:
        read_key, read_value = _reader(parts[0]), _reader(parts[1])
        return lambda value: {read_key(key): read_value(each) for key, each in value}
    if kind in {str, int, bool}:
        return lambda value: value
    if issubclass(kind, StrEnum):
        read_word: Reader = kind
        return read_word
    raise TypeError(f"no part of a plan is a {kind}")


def _reader_of_fields(kind: Any) -> Reader:  # noqa: ANN401 - a dataclass
    hints = get_type_hints(kind)
    readers = {each.name: _reader(hints[each.name]) for each in fields(kind)}
    return lambda value: kind(**{name: readers[name](each) for name, each in value.items()})
