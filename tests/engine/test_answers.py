"""What suppliers answer: each once, in any order, beside files and cancels, whatever breaks off on the way."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from bench import meter
from shared.domain import orders, stock, times
from shared.domain.answers import Answer, LineAnswer, Says
from shared.domain.names import LevelKey, SourceId
from shared.domain.orders import DeductsAt, LineState, Order
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.domain.rules import Rules
from shared.domain.stock import Count, Level
from shared.errors import Conflict, InvalidInput, Rejected, Transient
from shared.flows.answer_orders import AnswerOrders
from shared.storage import keys, levels, purchase_orders
from shared.storage import orders as order_items
from shared.storage.attributes import image
from shared.storage.dynamo import Transactions
from shared.storage.levels import Levels
from shared.storage.order_book import Deducting, OrderBook
from shared.storage.problems import Problems
from tests.engine.conftest import Engine
from tests.engine.test_count_rows import settle
from tests.support import trade
from tests.support.faults import Crash, Faulty, no_answer

ALPINA = SourceId("alpina")
NUMBER = "ALPINA-000001"
NOW = trade.times_now()
BEFORE, AFTER = "2026-11-24T08:00:00.000Z", "2026-11-24T12:00:00.000Z"
SENT_AT = "2026-11-24T08:05:00.000Z"


def rules(deducts_at: DeductsAt = DeductsAt.ACCEPT) -> Rules:
    known = trade.shop_rules("alpina", "baltic")
    return replace(known, sources={**known.sources, ALPINA: replace(known.sources[ALPINA], deducts_at=deducts_at)})


def book(client: Any, engine: Engine) -> OrderBook:  # noqa: ANN401 - or a faulty one
    return OrderBook.of(client, engine.stock_table, engine.order_table)


def flow(client: Any, engine: Engine) -> AnswerOrders:  # noqa: ANN401
    store = book(client, engine)
    return AnswerOrders(book=store, problems=Problems(store.orders), pause=lambda _: None)


def asked(engine: Engine, *units: int, counted: int = 100, as_of: str = BEFORE) -> Order:
    """Have alpina be asked for an order's lines, each of a SKU of its own."""
    store = book(engine.client(), engine)
    lines = [(f"S{i}", count) for i, count in enumerate(units, 1)]
    taken = {(f"l{i}", ALPINA): count for i, (_, count) in enumerate(lines, 1)}
    order = orders.take(trade.order("1", *lines), taken, attempt="t")
    order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
    for sku, count in lines:
        level = trade.level(sku, "alpina", counted, counted_as_of=as_of, committed=count, available=counted - count)
        store.stock.put(levels.to_item(level))
    po_lines = tuple(PoLine(line=line.line, sku=line.sku, units=line.ordered) for line in order.lines)
    po = PurchaseOrder(
        order=order.key, source=ALPINA, n=1, number=NUMBER, lines=po_lines, state=PoState.SENT, sent_at=SENT_AT
    )
    store.orders.put(order_items.to_item(order))
    store.orders.put(purchase_orders.to_item(po))
    return order


def said(*lines: tuple[str, Says, int], document: str = "d1", at: str = "") -> Answer:
    return Answer(
        order=trade.key("1"),
        number=NUMBER,
        document=document,
        received_at=NOW,
        lines=tuple(LineAnswer(line=line, says=says, units=units) for line, says, units in lines),
        at=times.read(at) if at else None,
    )


def state(engine: Engine) -> tuple[Order, PurchaseOrder, dict[str, Level]]:
    store = book(engine.client(), engine)
    order = store.order(trade.key("1"))
    assert order is not None
    orders.check(order)
    (po,) = store.purchase_orders(order.key)
    found = {}
    for line in order.lines:
        item = store.stock.get(keys.level(LevelKey(line.sku, ALPINA)))
        assert item is not None
        level = levels.from_item(item)
        assert stock.adds_up(level)
        held = sum(each.committed for each in order.allocations if order.line(each.line).sku == line.sku)
        assert level.committed == held, "the level promises what the order does not hold"
        found[str(line.sku)] = level
    return order, po, found


SIX_OF_TEN = said(("l1", Says.ACCEPTED, 6), ("l1", Says.REJECTED, 4))


