from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.process_orders import handler
from shared.domain import orders, purchase_orders, stock
from shared.domain.messages import Delivered, FillSku, Message, PlanOrder, write
from shared.domain.names import ChannelId, OrderKey, Sku, SourceId
from shared.domain.orders import DeductsAt, LineState, Order
from shared.domain.purchase_orders import PoEvent, PoLine, PoState, PurchaseOrder
from shared.domain.stock import Level
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import keys, levels, offers, pauses, plans
from shared.storage import orders as order_items
from shared.storage import purchase_orders as po_items
from shared.storage.config import Config
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.pauses import Pause, Pauses
from tests.integration.conftest import push_rules
from tests.support import trade

if TYPE_CHECKING:
    from tests.integration.conftest import Aws, LambdaContext

GOLDEN = Path(__file__).parents[2] / "events"
FIRST = OrderKey(ChannelId("nordlys"), "820982911946154508")


def delivered(name: str, topic: str = "orders/create") -> Delivered:
    body = (GOLDEN / f"webhooks/shopify/{name}.json").read_text()
    return Delivered(
        channel=ChannelId("nordlys"), topic=topic, archive_key=f"k/{name}", received_at=trade.NOW, body=body
    )


def batch(*waiting: Message | str) -> dict[str, Any]:
    texts = [each if isinstance(each, str) else write(each) for each in waiting]
    return {"Records": [{"messageId": f"m{i}", "body": text} for i, text in enumerate(texts, 1)]}


def stock_up(aws: Aws, **units: int) -> None:
    """`alpina_1001=5`: five pieces of NL-1001 at alpina, where alpina is dear, baltic less and celtic cheap."""
    costs = {"alpina": 900, "baltic": 800, "celtic": 700}
    for where, n in units.items():
        source, number = where.split("_")
        aws.stock.put(levels.to_item(trade.level(f"NL-{number}", source, n)))
        aws.stock.put(offers.to_item(trade.offer(f"NL-{number}", source, costs[source])))


def order(aws: Aws, key: OrderKey = FIRST) -> Order:
    found = aws.orders.get(keys.order(key))
    assert found is not None
    return order_items.from_item(found)


def level(aws: Aws, sku: str, source: str) -> Level:
    found = aws.stock.get(keys.level(trade.at(sku, source)))
    assert found is not None
    return levels.from_item(found)


def run(context: LambdaContext, *waiting: Message | str) -> list[str]:
    answer = handler.lambda_handler(batch(*waiting), context)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_an_order_takes_its_units_from_the_cheapest_source_that_has_them(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, alpina_1001=9, celtic_1001=0, baltic_1002=3)

    assert run(context, delivered("orders_create")) == []

    placed = order(aws)
    assert [(a.line[-2:], a.source, a.units, a.n) for a in placed.allocations] == [
        ("09", "alpina", 2, 1),
        ("10", "baltic", 1, 2),
    ]
    after = level(aws, "NL-1001", "alpina")
    assert (after.available, after.committed, after.revision, after.last) == (7, 2, 2, {FIRST.token: 2})
    assert after.cause == ("take", placed.attempt)
    assert stock.adds_up(after)


def test_the_plan_and_the_address_lie_beside_the_order(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9)
    run(context, delivered("orders_create"))

    placed = order(aws)
    beside = aws.orders.get(keys.plan(FIRST, placed.attempt))
    address = aws.orders.get(keys.ship_to(FIRST, placed.ship_to))
    assert beside is not None
    assert address is not None
    told = plans.read(beside)
    verdicts = {each["source"]: each["verdict"] for each in told.weighed if each["line"].endswith("09")}
    assert verdicts.pop("celtic") == "ships all of it"
    assert set(verdicts) >= {"alpina", "baltic"}
    assert set(verdicts.values()) == {"does not list it"}
    assert told.short == {"820982911946154510": 1}
    assert told.decision is not None
    assert told.decision.again() == told.decision.plan
    assert "Holm" not in repr(told)
    assert address["address"]["name"] == "Mari Holm"
    assert "Holm" not in repr(aws.orders.get(keys.order(FIRST)))


