"""A shop that takes two calls a second has 500 changes to be told: it refuses none, loses none, and has zeros first."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from shared.domain import messages, orders, pace
from shared.domain.availability import Rank
from shared.domain.messages import Message, Publish
from shared.domain.names import OrderKey, SourceId
from shared.domain.orders import DeductsAt, Order
from shared.domain.pace import LONGEST_WAIT_SECONDS, Limit
from shared.domain.rules import Channel, Rules
from shared.errors import Transient
from shared.flows.learn_listings import LearnListings
from shared.flows.publish_to_channels import PublishToChannels
from shared.flows.refresh_numbers import RefreshNumbers
from shared.storage.availability import Availability, Leases
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storefronts import outbound, web
from shared.storefronts.contract import Seen
from shared.storefronts.paced import Pacer
from shared.storefronts.woocommerce_rest import Rest
from shared.storefronts.woocommerce_stock import BATCHES_A_SECOND, Stock
from tests.support import trade
from tests.support.pauses import FakePauses
from tests.support.problems import FakeProblems
from tests.support.publishing import NORDLYS, FakeAvailability, FakeDesk, FakeLeases, mark, part

A_SECOND, MOST_A_SECOND = timedelta(seconds=1), 2
CALL_TAKES, FUNCTION_RUNS = 0.05, timedelta(seconds=30)
ZEROS, FALLS, RISES, SHIPPED = 60, 190, 250, 5
WAS = 9


@dataclass
class Clock:
    """A time that passes only when somebody waits."""

    now: datetime = field(default_factory=trade.times_now)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class SmallShop:
    """WooCommerce's variations, each of another product, behind a host that takes two calls in any second."""

    clock: Clock
    has: dict[str, int]
    heard: deque[datetime] = field(default_factory=deque)
    calls: int = 0
    refused: int = 0
    told: list[tuple[str, int]] = field(default_factory=list)

    def send(self, request: web.Request) -> web.Response:
        while self.heard and self.heard[0] <= self.clock.now - A_SECOND:
            self.heard.popleft()
        self.calls += 1
        if len(self.heard) == MOST_A_SECOND:
            self.refused += 1
            raise Transient("the shop throttles", code="throttled", wait=1.0)
        self.heard.append(self.clock.now)
        self.clock.wait(CALL_TAKES)
        product = urlsplit(request.url).path.split("/")[2]
        answer: Any = self._show(product)
        if request.body:
            for each in json.loads(request.body)["update"]:
                self.has[f"{product}/{each['id']}"] = each["stock_quantity"]
                self.told.append((f"{product}/{each['id']}", each["stock_quantity"]))
            answer = {"update": self._show(product)}
        return web.Response(body=json.dumps(answer).encode())

    def _show(self, product: str) -> list[dict[str, Any]]:
        return [{"id": int(product), "manage_stock": True, "stock_quantity": self.has[f"{product}/{product}"]}]


@dataclass
class World:
    """The shop, what it has to be told, and publishers that follow one another."""

    clock: Clock = field(default_factory=Clock)
    availability: FakeAvailability = field(default_factory=FakeAvailability)
    leases: FakeLeases = field(default_factory=FakeLeases)
    problems: FakeProblems = field(default_factory=FakeProblems)
    desk: FakeDesk = field(default_factory=FakeDesk)
    orders: dict[str, Order] = field(default_factory=dict)
    shop: SmallShop = field(init=False)
    sent: list[Message] = field(default_factory=list)
    publishers: int = 0
    limit: int | None = MOST_A_SECOND

    def __post_init__(self) -> None:
        self.shop = SmallShop(self.clock, {})
        self.availability.called = _listing

    def changes(self, rank: Rank, first: int, many: int, units: int) -> None:
        for at in range(first, first + many):
            sku = f"S{at}"
            self.availability.has(sku, units)
            self.availability.was_told(sku, WAS)
            self.availability.dirty.append(mark(sku, rank))
            self.shop.has[_listing(sku)] = WAS

    def shipped(self, order_id: str) -> None:
        order = trade.order(order_id, ("A", 2))
        ship = DeductsAt.SHIP
        sent = orders.send(orders.take(order, {("l1", SourceId("alpina")): 2}, attempt="t"), 1, deducts_at=ship).order
        self.orders[order_id] = orders.ship(sent, 1, "l1", 2, deducts_at=ship).order
        self.desk.seen[order_id] = Seen(is_cancelled=False, parts=(part(at=f"fo-{order_id}"),))
        self.availability.dirty.append(mark(order_id, Rank.ORDER))

    def publish_all(self) -> None:
        """Run publishers, each of them for as long as a function may, while messages ask for one."""
        rules = trade.shop_rules("alpina", limit=self.limit)
        self.sent = [Publish(channel=NORDLYS)]
        while self.sent:
            self.sent.clear()
            self.publishers += 1
            self.publish(rules)

    def publish(self, rules: Rules) -> None:
        ends = self.clock.now + FUNCTION_RUNS
        flow = PublishToChannels(
            availability=cast("Availability", self.availability),
            leases=cast("Leases", self.leases),
            pauses=cast("Pauses", FakePauses()),
            problems=cast("Problems", self.problems),
            order=self.order,
            packages=lambda _: (),
            pacer=self.pacer,
            shop=self.connect,
            desk=lambda _, __: self.desk,
            refresh=cast("RefreshNumbers", None),
            learn=cast("LearnListings", None),
            to_channels=self.send,
            wait=self.clock.wait,
        )
        flow.run(
            {"m1": messages.write(Publish(channel=NORDLYS))},
            rules,
            holder="me",
            now=self.clock.now,
            time_left_ms=lambda: int((ends - self.clock.now) / timedelta(milliseconds=1)),
        )
        assert self.clock.now < ends

    def pacer(self, channel: Channel) -> Pacer:
        limit = replace(outbound.limit(channel), per_second=channel.limit or 1000)
        return Pacer(pace.full(limit, self.clock.now), self.clock, self.clock.wait, web_send=self.shop.send)

    def connect(self, _channel: Channel, pacer: Pacer) -> Stock:
        rest = Rest(url="http://shop.example", token="ck:cs", send=pacer.send)
        return Stock(rest, min(8, BATCHES_A_SECOND * MOST_A_SECOND))

    def order(self, key: OrderKey) -> Order | None:
        return self.orders.get(key.order_id)

    def send(self, waiting: Iterable[Message]) -> None:
        self.sent += waiting


