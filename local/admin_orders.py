"""What fields of orders answer in the stand-in shop's Admin API: orders, their cancels and their fulfilments.

An order has one fulfilment order, at the shop's location, from the moment the order is there.
"""

from __future__ import annotations

import json
import operator
import re
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from local.admin_fields import Context, Node, exact, location, not_here, numbered, page, tail, text, user_error

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

# A fulfilment order has a number that no order has, so that one taken for the other is noticed.
FULFILMENT_ORDER = re.compile(r"gid://shopify/FulfillmentOrder/(\d+)7")
TERM = re.compile(r"(\w+):(>=|<=|>|<|)\s*(?:'([^']*)'|\"([^\"]*)\"|(\S+))(?:\s+AND\b)?\s*")
COMPARED = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "": operator.eq}
SORTED_BY = {"CREATED_AT": "created_at", "PROCESSED_AT": "processed_at", "UPDATED_AT": "updated_at"}
LONGEST_NOTE = 255


class _Refused(Exception):
    """The shop understands, and says no: in words, the path of the field, the code."""


# ---- orders


def body_of(store: sqlite3.Connection, number: str) -> Node | None:
    """Find an order, as its webhooks tell it, by its number."""
    row = store.execute("SELECT body FROM orders WHERE id = ?", (number,)).fetchone()
    return json.loads(row[0]) if row else None


def _keep(store: sqlite3.Connection, body: Mapping[str, Any]) -> None:
    row = (body["updated_at"], json.dumps(body), str(body["id"]))
    store.execute("UPDATE orders SET updated_at = ?, body = ? WHERE id = ?", row)


def orders(info: GraphQLResolveInfo, **given: Any) -> Node:  # noqa: ANN401 - arguments of any type
    """Answer a page of orders."""
    if given.get("savedSearchId") or given["sortKey"] not in {*SORTED_BY, "ID"}:
        raise not_here(f"orders sorted by {given['sortKey']}, or a saved search")
    bodies = [json.loads(body) for (body,) in info.context.store.execute("SELECT body FROM orders")]
    found = [body for body in bodies if _is_found(body, given.get("query") or "")]
    return page([(_cursor(body, given["sortKey"]), order(info.context, body)) for body in found], given)


def _is_found(body: Mapping[str, Any], search: str) -> bool:
    terms = TERM.findall(search)
    if TERM.sub("", search).strip() or {term[0] for term in terms} - {"updated_at", "created_at"}:
        raise not_here(f"the search {search}")
    return all(COMPARED[how](_moment(_told(body, field)), _moment("".join(value))) for field, how, *value in terms)


def _cursor(body: Mapping[str, Any], sort_key: str) -> str:
    number = f"{int(body['id']):020}"
    return number if sort_key == "ID" else f"{exact(_moment(_told(body, SORTED_BY[sort_key])))}/{number}"


def _told(body: Mapping[str, Any], field: str) -> str:
    """Return a time of an order; webhooks that tell less than the platform's have only that of the last change."""
    return str(body.get(field) or body.get("created_at") or body["updated_at"])


def _moment(told: str) -> datetime:
    return datetime.fromisoformat(told).astimezone(UTC)


def _name(body: Mapping[str, Any]) -> str:
    return str(body.get("name") or f"#{body['id']}")


def _wanted(line: Mapping[str, Any]) -> int:
    units = line.get("current_quantity", line["quantity"])
    return int(units)


