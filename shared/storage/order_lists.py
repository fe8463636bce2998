"""What lies beside orders so that they are found: lists, other names, lines that wait, and the index of due work.

All of it is derived from orders and purchase orders, by key, so writing it twice writes the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from shared.domain import times
from shared.domain.names import OrderKey, order_key
from shared.domain.orders import Line, Order
from shared.domain.purchase_orders import PurchaseOrder
from shared.storage import keys
from shared.storage.dynamo import Table
from shared.storage.keys import Key

SCHEMA = 1

_AFTER_HASH = "$"
"""The character after `#`, which ends the time in `due_at`: a time is due from its own millisecond on."""


def listed(order: Order) -> dict[str, Any]:
    """Write an order's entry among those of its state and day."""
    return _entry("listed", keys.listed(order.state, order.placed_at, order.key), order.key)


def references(order: Order) -> list[dict[str, Any]]:
    """Write the entries under which an order is found by its token and by its name, if it has one."""
    names = {"token": order.key.token, "name": order.name}
    return [_entry("reference", keys.reference(kind, value), order.key) for kind, value in names.items() if value]


def waiting(order: Order, line: Line) -> dict[str, Any]:
    """Write a line's entry among those that wait for its SKU."""
    return _entry("backorder", keys.backorder(line.sku, order.placed_at, order.key, line.line), order.key)


def purchase_order_entries(po: PurchaseOrder) -> list[dict[str, Any]]:
    """Write the entries under which a purchase order is found by its number, and by its supplier and month."""
    about = {"source_id": po.source, "n": po.n}
    return [
        _entry("reference", keys.reference("po", po.number), po.order) | about,
        _entry("supplier_entry", keys.supplier_list(po.source, po.made_at, po.number), po.order) | about,
    ]


def key_of(entry: dict[str, Any]) -> Key:
    """Return the key of an entry."""
    return Key(entry["PK"], entry["SK"])


def keep(table: Table, key: Key) -> None:
    """Take the expiry off an item that an order now names, if it is there."""
    table.update(key, {"UpdateExpression": "REMOVE expires_at", "ConditionExpression": "attribute_exists(PK)"})


def order_of(key: Key) -> OrderKey | None:
    """Name the order that an order's or a purchase order's item belongs to; None for any other item.

    Raises InvalidInput for a key that no order of ours has.
    """
    if key.sk != "ORD" and not key.sk.startswith("PO#"):
        return None
    return order_key(key.pk.removeprefix("ORD#"))


def due(table: Table, now: datetime, most: int) -> Iterator[Key]:
    """Yield the keys of orders and purchase orders that are due, at most so many, as many from each shard."""
    until = times.text(now) + _AFTER_HASH
    for shard in range(keys.DUE_SHARDS):
        names = {":shard": f"DUE#{shard}", ":until": until}
        condition = "due_shard = :shard AND due_at < :until"
        for item in table.query(condition, names, index="due", limit=most // keys.DUE_SHARDS):
            yield key_of(item)


def _entry(entity: str, key: Key, order: OrderKey) -> dict[str, Any]:
    return {"PK": key.pk, "SK": key.sk, "entity": entity, "schema": SCHEMA, "revision": 1, "order": str(order)}