def _listing(sku: str) -> str:
    return f"{sku[1:]}/{sku[1:]}"


def test_two_calls_a_second_and_500_changes_lose_nothing_and_tell_zeros_first() -> None:
    world = World()
    world.changes(Rank.RISES, 1, RISES, 30)  # those that matter least are the first by name
    world.changes(Rank.FALLS, 1 + RISES, FALLS, 3)
    world.changes(Rank.ZERO, 1 + RISES + FALLS, ZEROS, 0)
    for at in range(SHIPPED):
        world.shipped(f"{at}")
    begun = world.clock.now

    world.publish_all()

    assert [units for _, units in world.shop.told] == [0] * ZEROS + [3] * FALLS + [30] * RISES
    assert Counter(world.shop.has.values()) == {0: ZEROS, 3: FALLS, 30: RISES}
    assert len(world.desk.fulfilled) == SHIPPED
    assert (world.availability.dirty, world.problems.opened, world.leases.failed) == ([], [], [])
    assert {told.number for told in world.availability.tellings.values()} == {0, 3, 30}
    assert world.shop.refused == 0
    assert world.publishers > 10
    least = world.shop.calls / MOST_A_SECOND
    assert least - 1 <= (world.clock.now - begun).total_seconds() <= 1.1 * least


def test_a_zero_that_comes_while_rises_are_told_goes_before_those_that_are_left() -> None:
    world = World()
    world.changes(Rank.RISES, 1, 40, 30)
    asked = world.shop.send
    is_sold = iter([True])

    def sold_meanwhile(request: web.Request) -> web.Response:
        if next(is_sold, False):
            world.changes(Rank.ZERO, 99, 1, 0)
        return asked(request)

    world.shop.send = sold_meanwhile  # type: ignore[method-assign]
    world.publish_all()

    told = [units for _, units in world.shop.told]
    assert (len(told), told.index(0)) == (41, 8)


def test_a_shop_whose_limit_nobody_set_refuses_and_loses_nothing_either() -> None:
    world = World(limit=None)
    world.changes(Rank.ZERO, 1, 4, 0)

    world.publish(trade.shop_rules("alpina"))

    assert world.shop.refused > 0
    assert world.availability.dirty == []


def test_what_is_left_of_a_limit_is_handed_on_with_the_lease() -> None:
    world = World()
    world.changes(Rank.ZERO, 1, 1, 0)
    world.publish(trade.shop_rules("alpina", limit=MOST_A_SECOND))
    assert world.leases.left is not None
    assert world.leases.left.units < 1

    world.changes(Rank.ZERO, 2, 1, 0)
    world.publish(trade.shop_rules("alpina", limit=MOST_A_SECOND))

    assert (world.shop.refused, world.availability.dirty) == (0, [])


def test_a_limit_that_is_used_up_for_long_lets_the_shop_rest_and_keeps_its_marks() -> None:
    world = World()
    world.changes(Rank.ZERO, 1, 1, 0)
    spent = pace.full(Limit(per_second=MOST_A_SECOND, burst=1), world.clock.now).rest(60, world.clock.now)
    world.leases.left = spent.left

    world.publish(trade.shop_rules("alpina", limit=MOST_A_SECOND))

    assert world.leases.failed == [("throttled", "60 s")]
    assert (world.shop.calls, len(world.availability.dirty)) == (0, 1)
    assert world.clock.now - trade.times_now() < timedelta(seconds=LONGEST_WAIT_SECONDS)
