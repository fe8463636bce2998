"""The stand-in BigCommerce store's REST API, V2 and V3: what is answered to one request, from the store's memory.

Routes, shapes and statuses are those of the vendor's specification (github.com/bigcommerce/docs, `reference/`):
`orders.v2.oas2.yml`, `inventory.v3.yml`, `webhooks.v3.yml`.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.stand_in import Asked, Response

ROOT = "/stores/abc123/"
LOCATION = 1
ADDRESS = 51
MOST_IN_AN_ADJUSTMENT = 2000
LINES_AT_ONCE = 50
STATUSES = range(15)
SHIPPED, PARTLY_SHIPPED, CANCELLED = 2, 3, 5
EMPTY = Response(204, None)
Node = dict[str, Any]


class _Wrong(Exception):
    """The API says no."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.response = Response(status, {"status": status, "title": title, "type": "about:blank", "errors": {}})


def answer(store: sqlite3.Connection, asked: Asked, now: datetime, delay: float) -> Response:
    """Answer one request. `delay`: seconds until an adjustment is done."""
    route = f"{asked.method} {asked.path.removeprefix(ROOT)}"
    told = json.loads(asked.body) if asked.body else {}
    try:
        for pattern, reply in ROUTES.items():
            if found := re.fullmatch(pattern, route):
                ids = [int(each) for each in found.groups()]
                return reply(store, *ids, asked=asked, told=told, now=now, delay=delay)
    except _Wrong as failure:
        return failure.response
    return Response(404, {"status": 404, "title": "The requested resource was not found."})


# ---- stock


def count(store: sqlite3.Connection, product: int, variant: int, units: int, since: float) -> None:
    """Have so many units on hand from a time on."""
    store.execute("INSERT INTO counts VALUES (?, ?, ?, ?)", (product, variant, since, units))


def move(store: sqlite3.Connection, sku: str, units: int, now: datetime) -> None:
    """Add units to what is on hand of a SKU."""
    for product, variant in store.execute("SELECT product, variant FROM items WHERE sku = ?", (sku,)).fetchall():
        was = _on_hand(store, product, variant, now)
        if was is not None:
            count(store, product, variant, was + units, now.timestamp())


def on_hand(store: sqlite3.Connection, now: datetime) -> dict[str, int]:
    """Return what is on hand, by SKU."""
    items = store.execute("SELECT product, variant, sku FROM items").fetchall()
    shown = {sku: _on_hand(store, product, variant, now) for product, variant, sku in items}
    return {sku: units for sku, units in shown.items() if units is not None}


def _on_hand(store: sqlite3.Connection, product: int, variant: int, now: datetime) -> int | None:
    row = store.execute(
        "SELECT units FROM counts WHERE product = ? AND variant = ? AND since <= ? ORDER BY rowid DESC LIMIT 1",
        (product, variant, now.timestamp()),
    ).fetchone()
    return row[0] if row else None


def _adjust(store: sqlite3.Connection, *, told: Node, now: datetime, delay: float, **_: object) -> Response:
    items = told["items"]
    if len(items) > MOST_IN_AN_ADJUSTMENT:
        raise _Wrong(422, "Too many items")
    found = [_item(store, each) for each in items]  # one that is wrong fails all
    for each, (product, variant) in zip(items, found, strict=True):
        if _on_hand(store, product, variant, now) is not None:
            count(store, product, variant, each["quantity"], now.timestamp() + delay)
    return Response(200, {"transaction_id": "f6a7b8"})


