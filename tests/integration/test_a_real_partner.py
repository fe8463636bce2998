"""Our purchase orders and a partner that nobody here wrote, both ways through the flows: mock-edi over folders."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from mockedi.testing import Mock  # type: ignore[import-untyped]  # its package has no types
from x12doctor import diagnose

from shared.domain import orders, rules
from shared.domain.rules import Rules
from shared.flows.send_purchase_orders import Lifetime, SendPurchaseOrders
from shared.runtime.settings import settings
from shared.storage import keys, levels, order_lists
from shared.storage import orders as order_items
from shared.storage.gates import Gates
from shared.storage.outbox import Outbox
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storage.supplier_codes import SupplierCodes
from shared.suppliers.file_drop import FileDrop
from tests.integration.conftest import Aws
from tests.support import trade
from tests.support.document_files import book, objects, problems, reasons, seen, take
from tests.support.documents import ALPINA

LIVES = timedelta(seconds=30)
NOW = trade.times_now()
ADDRESS = {"name": "Ada Buyer", "address1": "Harbour Street 1", "city": "Boston", "province": "MA", "zip": "02210"}
X12 = {"sender": "ACME", "receiver": "MOCKEDI", "type": "SA"}
LINES = (("WIDGET-001", 10), ("PANEL-A3", 4))


def known() -> Rules:
    document = trade.shop_rules_document("alpina")
    document["channels"]["nordlys"]["currency"] = "USD"
    document["sources"]["alpina"] |= {
        "currency": "USD",
        "send_by": {"way": "file", "as": "x12", "x12": X12},
        "answers": {"partner": {"theirs": "MOCKEDI", "ours": "ACME"}},
    }
    return rules.parse(document)


RULES = known()


def reserve(aws: Aws) -> None:
    order = orders.take(trade.order("1", *LINES), {("l1", ALPINA): 10, ("l2", ALPINA): 4}, attempt="t")
    order = replace(order, ship_to="t")
    aws.orders.put(order_items.to_item(order))
    pk, sk = keys.ship_to(order.key, "t")
    aws.orders.put({"PK": pk, "SK": sk, "entity": "ship_to", "schema": 1, "revision": 1, "address": ADDRESS})
    for sku, units in LINES:
        level = trade.level(sku, "alpina", 100)
        aws.stock.put(levels.to_item(replace(level, committed=units, available=100 - units)))


def send(aws: Aws) -> bytes:
    """Have the order's purchase order sent; return the file."""
    there, names = book(aws), settings()
    flow = SendPurchaseOrders(
        Outbox(there),
        Pauses(aws.stock),
        Problems(aws.orders),
        SupplierCodes(aws.stock),
        Gates(aws.orders),
        lambda _: FileDrop(aws.s3, names.files_bucket, ".edi", "application/edi-x12"),
        new_id=lambda: uuid.uuid4().hex[:16],
    )
    flow.run([trade.key("1")], RULES, NOW, Lifetime(NOW + LIVES, lambda: LIVES))
    (po,) = there.purchase_orders(trade.key("1"))
    there.orders.write_all(list(order_lists.of_purchase_order(po).values()))
    (body,) = [body for key, body in objects(aws).items() if "/PO-" in key]
    return body


@dataclass(frozen=True, slots=True)
class Partner:
    """The partner, and the folders that it reads and writes."""

    mock: Mock
    inbox: Path
    outbox: Path

    def answers(self, order: bytes, behaviour: str, last: str) -> list[tuple[str, bytes]]:
        """Have it answer an order as it behaves, up to its `last` document; in its own order."""
        self.mock.reset()
        self.mock.behaviour("ACME", behaviour)
        for file in self.outbox.iterdir():
            file.unlink()
        (self.inbox / f"PO-{uuid.uuid4().hex}.edi").write_bytes(order)
        deadline = time.monotonic() + (10 if last else 0.3)
        while time.monotonic() < deadline and not (last and list(self.outbox.glob(f"*-{last}-*"))):
            self.mock.post("/_mock/drop/scan")
        assert not list(self.inbox.glob("*.edi"))
        found = sorted(self.outbox.iterdir(), key=lambda file: int(file.stem.rpartition("-")[2]))
        return [(file.name, file.read_bytes()) for file in found]


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partner]:
    inbox, outbox = (tmp_path_factory.mktemp(name) for name in ("in", "out"))
    with Mock.start(drop_dir=str(inbox), pickup_dir=str(outbox), drop_interval_ms=50, drop_settle_ms=0) as started:
        yield Partner(started, inbox, outbox)


def priced(order: bytes) -> bytes:
    """Write the partner's own prices into an order, as a network between us may: it reads none without one."""
    for sku, price in ((b"WIDGET-001", b"12.50"), (b"PANEL-A3", b"124.50")):
        order = order.replace(b"*EA***SK*" + sku, b"*EA*" + price + b"**SK*" + sku)
    return order


def live(answer: bytes) -> bytes:
    """Take the partner's word as meant: it marks all that it writes as a test."""
    return answer.replace(b"*0*T*", b"*0*P*", 1)


CORRUPT = ["count_of_segments"] * 3


@pytest.mark.parametrize(
    ("behaviour", "last", "widgets", "panels", "held"),
    [
        ("accept", "810", {"shipped": 10}, {"shipped": 4}, []),
        ("short-ship", "810", {"shipped": 8, "open": 2}, {"shipped": 3, "open": 1}, []),
        ("reject-line", "810", {"shipped": 10}, {"open": 4}, []),
        ("reject-all", "855", {"open": 10}, {"open": 4}, []),
        ("over-ship", "810", {"accepted": 10}, {"accepted": 4}, ["ship_too_many", "ship_too_many"]),
        ("out-of-order", "855", {"shipped": 10}, {"shipped": 4}, []),
        ("corrupt", "810", {"sent": 10}, {"sent": 4}, CORRUPT),
        ("no-ack", "", {"sent": 10}, {"sent": 4}, []),
        ("late", "", {"sent": 10}, {"sent": 4}, []),
    ],
)
def test_what_it_answers_becomes_of_the_order(
    behaviour: str,
    last: str,
    widgets: dict[str, int],
    panels: dict[str, int],
    held: list[str],
    aws: Aws,
    partner: Partner,
) -> None:
    reserve(aws)

    for name, body in partner.answers(priced(send(aws)), behaviour, last):
        for _ in range(2):
            take(aws, name, live(body), RULES)

    assert (seen(aws).units("l1"), seen(aws).units("l2")) == (widgets, panels)
    assert sorted(each for each in reasons(aws) if each != "set_not_read") == held  # an invoice is not read


def test_an_order_without_a_price_is_more_than_it_can_read_and_a_person_is_told(aws: Aws, partner: Partner) -> None:
    reserve(aws)

    for name, body in partner.answers(send(aws), "accept", "997"):
        take(aws, name, live(body), RULES)

    assert (seen(aws).units(), problems(aws)) == ({"sent": 10}, ["not_understood"])


def test_what_we_write_is_clean_to_an_independent_linter(aws: Aws, partner: Partner) -> None:
    reserve(aws)
    order = send(aws)
    for name, body in partner.answers(priced(order), "accept", "810"):
        take(aws, name, live(body), RULES)

    ours = [order, *(body for key, body in objects(aws).items() if "/997-" in key)]

    # of the invoice, which we do not read, our 997 says so, and the linter tells that as a fault of the invoice
    told = [[each.code for each in diagnose(body.decode()).findings] for body in ours]
    assert told == [[], [], [], ["C01", "C03", "C03"]]
