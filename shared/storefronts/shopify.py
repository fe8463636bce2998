"""What Shopify sends: webhooks, signed over their raw bytes.

Signature: base64 of HMAC-SHA256 of the body under the app's secret; the old secret may sign for an hour after a
rotation (https://shopify.dev/docs/apps/build/webhooks/subscribe/https). Bodies have the REST shape, ids beyond 2^53
among them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.domain import times
from shared.domain.intake import Ask, Intake
from shared.domain.money import minor
from shared.domain.names import ChannelId, OrderKey, Sku, name
from shared.domain.orders import Destination, Line, Order
from shared.errors import InvalidInput, Rejected

ORDER_TOPICS: Mapping[str, Ask] = {
    "orders/create": Ask.CREATE,
    "orders/updated": Ask.EDIT,
    "orders/paid": Ask.EDIT,
    "orders/cancelled": Ask.CANCEL,
}

MOST_LINES = 500
MOST_UNITS = 100_000
POSTCODE_PREFIX = 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOPIC = re.compile(r"[a-z_]{1,60}/[a-z_]{1,60}")
_EVENT_ID = re.compile(r"[A-Za-z0-9-]{1,80}")
_ADDRESS = ("name", "company", "address1", "address2", "city", "zip", "province", "country_code", "phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What the headers of a delivery say. `event_id` is the same for every try of the same delivery."""

    topic: str
    event_id: str


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Answer whether one of the secrets signed the body. Never raises; an empty secret never signs."""
    given = headers.get("x-shopify-hmac-sha256", "")
    try:
        signature = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return False
    is_signed = False
    for secret in secrets:
        right = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        is_signed |= bool(secret) and hmac.compare_digest(signature, right)
    return is_signed


def identify(headers: Mapping[str, str]) -> Event:
    """Read what a delivery is about. Header names are in lower case. Raises InvalidInput for a missing or odd one."""
    topic, event_id = headers.get("x-shopify-topic", ""), headers.get("x-shopify-webhook-id", "")
    if not _TOPIC.fullmatch(topic):
        raise InvalidInput("a delivery names no topic", code="topic", value=topic[:40])
    if not _EVENT_ID.fullmatch(event_id):
        raise InvalidInput("a delivery has no id", code="event_id", value=event_id[:40])
    return Event(topic=topic, event_id=event_id)


def read_order(channel: ChannelId, topic: str, body: bytes) -> Intake:
    """Read an order event: the order as it now is, all units open, and what is asked about it.

    A line without a SKU gets the name `?<line id>`, which no source lists: the order is recorded and waits for a
    person. Lines that need no shipping are left out. Raises InvalidInput for what cannot be read, Rejected for a
    test order.
    """
    if topic not in ORDER_TOPICS:
        raise InvalidInput("no order comes with this topic", code="topic_unknown", topic=topic[:60])
    read = _Object(_json(body), "order")
    if read.value.get("test") is True:
        raise Rejected("a test order is never shipped", code="test_order")
    currency = read.text("currency")
    items = read.value.get("line_items")
    if not isinstance(items, list) or len(items) > MOST_LINES:
        raise InvalidInput("an order has no list of lines, or too many", code="lines", most=MOST_LINES)
    lines = [line for item in items if (line := _line(_Object(item, "line"), currency))]
    if len({line.line for line in lines}) != len(lines):
        raise InvalidInput("two lines have one id", code="line_twice")
    address = read.value.get("shipping_address")
    address = address if isinstance(address, dict) else {}
    order = Order(
        key=OrderKey(channel, read.id("id")),
        name=_short(read.value.get("name")),
        version=_milliseconds(read.value.get("updated_at")),
        placed_at=times.text(times.read(read.value.get("created_at"), "created_at")),
        currency=currency,
        lines=tuple(lines),
        destination=Destination(
            country=_short(address.get("country_code")),
            region=_short(address.get("province_code")),
            postcode_prefix=_short(address.get("zip"))[:POSTCODE_PREFIX],
        ),
    )
    ask = Ask.CANCEL if read.value.get("cancelled_at") else ORDER_TOPICS[topic]
    return Intake(ask=ask, order=order, ship_to=_ship_to(address))


def _json(body: bytes) -> object:
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("an event is not JSON", code="not_json", size=len(body)) from error


def _line(item: _Object, currency: str) -> Line | None:
    if item.value.get("requires_shipping") is False or item.value.get("gift_card") is True:
        return None
    line_id = item.id("id")
    units = item.value.get("current_quantity", item.value.get("quantity"))
    if not isinstance(units, int) or isinstance(units, bool) or not 0 <= units <= MOST_UNITS:
        raise InvalidInput("a line's quantity is no whole number in bounds", code="quantity", value=str(units)[:40])
    sku = item.value.get("sku")
    price = item.value.get("price")
    return Line(
        line=line_id,
        sku=Sku(name(sku, "sku") if isinstance(sku, str) and sku.strip() else f"?{line_id}"),
        ordered=units,
        open=units,
        price_minor=minor(price, currency) if price is not None else 0,
    )


def _ship_to(address: Mapping[str, Any]) -> dict[str, str]:
    told = {field: address.get(field) for field in _ADDRESS}
    return {field: value.strip() for field, value in told.items() if isinstance(value, str) and value.strip()}


def _milliseconds(value: object) -> int:
    return (times.read(value, "updated_at") - EPOCH) // timedelta(milliseconds=1)


def _short(value: object) -> str:
    return value.strip()[:60] if isinstance(value, str) else ""


class _Object:
    """A JSON object and what it is."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise InvalidInput("an object was expected", code="not_an_object", what=what)
        self.value: dict[str, Any] = value
        self._what = what

    def text(self, field: str) -> str:
        return name(self.value.get(field), f"{self._what} {field}")

    def id(self, field: str) -> str:
        """Read an id, a number beyond 2^53 or text, as text."""
        value = self.value.get(field)
        return name(
            str(value) if isinstance(value, int) and not isinstance(value, bool) else value, f"{self._what} {field}"
        )
