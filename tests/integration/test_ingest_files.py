"""A supplier's file becomes stock, offers and a feed; whatever is delivered again or breaks off changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.ingest_files import handler
from shared.domain import messages, rules, times
from shared.domain.feeds import Feed, Verdict
from shared.domain.messages import ReleaseFile
from shared.domain.names import SourceId
from shared.domain.offers import Offer
from shared.domain.people import By
from shared.domain.stock import UNTIL_COUNTED, Level, adds_up
from shared.errors import Transient
from shared.flows.ingest_counts import IngestCounts, Ingested
from shared.runtime.settings import settings
from shared.storage import keys, levels, offers
from shared.storage.dynamo import Table
from shared.storage.feeds import Feeds
from shared.storage.files import Arrival, Files
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.problems import Problems
from tests.integration.conftest import Aws, LambdaContext, push_rules
from tests.support import trade
from tests.support.faults import Crash, Faulty, no_answer
from tests.support.ingest import ingest

ROOT = Path(__file__).parents[2]
FILES = ROOT / "events/files"
EVENTS = ROOT / "events/s3"
RULES = rules.parse(yaml.safe_load((ROOT / "config/rules.yaml").read_text()))
NOW = times.read("2025-06-02T12:00:00Z")

T1, T2, T3 = (f"2025-06-02T{hour:02}:00:00.000Z" for hour in (6, 7, 8))


def bucket() -> str:
    return settings().files_bucket


def drop(aws: Aws, key: str, body: bytes, at: str = T1) -> str:
    """Put a file; return the notification of it."""
    event = json.loads((EVENTS / "put.json").read_text())
    (record,) = event["Records"]
    record["eventTime"] = at
    record["s3"]["object"] |= stored(aws, key, body)
    return json.dumps(event)


def stored(aws: Aws, key: str, body: bytes) -> dict[str, Any]:
    put = aws.s3.put_object(Bucket=bucket(), Key=key, Body=body)
    return {"key": key, "size": len(body), "eTag": put["ETag"].strip('"'), "versionId": put["VersionId"]}


def golden(aws: Aws, event: str, **bodies: str) -> str:
    """A golden notification whose objects are put; `bodies`: by the last word of a key, which golden file it is."""
    document = json.loads((EVENTS / f"{event}.json").read_text())
    for record in document.get("Records", []):
        described = record["s3"]["object"]
        name = described["key"].rpartition("/")[2].partition(".")[0]
        body = (FILES / bodies[name]).read_bytes() if name in bodies else b""
        put = stored(aws, described["key"], body)
        described |= {name: put[name] for name in ("size", "eTag", "versionId")}
    return json.dumps(document)


def deliver(context: LambdaContext, *bodies: str) -> list[str]:
    """Have the function take in messages; return those that come again."""
    handler.flow().runs.rows.writers = 1  # moto bears one thread
    records = [{"messageId": f"m{i}", "receiptHandle": f"r{i}", "body": body} for i, body in enumerate(bodies, 1)]
    event = {"Records": records}
    answer = handler.lambda_handler(event, context)
    return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]


def level_of(aws: Aws, sku: str, source: str = "alpina") -> Level | None:
    found = aws.stock.get(keys.level(trade.at(sku, source)))
    return levels.from_item(found) if found else None


def units_of(aws: Aws, sku: str, source: str = "alpina") -> tuple[int, int]:
    level = level_of(aws, sku, source)
    assert level is not None
    return level.available, level.revision


def offer_of(aws: Aws, sku: str, source: str = "alpina") -> Offer | None:
    found = aws.stock.get(keys.offer(trade.at(sku, source)))
    return offers.from_item(found) if found else None


def feed_of(aws: Aws, source: str = "alpina") -> Feed:
    return Feeds(aws.stock).now(SourceId(source))


def objects(aws: Aws) -> dict[str, bytes]:
    listed = aws.s3.list_objects_v2(Bucket=bucket()).get("Contents", [])
    return {each["Key"]: aws.s3.get_object(Bucket=bucket(), Key=each["Key"])["Body"].read() for each in listed}


def places(aws: Aws) -> list[str]:
    """Where files lie: folder and ending."""
    return sorted(f"{'/'.join(key.split('/')[:-1])} {key.rpartition('.')[2]}" for key in objects(aws))


def report_of(aws: Aws) -> dict[str, Any]:
    (report,) = [body for key, body in objects(aws).items() if key.endswith(".json")]
    read: dict[str, Any] = json.loads(report)
    return read


def items(aws: Aws) -> dict[str, list[dict[str, Any]]]:
    found = {table.name: aws.dynamodb.scan(TableName=table.name)["Items"] for table in (aws.stock, aws.orders)}
    for item in found[aws.stock.name]:
        if "done" in item:
            item["done"] = {"NS": sorted(item["done"]["NS"])}
    return {name: sorted(each, key=lambda item: (item["PK"]["S"], item["SK"]["S"])) for name, each in found.items()}


def problems(aws: Aws) -> list[str]:
    return [item["kind"]["S"] for item in items(aws)[aws.orders.name] if item["entity"]["S"] == "problem"]


CLEAR = ["done/alpina csv", "out/alpina/reports json", "out/alpina/reports txt"]
HELD = ["held/alpina csv", "out/alpina/reports json", "out/alpina/reports txt"]


# ---- golden files through the handler


def test_a_file_becomes_levels_and_offers(aws: Aws, context: LambdaContext) -> None:
    assert deliver(context, golden(aws, "put", stock="alpina/stock.csv")) == []

    level = level_of(aws, "NL-1003")
    assert level is not None
    assert (level.available, level.counted, level.counted_as_of, level.revision) == (14, 14, T1, 1)
    assert level.cause == ("feed", level.count_id)
    assert offer_of(aws, "NL-1003") == Offer(
        key=trade.at("NL-1003", "alpina"), cost_minor=964, currency="EUR", as_of=T1
    )
    assert len([item for item in items(aws)[aws.stock.name] if item["entity"]["S"] == "level"]) == 40
    feed = feed_of(aws)
    assert feed.applied is not None
    assert (feed.applied.as_of, feed.open) == (T1, ())
    assert places(aws) == CLEAR
    assert objects(aws)[feed.applied.snapshot] == (FILES / "alpina/stock.csv").read_bytes()
    report = report_of(aws)
    assert (report["verdict"], report["read"], report["changed"], report["absent"]) == ("applied", 40, 40, 0)
    history = aws.stock.get(keys.feed_file("alpina", T1))
    assert history is not None
    assert (history["verdict"], history["kept"]) == ("applied", feed.applied.snapshot)


def test_the_next_file_writes_only_what_changed(aws: Aws, context: LambdaContext) -> None:
    deliver(context, golden(aws, "put", stock="alpina/stock.csv"))

    deliver(context, drop(aws, "in/alpina/stock.csv", (FILES / "alpina/stock_next.csv").read_bytes(), at=T2))

    assert units_of(aws, "NL-1001") == (3, 2)
    assert units_of(aws, "NL-1002") == (7, 1)
    assert units_of(aws, "NL-1003") == (0, 2)  # a full file does not name it
    moved = [i for i in items(aws)[aws.stock.name] if i["entity"]["S"] == "level" and i["revision"]["N"] != "1"]
    assert len(moved) == 5
    assert offer_of(aws, "NL-1001") == Offer(
        key=trade.at("NL-1001", "alpina"), cost_minor=740, currency="EUR", as_of=T2
    )
    assert [report["absent"] for report in reports(aws)] == [0, 1]


def reports(aws: Aws) -> list[dict[str, Any]]:
    return [json.loads(body) for key, body in sorted(objects(aws).items()) if key.endswith(".json")]


def test_one_message_may_tell_of_two_files(aws: Aws, context: LambdaContext) -> None:
    document = json.loads((EVENTS / "two_files.json").read_text())
    for record, name in zip(document["Records"], ("alpina/stock.csv", "celtic/stock.txt"), strict=True):
        record["s3"]["object"] |= stored(aws, f"in/{name}", (FILES / name).read_bytes())

    assert deliver(context, json.dumps(document)) == []

    assert units_of(aws, "NL-1003") == (14, 1)
    assert units_of(aws, "NL-1003", "celtic") == (26, 1)


def test_a_key_comes_encoded(aws: Aws, context: LambdaContext) -> None:
    document = json.loads((EVENTS / "encoded_key.json").read_text())
    put = stored(aws, "in/baltic/stock of monday & tüesday.csv", (FILES / "baltic/stock.csv").read_bytes())
    document["Records"][0]["s3"]["object"] |= {name: put[name] for name in ("size", "eTag", "versionId")}

    assert deliver(context, json.dumps(document)) == []

    assert units_of(aws, "NL-1003", "baltic") == (22, 1)
    assert not [key for key in objects(aws) if key.startswith("in/")]


def test_of_a_renamed_upload_only_the_finished_file_counts(aws: Aws, context: LambdaContext) -> None:
    document = json.loads((EVENTS / "rename.json").read_text())
    part, file = document["Records"]
    part["s3"]["object"] |= stored(aws, "in/alpina/stock.csv.part", b"Item;On ha")
    file["s3"]["object"] |= stored(aws, "in/alpina/stock.csv", (FILES / "alpina/stock.csv").read_bytes())

    assert deliver(context, json.dumps(document)) == []

    assert units_of(aws, "NL-1003") == (14, 1)
    assert problems(aws) == []


def test_an_empty_file_is_a_sign_of_life(aws: Aws, context: LambdaContext) -> None:
    event = golden(aws, "empty_file", empty="baltic/empty.csv")

    assert deliver(context, event, event) == []

    assert feed_of(aws, "baltic") == Feed(source=SourceId("baltic"), heartbeat_at=T1, revision=1)
    assert objects(aws) == {}


@pytest.mark.parametrize("name", ["test_event", "removed"])
def test_news_of_no_file_change_nothing(aws: Aws, context: LambdaContext, name: str) -> None:
    assert deliver(context, (EVENTS / f"{name}.json").read_text()) == []

    assert items(aws) == {aws.stock.name: [], aws.orders.name: []}


def test_an_unreadable_notification_becomes_an_exception(aws: Aws, context: LambdaContext) -> None:
    assert deliver(context, (EVENTS / "no_version.json").read_text()) == []

    assert problems(aws) == ["notification_unreadable"]


def test_a_file_of_an_unknown_supplier_is_held(aws: Aws, context: LambdaContext) -> None:
    assert deliver(context, golden(aws, "unknown_supplier", stock="alpina/stock.csv")) == []

    assert places(aws) == ["held/nobody csv"]
    assert problems(aws) == ["file_held"]
    assert items(aws)[aws.stock.name] == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing_column.csv", "a needed column is missing"),
        ("half_bad.csv", "too many rows are refused"),
    ],
)
def test_a_bad_file_is_held_with_a_report_and_changes_nothing(
    aws: Aws, context: LambdaContext, name: str, reason: str
) -> None:
    deliver(context, golden(aws, "put", stock="alpina/stock.csv"))
    before = items(aws)[aws.stock.name]

    assert deliver(context, drop(aws, f"in/alpina/{name}", (FILES / "alpina" / name).read_bytes(), at=T2)) == []

    now = items(aws)[aws.stock.name]
    assert [item["entity"]["S"] for item in now if item not in before] == ["feed_file"]
    assert [item for item in before if item not in now] == []
    assert [(report["verdict"], report["reason"]) for report in reports(aws)] == [("applied", ""), ("held", reason)]
    assert problems(aws) == ["file_held"]


def test_bad_rows_are_refused_while_good_rows_load(aws: Aws, context: LambdaContext) -> None:
    body = (FILES / "alpina/bad_quantities.csv").read_bytes()

    assert deliver(context, drop(aws, "in/alpina/bad_quantities.csv", body)) == []

    assert units_of(aws, "NL-1020") == (20, 1)
    assert units_of(aws, "NL-1024") == (0, 1)
    assert level_of(aws, "NL-1021") is None
    refusals = report_of(aws)["refusals"]
    assert [(each["line"], each["column"]) for each in refusals][:3] == [(n, "On hand") for n in (22, 23, 24)]


@pytest.mark.parametrize("quantity", ["", "in stock", "2.5", "-3"])
def test_a_row_without_a_count_keeps_the_old_stock_and_is_a_row_error(
    aws: Aws, context: LambdaContext, quantity: str
) -> None:
    refusing = {"delimiter": ";", "columns": {"sku": "Item", "quantity": "On hand"}, "negative": "refuse"}
    push_rules(aws, {}, {"feed": refusing})
    deliver(context, drop(aws, "in/alpina/1.csv", b"Item;On hand\nNL-1;7\nNL-2;7\n", T1))

    deliver(context, drop(aws, "in/alpina/2.csv", f"Item;On hand\nNL-1;{quantity}\nNL-2;8\n".encode(), T2))

    assert (units_of(aws, "NL-1"), units_of(aws, "NL-2")) == ((7, 1), (8, 2))
    (refusal,) = reports(aws)[-1]["refusals"]
    assert (refusal["line"], refusal["sku"], refusal["value"]) == (2, "NL-1", quantity)


@pytest.mark.parametrize(
    "name",
    sorted(
        str(path.relative_to(FILES))
        for source in RULES.sources
        for path in FILES.glob(f"{source}/*")
        if path.stat().st_size
    ),
)
def test_every_golden_file_comes_to_its_end(aws: Aws, context: LambdaContext, name: str) -> None:
    assert deliver(context, drop(aws, f"in/{name}", (FILES / name).read_bytes())) == []

    source, _, file = name.partition("/")
    folder = "held" if report_of(aws)["verdict"] == "held" else "done"
    ending = file.rpartition(".")[2]
    assert places(aws) == sorted(
        [f"{folder}/{source} {ending}"] + [f"out/{source}/reports {e}" for e in ("json", "txt")]
    )


# ---- delivered again, late, and with units on their way


def test_a_second_delivery_of_any_file_changes_nothing(aws: Aws, context: LambdaContext) -> None:
    first = golden(aws, "put", stock="alpina/stock.csv")
    held = drop(aws, "in/alpina/missing_column.csv", (FILES / "alpina/missing_column.csv").read_bytes(), at=T2)
    late = drop(aws, "in/alpina/late.csv", b"Item;On hand\nNL-1001;99\n", at="2025-06-02T05:00:00.000Z")
    newest = drop(aws, "in/alpina/newest.csv", (FILES / "alpina/stock_next.csv").read_bytes(), at=T3)
    deliver(context, first, held, late, newest)
    tables, files = items(aws), objects(aws)

    assert deliver(context, late, newest, held, first) == []

    assert (items(aws), objects(aws)) == (tables, files)
    assert [report["verdict"] for report in reports(aws)] == ["older", "applied", "held", "applied"]


def test_of_two_files_of_one_moment_the_first_counts_and_keeps_the_history(aws: Aws, context: LambdaContext) -> None:
    first = drop(aws, "in/alpina/a.csv", b"Item;On hand\nNL-1001;5\n")
    second = drop(aws, "in/alpina/b.csv", b"Item;On hand\nNL-1001;6\n")

    deliver(context, first, second)

    assert units_of(aws, "NL-1001") == (5, 1)
    history = aws.stock.get(keys.feed_file("alpina", T1))
    assert history is not None
    assert (history["verdict"], history["file"].partition("@")[0]) == ("applied", "in/alpina/a.csv")
    assert sorted(report["verdict"] for report in reports(aws)) == ["applied", "older"]


def test_a_newer_file_under_the_same_key_is_not_taken_away(aws: Aws, context: LambdaContext) -> None:
    first = drop(aws, "in/alpina/stock.csv", b"Item;On hand\nNL-1001;5\n", at=T1)
    second = drop(aws, "in/alpina/stock.csv", b"Item;On hand\nNL-1001;6\n", at=T2)

    deliver(context, first)
    assert objects(aws)["in/alpina/stock.csv"] == b"Item;On hand\nNL-1001;6\n"
    deliver(context, second)

    assert units_of(aws, "NL-1001") == (6, 2)
    assert "in/alpina/stock.csv" not in objects(aws)


def test_an_older_cost_never_replaces_a_newer_one(aws: Aws) -> None:
    at = trade.at("NL-1001", "alpina")
    store = Offers(aws.stock)

    assert store.write(Offer(key=at, cost_minor=200, currency="EUR", as_of=T2))
    assert not store.write(Offer(key=at, cost_minor=100, currency="EUR", as_of=T1))
    assert not store.write(Offer(key=at, cost_minor=300, currency="EUR", as_of=T2))
    assert offer_of(aws, "NL-1001") == Offer(key=at, cost_minor=200, currency="EUR", as_of=T2)


def test_what_the_store_does_not_answer_may_work_later(aws: Aws) -> None:
    files = Files(Faulty(aws.s3, at=1, failure=no_answer()), bucket())  # type: ignore[arg-type]
    with pytest.raises(Transient), files.open("in/alpina/stock.csv"):
        pass
    files = Files(aws.s3, "no-such-bucket")
    arrival = Arrival(key="in/alpina/stock.csv", version="v", etag="e", size=1, stored_at=NOW)
    with pytest.raises(Transient):
        files.keep(arrival, "done/alpina/x")
    with pytest.raises(Transient):
        files.put("out/x", b"", "text/plain")
    with pytest.raises(Transient):
        files.remove(arrival)


# ---- broken off at every call


def flow(dynamodb: Any, s3: Any, **settings_: Any) -> IngestCounts:  # noqa: ANN401 - or a faulty one
    names = settings()
    stock = Table(dynamodb, names.stock_table)
    return ingest(
        files=Files(s3, names.files_bucket),
        feeds=Feeds(stock),
        levels=Levels(stock),
        offers=Offers(stock),
        problems=Problems(Table(dynamodb, names.order_table)),
        **settings_,
    )


def before_the_second_file(aws: Aws) -> None:
    """One file is counted; of NL-1002 units were taken since, NL-1003 has an open deduction, NL-1004 is held."""
    run(
        aws,
        drop(
            aws,
            "in/alpina/stock.csv",
            b"Item;On hand;Price\nNL-1001;5;1.00\nNL-1002;6;1.00\nNL-1003;7;1.00\nNL-1004;8;1.00\n",
        ),
    )
    taken = level_of(aws, "NL-1002")
    deducted = level_of(aws, "NL-1003")
    held = level_of(aws, "NL-1004")
    assert taken
    assert deducted
    assert held
    bucket_of_units = {"2025-06-02T06:15:00.000Z": 2}
    aws.stock.put(levels.to_item(replace(taken, available=4, committed=2, revision=2)))
    aws.stock.put(
        levels.to_item(replace(deducted, available=5, deducted=bucket_of_units, drev=1, revision=3), "OPEN#alpina", T1)
    )
    aws.stock.put(
        levels.to_item(replace(held, held_since=T1, held_until=UNTIL_COUNTED, drev=1, revision=2), "OPEN#alpina", T1)
    )


def run(aws: Aws, message: str, client: Faulty | None = None, *, of_s3: bool = False) -> Ingested:
    dynamodb, s3 = (aws.dynamodb, client) if of_s3 else (client or aws.dynamodb, aws.s3)
    return flow(dynamodb, s3 or aws.s3).run({"m1": message}, RULES, NOW)


SECOND = b"Item;On hand;Price\nNL-1001;4;1.00\nNL-1002;9;1.50\nNL-1003;5;1.00\nNL-1004;8;1.00\nNL-1005;1;2.00\n"
BAD = b"Item;Stock\nNL-1001;4\n"


def second(aws: Aws) -> str:
    before_the_second_file(aws)
    return drop(aws, "in/alpina/stock.csv", SECOND, at=T2)


def held(aws: Aws) -> str:
    before_the_second_file(aws)
    return drop(aws, "in/alpina/stock.csv", BAD, at=T2)


def older(aws: Aws) -> str:
    before_the_second_file(aws)
    return drop(aws, "in/alpina/stock.csv", SECOND, at="2025-06-02T05:00:00.000Z")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("of_s3", [False, True], ids=["table", "files"])
@pytest.mark.parametrize(
    ("story", "failure"), [(second, "crash"), (second, "no answer"), (held, "crash"), (older, "crash")]
)
def test_broken_off_at_any_call_and_delivered_again_it_ends_the_same(
    aws: Aws,
    story: Callable[[Aws], str],
    of_s3: bool,  # noqa: FBT001 - a parameter of the test
    after: bool,  # noqa: FBT001 - a parameter of the test
    failure: str,
) -> None:
    message = story(aws)
    began = (items(aws), objects(aws))
    watched = Faulty(aws.s3 if of_s3 else aws.dynamodb, at=0)
    assert run(aws, message, watched, of_s3=of_s3).again == {}
    ended = (items(aws), objects(aws))
    assert ended != began

    for at in range(1, len(watched.calls) + 1):
        restore(aws, *began)
        assert (items(aws), objects(aws)) == began
        broken = Crash() if failure == "crash" else no_answer()
        faulty = Faulty(aws.s3 if of_s3 else aws.dynamodb, at, failure=broken, after=after)
        try:
            run(aws, message, faulty, of_s3=of_s3)
        except Crash:
            assert failure == "crash"
        assert len(faulty.calls) >= at
        assert run(aws, message).again == {}

        assert (items(aws), objects(aws)) == ended, f"call {at}: {watched.calls[at - 1]}"


def work_off(aws: Aws, message: str, client: Faulty | None = None, *, of_s3: bool = False, times_each: int = 1) -> None:
    """Deliver a file that is cut into pieces of two rows, and all that follows; what broke off comes again."""
    queue, broke_off = [message], False
    while queue:
        of, faulty = queue.pop(0), None if broke_off else client
        dynamodb, s3 = (aws.dynamodb, faulty or aws.s3) if of_s3 else (faulty or aws.dynamodb, aws.s3)
        sent: list[str] = []
        taking = flow(dynamodb, s3, piece=2, send=lambda pieces, sent=sent: sent.extend(map(messages.write, pieces)))
        try:
            for _ in range(times_each):
                assert taking.run({"m1": of}, RULES, NOW).again == {}
        except Crash:
            broke_off = True
            queue.append(of)
        queue += sent


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("of_s3", [False, True], ids=["table", "files"])
def test_a_file_in_pieces_broken_off_at_any_call_ends_as_one_that_is_written_at_once(
    aws: Aws,
    of_s3: bool,  # noqa: FBT001 - a parameter of the test
    after: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    message = second(aws)
    began = (items(aws), objects(aws))
    run(aws, message)
    at_once = (levels_of(aws), feed_of(aws))
    restore(aws, *began)
    watched = Faulty(aws.s3 if of_s3 else aws.dynamodb, at=0)
    work_off(aws, message, watched, of_s3=of_s3)
    ended = (items(aws), objects(aws))
    assert (levels_of(aws), feed_of(aws)) == at_once

    for at in range(1, len(watched.calls) + 1):
        restore(aws, *began)
        work_off(aws, message, Faulty(aws.s3 if of_s3 else aws.dynamodb, at, failure=Crash(), after=after), of_s3=of_s3)

        assert (items(aws), objects(aws)) == ended, f"call {at}: {watched.calls[at - 1]}"


def test_a_file_in_pieces_of_which_each_comes_twice_ends_as_one_that_comes_once(aws: Aws) -> None:
    message = second(aws)
    began = (items(aws), objects(aws))
    work_off(aws, message)
    once = (levels_of(aws), feed_of(aws), feeds_history(aws))
    restore(aws, *began)

    work_off(aws, message, times_each=2)

    assert (levels_of(aws), feed_of(aws), feeds_history(aws)) == once


def levels_of(aws: Aws) -> dict[str, Level]:
    found = {f"NL-100{i}": level_of(aws, f"NL-100{i}") for i in range(1, 6)}
    return {sku: level for sku, level in found.items() if level}


def feeds_history(aws: Aws) -> list[dict[str, Any]]:
    return list(aws.stock.query("PK = :pk AND begins_with(SK, :file)", {":pk": "FEED#alpina", ":file": "FILE#"}))


def restore(aws: Aws, tables: dict[str, list[dict[str, Any]]], files: dict[str, bytes]) -> None:
    """Put tables and files back; a version that was dropped comes back as that version."""
    for name, found in items(aws).items():
        for item in found:
            aws.dynamodb.delete_item(TableName=name, Key={key: item[key] for key in ("PK", "SK")})
        for item in tables[name]:
            aws.dynamodb.put_item(TableName=name, Item=item)
    for marker in aws.s3.list_object_versions(Bucket=bucket()).get("DeleteMarkers", []):
        aws.s3.delete_object(Bucket=bucket(), Key=marker["Key"], VersionId=marker["VersionId"])
    for key in objects(aws).keys() - files.keys():
        aws.s3.delete_object(Bucket=bucket(), Key=key)


def test_after_the_second_file_every_level_is_as_the_worked_table_says(aws: Aws) -> None:
    run(aws, second(aws))

    found = {sku: level_of(aws, sku) for sku in ("NL-1001", "NL-1002", "NL-1003", "NL-1004", "NL-1005")}
    assert all(level and adds_up(level) for level in found.values())
    told = {sku: (level.available, level.revision) for sku, level in found.items() if level}
    assert told == {"NL-1001": (4, 2), "NL-1002": (7, 3), "NL-1003": (5, 4), "NL-1004": (8, 3), "NL-1005": (1, 1)}
    assert found["NL-1003"] is not None
    assert found["NL-1003"].deducted == {}
    assert found["NL-1004"] is not None
    assert found["NL-1004"].held_until == ""
    assert Levels(aws.stock).open(SourceId("alpina")) == []


def test_a_run_that_never_came_back_does_not_hide_what_it_wrote(aws: Aws) -> None:
    run(aws, drop(aws, "in/alpina/1.csv", b"Item;On hand\nNL-1001;5\nNL-1002;5\n", at=T1))
    lost = drop(aws, "in/alpina/2.csv", b"Item;On hand\nNL-1001;9\nNL-1002;9\n", at=T2)
    calls = Faulty(aws.dynamodb, at=6)  # history, feed, claim, waiting levels, then the first of two rows
    with pytest.raises(Crash):
        run(aws, lost, calls)
    assert units_of(aws, "NL-1001")[0] == 9
    assert units_of(aws, "NL-1002")[0] == 5

    run(aws, drop(aws, "in/alpina/3.csv", b"Item;On hand\nNL-1001;5\nNL-1002;5\n", at=T3))
    run(aws, lost)

    assert units_of(aws, "NL-1001")[0] == 5
    assert units_of(aws, "NL-1002")[0] == 5
    feed = feed_of(aws)
    assert feed.applied is not None
    assert (feed.applied.as_of, feed.open) == (T3, ())


def test_an_open_run_whose_file_is_gone_makes_every_row_be_written(aws: Aws) -> None:
    run(aws, drop(aws, "in/alpina/1.csv", b"Item;On hand\nNL-1001;5\n", at=T1))
    lost = drop(aws, "in/alpina/2.csv", b"Item;On hand\nNL-1001;9\n", at=T2)
    with pytest.raises(Crash):
        run(aws, lost, Faulty(aws.s3, at=3), of_s3=True)
    assert feed_of(aws).open
    version = json.loads(lost)["Records"][0]["s3"]["object"]["versionId"]
    aws.s3.delete_object(Bucket=bucket(), Key="in/alpina/2.csv", VersionId=version)

    run(aws, drop(aws, "in/alpina/3.csv", b"Item;On hand\nNL-1001;5\n", at=T3))

    assert units_of(aws, "NL-1001")[0] == 5


def test_without_its_table_the_file_comes_again(aws: Aws, context: LambdaContext) -> None:
    body = drop(aws, "in/alpina/stock.csv", (FILES / "alpina/stock.csv").read_bytes())
    aws.dynamodb.delete_table(TableName=settings().stock_table)

    assert deliver(context, body) == ["m1"]


# ---- the guard


def stock_file(skus: int) -> bytes:
    return b"Item;On hand\n" + b"".join(b"NL-%04d;%d\n" % (1000 + i, i + 1) for i in range(skus))


def wish(as_of: str) -> str:
    return messages.write(ReleaseFile(source=SourceId("alpina"), as_of=as_of, by="ann", reason="half the range went"))


def test_a_cut_file_is_held_and_counts_once_when_a_person_releases_it(aws: Aws, context: LambdaContext) -> None:
    deliver(context, drop(aws, "in/alpina/stock.csv", stock_file(40)))
    deliver(context, drop(aws, "in/alpina/stock.csv", stock_file(10), at=T2))
    assert (units_of(aws, "NL-1020"), problems(aws)) == ((21, 1), ["file_held"])

    assert deliver(context, wish(T2)) == []
    assert deliver(context, wish(T2), wish(T2)) == []

    assert units_of(aws, "NL-1020") == (0, 2)
    assert units_of(aws, "NL-1009") == (10, 1)
    level = level_of(aws, "NL-1020")
    assert level is not None
    assert level.counted_as_of == T2
    entry = Feeds(aws.stock).entry(SourceId("alpina"), T2)
    assert entry is not None
    assert (entry.verdict, Feeds(aws.stock).held(SourceId("alpina"))) == (Verdict.APPLIED, [])
    applied = feed_of(aws).applied
    assert applied is not None
    assert objects(aws)[applied.snapshot] == stock_file(10)

    deliver(context, drop(aws, "in/alpina/stock.csv", stock_file(12), at=T3))

    assert units_of(aws, "NL-1011") == (12, 3)


def test_a_release_that_breaks_off_at_any_call_is_finished_by_its_redelivery(aws: Aws, context: LambdaContext) -> None:
    deliver(context, drop(aws, "in/alpina/stock.csv", stock_file(6)))
    deliver(context, drop(aws, "in/alpina/stock.csv", stock_file(1), at=T2))
    for at in range(1, 40):
        calls = Faulty(aws.dynamodb, at=at)
        try:
            run(aws, wish(T2), calls)
        except Crash:
            continue
        break

    assert [units_of(aws, f"NL-{1000 + i}")[0] for i in range(6)] == [1, 0, 0, 0, 0, 0]
    assert feed_of(aws).open == ()
    assert Feeds(aws.stock).held(SourceId("alpina")) == []


def test_a_rejected_file_cannot_be_released(aws: Aws, context: LambdaContext) -> None:
    deliver(context, drop(aws, "in/alpina/stock.csv", stock_file(40)))
    deliver(context, drop(aws, "in/alpina/stock.csv", stock_file(10), at=T2))

    assert Feeds(aws.stock).reject(SourceId("alpina"), T2, By("ann", "cut off"))
    assert not Feeds(aws.stock).reject(SourceId("alpina"), T2, By("bob", "again"))

    assert deliver(context, wish(T2)) == []
    assert units_of(aws, "NL-1020") == (21, 1)
