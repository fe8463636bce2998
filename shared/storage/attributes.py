"""Plain values <-> DynamoDB's attribute values.

Text, whole numbers, sets of them, truth values, lists and tables of them: all that our items hold. A float is refused,
it cannot be exact. boto3's own serializer gives Decimals and costs four times the time of an order's write, hence this
small one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Image = dict[str, Any]
"""An item as DynamoDB's API and streams carry it: name -> {"S": ...}."""


def write(value: object) -> dict[str, Any]:  # noqa: PLR0911 - one for each type
    """Write one value. Raises TypeError for what an item cannot hold."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": {str(key): write(each) for key, each in value.items()}}
        case frozenset() if value:
            return {"NS": sorted(str(int(each)) for each in value)}
        case list() | tuple():
            return {"L": [write(each) for each in value]}
        case _:
            raise TypeError(f"an item cannot hold a {type(value).__name__}")


def read(attribute: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the codec of the entity knows the type
    """Read one value back. Raises TypeError for types that we never write."""
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value)
        case "B":
            return bytes(value)
        case "M":
            return {key: read(each) for key, each in value.items()}
        case "NS":
            return frozenset(map(int, value))
        case "L":
            return [read(each) for each in value]
        case _:
            raise TypeError(f"an item of ours holds no {kind}")


def image(values: Mapping[str, object]) -> Image:
    """Write an item."""
    return {key: write(value) for key, value in values.items()}


def values(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Read an item."""
    return {key: read(attribute) for key, attribute in item.items()}
