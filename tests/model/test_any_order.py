"""Everything that can reach the flows, in any order and any number of times, on real storage, one at a time."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from moto import mock_aws

from shared.domain import messages, orders, stock, times
from shared.domain.answers import Answer, LineAnswer, Says
from shared.domain.messages import Delivered, FillSku, PlanOrder
from shared.domain.names import ChannelId, LevelKey, OrderKey, Sku, SourceId
from shared.domain.orders import Order
from shared.domain.people import By, Wish
from shared.domain.physical import Adjustment
from shared.errors import Rejected
from shared.flows.answer_orders import AnswerOrders
from shared.flows.people_requests import PeopleRequests
from shared.flows.place_orders import PlaceOrders
from shared.flows.send_purchase_orders import Lifetime, SendPurchaseOrders
from shared.runtime import clients
from shared.storage import keys, levels, order_lists
from shared.storage.feeds import Feeds
from shared.storage.gates import Gates
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.operations import Operations
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.people import People
from shared.storage.supplier_codes import SupplierCodes
from shared.storefronts import inbound
from tests.support import trade
from tests.support.ingest import ingest
from tests.support.pauses import FakePauses
from tests.support.problems import FakeProblems
from tests.support.shelf import Shelf
from tests.support.tables import create_tables

if TYPE_CHECKING:
    from shared.storage.archive import Archive
    from shared.storage.pauses import Pauses
    from shared.storage.problems import Problems

NOW = times.read("2026-11-24T20:00:00.000Z")
ALPINA = SourceId("alpina")
KEY = LevelKey(Sku("A"), ALPINA)
RULES = trade.shop_rules("alpina")
ROUNDS_TO_REST = 6

order_ids = st.integers(1, 3)
few = st.integers(1, 3)
minutes = st.integers(1, 600)


@dataclass
class Folder:
    """The supplier's folder: a number stands once, and what is sent counts."""

    there: dict[str, bytes] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    times_out: timedelta = timedelta(seconds=10)
    lands_within: timedelta = timedelta(seconds=60)
    looks: bool = True
    cancels: bool = True

    def send(self, _source: SourceId, number: str, body: bytes) -> None:
        self.there[number] = body
        self.sent[number] += 1

    def send_cancel(self, _source: SourceId, number: str, body: bytes, _request: str = "") -> None:
        self.there[f"{number}-cancel"] = body

    def has(self, _source: SourceId, number: str, _body: bytes) -> bool:
        return number in self.there


