"""Workers at once on few units: no unit is promised twice, none is kept back, every order is recorded once.

Each worker is a process that SQS gives events, with a client, a cache and a clock of its own, and stands still at one
call in ten.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from shared.domain import orders
from shared.domain.messages import FillSku, write
from shared.domain.names import ChannelId, Sku
from shared.domain.orders import LineState, Order
from shared.storage import caps, keys
from shared.storage.dynamo import Table
from tests.engine.conftest import Engine
from tests.engine.test_count_rows import SKUS, at, at_once, body, ingest, run_until_done
from tests.engine.test_deductions import book, sent, shipped
from tests.support import buckets, trade, workers
from tests.support.books import Books
from tests.support.shelf import Shelf
from tests.support.workers import Queue, Stage, delivered

SOAK = "SOAK" in os.environ  # noqa: TID251 - `make soak` asks for more
AT_ONCE = 16 if SOAK else 4
ORDERS = 2000 if SOAK else 200
SEEDS = 5 if SOAK else 1
SOURCES = ("alpina", "baltic", "celtic")
HOT_SKUS = [f"HOT-{i:02}" for i in range(20)]


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(AT_ONCE, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def buckets_url() -> Iterator[str]:
    with buckets.serving(workers.objects(*SOURCES)) as url:
        yield url


@pytest.fixture
def stage(engine: Engine, buckets_url: str) -> Stage:
    return Stage(engine=engine.url, buckets=buckets_url, stock_table=engine.stock_table, order_table=engine.order_table)


@pytest.mark.parametrize("seed", range(100 if SOAK else 4))
def test_of_fifty_orders_for_one_unit_exactly_one_wins(
    books: Books, stage: Stage, processes: ProcessPoolExecutor, seed: int
) -> None:
    books.stock_up(trade.level("A", "celtic", 1))
    queue = Queue.of([delivered(i, ("A", 1)) for i in range(1, 51)], seed)

    queue.drain(processes, stage, AT_ONCE)

    assert Counter(order.state for order in books.placed()) == {"backordered": 49, "reserved": 1}
    books.assert_sound()


def test_one_delivery_ten_times_at_once_is_one_order(
    books: Books, stage: Stage, processes: ProcessPoolExecutor
) -> None:
    books.stock_up(trade.level("A", "celtic", 30))
    message = delivered(1, ("A", 2))
    events = [workers.event({f"m{i}": message}, Counter({f"m{i}": 1})) for i in range(10)]

    answers = [processes.submit(workers.handle, stage, event) for event in events]

    assert [answer.result(timeout=workers.TIME_LIMIT_SECONDS).again for answer in answers] == [[]] * 10
    assert [(order.state, order.revision) for order in books.placed()] == [("reserved", 1)]
    assert books.available() == {("A", "celtic"): 28}
    books.assert_sound()


@pytest.mark.parametrize("refused", [0.0, 0.1], ids=["calm", "under load"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_hot_skus_are_sold_to_the_last_unit_and_no_further(
    books: Books, stage: Stage, processes: ProcessPoolExecutor, seed: int, refused: float
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a race is to be repeated as far as it can be
    counted = {sku: Counter(chance.choices(SOURCES, k=chance.randint(0, 50))) for sku in HOT_SKUS}
    books.stock_up(*(trade.level(sku, source, units[source]) for sku, units in counted.items() for source in SOURCES))
    asked: Counter[str] = Counter()
    messages = []
    for i in range(1, ORDERS + 1):
        lines = [(chance.choice(HOT_SKUS), chance.randint(1, 3)) for _ in range(chance.randint(1, 3))]
        messages.append(delivered(i, *lines))
        for sku, units in lines:
            asked[sku] += units

    Queue.of(messages, seed).drain(processes, replace(stage, refused=refused), AT_ONCE)

    assert [order.revision for order in books.placed()] == [1] * ORDERS
    books.assert_sound()
    sold: Counter[str] = Counter()
    for level in books.levels():
        sold[level.key.sku] += level.committed
    assert sold == {sku: min(asked[sku], units.total()) for sku, units in counted.items()}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_creates_edits_and_cancels_in_any_order_and_twice_leave_each_order_as_it_was_last_told(
    books: Books, stage: Stage, processes: ProcessPoolExecutor, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    books.stock_up(*(trade.level(sku, source, 40) for sku in ("A", "B") for source in SOURCES))
    last_told: dict[str, int] = {}
    messages = []
    for i in range(1, ORDERS // 4 + 1):
        told = [(chance.choice("AB"), chance.randint(1, 4)) for _ in range(2)]
        messages.append(delivered(i, *told))
        for minute in range(1, chance.randint(1, 3)):
            told = [(sku, chance.randint(0, 4)) for sku, _ in told]
            messages.append(delivered(i, *told, topic="orders/updated", minute=minute))
        last_told[str(i)] = sum(units for _, units in told)
        if chance.random() < 0.4:
            messages.append(delivered(i, *told, topic="orders/cancelled", minute=9))
            last_told[str(i)] = 0

    Queue.of(messages, seed).drain(processes, stage, AT_ONCE)

    assert {order.key.order_id: wanted(order) for order in books.placed()} == last_told
    books.assert_sound()


def wanted(order: Order) -> int:
    """Units that an order still has somebody ship."""
    return sum(order.total(state) for state in (LineState.OPEN, LineState.RESERVED, LineState.BACKORDERED))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_files_beside_shipments_and_takes_end_at_the_last_file_less_what_orders_hold(
    engine: Engine, books: Books, stage: Stage, processes: ProcessPoolExecutor, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    skus = ["A", *SKUS]  # what was sent before is A
    books.stock_up(*(trade.level(sku, "alpina", 900) for sku in skus))
    store = book(engine)
    shipments = [partial(shipped, store, sent(store, trade.T0, 2, f"s{i}"), f"d{i}") for i in range(ORDERS // 10)]
    shelf = Shelf()
    flow = ingest(engine, shelf)
    says = {minute: {sku: chance.choice((900, 900 - minute)) for sku in skus} for minute in (5, 15, 25, 35, 59)}
    files = [shelf.drop(f"in/alpina/{minute}.csv", body(rows), at(minute)) for minute, rows in says.items()]
    beside: list[Callable[[], object]] = [*shipments, *(partial(run_until_done, flow, file) for file in files * 2)]
    chance.shuffle(beside)
    orders = [delivered(i, (chance.choice(skus), chance.randint(1, 3))) for i in range(1, ORDERS + 1)]

    with ThreadPoolExecutor(1) as other:
        counting = other.submit(at_once, beside)
        Queue.of(orders, seed).drain(processes, stage, AT_ONCE)
        counting.result()

    books.assert_sound()
    assert len(books.placed()) == ORDERS + len(shipments)
    for level in books.levels():
        assert (level.counted, dict(level.deducted)) == (says[59][level.key.sku], {})


# ---- what is sold before anybody has it

SOLD_EARLY = trade.shop_rules("celtic", backorders=[{"sku": "A", "most": 9, "lead_days": 10}])


def counted_early(books: Books) -> int:
    found = Table(books.client, books.stock).get(keys.waiting(ChannelId("nordlys"), Sku("A")))
    return caps.units(found) if found else 0


def waiting_early(books: Books) -> int:
    sums: Counter[Sku] = Counter()
    for order in books.placed():
        sums.update(orders.capped(order))
    return sums[Sku("A")]


def work(engine: Engine, *batches: dict[str, str]) -> None:
    """Have each batch done by a worker of its own, all at once; what is to come again comes again."""
    ready = threading.Barrier(len(batches))

    def one(batch: dict[str, str]) -> None:
        mine = Books(engine.client(), engine.stock_table, engine.order_table)
        ready.wait()
        for _ in range(20):
            again = mine.flow().run(batch, SOLD_EARLY, trade.times_now()).again
            batch = {message: batch[message] for message in again}
            if not batch:
                return
        raise AssertionError("it never ended", batch)

    with ThreadPoolExecutor(len(batches)) as pool:
        list(pool.map(one, batches))


def test_what_nobody_has_is_sold_to_the_cap_and_no_further(books: Books, engine: Engine) -> None:
    books.stock_up(trade.level("A", "celtic", 5))

    work(
        engine,
        *({f"m{i}": delivered(worker * 10 + i, ("A", 2)) for i in range(1, 3)} for worker in range(1, 5)),
    )

    placed = books.placed()
    assert len(placed) == 8
    assert sum(order.total(LineState.RESERVED) for order in placed) == 5
    assert (waiting_early(books), counted_early(books)) == (9, 9)
    books.assert_sound()


def test_fills_and_cancels_at_once_give_the_room_back_once(books: Books, engine: Engine) -> None:
    books.stock_up(trade.level("A", "celtic", 0))
    books.flow().run({f"m{i}": delivered(i, ("A", 2)) for i in range(1, 5)}, SOLD_EARLY, trade.times_now())
    assert counted_early(books) == 8
    table = Table(books.client, books.orders)
    for order in books.placed():
        pk, sk = keys.backorder(Sku("A"), order.placed_at, order.key, order.lines[0].line)
        table.put({"PK": pk, "SK": sk, "entity": "backorder"})
    books.stock_up(trade.level("A", "celtic", 3))
    fill = {"m1": write(FillSku(sku=Sku("A")))}
    cancels = {f"c{i}": delivered(i, ("A", 2), topic="orders/cancelled", minute=9) for i in (1, 2)}

    work(engine, fill, fill, cancels, cancels)

    assert counted_early(books) == waiting_early(books)
    assert sum(order.total(LineState.BACKORDERED) for order in books.placed()) == waiting_early(books)
    books.assert_sound()


def test_the_same_orders_again_count_once(books: Books, engine: Engine) -> None:
    books.stock_up(trade.level("A", "celtic", 0))
    batch = {f"m{i}": delivered(i, ("A", 2)) for i in range(1, 4)}

    work(engine, batch, batch, batch)

    assert (waiting_early(books), counted_early(books)) == (6, 6)
