"""Channel queue -> the shops have their numbers.

A message carries no number: a second delivery finds the mark cleared, or computes the number anew.
"""

from __future__ import annotations

import uuid
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from shared.flows.guard_margins import GuardMargins
from shared.flows.learn_listings import LearnListings
from shared.flows.publish_to_channels import PublishToChannels
from shared.flows.refresh_numbers import RefreshNumbers
from shared.runtime import clients, clock, queues, rules
from shared.runtime.observability import count, logger, metrics
from shared.runtime.secrets import shop_secrets
from shared.runtime.settings import in_lambda, settings
from shared.storage import parcels
from shared.storage.availability import Availability, Leases
from shared.storage.facts import Facts
from shared.storage.order_book import OrderBook
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storefronts.outbound import Outbound

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from shared.domain.rules import Channel


@cache
def flow() -> PublishToChannels:
    """Connect the flow."""
    names = settings()
    book = OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table)
    availability, to_channels = Availability(book.stock), partial(queues.send, names.channel_queue_url)
    problems = Problems(book.orders)
    shops = Outbound(token=token, now=clock.now, new_id=lambda: uuid.uuid4().hex, wait=clock.wait)
    return PublishToChannels(
        availability=availability,
        leases=Leases(book.stock),
        pauses=Pauses(book.stock),
        problems=problems,
        order=book.order,
        packages=partial(parcels.tracked, book.orders),
        pacer=shops.pacer,
        shop=shops.numbers,
        desk=shops.desk,
        refresh=RefreshNumbers(
            availability=availability,
            margins=GuardMargins(book.stock, problems, to_channels),
            to_channels=to_channels,
            new_id=lambda: uuid.uuid4().hex[:16],
        ),
        learn=LearnListings(Facts(book.stock), availability, problems, to_channels),
        to_channels=to_channels,
        wait=clock.wait,
    )


def token(channel: Channel) -> str:
    """Return what a shop is called with."""
    return shop_secrets(channel.channel, clock.now()).token


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Tell the shops that a batch of messages names."""
    now = clock.now()
    batch = queues.bodies(event)
    published = flow().run(
        batch,
        rules.current(now),
        holder=context.aws_request_id,
        now=now,
        time_left_ms=context.get_remaining_time_in_millis,
    )
    count({"NumberTold": published.told, "OrderTold": published.orders_told, "NumberMarked": published.marked})
    count({"ListingLearned": published.learned})
    return queues.failures(published.again)


if in_lambda():
    flow()
