"""The stand-in shop keeps to the platform's published contract, and to its own store."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.shop import Shop, Store, serving

ITEM = "gid://shopify/InventoryItem/1"
OTHER = "gid://shopify/InventoryItem/2"
LOCATION = "gid://shopify/Location/1"
MUTATION = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { code field message } } }"""
PLAIN_MUTATION = MUTATION.replace("@idempotent(key: $key)", "")


@dataclass
class Endpoint:
    """Where the shop's webhooks go."""

    status: int = 200
    came: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(self, body: bytes, headers: dict[str, str]) -> int:
        self.came.append((body, headers))
        return self.status


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def shop(tmp_path: Path, endpoint: Endpoint) -> Shop:
    return Shop(
        store=Store(tmp_path / "shop.sqlite"),
        domain="nordlys.example",
        location=LOCATION,
        secret="shop-secret",
        token="shpat",
        items={"A": ITEM},
        deliver=endpoint,
    )


def set_quantities(
    shop: Shop, *wanted: tuple[str, int, int | None], key: str = "k1", query: str = MUTATION, **more: object
) -> dict[str, Any]:
    quantities = [
        {"inventoryItemId": item, "locationId": LOCATION, "quantity": units, "changeFromQuantity": before}
        for item, units, before in wanted
    ]
    given = {"name": "available", "reason": "correction", "quantities": quantities} | more
    return shop.answer({"query": query, "variables": {"input": given, "key": key}})


def refused(answer: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(each["code"], each["field"]) for each in answer["data"]["inventorySetQuantities"]["userErrors"]]


def order(order_id: int = 1, units: int = 2, cancelled_at: str | None = None) -> dict[str, Any]:
    lines = [{"id": 11, "sku": "A", "quantity": units}]
    return {"id": order_id, "updated_at": "2026-11-24T08:00:00Z", "cancelled_at": cancelled_at, "line_items": lines}


def test_a_webhook_is_signed_over_its_bytes_and_remembered(shop: Shop, endpoint: Endpoint) -> None:
    assert shop.send("orders/create", order(), webhook_id="w1") == 200

    ((body, headers),) = endpoint.came
    signature = hmac.digest(b"shop-secret", body, hashlib.sha256)
    assert headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(signature).decode()
    assert headers["X-Shopify-Topic"] == "orders/create"
    (sent,) = shop.store.deliveries()
    assert (sent.webhook_id, sent.body, sent.signed_well, sent.status) == ("w1", body, True, 200)


def test_a_webhook_signed_with_another_secret_is_told_apart(shop: Shop, endpoint: Endpoint) -> None:
    endpoint.status = 401

    shop.send("orders/create", order(), secret="wrong")

    (sent,) = shop.store.deliveries()
    assert (sent.signed_well, sent.status) == (False, 401)


def test_quantities_are_set_over_what_is_there(shop: Shop) -> None:
    assert refused(set_quantities(shop, (ITEM, 5, 0), key="k1")) == []
    assert refused(set_quantities(shop, (ITEM, 7, 5), key="k2")) == []
    assert refused(set_quantities(shop, (ITEM, 9, None), key="k3")) == []

    assert shop.store.quantities() == {ITEM: 9}


def test_a_stale_quantity_refuses_the_whole(shop: Shop) -> None:
    set_quantities(shop, (ITEM, 5, None))

    answer = set_quantities(shop, (OTHER, 4, None), (ITEM, 7, 6), key="k2")

    assert refused(answer) == [("CHANGE_FROM_QUANTITY_STALE", ["input", "quantities", "1", "changeFromQuantity"])]
    assert shop.store.quantities() == {ITEM: 5}


def test_the_same_key_gives_the_first_answer_again(shop: Shop) -> None:
    first = set_quantities(shop, (ITEM, 5, None))
    set_quantities(shop, (ITEM, 6, 5), key="k2")

    assert set_quantities(shop, (ITEM, 5, None)) == first
    assert shop.store.quantities() == {ITEM: 6}


def test_a_key_with_other_quantities_is_refused(shop: Shop) -> None:
    set_quantities(shop, (ITEM, 5, None))

    assert refused(set_quantities(shop, (ITEM, 6, None))) == [("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", [])]


