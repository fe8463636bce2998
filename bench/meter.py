"""Count what DynamoDB would bill. Emulators report wrong units, so the rules are applied to the items themselves.

Rules (DynamoDB developer guide, read and write capacity): a write costs ceil(max(size before, size after) / 1 KB)
units, twice that in a transaction; an index pays one unit a projected write, two where an indexed key changes; a
read costs ceil(size / 4 KB), half of it when eventually consistent, twice in a transaction, and one step for an
absent item. An item's size is its names and values in bytes; a number takes one byte for two digits and one more; a
list or table three and one an element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

INDEX_KEYS = (("source", "sku"), ("flag", "since"), ("due_shard", "due_at"))
WRITES = {"Put", "Update", "Delete"}


@dataclass(slots=True)
class Bill:
    """Units and calls so far."""

    write_units: float = 0
    read_units: float = 0
    calls: int = 0
    by_entity: dict[str, float] = field(default_factory=dict)


class Metered:
    """A DynamoDB client that counts; the reads it makes around each write are not counted."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - any DynamoDB client
        self._client = client
        self.bill = Bill()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the client's call, counted."""
        call = getattr(self._client, name)

        def counted(**request: Any) -> Any:  # noqa: ANN401 - whatever the client answers
            self.bill.calls += 1
            match name:
                case "transact_write_items":
                    writes = [(v, each) for item in request["TransactItems"] for v, each in item.items()]
                    return self._written(call, request, writes, factor=2)
                case "put_item" | "update_item" | "delete_item":
                    return self._written(call, request, [(name.removesuffix("_item").title(), request)], factor=1)
                case "batch_write_item":
                    items = [
                        (table, put["PutRequest"]) for table, puts in request["RequestItems"].items() for put in puts
                    ]
                    writes = [("Put", {"TableName": table, **put}) for table, put in items]
                    return self._written(call, request, writes, factor=1)
                case "batch_get_item":
                    return self._batch_read(call, request)
                case "get_item" | "query":
                    return self._read(call, request)
                case _:
                    raise NotImplementedError(f"the meter has no rule for {name}")

        return counted

    def _written(
        self, call: Callable[..., Any], request: dict[str, Any], writes: list[tuple[str, Any]], *, factor: int
    ) -> Any:  # noqa: ANN401 - whatever the client answers
        before = [self._item(write) for _, write in writes]
        answer = call(**request)
        for (verb, write), old in zip(writes, before, strict=True):
            if verb not in WRITES:
                continue
            new = self._item(write)
            units = factor * write_units(old, new) + index_units(old, new)
            self.bill.write_units += units
            entity = (new or old or {}).get("entity", {"S": "?"})["S"]
            self.bill.by_entity[entity] = self.bill.by_entity.get(entity, 0) + units
        return answer

    def _item(self, write: Mapping[str, Any]) -> dict[str, Any] | None:
        key = write.get("Key") or {name: write["Item"][name] for name in ("PK", "SK")}
        found = self._client.get_item(TableName=write["TableName"], Key=key, ConsistentRead=True).get("Item")
        return dict(found) if found else None

    def _batch_read(self, call: Callable[..., Any], request: dict[str, Any]) -> Any:  # noqa: ANN401
        answer = call(**request)
        for table, asked in request["RequestItems"].items():
            found = answer["Responses"].get(table, [])
            steps = sum(read_steps(size(item)) for item in found) + len(asked["Keys"]) - len(found)
            self.bill.read_units += steps * (1 if asked.get("ConsistentRead") else 0.5)
        return answer

    def _read(self, call: Callable[..., Any], request: dict[str, Any]) -> Any:  # noqa: ANN401
        answer = call(**request)
        items = answer["Items"] if "Items" in answer else [answer.get("Item", {})]
        steps = read_steps(sum(size(item) for item in items))
        self.bill.read_units += steps * (1 if request.get("ConsistentRead") else 0.5)
        return answer


def size(item: Mapping[str, Any]) -> int:
    """Size of an item in bytes."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def write_units(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> int:
    """Units of one write outside a transaction."""
    return max(math.ceil(max(size(before or {}), size(after or {})) / 1024), 1)


def index_units(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> int:
    """Units of the keys-only indexes for one write."""
    units = 0
    for keys in INDEX_KEYS:
        old, new = (tuple(repr((item or {}).get(key)) for key in keys) for item in (before, after))
        is_old, is_new = (all(key in (item or {}) for key in keys) for item in (before, after))
        if old != new:
            units += int(is_old) + int(is_new)
    return units


def read_steps(size_in_bytes: int) -> int:
    """Count the steps of 4 KB of one read; nothing found still is one."""
    return max(math.ceil(size_in_bytes / 4096), 1)


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, inner),) = value.items()
    match kind:
        case "S":
            return len(str(inner).encode())
        case "N":
            digits = str(inner).strip("-").strip("0")
            return (len(digits) + 1) // 2 + 1 + str(inner).startswith("-")
        case "B":
            return len(bytes(inner))
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_size(each) for each in inner)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in inner.items())
        case _:
            raise NotImplementedError(kind)
