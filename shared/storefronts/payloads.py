"""Tolerant reading of a shop's JSON: what is not as its contract says is refused with what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.domain import times
from shared.domain.customers import Customer
from shared.domain.names import Sku, name
from shared.errors import InvalidInput

MOST_LINES = 500
MOST_UNITS = 100_000
POSTCODE_PREFIX = 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def loads(body: bytes) -> object:
    """Read JSON, fractions exactly. Raises InvalidInput."""
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("an event is not JSON", code="not_json", size=len(body)) from error


def rows(value: object, what: str) -> list[Object]:
    """Return the objects of a list. Raises InvalidInput for another thing, or for too many."""
    if not isinstance(value, list) or len(value) > MOST_LINES:
        raise InvalidInput("an order has no list of lines, or too many", code="lines", most=MOST_LINES)
    return [Object(each, what) for each in value]


def id_text(value: object, what: str) -> str:
    """Read an id, a number beyond 2^53 or text, as text."""
    return name(str(value) if isinstance(value, int) and not isinstance(value, bool) else value, what)


def units(value: object) -> int:
    """Read a quantity. Raises InvalidInput for what is no whole number in bounds."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_UNITS:
        return value
    raise InvalidInput("a line's quantity is no whole number in bounds", code="quantity", value=str(value)[:40])


def sku_of(value: object, line: str) -> Sku:
    """Read a SKU; a line without one gets the name `?<line id>`, which no source lists, and waits for a person."""
    return Sku(name(value, "sku") if isinstance(value, str) and value.strip() else f"?{line}")


def sku_or_none(value: object) -> Sku | None:
    """Read a SKU; None for what can be none of ours."""
    try:
        return Sku(name(value, "sku"))
    except InvalidInput:
        return None


def milliseconds(value: object, what: str) -> int:
    """Read a time as a version: it grows with every change."""
    return (times.read(value, what) - EPOCH) // timedelta(milliseconds=1)


def short(value: object) -> str:
    """Return text without spaces around it, cut to 60 characters; empty for what is no text."""
    return _whole(value)[:60] if isinstance(value, str) else ""


def told(address: Mapping[str, object]) -> dict[str, str]:
    """Return the fields of an address that say something."""
    return {field: _whole(value) for field, value in address.items() if isinstance(value, str) and value.strip()}


def customer(email: object, platform_id: object) -> Customer:
    """Return who a shop says it is; what is no address, and no id, says nothing. Ids of 0 are guests."""
    is_id = isinstance(platform_id, int | str) and not isinstance(platform_id, bool)
    return Customer(
        email=_whole(email).lower() if isinstance(email, str) and "@" in email else "",
        platform_id=_whole(str(platform_id)) if is_id and platform_id else "",
    )


def _whole(text: str) -> str:
    """Return text that can be written: JSON may have half of a character in it, which becomes a question mark."""
    return text.strip().encode(errors="replace").decode()


class Object:
    """A JSON object and what it is."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise InvalidInput("an object was expected", code="not_an_object", what=what)
        self.value: dict[str, Any] = value
        self._what = what

    def text(self, field: str) -> str:
        """Read a name."""
        return name(self.value.get(field), f"{self._what} {field}")

    def id(self, field: str) -> str:
        """Read an id as text."""
        return id_text(self.value.get(field), f"{self._what} {field}")

    def table(self, field: str) -> dict[str, Any]:
        """Return an object in it; empty when there is none."""
        value = self.value.get(field)
        return value if isinstance(value, dict) else {}
