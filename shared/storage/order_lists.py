"""What is written from orders and purchase orders so that they are found: lists, references, who waits for a SKU.

Each item is derived from one image alone, so it can be written again at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.domain.names import ChannelId, OrderKey
from shared.domain.orders import HELD, Line, LineState, Order
from shared.domain.purchase_orders import PurchaseOrder
from shared.storage import attributes, keys
from shared.storage.dynamo import Table
from shared.storage.keys import Key

SCHEMA = 1
_OPEN, _RESERVED, _SENT, _ACCEPTED, _SHIPPED, _BACK, _CANCELLED = LineState
IN_ORDER = (HELD, _OPEN, _BACK, _RESERVED, _SENT, _ACCEPTED, _SHIPPED, _CANCELLED)
"""States of a whole order, as they usually follow each other."""

Items = dict[Key, dict[str, Any]]


def of_order(order: Order) -> Items:
    """List an order by state, by its other names, and by the SKUs it waits for."""
    key = order.key
    items = _items(
        _item(
            keys.listed(order.state, order.placed_at, key),
            "listed_order",
            key,
            name=order.name,
            state=order.state,
            placed_at=order.placed_at,
        ),
        _reference("token", key.token, key),
    )
    if order.name:  # two shops may both have an order #1001
        items |= _items(_reference("name", f"{key.channel}#{order.name}", key))
    for at, line in waiting(order).items():
        items[at] = _item(at, "backorder", key, line=line.line, units=line.backordered)
    return items


def waiting(order: Order) -> dict[Key, Line]:
    """Name the lines that wait for a SKU, by the key that says so."""
    lines = (line for line in order.lines if line.backordered)
    return {keys.backorder(line.sku, order.placed_at, order.key, line.line): line for line in lines}


def of_purchase_order(po: PurchaseOrder) -> Items:
    """List a purchase order by its supplier and month, and by its number."""
    listed = keys.supplier_list(po.source, po.made_at, po.number)
    return _items(
        _item(listed, "listed_purchase_order", po.order, source_id=po.source, n=po.n, number=po.number),
        _reference("po", po.number, po.order),
    )


def placed_on(table: Table, day: str) -> list[OrderKey]:
    """List the orders placed on a day (UTC), each once.

    States are read in the order in which an order goes through them, so that one that moves meanwhile is not missed.
    """
    found: dict[OrderKey, None] = {}
    for state in IN_ORDER:
        pk = keys.listed(state, day, OrderKey(ChannelId(""), "")).pk
        for item in table.query("PK = :pk", {":pk": pk}):
            found[OrderKey(ChannelId(item["channel"]), item["order_id"])] = None
    return list(found)


def beside(order: Order) -> list[Key]:
    """Name the plan and the address that an order names: they expire unless it does."""
    key = order.key
    named = [keys.plan(key, order.attempt)] if order.attempt else []
    return [*named, keys.ship_to(key, order.ship_to)] if order.ship_to else named


def keep(table: Table, at: Key) -> None:
    """Let an item stay; what has gone already is not made again."""
    table.update(at, {"UpdateExpression": "REMOVE expires_at", "ConditionExpression": "attribute_exists(PK)"})


def let_expire(table: Table, at: Key, expires_at: int) -> None:
    """Let an item go at a time, in seconds since 1970; what has gone already is not made again."""
    request: dict[str, Any] = {
        "UpdateExpression": "SET expires_at = :at",
        "ConditionExpression": "attribute_exists(PK)",
        "ExpressionAttributeValues": attributes.image({":at": expires_at}),
    }
    table.update(at, request)


def find(table: Table, kind: str, value: str) -> OrderKey | None:
    """Find an order by another of its names; None when no order has it."""
    found = table.get(keys.reference(kind, value))
    return OrderKey(ChannelId(found["channel"]), found["order_id"]) if found else None


def claim_likeness(table: Table, likeness: str, order: OrderKey, until: int, now: int) -> OrderKey | None:
    """Be the first order of a likeness; answer which one of another channel is, where one is.

    `until` and `now`: epoch seconds; a claim that is over is taken over.
    """
    item = _reference("twin", likeness, order) | {"expires_at": until}
    values = {name: value for name, value in item.items() if name not in {"PK", "SK"}}
    done, found = table.update(
        keys.reference("twin", likeness),
        {
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            "ConditionExpression": "attribute_not_exists(PK) OR expires_at <= :now",
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": attributes.image(
                {":now": now} | {f":{name}": value for name, value in values.items()}
            ),
        },
    )
    return None if done or not found else _of_another(found, order)


def claimed_by_another(table: Table, likeness: str, order: OrderKey, now: int) -> OrderKey | None:
    """Answer which order of another channel has a likeness already."""
    found = table.get(keys.reference("twin", likeness))
    return _of_another(found, order) if found and found["expires_at"] > now else None


def _of_another(found: Mapping[str, Any], order: OrderKey) -> OrderKey | None:
    first = OrderKey(ChannelId(found["channel"]), found["order_id"])
    return first if first.channel != order.channel else None


def _reference(kind: str, value: str, key: OrderKey) -> dict[str, Any]:
    return _item(keys.reference(kind, value), "reference", key)


def _item(at: Key, entity: str, key: OrderKey, **told: object) -> dict[str, Any]:
    about = {"entity": entity, "schema": SCHEMA, "revision": 1, "channel": key.channel, "order_id": key.order_id}
    return {"PK": at.pk, "SK": at.sk} | about | told


def _items(*items: dict[str, Any]) -> Items:
    return {Key(item["PK"], item["SK"]): item for item in items}
