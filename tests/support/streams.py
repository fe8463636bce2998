"""What a table's stream tells, and a table that keeps what is written because of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.orders import Order
from shared.domain.stock import Level
from shared.flows.changes import Change
from shared.storage import attributes, levels, orders
from shared.storage.attributes import Image
from shared.storage.keys import Key


@dataclass
class FakeTable:
    """Keeps what is put, and notes what was updated; `waiting` are partitions that a query finds something in.

    `failure` is what a batch write raises.
    """

    items: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    updated: list[Key] = field(default_factory=list)
    waiting: tuple[str, ...] = ()
    failure: Exception | None = None

    def write_all(self, items: Sequence[Mapping[str, Any]]) -> None:
        if self.failure:
            raise self.failure
        written = [Key(item["PK"], item["SK"]) for item in items]
        assert len(set(written)) == len(written)  # a batch write refuses the same key twice
        self.items |= dict(zip(written, items, strict=True))

    def put(self, item: Mapping[str, Any]) -> None:
        self.items[Key(item["PK"], item["SK"])] = item

    def put_new(self, item: Mapping[str, Any]) -> bool:
        self.items.setdefault(Key(item["PK"], item["SK"]), item)
        return True

    def delete(self, key: Key) -> bool:
        self.items.pop(key, None)
        return True

    def get(self, key: Key) -> Mapping[str, Any] | None:
        return self.items.get(key)

    def update(self, key: Key, _request: Mapping[str, Any]) -> tuple[bool, None]:
        self.updated.append(key)
        return True, None

    def query(self, _condition: str, names: Mapping[str, Any], *, limit: int) -> Iterator[dict[str, Any]]:
        yield from [{"PK": names[":pk"]}] * limit if names[":pk"] in self.waiting else []

    def keys(self, prefix: str) -> list[Key]:
        """Keys of partitions that begin so, in order."""
        return sorted(key for key in self.items if key.pk.startswith(prefix))


def of_level(before: Level | None, after: Level) -> Change:
    return _change(*(attributes.image(levels.to_item(level)) if level else None for level in (before, after)))


def of_order(before: Order | None, after: Order) -> Change:
    return _change(*(attributes.image(orders.to_item(order)) if order else None for order in (before, after)))


def _change(old: Image | None, new: Image | None) -> Change:
    assert new is not None
    return Change(key={"PK": new["PK"], "SK": new["SK"]}, old=old, new=new)
