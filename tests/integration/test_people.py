"""Personal data: where it is while an order is shipped, and that an erasure leaves none of it anywhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from functions.process_orders import handler as process_orders
from functions.receive_webhook import handler as receive_webhook
from functions.record_orders import handler as record_orders
from functions.send_purchase_orders import handler as send_purchase_orders
from functions.sweep_due_work import handler as sweep_due_work
from shared.domain.answers import Answer, LineAnswer, Says
from shared.domain.customers import Erasure, State
from shared.domain.names import ChannelId, OrderKey
from shared.domain.orders import Order
from shared.flows.answer_orders import AnswerOrders
from shared.flows.send_purchase_orders import Lifetime
from shared.runtime import clock, rules
from shared.runtime.settings import settings
from shared.storage import keys, levels, offers, people
from shared.storage import orders as order_items
from shared.storage.order_book import OrderBook
from shared.storage.people import People
from shared.storage.problems import Problems
from tests.integration.conftest import SECRETS
from tests.support import trade
from tests.support.faults import Crash, Faulty
from tests.support.life import streamed

if TYPE_CHECKING:
    from tests.integration.conftest import Aws, LambdaContext

GOLDEN = Path(__file__).parents[2] / "events/webhooks/shopify"
FIRST = OrderKey(ChannelId("nordlys"), "820982911946154508")
LEAST_CALLS = 15
PERSON = ("Holm", "mari.holm", "Strandgaten 18", "+47 55 00 00 00")
"""Parts of the customer's name, address of mail, street and phone."""


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def receive(context: LambdaContext, topic: str, body: bytes, event_id: str = "e-1") -> None:
    signature = base64.b64encode(hmac.digest(SECRETS["current"].encode(), body, hashlib.sha256)).decode()
    headers = {"X-Shopify-Topic": topic, "X-Shopify-Webhook-Id": event_id, "X-Shopify-Hmac-Sha256": signature}
    delivery = {
        "rawPath": "/webhooks/nordlys",
        "headers": headers,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    assert receive_webhook.lambda_handler(delivery, context)["statusCode"] == 200


def process(aws: Aws, context: LambdaContext) -> None:
    waiting = aws.messages(settings().order_queue_url)
    records = [{"messageId": f"m{i}", "body": text} for i, text in enumerate(waiting)]
    assert process_orders.lambda_handler({"Records": records}, context) == {"batchItemFailures": []}


def stream(aws: Aws, context: LambdaContext) -> None:
    """Bring the order table's records to both of their readers, until there are none that are new."""
    read = 0
    while fresh := streamed(aws.orders.name)[read:]:
        read += len(fresh)
        mine = [each for each in fresh if each["dynamodb"]["Keys"]["SK"]["S"].startswith(("ORD", "PO#"))]
        assert record_orders.lambda_handler({"Records": mine}, context) == {"batchItemFailures": []}
        kept = [each for each in mine if each["eventName"] != "REMOVE"]
        assert send_purchase_orders.lambda_handler({"Records": kept}, context) == {"batchItemFailures": []}


def golden(name: str = "orders_create", **changed: object) -> bytes:
    return json.dumps(json.loads((GOLDEN / f"{name}.json").read_bytes()) | changed).encode()


def buy(aws: Aws, context: LambdaContext, body: bytes | None = None, event_id: str = "e-1") -> None:
    """Have an order come in, be sent to its suppliers, and its events be recorded."""
    for sku in ("NL-1001", "NL-1002"):
        aws.stock.put(levels.to_item(trade.level(sku, "alpina", 9)))
        aws.stock.put(offers.to_item(trade.offer(sku, "alpina", 900)))
    receive(context, "orders/create", body or golden(), event_id)
    process(aws, context)
    stream(aws, context)


def ship(aws: Aws, context: LambdaContext, key: OrderKey = FIRST) -> None:
    book, now = OrderBook(aws.dynamodb, aws.stock, aws.orders), clock.now()
    for po in book.purchase_orders(key):
        lines = tuple(LineAnswer(line=line.line, says=Says.SHIPPED, units=line.units) for line in po.lines)
        said = Answer(order=key, number=po.number, document=f"asn-{po.number}", received_at=now, lines=lines)
        AnswerOrders(book=book, problems=Problems(aws.orders), pause=lambda _: None).run(said, rules.current(now), now)
    stream(aws, context)


def redact(context: LambdaContext, event_id: str = "r-1", **changed: object) -> None:
    body = json.dumps(json.loads((GOLDEN / "customers_redact.json").read_bytes()) | changed).encode()
    receive(context, "customers/redact", body, event_id)


def sweep(context: LambdaContext) -> dict[str, int]:
    counted: dict[str, int] = sweep_due_work.lambda_handler({}, context)
    return counted


def objects(aws: Aws) -> Iterator[tuple[str, bytes]]:
    """Every version of every object of all buckets."""
    for bucket in (settings().archive_bucket, settings().files_bucket, settings().config_bucket):
        for page in aws.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for each in page.get("Versions", []):
                read = aws.s3.get_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
                yield f"{bucket}/{each['Key']}", read["Body"].read() + repr(read["Metadata"]).encode()


def items(aws: Aws) -> Iterator[tuple[str, bytes]]:
    for table in (aws.stock, aws.orders):
        for page in aws.dynamodb.get_paginator("scan").paginate(TableName=table.name):
            for item in page["Items"]:
                yield f"{item['PK']['S']}/{item['SK']['S']}", json.dumps(item, default=repr).encode()


def queued(aws: Aws) -> Iterator[tuple[str, bytes]]:
    names = settings()
    for url in (names.order_queue_url, names.channel_queue_url, names.order_dead_letters_url):
        yield from ((f"queue {url.rpartition('/')[2]}", text.encode()) for text in aws.messages(url))


def places(aws: Aws, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> set[str]:
    """Name whatever has any part of the person in it: items, versions, messages, what was logged and measured."""
    out, err = capsys.readouterr()
    logged = ("logs", f"{out}{err}{caplog.text}".encode())
    found = [*objects(aws), *items(aws), *queued(aws), logged]
    return {where for where, text in found if any(part.encode() in text for part in PERSON)}


def kinds(found: set[str]) -> set[str]:
    """Say of each place which of the three it is."""

    def kind(place: str) -> str:
        if place.startswith(f"{settings().archive_bucket}/webhooks/"):
            return "archive"
        if place.startswith(f"{settings().files_bucket}/out/alpina/PO-"):
            return "purchase order"
        return "SHIPTO" if "/SHIPTO#" in place else place

    return set(map(kind, found))


def order(aws: Aws, key: OrderKey = FIRST) -> Order:
    found = aws.orders.get(keys.order(key))
    assert found is not None
    return order_items.from_item(found)


def erasures(aws: Aws) -> list[Erasure]:
    found = [place.partition("/")[0] for place, _ in items(aws) if place.startswith("ERASE#")]
    return [read for each in found if (read := People(aws.orders).erasure(each.removeprefix("ERASE#")))]


def test_a_customer_is_in_three_places_and_after_the_redaction_nowhere(
    aws: Aws, context: LambdaContext, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    buy(aws, context)
    receive(context, "orders/create", golden())  # a second version of the same key
    receive(context, "orders/updated", golden(updated_at="2026-11-24T10:00:00+01:00"), "e-2")
    process(aws, context)
    ship(aws, context)
    assert kinds(places(aws, capsys, caplog)) == {"archive", "purchase order", "SHIPTO"}

    redact(context)
    process(aws, context)
    counted = sweep(context)

    assert places(aws, capsys, caplog) == set()
    assert counted["CustomerErased"] == 1
    (record,) = erasures(aws)
    assert (record.state, record.orders, record.rows) == (State.DONE, 1, 2)
    assert record.objects == 5  # two versions, the update, the purchase order, the event that asked
    assert (record.names, record.left, record.archive_key, record.due_at) == ((), (), "", "")
    assert (order(aws).customer, order(aws).ship_to) == ("", "")


def test_other_customers_keep_what_is_theirs(
    aws: Aws, context: LambdaContext, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    buy(aws, context, golden(id=82098291194615450, email="other@post.example"))
    other = OrderKey(FIRST.channel, "82098291194615450")
    ship(aws, context, other)
    before = places(aws, capsys, caplog)

    redact(context)
    process(aws, context)
    sweep(context)

    assert places(aws, capsys, caplog) == before
    assert kinds(before) == {"archive", "purchase order", "SHIPTO"}


def test_an_order_that_is_not_shipped_is_waited_for(aws: Aws, context: LambdaContext) -> None:
    buy(aws, context)
    redact(context)
    process(aws, context)

    assert sweep(context)["ErasureUnderWay"] == 1
    (erasure,) = erasures(aws)
    assert (erasure.state, erasure.waiting) == (State.WAITS, (FIRST,))
    assert People(aws.orders).addresses(FIRST)

    ship(aws, context)
    aws.orders.put(people.to_item(replace(erasure, due_at=trade.T0)))
    assert sweep(context)["CustomerErased"] == 1
    assert not People(aws.orders).addresses(FIRST)


def test_a_person_is_told_before_an_erasure_has_waited_too_long(aws: Aws, context: LambdaContext) -> None:
    buy(aws, context)
    redact(context)
    process(aws, context)
    sweep(context)
    (erasure,) = erasures(aws)
    assert Problems(aws.orders).read("erasure_waits", erasure.erasure) is None

    aws.orders.put(people.to_item(replace(erasure, due_at=trade.T0, asked_at="2026-10-01T00:00:00.000Z")))
    sweep(context)

    told = Problems(aws.orders).read("erasure_waits", erasure.erasure)
    assert told is not None
    assert told.problem.details["orders"] == str(FIRST)


def test_an_order_without_an_address_of_mail_is_its_platforms_customers(aws: Aws, context: LambdaContext) -> None:
    buy(aws, context, golden(email=None, customer={"id": 207119551}))
    ship(aws, context)
    redact(context, customer={"id": 207119551, "phone": "+47 55 00 00 00"}, orders_to_redact=[])
    process(aws, context)
    sweep(context)

    assert not People(aws.orders).addresses(FIRST)
    assert not [place for place, _ in items(aws) if place.startswith("CUST#")]
    assert not [place for place, _ in objects(aws) if "/webhooks/" in place]


def test_the_same_redaction_again_leaves_nothing_either(
    aws: Aws, context: LambdaContext, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        redact(context)
        process(aws, context)
        sweep(context)

        assert places(aws, capsys, caplog) == set()
    assert len(erasures(aws)) == 1


def test_an_event_of_no_order_goes_when_it_names_the_customer(
    aws: Aws, context: LambdaContext, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    receive(context, "customers/update", b'{"id": 7, "email": "Mari.Holm@post.example", "last_name": "Holm"}', "c-1")
    receive(context, "customers/update", b'{"id": 8, "email": "ada@post.example"}', "c-2")

    redact(context)
    process(aws, context)
    sweep(context)

    assert places(aws, capsys, caplog) == set()
    assert [place.rpartition("/")[2] for place, _ in objects(aws) if "webhooks" in place] == [
        "c-2-customers-update.json"
    ]


def test_a_shop_that_goes_takes_everybody_with_it(
    aws: Aws,
    context: LambdaContext,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.flows.erase_people.LOOKS_BACK", timedelta(days=2))
    today = clock.now().strftime("%Y-%m-%dT08:00:00Z")
    buy(aws, context, golden(created_at=today))
    ship(aws, context)
    receive(context, "shop/redact", (GOLDEN / "shop_redact.json").read_bytes(), "s-1")
    process(aws, context)
    (asked,) = erasures(aws)

    assert sweep(context)["CustomerErased"] == 1

    assert places(aws, capsys, caplog) == set()
    assert not [place for place, _ in objects(aws) if "/webhooks/nordlys/" in place]
    assert not [place for place, _ in items(aws) if place.startswith("CUST#")]
    (record,) = erasures(aws)
    assert (record.erasure, record.state, record.orders) == (asked.erasure, State.DONE, 1)


def test_a_customer_who_asks_is_an_exception_that_names_orders_and_no_data(
    aws: Aws, context: LambdaContext, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    buy(aws, context)
    before = places(aws, capsys, caplog)
    receive(context, "customers/data_request", (GOLDEN / "customers_data_request.json").read_bytes(), "d-1")
    process(aws, context)

    (told,) = [each.problem for each in Problems(aws.orders).open_ones() if each.problem.kind == "data_request"]
    assert told.details["orders"] == FIRST.order_id
    assert kinds(places(aws, capsys, caplog) - before) == {"archive"}  # the request itself, until it expires


def test_an_address_goes_thirty_days_after_the_last_of_its_order_is_shipped(aws: Aws, context: LambdaContext) -> None:
    buy(aws, context)
    (address,) = People(aws.orders).addresses(FIRST)
    assert "expires_at" not in address

    ship(aws, context)

    (address,) = People(aws.orders).addresses(FIRST)
    left = datetime.fromtimestamp(address["expires_at"], tz=clock.now().tzinfo) - clock.now()
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


def test_an_erasure_that_breaks_off_at_any_call_runs_to_its_end_the_next_time(
    aws: Aws, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.storage.archive.LIVES_DAYS", 1)  # a call for each day, all alike
    buy(aws, context)
    ship(aws, context)
    redact(context)
    process(aws, context)
    kept = [*versions(aws)], [*stored(aws)]
    (asked,) = erasures(aws)

    at = 0
    while True:  # gone before a call is gone after the one before it
        at += 1
        put_back(aws, *kept)
        if not breaks_off(asked.erasure, at, monkeypatch):
            break
        go_on(asked.erasure)
        found = {place for place, text in [*objects(aws), *items(aws)] if any(p.encode() in text for p in PERSON)}
        assert (at, found) == (at, set())
        (record,) = erasures(aws)
        assert (record.state, order(aws).customer) == (State.DONE, "")
    assert at > LEAST_CALLS


class Faults:
    """One count of calls over the clients of both services."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def over(self, client: Any) -> Any:  # noqa: ANN401 - a client
        faults = self

        class Counted:
            def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the client's call
                faults.calls += 1
                return getattr(Faulty(client, int(faults.calls == faults.at)), name)

        return Counted()


def go_on(erasure: str) -> None:
    now = clock.now()
    sweep_due_work.sweep().erase.run(erasure, rules.current(now), now, Lifetime(now, lambda: timedelta(seconds=60)))


def breaks_off(erasure: str, at: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Go on with a crash at one of the calls; answer whether it came to that call."""
    erase, faults = sweep_due_work.sweep().erase, Faults(at)
    with monkeypatch.context() as patched:
        assert erase.people.table is erase.data.outbox.book.orders
        for holder in (erase.people.table, erase.data.archive, erase.data.files):
            patched.setattr(holder, "client", faults.over(holder.client))
        try:
            go_on(erasure)
        except Crash:
            return True
    return False


def versions(aws: Aws) -> Iterator[tuple[str, str, bytes]]:
    for bucket in (settings().archive_bucket, settings().files_bucket):
        for each in aws.s3.list_object_versions(Bucket=bucket).get("Versions", []):
            read = aws.s3.get_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])["Body"].read()
            yield bucket, each["Key"], read


def stored(aws: Aws) -> Iterator[dict[str, Any]]:
    for page in aws.dynamodb.get_paginator("scan").paginate(TableName=aws.orders.name):
        yield from page["Items"]


def put_back(aws: Aws, there: list[tuple[str, str, bytes]], kept: list[dict[str, Any]]) -> None:
    """Have the buckets and the order table as they were before the erasure, and its stream short."""
    before, now = ({(each["PK"]["S"], each["SK"]["S"]): each for each in some} for some in (kept, stored(aws)))
    assert before.keys() >= now.keys()
    for at, item in before.items():
        if now.get(at) != item:
            aws.dynamodb.put_item(TableName=aws.orders.name, Item=item)
    missing = Counter(there) - Counter(versions(aws))
    for bucket, key, body in missing.elements():
        aws.s3.put_object(Bucket=bucket, Key=key, Body=body)
    backend: Any = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables[aws.orders.name]
    backend.stream_shard.items.clear()
