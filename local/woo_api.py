"""The stand-in WooCommerce shop's REST API, v3: what is answered to one request, from the shop's memory.

Routes, codes of errors and the shape of a batch are those of the platform's own controllers (plugins/woocommerce/
includes/rest-api/Controllers/Version3).
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.stand_in import Asked, Response

ROOT = "/wp-json/wc/v3/"
MOST_IN_A_BATCH = MOST_A_PAGE = 100
STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed")
Node = dict[str, Any]


class _Wrong(Exception):
    """The API says no."""

    def __init__(self, status: int, code: str, message: str = "Invalid ID.") -> None:
        super().__init__(code)
        self.response = wrong(status, code, message)


def wrong(status: int, code: str, message: str) -> Response:
    """Say no, as the platform does."""
    return Response(status, {"code": code, "message": message, "data": {"status": status}})


def answer(store: sqlite3.Connection, asked: Asked, now: datetime) -> Response:
    """Answer one request."""
    route = f"{asked.method} {asked.path.removeprefix(ROOT)}"
    told = json.loads(asked.body) if asked.body else {}
    try:
        for pattern, reply in ROUTES.items():
            if found := re.fullmatch(pattern, route):
                ids = [int(each) for each in found.groups(default="0")]
                return reply(store, *ids, asked=asked, told=told, now=now)
    except _Wrong as failure:
        return failure.response
    return wrong(404, "rest_no_route", "No route was found matching the URL and request method.")


# ---- products


def _parent(store: sqlite3.Connection, parent: int) -> None:
    if parent and not store.execute("SELECT 1 FROM products WHERE id = ?", (parent,)).fetchone():
        raise _Wrong(404, "woocommerce_rest_product_invalid_id")


def _products(store: sqlite3.Connection, parent: int, *, asked: Asked, **_: object) -> Response:
    _parent(store, parent)
    ids = {int(each) for each in asked.query["include"].split(",")} if "include" in asked.query else None
    rows = store.execute("SELECT id, body FROM products WHERE parent = ? ORDER BY id", (parent,)).fetchall()
    size, page = _per_page(asked.query), int(asked.query.get("page", "1"))
    found = [json.loads(body) for number, body in rows if ids is None or number in ids]
    some = found[(page - 1) * size : page * size]
    return Response(200, _fields(some, asked.query))


def _batch(store: sqlite3.Connection, parent: int, *, told: Node, **_: object) -> Response:
    _parent(store, parent)
    items = told.get("update", [])
    if len(items) > MOST_IN_A_BATCH:
        raise _Wrong(413, "woocommerce_rest_request_entity_too_large", "Unable to accept more than 100 items.")
    return Response(200, {"update": [_update(store, parent, each) for each in items]})


def _update(store: sqlite3.Connection, parent: int, wanted: Node) -> Node:
    row = store.execute("SELECT body FROM products WHERE id = ? AND parent = ?", (wanted["id"], parent)).fetchone()
    if row is None:
        error = wrong(400, "woocommerce_rest_product_invalid_id", "Invalid ID.").body
        return {"id": wanted["id"], "error": error}
    body: Node = json.loads(row[0])
    if "manage_stock" in wanted:
        body["manage_stock"] = wanted["manage_stock"]
    if body["manage_stock"] and "stock_quantity" in wanted:
        body["stock_quantity"] = wanted["stock_quantity"]
        store.execute("INSERT INTO told VALUES (?, ?)", (wanted["id"], wanted["stock_quantity"]))
    store.execute("UPDATE products SET body = ? WHERE id = ?", (json.dumps(body), wanted["id"]))
    return body


def move(store: sqlite3.Connection, sku: str, units: int) -> None:
    """Add units to what the shop counts of a SKU."""
    for number, text in store.execute("SELECT id, body FROM products").fetchall():
        body = json.loads(text)
        if body["sku"] == sku and body["manage_stock"]:
            body["stock_quantity"] += units
            store.execute("UPDATE products SET body = ? WHERE id = ?", (json.dumps(body), number))


# ---- orders


def order_of(store: sqlite3.Connection, order: int) -> Node:
    """Return an order as it is."""
    row = store.execute("SELECT body FROM orders WHERE id = ?", (order,)).fetchone()
    if row is None:
        raise _Wrong(404, "woocommerce_rest_shop_order_invalid_id")
    body: Node = json.loads(row[0])
    return body


def change(store: sqlite3.Connection, order: int, now: datetime, fields: Mapping[str, Any]) -> Node:
    """Change fields of an order, and when it was changed."""
    body = order_of(store, order) | {"date_modified_gmt": bare(now)} | dict(fields)
    row = (body["date_modified_gmt"], json.dumps(body), order)
    store.execute("UPDATE orders SET modified = ?, body = ? WHERE id = ?", row)
    return body


def _orders(store: sqlite3.Connection, *, asked: Asked, **_: object) -> Response:
    query = asked.query
    if query.get("orderby") != "modified" or query.get("dates_are_gmt") != "true":
        raise _Wrong(400, "rest_invalid_param", "This stand-in lists orders by the time of their change, in GMT.")
    rows = store.execute(
        "SELECT body FROM orders WHERE modified > ? ORDER BY modified, id", (query.get("modified_after", ""),)
    ).fetchall()
    size, page = _per_page(query), int(query.get("page", "1"))
    some = [json.loads(body) for (body,) in rows][(page - 1) * size : page * size]
    return Response(200, some, {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(-(-len(rows) // size))})


def _get(store: sqlite3.Connection, order: int, **_: object) -> Response:
    return Response(200, order_of(store, order))


def _put(store: sqlite3.Connection, order: int, *, told: Node, now: datetime, **_: object) -> Response:
    body = order_of(store, order)
    if told.get("status", "pending") not in STATUSES:
        raise _Wrong(400, "rest_invalid_param", "Invalid parameter(s): status")
    meta = {each["key"]: each for each in body["meta_data"]}
    for each in told.get("meta_data", ()):
        meta[each["key"]] = {"id": len(meta) + 1, **meta.get(each["key"], {}), **each}
    if told.get("status") == "cancelled" and body["status"] != "cancelled":
        for line in body["line_items"]:
            move(store, line["sku"], line["quantity"])
    fields = {"meta_data": list(meta.values()), "status": told.get("status", body["status"])}
    return Response(200, change(store, order, now, fields))


def _refunds(store: sqlite3.Connection, order: int, **_: object) -> Response:
    rows = store.execute("SELECT body FROM refunds WHERE order_id = ? ORDER BY id DESC", (order,)).fetchall()
    return Response(200, [json.loads(body) for (body,) in rows])


def _note(store: sqlite3.Connection, order: int, *, told: Node, **_: object) -> Response:
    order_of(store, order)
    store.execute("INSERT INTO notes VALUES (?, ?)", (order, told["note"]))
    return Response(201, {"id": 1, "note": told["note"]})


# ---- webhooks


def _webhooks(store: sqlite3.Connection, **_: object) -> Response:
    rows = store.execute("SELECT body FROM webhooks ORDER BY id").fetchall()
    return Response(200, [json.loads(body) for (body,) in rows])


def _subscribe(store: sqlite3.Connection, *, told: Node, **_: object) -> Response:
    number = store.execute("SELECT COUNT(*) FROM webhooks").fetchone()[0] + 1
    return _kept(store, {"id": number, **told}, 201)


def _resubscribe(store: sqlite3.Connection, webhook: int, *, told: Node, **_: object) -> Response:
    row = store.execute("SELECT body FROM webhooks WHERE id = ?", (webhook,)).fetchone()
    if row is None:
        raise _Wrong(404, "woocommerce_rest_shop_webhook_invalid_id")
    return _kept(store, json.loads(row[0]) | told, 200)


def _kept(store: sqlite3.Connection, webhook: Node, status: int) -> Response:
    """Keep a webhook; its secret is never shown again."""
    body = {name: value for name, value in webhook.items() if name != "secret"}
    store.execute("INSERT OR REPLACE INTO webhooks VALUES (?, ?)", (body["id"], json.dumps(body)))
    return Response(status, body)


# ---- in common


def bare(moment: datetime) -> str:
    """Write a time in UTC as the platform does: without saying so."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def _per_page(query: Mapping[str, str]) -> int:
    size = int(query.get("per_page", "10"))
    if not 1 <= size <= MOST_A_PAGE:
        raise _Wrong(400, "rest_invalid_param", "Invalid parameter(s): per_page")
    return size


def _fields(bodies: Iterable[Mapping[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    wanted = query["_fields"].split(",") if "_fields" in query else None
    return [{name: value for name, value in body.items() if wanted is None or name in wanted} for body in bodies]


ROUTES: Mapping[str, Callable[..., Response]] = {
    r"GET products(?:/(\d+)/variations)?": _products,
    r"POST products(?:/(\d+)/variations)?/batch": _batch,
    r"GET orders": _orders,
    r"GET orders/(\d+)": _get,
    r"PUT orders/(\d+)": _put,
    r"GET orders/(\d+)/refunds": _refunds,
    r"POST orders/(\d+)/notes": _note,
    r"GET webhooks": _webhooks,
    r"POST webhooks": _subscribe,
    r"PUT webhooks/(\d+)": _resubscribe,
}