class AnyOrder(RuleBasedStateMachine):
    """Events are kept as they came; each may come again at any later time."""

    def __init__(self) -> None:
        super().__init__()
        self.aws = mock_aws()
        self.aws.start()
        client = clients.dynamodb()
        self.book = OrderBook.of(client, *create_tables(client))
        ids = count(1)
        problems = cast("Problems", FakeProblems())
        self.place = PlaceOrders(
            book=self.book,
            archive=cast("Archive", None),
            problems=problems,
            people=PeopleRequests(people=People(self.book.orders), problems=problems, key=lambda: b"people-key"),
            inbound=inbound.of,
            new_id=lambda: f"id{next(ids)}",
            pause=lambda _: None,
        )
        self.shelf = Shelf()
        stock_table = self.book.stock
        self.ingest = ingest(
            files=self.shelf,
            feeds=Feeds(stock_table),
            levels=Levels(stock_table),
            offers=Offers(stock_table),
            problems=problems,
        )
        self.folder = Folder()
        self.sender = SendPurchaseOrders(
            outbox=Outbox(self.book),
            pauses=cast("Pauses", FakePauses()),
            problems=problems,
            codes=SupplierCodes(stock_table),
            gates=Gates(self.book.orders),
            ways=lambda _: self.folder,
            new_id=lambda: f"id{next(ids)}",
        )
        self.answers = AnswerOrders(book=self.book, problems=problems, pause=lambda _: None)
        self.operations = Operations(stock_table, self.book.orders)
        self.events: list[Callable[[], object]] = []
        self.said: Counter[tuple[OrderKey, int, Says]] = Counter()
        self.versions = count(1)
        self.documents = count(1)

    def teardown(self) -> None:
        """Whatever came, came at last; once everything rests, all of it again changes nothing."""
        try:
            for _ in range(ROUNDS_TO_REST):
                before = self.all_items()
                self.all_again()
                if self.all_items() == before:
                    break
            else:
                pytest.fail("it never comes to rest")
            self.all_again()
            assert self.all_items() == before
        finally:
            self.aws.stop()

    def all_again(self) -> None:
        for event in list(self.events):
            event()
        self.holds()

    def all_items(self) -> list[str]:
        tables = (self.book.stock.name, self.book.orders.name)
        pages = [clients.dynamodb().scan(TableName=name)["Items"] for name in tables]
        told = [item for page in pages for item in page if item["entity"]["S"] in {"level", "order", "purchase_order"}]
        return sorted(json.dumps(item, sort_keys=True) for item in told)

    def comes(self, event: Callable[[], object]) -> None:
        self.events.append(event)
        event()

    # ---- what can come

    @initialize(units=st.integers(0, 6))
    def first_file(self, units: int) -> None:
        self.file(units, 0)

    @rule(units=st.integers(0, 6), minute=minutes)
    def file(self, units: int, minute: int) -> None:
        at = times.text(times.read(trade.T0) + timedelta(minutes=minute))
        text = self.shelf.drop(f"in/alpina/{len(self.events)}.csv", f"sku,qty,cost\nA,{units},1.00\n", at)
        self.comes(lambda: self.ingest.run({"m": text}, RULES, NOW))

    def queue(self, *texts: str) -> None:
        batch = {f"m{i}": text for i, text in enumerate(texts)}
        placed = self.place.run(batch, RULES, NOW)
        assert placed.again == {}
        self.list_backorders()

    def shop_says(self, topic: str, order_id: int, units: int, version: int) -> str:
        at = times.text(times.read(trade.T0) + timedelta(seconds=version))
        body = trade.shopify_body(order_id, ("A", units), updated_at=at).decode()
        event = Delivered(
            channel=ChannelId("nordlys"), topic=f"orders/{topic}", archive_key="k", received_at=at, body=body
        )
        return messages.write(event)

    @rule(order_id=order_ids, units=few)
    def create(self, order_id: int, units: int) -> None:
        text = self.shop_says("create", order_id, units, next(self.versions))
        self.comes(lambda: self.queue(text))

    @rule(order_id=order_ids, units=few, late=st.booleans())
    def edit(self, order_id: int, units: int, late: bool) -> None:  # noqa: FBT001
        text = self.shop_says("updated", order_id, units, 0 if late else next(self.versions))
        self.comes(lambda: self.queue(text))

    @rule(order_id=order_ids, chance=st.integers(0, 3))
    def cancel(self, order_id: int, chance: int) -> None:
        if chance == 0:
            text = self.shop_says("cancelled", order_id, 1, next(self.versions))
            self.comes(lambda: self.queue(text))

    @rule(order_id=order_ids, first=few, second=few)
    def two_in_a_batch(self, order_id: int, first: int, second: int) -> None:
        texts = [self.shop_says("create", i, n, next(self.versions)) for i, n in ((order_id, first), (1, second))]
        self.comes(lambda: self.queue(*texts))

    @rule(order_id=order_ids)
    def plan(self, order_id: int) -> None:
        text = messages.write(PlanOrder(order=trade.key(str(order_id))))
        self.comes(lambda: self.queue(text))

    @rule()
    def fill(self) -> None:
        self.comes(lambda: self.queue(messages.write(FillSku(sku=KEY.sku))))

    @rule(order_id=order_ids)
    def send(self, order_id: int) -> None:
        life = Lifetime(ends_at=NOW + timedelta(minutes=1), left=lambda: timedelta(minutes=1))
        self.comes(lambda: self.sender.run([trade.key(str(order_id))], RULES, NOW, life))

    @rule(order_id=order_ids, n=st.integers(1, 2), says=st.sampled_from(Says), units=few, minute=minutes)
    def supplier_says(self, order_id: int, n: int, says: Says, units: int, minute: int) -> None:
        key, document = trade.key(str(order_id)), f"d{next(self.documents)}"
        at = times.read(trade.T0) + timedelta(minutes=minute)
        self.said[key, n, says] += units
        self.comes(lambda: self.answer(key, n, says, units, document, at))

    def answer(self, key: OrderKey, n: int, says: Says, units: int, document: str, at: datetime) -> None:
        order = self.book.order(key)
        made = next((po for po in self.book.purchase_orders(key) if po.n == n), None)
        if order is None or made is None:
            return
        (line,) = {each.line for each in order.allocations if each.n == n}
        lines = (LineAnswer(line=line, says=says, units=units),)
        with suppress(Rejected):  # more than it was asked for, or nothing is left to give back
            self.answers.run(
                Answer(order=key, number=made.number, document=document, received_at=NOW, lines=lines, at=at),
                RULES,
                NOW,
            )

    @rule(units=st.sampled_from([-2, -1, 1, 2]))
    def adjust(self, units: int) -> None:
        op_id = f"op{next(self.documents)}"

        def adjusted() -> None:
            try:
                self.operations.adjust(KEY, units, Adjustment.CORRECTION, Wish(op_id, By("ada", "counted"), NOW))
            except Rejected:
                return

        self.comes(adjusted)

    @rule(pick=st.integers(0, 1000))
    def comes_again(self, pick: int) -> None:
        if self.events:
            self.events[pick % len(self.events)]()

    def list_backorders(self) -> None:
        """Write who waits for what, as the order table's stream does."""
        for order in self.orders():
            self.book.orders.write_all(list(order_lists.of_order(order).values()))

    # ---- what always holds

    def orders(self) -> list[Order]:
        found = [self.book.order(trade.key(str(i))) for i in range(1, 4)]
        return [order for order in found if order]

    @invariant()
    def holds(self) -> None:
        known: Any = self.book.stock.get(keys.level(KEY))
        if known is None:
            return
        level, all_orders = levels.from_item(known), self.orders()
        assert stock.adds_up(level)
        assert level.committed == sum(each.committed for order in all_orders for each in order.allocations)
        assert level.available >= 0 or level.cause[0] != "take"
        for order in all_orders:
            orders.check(order)
            for each in order.allocations:
                assert each.acked <= self.said[order.key, each.n, Says.ACCEPTED]
                assert each.shipped <= self.said[order.key, each.n, Says.SHIPPED]
            there = self.book.purchase_orders(order.key)
            assert len({(po.source, po.n) for po in there}) == len({po.number for po in there}) == len(there)
        assert set(self.folder.sent.values()) <= {1}


AnyOrder.TestCase.settings = settings(
    max_examples=300 if "SOAK" in os.environ else 5,  # noqa: TID251 - how long the suite may take
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAnyOrder = AnyOrder.TestCase
