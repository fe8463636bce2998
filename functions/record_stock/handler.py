"""Stock table's stream, levels only -> ledger, marks for the shops, fills for those who wait.

A second delivery writes the same keys: a movement's key is its level and revision.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from shared.flows.record_stock import RecordStock
from shared.runtime import clients, clock, queues, rules, streams
from shared.runtime.observability import count, logger, metrics
from shared.runtime.settings import in_lambda, settings
from shared.storage.dynamo import Table
from shared.storage.problems import Problems

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def flow() -> RecordStock:
    """Connect the flow."""
    names = settings()
    orders = Table(clients.dynamodb(), names.order_table)
    return RecordStock(
        stock=Table(clients.dynamodb(), names.stock_table),
        orders=orders,
        problems=Problems(orders),
        to_orders=partial(queues.send, names.order_queue_url),
        to_channels=partial(queues.send, names.channel_queue_url),
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> PartialItemFailureResponse:
    """Record a batch of changes."""
    now = clock.now()
    changes = streams.changes(event, lambda sk: sk.startswith("SRC#"))
    counted = flow().run(changes, rules.current(now), now)
    count(counted)
    return queues.failures({})


if in_lambda():
    flow()
