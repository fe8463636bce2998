"""A stand-in for a shop of no known platform: it signs what it sends, and asks for signatures, by Standard Webhooks.

By the published specification (https://github.com/standard-webhooks/standard-webhooks) and docs/storefronts.md, which
has the seven requests it answers. Its events have a shape of its own, which a channel's mapping reads.
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

from local import faults
from local.stand_in import Asked, Response, Store, pause
from local.woo_shop import Deliver

SCHEMA = """
CREATE TABLE IF NOT EXISTS quantities (listing TEXT PRIMARY KEY, units INTEGER);
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, changed TEXT, body TEXT, fulfilled TEXT);
CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, request TEXT, answer TEXT);
CREATE TABLE IF NOT EXISTS parcels (order_id TEXT, number TEXT, carrier TEXT, UNIQUE (order_id, number));
CREATE TABLE IF NOT EXISTS told (listing TEXT, units INTEGER);
"""
TOLERANCE_SECONDS = 300
PAGE = 20
CHANGES = ("stock.set", "order.fulfil", "order.cancel")
MAPPING = {
    "topic": "type",
    "topics": {"order.placed": "create", "order.changed": "edit", "order.cancelled": "cancel"},
    "order": "data.number",
    "version": "data.changed_at",
    "placed_at": "data.placed_at",
    "name": "data.number",
    "currency": "data.currency",
    "cancelled": "data.is_cancelled",
    "lines": "data.items",
    "line": {"id": "no", "sku": "article.code", "units": "pieces", "price": "article.price"},
    "address": {"name": "data.ship_to.name", "city": "data.ship_to.town", "country_code": "data.ship_to.country"},
}
"""The rules of a channel that read this shop's events."""


