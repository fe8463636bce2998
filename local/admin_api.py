"""The stand-in shop's Admin API: three requests of Shopify's GraphQL, by its published contract.

`inventorySetQuantities` as of 2026-04 (compare-and-set, idempotency key mandatory), the quantities of inventory
items, and orders by the time of their last change.
"""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

ITEM = re.compile(r"gid://shopify/InventoryItem/\d+")
INPUT_FIELDS = {"name", "reason", "referenceDocumentUri", "quantities"}
MOST_ORDERS = 50
LEAST, MOST = -1_000_000_000, 1_000_000_000


def answer(store: sqlite3.Connection, location: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request."""
    query, variables = str(request.get("query", "")), request.get("variables") or {}
    if re.search(r"\binventorySetQuantities\s*\(", query):
        return _set_quantities(store, location, query, variables)
    if re.search(r"\bnodes\s*\(\s*ids\b", query):
        return _quantities(store, location, variables)
    if re.search(r"\borders\s*\(", query):
        return _orders(store, variables)
    return _error("the shop knows no such request", "undefinedField")


def _set_quantities(
    store: sqlite3.Connection, location: str, query: str, variables: Mapping[str, Any]
) -> dict[str, Any]:
    name = "inventorySetQuantities"
    given = variables.get("input") or {}
    if unknown := given.keys() - INPUT_FIELDS:
        return _error(f"Field is not defined on InventorySetQuantitiesInput: {sorted(unknown)}", "INVALID_VARIABLE")
    key = _idempotency_key(query, variables)
    if not key:
        message = "The @idempotent directive is required for this mutation but was not provided."
        return _error(message, "BAD_REQUEST", name)
    if any("changeFromQuantity" not in each for each in given["quantities"]):
        message = "InventoryQuantityInput must include the following argument: changeFromQuantity."
        return _error(message, "INVALID_FIELD_ARGUMENTS", name)
    asked = json.dumps(given, sort_keys=True)
    before = store.execute("SELECT request, answer FROM answers WHERE key = ?", (key,)).fetchone()
    if before and before[0] != asked:
        return _answer(name, [_user_error("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", [])])
    if before:
        first: dict[str, Any] = json.loads(before[1])
        return first
    errors = [error for at, each in enumerate(given["quantities"]) if (error := _refuse(store, location, at, each))]
    if not errors:
        rows = [(each["inventoryItemId"], each["quantity"]) for each in given["quantities"]]
        store.executemany("INSERT OR REPLACE INTO quantities VALUES (?, ?)", rows)
    answer = _answer(name, errors)
    if not errors:
        store.execute("INSERT INTO answers VALUES (?, ?, ?)", (key, asked, json.dumps(answer)))
    return answer


def _refuse(store: sqlite3.Connection, location: str, at: int, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    path = ["input", "quantities", str(at)]
    if not ITEM.fullmatch(wanted["inventoryItemId"]):
        return _user_error("INVALID_INVENTORY_ITEM", [*path, "inventoryItemId"])
    if wanted["locationId"] != location:
        return _user_error("INVALID_LOCATION", [*path, "locationId"])
    if not LEAST <= wanted["quantity"] <= MOST:
        return _user_error("INVALID_QUANTITY_TOO_HIGH", [*path, "quantity"])
    there = store.execute("SELECT units FROM quantities WHERE item = ?", (wanted["inventoryItemId"],)).fetchone()
    expected = wanted["changeFromQuantity"]
    if expected is not None and expected != (there[0] if there else 0):
        return _user_error("CHANGE_FROM_QUANTITY_STALE", [*path, "changeFromQuantity"])
    return None


def _quantities(store: sqlite3.Connection, location: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    nodes: list[dict[str, Any] | None] = []
    for item in variables["ids"]:
        there = store.execute("SELECT units FROM quantities WHERE item = ?", (item,)).fetchone()
        is_here = there and variables["location"] == location
        quantities = [{"name": "available", "quantity": there[0]}] if is_here else []
        nodes.append({"id": item, "inventoryLevel": {"quantities": quantities} if is_here else None})
    return {"data": {"nodes": nodes}}


def _orders(store: sqlite3.Connection, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Answer orders changed since the time that the search names, oldest change first, page by page."""
    search = " ".join(value for value in variables.values() if isinstance(value, str))
    since = re.search(r"updated_at:>=?\s*['\"]?([0-9T:.+Z-]+)", search)
    rows = store.execute("SELECT body FROM orders").fetchall()
    known = sorted((json.loads(body) for (body,) in rows), key=_changed_at)
    after = str(variables.get("after") or variables.get("cursor") or "")
    found = [
        each
        for each in known
        if (not since or _changed_at(each)[0] >= _moment(since[1])) and (not after or _cursor(each) > after)
    ]
    most = int(variables.get("first") or MOST_ORDERS)
    page = found[:most]
    info = {"hasNextPage": len(found) > most, "endCursor": _cursor(page[-1]) if page else None}
    return {"data": {"orders": {"nodes": [_order_node(each) for each in page], "pageInfo": info}}}


def _idempotency_key(query: str, variables: Mapping[str, Any]) -> str:
    """Find the key of the directive, written out or in a variable."""
    found = re.search(r'@idempotent\s*\(\s*key:\s*(?:"([^"]*)"|\$(\w+))\s*\)', query)
    if not found:
        return ""
    return found[1] or str(variables.get(found[2]) or "")


def _answer(name: str, errors: list[dict[str, Any]]) -> dict[str, Any]:
    group = None if errors else {"id": f"gid://shopify/InventoryAdjustmentGroup/{uuid.uuid4().int % 10**14}"}
    cost = {"requestedQueryCost": 13, "actualQueryCost": 13}
    return {
        "data": {name: {"inventoryAdjustmentGroup": group, "userErrors": errors}},
        "extensions": {"cost": cost},
    }


def _error(message: str, code: str, name: str = "") -> dict[str, Any]:
    error: dict[str, Any] = {"message": message, "extensions": {"code": code}}
    if name:
        return {"errors": [error | {"path": [name]}], "data": {name: None}}
    return {"errors": [error]}


def _user_error(code: str, path: list[str]) -> dict[str, Any]:
    return {"code": code, "field": path, "message": code.replace("_", " ").capitalize()}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _changed_at(order: Mapping[str, Any]) -> tuple[datetime, int]:
    return _moment(order["updated_at"]), order["id"]


def _cursor(order: Mapping[str, Any]) -> str:
    at, order_id = _changed_at(order)
    return f"{at.isoformat()}/{order_id:020d}"


def _order_node(order: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an order as the Admin API does: the same facts as a webhook's, under other names."""
    address = order.get("shipping_address")
    lines = [
        {
            "id": f"gid://shopify/LineItem/{line['id']}",
            "sku": line["sku"],
            "quantity": line["quantity"],
            "currentQuantity": line["quantity"],
            "requiresShipping": line.get("requires_shipping", True),
            "isGiftCard": line.get("gift_card", False),
            "originalUnitPriceSet": {"shopMoney": {"amount": line.get("price"), "currencyCode": order.get("currency")}},
        }
        for line in order["line_items"]
    ]
    return {
        "id": f"gid://shopify/Order/{order['id']}",
        "legacyResourceId": str(order["id"]),
        "name": order.get("name"),
        "createdAt": order.get("created_at"),
        "updatedAt": order["updated_at"],
        "cancelledAt": order["cancelled_at"],
        "currencyCode": order.get("currency"),
        "test": order.get("test", False),
        "lineItems": {"nodes": lines, "pageInfo": {"hasNextPage": False, "endCursor": None}},
        "shippingAddress": address
        and {
            "name": address.get("name"),
            "company": address.get("company"),
            "address1": address.get("address1"),
            "address2": address.get("address2"),
            "city": address.get("city"),
            "zip": address.get("zip"),
            "province": address.get("province"),
            "provinceCode": address.get("province_code"),
            "countryCodeV2": address.get("country_code"),
            "phone": address.get("phone"),
        },
    }
