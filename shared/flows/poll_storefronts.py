"""Every few minutes -> orders that a shop has and we were never told of.

A webhook is a hint. The watermark moves only after the queue has taken what was found, and the next poll overlaps
the last: finding an order twice is harmless, missing one is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import times
from shared.domain.asking import admitted
from shared.domain.intake import Intake
from shared.domain.messages import Delivered, Message
from shared.domain.rules import Channel, Rules
from shared.errors import InvalidInput, Rejected, Transient
from shared.flows import shop_events
from shared.storage import keys
from shared.storage.archive import Archive
from shared.storage.order_book import OrderBook
from shared.storefronts.contract import Found, Inbound, Orders

FIRST_LOOKS_BACK = timedelta(hours=24)
OVERLAP = timedelta(minutes=10)


@dataclass(slots=True)
class PollStorefronts:
    """Polls all shops. `connect` gives a channel's orders, `inbound` its reader: that of its webhooks."""

    book: OrderBook
    archive: Archive
    connect: Callable[[Channel], Orders]
    inbound: Callable[[Channel], Inbound]
    send: Callable[[Iterable[Message]], None]

    def run(self, rules: Rules, now: datetime) -> Counter[str]:
        """Poll every active channel. Raises Transient at the end, naming the shops that could not be asked."""
        counted: Counter[str] = Counter()
        failed: list[str] = []
        for channel_id, channel in sorted(rules.channels.items()):
            if not channel.active:
                continue
            try:
                self._poll(channel, now, counted)
            except (InvalidInput, Transient) as failure:
                failed.append(f"{channel_id}: {failure.code}")
        if failed:
            raise Transient("shops could not be polled", code="poll_failed", shops=failed)
        return counted

    def _poll(self, channel: Channel, now: datetime, counted: Counter[str]) -> None:
        mark = self.book.stock.get(keys.poll(channel.channel))
        since = times.read(mark["seen_until"]) - OVERLAP if mark else now - FIRST_LOOKS_BACK
        found = list(self._unknown(channel, self.connect(channel).list_orders_since(since), now))
        self.send(found)
        counted["OrderFoundByPoll"] += len(found)
        pk, sk = keys.poll(channel.channel)
        revision = mark["revision"] + 1 if mark else 1
        entry = {"PK": pk, "SK": sk, "entity": "poll", "schema": 1, "revision": revision}
        self.book.stock.put(entry | {"seen_until": times.text(now)})

    def _unknown(self, channel: Channel, listed: Iterable[Found], now: datetime) -> Iterator[Delivered]:
        """Archive and yield what is newer than our own record of it, and what only a person can read."""
        reader = self.inbound(channel)
        read: list[tuple[Intake, Found]] = []
        for found in listed:
            try:
                intake = reader.read_order(channel.channel, found.topic, found.body)
                read.append((admitted(intake, channel), found))
            except Rejected:
                continue  # no order of ours to ship
            except InvalidInput:
                yield self._delivered(channel, found, "unread", now)
        known = self.book.orders_of([intake.key for intake, _ in read], consistent=False)
        for intake, found in read:
            ours = known.get(intake.key)
            if ours and (ours.version >= intake.order.version or ours.cancel_wanted):
                continue
            yield self._delivered(channel, found, f"{intake.key.order_id}-{intake.order.version}", now)

    def _delivered(self, channel: Channel, found: Found, name: str, now: datetime) -> Delivered:
        return shop_events.deliver(self.archive, channel, found, name, now)