def order(context: Context, body: Mapping[str, Any]) -> Node:
    """Describe an order as the Admin API does: the same facts as a webhook's, under other names."""
    lines = [_line(body, line) for line in body["line_items"]]
    parts = _parts(context, body)
    is_begun = any(part["remainingQuantity"] < part["totalQuantity"] for part in parts)
    is_open = any(part["remainingQuantity"] for part in parts)
    address = body.get("shipping_address")
    return {
        "__typename": "Order",
        "id": f"gid://shopify/Order/{body['id']}",
        "legacyResourceId": str(body["id"]),
        "name": _name(body),
        "createdAt": _told(body, "created_at"),
        "processedAt": _told(body, "processed_at"),
        "updatedAt": body["updated_at"],
        "cancelledAt": body["cancelled_at"],
        "cancelReason": (body.get("cancel_reason") or "other").upper() if body["cancelled_at"] else None,
        "currencyCode": body.get("currency") or "XXX",
        "displayFinancialStatus": (body.get("financial_status") or "paid").upper(),
        "displayFulfillmentStatus": ("PARTIALLY_FULFILLED" if is_open else "FULFILLED") if is_begun else "UNFULFILLED",
        "test": body.get("test", False),
        "lineItems": lambda _, **given: numbered(lines, given),
        "fulfillments": lambda _, **given: _fulfilments(context, body)[: given.get("first")],
        "fulfillmentOrders": lambda _, **given: numbered([fulfilment_order(context, body)], given),
        "shippingAddress": _address(body, address) if address else None,
    }


def _line(body: Mapping[str, Any], line: Mapping[str, Any]) -> Node:
    money = {"amount": line.get("price") or "0.00", "currencyCode": body.get("currency") or "XXX"}
    title = line.get("title") or line.get("name") or line["sku"] or "?"
    return {
        "id": f"gid://shopify/LineItem/{line['id']}",
        "name": title,
        "title": title,
        "sku": line["sku"],
        "quantity": line["quantity"],
        "currentQuantity": _wanted(line),
        "requiresShipping": line.get("requires_shipping", True),
        "isGiftCard": line.get("gift_card", False),
        "originalUnitPriceSet": {"shopMoney": money, "presentmentMoney": money},
    }


def _address(body: Mapping[str, Any], address: Mapping[str, Any]) -> Node:
    plain = ("name", "company", "address1", "address2", "city", "zip", "province", "phone")
    codes = {"provinceCode": address.get("province_code"), "countryCodeV2": address.get("country_code")}
    return {"id": f"gid://shopify/MailingAddress/{body['id']}", **{name: address.get(name) for name in plain}, **codes}


# ---- cancels


def cancel(info: GraphQLResolveInfo, **given: Any) -> Node:  # noqa: ANN401 - arguments of any type
    """Begin to cancel an order: it is cancelled when the job is done."""
    context: Context = info.context
    try:
        _refuse_cancel(context, given)
    except _Refused as refused:
        errors = [user_error(*refused.args)]
        return {"job": None, "orderCancelUserErrors": errors, "userErrors": errors}
    job, refunds = str(uuid.uuid4()), given.get("refund") or bool(given.get("refundMethod"))
    row = (job, tail(given["orderId"]), given["reason"], given["restock"], refunds, given.get("staffNote"))
    times = (exact(context.now), exact(context.now + context.cancels_after))
    context.store.execute("INSERT INTO cancels VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", row + times)
    begun = {"id": f"gid://shopify/Job/{job}", "done": False}
    return {"job": begun, "orderCancelUserErrors": [], "userErrors": []}


def _refuse_cancel(context: Context, given: Mapping[str, Any]) -> None:
    number = tail(given["orderId"])
    if len(given.get("staffNote") or "") > LONGEST_NOTE:
        message = f"Staff note is too long. Maximum length is {LONGEST_NOTE} characters."
        raise _Refused(message, ["staffNote"], "INVALID")
    if given.get("refund") is not None and given.get("refundMethod") is not None:
        raise _Refused("Only one of the arguments `refund` or `refund_method` is allowed.", ["refund"], "INVALID")
    body = body_of(context.store, number)
    if not body or given["orderId"] != f"gid://shopify/Order/{number}":
        raise _Refused("Order does not exist", ["orderId"], "NOT_FOUND")
    if body["cancelled_at"]:
        raise _Refused("Cannot cancel an order that has already been canceled", ["orderId"], "INVALID")
    if _sent(context.store, number):
        raise _Refused("Cannot cancel an order that has outstanding fulfillments", ["orderId"], "INVALID")


