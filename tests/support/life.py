"""What may happen to a few levels and their orders, through the flows that do it, with streams that are late.

Records of both streams are delivered late, twice and in any order, but within ten minutes; time is the life's own.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from functions.record_orders import handler as record_orders
from functions.record_stock import handler as record_stock
from shared.domain import orders, stock, times
from shared.domain.ledger import Movement
from shared.domain.names import LevelKey, OrderKey
from shared.domain.orders import DeductsAt, Move, Order
from shared.domain.people import By, Wish
from shared.domain.physical import Adjustment
from shared.domain.stock import Count, Level
from shared.errors import InvalidInput, Rejected
from shared.flows import reconcile
from shared.flows.compensate import Compensate
from shared.flows.operate_orders import OperateOrders
from shared.flows.reconcile import Reconcile
from shared.storage import keys, levels
from shared.storage import orders as order_items
from shared.storage.ledger import Ledger
from shared.storage.levels import Levels
from shared.storage.operations import Operations
from shared.storage.order_book import Deducting, OrderBook
from shared.storage.problems import Problems
from tests.support import trade
from tests.support.workers import delivered, place_orders

if TYPE_CHECKING:
    from tests.integration.conftest import Aws, LambdaContext

SKUS, SOURCES = ("A", "B"), ("alpina", "baltic")
LATEST = timedelta(minutes=10)
NO_SLACK = timedelta(0)
BY = By("bo", "counted again")
RULES = trade.shop_rules(*SOURCES)


def streamed(table: str) -> list[dict[str, Any]]:
    """All records of a table's stream, oldest first."""
    kept: Any = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables[table]
    return [record.record for record in kept.stream_shard.items]


