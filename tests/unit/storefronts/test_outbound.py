"""Who connects a shop, and which platforms are not told anything."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from shared.domain import platforms
from shared.domain.rules import Channel
from shared.errors import InvalidInput
from shared.storefronts.amazon_orders import Orders as AmazonOrders
from shared.storefronts.amazon_products import Products as AmazonProducts
from shared.storefronts.amazon_stock import MOST_PATCHES
from shared.storefronts.amazon_stock import Stock as AmazonStock
from shared.storefronts.outbound import Outbound
from tests.support import stand_ins, trade

DOCS = (Path(__file__).parents[3] / "docs/storefronts.md").read_text()
EACH = sorted(platforms.SETTINGS)


def channel(platform: str) -> Channel:
    """A shop of a platform."""
    (shopify,) = trade.shop_rules("alpina").channels.values()
    return replace(shopify, platform=platform, mapping=stand_ins.generic_mapping())


def outbound(untold: Collection[str] = platforms.EXPERIMENTAL) -> Outbound:
    """What connects shops, of whose platforms some are experimental."""
    token = stand_ins.AMAZON_TOKEN
    return Outbound(token=lambda _: token, now=trade.times_now, new_id=lambda: "1", wait=lambda _: None, untold=untold)


@pytest.mark.parametrize("platform", EACH)
def test_an_experimental_platform_is_heard_and_not_told(platform: str) -> None:
    shops = outbound(untold={platform})

    for connect in (shops.numbers, shops.desk):
        with pytest.raises(InvalidInput) as refused:
            connect(channel(platform))
        assert refused.value.code == "platform_experimental"
        assert refused.value.details == {"platform": platform, "channel": "nordlys"}
        assert "set channels.<id>.active to false" in refused.value.message
    assert shops.orders(channel(platform))


@pytest.mark.parametrize("platform", EACH)
def test_what_is_experimental_is_no_matter_of_other_platforms(platform: str) -> None:
    shops = outbound(untold=set(EACH) - {platform})

    assert shops.numbers(channel(platform))
    assert shops.desk(channel(platform))


def test_the_documents_say_which_platforms_are_experimental() -> None:
    states = dict(re.findall(r"^\| `(\w+)` \| (supported|experimental) \|", DOCS, re.MULTILINE))

    assert states.keys() == platforms.SETTINGS.keys()
    assert {platform for platform, state in states.items() if state == "experimental"} == platforms.EXPERIMENTAL


def test_a_seller_is_called_where_the_rules_say() -> None:
    seller = replace(channel(platforms.AMAZON), shop="A1", marketplace="M1", api_url="https://a", auth_url="https://b")
    shops = outbound()
    pacer = shops.pacer(seller)

    stock, orders, products = shops.numbers(seller, pacer), shops.orders(seller), shops.products(seller)

    assert isinstance(stock, AmazonStock)
    assert isinstance(orders, AmazonOrders)
    assert (stock.api.url, stock.api.auth_url, stock.api.seller, stock.api.marketplace) == (
        "https://a",
        "https://b",
        "A1",
        "M1",
    )
    assert isinstance(products, AmazonProducts)
    assert stock.api.access is orders.api.access is products.api.access
    assert stock.api.send == pacer.send


@pytest.mark.parametrize(("limit", "listings"), [(None, MOST_PATCHES), (2, 10), (1, 5)])
def test_a_seller_with_a_lower_limit_is_told_fewer_listings_at_once(limit: int | None, listings: int) -> None:
    stock = outbound().numbers(replace(channel(platforms.AMAZON), limit=limit))

    assert isinstance(stock, AmazonStock)
    assert stock.most == listings


@pytest.mark.parametrize("platform", EACH)
def test_what_a_shop_lists_is_asked_of_its_own_platform(platform: str) -> None:
    module = type(outbound().products(channel(platform))).__module__

    assert module.rpartition(".")[2].startswith(platform)
