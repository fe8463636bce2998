"""A refresh -> marks for what differs from what the shops were told, and exceptions for what is below its margin.

Some things change a number without a write of a level: a feed grows old or comes back, a hold ends, a rule, a price
is pushed, part of a kit moves. Nothing is told here: the same refresh twice leaves the same marks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from shared.domain import times
from shared.domain.availability import Rank, number, rank_of
from shared.domain.messages import Message, Publish, Refresh, Scope
from shared.domain.names import ChannelId, LevelKey, Sku, SourceId
from shared.domain.rules import Channel, Rules
from shared.flows.guard_margins import Found, GuardMargins
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
    margins: GuardMargins
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
        below: dict[SourceId, Found] = {}
        while some := list(islice(skus, SKUS_AT_ONCE)):
            stocked: set[LevelKey] = set()
            for channel in channels:
                facts = self._facts(some, channel, rules)
                if channel.margin_floor_percent is not None:
                    stocked |= {level.key for found in facts.values() for level in found.levels}
                marks = self._differing(facts, channel, rules, times.text(now))
                self.availability.mark(marks)
                marked += len(marks)
                if marks:
                    self.to_channels([Publish(channel=channel.channel)])
            of_asked = {key for key in stocked if asked.scope is Scope.SKU or key.source == asked.name}
            self.margins.look(of_asked, rules, below)
            if asked.scope is Scope.SOURCE and time_left_ms() < LEAST_TIME_LEFT_MS:
                self.to_channels([replace(asked, after=some[-1])])
                break
        self.margins.tell(below, now)
        return marked

    def _each_source(self, channel: ChannelId, rules: Rules) -> None:
        """Ask for every source, also for those that may ship for the channel no more, and for what nobody may have."""
        self.to_channels(Refresh(scope=Scope.SOURCE, name=source, channel=channel) for source in sorted(rules.sources))
        early = rules.channels[channel].backorders if channel in rules.channels else ()
        self.to_channels(Refresh(scope=Scope.SKU, name=sku, channel=channel) for sku in sorted(early))

    def _of_source(self, asked: Refresh) -> Iterator[Sku]:
        return self.availability.skus_of(SourceId(asked.name), asked.after)

    def _facts(self, skus: Iterable[Sku], channel: Channel, rules: Rules) -> dict[Sku, Facts]:
        return self.availability.facts(skus, channel, [source.source for source in rules.sources_of(channel)])

    def _differing(self, facts: Mapping[Sku, Facts], channel: Channel, rules: Rules, now: str) -> list[Mark]:
        sources = rules.sources_of(channel)
        cause = f"refresh#{self.new_id()}"
        marks = []
        for sku, found in sorted(facts.items()):
            if not found.listing or not (found.levels or found.told.told_at or found.room(channel, now)):
                continue  # nobody has ever counted it: there is nothing to say of it yet
            room = found.room(channel, now)
            units = number(found.levels, found.feeds, channel, sources, now, found.not_counted, room).units
            if (rank := _rank(found, units)) is not None:
                marks.append(Mark(channel=channel.channel, rank=rank, subject=sku, cause=cause, at=now))
        return marks


def _rank(found: Facts, units: int) -> Rank | None:
    """Rank a difference; who was never told, or took nothing the last time, is told whatever it is."""
    told = found.told
    if told.told_at and not told.refused:
        return rank_of(told.number, units)
    return Rank.RISES if units else Rank.ZERO
