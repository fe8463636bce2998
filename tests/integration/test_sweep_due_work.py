"""Every minute, what is due and was not done by a stream."""

from __future__ import annotations

from dataclasses import replace

from functions.sweep_due_work import handler
from shared.domain import messages, orders
from shared.domain.messages import FillSku, PlanOrder
from shared.domain.names import OrderKey, Sku, SourceId
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.runtime.settings import settings
from shared.storage import keys
from shared.storage import orders as order_items
from shared.storage import purchase_orders as po_items
from shared.storage.order_book import OrderBook
from tests.integration.conftest import Aws, LambdaContext
from tests.support import trade

LONG_AGO = "2020-01-01T00:00:00.000Z"
NEVER = "2999-01-01T00:00:00.000Z"
ALPINA = SourceId("alpina")
ADDRESS = {"name": "Ada Buyer", "country_code": "NO"}


def waits(aws: Aws, order_id: str, due_at: str) -> OrderKey:
    """Record an order that waits for NL-1001."""
    order = replace(orders.backorder(trade.order(order_id, ("NL-1001", 2))), due_at=due_at)
    aws.orders.put(order_items.to_item(order))
    return order.key


def asked(aws: Aws, order_id: str, state: PoState, due_at: str) -> OrderKey:
    """Record an order whose supplier was asked, or is about to be."""
    order = orders.take(trade.order(order_id, ("NL-1001", 2)), {("l1", ALPINA): 2}, attempt="t")
    order = replace(order, ship_to="t")
    if state is not PoState.READY:
        order = orders.send(order, 1, deducts_at=orders.DeductsAt.SHIP).order
    aws.orders.put(order_items.to_item(order))
    pk, sk = keys.ship_to(order.key, "t")
    aws.orders.put({"PK": pk, "SK": sk, "entity": "ship_to", "address": ADDRESS})
    po = PurchaseOrder(
        order=order.key,
        source=ALPINA,
        n=1,
        number=f"ALPINA-{int(order_id):06d}",
        lines=(PoLine(line="l1", sku=Sku("NL-1001"), units=2),),
        state=state,
        claimed_by="dead" if state is PoState.CLAIMED else "",
        claimed_until=due_at if state is PoState.CLAIMED else "",
        due_at=due_at,
    )
    aws.orders.put(po_items.to_item(po))
    return order.key


def purchase_order(aws: Aws, key: OrderKey) -> PurchaseOrder:
    (po,) = OrderBook(aws.dynamodb, aws.stock, aws.orders).purchase_orders(key)
    return po


def files(aws: Aws) -> list[str]:
    return [each["Key"] for each in aws.s3.list_objects_v2(Bucket=settings().files_bucket).get("Contents", [])]


def test_an_order_that_waits_is_asked_for_once_a_while(aws: Aws, context: LambdaContext) -> None:
    due = waits(aws, "1", LONG_AGO)
    waits(aws, "2", NEVER)

    first = handler.lambda_handler({}, context)
    second = handler.lambda_handler({}, context)

    read = [messages.read(text) for text in aws.messages(settings().order_queue_url)]
    assert read == [PlanOrder(order=due), FillSku(sku=Sku("NL-1001"))]
    assert (first, second) == ({"OrderDue": 1}, {})


def test_purchase_orders_that_nobody_finished_are_finished(aws: Aws, context: LambdaContext) -> None:
    finished = [asked(aws, "1", PoState.READY, LONG_AGO), asked(aws, "2", PoState.CLAIMED, LONG_AGO)]
    asked(aws, "3", PoState.CLAIMED, NEVER)

    counted = handler.lambda_handler({}, context)
    handler.lambda_handler({}, context)

    assert files(aws) == ["out/alpina/PO-ALPINA-000001.csv", "out/alpina/PO-ALPINA-000002.csv"]
    assert [purchase_order(aws, key).state for key in finished] == [PoState.SENT, PoState.SENT]
    assert counted == {"PurchaseOrderDue": 2, "PurchaseOrderSent": 2}


def test_a_supplier_that_is_silent_is_an_exception_once_a_day(aws: Aws, context: LambdaContext) -> None:
    key = asked(aws, "1", PoState.SENT, LONG_AGO)

    handler.lambda_handler({}, context)
    handler.lambda_handler({}, context)

    problem = aws.orders.get(keys.problem("not_acknowledged", "ALPINA-000001"))
    assert problem is not None
    assert (problem["state"], problem["revision"]) == ("open", 1)
    po = purchase_order(aws, key)
    assert (po.state, po.revision) == (PoState.SENT, 2)
    assert po.due_at > LONG_AGO


def test_an_order_that_cannot_be_read_is_an_exception_and_stops_nobody(aws: Aws, context: LambdaContext) -> None:
    key = waits(aws, "1", LONG_AGO)
    broken = order_items.to_item(replace(trade.order("2"), due_at=LONG_AGO))
    aws.orders.put({name: value for name, value in broken.items() if name != "lines"})

    counted = handler.lambda_handler({}, context)

    assert (counted["DueStuck"], counted["OrderDue"]) == (1, 1)
    assert aws.orders.get(keys.problem("item_unreadable", "nordlys#2")) is not None
    assert messages.read(aws.messages(settings().order_queue_url)[0]) == PlanOrder(order=key)
