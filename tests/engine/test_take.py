"""Batches of one worker: what they cost, what a refusal teaches, and what is not asked for twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.messages import FillSku, PlanOrder, write
from shared.domain.names import Sku
from shared.domain.orders import LineState
from shared.domain.rules import Rules
from shared.storage import keys
from shared.storage.dynamo import Table
from tests.support import trade
from tests.support.books import Books
from tests.support.faults import Faulty, Meanwhile
from tests.support.workers import delivered

RULES = trade.shop_rules("alpina", "baltic", "celtic")
NOW = trade.times_now()
A_SECOND = timedelta(seconds=1)


class Listening:
    """Wraps a client and keeps what it is asked, `(call, request)`."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401
        self._client = client
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        call = getattr(self._client, name)

        def listened(**request: Any) -> Any:  # noqa: ANN401
            self.asked.append((name, request))
            return call(**request)

        return listened

    def keys_read(self) -> list[int]:
        """How many items each batch read asked for."""
        reads = [request["RequestItems"] for name, request in self.asked if name == "batch_get_item"]
        return [sum(len(table["Keys"]) for table in tables.values()) for tables in reads]

    def actions(self) -> list[list[str]]:
        """The verbs of each transaction."""
        taken = [request["TransactItems"] for name, request in self.asked if name == "transact_write_items"]
        return [[verb for action in actions for verb in action] for actions in taken]


def calls_of(books: Books, batch: dict[str, str]) -> int:
    """How many calls a batch makes when all goes well."""
    watched = Faulty(books.client, at=0)
    assert books.flow(watched).run(batch, RULES, NOW).again == {}
    return len(watched.calls)


def test_calls_of_a_batch(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 100))

    assert calls_of(books, {"m1": delivered(1, ("A", 1))}) == 3
    assert calls_of(books, {f"m{i}": delivered(i, ("A", 1)) for i in range(2, 12)}) <= 4


def test_twenty_five_orders_share_one_commit_and_one_write_per_level(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 100), trade.level("B", "celtic", 100))
    listening = Listening(books.client)

    books.flow(listening).run({f"m{i}": delivered(i, ("A", 1), ("B", 2)) for i in range(1, 26)}, RULES, NOW)

    assert listening.actions() == [["Put"] * 25 + ["Update"] * 2]
    assert [(level.committed, level.revision) for level in books.levels()] == [(25, 2), (50, 2)]
    books.assert_sound()


def test_a_redelivered_create_folded_with_a_cancel_still_cancels(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 5))
    books.flow().run({"m1": delivered(1, ("A", 2))}, RULES, NOW)

    cancel = delivered(1, ("A", 2), topic="orders/cancelled")
    books.flow().run({"m1": delivered(1, ("A", 2)), "m2": cancel}, RULES, NOW)

    assert [order.state for order in books.placed()] == ["cancelled"]
    books.assert_sound()


def test_a_level_that_was_short_teaches_the_plan(books: Books) -> None:
    books.stock_up(trade.level("A", "alpina", 5), trade.level("A", "celtic", 5))
    overtakes = Meanwhile(
        books.client,
        "transact_write_items",
        lambda: books.flow().run({"m9": delivered(9, ("A", 4))}, RULES, NOW),
    )
    listening = Listening(overtakes)

    placed = books.flow(listening).run({"m1": delivered(1, ("A", 5))}, RULES, NOW)

    assert placed.again == {}
    assert listening.keys_read() == [10]  # its order, three levels, offers and pauses: what refused it told the rest
    assert sum(books.available().values()) == 1
    books.assert_sound()


# ---- what is sold out is remembered for a second


@pytest.mark.parametrize(
    ("apart", "reads"),
    [(1, [10] * 40), (0.1, ([10] + [1] * 9) * 4), (0, [10] + [1] * 39)],
    ids=["calm", "10/s", "storm"],
)
def test_orders_for_what_is_sold_out_read_its_levels_once_a_second(
    books: Books, apart: float, reads: list[int]
) -> None:
    books.stock_up(trade.level("A", "alpina", 0), trade.level("A", "baltic", 0))
    listening = Listening(books.client)
    flow = books.flow(listening)

    for i in range(40):
        flow.run({"m": delivered(i + 1, ("A", 1))}, RULES, NOW + i * apart * A_SECOND)

    assert listening.keys_read() == reads  # an order; three levels, their offers, and whether their sources are paused
    assert listening.actions() == [["Put"]] * 40
    assert [order.state for order in books.placed()] == ["backordered"] * 40


