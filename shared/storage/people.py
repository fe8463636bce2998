"""Whose an order is, by a keyed hash; what is to be erased, and the record that it was.

None of it holds personal data: hashes, ids and counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.customers import Erasure, State
from shared.domain.names import ChannelId, OrderKey, order_key
from shared.domain.orders import Order
from shared.errors import Conflict
from shared.storage import dynamo, keys, orders
from shared.storage.dynamo import Action, Table, Transactions

SCHEMA = 1
NO_ORDER = OrderKey(ChannelId(""), "")

_TEXTS = ("channel", "day", "archive_key", "asked_at", "done_at")
_COUNTS = ("orders", "objects", "rows")


def customer_item(order: Order) -> dict[str, Any]:
    """Write that an order is its customer's."""
    pk, sk = keys.of_customer(order.customer, order.key)
    return {"PK": pk, "SK": sk, "entity": "order_of_customer", "schema": SCHEMA, "revision": 1}


@dataclass(slots=True)
class People:
    """Finds a customer's orders, forgets whose an order was, and keeps erasures, in the order table."""

    table: Table

    def orders_of(self, names: Sequence[str], channel: str = "") -> Iterator[OrderKey]:
        """Yield the orders of a customer, on one channel or on all."""
        for each in names:
            pk = keys.of_customer(each, NO_ORDER).pk
            if channel:
                found = self.table.query(
                    "PK = :pk AND begins_with(SK, :channel)", {":pk": pk, ":channel": f"{channel}#"}, consistent=True
                )
            else:
                found = self.table.query("PK = :pk", {":pk": pk}, consistent=True)
            for item in found:
                yield order_key(item["SK"])

    def addresses(self, key: OrderKey) -> list[dict[str, Any]]:
        """Read every address that lies beside an order: a plan that lost its race left one, too."""
        names = {":pk": keys.order(key).pk, ":at": "SHIPTO#"}
        return list(self.table.query("PK = :pk AND begins_with(SK, :at)", names, consistent=True))

    def forget(self, key: OrderKey, order: Order | None, names: Sequence[str]) -> int:
        """Delete an order's addresses, and in one transaction whose it was; return how many items there were.

        Raises Conflict when the order has changed since it was read.
        """
        addresses = self.addresses(key)
        for item in addresses:
            self.table.delete(keys.Key(item["PK"], item["SK"]))
        called = dict.fromkeys([*names, order.customer] if order and order.customer else names)
        rows = [at for each in called if self.table.get(at := keys.of_customer(each, key))]
        actions: list[Action] = [dynamo.delete_action(at, self.table.name, at) for at in rows]
        if order and (order.customer or order.ship_to):
            forgotten = replace(order, customer="", ship_to="", revision=order.revision + 1)
            actions.append(orders.put_seen(self.table.name, forgotten, order))
        if actions and not Transactions(self.table.client).commit(actions).is_done:
            raise Conflict("an order to be erased has changed", code="order_changed", order=str(key))
        return len(addresses) + len(rows)

    # ---- erasures

    def erasure(self, erasure_id: str) -> Erasure | None:
        """Read an erasure, strongly."""
        found = self.table.get(keys.erasure(erasure_id))
        return from_item(found) if found else None

    def ask(self, wanted: Erasure) -> bool:
        """Record an erasure, and anew one that was done; answer False for one that is under way."""
        if self.table.put_new(to_item(wanted)):
            return True
        there = self.erasure(wanted.erasure)
        if there is None or there.state is not State.DONE:
            return False
        counts = {field: getattr(there, field) for field in _COUNTS}
        return self.table.put_seen(to_item(replace(wanted, revision=there.revision + 1, **counts)), there.revision)

    def put(self, erasure: Erasure) -> Erasure:
        """Write an erasure over the one it was derived from. Raises Conflict when someone wrote it since."""
        written = replace(erasure, revision=erasure.revision + 1)
        if not self.table.put_seen(to_item(written), erasure.revision):
            raise Conflict("an erasure has changed", code="erasure_changed", erasure=erasure.erasure)
        return written


def to_item(erasure: Erasure) -> dict[str, Any]:
    """Write an erasure as an item; it is in the index `due` as long as something is left to do."""
    pk, sk = keys.erasure(erasure.erasure)
    item: dict[str, Any] = {
        "PK": pk,
        "SK": sk,
        "entity": "erasure",
        "schema": SCHEMA,
        "revision": erasure.revision,
        "state": erasure.state.value,
        "names": list(erasure.names),
        "left": [str(each) for each in erasure.left],
        "waiting": [str(each) for each in erasure.waiting],
        "is_of_shop": erasure.is_of_shop,
    }
    item |= {field: getattr(erasure, field) for field in _TEXTS + _COUNTS if getattr(erasure, field)}
    if erasure.due_at:
        item |= {"due_shard": keys.due_shard(erasure.erasure), "due_at": f"{erasure.due_at}#{pk}"}
    return item


def from_item(item: Mapping[str, Any]) -> Erasure:
    """Read an erasure back."""
    return Erasure(
        erasure=item["PK"].removeprefix("ERASE#"),
        state=State(item["state"]),
        names=tuple(item["names"]),
        left=tuple(map(order_key, item["left"])),
        waiting=tuple(map(order_key, item["waiting"])),
        is_of_shop=item["is_of_shop"],
        due_at=item.get("due_at", "").partition("#")[0],
        revision=item["revision"],
        **{field: item.get(field, "") for field in _TEXTS},
        **{field: item.get(field, 0) for field in _COUNTS},
    )
