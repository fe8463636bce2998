"""What a channel's rules say of its platform: which it is, where it is called, how a generic shop's JSON is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.domain.customers import PeopleAsk
from shared.domain.intake import Ask, Paid
from shared.domain.places import Place

SHOPIFY, WOOCOMMERCE, BIGCOMMERCE, AMAZON, GENERIC = "shopify", "woocommerce", "bigcommerce", "amazon", "generic"
SETTINGS: Mapping[str, tuple[str, ...]] = {
    SHOPIFY: ("shop", "api_url", "location", "ships", "test_orders"),
    WOOCOMMERCE: ("shop", "api_url"),
    BIGCOMMERCE: ("shop", "api_url", "location"),
    AMAZON: ("seller", "marketplace", "api_url", "auth_url"),
    GENERIC: ("shop", "api_url", "mapping"),
}
"""Platform -> the settings it has beside those of every channel."""
EXPERIMENTAL: frozenset[str] = frozenset()
"""Platforms that were not held against their vendor's own sample, schema or source: they are heard, never told."""
AMAZON_AUTH_URL = "https://api.amazon.com/auth/o2/token"

GIVE_MONEY_BACK_BY_HAND: Mapping[str, str] = {
    WOOCOMMERCE: "WooCommerce's payment plugins give money back, by hand",
    BIGCOMMERCE: "money goes back in BigCommerce's control panel, by hand",
    AMAZON: "Amazon gives the money of a cancelled order back itself",
}
"""Platforms whose cancels give no money back, and why."""

SHIPS: Mapping[str, frozenset[Paid]] = {
    "any": frozenset(Paid),
    "authorised": frozenset(Paid) - {Paid.NOT},
    "paid": frozenset({Paid.FULLY}),
}
"""What `ships` says -> how far an order may be paid for to be shipped."""

LOOPBACK = ("127.0.0.1", "localhost")
OF_A_LINE = ("id", "sku", "units", "price", "ships")
OF_A_CUSTOMER = (PeopleAsk.ERASE, PeopleAsk.EXPORT)
OF_AN_ADDRESS = ("name", "company", "address1", "address2", "city", "zip", "province", "country_code", "phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMapping:
    """Where an order stands in a generic shop's JSON: paths such as `data.order.id`, those of a line within the line.

    `version` leads to a whole number or a time that grows with every change. Empty: the JSON does not say. `ships`
    leads to false for what needs no shipping, `cancelled` to anything but null, false or nothing for a cancelled order.
    `email` and `customer` lead to whose it is; `people` are topics that ask something about a customer, who stands in
    their JSON at the same places.
    """

    topic: str
    topics: Mapping[str, Ask]
    order: str
    version: str
    placed_at: str
    lines: str
    line: Mapping[str, str]
    name: str = ""
    currency: str = ""
    cancelled: str = ""
    address: Mapping[str, str] = field(default_factory=dict)
    email: str = ""
    customer: str = ""
    people: Mapping[str, PeopleAsk] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a platform is reached. `location`: the place a Shopify or BigCommerce store's numbers are of.

    Of Amazon, `shop` is the seller's id; `marketplace`: where the seller sells, one a channel; `auth_url`: where a
    token for an hour is had.
    """

    platform: str
    shop: str
    api_url: str
    location: str = ""
    marketplace: str = ""
    auth_url: str = ""
    mapping: OrderMapping | None = None
    takes: frozenset[Paid] = SHIPS["any"]
    takes_tests: bool = False


def parse(at: Place, *shared: str) -> Connection:
    """Read the settings of a channel's platform; `shared` are those that every channel may have.

    Raises InvalidInput naming the place, the value and what is allowed there.
    """
    platform = at.one_of("platform", *SETTINGS)
    at.only("platform", *SETTINGS[platform], *shared)
    by_hand = GIVE_MONEY_BACK_BY_HAND.get(platform)
    if by_hand and at.value("refunds_cancels"):
        raise at.wrong("refunds_cancels", True, f"false: {by_hand}")  # noqa: FBT003
    if platform == AMAZON:
        return _amazon(at)
    return Connection(
        platform=platform,
        shop=at.text("shop"),
        api_url=at.text("api_url") if platform == SHOPIFY else _url(at, "api_url"),
        location=_location(at, platform),
        mapping=_mapping(at.child("mapping")) if platform == GENERIC else None,
        takes=SHIPS[at.one_of("ships", *SHIPS, default="any")],
        takes_tests=at.one_of("test_orders", "ignore", "take", default="ignore") == "take",
    )


def _amazon(at: Place) -> Connection:
    return Connection(
        platform=AMAZON,
        shop=_amazon_id(at, "seller"),
        api_url=_url(at, "api_url"),
        marketplace=_amazon_id(at, "marketplace"),
        auth_url=_url(at, "auth_url") if at.has("auth_url") else AMAZON_AUTH_URL,
    )


def _amazon_id(at: Place, key: str) -> str:
    text = at.text(key).strip()
    if not (text.isascii() and text.isalnum()):
        raise at.wrong(key, text, "an id of capital letters and digits, as Seller Central shows it")
    return text


def _location(at: Place, platform: str) -> str:
    if platform == BIGCOMMERCE:
        return str(at.whole("location", 1, 2**63 - 1))
    return at.text("location") if platform == SHOPIFY else ""


def _url(at: Place, key: str) -> str:
    """Read where requests go: they carry secrets, so it is https, but for a shop on this machine."""
    text = at.text(key).strip()
    try:
        parts = urlsplit(text)
        is_right = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        is_right = is_right and bool(parts.hostname) and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        is_right = False
    if not is_right or not text.isascii() or any(letter.isspace() for letter in text):
        raise at.wrong(key, text, "an https URL without a user, a query or a fragment")
    return text.rstrip("/")


def _mapping(at: Place) -> OrderMapping:
    at.only(
        *("topic", "topics", "order", "version", "placed_at", "lines", "line", "name", "currency", "cancelled"),
        *("address", "email", "customer", "people"),
    )
    topics, people = at.child("topics"), at.child("people") if at.has("people") else None
    if not topics.names():
        raise at.wrong("topics", {}, "topics of the shop and what each asks: create, edit or cancel")
    line = at.child("line")
    line.only(*OF_A_LINE)
    return OrderMapping(
        topic=_path(at, "topic"),
        topics={topic: Ask(topics.one_of(topic, *Ask)) for topic in topics.names()},
        order=_path(at, "order"),
        version=_path(at, "version"),
        placed_at=_path(at, "placed_at"),
        lines=_path(at, "lines"),
        line={key: _path(line, key) for key in OF_A_LINE if line.has(key) or key in {"id", "sku", "units"}},
        name=_path(at, "name") if at.has("name") else "",
        currency=_path(at, "currency") if at.has("currency") else "",
        cancelled=_path(at, "cancelled") if at.has("cancelled") else "",
        address=_address(at.child("address")) if at.has("address") else {},
        email=_path(at, "email") if at.has("email") else "",
        customer=_path(at, "customer") if at.has("customer") else "",
        people={topic: PeopleAsk(people.one_of(topic, *OF_A_CUSTOMER)) for topic in people.names()} if people else {},
    )


def _address(at: Place) -> dict[str, str]:
    at.only(*OF_AN_ADDRESS)
    return {key: _path(at, key) for key in at.names()}


def _path(at: Place, key: str) -> str:
    text = at.text(key).strip()
    if not all(text.split(".")):
        raise at.wrong(key, text, "a path such as data.order.id")
    return text
