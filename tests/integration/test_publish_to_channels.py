"""A shop that speaks the platform's contract has the numbers of the tables."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.publish_to_channels import handler
from local.shop import Shop, serving
from shared.domain import messages, orders
from shared.domain.availability import Rank
from shared.domain.messages import Publish
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.orders import Order
from shared.runtime import clock
from shared.storage import keys, levels
from shared.storage import orders as order_items
from shared.storage.availability import Availability, Leases, Mark, mark_item
from tests.integration.conftest import Aws, LambdaContext, push_rules
from tests.support import trade
from tests.support.publishing import LEFT

NORDLYS = ChannelId("nordlys")
ALPINA = SourceId("alpina")
LINE = "555000101"


def item(sku: str) -> str:
    return f"gid://shopify/InventoryItem/{sku.removeprefix('NL-')}"


def has(aws: Aws, sku: str, units: int, rank: Rank = Rank.RISES, revision: int = 1, *, is_listed: bool = True) -> None:
    """Put a level, its product and the mark that it changed."""
    pk, sk = keys.item(Sku(sku))
    listed = {"inventory_items": {"nordlys": item(sku)}} if is_listed else {}
    aws.stock.put({"PK": pk, "SK": sk, "entity": "product", "schema": 1, "revision": 1, **listed})
    aws.stock.put(levels.to_item(trade.level(sku, "alpina", units, revision=revision)))
    mark = Mark(channel=NORDLYS, rank=rank, subject=sku, cause=f"alpina#{revision}")
    aws.stock.put(mark_item(mark))


def run(context: LambdaContext, request_id: str = "r1") -> list[str]:
    body = messages.write(Publish(channel=NORDLYS))
    event = {"Records": [{"messageId": "m1", "body": body}]}
    answer = handler.lambda_handler(event, replace(context, aws_request_id=request_id))
    return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]


def marks(aws: Aws) -> list[Mark]:
    return Availability(aws.stock).marks(NORDLYS, 1000)


def numbers(aws: Aws, sku: str) -> list[tuple[int, int]]:
    return [(each.number, each.revision) for each in Availability(aws.stock).told(Sku(sku))]


@pytest.mark.usefixtures("url")
def test_the_shop_has_the_numbers_and_the_marks_are_gone(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    for at in range(120):
        has(aws, f"NL-{at:04}", at)

    assert run(context) == []

    assert shop.store.quantities() == {item(f"NL-{at:04}"): at for at in range(120)}
    assert numbers(aws, "NL-0007") == [(7, 1)]
    assert marks(aws) == []


@pytest.mark.usefixtures("url")
def test_redelivery_tells_nothing_more(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    run(context)

    assert run(context, "r2") == []
    assert (numbers(aws, "NL-1"), shop.store.quantities()) == ([(7, 1)], {item("NL-1"): 7})


@pytest.mark.usefixtures("url")
def test_a_change_is_told_over_what_was_told(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    run(context)
    has(aws, "NL-1", 4, Rank.FALLS, 2)
    run(context, "r2")

    assert (numbers(aws, "NL-1"), shop.store.quantities()) == ([(4, 2)], {item("NL-1"): 4})


@pytest.mark.usefixtures("url")
def test_what_the_shop_sold_itself_is_no_obstacle(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    run(context)
    with shop.store.open() as store:
        store.execute("UPDATE quantities SET units = 5")
    has(aws, "NL-1", 6, Rank.FALLS, 2)

    assert run(context, "r2") == []

    assert (numbers(aws, "NL-1"), shop.store.quantities()) == ([(6, 2)], {item("NL-1"): 6})


@pytest.mark.usefixtures("url")
def test_a_crash_after_the_shop_was_told_tells_the_same_once_more(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    run(context)
    aws.stock.delete(keys.told(Sku("NL-1"), NORDLYS))
    has(aws, "NL-1", 7)

    assert run(context, "r2") == []
    assert (numbers(aws, "NL-1"), shop.store.quantities()) == ([(7, 1)], {item("NL-1"): 7})


@pytest.mark.usefixtures("url")
def test_a_sku_that_is_not_listed_is_told_nothing(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7, is_listed=False)

    assert run(context) == []
    assert (numbers(aws, "NL-1"), shop.store.quantities(), marks(aws)) == ([], {}, [])


@pytest.mark.usefixtures("url")
def test_a_listing_the_shop_does_not_know_is_an_exception(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    has(aws, "NL-2", 3)
    pk, sk = keys.item(Sku("NL-1"))
    wrong = {"inventory_items": {"nordlys": "gid://shopify/Product/1"}}
    aws.stock.put({"PK": pk, "SK": sk, "entity": "product", "schema": 1, "revision": 2, **wrong})

    assert run(context) == []

    problem = aws.orders.get(keys.problem("listing_refused", "nordlys/NL-1"))
    assert problem is not None
    assert "INVALID_INVENTORY_ITEM" in problem["reason"]
    assert (shop.store.quantities(), marks(aws)) == ({item("NL-2"): 3}, [])


def test_a_shop_that_does_not_answer_is_left_alone_and_that_is_noted(aws: Aws, context: LambdaContext) -> None:
    push_rules(aws, {"api_url": "http://127.0.0.1:9/graphql"})
    has(aws, "NL-1", 7)

    assert run(context) == []
    assert (numbers(aws, "NL-1"), len(marks(aws))) == ([], 1)
    lease = Leases(aws.stock).read(NORDLYS)
    assert lease is not None
    assert (lease.failing, lease.leased_until) == ("shop_silent", "")


@pytest.mark.usefixtures("url")
def test_a_token_the_shop_does_not_know_is_an_exception(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    with serving(replace(shop, token="another")) as elsewhere:
        push_rules(aws, {"api_url": elsewhere})

        assert run(context) == []

    assert aws.orders.get(keys.problem("shop_refuses", "nordlys")) is not None
    assert len(marks(aws)) == 1


@pytest.mark.usefixtures("url")
def test_who_is_refused_the_lease_leaves_word_with_its_holder(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    leases, now = Leases(aws.stock), clock.now()
    assert leases.take(NORDLYS, "holder", ["m0"], now, now + timedelta(seconds=40))
    has(aws, "NL-1", 7)

    assert run(context) == []

    assert shop.store.quantities() == {}
    assert leases.release(NORDLYS, "holder", 0, LEFT, works=True) == 1
    assert leases.release(NORDLYS, "holder", 1, LEFT, works=True) is None
    assert run(context, "r2") == []
    assert shop.store.quantities() == {item("NL-1"): 7}


@pytest.mark.usefixtures("url")
def test_a_dead_holders_lease_ends(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    now = clock.now()
    assert Leases(aws.stock).take(NORDLYS, "dead", ["m0"], now - timedelta(seconds=60), now - timedelta(seconds=20))
    has(aws, "NL-1", 7)

    run(context)

    assert shop.store.quantities() == {item("NL-1"): 7}


@pytest.mark.usefixtures("aws")
def test_a_mark_that_changed_is_not_cleared(aws: Aws) -> None:
    has(aws, "NL-1", 7, revision=1)
    (seen,) = marks(aws)
    has(aws, "NL-1", 6, revision=2)

    assert not Availability(aws.stock).clear(seen)
    assert [mark.cause for mark in marks(aws)] == ["alpina#2"]
    assert Availability(aws.stock).clear(replace(seen, cause="alpina#2"))


# ---- orders


def shipped(aws: Aws, shop: Shop, units: int, revision: int = 1) -> None:
    """Have an order of three pieces in the shop, of which so many were shipped, and the mark of that."""
    order = trade.order("5550001", ("NL-1", 3))
    order = replace(order, lines=(replace(order.lines[0], line=LINE),))
    order = orders.take(order, {(LINE, ALPINA): 3}, attempt="t")
    order = orders.send(order, 1, deducts_at=orders.DeductsAt.SHIP).order
    order = orders.ship(order, 1, LINE, units, deducts_at=orders.DeductsAt.SHIP).order
    bought(shop, order.key.order_id)
    leave(aws, replace(order, revision=revision))


def cancelled(aws: Aws, shop: Shop) -> None:
    order = trade.order("5550001", ("NL-1", 3))
    bought(shop, order.key.order_id)
    leave(aws, orders.cancel(order, 2).order)


def bought(shop: Shop, order_id: str) -> None:
    body: dict[str, Any] = json.loads(trade.shopify_body(int(order_id), ("NL-1", 3)))
    shop.send("orders/create", body)


def leave(aws: Aws, order: Order) -> None:
    aws.orders.put(order_items.to_item(order))
    cause = f"order#{order.revision}"
    aws.stock.put(mark_item(Mark(channel=NORDLYS, rank=Rank.ORDER, subject=order.key.order_id, cause=cause)))


@pytest.mark.usefixtures("url")
def test_what_was_shipped_is_fulfilled_in_the_shop_once(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    shipped(aws, shop, 2)
    assert run(context) == []
    assert marks(aws) == []

    shipped(aws, shop, 2, revision=2)
    run(context, "r2")
    shipped(aws, shop, 3, revision=3)
    run(context, "r3")

    assert [(each.order_id, list(each.units.values())) for each in shop.store.fulfilments()] == [
        ("5550001", [2]),
        ("5550001", [1]),
    ]


@pytest.mark.usefixtures("url")
def test_a_cancel_waits_for_the_shops_job(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    shop.cancels_after = timedelta(hours=1)
    cancelled(aws, shop)

    run(context)
    run(context, "r2")

    (begun,) = shop.store.cancels()
    assert (begun.order_id, begun.restocks, begun.refunds) == ("5550001", True, False)
    assert [mark.job for mark in marks(aws)] == [f"gid://shopify/Job/{begun.job}"]

    shop.clock = lambda: clock.now() + timedelta(hours=2)
    run(context, "r3")
    assert (len(shop.store.cancels()), marks(aws)) == (1, [])
