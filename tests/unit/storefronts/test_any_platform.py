"""Whatever a platform is sent, nothing but a typed error comes of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import platforms
from shared.domain.names import ChannelId
from shared.errors import InvalidInput, Rejected
from shared.storefronts import bigcommerce, inbound, shopify, woocommerce
from shared.storefronts.amazon import Notices
from shared.storefronts.contract import Details, Inbound
from shared.storefronts.standard_webhooks import Hooks, pick
from tests.support import stand_ins, trade

ROOT = Path(__file__).parents[3] / "events/webhooks"
NOW = trade.times_now()
SECRET = stand_ins.GENERIC_SECRET
PLATFORMS: Mapping[str, Inbound] = {
    "shopify": shopify,
    "woocommerce": woocommerce,
    "bigcommerce": bigcommerce,
    "amazon": Notices(seller="A3TH9S8BH6GOGM", marketplace="A1F83G8C2ARO7P"),
    "generic": Hooks(mapping=stand_ins.generic_mapping(), currency="EUR"),
}
GOLDEN = {
    "shopify": ("orders/updated", json.loads((ROOT / "shopify/orders_create.json").read_text())),
    "woocommerce": ("order.updated", json.loads((ROOT / "woocommerce/documented_order.json").read_text())),
    "bigcommerce": (
        "store/order/updated",
        json.loads((ROOT / "bigcommerce/order_fetched.json").read_text()),
    ),
    "amazon": ("ORDER_CHANGE", json.loads((ROOT / "amazon/order.json").read_text())),
    "generic": ("order.changed", json.loads((ROOT / "generic/order_placed.json").read_text())),
}
SENT = {"bigcommerce": json.loads((ROOT / "bigcommerce/order_created.json").read_text())}
"""What is sent where that is not the order."""
NOTIFICATION = json.loads((ROOT / "amazon/order_change.json").read_text())
HEADERS = (
    "x-shopify-hmac-sha256",
    "x-shopify-topic",
    "x-shopify-webhook-id",
    "x-shopify-order-id",
    "x-shopify-triggered-at",
    "x-wc-webhook-signature",
    "x-wc-webhook-topic",
    "x-wc-webhook-id",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
)
NAMES = ("id", "sku", "quantity", "line_items", "no", "pieces", "article", "scope", "data")
each_platform = pytest.mark.parametrize("platform", sorted(PLATFORMS))
each_that_signs = pytest.mark.parametrize("platform", sorted(PLATFORMS.keys() - {"amazon"}))
values = st.text(max_size=40) | st.sampled_from(
    [
        "v1,",
        "v1,AAAA",
        "AAAA",
        "order.updated",
        "orders/create",
        "store/order/created",
        str(int(NOW.timestamp())),
        "msg_1",
        "9" * 400,
    ]
)
headers = st.dictionaries(st.sampled_from(HEADERS), values)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["processing"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "sku", "quantity", "line_items", "no", "pieces", "article", "scope", "data"]), inner
        )
    ),
    max_leaves=6,
)


def signed(platform: str, body: bytes) -> dict[str, str]:
    """Headers as the platform sends them."""
    if platform in ("generic", "bigcommerce"):
        at = str(int(NOW.timestamp()))
        key = base64.b64decode(SECRET.removeprefix("whsec_")) if platform == "generic" else SECRET.encode()
        digest = hmac.digest(key, f"msg_1.{at}.".encode() + body, hashlib.sha256)
        return {
            "webhook-id": "msg_1",
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
    signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
    if platform == "shopify":
        return {
            "x-shopify-hmac-sha256": signature,
            "x-shopify-topic": "orders/updated",
            "x-shopify-webhook-id": "w1",
            "x-shopify-order-id": "7",
        }
    return {"x-wc-webhook-signature": signature, "x-wc-webhook-topic": "order.updated", "x-wc-webhook-id": "1"}


def spoiled(value: Any, at: list[int], by: Any) -> Any:  # noqa: ANN401 - any JSON
    """Put something else at a place that a list of numbers leads to."""
    if not at or not isinstance(value, dict | list) or not value:
        return by
    keys = sorted(value) if isinstance(value, dict) else range(len(value))
    key = keys[at[0] % len(keys)]
    copy = value.copy()
    copy[key] = spoiled(value[key], at[1:], by)
    return copy


@each_that_signs
def test_what_it_signs_is_verified_and_identified_alike_every_time(platform: str) -> None:
    reads = PLATFORMS[platform]
    body = json.dumps(SENT.get(platform, GOLDEN[platform][1])).encode()
    told = signed(platform, body)

    assert reads.verify(body, told, ["", SECRET], NOW)
    assert reads.identify(body, told) == reads.identify(body, told)
    assert reads.identify(body, told).order
    assert not reads.is_ping(body, told)


@each_platform
@given(read=anything, topic=st.sampled_from(["customers/redact", "shop/redact", "order.updated", "customer.erased"]))
def test_a_request_about_people_is_read_or_refused(platform: str, read: Any, topic: str) -> None:  # noqa: ANN401
    with suppress(InvalidInput):
        PLATFORMS[platform].read_request(topic, json.dumps(read).encode())


@each_platform
@given(told=headers, body=st.binary(max_size=64))
def test_no_header_makes_verifying_raise_or_succeed(platform: str, told: dict[str, str], body: bytes) -> None:
    assert not PLATFORMS[platform].verify(body, told, [SECRET, "", "é", "whsec_%"], NOW)


@each_that_signs
@given(body=st.binary(max_size=64), at=st.integers(0, 64), by=st.binary(min_size=1, max_size=2))
def test_a_signature_is_of_one_body_alone(platform: str, body: bytes, at: int, by: bytes) -> None:
    told = signed(platform, body)

    assert PLATFORMS[platform].verify(body, told, [SECRET], NOW)
    other = body[:at] + by + body[at:]
    assert not PLATFORMS[platform].verify(other, told, [SECRET], NOW)


@each_platform
@given(told=headers, body=st.binary(max_size=64) | st.builds(lambda value: json.dumps(value).encode(), anything))
def test_a_delivery_is_identified_or_refused(platform: str, told: dict[str, str], body: bytes) -> None:
    try:
        event = PLATFORMS[platform].identify(body, signed(platform, body) | told)
    except InvalidInput:
        return
    assert "/" not in event.event_id
    assert ".." not in event.topic


@given(at=st.lists(st.integers(0, 40), min_size=1, max_size=5), by=anything)
def test_hostile_notifications_are_identified_or_refused(at: list[int], by: Any) -> None:  # noqa: ANN401
    body = json.dumps(spoiled(NOTIFICATION, at, by)).encode()
    try:
        event = PLATFORMS["amazon"].identify(body, {})
    except InvalidInput:
        return
    assert "/" not in event.event_id
    assert event.is_thin == bool(event.order) == (event.topic == "ORDER_CHANGE")


@each_platform
@given(at=st.lists(st.integers(0, 40), min_size=1, max_size=6), by=anything)
def test_hostile_orders_are_read_or_refused(platform: str, at: list[int], by: Any) -> None:  # noqa: ANN401
    topic, order = GOLDEN[platform]
    body = json.dumps(spoiled(order, at, by)).encode()
    try:
        intake = PLATFORMS[platform].read_order(ChannelId("c"), topic, body)
    except (InvalidInput, Rejected):
        return
    assert all(line.open >= 0 for line in intake.order.lines)
    assert all(isinstance(value, str) for value in intake.ship_to.values())


@each_platform
def test_half_a_character_is_read_and_can_be_written(platform: str) -> None:
    topic, order = GOLDEN[platform]
    body = (
        json.dumps(order)
        .replace("Ada Buyer", "Ada\\ud800")
        .replace("John", "Ada\\ud800")
        .replace("Mari Holm", "Ada\\ud800")
    )
    assert "ud800" in body

    intake = PLATFORMS[platform].read_order(ChannelId("c"), topic, body.encode())

    assert intake.ship_to["name"].encode().startswith(b"Ada?")


@each_platform
@given(body=st.binary(max_size=200))
def test_any_bytes_are_refused(platform: str, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        PLATFORMS[platform].read_order(ChannelId("c"), GOLDEN[platform][0], body)


@each_platform
def test_a_topic_that_asks_nothing_brings_no_order(platform: str) -> None:
    assert PLATFORMS[platform].ask_of("products/update") is None
    with pytest.raises(InvalidInput) as refused:
        PLATFORMS[platform].read_order(ChannelId("c"), "products/update", b"{}")
    assert refused.value.code == "topic_unknown"


@pytest.mark.parametrize("details", [shopify, woocommerce], ids=["shopify", "woocommerce"])
@given(body=st.binary(max_size=64) | st.builds(lambda value: json.dumps(value).encode(), anything))
def test_hostile_refunds_and_products_are_read_or_refused(details: Details, body: bytes) -> None:
    for read in (details.read_refund, details.read_product):
        try:
            read(body)
        except InvalidInput:
            continue


def test_every_platform_of_the_rules_is_read_by_one() -> None:
    for platform in platforms.SETTINGS:
        (channel,) = trade.shop_rules("alpina").channels.values()
        given = replace(channel, platform=platform, mapping=stand_ins.generic_mapping(), marketplace="M")
        assert type(inbound.of(given)) is type(PLATFORMS[platform])
        assert inbound.of(given).ask_of(GOLDEN[platform][0])


@given(at=st.text(max_size=12), by=anything)
def test_a_path_never_raises(at: str, by: Any) -> None:  # noqa: ANN401 - any JSON
    pick(by, at)
