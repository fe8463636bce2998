"""Workers of the order queue as Lambda and SQS run them: processes that get events, each with its own client, cache
and clock; and the flow alone, for tests that want to hold every call of one worker.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

from functions.process_orders import handler
from local import dynamodb_local
from shared.domain.messages import Delivered, write
from shared.domain.names import ChannelId
from shared.flows.people_requests import PeopleRequests
from shared.flows.place_orders import PlaceOrders
from shared.runtime import clients, clock, rules
from shared.runtime.settings import settings
from shared.storage.archive import Archive
from shared.storage.config import KEY as RULES_KEY
from shared.storage.config import serialised
from shared.storage.order_book import OrderBook
from shared.storage.people import People
from shared.storage.problems import Problems
from shared.storefronts import inbound
from tests.support import trade
from tests.support.faults import under_load
from tests.support.tables import ROOT

PAUSE_SHARE = 0.1
LONGEST_PAUSE_SECONDS = 0.03
CLOCKS_OFF_BY_SECONDS = 5
CONFIG_BUCKET = "truestock-config"
TRUE_NOW = clock.now
SIZES = (1, 3, 10, 25)
SHARE_TWICE = 0.2
MOST_RECEIVES = 20
TIME_LIMIT_SECONDS = 120


def delivered(order_id: int, *lines: tuple[str, int], topic: str = "orders/create", minute: int = 0) -> str:
    """A message of the order queue: an order as it was so many minutes after it was placed."""
    body = trade.shopify_body(order_id, *lines, updated_at=f"2026-11-24T08:{minute:02}:00Z").decode()
    return write(
        Delivered(
            channel=ChannelId("nordlys"), topic=topic, archive_key=f"{order_id}", received_at=trade.NOW, body=body
        )
    )


def place_orders(client: Any, stock_table: str, order_table: str) -> PlaceOrders:  # noqa: ANN401 - or a faulty one
    """The flow of `process_orders` over these tables."""
    book = OrderBook.of(client, stock_table, order_table)
    return PlaceOrders(
        book=book,
        archive=Archive(client, "none"),
        problems=Problems(book.orders),
        people=PeopleRequests(people=People(book.orders), problems=Problems(book.orders), key=lambda: b"people-key"),
        inbound=inbound.of,
        new_id=lambda: uuid.uuid4().hex[:16],
        pause=lambda tried: time.sleep(random.uniform(0, 0.005 * tried)),  # noqa: S311, TID251
    )


def pausing_client(url: str, seed: int) -> Any:  # noqa: ANN401 - a client
    """A client that stands still at one call in ten."""
    chance = random.Random(seed)  # noqa: S311
    client = dynamodb_local.client(url)
    client.meta.events.register("before-call.dynamodb.*", lambda **_: _stand_still(chance))
    return client


# ---- Lambda's part, in processes of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a worker finds its tables and buckets, and what share of its calls the service refuses."""

    engine: str
    buckets: str
    stock_table: str
    order_table: str
    refused: float = 0.0

    @property
    def environment(self) -> dict[str, str]:
        """What Lambda would set for it."""
        return {
            "AWS_ENDPOINT_URL_DYNAMODB": self.engine,
            "AWS_ENDPOINT_URL_S3": self.buckets,
            "STOCK_TABLE": self.stock_table,
            "ORDER_TABLE": self.order_table,
            "CONFIG_BUCKET": CONFIG_BUCKET,
            "POWERTOOLS_METRICS_DISABLED": "true",
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the handler answered, and what became of the transactions it tried."""

    again: list[str]
    transactions: Counter[str]


def objects(*sources: str) -> dict[str, bytes]:
    """What the buckets hold: the rules of a shop with these sources."""
    return {f"{CONFIG_BUCKET}/{RULES_KEY}": serialised(trade.shop_rules_document(*sources))}


def handle(stage: Stage, event: dict[str, Any]) -> Answer:
    """Give an event to the handler of this process."""
    transactions = _started(stage)
    transactions.clear()
    context = SimpleNamespace(
        function_name="ProcessOrders",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:ProcessOrders",
        aws_request_id=uuid.uuid4().hex,
    )
    answer = handler.lambda_handler(event, context)
    return Answer([each["itemIdentifier"] for each in answer["batchItemFailures"]], Counter(transactions))


@lru_cache(maxsize=1)
def _started(stage: Stage) -> Counter[str]:
    """Start this process for a stage as if it were new: nothing is cached, its clock is off, its calls stand still.

    Gives what will count its transactions.
    """
    os.environ.update(stage.environment)  # noqa: TID251 - as Lambda does
    for cached in (settings, clients.dynamodb, clients.s3, rules._config, handler.flow):  # noqa: SLF001
        cached.cache_clear()
    chance = random.Random(os.getpid())  # noqa: S311
    off = timedelta(seconds=chance.uniform(-CLOCKS_OFF_BY_SECONDS, CLOCKS_OFF_BY_SECONDS))
    clock.now = lambda: TRUE_NOW() + off
    transactions: Counter[str] = Counter()
    events = clients.dynamodb().meta.events
    events.register("before-call.dynamodb.*", lambda **_: _stand_still(chance))
    events.register("after-call.dynamodb.TransactWriteItems", lambda parsed, **_: transactions.update([became(parsed)]))
    if stage.refused:
        under_load(chance, stage.refused).watch(clients.dynamodb())
    return transactions


def _stand_still(chance: random.Random) -> None:
    if chance.random() < PAUSE_SHARE:
        time.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: TID251 - it is what is tested


def became(answer: Mapping[str, Any]) -> str:
    """Say in a word what became of a transaction."""
    codes = {reason.get("Code") for reason in answer.get("CancellationReasons", [])}
    if "Error" not in answer:
        return "done"
    return "short" if "ConditionalCheckFailed" in codes else "conflict"


# ---- SQS's part


@dataclass(slots=True)
class Queue:
    """The order queue: batches of any size in any order, some messages twice and at once; what fails comes again."""

    chance: random.Random
    waiting: list[tuple[str, str]]
    received: Counter[str] = field(default_factory=Counter)
    transactions: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, texts: Iterable[str], seed: int) -> Queue:
        """Put messages into a queue, some of them twice."""
        chance = random.Random(seed)  # noqa: S311 - a race is to be repeated as far as it can be
        messages = [(f"m{i}", text) for i, text in enumerate(texts)]
        messages += chance.sample(messages, int(SHARE_TWICE * len(messages)))
        chance.shuffle(messages)
        return cls(chance, messages)

    def drain(self, workers: Executor, stage: Stage, at_once: int) -> None:
        """Have workers handle all of it, so many batches at once. Fails when a message comes too often."""
        with ThreadPoolExecutor(at_once) as pollers:
            for poller in [pollers.submit(self._poll, workers, stage) for _ in range(at_once)]:
                poller.result()

    def _poll(self, workers: Executor, stage: Stage) -> None:
        while (batch := self._take()) is not None:
            if not batch:
                time.sleep(0.002)  # noqa: TID251 - what is in flight may come again
                continue
            answer = workers.submit(handle, stage, event(batch, self.received)).result(timeout=TIME_LIMIT_SECONDS)
            with self.lock:
                self.in_flight -= 1
                self.waiting += [(message_id, batch[message_id]) for message_id in answer.again]
                self.transactions += answer.transactions

    def _take(self) -> dict[str, str] | None:
        """Take a batch; empty while only others' is left, None when nothing is."""
        with self.lock:
            if not self.waiting:
                return {} if self.in_flight else None
            size = self.chance.choice(SIZES)
            batch = dict(self.waiting[:size])
            del self.waiting[:size]
            self.received.update(batch.keys())
            assert max(self.received[message_id] for message_id in batch) <= MOST_RECEIVES
            self.in_flight += 1
            return batch


def event(batch: Mapping[str, str], received: Mapping[str, int]) -> dict[str, Any]:
    """Write a batch, `message id -> body`, as the event that SQS would send."""
    record = _golden()
    return {
        "Records": [
            record
            | {
                "messageId": message_id,
                "body": body,
                "attributes": record["attributes"] | {"ApproximateReceiveCount": str(received[message_id])},
            }
            for message_id, body in batch.items()
        ]
    }


@cache
def _golden() -> dict[str, Any]:
    record: dict[str, Any] = json.loads((ROOT / "events/sqs/order_queue.json").read_text())["Records"][0]
    return record
