"""Purchase orders at a supplier that would take an order twice, under crashes, lost answers, races and cancels."""

from __future__ import annotations

import io
import random
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain import orders
from shared.domain.names import OrderKey, SourceId
from shared.domain.orders import LineState, Order
from shared.domain.purchase_orders import PoEvent, PoState, PurchaseOrder, step
from shared.errors import Conflict
from shared.flows.send_purchase_orders import Lifetime, SendPurchaseOrders, Sent
from shared.formats.purchase_order_csv import parse
from shared.storage import keys, purchase_orders
from shared.storage import levels as level_items
from shared.storage.dynamo import Table
from shared.storage.gates import Gates
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storage.supplier_codes import SupplierCodes
from shared.suppliers.file_drop import FileDrop
from tests.engine.conftest import Engine
from tests.support import trade
from tests.support.faults import Crash, Faulty, no_answer
from tests.support.workers import delivered, pausing_client, place_orders

RULES = trade.shop_rules("alpina", "celtic")
NOW = trade.times_now()
LIVES = timedelta(seconds=30)
LATER = timedelta(minutes=2)
"""Past any claim: a process' life, and the time a request may still arrive after it."""
PLENTY = 1000
FIRST_PUT = 11
"""The call of an undisturbed run that puts the first file."""


@dataclass
class Folder:
    """A supplier's folder that takes whatever comes, a second time too: nothing here hides a second send."""

    arrived: list[tuple[str, bytes]] = field(default_factory=list)

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> dict[str, Any]:  # noqa: N803 - the client's names
        self.arrived.append((Key, Body))
        return {}

    def get_object(self, *, Key: str, **_: object) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(dict(self.arrived)[Key])}

    def list_objects_v2(self, *, Prefix: str, **_: object) -> dict[str, Any]:  # noqa: N803
        return {"Contents": [{"Key": key} for key in sorted(dict(self.arrived)) if key.startswith(Prefix)]}

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(key for key, _ in self.arrived))


@dataclass
class Both:
    """The table's client and the folder as one, so that a fault can hit any call to either."""

    table: Any
    folder: Folder

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.folder if hasattr(self.folder, name) else self.table, name)


@dataclass(frozen=True)
class Tables:
    """The tables of a test, and the client that all share who need none of their own: making one takes long."""

    client: Any
    stock: str
    orders: str


@pytest.fixture
def tables(engine: Engine) -> Tables:
    return Tables(engine.client(), engine.stock_table, engine.order_table)


@dataclass
class World:
    """One order of two suppliers, A at alpina and B at celtic, and its suppliers' folder."""

    tables: Tables
    number: int
    folder: Folder = field(default_factory=Folder)

    def __post_init__(self) -> None:
        stock = Table(self.tables.client, self.tables.stock)
        stock.write_all([level_items.to_item(trade.level(*at, PLENTY)) for at in (("A", "alpina"), ("B", "celtic"))])
        self.hear("orders/create")

    @property
    def key(self) -> OrderKey:
        return trade.key(str(self.number))

    @property
    def book(self) -> OrderBook:
        return OrderBook.of(self.tables.client, self.tables.stock, self.tables.orders)

    def hear(self, topic: str) -> None:
        flow = place_orders(self.tables.client, self.tables.stock, self.tables.orders)
        text = delivered(self.number, ("A", 2), ("B", 1), topic=topic)
        assert flow.run({"m1": text}, RULES, NOW).again == {}

    def both(self, client: Any = None) -> Both:  # noqa: ANN401
        return Both(client or self.tables.client, self.folder)

    def send(self, now: datetime = NOW, client: Any = None) -> Sent:  # noqa: ANN401
        client = client or self.both()
        book = OrderBook.of(client, self.tables.stock, self.tables.orders)
        flow = SendPurchaseOrders(
            Outbox(book),
            Pauses(book.stock),
            Problems(book.orders),
            SupplierCodes(book.stock),
            Gates(book.orders),
            lambda _: FileDrop(client, "files"),
            new_id=lambda: uuid.uuid4().hex[:16],
        )
        return flow.run([self.key], RULES, now, Lifetime(now + LIVES, lambda: LIVES))

    def order(self) -> Order:
        order = self.book.order(self.key)
        assert order is not None
        orders.check(order)
        return order

    def states(self) -> list[PoState]:
        return [po.state for po in self.purchase_orders()]

    def purchase_orders(self) -> list[PurchaseOrder]:
        return self.book.purchase_orders(self.key)

    def committed(self) -> list[int]:
        found = (self.book.stock.get(keys.level(trade.at(*at))) for at in (("A", "alpina"), ("B", "celtic")))
        return [level_items.from_item(item).committed for item in found if item]

    def assert_each_sent_once(self) -> None:
        order, made = self.order(), self.purchase_orders()
        assert self.folder.counts == {f"out/{po.source}/PO-{po.number}.csv": 1 for po in made}
        assert [(po.source, po.state) for po in made] == [("alpina", PoState.SENT), ("celtic", PoState.SENT)]
        assert (order.total(LineState.SENT), order.total(LineState.RESERVED)) == (3, 0)
        for (_, body), po in zip(sorted(self.folder.arrived), made, strict=True):
            assert parse(body).lines == po.lines


