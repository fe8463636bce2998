"""What a day of the sample shop is made of, drawn from a seed: the same seed, the same bytes.

Files are in each supplier's own format, orders as the platform's webhook carries them; addresses are nobody's.
"""

from __future__ import annotations

import csv
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from local import readback
from local.cloud import ROOT
from local.stock_writers import written

CONFIG = ROOT / "config"
CHANNEL = "nordlys"
FEEDS_OF_THE_DAY = {"alpina": (900, 0.9), "baltic": (850, 0.8), "dorset": (950, 0.4), "elbe": (1000, 0.4)}
"""Supplier -> its usual price in minor units, and its share of the catalogue."""
ENDINGS = {"dorset": "xlsx", "elbe": "xml"}
"""How the names of files end that are no csv."""
SHORT, SHORT_PERCENT = "alpina", 40
"""Whose last file of the day has only so much of its rows; what it leaves out is not there any more."""
OF_THE_DAY = "NL-1"
NOBODY_HAS = 3
"""So many SKUs at the end of the catalogue are in nobody's file of the day."""
IDS = uuid.UUID("8c6f3f9e-6f0b-4b7e-9c39-0d8f4a0c1d11")
FIRST_ORDER = 6_012_000_000_000
OK, REFUSED = 200, 401


@dataclass(frozen=True)
class Sent:
    """An order of the day: what it is, as the shop tells it, and what shall become of its units."""

    told: str
    payload: Mapping[str, Any]
    ends: str

    @property
    def key(self) -> str:
        """Name the order as the tables do."""
        return f"{CHANNEL}#{self.payload['id']}"

    @property
    def units(self) -> int:
        """Count all units that were ordered."""
        return sum(line["quantity"] for line in self.payload["line_items"])


@dataclass(frozen=True)
class Webhook:
    """One delivery of the day."""

    told: str
    topic: str
    payload: Mapping[str, Any]
    webhook_id: str
    secret: str | None = None
    status: int = OK


def events(seed: int) -> tuple[list[Sent], list[Webhook]]:
    """Draw the day's six orders, and the ten deliveries that tell of them and of one that is a lie."""
    draw = random.Random(seed)  # noqa: S311 - a day is to be repeated, not to be guessed
    have = sorted(set(short_file(seed)[0]) & set(stock_file("baltic", seed)[0]))
    one, two, three, four, five = draw.sample(have, 5)
    nobodys = catalogue()[-1]

    orders = [
        Sent("an order", order(seed, 1, (one, draw.randint(1, 3))), "sent"),
        Sent("an order with a SKU on two lines", order(seed, 2, (two, 1), (three, 2), (two, 2)), "sent"),
        Sent("an order of two SKUs", order(seed, 3, (three, 1), (four, draw.randint(1, 3))), "sent"),
        Sent("another order", order(seed, 4, (five, 2)), "sent"),
        Sent("an order that nobody can fill", order(seed, 5, (nobodys, 2)), "backordered"),
        Sent("an order that is cancelled at once", order(seed, 6, (one, 1)), "cancelled"),
    ]
    lie = Sent("an order of somebody who is not the shop", order(seed, 7, (one, 1)), "")
    first, second, third, fourth, unfilled, cancelled = orders
    cancel = {**cancelled.payload, "cancelled_at": _at(seed, 45), "updated_at": _at(seed, 45)}

    def told(sent: Sent, at: int) -> Webhook:
        return Webhook(sent.told, "orders/create", sent.payload, _event(seed, at))

    return orders, [
        told(first, 1),
        told(second, 2),
        Webhook("the same delivery again", "orders/create", first.payload, _event(seed, 1)),
        told(third, 3),
        Webhook("a cancel before its order", "orders/cancelled", cancel, _event(seed, 4)),
        Webhook(lie.told, "orders/create", lie.payload, _event(seed, 5), secret="not the shop's", status=REFUSED),  # noqa: S106
        told(fourth, 6),
        told(cancelled, 7),
        told(unfilled, 8),
        Webhook("an order under another delivery", "orders/create", second.payload, _event(seed, 9)),
    ]


def any_order(seed: int) -> dict[str, Any]:
    """Draw an order that is not of the sample: one to four lines of any SKUs, one to four units each."""
    draw = random.Random(seed)  # noqa: S311 - as above
    lines = [(sku, draw.randint(1, 4)) for sku in draw.sample(catalogue(), draw.randint(1, 4))]
    return order(seed + 10**6, 1, *lines)


def any_file(seed: int) -> tuple[str, dict[str, int], bytes]:
    """Draw a file that is not of the sample, the third supplier's: its id, units by SKU, bytes.

    The one SKU that the day's waiting order wants is never in it, so that the order goes on waiting.
    """
    draw = random.Random(seed)  # noqa: S311 - as above
    supplier = next(each for each in sorted(rules()["sources"]) if each not in FEEDS_OF_THE_DAY)
    units = {sku: draw.randint(0, 500) for sku in draw.sample(catalogue()[:-1], draw.randint(5, 40))}
    rows = {sku: (each, draw.randint(300, 5000)) for sku, each in units.items()}
    return supplier, units, written(supplier, _profile(supplier), rows)


