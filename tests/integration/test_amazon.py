"""A seller at Amazon through the functions that find its orders and tell it numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.poll_storefronts import handler as poll_storefronts
from functions.process_orders import handler as process_orders
from functions.publish_to_channels import handler as publish_to_channels
from local.amazon_api import AmazonShop
from local.stand_in import serving
from shared.domain import messages, orders
from shared.domain.availability import Rank
from shared.domain.facts import Product
from shared.domain.messages import Delivered, Publish
from shared.domain.names import ChannelId, OrderKey, Sku
from shared.domain.orders import LineState, Order
from shared.runtime import clients, clock
from shared.runtime.settings import settings
from shared.storage import facts, keys, levels
from shared.storage import orders as order_items
from shared.storage.availability import Availability, Mark, mark_item
from shared.storage.config import Config
from shared.storage.problems import Problems
from tests.integration.conftest import sample_rules
from tests.support import stand_ins, trade

if TYPE_CHECKING:
    from tests.integration.conftest import Aws, LambdaContext

EVENTS = Path(__file__).parents[2] / "events/webhooks/amazon"
ORDER = json.loads((EVENTS / "order.json").read_text())
NOTIFICATION = json.loads((EVENTS / "order_change.json").read_text())
FJORD = ChannelId("fjord")
SKU = "LAMP-OAK"


@pytest.fixture
def shop(aws: Aws, tmp_path: Path) -> Iterator[AmazonShop]:
    seller = stand_ins.amazon(tmp_path, clock.now)
    seller.has(SKU, 5)
    name = f"{settings().secret_prefix}/shops/{FJORD}"
    clients.secretsmanager().create_secret(Name=name, SecretString=json.dumps({"token": stand_ins.AMAZON_TOKEN}))
    with serving(seller) as url:
        rules = sample_rules()
        rules["channels"] = {FJORD: stand_ins.amazon_channel(seller, url)}
        Config(aws.s3, settings().config_bucket).push(rules)
        yield seller


def bought(status: str = "UNSHIPPED", **item: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """An order of three units in the currency of the rules."""
    lamp = {**ORDER["orderItems"][0], **item}
    lamp["product"] = {"sellerSku": SKU, "price": {"unitPrice": {"amount": "29.99", "currencyCode": "EUR"}}}
    address = {**ORDER["recipient"]["deliveryAddress"], "countryCode": "DE"}
    told = {**ORDER, "recipient": {"deliveryAddress": address}, "orderItems": [lamp]}
    return {**told, "fulfillment": {**ORDER["fulfillment"], "fulfillmentStatus": status}}


def notification(seller: str = "", **summary: str) -> str:
    """What Amazon posts, of another seller or with another summary."""
    told = deepcopy(NOTIFICATION)
    change = told["Payload"]["OrderChangeNotification"]
    change["SellerId"] = seller or change["SellerId"]
    change["Summary"] |= summary
    return json.dumps(told)


def take(context: LambdaContext, *notifications: str) -> None:
    """Let the function take what Amazon posted to the shop event queue."""
    told = {"ApproximateReceiveCount": "1"}
    records = [{"messageId": f"m{at}", "body": body, "attributes": told} for at, body in enumerate(notifications)]
    assert poll_storefronts.lambda_handler({"Records": records}, context) == {"batchItemFailures": []}


def poll(aws: Aws, context: LambdaContext) -> None:
    """Find what there is, and let the order function work it off."""
    poll_storefronts.lambda_handler({}, context)
    process(aws, context)


def process(aws: Aws, context: LambdaContext) -> list[str]:
    """Let the order function work off its queue; return what was in it."""
    bodies = aws.messages(settings().order_queue_url)
    records = [{"messageId": str(at), "body": body} for at, body in enumerate(bodies)]
    assert process_orders.lambda_handler({"Records": records}, context) == {"batchItemFailures": []}
    return bodies


def publish(context: LambdaContext) -> None:
    event = {"Records": [{"messageId": "m1", "body": messages.write(Publish(channel=FJORD))}]}
    assert publish_to_channels.lambda_handler(event, context) == {"batchItemFailures": []}


def has(aws: Aws, units: int) -> None:
    aws.stock.put(facts.to_item(Product(sku=Sku(SKU), title="Lamp", inventory_items={FJORD: SKU})))
    aws.stock.put(levels.to_item(trade.level(SKU, "alpina", units, revision=1)))
    aws.stock.put(mark_item(Mark(channel=FJORD, rank=Rank.FALLS, subject=SKU, cause="alpina#1")))


def kept(aws: Aws) -> Order | None:
    item = aws.orders.get(keys.order(OrderKey(FJORD, ORDER["orderId"])))
    return order_items.from_item(item) if item else None


# ---- heard


def test_an_order_that_a_notification_tells_of_twice_is_fetched_and_placed_once(
    aws: Aws, shop: AmazonShop, context: LambdaContext
) -> None:
    has(aws, 9)
    shop.keeps(bought())

    take(context, notification(), notification())
    take(context, notification())

    told = [messages.read(body) for body in process(aws, context)]
    assert len(told) == 3
    assert len({each.archive_key for each in told if isinstance(each, Delivered)}) == 1
    order = kept(aws)
    assert order is not None
    assert [(line.sku, line.ordered) for line in order.lines] == [(SKU, 3)]
    assert order.total(LineState.RESERVED) == 3


def test_an_order_that_amazon_ships_or_sells_elsewhere_is_not_fetched(
    aws: Aws, shop: AmazonShop, context: LambdaContext
) -> None:
    shop.keeps(bought())

    take(context, notification(FulfillmentType="AFN"), notification(MarketplaceId="A1PA6795UKMFR9"))

    assert aws.messages(settings().order_queue_url) == []
    found = aws.s3.list_objects_v2(Bucket=settings().archive_bucket)["Contents"]
    assert sorted(each["Key"].rpartition("-")[2] for each in found) == [
        "ORDER_CHANGE_AFN.json",
        "ORDER_CHANGE_ELSEWHERE.json",
    ]


def test_another_sellers_notification_is_for_a_person_and_kept_nowhere(
    aws: Aws, shop: AmazonShop, context: LambdaContext
) -> None:
    shop.keeps(bought())

    take(context, notification("A000OTHER"))

    assert aws.messages(settings().order_queue_url) == []
    assert list(Problems(aws.orders).open_keys()) == [("shop_event_refused", "A000OTHER")]
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=settings().archive_bucket)


def test_an_order_is_found_taken_once_and_cancelled_when_amazon_says_so(
    aws: Aws, shop: AmazonShop, context: LambdaContext
) -> None:
    has(aws, 9)
    shop.keeps(bought("PENDING"))
    poll(aws, context)
    assert kept(aws) is None

    shop.keeps(bought())
    poll(aws, context)
    poll(aws, context)

    order = kept(aws)
    assert order is not None
    assert [(line.sku, line.ordered, line.price_minor) for line in order.lines] == [(SKU, 3, 2999)]
    assert order.total(LineState.RESERVED) == 3

    cancelled = {"quantityFulfilled": 0, "quantityUnfulfilled": 0}
    shop.clock = lambda: clock.now().replace(year=clock.now().year + 1)
    shop.keeps(bought("CANCELLED", fulfillment=cancelled))
    shop.clock = clock.now
    poll(aws, context)

    after = kept(aws)
    assert after is not None
    assert after.is_cancelled


# ---- told


def test_the_seller_has_the_number_and_a_cancel_of_ours_is_for_a_person(
    aws: Aws, shop: AmazonShop, context: LambdaContext
) -> None:
    has(aws, 9)
    shop.keeps(bought())
    poll(aws, context)
    order = kept(aws)
    assert order is not None
    aws.orders.put(order_items.to_item(replace(orders.cancel(order, 2).order, revision=9)))
    cancel = Mark(channel=FJORD, rank=Rank.ORDER, subject=order.key.order_id, cause="order#9")
    aws.stock.put(mark_item(cancel))

    publish(context)

    assert shop.quantities() == {SKU: 6}
    assert Availability(aws.stock).marks(FJORD, 10) == []
    assert aws.orders.get(keys.problem("order_not_told", str(order.key))) is not None
