"""The stand-in shop signs its webhooks, asks for its token and remembers what it did."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.shop import Cancel, Fulfilment, Shop, Store, serving

ITEM = "gid://shopify/InventoryItem/1"
OTHER = "gid://shopify/InventoryItem/2"
LOCATION = "gid://shopify/Location/1"
NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { code } } }"""


@dataclass
class Endpoint:
    """Where the shop's webhooks go."""

    status: int = 200
    came: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(self, body: bytes, headers: dict[str, str]) -> int:
        self.came.append((body, headers))
        return self.status


@dataclass
class Clock:
    """The shop's time."""

    now: datetime = NINE

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, endpoint: Endpoint, clock: Clock) -> Shop:
    return Shop(
        store=Store(tmp_path / "shop.sqlite"),
        domain="nordlys.example",
        location=LOCATION,
        secret="shop-secret",
        token="shpat",
        items={"A": ITEM},
        deliver=endpoint,
        clock=clock,
    )


def tell(shop: Shop, item: str, units: int, before: int | None = None, key: str = "") -> Any:  # noqa: ANN401 - JSON
    one = {"inventoryItemId": item, "locationId": LOCATION, "quantity": units, "changeFromQuantity": before}
    given = {"name": "available", "reason": "correction", "quantities": [one]}
    answer = shop.answer({"query": SET, "variables": {"input": given, "key": key or f"{item} {units}"}})
    return answer["data"]["inventorySetQuantities"]["userErrors"]


def order(order_id: int = 1, units: int = 2, cancelled_at: str | None = None) -> dict[str, Any]:
    lines = [{"id": 11, "sku": "A", "quantity": units}]
    return {"id": order_id, "updated_at": "2026-11-24T08:00:00Z", "cancelled_at": cancelled_at, "line_items": lines}


