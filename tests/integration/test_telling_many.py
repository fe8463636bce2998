"""Only what is marked is pushed, however many SKUs there are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.shop import Store
from shared.domain.messages import Refresh, Scope
from shared.domain.names import Sku
from shared.storage import levels
from shared.storage.availability import Told, told_item
from tests.support import trade
from tests.support.publishing import NORDLYS
from tests.support.telling import World

if TYPE_CHECKING:
    from tests.integration.conftest import Aws


@pytest.fixture
def world(aws: Aws, tmp_path: Path) -> World:
    return World(
        stock=aws.stock,
        orders=aws.orders,
        store=Store(tmp_path / "shop.sqlite"),
        chance=random.Random(0),  # noqa: S311 - a run is to be repeated
        is_calm=True,
    )


def test_of_10000_skus_only_the_50_that_changed_are_pushed(world: World) -> None:
    skus = [f"S{i}" for i in range(10_000)]
    world.list_products(skus)
    world.show(skus, 8)
    known = [trade.level(sku, "alpina", 10) for sku in skus]
    told = [Told(sku=Sku(sku), channel=NORDLYS, number=8, told_at=trade.T0, revision=1) for sku in skus]
    world.stock.write_all([levels.to_item(level) for level in known] + [told_item(each) for each in told])
    changed = world.chance.sample(known, 50)

    for level in changed:
        world.images[level.key] = level
        world.take(level, 1)
    while world.stream:
        world.record()
    while world.queue:
        world.publish()

    assert sorted(world.pushed) == sorted(level.key.sku for level in changed)


def test_a_refresh_of_a_source_marks_only_what_differs(world: World) -> None:
    skus = [f"S{i:04}" for i in range(1_000)]
    world.list_products(skus)
    world.stock.write_all([levels.to_item(trade.level(sku, "alpina", 10)) for sku in skus])
    world.show(skus, 7)
    other = dict.fromkeys(world.chance.sample(skus, 20), 7)
    told = [Told(sku=Sku(sku), channel=NORDLYS, number=other.get(sku, 8), told_at=trade.T0, revision=1) for sku in skus]
    world.stock.write_all([told_item(each) for each in told])
    world.send([Refresh(scope=Scope.SOURCE, name="alpina")])

    while world.queue:
        world.publish()

    assert sorted(world.pushed) == sorted(f"S{int(sku[1:])}" for sku in other)
