"""What an Amazon seller lists is read in pages, and anew where Amazon pages no further."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.amazon_api import AmazonShop
from local.stand_in import serving
from shared.errors import InvalidInput
from shared.storefronts import web
from shared.storefronts.amazon_api import Access, Api
from shared.storefronts.amazon_products import Products
from tests.support import stand_ins
from tests.support.stand_ins import Clock

TOKEN = {"access_token": "t", "expires_in": 3600}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, clock: Clock) -> AmazonShop:
    seller = stand_ins.amazon(tmp_path, clock)
    seller.rates["searchListingsItems"] = (100, 100)
    return seller


def products_at(url: str, shop: AmazonShop, clock: Clock, send: web.Send = web.send) -> Products:
    return Products(
        Api(
            url=url,
            auth_url=f"{url}/auth/o2/token",
            seller=shop.seller,
            marketplace=shop.marketplace,
            secret=stand_ins.AMAZON_TOKEN,
            access=Access(now=clock, send=send),
            send=send,
        )
    )


@pytest.fixture
def products(shop: AmazonShop, clock: Clock) -> Iterator[Products]:
    with serving(shop) as url:
        yield products_at(url, shop, clock)


def test_a_listing_is_the_sellers_sku_and_counted_unless_amazon_ships_it(shop: AmazonShop, products: Products) -> None:
    shop.has("A", 5)
    shop.has("B", None)
    shop.has("bad#sku", 1)

    assert [(each.sku, each.listing, each.is_counted, each.title) for each in products.list_products()] == [
        ("A", "A", True, "Item A"),
        ("B", "B", False, "Item B"),
    ]


def test_more_listings_than_one_may_page_through_are_each_listed_once(
    shop: AmazonShop, products: Products, clock: Clock
) -> None:
    shop.paged = 25
    for at in range(60):
        clock.pass_by(at % 2)  # two of a time
        shop.has(f"SKU-{at:02}", at)

    assert [each.sku for each in products.list_products()] == [f"SKU-{at:02}" for at in range(60)]


def test_many_listings_of_one_time_are_paged_through(shop: AmazonShop, products: Products) -> None:
    for at in range(45):
        shop.has(f"SKU-{at:02}", at)

    assert len(list(products.list_products())) == 45


def test_more_listings_of_one_time_than_one_may_page_through_are_refused(shop: AmazonShop, products: Products) -> None:
    shop.paged = 2
    for sku in ("A", "B", "C"):
        shop.has(sku, 1)

    with pytest.raises(InvalidInput) as refused:
        list(products.list_products())

    assert (refused.value.code, refused.value.details) == ("shop_answer", {"asked": "listings without an end"})


def test_a_seller_without_listings_lists_none(products: Products) -> None:
    assert list(products.list_products()) == []


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"items": []},
        {"items": [], "numberOfResults": "1"},
        {"items": {}, "numberOfResults": 0},
        {"items": [7], "numberOfResults": 1},
        {"items": [{"sku": "A", "fulfillmentAvailability": 7}], "numberOfResults": 1},
    ],
)
def test_listings_of_another_shape_are_refused(shop: AmazonShop, clock: Clock, answer: Any) -> None:  # noqa: ANN401
    def send(request: web.Request) -> web.Response:
        return web.Response(body=json.dumps(TOKEN if request.url.endswith("/token") else answer).encode())

    with pytest.raises(InvalidInput):
        list(products_at("https://amazon.example", shop, clock, send).list_products())
