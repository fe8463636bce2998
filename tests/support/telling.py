"""Levels that change, their stream, the channel queue, publishers and a shop, all by the test's own clock."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from local.shop import Shop as StandIn
from local.shop import Store
from shared.domain import messages, pace, times
from shared.domain.availability import number
from shared.domain.messages import Publish
from shared.domain.names import LevelKey, Sku
from shared.domain.stock import Level
from shared.errors import Transient
from shared.flows.changes import Change
from shared.flows.guard_margins import GuardMargins
from shared.flows.learn_listings import LearnListings
from shared.flows.publish_to_channels import PublishToChannels
from shared.flows.record_stock import RecordStock
from shared.flows.refresh_numbers import RefreshNumbers
from shared.runtime import clock
from shared.storage import attributes, keys, levels
from shared.storage.availability import Availability, Leases
from shared.storage.dynamo import Table
from shared.storage.facts import Facts
from shared.storage.order_book import OrderBook
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storefronts import outbound
from shared.storefronts.paced import Pacer
from shared.storefronts.shopify_admin import Shop
from shared.storefronts.shopify_fulfilments import OrderDesk
from tests.support import trade
from tests.support.faults import Crash, Faulty
from tests.support.publishing import NORDLYS

LOCATION = "gid://shopify/Location/1"
SOURCES = ("alpina", "baltic")
RULES = trade.shop_rules(*SOURCES, percent=90, buffer=1, floor=2, cap=60)


def listing(sku: str) -> str:
    return f"gid://shopify/InventoryItem/{int(sku[1:]) + 1}"


@dataclass
class World:
    """Levels that change, their stream, the channel queue, publishers, and a shop with a memory of its own.

    Time is what it is told to be. A publisher's call to the shop may be carried out much later than it was made:
    meanwhile other things happen, and its lease runs out.
    """

    stock: Table
    orders: Table
    store: Store
    chance: random.Random
    now: datetime = field(default_factory=trade.times_now)
    images: dict[LevelKey, Level] = field(default_factory=dict)
    stream: list[Change] = field(default_factory=list)
    queue: dict[str, str] = field(default_factory=dict)
    history: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0]))
    heard: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    told: int = 0
    pushed: list[str] = field(default_factory=list)
    depth: int = 0
    is_calm: bool = False

    def __post_init__(self) -> None:
        self.shop = StandIn(
            store=self.store,
            domain="nordlys.example",
            location=LOCATION,
            secret="s",
            token="t",
            items={},
            deliver=lambda _body, _headers: 200,
        )

    def list_products(self, skus: list[str]) -> None:
        items = [{"entity": "product", "schema": 2, "revision": 1, "title": sku, "parts": {}} for sku in skus]
        self.stock.write_all(
            [
                {"PK": pk, "SK": sk, **item, "inventory_items": {"nordlys": listing(sku)}}
                for sku, item in zip(skus, items, strict=True)
                for pk, sk in [keys.item(Sku(sku))]
            ]
        )

    def show(self, skus: list[str], units: int) -> None:
        """Have the shop show a number of each."""
        with self.store.open() as store:
            store.executemany("INSERT INTO quantities VALUES (?, ?)", [(listing(sku), units) for sku in skus])

    # ---- what changes

    def change(self, sku: str) -> None:
        """Count a level anew, or take units of it."""
        self.now += timedelta(milliseconds=self.chance.randint(1, 400))
        key = trade.at(sku, self.chance.choice(SOURCES))
        before = self.images.get(key)
        if before and before.available > 0 and self.chance.random() < 0.6:
            self.take(before, self.chance.randint(1, before.available))
        else:
            self._count(key, before)
        self.history[sku].append(self.truth(sku))

    def truth(self, sku: str) -> int:
        (channel,) = RULES.channels.values()
        found = [level for level in self.images.values() if level.key.sku == sku]
        return number(found, {}, channel, RULES.active_sources, times.text(self.now), {}).units

    def take(self, before: Level, units: int) -> None:
        left, committed = before.available - units, before.committed + units
        self._write(before, replace(before, available=left, committed=committed, revision=before.revision + 1))

    def _count(self, key: LevelKey, before: Level | None) -> None:
        units = self.chance.choice([0, self.chance.randint(0, 120)])
        known = before or trade.level(key.sku, key.source, 0, revision=0)
        self._write(
            before, replace(known, counted=units, available=units - known.committed, revision=known.revision + 1)
        )

    def _write(self, before: Level | None, changed: Level) -> None:
        """Write a level whole: how each write is made is another suite's matter."""
        after = replace(changed, changed_at=times.text(self.now))
        self.stock.put(levels.to_item(after))
        old = attributes.image(levels.to_item(before)) if before else None
        pk, sk = keys.level(after.key)
        key = attributes.image({"PK": pk, "SK": sk})
        self.stream.append(Change(key=key, old=old, new=attributes.image(levels.to_item(after))))
        self.images[after.key] = after

    # ---- what follows

    def record(self) -> None:
        """Hand the stream's oldest records on, sometimes twice: its reader died after its work."""
        some, self.stream = self.stream[:25], self.stream[25:]
        flow = RecordStock(
            stock=self.stock,
            orders=self.orders,
            problems=Problems(self.orders),
            to_orders=lambda _: None,
            to_channels=self.send,
        )
        for _ in range(1 if self.is_calm else self.chance.choice([1, 1, 2])):
            flow.run(some, RULES, self.now)

    def send(self, waiting: Any) -> None:  # noqa: ANN401 - messages
        self.queue |= {uuid.uuid4().hex: messages.write(message) for message in waiting}

    def publish(self) -> None:
        """Let a publisher work off a message; one that dies leaves its message, and its lease."""
        if not self.queue:
            return
        message_id = self.chance.choice(list(self.queue))
        client: Any = self.stock.client if self.is_calm else self._mortal(self.stock.client)
        flow = publisher(self.stock.name, self.orders.name, client, self._post, self.send)
        try:
            done = flow.run(
                {message_id: self.queue[message_id]},
                RULES,
                holder=uuid.uuid4().hex,
                now=self.now,
                time_left_ms=lambda: 30_000,
            )
        except Crash:
            return
        if message_id not in done.again and (self.is_calm or self.chance.random() < 0.9):
            self.queue.pop(message_id, None)

    def come_to_rest(self) -> None:
        """Let everything that is on its way end, with nothing going wrong, an hour later."""
        self.is_calm = True
        while self.stream:
            self.record()
        self.now += timedelta(hours=1)
        self.send([Publish(channel=NORDLYS)])
        while self.queue:
            self.publish()
        self.is_calm = False

    def _mortal(self, client: Any) -> Any:  # noqa: ANN401 - a client that may die
        if self.chance.random() < 0.7:
            return client
        return Faulty(client, self.chance.randint(1, 12), after=self.chance.random() < 0.5)

    def _post(
        self, _url: str, _token: str, query: str, variables: Mapping[str, Any], _timeout: float
    ) -> Mapping[str, Any]:
        if not self.is_calm and self.depth < 2 and self.chance.random() < 0.15:
            self._meanwhile()
        answer = self.shop.answer({"query": query, "variables": dict(variables)})
        if "inventorySetQuantities" in query and not answer["data"]["inventorySetQuantities"]["userErrors"]:
            self._hear(variables)
        if not self.is_calm and self.chance.random() < 0.08:
            raise Transient("the shop did not answer", code="shop_silent")
        return answer

    def _meanwhile(self) -> None:
        """Things happen while a request is on its way; often for so long that the lease runs out."""
        self.depth += 1
        for _ in range(self.chance.randint(1, 6)):
            self.change(self.chance.choice(list(self.history)))
        while self.stream:
            self.record()
        self.now += timedelta(seconds=self.chance.choice([0, 45]))
        self.publish()
        self.depth -= 1

    def _hear(self, variables: Mapping[str, Any]) -> None:
        """Hold every number against the ones that were true: it must not be older than the one before it."""
        for each in variables["input"]["quantities"]:
            sku = f"S{int(each['inventoryItemId'].rpartition('/')[2]) - 1}"
            self.told += 1
            self.pushed.append(sku)
            if sku not in self.history:
                continue
            since = self.heard[sku]
            newer = [at for at, units in enumerate(self.history[sku]) if at >= since and units == each["quantity"]]
            assert newer, f"{sku} was told {each['quantity']}, which was true before what it was told last"
            self.heard[sku] = newer[0]


def publisher(stock_table: str, order_table: str, client: Any, post: Any, send: Any) -> PublishToChannels:  # noqa: ANN401
    book = OrderBook.of(client, stock_table, order_table)
    availability = Availability(book.stock)
    return PublishToChannels(
        availability=availability,
        leases=Leases(book.stock),
        pauses=Pauses(book.stock),
        problems=Problems(book.orders),
        order=book.order,
        packages=lambda _: (),
        pacer=lambda channel: Pacer(pace.full(outbound.limit(channel), clock.now()), clock.now, lambda _: None),
        shop=lambda channel, _: Shop(url="", location=channel.location, token="", post=post),
        desk=lambda _, __: OrderDesk(url="", token="", post=post),
        refresh=RefreshNumbers(
            availability=availability,
            margins=GuardMargins(book.stock, Problems(book.orders), send),
            to_channels=send,
            new_id=lambda: uuid.uuid4().hex,
        ),
        learn=LearnListings(Facts(book.stock), availability, Problems(book.orders), send),
        to_channels=send,
        wait=lambda _: None,
    )
