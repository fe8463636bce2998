"""A shop ends at the true number of every SKU, however its publishers die, meet, wait, and hear things twice."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from local.shop import Store
from shared.storage.availability import Availability
from shared.storage.dynamo import Table
from tests.engine.conftest import Engine
from tests.support.publishing import NORDLYS
from tests.support.telling import World, listing

SEEDS = range(20 if os.environ.get("SOAK") else 1)  # noqa: TID251 - how long the suite may take


@pytest.mark.parametrize("seed", SEEDS)
def test_after_5000_changes_the_shop_has_every_true_number_and_never_heard_an_older_one(
    engine: Engine, tmp_path: Path, seed: int
) -> None:
    client = engine.client()
    world = World(
        stock=Table(client, engine.stock_table),
        orders=Table(client, engine.order_table),
        store=Store(tmp_path / "shop.sqlite"),
        chance=random.Random(seed),  # noqa: S311 - a run is to be repeated
    )
    skus = [f"S{i}" for i in range(60)]
    world.list_products(skus)

    for i in range(1, 5_001):
        world.change(world.chance.choice(skus))
        if i % 8 == 0:
            world.record()
        if i % 25 == 0:
            world.publish()
        if i % 200 == 0:
            world.come_to_rest()
            shows = world.store.quantities()
            assert {sku: shows.get(listing(sku), 0) for sku in skus} == {sku: world.truth(sku) for sku in skus}, i
            assert Availability(world.stock).marks(NORDLYS, 1) == []

    assert world.told > 500
