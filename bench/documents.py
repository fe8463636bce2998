"""Suppliers' documents: X12 of 100,000 lines beside a bare split, and the life of a purchase order.

A bare split cuts the bytes into segments and these into elements, and looks at none of them. Memory is what Python
holds at most beside the file itself. Purchase orders are sent on DynamoDB Local into a folder in memory: what counts
is our own CPU, for the engine's is not AWS's.
"""

from __future__ import annotations

import io
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bench.figure import Figure
from bench.meter import Metered
from local import dynamodb_local
from shared.domain import times
from shared.domain.answers import Answer, LineAnswer, Says
from shared.domain.profiles import FeedProfile, Format
from shared.domain.purchase_orders import PurchaseOrder
from shared.domain.rules import Source
from shared.flows.answer_orders import AnswerOrders
from shared.flows.send_purchase_orders import Lifetime, SendPurchaseOrders
from shared.formats import document_files, stock_files
from shared.storage import levels
from shared.storage.dynamo import Table
from shared.storage.gates import Gates
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storage.supplier_codes import SupplierCodes
from shared.suppliers.file_drop import FileDrop
from tests.support import trade
from tests.support.tables import create_tables
from tests.support.workers import delivered, place_orders
from tests.support.x12 import file, one_set

LINES = 100_000
RUNS = 3
ORDERS = 50
RULES = trade.shop_rules("alpina")
COUNTS = FeedProfile(format=Format.X12, columns={"sku": "LIN.VP", "quantity": "QTY.33", "cost": "CTP.WHL"})
LIVES = timedelta(minutes=10)


def measure() -> Iterator[Figure]:
    """Yield figures of reading, then of sending."""
    (source,) = RULES.sources.values()
    advice = _advice()
    notice = _notice()
    yield from _read("846", advice, lambda: sum(1 for _ in stock_files.read(io.BytesIO(advice), COUNTS, "EUR")))
    yield from _read("856", notice, lambda: _documents(notice, source))
    with dynamodb_local.running() as url:
        yield from _life(dynamodb_local.client(url))


def _advice() -> bytes:
    rows = "".join(f"LIN*{n}*VP*A-{n:06}\nCTP*WH*WHL*4.20\nQTY*33*{n % 90}*EA\n" for n in range(1, LINES + 1))
    return file(one_set("846", f"BIA*00*DD*1*20261125*0900\n{rows}CTT*{LINES}")).encode()


def _notice() -> bytes:
    head = "BSN*00*SHP-1*20261125*1045\nHL*1**S\nHL*2*1*O\nPRF*ALPINA-000001\n"
    rows = "".join(f"HL*{n + 2}*2*I\nLIN*{n}*VN*A-{n:06}\nSN1*{n}*1*EA\n" for n in range(1, LINES + 1))
    return file(one_set("856", head + rows.rstrip("\n"))).encode()


def _documents(body: bytes, source: Source) -> int:
    found = list(document_files.read(io.BytesIO(body), source, document_files.X12, "digest"))
    if [each.findings for each in found] != [()]:
        raise AssertionError("the document was not read")
    return len(found)


def _read(name: str, body: bytes, read: Callable[[], object]) -> Iterator[Figure]:
    yield Figure(
        name=f"{name} of {LINES} lines: CPU",
        value=_seconds(read),
        unit="s",
        peer="split",
        peer_value=_seconds(lambda: [each.split(b"*") for each in body.split(b"~")]),
    )
    tracemalloc.start()
    read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    yield Figure(name=f"{name} of {LINES} lines: memory", value=peak / 2**20, unit="MB")


def _seconds(run: Callable[[], object]) -> float:
    taken = []
    for _ in range(RUNS):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return min(taken)


# ---- the life of a purchase order


@dataclass
class _Folder:
    files: dict[str, bytes] = field(default_factory=dict)

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> dict[str, Any]:  # noqa: N803 - the client's names
        self.files[Key] = Body
        return {}


def _life(client: Any) -> Iterator[Figure]:  # noqa: ANN401 - a client
    stock_table, order_table = create_tables(client, f"d{uuid.uuid4().hex[:8]}-")
    Table(client, stock_table).write_all([levels.to_item(trade.level("A", "alpina", 10**6))])
    place = place_orders(client, stock_table, order_table)
    place.run({f"m{i}": delivered(i, ("A", 2)) for i in range(1, ORDERS + 1)}, RULES, trade.times_now())
    metered: Any = Metered(client)
    folder: Any = _Folder()
    book = OrderBook.of(metered, stock_table, order_table)
    problems, now = Problems(book.orders), trade.times_now()
    sender = SendPurchaseOrders(
        Outbox(book),
        Pauses(book.stock),
        problems,
        SupplierCodes(book.stock),
        Gates(book.orders),
        lambda _: FileDrop(folder, "files"),
        new_id=lambda: uuid.uuid4().hex[:16],
    )
    answers = AnswerOrders(book=book, problems=problems, pause=lambda _: None)
    keys = [trade.key(str(i)) for i in range(1, ORDERS + 1)]

    start = time.process_time()
    sent = sender.run(keys, RULES, now, Lifetime(now + LIVES, lambda: LIVES))
    seconds = time.process_time() - start
    if sent.counted["PurchaseOrderSent"] != ORDERS:
        raise AssertionError(f"not all were sent: {sent.counted}")
    yield Figure(name="purchase orders through the outbox", value=ORDERS / seconds, unit="a second of CPU")
    yield Figure(name="a purchase order sent: writes", value=metered.bill.write_units / ORDERS, unit="write units")
    pos = [po for key in keys for po in book.purchase_orders(key)]
    for says in (Says.ACCEPTED, Says.SHIPPED):
        for po in pos:
            answers.run(_answer(po, says), RULES, now)
    units = metered.bill.write_units / ORDERS
    yield Figure(name="a purchase order sent, accepted, shipped: writes", value=units, unit="write units")


def _answer(po: PurchaseOrder, says: Says) -> Answer:
    lines = tuple(LineAnswer(line=line.line, says=says, units=line.units) for line in po.lines)
    received = times.read(trade.NOW)
    return Answer(order=po.order, number=po.number, document=f"{says}-{po.number}", received_at=received, lines=lines)