def stock_file(supplier: str, seed: int) -> tuple[dict[str, int], bytes]:
    """Draw a supplier's file of the day: units by SKU, and the bytes in that supplier's own format."""
    return _file(supplier, _rows(supplier, seed))


def short_file(seed: int) -> tuple[dict[str, int], bytes]:
    """Draw the file of the day that ends after some of its rows, and between two of them: nothing in it says so."""
    rows = _rows(SHORT, seed)
    return _file(SHORT, {sku: rows[sku] for sku in sorted(rows)[: len(rows) * SHORT_PERCENT // 100]})


def counts(supplier: str, seed: int) -> dict[str, int]:
    """Return what a supplier's files say at the end of the day, of every SKU that they ever named."""
    rows, _ = stock_file(supplier, seed)
    return dict.fromkeys(rows, 0) | short_file(seed)[0] if supplier == SHORT else rows


def _rows(supplier: str, seed: int) -> dict[str, tuple[int, int]]:
    """Draw units and cost by SKU. A supplier's range is the same on every day."""
    of_range, draw = random.Random(supplier), random.Random(f"{supplier}/{seed}")  # noqa: S311 - as above
    usual, share = FEEDS_OF_THE_DAY[supplier]
    stocked = [sku for sku in catalogue()[:-NOBODY_HAS] if of_range.random() < share]
    return {sku: (draw.randint(20, 80), usual + draw.randint(0, 200)) for sku in stocked}


def _file(supplier: str, rows: dict[str, tuple[int, int]]) -> tuple[dict[str, int], bytes]:
    return {sku: units for sku, (units, _) in rows.items()}, written(supplier, _profile(supplier), rows)


def wrong_file(supplier: str) -> bytes:
    """Return a file of a supplier without the column of its quantities."""
    return (ROOT / "events" / "files" / supplier / "missing_column.csv").read_bytes()


def rules() -> dict[str, Any]:
    """Read the sample shop's rules, as a person would."""
    read: dict[str, Any] = yaml.safe_load((CONFIG / "rules.yaml").read_text())
    return read


def catalogue() -> list[str]:
    """List the SKUs of the day; those of its afternoon begin otherwise."""
    return sorted(sku for sku in readback.listings() if sku.startswith(OF_THE_DAY))


def listed() -> list[tuple[str, str, str]]:
    """List what the shops call the SKUs of the afternoon: channel, listing, SKU."""
    with (CONFIG / "listings.csv").open(newline="") as file:
        elsewhere = [(row["channel"], row["listing"], row["sku"]) for row in csv.DictReader(file)]
    here = [(CHANNEL, item, sku) for sku, item in readback.listings().items() if not sku.startswith(OF_THE_DAY)]
    return here + elsewhere


def prices() -> dict[str, str]:
    """Read what each SKU of the sample shop sells for."""
    with (CONFIG / "products.csv").open(newline="") as file:
        return {row["sku"]: row["price"] for row in csv.DictReader(file)}


def _profile(supplier: str) -> dict[str, Any]:
    profile: dict[str, Any] = rules()["sources"][supplier]["feed"]
    return profile


def order(seed: int, number: int, *lines: tuple[str, int]) -> dict[str, Any]:
    """Make an order, whose id is of the seed and the number."""
    order_id = FIRST_ORDER + seed * 100 + number
    at = _at(seed, number)
    address = {
        "name": "Kari Nordmann",
        "address1": "Testgata 1",
        "zip": "5003",
        "city": "Bergen",
        "country_code": "NO",
        "province_code": None,
        "phone": "+47 00 00 00 00",
    }
    return {
        "id": order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order_id}",
        "name": f"#{seed * 10 + number}",
        "created_at": at,
        "updated_at": at,
        "cancelled_at": None,
        "test": False,
        "currency": rules()["channels"][CHANNEL]["currency"],
        "financial_status": "paid",
        "line_items": [
            {
                "id": order_id * 10 + i,
                "sku": sku,
                "title": sku,
                "quantity": units,
                "current_quantity": units,
                "fulfillable_quantity": units,
                "price": prices()[sku],
                "requires_shipping": True,
                "gift_card": False,
            }
            for i, (sku, units) in enumerate(lines, 1)
        ],
        "shipping_address": address,
    }


def _at(seed: int, minute: int) -> str:
    return f"2026-11-{1 + seed % 20:02d}T09:{minute:02d}:00+01:00"


def _event(seed: int, number: int) -> str:
    return str(uuid.uuid5(IDS, f"{seed}/{number}"))
