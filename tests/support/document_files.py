"""Suppliers' files of documents, dropped and taken: how they are written here, and what became of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from shared.domain import rules
from shared.domain.rules import Rules
from shared.flows.ingest_counts import Ingested
from shared.runtime.settings import settings
from shared.storage.documents import Documents, Entry, State
from shared.storage.feeds import Feeds
from shared.storage.files import Files
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.order_book import OrderBook
from shared.storage.problems import Problems
from tests.integration.conftest import Aws
from tests.support import documents, trade, x12
from tests.support.documents import ALPINA, NUMBER, Seen
from tests.support.ingest import ingest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "events/documents"
EVENTS = ROOT / "events/s3"
NOW = trade.times_now()
CAME = "2026-11-24T08:30:00.000Z"
COLUMNS = {"order": "PO", "sku": "SKU", "units": "Units", "action": "What", "on": "Date", "price": "Price"}
ACTIONS = {name: name for name in ("accept", "partial", "reject", "backorder", "price", "date")}
ANSWERS: dict[str, Any] = {
    "reasons": {"oos": "out_of_stock", "broken": "damaged", "gone": "discontinued", "wrong": "mismatch"},
    "acknowledgement": {
        "columns": COLUMNS | {"reason": "Why", "document": "Doc"},
        "actions": ACTIONS,
        "names": ["ack*.csv"],
    },
    "cancel": {"columns": {"order": "PO", "action": "Result"}, "actions": {"yes": "done", "no": "refused"}},
}


def of(answers: dict[str, Any] | None = None, **more: object) -> Rules:
    document = trade.shop_rules_document("alpina", "baltic")
    document["sources"]["alpina"] |= {"answers": ANSWERS | (answers or {}), "deducts_at": "accept", **more}
    return rules.parse(document)


RULES = of()


def drop(aws: Aws, name: str, body: bytes | str, source: str = "alpina") -> str:
    """Put a file; return the notification of it."""
    raw, key = body if isinstance(body, bytes) else body.encode(), f"in/{source}/{name}"
    put = aws.s3.put_object(Bucket=settings().files_bucket, Key=key, Body=raw)
    event = json.loads((EVENTS / "put.json").read_text())
    (record,) = event["Records"]
    record["eventTime"] = CAME
    stored = {"key": key, "size": len(raw), "eTag": put["ETag"].strip('"'), "versionId": put["VersionId"]}
    record["s3"]["object"] |= stored
    return json.dumps(event)


def run(
    aws: Aws,
    message: str,
    known: Rules = RULES,
    client: Any = None,  # noqa: ANN401
    s3: Any = None,  # noqa: ANN401
    **ways: Any,  # noqa: ANN401
) -> Ingested:
    names = settings()
    tables = (names.stock_table, names.order_table, names.files_bucket)
    dynamodb, files = client or aws.dynamodb, s3 or aws.s3
    table = OrderBook.of(dynamodb, names.stock_table, names.order_table)
    taking = ingest(
        files=Files(files, names.files_bucket),
        feeds=Feeds(table.stock),
        levels=Levels(table.stock),
        offers=Offers(table.stock),
        problems=Problems(table.orders),
        documents=documents.takes(dynamodb, files, tables, **ways),
    )
    return taking.run({"m1": message}, known, NOW)


def take(aws: Aws, name: str, body: bytes | str, known: Rules = RULES, **ways: Any) -> Counter[str]:  # noqa: ANN401
    done = run(aws, drop(aws, name, body), known, **ways)
    assert done.again == {}
    return done.counted


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.x12").read_bytes()


def book(aws: Aws) -> OrderBook:
    return OrderBook(aws.dynamodb, aws.stock, aws.orders)


def seen(aws: Aws, order_id: str = "1") -> Seen:
    return documents.seen(book(aws), order_id)


def kept(aws: Aws, kind: str = "") -> list[Entry]:
    return list(Documents(aws.orders).of(ALPINA, kind))


def reasons(aws: Aws) -> list[str]:
    return [found.code for entry in kept(aws) if entry.state is State.HELD for found in entry.findings]


def problems(aws: Aws) -> list[str]:
    return sorted(kind for kind, _ in Problems(aws.orders).open_keys())


def objects(aws: Aws) -> dict[str, bytes]:
    bucket = settings().files_bucket
    listed = aws.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {each["Key"]: aws.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed}


def folders(aws: Aws) -> list[str]:
    return sorted({key.split("/")[0] for key in objects(aws)})


def row(units: object, what: str, sku: str = "NL-1001", **more: str) -> str:
    cells = {"Date": "", "Price": "", "Why": "", "Doc": "", "PO": NUMBER} | more
    return ",".join((cells["PO"], sku, str(units), what, *(cells[each] for each in ("Date", "Price", "Why", "Doc"))))


def csv(*rows: str) -> str:
    return "\n".join(["PO,SKU,Units,What,Date,Price,Why,Doc", *rows, ""])


def ack(body: str, head: str = f"BAK*00*AC*{NUMBER}*20261124") -> str:
    return x12.file(x12.one_set("855", f"{head}\n{body}"))


def notice(*items: tuple[str, int], number: str = "S1", purpose: str = "00", order: str = NUMBER) -> str:
    lines = [f"HL*{i}*2*I\nLIN**SK*{sku}\nSN1**{units}*EA" for i, (sku, units) in enumerate(items, 3)]
    body = f"BSN*{purpose}*{number}*20261124*0900\nHL*1**S\nHL*2*1*O\nPRF*{order}\n" + "\n".join(lines)
    return x12.file(x12.one_set("856", body))
