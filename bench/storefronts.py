"""What each platform costs: CPU of receiving a delivery, and calls for a thousand changed quantities.

Receiving is measured warm and without AWS: the archive and the queue are lists, so what is counted is verifying,
identifying and answering; what the calls to S3 and SQS cost is in the life of an order (`bench.life`). The shops that
are told quantities are the stand-ins, asked without a network.
"""

from __future__ import annotations

import base64
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from bench.figure import Figure
from local import shop as shopify_stand_in
from local.stand_in import Asked, Shop, answered
from shared.domain import platforms, rules
from shared.domain.messages import Message
from shared.flows.publish_to_channels import MOST_AT_ONCE
from shared.flows.receive_webhook import ReceiveWebhook
from shared.storage.archive import Archive
from shared.storefronts import inbound, web
from shared.storefronts.bigcommerce_rest import Api
from shared.storefronts.bigcommerce_stock import Stock as BigCommerceStock
from shared.storefronts.contract import Numbers, Quantity
from shared.storefronts.generic_shop import GenericShop
from shared.storefronts.shopify_admin import Shop as Shopify
from shared.storefronts.woocommerce_rest import Rest
from shared.storefronts.woocommerce_stock import Stock
from tests.support import stand_ins, trade
from tests.support.stand_ins import Clock, Endpoint

DELIVERIES = 300
RUNS = 7
CHANGED = 1000
A_TENTH = 0.1
"""Calls a changed quantity that no platform may need: ten times fewer than one each."""
LOCATION = "gid://shopify/Location/1"
WOO = {"platform": "woocommerce", "shop": "woo.example", "api_url": "https://woo.example/wp-json/wc/v3"}

BIGCOMMERCE_URL = "https://api.bigcommerce.com/stores/abc123"


def measure() -> Iterator[Figure]:
    """Yield the figures of every platform."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _receiving(Path(folder))
        yield from _telling(Path(folder))


# ---- receiving


def _receiving(folder: Path) -> Iterator[Figure]:
    document = trade.shop_rules_document("alpina")
    shopify = document["channels"]["nordlys"]
    document["channels"] = {
        platforms.SHOPIFY: shopify,
        platforms.WOOCOMMERCE: WOO | {"currency": "EUR"},
        platforms.BIGCOMMERCE: stand_ins.bigcommerce_channel(currency="EUR"),
        platforms.GENERIC: stand_ins.generic_channel(currency="EUR"),
    }
    current, clock = rules.parse(document), Clock()
    secrets = {
        platforms.SHOPIFY: "shop-secret",
        platforms.WOOCOMMERCE: "woo-secret",
        platforms.BIGCOMMERCE: stand_ins.BIGCOMMERCE_SECRET,
        platforms.GENERIC: stand_ins.GENERIC_SECRET,
    }
    queue: list[Message] = []
    flow = ReceiveWebhook(
        archive=cast("Archive", Kept()),
        inbound=inbound.of,
        details=inbound.details,
        secrets=lambda channel, _: (secrets[channel], ""),
        to_orders=queue.extend,
        to_shop_events=queue.extend,
        to_channels=queue.extend,
    )

    def ours(channel: str, event: Mapping[str, Any]) -> None:
        headers = {name.lower(): value for name, value in event["headers"].items()}
        status = flow.run(channel, base64.b64decode(event["body"]), headers, current, clock.now).status
        if status != status.OK:
            raise AssertionError(channel)

    def bare(_channel: str, event: Mapping[str, Any]) -> None:
        headers = {name.lower(): value for name, value in event["headers"].items()}
        if not headers or not base64.b64decode(event["body"]):
            raise AssertionError

    for platform, (body, headers) in _deliveries(folder, clock).items():
        event = {"headers": headers, "body": base64.b64encode(body).decode()}
        yield Figure(
            name=f"CPU of receiving a delivery, {platform}",
            value=_seconds(ours, platform, event) * 1e6,
            unit="us",
            peer="a handler that only answers",
            peer_value=_seconds(bare, platform, event) * 1e6,
        )


def _seconds(run: Callable[[str, Mapping[str, Any]], None], platform: str, event: Mapping[str, Any]) -> float:
    taken = []
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(DELIVERIES):
            run(platform, event)
        taken.append((time.process_time() - start) / DELIVERIES)
    return min(taken)


def _deliveries(folder: Path, clock: Clock) -> dict[str, tuple[bytes, dict[str, str]]]:
    """Have the stand-in of every platform that posts send an order of two lines; Amazon fills a queue."""
    endpoints = {platform: Endpoint() for platform in platforms.SETTINGS if platform != platforms.AMAZON}
    shopify = _shopify(folder, endpoints[platforms.SHOPIFY])
    shopify.send("orders/create", json.loads(trade.shopify_body(1, ("NL-1", 1), ("NL-2", 2))))
    woo = stand_ins.woo(folder, endpoints[platforms.WOOCOMMERCE], clock)
    woo.buy(1, (11, "NL-1", 1), (12, "NL-2", 2))
    bigcommerce = stand_ins.bigcommerce(folder, endpoints[platforms.BIGCOMMERCE], clock)
    bigcommerce.buy(1, (11, "NL-1", 1), (12, "NL-2", 2))
    stand_ins.generic(folder, endpoints[platforms.GENERIC], clock).buy("M-1", ("1", "NL-1", 1), ("2", "NL-2", 2))
    return {platform: endpoint.last for platform, endpoint in endpoints.items()}


class Kept:
    """An archive that forgets."""

    def put(self, key: str, body: bytes, about: Mapping[str, str]) -> None:
        """Take an event."""


# ---- telling


@dataclass
class Wire:
    """Asks a stand-in without a network, and counts."""

    shop: Shop
    calls: int = 0

    def __call__(self, request: web.Request) -> web.Response:
        """Pass a request on."""
        self.calls += 1
        parts = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, parts.path, dict(parse_qsl(parts.query)), headers, request.body or b"")
        return web.Response(body=json.dumps(answered(self.shop, asked).body).encode())


@dataclass
class Admin:
    """Asks Shopify's stand-in without a network, and counts."""

    shop: shopify_stand_in.Shop
    calls: int = field(default=0)

    def __call__(self, _url: str, _token: str, query: str, variables: Mapping[str, Any], _timeout: float) -> Any:  # noqa: ANN401 - JSON
        """Pass a query on."""
        self.calls += 1
        return self.shop.answer({"query": query, "variables": dict(variables)})


