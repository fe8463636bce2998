"""Over real histories nothing is ever found wrong; one thing that is wrong is found, mended, and found no more."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.sweep_due_work import handler as sweep_due_work
from shared.domain import conservation, explain, orders, stock, times
from shared.domain.ledger import drift as ledger_drift
from shared.domain.names import LevelKey
from shared.domain.orders import Allocation, DeductsAt, Order
from shared.domain.stock import Count, First
from shared.flows import reconcile
from shared.flows.compensate import subject
from shared.runtime import clock
from shared.storage import ledger, levels
from shared.storage.ledger import Ledger
from shared.storage.levels import Levels
from tests.integration.conftest import Aws, LambdaContext
from tests.support import trade
from tests.support.life import RULES, Life

IS_SOAK = bool(os.environ.get("SOAK"))  # noqa: TID251 - how long the suite may take
LIVES = range(50 if IS_SOAK else 2)
DAMAGES = (
    "available",
    "committed",
    "counted and available",
    "a movement is lost",
    "the newest is lost",
    "two are lost",
    "a movement is wrong",
    "an order gave back",
    "an order was shipped",
    "an order took",
    "a line does not add up",
)
ONLY_A_PERSON = {"counted and available", "a line does not add up"}


@pytest.fixture
def life(aws: Aws, context: LambdaContext, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Life:
    """Four levels of 30, long ago; a day of two hours is enough for them."""
    monkeypatch.setattr(reconcile, "SEGMENTS", 2)
    chance = random.Random(request.param)  # noqa: S311 - a life is to be repeated
    begun = Life(aws, context, chance, clock.now() - timedelta(days=20))
    as_of = times.text(begun.now - timedelta(days=1))
    for key in begun.keys:
        count = Count(key=key, units=30, as_of=as_of, count_id="file0")
        Levels(aws.stock).count(First(count=count), times.text(begun.now))
    return begun


def happened(life: Life, things: int) -> None:
    """Let things happen until all is known to the streams' readers."""
    for _ in range(things):
        life.happen()
    life.now += timedelta(hours=1)
    life.deliver(all_of_it=True)


def reserved(life: Life) -> tuple[Order, Allocation, LevelKey]:
    """An order whose allocation holds units, and may still lose them."""
    found = [order for key in life.orders if (order := life.book.order(key))]
    order, each = next(
        (order, each) for order in found for each in order.allocations if each.committed and not each.given_back
    )
    return order, each, LevelKey(order.line(each.line).sku, each.source)


def damage(life: Life, what: str) -> str:
    """Change one thing by hand; answer whose exception that has to be."""
    if what.startswith("an order") or what == "a line does not add up":
        return damage_order(life, what)
    level = life.busiest()
    movements = Ledger(life.aws.stock).of(level.key, life.now)
    some = life.chance.randint(1, len(movements) - 3)
    by = life.chance.choice([-2, -1, 1, 2])
    match what:
        case "available":
            life.aws.stock.put(levels.to_item(replace(level, available=level.available + by)))
        case "committed":
            life.aws.stock.put(levels.to_item(replace(level, committed=level.committed + by)))
        case "counted and available":
            both = replace(level, counted=level.counted + by, available=level.available + by)
            life.aws.stock.put(levels.to_item(both))
        case "a movement is wrong":
            life.aws.stock.put(ledger.to_item(replace(movements[some], units=movements[some].units + by)))
        case "a movement is lost":
            life.lose(movements[some])
        case "the newest is lost":
            life.lose(movements[-1])
        case "two are lost":
            life.lose(*movements[some : some + 2])
    return subject(level.key)


def damage_order(life: Life, what: str) -> str:
    order, each, key = reserved(life)
    match what:
        case "an order gave back":
            life.put_order(orders.reroute(order, each.n, each.line, 1).order)
        case "an order was shipped":
            sent = order if each.sent else orders.send(order, each.n, deducts_at=DeductsAt.SHIP).order
            life.put_order(orders.ship(sent, each.n, each.line, 1, deducts_at=DeductsAt.SHIP).order)
        case "an order took":
            taken = orders.take(trade.order("99", (key.sku, 2)), {("l1", key.source): 2}, attempt="a")
            life.put_order(taken)
            life.orders.append(taken.key)
        case _:
            lines = tuple(replace(line, cancelled=line.cancelled + 1) for line in order.lines)
            life.put_order(replace(order, lines=lines))
            return str(order.key)
    return subject(key)


def is_whole(life: Life) -> bool:
    """Whether every level adds up, its movements fold to it, and orders hold what it has promised."""
    for key in life.keys:
        level = life.level(key)
        assert level
        movements = Ledger(life.aws.stock).of(key, life.now)
        held = sum(conservation.holding(order, key).committed for order in life.all_orders())
        if not stock.adds_up(level) or ledger_drift(level, movements) or level.committed != held:
            return False
        terms = explain.level(level, movements)
        if terms.wrong or sum(term.units for term in terms.terms) != level.available:
            return False
    return True


@pytest.mark.parametrize("life", LIVES, indirect=True)
def test_a_history_without_damage_is_never_found_wrong(life: Life) -> None:
    for at in range(32):
        life.happen()
        if at % 8 == 7:
            assert life.reconcile()["LedgerDrift"] == 0
    happened(life, 0)

    assert life.reconcile()["LedgerDrift"] == 0
    assert life.drifts() == []
    assert is_whole(life)


@pytest.mark.parametrize("what", DAMAGES)
@pytest.mark.parametrize("life", LIVES if IS_SOAK else (7,), indirect=True)
def test_one_damage_is_the_one_that_is_found_and_mended_and_found_no_more(life: Life, what: str) -> None:
    happened(life, 20)
    assert life.drifts() == []
    whose = damage(life, what)
    life.deliver(all_of_it=True)

    assert life.reconcile()["LedgerDrift"] >= 1
    assert life.drifts() == [whose]
    before = life.everything()
    life.reconcile()
    assert life.everything() == before

    if what in ONLY_A_PERSON:
        assert life.reconcile(up_to=1000)["Compensated"] == 0
        assert life.everything() == before
        return
    assert life.reconcile(up_to=1000)["Compensated"] == 1
    life.deliver(all_of_it=True)
    assert life.reconcile()["LedgerDrift"] == 0
    assert is_whole(life)
    sweep_due_work.cure().run(RULES, life.now)
    assert life.drifts() == []
    happened(life, 3)
    assert life.reconcile()["LedgerDrift"] == 0
