"""Read every figure back from the deployed tables, buckets and the stand-in shop: `python -m local.readback`.

It judges what `functions` and `shared` did, so it imports nothing from them: what the items mean is read from
docs/data-model.md once more, by other eyes.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from local.shop import Delivery, Store

STATES = ("open", "reserved", "sent", "accepted", "shipped", "backordered", "cancelled")
WRITTEN_OUT = frozenset({"sent", "acknowledged", "shipped", "closed", "cancelling"})
"""States of a purchase order whose supplier has its file."""


class Cloud(Protocol):
    """A deployed stack: clients of its services and the outputs of its template."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """Return the template's outputs."""
        ...

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        """Connect to a service."""
        ...


@dataclass(frozen=True)
class Stock:
    """A level, beside what its movements sum to and what the shop was told, and shows."""

    sku: str
    source: str
    counted: int
    committed: int
    deducted: int
    available: int
    ledger: int
    movements: int
    revision: int


@dataclass(frozen=True)
class Line:
    """A line of an order: its units, and how many of them are in which state."""

    order: str
    line: str
    sku: str
    ordered: int
    open: int
    reserved: int
    sent: int
    accepted: int
    shipped: int
    backordered: int
    cancelled: int


@dataclass(frozen=True)
class Choice:
    """Units of a line at a source, and why it was chosen."""

    order: str
    line: str
    source: str
    units: int
    why: str


@dataclass(frozen=True)
class PurchaseOrder:
    """A purchase order, and its file in the supplier's folder, empty if there is none."""

    number: str
    source: str
    order: str
    state: str
    units: int
    file: str


@dataclass(frozen=True)
class Trouble:
    """An exception."""

    kind: str
    subject: str
    state: str
    reason: str


@dataclass(frozen=True)
class Number:
    """What a shop was told of a SKU, and what it now shows."""

    channel: str
    sku: str
    told: int
    shows: int | None


@dataclass(frozen=True)
class Figures:
    """All of it. `bytes_accepted` were sent by the shop and answered with 200, each event once."""

    stock: tuple[Stock, ...]
    lines: tuple[Line, ...]
    choices: tuple[Choice, ...]
    purchase_orders: tuple[PurchaseOrder, ...]
    files_out: tuple[str, ...]
    troubles: tuple[Trouble, ...]
    numbers: tuple[Number, ...]
    bytes_accepted: int
    bytes_archived: int

    def differences(self) -> list[str]:
        """Say what does not add up."""
        found = [
            f"{level.sku} at {level.source}: available {level.available} is not "
            f"{level.counted} - {level.committed} - {level.deducted}"
            for level in self.stock
            if level.available != level.counted - level.committed - level.deducted
        ]
        found += [
            f"{level.sku} at {level.source}: {level.movements} movements sum to {level.ledger}, "
            f"the level has {level.available} at revision {level.revision}"
            for level in self.stock
            if (level.ledger, level.movements) != (level.available, level.revision)
        ]
        found += [
            f"order {line.order} line {line.line}: {line.ordered} ordered, the states sum to {units}"
            for line in self.lines
            if (units := sum(getattr(line, state) for state in STATES)) != line.ordered
        ]
        found += [
            f"purchase order {po.number}: {po.state}, and no file is there"
            for po in self.purchase_orders
            if po.state in WRITTEN_OUT and not po.file
        ]
        numbers = Counter(po.number for po in self.purchase_orders)
        found += [f"purchase order {number} exists {times} times" for number, times in numbers.items() if times > 1]
        known = {po.file for po in self.purchase_orders}
        found += [f"{file} belongs to no purchase order" for file in self.files_out if file not in known]
        if self.bytes_accepted != self.bytes_archived:
            found.append(f"{self.bytes_accepted} bytes were accepted, {self.bytes_archived} archived")
        return found


