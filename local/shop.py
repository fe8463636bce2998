"""A stand-in for a Shopify shop, on a free port of 127.0.0.1.

It has a store of its own (what it sent and what was answered, its orders, its quantities) and shares no code and no
constant with what it stands opposite to: each reads the platform's published contract by itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local import admin_api

Deliver = Callable[[bytes, dict[str, str]], int]
"""Posts a body with headers to wherever the shop's webhooks go; returns the status."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (webhook_id TEXT, topic TEXT, body BLOB, signed_well INTEGER, status INTEGER);
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, updated_at TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS quantities (item TEXT PRIMARY KEY, units INTEGER);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, request TEXT, answer TEXT);
"""


@dataclass(frozen=True)
class Delivery:
    """A webhook that was sent: the answer's status, and whether it was signed with the shop's own secret."""

    webhook_id: str
    topic: str
    body: bytes
    signed_well: bool
    status: int


@dataclass(frozen=True)
class Store:
    """The shop's own memory, a file that several processes may use."""

    path: Path

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one piece of work, all of it kept or none."""
        with closing(sqlite3.connect(self.path, timeout=10)) as connection:
            connection.executescript(SCHEMA)
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    def deliveries(self) -> list[Delivery]:
        """Return all webhooks sent, in order."""
        with self.open() as store:
            rows = store.execute("SELECT * FROM deliveries ORDER BY rowid").fetchall()
        return [Delivery(webhook_id, topic, body, bool(well), status) for webhook_id, topic, body, well, status in rows]

    def quantities(self) -> dict[str, int]:
        """Return the units of every inventory item it was ever told of."""
        with self.open() as store:
            return dict(store.execute("SELECT item, units FROM quantities ORDER BY item").fetchall())


@dataclass(frozen=True)
class Shop:
    """One shop. `items`: SKU -> inventory item: what a customer buys leaves its own quantity at once."""

    store: Store
    domain: str
    location: str
    secret: str
    token: str
    items: Mapping[str, str]
    deliver: Deliver

    def send(
        self, topic: str, payload: Mapping[str, Any], *, secret: str | None = None, webhook_id: str | None = None
    ) -> int:
        """Send a webhook, signed with the shop's secret or another; return the status of the answer."""
        body = json.dumps(payload, separators=(",", ":")).encode()
        webhook_id = webhook_id or str(uuid.uuid4())
        if secret is None:
            self._remember(topic, payload)
        key = self.secret if secret is None else secret
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": self.domain,
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": webhook_id,
            "X-Shopify-Event-Id": webhook_id,
            "X-Shopify-Triggered-At": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "X-Shopify-Hmac-Sha256": base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode(),
        }
        status = self.deliver(body, headers)
        with self.store.open() as store:
            row = (webhook_id, topic, body, secret is None, status)
            store.execute("INSERT INTO deliveries VALUES (?, ?, ?, ?, ?)", row)
        return status

    def _remember(self, topic: str, payload: Mapping[str, Any]) -> None:
        """Keep an order as it now is; the first time it sells units, its cancel gives them back."""
        order_id = str(payload["id"])
        with self.store.open() as store:
            known = store.execute("SELECT body FROM orders WHERE id = ?", (order_id,)).fetchone()
            was_cancelled = bool(known and json.loads(known[0])["cancelled_at"])
            is_cancelled = topic == "orders/cancelled" or was_cancelled
            sold = (0 if is_cancelled else 1) - (1 if known and not was_cancelled else 0)
            for line in payload["line_items"]:
                if item := self.items.get(line["sku"]):
                    units = sold * line["quantity"]
                    store.execute("UPDATE quantities SET units = units - ? WHERE item = ?", (units, item))
            if not (was_cancelled and topic != "orders/cancelled"):
                row = (order_id, payload["updated_at"], json.dumps(payload))
                store.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", row)

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request to the Admin API."""
        with self.store.open() as store:
            return admin_api.answer(store, self.location, request)


def start(shop: Shop) -> ThreadingHTTPServer:
    """Serve the shop's Admin API from a thread that ends with the process."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("X-Shopify-Access-Token") != shop.token:
                status, answer = 401, {"errors": "[API] Invalid API key or access token"}
            else:
                status, answer = 200, shop.answer(json.loads(body))
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the day."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def url(server: ThreadingHTTPServer) -> str:
    """Return the URL of the Admin API."""
    return f"http://127.0.0.1:{server.server_port}/admin/api/2026-10/graphql.json"


@contextmanager
def serving(shop: Shop) -> Iterator[str]:
    """Serve the shop's Admin API for as long as the block; give its URL."""
    server = start(shop)
    try:
        yield url(server)
    finally:
        server.shutdown()
        server.server_close()
