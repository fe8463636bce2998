"""Offers as items. Readers accept schema 1; writers write 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.names import LevelKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.storage import attributes, dynamo, keys
from shared.storage.dynamo import Table

SCHEMA = 1


def to_item(offer: Offer) -> dict[str, Any]:
    """Write an offer as an item. Its source stands in the key alone: the index `by_source` is of levels."""
    pk, sk = keys.offer(offer.key)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "offer", "schema": SCHEMA, "revision": 1}
    item |= {"currency": offer.currency, "as_of": offer.as_of}
    return item if offer.cost_minor is None else item | {"cost_minor": offer.cost_minor}


def from_item(item: Mapping[str, Any]) -> Offer:
    """Read an offer back."""
    sku, source = item["PK"].removeprefix("SKU#"), item["SK"].removeprefix("OFFER#")
    return Offer(
        key=LevelKey(Sku(sku), SourceId(source)),
        cost_minor=item.get("cost_minor"),
        currency=item["currency"],
        as_of=item["as_of"],
    )


@dataclass(slots=True)
class Offers:
    """Reads and writes offers, the newest word of a source last."""

    table: Table

    def read(self, wanted: Iterable[LevelKey]) -> dict[LevelKey, Offer]:
        """Read offers, strongly."""
        all_keys = [(self.table.name, keys.offer(key)) for key in wanted]
        found = dynamo.read_all(self.table.client, all_keys, consistent=True).values()
        return {offer.key: offer for offer in map(from_item, found)}

    def write(self, offer: Offer) -> bool:
        """Write an offer over an older one; answer False when the one there is of this time or newer."""
        item = to_item(offer)
        values = {name: value for name, value in item.items() if name not in {"PK", "SK", "revision"}}
        done, _ = self.table.update(
            keys.offer(offer.key),
            {
                "UpdateExpression": "SET revision = if_not_exists(revision, :none) + :one, "
                + ", ".join(f"#{name} = :{name}" for name in values),
                "ConditionExpression": "attribute_not_exists(PK) OR as_of < :as_of",
                "ExpressionAttributeNames": {f"#{name}": name for name in values},
                "ExpressionAttributeValues": attributes.image(
                    {":none": 0, ":one": 1} | {f":{name}": value for name, value in values.items()}
                ),
            },
        )
        return done
