"""A BigCommerce store through the functions that hear it, find its orders, and tell it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.poll_storefronts import handler as poll_storefronts
from local import faults
from local.bigcommerce_api import ROOT
from local.bigcommerce_shop import BigCommerceShop
from local.stand_in import serving
from shared.domain import orders, rules
from shared.domain.availability import Rank
from shared.domain.facts import Product
from shared.domain.names import ChannelId, OrderKey, Sku
from shared.domain.orders import DeductsAt, LineState, Order
from shared.runtime import clients, clock
from shared.runtime.settings import settings
from shared.storage import facts, keys, levels
from shared.storage import orders as order_items
from shared.storage.availability import Availability, Mark, mark_item
from shared.storage.config import Config
from shared.storefronts import inbound
from shared.storefronts.bigcommerce_orders import Orders
from shared.storefronts.bigcommerce_rest import Api
from tests.integration.conftest import sample_rules
from tests.integration.test_other_storefronts import FJORD, SKU, Door, leave, process, publish
from tests.support import stand_ins, trade

if TYPE_CHECKING:
    from tests.integration.conftest import Aws, LambdaContext


@pytest.fixture
def door(aws: Aws, context: LambdaContext) -> Door:
    assert aws
    return Door(context)


@pytest.fixture
def shop(aws: Aws, tmp_path: Path) -> Iterator[BigCommerceShop]:
    """A store that lists the product, with its rules and its secrets; none of its webhooks arrive."""
    store = stand_ins.bigcommerce(tmp_path, lambda *_: 502, clock.now)
    store.has(111, SKU, 5)
    kept = {"current": "newer", "previous": stand_ins.BIGCOMMERCE_SECRET, "token": stand_ins.BIGCOMMERCE_TOKEN}
    name = f"{settings().secret_prefix}/shops/{FJORD}"
    clients.secretsmanager().create_secret(Name=name, SecretString=json.dumps(kept))
    with serving(store) as url:
        channel = stand_ins.bigcommerce_channel(api_url=f"{url}{ROOT}", currency="EUR")
        Config(aws.s3, settings().config_bucket).push(sample_rules() | {"channels": {FJORD: channel}})
        aws.stock.put(facts.to_item(Product(sku=Sku(SKU), title="Tray", inventory_items={FJORD: "111"})))
        yield store


def has(aws: Aws, units: int, revision: int = 1) -> None:
    aws.stock.put(levels.to_item(trade.level(SKU, "alpina", units, revision=revision)))
    aws.stock.put(mark_item(Mark(channel=FJORD, rank=Rank.FALLS, subject=SKU, cause=f"alpina#{revision}")))


def taken(aws: Aws, context: LambdaContext) -> Order:
    """The order as it is here after the poll and the order function."""
    poll_storefronts.lambda_handler({}, context)
    process(aws, context)
    item = aws.orders.get(keys.order(OrderKey(FJORD, "501")))
    assert item is not None
    return order_items.from_item(item)


def test_what_comes_is_believed_by_its_signature_its_time_and_its_topic(
    aws: Aws, shop: BigCommerceShop, door: Door
) -> None:
    shop.deliver = door

    assert shop.tell("store/order/message/created", 501) == 200
    assert shop.tell("store/order/updated", 501, secret="another shop's") == 401
    assert shop.tell("store/order/updated", 501, seconds_ago=301) == 401

    kept = aws.s3.list_objects_v2(Bucket=settings().archive_bucket)["Contents"]
    assert [each["Key"].rpartition("-store-")[2] for each in kept] == ["order-message-created.json"]
    assert aws.messages(settings().order_queue_url) == []


def test_what_an_event_names_is_fetched_and_read(shop: BigCommerceShop) -> None:
    came = stand_ins.Endpoint()
    shop.deliver = came
    shop.buy(501, (5011, SKU, 3))
    shop.refund(501, 5011, 1)
    channels = {FJORD: stand_ins.bigcommerce_channel(currency="EUR")}
    (channel,) = rules.parse(sample_rules() | {"channels": channels}).channels.values()
    reader = inbound.of(channel)

    event = reader.identify(*came.last)
    with serving(shop) as url:
        found = Orders(Api(url=f"{url}{ROOT}".rstrip("/"), token=shop.token)).fetch_order(event.order)
    intake = reader.read_order(ChannelId(FJORD), found.topic, found.body)

    assert (event.is_thin, event.topic, str(intake.key)) == (True, "store/order/refund/created", f"{FJORD}#501")
    assert [(line.line, line.sku, line.open) for line in intake.order.lines] == [("5011", SKU, 2)]


def test_an_order_is_found_by_the_poll_once_and_cancelled_when_the_shop_cancels_it(
    aws: Aws, shop: BigCommerceShop, context: LambdaContext
) -> None:
    has(aws, 9)
    shop.buy(501, (5011, SKU, 2))
    order = taken(aws, context)
    assert [(line.sku, line.ordered, line.price_minor) for line in order.lines] == [(SKU, 2, 1000)]
    assert order.total(LineState.RESERVED) == 2

    shop.clock = lambda: clock.now().replace(year=2027)
    shop.change(501, status_id=5)
    order = taken(aws, context)
    assert (order.is_cancelled, order.total(LineState.RESERVED)) == (True, 0)


def test_the_shop_has_the_number_though_another_item_is_poison(
    aws: Aws, shop: BigCommerceShop, context: LambdaContext
) -> None:
    has(aws, 9)
    aws.stock.put(facts.to_item(Product(sku=Sku("NL-X"), title="Gone", inventory_items={FJORD: "404"})))
    aws.stock.put(mark_item(Mark(channel=FJORD, rank=Rank.FALLS, subject="NL-X", cause="x")))
    shop.delay = 0.5

    publish(context, "r1")

    assert shop.quantities() == {SKU: 9}
    assert [(each.number, each.refused) for each in Availability(aws.stock).told(Sku(SKU))] == [(9, "")]
    assert [each.refused for each in Availability(aws.stock).told(Sku("NL-X"))] == ["not_understood"]


def test_what_was_shipped_is_a_shipment_once(aws: Aws, shop: BigCommerceShop, context: LambdaContext) -> None:
    has(aws, 9)
    shop.buy(501, (5011, SKU, 3))
    order = orders.send(taken(aws, context), 1, deducts_at=DeductsAt.SHIP).order
    shipped = orders.ship(order, 1, "5011", 2, deducts_at=DeductsAt.SHIP).order
    for again in ("r1", "r2"):
        leave(aws, shipped)
        publish(context, again)
    assert [each["items"] for each in shop.shipments()] == [[{"order_product_id": 5011, "quantity": 2}]]

    leave(aws, replace(orders.ship(shipped, 1, "5011", 1, deducts_at=DeductsAt.SHIP).order, revision=9))
    publish(context, "r3")

    assert (len(shop.shipments()), shop.order(501)["status_id"]) == (2, 2)
    assert Availability(aws.stock).marks(FJORD, 10) == []


def test_what_is_cancelled_here_is_cancelled_there_or_told_to_a_person(
    aws: Aws, shop: BigCommerceShop, context: LambdaContext
) -> None:
    shop.buy(501, (5011, SKU, 2))
    cancelled = orders.cancel(taken(aws, context), 2).order
    faults.set(shop.store, "lie")
    leave(aws, cancelled)
    publish(context, "r1")
    assert shop.order(501)["status_id"] == 11

    leave(aws, cancelled)
    publish(context, "r2")

    assert shop.order(501)["status_id"] == 5
    assert [mark for mark in Availability(aws.stock).marks(FJORD, 10) if mark.rank is Rank.ORDER] == []