def test_what_a_refusal_found_sold_out_is_not_tried_again(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 1))
    overtakes = Meanwhile(
        books.client,
        "transact_write_items",
        lambda: books.flow().run({"m9": delivered(9, ("A", 1))}, RULES, NOW),
    )
    listening = Listening(overtakes)
    flow = books.flow(listening)

    for i in (1, 2):
        flow.run({"m": delivered(i, ("A", 1))}, RULES, NOW)

    assert listening.actions() == [["Put", "Update"], ["Put"], ["Put"]]
    assert listening.keys_read() == [10, 1]
    books.assert_sound()


def test_the_last_unit_is_known_to_be_gone_by_who_took_it(books: Books) -> None:
    books.stock_up(trade.level("A", "celtic", 1))
    listening = Listening(books.client)
    flow = books.flow(listening)

    for i in (1, 2):
        flow.run({"m": delivered(i, ("A", 1))}, RULES, NOW)

    assert listening.actions() == [["Put", "Update"], ["Put"]]
    assert listening.keys_read() == [10, 1]


def waits(books: Books, order_id: int) -> str:
    """Have an order wait for A as `record_orders` would list it; give the message that asks for its fill."""
    pk, sk = keys.backorder(Sku("A"), trade.T0, trade.key(str(order_id)), str(order_id * 100 + 1))
    Table(books.client, books.orders).put({"PK": pk, "SK": sk, "entity": "backorder"})
    return write(FillSku(sku=Sku("A")))


@pytest.mark.parametrize(
    ("_case", "order_id", "seconds", "reserved"),
    [
        ("an order within the second", 2, 0.999, 0),
        ("an order after it", 2, 1, 2),
    ],
)
def test_a_restock_is_seen_by_new_orders_after_a_second(
    books: Books, _case: str, order_id: int, seconds: float, reserved: int
) -> None:
    flow = books.flow()
    flow.run({"m": delivered(1, ("A", 2))}, RULES, NOW)
    books.stock_up(trade.level("A", "celtic", 2))

    flow.run({"m": delivered(order_id, ("A", 2))}, RULES, NOW + seconds * A_SECOND)

    assert [order.total(LineState.RESERVED) for order in books.placed()] == [0, reserved]
    books.assert_sound()


def test_a_fill_is_answered_by_what_is_there_and_so_is_who_waited_a_second_too_long(books: Books) -> None:
    flow = books.flow()
    flow.run({"m": delivered(1, ("A", 2))}, RULES, NOW)
    books.stock_up(trade.level("A", "celtic", 2))

    flow.run({"m": waits(books, 1)}, RULES, NOW)

    assert [order.state for order in books.placed()] == ["reserved"]
    assert [level.available for level in books.levels()] == [0]


def test_a_plan_is_answered_by_what_is_there(books: Books) -> None:
    flow = books.flow()
    flow.run({"m": delivered(1, ("A", 2))}, RULES, NOW)
    flow.run({"m": delivered(1, ("A", 5), topic="orders/updated", minute=1)}, RULES, NOW)
    books.stock_up(trade.level("A", "celtic", 3))

    flow.run({"m": write(PlanOrder(order=trade.key("1")))}, RULES, NOW)

    (order,) = books.placed()
    assert (order.total(LineState.RESERVED), order.total(LineState.BACKORDERED)) == (3, 2)


def test_a_channel_that_holds_what_nobody_has_is_not_told_from_memory(books: Books) -> None:
    holding: Rules = trade.shop_rules("celtic", when_short="hold")
    flow = books.flow()
    flow.run({"m": delivered(1, ("A", 2))}, holding, NOW)
    books.stock_up(trade.level("A", "celtic", 2))

    flow.run({"m": delivered(2, ("A", 2))}, holding, NOW)

    assert [order.hold for order in books.placed()] == ["no source has it; A: celtic: does not list it", ""]


def test_a_hold_that_ends_within_the_second_is_over(books: Books) -> None:
    flow = books.flow()
    books.stock_up(trade.level("A", "celtic", 2, held_since=trade.T0, held_until=trade.NOW))
    flow.run({"m": delivered(1, ("A", 2))}, RULES, NOW - A_SECOND / 2)

    flow.run({"m": delivered(2, ("A", 2))}, RULES, NOW)

    assert [order.state for order in books.placed()] == ["backordered", "reserved"]