@pytest.mark.parametrize(
    ("_case", "request_of", "code"),
    [
        ("no key", lambda shop: set_quantities(shop, (ITEM, 5, None), query=PLAIN_MUTATION), "BAD_REQUEST"),
        ("an empty key", lambda shop: set_quantities(shop, (ITEM, 5, None), key=""), "BAD_REQUEST"),
        (
            "no changeFromQuantity",
            lambda shop: set_quantities(
                shop, quantities=[{"inventoryItemId": ITEM, "locationId": LOCATION, "quantity": 5}]
            ),
            "INVALID_FIELD_ARGUMENTS",
        ),
        (
            "a field of older versions",
            lambda shop: set_quantities(shop, (ITEM, 5, None), ignoreCompareQuantity=True),
            "INVALID_VARIABLE",
        ),
        ("another request", lambda shop: shop.answer({"query": "{ shop { name } }"}), "undefinedField"),
    ],
)
def test_a_request_outside_the_contract_is_an_error(_case: str, request_of: Any, code: str, shop: Shop) -> None:  # noqa: ANN401 - a call
    answer = request_of(shop)

    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    assert shop.store.quantities() == {}


@pytest.mark.parametrize(
    ("_case", "wanted", "code"),
    [
        ("no such item", ("gid://shopify/Product/1", 5, None), "INVALID_INVENTORY_ITEM"),
        ("too many", (ITEM, 1_000_000_001, None), "INVALID_QUANTITY_TOO_HIGH"),
    ],
)
def test_a_quantity_the_shop_refuses(_case: str, wanted: tuple[str, int, None], code: str, shop: Shop) -> None:
    assert [error for error, _ in refused(set_quantities(shop, wanted))] == [code]


def test_another_location_is_refused(shop: Shop) -> None:
    elsewhere = {"inventoryItemId": ITEM, "locationId": "gid://shopify/Location/2", "quantity": 5}

    answer = set_quantities(shop, quantities=[elsewhere | {"changeFromQuantity": None}])

    assert [error for error, _ in refused(answer)] == ["INVALID_LOCATION"]


def test_what_a_customer_buys_leaves_the_shops_own_number_once(shop: Shop) -> None:
    set_quantities(shop, (ITEM, 10, None))

    shop.send("orders/create", order(1, 3))
    shop.send("orders/create", order(1, 3))
    assert shop.store.quantities() == {ITEM: 7}

    shop.send("orders/cancelled", order(1, 3, cancelled_at="2026-11-24T09:00:00Z"))
    shop.send("orders/cancelled", order(1, 3, cancelled_at="2026-11-24T09:00:00Z"))
    assert shop.store.quantities() == {ITEM: 10}


def test_a_cancel_told_before_its_create_leaves_the_number_alone(shop: Shop) -> None:
    set_quantities(shop, (ITEM, 10, None))

    shop.send("orders/cancelled", order(1, 3, cancelled_at="2026-11-24T09:00:00Z"))
    shop.send("orders/create", order(1, 3))

    assert shop.store.quantities() == {ITEM: 10}


def test_the_admin_api_asks_for_the_token(shop: Shop) -> None:
    with serving(shop) as url:
        assert post(url, "shpat", {"query": "{ shop { name } }"})[0] == 200
        assert post(url, "wrong", {"query": "{ shop { name } }"})[0] == 401


def test_quantities_are_read_over_http(shop: Shop) -> None:
    set_quantities(shop, (ITEM, 5, None))
    query = "query Q($ids: [ID!]!, $location: ID!) { nodes(ids: $ids) { ... on InventoryItem { id } } }"

    with serving(shop) as url:
        _, answer = post(url, "shpat", {"query": query, "variables": {"ids": [ITEM, OTHER], "location": LOCATION}})

    assert answer["data"]["nodes"] == [
        {"id": ITEM, "inventoryLevel": {"quantities": [{"name": "available", "quantity": 5}]}},
        {"id": OTHER, "inventoryLevel": None},
    ]


def test_orders_are_read_by_their_last_change_page_by_page(shop: Shop) -> None:
    for order_id, at in ((1, "10:00:00Z"), (2, "08:00:00Z"), (3, "11:00:00+01:00"), (4, "11:00:00Z")):
        shop.send("orders/create", order(order_id) | {"updated_at": f"2026-11-24T{at}"})
    query = "query Orders($search: String!, $first: Int!, $after: String) { orders(first: $first) { nodes { id } } }"
    variables = {"search": "updated_at:>='2026-11-24T10:00:00Z'", "first": 2, "after": None}

    first = shop.answer({"query": query, "variables": variables})["data"]["orders"]
    cursor = first["pageInfo"]["endCursor"]
    second = shop.answer({"query": query, "variables": variables | {"after": cursor}})["data"]["orders"]

    assert [node["legacyResourceId"] for node in first["nodes"]] == ["1", "3"]
    assert [node["legacyResourceId"] for node in second["nodes"]] == ["4"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert first["nodes"][0]["lineItems"]["nodes"][0]["sku"] == "A"


def post(url: str, token: str, request: dict[str, Any]) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": token}
    posted = urllib.request.Request(url, json.dumps(request).encode(), headers)  # noqa: S310 - our own loopback URL
    try:
        with urllib.request.urlopen(posted, timeout=5) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
