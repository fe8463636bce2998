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
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local import admin_api, faults
from local.admin_api import Points
from local.admin_fields import Context

Deliver = Callable[[bytes, dict[str, str]], int]
"""Posts a body with headers to wherever the shop's webhooks go; returns the status."""

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS deliveries (webhook_id TEXT, topic TEXT, body BLOB, signed_well INTEGER, status INTEGER);
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, updated_at TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS quantities (item TEXT PRIMARY KEY, units INTEGER);
CREATE TABLE IF NOT EXISTS told (item TEXT, units INTEGER, at TEXT);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, request TEXT, answer TEXT);
CREATE TABLE IF NOT EXISTS bucket (id INTEGER PRIMARY KEY, points REAL, at REAL);
CREATE TABLE IF NOT EXISTS fulfilments (order_id TEXT, at TEXT, units TEXT, tracking TEXT);
CREATE TABLE IF NOT EXISTS cancels (
  job TEXT PRIMARY KEY, order_id TEXT, reason TEXT, restocks INTEGER, refunds INTEGER, note TEXT,
  asked_at TEXT, due_at TEXT, done_at TEXT
);
{faults.TABLE}
"""
NEVER_SECONDS = 3600.0


@dataclass(frozen=True)
class Delivery:
    """A webhook that was sent: the answer's status, and whether it was signed with the shop's own secret."""

    webhook_id: str
    topic: str
    body: bytes
    signed_well: bool
    status: int


@dataclass(frozen=True)
class Fulfilment:
    """Units that were fulfilled: line -> units, and each parcel's company, number and URL."""

    order_id: str
    at: datetime
    units: Mapping[str, int]
    tracking: Sequence[Mapping[str, str | None]]


@dataclass(frozen=True)
class Cancel:
    """A cancel that was begun. `done_at`: None until the shop, asked something when it is due, gets to it."""

    job: str
    order_id: str
    reason: str
    restocks: bool
    refunds: bool
    note: str | None
    asked_at: datetime
    due_at: datetime
    done_at: datetime | None


@dataclass(frozen=True)
class Store:
    """The shop's own memory, a file that several processes may use."""

    path: Path

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one piece of work, all of it kept or none."""
        with closing(sqlite3.connect(self.path, timeout=10)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # a killed process loses nothing, and power is not cut here
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

    def told(self) -> list[tuple[str, int, datetime]]:
        """Return every number the shop took, in the order in which it took them: item, units, when."""
        with self.open() as store:
            rows = store.execute("SELECT item, units, at FROM told ORDER BY rowid").fetchall()
        return [(item, units, datetime.fromisoformat(at)) for item, units, at in rows]

    def fulfilments(self) -> list[Fulfilment]:
        """Return all that was fulfilled, in order."""
        with self.open() as store:
            rows = store.execute("SELECT * FROM fulfilments ORDER BY rowid").fetchall()
        return [
            Fulfilment(order_id, datetime.fromisoformat(at), json.loads(units), json.loads(tracking))
            for order_id, at, units, tracking in rows
        ]

    def cancels(self) -> list[Cancel]:
        """Return all cancels that were begun, in order."""
        with self.open() as store:
            rows = store.execute("SELECT * FROM cancels ORDER BY rowid").fetchall()
        return [
            Cancel(
                *(job, order_id, reason, bool(restocks), bool(refunds), note),
                asked_at=datetime.fromisoformat(asked_at),
                due_at=datetime.fromisoformat(due_at),
                done_at=datetime.fromisoformat(done_at) if done_at else None,
            )
            for job, order_id, reason, restocks, refunds, note, asked_at, due_at, done_at in rows
        ]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Shop:
    """One shop.

    `items`: SKU -> inventory item: what a customer buys leaves its own quantity at once. `previous`: the secret before
    the newest, which still counts as the shop's. `clock` and `wait` are its time, for tests that have no other.
    """

    store: Store
    domain: str
    location: str
    secret: str
    token: str
    items: Mapping[str, str]
    deliver: Deliver
    previous: str = ""
    cancels_after: timedelta = timedelta(seconds=2)
    points: Points = field(default_factory=Points)
    clock: Callable[[], datetime] = _now
    wait: Callable[[float], object] = time.sleep

    def rotate(self, secret: str) -> None:
        """Sign with a new secret from now on."""
        self.secret, self.previous = secret, self.secret

    def send(
        self, topic: str, payload: Mapping[str, Any], *, secret: str | None = None, webhook_id: str | None = None
    ) -> int:
        """Send a webhook, signed with the newest secret or another; return the status of the (last) answer."""
        body = json.dumps(payload, separators=(",", ":")).encode()
        webhook_id = webhook_id or str(uuid.uuid4())
        key = self.secret if secret is None else secret
        is_ours = key in {self.secret, self.previous} - {""}
        if is_ours:
            self._remember(topic, payload)
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": self.domain,
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": webhook_id,
            "X-Shopify-Event-Id": webhook_id,
            "X-Shopify-Triggered-At": self.clock().isoformat().replace("+00:00", "Z"),
            "X-Shopify-Hmac-Sha256": base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode(),
        }
        with self.store.open() as store:
            times = 2 if faults.take(store, "duplicate") else 1
        for _ in range(times):
            status = self.deliver(body, headers)
            with self.store.open() as store:
                row = (webhook_id, topic, body, is_ours, status)
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
            context = Context(
                store=store,
                now=self.clock(),
                domain=self.domain,
                location=self.location,
                items=self.items,
                cancels_after=self.cancels_after,
            )
            return admin_api.answer(context, self.points, request)

    def respond(self, request: Mapping[str, Any]) -> Response | None:
        """Answer one request as the fault that is set says, if one is; None: close without an answer."""
        with self.store.open() as store:
            fault = faults.take(store, *faults.TO_REQUESTS)
        settings = fault.settings if fault else {}
        match fault and fault.kind:
            case "throttle" if settings.get("points"):
                return Response(200, admin_api.throttled(self.points, 0))
            case "throttle":
                return Response(429, {"errors": "Throttled"}, {"Retry-After": str(settings.get("seconds", 1.0))})
            case "fail":
                return Response(settings.get("status", 500), {"errors": "Internal Server Error"})
            case "hang":
                self.wait(settings.get("seconds", NEVER_SECONDS))
                return Response(200, self.answer(request)) if "seconds" in settings else None
            case "drop":
                self.answer(request)
                return None
        return Response(200, self.answer(request))


@dataclass(frozen=True)
class Response:
    """What goes back over HTTP."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def start(shop: Shop) -> ThreadingHTTPServer:
    """Serve the shop's Admin API from a thread that ends with the process."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("X-Shopify-Access-Token") != shop.token:
                response: Response | None = Response(401, {"errors": "[API] Invalid API key or access token"})
            else:
                response = shop.respond(json.loads(body))
            if response is None:
                return
            text = json.dumps(response.body).encode()
            with suppress(ConnectionError):  # who asked may have gone while the shop hung
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the day."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
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
