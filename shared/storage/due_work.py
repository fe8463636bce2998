"""What is due, by the index `due`: orders that wait for units, purchase orders that wait for anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.domain.names import OrderKey
from shared.storage import keys
from shared.storage.dynamo import Table


@dataclass(frozen=True, slots=True)
class Due:
    """An item of an order that is due: the order itself, or one of its purchase orders."""

    order: OrderKey
    is_order: bool


def due(table: Table, now: str, most: int) -> Iterator[Due]:
    """Yield what is due, the longest due of each shard first, at most an equal share of `most` a shard.

    The index lags behind its table: what it says was due is read again before anything is done about it.
    """
    for shard in range(keys.DUE_SHARDS):
        # An entry begins with its time and `#`; `$` is the next character, so entries of this very moment are in.
        names = {":shard": f"DUE#{shard}", ":now": f"{now}$"}
        found = table.query("due_shard = :shard AND due_at < :now", names, index="due", limit=most // keys.DUE_SHARDS)
        for item in found:
            yield Due(keys.order_of(item["PK"]), is_order=item["SK"] == "ORD")
