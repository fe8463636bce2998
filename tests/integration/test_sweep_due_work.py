"""Every minute, what is due and was not done by a stream."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from functions.publish_to_channels import handler as publish_to_channels
from functions.record_orders import handler as record_orders
from functions.sweep_due_work import handler
from local.shop import Shop
from shared.domain import flags, messages, orders, times
from shared.domain.availability import Rank
from shared.domain.feeds import Feed, Run
from shared.domain.messages import FillSku, Message, PlanOrder, Publish, Refresh, Scope
from shared.domain.names import OrderKey, Sku, SourceId
from shared.domain.people import By
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import keys, levels, pauses
from shared.storage import orders as order_items
from shared.storage import purchase_orders as po_items
from shared.storage.availability import Availability, Leases
from shared.storage.feeds import Feeds
from shared.storage.flags import Flags
from shared.storage.order_book import OrderBook
from shared.storage.pauses import Pause, Pauses
from shared.storage.problems import Problems
from tests.integration.conftest import LOCATION, Aws, LambdaContext, push_rules
from tests.support import trade
from tests.support.publishing import LEFT, NORDLYS, mark

LONG_AGO = "2020-01-01T00:00:00.000Z"
NEVER = "2999-01-01T00:00:00.000Z"
ALPINA = SourceId("alpina")
EVENTS = Path(__file__).parents[2] / "events/streams/orders"
SKU = Sku("NL-1001")
ITEM = "gid://shopify/InventoryItem/1001"
ADDRESS = {"name": "Ada Buyer", "country_code": "NO"}


def waits(aws: Aws, order_id: str, due_at: str) -> OrderKey:
    """Record an order that waits for NL-1001."""
    order = replace(orders.backorder(trade.order(order_id, ("NL-1001", 2))), due_at=due_at)
    aws.orders.put(order_items.to_item(order))
    return order.key


def asked(aws: Aws, order_id: str, state: PoState, due_at: str) -> OrderKey:
    """Record an order whose supplier was asked, or is about to be."""
    order = orders.take(trade.order(order_id, ("NL-1001", 2)), {("l1", ALPINA): 2}, attempt="t")
    order = replace(order, ship_to="t")
    if state is not PoState.READY:
        order = orders.send(order, 1, deducts_at=orders.DeductsAt.SHIP).order
    aws.orders.put(order_items.to_item(order))
    pk, sk = keys.ship_to(order.key, "t")
    aws.orders.put({"PK": pk, "SK": sk, "entity": "ship_to", "address": ADDRESS})
    po = PurchaseOrder(
        order=order.key,
        source=ALPINA,
        n=1,
        number=f"ALPINA-{int(order_id):06d}",
        lines=(PoLine(line="l1", sku=Sku("NL-1001"), units=2),),
        state=state,
        claimed_by="dead" if state is PoState.CLAIMED else "",
        claimed_until=due_at if state is PoState.CLAIMED else "",
        sent_at=times.text(clock.now() - timedelta(hours=25)) if state is PoState.SENT else "",
        due_at=due_at,
    )
    aws.orders.put(po_items.to_item(po))
    return order.key


def purchase_order(aws: Aws, key: OrderKey) -> PurchaseOrder:
    (po,) = OrderBook(aws.dynamodb, aws.stock, aws.orders).purchase_orders(key)
    return po


def files(aws: Aws) -> list[str]:
    return [each["Key"] for each in aws.s3.list_objects_v2(Bucket=settings().files_bucket).get("Contents", [])]


def test_an_order_that_waits_is_asked_for_once_a_while(aws: Aws, context: LambdaContext) -> None:
    due = waits(aws, "1", LONG_AGO)
    waits(aws, "2", NEVER)

    first = handler.lambda_handler({}, context)
    second = handler.lambda_handler({}, context)

    read = [messages.read(text) for text in aws.messages(settings().order_queue_url)]
    assert read == [PlanOrder(order=due), FillSku(sku=Sku("NL-1001"))]
    assert (first, second) == ({"OrderDue": 1, "ExceptionClosed": 0}, {"ExceptionClosed": 0})


def test_purchase_orders_that_nobody_finished_are_finished(aws: Aws, context: LambdaContext) -> None:
    finished = [asked(aws, "1", PoState.READY, LONG_AGO), asked(aws, "2", PoState.CLAIMED, LONG_AGO)]
    asked(aws, "3", PoState.CLAIMED, NEVER)

    counted = handler.lambda_handler({}, context)
    handler.lambda_handler({}, context)

    assert files(aws) == ["out/alpina/PO-ALPINA-000001.csv", "out/alpina/PO-ALPINA-000002.csv"]
    assert [purchase_order(aws, key).state for key in finished] == [PoState.SENT, PoState.SENT]
    assert (counted["PurchaseOrderDue"], counted["PurchaseOrderSent"]) == (2, 2)


def test_a_supplier_that_is_silent_is_an_exception_once_a_day(aws: Aws, context: LambdaContext) -> None:
    key = asked(aws, "1", PoState.SENT, LONG_AGO)

    handler.lambda_handler({}, context)
    handler.lambda_handler({}, context)

    problem = aws.orders.get(keys.problem("not_acknowledged", "ALPINA-000001"))
    assert problem is not None
    assert (problem["state"], problem["revision"]) == ("open", 1)
    po = purchase_order(aws, key)
    assert (po.state, po.revision) == (PoState.SENT, 2)
    assert po.due_at > LONG_AGO


def test_an_order_that_cannot_be_read_is_an_exception_and_stops_nobody(aws: Aws, context: LambdaContext) -> None:
    key = waits(aws, "1", LONG_AGO)
    broken = order_items.to_item(replace(trade.order("2"), due_at=LONG_AGO))
    aws.orders.put({name: value for name, value in broken.items() if name != "lines"})

    counted = handler.lambda_handler({}, context)

    assert (counted["DueStuck"], counted["OrderDue"]) == (1, 1)
    assert aws.orders.get(keys.problem("item_unreadable", "nordlys#2")) is not None
    assert messages.read(aws.messages(settings().order_queue_url)[0]) == PlanOrder(order=key)


# ---- what time alone changes, and what is over


def heard(context: LambdaContext, name: str) -> None:
    """Have the order table's stream tell of an order."""
    record_orders.lambda_handler(json.loads((EVENTS / f"{name}.json").read_text()), context)


