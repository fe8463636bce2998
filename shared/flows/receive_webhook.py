"""One delivery of a shop -> archived, queued, answered.

Verified before anything is believed, archived before it is answered, queued before it is acknowledged: a shop that
hears 200 need not remember it. A second delivery archives the same key and queues a message that finds its order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from shared.domain.messages import Delivered, FetchOrder, Listed, Message
from shared.domain.names import ChannelId
from shared.domain.rules import Channel, Rules
from shared.errors import InvalidInput, Transient
from shared.flows import shop_events
from shared.storage.archive import Archive
from shared.storefronts.contract import Details, Event, Inbound

MOST_BODY_BYTES = 1024 * 1024
MOST_LISTINGS = 500
"""Listings a message: it stays under the 256 KB that a queue takes."""


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
    """Receives deliveries.

    `inbound` reads what a channel sends, and `details` what it sends of products; `secrets` gives what signs it, anew
    when asked to; `send` sends to the order queue and `to_channels` to the channel queue.
    """

    archive: Archive
    inbound: Callable[[Channel], Inbound]
    details: Callable[[Channel], Details | None]
    secrets: Callable[[ChannelId, bool], Sequence[str]]
    to_orders: Callable[[Iterable[Message]], None]
    to_shop_events: Callable[[Iterable[Message]], None]
    to_channels: Callable[[Iterable[Message]], None]

    def run(self, channel_id: str, body: bytes, headers: Mapping[str, str], rules: Rules, now: datetime) -> Received:
        """Receive one delivery; headers have names in lower case."""
        is_archived = False
        event = Event(topic="", event_id="")
        try:
            channel, shop, event = self._verified(channel_id, body, headers, rules, now)
            archive_key = shop_events.keep(self.archive, channel, event, body, now)
            is_archived = True
            status, reason = HTTPStatus.OK, "queued"
            match shop_events.asked(channel, shop, event, body, archive_key, now):
                case Delivered() as message:
                    self.to_orders([message])
                case FetchOrder() as message:
                    self.to_shop_events([message])
                case None if listed := self._listed(channel, event.topic, body):
                    self.to_channels(listed)
                case None:
                    reason = "topic_unknown"
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

    def _listed(self, channel: Channel, topic: str, body: bytes) -> list[Message]:
        """Tell what a product lists, a message for so many of its listings; nothing where the event is of none."""
        details = self.details(channel)
        if details is None or not details.is_product(topic):
            return []
        pairs = [(each.sku, each.listing) for each in details.read_product(body)]
        return [
            Listed(channel=channel.channel, listings=tuple(pairs[first : first + MOST_LISTINGS]))
            for first in range(0, len(pairs), MOST_LISTINGS)
        ]

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


class _Ended(Exception):
    """The delivery ends here: it is not believed, or asks nothing of us."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
