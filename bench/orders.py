"""What an order costs, by our own meter, on DynamoDB Local; beside it what it costs by the patterns in `peers/`.

Orders of k lines, each from one source, alone and in batches; ours with plan and address, which the take stands
beside, the peers' with the address in the order.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from bench import events
from bench.figure import Figure
from bench.meter import Bill, Metered
from bench.peers import get_check_put, transaction_per_order
from bench.peers.shop import Shop
from local import dynamodb_local
from shared.storage import levels
from shared.storage.dynamo import Table
from tests.support import trade
from tests.support.tables import create_tables
from tests.support.workers import place_orders

KS = (1, 3, 5, 10)
BATCHES = (1, 10, 25)
PEERS = (get_check_put, transaction_per_order)
STOCK = 10**6
CALLS_ALONE = 3
CALLS_IN_A_BATCH = 0.25
LARGEST_BATCH = 25


def measure() -> Iterator[Figure]:
    """Yield figures for every k and batch."""
    with dynamodb_local.running() as url:
        client = dynamodb_local.client(url)
        for k in KS:
            for size in BATCHES:
                bodies = [events.body(i, *((f"SKU-{j}", 1) for j in range(k))) for i in range(1, size + 1)]
                where = f"k={k}, " + ("alone" if size == 1 else f"in batches of {size}")
                ours = _ours(client, bodies, k)
                taken = (ours.by_entity["order"] + ours.by_entity["level"]) / size
                yield Figure(
                    name=f"take, {where}",
                    value=taken,
                    unit="write units/order",
                    bar=_bar(k, size, ours.by_entity["order"] / size),
                )
                yield Figure(
                    name=f"plan and address, {where}", value=ours.write_units / size - taken, unit="write units/order"
                )
                for peer in PEERS:
                    yield from _beside(peer, ours, _peers(client, peer, bodies, k), where, k, size)


def _beside(peer: ModuleType, ours: Bill, theirs: Bill, where: str, k: int, size: int) -> Iterator[Figure]:
    for name, unit in (("write_units", "write units"), ("read_units", "read units"), ("calls", "calls")):
        yield Figure(
            name=f"{'all ' if name == 'write_units' else ''}{unit}, {where}",
            value=getattr(ours, name) / size,
            unit=f"{unit}/order",
            peer=peer.NAME,
            peer_value=getattr(theirs, name) / size,
            bar=_calls(k, size) if name == "calls" else None,
            bars_value=True,
        )


def _ours(client: Any, bodies: list[str], k: int) -> Bill:  # noqa: ANN401 - any DynamoDB client
    stock_table, order_table = create_tables(client, f"b{uuid.uuid4().hex[:8]}-")
    stock = [levels.to_item(trade.level(f"SKU-{i}", "alpina", STOCK)) for i in range(k)]
    Table(client, stock_table).write_all(stock)
    metered = Metered(client)
    batch = {f"m{i}": events.delivered(i, body) for i, body in enumerate(bodies, 1)}
    placed = place_orders(metered, stock_table, order_table).run(batch, trade.shop_rules("alpina"), trade.times_now())
    if placed.again or placed.counted["UnitsReserved"] != k * len(bodies):
        raise AssertionError("the batch was not placed", placed)
    return metered.bill


def _peers(client: Any, peer: ModuleType, bodies: list[str], k: int) -> Bill:  # noqa: ANN401
    shop = Shop.opened(client, {f"SKU-{i}": STOCK for i in range(k)})
    metered = Metered(client)
    if not all(peer.place(metered, shop, body) for body in bodies):
        raise AssertionError("a peer refused an order", peer.NAME)
    return metered.bill


def _bar(k: int, size: int, order_units: float) -> float:
    """2(1 + k/B), where the first term is twice the order's own kilobytes."""
    return max(order_units, 2) + 2 * k / size


def _calls(k: int, size: int) -> float | None:
    if k > 1:
        return None
    return CALLS_ALONE if size == 1 else CALLS_IN_A_BATCH if size == LARGEST_BATCH else None
