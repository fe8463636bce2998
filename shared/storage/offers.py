"""Offers as items. Readers accept schema 1; writers write 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.domain.names import LevelKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.storage import keys

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
