"""What a channel is told that it can sell: percent -> buffer -> floor -> backorders -> cap over who may ship.

The number is computed when it is told, from the levels as they then are, and it carries its own terms, which add up
to it. What a change of a level leaves behind is only a mark, whose rank says how much it hurts to be late: a shop
that still sells what is gone comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from shared.domain import feeds, times
from shared.domain.feeds import Feed
from shared.domain.names import SourceId
from shared.domain.rules import Channel, Source
from shared.domain.stock import Level

WHOLE = 100


class Rank(IntEnum):
    """The order in which a shop is told."""

    ZERO = 0
    FALLS = 1
    ORDER = 2
    RISES = 3


class TermKind(StrEnum):
    """What a term of a number is: what a source offers, and what is taken off it in this order."""

    OFFERED = "offered"
    STALE = "stale"
    MARGIN = "margin"
    PERCENT = "percent"
    BUFFER = "buffer"
    FLOOR = "floor"
    BACKORDERS = "backorders"
    CAP = "cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Pieces that a number has more, or fewer, because of one thing.

    `source`: whose, where it is one source's; `because`: the figures it follows from, where rules alone do not say.
    """

    kind: TermKind
    units: int
    source: SourceId | None = None
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number and why: the terms add up to it."""

    units: int
    terms: tuple[Term, ...]


def number(
    levels: Iterable[Level],
    known: Mapping[SourceId, Feed],
    channel: Channel,
    sources: Iterable[Source],
    now: str,
    not_counted: Mapping[SourceId, str],
    room: int = 0,
) -> Number:
    """Compute the number of a SKU on a channel: whole pieces, never below zero.

    `sources` are those that may ship for the channel, `known` the state of their feeds: an old count is worth less.
    `not_counted`: sources that offer it below the channel's margin, and the figures. `room`: how many units more are
    sold before anybody has them.
    """
    by_source = {level.key.source: level for level in levels}
    terms: list[Term] = []
    for source in sources:
        level = by_source.get(source.source)
        if level is None:
            continue
        units = offered(level, now)
        terms.append(Term(kind=TermKind.OFFERED, units=units, source=source.source))
        worth = worth_percent(source, feeds.confirmed_at(known.get(source.source), level), now)
        fresh = units * worth // WHOLE
        terms.append(Term(kind=TermKind.STALE, units=fresh - units, source=source.source))
        if because := not_counted.get(source.source):
            terms.append(Term(kind=TermKind.MARGIN, units=-fresh, source=source.source, because=because))
    units = sum(term.units for term in terms)
    for kind, left in _ruled(units, channel, room):
        terms.append(Term(kind=kind, units=left - units))
        units = left
    return Number(units=units, terms=tuple(term for term in terms if term.units or term.kind is TermKind.OFFERED))


def _ruled(units: int, channel: Channel, room: int) -> Iterator[tuple[TermKind, int]]:
    """Apply a channel's rules in their order; yield what is left after each."""
    yield TermKind.PERCENT, (left := units * channel.percent // WHOLE)
    yield TermKind.BUFFER, (left := max(left - channel.buffer, 0))
    yield TermKind.FLOOR, (left := left if left > channel.floor else 0)
    yield TermKind.BACKORDERS, (left := left + room)
    yield TermKind.CAP, min(left, channel.cap)


def offered(level: Level, now: str) -> int:
    """Units of one level that may be offered: what an order may take, less what the level keeps back."""
    return max(level.takeable(now) - level.buffer, 0)


def worth_percent(source: Source, confirmed_at: str, now: str) -> int:
    """Answer what a count of that time is still worth, in percent, by the source's tiers of freshness."""
    worth = WHOLE
    if source.freshness:
        age = times.read(now) - times.read(confirmed_at)
        for tier in source.freshness:
            if age >= tier.after:
                worth = tier.percent
    return worth


def rank(before: Level | None, after: Level) -> Rank | None:
    """Rank what a change means to the shops; None when no number can differ."""
    now = after.changed_at
    was, is_now = (offered(before, now) if before else 0), offered(after, now)
    if before and (was, before.available) == (is_now, after.available):
        return None
    if is_now == 0 and (was > 0 or before is None):
        return Rank.ZERO
    if is_now == was and before:
        return Rank.FALLS if after.available < before.available else Rank.RISES
    return Rank.FALLS if is_now < was else Rank.RISES


def rank_of(told: int, units: int) -> Rank | None:
    """Rank the difference between what a shop was told and what is so now; None when there is none."""
    if units == told:
        return None
    if units == 0:
        return Rank.ZERO
    return Rank.FALLS if units < told else Rank.RISES


def rises(before: Level | None, after: Level) -> bool:
    """Whether orders that wait may now take more: units came, a hold ended, or the level is active again."""
    now = after.changed_at
    return after.takeable(now) > (before.takeable(now) if before else 0)
