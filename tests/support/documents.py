"""A supplier that was asked for an order, and what it answers, as files in its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shared.domain import orders, stock
from shared.domain.names import LevelKey, SourceId
from shared.domain.orders import DeductsAt, Order
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.domain.rules import Source
from shared.domain.stock import Level
from shared.flows.answer_orders import AnswerOrders
from shared.flows.cancel_requests import CancelRequests
from shared.flows.settle_documents import SettleDocuments
from shared.flows.take_documents import TakeDocuments
from shared.runtime.ways import FILES
from shared.storage import keys, levels, order_lists, purchase_orders
from shared.storage import orders as order_items
from shared.storage.documents import Documents
from shared.storage.files import Files
from shared.storage.operations import Operations
from shared.storage.order_book import OrderBook
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.suppliers.contract import Folder, Way
from shared.suppliers.file_drop import FileDrop
from tests.support import trade

if TYPE_CHECKING:
    from collections.abc import Iterable

ALPINA = SourceId("alpina")
NUMBER = "ALPINA-000001"
SENT_AT = "2026-11-24T08:05:00.000Z"


def takes(
    dynamodb: Any,  # noqa: ANN401 - or a faulty one
    s3: Any,  # noqa: ANN401
    names: tuple[str, str, str],
    *,
    ways: Callable[[Source], Way] | None = None,
    folder: Callable[[Source], Folder] | None = None,
) -> TakeDocuments:
    """Connect the flow; `names`: the tables and the bucket."""
    stock_table, order_table, bucket = names
    book = OrderBook.of(dynamodb, stock_table, order_table)
    problems, documents = Problems(book.orders), Documents(book.orders)
    settle = SettleDocuments(
        book=book,
        documents=documents,
        answers=AnswerOrders(book=book, problems=problems, pause=lambda _: None),
        operations=Operations(book.stock, book.orders),
        problems=problems,
        cancels=lambda: CancelRequests(documents, Pauses(book.stock), problems, ways or drops(s3, bucket)),
    )
    return TakeDocuments(
        files=Files(s3, bucket),
        documents=documents,
        settle=settle,
        problems=problems,
        folder=folder or drops(s3, bucket),
    )


def drops(s3: Any, bucket: str) -> Callable[[Source], FileDrop]:  # noqa: ANN401 - or a faulty one
    """Have a source be sent to by its folder, in the format that the rules say."""
    return lambda source: FileDrop(s3, bucket, *FILES[source.send_by.written_as])


def asked(book: OrderBook, lines: Mapping[str, int], order_id: str = "1", number: str = NUMBER) -> Order:
    """Have alpina be asked for an order's lines, each of a SKU of its own, of which it has a hundred."""
    named = list(lines.items())
    taken = {(f"l{i}", ALPINA): units for i, (_, units) in enumerate(named, 1)}
    order = orders.take(trade.order(order_id, *named), taken, attempt="t")
    order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
    for sku, units in named:
        there = book.stock.get(keys.level(LevelKey(trade.at(sku, ALPINA).sku, ALPINA)))
        level = levels.from_item(there) if there else trade.level(sku, ALPINA, 100)
        level = replace(level, committed=level.committed + units, available=level.available - units)
        book.stock.put(levels.to_item(level))
    po_lines = tuple(PoLine(line=line.line, sku=line.sku, units=line.ordered) for line in order.lines)
    po = PurchaseOrder(
        order=order.key, source=ALPINA, n=1, number=number, lines=po_lines, state=PoState.SENT, sent_at=SENT_AT
    )
    po = replace(po, made_at=SENT_AT)
    book.orders.put(order_items.to_item(order))
    book.orders.put(purchase_orders.to_item(po))
    book.orders.write_all(list(order_lists.of_purchase_order(po).values()))
    return order


@dataclass(frozen=True, slots=True)
class Seen:
    """An order, its purchase order, and the levels of its SKUs; all of them add up."""

    order: Order
    po: PurchaseOrder
    levels: Mapping[str, Level]

    def units(self, line: str = "l1") -> dict[str, int]:
        """Say where the units of a line are, as far as there are any."""
        return {state.value: n for state, n in self.order.counts(self.order.line(line)).items() if n}


def seen(book: OrderBook, order_id: str = "1") -> Seen:
    order = book.order(trade.key(order_id))
    assert order is not None
    orders.check(order)
    (po,) = book.purchase_orders(order.key)
    found = {str(level.key.sku): level for level in _levels(book, order)}
    for level in found.values():
        assert stock.adds_up(level)
    return Seen(order, po, found)


def _levels(book: OrderBook, order: Order) -> Iterable[Level]:
    for line in order.lines:
        item = book.stock.get(keys.level(LevelKey(line.sku, ALPINA)))
        assert item is not None
        yield levels.from_item(item)
