"""A WooCommerce shop and a shop of no known platform, each through the functions that hear and tell it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.poll_storefronts import handler as poll_storefronts
from functions.process_orders import handler as process_orders
from functions.publish_to_channels import handler as publish_to_channels
from functions.receive_webhook import handler as receive_webhook
from local.generic_shop import GenericShop
from local.stand_in import serving
from local.woo_shop import WooShop
from shared.domain import messages, orders
from shared.domain.availability import Rank
from shared.domain.facts import Product
from shared.domain.messages import Publish
from shared.domain.names import ChannelId, OrderKey, Sku, SourceId
from shared.domain.orders import DeductsAt, LineState, Order
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

FJORD = ChannelId("fjord")
ALPINA = SourceId("alpina")
SKU = "NL-1001"


@dataclass
class Sold:
    """A shop of one platform, and how it does what all do."""

    shop: Any
    listing: str
    order: str
    line: str
    buy: Callable[..., int]
    cancel: Callable[[], int]
    replay: Callable[[], int]
    forge: Callable[[], int]
    shown: Callable[[], int | None]
    fulfilled: Callable[[], int]
    is_cancelled: Callable[[], bool]


def of_woo(shop: WooShop) -> Sold:
    shop.has(11, SKU, 5)
    return Sold(
        shop=shop,
        listing="11",
        order="501",
        line="5011",
        buy=lambda units=2: shop.buy(501, (5011, SKU, units)),
        cancel=lambda: shop.change(501, status="cancelled"),
        replay=lambda: shop.tell("order.updated", shop.order(501)),
        forge=lambda: shop.tell("order.updated", {"id": 1}, secret="another shop's"),
        shown=lambda: shop.quantities()[11],
        fulfilled=lambda: int({each["key"]: each["value"] for each in shop.order(501)["meta_data"]}.popitem()[1]),
        is_cancelled=lambda: shop.order(501)["status"] == "cancelled",
    )


def of_generic(shop: GenericShop) -> Sold:
    shop.has(SKU, 5)
    return Sold(
        shop=shop,
        listing=SKU,
        order="M-501",
        line="1",
        buy=lambda units=2: shop.buy("M-501", ("1", SKU, units)),
        cancel=lambda: shop.change("M-501", "order.cancelled", is_cancelled=True),
        replay=lambda: shop.tell({"type": "order.changed", "data": shop.order("M-501")[0]}),
        forge=lambda: shop.tell({"type": "order.changed"}, secret=stand_ins.GENERIC_TOKEN),
        shown=lambda: shop.quantities()[SKU],
        fulfilled=lambda: shop.order("M-501")[1]["1"],
        is_cancelled=lambda: shop.order("M-501")[0]["is_cancelled"],
    )


@dataclass
class Door:
    """Where webhooks go: the function, or nowhere."""

    context: LambdaContext
    is_open: bool = True

    def __call__(self, body: bytes, headers: dict[str, str]) -> int:
        return self.status(body, headers) if self.is_open else 502

    def status(self, body: bytes, headers: dict[str, str], channel: str = FJORD) -> int:
        event = {
            "rawPath": f"/webhooks/{channel}",
            "headers": headers,
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        status: int = receive_webhook.lambda_handler(event, self.context)["statusCode"]
        return status


@pytest.fixture
def door(aws: Aws, context: LambdaContext) -> Door:
    assert aws
    return Door(context)


@pytest.fixture(params=["woocommerce", "generic"])
def sold(request: pytest.FixtureRequest, aws: Aws, door: Door, tmp_path: Path) -> Iterator[Sold]:
    """A shop beside the sample's, with its rules and its secrets."""
    is_woo = request.param == "woocommerce"
    shop: Any = (stand_ins.woo if is_woo else stand_ins.generic)(tmp_path, door, clock.now)
    signs = "woo-secret" if is_woo else stand_ins.GENERIC_SECRET
    token = f"{stand_ins.WOO_KEY}:{stand_ins.WOO_SECRET}" if is_woo else stand_ins.GENERIC_TOKEN
    kept = {"current": "newer" if is_woo else "whsec_bmV3ZXI=", "previous": signs, "token": token}
    name = f"{settings().secret_prefix}/shops/{FJORD}"
    clients.secretsmanager().create_secret(Name=name, SecretString=json.dumps(kept))
    with serving(shop) as url:
        rules = sample_rules()
        settled = {"api_url": f"{url}/wp-json/wc/v3" if is_woo else f"{url}/truestock", "currency": "EUR"}
        woo = {"platform": "woocommerce", "shop": "fjord.example"}
        rules["channels"] = {FJORD: (woo if is_woo else stand_ins.generic_channel()) | settled}
        Config(aws.s3, settings().config_bucket).push(rules)
        yield of_woo(shop) if is_woo else of_generic(shop)


