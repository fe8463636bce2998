"""The read-back takes every figure from the items themselves, and says what does not add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local import readback
from local.figures import Choice, Figures, Line, Number, PurchaseOrder, Stock, tables
from local.shop import Shop
from shared.domain.ledger import Movement, movement
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.orders import DeductsAt, Order, send, take
from shared.domain.purchase_orders import PoLine, PoState
from shared.domain.purchase_orders import PurchaseOrder as Asked
from shared.storage import attributes, ledger, levels, orders, plans, purchase_orders
from shared.storage.availability import Told, told_item
from tests.support import trade
from tests.support.deciding import decided

LISTED = readback.listings()["NL-1001"]
COUNTED = trade.level("NL-1001", "alpina", 10)
TAKEN = replace(COUNTED, available=7, committed=3, revision=2, cause=("take", "a1"))
MOVED = (movement(None, COUNTED), movement(COUNTED, TAKEN))


@dataclass
class FakeCloud:
    """Items and objects by table and bucket; each page holds one."""

    state: Path
    stored: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(
        default_factory=lambda: {name: name for name in ("StockTable", "OrderTable", "FilesBucket", "ArchiveBucket")}
    )

    def client(self, _service: str) -> FakeCloud:
        return self

    def get_paginator(self, _operation: str) -> FakeCloud:
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - boto3's own names
        if table := request.get("TableName"):
            assert request["ConsistentRead"]
            yield {"Items": []}
            yield from ({"Items": [attributes.image(item)]} for item in self.stored.get(table, []))
        else:
            yield {}
            found = self.stored.get(request["Bucket"], [])
            yield from ({"Contents": [each]} for each in found if each["Key"].startswith(request["Prefix"]))

    def has(self, where: str, *things: dict[str, Any]) -> None:
        self.stored.setdefault(where, []).extend(things)


@pytest.fixture
def cloud(tmp_path: Path) -> FakeCloud:
    return FakeCloud(tmp_path)


def put_level(cloud: FakeCloud, *moved: Movement) -> None:
    cloud.has("StockTable", levels.to_item(TAKEN), *(ledger.to_item(each) for each in moved))


def put_order(cloud: FakeCloud, state: PoState = PoState.SENT, file: str = "out/alpina/PO-ALP-1.csv") -> Order:
    decision = decided([("l1", "NL-1001", 3), ("l2", "NL-1002", 2)], [("NL-1001", "alpina", 10, 500)])
    order = take(trade.order("1", ("NL-1001", 3), ("NL-1002", 2)), decision.plan.taken, attempt="a1")
    order = send(order, 1, deducts_at=DeductsAt.SHIP).order
    po = Asked(
        order=order.key,
        source=SourceId("alpina"),
        n=1,
        number="ALP-1",
        lines=(PoLine(line="l1", sku=Sku("NL-1001"), units=3),),
        state=state,
    )
    plan_item = plans.plan_item(order.key, "a1", decision, "1", trade.times_now() + timedelta(days=1))
    cloud.has("OrderTable", orders.to_item(order), plan_item, purchase_orders.to_item(po))
    cloud.has("FilesBucket", {"Key": file, "Size": 90}, {"Key": "out/alpina/reports/r.csv", "Size": 9})
    return order


def put_told(cloud: FakeCloud, number: int, shows: int) -> None:
    told = Told(sku=Sku("NL-1001"), channel=ChannelId("nordlys"), number=number, told_at=trade.NOW, revision=1)
    cloud.has("StockTable", told_item(told))
    with readback.store(cloud).open() as store:
        store.execute("INSERT INTO quantities VALUES (?, ?)", (LISTED, shows))


def send_webhook(cloud: FakeCloud, webhook_id: str, status: int, secret: str | None = None) -> int:
    shop = Shop(
        store=readback.store(cloud),
        domain="nordlys.example",
        location="l",
        secret="s",
        token="t",
        items={},
        deliver=lambda _body, _headers: status,
    )
    payload = {"id": 1, "updated_at": trade.T0, "cancelled_at": None, "line_items": []}
    shop.send("orders/create", payload, webhook_id=webhook_id, secret=secret)
    return len(shop.store.deliveries()[-1].body)


def test_a_level_is_read_beside_its_ledger(cloud: FakeCloud) -> None:
    put_level(cloud, *MOVED)

    figures = readback.read(cloud)

    assert figures.stock == (Stock("NL-1001", "alpina", 10, 3, 0, 7, ledger=7, movements=2, revision=2),)
    assert figures.differences() == []


def test_a_lost_movement_differs(cloud: FakeCloud) -> None:
    put_level(cloud, MOVED[0])

    assert readback.read(cloud).differences() == [
        "NL-1001 at alpina: 1 movements sum to 10, the level has 7 at revision 2"
    ]


def test_an_order_is_read_with_its_states_its_sources_and_why(cloud: FakeCloud) -> None:
    put_order(cloud)

    figures = readback.read(cloud)

    assert figures.lines == (
        Line("nordlys#1", "l1", "NL-1001", 3, 0, 0, 3, 0, 0, 0, 0),
        Line("nordlys#1", "l2", "NL-1002", 2, 2, 0, 0, 0, 0, 0, 0),
    )
    assert figures.choices == (
        Choice("nordlys#1", "l1", "alpina", 3, "ships all of it"),
        Choice("nordlys#1", "l2", "nobody", 2, "nobody stocks it"),
    )
    assert figures.purchase_orders == (
        PurchaseOrder("ALP-1", "alpina", "nordlys#1", "sent", 3, "out/alpina/PO-ALP-1.csv"),
    )
    assert figures.files_out == ("out/alpina/PO-ALP-1.csv",)
    assert figures.differences() == []


@pytest.mark.parametrize(
    ("_case", "changes", "expected"),
    [
        ("late units back", {"given_back": 1}, {"sent": 2}),
        ("accepted", {"acked": 2}, {"sent": 1, "accepted": 2}),
        ("shipped past what was accepted", {"acked": 1, "shipped": 2}, {"sent": 1, "shipped": 2}),
        ("not sent", {"sent": False}, {"reserved": 3}),
    ],
)
def test_states_are_derived_as_the_trade_does(
    _case: str, changes: dict[str, Any], expected: dict[str, int], cloud: FakeCloud
) -> None:
    order = put_order(cloud)
    changed = replace(order, allocations=(replace(order.allocations[0], **changes),))
    cloud.stored["OrderTable"][0] = orders.to_item(changed)

    line = readback.read(cloud).lines[0]

    counts = changed.counts(changed.lines[0])
    assert {state: getattr(line, state) for state in expected} == expected
    assert {state.value: getattr(line, state.value) for state in counts} == {s.value: n for s, n in counts.items()}


@pytest.mark.parametrize(
    ("_case", "file", "expected"),
    [
        (
            "no file",
            "out/alpina/reports/x.csv",
            ["purchase order ALP-1: sent, and no file is there"],
        ),
        (
            "somebody else's file",
            "out/alpina/PO-ALP-2.csv",
            [
                "purchase order ALP-1: sent, and no file is there",
                "out/alpina/PO-ALP-2.csv belongs to no purchase order",
            ],
        ),
    ],
)
def test_a_purchase_order_and_its_file(_case: str, file: str, expected: list[str], cloud: FakeCloud) -> None:
    put_order(cloud, file=file)

    assert readback.read(cloud).differences() == expected


def test_a_number_the_shop_does_not_show_differs(cloud: FakeCloud) -> None:
    put_told(cloud, 7, 9)

    figures = readback.read(cloud)

    assert figures.numbers == (Number("nordlys", "NL-1001", 7, 9),)
    assert figures.differences() == ["nordlys was told 7 of NL-1001, and shows 9"]


def test_what_was_accepted_is_archived_once_an_event(cloud: FakeCloud) -> None:
    size = send_webhook(cloud, "w1", 200)
    send_webhook(cloud, "w1", 200)
    send_webhook(cloud, "w2", 401, secret="wrong")
    archive = "webhooks/nordlys/2026/11/24/{}-orders-create.json"
    cloud.has("ArchiveBucket", {"Key": archive.format("w1"), "Size": size}, {"Key": archive.format("poll"), "Size": 5})

    figures = readback.read(cloud)
    assert (figures.bytes_accepted, figures.bytes_archived, figures.differences()) == (size, size, [])

    cloud.has("ArchiveBucket", {"Key": archive.format("w2"), "Size": size})
    assert readback.read(cloud).differences() == [f"{size} bytes were accepted, {2 * size} archived"]


@pytest.mark.parametrize(
    ("_case", "changes", "expected"),
    [
        (
            "a level",
            {"stock": (Stock("A", "alpina", 10, 3, 1, 7, ledger=7, movements=2, revision=2),)},
            "A at alpina: available 7 is not 10 - 3 - 1",
        ),
        (
            "a line",
            {"lines": (Line("nordlys#1", "l1", "A", 3, 0, 0, 2, 0, 0, 0, 0),)},
            "order nordlys#1 line l1: 3 ordered, the states sum to 2",
        ),
        (
            "a number given twice",
            {"purchase_orders": (PurchaseOrder("ALP-1", "alpina", "nordlys#1", "ready", 3, ""),) * 2},
            "purchase order ALP-1 exists 2 times",
        ),
    ],
)
def test_what_does_not_add_up_is_said(_case: str, changes: dict[str, Any], expected: str) -> None:
    nothing = Figures((), (), (), (), (), (), (), 0, 0)

    assert replace(nothing, **changes).differences() == [expected]


def test_tables_are_aligned(cloud: FakeCloud) -> None:
    put_level(cloud, *MOVED)
    put_order(cloud)

    shown = tables(readback.read(cloud)).splitlines()

    at = shown.index("Stock")
    assert shown[at + 1 : at + 4] == [
        "sku      source  counted  committed  deducted  available  ledger  movements  revision",
        "-------  ------  -------  ---------  --------  ---------  ------  ---------  --------",
        "NL-1001  alpina       10          3         0          7       7          2         2",
    ]
    assert "Exceptions: none" in shown


def test_no_cloud_is_said_and_has_a_status_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert readback.main(["--cloud", "there-is-none"]) == 2
    assert "there-is-none" in capsys.readouterr().err
