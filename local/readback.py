"""Read every figure back from the deployed tables, buckets and the stand-in shop: `python -m local.readback`.

It judges what `functions` and `shared` did, so it imports nothing from them: what the items mean is read from
docs/data-model.md once more, by other eyes.
"""

from __future__ import annotations

import argparse
import csv
import json
import sqlite3
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from local.cloud import ROOT, NotRunning, current
from local.figures import STATES, Choice, Figures, Line, Number, PurchaseOrder, Stock, Trouble, tables
from local.shop import Delivery, Store

ENDINGS = (".csv", ".edi", ".json")
"""How files of purchase orders end."""
MEMORY = "shop.sqlite"
"""The stand-in shop's own store, beside the state of its cloud."""
ELSEWHERE = {
    "havn": "SELECT id, json_extract(body, '$.stock_quantity') FROM products",
    "torg": "SELECT listing, units FROM quantities",
}
"""The other shops, each with a store of its own: how it says what it shows."""


class Cloud(Protocol):
    """A deployed stack: clients of its services, the outputs of its template, and where its state is kept."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """Return the template's outputs."""
        ...

    @property
    def state(self) -> Path:
        """Return the folder of its state."""
        ...

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        """Connect to a service."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures of a running local cloud; 1 when they do not add up, 2 when none runs."""
    parser = argparse.ArgumentParser(prog="python -m local.readback", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--cloud", default="default", help="the name of the local cloud")
    try:
        figures = read(current(parser.parse_args(arguments).cloud))
    except NotRunning as failure:
        print(f"error: {failure}", file=sys.stderr)
        return failure.status
    print(tables(figures))
    for difference in figures.differences():
        print(f"differs: {difference}", file=sys.stderr)
    return 1 if figures.differences() else 0


def read(cloud: Cloud) -> Figures:
    """Read all figures."""
    shop, names = store(cloud), cloud.outputs
    stock, orders = list(_scan(cloud, names["StockTable"])), list(_scan(cloud, names["OrderTable"]))
    files = {key for key, _ in _objects(cloud, names["FilesBucket"], "out/") if "/reports/" not in key}
    archive = _objects(cloud, names["ArchiveBucket"], "webhooks/")
    plans = {(item["PK"], item["attempt"]): _plan(item["plan"]) for item in orders if item["entity"] == "plan"}
    deliveries = shop.deliveries()
    return Figures(
        stock=tuple(sorted(_stock(stock), key=lambda level: (level.sku, level.source))),
        lines=tuple(line for item in _orders(orders) for line in _lines(item)),
        choices=tuple(choice for item in _orders(orders) for choice in _choices(item, plans)),
        purchase_orders=tuple(sorted(_purchase_orders(orders, files, _paused(stock)), key=lambda po: po.number)),
        files_out=tuple(sorted(files)),
        troubles=tuple(
            Trouble(item["kind"], item["subject"], item["state"], item["reason"])
            for item in sorted(orders, key=lambda item: (item["PK"], item["SK"]))
            if item["entity"] == "problem"
        ),
        numbers=tuple(sorted(_numbers(stock, _shown(cloud)), key=lambda number: (number.channel, number.sku))),
        bytes_accepted=_accepted(deliveries),
        bytes_archived=_archived(deliveries, archive),
    )


def store(cloud: Cloud) -> Store:
    """Open the store of the shop that stands beside a cloud."""
    return Store(cloud.state / MEMORY)


def listings() -> dict[str, str]:
    """Read what the shop calls each SKU of the sample."""
    with (ROOT / "config" / "products.csv").open(newline="") as file:
        return {row["sku"]: row["inventory_item"] for row in csv.DictReader(file)}


def _stock(items: Iterable[Mapping[str, Any]]) -> Iterator[Stock]:
    sums: Counter[tuple[str, str]] = Counter()
    movements: Counter[tuple[str, str]] = Counter()
    levels = []
    for item in items:
        if item["PK"].startswith("MOV#"):
            level = (item["PK"].split("#")[1], item["SK"].split("#")[1])
            sums[level] += item["units"]
            movements[level] += 1
        elif item["PK"].startswith("SKU#") and item["SK"].startswith("SRC#"):
            levels.append(item)
    for item in levels:
        level = (item["PK"].removeprefix("SKU#"), item["SK"].removeprefix("SRC#"))
        yield Stock(
            *level,
            counted=item["counted"],
            committed=item["committed"],
            deducted=sum(item["deducted"].values()),
            available=item["available"],
            ledger=sums[level],
            movements=movements[level],
            revision=item["revision"],
        )


def _plan(packed: bytes | str) -> dict[str, Any]:
    """Read the answer of a plan: JSON; in schema 2 deflated, its dictionary is a file of the code."""
    if isinstance(packed, str):
        plain: dict[str, Any] = json.loads(packed)
        return plain
    words = (ROOT / "shared/storage/plan_words_2.txt").read_bytes()
    answer: dict[str, Any] = json.loads(zlib.decompressobj(-zlib.MAX_WBITS, words).decompress(packed))["plan"]
    return answer | {"short": dict(answer["short"])}


def _orders(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted((item for item in items if item["entity"] == "order"), key=lambda item: item["PK"])


def _lines(order: Mapping[str, Any]) -> Iterator[Line]:
    for line in order["lines"]:
        states = Counter({state: line.get(state, 0) for state in ("open", "backordered", "cancelled")})
        for allocation in order.get("allocations", []):
            if allocation["line"] == line["line"]:
                states.update(_allocated(allocation))
        yield Line(
            order=order["PK"].removeprefix("ORD#"),
            line=line["line"],
            sku=line["sku"],
            ordered=line["ordered"],
            **{state: states[state] for state in STATES},
        )


def _allocated(allocation: Mapping[str, Any]) -> dict[str, int]:
    live = allocation["units"] - allocation.get("given_back", 0)
    if not allocation.get("sent"):
        return {"reserved": live}
    shipped = min(allocation.get("shipped", 0), live)
    accepted = min(max(allocation.get("acked", 0) - allocation.get("shipped", 0), 0), live - shipped)
    return {"shipped": shipped, "accepted": accepted, "sent": live - shipped - accepted}


def _choices(order: Mapping[str, Any], plans: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterator[Choice]:
    plan = plans.get((order["PK"], order.get("attempt", "")), {"weighed": [], "short": {}})
    why = {(each["line"], each["source"]): each["verdict"] for each in plan["weighed"]}
    for allocation in order.get("allocations", []):
        line, source = allocation["line"], allocation["source"]
        yield Choice(
            order["PK"].removeprefix("ORD#"), line, source, allocation["units"], why.get((line, source), "no plan")
        )
    for line, units in sorted(plan["short"].items()):
        said = [f"{each['source']} {each['verdict']}" for each in plan["weighed"] if each["line"] == line]
        yield Choice(order["PK"].removeprefix("ORD#"), line, "nobody", units, ", ".join(said) or "nobody stocks it")


def _paused(items: Iterable[Mapping[str, Any]]) -> set[str]:
    """Name what is paused: `all`, `supplier#<source>`, `channel#<channel>`."""
    pauses = (item for item in items if item["PK"].startswith("PAUSE#") and not item.get("lifted_at"))
    return {item["PK"].removeprefix("PAUSE#") for item in pauses}


def _purchase_orders(items: Iterable[Mapping[str, Any]], files: set[str], paused: set[str]) -> Iterator[PurchaseOrder]:
    for item in items:
        if item["entity"] != "purchase_order":
            continue
        stem = f"out/{item['source_id']}/PO-{item['number']}"
        file = next((f"{stem}{ending}" for ending in ENDINGS if f"{stem}{ending}" in files), "")
        yield PurchaseOrder(
            number=item["number"],
            source=item["source_id"],
            order=item["PK"].removeprefix("ORD#"),
            state=item["state"],
            units=sum(line["units"] for line in item["lines"]),
            file=file,
            is_paused=bool(paused & {"all", f"supplier#{item['source_id']}"}),
        )


def _shown(cloud: Cloud) -> dict[tuple[str, str], int | None]:
    """Answer what every shop shows: channel and SKU -> units. The others' memories are files of their own."""
    nordlys, rows = store(cloud).quantities(), list(_listed_elsewhere())
    shown: dict[tuple[str, str], int | None] = {("nordlys", sku): nordlys.get(at) for sku, at in listings().items()}
    for channel, ask in ELSEWHERE.items():
        memory = cloud.state / f"{channel}.sqlite"
        units = _asked(memory, ask) if memory.exists() else {}
        shown |= {(channel, sku): units.get(listing) for at, listing, sku in rows if at == channel}
    return shown


def _asked(memory: Path, ask: str) -> dict[str, int | None]:
    with closing(sqlite3.connect(f"file:{memory}?mode=ro", uri=True, timeout=10)) as connection:
        return {str(listing): units for listing, units in connection.execute(ask)}


def _listed_elsewhere() -> Iterator[tuple[str, str, str]]:
    with (ROOT / "config" / "listings.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield row["channel"], row["listing"], row["sku"]


def _numbers(items: Iterable[Mapping[str, Any]], shown: Mapping[tuple[str, str], int | None]) -> Iterator[Number]:
    for item in items:
        if item["PK"].startswith("ATS#"):
            sku = item["PK"].removeprefix("ATS#")
            yield Number(item["SK"], sku, item["told"], shown.get((item["SK"], sku)))


def _accepted(deliveries: Iterable[Delivery]) -> int:
    """Count the bytes that the shop was told are taken; a second delivery of an event is the same event."""
    ok = 200
    return sum(len(body) for body in {each.webhook_id: each.body for each in deliveries if each.status == ok}.values())


def _archived(deliveries: Iterable[Delivery], archive: Iterable[tuple[str, int]]) -> int:
    """Count the bytes kept of all that the shop ever sent, accepted or not; an event is kept once a day it came."""
    sent = {each.webhook_id for each in deliveries}
    sizes = {key.rpartition("/")[2]: size for key, size in archive}
    return sum(size for name, size in sizes.items() if any(name.startswith(webhook_id) for webhook_id in sent))


def _scan(cloud: Cloud, table: str) -> Iterator[dict[str, Any]]:
    for page in cloud.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            yield {name: _plain(value) for name, value in item.items()}


def _plain(attribute: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any value of an item
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(value)
    if kind == "L":
        return [_plain(each) for each in value]
    if kind == "M":
        return {name: _plain(each) for name, each in value.items()}
    return value


def _objects(cloud: Cloud, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for found in page.get("Contents", []):
            yield found["Key"], found["Size"]


if __name__ == "__main__":
    sys.exit(main())
