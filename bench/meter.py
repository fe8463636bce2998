"""Count what DynamoDB would bill. Emulators report wrong units, so the rules are applied to the items themselves.

Rules (DynamoDB developer guide, read and write capacity):

- A write costs ceil(max(size before, size after) / 1 KB) units, at least 1; in a transaction twice that.
- A failed condition costs a write of the item it met, at least 1; a cancelled transaction costs that twice for each
  of its actions. A condition check costs what a write of its item would.
- An index entry costs ceil(its size / 1 KB) when it appears, changes in a projected attribute or goes away, both the
  old and the new one when an indexed key changes, nothing when it stays as it is; in a transaction no more than that.
- A read costs ceil(size / 4 KB) units, at least 1 also when nothing is there; half when eventually consistent, twice
  in a transaction. A query rounds the sum of what it found, a batch each of its items.
- An item's size is its names and values: text and names as UTF-8, binary as it is, a number one byte for every two
  significant digits and one more (and one for a minus), true, false and null one, a list or map three and one more
  for each element; a set of numbers is its numbers.

A call that fails for any other reason costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

Item = Mapping[str, Any]
KB = 1024
READ_STEP = 4 * KB
MET_A_CONDITION = {"ConditionalCheckFailedException", "TransactionCanceledException"}
NO_RULE = {"ProjectionExpression", "FilterExpression", "Select"}


@dataclass(slots=True)
class Bill:
    """Units and calls so far; `by_entity` are write units by the item's own attribute of that name."""

    write_units: float = 0
    read_units: float = 0
    calls: int = 0
    by_entity: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Index:
    """An index's key, and what it projects beside the table's key; None is all of it."""

    key: tuple[str, ...]
    projected: frozenset[str] | None

    def entry(self, item: Item | None) -> Item | None:
        """Return the part of an item that the index holds, None where it holds none."""
        if item is None or not all(name in item for name in self.key):
            return None
        return {name: value for name, value in item.items() if self.projected is None or name in self.projected}


@dataclass(frozen=True, slots=True)
class Shape:
    """A table's key and indexes."""

    key: tuple[str, ...]
    indexes: tuple[Index, ...]

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Shape:
        """Read what `DescribeTable` says."""
        key = _names(description)
        indexes = []
        for index in description.get("GlobalSecondaryIndexes", []):
            projection = index["Projection"]
            names = frozenset({*key, *_names(index), *projection.get("NonKeyAttributes", [])})
            indexes.append(Index(_names(index), None if projection["ProjectionType"] == "ALL" else names))
        return cls(key, tuple(indexes))


