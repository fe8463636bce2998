"""A worker that dies, is not answered, is overtaken or refused at any of its calls: every order once, no unit lost.

The batch has all that a worker does: new orders, a cancel, an edit, units for an order that waits. It is broken at
each of its calls in turn and delivered again.
"""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared.domain.messages import FillSku, write
from shared.domain.names import Sku
from shared.domain.orders import LineState
from shared.domain.stock import Blind, Count
from shared.flows.place_orders import Placed
from shared.storage import keys, levels
from shared.storage.dynamo import Table, Transactions
from shared.storage.levels import Levels
from tests.engine.conftest import Engine
from tests.engine.test_count_rows import settle
from tests.support import trade
from tests.support.books import Books
from tests.support.faults import AnswerLost, Crash, Faulty, Meanwhile, Refusing, no_answer, under_load
from tests.support.workers import delivered

RULES = trade.shop_rules("alpina", "baltic", "celtic")
NOW = trade.times_now()
SEEDS = 200 if "SOAK" in os.environ else 8  # noqa: TID251 - `make soak` asks for more

CANCEL = delivered(4, ("A", 2), topic="orders/cancelled")
BEFORE = {"m4": delivered(4, ("A", 2)), "m5": delivered(5, ("B", 3)), "m6": delivered(6, ("C", 2))}
BATCH = {
    "m1": delivered(1, ("A", 2), ("A", 1)),
    "m2": delivered(2, ("A", 1), ("B", 1)),
    "m3": delivered(3, ("B", 4)),
    "m4": CANCEL,
    "m5": delivered(5, ("B", 1), topic="orders/updated", minute=1),
    "m6": write(FillSku(sku=Sku("C"))),
}
STOCK = (
    trade.level("A", "alpina", 4),
    trade.level("A", "baltic", 1),
    trade.level("B", "celtic", 5),
    trade.level("C", "celtic", 0),
)


@dataclass
class Morning:
    """Both tables as they are before the batch: an order to cancel, one to edit, one that waits for a restock."""

    books: Books
    items: dict[str, list[dict[str, Any]]]
    now: datetime = NOW

    @classmethod
    def of(cls, books: Books) -> Morning:
        """Make it so, by the flow itself."""
        books.stock_up(*STOCK)
        assert books.flow().run(BEFORE, RULES, NOW).again == {}
        pk, sk = keys.backorder(Sku("C"), trade.T0, trade.key("6"), "601")
        Table(books.client, books.orders).put({"PK": pk, "SK": sk, "entity": "backorder"})
        books.stock_up(trade.level("C", "celtic", 1))
        return cls(books, {table: books.items(table) for table in (books.stock, books.orders)})

    def again(self) -> None:
        """Make it so once more."""
        for table, items in self.items.items():
            self.books.restore(table, items)

    def run(self, client: Any = None, messages: Mapping[str, str] = BATCH) -> Placed:  # noqa: ANN401 - or a faulty one
        """Have a worker of its own run messages, later than before: equal requests of two mornings would be one."""
        self.now += timedelta(seconds=1)
        return self.books.flow(client).run(messages, RULES, self.now)

    def ends(self) -> dict[str, Any]:
        """What became of every order and level, but for what a clock and a name say."""
        self.books.assert_sound()
        found: dict[str, Any] = {
            order.key.order_id: (order.version, [order.counts(line) for line in order.lines])
            for order in self.books.placed()
        }
        return found | {str(at): units for at, units in self.books.available().items()}


def count(sku: str, source: str, units: int, minute: int) -> Count:
    as_of = f"2026-11-24T08:{minute}:00.000Z"
    return Count(key=trade.at(sku, source), units=units, as_of=as_of, count_id=f"in/{source}/{minute}.csv@v1")


@pytest.fixture
def morning(books: Books) -> Morning:
    return Morning.of(books)


def undisturbed(morning: Morning) -> tuple[int, dict[str, Any]]:
    """How many calls the batch makes when all goes well, and how it ends."""
    watched = Faulty(morning.books.client, at=0)
    assert morning.run(watched).again == {}
    ends = morning.ends()
    assert ends["6"][1][0][LineState.RESERVED] == 1
    morning.again()
    return len(watched.calls), ends


def among(again: Collection[str]) -> dict[str, str]:
    """What comes again, in the order of arrival: another order may leave other orders waiting."""
    return {name: text for name, text in BATCH.items() if name in again}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failure", [Crash(), no_answer()], ids=["crash", "no answer"])
def test_a_fault_at_any_call_is_made_good_by_redelivery(
    morning: Morning, failure: BaseException, *, after: bool
) -> None:
    calls, ends = undisturbed(morning)

    for at in range(1, calls + 1):
        faulty = Faulty(morning.books.client, at, failure=failure, after=after)
        again = set(BATCH)
        try:
            again = set(morning.run(faulty).again)
        except Crash:
            assert isinstance(failure, Crash)
        assert len(faulty.calls) >= at
        assert morning.run(messages=among(again)).again == {}

        assert morning.ends() == ends, at
        morning.again()


