from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from shared.domain import orders, stock
from shared.domain.orders import LineState, Order
from shared.domain.stock import Level
from shared.storage import levels as level_items
from shared.storage import orders as order_items
from shared.storage.dynamo import Table
from tests.engine.conftest import Engine
from tests.support import trade
from tests.support.faults import Crash, Faulty, no_answer
from tests.support.workers import delivered, place_orders, work

RULES = trade.shop_rules("alpina", "baltic", "celtic")
NOW = trade.times_now()
SEEDS = 400 if "SOAK" in os.environ else 20  # noqa: TID251 - `make soak` asks for more


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(6, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def stock_up(engine: Engine, *levels: Level) -> None:
    Table(engine.client(), engine.stock_table).write_all([level_items.to_item(level) for level in levels])


def all_items(engine: Engine, table: str) -> list[dict[str, Any]]:
    pages = engine.client().get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def levels_of(engine: Engine) -> list[Level]:
    return [level_items.read_image(item) for item in all_items(engine, engine.stock_table) if "counted" in item]


def orders_of(engine: Engine) -> list[Order]:
    found = all_items(engine, engine.order_table)
    return [order_items.read_image(item) for item in found if item["entity"]["S"] == "order"]


def assert_sound(engine: Engine) -> None:
    """Nothing oversold, nothing leaked: levels add up, and hold exactly what orders have reserved."""
    found = orders_of(engine)
    reserved: dict[object, int] = {}
    for order in found:
        orders.check(order)
        sku_of = {line.line: line.sku for line in order.lines}
        for allocation in order.allocations:
            at = trade.at(sku_of[allocation.line], allocation.source)
            reserved[at] = reserved.get(at, 0) + allocation.committed
    for level in levels_of(engine):
        assert level.available >= 0
        assert stock.adds_up(level)
        assert level.committed == reserved.get(level.key, 0)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_of_fifty_orders_for_one_unit_exactly_one_wins(
    engine: Engine, processes: ProcessPoolExecutor, seed: int
) -> None:
    stock_up(engine, trade.level("A", "celtic", 1))
    chance = random.Random(seed)  # noqa: S311
    messages = [(f"m{i}", delivered(i, ("A", 1))) for i in range(1, 51)]
    twice = messages + [(f"again-{name}", text) for name, text in chance.sample(messages, 10)]
    chance.shuffle(twice)
    shares: list[list[dict[str, str]]] = [[] for _ in range(6)]
    while twice:
        size = chance.choice((1, 3, 10))
        shares[len(twice) % 6].append(dict(twice[:size]))
        del twice[:size]

    running = [
        processes.submit(work, engine.url, engine.stock_table, engine.order_table, seed * 10 + i, batches)
        for i, batches in enumerate(shares)
    ]
    placed = [each for one in running for each in one.result(timeout=120)]

    assert sum(p.counted["UnitsReserved"] for p in placed) == 1
    assert sorted(order.state for order in orders_of(engine)) == ["backordered"] * 49 + ["reserved"]
    assert_sound(engine)


def calls_of(engine: Engine, batch: dict[str, str]) -> int:
    """How many calls a batch makes when all goes well."""
    watched = Faulty(engine.client(), at=0)
    assert place_orders(watched, engine.stock_table, engine.order_table).run(batch, RULES, NOW).again == {}
    return len(watched.calls)


BATCH = {"m1": delivered(1, ("A", 2), ("A", 1)), "m2": delivered(2, ("A", 1), ("B", 1)), "m3": delivered(3, ("B", 4))}
STOCK = (trade.level("A", "alpina", 3), trade.level("A", "baltic", 1), trade.level("B", "celtic", 2))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failure", ["crash", "no answer"])
def test_a_crash_or_a_lost_answer_at_every_call_is_made_good_by_redelivery(
    engine: Engine, failure: str, *, after: bool
) -> None:
    stock_up(engine, *STOCK)
    calls = calls_of(engine, BATCH)
    wanted = {order.key: order.counts(order.lines[0]) for order in orders_of(engine)}

    for at in range(1, calls + 1):
        for item in all_items(engine, engine.order_table):
            engine.client().delete_item(TableName=engine.order_table, Key={k: item[k] for k in ("PK", "SK")})
        stock_up(engine, *STOCK)
        faulty = Faulty(engine.client(), at, failure=Crash() if failure == "crash" else no_answer(), after=after)
        try:
            place_orders(faulty, engine.stock_table, engine.order_table).run(BATCH, RULES, NOW)
        except Crash:
            assert failure == "crash"
        assert len(faulty.calls) >= at
        again = place_orders(engine.client(), engine.stock_table, engine.order_table).run(BATCH, RULES, NOW)

        assert again.again == {}
        assert {order.key: order.counts(order.lines[0]) for order in orders_of(engine)} == wanted
        assert_sound(engine)


def test_calls_of_a_batch(engine: Engine) -> None:
    stock_up(engine, trade.level("A", "celtic", 100))

    assert calls_of(engine, {"m1": delivered(1, ("A", 1))}) == 3
    assert calls_of(engine, {f"m{i}": delivered(i, ("A", 1)) for i in range(2, 12)}) <= 4


def test_a_cancel_before_its_create_leaves_no_units_taken(engine: Engine) -> None:
    stock_up(engine, trade.level("A", "celtic", 5))
    flow = place_orders(engine.client(), engine.stock_table, engine.order_table)

    flow.run({"m1": delivered(1, ("A", 2), topic="orders/cancelled")}, RULES, NOW)
    flow.run({"m2": delivered(1, ("A", 2))}, RULES, NOW)
    flow.run({"m3": delivered(1, ("A", 2), topic="orders/cancelled")}, RULES, NOW)

    (order,) = orders_of(engine)
    assert (order.state, order.revision) == ("cancelled", 1)
    assert [level.available for level in levels_of(engine)] == [5]


def test_a_cancel_twice_releases_once(engine: Engine) -> None:
    stock_up(engine, trade.level("A", "celtic", 5))
    flow = place_orders(engine.client(), engine.stock_table, engine.order_table)
    flow.run({"m1": delivered(1, ("A", 2))}, RULES, NOW)
    assert [level.available for level in levels_of(engine)] == [3]

    flow.run({"m2": delivered(1, ("A", 2), topic="orders/cancelled")}, RULES, NOW)
    flow.run({"m3": delivered(1, ("A", 2), topic="orders/cancelled")}, RULES, NOW)

    (order,) = orders_of(engine)
    assert (order.total(LineState.CANCELLED), order.revision) == (2, 2)
    assert [level.available for level in levels_of(engine)] == [5]
    assert_sound(engine)


def test_a_redelivered_create_folded_with_a_cancel_still_cancels(engine: Engine) -> None:
    stock_up(engine, trade.level("A", "celtic", 5))
    flow = place_orders(engine.client(), engine.stock_table, engine.order_table)
    flow.run({"m1": delivered(1, ("A", 2))}, RULES, NOW)

    flow.run({"m1": delivered(1, ("A", 2)), "m2": delivered(1, ("A", 2), topic="orders/cancelled")}, RULES, NOW)

    assert [order.state for order in orders_of(engine)] == ["cancelled"]
    assert_sound(engine)


def test_a_level_that_was_short_teaches_the_plan(engine: Engine) -> None:
    stock_up(engine, trade.level("A", "celtic", 5), trade.level("A", "alpina", 5))
    flow = place_orders(engine.client(), engine.stock_table, engine.order_table)
    stale = flow.book.read
    others = place_orders(engine.client(), engine.stock_table, engine.order_table)

    def read_then_be_overtaken(*wanted: Any, **how: Any) -> Any:  # noqa: ANN401
        found = stale(*wanted, **how)
        if not orders_of(engine):
            others.run({"m9": delivered(9, ("A", 4))}, RULES, NOW)
        return found

    class Overtaken:
        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            return read_then_be_overtaken if name == "read" else getattr(others.book, name)

    flow.book = Overtaken()  # type: ignore[assignment]
    placed = flow.run({"m1": delivered(1, ("A", 5))}, RULES, NOW)

    assert placed.again == {}
    assert sorted((level.key.source, level.available) for level in levels_of(engine)) == [("alpina", 1), ("celtic", 0)]
    assert_sound(engine)
