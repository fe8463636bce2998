"""A shop that speaks the platform's contract has the numbers of the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from functions.publish_to_channels import handler
from local.shop import Shop, Store, serving
from shared.domain import messages
from shared.domain.availability import Rank
from shared.domain.messages import Publish
from shared.domain.names import ChannelId, Sku, SourceId
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import keys, levels
from shared.storage.availability import Availability, Leases, Mark, mark_item
from shared.storage.config import Config
from tests.integration.conftest import ROOT, SECRETS, Aws, LambdaContext
from tests.support import trade

NORDLYS = ChannelId("nordlys")
LOCATION = "gid://shopify/Location/71001"


def item(sku: str) -> str:
    return f"gid://shopify/InventoryItem/{sku.removeprefix('NL-')}"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(
        store=Store(tmp_path / "shop.sqlite"),
        domain="nordlys-living.myshopify.com",
        location=LOCATION,
        secret=SECRETS["current"],
        token=SECRETS["token"],
        items={},
        deliver=lambda _body, _headers: 200,
    )


@pytest.fixture
def url(aws: Aws, shop: Shop) -> Iterator[str]:
    rules = yaml.safe_load((ROOT / "config/rules.yaml").read_text())
    with serving(shop) as url:
        rules["channels"]["nordlys"] |= {"api_url": url, "location": LOCATION}
        Config(aws.s3, settings().config_bucket).push(rules)
        yield url


def has(aws: Aws, sku: str, units: int, rank: Rank = Rank.RISES, revision: int = 1, *, is_listed: bool = True) -> None:
    """Put a level, its product and the mark that it changed."""
    pk, sk = keys.item(Sku(sku))
    listed = {"inventory_items": {"nordlys": item(sku)}} if is_listed else {}
    aws.stock.put({"PK": pk, "SK": sk, "entity": "product", "schema": 1, "revision": 1, **listed})
    aws.stock.put(levels.to_item(trade.level(sku, "alpina", units, revision=revision)))
    mark = Mark(channel=NORDLYS, rank=rank, sku=Sku(sku), source=SourceId("alpina"), revision=revision)
    aws.stock.put(mark_item(mark))


def run(context: LambdaContext, request_id: str = "r1") -> list[str]:
    body = messages.write(Publish(channel=NORDLYS))
    event = {"Records": [{"messageId": "m1", "body": body}]}
    answer = handler.lambda_handler(event, replace(context, aws_request_id=request_id))
    return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]


def marks(aws: Aws) -> list[Mark]:
    return Availability(aws.stock).marks(NORDLYS, 1000)


def told(aws: Aws, sku: str) -> list[tuple[int, int]]:
    return [(each.number, each.revision) for each in Availability(aws.stock).told(Sku(sku))]


@pytest.mark.usefixtures("url")
def test_the_shop_has_the_numbers_and_the_marks_are_gone(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    for at in range(120):
        has(aws, f"NL-{at:04}", at)

    assert run(context) == []

    assert shop.store.quantities() == {item(f"NL-{at:04}"): at for at in range(120)}
    assert told(aws, "NL-0007") == [(7, 1)]
    assert marks(aws) == []


@pytest.mark.usefixtures("url")
def test_redelivery_tells_nothing_more(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    run(context)

    assert run(context, "r2") == []
    assert (told(aws, "NL-1"), shop.store.quantities()) == ([(7, 1)], {item("NL-1"): 7})


@pytest.mark.usefixtures("url")
def test_a_change_is_told_over_what_was_told(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    run(context)
    has(aws, "NL-1", 4, Rank.FALLS, 2)
    run(context, "r2")

    assert (told(aws, "NL-1"), shop.store.quantities()) == ([(4, 2)], {item("NL-1"): 4})


@pytest.mark.usefixtures("url")
def test_what_the_shop_sold_itself_is_no_obstacle(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    run(context)
    with shop.store.open() as store:
        store.execute("UPDATE quantities SET units = 5")
    has(aws, "NL-1", 6, Rank.FALLS, 2)

    assert run(context, "r2") == []

    assert (told(aws, "NL-1"), shop.store.quantities()) == ([(6, 2)], {item("NL-1"): 6})


@pytest.mark.usefixtures("url")
def test_a_crash_after_the_shop_was_told_tells_the_same_once_more(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    run(context)
    aws.stock.delete(keys.told(Sku("NL-1"), NORDLYS))
    has(aws, "NL-1", 7)

    assert run(context, "r2") == []
    assert (told(aws, "NL-1"), shop.store.quantities()) == ([(7, 1)], {item("NL-1"): 7})


@pytest.mark.usefixtures("url")
def test_a_sku_that_is_not_listed_is_told_nothing(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7, is_listed=False)

    assert run(context) == []
    assert (told(aws, "NL-1"), shop.store.quantities(), marks(aws)) == ([], {}, [])


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


def test_a_shop_that_does_not_answer_has_the_message_again(aws: Aws, context: LambdaContext) -> None:
    rules = yaml.safe_load((ROOT / "config/rules.yaml").read_text())
    rules["channels"]["nordlys"]["api_url"] = "http://127.0.0.1:9/graphql"
    Config(aws.s3, settings().config_bucket).push(rules)
    has(aws, "NL-1", 7)

    assert run(context) == ["m1"]
    assert (told(aws, "NL-1"), len(marks(aws))) == ([], 1)


@pytest.mark.usefixtures("url")
def test_a_token_the_shop_does_not_know_is_an_exception(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    has(aws, "NL-1", 7)
    with serving(replace(shop, token="another")) as elsewhere:
        rules = yaml.safe_load((ROOT / "config/rules.yaml").read_text())
        rules["channels"]["nordlys"]["api_url"] = elsewhere
        Config(aws.s3, settings().config_bucket).push(rules)

        assert run(context) == ["m1"]

    assert aws.orders.get(keys.problem("shop_refuses", "nordlys")) is not None
    assert len(marks(aws)) == 1


@pytest.mark.usefixtures("url")
def test_who_is_refused_the_lease_leaves_word_with_its_holder(aws: Aws, shop: Shop, context: LambdaContext) -> None:
    leases, now = Leases(aws.stock), clock.now()
    assert leases.take(NORDLYS, "holder", ["m0"], now, now + timedelta(seconds=40))
    has(aws, "NL-1", 7)

    assert run(context) == []

    assert shop.store.quantities() == {}
    assert leases.release(NORDLYS, "holder", 0) == 1
    assert leases.release(NORDLYS, "holder", 1) is None
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
def test_a_holder_whose_message_comes_again_is_dead(aws: Aws) -> None:
    leases, now = Leases(aws.stock), clock.now()
    assert leases.take(NORDLYS, "first", ["m1", "m2"], now, now + timedelta(seconds=40))

    assert not leases.take(NORDLYS, "other", ["m3"], now, now + timedelta(seconds=40))
    assert leases.take(NORDLYS, "again", ["m4", "m2"], now, now + timedelta(seconds=40))


@pytest.mark.usefixtures("aws")
def test_only_the_holder_releases_a_lease(aws: Aws) -> None:
    leases, now = Leases(aws.stock), clock.now()
    leases.take(NORDLYS, "first", ["m1"], now - timedelta(seconds=60), now - timedelta(seconds=20))
    leases.take(NORDLYS, "second", ["m2"], now, now + timedelta(seconds=40))

    assert leases.release(NORDLYS, "first", 0) is None
    leases_item = aws.stock.get(keys.lease(NORDLYS))
    assert leases_item is not None
    assert leases_item["holder"] == "second"
    assert not leases.take(NORDLYS, "third", ["m1", "m3"], now, now + timedelta(seconds=40))


@pytest.mark.usefixtures("aws")
def test_a_mark_that_changed_is_not_cleared(aws: Aws) -> None:
    has(aws, "NL-1", 7, revision=1)
    (seen,) = marks(aws)
    has(aws, "NL-1", 6, revision=2)

    assert not Availability(aws.stock).clear(seen)
    assert [mark.revision for mark in marks(aws)] == [2]
    assert Availability(aws.stock).clear(replace(seen, revision=2))
