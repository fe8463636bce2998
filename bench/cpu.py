"""CPU of `process_orders` an order, beside a bare handler that parses the same body and puts it as one item.

The tables are on DynamoDB Local, so the client's own work is in it - signing, HTTP, reading the answer - and the
engine's is not. Both run in turn in one process, each on batches of its own; the fewest seconds of several count.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.figure import Figure
from local import dynamodb_local
from shared.domain import messages
from shared.domain.messages import Delivered
from shared.storage import levels
from shared.storage.dynamo import Table
from tests.support import trade
from tests.support.tables import create_tables
from tests.support.workers import delivered, place_orders

KS = (1, 3, 5, 10)
BATCHES = (1, 25)
RUNS = 15
STOCK = 10**6
BAR = 7.0
"""At k = 1: three calls where the bare handler makes one, and as much again for planning and conditions."""


def measure() -> Iterator[Figure]:
    """Yield a figure for every k, alone and in batches."""
    with dynamodb_local.running() as url:
        client = dynamodb_local.client(url)
        stock_table, order_table = create_tables(client, f"c{uuid.uuid4().hex[:8]}-")
        skus = [f"SKU-{i}" for i in range(max(KS))]
        Table(client, stock_table).write_all([levels.to_item(trade.level(sku, "alpina", STOCK)) for sku in skus])
        flow = place_orders(client, stock_table, order_table)
        rules = trade.shop_rules("alpina")
        number = 0

        def ours(batch: Mapping[str, str]) -> None:
            if flow.run(batch, rules, trade.times_now()).counted["OrderRecorded"] != len(batch):
                raise AssertionError("the batch was not placed")

        def bare(batch: Mapping[str, str]) -> None:
            for text in batch.values():
                _put(client, order_table, text)

        for k in KS:
            for size in BATCHES:
                seconds: dict[Callable[[Mapping[str, str]], None], list[float]] = {ours: [], bare: []}
                for _ in range(RUNS):
                    for run, taken in seconds.items():
                        lines = [(sku, 1) for sku in skus[:k]]
                        batch = {f"m{i}": delivered(number + i, *lines) for i in range(1, size + 1)}
                        number += size
                        start = time.process_time()
                        run(batch)
                        taken.append((time.process_time() - start) / size)
                yield Figure(
                    name=f"CPU of process_orders, k={k}, " + ("alone" if size == 1 else f"in batches of {size}"),
                    value=min(seconds[ours]) * 1000,
                    unit="ms/order",
                    peer="parse and put",
                    peer_value=min(seconds[bare]) * 1000,
                    bar=BAR if k == 1 else None,
                )


def _put(client: Any, table: str, text: str) -> None:  # noqa: ANN401 - a client
    """Do what a handler without a promise does: read the order, write it, an item an order."""
    event = messages.read(text)
    if not isinstance(event, Delivered):
        raise TypeError(event)
    order = json.loads(event.body)
    lines = [{"M": {"sku": {"S": line["sku"]}, "units": {"N": str(line["quantity"])}}} for line in order["line_items"]]
    item = {
        "PK": {"S": f"BARE#{order['id']}"},
        "SK": {"S": "ORD"},
        "name": {"S": order["name"]},
        "placed_at": {"S": order["created_at"]},
        "currency": {"S": order["currency"]},
        "lines": {"L": lines},
        "ship_to": {"M": {name: {"S": value} for name, value in order["shipping_address"].items()}},
    }
    client.put_item(TableName=table, Item=item)
