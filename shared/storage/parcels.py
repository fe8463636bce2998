"""Parcels of an order, each beside it and to be found by its tracking number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from shared.domain.names import OrderKey
from shared.domain.packages import Package
from shared.storage import keys
from shared.storage.dynamo import Table

SCHEMA = 1


def keep(table: Table, key: OrderKey, package: Package) -> None:
    """Keep a parcel; again is the same."""
    pk, sk = keys.parcel(key, package.source, package.number)
    about = {"entity": "parcel", "schema": SCHEMA, "revision": 1, "channel": key.channel, "order_id": key.order_id}
    table.put({"PK": pk, "SK": sk} | about | asdict(package) | {"lines": dict(package.lines)})
    ref = keys.reference("tracking", package.number)
    table.put({"PK": ref.pk, "SK": ref.sk} | about | {"entity": "reference"})


def tracked(table: Table, key: OrderKey, source: str = "") -> list[Package]:
    """Read the parcels of an order, or of one source, that can be tracked, in the order in which they were shipped."""
    pk, sk = keys.parcel(key, source, "")
    sk = sk if source else sk[: sk.index("#") + 1]
    found = map(read, table.query("PK = :pk AND begins_with(SK, :sk)", {":pk": pk, ":sk": sk}))
    return sorted((each for each in found if each.validity), key=lambda each: (each.shipped_at, each.number))


def read(item: Mapping[str, Any]) -> Package:
    """Read a parcel from its item."""
    texts = ("number", "source", "carrier", "service", "validity", "shipped_at", "document")
    return Package(lines=dict(item["lines"]), **{field: item[field] for field in texts})