def sweep(context: LambdaContext) -> dict[str, int]:
    counted = handler.lambda_handler({}, context)
    return {name: units for name, units in counted.items() if units}


def open_kinds(aws: Aws) -> list[str]:
    return [each.problem.kind for each in Problems(aws.orders).open_ones()]


def publish(aws: Aws, context: LambdaContext) -> list[Message]:
    """Work off what waits in the channel queue, message by message, until it is empty; tell what was there."""
    read: list[Message] = []
    while waiting := aws.messages(settings().channel_queue_url):
        for text in waiting:
            read.append(messages.read(text))
            event = {"Records": [{"messageId": f"m{len(read)}", "body": text}]}
            request_id = replace(context, aws_request_id=f"r{len(read)}")
            assert publish_to_channels.lambda_handler(event, request_id) == {"batchItemFailures": []}
    return read


def hours_ago(hours: float) -> str:
    return times.text(clock.now() - timedelta(hours=hours))


def is_stocked(aws: Aws, units: int, told: int) -> None:
    """Have so many NL-1001 at alpina, counted 30 hours ago, listed, and told to the shop as another number."""
    pk, sk = keys.item(SKU)
    aws.stock.put({"PK": pk, "SK": sk, "entity": "product", "inventory_items": {"nordlys": ITEM}})
    aws.stock.put(levels.to_item(trade.level(SKU, ALPINA, units, counted_as_of=hours_ago(30))))
    pk, sk = keys.told(SKU, NORDLYS)
    aws.stock.put({"PK": pk, "SK": sk, "entity": "told", "told": told, "told_at": hours_ago(30), "revision": 1})


def has_file(aws: Aws, hours: float, revision: int) -> None:
    as_of = hours_ago(hours)
    run = Run(as_of=as_of, file=f"f{revision}", snapshot="s", reading="r")
    feed = Feed(source=ALPINA, applied=run, confirms_since=hours_ago(31), revision=revision)
    assert Feeds(aws.stock).write(feed)


