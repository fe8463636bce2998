"""Schedule -> orders that no webhook told of, into the order queue.

A second run finds the same orders again: the queue's consumer knows them by their version.
"""

from __future__ import annotations

import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.flows.poll_storefronts import PollStorefronts
from shared.runtime import clients, clock, queues, rules
from shared.runtime.observability import count, logger, metrics
from shared.runtime.secrets import shop_secrets
from shared.runtime.settings import in_lambda, settings
from shared.storage.archive import Archive
from shared.storage.order_book import OrderBook
from shared.storefronts import inbound
from shared.storefronts.outbound import Outbound

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from shared.domain.rules import Channel


@cache
def flow() -> PollStorefronts:
    """Connect the flow."""
    names = settings()
    clients.sqs()
    shops = Outbound(token=token, now=clock.now, new_id=lambda: uuid.uuid4().hex, wait=clock.wait)
    return PollStorefronts(
        book=OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table),
        archive=Archive(clients.s3(), names.archive_bucket),
        connect=shops.orders,
        inbound=inbound.of,
        send=lambda messages: queues.send(names.order_queue_url, messages),
    )


def token(channel: Channel) -> str:
    """Return what a shop is called with."""
    return shop_secrets(channel.channel, clock.now()).token


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Poll all shops."""
    now = clock.now()
    count(flow().run(rules.current(now), now))


if in_lambda():
    flow()