@dataclass
class Life:
    """One seed is one life."""

    aws: Aws
    context: LambdaContext
    chance: random.Random
    now: datetime
    orders: list[OrderKey] = field(default_factory=list)
    waiting: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)

    @property
    def keys(self) -> list[LevelKey]:
        return [trade.at(sku, source) for sku in SKUS for source in SOURCES]

    @property
    def book(self) -> OrderBook:
        return OrderBook.of(self.aws.dynamodb, self.aws.stock.name, self.aws.orders.name)

    @property
    def compensate(self) -> Compensate:
        problems = Problems(self.aws.orders)
        return Compensate(
            stock=self.aws.stock, orders=self.aws.orders, ledger=Ledger(self.aws.stock), problems=problems
        )

    def happen(self) -> None:
        """Let one thing happen, a while after the last, and the streams bring what they bring."""
        self.now += timedelta(seconds=self.chance.choice([1, 60, 600, 7200]))
        things: list[Callable[[], None]] = [self.order, self.order, self.count, self.cancel, self.ship, self.reject]
        things += [self.send, self.send, self.adjust, self.reroute]
        self.chance.choice(things)()
        self.deliver()

    def order(self) -> None:
        """Take units for a new order, or for one that is delivered again."""
        number = self.chance.randint(1, len(self.orders) + 2)
        lines = [(sku, self.chance.randint(1, 4)) for sku in self.chance.sample(SKUS, self.chance.randint(1, 2))]
        flow = place_orders(self.aws.dynamodb, self.aws.stock.name, self.aws.orders.name)
        messages = {f"m{each}": delivered(number, *lines) for each in range(self.chance.randint(1, 2))}
        flow.run(messages, RULES, self.now)
        self.orders = list(dict.fromkeys([*self.orders, trade.key(str(number))]))

    def count(self) -> None:
        """Apply a row of a photograph, maybe an old one, maybe a second time."""
        as_of = times.text(self.now - timedelta(minutes=self.chance.choice([1, 30, 300])))
        key = trade.at(self.chance.choice(SKUS), self.chance.choice(SOURCES))
        row = Count(key=key, units=self.chance.randint(0, 12), as_of=as_of, count_id=f"file{as_of}")
        for _ in range(self.chance.randint(1, 2)):
            seen = self.level(key)
            while write := stock.exact(row, seen, NO_SLACK):
                done, seen = Levels(self.aws.stock).count(write, times.text(self.now))
                if done:
                    break

    def adjust(self) -> None:
        """Correct a count by hand, once or twice."""
        key = trade.at(self.chance.choice(SKUS), self.chance.choice(SOURCES))
        operations = Operations(self.aws.stock, self.aws.orders)
        units, op_id = self.chance.choice([-2, -1, 1, 3]), times.text(self.now)
        for _ in range(self.chance.randint(1, 2)):
            try:
                operations.adjust(key, units, Adjustment.CORRECTION, Wish(op_id, BY, self.now))
            except (InvalidInput, Rejected):
                return  # nobody has counted it, or it has not so many

    def cancel(self) -> None:
        """Cancel an order, once or twice."""
        flow = OperateOrders(book=self.book, to_orders=lambda messages: list(messages).clear())
        for key in self.some_order():
            for _ in range(self.chance.randint(1, 2)):
                try:
                    flow.cancel(key, BY, "c1", self.now)
                except Rejected:
                    continue

    def send(self) -> None:
        """Ask a supplier for what is reserved there."""
        self.move("send", lambda order, n, _: orders.send(order, n, deducts_at=DeductsAt.SHIP))

    def ship(self) -> None:
        """Ship some of what was asked for."""
        self.move("ship", lambda order, n, line: orders.ship(order, n, line, 1, deducts_at=DeductsAt.SHIP))

    def reject(self) -> None:
        """Have the supplier refuse some."""
        self.move("reject", lambda order, n, line: orders.reject(order, n, line, 1))

    def reroute(self) -> None:
        """Take some back from a supplier."""
        self.move("reroute", lambda order, n, line: orders.reroute(order, n, line, 1))

    def move(self, kind: str, change: Callable[[Order, int, str], Move]) -> None:
        """Make a move of one of an order's allocations; the second delivery of its document is none."""
        for key in self.some_order():
            before = self.book.order(key)
            if before is None or not before.allocations:
                continue
            each = self.chance.choice(before.allocations)
            try:
                move = change(before, each.n, each.line)
            except Rejected:
                continue
            after = replace(move.order, revision=before.revision + 1)
            shipped_at = self.now - timedelta(minutes=self.chance.choice([0, 20, 90]))
            move_id = f"{kind}#{self.chance.randint(1, 50)}"
            for _ in range(self.chance.randint(1, 2)):
                deducting = Deducting(shipped_at, NO_SLACK)
                self.book.move((before, after), move.effects, [], move_id=move_id, now=self.now, deducting=deducting)

    def some_order(self) -> list[OrderKey]:
        return self.chance.sample(self.orders, min(1, len(self.orders)))

    def level(self, key: LevelKey) -> Level | None:
        found = self.aws.stock.get(keys.level(key))
        return levels.from_item(found) if found else None

    def busiest(self) -> Level:
        """The level that most has happened to."""
        found = [level for key in self.keys if (level := self.level(key))]
        return max(found, key=lambda level: level.revision)

    def all_orders(self) -> list[Order]:
        return [order for key in self.orders if (order := self.book.order(key))]

    def deliver(self, *, all_of_it: bool = False) -> None:
        """Bring some of what the streams hold, and all that is ten minutes old; some of it comes again later."""
        for table in (self.aws.stock.name, self.aws.orders.name):
            fresh = streamed(table)[self.read[table] :]
            self.read[table] += len(fresh)
            self.waiting += [(self.now, table, record) for record in fresh]
        self.chance.shuffle(self.waiting)
        left = []
        for since, table, record in self.waiting:
            is_due = all_of_it or since <= self.now - LATEST
            if not is_due and self.chance.random() < 0.5:
                left.append((since, table, record))
                continue
            handler = record_stock if table == self.aws.stock.name else record_orders
            assert handler.lambda_handler({"Records": [record]}, self.context) == {"batchItemFailures": []}
            if not all_of_it and self.chance.random() < 0.2:
                left.append((self.now, table, record))
        self.waiting = left

    def reconcile(self, up_to: int = 0) -> Counter[str]:
        """Check everything, as a day of hours does."""
        flow = Reconcile(
            stock=self.aws.stock, orders=self.aws.orders, compensate=self.compensate, problems=Problems(self.aws.orders)
        )
        counted: Counter[str] = Counter()
        for segment in range(reconcile.SEGMENTS):
            counted += flow.run(segment, replace(RULES, compensate_up_to=up_to), self.now)
        return counted

    def drifts(self) -> list[str]:
        """Subjects of open exceptions of drift."""
        return [subject for kind, subject in Problems(self.aws.orders).open_keys() if kind == "drift"]

    def put_order(self, order: Order) -> None:
        """Write an order by hand."""
        self.aws.orders.put(order_items.to_item(order))

    def lose(self, *movements: Movement) -> None:
        """Delete movements by hand."""
        for each in movements:
            self.aws.stock.delete(keys.movement(each.key, each.changed_at, each.revision))

    def everything(self) -> list[Any]:
        """All items of both tables."""
        tables = (self.aws.stock.name, self.aws.orders.name)
        found = [item for table in tables for item in self.aws.dynamodb.scan(TableName=table)["Items"]]
        return sorted(found, key=str)
