"""Orders as items, and their writes.

`due_shard` and `due_at` stand on an order only while it waits for units, so the index `due` holds nothing else of
orders. Readers accept schema 1; writers write 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.domain.names import ChannelId, OrderKey, Sku, SourceId
from shared.domain.orders import Allocation, Destination, Line, Order
from shared.storage import attributes, keys
from shared.storage.attributes import Image
from shared.storage.dynamo import Action, put_new_action, put_seen_action

SCHEMA = 1

_LINE_COUNTS = ("ordered", "open", "backordered", "cancelled", "price_minor")
_LINE_WORDS = ("promised", "capped", "instead_of")
_ALLOCATION_COUNTS = (
    *("n", "units", "committed", "acked", "rejected", "shipped", "given_back", "limited", "returned", "rerouted"),
)


def to_item(order: Order) -> dict[str, Any]:
    """Write an order as an item; zeros and empty texts are left out, a kilobyte costs."""
    pk, sk = keys.order(order.key)
    item: dict[str, Any] = {
        "PK": pk,
        "SK": sk,
        "entity": "order",
        "schema": SCHEMA,
        "revision": order.revision,
        "channel": order.key.channel,
        "order_id": order.key.order_id,
        "token": order.key.token,
        "name": order.name,
        "version": order.version,
        "placed_at": order.placed_at,
        "currency": order.currency,
        "lines": [
            {"line": line.line, "sku": line.sku}
            | {field: getattr(line, field) for field in (*_LINE_COUNTS, *_LINE_WORDS) if getattr(line, field)}
            for line in order.lines
        ],
        "next_n": order.next_n,
    }
    if order.allocations:
        item["allocations"] = [_allocation(allocation) for allocation in order.allocations]
    place = order.destination
    if place != Destination():
        item["destination"] = {
            "country": place.country,
            "region": place.region,
            "postcode_prefix": place.postcode_prefix,
        } | ({"po_box": True} if place.po_box else {})
    texts = ("attempt", "ship_to", "customer", "hold", "reroute_to", "agreed_until")
    item |= {field: getattr(order, field) for field in texts if getattr(order, field)}
    if order.cancel_wanted:
        item["cancel_wanted"] = True
    if order.due_at:
        item["due_shard"] = keys.due_shard(order.key)
        item["due_at"] = f"{order.due_at}#{pk}"
    return item


def from_item(item: Mapping[str, Any]) -> Order:
    """Read an order back."""
    return Order(
        key=OrderKey(ChannelId(item["channel"]), item["order_id"]),
        name=item["name"],
        version=item["version"],
        placed_at=item["placed_at"],
        currency=item["currency"],
        lines=tuple(
            Line(
                line=line["line"],
                sku=Sku(line["sku"]),
                **{field: line.get(field, 0) for field in _LINE_COUNTS},
                **{field: line[field] for field in _LINE_WORDS if field in line},
            )
            for line in item["lines"]
        ),
        allocations=tuple(
            Allocation(
                line=each["line"],
                source=SourceId(each["source"]),
                sent=each.get("sent", False),
                **{field: each.get(field, 0) for field in _ALLOCATION_COUNTS},
            )
            for each in item.get("allocations", ())
        ),
        destination=Destination(**item.get("destination", {})),
        next_n=item["next_n"],
        attempt=item.get("attempt", ""),
        ship_to=item.get("ship_to", ""),
        customer=item.get("customer", ""),
        hold=item.get("hold", ""),
        reroute_to=item.get("reroute_to", ""),
        agreed_until=item.get("agreed_until", ""),
        cancel_wanted=item.get("cancel_wanted", False),
        revision=item["revision"],
        due_at=item.get("due_at", "").partition("#")[0],
    )


def read_image(image: Image) -> Order:
    """Read an order from an item as the API or a stream carries it."""
    return from_item(attributes.values(image))


def put_new(table: str, order: Order) -> Action:
    """Record an order that is not there yet; a tombstone, or the order itself, refuses it."""
    return put_new_action(order.key, table, to_item(order), read_image)


def put_seen(table: str, order: Order, seen: Order) -> Action:
    """Write an order over the revision it was derived from. Its own revision must be the next."""
    if order.revision != seen.revision + 1:
        raise ValueError("a write of an order must raise its revision by one")
    return put_seen_action(order.key, table, to_item(order), seen.revision, read_image)


def _allocation(allocation: Allocation) -> dict[str, Any]:
    item: dict[str, Any] = {"line": allocation.line, "source": allocation.source}
    item |= {field: getattr(allocation, field) for field in _ALLOCATION_COUNTS if getattr(allocation, field)}
    if allocation.sent:
        item["sent"] = True
    return item