def test_a_redelivery_changes_nothing(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    run(context, delivered("orders_create"))
    before = order(aws), level(aws, "NL-1001", "celtic")

    assert run(context, delivered("orders_create"), delivered("orders_create")) == []

    assert (order(aws), level(aws, "NL-1001", "celtic")) == before


def test_the_same_sku_on_two_lines_is_taken_in_one_write(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1003=4)
    run(context, delivered("orders_create_same_sku_twice"))

    after = level(aws, "NL-1003", "celtic")
    assert (after.available, after.committed, after.revision) == (0, 4, 2)
    placed = order(aws, trade.key("5550002"))
    assert (placed.total(LineState.RESERVED), placed.total(LineState.BACKORDERED)) == (4, 1)


def test_a_line_without_a_sku_waits_for_a_person_while_the_rest_is_placed(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1004=1)
    run(context, delivered("orders_create_without_sku"))

    placed = order(aws, trade.key("5550003"))
    assert (placed.total(LineState.RESERVED), placed.total(LineState.BACKORDERED)) == (1, 2)


@pytest.mark.parametrize("name", ["orders_create_nothing_to_ship", "orders_create_no_address"])
def test_orders_of_other_shapes_are_recorded(aws: Aws, context: LambdaContext, name: str) -> None:
    assert run(context, delivered(name)) == []
    recorded = order(aws, trade.key(str(json.loads(delivered(name).body)["id"])))
    assert recorded.state == "backordered"
    assert recorded.due_at


def test_an_order_that_cannot_be_routed_is_held_and_the_others_of_its_batch_are_not(
    aws: Aws, context: LambdaContext
) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9)

    assert run(context, delivered("orders_create_yen"), delivered("orders_create")) == []

    yen = order(aws, trade.key("5550005"))
    assert (yen.state, yen.hold) == (
        "held",
        "it cannot be routed: a policy's amount has no rate (currency='EUR')",
    )
    assert aws.orders.get(keys.ship_to(yen.key, yen.ship_to)) is not None
    assert order(aws).total(LineState.RESERVED) == 3


def test_nothing_is_taken_for_an_order_that_a_person_holds(aws: Aws, context: LambdaContext) -> None:
    run(context, delivered("orders_create"))
    waiting = order(aws)
    aws.orders.put(order_items.to_item(replace(waiting, hold="fraud?", due_at="", revision=waiting.revision + 1)))
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    pk, sk = keys.backorder(Sku("NL-1001"), trade.T0, FIRST, "1")
    aws.orders.put({"PK": pk, "SK": sk})

    assert run(context, FillSku(sku=Sku("NL-1001")), PlanOrder(order=FIRST)) == []

    assert (order(aws).total(LineState.RESERVED), level(aws, "NL-1001", "celtic").available) == (0, 9)


def test_an_edit_of_an_order_that_a_person_holds_waits_with_it(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9, celtic_1009=9)
    run(context, delivered("orders_create"))
    placed = order(aws)
    aws.orders.put(order_items.to_item(replace(placed, hold="fraud?", due_at="", revision=placed.revision + 1)))

    assert run(context, delivered("orders_updated_more", "orders/updated"), PlanOrder(order=FIRST)) == []

    assert (order(aws).total(LineState.OPEN), order(aws).due_at) == (4, "")
    assert level(aws, "NL-1009", "celtic").available == 9


