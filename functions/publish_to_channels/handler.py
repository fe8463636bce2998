"""Channel queue -> the shops have their numbers.

A message carries no number: a second delivery finds the mark cleared, or computes the number anew.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from shared.flows.publish_to_channels import PublishToChannels
from shared.runtime import clients, clock, queues, rules
from shared.runtime.observability import logger, metrics
from shared.runtime.secrets import shop_secrets
from shared.runtime.settings import in_lambda, settings
from shared.storage.availability import Availability, Leases
from shared.storage.dynamo import Table
from shared.storage.problems import Problems
from shared.storefronts import graphql
from shared.storefronts.shopify_admin import Shop

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from shared.domain.rules import Channel


@cache
def flow() -> PublishToChannels:
    """Connect the flow."""
    names = settings()
    stock, orders = (Table(clients.dynamodb(), name) for name in (names.stock_table, names.order_table))
    return PublishToChannels(
        availability=Availability(stock), leases=Leases(stock), problems=Problems(orders), shop=shop
    )


def shop(channel: Channel) -> Shop:
    """Connect a shop."""
    token = shop_secrets(channel.channel, clock.now()).token
    return Shop(url=channel.api_url, location=channel.location, token=token, post=graphql.post)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Tell the shops that a batch of messages names."""
    now = clock.now()
    batch = {record["messageId"]: record["body"] for record in event["Records"]}
    published = flow().run(
        batch,
        rules.current(now),
        holder=context.aws_request_id,
        now=now,
        time_left_ms=context.get_remaining_time_in_millis,
    )
    metrics.add_metric(name="NumberTold", unit=MetricUnit.Count, value=published.told)
    return queues.failures(published.again)


if in_lambda():
    flow()
