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
from typing import Protocol

from shared.domain import times
from shared.domain.intake import Ask
from shared.domain.messages import Delivered, Message
from shared.domain.names import ChannelId
from shared.domain.rules import Channel, Rules
from shared.errors import InvalidInput, Transient
from shared.storage.archive import Archive

MOST_BODY_BYTES = 1024 * 1024


class Identified(Protocol):
    """What a platform's headers say."""

    @property
    def topic(self) -> str:
        """Say what it is about."""
        ...

    @property
    def event_id(self) -> str:
        """Name the delivery: the same for every try of it."""
        ...


class Platform(Protocol):
    """A platform's module, as far as receiving goes."""

    ORDER_TOPICS: Mapping[str, Ask]

    def verify(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
        """Answer whether one of the secrets signed the body."""
        ...

    def identify(self, headers: Mapping[str, str]) -> Identified:
        """Read what a delivery is about."""
        ...


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
    """Receives deliveries. `secrets` gives a shop's signing secrets, read anew when asked to."""

    archive: Archive
    platforms: Mapping[str, Platform]
    secrets: Callable[[ChannelId, bool], Sequence[str]]
    send: Callable[[Iterable[Message]], None]

    def run(self, channel_id: str, body: bytes, headers: Mapping[str, str], rules: Rules, now: datetime) -> Received:
        """Receive one delivery; headers have names in lower case."""
        is_archived = False
        topic = ""
        try:
            channel, platform, event = self._verified(channel_id, body, headers, rules)
            topic = event.topic
            archive_key = _archive_key(channel, event, now)
            self.archive.put(archive_key, body, {"topic": topic, "received-at": times.text(now)})
            is_archived = True
            status, reason = HTTPStatus.OK, "topic_unknown"
            if topic in platform.ORDER_TOPICS:
                message = Delivered(
                    channel=channel.channel,
                    topic=topic,
                    archive_key=archive_key,
                    received_at=times.text(now),
                    body=_json_text(body),
                )
                self.send([message])
                reason = "queued"
        except _Refused as refused:
            status, reason = refused.status, refused.reason
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
            topic=topic,
            is_archived=is_archived,
        )

    def _verified(
        self, channel_id: str, body: bytes, headers: Mapping[str, str], rules: Rules
    ) -> tuple[Channel, Platform, Identified]:
        channel = rules.channels.get(ChannelId(channel_id))
        if channel is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "unknown_shop")
        if len(body) > MOST_BODY_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        platform = self.platforms[channel.platform]
        if not self._is_signed(platform, channel, body, headers):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "signature")
        return channel, platform, platform.identify(headers)

    def _is_signed(self, platform: Platform, channel: Channel, body: bytes, headers: Mapping[str, str]) -> bool:
        return any(platform.verify(body, headers, self.secrets(channel.channel, anew)) for anew in (False, True))


def _archive_key(channel: Channel, event: Identified, now: datetime) -> str:
    return f"webhooks/{channel.channel}/{now:%Y/%m/%d}/{event.event_id}-{event.topic.replace('/', '-')}.json"


def _json_text(body: bytes) -> str:
    """Return the body as text if it is JSON in UTF-8. Raises InvalidInput."""
    try:
        text = body.decode()
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("an event is not JSON", code="not_json") from error
    return text


class _Refused(Exception):
    """The delivery is not believed."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
