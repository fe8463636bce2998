"""A batch of the shop event queue -> orders fetched from their shops, into the order queue.

On it come events that told too little (`FetchOrder`), and those that a platform brings to us past HTTP. What came is
archived before it is acted upon. The same order asked twice is fetched twice and placed once: by its version. A shop
that is down is asked again later, more and more seldom, and at last by the poll alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain import messages, times
from shared.domain.messages import FetchOrder, Message
from shared.domain.names import ChannelId
from shared.domain.problems import Problem
from shared.domain.rules import Channel, Rules
from shared.errors import InvalidInput, Rejected, Transient
from shared.flows import shop_events
from shared.storage.archive import Archive
from shared.storage.problems import Problems
from shared.storefronts.contract import Orders


@dataclass(slots=True)
class Taken:
    """What became of a batch: messages to have again with the reason, and what was counted."""

    again: dict[str, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class TakeShopEvents:
    """Takes batches. `connect` gives a channel's orders."""

    archive: Archive
    problems: Problems
    connect: Callable[[Channel], Orders]
    send: Callable[[Iterable[Message]], None]

    def run(self, batch: Mapping[str, str], rules: Rules, now: datetime) -> Taken:
        """Work off a batch, `message id -> text`. A shop that does not answer is not asked again in the same batch."""
        taken = Taken()
        silent: dict[ChannelId, str] = {}
        for message_id, text in batch.items():
            try:
                message = messages.read(text)
                if not isinstance(message, FetchOrder):
                    raise InvalidInput("this message is not for this queue", code="message_kind")  # noqa: TRY301
                self._fetch(message, rules, now, silent)
                taken.counted["OrderFetched"] += 1
            except InvalidInput as failure:
                self.problems.open(_unread(text, failure), times.text(now))
                taken.counted["ShopEventRefused"] += 1
            except Rejected as failure:
                taken.counted[f"OrderIgnored:{failure.code}"] += 1
            except Transient as failure:
                taken.again[message_id] = failure.code
        return taken

    def _fetch(self, asked: FetchOrder, rules: Rules, now: datetime, silent: dict[ChannelId, str]) -> None:
        channel = rules.channels.get(asked.channel)
        if channel is None:
            raise InvalidInput("no rule names this shop", code="unknown_shop", channel=asked.channel)
        if code := silent.get(asked.channel):
            raise Transient("the shop did not answer just now", code=code)
        try:
            found = self.connect(channel).fetch_order(asked.order)
        except Transient as failure:
            silent[asked.channel] = failure.code
            raise
        self.send([shop_events.deliver(self.archive, channel, found, f"fetched/{asked.order}", now)])


def _unread(text: str, failure: InvalidInput) -> Problem:
    """Say what could not be taken, and of which order of which shop, where that is known."""
    try:
        message = messages.read(text)
    except InvalidInput:
        message = None
    subject = f"{message.channel}#{message.order}" if isinstance(message, FetchOrder) else "shop event"
    action = "look at the order in the shop; when the cause is gone, the next poll after a change of it brings it"
    return Problem.of("shop_event_refused", subject, failure, action)
