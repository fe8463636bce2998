"""What an order costs: write units and calls of the take, by our own meter, on DynamoDB Local.

Orders of k lines, each from one source, alone and in batches; beside it what stands next to an order: plan and
address.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from bench.figure import Figure
from bench.meter import Metered
from local import dynamodb_local
from shared.storage import levels
from shared.storage.dynamo import Table
from tests.support import trade
from tests.support.tables import create_tables
from tests.support.workers import delivered, place_orders

KS = (1, 3, 5, 10)
BATCHES = (1, 10, 25)
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
                stock_table, order_table = create_tables(client, f"b{uuid.uuid4().hex[:8]}-")
                stock = [levels.to_item(trade.level(f"SKU-{i}", "alpina", STOCK)) for i in range(k)]
                Table(client, stock_table).write_all(stock)
                metered = Metered(client)
                batch = {f"m{i}": delivered(i, *((f"SKU-{j}", 1) for j in range(k))) for i in range(1, size + 1)}
                placed = place_orders(metered, stock_table, order_table).run(
                    batch, trade.shop_rules("alpina"), trade.times_now()
                )
                if placed.again or placed.counted["UnitsReserved"] != k * size:
                    raise AssertionError("the batch was not placed", placed)
                bill = metered.bill
                where = f"k={k}, " + ("alone" if size == 1 else f"in batches of {size}")
                taken = (bill.by_entity["order"] + bill.by_entity["level"]) / size
                yield Figure(
                    name=f"take, {where}",
                    value=taken,
                    unit="write units/order",
                    bar=_bar(k, size, bill.by_entity["order"] / size),
                )
                yield Figure(
                    name=f"plan and address, {where}", value=bill.write_units / size - taken, unit="write units/order"
                )
                yield Figure(name=f"reads, {where}", value=bill.read_units / size, unit="read units/order")
                yield Figure(name=f"calls, {where}", value=bill.calls / size, unit="calls/order", bar=_calls(k, size))


def _bar(k: int, size: int, order_units: float) -> float:
    """2(1 + k/B), where the first term is twice the order's own kilobytes."""
    return max(order_units, 2) + 2 * k / size


def _calls(k: int, size: int) -> float | None:
    if k > 1:
        return None
    return CALLS_ALONE if size == 1 else CALLS_IN_A_BATCH if size == LARGEST_BATCH else None