def set_units(shop: Shop, units: int) -> None:
    with shop.store.open() as store:
        store.execute("INSERT OR REPLACE INTO quantities VALUES (?, ?)", (ITEM, units))


def test_an_order_that_nobody_could_fill_is_none_once_stock_came(aws: Aws, context: LambdaContext) -> None:
    heard(context, "backordered")
    image = json.loads((EVENTS / "backordered.json").read_text())["Records"][-1]["dynamodb"]["NewImage"]
    waiting = order_items.read_image(image)
    aws.orders.put(order_items.to_item(waiting))
    assert "ExceptionClosed" not in sweep(context)
    assert open_kinds(aws) == ["unfilled"]

    lines = {(line.line, ALPINA): line.backordered for line in waiting.lines if line.backordered}
    filled = orders.take(waiting, lines, attempt="f", backordered=True)
    aws.orders.put(order_items.to_item(replace(filled, revision=waiting.revision + 1)))

    assert sweep(context)["ExceptionClosed"] == 1
    assert open_kinds(aws) == []
    standing = Problems(aws.orders).read("unfilled", str(waiting.key))
    assert standing is not None
    assert (standing.closed_by, standing.closed_because) == ("truestock", "units were found")
    assert "ExceptionClosed" not in sweep(context)


def test_a_stale_feed_lowers_the_shops_number_and_a_fresh_one_brings_it_back(
    aws: Aws, shop: Shop, url: str, context: LambdaContext
) -> None:
    push_rules(aws, {"api_url": url, "location": LOCATION}, {"freshness": [{"after_hours": 24, "percent": 50}]})
    is_stocked(aws, 20, told=20)
    set_units(shop, 20)
    has_file(aws, 23, revision=1)
    assert (sweep(context), publish(aws, context)) == ({}, [])
    has_file(aws, 25, revision=2)

    assert sweep(context) == {"FreshnessChanged": 1}
    assert publish(aws, context) == [Refresh(scope=Scope.SOURCE, name=ALPINA), Publish(channel=NORDLYS)]
    assert shop.store.quantities() == {ITEM: 10}
    assert (sweep(context), publish(aws, context)) == ({}, [])

    has_file(aws, 0.1, revision=3)
    assert sweep(context) == {"FreshnessChanged": 1}
    publish(aws, context)
    assert shop.store.quantities() == {ITEM: 20}


def test_a_hold_that_ended_is_told_and_filled(aws: Aws, shop: Shop, url: str, context: LambdaContext) -> None:
    assert url
    is_stocked(aws, 20, told=0)
    set_units(shop, 0)
    held = trade.level(SKU, ALPINA, 20, held_since=hours_ago(2), held_until=hours_ago(1))
    aws.stock.put(levels.to_item(held))
    Flags(aws.stock).write(flags.crossings(None, held, low_at=None))

    assert sweep(context) == {"HoldEnded": 1}

    assert messages.read(aws.messages(settings().order_queue_url)[0]) == FillSku(sku=SKU)
    publish(aws, context)
    assert shop.store.quantities() == {ITEM: 20}
    assert sweep(context) == {}


def test_a_silent_source_is_an_exception_until_it_is_heard_of(aws: Aws, context: LambdaContext) -> None:
    push_rules(aws, {}, {"cadence_hours": 6})
    has_file(aws, 7, revision=1)
    sweep(context)
    assert (sweep(context), open_kinds(aws)) == ({}, ["source_silent"])

    has_file(aws, 1, revision=2)

    assert sweep(context) == {"FreshnessChanged": 1, "ExceptionClosed": 1}
    assert open_kinds(aws) == []


def test_a_shop_that_failed_is_tried_again_and_told_of_if_it_goes_on(
    aws: Aws, shop: Shop, url: str, context: LambdaContext
) -> None:
    push_rules(aws, {"api_url": "http://127.0.0.1:9/graphql"})
    is_stocked(aws, 20, told=5)
    now = clock.now() - timedelta(minutes=11)
    Leases(aws.stock).take(NORDLYS, "first", ["m0"], now, now)
    Leases(aws.stock).fail(NORDLYS, "first", "shop_silent", now, now, LEFT)
    Availability(aws.stock).mark([mark(SKU, Rank.RISES)])

    assert sweep(context) == {"PublisherWoken": 1}
    assert open_kinds(aws) == ["shop_failing"]
    assert publish(aws, context) == [Publish(channel=NORDLYS)]
    assert (sweep(context), open_kinds(aws)) == ({"PublisherWoken": 1}, ["shop_failing"])

    push_rules(aws, {"api_url": url, "location": LOCATION})
    set_units(shop, 5)
    publish(aws, context)
    assert shop.store.quantities() == {ITEM: 20}
    assert sweep(context) == {"ExceptionClosed": 1}