@pytest.fixture
def woo(sold: Sold) -> WooShop:
    assert isinstance(sold.shop, WooShop)
    return sold.shop


def process(aws: Aws, context: LambdaContext) -> None:
    """Let the order function work off the queue."""
    bodies = aws.messages(settings().order_queue_url)
    records = [{"messageId": str(at), "body": body} for at, body in enumerate(bodies)]
    assert process_orders.lambda_handler({"Records": records}, context) == {"batchItemFailures": []}


def publish(context: LambdaContext, request_id: str) -> None:
    event = {"Records": [{"messageId": "m1", "body": messages.write(Publish(channel=FJORD))}]}
    answer = publish_to_channels.lambda_handler(event, replace(context, aws_request_id=request_id))
    assert answer == {"batchItemFailures": []}


def has(aws: Aws, sold: Sold, units: int, revision: int = 1) -> None:
    """Put a level of the product, the product, and the mark that it changed."""
    product = Product(sku=Sku(SKU), title="Tray", inventory_items={FJORD: sold.listing})
    aws.stock.put(facts.to_item(product))
    aws.stock.put(levels.to_item(trade.level(SKU, "alpina", units, revision=revision)))
    aws.stock.put(mark_item(Mark(channel=FJORD, rank=Rank.FALLS, subject=SKU, cause=f"alpina#{revision}")))


def kept(aws: Aws, sold: Sold) -> Order:
    item = aws.orders.get(keys.order(OrderKey(FJORD, sold.order)))
    assert item is not None
    return order_items.from_item(item)


def leave(aws: Aws, order: Order) -> None:
    aws.orders.put(order_items.to_item(order))
    cause = f"order#{order.revision}"
    aws.stock.put(mark_item(Mark(channel=FJORD, rank=Rank.ORDER, subject=order.key.order_id, cause=cause)))


# ---- heard


def test_an_order_that_comes_ten_times_is_one_order(aws: Aws, sold: Sold, context: LambdaContext) -> None:
    has(aws, sold, 9)
    assert sold.buy() == 200
    assert {sold.replay() for _ in range(9)} == {200}

    process(aws, context)

    order = kept(aws, sold)
    assert [(line.sku, line.ordered, line.price_minor) for line in order.lines] == [(SKU, 2, 1000)]
    assert order.total(LineState.RESERVED) == 2


def test_an_order_the_shop_cancels_is_cancelled(aws: Aws, sold: Sold, context: LambdaContext) -> None:
    has(aws, sold, 9)
    sold.buy()
    process(aws, context)

    assert sold.cancel() == 200
    process(aws, context)

    assert kept(aws, sold).is_cancelled


def test_another_shops_secret_is_not_believed(aws: Aws, sold: Sold) -> None:
    assert sold.forge() == 401
    assert aws.messages(settings().order_queue_url) == []


def test_what_no_webhook_told_of_is_found_by_the_poll(aws: Aws, sold: Sold, door: Door, context: LambdaContext) -> None:
    has(aws, sold, 9)
    door.is_open = False
    assert sold.buy() == 502

    poll_storefronts.lambda_handler({}, context)
    process(aws, context)
    poll_storefronts.lambda_handler({}, context)

    assert kept(aws, sold).total(LineState.RESERVED) == 2
    assert aws.messages(settings().order_queue_url) == []


# ---- told


def test_the_shop_has_the_number_and_again_after_its_own_sale(aws: Aws, sold: Sold, context: LambdaContext) -> None:
    has(aws, sold, 9)
    publish(context, "r1")
    assert sold.shown() == 9

    sold.buy(3)
    has(aws, sold, 4, revision=2)
    publish(context, "r2")

    assert sold.shown() == 4
    assert [(each.number, each.refused) for each in Availability(aws.stock).told(Sku(SKU))] == [(4, "")]


def test_what_was_shipped_is_fulfilled_once(aws: Aws, sold: Sold, context: LambdaContext) -> None:
    has(aws, sold, 9)
    sold.buy(3)
    process(aws, context)
    order = kept(aws, sold)
    order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
    shipped = orders.ship(order, 1, sold.line, 2, deducts_at=DeductsAt.SHIP).order
    for again in ("r1", "r2"):
        leave(aws, shipped)
        publish(context, again)
    assert sold.fulfilled() == 2

    leave(aws, replace(orders.ship(shipped, 1, sold.line, 1, deducts_at=DeductsAt.SHIP).order, revision=9))
    publish(context, "r3")

    assert sold.fulfilled() == 3
    assert Availability(aws.stock).marks(FJORD, 10) == []


