"""Movements of levels as items, by SKU and month, and the walk over a slice of a table that checks them.

Written by the stream's reader, never changed: the same stream record twice is the same item. What was derived where
a record is lost is written by a compensation, beside them. A movement's source stands in the key alone: the index
`by_source` is of levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain import times
from shared.domain.ledger import Movement, in_order
from shared.domain.names import LevelKey, Sku, SourceId
from shared.storage import attributes, keys
from shared.storage.dynamo import Table, translated

SCHEMA = 1
KEPT_MONTHS = 13
KEPT_FOR = timedelta(days=KEPT_MONTHS * 31)

_COUNTS = ("units", "committed", "counted", "balance", "revision")
_TEXTS = ("changed_at", "kind", "cause")


def to_item(movement: Movement) -> dict[str, Any]:
    """Write a movement as an item that expires after 13 months."""
    pk, sk = keys.movement(movement.key, movement.changed_at, movement.revision)
    expires_at = times.read(movement.changed_at) + KEPT_FOR
    return {
        "PK": pk,
        "SK": sk,
        "entity": "movement",
        "schema": SCHEMA,
        **{field: getattr(movement, field) for field in _COUNTS + _TEXTS},
        "last": dict(movement.last),
        "expires_at": int(expires_at.timestamp()),
        **({"incoming": movement.incoming} if movement.incoming else {}),
        **({} if movement.covers == 1 else {"covers": movement.covers}),
    }


def from_item(item: Mapping[str, Any]) -> Movement:
    """Read a movement back."""
    sku = item["PK"].removeprefix("MOV#").rpartition("#")[0]
    source = item["SK"].split("#")[1]
    return Movement(
        key=LevelKey(Sku(sku), SourceId(source)),
        last=item["last"],
        incoming=item.get("incoming", 0),
        covers=item.get("covers", 1),
        **{field: item[field] for field in _COUNTS + _TEXTS},
    )


def catalogue_item(sku: Sku) -> dict[str, Any]:
    """Write a SKU's entry in the catalogue; the same entry again changes nothing."""
    pk, sk = keys.catalogue(sku)
    return {"PK": pk, "SK": sk, "entity": "catalogue", "schema": SCHEMA, "revision": 1}


@dataclass(slots=True)
class Ledger:
    """Reads movements."""

    table: Table

    def of(self, key: LevelKey, now: datetime) -> list[Movement]:
        """Read the movements of a level that are kept, strongly, in order.

        Months are read backwards until the level's first movement is met. Each month costs a read unit per 4 KB of
        the movements of the SKU at all its sources, some 16 of them.
        """
        found: list[Movement] = []
        for month in _months_back(now):
            pk = keys.movement(key, month, 0).pk
            items = self.table.query("PK = :pk", {":pk": pk}, consistent=True)
            of_sku = [from_item(item) for item in items if item["expires_at"] > now.timestamp()]
            found += [movement for movement in of_sku if movement.key == key]
            if any(movement.begins for movement in found):
                break
        return in_order(found)


def segment(table: Table, number: int, of: int, entity: str) -> Iterator[dict[str, Any]]:
    """Yield every item of an entity in one of `of` segments of a table, page by page."""
    request: dict[str, Any] = {
        "TableName": table.name,
        "Segment": number,
        "TotalSegments": of,
        "FilterExpression": "entity = :entity",
        "ExpressionAttributeValues": attributes.image({":entity": entity}),
    }
    while True:
        with translated("scan"):
            page = table.client.scan(**request)
        yield from (attributes.values(item) for item in page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _months_back(now: datetime) -> Iterator[str]:
    year, month = now.year, now.month
    for _ in range(KEPT_MONTHS + 1):
        yield f"{year:04d}-{month:02d}"
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
