"""What the whole life of an order costs, in dollars: webhook to shipment told, everything that is billed by use.

The real handlers run as Lambda runs them, in a process of their own: fed by queues of moto and streams of DynamoDB
Local in batches as the template maps them, with a shop on loopback that sends, and is told. Units are counted by our
meter, requests at the clients, log bytes where they are written. CPU is the handlers' own thread, without moto's
part and without TLS; a function has a share of a CPU that follows its memory, and waits for each call as long as
`WAITS` says.

Left out, because it does not grow with orders: empty polls of queues, schedules, alarms, metrics by name, cold
starts; and the suppliers' files, whose rows `bench` prices elsewhere. A supplier's answer is its moves alone.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import uuid
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, fields, replace
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
from moto import mock_aws
from moto.core import models as moto_models

from bench import prices
from bench.figure import Figure
from bench.meter import Bill, Metered, size
from functions.process_orders import handler as process_orders
from functions.publish_to_channels import handler as publish_to_channels
from functions.receive_webhook import handler as receive_webhook
from functions.record_orders import handler as record_orders
from functions.record_stock import handler as record_stock
from functions.send_purchase_orders import handler as send_purchase_orders
from local import dynamodb_local
from local import shop as shops
from local.shop import Shop, Store
from shared.domain.answers import Answer, LineAnswer, Says
from shared.domain.names import ChannelId, OrderKey, Sku
from shared.flows.answer_orders import AnswerOrders
from shared.runtime import clients, clock, rules
from shared.runtime.observability import logger
from shared.runtime.settings import settings
from shared.storage import keys, levels
from shared.storage.config import Config
from shared.storage.dynamo import Table
from shared.storage.order_book import OrderBook
from shared.storage.problems import Problems
from tests.support import trade
from tests.support.tables import ROOT, create_tables, template

BAR_DOLLARS = 30.0
SIZES = (1, 10, 25)
REPEATS = 2
STOCK = 10**6
SOURCES = ("alpina", "baltic", "celtic")
LOCATION = "gid://shopify/Location/71001"
SECRET, TOKEN = "shop-secret", "shpat-token"
WAITS = {"dynamodb": 0.005, "s3": 0.030, "sqs": 0.010, "secretsmanager": 0.010, "shop": 0.200}
"""Seconds that a call waits for its answer, the function being billed. Assumed."""
KEPT_MONTHS = 13
"""How long an order's items are paid for: as long as the ledger's, which expire; what has no end may be kept longer."""
ACCESS_LOG_BYTES = 26 + 13 + 25 + 3 + 2 + 3
"""What the values of a line of the access log come to: request id, time, route, status, bytes, milliseconds."""
ITEM_OVERHEAD_BYTES = 100
"""What storage counts for an item beside its own bytes (DynamoDB developer guide, storage)."""
MOST_PER_CALL = 10
MILLION = 1e6

PLAIN_DYNAMODB = clients.dynamodb
QUEUES = "https://sqs.us-east-1.amazonaws.com/123456789012"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
    "STOCK_TABLE": "StockTable",
    "ORDER_TABLE": "OrderTable",
    "FILES_BUCKET": "truestock-files",
    "ARCHIVE_BUCKET": "truestock-archive",
    "CONFIG_BUCKET": "truestock-config",
    "ORDER_QUEUE_URL": f"{QUEUES}/OrderQueue",
    "CHANNEL_QUEUE_URL": f"{QUEUES}/ChannelQueue",
    "FILE_QUEUE_URL": f"{QUEUES}/FileQueue",
    "SHOP_EVENT_QUEUE_URL": f"{QUEUES}/ShopEventQueue",
    "ORDER_DEAD_LETTERS_URL": f"{QUEUES}/OrderDeadLetters",
    "FILE_DEAD_LETTERS_URL": f"{QUEUES}/FileDeadLetters",
    "CHANNEL_DEAD_LETTERS_URL": f"{QUEUES}/ChannelDeadLetters",
    "SHOP_EVENT_DEAD_LETTERS_URL": f"{QUEUES}/ShopEventDeadLetters",
    "SECRET_PREFIX": "truestock/bench",
    "SHOPIFY_EVENT_SOURCE": "",
    "POWERTOOLS_SERVICE_NAME": "truestock-prod",
    "POWERTOOLS_METRICS_NAMESPACE": "Truestock",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}


def measure() -> Iterator[Figure]:
    """Yield the bill of each way to come, a figure a service and the sum; from a process with an environment of AWS."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with dynamodb_local.running() as url:
        engine = {"AWS_ENDPOINT_URL_DYNAMODB": url, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": url}
        done = subprocess.run(
            [sys.executable, "-m", "bench.life"],
            env=inherited | ENVIRONMENT | engine,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=240,
        )
    yield from (Figure(**each) for each in json.loads(done.stdout))


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda hands to a handler."""

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:bench:live"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return enough."""
        return 30_000


@dataclass(slots=True)
class Spent:
    """What some orders have used."""

    write_units: float = 0
    read_units: float = 0
    table_bytes: float = 0
    archive_bytes: int = 0
    file_bytes: int = 0
    log_bytes: int = 0
    requests: int = 0
    units_by_function: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    units_by_entity: Mapping[str, float] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    invocations: Counter[str] = field(default_factory=Counter)
    cpu_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    billed_seconds: float = 0

    def dollars(self, memory_gb: float) -> dict[str, float]:
        """Write the bill, a line a service."""
        puts, gets = self.calls["s3.PutObject"], self.calls["s3.GetObject"]
        sqs = sum(count for call, count in self.calls.items() if call.startswith("sqs."))
        invoked = sum(self.invocations.values())
        stored = KEPT_MONTHS * self.table_bytes / 1e9
        archived = self.archive_bytes * _archive_months() + self.file_bytes * KEPT_MONTHS
        return {
            "HTTP API": self.requests * prices.HTTP_API_REQUEST.dollars,
            "Lambda time": self.billed_seconds * memory_gb * prices.LAMBDA_TIME.dollars,
            "Lambda requests": invoked * prices.LAMBDA_REQUEST.dollars,
            "S3": puts * prices.S3_PUT.dollars
            + gets * prices.S3_GET.dollars
            + archived / 1e9 * prices.S3_STORAGE.dollars,
            "SQS": sqs * prices.SQS_REQUEST.dollars,
            "DynamoDB writes": self.write_units * prices.WRITE_UNIT.dollars,
            "DynamoDB reads": self.read_units * prices.READ_UNIT.dollars,
            f"DynamoDB storage and backup, {KEPT_MONTHS} months": stored
            * (prices.TABLE_STORAGE.dollars + prices.TABLE_BACKUP.dollars),
            "logs": self.log_bytes / 1e9 * prices.LOG_INGEST.dollars,
        }


class CountedShop(Shop):
    """A shop that counts what it is asked."""

    asked = 0

    def respond(self, request: Mapping[str, Any]) -> shops.Response | None:
        """Answer as a shop does."""
        self.asked += 1
        return super().respond(request)


@dataclass(slots=True)
class Stream:
    """A table's stream, read as far as it goes. The engine trims what is a while old, and iterators with it."""

    client: Any
    arn: str
    next: dict[str, str | None] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def records(self) -> list[Any]:
        """Return all records so far."""
        for shard in self.client.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]:
            at = shard["ShardId"]
            iterator = self.next[at] if at in self.next else self.oldest(at)
            while iterator:
                try:
                    answer = self.client.get_records(ShardIterator=iterator)
                except self.client.exceptions.TrimmedDataAccessException:
                    iterator = self.oldest(at)
                    continue
                iterator = answer.get("NextShardIterator")
                self.seen |= {record["eventID"]: record for record in answer["Records"]}
                if not answer["Records"]:
                    break
            self.next[at] = iterator
        return list(self.seen.values())

    def oldest(self, shard: str) -> str:
        """Return where the engine's memory begins."""
        request = {"StreamArn": self.arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        return str(self.client.get_shard_iterator(**request)["ShardIterator"])


@dataclass
class Cloud:
    """The functions with their queues and streams around them, and what they spend."""

    shop: CountedShop
    memory_mb: int
    streams: Mapping[str, Stream]
    spent: Spent = field(default_factory=Spent)
    bill: Bill = field(default_factory=Bill)
    read: Counter[str] = field(default_factory=Counter)
    not_ours: float = 0
    waited: float = 0
    numbers: int = 5_550_000
    written: io.StringIO = field(default_factory=io.StringIO)

    def watch(self) -> None:
        """Count the calls of every client, and keep the CPU of the stand-in for AWS apart."""
        for client in (clients.dynamodb(), clients.s3(), clients.s3_once(), clients.sqs(), clients.secretsmanager()):
            client.meta.events.register("before-call.*.*", self.called)
        stub = moto_models.botocore_stubber
        answer = stub.process_request

        def timed(request: Any) -> Any:  # noqa: ANN401 - moto's own
            start = time.thread_time()
            try:
                return answer(request)
            finally:
                self.not_ours += time.thread_time() - start

        stub.process_request = timed  # type: ignore[method-assign]
        logger.registered_handler.setStream(self.written)  # type: ignore[attr-defined]

    def called(self, model: Any, params: Mapping[str, Any], **_: object) -> None:  # noqa: ANN401 - botocore's own
        """Count one call."""
        service = model.service_model.service_name
        self.spent.calls[f"{service}.{model.name}"] += 1
        self.waited += WAITS[service]
        if service == "s3" and model.name == "PutObject":
            kept = len(params["body"]) if isinstance(params["body"], bytes) else params["body"].getbuffer().nbytes
            if params["url_path"].startswith("/webhooks/"):
                self.spent.archive_bytes += kept
            else:
                self.spent.file_bytes += kept

    def invoke(self, function: str, run: Callable[[Context], Any]) -> Any:  # noqa: ANN401 - the handler's answer
        """Run a function, and count what it is billed and what it logs."""
        not_ours, waited, asked, units = self.not_ours, self.waited, self.shop.asked, self.bill.write_units
        self.written.seek(0)
        self.written.truncate()
        context = Context(function, self.memory_mb)
        with redirect_stdout(self.written):
            start = time.thread_time()
            answer = run(context)
            cpu = time.thread_time() - start - (self.not_ours - not_ours)
        waits = self.waited - waited + (self.shop.asked - asked) * WAITS["shop"]
        seconds = cpu * prices.MEGABYTES_OF_A_CPU / self.memory_mb + waits
        self.spent.billed_seconds += math.ceil(seconds * 1000) / 1000
        self.spent.cpu_seconds[function] += cpu
        self.spent.units_by_function[function] += self.bill.write_units - units
        self.spent.invocations[function] += 1
        self.spent.log_bytes += len(self.written.getvalue().encode())
        return answer

    # ---- what brings events

    def receive(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Be the HTTP API: one request, one line of the access log, one invocation."""
        event = {
            "version": "2.0",
            "routeKey": "POST /webhooks/{channel}",
            "rawPath": "/webhooks/nordlys",
            "headers": {name.lower(): value for name, value in headers.items()},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        self.spent.requests += 1
        access_log = template()["Resources"]["HttpApiStage"]["Properties"]["AccessLogSettings"]["Format"]
        self.spent.log_bytes += len(access_log) + ACCESS_LOG_BYTES
        status: int = self.invoke("receive_webhook", lambda c: receive_webhook.lambda_handler(event, c))["statusCode"]
        return status

    def settle(self) -> None:
        """Let streams and queues bring what they have until nothing comes any more."""
        names = settings()
        while True:
            came = [
                self.stream(record_stock, "RecordStockSource", names.stock_table, _is_level),
                self.stream(record_orders, "RecordOrdersSource", names.order_table, _is_order),
                self.stream(send_purchase_orders, "SendPurchaseOrdersSource", names.order_table, _is_order),
                self.queue(process_orders, "ProcessOrdersSource", names.order_queue_url),
                self.queue(publish_to_channels, "PublishToChannelsSource", names.channel_queue_url),
            ]
            if not any(came):
                return

    def stream(
        self, handler: ModuleType, mapping: str, table: str, is_wanted: Callable[[Mapping[str, Any]], bool]
    ) -> bool:
        """Bring what a stream has for a function; what its filter leaves out is free."""
        fresh = self.streams[table].records()[self.read[mapping] :]
        self.read[mapping] += len(fresh)
        wanted = [record for record in fresh if is_wanted(record)]
        for batch in _parts(wanted, _batch_size(mapping)):
            self.handle(handler, {"Records": batch})
        return bool(wanted)

    def queue(self, handler: ModuleType, mapping: str, url: str) -> bool:
        """Bring what a queue has, received and deleted ten a call."""
        waiting: list[Any] = []
        while found := clients.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=MOST_PER_CALL).get("Messages"):
            waiting += found
        self.spent.calls["sqs.ReceiveMessage"] -= 1  # the empty one
        for batch in _parts(waiting, _batch_size(mapping)):
            self.handle(
                handler, {"Records": [{"messageId": each["MessageId"], "body": each["Body"]} for each in batch]}
            )
            for ten in _parts(batch, MOST_PER_CALL):
                entries: Any = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(ten)]
                clients.sqs().delete_message_batch(QueueUrl=url, Entries=entries)
        return bool(waiting)

    def handle(self, handler: ModuleType, event: dict[str, Any]) -> None:
        """Invoke a worker; none of this may fail."""
        function = handler.__name__.split(".")[1]
        answer = self.invoke(function, lambda context: handler.lambda_handler(event, context))
        if answer["batchItemFailures"]:
            raise AssertionError(function, "failed", answer, self.written.getvalue())

    # ---- the life

    def live(self, count: int, lines: Callable[[int], list[str]]) -> None:
        """Let so many orders come together, be sent, accepted, shipped and told."""
        numbers = [self.numbers + i for i in range(1, count + 1)]
        self.numbers += count
        bought = {number: lines(i) for i, number in enumerate(numbers)}
        self.hear("orders/create", bought, "2026-11-24T09:00:02+01:00")
        for says in (Says.ACCEPTED, Says.SHIPPED):
            for number in numbers:
                self.answer(OrderKey(ChannelId("nordlys"), str(number)), says)
            self.settle()
        self.hear("orders/updated", bought, "2026-11-25T09:00:02+01:00")  # what the shop says once they are fulfilled

    def hear(self, topic: str, bought: Mapping[int, list[str]], updated_at: str) -> None:
        """Have the shop send a webhook an order, and bring what follows."""
        for number, skus in bought.items():
            status = self.shop.send(topic, _payload(number, skus, updated_at))
            if status != HTTPStatus.OK:
                raise AssertionError("the webhook was refused", status)
        self.settle()

    def answer(self, key: OrderKey, says: Says) -> None:
        """Have the supplier answer for all it was sent; a function of its own would do it."""
        book = _book()
        (po,) = book.purchase_orders(key)
        now = clock.now()
        answer = Answer(
            order=key,
            number=po.number,
            document=f"{says}-{po.number}",
            received_at=now,
            lines=tuple(LineAnswer(line=line.line, says=says, units=line.units) for line in po.lines),
            at=now,
        )
        flow = AnswerOrders(book=book, problems=Problems(book.orders), pause=clock.pause)
        self.invoke("answer_orders", lambda _: flow.run(answer, rules.current(now), now))


def main() -> None:
    """Live each way after a life that warms the process up; write the figures to standard output."""
    with mock_aws(), tempfile.TemporaryDirectory() as folder, _cloud(Path(folder)) as cloud:
        figures: list[Figure] = []
        for count in SIZES:
            where = "alone" if count == 1 else f"in batches of {count}"
            figures += _bill(cloud, where, count, lambda _: ["HOT"], is_held=count == SIZES[-1])
        figures += _bill(cloud, f"in batches of {SIZES[-1]} of as many levels", SIZES[-1], lambda i: [f"SKU-{i:02}"])
    print(json.dumps([{each.name: getattr(figure, each.name) for each in fields(figure)} for figure in figures]))


def _bill(
    cloud: Cloud, where: str, count: int, lines: Callable[[int], list[str]], *, is_held: bool = False
) -> Iterator[Figure]:
    """Bill orders that come so: units from one life with the meter, the rest from the cheapest of some without."""
    units = _spent(cloud, count, lines, is_metered=True)
    lives = [_spent(cloud, count, lines, is_metered=False) for _ in range(REPEATS)]
    best = min(lives, key=lambda spent: spent.billed_seconds)
    spent = replace(units, billed_seconds=best.billed_seconds, cpu_seconds=best.cpu_seconds, calls=best.calls)
    dollars = {service: bill / count * MILLION for service, bill in spent.dollars(cloud.memory_mb / 1024).items()}
    name = f"life of an order, k=1, {where}"
    for service, bill in dollars.items():
        yield Figure(name=f"{name}: {service}", value=bill, unit="dollars/million orders")
    yield Figure(
        name=f"{name}: everything",
        value=sum(dollars.values()),
        unit="dollars/million orders",
        bar=BAR_DOLLARS if is_held else None,
    )
    invoked = sum(spent.invocations.values())
    cpu = sum(spent.cpu_seconds.values())
    sqs = sum(calls for call, calls in spent.calls.items() if call.startswith("sqs."))
    for what, value, unit in (
        ("writes", spent.write_units, "write units/order"),
        ("reads", spent.read_units, "read units/order"),
        ("items left", spent.table_bytes, "bytes/order"),
        ("invocations", invoked, "invocations/order"),
        ("CPU", cpu * 1000, "ms/order"),
        ("billed time", spent.billed_seconds * 1000, "ms/order"),
        ("queue requests", sqs, "requests/order"),
        ("objects put", spent.calls["s3.PutObject"], "objects/order"),
        ("logs", spent.log_bytes, "bytes/order"),
    ):
        yield Figure(name=f"{name}: {what}", value=value / count, unit=unit)
    if is_held:
        for by, found in (("by", spent.units_by_function), ("of", spent.units_by_entity)):
            for each, value in sorted(found.items()):
                yield Figure(name=f"{name}: writes {by} {each}", value=value / count, unit="write units/order")


def _spent(cloud: Cloud, count: int, lines: Callable[[int], list[str]], *, is_metered: bool) -> Spent:
    """Let orders live, with or without the meter at the tables: its own reads are nobody's CPU and nobody's calls."""
    plain, names = PLAIN_DYNAMODB(), settings()
    metered = Metered(plain)
    _connect(metered if is_metered else plain)
    cloud.bill = metered.bill
    skus = {sku for i in range(count) for sku in lines(i)}
    are_new = [_stock(Table(plain, names.stock_table), sku) for sku in sorted(skus)]
    cloud.settle()
    cloud.live(count if any(are_new) else 1, lines)  # warms up: rules, secrets, what was told of every SKU
    before = _bytes(plain)
    cloud.spent, cloud.bill = Spent(), Bill()
    metered.bill = cloud.bill
    cloud.live(count, lines)
    cloud.spent.table_bytes = _bytes(plain) - before
    spent, cloud.spent = cloud.spent, Spent()
    return replace(
        spent,
        write_units=cloud.bill.write_units,
        read_units=cloud.bill.read_units,
        units_by_entity=cloud.bill.by_entity,
    )


def _bytes(client: Any) -> int:  # noqa: ANN401 - a client
    """Count what both tables hold, as it is billed: 100 bytes an item beside its own."""
    names = settings()
    pages = (
        page
        for table in (names.stock_table, names.order_table)
        for page in client.get_paginator("scan").paginate(TableName=table)
    )
    return sum(size(item) + ITEM_OVERHEAD_BYTES for page in pages for item in page["Items"])


# ---- the furniture


@contextmanager
def _cloud(folder: Path) -> Iterator[Cloud]:
    """Make tables, buckets, queues, secrets and rules, and a shop that knows the cloud."""
    names, s3 = settings(), clients.s3()
    tables = create_tables(clients.dynamodb())
    reader = boto3.client("dynamodbstreams")
    arns = {name: clients.dynamodb().describe_table(TableName=name)["Table"]["LatestStreamArn"] for name in tables}
    for bucket in (names.files_bucket, names.archive_bucket, names.config_bucket):
        s3.create_bucket(Bucket=bucket)
    for url in (names.order_queue_url, names.channel_queue_url):
        clients.sqs().create_queue(QueueName=url.rpartition("/")[2])
    kept = json.dumps({"current": SECRET, "previous": "", "token": TOKEN})
    clients.secretsmanager().create_secret(Name=f"{names.secret_prefix}/shops/nordlys", SecretString=kept)
    clients.secretsmanager().create_secret(Name=f"{names.secret_prefix}/people", SecretString="people-key")
    shop = CountedShop(
        store=Store(folder / "shop.sqlite"),
        domain="nordlys.example",
        location=LOCATION,
        secret=SECRET,
        token=TOKEN,
        items={},
        deliver=lambda *delivery: cloud.receive(*delivery),  # noqa: PLW0108 - the cloud needs the shop first
    )
    cloud = Cloud(
        shop,
        memory_mb=template()["Globals"]["Function"]["MemorySize"],
        streams={name: Stream(reader, arn) for name, arn in arns.items()},
    )
    with shops.serving(shop) as url:
        document = trade.shop_rules_document(*SOURCES, api_url=url, location=LOCATION)
        Config(s3, names.config_bucket).push(document)
        cloud.watch()
        yield cloud


def _connect(client: Any) -> None:  # noqa: ANN401 - a client, or one with a meter around it
    """Have every flow use this client of the tables from now on."""
    clients.dynamodb = lambda: client  # type: ignore[assignment]
    handlers = (
        *(receive_webhook, process_orders, record_stock, record_orders),
        *(send_purchase_orders, publish_to_channels),
    )
    for handler in handlers:
        handler.flow.cache_clear()


def _book() -> OrderBook:
    names = settings()
    return OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table)


def _stock(stock: Table, sku: str) -> bool:
    """Put a level and its product unless they are there; answer whether they were not."""
    pk, sk = keys.item(Sku(sku))
    listed = {"nordlys": f"gid://shopify/InventoryItem/{zlib.crc32(sku.encode())}"}
    stock.put_new({"PK": pk, "SK": sk, "entity": "product", "schema": 1, "revision": 1, "inventory_items": listed})
    return stock.put_new(levels.to_item(trade.level(sku, SOURCES[0], STOCK)))


def _payload(number: int, skus: list[str], updated_at: str) -> dict[str, Any]:
    """Write an order as the golden webhook has it, with these lines."""
    golden: dict[str, Any] = json.loads((ROOT / "events/webhooks/shopify/orders_create.json").read_text())
    line = golden["line_items"][0]
    lines = [line | {"id": number * 100 + i, "sku": sku, "quantity": 1} for i, sku in enumerate(skus, 1)]
    return golden | {"id": number, "name": f"#{number}", "updated_at": updated_at, "line_items": lines}


def _archive_months() -> float:
    (rule,) = (
        rule
        for rule in template()["Resources"]["ArchiveBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        if rule["Id"] == "personal-data"
    )
    return float(rule["ExpirationInDays"]) / 30


def _batch_size(mapping: str) -> int:
    return int(template()["Resources"][mapping]["Properties"]["BatchSize"])


def _parts(found: list[Any], most: int) -> list[list[Any]]:
    return [found[start : start + most] for start in range(0, len(found), most)]


def _is_level(record: Mapping[str, Any]) -> bool:
    return str(record["dynamodb"]["Keys"]["SK"]["S"]).startswith("SRC#")


def _is_order(record: Mapping[str, Any]) -> bool:
    sk = str(record["dynamodb"]["Keys"]["SK"]["S"])
    return record["eventName"] != "REMOVE" and (sk == "ORD" or sk.startswith("PO#"))


if __name__ == "__main__":
    main()