def test_a_paused_shop_is_left_alone_and_told_when_it_is_resumed(
    aws: Aws, shop: Shop, url: str, context: LambdaContext
) -> None:
    assert url
    is_stocked(aws, 20, told=5)
    set_units(shop, 5)
    Availability(aws.stock).mark([mark(SKU, Rank.RISES)])
    pause = Pause(scope=pauses.channel(NORDLYS), actor="ada", reason="they moved", since=trade.T0)
    Pauses(aws.stock).set(pause)

    assert (sweep(context), publish(aws, context)) == ({}, [])

    Pauses(aws.stock).lift(pause.scope, By("bob", "they are back"), trade.NOW)
    assert sweep(context) == {"PublisherWoken": 1}
    publish(aws, context)
    assert shop.store.quantities() == {ITEM: 20}


def test_a_paused_supplier_gets_its_purchase_orders_once_it_is_resumed(aws: Aws, context: LambdaContext) -> None:
    key = asked(aws, "1", PoState.READY, LONG_AGO)
    pause = Pause(scope=pauses.ALL, actor="ada", reason="they moved", since=trade.T0)
    Pauses(aws.stock).set(pause)

    assert sweep(context) == {"PurchaseOrderDue": 1, "PurchaseOrderPaused": 1}
    assert (sweep(context), files(aws)) == ({}, [])

    Pauses(aws.stock).lift(pause.scope, By("bob", "they are back"), trade.NOW)
    po = purchase_order(aws, key)
    aws.orders.put(po_items.to_item(replace(po, due_at=LONG_AGO, revision=po.revision + 1)))
    assert sweep(context) == {"PurchaseOrderDue": 1, "PurchaseOrderSent": 1}
    assert (sweep(context), files(aws)) == ({}, ["out/alpina/PO-ALPINA-000001.csv"])


def test_dead_letters_are_an_exception_until_none_is_left(aws: Aws, context: LambdaContext) -> None:
    url = settings().file_dead_letters_url
    for body in ("one", "two"):
        aws.sqs.send_message(QueueUrl=url, MessageBody=body)

    assert sweep(context) == {"DeadLetterSeen": 2}
    (standing,) = Problems(aws.orders).open_ones()
    assert (standing.problem.kind, standing.problem.subject) == ("dead_letters", "files")

    aws.sqs.purge_queue(QueueUrl=url)
    assert sweep(context) == {"ExceptionClosed": 1}


def test_what_was_sent_long_ago_and_never_reported_is_taken_off_the_level(aws: Aws, context: LambdaContext) -> None:
    key = asked(aws, "1", PoState.SENT, LONG_AGO)
    po = purchase_order(aws, key)
    long_sent = times.text(clock.now() - timedelta(days=15))
    aws.orders.put(po_items.to_item(replace(po, sent_at=long_sent)))
    level = trade.level("NL-1001", "alpina", 8, counted=10, committed=2)
    aws.stock.put(levels.to_item(level))

    assert sweep(context)["ShipmentAssumed"] == 1

    found = aws.stock.get(keys.level(level.key))
    assert found
    assert (found["available"], found["committed"], sum(found["deducted"].values())) == (8, 0, 2)
    assert "ShipmentAssumed" not in sweep(context)


def test_what_was_sent_a_week_ago_is_still_promised(aws: Aws, context: LambdaContext) -> None:
    key = asked(aws, "1", PoState.SENT, LONG_AGO)
    week = times.text(clock.now() - timedelta(days=7))
    aws.orders.put(po_items.to_item(replace(purchase_order(aws, key), sent_at=week)))

    assert "ShipmentAssumed" not in sweep(context)
