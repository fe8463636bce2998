"""Batches as items. Readers accept schema 1; writers write 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.batches import Batch, BatchState, Member
from shared.domain.names import ChannelId, OrderKey, SourceId
from shared.storage import keys
from shared.storage.dynamo import Table

SCHEMA = 1
_TEXTS = ("number", "claimed_by", "claimed_until", "sent_by", "made_at", "control", "retry_at", "revision")


@dataclass(slots=True)
class Batches:
    """Reads and writes batches in the order table, each over the revision that was seen."""

    table: Table

    def read(self, source: SourceId, number: str) -> Batch | None:
        """Read one, strongly."""
        found = self.table.get(keys.batch(source, number))
        return from_item(found) if found else None

    def open(self, batch: Batch) -> bool:
        """Put a new one; answer False when its number is taken."""
        return self.table.put_new(to_item(batch))

    def change(self, after: Batch) -> bool:
        """Write one over the revision before its own; answer False when someone wrote it since."""
        return self.table.put_seen(to_item(after), after.revision - 1)


def to_item(batch: Batch) -> dict[str, Any]:
    """Write a batch as an item."""
    pk, sk = keys.batch(batch.source, batch.number)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "batch", "schema": SCHEMA, "source": batch.source}
    item |= {field: getattr(batch, field) for field in _TEXTS}
    members = {"candidates": _written(batch.candidates), "members": _written(batch.members)}
    return item | {"state": batch.state.value} | members


def from_item(item: Mapping[str, Any]) -> Batch:
    """Read a batch back."""
    return Batch(
        source=SourceId(item["source"]),
        state=BatchState(item["state"]),
        candidates=_read(item["candidates"]),
        members=_read(item["members"]),
        **{field: item[field] for field in _TEXTS},
    )


def _written(members: Iterable[Member]) -> list[dict[str, Any]]:
    return [{"channel": each.order.channel, "order_id": each.order.order_id, "n": each.n} for each in members]


def _read(members: Iterable[Mapping[str, Any]]) -> tuple[Member, ...]:
    return tuple(Member(OrderKey(ChannelId(each["channel"]), each["order_id"]), each["n"]) for each in members)