FAULTS = [
    pytest.param(failure, after, id=f"{failure} {'after' if after else 'before'}")
    for failure in ("crash", "no answer")
    for after in (False, True)
]


def faulty(world: World, at: int, failure: str, *, after: bool) -> Faulty:
    return Faulty(world.both(), at, failure=Crash() if failure == "crash" else no_answer(), after=after)


def calls(world: World, now: datetime = NOW) -> int:
    watched = Faulty(world.both(), at=0)
    assert world.send(now, watched).failure is None
    return len(watched.calls)


@pytest.mark.parametrize(("failure", "after"), FAULTS)
def test_a_fault_at_any_call_sends_each_purchase_order_once(tables: Tables, failure: str, *, after: bool) -> None:
    clean = World(tables, 1)
    many = calls(clean)
    clean.assert_each_sent_once()

    for at in range(1, many + 1):
        world = World(tables, 1 + at)
        with suppress(Crash):
            world.send(client=faulty(world, at, failure, after=after))
        world.send()
        assert max(world.folder.counts.values(), default=0) <= 1

        world.send(NOW + LATER)

        world.assert_each_sent_once()


def crashed_at_its_put(world: World, *, after: bool) -> None:
    """Let a sender die at its first put, before the file is there or after."""
    with pytest.raises(Crash):
        world.send(client=Faulty(world.both(), FIRST_PUT, after=after))
    assert len(world.folder.arrived) == after
    assert world.states()[0] is PoState.CLAIMED


@pytest.mark.parametrize(("failure", "after"), FAULTS)
def test_what_was_cancelled_before_it_arrived_is_never_sent(tables: Tables, failure: str, *, after: bool) -> None:
    def prepared(number: int) -> World:
        world = World(tables, number)
        crashed_at_its_put(world, after=False)
        world.hear("orders/cancelled")
        assert world.purchase_orders()[0].cancel_wanted
        world.send()
        assert world.states() == [PoState.CLAIMED, PoState.CANCELLED]
        return world

    many = calls(prepared(1), NOW + LATER)

    for at in range(1, many + 1):
        world = prepared(1 + at)
        with suppress(Crash):
            world.send(NOW + LATER, faulty(world, at, failure, after=after))
        world.send(NOW + 2 * LATER)
        world.send(NOW + 50 * LATER)

        assert world.folder.counts == {}
        assert world.states() == [PoState.CANCELLED, PoState.CANCELLED]
        assert world.order().total(LineState.CANCELLED) == 3


@pytest.mark.parametrize(("failure", "after"), FAULTS)
def test_a_cancel_is_told_after_the_order_and_once(tables: Tables, failure: str, *, after: bool) -> None:
    def prepared(number: int) -> World:
        world = World(tables, number)
        crashed_at_its_put(world, after=True)
        world.hear("orders/cancelled")
        return world

    many = calls(prepared(1), NOW + LATER)

    for at in range(1, many + 1):
        world = prepared(1 + at)
        with suppress(Crash):
            world.send(NOW + LATER, faulty(world, at, failure, after=after))
        world.send(NOW + 2 * LATER)
        world.send(NOW + 50 * LATER)

        sent = world.purchase_orders()[0]
        name = f"out/alpina/PO-{sent.number}"
        assert [key for key, _ in world.folder.arrived][:2] == [f"{name}.csv", f"{name}-cancel.csv"]
        assert world.folder.counts[f"{name}.csv"] == 1
        assert len(set(world.folder.arrived)) == 2
        assert (sent.state, sent.cancel_told) == (PoState.CANCELLING, True)