def test_six_of_ten_are_accepted_and_four_are_open_again_for_another_source(engine: Engine) -> None:
    asked(engine, 10)

    counted = flow(engine.client(), engine).run(SIX_OF_TEN, rules(), NOW)

    order, po, found = state(engine)
    assert counted == {"UnitsAccepted": 1, "UnitsRejected": 1}
    assert (order.total(LineState.ACCEPTED), order.total(LineState.OPEN)) == (6, 4)
    assert (po.state, po.revision) == (PoState.ACKNOWLEDGED, 2)
    assert (found["S1"].available, found["S1"].committed) == (94, 0)
    assert order.excludes(trade.at("S1", "alpina"))
    assert order.due_at == times.text(NOW)


@pytest.mark.parametrize("times_at_once", [2, 6])
def test_one_answer_delivered_at_once_moves_once(engine: Engine, times_at_once: int) -> None:
    asked(engine, 10, 3)
    answer = said(("l1", Says.ACCEPTED, 6), ("l1", Says.REJECTED, 4), ("l2", Says.ACCEPTED, 3))

    def run(_: int) -> Counter[str]:
        return flow(engine.client(), engine).run(answer, rules(), NOW)

    with ThreadPoolExecutor(times_at_once) as pool:
        moved: Counter[str] = sum(pool.map(run, range(times_at_once)), Counter())

    order, _, found = state(engine)
    assert moved.total() == 3 * times_at_once  # equal transactions in flight are both told that they went through
    assert (order.total(LineState.ACCEPTED), order.total(LineState.OPEN)) == (9, 4)
    assert [found[sku].available for sku in ("S1", "S2")] == [94, 97]


def test_the_same_answer_a_day_later_says_nothing_new(engine: Engine) -> None:
    asked(engine, 10)
    answers = flow(engine.client(), engine)
    answers.run(SIX_OF_TEN, rules(), NOW)
    before = state(engine)

    counted = answers.run(SIX_OF_TEN, rules(), NOW + timedelta(days=1))

    assert counted == {"AnswerRepeated": 2}
    assert state(engine) == before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failure", ["crash", "no answer"])
def test_an_answer_that_breaks_off_at_any_call_is_finished_by_the_same_again(
    engine: Engine, failure: str, *, after: bool
) -> None:
    told = ("l1", Says.SHIPPED, 2), ("l1", Says.REJECTED, 1), ("l2", Says.ACCEPTED, 2)
    for at in range(1, 40):
        asked(engine, 3, 2)
        answer = said(*told, document=f"d{at}")
        faulty = Faulty(engine.client(), at, failure=Crash() if failure == "crash" else no_answer(), after=after)
        try:
            flow(faulty, engine).run(answer, rules(), NOW)
            is_over = len(faulty.calls) < at
        except (Crash, Transient):
            is_over = False
        flow(engine.client(), engine).run(answer, rules(), NOW)

        order, _, found = state(engine)
        assert (order.total(LineState.SHIPPED), order.total(LineState.OPEN)) == (2, 1)
        assert order.total(LineState.ACCEPTED) == 2
        assert [found[sku].available for sku in ("S1", "S2")] == [98, 98]
        if is_over:
            break
    else:
        pytest.fail("the answer makes more calls than were tried")


@pytest.mark.parametrize("seed", range(6))
def test_answers_in_any_order_and_twice_beside_a_file_leave_what_the_truth_leaves(engine: Engine, seed: int) -> None:
    asked(engine, 10)
    chance = random.Random(seed)  # noqa: S311
    parts = [
        said(("l1", Says.ACCEPTED, 4), document="a1", at="2026-11-24T08:20:00.000Z"),
        said(("l1", Says.ACCEPTED, 2), document="a2", at="2026-11-24T08:30:00.000Z"),
        said(("l1", Says.REJECTED, 4), document="r1"),
        said(("l1", Says.SHIPPED, 5), document="s1", at="2026-11-24T08:50:00.000Z"),
        said(("l1", Says.SHIPPED, 1), document="s2", at="2026-11-24T08:55:00.000Z"),
    ]
    todo: list[Callable[[], object]] = [
        partial(flow(engine.client(), engine).run, part, rules(), NOW) for part in parts for _ in range(2)
    ]
    stock_table = book(engine.client(), engine).stock
    count = Count(key=trade.at("S1", "alpina"), units=94, as_of="2026-11-24T10:00:00.000Z", count_id="f2")
    todo.append(lambda: settle(Levels(stock_table), stock.blind(count, 100)))
    chance.shuffle(todo)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(each) for each in todo]:
            try:
                done.result()
            except Conflict:
                pytest.fail("answers that meet each other must get through")

    order, po, found = state(engine)
    assert (order.total(LineState.SHIPPED), order.total(LineState.OPEN), order.late) == (6, 4, 0)
    assert po.state is PoState.SHIPPED
    assert found["S1"].available == 94


