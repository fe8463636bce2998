"""What is done with an event of a shop once its sender is known: kept, then handed to whoever acts on it."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from shared.domain import times
from shared.domain.messages import Delivered, FetchOrder
from shared.domain.rules import Channel
from shared.errors import InvalidInput
from shared.storage import archive as archives
from shared.storage.archive import Archive
from shared.storefronts.contract import Event, Found, Inbound


def keep(archive: Archive, channel: Channel, event: Event, body: bytes, now: datetime) -> str:
    """Archive an event, whichever way it came; return its key, the same for every delivery of the same event."""
    topic = event.topic.replace("/", "-") or "unknown"
    key = f"{archives.of_day(channel.channel, event.order, now)}{event.event_id}-{topic}.json"
    told = {"topic": event.topic, "received-at": times.text(now), "order": event.order, "at": event.at}
    archive.put(key, body, {name: value for name, value in told.items() if value and value.isascii()})
    return key


def asked(
    channel: Channel, shop: Inbound, event: Event, body: bytes, archive_key: str, now: datetime
) -> Delivered | FetchOrder | None:
    """Say who is to act on an event that was kept: who places orders, or who fetches one; None: nobody.

    Raises InvalidInput for one that names no topic, and for one about an order that is not JSON.
    """
    if not event.topic:
        raise InvalidInput("an event names no topic", code="topic")
    received_at = times.text(now)
    if event.is_thin:
        return FetchOrder(channel=channel.channel, order=event.order, received_at=received_at)
    if not shop.ask_of(event.topic):
        return None
    return Delivered(
        channel=channel.channel,
        topic=event.topic,
        archive_key=archive_key,
        received_at=received_at,
        body=_json_text(body),
    )


def deliver(archive: Archive, channel: Channel, found: Found, name: str, now: datetime) -> Delivered:
    """Archive an order that we asked for, under a name and its hash: found again, it is the same event."""
    digest = hashlib.sha256(found.body).hexdigest()[:12]
    key = f"{archives.of_polls(channel.channel, found.order_id)}{name}-{digest}.json"
    archive.put(key, found.body, {"topic": found.topic, "received-at": times.text(now)})
    return Delivered(
        channel=channel.channel,
        topic=found.topic,
        archive_key=key,
        received_at=times.text(now),
        body=found.body.decode(),
    )


def _json_text(body: bytes) -> str:
    """Return the body as text if it is JSON in UTF-8. Raises InvalidInput."""
    try:
        text = body.decode()
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("an event is not JSON", code="not_json") from error
    return text
