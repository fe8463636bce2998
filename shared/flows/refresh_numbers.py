"""A refresh -> marks for what differs from what the shops were told.

Some things change a number without a write of a level: a feed grows old or comes back, a hold ends, a rule is
pushed, part of a kit moves. Nothing is told here: the same refresh twice leaves the same marks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from shared.domain import times
from shared.domain.availability import Rank, number, rank_of
from shared.domain.messages import Message, Publish, Refresh, Scope
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.rules import Channel, Rules
from shared.storage.availability import Availability, Facts, Mark

SKUS_AT_ONCE = 50
LEAST_TIME_LEFT_MS = 15_000
"""What a step may need: nothing is begun with less, another message goes on."""


@dataclass(slots=True)
class RefreshNumbers:
    """Runs refreshes.

    `to_channels` sends messages to the channel queue, `new_id` never gives the same twice: it names the marks.
    """

    availability: Availability
    to_channels: Callable[[Iterable[Message]], None]
    new_id: Callable[[], str]

    def run(self, asked: Refresh, rules: Rules, now: datetime, time_left_ms: Callable[[], int]) -> int:
        """Compare, mark, and wake who tells; answer how many marks were left."""
        channels = [each for each in rules.active_channels if asked.channel in {"", each.channel}]
        if asked.scope is Scope.CHANNEL:
            self._each_source(ChannelId(asked.name), rules)
            return 0
        skus = iter([Sku(asked.name)]) if asked.scope is Scope.SKU else self._of_source(asked)
        marked = 0
        while some := list(islice(skus, SKUS_AT_ONCE)):
            for channel in channels:
                marks = self._differing(some, channel, rules, times.text(now))
                self.availability.mark(marks)
                marked += len(marks)
                if marks:
                    self.to_channels([Publish(channel=channel.channel)])
            if asked.scope is Scope.SOURCE and time_left_ms() < LEAST_TIME_LEFT_MS:
                self.to_channels([replace(asked, after=some[-1])])
                break
        return marked

    def _each_source(self, channel: ChannelId, rules: Rules) -> None:
        """Ask for every source, also for those that may ship for the channel no more."""
        self.to_channels(Refresh(scope=Scope.SOURCE, name=source, channel=channel) for source in sorted(rules.sources))

    def _of_source(self, asked: Refresh) -> Iterator[Sku]:
        return self.availability.skus_of(SourceId(asked.name), asked.after)

    def _differing(self, skus: Iterable[Sku], channel: Channel, rules: Rules, now: str) -> list[Mark]:
        sources = rules.sources_of(channel)
        facts = self.availability.facts(skus, channel.channel, [source.source for source in sources])
        cause = f"refresh#{self.new_id()}"
        marks = []
        for sku, found in sorted(facts.items()):
            if not found.listing or not (found.levels or found.told.told_at):
                continue  # nobody has ever counted it: there is nothing to say of it yet
            units = number(found.levels, found.feeds, channel, sources, now).units
            if (rank := _rank(found, units)) is not None:
                marks.append(Mark(channel=channel.channel, rank=rank, subject=sku, cause=cause))
        return marks


def _rank(found: Facts, units: int) -> Rank | None:
    """Rank a difference; who was never told, or took nothing the last time, is told whatever it is."""
    told = found.told
    if told.told_at and not told.refused:
        return rank_of(told.number, units)
    return Rank.RISES if units else Rank.ZERO
