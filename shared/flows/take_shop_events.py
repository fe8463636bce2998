"""A batch of the shop event queue -> orders fetched from their shops, into the order queue.

On it come events that told too little (`FetchOrder`), webhooks of Shopify's partner bus and notifications of Amazon,
whose senders the queue's policy knows. What came is archived before it is acted upon. The same order asked twice is
fetched twice and placed once: by its version. A shop that is down is asked again later, more and more seldom, and at
last by the poll alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain import messages, platforms, times
from shared.domain.messages import Delivered, FetchOrder, Message
from shared.domain.names import ChannelId
from shared.domain.problems import Problem
from shared.domain.rules import Channel, Rules
from shared.errors import InvalidInput, Rejected, Transient
from shared.flows import shop_events
from shared.storage.archive import Archive
from shared.storage.problems import Problems
from shared.storefronts import shopify_bus
from shared.storefronts.contract import Inbound, Orders
from shared.storefronts.shopify_bus import Bus

NOTIFICATION = "NotificationType"
"""What every notification of Amazon has, and nothing else that comes."""


@dataclass(slots=True)
class Taken:
    """What became of a batch: messages to have again with the reason, and what was counted."""

    again: dict[str, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Batch:
    """A batch on its way; `silent`: shops that did not answer, and why."""

    rules: Rules
    bus: Bus
    now: datetime
    taken: Taken = field(default_factory=Taken)
    silent: dict[ChannelId, str] = field(default_factory=dict)


@dataclass(slots=True)
class TakeShopEvents:
    """Takes batches. `connect` gives a channel's orders, `inbound` its reader."""

    archive: Archive
    problems: Problems
    connect: Callable[[Channel], Orders]
    inbound: Callable[[Channel], Inbound]
    send: Callable[[Iterable[Message]], None]

    def run(self, batch: Mapping[str, str], rules: Rules, bus: Bus, now: datetime) -> Taken:
        """Work off a batch, `message id -> text`. A shop that does not answer is not asked again in the same batch."""
        work = _Batch(rules, bus, now)
        for message_id, text in batch.items():
            try:
                asked = self._asked(text, work)
                if asked:
                    self._act(asked, work)
                else:
                    work.taken.counted["ShopEventIgnored"] += 1
            except InvalidInput as failure:
                self.problems.open(_refused(text, failure), times.text(now))
                work.taken.counted["ShopEventRefused"] += 1
            except Rejected as failure:
                work.taken.counted[f"OrderIgnored:{failure.code}"] += 1
            except Transient as failure:
                work.taken.again[message_id] = failure.code
        return work.taken

    def _asked(self, text: str, work: _Batch) -> Delivered | FetchOrder | None:
        """Keep what came from outside, and say who is to act on it; None: nobody."""
        event = _object(text)
        if NOTIFICATION in event:
            headers, body = {}, text.encode()
            channel = self._meant(_sold_by(event, work.rules), body)
        elif shopify_bus.is_carried(event):
            carried = shopify_bus.read(event, work.bus)
            channel = _shops(work.rules, platforms.SHOPIFY, carried.shop)[0]
            headers, body = dict(carried.headers), carried.body
        else:
            message = messages.read(text)
            if isinstance(message, FetchOrder):
                return message
            raise InvalidInput("this message is not for this queue", code="message_kind")
        shop = self.inbound(channel)
        about = shop.identify(body, headers)
        key = shop_events.keep(self.archive, channel, about, body, work.now)
        return shop_events.asked(channel, shop, about, body, key, work.now)

    def _meant(self, channels: list[Channel], body: bytes) -> Channel:
        """Choose among a seller's channels, one a marketplace: the one that is asked something, else the first."""
        for channel in channels:
            shop = self.inbound(channel)
            if shop.ask_of(shop.identify(body, {}).topic):
                return channel
        return channels[0]

    def _act(self, asked: Delivered | FetchOrder, work: _Batch) -> None:
        if isinstance(asked, Delivered):
            self.send([asked])
            work.taken.counted["ShopEventTaken"] += 1
            return
        channel = work.rules.channels.get(asked.channel)
        if channel is None:
            raise InvalidInput("no rule names this shop", code="unknown_shop", shop=asked.channel)
        if code := work.silent.get(asked.channel):
            raise Transient("the shop did not answer just now", code=code)
        try:
            found = self.connect(channel).fetch_order(asked.order)
        except Transient as failure:
            work.silent[asked.channel] = failure.code
            raise
        self.send([shop_events.deliver(self.archive, channel, found, "fetched", work.now)])
        work.taken.counted["OrderFetched"] += 1


def _sold_by(notification: Mapping[str, Any], rules: Rules) -> list[Channel]:
    """Find the channels of an Amazon seller, whom every payload names."""
    payload = notification.get("Payload")
    told = payload.values() if isinstance(payload, dict) else ()
    sellers = [each.get("SellerId") for each in told if isinstance(each, dict)]
    return _shops(rules, platforms.AMAZON, str(sellers[0]) if sellers else "")


def _shops(rules: Rules, platform: str, shop: str) -> list[Channel]:
    """Find active channels by what their platform calls the shop. Raises InvalidInput where there is none."""
    active = (each for each in rules.active_channels if each.platform == platform)
    if found := [each for each in active if each.shop.lower() == shop.lower()]:
        return found
    raise InvalidInput("no rule names this shop", code="unknown_shop", shop=shop[:80])


def _object(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("a message is not JSON", code="message_unreadable") from error
    return read if isinstance(read, dict) else {}


def _refused(text: str, failure: InvalidInput) -> Problem:
    """Say what could not be taken, and of which order or shop, where that is known."""
    try:
        message = messages.read(text)
    except InvalidInput:
        message = None
    subject = f"{message.channel}#{message.order}" if isinstance(message, FetchOrder) else "shop event"
    if failure.code == "unknown_shop":
        subject = str(failure.details["shop"]) or subject
    action = "mend its cause; the poll brings every order that changed since it last could"
    return Problem.of("shop_event_refused", subject, failure, action)