def _telling(folder: Path) -> Iterator[Figure]:
    clock, ids = Clock(), count()
    woo = stand_ins.woo(folder, Endpoint(), clock)
    bigcommerce = stand_ins.bigcommerce(folder, Endpoint(), clock)
    generic = stand_ins.generic(folder, Endpoint(), clock)
    for number in range(1, CHANGED + 1):
        woo.has(number, f"S{number}", 0)
        bigcommerce.has(number, f"S{number}", 0)
        generic.has(str(number), 0)
    admin, to_woo, to_generic = Admin(_shopify(folder, Endpoint())), Wire(woo), Wire(generic)
    to_bigcommerce = Wire(bigcommerce)
    api = Api(url=BIGCOMMERCE_URL, token=stand_ins.BIGCOMMERCE_TOKEN, send=to_bigcommerce)
    rest = Rest(url=WOO["api_url"], token=f"{stand_ins.WOO_KEY}:{stand_ins.WOO_SECRET}", send=to_woo)
    signed = GenericShop(
        url="https://market.example/truestock",
        token=stand_ins.GENERIC_TOKEN,
        mapping=stand_ins.generic_mapping(),
        now=clock,
        new_id=lambda: str(next(ids)),
        send=to_generic,
    )
    told: dict[str, tuple[Numbers, Admin | Wire, str]] = {
        platforms.SHOPIFY: (
            Shopify(url="", location=LOCATION, token="", post=admin),
            admin,
            "gid://shopify/InventoryItem/{}",
        ),
        platforms.WOOCOMMERCE: (Stock(rest), to_woo, "{}"),
        platforms.BIGCOMMERCE: (
            BigCommerceStock(api=api, location="1", wait=clock.pass_by),
            to_bigcommerce,
            "{}",
        ),
        platforms.GENERIC: (signed, to_generic, "{}"),
    }
    for platform, (shop, wire, listing) in told.items():
        wanted = [
            Quantity(item=listing.format(number), units=number, change_from=None, told_before=0)
            for number in range(1, CHANGED + 1)
        ]
        for first in range(0, CHANGED, MOST_AT_ONCE):
            if not shop.say_quantity(wanted[first : first + MOST_AT_ONCE]).is_done:
                raise AssertionError(platform)
        yield Figure(
            name=f"calls for {CHANGED} changed quantities, {platform}",
            value=wire.calls,
            unit="calls",
            peer="one each",
            peer_value=CHANGED,
            bar=A_TENTH,
        )


def _shopify(folder: Path, deliver: Endpoint) -> shopify_stand_in.Shop:
    return shopify_stand_in.Shop(
        store=shopify_stand_in.Store(folder / "shopify.sqlite"),
        domain="nordlys.example",
        location=LOCATION,
        secret="shop-secret",  # noqa: S106 - of the stand-in
        token="shpat",  # noqa: S106 - of the stand-in
        items={},
        deliver=deliver,
    )
