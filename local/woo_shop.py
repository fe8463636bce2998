"""A stand-in for a WooCommerce shop: its REST API, v3, as far as orders, products and webhooks go, and its webhooks.

By the platform's own source and documentation (https://woocommerce.github.io/woocommerce-rest-api-docs): ids and codes
of errors, batches with an error an item, times without a zone, a webhook that signs with its secret and never repeats
itself. It sells from its own stock, and puts back what is cancelled.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local import faults, woo_api
from local.stand_in import Asked, Response, Store, pause

Deliver = Callable[[bytes, dict[str, str]], int]
"""Posts a body with headers to wherever the shop's webhooks go; returns the status."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, parent INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, modified TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS refunds (id INTEGER PRIMARY KEY, order_id INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS notes (order_id INTEGER, note TEXT);
CREATE TABLE IF NOT EXISTS webhooks (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS told (id INTEGER, units INTEGER);
CREATE TABLE IF NOT EXISTS deliveries (topic TEXT, body BLOB, status INTEGER);
"""


@dataclass
class WooShop:
    """One shop. `secret` signs its webhooks, `key` and `key_secret` open its API; `clock` and `wait` are its time."""

    store: Store
    secret: str
    key: str
    key_secret: str
    deliver: Deliver
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait: Callable[[float], object] = pause

    # ---- what happens in the shop

    def has(self, product: int, sku: str, units: int | None, parent: int = 0) -> None:
        """List a product, or a variation of one; None: it keeps no quantity."""
        body = {
            "id": product,
            "name": sku.title(),
            "type": "variation" if parent else "simple",
            "sku": sku,
            "parent_id": parent,
            "manage_stock": units is not None,
            "stock_quantity": units,
        }
        with self.store.open() as store:
            store.execute("INSERT OR REPLACE INTO products VALUES (?, ?, ?)", (product, parent, json.dumps(body)))
            sold_by = "UPDATE products SET body = json_set(body, '$.type', 'variable') WHERE id = ?"
            store.execute(sold_by, (parent,))

    def buy(self, order: int, *lines: tuple[int, str, int], **fields: Any) -> int:  # noqa: ANN401 - any JSON
        """Have a customer buy units, `(line, sku, units)`, and tell it by webhook; return the answer's status."""
        now = woo_api.bare(self.clock())
        items = [
            {"id": line, "sku": sku, "quantity": units, "subtotal": f"{10 * units}.00", "price": 10}
            for line, sku, units in lines
        ]
        address = {"first_name": "Ada", "last_name": "Buyer", "address_1": "Harbour Street 1", "city": "Bergen"}
        body: dict[str, Any] = {
            "id": order,
            "number": str(order),
            "status": "processing",
            "currency": "EUR",
            "date_created_gmt": now,
            "date_modified_gmt": now,
            "date_paid_gmt": now,
            "shipping": {**address, "postcode": "5003", "country": "NO"},
            "line_items": items,
            "refunds": [],
            "meta_data": [],
        } | fields
        with self.store.open() as store:
            store.execute("INSERT INTO orders VALUES (?, ?, ?)", (order, body["date_modified_gmt"], json.dumps(body)))
            for _, sku, units in lines:
                woo_api.move(store, sku, -units)
        return self.tell("order.created", body)

    def change(self, order: int, **fields: Any) -> int:  # noqa: ANN401 - any JSON
        """Change an order, and tell it by webhook; return the answer's status."""
        with self.store.open() as store:
            body = woo_api.change(store, order, self.clock(), fields)
        return self.tell("order.updated", body)

    def refund(self, order: int, refund: int, units: Mapping[int, int]) -> int:
        """Refund units of lines; the webhook lists the refund without its lines. Return the answer's status."""
        now = woo_api.bare(self.clock())
        items = [
            {"id": 9000 + line, "quantity": -many, "meta_data": [{"key": "_refunded_item_id", "value": str(line)}]}
            for line, many in units.items()
        ]
        body = {"id": refund, "date_created_gmt": now, "amount": "0.00", "reason": "", "line_items": items}
        with self.store.open() as store:
            store.execute("INSERT INTO refunds VALUES (?, ?, ?)", (refund, order, json.dumps(body)))
            listed = woo_api.order_of(store, order)["refunds"]
            entry = {"id": refund, "reason": "", "total": "-0.00"}
            told = woo_api.change(store, order, self.clock(), {"refunds": [*listed, entry]})
        return self.tell("order.updated", told)

    def tell(self, topic: str, body: Mapping[str, Any], secret: str | None = None) -> int:
        """Send a webhook, signed with the shop's secret or another; return the (last) answer's status."""
        text = json.dumps(body, separators=(",", ":")).encode()
        key = (self.secret if secret is None else secret).encode()
        headers = {
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": "https://woo.example/",
            "X-WC-Webhook-Topic": topic,
            "X-WC-Webhook-Resource": topic.partition(".")[0],
            "X-WC-Webhook-Event": topic.partition(".")[2],
            "X-WC-Webhook-Signature": base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode(),
            "X-WC-Webhook-ID": "1",
            "X-WC-Webhook-Delivery-ID": hashlib.md5(woo_api.bare(self.clock()).encode()).hexdigest(),  # noqa: S324 - as it does
        }
        with self.store.open() as store:
            times = 2 if faults.take(store, "duplicate") else 1
        for _ in range(times):
            status = self.deliver(text, headers)
            with self.store.open() as store:
                store.execute("INSERT INTO deliveries VALUES (?, ?, ?)", (topic, text, status))
        return status

    def ping(self) -> int:
        """Ask whether somebody is there, as when a webhook is saved."""
        return self.deliver(b"webhook_id=1", {"Content-Type": "application/x-www-form-urlencoded"})

    # ---- what it remembers

    def quantities(self) -> dict[int, int | None]:
        """Return what it shows of every product and variation."""
        with self.store.open() as store:
            rows = store.execute("SELECT id, body FROM products ORDER BY id").fetchall()
        return {number: json.loads(body)["stock_quantity"] for number, body in rows}

    def told(self) -> list[tuple[int, int]]:
        """Return every number the shop took, in order."""
        with self.store.open() as store:
            return store.execute("SELECT id, units FROM told ORDER BY rowid").fetchall()

    def notes(self) -> list[tuple[int, str]]:
        """Return all notes on orders, in order."""
        with self.store.open() as store:
            return store.execute("SELECT * FROM notes ORDER BY rowid").fetchall()

    def order(self, order: int) -> dict[str, Any]:
        """Return an order as it is."""
        with self.store.open() as store:
            return woo_api.order_of(store, order)

    def answer(self, store: sqlite3.Connection, asked: Asked) -> Response:
        """Answer one request to the REST API that brings the key and its secret."""
        right = base64.b64encode(f"{self.key}:{self.key_secret}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {right}":
            return woo_api.wrong(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        return woo_api.answer(store, asked, self.clock())