@dataclass
class GenericShop:
    """One shop. `secret` signs its events, `token` what it is asked: base64, with or without `whsec_` before it."""

    store: Store
    secret: str
    token: str
    deliver: Deliver
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait: Callable[[float], object] = pause
    readings: dict[str, Response] = field(default_factory=dict)

    # ---- what happens in the shop

    def has(self, listing: str, units: int) -> None:
        """List something, with units of it."""
        with self.store.open() as store:
            store.execute("INSERT OR REPLACE INTO quantities VALUES (?, ?)", (listing, units))

    def buy(self, number: str, *lines: tuple[str, str, int], **fields: Any) -> int:  # noqa: ANN401 - any JSON
        """Have a customer buy units, `(line, sku, units)`, and tell it; return the answer's status."""
        at = self.clock().isoformat()
        body: dict[str, Any] = {
            "number": number,
            "changed_at": at,
            "placed_at": at,
            "currency": "EUR",
            "is_cancelled": False,
            "items": [
                {"no": line, "article": {"code": sku, "price": "10.00"}, "pieces": units} for line, sku, units in lines
            ],
            "ship_to": {"name": "Ada Buyer", "town": "Bergen", "country": "NO"},
        } | fields
        with self.store.open() as store:
            store.execute("INSERT INTO orders VALUES (?, ?, ?, '{}')", (number, _exact(self.clock()), json.dumps(body)))
            for _, sku, units in lines:
                store.execute("UPDATE quantities SET units = units - ? WHERE listing = ?", (units, sku))
        return self.tell(_event("order.placed", body))

    def change(self, number: str, topic: str = "order.changed", **fields: Any) -> int:  # noqa: ANN401 - any JSON
        """Change an order, and tell it; return the answer's status."""
        with self.store.open() as store:
            body = self._change(store, number, fields)
        return self.tell(_event(topic, body))

    def tell(self, event: Mapping[str, Any], secret: str | None = None, *, seconds_ago: int = 0) -> int:
        """Send an event, signed with the shop's secret or another; return the (last) answer's status."""
        body = json.dumps(event).encode()
        event_id, at = f"msg_{hashlib.sha256(body).hexdigest()[:20]}", str(int(self.clock().timestamp()) - seconds_ago)
        signature = _signature(self.secret if secret is None else secret, event_id, at, body)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{signature}",
        }
        with self.store.open() as store:
            times = 2 if faults.take(store, "duplicate") else 1
        for _ in range(times):
            status = self.deliver(body, headers)
        return status

    # ---- what it remembers

    def quantities(self) -> dict[str, int]:
        """Return what it shows."""
        with self.store.open() as store:
            return dict(store.execute("SELECT * FROM quantities ORDER BY listing").fetchall())

    def told(self) -> list[tuple[str, int]]:
        """Return every number the shop took, in order."""
        with self.store.open() as store:
            return store.execute("SELECT * FROM told ORDER BY rowid").fetchall()

    def order(self, number: str) -> tuple[dict[str, Any], dict[str, int]]:
        """Return an order as it is, and the units fulfilled of its lines."""
        with self.store.open() as store:
            row = store.execute("SELECT body, fulfilled FROM orders WHERE id = ?", (number,)).fetchone()
        return json.loads(row[0]), json.loads(row[1])

    def parcels(self, number: str) -> list[dict[str, str]]:
        """Return the parcels of an order, in order."""
        with self.store.open() as store:
            return _parcels(store, number)

    # ---- what it answers

    def answer(self, store: sqlite3.Connection, asked: Asked) -> Response:
        """Answer one request that is signed and of now; one whose id came before, as it was answered first."""
        event_id, at = asked.headers.get("webhook-id", ""), asked.headers.get("webhook-timestamp", "0")
        right = f"v1,{_signature(self.token, event_id, at, asked.body)}"
        is_now = abs(self.clock().timestamp() - int(at)) <= TOLERANCE_SECONDS
        if asked.headers.get("webhook-signature") != right or not is_now:
            return Response(401, {"error": "signature"})
        request = json.loads(asked.body)
        kind, data = request["type"], request["data"]
        if kind not in CHANGES:
            return self.readings.setdefault(event_id, self._read(store, kind, data))
        known = store.execute("SELECT request, answer FROM answers WHERE id = ?", (event_id,)).fetchone()
        if known:
            return Response(200, json.loads(known[1])) if known[0] == asked.body.decode() else Response(409, {})
        response = self._set(store, data) if kind == "stock.set" else self._of_order(store, kind, data)
        row = (event_id, asked.body.decode(), json.dumps(response.body))
        store.execute("INSERT INTO answers VALUES (?, ?, ?)", row)
        return response

    def _set(self, store: sqlite3.Connection, data: Mapping[str, Any]) -> Response:
        refused = []
        for each in data["items"]:
            done = store.execute(
                "UPDATE quantities SET units = ? WHERE listing = ?", (each["quantity"], each["listing"])
            )
            if done.rowcount:
                store.execute("INSERT INTO told VALUES (?, ?)", (each["listing"], each["quantity"]))
            else:
                refused.append({"listing": each["listing"], "error": "unknown_listing"})
        return Response(200, {"refused": refused})

    def _read(self, store: sqlite3.Connection, kind: str, data: Mapping[str, Any]) -> Response:
        match kind:
            case "stock.read":
                shown = dict(store.execute("SELECT * FROM quantities").fetchall())
                items = [{"listing": each, "quantity": shown[each]} for each in data["listings"] if each in shown]
                return Response(200, {"items": items})
            case "products.list":
                first = data["cursor"] or 0
                listings = store.execute("SELECT listing FROM quantities ORDER BY listing").fetchall()
                products = [{"listing": each, "sku": each, "title": each.title()} for (each,) in listings]
                following = first + PAGE if first + PAGE < len(products) else None
                return Response(200, {"products": products[first : first + PAGE], "next": following})
            case "orders.list":
                since, first = _exact(datetime.fromisoformat(data["since"])), data["cursor"] or 0
                rows = store.execute("SELECT body FROM orders WHERE changed >= ? ORDER BY changed, id", (since,))
                found = [json.loads(body) for (body,) in rows]
                some = found[first : first + PAGE]
                events = [_as_changed(each) for each in some]
                after = first + PAGE
                return Response(200, {"orders": events, "next": after if after < len(found) else None})
            case "order.fetch":
                row = store.execute("SELECT body FROM orders WHERE id = ?", (data["order"],)).fetchone()
                return Response(200, {"order": _as_changed(json.loads(row[0]))}) if row else Response(404, {})
            case "order.read":
                return self._of_order(store, kind, data)
        return Response(400, {"error": "type"})

    def _of_order(self, store: sqlite3.Connection, kind: str, data: Mapping[str, Any]) -> Response:
        row = store.execute("SELECT body, fulfilled FROM orders WHERE id = ?", (data["order"],)).fetchone()
        if row is None:
            return Response(404, {"error": "order"})
        body, fulfilled = json.loads(row[0]), json.loads(row[1])
        if kind == "order.fulfil":
            fulfilled |= {each["line"]: each["fulfilled"] for each in data["lines"]}
            store.execute("UPDATE orders SET fulfilled = ? WHERE id = ?", (json.dumps(fulfilled), data["order"]))
            if "parcel" in data:
                parcel = (data["order"], data["parcel"]["number"], data["parcel"]["carrier"])
                store.execute("INSERT OR REPLACE INTO parcels VALUES (?, ?, ?)", parcel)
        if kind == "order.cancel" and not body["is_cancelled"]:
            body = self._change(store, data["order"], {"is_cancelled": True})
            for each in body["items"]:
                row = (each["pieces"], each["article"]["code"])
                store.execute("UPDATE quantities SET units = units + ? WHERE listing = ?", row)
        lines = [
            {"line": each["no"], "quantity": each["pieces"], "fulfilled": fulfilled.get(each["no"], 0)}
            for each in body["items"]
        ]
        parcels = _parcels(store, data["order"])
        return Response(200, {"is_cancelled": body["is_cancelled"], "lines": lines, "parcels": parcels})

    def _change(self, store: sqlite3.Connection, number: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        (text,) = store.execute("SELECT body FROM orders WHERE id = ?", (number,)).fetchone()
        body: dict[str, Any] = json.loads(text) | {"changed_at": self.clock().isoformat()} | dict(fields)
        row = (_exact(self.clock()), json.dumps(body), number)
        store.execute("UPDATE orders SET changed = ?, body = ? WHERE id = ?", row)
        return body


def _as_changed(order: Mapping[str, Any]) -> dict[str, Any]:
    return _event("order.cancelled" if order["is_cancelled"] else "order.changed", order)


def _parcels(store: sqlite3.Connection, number: str) -> list[dict[str, str]]:
    rows = store.execute("SELECT number, carrier FROM parcels WHERE order_id = ? ORDER BY rowid", (number,))
    return [{"number": parcel, "carrier": carrier} for parcel, carrier in rows]


def _event(topic: str, order: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": topic, "timestamp": order["changed_at"], "data": order}


def _exact(moment: datetime) -> str:
    """Write a time so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _signature(secret: str, event_id: str, at: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.digest(key, f"{event_id}.{at}.".encode() + body, hashlib.sha256)).decode()
