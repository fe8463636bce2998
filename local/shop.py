"""A stand-in for a Shopify shop, on a free port of 127.0.0.1.

It has a store of its own (what it sent and what was answered, its orders, its quantities) and shares no code and no
constant with what it stands opposite to: each reads the platform's published contract by itself. Its Admin API
takes three requests: `inventorySetQuantities` as of 2026-04, the quantities of inventory items, and orders by the
time of their last change.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
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

Deliver = Callable[[bytes, dict[str, str]], int]
"""Posts a body with headers to wherever the shop's webhooks go; returns the status."""

ITEM = re.compile(r"gid://shopify/InventoryItem/\d+")
INPUT_FIELDS = {"name", "reason", "referenceDocumentUri", "quantities"}
LEAST, MOST = -1_000_000_000, 1_000_000_000

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

    # ---- the Admin API

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one GraphQL request."""
        query, variables = str(request.get("query", "")), request.get("variables") or {}
        with self.store.open() as store:
            if re.search(r"\binventorySetQuantities\s*\(", query):
                return self._set_quantities(store, query, variables)
            if re.search(r"\bnodes\s*\(\s*ids\b", query):
                return self._quantities(store, variables)
        return _error("the shop knows no such request", "undefinedField")

    def _set_quantities(self, store: sqlite3.Connection, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
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
        errors = [error for at, each in enumerate(given["quantities"]) if (error := self._refuse(store, at, each))]
        if not errors:
            rows = [(each["inventoryItemId"], each["quantity"]) for each in given["quantities"]]
            store.executemany("INSERT OR REPLACE INTO quantities VALUES (?, ?)", rows)
        answer = _answer(name, errors)
        if not errors:
            store.execute("INSERT INTO answers VALUES (?, ?, ?)", (key, asked, json.dumps(answer)))
        return answer

    def _refuse(self, store: sqlite3.Connection, at: int, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
        path = ["input", "quantities", str(at)]
        if not ITEM.fullmatch(wanted["inventoryItemId"]):
            return _user_error("INVALID_INVENTORY_ITEM", [*path, "inventoryItemId"])
        if wanted["locationId"] != self.location:
            return _user_error("INVALID_LOCATION", [*path, "locationId"])
        if not LEAST <= wanted["quantity"] <= MOST:
            return _user_error("INVALID_QUANTITY_TOO_HIGH", [*path, "quantity"])
        there = store.execute("SELECT units FROM quantities WHERE item = ?", (wanted["inventoryItemId"],)).fetchone()
        expected = wanted["changeFromQuantity"]
        if expected is not None and expected != (there[0] if there else 0):
            return _user_error("CHANGE_FROM_QUANTITY_STALE", [*path, "changeFromQuantity"])
        return None

    def _quantities(self, store: sqlite3.Connection, variables: Mapping[str, Any]) -> dict[str, Any]:
        nodes: list[dict[str, Any] | None] = []
        for item in variables["ids"]:
            there = store.execute("SELECT units FROM quantities WHERE item = ?", (item,)).fetchone()
            is_here = there and variables["location"] == self.location
            quantities = [{"name": "available", "quantity": there[0]}] if is_here else []
            nodes.append({"id": item, "inventoryLevel": {"quantities": quantities} if is_here else None})
        return {"data": {"nodes": nodes}}


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
