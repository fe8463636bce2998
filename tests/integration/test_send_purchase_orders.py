"""The order table's stream becomes files in the suppliers' folders, one a promise."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.sesv2.models import sesv2_backends

from functions.send_purchase_orders import handler
from local import supplier_stand_ins
from local.stand_in import serving
from local.supplier_stand_ins import SupplierApi
from shared.domain import orders, purchase_orders, stock, times
from shared.domain.names import ChannelId, OrderKey, SourceId
from shared.domain.orders import LineState, Order
from shared.domain.purchase_orders import PoEvent, PoState, PurchaseOrder
from shared.domain.stock import Level
from shared.errors import Transient
from shared.formats.purchase_order_csv import Request, parse
from shared.runtime import clients, clock
from shared.runtime.settings import settings
from shared.storage import keys, levels
from shared.storage import orders as order_items
from shared.storage import purchase_orders as po_items
from shared.storage.config import Config
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.suppliers.file_drop import FileDrop
from tests.integration.conftest import Aws, LambdaContext, forget, push_rules
from tests.support import trade
from tests.support.faults import Crash, Faulty, no_answer

EVENTS = Path(__file__).parents[2] / "events/streams/orders"
ORDER = OrderKey(ChannelId("nordlys"), "5550001")
FILE = "out/alpina/PO-ALPINA-000001.csv"
CANCEL = "out/alpina/PO-ALPINA-000001-cancel.csv"
ADDRESS = {"name": "Ada Buyer", "address1": "Harbour Street 1", "zip": "5003", "country_code": "NO"}


def event(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return read


def image(name: str) -> Order:
    return order_items.read_image(event(name)["Records"][-1]["dynamodb"]["NewImage"])


def purchase_order_image() -> PurchaseOrder:
    return po_items.read_image(event("purchase_order_made")["Records"][-1]["dynamodb"]["NewImage"])


def record(aws: Aws, order: Order, *made: PurchaseOrder) -> None:
    """Let the table be as the stream says, with the units that the order holds, and its address."""
    aws.orders.put(order_items.to_item(order))
    for po in made:
        aws.orders.put(po_items.to_item(po))
    pk, sk = keys.ship_to(order.key, order.ship_to)
    aws.orders.put({"PK": pk, "SK": sk, "entity": "ship_to", "schema": 1, "revision": 1, "address": ADDRESS})
    for each in order.allocations:
        level = trade.level(order.line(each.line).sku, each.source, 7, committed=each.committed)
        aws.stock.put(levels.to_item(replace(level, counted=7 + each.committed)))


def run(context: LambdaContext, *names: str) -> None:
    for name in names:
        assert handler.lambda_handler(event(name), context) == {"batchItemFailures": []}


def files(aws: Aws) -> dict[str, bytes]:
    """Read what the suppliers were sent; a file that was written twice has two versions."""
    bucket = settings().files_bucket
    versions = aws.s3.list_object_versions(Bucket=bucket).get("Versions", [])
    assert len({each["Key"] for each in versions}) == len(versions)
    return {each["Key"]: aws.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in versions}


def order(aws: Aws) -> Order:
    found = OrderBook(aws.dynamodb, aws.stock, aws.orders).order(ORDER)
    assert found is not None
    return found


def purchase_order(aws: Aws) -> PurchaseOrder:
    (po,) = OrderBook(aws.dynamodb, aws.stock, aws.orders).purchase_orders(ORDER)
    return po


def test_a_reserved_order_is_a_file_in_its_suppliers_folder(aws: Aws, context: LambdaContext) -> None:
    record(aws, image("reserved"))

    run(context, "reserved")

    (body,) = files(aws).values()
    assert list(files(aws)) == [FILE]
    document = parse(body)
    assert (document.request, document.number, document.order_name) == (Request.ORDER, "ALPINA-000001", "#1001")
    assert [(line.sku, line.units) for line in document.lines] == [("NL-1001", 3), ("NL-1002", 1)]
    assert (document.order_token, document.ship_to) == (ORDER.token, ADDRESS)
    assert (purchase_order(aws).state, order(aws).total(LineState.SENT)) == (PoState.SENT, 4)


def test_a_second_delivery_sends_nothing(aws: Aws, context: LambdaContext) -> None:
    record(aws, image("reserved"))

    run(context, "reserved", "purchase_order_made", "reserved", "purchase_order_sent")

    assert list(files(aws)) == [FILE]
    assert (purchase_order(aws).revision, order(aws).revision) == (3, 2)
    counter = aws.orders.get(keys.counter(purchase_order(aws).source, "PO"))
    assert counter is not None
    assert counter["revision"] == 1


@pytest.mark.parametrize("name", ["backordered", "held", "edited", "cancelled", "tombstone"])
def test_a_record_says_only_which_order_has_changed(name: str, aws: Aws, context: LambdaContext) -> None:
    run(context, name)
    assert files(aws) == {}

    record(aws, image("reserved"))
    run(context, name)

    assert list(files(aws)) == [FILE]


def test_a_purchase_order_of_a_cancelled_order_is_dropped(aws: Aws, context: LambdaContext) -> None:
    record(aws, image("cancelled"), purchase_order_image())

    run(context, "purchase_order_made")

    assert (purchase_order(aws).state, files(aws)) == (PoState.CANCELLED, {})


def test_a_cancel_after_the_send_is_told(aws: Aws, context: LambdaContext) -> None:
    record(aws, image("reserved"))
    run(context, "reserved")
    sent = purchase_order(aws)
    cancelled = orders.cancel(order(aws), 2).order
    record(aws, cancelled, purchase_orders.step(sent, PoEvent.CANCEL))

    run(context, "cancelled", "cancelled")

    assert list(files(aws)) == [CANCEL, FILE]
    assert parse(files(aws)[CANCEL]).request is Request.CANCEL
    assert parse(files(aws)[CANCEL]).ship_to == {}
    assert purchase_order(aws).cancel_told


def test_a_foreign_file_under_the_number_is_left_alone_and_told(aws: Aws, context: LambdaContext) -> None:
    record(aws, image("reserved"))
    aws.s3.put_object(Bucket=settings().files_bucket, Key=FILE, Body=b"foreign")

    run(context, "reserved", "reserved")

    assert files(aws) == {FILE: b"foreign"}
    assert purchase_order(aws).state is PoState.FAILED
    assert aws.orders.get(keys.problem("other_content", "ALPINA-000001")) is not None


def test_without_an_address_nothing_is_sent(aws: Aws, context: LambdaContext) -> None:
    record(aws, image("reserved"))
    pk, sk = keys.ship_to(ORDER, image("reserved").ship_to)
    aws.orders.put({"PK": pk, "SK": sk, "entity": "ship_to", "address": ADDRESS, "expires_at": 1})

    run(context, "reserved")

    assert (purchase_order(aws).state, files(aws)) == (PoState.READY, {})
    assert aws.orders.get(keys.problem("no_ship_to", "ALPINA-000001")) is not None


@pytest.mark.parametrize(
    "item",
    [{"SK": "ORD", "entity": "order"}, {"SK": "PO#alpina#1", "entity": "purchase_order", "number": 7}],
)
def test_an_item_that_cannot_be_read_is_an_exception_and_stops_nobody(
    item: dict[str, object], aws: Aws, context: LambdaContext
) -> None:
    record(aws, image("reserved"))
    aws.orders.put({"PK": "ORD#nordlys#5550002", **item})
    if item["SK"] != "ORD":
        aws.orders.put(order_items.to_item(trade.order("5550002", ("A", 1))))

    run(context, "unreadable_among_others")

    assert list(files(aws)) == [FILE]
    problem = aws.orders.get(keys.problem("item_unreadable", "nordlys#5550002"))
    assert problem is not None
    assert problem["state"] == "open"


def test_with_no_time_left_the_batch_comes_again(aws: Aws, context: LambdaContext) -> None:
    record(aws, image("reserved"))
    context.remaining = 9_000

    with pytest.raises(Transient):
        run(context, "reserved")

    assert (purchase_order(aws).state, files(aws)) == (PoState.READY, {})


def test_a_file_that_is_there_is_found_when_its_claim_is_over(aws: Aws, context: LambdaContext) -> None:
    record(aws, image("reserved"))
    run(context, "reserved")
    body = files(aws)[FILE]
    sent = purchase_order(aws)
    record(aws, order(aws), replace(sent, state=PoState.UNKNOWN, claimed_until="2020-01-01T00:00:00.000Z"))

    run(context, "reserved")

    assert purchase_order(aws).state is PoState.SENT
    assert files(aws) == {FILE: body}


def test_a_file_that_never_arrived_is_sent_when_its_claim_is_over(aws: Aws, context: LambdaContext) -> None:
    record(aws, image("reserved"))
    run(context, "reserved")
    sent = purchase_order(aws)
    bucket = settings().files_bucket
    for each in aws.s3.list_object_versions(Bucket=bucket)["Versions"]:
        aws.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    record(aws, order(aws), replace(sent, state=PoState.UNKNOWN, claimed_until="2020-01-01T00:00:00.000Z"))

    run(context, "reserved")

    assert (purchase_order(aws).state, list(files(aws))) == (PoState.SENT, [FILE])
    assert purchase_order(aws).claimed_by != sent.claimed_by


def test_units_of_what_never_arrived_and_is_cancelled_go_back(aws: Aws, context: LambdaContext) -> None:
    claimed = purchase_orders.step(purchase_order_image(), PoEvent.CLAIM)
    claimed = replace(claimed, claimed_until="2020-01-01T00:00:00.000Z", cancel_wanted=True)
    sent = orders.send(image("reserved"), 1, deducts_at=orders.DeductsAt.SHIP).order
    record(aws, orders.cancel(sent, 2).order, claimed)

    run(context, "cancelled", "cancelled")

    assert (purchase_order(aws).state, files(aws)) == (PoState.CANCELLED, {})
    assert order(aws).total(LineState.CANCELLED) == 4
    for sku, units in (("NL-1001", 3), ("NL-1002", 1)):
        found = aws.stock.get(keys.level(trade.at(sku, "alpina")))
        assert found is not None
        assert (found["committed"], found["available"], found["last"]) == (0, 7 + units, {ORDER.token: -units})


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failure", [Crash(), no_answer()], ids=["crash", "no answer"])
def test_a_fault_at_any_call_to_the_folder_leaves_one_file(
    failure: BaseException, *, after: bool, aws: Aws, context: LambdaContext
) -> None:
    record(aws, image("reserved"))
    flow = handler.flow()
    client: Any = Faulty(clients.s3_once(), 1, failure=failure, after=after)
    flow.ways = lambda _: FileDrop(client, settings().files_bucket)
    with suppress(Crash):
        run(context, "reserved")
    assert purchase_order(aws).state in {PoState.CLAIMED, PoState.UNKNOWN}
    forget()
    run(context, "reserved")
    assert len(files(aws)) == after

    record(aws, order(aws), replace(purchase_order(aws), claimed_until="2020-01-01T00:00:00.000Z"))
    run(context, "reserved", "reserved")

    assert list(files(aws)) == [FILE]
    assert (purchase_order(aws).state, order(aws).total(LineState.SENT)) == (PoState.SENT, 4)


# ---- by the ways that the rules say


def test_a_source_that_is_mailed_gets_a_mail_and_no_file(aws: Aws, context: LambdaContext) -> None:
    email = {"from": "orders@shop.example", "to": ["orders@alpina.example"]}
    push_rules(aws, {}, {"send_by": {"way": "email", "email": email}})
    clients.ses_once().create_email_identity(EmailIdentity="orders@shop.example")
    record(aws, image("reserved"))

    run(context, "reserved", "reserved")

    (message,) = sesv2_backends["123456789012"]["us-east-1"].core_backend.sent_messages
    assert b"Subject: Purchase order ALPINA-000001" in message.raw_data.encode()
    assert (purchase_order(aws).state, purchase_order(aws).sent_by) == (PoState.SENT, "email csv")
    assert files(aws) == {}


def test_an_api_is_signed_in_to_with_the_secret_of_the_source(aws: Aws, context: LambdaContext, tmp_path: Path) -> None:
    secret = f"{settings().secret_prefix}/suppliers/alpina"
    clients.secretsmanager().create_secret(Name=secret, SecretString=json.dumps({"key": "letters"}))
    api = SupplierApi(supplier_stand_ins.store(tmp_path / "api.sqlite"), signs_in="key")
    record(aws, image("reserved"))
    template = {"po": "$number", "lines": {"$lines": {"sku": "$sku", "n": "$units"}}}
    with serving(api) as url:
        https = {"url": f"{url}/orders", "auth": {"kind": "key", "header": "X-Api-Key"}}
        push_rules(aws, {}, {"send_by": {"way": "https", "https": https, "json": {"order": template}}})

        run(context, "reserved", "reserved")

        ((number, body),) = api.arrived()
    assert (number, json.loads(body)["lines"][0]) == ("ALPINA-000001", {"sku": "NL-1001", "n": 3})
    assert purchase_order(aws).state is PoState.SENT


# ---- a supplier that takes units off its count when it receives an order


def level_at(aws: Aws, sku: str = "NL-1001") -> Level:
    found = aws.stock.get(keys.level(trade.at(sku, "alpina")))
    assert found is not None
    level = levels.from_item(found)
    assert stock.adds_up(level)
    return level


def test_units_are_taken_off_with_the_claim_as_of_when_the_supplier_has_surely_read_it(
    aws: Aws, context: LambdaContext
) -> None:
    push_rules(aws, {}, {"deducts_at": "receipt", "takes_in_within_hours": 6})
    record(aws, image("reserved"))

    run(context, "reserved", "reserved")

    level = level_at(aws)
    (bucket,) = level.deducted
    assert (level.available, level.committed, level.deducted[bucket]) == (7, 0, 3)
    ahead = times.read(bucket) - clock.now()
    assert timedelta(hours=5, minutes=44) < ahead <= timedelta(hours=6)
    assert {each.committed for each in order(aws).allocations} == {0}
    assert (list(files(aws)), purchase_order(aws).state) == ([FILE], PoState.SENT)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_claim_that_takes_units_off_and_breaks_off_takes_them_off_once(
    aws: Aws, context: LambdaContext, *, after: bool
) -> None:
    push_rules(aws, {}, {"deducts_at": "receipt"})
    for at in range(1, 30):
        forget()
        calls = Faulty(aws.dynamodb, at, after=after)
        flow = handler.flow()
        names = settings().stock_table, settings().order_table
        flow.outbox = Outbox(OrderBook.of(calls, *names))  # type: ignore[arg-type]
        record(aws, image("reserved"))
        with suppress(Crash):
            run(context, "reserved")
        if len(calls.calls) < at:
            break
        forget()
        if found := OrderBook(aws.dynamodb, aws.stock, aws.orders).purchase_orders(ORDER):
            aws.orders.put(po_items.to_item(replace(found[0], claimed_until="2020-01-01T00:00:00.000Z")))
        run(context, "reserved")

        assert (level_at(aws).available, level_at(aws).committed) == (7, 0)
        assert sum(level_at(aws).deducted.values()) == 3
        start_over(aws)
    else:
        pytest.fail("the flow makes more calls than were tried")


def test_the_orders_of_a_day_are_counted_with_the_numbers_where_they_have_a_cap(
    aws: Aws, context: LambdaContext
) -> None:
    today = Config(aws.s3, settings().config_bucket).rules(clock.now()).sources[SourceId("alpina")].day(clock.now())
    record(aws, image("reserved"))
    run(context, "reserved")
    assert "count" not in (aws.orders.get(keys.counter(SourceId("alpina"), "PO")) or {})

    start_over(aws)
    push_rules(aws, {}, {"shipping": {"orders_a_day": 5}})
    record(aws, image("reserved"))
    run(context, "reserved")

    counter = aws.orders.get(keys.counter(SourceId("alpina"), "PO"))
    assert counter is not None
    assert (counter["day"], counter["count"], counter["revision"]) == (today, 1, 1)


def test_a_new_day_begins_at_one_and_a_clock_that_is_behind_counts_for_it(aws: Aws) -> None:
    outbox, alpina = Outbox(OrderBook(aws.dynamodb, aws.stock, aws.orders)), SourceId("alpina")

    def counted(day: str) -> tuple[int, str, int]:
        number = outbox.number(alpina, day=day)
        counter = aws.orders.get(keys.counter(alpina, "PO"))
        assert counter is not None
        return number, counter["day"], counter["count"]

    assert outbox.number(alpina) == 1
    assert counted("2026-11-24") == (2, "2026-11-24", 1)
    assert counted("2026-11-24") == (3, "2026-11-24", 2)
    assert counted("2026-11-25") == (4, "2026-11-25", 1)
    assert counted("2026-11-24") == (5, "2026-11-25", 2)


def start_over(aws: Aws) -> None:
    for table in (aws.orders, aws.stock):
        for item in aws.dynamodb.scan(TableName=table.name)["Items"]:
            aws.dynamodb.delete_item(TableName=table.name, Key={name: item[name] for name in ("PK", "SK")})
    bucket = settings().files_bucket
    for each in aws.s3.list_object_versions(Bucket=bucket).get("Versions", []):
        aws.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
