"""Workers at once on few units: how many they sell that were never there, ours and the patterns in `peers/`.

The same orders for each, told in the same order; every worker has a client of its own that stands still at one call
in ten, as a network does. What was sold is counted from the tables afterwards. Our orders come in small batches, as
the queue brings them, and wait for what is short, recorded with plan and address; a peer's come one by one and are
refused whole, with no trace. The pace is for information: nearly all of it is time in the engine's calls, and the
engine is not DynamoDB.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

from bench import events
from bench.figure import Figure
from bench.orders import PEERS
from bench.peers.shop import Shop
from local import dynamodb_local
from shared.storage import levels
from shared.storage import orders as order_items
from shared.storage.dynamo import Table
from tests.support import trade
from tests.support.tables import create_tables
from tests.support.workers import pausing_client, place_orders

WORKERS = 8
ORDERS = 200
SKUS = tuple(f"HOT-{i}" for i in range(5))
MOST_STOCK = 40
MOST_UNITS = 2
SEEDS = (1, 2, 3)
BATCH = 5
MOST_MESSAGES = ORDERS * 20


@dataclass(slots=True)
class Race:
    """What there is of each SKU, and who wants it."""

    stock: dict[str, int]
    bodies: dict[str, str]
    asked: Counter[str]

    @classmethod
    def of(cls, seed: int) -> Race:
        """Draw a race."""
        chance = random.Random(seed)  # noqa: S311 - a race is to be repeated as far as it can be
        race = cls({sku: chance.randint(0, MOST_STOCK) for sku in SKUS}, {}, Counter())
        for i in range(1, ORDERS + 1):
            sku, units = chance.choice(SKUS), chance.randint(1, MOST_UNITS)
            race.bodies[str(i)] = events.body(i, (sku, units))
            race.asked[sku] += units
        return race


@dataclass(slots=True)
class Result:
    """What became of some races."""

    oversold: int = 0
    sold: int = 0
    there: int = 0
    seconds: float = 0

    def add(self, race: Race, sold: Counter[str], seconds: float) -> None:
        """Count a race in."""
        self.oversold += sum(max(sold[sku] - units, 0) for sku, units in race.stock.items())
        self.sold += sum(min(sold[sku], units) for sku, units in race.stock.items())
        self.there += sum(min(race.asked[sku], units) for sku, units in race.stock.items())
        self.seconds += seconds


@dataclass(slots=True)
class Queue:
    """Messages that wait; what is to come again comes again."""

    waiting: list[str]
    lock: threading.Lock = field(default_factory=threading.Lock)
    taken: int = 0

    def take(self, most: int) -> list[str]:
        """Take up to so many. Raises AssertionError when the race does not end."""
        with self.lock:
            batch, self.waiting = self.waiting[:most], self.waiting[most:]
            self.taken += len(batch)
            if self.taken > MOST_MESSAGES:
                raise AssertionError("the same messages keep coming", batch)
            return batch

    def again(self, batch: list[str]) -> None:
        """Have them come again."""
        with self.lock:
            self.waiting += batch


Work = Callable[[Any, Queue], None]


def measure() -> Iterator[Figure]:
    """Yield figures beside each peer."""
    ours, theirs = Result(), {peer.NAME: Result() for peer in PEERS}
    with dynamodb_local.running() as url:
        client = dynamodb_local.client(url)
        for seed in SEEDS:
            race = Race.of(seed)
            _run_ours(url, client, race, seed, ours)
            for peer in PEERS:
                _run_peer(url, client, peer, race, seed, theirs[peer.NAME])
    for name, result in theirs.items():
        yield Figure(
            name="oversold units, in the race",
            value=ours.oversold,
            unit=f"units of {ours.there}",
            peer=name,
            peer_value=result.oversold,
            bar=0,
            bars_value=True,
        )
        yield Figure(
            name="sold of what was there and wanted, in the race",
            value=ours.sold / ours.there,
            unit="of all units",
            peer=name,
            peer_value=result.sold / result.there,
        )
        yield Figure(
            name="pace, in the race",
            value=len(SEEDS) * ORDERS / ours.seconds,
            unit="orders/s",
            peer=name,
            peer_value=len(SEEDS) * ORDERS / result.seconds,
        )


def _run_ours(url: str, client: Any, race: Race, seed: int, result: Result) -> None:  # noqa: ANN401 - any client
    stock_table, order_table = create_tables(client, f"r{uuid.uuid4().hex[:8]}-")
    Table(client, stock_table).write_all(
        [levels.to_item(trade.level(sku, "alpina", units)) for sku, units in race.stock.items()]
    )
    messages = {name: events.delivered(int(name), body) for name, body in race.bodies.items()}
    rules = trade.shop_rules("alpina")

    def work(own: Any, queue: Queue) -> None:  # noqa: ANN401
        flow = place_orders(own, stock_table, order_table)
        while batch := queue.take(BATCH):
            placed = flow.run({name: messages[name] for name in batch}, rules, trade.times_now())
            queue.again(list(placed.again))

    seconds = _at_once(url, race, seed, work)
    recorded, sold = 0, Counter[str]()
    for page in client.get_paginator("scan").paginate(TableName=order_table, ConsistentRead=True):
        for item in page["Items"]:
            if item["entity"]["S"] != "order":
                continue
            order = order_items.read_image(item)
            recorded += 1
            sku_of = {line.line: line.sku for line in order.lines}
            for allocation in order.allocations:
                sold[sku_of[allocation.line]] += allocation.live
    if recorded != ORDERS:
        raise AssertionError("orders were lost", recorded)
    result.add(race, sold, seconds)


def _run_peer(url: str, client: Any, peer: ModuleType, race: Race, seed: int, result: Result) -> None:  # noqa: ANN401
    shop = Shop.opened(client, race.stock)

    def work(own: Any, queue: Queue) -> None:  # noqa: ANN401
        while batch := queue.take(1):
            peer.place(own, shop, race.bodies[batch[0]])

    seconds = _at_once(url, race, seed, work)
    result.add(race, shop.sold(client), seconds)


def _at_once(url: str, race: Race, seed: int, work: Work) -> float:
    """Have all workers empty one queue; give how long it took."""
    queue = Queue(list(race.bodies))
    clients = [pausing_client(url, 100 * seed + i) for i in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as workers:
        start = time.monotonic()
        list(workers.map(partial(_emptying, work, queue), clients))
        return time.monotonic() - start


def _emptying(work: Work, queue: Queue, own: Any) -> None:  # noqa: ANN401
    work(own, queue)
    while queue.waiting:  # another worker's came again
        work(own, queue)