def test_a_paused_supplier_gets_nothing_and_one_over_its_orders_a_day_neither(aws: Aws, context: LambdaContext) -> None:
    push_rules(aws, {}, {"shipping": {"orders_a_day": 2}})
    stock_up(aws, alpina_1001=9, baltic_1001=9, celtic_1001=9)
    Pauses(aws.stock).set(Pause(scope=pauses.supplier(SourceId("celtic")), actor="bo", reason="x", since=trade.T0))
    outbox = Outbox(OrderBook(aws.dynamodb, aws.stock, aws.orders))
    today = Config(aws.s3, settings().config_bucket).rules(clock.now()).sources[SourceId("alpina")].day(clock.now())
    outbox.number(SourceId("alpina"), day=today)
    outbox.number(SourceId("alpina"), day=today)

    run(context, delivered("orders_create"))

    beside = aws.orders.get(keys.plan(FIRST, order(aws).attempt))
    assert beside is not None
    told = {each["source"]: each["verdict"] for each in plans.read(beside).weighed if each["line"].endswith("09")}
    assert [told[each] for each in ("alpina", "baltic", "celtic")] == [
        "over its orders a day",
        "ships all of it",
        "paused",
    ]


def test_a_parcel_to_a_po_box_is_known_as_one_and_the_street_is_not_kept(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, baltic_1001=9, baltic_1002=9)
    body = json.loads(delivered("orders_create").body)
    body["shipping_address"] |= {"address1": "Postboks 12"}

    run(context, replace(delivered("orders_create"), body=json.dumps(body)))

    placed = order(aws)
    assert (placed.destination.po_box, placed.state) == (True, "backordered")
    beside = aws.orders.get(keys.plan(FIRST, placed.attempt))
    assert beside is not None
    assert "does not ship to a PO box" in {each["verdict"] for each in plans.read(beside).weighed}
    for kept in (aws.orders.get(keys.order(FIRST)), plans.read(beside)):
        assert "Postboks" not in repr(kept)


def test_a_test_order_is_not_recorded(aws: Aws, context: LambdaContext) -> None:
    assert run(context, delivered("orders_create_test")) == []
    assert aws.orders.get(keys.order(trade.key("5550007"))) is None


