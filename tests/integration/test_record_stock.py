"""The stock table's stream becomes a ledger, marks and messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.record_stock import handler
from shared.domain import messages
from shared.domain.ledger import drift
from shared.domain.messages import FillSku, Publish
from shared.domain.names import ChannelId, Sku
from shared.errors import Transient
from shared.runtime.settings import settings
from shared.storage import keys, levels
from shared.storage.availability import Availability
from shared.storage.ledger import Ledger
from tests.integration.conftest import Aws, LambdaContext
from tests.support import trade

EVENTS = Path(__file__).parents[2] / "events/streams/stock"
DAY = ("new_level", "taken", "sold_out", "given_back")
NORDLYS = ChannelId("nordlys")
LEVEL = trade.at("NL-1001", "alpina")


def event(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return read


def run(context: LambdaContext, *names: str) -> None:
    for name in names:
        answer = handler.lambda_handler(event(name), context)
        assert answer == {"batchItemFailures": []}


def items(aws: Aws) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.dynamodb.scan(TableName=aws.stock.name)["Items"]
    return sorted(found, key=lambda item: (item["PK"]["S"], item["SK"]["S"]))


def marks(aws: Aws) -> list[tuple[int, str]]:
    return [(mark.rank, mark.cause) for mark in Availability(aws.stock).marks(NORDLYS, 100)]


def test_the_day_of_a_level_is_its_ledger(aws: Aws, context: LambdaContext) -> None:
    run(context, *DAY)

    moved = Ledger(aws.stock).of(LEVEL, trade.times_now())
    last = levels.read_image(event("given_back")["Records"][0]["dynamodb"]["NewImage"])
    assert [(each.kind, each.units, each.balance) for each in moved] == [
        ("feed", 10, 10),
        ("take", -3, 7),
        ("take", -7, 0),
        ("cancel", 7, 7),
    ]
    assert drift(last, moved) == ""
    assert aws.stock.get(keys.catalogue(Sku("NL-1001"))) is not None


def test_redelivery_changes_nothing(aws: Aws, context: LambdaContext) -> None:
    run(context, *DAY)
    before = items(aws)

    run(context, *DAY, *DAY)

    assert items(aws) == before


def test_what_is_worst_is_marked_first_and_the_shop_is_woken(aws: Aws, context: LambdaContext) -> None:
    run(context, *DAY)

    assert marks(aws) == [(0, "alpina#3"), (1, "alpina#2"), (3, "alpina#4")]
    assert {messages.read(text) for text in aws.messages(settings().channel_queue_url)} == {Publish(channel=NORDLYS)}
    assert aws.messages(settings().order_queue_url) == []


def test_a_rise_fills_those_who_wait(aws: Aws, context: LambdaContext) -> None:
    pk, sk = keys.backorder(Sku("NL-1001"), trade.T0, trade.key("1"), "l1")
    aws.orders.put({"PK": pk, "SK": sk, "entity": "backorder"})

    run(context, "taken", "given_back")

    (text,) = aws.messages(settings().order_queue_url)
    assert messages.read(text) == FillSku(sku=Sku("NL-1001"))


@pytest.mark.parametrize(
    ("_case", "name", "movements"),
    [("a field is missing", "unreadable_among_others", 1), ("a level was deleted", "deleted", 0)],
)
def test_an_image_that_cannot_be_read_is_one_exception_and_stops_nobody(
    _case: str, name: str, movements: int, aws: Aws, context: LambdaContext
) -> None:
    run(context, name, name)

    problem = aws.orders.get(keys.problem("image_unreadable", "SKU:NL-1001/SRC:alpina"))
    assert problem is not None
    assert (problem["state"], problem["revision"]) == ("open", 1)
    assert len(Ledger(aws.stock).of(LEVEL, trade.times_now())) == movements


def test_what_is_no_level_is_left_alone(aws: Aws, context: LambdaContext) -> None:
    run(context, "product")

    assert items(aws) == []
    assert aws.messages(settings().channel_queue_url) == []


def test_a_queue_that_does_not_answer_has_the_batch_again(aws: Aws, context: LambdaContext) -> None:
    aws.sqs.delete_queue(QueueUrl=settings().channel_queue_url)

    with pytest.raises(Transient):
        run(context, "new_level")
    assert marks(aws) == [(3, "alpina#1")]
