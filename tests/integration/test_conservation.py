"""Over real histories nothing is ever found wrong; one thing that is wrong is found, mended, and found no more."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain import stock
from shared.domain.ledger import drift
from shared.domain.names import LevelKey
from shared.domain.people import By
from shared.domain.stock import Level
from shared.flows.compensate import subject
from shared.runtime import clock
from shared.storage import keys, ledger, levels
from shared.storage.ledger import Ledger
from tests.integration.conftest import Aws, LambdaContext
from tests.support import trade
from tests.support.life import SKUS, SOURCES, Life

SEEDS = range(100 if os.environ.get("SOAK") else 10)  # noqa: TID251 - how long the suite may take
THINGS = 40
DAMAGES = ("available", "committed", "lost", "lost newest", "lost two", "wrong", "order gave back", "order took")


def live(aws: Aws, context: LambdaContext, seed: int) -> Life:
    chance = random.Random(seed)  # noqa: S311 - a life is to be repeated
    life = Life(aws, context, chance, clock.now() - timedelta(days=20))
    for sku in SKUS:
        for source in SOURCES:
            row = trade.level(sku, source, 30)
            write = stock.First(
                count=stock.Count(key=row.key, units=30, as_of=row.counted_as_of.replace("2026-11-24", "2026-11-01"), count_id="file0")
            )
            levels.Levels(aws.stock).count(write, life.now.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    return life


def chosen(life: Life) -> tuple[Level, list[ledger.Movement]]:
    """The level that most has happened to."""
    found = [life.level(trade.at(sku, source)) for sku in SKUS for source in SOURCES]
    level = max((each for each in found if each), key=lambda each: each.revision)
    return level, Ledger(life.aws.stock).of(level.key, life.now)


def damage(life: Life, what: str) -> LevelKey:
    """Change one thing by hand."""
    level, movements = chosen(life)
    some = life.chance.randint(1, len(movements) - 3)
    match what:
        case "available":
            life.aws.stock.put(levels.to_item(replace(level, available=level.available + 2)))
        case "committed":
            life.aws.stock.put(levels.to_item(replace(level, committed=level.committed + 1)))
        case "wrong":
            life.aws.stock.put(ledger.to_item(replace(movements[some], units=movements[some].units - 1)))
        case "lost" | "lost two" | "lost newest":
            lost = {"lost": [some], "lost two": [some, some + 1], "lost newest": [-1]}[what]
            for each in lost:
                gone = movements[each]
                life.aws.stock.delete(keys.movement(gone.key, gone.changed_at, gone.revision))
        case _:
            order = next(
                order for key in life.orders if (order := life.book.order(key)) for each in order.allocations if each.committed
            )
            (first, *_) = [each for each in order.allocations if each.committed]
            units = first.committed - 1 if what == "order gave back" else first.committed
            changed = replace(first, committed=units)
            if what == "order took":
                life.aws.stock.update(
                    keys.level(LevelKey(order.line(first.line).sku, first.source)),
                    {"UpdateExpression": "ADD revision :zero", "ExpressionAttributeValues": {":zero": {"N": "0"}}},
                )
            others = tuple(changed if each is first else each for each in order.allocations)
            life.put_order(replace(order, allocations=others))
            return LevelKey(order.line(first.line).sku, first.source)
    return level.key


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_without_damage_is_never_found_wrong(aws: Aws, context: LambdaContext, seed: int) -> None:
    life = live(aws, context, seed)

    for at in range(THINGS):
        life.happen()
        if at % 8 == 7:
            assert life.reconcile()["LedgerDrift"] == 0
    life.now += timedelta(minutes=11)
    life.deliver(all_of_it=True)

    assert life.reconcile()["LedgerDrift"] == 0
    assert life.drifts() == []