def finish_cancels(context: Context) -> None:
    """Cancel what is due by now. What was fulfilled in the meantime is left: its job ends all the same."""
    query = "SELECT job, order_id, reason, restocks, due_at FROM cancels WHERE done_at IS NULL AND due_at <= ?"
    for job, number, reason, restocks, due_at in context.store.execute(query, (exact(context.now),)).fetchall():
        context.store.execute("UPDATE cancels SET done_at = due_at WHERE job = ?", (job,))
        body = body_of(context.store, number)
        if not body or body["cancelled_at"] or _sent(context.store, number):
            continue
        for line in body["line_items"]:
            if restocks and line["sku"] in context.items:
                row = (line["quantity"], context.items[line["sku"]])
                context.store.execute("UPDATE quantities SET units = units + ? WHERE item = ?", row)
            line["current_quantity"] = 0
        at = text(_moment(due_at))
        _keep(context.store, body | {"cancelled_at": at, "cancel_reason": reason.lower(), "updated_at": at})


def job(info: GraphQLResolveInfo, **given: Any) -> Node | None:  # noqa: ANN401 - arguments of any type
    """Tell whether a cancel has ended, well or not."""
    query = "SELECT done_at FROM cancels WHERE job = ?"
    row = info.context.store.execute(query, (tail(given["id"]),)).fetchone()
    return {"id": given["id"], "done": row[0] is not None} if row else None


# ---- fulfilments


def _sent(store: sqlite3.Connection, number: str) -> Counter[str]:
    """Count the units of each line of an order that are fulfilled."""
    units: Counter[str] = Counter()
    for (told,) in store.execute("SELECT units FROM fulfilments WHERE order_id = ?", (number,)):
        units.update(json.loads(told))
    return units


def fulfilment_order(context: Context, body: Mapping[str, Any]) -> Node:
    """Describe the one fulfilment order of an order."""
    parts = _parts(context, body)
    is_begun = any(part["remainingQuantity"] < part["totalQuantity"] for part in parts)
    is_open = any(part["remainingQuantity"] for part in parts)
    return {
        "__typename": "FulfillmentOrder",
        "id": f"gid://shopify/FulfillmentOrder/{body['id']}7",
        "assignedLocation": {"location": location(context), "name": location(context)["name"]},
        "createdAt": _told(body, "created_at"),
        "updatedAt": body["updated_at"],
        "order": lambda _: order(context, body),
        "orderId": f"gid://shopify/Order/{body['id']}",
        "orderName": _name(body),
        "requestStatus": "UNSUBMITTED",
        "status": ("IN_PROGRESS" if is_begun else "OPEN") if is_open else "CLOSED",
        "lineItems": lambda _, **given: numbered(parts, given),
    }


def _parts(context: Context, body: Mapping[str, Any]) -> list[Node]:
    """Describe the lines of a fulfilment order; of a cancelled order no more is asked than was fulfilled."""
    sent = _sent(context.store, str(body["id"]))
    found = []
    for line in body["line_items"]:
        done = sent[str(line["id"])]
        total = done if body["cancelled_at"] else max(_wanted(line), done)
        found.append(
            {
                "id": f"gid://shopify/FulfillmentOrderLineItem/{line['id']}7",
                "inventoryItemId": context.items.get(line["sku"]),
                "lineItem": _line(body, line),
                "remainingQuantity": total - done,
                "requiresShipping": line.get("requires_shipping", True),
                "sku": line["sku"],
                "totalQuantity": total,
            }
        )
    return found


def _fulfilments(context: Context, body: Mapping[str, Any]) -> list[Node]:
    query = "SELECT rowid, at, units, tracking FROM fulfilments WHERE order_id = ? ORDER BY rowid"
    rows = context.store.execute(query, (str(body["id"]),)).fetchall()
    return [_fulfilment(context, body, f"{_name(body)}-F{at}", row) for at, row in enumerate(rows, 1)]


