"""Every minute -> what becomes so by time alone: counts grow old, sources fall silent, holds end, shops keep failing.

What is seen is remembered after it was acted upon, so a crash between the two acts again, which is harmless.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import freshness, times
from shared.domain.feeds import Feed
from shared.domain.flags import FlagKind
from shared.domain.freshness import Freshness
from shared.domain.messages import FillSku, Message, Publish, Refresh, Scope
from shared.domain.problems import Problem
from shared.domain.rules import Channel, Rules, Source
from shared.storage import pauses
from shared.storage.availability import Availability, Leases
from shared.storage.feeds import Feeds
from shared.storage.flags import Flags
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems

SHOP_MAY_FAIL_FOR = timedelta(minutes=10)


@dataclass(slots=True)
class Watch:
    """Looks. `dead_letters` answers how many messages each queue of dead letters holds."""

    feeds: Feeds
    flags: Flags
    availability: Availability
    leases: Leases
    pauses: Pauses
    problems: Problems
    to_channels: Callable[[Iterable[Message]], None]
    to_orders: Callable[[Iterable[Message]], None]
    dead_letters: Callable[[], Mapping[str, int]]

    def run(self, rules: Rules, now: datetime) -> Counter[str]:
        """Look at everything once; answer what was counted."""
        counted: Counter[str] = Counter()
        known = self.feeds.each_now([source.source for source in rules.active_sources])
        for source in rules.active_sources:
            self._source(source, *known[source.source], times.text(now), counted)
        self._holds(times.text(now), counted)
        for channel in rules.active_channels:
            self._shop(channel, now, counted)
            self._early(channel, now)
        for queue, messages in self.dead_letters().items():
            self._dead(queue, messages, times.text(now), counted)
        return counted

    def _source(self, source: Source, feed: Feed, before: Freshness, now: str, counted: Counter[str]) -> None:
        seen = freshness.look(source, feed, now)
        if seen == before:
            return
        if seen.percent != before.percent:
            self.to_channels([Refresh(scope=Scope.SOURCE, name=source.source)])
        else:
            differ = sorted(freshness.differing(before, seen))
            self.to_channels([Refresh(scope=Scope.SKU, name=sku) for sku in differ])
        if seen.is_silent:
            self.problems.open(_silent(source, feed), now)
        self.feeds.looked(source.source, seen)
        counted["FreshnessChanged"] += 1

    def _holds(self, now: str, counted: Counter[str]) -> None:
        """Tell the shops, and those who wait, of levels whose hold is over."""
        for flag in self.flags.listed(FlagKind.HELD, until=now):
            sku = flag.level.sku
            self.to_channels([Refresh(scope=Scope.SKU, name=sku)])
            self.to_orders([FillSku(sku=sku)])
            self.flags.write({flag: False})
            counted["HoldEnded"] += 1

    def _shop(self, channel: Channel, now: datetime, counted: Counter[str]) -> None:
        """Wake the publisher of a shop whose marks nobody works on; a shop that fails for long is for a person."""
        lease = self.leases.read(channel.channel)
        if lease and lease.failing_since and lease.failing_since < times.text(now - SHOP_MAY_FAIL_FOR):
            self.problems.open(_failing(channel, lease.failing, lease.failing_since), times.text(now))
        is_idle = lease is None or max(lease.leased_until, lease.rests_until) <= times.text(now)
        if is_idle and self.availability.marks(channel.channel, 1) and not self._is_paused(channel):
            self.to_channels([Publish(channel=channel.channel)])
            counted["PublisherWoken"] += 1

    def _early(self, channel: Channel, now: datetime) -> None:
        """In the first hour of the day, compare what is sold from today, or no more, before anybody has it."""
        turned = [sku for sku, terms in sorted(channel.backorders.items()) if terms.turns(now)]
        if now.hour == 0 and turned:
            self.to_channels([Refresh(scope=Scope.SKU, name=sku, channel=channel.channel) for sku in turned])

    def _is_paused(self, channel: Channel) -> bool:
        return self.pauses.stops(pauses.channel(channel.channel)) is not None

    def _dead(self, queue: str, messages: int, now: str, counted: Counter[str]) -> None:
        if messages:
            counted["DeadLetterSeen"] += messages
            self.problems.open(_dead_letters(queue, messages), now)


def _silent(source: Source, feed: Feed) -> Problem:
    heard = f"last heard of as of {feed.heard_at}" if feed.heard_at else "never heard of"
    return Problem(
        kind="source_silent",
        subject=source.source,
        reason=f"{heard}, expected every {source.cadence}",
        action="ask the supplier for its file; its numbers go down by the tiers of freshness until one comes",
    )


def _failing(channel: Channel, code: str, since: str) -> Problem:
    return Problem(
        kind="shop_failing",
        subject=channel.channel,
        reason=f"the shop does not do what it is asked since {since}: {code}",
        action="see whether the shop works, and truestock channels check; it is tried again every minute",
    )


def _dead_letters(queue: str, messages: int) -> Problem:
    return Problem(
        kind="dead_letters",
        subject=queue,
        reason="messages were tried in vain and are kept aside",
        action=f"truestock queue show {queue}; when the cause is gone, truestock queue redrive {queue}",
        details={"messages": messages},
    )
