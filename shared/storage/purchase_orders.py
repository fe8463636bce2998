"""Purchase orders as items, and their writes. Readers accept schema 1; writers write 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.domain.names import ChannelId, OrderKey, Sku, SourceId
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.storage import attributes, keys
from shared.storage.attributes import Image
from shared.storage.dynamo import Action, put_seen_action
from shared.storage.keys import Key

SCHEMA = 1

_TEXTS = ("claimed_by", "claimed_until", "made_at", "sent_at", "sent_by", "cancel_at", "shipped_at", "batch")
_NUMBERS = ("control", "cancel_control")
_FLAGS = ("cancel_wanted", "cancel_told")


def key(po: PurchaseOrder) -> Key:
    """Return the key of a purchase order."""
    return keys.purchase_order(po.order, po.source, po.n)


def to_item(po: PurchaseOrder) -> dict[str, Any]:
    """Write a purchase order as an item."""
    pk, sk = key(po)
    item: dict[str, Any] = {
        "PK": pk,
        "SK": sk,
        "entity": "purchase_order",
        "schema": SCHEMA,
        "revision": po.revision,
        "channel": po.order.channel,
        "order_id": po.order.order_id,
        "source_id": po.source,
        "n": po.n,
        "number": po.number,
        "state": po.state.value,
        "lines": [_line_values(line) for line in po.lines],
    }
    item |= {field: getattr(po, field) for field in _TEXTS + _NUMBERS + _FLAGS if getattr(po, field)}
    if po.due_at:
        item["due_shard"] = keys.due_shard(po.order)
        item["due_at"] = f"{po.due_at}#{pk}#{sk}"
    return item


def from_item(item: Mapping[str, Any]) -> PurchaseOrder:
    """Read a purchase order back."""
    return PurchaseOrder(
        order=OrderKey(ChannelId(item["channel"]), item["order_id"]),
        source=SourceId(item["source_id"]),
        n=item["n"],
        number=item["number"],
        lines=tuple(_line(each) for each in item["lines"]),
        state=PoState(item["state"]),
        due_at=item.get("due_at", "").partition("#")[0],
        revision=item["revision"],
        **{field: item.get(field, "") for field in _TEXTS},
        **{field: item.get(field, 0) for field in _NUMBERS},
        **{field: item.get(field, False) for field in _FLAGS},
    )


def read_image(image: Image) -> PurchaseOrder:
    """Read a purchase order from an item as the API or a stream carries it."""
    return from_item(attributes.values(image))


def put_seen(table: str, po: PurchaseOrder, seen: PurchaseOrder) -> Action:
    """Write a purchase order over the revision it was derived from. Its own revision must be the next."""
    if po.revision != seen.revision + 1:
        raise ValueError("a write of a purchase order must raise its revision by one")
    return put_seen_action(key(po), table, to_item(po), seen.revision, read_image)


def _line_values(line: PoLine) -> dict[str, Any]:
    values: dict[str, Any] = {"line": line.line, "sku": line.sku, "units": line.units}
    return values | {"code": line.code, "pack": line.pack} if line.code else values


def _line(values: Mapping[str, Any]) -> PoLine:
    return PoLine(
        line=values["line"],
        sku=Sku(values["sku"]),
        units=values["units"],
        code=values.get("code", ""),
        pack=values.get("pack", 1),
    )
