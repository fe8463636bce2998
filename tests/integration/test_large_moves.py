"""Orders that stand on more levels than a transaction holds: cancelled and edited part by part, once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.domain import orders, rules, stock
from shared.domain.messages import Delivered, PlanOrder, write
from shared.domain.names import ChannelId
from shared.domain.orders import LineState, Order
from shared.domain.people import By
from shared.domain.planned import Needs
from shared.flows.operate_orders import OperateOrders
from shared.storage import levels
from shared.storage import orders as order_items
from shared.storage.order_book import OrderBook
from tests.support import trade
from tests.support.faults import Crash, Faulty
from tests.support.workers import place_orders

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

MANY = 125
LINES = [(f"SKU-{i:03}", 1) for i in range(MANY)]
RULES: rules.Rules = trade.shop_rules("alpina")
NOW = trade.times_now()


@pytest.fixture
def book(aws: Aws) -> OrderBook:
    """Have an order of so many lines hold a unit of each of as many levels."""
    store = OrderBook(aws.dynamodb, aws.stock, aws.orders)
    order = orders.take(
        trade.order("1", *LINES),
        {(f"l{i}", trade.at("A", "alpina").source): 1 for i in range(1, MANY + 1)},
        attempt="t",
    )
    store.orders.put(order_items.to_item(order))
    for sku, _ in LINES:
        store.stock.put(levels.to_item(trade.level(sku, "alpina", 5, available=4, committed=1)))
    return store


def order_of(book: OrderBook) -> Order:
    found = book.order(trade.key("1"))
    assert found is not None
    orders.check(found)
    return found


def committed(book: OrderBook) -> int:
    found = book.read(
        (), Needs(levels=frozenset(trade.at(sku, "alpina") for sku, _ in LINES)), consistent=True
    ).levels.values()
    assert all(stock.adds_up(level) for level in found)
    return sum(level.committed for level in found)


def message(topic: str, lines: list[tuple[str, int]], version: str = "") -> str:
    body = trade.shopify_body(1, *lines).decode()
    if version:
        body = body.replace(trade.T0, version)
    return write(
        Delivered(channel=ChannelId("nordlys"), topic=topic, archive_key="1", received_at=trade.NOW, body=body)
    )


def run(client: Any, aws: Aws, text: str) -> None:  # noqa: ANN401 - or a faulty one
    assert place_orders(client, aws.stock.name, aws.orders.name).run({"m1": text}, RULES, NOW).again == {}


def test_a_cancel_frees_all_of_it_part_by_part(aws: Aws, book: OrderBook) -> None:
    cancel = message("orders/cancelled", LINES)
    run(aws.dynamodb, aws, cancel)

    order = order_of(book)
    assert (order.total(LineState.CANCELLED), order.is_cancelling, committed(book)) == (MANY, False, 0)
    assert order.revision == 4

    run(aws.dynamodb, aws, cancel)

    assert order_of(book) == order


def test_a_cancel_that_breaks_off_between_its_parts_is_brought_to_its_end_by_the_sweep(
    aws: Aws, book: OrderBook
) -> None:
    calls = Faulty(aws.dynamodb, at=4)  # read, purchase orders, first part, then gone
    with pytest.raises(Crash):
        run(calls, aws, message("orders/cancelled", LINES))
    order = order_of(book)
    assert order.is_cancelling
    assert order.due_at

    run(aws.dynamodb, aws, write(PlanOrder(order=order.key)))

    assert (order_of(book).total(LineState.CANCELLED), committed(book)) == (MANY, 0)


def test_a_person_cancels_it_whole(book: OrderBook) -> None:
    flow = OperateOrders(book=book, to_orders=lambda _: None)

    after = flow.cancel(trade.key("1"), By("ann", "asked by phone"), "op1", NOW)

    assert (after.total(LineState.CANCELLED), committed(book)) == (MANY, 0)


def test_an_edit_that_takes_off_more_levels_than_fit_keeps_its_version_until_its_last_part() -> None:
    taken = {(f"l{i}", trade.at("A", "alpina").source): 1 for i in range(1, MANY + 1)}
    order = orders.take(trade.order("1", *LINES), taken, attempt="t")
    wanted = dict.fromkeys((line.line for line in order.lines), 0)
    parts = []
    while order.version < 2:
        move = orders.edit(order, wanted, 2, most=orders.MOST_LEVELS_A_MOVE)
        parts.append(len(move.effects))
        order = replace(move.order, revision=order.revision + 1)

    assert parts == [60, 60, MANY - 120]
    assert order.total(LineState.CANCELLED) == MANY
