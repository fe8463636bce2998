"""Order table's stream, orders and purchase orders -> lists, references, asks for units, exceptions.

A second delivery writes the same keys: each is derived from an image and the one before it.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from shared.flows.record_orders import RecordOrders
from shared.flows.record_stock import Change
from shared.runtime import clients, clock, queues
from shared.runtime.observability import count, logger, metrics
from shared.runtime.settings import in_lambda, settings
from shared.storage.dynamo import Table
from shared.storage.problems import Problems

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def flow() -> RecordOrders:
    """Connect the flow."""
    names = settings()
    table = Table(clients.dynamodb(), names.order_table)
    return RecordOrders(table=table, problems=Problems(table), to_orders=partial(queues.send, names.order_queue_url))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> PartialItemFailureResponse:
    """Record a batch of changes."""
    changes = [
        Change(key=image["Keys"], old=image.get("OldImage"), new=image.get("NewImage"))
        for image in (record["dynamodb"] for record in event["Records"])
        if image["Keys"]["SK"]["S"] == "ORD" or image["Keys"]["SK"]["S"].startswith("PO#")
    ]
    counted = flow().run(changes, clock.now())
    count(counted)
    return queues.failures({})


if in_lambda():
    flow()
