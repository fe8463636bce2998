"""What a source takes off its own count: once, beside its files, on the side of the photograph that shows it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from shared.domain import orders, stock, times
from shared.domain.orders import DeductsAt, Order
from shared.domain.stock import Blind, Count, Level
from shared.storage import keys, levels
from shared.storage import orders as order_items
from shared.storage.dynamo import Outcome
from shared.storage.levels import Levels
from shared.storage.order_book import Deducting, OrderBook
from tests.engine.conftest import Engine
from tests.engine.test_count_rows import ALPINA, NO_SLACK, at_once, level_of, settle
from tests.support import trade

KEY = trade.at("A", "alpina")
SHIPPED_AT = times.read("2026-11-24T08:20:00.000Z")
SHOWN_FROM = "2026-11-24T08:30:00.000Z"
DEDUCTING = Deducting(SHIPPED_AT, NO_SLACK)


def book(engine: Engine) -> OrderBook:
    return OrderBook.of(engine.client(), engine.stock_table, engine.order_table)


def sent(store: OrderBook, as_of: str, units: int = 5, order_id: str = "1") -> Order:
    """Have a level of 100 counted at a time, and an order of so many of them that alpina was asked for."""
    level = trade.level("A", "alpina", 100, counted_as_of=as_of)
    known = store.stock.get(keys.level(KEY))
    before = levels.from_item(known) if known else level
    taken = replace(before, available=before.available - units, committed=before.committed + units)
    store.stock.put(levels.to_item(taken))
    order = orders.take(trade.order(order_id, ("A", units)), {("l1", ALPINA): units}, attempt="t")
    order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
    store.orders.put(order_items.to_item(order))
    return order


def ship(store: OrderBook, order: Order, units: int, document: str = "d1") -> Outcome:
    move = orders.ship(order, 1, "l1", units, deducts_at=DeductsAt.SHIP)
    after = replace(move.order, revision=order.revision + 1)
    return store.move((order, after), move.effects, [], move_id=f"ship#{document}", now=SHIPPED_AT, deducting=DEDUCTING)


def now(store: OrderBook) -> Level:
    level = level_of(store.stock, KEY)
    assert stock.adds_up(level)
    return level


@pytest.mark.parametrize(
    ("_case", "as_of", "available", "deducted"),
    [
        ("counted before it", "2026-11-24T08:00:00.000Z", 95, {"2026-11-24T08:15:00.000Z": 5}),
        ("counted in its quarter of an hour", "2026-11-24T08:29:59.999Z", 95, {"2026-11-24T08:15:00.000Z": 5}),
        ("counted after it", SHOWN_FROM, 100, {}),
    ],
)
def test_a_shipment_is_subtracted_only_from_a_photograph_that_cannot_show_it(
    engine: Engine, _case: str, as_of: str, available: int, deducted: dict[str, int]
) -> None:
    store = book(engine)

    assert ship(store, sent(store, as_of), 5).is_done

    level = now(store)
    assert (level.available, level.committed, dict(level.deducted)) == (available, 0, deducted)
    assert Levels(store.stock).open(ALPINA) == ([KEY] if deducted else [])


def test_the_next_photograph_takes_the_deduction_over_even_if_its_row_says_what_it_said(engine: Engine) -> None:
    store = book(engine)
    ship(store, sent(store, "2026-11-24T08:00:00.000Z"), 5)

    count = Count(key=KEY, units=100, as_of="2026-11-24T09:00:00.000Z", count_id="f2")
    settle(Levels(store.stock), Blind(count=count, old=100))

    level = now(store)
    assert (level.available, dict(level.deducted)) == (100, {})
    assert Levels(store.stock).open(ALPINA) == []


def test_a_redelivered_shipment_is_one(engine: Engine) -> None:
    store = book(engine)
    order = sent(store, "2026-11-24T08:00:00.000Z")
    ship(store, order, 3)
    again = store.order(order.key)
    assert again

    outcome = ship(store, again, 2)

    assert not outcome.is_done
    assert [refusal.found for refusal in outcome.refusals] == ["ship#d1"]
    assert now(store).committed == 2


@pytest.mark.parametrize(
    ("as_of", "available", "in_buckets"), [("2026-11-24T08:00:00.000Z", 95, 5), (SHOWN_FROM, 100, 0)]
)
def test_units_that_were_given_back_and_shipped_all_the_same_are_paid_once(
    engine: Engine, as_of: str, available: int, in_buckets: int
) -> None:
    store = book(engine)
    order = sent(store, as_of)
    rejected = orders.reject(order, 1, "l1", 5)
    after = replace(rejected.order, revision=order.revision + 1)
    store.move((order, after), rejected.effects, [], move_id="reject#d0", now=SHIPPED_AT)

    assert ship(store, after, 5).is_done

    level = now(store)
    assert (level.available, level.committed, sum(level.deducted.values())) == (available, 0, in_buckets)


@pytest.mark.parametrize("seed", range(8))
def test_shipments_beside_files_end_at_what_the_last_file_and_the_open_ones_say(engine: Engine, seed: int) -> None:
    store = book(engine)
    chance = random.Random(seed)  # noqa: S311 - a race is to be repeated as far as it can be
    many = [sent(store, "2026-11-24T08:00:00.000Z", 2, str(i)) for i in range(12)]
    files = [
        Count(
            key=KEY,
            units=chance.randint(60, 120),
            as_of=times.text(SHIPPED_AT + timedelta(minutes=m)),
            count_id=f"f{m}",
        )
        for m in (-15, 0, 5, 10, 30)
    ]
    work = [partial(shipped, store, order, f"d{i}") for i, order in enumerate(many)]
    work += [partial(settle, Levels(store.stock), Blind(count=each, old=100)) for each in files]
    chance.shuffle(work)

    at_once(work)

    level = now(store)
    assert (level.counted, level.committed) == (files[-1].units, 0)
    assert (level.available, dict(level.deducted)) == (files[-1].units, {})


def shipped(store: OrderBook, order: Order, document: str) -> int:
    while (outcome := ship(store, order, 2, document)).conflicts:
        continue
    assert outcome.is_done
    return 1