def test_an_acceptance_after_a_reroute_takes_the_level_down_and_not_the_line(engine: Engine) -> None:
    order = asked(engine, 5)
    store = book(engine.client(), engine)
    move = orders.reroute(order, 1, "l1", 5)
    away = replace(move.order, revision=order.revision + 1)
    store.move((order, away), move.effects, [], move_id="reroute#1", now=NOW)

    flow(engine.client(), engine).run(said(("l1", Says.ACCEPTED, 5)), rules(), NOW)

    after, _, found = state(engine)
    assert (after.total(LineState.OPEN), after.total(LineState.ACCEPTED), after.late) == (5, 0, 5)
    assert found["S1"].available == 95


def test_a_photograph_that_shows_the_deduction_already_is_not_lowered_again(engine: Engine) -> None:
    asked(engine, 5, counted=95, as_of=AFTER)

    flow(engine.client(), engine).run(said(("l1", Says.ACCEPTED, 5), at="2026-11-24T08:30:00.000Z"), rules(), NOW)

    assert state(engine)[2]["S1"].available == 95


def test_a_time_before_the_purchase_order_was_sent_is_not_used_and_is_told(engine: Engine) -> None:
    asked(engine, 5, as_of="2026-11-24T08:31:00.000Z")

    flow(engine.client(), engine).run(said(("l1", Says.ACCEPTED, 5), at="2026-11-24T07:10:00.000Z"), rules(), NOW)

    assert state(engine)[2]["S1"].deducted == {times.text(NOW): 5}
    standing = Problems(book(engine.client(), engine).orders).read("clock_off", "alpina")
    assert standing is not None
    assert "whole hours" in standing.problem.reason


@pytest.mark.parametrize(
    ("lines", "number", "failure"),
    [
        ((("l1", Says.ACCEPTED, 11),), NUMBER, Rejected),
        ((("l1", Says.SHIPPED, 11),), NUMBER, Rejected),
        ((("l9", Says.SHIPPED, 1),), NUMBER, InvalidInput),
        ((("l1", Says.SHIPPED, 0),), NUMBER, InvalidInput),
        ((("l1", Says.SHIPPED, -1),), NUMBER, InvalidInput),
        ((("l1", Says.SHIPPED, 1.5),), NUMBER, InvalidInput),
        ((("l1", Says.SHIPPED, True),), NUMBER, InvalidInput),
        ((), NUMBER, InvalidInput),
        ((("l1", Says.SHIPPED, 1),), "BALTIC-000001", InvalidInput),
    ],
)
def test_an_answer_that_nobody_can_mean_writes_nothing(
    engine: Engine, lines: tuple[Any, ...], number: str, failure: type[Exception]
) -> None:
    asked(engine, 10)
    before = state(engine)

    with pytest.raises(failure):
        flow(engine.client(), engine).run(replace(said(*lines), number=number), rules(), NOW)

    assert state(engine) == before


# ---- a level stays small


def test_a_level_that_no_file_settles_for_a_week_and_25_orders_take_from_is_under_a_kilobyte(engine: Engine) -> None:
    store = book(engine.client(), engine)
    key = trade.at("S" * 24, "a" * 12)
    level = trade.level(key.sku, key.source, 1_000_000, counted_as_of="2026-01-01T00:00:00.000Z", count_id="f" * 60)
    store.stock.put(levels.to_item(replace(level, committed=100_000, available=900_000)))
    when = times.read("2026-01-02T00:00:00.000Z")
    for hour in range(0, 24 * 7, 3):
        order = orders.take(trade.order(str(hour), (key.sku, 1)), {("l1", key.source): 1}, attempt="t")
        order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
        store.orders.put(order_items.to_item(order))
        move = orders.ship(order, 1, "l1", 1, deducts_at=DeductsAt.SHIP)
        after = replace(move.order, revision=order.revision + 1)
        deducting = Deducting(when + timedelta(hours=hour), timedelta(0))
        assert store.move((order, after), move.effects, [], move_id="s", now=NOW, deducting=deducting).is_done
    shares = {trade.key(str(10**9 + i)).token: 1 for i in range(25)}
    action = levels.take(engine.stock_table, key, shares, "a" * 16, times.text(NOW))
    assert Transactions(engine.client()).commit([action]).is_done

    pk, sk = keys.level(key)
    item = engine.client().get_item(TableName=engine.stock_table, Key=image({"PK": pk, "SK": sk}))
    assert sum(levels.read_image(item["Item"]).deducted.values()) == 56
    assert meter.size(item["Item"]) < 1024