def test_what_is_cancelled_here_is_cancelled_there(aws: Aws, sold: Sold, context: LambdaContext) -> None:
    sold.buy()
    process(aws, context)
    leave(aws, orders.cancel(kept(aws, sold), 2).order)

    publish(context, "r1")

    assert sold.is_cancelled()
    assert [mark for mark in Availability(aws.stock).marks(FJORD, 10) if mark.rank is Rank.ORDER] == []


# ---- WooCommerce alone


@pytest.mark.parametrize("sold", ["woocommerce"], indirect=True)
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"webhook_id=1", 200),
        ({"X-WC-Webhook-Signature": "é"}, b"webhook_id=1", 401),
        ({"X-WC-Webhook-Signature": ""}, b"{}", 401),
        ({}, b"webhook_id=1&x=2", 401),
        ({}, b"x" * (1024 * 1024 + 1), 413),
    ],
)
def test_a_ping_is_answered_and_nothing_else_without_a_signature(
    aws: Aws, woo: WooShop, door: Door, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert woo.ping() == 200
    assert door.status(body, headers) == status
    assert door.status(body, headers, channel="nobody") == 404
    found = aws.s3.list_objects_v2(Bucket=settings().archive_bucket)
    assert "Contents" not in found


@pytest.mark.parametrize("sold", ["woocommerce"], indirect=True)
def test_a_refund_takes_units_off_when_the_poll_brings_its_lines(
    aws: Aws, woo: WooShop, sold: Sold, context: LambdaContext
) -> None:
    has(aws, sold, 9)
    sold.buy(3)
    process(aws, context)
    woo.clock = lambda: clock.now().replace(year=2027)
    woo.refund(501, 900, {5011: 1})
    process(aws, context)
    assert kept(aws, sold).total(LineState.RESERVED) == 3

    poll_storefronts.lambda_handler({}, context)
    process(aws, context)

    assert kept(aws, sold).total(LineState.RESERVED) == 2


@pytest.mark.parametrize("sold", ["woocommerce"], indirect=True)
@pytest.mark.parametrize("is_known", [True, False])
def test_an_order_that_is_deleted_is_cancelled_and_stays_so(
    aws: Aws, woo: WooShop, sold: Sold, context: LambdaContext, *, is_known: bool
) -> None:
    has(aws, sold, 9)
    if is_known:
        sold.buy()
        process(aws, context)

    assert woo.tell("order.deleted", {"id": 501}) == 200
    process(aws, context)
    if not is_known:
        sold.buy()
        process(aws, context)

    order = kept(aws, sold)
    assert (order.cancel_wanted, order.total(LineState.RESERVED)) == (True, 0)


# ---- the generic shop alone


@pytest.mark.parametrize("sold", ["generic"], indirect=True)
def test_what_a_generic_shop_sends_is_answered_by_what_it_is(aws: Aws, sold: Sold) -> None:
    shop = sold.shop
    assert shop.tell({"type": "order.changed", "data": {}}, seconds_ago=301) == 401
    assert shop.tell({"type": "price.changed"}) == 200
    assert shop.tell({"no": "type"}) == 400
    assert aws.messages(settings().order_queue_url) == []
    kept = aws.s3.list_objects_v2(Bucket=settings().archive_bucket)["Contents"]
    assert sorted(each["Key"].rpartition("-")[2] for each in kept) == ["price.changed.json", "unknown.json"]


@pytest.mark.parametrize("sold", ["generic"], indirect=True)
def test_an_order_that_only_a_person_can_read_holds_no_poll_up(
    aws: Aws, sold: Sold, door: Door, context: LambdaContext
) -> None:
    has(aws, sold, 9)
    door.is_open = False
    sold.shop.buy("M-500", ("1", SKU, 1), items=[{"no": 1, "pieces": "two"}])
    sold.buy()

    poll_storefronts.lambda_handler({}, context)
    process(aws, context)

    assert kept(aws, sold).total(LineState.RESERVED) == 2
    ((_, subject),) = (each for each in Problems(aws.orders).open_keys() if each[0] == "unreadable_event")
    assert subject.startswith("webhooks/fjord/polled/M-500/unread-")
