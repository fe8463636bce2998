"""How many units wait under a cap, moved in the transaction of the order that moves them.

The order's own condition makes it once. More may wait only while the cap has room for them: the condition is the check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.domain.names import CapKey
from shared.storage import attributes, keys
from shared.storage.attributes import Image
from shared.storage.dynamo import Action, update_action

SCHEMA = 1


def move(table: str, cap: CapKey, units: int, most: int | None = None) -> Action:
    """Let so many more units wait, or fewer; up to `most`, where that is said."""
    values: dict[str, object] = {":units": units, ":zero": 0, ":one": 1, ":entity": "waiting", ":schema": SCHEMA}
    condition = {}
    if most is not None:
        values[":room"] = most - units
        condition["ConditionExpression"] = "attribute_not_exists(PK) OR units <= :room"
    request = condition | {
        "UpdateExpression": "SET units = if_not_exists(units, :zero) + :units, entity = :entity, #schema = :schema, "
        "revision = if_not_exists(revision, :zero) + :one",
        "ExpressionAttributeNames": {"#schema": "schema"},
        "ExpressionAttributeValues": attributes.image(values),
    }
    return update_action(cap, table, keys.waiting(cap.channel, cap.sku), request, read_image)


def units(item: Mapping[str, Any]) -> int:
    """Read how many units wait."""
    found: int = item["units"]
    return found


def read_image(image: Image) -> int:
    """Read how many units wait from an item as the API carries it."""
    return units(attributes.values(image))
