"""Order queue -> orders recorded with their units, cancelled, edited, planned again.

A second delivery finds its order and changes nothing: the order's own condition stands in the transaction that
takes its units.
"""

from __future__ import annotations

import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.flows.people_requests import PeopleRequests
from shared.flows.place_orders import PlaceOrders
from shared.runtime import clients, clock, queues, rules
from shared.runtime.observability import count, logger, metrics
from shared.runtime.secrets import people_key
from shared.runtime.settings import in_lambda, settings
from shared.storage.archive import Archive
from shared.storage.order_book import OrderBook
from shared.storage.people import People
from shared.storage.problems import Problems
from shared.storefronts import inbound

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def flow() -> PlaceOrders:
    """Connect the flow."""
    names = settings()
    book = OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table)
    problems = Problems(book.orders)
    return PlaceOrders(
        book=book,
        archive=Archive(clients.s3(), names.archive_bucket),
        problems=problems,
        people=PeopleRequests(people=People(book.orders), problems=problems, key=people_key),
        inbound=inbound.of,
        new_id=lambda: uuid.uuid4().hex[:16],
        pause=clock.pause,
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> PartialItemFailureResponse:
    """Place a batch of orders."""
    now = clock.now()
    batch = queues.bodies(event)
    placed = flow().run(batch, rules.current(now), now)
    count(placed.counted)
    return queues.failures(placed.again)


if in_lambda():
    flow()