def signature(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def post(url: str, token: str, request: dict[str, Any]) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": token}
    posted = urllib.request.Request(url, json.dumps(request).encode(), headers)  # noqa: S310 - our own loopback URL
    try:
        with urllib.request.urlopen(posted, timeout=5) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


# ---- webhooks


def test_a_webhook_is_signed_over_its_bytes_and_remembered(shop: Shop, endpoint: Endpoint) -> None:
    assert shop.send("orders/create", order(), webhook_id="w1") == 200

    ((body, headers),) = endpoint.came
    assert headers["X-Shopify-Hmac-Sha256"] == signature("shop-secret", body)
    assert headers["X-Shopify-Topic"] == "orders/create"
    assert headers["X-Shopify-Triggered-At"] == "2026-11-24T09:00:00Z"
    (sent,) = shop.store.deliveries()
    assert (sent.webhook_id, sent.body, sent.signed_well, sent.status) == ("w1", body, True, 200)


def test_a_webhook_signed_with_another_secret_is_told_apart(shop: Shop, endpoint: Endpoint) -> None:
    endpoint.status = 401

    shop.send("orders/create", order(), secret="wrong")
    shop.send("orders/create", order(), secret="")

    assert [(sent.signed_well, sent.status) for sent in shop.store.deliveries()] == [(False, 401), (False, 401)]


def test_after_a_rotation_the_newest_secret_signs(shop: Shop, endpoint: Endpoint) -> None:
    shop.rotate("newer")

    shop.send("orders/create", order())

    ((body, headers),) = endpoint.came
    assert (shop.secret, shop.previous) == ("newer", "shop-secret")
    assert headers["X-Shopify-Hmac-Sha256"] == signature("newer", body)


def test_the_secret_before_the_newest_is_still_the_shops_own(shop: Shop, endpoint: Endpoint) -> None:
    tell(shop, ITEM, 10)
    shop.rotate("newer")

    shop.send("orders/create", order(units=3), secret=shop.previous)

    ((body, headers),) = endpoint.came
    assert headers["X-Shopify-Hmac-Sha256"] == signature("shop-secret", body)
    assert [sent.signed_well for sent in shop.store.deliveries()] == [True]
    assert shop.store.quantities() == {ITEM: 7}


def test_two_rotations_later_a_secret_is_anyones(shop: Shop) -> None:
    shop.rotate("newer")
    shop.rotate("newest")

    shop.send("orders/create", order(), secret="shop-secret")

    assert [sent.signed_well for sent in shop.store.deliveries()] == [False]


# ---- its own numbers


def test_what_a_customer_buys_leaves_the_shops_own_number_once(shop: Shop) -> None:
    tell(shop, ITEM, 10)

    shop.send("orders/create", order(1, 3))
    shop.send("orders/create", order(1, 3))
    assert shop.store.quantities() == {ITEM: 7}

    shop.send("orders/cancelled", order(1, 3, cancelled_at="2026-11-24T09:00:00Z"))
    shop.send("orders/cancelled", order(1, 3, cancelled_at="2026-11-24T09:00:00Z"))
    assert shop.store.quantities() == {ITEM: 10}


def test_a_cancel_told_before_its_create_leaves_the_number_alone(shop: Shop) -> None:
    tell(shop, ITEM, 10)

    shop.send("orders/cancelled", order(1, 3, cancelled_at="2026-11-24T09:00:00Z"))
    shop.send("orders/create", order(1, 3))

    assert shop.store.quantities() == {ITEM: 10}


def test_an_order_that_is_not_the_shops_own_takes_nothing(shop: Shop) -> None:
    tell(shop, ITEM, 10)

    shop.send("orders/create", order(1, 3), secret="wrong")

    assert shop.store.quantities() == {ITEM: 10}


def test_every_number_taken_is_kept_in_order_with_its_time(shop: Shop, clock: Clock) -> None:
    tell(shop, ITEM, 5)
    clock.pass_by(1)
    tell(shop, OTHER, 4)
    tell(shop, ITEM, 9, before=3)  # stale: not taken
    tell(shop, ITEM, 5)  # the first answer again: not taken twice
    clock.pass_by(0.5)
    tell(shop, ITEM, 4, before=5)

    assert shop.store.told() == [
        (ITEM, 5, NINE),
        (OTHER, 4, NINE + timedelta(seconds=1)),
        (ITEM, 4, NINE + timedelta(seconds=1.5)),
    ]


def test_what_a_customer_buys_is_not_told(shop: Shop) -> None:
    tell(shop, ITEM, 5)

    shop.send("orders/create", order(1, 3))

    assert [units for _, units, _ in shop.store.told()] == [5]


# ---- what it was asked to do with orders


def test_fulfilments_are_kept(shop: Shop) -> None:
    shop.send("orders/create", order(units=3))
    query = """mutation Fulfil($it: FulfillmentInput!) {
      fulfillmentCreate(fulfillment: $it) { userErrors { message } } }"""
    lines = [{"id": "gid://shopify/FulfillmentOrderLineItem/117", "quantity": 2}]
    groups = [{"fulfillmentOrderId": "gid://shopify/FulfillmentOrder/17", "fulfillmentOrderLineItems": lines}]
    tracking = {"company": "Posten", "number": "N1", "url": "https://posten.example/N1"}
    given = {"it": {"lineItemsByFulfillmentOrder": groups, "trackingInfo": tracking}}

    shop.answer({"query": query, "variables": given})

    assert shop.store.fulfilments() == [Fulfilment("1", NINE, {"11": 2}, [tracking])]


def test_cancels_are_kept_with_when_they_were_done(shop: Shop, clock: Clock) -> None:
    shop.send("orders/create", order())
    query = """mutation { orderCancel(orderId: "gid://shopify/Order/1", reason: INVENTORY, restock: true,
      refundMethod: {originalPaymentMethodsRefund: true}, staffNote: "none left") { job { id } } }"""
    job = shop.answer({"query": query})["data"]["orderCancel"]["job"]["id"].rpartition("/")[2]
    due = NINE + timedelta(seconds=2)

    begun = Cancel(job, "1", "INVENTORY", True, True, "none left", NINE, due, None)  # noqa: FBT003 - as it is kept
    assert shop.store.cancels() == [begun]

    clock.pass_by(2)
    shop.answer({"query": "{ shop { name } }"})
    assert [cancel.done_at for cancel in shop.store.cancels()] == [due]


# ---- over HTTP


def test_the_admin_api_asks_for_the_token(shop: Shop) -> None:
    with serving(shop) as url:
        status, answer = post(url, "shpat", {"query": "{ shop { name myshopifyDomain } }"})
        assert (status, answer["data"]) == (200, {"shop": {"name": "nordlys", "myshopifyDomain": "nordlys.example"}})
        assert post(url, "wrong", {"query": "{ shop { name } }"})[0] == 401


def test_what_is_not_understood_is_answered_with_status_200(shop: Shop) -> None:
    with serving(shop) as url:
        status, answer = post(url, "shpat", {"query": "{ shop { colour } }"})

    assert status == 200
    assert [error["message"] for error in answer["errors"]] == ["Field 'colour' doesn't exist on type 'Shop'"]


def test_another_process_sees_the_same_shop(shop: Shop, tmp_path: Path) -> None:
    tell(shop, ITEM, 5)

    assert Store(tmp_path / "shop.sqlite").quantities() == {ITEM: 5}