def _item(store: sqlite3.Connection, wanted: Node) -> tuple[int, int]:
    if wanted["location_id"] != LOCATION:
        raise _Wrong(422, f"Location {wanted['location_id']} was not found")
    by = "variant" if "variant_id" in wanted else "product"
    named = f"{by}_id {wanted[f'{by}_id']}"
    query = f"SELECT product, variant, is_by_variant FROM items WHERE {by} = ?"  # noqa: S608 - one of two words
    rows = store.execute(query, (wanted[f"{by}_id"],)).fetchall()
    if not rows:
        raise _Wrong(422, f"Items with identity: [{named}] were not found")
    product, variant, is_by_variant = rows[0]
    if bool(is_by_variant) != (by == "variant"):
        other = "variant" if is_by_variant else "product"
        raise _Wrong(422, f"[Item with {named} is tracked by {other}, please update stock by {other} id]")
    return product, variant


def _listed_items(store: sqlite3.Connection, location: int, *, asked: Asked, now: datetime, **_: object) -> Response:
    if location != LOCATION:
        raise _Wrong(404, "Location was not found")
    rows = store.execute("SELECT product, variant, sku, safety FROM items ORDER BY product, variant").fetchall()
    for at, by in ((0, "product_id:in"), (1, "variant_id:in")):
        if by in asked.query:
            ids = {int(each) for each in asked.query[by].split(",")}
            rows = [row for row in rows if row[at] in ids]
    listed = []
    for product, variant, sku, safety in rows:
        units = _on_hand(store, product, variant, now)
        if units is None:
            continue
        listed.append(
            {
                "identity": {"sku": sku, "product_id": product, "variant_id": variant},
                "available_to_sell": units - safety,
                "total_inventory_onhand": units,
                "settings": {"safety_stock": safety, "is_in_stock": units > safety, "warning_level": 0},
            }
        )
    return Response(200, {"data": listed[: int(asked.query.get("limit", "50"))], "meta": {"pagination": {}}})


