"""Both tables are walked a slice at a time, and the same trouble is found once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.reconcile import handler
from shared.domain import times
from shared.domain.ledger import movement
from shared.domain.names import SourceId
from shared.domain.orders import LineState, take
from shared.domain.stock import Level
from shared.errors import InvalidInput
from shared.flows.reconcile import SEGMENTS
from shared.runtime import clock
from shared.storage import ledger, levels, order_lists, orders
from tests.integration.conftest import Aws, LambdaContext
from tests.support import trade

TWO_HOURS_AGO = times.text(clock.now() - timedelta(hours=2))
ORDER = take(trade.order("77", ("NL-1001", 3)), {("l1", SourceId("alpina")): 3}, attempt="a1")
COUNTED = trade.level("NL-1001", "alpina", 10, changed_at=TWO_HOURS_AGO)
TAKEN = replace(COUNTED, available=7, committed=3, revision=2, cause=("take", "a1"), last={ORDER.key.token: 3})


def put(aws: Aws, *images: Level, lost: int = 0) -> None:
    """Put a level as it now is, and its movements without the last `lost`."""
    befores: list[Level | None] = [None, *images]
    moved = [movement(before, after) for before, after in zip(befores, images, strict=False)]
    aws.stock.put(levels.to_item(images[-1]))
    aws.stock.write_all([ledger.to_item(each) for each in moved[: len(moved) - lost]])


def promised(aws: Aws) -> None:
    """Record the order that holds what TAKEN promises; it is held, so that nobody misses its purchase order."""
    aws.orders.put(orders.to_item(replace(ORDER, hold="a person looks at it")))
    aws.orders.write_all(list(order_lists.of_order(ORDER).values()))


def run(context: LambdaContext) -> dict[str, int]:
    counted: dict[str, int] = {}
    for segment in range(SEGMENTS):
        for name, value in handler.lambda_handler({"segment": segment}, context).items():
            counted[name] = counted.get(name, 0) + value
    return counted


def open_problems(aws: Aws) -> list[tuple[str, str, int]]:
    found: list[dict[str, Any]] = aws.dynamodb.scan(TableName=aws.orders.name)["Items"]
    return sorted(
        (item["kind"]["S"], item["subject"]["S"], int(item["revision"]["N"]))
        for item in found
        if item["entity"]["S"] == "problem"
    )


def test_every_item_is_checked_once_a_day(aws: Aws, context: LambdaContext) -> None:
    for at in range(30):
        put(aws, trade.level(f"NL-{at}", "alpina", at, changed_at=TWO_HOURS_AGO))
        aws.orders.put(orders.to_item(trade.order(str(at), ("NL-1", 1))))

    assert run(context) == {"LevelChecked": 30, "OrderChecked": 30}
    assert open_problems(aws) == []


def test_movements_of_other_months_and_other_sources_are_told_apart(aws: Aws, context: LambdaContext) -> None:
    long_ago = times.text(clock.now() - timedelta(days=100))
    put(aws, replace(COUNTED, changed_at=long_ago), TAKEN)
    promised(aws)
    put(aws, trade.level("NL-1001", "baltic", 4, changed_at=TWO_HOURS_AGO))

    assert run(context) == {"LevelChecked": 2, "OrderChecked": 1}
    assert [each.revision for each in ledger.Ledger(aws.stock).of(COUNTED.key, clock.now())] == [1, 2]


def test_a_level_that_left_its_ledger_is_found_once(aws: Aws, context: LambdaContext) -> None:
    put(aws, COUNTED, TAKEN, lost=1)
    put(aws, trade.level("NL-1002", "alpina", 4, changed_at=TWO_HOURS_AGO))

    assert run(context)["LedgerDrift"] == 1
    assert run(context)["LedgerDrift"] == 1

    assert open_problems(aws) == [("drift", "NL-1001 at alpina", 1)]


def test_an_order_that_does_not_add_up_and_a_level_that_does_not(aws: Aws, context: LambdaContext) -> None:
    put(aws, replace(COUNTED, available=11))
    item = orders.to_item(trade.order("1", ("NL-1001", 3)))
    item["lines"][0][LineState.CANCELLED] = 1
    aws.orders.put(item)

    run(context)

    assert open_problems(aws) == [("drift", "NL-1001 at alpina", 1), ("drift", "nordlys#1", 1)]


def test_the_hour_names_the_segment_of_a_schedules_event(aws: Aws, context: LambdaContext) -> None:
    for at in range(SEGMENTS * 20):
        aws.orders.put(orders.to_item(trade.order(str(at), ("NL-1", 1))))

    counted = handler.lambda_handler({"time": TWO_HOURS_AGO}, context)

    assert 0 < counted["OrderChecked"] < SEGMENTS * 20


@pytest.mark.usefixtures("aws")
def test_a_segment_that_is_none_is_refused(context: LambdaContext) -> None:
    with pytest.raises(InvalidInput):
        handler.lambda_handler({"segment": SEGMENTS}, context)
