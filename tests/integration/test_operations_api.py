"""The API answers what is known of a SKU and of an order, and says plainly when it does not know."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.operations_api import handler
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.orders import DeductsAt, send, take
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.storage import levels, orders, plans, purchase_orders
from shared.storage.availability import Told, told_item
from tests.integration.conftest import Aws, LambdaContext
from tests.support import trade
from tests.support.deciding import decided

EVENTS = Path(__file__).parents[2] / "events/api"


def get(name: str, context: LambdaContext) -> tuple[int, Any]:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    answer = handler.lambda_handler(event, context)
    return answer["statusCode"], json.loads(answer["body"])


def put_stock(aws: Aws) -> None:
    aws.stock.put(levels.to_item(trade.level("NL-1001", "alpina", 7, committed=3, counted=10, revision=2)))
    aws.stock.put(levels.to_item(trade.level("NL-1001", "baltic", 4, incoming=6)))
    told = Told(sku=Sku("NL-1001"), channel=ChannelId("nordlys"), number=11, told_at=trade.NOW, revision=1)
    aws.stock.put(told_item(told))


def put_order(aws: Aws) -> None:
    decision = decided([("l1", "NL-1001", 3)], [("NL-1001", "alpina", 7, 500), ("NL-1001", "baltic", 4, 400)])
    order = take(trade.order("1", ("NL-1001", 3)), decision.plan.taken, attempt="a1")
    order = send(order, 1, deducts_at=DeductsAt.SHIP).order
    po = PurchaseOrder(
        order=order.key,
        source=SourceId("baltic"),
        n=1,
        number="BAL-1",
        lines=(PoLine(line="l1", sku=Sku("NL-1001"), units=3),),
        state=PoState.SENT,
        made_at=trade.T0,
        sent_at=trade.NOW,
    )
    aws.orders.put(orders.to_item(replace(order, revision=2)))
    aws.orders.put(plans.plan_item(order.key, "a1", decision, "rules-1", trade.times_now()))
    aws.orders.put(plans.ship_to_item(order.key, "a1", {"name": "Ada Buyer"}, trade.times_now()))
    aws.orders.put(purchase_orders.to_item(po))


@pytest.mark.parametrize("name", ["stock", "stock_without_path_parameters"])
def test_a_sku_at_every_source_and_what_was_told(name: str, aws: Aws, context: LambdaContext) -> None:
    put_stock(aws)

    status, told = get(name, context)

    assert status == 200
    assert told["sku"] == "NL-1001"
    assert [
        (level["source"], level["counted"], level["committed"], level["available"], level["incoming"], level["as_of"])
        for level in told["levels"]
    ] == [("alpina", 10, 3, 7, 0, trade.T0), ("baltic", 4, 0, 4, 6, trade.T0)]
    assert told["told"] == [{"channel": "nordlys", "number": 11, "told_at": trade.NOW}]


def test_an_order_with_its_lines_its_plan_and_its_purchase_orders(aws: Aws, context: LambdaContext) -> None:
    put_order(aws)

    status, told = get("order", context)

    assert status == 200
    (line,) = told["lines"]
    assert (told["state"], line["ordered"], line["sent"], line["reserved"]) == ("sent", 3, 3, 0)
    assert [(each["source"], each["units"], each["n"]) for each in told["allocations"]] == [("baltic", 3, 1)]
    assert {each["source"]: each["verdict"] for each in told["plan"]["weighed"]} == {
        "alpina": "a unit costs more than at baltic",
        "baltic": "ships all of it",
    }
    assert told["purchase_orders"] == [
        {"number": "BAL-1", "source": "baltic", "n": 1, "state": "sent", "made_at": trade.T0, "sent_at": trade.NOW}
    ]


def test_an_answer_has_no_personal_data(aws: Aws, context: LambdaContext) -> None:
    put_order(aws)

    assert "Buyer" not in json.dumps(get("order", context)[1])


def test_an_order_without_a_plan(aws: Aws, context: LambdaContext) -> None:
    aws.orders.put(orders.to_item(trade.order("1", ("NL-1001", 3))))

    status, told = get("order", context)

    assert (status, told["state"], told["plan"], told["purchase_orders"]) == (200, "open", None, [])


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("name", "status"),
    [("unknown_sku", 404), ("unknown_order", 404), ("unknown_path", 404), ("unreadable_sku", 422)],
)
def test_what_is_not_there_or_cannot_be(name: str, status: int, context: LambdaContext) -> None:
    assert get(name, context)[0] == status


def test_a_table_that_does_not_answer_is_told_as_busy(aws: Aws, context: LambdaContext) -> None:
    aws.dynamodb.delete_table(TableName=aws.stock.name)

    assert get("stock", context) == (503, {"code": "storage", "message": "the table refused"})