def test_a_cancel_gives_units_back_once(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    run(context, delivered("orders_create"))

    assert run(context, delivered("orders_cancelled", "orders/cancelled")) == []
    assert run(context, delivered("orders_cancelled", "orders/cancelled")) == []

    after = level(aws, "NL-1001", "celtic")
    assert (order(aws).state, after.available, after.committed, after.revision) == ("cancelled", 9, 0, 3)
    assert (after.cause, after.last) == (("cancel", "cancel"), {FIRST.token: -2})
    assert aws.orders.get(keys.event(FIRST, "cancel")) is not None


def test_a_cancel_before_its_create_leaves_a_tombstone(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9)
    run(context, delivered("orders_cancelled", "orders/cancelled"))
    assert run(context, delivered("orders_create")) == []

    assert (order(aws).state, order(aws).revision) == ("cancelled", 1)
    assert level(aws, "NL-1001", "celtic").available == 9


def test_a_cancel_of_what_was_sent_is_a_wish_that_the_supplier_answers(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    run(context, delivered("orders_create"))
    placed = order(aws)
    sent = replace(placed, allocations=tuple(replace(a, sent=True) for a in placed.allocations))
    aws.orders.put(order_items.to_item(sent))
    ready = PurchaseOrder(
        order=FIRST,
        source=SourceId("celtic"),
        n=1,
        number="CELTIC-000001",
        lines=(PoLine(line="l", sku=Sku("NL-1001"), units=2),),
    )
    po = purchase_orders.step(purchase_orders.step(ready, PoEvent.CLAIM), PoEvent.SENT)
    aws.orders.put(po_items.to_item(po))

    run(context, delivered("orders_cancelled", "orders/cancelled"))

    found = aws.orders.get(po_items.key(po))
    assert found is not None
    after = po_items.from_item(found)
    assert (after.state, after.cancel_wanted, after.cancel_told) == (PoState.CANCELLING, True, False)
    assert (order(aws).state, order(aws).cancel_wanted) == ("sent", True)
    assert level(aws, "NL-1001", "celtic").committed == 2


def test_a_purchase_order_that_was_not_sent_is_cancelled_with_the_order(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    run(context, delivered("orders_create"))
    ready = PurchaseOrder(
        order=FIRST,
        source=SourceId("celtic"),
        n=1,
        number="CELTIC-000001",
        lines=(PoLine(line="l", sku=Sku("NL-1001"), units=2),),
    )
    aws.orders.put(po_items.to_item(ready))

    run(context, delivered("orders_cancelled", "orders/cancelled"))

    found = aws.orders.get(po_items.key(ready))
    assert found is not None
    assert po_items.from_item(found).state is PoState.CANCELLED


def test_an_edit_frees_and_asks_and_an_older_one_undoes_nothing(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    run(context, delivered("orders_create"))

    run(context, delivered("orders_updated_more", "orders/updated"))
    run(context, delivered("orders_updated_fewer", "orders/updated"))

    edited = order(aws)
    assert [(line.sku, line.ordered, line.open) for line in edited.lines] == [
        ("NL-1001", 2, 0),
        ("NL-1002", 1, 0),
        ("NL-1009", 4, 4),
    ]


def test_fewer_units_go_back_to_where_they_were_taken(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    run(context, delivered("orders_create"))

    run(context, delivered("orders_updated_fewer", "orders/updated"))
    run(context, delivered("orders_updated_fewer", "orders/updated"))

    assert (level(aws, "NL-1001", "celtic").available, level(aws, "NL-1002", "celtic").available) == (8, 9)
    assert order(aws).total(LineState.CANCELLED) == 2
    assert aws.orders.get(keys.problem("units_with_supplier", str(FIRST))) is None


def test_fewer_units_than_a_supplier_was_asked_for_are_for_a_person(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    run(context, delivered("orders_create"))
    before = order(aws)
    aws.orders.put(order_items.to_item(orders.send(before, 1, deducts_at=DeductsAt.SHIP).order))

    run(context, delivered("orders_updated_fewer", "orders/updated"))

    found = aws.orders.get(keys.problem("units_with_supplier", str(FIRST)))
    assert found is not None
    assert sorted(found["details"].values()) == [1, 1]
    assert order(aws).total(LineState.SENT) == before.total(LineState.RESERVED)


def test_a_day_old_replay_undoes_nothing_and_is_counted(
    aws: Aws, context: LambdaContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    run(context, delivered("orders_create"), delivered("orders_updated_fewer", "orders/updated"))
    before = order(aws), level(aws, "NL-1001", "celtic"), level(aws, "NL-1002", "celtic")
    tomorrow = clock.now() + timedelta(days=1)
    monkeypatch.setattr("shared.runtime.clock.now", lambda: tomorrow)
    capsys.readouterr()

    replayed = replace(delivered("orders_create"), archive_key="webhooks/nordlys/2026/11/25/again.json")
    assert run(context, replayed) == []

    assert (order(aws), level(aws, "NL-1001", "celtic"), level(aws, "NL-1002", "celtic")) == before
    assert '"OrderEventOlder":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_an_order_waits_for_its_payment_as_the_rules_say(aws: Aws, context: LambdaContext) -> None:
    push_rules(aws, {"ships": "paid"})
    stock_up(aws, celtic_1001=9, celtic_1002=9)
    paid = delivered("orders_create")
    pending = replace(paid, body=paid.body.replace('"financial_status": "paid"', '"financial_status": "pending"'))

    assert run(context, pending) == []
    assert aws.orders.get(keys.order(FIRST)) is None

    assert run(context, replace(paid, topic="orders/paid")) == []
    assert order(aws).total(LineState.RESERVED) == 3


def test_a_test_order_is_recorded_where_the_rules_take_them(aws: Aws, context: LambdaContext) -> None:
    push_rules(aws, {"test_orders": "take"})

    assert run(context, delivered("orders_create_test")) == []
    assert aws.orders.get(keys.order(trade.key("5550007"))) is not None


def test_an_edit_before_its_create_is_the_create(aws: Aws, context: LambdaContext) -> None:
    stock_up(aws, celtic_1001=9, celtic_1002=9, celtic_1009=9)
    run(context, delivered("orders_updated_more", "orders/updated"))
    run(context, delivered("orders_create"))

    assert order(aws).total(LineState.RESERVED) == 7


def test_a_restock_fills_the_oldest_first(aws: Aws, context: LambdaContext) -> None:
    run(context, delivered("orders_create"), delivered("orders_create_yen"))
    for waiting, placed_at in ((FIRST, trade.T0), (trade.key("5550005"), trade.NOW)):
        pk, sk = keys.backorder(Sku("NL-1001"), placed_at, waiting, "1")
        aws.orders.put({"PK": pk, "SK": sk})
    stock_up(aws, celtic_1001=3)

    assert run(context, FillSku(sku=Sku("NL-1001"))) == []

    filled = order(aws)
    assert (filled.total(LineState.RESERVED), filled.total(LineState.BACKORDERED)) == (2, 1)
    assert level(aws, "NL-1001", "celtic").available == 1


def test_open_units_are_planned_again_when_asked(aws: Aws, context: LambdaContext) -> None:
    run(context, delivered("orders_create"))
    run(context, delivered("orders_updated_more", "orders/updated"))
    stock_up(aws, celtic_1009=4)

    assert run(context, PlanOrder(order=FIRST)) == []

    assert order(aws).total(LineState.RESERVED) == 4


def test_a_large_event_is_read_from_the_archive_and_junk_is_kept_aside(aws: Aws, context: LambdaContext) -> None:
    event = json.loads((GOLDEN / "sqs/order_queue.json").read_text())
    key = json.loads(event["Records"][0]["body"])["archive_key"]
    body = (GOLDEN / "webhooks/shopify/orders_create.json").read_bytes()
    aws.s3.put_object(Bucket=settings().archive_bucket, Key=key, Body=body)

    answer = handler.lambda_handler(event, context)

    assert answer == {"batchItemFailures": []}
    assert order(aws).state == "backordered"
    problem = aws.orders.get(keys.problem("unreadable_event", "message"))
    assert problem is not None
    assert problem["reason"] == "a message is not JSON: message_unreadable"


def test_an_event_missing_from_the_archive_comes_again_and_alone(aws: Aws, context: LambdaContext) -> None:
    gone = Delivered(
        channel=ChannelId("nordlys"),
        topic="orders/create",
        archive_key="webhooks/nordlys/gone.json",
        received_at=trade.NOW,
        body="",
    )

    assert run(context, gone, delivered("orders_create")) == ["m1"]
    assert order(aws).key == FIRST


@pytest.mark.parametrize("name", ["malformed", "orders_edited", "products_update"])
def test_an_unreadable_event_becomes_an_exception_once(aws: Aws, context: LambdaContext, name: str) -> None:
    assert run(context, delivered(name), delivered(name)) == []
    problem = aws.orders.get(keys.problem("unreadable_event", f"k/{name}"))
    assert problem is not None
    assert (problem["state"], problem["revision"]) == ("open", 1)


def test_an_event_of_a_shop_that_is_gone_becomes_an_exception(aws: Aws, context: LambdaContext) -> None:
    assert run(context, PlanOrder(order=OrderKey(ChannelId("closed"), "1"))) == []
    assert aws.orders.get(keys.problem("unreadable_event", "message")) is not None


def test_a_table_that_does_not_answer_gives_the_batch_back(aws: Aws, context: LambdaContext) -> None:
    aws.dynamodb.delete_table(TableName=settings().order_table)

    assert run(context, delivered("orders_create")) == ["m1"]