def test_a_request_that_the_sdk_sends_again_counts_once(engine: Engine, morning: Morning) -> None:
    calls, ends = undisturbed(morning)

    for at in range(1, calls + 1):
        lost = AnswerLost(at)
        assert morning.run(lost.watch(engine.client())).again == {}

        assert lost.sent > calls
        assert morning.ends() == ends, at
        morning.again()


def test_a_second_delivery_at_once_counts_once(morning: Morning) -> None:
    calls, ends = undisturbed(morning)

    for at in range(1, calls + 1):
        overtaken = Meanwhile(morning.books.client, at, morning.run)
        assert morning.run(overtaken).again == {}

        assert overtaken.calls >= at
        assert morning.ends() == ends, at
        morning.again()


def test_cancels_that_overtake_their_orders_leave_no_unit_taken(morning: Morning) -> None:
    calls, _ = undisturbed(morning)
    cancels = {f"c{i}": delivered(i, ("A", 1), topic="orders/cancelled") for i in (1, 2, 3, 5, 6)}

    def cancel() -> None:
        for _ in range(2):
            assert morning.run(messages=cancels).again == {}

    for at in range(1, calls + 1):
        assert morning.run(Meanwhile(morning.books.client, at, cancel)).again == {}
        cancel()

        assert [order.state for order in morning.books.placed()] == ["cancelled"] * 6, at
        morning.books.assert_sound()
        assert [level.available for level in morning.books.levels()] == [4, 1, 5, 1], at
        morning.again()


def test_a_count_that_comes_between_any_two_calls_stays(morning: Morning) -> None:
    calls, _ = undisturbed(morning)
    store = Levels(Table(morning.books.client, morning.books.stock))
    counts = [count("B", "celtic", 9, 10), count("A", "alpina", 3, 11)]

    def feed() -> None:
        assert all(settle(store, Blind(count=each, old=0)) for each in counts)

    for at in range(1, calls + 1):
        assert morning.run(Meanwhile(morning.books.client, at, feed)).again == {}

        morning.books.assert_sound()
        counted = {level.key: level.counted for level in morning.books.levels()}
        assert [counted[each.key] for each in counts] == [9, 3], at
        morning.again()


# ---- each by its name


def test_a_cancel_before_its_create_leaves_no_units_taken(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 5))
    flow = books.flow()

    flow.run({"m1": delivered(1, ("A", 2), topic="orders/cancelled")}, RULES, NOW)
    flow.run({"m2": delivered(1, ("A", 2))}, RULES, NOW)
    flow.run({"m3": delivered(1, ("A", 2), topic="orders/cancelled")}, RULES, NOW)

    assert [(order.state, order.revision) for order in books.placed()] == [("cancelled", 1)]
    assert books.available() == {("A", "celtic"): 5}


def test_a_cancel_twice_releases_once(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 5))
    flow = books.flow()
    flow.run({"m1": delivered(1, ("A", 2))}, RULES, NOW)
    assert books.available() == {("A", "celtic"): 3}

    for i in range(2):
        flow.run({"m2": delivered(1, ("A", 2), topic="orders/cancelled")}, RULES, NOW + timedelta(seconds=i))

    (order,) = books.placed()
    assert (order.total(LineState.CANCELLED), order.revision) == (2, 2)
    assert books.available() == {("A", "celtic"): 5}
    books.assert_sound()


def test_the_same_sku_on_two_lines_is_one_write_of_its_level(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 5))

    books.flow().run({"m1": delivered(1, ("A", 2), ("A", 4))}, RULES, NOW)

    (order,), (level,) = books.placed(), books.levels()
    assert (order.total(LineState.RESERVED), order.total(LineState.BACKORDERED)) == (5, 1)
    assert (level.available, level.committed, level.revision) == (0, 5, 2)
    books.assert_sound()


def test_an_item_twice_in_one_call_is_refused_before_it_is_sent(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 5))
    take = partial(levels.take, books.stock, trade.at("A", "celtic"), attempt="t", now=trade.NOW)
    twice = [take({"one": 1}), take({"two": 1})]
    watched = Faulty(books.client, at=0)

    with pytest.raises(ValueError, match="same item"):
        Transactions(watched).commit(twice)  # type: ignore[arg-type]

    assert watched.calls == []
    with pytest.raises(ClientError, match="multiple operations on one item"):
        books.client.transact_write_items(TransactItems=[{"Update": each.request} for each in twice])  # type: ignore[typeddict-item]


@pytest.mark.parametrize("old", [10, 9], ids=["blind", "exact"])
def test_a_count_photographed_before_our_order_does_not_bring_its_units_back(books: Books, old: int) -> None:
    books.stock_up(trade.level("A", "celtic", 10))
    books.flow().run({"m1": delivered(1, ("A", 3))}, RULES, NOW)

    settle(Levels(Table(books.client, books.stock)), Blind(count=count("A", "celtic", 8, 30), old=old))

    (level,) = books.levels()
    assert (level.available, level.committed, level.counted) == (5, 3, 8)
    books.assert_sound()


