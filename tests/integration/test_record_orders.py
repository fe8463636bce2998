"""The order table's stream becomes lists, references, asks for units and exceptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.record_orders import handler
from shared.domain import messages
from shared.domain.messages import FillSku, Message, PlanOrder
from shared.domain.names import ChannelId, OrderKey, Sku, SourceId
from shared.errors import Transient
from shared.runtime.settings import settings
from shared.storage import keys, orders, plans
from shared.storage.order_book import OrderBook
from tests.integration.conftest import Aws, LambdaContext
from tests.support import trade
from tests.support.deciding import decided

EVENTS = Path(__file__).parents[2] / "events/streams/orders"
ORDER = OrderKey(ChannelId("nordlys"), "5550001")
ATTEMPT = "a1b2c3d4e5f60718"
PLACED = "2026-11-24T08:00:00.000Z"
WAITED_FOR = Sku("NL-1001")


def event(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return read


def run(context: LambdaContext, *names: str) -> None:
    for name in names:
        answer = handler.lambda_handler(event(name), context)
        assert answer == {"batchItemFailures": []}


def items(aws: Aws) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.dynamodb.scan(TableName=aws.orders.name)["Items"]
    return sorted(found, key=lambda item: (item["PK"]["S"], item["SK"]["S"]))


def partitions(aws: Aws) -> list[str]:
    return [item["PK"]["S"] for item in items(aws)]


def asked(aws: Aws) -> list[Message]:
    return [messages.read(text) for text in aws.messages(settings().order_queue_url)]


def test_an_order_is_found_by_its_state_its_token_and_its_name(aws: Aws, context: LambdaContext) -> None:
    run(context, "reserved")

    assert partitions(aws) == ["LST#reserved#2026-11-24", "REF#name#nordlys##1001", f"REF#token#{ORDER.token}"]
    assert {(item["channel"]["S"], item["order_id"]["S"]) for item in items(aws)} == {ORDER}
    assert items(aws)[0]["SK"]["S"] == f"{PLACED}#{ORDER}"
    assert asked(aws) == []


def test_an_order_stands_in_the_list_of_its_state_alone(aws: Aws, context: LambdaContext) -> None:
    run(context, "reserved", "cancelled")

    assert [pk for pk in partitions(aws) if pk.startswith("LST#")] == ["LST#cancelled#2026-11-24"]


@pytest.mark.parametrize(
    "day",
    [
        ("reserved", "purchase_order_made", "purchase_order_sent", "edited", "cancelled"),
        ("backordered", "partly_filled", "filled"),
        ("held", "cancelled_while_waiting"),
    ],
)
def test_a_second_delivery_changes_nothing(day: tuple[str, ...], aws: Aws, context: LambdaContext) -> None:
    for name in day:
        run(context, name)
        before = items(aws)

        run(context, name)

        assert items(aws) == before


def test_a_purchase_order_is_found_by_its_number_and_by_its_supplier(aws: Aws, context: LambdaContext) -> None:
    run(context, "purchase_order_made", "purchase_order_sent")

    number, listed = items(aws)
    assert (number["PK"]["S"], listed["PK"]["S"]) == ("REF#po#ALPINA-000001", "SUP#alpina#2026-11")
    assert listed["SK"]["S"] == "2026-11-24T08:00:02.000Z#ALPINA-000001"
    assert number["order_id"]["S"] == ORDER.order_id


def test_who_begins_to_wait_is_written_down_and_a_fill_is_asked_for(aws: Aws, context: LambdaContext) -> None:
    run(context, "backordered")

    book = OrderBook(aws.dynamodb, aws.stock, aws.orders)
    assert book.waiting_for(WAITED_FOR) == [ORDER]
    assert book.waiting_for(Sku("NL-1002")) == []
    assert asked(aws) == [FillSku(sku=WAITED_FOR)]


def test_a_fill_of_some_units_asks_for_no_other_fill(aws: Aws, context: LambdaContext) -> None:
    run(context, "backordered")
    aws.messages(settings().order_queue_url)

    run(context, "partly_filled")

    assert OrderBook(aws.dynamodb, aws.stock, aws.orders).waiting_for(WAITED_FOR) == [ORDER]
    assert asked(aws) == []


@pytest.mark.parametrize("end", [("partly_filled", "filled"), ("cancelled_while_waiting",)])
def test_who_waits_no_longer_is_taken_off_the_list(end: tuple[str, ...], aws: Aws, context: LambdaContext) -> None:
    run(context, "backordered", *end)

    assert OrderBook(aws.dynamodb, aws.stock, aws.orders).waiting_for(WAITED_FOR) == []


def test_within_a_batch_the_last_image_has_the_last_word(aws: Aws, context: LambdaContext) -> None:
    day = [record for name in ("backordered", "partly_filled", "filled") for record in event(name)["Records"]]

    handler.lambda_handler({"Records": day}, context)

    assert [pk for pk in partitions(aws) if pk.startswith(("LST#", "BACK#"))] == ["LST#reserved#2026-11-24"]


def test_nobody_is_asked_to_fill_before_it_is_written_who_waits(aws: Aws, context: LambdaContext) -> None:
    aws.sqs.delete_queue(QueueUrl=settings().order_queue_url)

    with pytest.raises(Transient):
        run(context, "backordered")

    assert OrderBook(aws.dynamodb, aws.stock, aws.orders).waiting_for(WAITED_FOR) == [ORDER]


@pytest.mark.parametrize(
    ("_case", "name", "expected"),
    [
        ("an edit opened units", "edited", [PlanOrder(order=ORDER)]),
        ("everything is reserved", "reserved", []),
        ("a held order waits for a person", "held", []),
        ("nothing is left to find", "cancelled", []),
        ("it was cancelled before it came", "tombstone", []),
    ],
)
def test_units_are_asked_for_when_more_are_open(
    _case: str, name: str, expected: list[Message], aws: Aws, context: LambdaContext
) -> None:
    run(context, name)

    assert asked(aws) == expected


def test_what_an_order_names_does_not_expire(aws: Aws, context: LambdaContext) -> None:
    beside = [keys.plan(ORDER, ATTEMPT), keys.ship_to(ORDER, ATTEMPT), keys.plan(ORDER, "an-earlier-try")]
    for at in beside:
        aws.orders.put({"PK": at.pk, "SK": at.sk, "entity": "plan", "expires_at": 1795600000})

    run(context, "reserved")

    left = [aws.orders.get(at) for at in beside]
    assert ["expires_at" in (item or {}) for item in left] == [False, False, True]


def test_what_has_expired_is_not_made_again(aws: Aws, context: LambdaContext) -> None:
    run(context, "reserved")

    assert aws.orders.get(keys.ship_to(ORDER, ATTEMPT)) is None


@pytest.mark.parametrize(("name", "reason"), [("held", "no source has it"), ("backordered", "units wait for stock")])
def test_an_order_that_nobody_can_fill_is_one_exception(
    name: str, reason: str, aws: Aws, context: LambdaContext
) -> None:
    run(context, name, name)

    problem = aws.orders.get(keys.problem("unfilled", str(ORDER)))
    assert problem is not None
    assert (problem["reason"], problem["revision"], problem["details"]["units"]) == (reason, 1, 3)


def test_the_exception_of_an_order_that_waits_says_why_nobody_ships_it(aws: Aws, context: LambdaContext) -> None:
    image = orders.read_image(event("backordered")["Records"][0]["dynamodb"]["NewImage"])
    line = image.lines[0]
    decision = decided([(line.line, line.sku, 3)], [(line.sku, "alpina", 0, 500), (line.sku, "baltic", 1, 400)])
    aws.orders.put(plans.plan_item(ORDER, image.attempt, decision, "1", trade.times_now()))

    run(context, "backordered")

    problem = aws.orders.get(keys.problem("unfilled", str(ORDER)))
    assert problem is not None
    assert problem["details"][f"why {line.line}"] == "alpina: has none; baltic: ships a part of it"


def test_an_image_that_cannot_be_read_is_one_exception_and_stops_nobody(aws: Aws, context: LambdaContext) -> None:
    run(context, "unreadable_among_others", "unreadable_among_others")

    problem = aws.orders.get(keys.problem("image_unreadable", "ORD:nordlys:5550002/ORD"))
    assert problem is not None
    assert (problem["state"], problem["revision"]) == ("open", 1)
    assert "LST#reserved#2026-11-24" in partitions(aws)


def test_what_is_neither_order_nor_purchase_order_is_left_alone(aws: Aws, context: LambdaContext) -> None:
    run(context, "plan")

    assert items(aws) == []


def test_golden_images_are_as_the_codecs_write_them() -> None:
    image = event("reserved")["Records"][0]["dynamodb"]["NewImage"]
    order = orders.read_image(image)

    assert order.key == ORDER
    assert orders.put_new("t", order).request["Item"] == image
    assert {each.source for each in order.allocations} == {SourceId("alpina")}
