"""Schedule, shop event queue -> orders that no webhook told of, or not whole, into the order queue.

A second run or delivery finds the same orders again: the order queue's consumer knows them by their version.
"""

from __future__ import annotations

import uuid
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from shared.flows.poll_storefronts import PollStorefronts
from shared.flows.take_shop_events import TakeShopEvents
from shared.runtime import clients, clock, lifetime, queues, rules
from shared.runtime.observability import count, logger, metrics
from shared.runtime.secrets import shop_secrets
from shared.runtime.settings import in_lambda, settings
from shared.storage.archive import Archive
from shared.storage.dynamo import Table
from shared.storage.order_book import OrderBook
from shared.storage.problems import Problems
from shared.storefronts import inbound
from shared.storefronts.outbound import Outbound
from shared.storefronts.shopify_bus import Bus

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from shared.domain.rules import Channel


FIRST_COMES_AGAIN_SECONDS = 60
"""After how long a message that failed comes again; twice as long after each further failure."""


@cache
def poll() -> PollStorefronts:
    """Connect the poll."""
    names = settings()
    clients.sqs()
    return PollStorefronts(
        book=OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table),
        archive=Archive(clients.s3(), names.archive_bucket),
        connect=outbound().orders,
        inbound=inbound.of,
        send=partial(queues.send, names.order_queue_url),
    )


@cache
def events() -> TakeShopEvents:
    """Connect what takes shop events."""
    names = settings()
    clients.sqs()
    return TakeShopEvents(
        archive=Archive(clients.s3(), names.archive_bucket),
        problems=Problems(Table(clients.dynamodb(), names.order_table)),
        connect=outbound().orders,
        inbound=inbound.of,
        send=partial(queues.send, names.order_queue_url),
    )


def outbound() -> Outbound:
    """Connect shops."""
    return Outbound(token=token, now=clock.now, new_id=lambda: uuid.uuid4().hex, wait=clock.wait)


def token(channel: Channel) -> str:
    """Return what a shop is called with."""
    return shop_secrets(channel.channel, clock.now()).token


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse | None:
    """Take a batch of the queue, or poll all shops: a schedule brings no records."""
    now = clock.now()
    if "Records" not in event:
        count(poll().run(rules.current(now), now))
        return None
    bus = Bus(source=settings().shopify_event_source, account=lifetime.account_of(context))
    taken = events().run(queues.bodies(event), rules.current(now), bus, now)
    tries = queues.tries(event)
    for message_id in taken.again:
        seconds = FIRST_COMES_AGAIN_SECONDS * 2 ** (tries[message_id] - 1)
        queues.soon(settings().shop_event_queue_url, event, [message_id], seconds)
    count(taken.counted)
    return queues.failures(taken.again)


if in_lambda():
    poll()