def test_an_order_that_timed_out_twice_and_comes_again_takes_once(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 5))
    silent = Silent(books.client)

    placed = books.flow(silent).run({"m1": delivered(1, ("A", 2))}, RULES, NOW)

    assert (placed.again, silent.carried_out) == ({"m1": "storage"}, 2)
    assert books.flow().run({"m1": delivered(1, ("A", 2))}, RULES, NOW).again == {}
    assert [(level.available, level.revision) for level in books.levels()] == [(3, 2)]
    books.assert_sound()


class Silent:
    """Wraps a client: transactions are carried out and never answered."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401
        self._client = client
        self.carried_out = 0

    def transact_write_items(self, **request: Any) -> None:  # noqa: ANN401
        self._client.transact_write_items(**request)
        self.carried_out += 1
        raise no_answer()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._client, name)


# ---- refused by the service: conflicts and throttles, which the engine never gives


TEN = {f"m{i}": delivered(i, (f"S{i % 5}", 1)) for i in range(10)}
"""Ten orders for five SKUs: fifteen actions."""


def stocked(books: Books, units: int = 2) -> None:
    books.stock_up(*(trade.level(f"S{i}", "celtic", units) for i in range(5)))


def refusing(engine: Engine, codes: list[str]) -> tuple[Refusing, Any]:
    """A client whose transactions meet these, one each, and then nothing more."""
    left = list(codes)
    watch = Refusing(lambda operation: left.pop(0) if left and operation == "TransactWriteItems" else "")
    return watch, watch.watch(engine.client())


@pytest.mark.parametrize(
    "code",
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "TransactionInProgressException"],
)
def test_a_conflict_is_tried_again_after_a_pause_and_after_two_in_halves(
    engine: Engine, books: Books, code: str
) -> None:
    stocked(books)
    watch, client = refusing(engine, [code] * 4)
    flow, pauses = books.flow(client), list[int]()
    flow.pause = pauses.append

    placed = flow.run(TEN, RULES, NOW)

    assert watch.transactions() == [15, 15, 15, 10, 10, 10]  # the first half meets one more
    assert pauses == [1, 2, 1]
    assert (placed.again, placed.counted["TransactionConflict"]) == ({}, 4)
    assert all(level.available == 0 for level in books.levels())
    books.assert_sound()


def test_conflicts_without_end_give_the_batch_back_and_lose_nothing(engine: Engine, books: Books) -> None:
    stocked(books)
    watch, client = refusing(engine, ["TransactionConflict"] * 1000)
    flow, pauses = books.flow(client), list[int]()
    flow.pause = pauses.append

    placed = flow.run(TEN, RULES, NOW)

    assert placed.again.keys() == TEN.keys()
    assert watch.transactions() == [15] * 3 + [10] * 3 + [4] * 3 + [2] * 12  # down to one order with its level
    assert pauses == [1, 2, 1, 2, 1, 2, *range(1, 13)]
    assert books.placed() == []
    assert books.flow().run(TEN, RULES, NOW).again == {}
    assert len(books.placed()) == 10
    books.assert_sound()


@pytest.mark.parametrize("call", [1, 2], ids=["who waits", "the order"])
def test_a_fill_that_could_not_read_comes_again(morning: Morning, call: int) -> None:
    fill = {"m6": BATCH["m6"]}
    throttled = ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")

    placed = morning.run(Faulty(morning.books.client, call, failure=throttled), fill)

    assert placed.again.keys() == {"m6"}
    assert morning.run(messages=fill).again == {}
    assert morning.ends()["('C', 'celtic')"] == 0


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_a_throttled_batch_comes_again_and_is_placed_once(engine: Engine, books: Books, code: str) -> None:
    stocked(books)
    watch, client = refusing(engine, [code])
    flow = books.flow(client)

    assert flow.run(TEN, RULES, NOW).again == dict.fromkeys(TEN, "storage")
    assert flow.run(TEN, RULES, NOW).again == {}

    assert watch.transactions() == [15, 15]
    assert len(books.placed()) == 10
    books.assert_sound()


def test_an_answer_that_is_lost_while_its_request_is_in_progress_places_once(engine: Engine, books: Books) -> None:
    stocked(books)
    _, client = refusing(engine, ["", "TransactionInProgressException"])
    lost = Faulty(client, at=3, failure=no_answer(), after=True)  # read, plans, orders

    placed = books.flow(lost).run(TEN, RULES, NOW)

    assert placed.again == {}
    assert lost.calls.count("transact_write_items") == 3
    assert [level.revision for level in books.levels()] == [2] * 5
    books.assert_sound()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_under_load_every_message_comes_through_once(engine: Engine, morning: Morning, seed: int) -> None:
    _, ends = undisturbed(morning)
    watch = under_load(random.Random(seed), 0.3)  # noqa: S311
    client = watch.watch(engine.client())
    left = BATCH

    for _ in range(50):
        left = among(morning.run(client, left).again)

    assert left == {}
    assert any(call.code for call in watch.calls)
    assert morning.ends() == ends