def test_what_was_claimed_is_left_alone_until_nothing_can_arrive_any_more(tables: Tables) -> None:
    world = World(tables, 1)
    crashed_at_its_put(world, after=False)
    before = world.purchase_orders()[0]

    world.send(NOW + LIVES + timedelta(seconds=60))
    assert world.purchase_orders()[0] == before

    world.send(NOW + LIVES + timedelta(seconds=61))
    assert world.purchase_orders()[0].state is PoState.SENT
    assert world.purchase_orders()[0].claimed_by != before.claimed_by


@pytest.mark.parametrize("seed", range(5))
def test_of_many_workers_one_sends(engine: Engine, tables: Tables, seed: int) -> None:
    world = World(tables, 1)
    workers = [world.both(pausing_client(engine.url, seed * 10 + i)) for i in range(6)]
    together = threading.Barrier(len(workers))

    def work(client: Both) -> None:
        together.wait(timeout=30)
        world.send(client=client)

    with ThreadPoolExecutor(len(workers)) as pool:
        for done in [pool.submit(work, client) for client in workers]:
            done.result(timeout=60)
    assert max(world.folder.counts.values()) == 1
    world.send(NOW + LATER)

    world.assert_each_sent_once()


@pytest.mark.parametrize("seed", range(8))
def test_a_cancel_among_workers_is_either_in_time_or_told(engine: Engine, tables: Tables, seed: int) -> None:
    world = World(tables, 1)
    workers = [world.both(pausing_client(engine.url, seed * 10 + i)) for i in range(4)]
    together = threading.Barrier(len(workers) + 1)
    waits = random.Random(seed).uniform(0, 0.15)  # noqa: S311

    def work(client: Both) -> None:
        together.wait(timeout=30)
        world.send(client=client)

    with ThreadPoolExecutor(len(workers)) as pool:
        running = [pool.submit(work, client) for client in workers]
        together.wait(timeout=30)
        threading.Event().wait(waits)
        world.hear("orders/cancelled")
        for done in running:
            done.result(timeout=60)
    world.send()
    world.send(NOW + LATER)
    world.send(NOW + 2 * LATER)

    order, names = world.order(), world.folder.counts
    for po in world.purchase_orders():
        name = f"out/{po.source}/PO-{po.number}"
        told = [names.pop(f"{name}.csv", 0), min(names.pop(f"{name}-cancel.csv", 0), 1)]
        assert (po.state, told) in [(PoState.CANCELLED, [0, 0]), (PoState.CANCELLING, [1, 1])]
        is_sent = po.state is PoState.CANCELLING
        assert sum(each.count(LineState.SENT) for each in order.allocations if each.n == po.n) == (
            sum(line.units for line in po.lines) if is_sent else 0
        )
    assert names == {}
    assert order.total(LineState.RESERVED) == 0
    assert sum(world.committed()) == order.total(LineState.SENT)


def test_a_purchase_order_that_was_made_after_the_cancel_is_dropped(tables: Tables) -> None:
    world = World(tables, 1)
    reserved = world.order().allocations
    world.hear("orders/cancelled")
    for each in reserved:
        late = PurchaseOrder(order=world.key, source=each.source, n=each.n, number=f"LATE-{each.n}", lines=())
        assert Outbox(world.book).make(late)

    world.send()

    assert world.folder.counts == {}
    assert world.states() == [PoState.CANCELLED, PoState.CANCELLED]


def test_a_purchase_order_is_dropped_only_for_the_order_as_it_was_seen(tables: Tables) -> None:
    world = World(tables, 1)
    seen = world.order()
    made = PurchaseOrder(order=world.key, source=SourceId("alpina"), n=1, number="ALPINA-1", lines=())
    outbox = Outbox(world.book)
    assert outbox.make(made)
    dropped = step(made, PoEvent.CANCEL)
    world.hear("orders/cancelled")
    world.book.orders.put(purchase_orders.to_item(made))

    with pytest.raises(Conflict):
        outbox.drop(seen, made, dropped)
    assert world.states() == [PoState.READY]

    outbox.drop(world.order(), made, dropped)
    assert world.states() == [PoState.CANCELLED]
