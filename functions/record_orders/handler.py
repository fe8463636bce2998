"""Order table's stream, orders and purchase orders -> lists, references, asks for units, exceptions.

A second delivery writes the same keys: each is derived from an image and the one before it.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from shared.flows.record_orders import RecordOrders
from shared.runtime import clients, clock, queues, streams
from shared.runtime.observability import count, logger, metrics
from shared.runtime.settings import in_lambda, settings
from shared.storage.availability import Availability
from shared.storage.dynamo import Table
from shared.storage.problems import Problems

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def flow() -> RecordOrders:
    """Connect the flow."""
    names = settings()
    stock, orders = (Table(clients.dynamodb(), name) for name in (names.stock_table, names.order_table))
    return RecordOrders(
        table=orders,
        availability=Availability(stock),
        problems=Problems(orders),
        to_orders=partial(queues.send, names.order_queue_url),
        to_channels=partial(queues.send, names.channel_queue_url),
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> PartialItemFailureResponse:
    """Record a batch of changes."""
    changes = streams.changes(event, lambda sk: sk == "ORD" or sk.startswith("PO#"))
    counted = flow().run(changes, clock.now())
    count(counted)
    return queues.failures({})


if in_lambda():
    flow()
