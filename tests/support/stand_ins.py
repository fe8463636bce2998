"""Stand-in shops of every platform but Shopify's, each with a memory and a time of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from local import amazon_api, bigcommerce_shop, generic_shop, woo_shop
from local.amazon_api import AmazonShop
from local.bigcommerce_shop import BigCommerceShop
from local.generic_shop import GenericShop
from local.stand_in import Store
from local.woo_shop import WooShop
from shared.domain import platforms
from shared.domain.places import Place
from shared.domain.platforms import OrderMapping
from shared.storefronts import web
from tests.support import trade

WOO_KEY, WOO_SECRET = "ck_key", "cs_secret"
BIGCOMMERCE_SECRET, BIGCOMMERCE_TOKEN = "client-secret", "access-token"
AMAZON_TOKEN = "amzn1.client:amzn1.secret:Atzr|refresh"
GENERIC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GENERIC_TOKEN = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@dataclass
class Wire:
    """Passes requests on, and counts them by what stands behind the root of the API."""

    root: str
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.url.partition(self.root)[2].partition('?')[0]}")
        return web.send(request)


@dataclass
class Endpoint:
    """Where a shop's webhooks go."""

    status: int = 200
    came: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(self, body: bytes, headers: dict[str, str]) -> int:
        self.came.append((body, headers))
        return self.status

    @property
    def last(self) -> tuple[bytes, dict[str, str]]:
        """The last delivery, header names in lower case as API Gateway has them."""
        body, headers = self.came[-1]
        return body, {name.lower(): value for name, value in headers.items()}


@dataclass
class Clock:
    """A time that passes when it is told to."""

    now: datetime = field(default_factory=trade.times_now)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def woo(folder: Path, deliver: Callable[[bytes, dict[str, str]], int], clock: Callable[[], datetime]) -> WooShop:
    """A WooCommerce shop."""
    return WooShop(
        store=Store(folder / "woo.sqlite", woo_shop.SCHEMA),
        secret="woo-secret",
        key=WOO_KEY,
        key_secret=WOO_SECRET,
        deliver=deliver,
        clock=clock,
    )


def bigcommerce(
    folder: Path, deliver: Callable[[bytes, dict[str, str]], int], clock: Callable[[], datetime]
) -> BigCommerceShop:
    """A BigCommerce store."""
    return BigCommerceShop(
        store=Store(folder / "bigcommerce.sqlite", bigcommerce_shop.SCHEMA),
        secret=BIGCOMMERCE_SECRET,
        token=BIGCOMMERCE_TOKEN,
        deliver=deliver,
        clock=clock,
    )


def amazon(folder: Path, clock: Callable[[], datetime]) -> AmazonShop:
    """A seller at Amazon."""
    return AmazonShop(store=Store(folder / "amazon.sqlite", amazon_api.SCHEMA), secret=AMAZON_TOKEN, clock=clock)


def amazon_channel(shop: AmazonShop, url: str) -> dict[str, Any]:
    """Write a channel of a seller that is served at a URL."""
    seller = {"platform": "amazon", "seller": shop.seller, "marketplace": shop.marketplace, "currency": "EUR"}
    return {**seller, "api_url": url, "auth_url": f"{url}/auth/o2/token"}


def generic(
    folder: Path, deliver: Callable[[bytes, dict[str, str]], int], clock: Callable[[], datetime]
) -> GenericShop:
    """A shop of no known platform."""
    return GenericShop(
        store=Store(folder / "generic.sqlite", generic_shop.SCHEMA),
        secret=GENERIC_SECRET,
        token=GENERIC_TOKEN,
        deliver=deliver,
        clock=clock,
    )


def bigcommerce_channel(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any rules
    """The rules of a BigCommerce store, as far as its platform goes."""
    rules = {"platform": "bigcommerce", "shop": "fjord.example", "location": 1}
    return {**rules, "api_url": "https://api.bigcommerce.com/stores/abc123", **changes}


def generic_channel(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any rules
    """The rules of such a shop, as far as its platform goes."""
    mapping = generic_shop.MAPPING
    rules = {"platform": "generic", "shop": "market.example", "api_url": "https://market.example/truestock"}
    return {**rules, "mapping": mapping, **changes}


def generic_mapping() -> OrderMapping:
    """What reads its events."""
    mapping = platforms.parse(Place("channel", generic_channel())).mapping
    assert mapping is not None
    return mapping
