"""A SKU -> why it has its numbers: each level's terms with file, row and order, each shop's with rule and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain import availability, explain, feeds, times
from shared.domain.availability import Number, worth_percent
from shared.domain.explain import LevelExplained, LevelTermKind
from shared.domain.feeds import Feed
from shared.domain.names import ChannelId, OrderKey, Sku, SourceId
from shared.domain.physical import Operation
from shared.domain.rules import Channel, Rules, Source
from shared.errors import InvalidInput, Rejected
from shared.formats import stock_files
from shared.storage import order_lists, pauses
from shared.storage.availability import Availability, Facts, Leases
from shared.storage.feeds import Feeds
from shared.storage.files import Files
from shared.storage.ledger import Ledger
from shared.storage.operations import Operations
from shared.storage.pauses import Pauses

OF_ORDERS = frozenset({LevelTermKind.COMMITTED, LevelTermKind.RETURNED})
BY_HAND = frozenset(
    {
        LevelTermKind.COUNTED_BY_HAND,
        LevelTermKind.ADJUSTED,
        LevelTermKind.RECEIVED,
        LevelTermKind.TRANSFERRED,
        LevelTermKind.EXPECTED,
        LevelTermKind.COMPENSATED,
    }
)
"""Terms whose cause is the token of an order, and those whose cause is an operation."""

TRIES = 20
"""How often a ledger that is a moment behind its level is read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedIn:
    """Where a count was read: the file as it is kept, and its line; 0 where the file is kept no longer."""

    kept: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceExplained:
    """A level's terms, what they come from, and what its count is worth now.

    `by_hand`: operation id -> who did it and why, of all that people changed.
    """

    source: SourceId
    name: str
    explained: LevelExplained
    counted_in: CountedIn
    confirmed_at: str
    worth_percent: int
    offered: int
    orders: Mapping[str, OrderKey] = field(default_factory=dict)
    by_hand: Mapping[str, Operation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelExplained:
    """A shop's number now, what it was told, and why that may be another number."""

    channel: ChannelId
    number: Number
    told: int | None
    told_at: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuExplained:
    """All of it, as of one moment."""

    sku: Sku
    at: str
    sources: tuple[SourceExplained, ...]
    channels: tuple[ChannelExplained, ...]

    @property
    def wrong(self) -> list[str]:
        """Say what does not add up; nothing of it may be trusted then."""
        return [f"{each.source}: {each.explained.wrong}" for each in self.sources if each.explained.wrong]


@dataclass(slots=True)
class ExplainStock:
    """Explains. `pause` waits a moment, given how often it was already in vain."""

    availability: Availability
    ledger: Ledger
    feeds: Feeds
    files: Files
    leases: Leases
    pauses: Pauses
    operations: Operations
    pause: Callable[[int], None]

    def run(self, sku: Sku, rules: Rules, now: datetime, *, channel: ChannelId | None = None) -> SkuExplained:
        """Explain a SKU, on one channel or on all.

        Raises InvalidInput for a SKU or a channel that is not there, Rejected when a level's terms do not add up to
        what is stored.
        """
        if channel is not None and channel not in rules.channels:
            raise InvalidInput("no such channel", code="unknown_channel", channel=channel)
        levels = self.availability.levels(sku)
        if not levels:
            raise InvalidInput("nobody has ever counted this SKU", code="unknown_sku", sku=sku)
        known = {level.key.source: self.feeds.now(level.key.source) for level in levels}
        sources = tuple(
            self._source(SourceId(level.key.source), sku, rules, known[level.key.source], now) for level in levels
        )
        channels = [each for each in rules.active_channels if channel in {None, each.channel}]
        explained = SkuExplained(
            sku=sku,
            at=times.text(now),
            sources=sources,
            channels=tuple(self._channel(sku, each, rules, times.text(now)) for each in channels),
        )
        if explained.wrong:
            raise Rejected("the terms do not add up to what is stored", code="unexplained", wrong=explained.wrong)
        return explained

    def _source(self, source_id: SourceId, sku: Sku, rules: Rules, feed: Feed, now: datetime) -> SourceExplained:
        source = rules.sources.get(source_id)
        explained = self._level(sku, source_id, now)
        level = explained.level
        told = [*explained.terms, *explained.incoming]
        tokens = {term.cause for term in told if term.kind in OF_ORDERS}
        by_hand = {term.cause for term in told if term.kind in BY_HAND} | ({explained.held_by} - {""})
        found = {token: order_lists.find(self.operations.orders, "token", token) for token in tokens}
        confirmed_at = feeds.confirmed_at(feed, level)
        return SourceExplained(
            source=source_id,
            name=source.name if source else "not in the rules",
            explained=explained,
            counted_in=self._counted_in(source, level.counted_as_of, sku),
            confirmed_at=confirmed_at,
            worth_percent=worth_percent(source, confirmed_at, times.text(now)) if source and source.active else 0,
            offered=availability.offered(level, times.text(now)),
            orders={token: key for token, key in found.items() if key},
            by_hand=self.operations.known(by_hand),
        )

    def _level(self, sku: Sku, source: SourceId, now: datetime) -> LevelExplained:
        """Explain a level; its ledger comes by the stream and may be a moment behind."""
        for tried in range(1, TRIES + 1):
            level = next(each for each in self.availability.levels(sku) if each.key.source == source)
            explained = explain.level(level, self.ledger.of(level.key, now))
            if not explained.is_behind:
                break
            self.pause(tried)
        return explained

    def _counted_in(self, source: Source | None, as_of: str, sku: Sku) -> CountedIn:
        kept = self.feeds.kept_at(source.source, as_of) if source else ""
        if not kept or source is None:
            return CountedIn(kept=kept, line=0)
        with self.files.open(kept) as opened:
            if opened is None:
                return CountedIn(kept=kept, line=0)
            rows = stock_files.read(opened.file, source.feed, source.currency)
            return CountedIn(kept=kept, line=max((row.line for row in rows if row.sku == sku), default=0))

    def _channel(self, sku: Sku, channel: Channel, rules: Rules, now: str) -> ChannelExplained:
        sources = rules.sources_of(channel)
        facts = self.availability.facts([sku], channel, [source.source for source in sources])[sku]
        room = facts.room(channel, now)
        number = availability.number(facts.levels, facts.feeds, channel, sources, now, facts.not_counted, room)
        return ChannelExplained(
            channel=channel.channel,
            number=number,
            told=facts.told.number if facts.told.told_at else None,
            told_at=facts.told.told_at,
            because=self._because(facts, number, channel),
        )

    def _because(self, facts: Facts, number: Number, channel: Channel) -> str:
        """Say why the shop was told another number, or none; empty when it was told this one."""
        told = facts.told
        if not facts.listing:
            return "the shop does not list it"
        if told.refused:
            return f"the shop refused it: {told.refused}"
        if told.told_at and told.number == number.units:
            return ""
        if pause := self.pauses.stops(pauses.channel(channel.channel)):
            return f"paused by {pause.actor} since {pause.since}: {pause.reason}"
        lease = self.leases.read(channel.channel)
        if lease and lease.failing_since:
            return f"the shop fails since {lease.failing_since}: {lease.failing}"
        return "it is about to be told"
