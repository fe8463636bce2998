"""POST /webhooks/{channel} -> verified, archived, queued.

A second delivery archives the same key again and queues a message that finds its order: nothing happens twice.
"""

from __future__ import annotations

import base64
import binascii
from functools import cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aws_lambda_powertools.metrics import MetricUnit

from shared.flows.receive_webhook import Received, ReceiveWebhook
from shared.runtime import clients, clock, queues, rules
from shared.runtime.observability import logger, metrics
from shared.runtime.secrets import shop_secrets
from shared.runtime.settings import in_lambda, settings
from shared.storage.archive import Archive
from shared.storefronts import inbound

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from shared.domain.names import ChannelId

PREFIX = "/webhooks/"


@cache
def flow() -> ReceiveWebhook:
    """Connect the flow."""
    names = settings()
    clients.sqs()
    return ReceiveWebhook(
        archive=Archive(clients.s3(), names.archive_bucket),
        inbound=inbound.of,
        details=inbound.details,
        secrets=signing_secrets,
        to_orders=partial(queues.send, names.order_queue_url),
        to_shop_events=partial(queues.send, names.shop_event_queue_url),
        to_channels=partial(queues.send, names.channel_queue_url),
    )


def signing_secrets(channel: ChannelId, anew: bool) -> tuple[str, str]:  # noqa: FBT001 - the flow's callable
    """Return a shop's signing secrets; `anew` asks past the cache."""
    now = clock.now()
    return shop_secrets(channel, now, newer_than=now if anew else None).signing


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Receive one delivery."""
    now = clock.now()
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    channel = unquote(event["rawPath"].rpartition(PREFIX)[2])
    received = flow().run(channel, _body(event), headers, rules.current(now), now)
    _tell(received)
    return {"statusCode": received.status.value, "body": ""}


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode(errors="replace")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""  # what API Gateway never sends; no secret signs it


def _tell(received: Received) -> None:
    if received.is_archived:
        metrics.add_metric(name="ArchivedBytes", unit=MetricUnit.Bytes, value=received.size)
    if received.status is HTTPStatus.OK:
        metrics.add_metric(name="WebhookReceived", unit=MetricUnit.Count, value=1)
        if received.reason == "topic_unknown":
            logger.info("topic is not handled", shop=received.channel, topic=received.topic)
    else:
        metrics.add_metric(name="WebhookRefused", unit=MetricUnit.Count, value=1)
        logger.warning(
            "delivery refused",
            shop=received.channel,
            reason=received.reason,
            size=received.size,
            sha256=received.sha256,
            status=received.status.value,
        )


if in_lambda():
    flow()
