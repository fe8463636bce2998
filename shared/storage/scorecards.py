"""What became of a supplier's purchase orders, read from their orders (O12): nothing is counted beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from shared.domain.answers import Says
from shared.domain.names import ChannelId, OrderKey, SourceId
from shared.domain.scorecards import Record, Told
from shared.storage import keys, purchase_orders
from shared.storage.dynamo import Table

ANSWERS = frozenset(Says)


def records(table: Table, source: SourceId, since: date, until: date) -> Iterator[Record]:
    """Yield a supplier's purchase orders that were made from one day to another, both in it, and sent.

    Parcels are an order's: of two purchase orders of one order at this supplier the first has them.
    """
    seen: set[OrderKey] = set()
    month = since.replace(day=1)
    while month <= until:
        listed = keys.supplier_list(source, month.isoformat(), "")
        after = table.query("PK = :pk AND SK >= :since", {":pk": listed.pk, ":since": since.isoformat()})
        for item in after:
            key = OrderKey(ChannelId(item["channel"]), item["order_id"])
            if item["SK"][:10] > until.isoformat() or not (found := _record(table, source, key, item["n"])):
                continue
            yield found if key not in seen else replace(found, tracking=())
            seen.add(key)
        month = (month + timedelta(days=31)).replace(day=1)


def _record(table: Table, source: SourceId, key: OrderKey, n: int) -> Record | None:
    item = table.get(keys.purchase_order(key, source, n))
    po = purchase_orders.from_item(item) if item else None
    if po is None or not po.sent_at:
        return None
    event, parcel = keys.event(key, ""), keys.parcel(key, source, "")
    told = table.query("PK = :pk AND begins_with(SK, :sk)", {":pk": event.pk, ":sk": event.sk})
    parcels = table.query("PK = :pk AND begins_with(SK, :sk)", {":pk": parcel.pk, ":sk": parcel.sk})
    return Record(
        number=po.number,
        sent_at=po.sent_at,
        units=sum(line.units for line in po.lines),
        told=tuple(
            Told(says=Says(each["kind"]), units=each["units"], at=each["happened_at"], why=each.get("why", ""))
            for each in told
            if each["kind"] in ANSWERS and each.get("number") == po.number
        ),
        tracking=tuple(each["validity"] for each in parcels if each["validity"]),
    )
