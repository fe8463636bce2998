"""Rules out of plain values: each question says what may stand there, and a wrong answer is told by its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, time
from typing import Any, TypeVar

from shared.domain.money import CURRENCIES, exponent, minor
from shared.domain.names import name
from shared.errors import InvalidInput

T = TypeVar("T")

PPM_OF_A_PERCENT = 10_000
_PERCENT = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,4}))?")


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
        if isinstance(value, str) and value in CURRENCIES:
            return value
        raise self.wrong(key, value, "an ISO 4217 code such as 'EUR'")

    def amount(self, key: str, currency: str, *, default: int | None = None) -> int:
        """Return an amount as minor units of a currency: text or a whole number, nothing that YAML made a fraction."""
        value = self._value.get(key)
        if value is None and default is not None:
            return default
        try:
            return minor(value, currency)
        except InvalidInput as error:
            places = exponent(currency)
            shown = f"'4.{'9'.ljust(places, '0')}'" if places else "'490'"
            told = f"an amount in {currency} in quotes such as {shown}: not below zero, at most {places} decimals"
            raise self.wrong(key, value, told) from error

    def ppm(self, key: str, most_percent: int, *, default: int | None = None) -> int:
        """Return a percentage as parts per million: a whole number, or text with at most four decimals."""
        value = self._value.get(key)
        if value is None and default is not None:
            return default
        read = ppm(value)
        if read is not None and read <= most_percent * PPM_OF_A_PERCENT:
            return read
        raise self.wrong(key, value, f"a percentage from 0 to {most_percent}, in quotes where it has decimals: '2.5'")

    def clock(self, key: str) -> time:
        """Return a time of day."""
        value = self._value.get(key)
        try:
            if isinstance(value, str) and re.fullmatch(r"[0-2][0-9]:[0-5][0-9]", value):
                return time.fromisoformat(value)
        except ValueError:
            pass
        raise self.wrong(key, value, "a time from 00:00 to 23:59, in quotes: '14:00'")

    def day(self, key: str) -> date:
        """Return a day."""
        value = self._value.get(key)
        found = day(value)
        if found is None:
            raise self.wrong(key, value, "a day, in quotes: '2026-12-25'")
        return found

    def days(self, key: str) -> frozenset[date]:
        """Return the days of a list; none when it is left out."""
        value = self._value.get(key, [])
        found = [day(each) for each in value] if isinstance(value, list) else [None]
        if None in found:
            raise self.wrong(key, value, "a list of days, each in quotes: '2026-12-25'")
        return frozenset(each for each in found if each)

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
        told = (repr(str(each) if isinstance(each, str) else each) for each in allowed)
        raise self.wrong(key, value, f"one of {', '.join(told)}")

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


def ppm(percent: object) -> int | None:
    """Read a percentage, text or a whole number, as parts per million; None for anything else."""
    is_exact = isinstance(percent, str | int) and not isinstance(percent, bool)
    read = _PERCENT.fullmatch(str(percent)) if is_exact else None
    return int(read[1] + (read[2] or "").ljust(4, "0")) if read else None


def day(value: object) -> date | None:
    """Read a day such as `2026-12-25`; None for anything else."""
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    return None