def _fulfilment(context: Context, body: Mapping[str, Any], name: str, row: tuple[int, str, str, str]) -> Node:
    number, at, units, tracking = row[0], text(_moment(row[1])), json.loads(row[2]), json.loads(row[3])
    lines = [
        {
            "id": f"gid://shopify/FulfillmentLineItem/{number}{line['id']}",
            "lineItem": _line(body, line),
            "quantity": units[str(line["id"])],
        }
        for line in body["line_items"]
        if str(line["id"]) in units
    ]
    return {
        "id": f"gid://shopify/Fulfillment/{number}",
        "legacyResourceId": str(number),
        "createdAt": at,
        "updatedAt": at,
        "displayStatus": "FULFILLED",
        "fulfillmentLineItems": lambda _, **given: numbered(lines, given),
        "location": location(context),
        "name": name,
        "order": lambda _: order(context, body),
        "status": "SUCCESS",
        "totalQuantity": sum(units.values()),
        "trackingInfo": lambda _, **given: tracking[: given.get("first")],
    }


def fulfil(info: GraphQLResolveInfo, **given: Any) -> Node:  # noqa: ANN401 - arguments of any type
    """Fulfil units of one order, or none."""
    context, wanted = info.context, given["fulfillment"]
    try:
        _check_quantities(wanted["lineItemsByFulfillmentOrder"])
        body, units = _asked(context, wanted["lineItemsByFulfillmentOrder"])
    except _Refused as refused:
        return {"fulfillment": None, "userErrors": [user_error(*refused.args)]}
    told = wanted.get("trackingInfo") or {}
    numbers, urls = told.get("numbers") or [told.get("number")], told.get("urls") or [told.get("url")]
    pairs = zip_longest(numbers, urls) if told else ()
    tracking = [{"company": told.get("company"), "number": number, "url": url} for number, url in pairs]
    row = (str(body["id"]), exact(context.now), json.dumps(units), json.dumps(tracking))
    context.store.execute("INSERT INTO fulfilments VALUES (?, ?, ?, ?)", row)
    body |= {"updated_at": text(context.now)}
    _keep(context.store, body)
    return {"fulfillment": _fulfilments(context, body)[-1], "userErrors": []}


def _check_quantities(groups: Iterable[Mapping[str, Any]]) -> None:
    """Raise _Refused with the place of a quantity that is none: this is looked at first."""
    for at, group in enumerate(groups):
        for place, each in enumerate(group.get("fulfillmentOrderLineItems") or ()):
            if each["quantity"] < 1:
                path = ["lineItemsByFulfillmentOrder", str(at), "fulfillmentOrderLineItems", str(place), "quantity"]
                raise _Refused("Quantity must be greater than 0", ["fulfillment", *path])


def _asked(context: Context, groups: Iterable[Mapping[str, Any]]) -> tuple[Node, dict[str, int]]:
    """Find the order that is meant and the units of each of its lines. Raises _Refused."""
    found = [FULFILMENT_ORDER.fullmatch(group["fulfillmentOrderId"]) for group in groups]
    bodies = {match[1]: body_of(context.store, match[1]) for match in found if match}
    whole = ["fulfillment"]
    if not all(found) or not all(bodies.values()) or not bodies:
        raise _Refused("Fulfillment order does not exist.", whole)
    if len(bodies) > 1:
        message = "All fulfillment orders must belong to the same order. Multiple orders with ids"
        raise _Refused(f"{message} [{', '.join(bodies)}] were found.", whole)
    ((number, body),) = bodies.items()
    assert body  # noqa: S101 - for mypy
    parts = {part["id"]: part for part in _parts(context, body)}
    if not any(part["remainingQuantity"] for part in parts.values()):
        raise _Refused(f"Fulfillment order {number}7 has an unfulfillable status= closed.", whole)
    asked: Counter[str] = Counter()
    for group in groups:
        rest = [{"id": gid, "quantity": part["remainingQuantity"]} for gid, part in parts.items()]
        for each in group.get("fulfillmentOrderLineItems") or rest:
            asked[each["id"]] += each["quantity"]
    if asked.keys() - parts.keys():
        raise _Refused("Fulfillment order line item does not exist.", whole)
    if any(units > parts[gid]["remainingQuantity"] for gid, units in asked.items()):
        raise _Refused("Invalid fulfillment order line item quantity requested.", whole)
    return body, {tail(parts[gid]["lineItem"]["id"]): units for gid, units in asked.items() if units}