class Metered:
    """A DynamoDB client that counts; the reads it makes around each write are not counted."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - any DynamoDB client
        self._client = client
        self._shapes: dict[str, Shape] = {}
        self.bill = Bill()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the client's call, counted."""
        call = getattr(self._client, name)

        def counted(**request: Any) -> Any:  # noqa: ANN401 - whatever the client answers
            self.bill.calls += 1
            match name:
                case "transact_write_items":
                    writes = [each for item in request["TransactItems"] for each in item.items()]
                    return self._written(call, request, writes, factor=2)
                case "put_item" | "update_item" | "delete_item":
                    return self._written(call, request, [(name.removesuffix("_item").title(), request)], factor=1)
                case "batch_write_item":
                    writes = [
                        (verb.removesuffix("Request"), {"TableName": table, **write})
                        for table, wanted in request["RequestItems"].items()
                        for each in wanted
                        for verb, write in each.items()
                    ]
                    return self._written(call, request, writes, factor=1)
                case "batch_get_item":
                    return self._batch_read(call, request)
                case "get_item" | "query":
                    return self._read(call, request)
                case "transact_get_items":
                    answer = call(**request)
                    for found in answer["Responses"]:
                        self.bill.read_units += 2 * read_steps(size(found.get("Item", {})))
                    return answer
                case _:
                    raise NotImplementedError(f"the meter has no rule for {name}")

        return counted

    def _written(
        self, call: Callable[..., Any], request: dict[str, Any], writes: Sequence[tuple[str, Item]], *, factor: int
    ) -> Any:  # noqa: ANN401 - whatever the client answers
        before = [self._item(write) for _, write in writes]
        try:
            answer = call(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] in MET_A_CONDITION:
                for item in before:
                    self._charge(factor * write_units(item, None), item)
            raise
        for (verb, write), old in zip(writes, before, strict=True):
            if verb == "ConditionCheck":
                self._charge(factor * write_units(old, None), old)
                continue
            new = self._item(write)
            indexes = index_units(self._shape(write["TableName"]).indexes, old, new)
            self._charge(factor * write_units(old, new) + indexes, new or old)
        return answer

    def _charge(self, units: float, item: Item | None) -> None:
        entity = (item or {}).get("entity", {"S": "?"})["S"]
        self.bill.write_units += units
        self.bill.by_entity[entity] = self.bill.by_entity.get(entity, 0) + units

    def _shape(self, table: str) -> Shape:
        if table not in self._shapes:
            self._shapes[table] = Shape.of(self._client.describe_table(TableName=table)["Table"])
        return self._shapes[table]

    def _item(self, write: Item) -> Item | None:
        table = write["TableName"]
        key = write.get("Key") or {name: write["Item"][name] for name in self._shape(table).key}
        found: Item | None = self._client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return found

    def _batch_read(self, call: Callable[..., Any], request: dict[str, Any]) -> Any:  # noqa: ANN401
        answer = call(**request)
        for table, asked in request["RequestItems"].items():
            found = answer["Responses"].get(table, [])
            unread = answer.get("UnprocessedKeys", {}).get(table, {"Keys": []})["Keys"]
            absent = len(asked["Keys"]) - len(unread) - len(found)
            steps = sum(read_steps(size(item)) for item in found) + absent
            self.bill.read_units += steps * _consistency(asked)
        return answer

    def _read(self, call: Callable[..., Any], request: dict[str, Any]) -> Any:  # noqa: ANN401
        answer = call(**request)
        items = answer["Items"] if "Items" in answer else [answer.get("Item", {})]
        self.bill.read_units += read_steps(sum(size(item) for item in items)) * _consistency(request)
        return answer


def size(item: Item) -> int:
    """Size of an item in bytes."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def write_units(before: Item | None, after: Item | None) -> int:
    """Units of one write outside a transaction."""
    return max(math.ceil(max(size(before or {}), size(after or {})) / KB), 1)


def index_units(indexes: Iterable[Index], before: Item | None, after: Item | None) -> int:
    """Units of the indexes for one write."""
    units = 0
    for index in indexes:
        old, new = index.entry(before), index.entry(after)
        if old == new:
            continue
        if old and new and all(old[name] == new[name] for name in index.key):
            units += write_units(old, new)
        else:
            units += sum(write_units(entry, None) for entry in (old, new) if entry)
    return units


def read_steps(size_in_bytes: int) -> int:
    """Count the steps of 4 KB of one read; nothing found still is one."""
    return max(math.ceil(size_in_bytes / READ_STEP), 1)


def _consistency(request: Mapping[str, Any]) -> float:
    if without_rule := NO_RULE & request.keys():
        raise NotImplementedError(f"the meter has no rule for reads with {', '.join(sorted(without_rule))}")
    return 1 if request.get("ConsistentRead") else 0.5


def _names(described: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(each["AttributeName"] for each in described["KeySchema"])


def _value_size(value: Item) -> int:
    ((kind, inner),) = value.items()
    match kind:
        case "S":
            return len(str(inner).encode())
        case "N":
            digits = str(inner).lower().partition("e")[0].lstrip("-+").replace(".", "").strip("0")
            return (len(digits) + 1) // 2 + 1 + int(inner.startswith("-"))
        case "NS":
            return sum(_value_size({"N": each}) for each in inner)
        case "B":
            return len(bytes(inner))
        case "BOOL" | "NULL":
            return 1
        case "L" | "M":
            held = inner.items() if kind == "M" else (("", each) for each in inner)
            return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in held)
        case _:
            raise NotImplementedError(f"the meter has no rule for values of type {kind}")