def read(cloud: Cloud, shop: Store, items: Mapping[str, str]) -> Figures:
    """Read all figures. `items`: SKU -> the shop's inventory item."""
    stock = list(_scan(cloud, cloud.outputs["StockTable"]))
    orders = list(_scan(cloud, cloud.outputs["OrderTable"]))
    files = {key for key, _ in _objects(cloud, cloud.outputs["FilesBucket"], "out/") if "/reports/" not in key}
    plans = {(item["PK"], item["attempt"]): json.loads(item["plan"]) for item in orders if item["entity"] == "plan"}
    archived = sum(size for _, size in _objects(cloud, cloud.outputs["ArchiveBucket"], "webhooks/"))
    return Figures(
        stock=tuple(sorted(_stock(stock), key=lambda level: (level.sku, level.source))),
        lines=tuple(line for item in _orders(orders) for line in _lines(item)),
        choices=tuple(choice for item in _orders(orders) for choice in _choices(item, plans)),
        purchase_orders=tuple(sorted(_purchase_orders(orders, files), key=lambda po: po.number)),
        files_out=tuple(sorted(files)),
        troubles=tuple(
            Trouble(item["kind"], item["subject"], item["state"], item["reason"])
            for item in sorted(orders, key=lambda item: (item["PK"], item["SK"]))
            if item["entity"] == "problem"
        ),
        numbers=tuple(sorted(_numbers(stock, shop, items), key=lambda number: (number.channel, number.sku))),
        bytes_accepted=sum(len(body) for body in _accepted(shop.deliveries()).values()),
        bytes_archived=archived,
    )


def tables(figures: Figures) -> str:
    """Lay the figures out as text, one aligned table each."""
    shown = (
        ("Stock", Stock, [level for level in figures.stock if level.committed or level.deducted]),
        ("Orders", Line, figures.lines),
        ("Chosen sources", Choice, figures.choices),
        ("Purchase orders", PurchaseOrder, figures.purchase_orders),
        ("Exceptions", Trouble, figures.troubles),
    )
    parts = [_table(title, kind, rows) for title, kind, rows in shown]
    untouched = sum(1 for level in figures.stock if not (level.committed or level.deducted))
    shows = sum(1 for number in figures.numbers if number.told == number.shows)
    parts.append(
        f"{len(figures.stock)} levels, {untouched} of them without orders; "
        f"{len(figures.numbers)} numbers told, {shows} of them shown by the shop; "
        f"{figures.bytes_accepted} bytes accepted, {figures.bytes_archived} archived"
    )
    return "\n\n".join(parts)


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


def _purchase_orders(items: Iterable[Mapping[str, Any]], files: set[str]) -> Iterator[PurchaseOrder]:
    for item in items:
        if item["entity"] != "purchase_order":
            continue
        file = f"out/{item['source_id']}/PO-{item['number']}.csv"
        yield PurchaseOrder(
            number=item["number"],
            source=item["source_id"],
            order=item["PK"].removeprefix("ORD#"),
            state=item["state"],
            units=sum(line["units"] for line in item["lines"]),
            file=file if file in files else "",
        )


def _numbers(items: Iterable[Mapping[str, Any]], shop: Store, listed: Mapping[str, str]) -> Iterator[Number]:
    shows = shop.quantities()
    for item in items:
        if item["PK"].startswith("ATS#"):
            sku = item["PK"].removeprefix("ATS#")
            yield Number(item["SK"], sku, item["told"], shows.get(listed.get(sku, "")))


def _accepted(deliveries: Iterable[Delivery]) -> dict[str, bytes]:
    """Keep one body of every event that the shop was told is taken: a duplicate is the same event."""
    accepted = 200
    return {
        each.webhook_id: each.body for each in deliveries if each.signed_well and each.status == accepted
    }


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


def _table(title: str, kind: type, rows: Sequence[object]) -> str:
    if not rows:
        return f"{title}: none"
    names = [field.name for field in fields(kind)]
    cells = [[str(getattr(row, name)) for name in names] for row in rows]
    widths = [max(len(row[at]) for row in [names, *cells]) for at in range(len(names))]
    numbers = [isinstance(getattr(rows[0], name), int) for name in names]

    def laid(row: Sequence[str]) -> str:
        pairs = zip(row, widths, numbers, strict=True)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in pairs).rstrip()

    return "\n".join([title, laid(names), laid(["-" * width for width in widths]), *(laid(row) for row in cells)])
