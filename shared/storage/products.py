"""Products as items, written as a difference: what did not change costs no write.

Readers accept schema 1; writers write 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.names import ChannelId, Sku
from shared.domain.products import Product
from shared.storage import dynamo, keys, ledger
from shared.storage.dynamo import Table

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """What a push would change: products that are new, those that differ, and how many stay as they are."""

    new: tuple[Product, ...]
    changed: tuple[Product, ...]
    unchanged: int


@dataclass(slots=True)
class Products:
    """Reads and writes products in the stock table."""

    table: Table

    def difference(self, wanted: Iterable[Product]) -> Difference:
        """Compare with what is there. Products that are not named stay: facts are never deleted by absence."""
        products = list(wanted)
        there = dynamo.read_all(
            self.table.client, [(self.table.name, keys.item(product.sku)) for product in products], consistent=True
        )
        known = {found.sku: found for found in map(from_item, there.values())}
        return Difference(
            new=tuple(product for product in products if product.sku not in known),
            changed=tuple(product for product in products if known.get(product.sku, product) != product),
            unchanged=sum(known.get(product.sku) == product for product in products),
        )

    def push(self, difference: Difference) -> None:
        """Write a difference."""
        items = [to_item(product) for product in difference.new + difference.changed]
        self.table.write_all(items + [ledger.catalogue_item(product.sku) for product in difference.new])


def to_item(product: Product) -> dict[str, Any]:
    """Write a product as an item."""
    pk, sk = keys.item(product.sku)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "product", "schema": SCHEMA, "revision": 1}
    return item | {"title": product.title, "inventory_items": dict(product.inventory_items)}


def from_item(item: Mapping[str, Any]) -> Product:
    """Read a product back."""
    return Product(
        sku=Sku(item["PK"].removeprefix("SKU#")),
        title=item["title"],
        inventory_items={ChannelId(channel): gid for channel, gid in item["inventory_items"].items()},
    )
