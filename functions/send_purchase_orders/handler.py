"""Order table's stream, orders and purchase orders -> purchase orders made, claimed and sent.

A record says only which order has changed; what is to be done follows from the tables, so a second delivery finds
it done. A purchase order is sent under a claim that stands in its item.
"""

from __future__ import annotations

import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.flows.send_purchase_orders import SendPurchaseOrders
from shared.runtime import clients, clock, lifetime, queues, rules, ways
from shared.runtime.observability import count, logger, metrics
from shared.runtime.settings import in_lambda, settings
from shared.storage import keys
from shared.storage.gates import Gates
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storage.supplier_codes import SupplierCodes

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def flow() -> SendPurchaseOrders:
    """Connect the flow."""
    names = settings()
    book = OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table)
    return SendPurchaseOrders(
        outbox=Outbox(book),
        pauses=Pauses(book.stock),
        problems=Problems(book.orders),
        codes=SupplierCodes(book.stock),
        gates=Gates(book.orders),
        ways=ways.of,
        new_id=lambda: uuid.uuid4().hex[:16],
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Work for the orders of a batch; raise the first failure that the batch may not meet when it comes again."""
    now = clock.now()
    wanted = [keys.order_of(record["dynamodb"]["Keys"]["PK"]["S"]) for record in event["Records"]]
    sent = flow().run(wanted, rules.current(now), now, lifetime.of(context, now))
    count(sent.counted)
    if sent.failure:
        raise sent.failure
    return queues.failures({})


if in_lambda():
    flow()
