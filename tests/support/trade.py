"""The furniture of tests: orders, levels and rules in the trade's words."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from shared.domain import orders, rules, times
from shared.domain.intake import Ask, Intake
from shared.domain.names import ChannelId, LevelKey, OrderKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.orders import DeductsAt, Line, Order
from shared.domain.rules import Rules
from shared.domain.stock import Level

T0 = "2026-11-24T08:00:00.000Z"
NOW = "2026-11-24T09:00:00.000Z"


def key(order_id: str = "1", channel: str = "nordlys") -> OrderKey:
    return OrderKey(ChannelId(channel), order_id)


def at(sku: str, source: str) -> LevelKey:
    return LevelKey(Sku(sku), SourceId(source))


def order(order_id: str = "1", *lines: tuple[str, int], version: int = 1) -> Order:
    """An order whose lines are (sku, units), all open."""
    return Order(
        key=key(order_id),
        name=f"#{order_id}",
        version=version,
        placed_at=T0,
        currency="EUR",
        lines=tuple(Line(line=f"l{i}", sku=Sku(sku), ordered=n, open=n) for i, (sku, n) in enumerate(lines, 1)),
    )


def shipped(*units: int, of: int = 5) -> Order:
    """An order whose line i has `of` pieces, of which so many were shipped."""
    ship, sold = DeductsAt.SHIP, order("1", *((f"S{i}", of) for i in range(len(units))))
    sold = orders.take(sold, {(line.line, SourceId("alpina")): of for line in sold.lines}, attempt="t")
    sold = orders.send(sold, 1, deducts_at=ship).order
    for line, many in zip(sold.lines, units, strict=True):
        sold = orders.ship(sold, 1, line.line, many, deducts_at=ship).order if many else sold
    return sold


def intake(order_id: str = "1", *lines: tuple[str, int], ask: Ask = Ask.CREATE, version: int = 1) -> Intake:
    return Intake(ask=ask, order=order(order_id, *lines, version=version), ship_to={"name": "A. Buyer"})


def level(sku: str, source: str, units: int, **changes: Any) -> Level:  # noqa: ANN401 - any field of a level
    fields: dict[str, Any] = {
        "key": at(sku, source),
        "available": units,
        "committed": 0,
        "counted": units,
        "counted_as_of": T0,
        "count_id": "in/alpina/stock.csv@1",
        "changed_at": T0,
        "cause": ("feed", "in/alpina/stock.csv@1"),
    }
    return Level(**fields | changes)


def offer(sku: str, source: str, cost_minor: int | None, currency: str = "EUR") -> Offer:
    return Offer(key=at(sku, source), cost_minor=cost_minor, currency=currency, as_of=T0)


def shop_rules(*sources: str, **channel: object) -> Rules:
    """Rules of one Shopify store and these sources."""
    return rules.parse(shop_rules_document(*sources, **channel))


def shop_rules_document(*sources: str, **channel: object) -> dict[str, Any]:
    """The document of such rules."""
    feed = {"columns": {"sku": "sku", "quantity": "qty", "cost": "cost"}}
    return {
        "schema": 1,
        "version": "test",
        "channels": {
            "nordlys": {
                "platform": "shopify",
                "shop": "nordlys.example",
                "api_url": "http://127.0.0.1/graphql",
                "location": "gid://shopify/Location/1",
                "currency": "EUR",
                **channel,
            }
        },
        "sources": {
            source: {"name": source.title(), "currency": "EUR", "zone": "Europe/Vienna", "feed": feed}
            for source in sources
        },
    }


def shopify_body(order_id: int, *lines: tuple[str, int], updated_at: str = "2026-11-24T08:00:00Z") -> bytes:
    """An order as Shopify's webhook carries it, as far as routing needs it."""
    return json.dumps(
        {
            "id": order_id,
            "name": f"#{order_id}",
            "created_at": "2026-11-24T08:00:00Z",
            "updated_at": updated_at,
            "currency": "EUR",
            "cancelled_at": None,
            "test": False,
            "line_items": [
                {
                    "id": order_id * 100 + i,
                    "variant_id": i,
                    "sku": sku,
                    "quantity": units,
                    "price": "10.00",
                    "requires_shipping": True,
                    "gift_card": False,
                }
                for i, (sku, units) in enumerate(lines, 1)
            ],
            "shipping_address": {
                "name": "Ada Buyer",
                "address1": "Harbour Street 1",
                "city": "Bergen",
                "zip": "5003",
                "country_code": "NO",
            },
        }
    ).encode()


def times_now() -> datetime:
    """The time of every test that needs none in particular."""
    return times.read(NOW)
