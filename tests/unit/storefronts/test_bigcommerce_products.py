"""What BigCommerce lists is read page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.bigcommerce_api import ROOT
from local.bigcommerce_shop import BigCommerceShop
from local.stand_in import serving
from shared.errors import InvalidInput
from shared.storefronts import bigcommerce_products, web
from shared.storefronts.bigcommerce_products import Products
from shared.storefronts.bigcommerce_rest import Api
from tests.support import stand_ins
from tests.support.stand_ins import Clock, Endpoint


@pytest.fixture
def shop(tmp_path: Path) -> BigCommerceShop:
    return stand_ins.bigcommerce(tmp_path, Endpoint(), Clock())


@pytest.fixture
def products(shop: BigCommerceShop) -> Iterator[Products]:
    with serving(shop) as url:
        yield Products(Api(url=f"{url}{ROOT}".rstrip("/"), token=stand_ins.BIGCOMMERCE_TOKEN))


def answering(*answers: Any) -> Products:  # noqa: ANN401 - any JSON
    left = [json.dumps(each).encode() for each in answers]
    return Products(Api(url="https://store.example", token="t", send=lambda _: web.Response(body=left.pop(0))))


def page(*products: Any, pages: Any = 1) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"data": list(products), "meta": {"pagination": {"total_pages": pages}}}


def test_a_product_is_listed_as_what_it_is_counted_by(shop: BigCommerceShop, products: Products) -> None:
    shop.has(111, "A", 9)
    shop.has(112, "B", 9, variant=74)
    shop.has(112, "C", 0, variant=75)
    shop.has(113, "D", None)
    shop.has(114, "bad#sku", 1)

    assert [(each.sku, each.listing, each.is_counted, each.title) for each in products.list_products()] == [
        ("A", "111", True, "Product 111"),
        ("B", "112/74", True, "Product 112"),
        ("C", "112/75", True, "Product 112"),
        ("D", "113", False, "Product 113"),
    ]


def test_all_pages_are_read(shop: BigCommerceShop, products: Products, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigcommerce_products, "PAGE", 2)
    for product in range(1, 6):
        shop.has(product, f"SKU-{product}", 1)

    assert [each.listing for each in products.list_products()] == ["1", "2", "3", "4", "5"]


def test_a_store_without_products_lists_none(products: Products) -> None:
    assert list(products.list_products()) == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": []},
        page(pages="2"),
        page(7),
        page({"sku": "A"}),
        page({"id": 1, "inventory_tracking": "variant", "variants": 7}),
        page({"id": 1, "inventory_tracking": "variant", "variants": [{"sku": "A"}]}),
    ],
)
def test_products_of_another_shape_are_refused(answer: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(InvalidInput):
        list(answering(answer).list_products())
