"""A stand-in for a BigCommerce store: its REST API as far as orders, stock and webhooks go, and its webhooks.

By the vendor's own specification and documentation (github.com/bigcommerce/docs): shapes, statuses and errors,
thin webhooks signed with the client secret, adjustments that are answered before they are done, a quota of calls that
is refilled every 30 seconds. It sells from its own stock, and puts back what is cancelled.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local import bigcommerce_api, faults
from local.stand_in import Asked, Response, Store, pause

Deliver = Callable[[bytes, dict[str, str]], int]
"""Posts a body with headers to wherever the store's webhooks go; returns the status."""

WINDOW_SECONDS = 30
SCHEMA = """
CREATE TABLE IF NOT EXISTS items (product INTEGER, variant INTEGER, sku TEXT, is_by_variant INTEGER, safety INTEGER);
CREATE TABLE IF NOT EXISTS counts (product INTEGER, variant INTEGER, since REAL, units INTEGER);
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, modified TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS lines (id INTEGER PRIMARY KEY, order_id INTEGER, address INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS shipments (id INTEGER PRIMARY KEY, order_id INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS hooks (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS deliveries (scope TEXT, body BLOB, status INTEGER);
"""


@dataclass
class BigCommerceShop:
    """One store. `secret` signs its webhooks, `token` opens its API; `clock` and `wait` are its time.

    `delay`: seconds until an adjustment is done; `quota`: calls in half a minute, None: any number; `closed`: what its
    token's scopes do not open.
    """

    store: Store
    secret: str
    token: str
    deliver: Deliver
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait: Callable[[float], object] = pause
    delay: float = 0.0
    quota: int | None = None
    closed: str = " "
    asked: dict[int, int] = field(default_factory=dict)

    # ---- what happens in the store

    def has(self, product: int, sku: str, units: int | None, variant: int = 0, safety: int = 0) -> None:
        """List a product that is counted as a whole, or a variant that is counted by itself; None: it is not."""
        with self.store.open() as store:
            entry = (product, variant or 10_000 + product, sku, bool(variant), safety)
            store.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?)", entry)
            if units is not None:
                bigcommerce_api.count(store, product, entry[1], units, self.clock().timestamp())

    def buy(self, order: int, *lines: tuple[int, str, int], **fields: Any) -> int:  # noqa: ANN401 - any JSON
        """Have a customer buy units, `(line, sku, units)`, and tell it by webhook; return the answer's status."""
        now = bigcommerce_api.written(self.clock())
        body: dict[str, Any] = {
            "id": order,
            "status_id": 11,
            "date_created": now,
            "date_modified": now,
            "default_currency_code": "EUR",
            "currency_code": "EUR",
            "payment_method": "Credit Card",
            "is_deleted": False,
        } | fields
        with self.store.open() as store:
            bigcommerce_api.keep(store, body)
            for line, sku, units in lines:
                bigcommerce_api.add_line(store, order, {"id": line, "sku": sku, "quantity": units})
                bigcommerce_api.move(store, sku, -units, self.clock())
        return self.tell("store/order/created", order)

    def change(self, order: int, scope: str = "store/order/updated", **fields: Any) -> int:  # noqa: ANN401 - any JSON
        """Change an order, and tell it by webhook; return the answer's status."""
        with self.store.open() as store:
            bigcommerce_api.change(store, order, self.clock(), fields)
        return self.tell(scope, order)

    def add(self, order: int, **line: Any) -> None:  # noqa: ANN401 - any JSON
        """Add a line of any kind to an order, telling nobody."""
        with self.store.open() as store:
            bigcommerce_api.add_line(store, order, line)

    def refund(self, order: int, line: int, units: int) -> int:
        """Refund units of a line, and tell it by webhook; return the answer's status."""
        with self.store.open() as store:
            bigcommerce_api.change_line(store, line, quantity_refunded=units)
            bigcommerce_api.change(store, order, self.clock(), {"status_id": 14})
        return self.tell("store/order/refund/created", order, refund={"refund_id": 3})

    def tell(self, scope: str, order: int, secret: str | None = None, seconds_ago: int = 0, **data: Any) -> int:  # noqa: ANN401
        """Send a webhook, signed with the store's secret or another; return the (last) answer's status."""
        at = int(self.clock().timestamp()) - seconds_ago
        told = {"type": "order", "id": order, **data}
        digest = hashlib.sha1(json.dumps(told).encode()).hexdigest()  # noqa: S324 - as it does
        event = {"producer": "stores/abc123", "store_id": "1025646", "hash": digest, "created_at": at, "scope": scope}
        text = json.dumps({**event, "data": told}, separators=(",", ":")).encode()
        with self.store.open() as store:
            number = store.execute("SELECT COUNT(*) FROM deliveries").fetchone()[0] + 1
            times = 2 if faults.take(store, "duplicate") else 1
        key = (self.secret if secret is None else secret).encode()
        signed = hmac.digest(key, f"msg_{number}.{at}.".encode() + text, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": f"msg_{number}",
            "webhook-timestamp": str(at),
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }
        for _ in range(times):
            status = self.deliver(text, headers)
            with self.store.open() as store:
                store.execute("INSERT INTO deliveries VALUES (?, ?, ?)", (scope, text, status))
        return status

    # ---- what it remembers

    def quantities(self) -> dict[str, int]:
        """Return what it has on hand, by SKU."""
        with self.store.open() as store:
            return bigcommerce_api.on_hand(store, self.clock())

    def order(self, order: int) -> dict[str, Any]:
        """Return an order as it is, with its consignments."""
        with self.store.open() as store:
            return bigcommerce_api.order_of(store, order)

    def shipments(self) -> list[dict[str, Any]]:
        """Return all shipments, in order."""
        with self.store.open() as store:
            rows = store.execute("SELECT body FROM shipments ORDER BY id").fetchall()
        return [json.loads(body) for (body,) in rows]

    def answer(self, store: sqlite3.Connection, asked: Asked) -> Response:
        """Answer one request to the REST API that brings the token, as long as the quota lasts."""
        if asked.headers.get("x-auth-token") != self.token:
            return Response(401, {"status": 401, "title": "You are not authorized to access this resource."})
        now = self.clock()
        window, spent = divmod(now.timestamp(), WINDOW_SECONDS)
        count = self.asked[int(window)] = self.asked.get(int(window), 0) + 1
        told = _quota(self.quota, count, WINDOW_SECONDS - spent) if self.quota else {}
        if self.quota and count > self.quota:
            return Response(429, {"status": 429, "title": "Too many requests"}, told)
        if self.closed in asked.path:
            return Response(403, {"status": 403, "title": "You don't have a required scope"}, told)
        answered = bigcommerce_api.answer(store, asked, now, self.delay)
        return Response(answered.status, answered.body, told)


def _quota(quota: int, count: int, left_seconds: float) -> Mapping[str, str]:
    return {
        "X-Rate-Limit-Time-Window-Ms": str(WINDOW_SECONDS * 1000),
        "X-Rate-Limit-Time-Reset-Ms": str(int(left_seconds * 1000)),
        "X-Rate-Limit-Requests-Quota": str(quota),
        "X-Rate-Limit-Requests-Left": str(max(quota - count, 0)),
    }
