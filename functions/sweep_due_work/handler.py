"""Every minute -> whatever is due and was not done by a stream.

A second run finds what the first one did: it reads what is due again before it does anything about it.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from shared.flows.send_purchase_orders import Lifetime, SendPurchaseOrders
from shared.flows.sweep_due_work import SweepDueWork
from shared.runtime import clients, clock, queues, rules
from shared.runtime.observability import count, logger, metrics
from shared.runtime.settings import in_lambda, settings
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.problems import Problems
from shared.suppliers.file_drop import FileDrop

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def flow() -> SweepDueWork:
    """Connect the flow, and in it the one that sends purchase orders."""
    names = settings()
    book = OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table)
    outbox, problems = Outbox(book), Problems(book.orders)
    return SweepDueWork(
        table=book.orders,
        outbox=outbox,
        problems=problems,
        purchase_orders=SendPurchaseOrders(
            outbox=outbox,
            problems=problems,
            supplier=FileDrop(clients.s3_once(), names.files_bucket),
            new_id=lambda: uuid.uuid4().hex[:16],
        ),
        to_orders=partial(queues.send, names.order_queue_url),
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Do what is due."""

    def left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis())

    now = clock.now()
    counted = flow().run(rules.current(now), now, Lifetime(now + left(), left))
    count(counted)
    return dict(counted)


if in_lambda():
    flow()
