"""A stand-in for Amazon: Login with Amazon, and of the Selling Partner API what a seller who ships himself needs.

By the vendor's models (github.com/amzn/selling-partner-api-models, 34dc93f): tokens for an hour, a limit for every
operation, listings that are refused inside an answer of 200, orders in pages, parcels that are replaced when their
reference comes again. A change of a listing is done at once, not within minutes.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from local.stand_in import Asked, Response, Store, pause

SCHEMA = """
CREATE TABLE IF NOT EXISTS listings (sku TEXT PRIMARY KEY, units INTEGER, code TEXT, made TEXT);
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, changed TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, scope TEXT, ends REAL);
CREATE TABLE IF NOT EXISTS buckets (operation TEXT PRIMARY KEY, left REAL, at REAL);
CREATE TABLE IF NOT EXISTS destinations (id TEXT PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS subscriptions (kind TEXT PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS told (sku TEXT, units INTEGER);
"""
HOUR = 3600
PAGE = 100
MOST_IDENTIFIERS = 20
AMAZONS = {"fulfillmentChannelCode": "AMAZON_EU", "quantity": 7}
Node = dict[str, Any]


class _Wrong(Exception):
    """The API says no."""

    def __init__(self, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.response = Response(status, {"errors": [{"code": code, "message": code}]}, headers or {})


@dataclass
class AmazonShop:
    """One seller in one marketplace. `roles`: what we may do, `rates`: how often; `clock` and `wait` are its time.

    `paged`: through how many listings one may page.
    """

    store: Store
    secret: str
    seller: str = "A3TH9S8BH6GOGM"
    marketplace: str = "A1F83G8C2ARO7P"
    roles: frozenset[str] = frozenset({"listings", "orders", "notifications"})
    rates: dict[str, tuple[float, int]] = field(default_factory=lambda: dict(RATES))
    paged: int = 1000
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait: Callable[[float], object] = pause

    # ---- what happens at Amazon

    def has(self, sku: str, units: int | None, *, refuses: str = "") -> None:
        """List a SKU; None: Amazon ships it itself. `refuses`: the code of what is wrong with it."""
        with self.store.open() as store:
            made = self.clock().isoformat()
            store.execute("INSERT OR REPLACE INTO listings VALUES (?, ?, ?, ?)", (sku, units, refuses, made))

    def quantities(self) -> dict[str, int | None]:
        """Return what is shown."""
        with self.store.open() as store:
            return dict(store.execute("SELECT sku, units FROM listings").fetchall())

    def told(self) -> list[tuple[str, int]]:
        """Return what was told, in order."""
        with self.store.open() as store:
            return store.execute("SELECT sku, units FROM told").fetchall()

    def keeps(self, order: Node) -> None:
        """Have an order, changed now."""
        changed = f"{self.clock():%Y-%m-%dT%H:%M:%SZ}"
        body = order | {"lastUpdatedTime": changed}
        with self.store.open() as store:
            store.execute(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", (body["orderId"], changed, json.dumps(body))
            )

    def order(self, order: str) -> Node:
        """Return an order as it is."""
        with self.store.open() as store:
            return _order(store, order)

    def ends_tokens(self) -> None:
        """Take no token any more that was given until now."""
        with self.store.open() as store:
            store.execute("DELETE FROM tokens")

    def subscriptions(self) -> dict[str, Node]:
        """Return where notifications go, by their type."""
        with self.store.open() as store:
            return {kind: json.loads(body) for kind, body in store.execute("SELECT * FROM subscriptions").fetchall()}

    # ---- what is answered

    def answer(self, store: sqlite3.Connection, asked: Asked) -> Response:
        """Answer one request."""
        if asked.path == "/auth/o2/token":
            return self._token(store, parse_qs(asked.body.decode()))
        try:
            for pattern, (operation, role, reply) in ROUTES.items():
                if found := re.fullmatch(pattern, f"{asked.method} {asked.path}"):
                    self._admit(store, asked, operation, role)
                    return reply(self, store, asked, *map(unquote, found.groups()))
        except _Wrong as failure:
            return failure.response
        return _Wrong(404, "NotFound").response

    def _token(self, store: sqlite3.Connection, form: Mapping[str, list[str]]) -> Response:
        client, client_secret, refresh = self.secret.split(":")
        told = {name: values[0] for name, values in form.items()}
        if (told.get("client_id"), told.get("client_secret")) != (client, client_secret):
            return Response(401, {"error": "invalid_client"})
        scope = told.get("scope", "")
        is_right = told.get("refresh_token") == refresh if told.get("grant_type") == "refresh_token" else bool(scope)
        if not is_right:
            return Response(400, {"error": "invalid_grant"})
        count = store.execute("SELECT COUNT(*) FROM tokens").fetchone()[0]
        token = f"Atza|{count}-{self.clock().timestamp()}"
        store.execute("INSERT INTO tokens VALUES (?, ?, ?)", (token, scope, self.clock().timestamp() + HOUR))
        return Response(200, {"access_token": token, "token_type": "bearer", "expires_in": HOUR})

    def _admit(self, store: sqlite3.Connection, asked: Asked, operation: str, role: str) -> None:
        token = asked.headers.get("x-amz-access-token", "")
        row = store.execute("SELECT scope, ends FROM tokens WHERE token = ?", (token,)).fetchone()
        is_grantless = asked.path.endswith("/destinations")
        if row is None or row[1] <= self.clock().timestamp() or bool(row[0]) != is_grantless or role not in self.roles:
            raise _Wrong(403, "Unauthorized")
        rate, burst = self.rates[operation]
        at = self.clock().timestamp()
        left, before = store.execute("SELECT left, at FROM buckets WHERE operation = ?", (operation,)).fetchone() or (
            burst,
            at,
        )
        left = min(burst, left + (at - before) * rate)
        if left < 1:
            raise _Wrong(429, "QuotaExceeded", {"x-amzn-RateLimit-Limit": str(rate)})
        store.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?)", (operation, left - 1, at))

    def _is_here(self, asked: Asked, seller: str) -> None:
        if asked.query.get("marketplaceIds") != self.marketplace or seller != self.seller:
            raise _Wrong(400, "InvalidInput")

    # ---- listings

    def _patch(self, store: sqlite3.Connection, asked: Asked, seller: str, sku: str) -> Response:
        self._is_here(asked, seller)
        told = json.loads(asked.body)
        (patch,) = told["patches"]
        (value,) = patch["value"]
        if not told.get("productType") or patch["path"] != "/attributes/fulfillment_availability":
            raise _Wrong(400, "InvalidInput")
        row = store.execute("SELECT units, code FROM listings WHERE sku = ?", (sku,)).fetchone()
        if row is None:
            raise _Wrong(400, "InvalidInput")
        answer: Node = {"sku": sku, "submissionId": "1", "status": "ACCEPTED", "issues": []}
        if row[1]:
            issue = {"code": row[1], "message": "-", "severity": "ERROR", "categories": []}
            return Response(200, answer | {"status": "INVALID", "issues": [issue]})
        if patch["op"] != "merge" or value["fulfillment_channel_code"] != "DEFAULT":
            raise _Wrong(400, "InvalidInput")
        store.execute("UPDATE listings SET units = ? WHERE sku = ?", (value["quantity"], sku))
        store.execute("INSERT INTO told VALUES (?, ?)", (sku, value["quantity"]))
        return Response(200, answer)

    def _listing(self, store: sqlite3.Connection, asked: Asked, seller: str, sku: str) -> Response:
        self._is_here(asked, seller)
        row = store.execute("SELECT sku, units FROM listings WHERE sku = ?", (sku,)).fetchone()
        if row is None:
            raise _Wrong(404, "NotFound")
        return Response(200, _shown(*row))

    def _listings(self, store: sqlite3.Connection, asked: Asked, seller: str) -> Response:
        self._is_here(asked, seller)
        if "identifiers" not in asked.query:
            return self._pages(store, asked.query)
        wanted = asked.query["identifiers"].split(",")
        if len(wanted) > MOST_IDENTIFIERS or "identifiersType" not in asked.query:
            raise _Wrong(400, "InvalidInput")
        rows = store.execute("SELECT sku, units FROM listings ORDER BY sku").fetchall()
        size = int(asked.query.get("pageSize", "10"))
        items = [_shown(sku, units) for sku, units in rows if sku in wanted][:size]
        return Response(200, {"numberOfResults": len(items), "items": items})

    def _pages(self, store: sqlite3.Connection, query: Mapping[str, str]) -> Response:
        """Page through what was made since a time, as far as one may."""
        size, first = int(query.get("pageSize", "10")), int(query.get("pageToken", "0"))
        if size > MOST_IDENTIFIERS:
            raise _Wrong(400, "InvalidInput")
        rows = store.execute(
            "SELECT sku, units, made FROM listings WHERE made >= ? ORDER BY made, sku", (query.get("createdAfter", ""),)
        ).fetchall()
        if query.get("sortOrder", "DESC") == "DESC":
            rows.reverse()
        items = []
        for sku, units, made in rows[: self.paged][first : first + size]:
            summary = {"marketplaceId": self.marketplace, "itemName": f"Item {sku}", "createdDate": made}
            items.append(_shown(sku, units) | {"summaries": [summary]})
        is_last = first + size >= min(len(rows), self.paged)
        pagination = {} if is_last else {"nextToken": str(first + size)}
        return Response(200, {"numberOfResults": len(rows), "items": items, "pagination": pagination})

    # ---- orders

    def _orders(self, store: sqlite3.Connection, asked: Asked) -> Response:
        query = asked.query
        if query.get("marketplaceIds") != self.marketplace or query.get("fulfilledBy") != "MERCHANT":
            raise _Wrong(400, "InvalidInput")
        rows = store.execute(
            "SELECT body FROM orders WHERE changed >= ? ORDER BY id", (query["lastUpdatedAfter"],)
        ).fetchall()
        first = int(query.get("paginationToken", "0"))
        some = [json.loads(body) for (body,) in rows[first : first + PAGE]]
        more = {"nextToken": str(first + PAGE)} if len(rows) > first + PAGE else {}
        return Response(200, {"orders": some, "pagination": more})

    def _get_order(self, store: sqlite3.Connection, _: Asked, order: str) -> Response:
        return Response(200, {"order": _order(store, order)})

    def _ship(self, store: sqlite3.Connection, asked: Asked, order: str) -> Response:
        body, told = _order(store, order), json.loads(asked.body)
        package = told["packageDetail"]
        is_named = package["carrierCode"] != "Other" or package.get("carrierName")
        is_right = re.fullmatch("[1-9][0-9]*", package["packageReferenceId"]) and package["trackingNumber"]
        if told["marketplaceId"] != self.marketplace or not is_named or not is_right or not package["shipDate"]:
            raise _Wrong(400, "InvalidInput")
        kept = [
            each for each in body.get("packages", []) if each["packageReferenceId"] != package["packageReferenceId"]
        ]
        one = {
            "packageReferenceId": package["packageReferenceId"],
            "carrier": package.get("carrierName", package["carrierCode"]),
            "trackingNumber": package["trackingNumber"],
            "packageItems": package["orderItems"],
        }
        packages = [*kept, one]
        done = {each["orderItemId"]: 0 for each in body["orderItems"]}
        for item in (item for each in packages for item in each["packageItems"]):
            done[item["orderItemId"]] += item["quantity"]
        for item in body["orderItems"]:
            left = item["quantityOrdered"] - done[item["orderItemId"]]
            if left < 0:
                raise _Wrong(400, "InvalidInput")
            item["fulfillment"] = {"quantityFulfilled": done[item["orderItemId"]], "quantityUnfulfilled": left}
        is_left = any(item["fulfillment"]["quantityUnfulfilled"] for item in body["orderItems"])
        body["fulfillment"]["fulfillmentStatus"] = "PARTIALLY_SHIPPED" if is_left else "SHIPPED"
        text = json.dumps(body | {"packages": packages})
        store.execute("UPDATE orders SET body = ? WHERE id = ?", (text, order))
        return Response(204, None)

    # ---- notifications

    def _destinations(self, store: sqlite3.Connection, asked: Asked) -> Response:
        if asked.method == "GET":
            rows = store.execute("SELECT body FROM destinations ORDER BY id").fetchall()
            return Response(200, {"payload": [json.loads(body) for (body,) in rows]})
        told, count = json.loads(asked.body), store.execute("SELECT COUNT(*) FROM destinations").fetchone()[0]
        made = {"destinationId": f"d-{count}", "name": told["name"], "resource": told["resourceSpecification"]}
        store.execute("INSERT INTO destinations VALUES (?, ?)", (made["destinationId"], json.dumps(made)))
        return Response(200, {"payload": made})

    def _subscriptions(self, store: sqlite3.Connection, asked: Asked, kind: str) -> Response:
        row = store.execute("SELECT body FROM subscriptions WHERE kind = ?", (kind,)).fetchone()
        if asked.method == "GET":
            if row is None:
                raise _Wrong(404, "NotFound")
            return Response(200, {"payload": json.loads(row[0])})
        if row is not None:
            raise _Wrong(409, "ConflictError")
        made = {"subscriptionId": "s-1", **json.loads(asked.body)}
        store.execute("INSERT INTO subscriptions VALUES (?, ?)", (kind, json.dumps(made)))
        return Response(200, {"payload": made})


def _order(store: sqlite3.Connection, order: str) -> Node:
    row = store.execute("SELECT body FROM orders WHERE id = ?", (order,)).fetchone()
    if row is None:
        raise _Wrong(404, "NotFound")
    body: Node = json.loads(row[0])
    return body


def _shown(sku: str, units: int | None) -> Node:
    own: Node = {"fulfillmentChannelCode": "DEFAULT", "quantity": units}
    return {"sku": sku, "fulfillmentAvailability": [{**own, **AMAZONS} if units is None else own]}


RATES: Mapping[str, tuple[float, int]] = {
    "searchOrders": (0.0056, 20),
    "getOrder": (0.5, 30),
    "confirmShipment": (2, 10),
    "patchListingsItem": (5, 5),
    "getListingsItem": (5, 10),
    "searchListingsItems": (5, 5),
    "getDestinations": (1, 5),
    "createDestination": (1, 5),
    "getSubscription": (1, 5),
    "createSubscription": (1, 5),
}
ROUTES: Mapping[str, tuple[str, str, Callable[..., Response]]] = {
    r"PATCH /listings/2021-08-01/items/([^/]+)/([^/]+)": ("patchListingsItem", "listings", AmazonShop._patch),  # noqa: SLF001
    r"GET /listings/2021-08-01/items/([^/]+)/([^/]+)": ("getListingsItem", "listings", AmazonShop._listing),  # noqa: SLF001
    r"GET /listings/2021-08-01/items/([^/]+)": ("searchListingsItems", "listings", AmazonShop._listings),  # noqa: SLF001
    r"GET /orders/2026-01-01/orders": ("searchOrders", "orders", AmazonShop._orders),  # noqa: SLF001
    r"GET /orders/2026-01-01/orders/([^/]+)": ("getOrder", "orders", AmazonShop._get_order),  # noqa: SLF001
    r"POST /orders/v0/orders/([^/]+)/shipmentConfirmation": ("confirmShipment", "orders", AmazonShop._ship),  # noqa: SLF001
    r"GET /notifications/v1/destinations": ("getDestinations", "notifications", AmazonShop._destinations),  # noqa: SLF001
    r"POST /notifications/v1/destinations": ("createDestination", "notifications", AmazonShop._destinations),  # noqa: SLF001
    r"GET /notifications/v1/subscriptions/([A-Z_]+)": (
        "getSubscription",
        "notifications",
        AmazonShop._subscriptions,  # noqa: SLF001
    ),
    r"POST /notifications/v1/subscriptions/([A-Z_]+)": (
        "createSubscription",
        "notifications",
        AmazonShop._subscriptions,  # noqa: SLF001
    ),
}
