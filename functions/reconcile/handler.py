"""Every hour -> one of 24 segments of both tables checked against the promises.

A second run of the same hour finds the same trouble and opens nothing new; a compensation is written only over the
revision that was looked at.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from shared.flows.compensate import Compensate
from shared.flows.reconcile import SEGMENTS, Reconcile
from shared.runtime import clients, clock, rules
from shared.runtime.observability import count, logger, metrics
from shared.runtime.settings import in_lambda, settings
from shared.storage.dynamo import Table
from shared.storage.ledger import Ledger
from shared.storage.problems import Problems

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def flow() -> Reconcile:
    """Connect the flow."""
    names = settings()
    stock, orders = (Table(clients.dynamodb(), name) for name in (names.stock_table, names.order_table))
    problems = Problems(orders)
    compensate = Compensate(stock=stock, orders=orders, ledger=Ledger(stock), problems=problems)
    return Reconcile(stock=stock, orders=orders, compensate=compensate, problems=problems)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """Check the hour's segment, or the one that an operator names."""
    now = clock.now()
    counted = flow().run(int(event.get("segment", now.hour % SEGMENTS)), rules.current(now), now)
    count(counted)
    return dict(counted)


if in_lambda():
    flow()
