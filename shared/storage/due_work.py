"""What is due, by the index `due`: orders that wait for units, purchase orders that wait for anything, erasures."""

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


@dataclass(frozen=True, slots=True)
class DueErasure:
    """An erasure that is to be gone on with."""

    erasure: str


def due(table: Table, now: str, most: int) -> Iterator[Due | DueErasure]:
    """Yield what is due, the longest due of each shard first, at most an equal share of `most` a shard.

    The index lags behind its table: what it says was due is read again before anything is done about it.
    """
    for shard in range(keys.DUE_SHARDS):
        # An entry begins with its time and `#`; `$` is the next character, so entries of this very moment are in.
        names = {":shard": f"DUE#{shard}", ":now": f"{now}$"}
        found = table.query("due_shard = :shard AND due_at < :now", names, index="due", limit=most // keys.DUE_SHARDS)
        for item in found:
            entity, _, erasure = item["PK"].partition("#")
            if entity == "ERASE":
                yield DueErasure(erasure)
            else:
                yield Due(keys.order_of(item["PK"]), is_order=item["SK"] == "ORD")
