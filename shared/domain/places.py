"""Rules out of plain values: each question says what may stand there, and a wrong answer is told by its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from shared.domain.names import name
from shared.errors import InvalidInput

T = TypeVar("T")

LETTERS_OF_A_CURRENCY = 3


class Place:
    """A table of values and where it stands."""

    def __init__(self, path: str, value: object) -> None:
        self.path = path
        if not isinstance(value, Mapping):
            raise InvalidInput("a table was expected here", code="rules_wrong", at=path, value=repr(value)[:60])
        self._value: Mapping[str, Any] = value

    def names(self) -> list[str]:
        """Return what stands in it, in order."""
        return sorted(self._value)

    def only(self, *known: str) -> None:
        """Refuse settings that nobody knows."""
        for key in self._value:
            if key not in known:
                raise self.wrong(str(key), self._value[key], f"one of the settings {', '.join(known)}")

    def children(self, of: str) -> list[tuple[str, Place]]:
        """Return the tables in a table, each with its name."""
        found = self.child(of)
        return [(name(key, found.path), found.child(key)) for key in found.names()]

    def has(self, key: str) -> bool:
        """Whether there is a value."""
        return self._value.get(key) is not None

    def rows(self, key: str) -> list[Place]:
        """Return the tables of a list; none when it is left out."""
        value = self._value.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, value, "a list")
        return [Place(f"{self.path}.{key}.{i}", each) for i, each in enumerate(value)]

    def each_of(self, key: str, allowed: Collection[str]) -> list[str]:
        """Return a list of allowed words; empty when it is left out."""
        value = self._value.get(key, [])
        if isinstance(value, list) and all(isinstance(each, str) and each in allowed for each in value):
            return value
        raise self.wrong(key, value, f"a list of {', '.join(sorted(allowed))}")

    def child(self, key: str) -> Place:
        """Return the table that must be there."""
        return Place(f"{self.path}.{key}", self._value.get(key))

    def text(self, key: str) -> str:
        """Return text that is not blank."""
        value = self._value.get(key)
        if isinstance(value, str) and value.strip():
            return value
        raise self.wrong(key, value, "text")

    def currency(self, key: str) -> str:
        """Return the code of a currency."""
        value = self._value.get(key)
        if isinstance(value, str) and len(value) == LETTERS_OF_A_CURRENCY and value.isascii() and value.isupper():
            return value
        raise self.wrong(key, value, "an ISO 4217 code")

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty when it is left out."""
        value = self._value.get(key, [])
        if isinstance(value, list) and all(isinstance(each, str) and each.strip() for each in value):
            return tuple(value)
        raise self.wrong(key, value, "a list of texts")

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a truth value."""
        value = self._value.get(key, default)
        if isinstance(value, bool):
            return value
        raise self.wrong(key, value, "true or false")

    def whole(self, key: str, least: int, most: int, *, default: int | None = None) -> int:
        """Return a whole number in a range."""
        value = self._value.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise self.wrong(key, value, f"a whole number from {least} to {most}")

    def one_of(self, key: str, *allowed: T, default: T | None = None) -> T:
        """Return one of the allowed values."""
        value = self._value.get(key, default)
        for each in allowed:
            if value == each:
                return each
        raise self.wrong(key, value, f"one of {', '.join(map(repr, allowed))}")

    def value(self, key: str) -> object:
        """Return what stands there, whatever it is; None when it is left out."""
        return self._value.get(key)

    def wrong(self, key: str, value: object, allowed: str) -> InvalidInput:
        """Say what is wrong where, and what is allowed there."""
        return InvalidInput(
            "a rule has a value it must not have",
            code="rules_wrong",
            at=f"{self.path}.{key}",
            value=repr(value)[:60],
            allowed=allowed,
        )
