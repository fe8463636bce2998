"""The conditions that the model searches are those that storage sends: neither has one that the other lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import orders, stock, times
from shared.domain.feeds import Feed
from shared.domain.names import SourceId
from shared.domain.orders import DeductsAt, Effect
from shared.domain.planned import Batch, Planned
from shared.domain.purchase_orders import PoEvent, PurchaseOrder, cancel_with_order, step
from shared.domain.stock import Blind, Count, Exact, First
from shared.storage import levels
from shared.storage.dynamo import Table
from shared.storage.feeds import Feeds
from shared.storage.levels import Levels
from shared.storage.order_book import Deducting, OrderBook
from shared.storage.outbox import Outbox
from tests.model.conditions import CONDITIONS, OF_SIZE
from tests.support import trade

NOW = trade.times_now()
KEY = trade.at("A", "alpina")
ALPINA = SourceId("alpina")
NEW = orders.take(trade.order("1", ("A", 1)), {("l1", ALPINA): 1}, attempt="t")
NEXT = replace(NEW, revision=2)
SENT = replace(orders.send(NEW, 1, deducts_at=DeductsAt.SHIP).order, revision=2)
READY = PurchaseOrder(order=NEW.key, source=ALPINA, n=1, number="ALPINA-1", lines=())
CLAIMED, CANCELLED = step(READY, PoEvent.CLAIM), step(READY, PoEvent.CANCEL)
COUNT = Count(key=KEY, units=1, as_of=trade.NOW, count_id="f")
DEDUCTION = stock.deduction(KEY, 1, 0, NOW, timedelta(0))
DEDUCTING = Deducting(NOW, timedelta(0))


class Sent(Exception):
    """The first request of a call."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request


class Client:
    """Answers every call by what it was."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> None:  # noqa: ANN401 - whatever storage sends
            raise Sent(request)

        return call


CLIENT: Any = Client()
BOOK = OrderBook.of(CLIENT, "stock", "orders")
OUTBOX = Outbox(BOOK)
LEVELS, FEEDS = Levels(Table(CLIENT, "stock")), Feeds(Table(CLIENT, "stock"))


def taken(before: orders.Order | None) -> Batch:
    return Batch(
        planned=(Planned(before=before, after=NEW if before is None else NEXT, decision=None),),
        shares={KEY: {NEW.key: 1}},
        unchanged=frozenset(),
    )


def moved(effect: Effect) -> object:
    changed = cancel_with_order([READY], trade.NOW)
    return BOOK.move((NEW, NEXT), [effect], changed, move_id="cancel", now=NOW, deducting=DEDUCTING)


def counted(write: stock.CountWrite) -> object:
    return LEVELS.count(write, trade.NOW)


CALLS: dict[str, tuple[Callable[[], object], int]] = {
    "take: new order": (lambda: BOOK.take(taken(None), "t", NOW), 0),
    "take: order": (lambda: BOOK.take(taken(NEW), "t", NOW), 0),
    "take: level": (lambda: BOOK.take(taken(None), "t", NOW), 1),
    "move: marker": (lambda: moved(Effect(level=KEY, give_back=1)), 0),
    "move: order": (lambda: moved(Effect(level=KEY, give_back=1)), 1),
    "purchase order, cancel": (lambda: moved(Effect(level=KEY, give_back=1)), 2),
    "give back: level": (lambda: moved(Effect(level=KEY, give_back=1)), 3),
    "deduct, not shown: level": (lambda: moved(Effect(level=KEY, deduct=1)), 3),
    "row, first": (lambda: counted(First(count=COUNT)), 0),
    "row, blind": (lambda: counted(Blind(count=COUNT, old=1)), 0),
    "row, exact": (
        lambda: counted(Exact(count=COUNT, seen=trade.level("A", "alpina", 1), gone=(), lifts_hold=False)),
        0,
    ),
    "feed": (lambda: FEEDS.write(Feed(source=ALPINA, revision=2)), 0),
    "purchase order, make": (lambda: OUTBOX.make(READY), 0),
    "purchase order, claim: order": (lambda: OUTBOX.claim((NEW, SENT), (READY, CLAIMED)), 0),
    "purchase order, claim": (lambda: OUTBOX.claim((NEW, SENT), (READY, CLAIMED)), 1),
    "purchase order, drop: order": (lambda: OUTBOX.drop(NEW, READY, CANCELLED), 0),
    "purchase order, change": (lambda: OUTBOX.change(READY, CLAIMED), 0),
}
"""Write -> what sends it, and where it stands in the transaction."""


def conditions(request: dict[str, Any]) -> set[str]:
    condition = str(request["ConditionExpression"])
    for alias, name in request.get("ExpressionAttributeNames", {}).items():
        condition = condition if alias == "#bucket" else condition.replace(alias, name)
    return set(condition.split(" AND "))


@pytest.mark.parametrize("write", CALLS)
def test_storage_sends_the_conditions_that_the_model_knows(write: str) -> None:
    send, at = CALLS[write]

    with pytest.raises(Sent) as sent:
        send()

    request = sent.value.request
    if "TransactItems" in request:
        (request,) = request["TransactItems"][at].values()
    assert conditions(request) == set(CONDITIONS[write]) | OF_SIZE.get(write, set())


def test_a_deduction_that_the_photograph_shows_asks_what_the_model_knows() -> None:
    action = levels.deduct("stock", DEDUCTION, "t", ("ship", "d1"), trade.NOW, is_shown=True)
    assert conditions(dict(action.request)) == set(CONDITIONS["deduct, shown: level"])


def test_every_write_of_the_model_is_held_against_storage() -> None:
    assert CALLS.keys() | {"deduct, shown: level"} == CONDITIONS.keys()


@pytest.mark.parametrize("is_shown", [True, False])
def test_every_write_that_deducts_raises_the_deduction_revision(is_shown: bool) -> None:  # noqa: FBT001
    action = levels.deduct("stock", DEDUCTION, "t", ("ship", "d1"), times.text(NOW), is_shown=is_shown)
    assert "drev = drev + :one" in action.request["UpdateExpression"]
