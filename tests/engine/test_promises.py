"""Workers at once under a cap: no more wait than it has room for, and the count is what orders say."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from shared.domain import orders
from shared.domain.messages import FillSku, write
from shared.domain.names import ChannelId, Sku
from shared.domain.orders import LineState
from shared.storage import caps, keys
from shared.storage.dynamo import Table
from tests.engine.conftest import Engine
from tests.support import trade
from tests.support.books import Books
from tests.support.workers import delivered

AT_ONCE, CAP = 8, 25
A, NORDLYS = Sku("A"), ChannelId("nordlys")
RULES = trade.shop_rules("celtic", backorders=[{"sku": "A", "most": CAP, "lead_days": 10}])
NOW = trade.times_now()


def counted(books: Books) -> int:
    found = Table(books.client, books.stock).get(keys.waiting(NORDLYS, A))
    return caps.units(found) if found else 0


def waiting(books: Books) -> int:
    sums: Counter[Sku] = Counter()
    for order in books.placed():
        sums.update(orders.capped(order))
    return sums[A]


def work(engine: Engine, *batches: dict[str, str]) -> None:
    """Have each batch done by a worker of its own, all at once; what is to come again comes again."""
    ready = threading.Barrier(len(batches))

    def one(batch: dict[str, str]) -> None:
        mine = Books(engine.client(), engine.stock_table, engine.order_table)
        ready.wait()
        for _ in range(20):
            again = mine.flow().run(batch, RULES, NOW).again
            batch = {message: batch[message] for message in again}
            if not batch:
                return
        raise AssertionError("it never ended", batch)

    with ThreadPoolExecutor(len(batches)) as pool:
        list(pool.map(one, batches))


def test_eight_workers_sell_what_nobody_has_to_the_cap_and_no_further(books: Books, engine: Engine) -> None:
    books.stock_up(trade.level("A", "celtic", 5))

    work(
        engine,
        *({f"m{i}": delivered(worker * 10 + i, ("A", 2)) for i in range(1, 5)} for worker in range(1, AT_ONCE + 1)),
    )

    placed = books.placed()
    assert len(placed) == AT_ONCE * 4
    assert sum(order.total(LineState.RESERVED) for order in placed) == 5
    assert (waiting(books), counted(books)) == (CAP, CAP)
    books.assert_sound()


def test_fills_and_cancels_at_once_give_the_room_back_once(books: Books, engine: Engine) -> None:
    books.stock_up(trade.level("A", "celtic", 0))
    books.flow().run({f"m{i}": delivered(i, ("A", 2)) for i in range(1, 11)}, RULES, NOW)
    assert counted(books) == 20
    table = Table(books.client, books.orders)
    for order in books.placed():
        pk, sk = keys.backorder(A, order.placed_at, order.key, order.lines[0].line)
        table.put({"PK": pk, "SK": sk, "entity": "backorder"})
    books.stock_up(trade.level("A", "celtic", 7))
    fill = {"m1": write(FillSku(sku=A))}
    cancels = {f"c{i}": delivered(i, ("A", 2), topic="orders/cancelled", minute=9) for i in (1, 2, 3)}

    work(engine, fill, fill, cancels, cancels)

    assert counted(books) == waiting(books)
    assert sum(order.total(LineState.BACKORDERED) for order in books.placed()) == waiting(books)
    books.assert_sound()


def test_the_same_orders_again_count_once(books: Books, engine: Engine) -> None:
    books.stock_up(trade.level("A", "celtic", 0))
    batch = {f"m{i}": delivered(i, ("A", 2)) for i in range(1, 6)}

    work(engine, batch, batch, batch)

    assert (waiting(books), counted(books)) == (10, 10)
