"""What fields of the stand-in shop's Admin API have in common, and what those of the shop and of its stock answer."""

from __future__ import annotations

import json
import operator
import re
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo
from graphql.execution.values import get_directive_values

Node = dict[str, Any]
"""A field's name -> its value, or what gives it when called with `(info, **arguments)`."""

ITEM = re.compile(r"gid://shopify/InventoryItem/\d+")
MOST_IN_A_LIST = 250
LEAST, MOST = -1_000_000_000, 1_000_000_000
REASONS = (
    "correction, cycle_count_available, damaged, movement_canceled, movement_created, movement_received, "
    "movement_updated, other, promotion, quality_control, received, reservation_created, reservation_deleted, "
    "reservation_updated, restock, safety_stock, shrinkage"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What one request is answered from. `items`: SKU -> inventory item."""

    store: sqlite3.Connection
    now: datetime
    domain: str
    location: str
    items: Mapping[str, str]
    cancels_after: timedelta


# ---- in common


def tail(gid: str) -> str:
    """Return the number at the end of a global id."""
    return gid.rpartition("/")[2]


def text(moment: datetime) -> str:
    """Write a time as the platform does."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def exact(moment: datetime) -> str:
    """Write a time so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def user_error(message: str, field: Sequence[str] | None, code: str | None = None) -> Node:
    """Refuse what was understood."""
    return {"message": message, "field": field, "code": code}


def not_here(what: str) -> GraphQLError:
    """Refuse what the platform has and the stand-in has not: better than an answer that is not true."""
    return GraphQLError(f"the stand-in shop does not have {what}", extensions={"code": "NOT_IN_THE_STAND_IN"})


def bounded(values: list[Any]) -> list[Any]:
    """Refuse more values than the platform takes in one list."""
    if len(values) > MOST_IN_A_LIST:
        message = f"The input array size of {len(values)} is greater than the maximum allowed of {MOST_IN_A_LIST}."
        raise GraphQLError(message, extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"})
    return values


def page(rows: Iterable[tuple[str, Node]], given: Mapping[str, Any]) -> Node:
    """Answer a page of nodes, each of which comes with its cursor, in the order of the cursors."""
    if given.get("last") is not None or given.get("before") is not None:
        raise not_here("pages that go backwards")
    most, after, falls = given.get("first"), given.get("after"), bool(given.get("reverse"))
    if most is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    left = sorted(rows, key=operator.itemgetter(0), reverse=falls)
    if after is not None:
        left = [row for row in left if (row[0] < after if falls else row[0] > after)]
    found = left[: min(most, MOST_IN_A_LIST)]
    return {
        "nodes": [node for _, node in found],
        "edges": [{"cursor": cursor, "node": node} for cursor, node in found],
        "pageInfo": {
            "hasNextPage": len(left) > len(found),
            "hasPreviousPage": after is not None,
            "startCursor": found[0][0] if found else None,
            "endCursor": found[-1][0] if found else None,
        },
    }


def numbered(nodes: Iterable[Node], given: Mapping[str, Any]) -> Node:
    """Answer a page of nodes in their own order."""
    return page([(f"{at:06}", node) for at, node in enumerate(nodes)], given)


# ---- the shop and its stock


def shop(info: GraphQLResolveInfo) -> Node:
    """Describe the shop."""
    domain = info.context.domain
    return {"id": "gid://shopify/Shop/1", "myshopifyDomain": domain, "name": domain.partition(".")[0]}


def location(context: Context) -> Node:
    """Describe the one place the shop ships from."""
    node = {"name": "Shop location", "isActive": True, "legacyResourceId": tail(context.location)}
    return {"__typename": "Location", "id": context.location, **node}


def item(context: Context, gid: str) -> Node | None:
    """Describe an inventory item; the shop stocks whatever has an id of one."""
    if not ITEM.fullmatch(gid):
        return None
    return {
        "__typename": "InventoryItem",
        "id": gid,
        "legacyResourceId": tail(gid),
        "sku": next((sku for sku, item in context.items.items() if item == gid), None),
        "tracked": True,
        "requiresShipping": True,
        "inventoryLevel": lambda _, **given: _level(context, gid, given["locationId"]),
    }


def items(info: GraphQLResolveInfo, **given: Any) -> Node:  # noqa: ANN401 - arguments of any type
    """Answer a page of the items that are listed, or that the shop was told a number of."""
    context: Context = info.context
    if given.get("query"):
        raise not_here("a search for inventory items")
    known = {gid for (gid,) in context.store.execute("SELECT item FROM quantities")} | set(context.items.values())
    return page([(f"{int(tail(gid)):020}", node) for gid in known if (node := item(context, gid))], given)


def _level(context: Context, gid: str, place: str) -> Node | None:
    units = _units(context, gid)
    if units is None or place != context.location:
        return None

    def quantities(_: GraphQLResolveInfo, names: list[str]) -> list[Node]:
        if {*names} - {"available"}:
            raise not_here("a quantity but `available`")
        return [{"id": f"gid://shopify/InventoryQuantity/{tail(gid)}", "name": "available", "quantity": units}]

    node = {"isActive": True, "location": location(context), "quantities": quantities}
    return {"id": f"gid://shopify/InventoryLevel/{tail(gid)}", "item": lambda _: item(context, gid), **node}


def _units(context: Context, gid: str) -> int | None:
    row = context.store.execute("SELECT units FROM quantities WHERE item = ?", (gid,)).fetchone()
    return row[0] if row else None


def set_quantities(info: GraphQLResolveInfo, **given: Any) -> Node:  # noqa: ANN401 - arguments of any type
    """Set all numbers of a batch, or none; the same key gives the first answer again."""
    context, wanted = info.context, given["input"]
    directive = info.schema.get_directive("idempotent")
    told = get_directive_values(directive, info.field_nodes[0], info.variable_values) if directive else None
    key = (told or {}).get("key", "").strip()
    if not key:
        message = "The @idempotent directive is required for this mutation but was not provided."
        raise GraphQLError(message, extensions={"code": "BAD_REQUEST"})
    if any("changeFromQuantity" not in each for each in bounded(wanted["quantities"])):
        message = "InventoryQuantityInput must include the following argument: changeFromQuantity."
        raise GraphQLError(message, extensions={"code": "INVALID_FIELD_ARGUMENTS"})
    asked = json.dumps(wanted, sort_keys=True)
    before = context.store.execute("SELECT request, answer FROM answers WHERE key = ?", (key,)).fetchone()
    if before and before[0] != asked:
        message = "The same idempotency key cannot be used with different operation parameters."
        error = user_error(message, None, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
        return {"inventoryAdjustmentGroup": None, "userErrors": [error]}
    if before:
        first: Node = json.loads(before[1])
        return first
    if errors := list(_refusals(context, wanted)):
        return {"inventoryAdjustmentGroup": None, "userErrors": errors}
    for each in wanted["quantities"]:
        row = (each["inventoryItemId"], each["quantity"])
        context.store.execute("INSERT OR REPLACE INTO quantities VALUES (?, ?)", row)
        context.store.execute("INSERT INTO told VALUES (?, ?, ?)", (*row, exact(context.now)))
    group = {
        "id": f"gid://shopify/InventoryAdjustmentGroup/{uuid.uuid4().int % 10**14}",
        "createdAt": text(context.now),
        "reason": wanted["reason"],
        "referenceDocumentUri": wanted.get("referenceDocumentUri"),
    }
    answer = {"inventoryAdjustmentGroup": group, "userErrors": []}
    context.store.execute("INSERT INTO answers VALUES (?, ?, ?)", (key, asked, json.dumps(answer)))
    return answer


def _refusals(context: Context, wanted: Mapping[str, Any]) -> Iterator[Node]:
    """Yield what is wrong with a batch, each with its place in the input."""
    if wanted["name"] == "on_hand":
        raise not_here("a quantity but `available`")
    if wanted["name"] != "available":
        message = "The quantity name must be either 'available' or 'on_hand'."
        yield user_error(message, ["input", "name"], "INVALID_NAME")
    if wanted["reason"] not in REASONS.split(", "):
        message = f"The specified reason is invalid. Valid values are: {REASONS}."
        yield user_error(message, ["input", "reason"], "INVALID_REASON")
    named = Counter(each["inventoryItemId"] for each in wanted["quantities"])
    for at, each in enumerate(wanted["quantities"]):
        if found := _refusal(context, each, named[each["inventoryItemId"]]):
            message, field, code = found
            yield user_error(message, ["input", "quantities", str(at), field], code)


def _refusal(context: Context, wanted: Mapping[str, Any], named: int) -> tuple[str, str, str] | None:
    """Say what is wrong with one number: in words, the field, the code."""
    gid, units, expected = wanted["inventoryItemId"], wanted["quantity"], wanted["changeFromQuantity"]
    found: tuple[str, str, str] | None = None
    if named > 1:
        message = "The combination of inventoryItemId and locationId must be unique."
        found = message, "locationId", "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"
    elif not ITEM.fullmatch(gid):
        found = "The specified inventory item could not be found.", "inventoryItemId", "INVALID_INVENTORY_ITEM"
    elif wanted["locationId"] != context.location:
        found = "The specified location could not be found.", "locationId", "INVALID_LOCATION"
    elif units > MOST:
        found = f"The quantity can't be higher than {MOST:,}.", "quantity", "INVALID_QUANTITY_TOO_HIGH"
    elif units < LEAST:
        found = f"The quantity can't be lower than {LEAST:,}.", "quantity", "INVALID_QUANTITY_TOO_LOW"
    elif expected is not None and expected != (_units(context, gid) or 0):
        message = "The changeFromQuantity value does not match persisted value."
        found = message, "changeFromQuantity", "CHANGE_FROM_QUANTITY_STALE"
    return found