def _catalog(store: sqlite3.Connection, *, asked: Asked, **_: object) -> Response:
    products: dict[int, Node] = {}
    counted = {product for (product,) in store.execute("SELECT product FROM counts")}
    query = "SELECT product, variant, sku, is_by_variant FROM items ORDER BY product, variant"
    for product, variant, sku, is_by_variant in store.execute(query):
        tracking = "none" if product not in counted else "variant" if is_by_variant else "product"
        new = {"id": product, "name": f"Product {product}", "sku": "" if is_by_variant else sku, "variants": []}
        listed = products.setdefault(product, new | {"inventory_tracking": tracking})
        listed["variants"].append({"id": variant, "product_id": product, "sku": sku})
    if asked.query.get("include") != "variants":
        raise _Wrong(422, "This stand-in lists products with their variants")
    limit, page = int(asked.query["limit"]), int(asked.query["page"])
    some = list(products.values())[(page - 1) * limit : page * limit]
    pages = {"total": len(products), "current_page": page, "total_pages": -(-len(products) // limit)}
    return Response(200, {"data": some, "meta": {"pagination": pages}})


# ---- orders


def keep(store: sqlite3.Connection, body: Node) -> None:
    """Keep an order."""
    at = datetime.strptime(body["date_modified"], "%a, %d %b %Y %H:%M:%S %z")
    row = (body["id"], at.astimezone(UTC).isoformat(), json.dumps(body))
    store.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", row)


def add_line(store: sqlite3.Connection, order: int, line: Mapping[str, Any]) -> None:
    """Add a line to an order."""
    body = {
        "product_id": 77,
        "variant_id": 0,
        "order_address_id": ADDRESS,
        "type": "physical",
        "price_ex_tax": "10.0000",
        "quantity_refunded": 0,
        "quantity_shipped": 0,
    } | dict(line)
    row = (body["id"], order, body["order_address_id"], json.dumps(body | {"order_id": order}))
    store.execute("INSERT INTO lines VALUES (?, ?, ?, ?)", row)


def change_line(store: sqlite3.Connection, line: int, **fields: Any) -> None:  # noqa: ANN401 - any JSON
    """Change fields of a line."""
    (text,) = store.execute("SELECT body FROM lines WHERE id = ?", (line,)).fetchone()
    store.execute("UPDATE lines SET body = ? WHERE id = ?", (json.dumps(json.loads(text) | fields), line))


def change(store: sqlite3.Connection, order: int, now: datetime, fields: Mapping[str, Any]) -> None:
    """Change fields of an order, and when it was changed."""
    keep(store, _bare(store, order) | {"date_modified": written(now)} | dict(fields))


def order_of(store: sqlite3.Connection, order: int, *, with_lines: bool = True) -> Node:
    """Return an order as it is, what is shipped to each address with it."""
    body = _bare(store, order)
    lines = _lines_of(store, order)
    shipping = [
        {
            "id": address,
            "first_name": "Ada",
            "last_name": "Buyer",
            "street_1": "Harbour Street 1",
            "city": "Bergen",
            "state": "Vestland",
            "zip": "5003",
            "country_iso2": "NO",
            "line_items": [line for line in lines if line["order_address_id"] == address][:LINES_AT_ONCE],
        }
        for address in sorted({line["order_address_id"] for line in lines} - {0})
    ]
    elsewhere = [line for line in lines if not line["order_address_id"]]
    pickups = [{"id": 99, "pickup_method_id": 1, "line_items": elsewhere}] if elsewhere else []
    consignments = {"pickups": pickups, "shipping": shipping, "downloads": [], "email": {"gift_certificates": []}}
    linked = {"url": f"https://api.example{ROOT}v2/orders/{order}/consignments"}
    return {"consignments": consignments if with_lines else linked} | body


def _bare(store: sqlite3.Connection, order: int) -> Node:
    row = store.execute("SELECT body FROM orders WHERE id = ?", (order,)).fetchone()
    if row is None:
        raise _Wrong(404, "The requested resource was not found.")
    body: Node = json.loads(row[0])
    return body


def _lines_of(store: sqlite3.Connection, order: int) -> list[Node]:
    rows = store.execute("SELECT body FROM lines WHERE order_id = ? ORDER BY id", (order,)).fetchall()
    return [json.loads(body) for (body,) in rows]


def _has_lines(query: Mapping[str, str]) -> bool:
    return query.get("include") == "consignments.line_items" and query.get("consignment_structure") == "object"


def _orders(store: sqlite3.Connection, *, asked: Asked, **_: object) -> Response:
    query = asked.query
    begin = datetime.fromisoformat(query.get("min_date_modified", "1970-01-01T00:00:00+00:00")).astimezone(UTC)
    order = "modified, id" if query.get("sort") == "date_modified:asc" else "id"
    listed = f"SELECT id FROM orders WHERE modified >= ? ORDER BY {order}"  # noqa: S608 - one of two texts
    found = store.execute(listed, (begin.isoformat(),)).fetchall()
    some = _page([number for (number,) in found], query)
    whole = [order_of(store, number, with_lines=_has_lines(query)) for number in some]
    return Response(200, whole) if whole else EMPTY


def _get(store: sqlite3.Connection, order: int, *, asked: Asked, **_: object) -> Response:
    return Response(200, order_of(store, order, with_lines=_has_lines(asked.query)))


def _put(store: sqlite3.Connection, order: int, *, told: Node, now: datetime, **_: object) -> Response:
    was = _bare(store, order)
    if told.get("status_id", 0) not in STATUSES:
        raise _Wrong(400, "The field 'status_id' is invalid.")
    if told.get("status_id") == CANCELLED != was["status_id"]:
        for line in _lines_of(store, order):
            move(store, line["sku"], line["quantity"], now)
    change(store, order, now, told)
    return Response(200, order_of(store, order, with_lines=False))


def _products(store: sqlite3.Connection, order: int, *, asked: Asked, **_: object) -> Response:
    _bare(store, order)
    some = _page(_lines_of(store, order), asked.query)
    return Response(200, some) if some else EMPTY


def _shipments(store: sqlite3.Connection, order: int, **_: object) -> Response:
    rows = store.execute("SELECT body FROM shipments WHERE order_id = ? ORDER BY id", (order,)).fetchall()
    return Response(200, [json.loads(body) for (body,) in rows]) if rows else EMPTY


def _ship(store: sqlite3.Connection, order: int, *, told: Node, now: datetime, **_: object) -> Response:
    _bare(store, order)
    lines = {line["id"]: line for line in _lines_of(store, order)}
    for item in told["items"]:
        line = lines.get(item["order_product_id"])
        if line is None or line["order_address_id"] != told["order_address_id"]:
            raise _Wrong(400, "The order product is not of this address.")
        if line["quantity_shipped"] + item["quantity"] > line["quantity"]:
            raise _Wrong(400, "The quantity is more than is left to ship.")
        change_line(store, line["id"], quantity_shipped=line["quantity_shipped"] + item["quantity"])
    number = store.execute("SELECT COUNT(*) FROM shipments").fetchone()[0] + 1
    body = {"id": number, "order_id": order, "tracking_number": "", "tracking_carrier": "", "comments": ""} | told
    store.execute("INSERT INTO shipments VALUES (?, ?, ?)", (number, order, json.dumps(body)))
    is_whole = all(line["quantity_shipped"] >= line["quantity"] for line in _lines_of(store, order))
    change(store, order, now, {"status_id": SHIPPED if is_whole else PARTLY_SHIPPED})
    return Response(201, body)


# ---- webhooks


def _hooks(store: sqlite3.Connection, *, asked: Asked, **_: object) -> Response:
    rows = store.execute("SELECT body FROM hooks ORDER BY id").fetchall()
    wanted = asked.query.get("destination")
    listed = [hook for (body,) in rows if wanted in (None, (hook := json.loads(body))["destination"])]
    return Response(200, {"data": listed, "meta": {"pagination": {}}})


def _subscribe(store: sqlite3.Connection, *, told: Node, **_: object) -> Response:
    number = store.execute("SELECT COUNT(*) FROM hooks").fetchone()[0] + 1
    return _kept(store, {"id": number, "is_active": True, "headers": None, **told})


def _resubscribe(store: sqlite3.Connection, hook: int, *, told: Node, **_: object) -> Response:
    row = store.execute("SELECT body FROM hooks WHERE id = ?", (hook,)).fetchone()
    if row is None:
        raise _Wrong(404, "Webhook was not found")
    return _kept(store, json.loads(row[0]) | told)


def _kept(store: sqlite3.Connection, hook: Node) -> Response:
    store.execute("INSERT OR REPLACE INTO hooks VALUES (?, ?)", (hook["id"], json.dumps(hook)))
    return Response(200, {"data": hook, "meta": {}})


# ---- in common


def written(moment: datetime) -> str:
    """Write a time as RFC 2822 has it, in UTC."""
    return f"{moment.astimezone(UTC):%a, %d %b %Y %H:%M:%S} +0000"


def _page(found: Iterable[Any], query: Mapping[str, str]) -> list[Any]:
    size, page = int(query.get("limit", "50")), int(query.get("page", "1"))
    return list(found)[(page - 1) * size : page * size]


ROUTES: Mapping[str, Callable[..., Response]] = {
    r"PUT v3/inventory/adjustments/absolute": _adjust,
    r"GET v3/inventory/locations/(\d+)/items": _listed_items,
    r"GET v3/catalog/products": _catalog,
    r"GET v2/orders": _orders,
    r"GET v2/orders/(\d+)": _get,
    r"PUT v2/orders/(\d+)": _put,
    r"GET v2/orders/(\d+)/products": _products,
    r"GET v2/orders/(\d+)/shipments": _shipments,
    r"POST v2/orders/(\d+)/shipments": _ship,
    r"GET v3/hooks": _hooks,
    r"POST v3/hooks": _subscribe,
    r"PUT v3/hooks/(\d+)": _resubscribe,
}
