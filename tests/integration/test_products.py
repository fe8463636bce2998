from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.domain.names import ChannelId, Sku
from shared.domain.products import Product
from shared.storage import keys
from shared.storage.products import Products

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

TRAY = Product(
    sku=Sku("NL-1"), title="Oak tray", inventory_items={ChannelId("nordlys"): "gid://shopify/InventoryItem/1"}
)
MUG = Product(sku=Sku("NL-2"), title="Mug")


def test_a_push_writes_the_difference_only(aws: Aws) -> None:
    products = Products(aws.stock)
    products.push(products.difference([TRAY, MUG]))

    renamed = replace(MUG, title="Ceramic mug")
    difference = products.difference([TRAY, renamed])

    assert (difference.new, difference.changed, difference.unchanged) == ((), (renamed,), 1)
    products.push(difference)
    assert products.difference([TRAY, renamed]).unchanged == 2


def test_a_new_product_is_in_the_catalogue(aws: Aws) -> None:
    products = Products(aws.stock)
    products.push(products.difference([TRAY]))

    assert aws.stock.get(keys.catalogue(TRAY.sku)) is not None


def test_what_is_not_named_stays(aws: Aws) -> None:
    products = Products(aws.stock)
    products.push(products.difference([TRAY, MUG]))
    products.push(products.difference([MUG]))

    assert aws.stock.get(keys.item(TRAY.sku)) is not None
