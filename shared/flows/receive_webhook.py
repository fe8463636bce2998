"""One delivery of a shop -> archived, queued, answered.

Verified before anything is believed, archived before it is answered, queued before it is acknowledged: a shop that
hears 200 need not remember it. A second delivery archives the same key and queues a message that finds its order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from shared.domain import times
from shared.domain.messages import Delivered, Message
from shared.domain.names import ChannelId
from shared.domain.rules import Channel, Rules
from shared.errors import InvalidInput, Transient
from shared.storage import archive
from shared.storage.archive import Archive
from shared.storefronts.contract import Event, Inbound

MOST_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The answer, why, and what may be told of the delivery: no more than size, hash, shop and reason when refused."""

    status: HTTPStatus
    reason: str
    channel: str
    size: int
    sha256: str
    topic: str
    is_archived: bool


@dataclass(slots=True)
class ReceiveWebhook:
    """Receives deliveries. `inbound` reads what a channel sends, `secrets` gives what signs it, anew when asked to."""

    archive: Archive
    inbound: Callable[[Channel], Inbound]
    secrets: Callable[[ChannelId, bool], Sequence[str]]
    send: Callable[[Iterable[Message]], None]

    def run(self, channel_id: str, body: bytes, headers: Mapping[str, str], rules: Rules, now: datetime) -> Received:
        """Receive one delivery; headers have names in lower case."""
        is_archived = False
        event = Event(topic="", event_id="")
        try:
            channel, shop, event = self._verified(channel_id, body, headers, rules, now)
            archive_key = _archive_key(channel, event, now)
            self.archive.put(archive_key, body, _about(event, now))
            is_archived = True
            if not event.topic:
                raise InvalidInput("an event names no topic", code="topic")  # noqa: TRY301 - archived, and no event
            status, reason = HTTPStatus.OK, "topic_unknown"
            if shop.ask_of(event.topic):
                message = Delivered(
                    channel=channel.channel,
                    topic=event.topic,
                    archive_key=archive_key,
                    received_at=times.text(now),
                    body=_json_text(body),
                )
                self.send([message])
                reason = "queued"
        except _Ended as ended:
            status, reason = ended.status, ended.reason
        except InvalidInput as failure:
            status, reason = HTTPStatus.BAD_REQUEST, failure.code
        except Transient as failure:
            status, reason = HTTPStatus.SERVICE_UNAVAILABLE, failure.code
        return Received(
            status=status,
            reason=reason,
            channel=channel_id[:60],
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            topic=event.topic,
            is_archived=is_archived,
        )

    def _verified(
        self, channel_id: str, body: bytes, headers: Mapping[str, str], rules: Rules, now: datetime
    ) -> tuple[Channel, Inbound, Event]:
        channel = rules.channels.get(ChannelId(channel_id))
        if channel is None:
            raise _Ended(HTTPStatus.NOT_FOUND, "unknown_shop")
        if len(body) > MOST_BODY_BYTES:
            raise _Ended(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        shop = self.inbound(channel)
        if shop.is_ping(body, headers):
            raise _Ended(HTTPStatus.OK, "ping")
        secrets = (self.secrets(channel.channel, anew) for anew in (False, True))
        if not any(shop.verify(body, headers, each, now) for each in secrets):
            raise _Ended(HTTPStatus.UNAUTHORIZED, "signature")
        return channel, shop, shop.identify(body, headers)


def _about(event: Event, now: datetime) -> dict[str, str]:
    """Tell what an archived event is about, as far as it says."""
    told = {"topic": event.topic, "received-at": times.text(now), "order": event.order, "at": event.at}
    return {name: value for name, value in told.items() if value and value.isascii()}


def _archive_key(channel: Channel, event: Event, now: datetime) -> str:
    topic = event.topic.replace("/", "-") or "unknown"
    return f"{archive.of_day(channel.channel, event.order, now)}{event.event_id}-{topic}.json"


def _json_text(body: bytes) -> str:
    """Return the body as text if it is JSON in UTF-8. Raises InvalidInput."""
    try:
        text = body.decode()
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("an event is not JSON", code="not_json") from error
    return text


class _Ended(Exception):
    """The delivery ends here: it is not believed, or asks nothing of us."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
