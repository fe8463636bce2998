"""The level of one SKU at one source, and what a count does to it.

available = counted - committed - sum(deducted). A count is a photograph: units we promised are subtracted from it
only while the source cannot have taken them off yet when it was made (docs/protocols.md, as-of netting).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.domain import times
from shared.domain.names import LevelKey

BUCKET = timedelta(minutes=15)
"""Width of a bucket of open deductions: wide enough that a level holds few of them."""

COARSER = (
    (BUCKET, 3),
    (timedelta(hours=6), 4),
    (timedelta(days=1), 6),
    (timedelta(days=7), 1_000),
)
"""A level stays under 1 KB: the more buckets it holds, the wider the span whose last one a new deduction joins.

So many buckets may a level hold for one of that width to be added. A later bucket is safe: the photograph that shows it
comes later; an earlier one would not be. Each file takes off what it shows, so only a source that sends none for months
would pass it, by a bucket a week.
"""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FEED, BY_HAND = "feed", "count"
"""Kinds of photographs: a file's row, and a person's count."""

NEARLY = timedelta(minutes=10)
"""How far from whole hours a clock may be off for its zone to be suspected."""

UNTIL_COUNTED = "9999-12-31T23:59:59.999Z"
"""`held_until` of a level that is held until the next count of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one source has of one SKU, in pieces.

    `deducted`: bucket start -> units the next photograph may already show. `incoming`: what is on its way there; it
    is no part of the equation, and nobody may take of it.
    """

    key: LevelKey
    available: int
    committed: int
    counted: int
    counted_as_of: str
    count_id: str
    deducted: Mapping[str, int] = field(default_factory=dict)
    drev: int = 0
    incoming: int = 0
    buffer: int = 0
    status: str = "active"
    held_since: str = ""
    held_until: str = ""
    revision: int = 1
    changed_at: str = ""
    cause: tuple[str, str] = ("", "")
    last: Mapping[str, int] = field(default_factory=dict)

    def takeable(self, now: str) -> int:
        """Units an order may take at `now`."""
        if self.status != "active" or self.held_until > now:
            return 0
        return max(self.available, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One row of a photograph: `units` of a SKU at a source as of a time.

    `count_id` names the file, or the person's count where that is the `kind`.
    """

    key: LevelKey
    units: int
    as_of: str
    count_id: str
    kind: str = FEED


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """No level yet: the count creates it."""

    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """The level should still be at `old`: one write, no read."""

    count: Count
    old: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """A write against the level as seen; `gone` are the buckets the photograph shows."""

    count: Count
    seen: Level
    gone: tuple[str, ...]
    lifts_hold: bool

    @property
    def rise(self) -> int:
        """What the count adds to available."""
        return self.count.units - self.seen.counted + sum(self.seen.deducted[bucket] for bucket in self.gone)


CountWrite = First | Blind | Exact


def blind(count: Count, old: int) -> Blind:
    """Plan the cheap write of a row whose old count is known from the applied file."""
    return Blind(count=count, old=old)


def exact(count: Count, seen: Level | None, slack: timedelta) -> First | Exact | None:
    """Plan the write of a row from the level as it was returned; None when the level already has a newer count."""
    if seen is None:
        return First(count=count)
    if seen.counted_as_of >= count.as_of:
        return None
    gone = tuple(sorted(bucket for bucket in seen.deducted if is_gone(bucket, count.as_of, slack)))
    return Exact(count=count, seen=seen, gone=gone, lifts_hold=_lifts_hold(count, seen))


def _lifts_hold(count: Count, seen: Level) -> bool:
    """Whether a hold is over: one until the next count by a photograph made after it began, any other by its time."""
    over_at = seen.held_since if seen.held_until == UNTIL_COUNTED else seen.held_until
    return bool(seen.held_until) and over_at < count.as_of


def is_gone(bucket: str, as_of: str, slack: timedelta) -> bool:
    """Whether a photograph shows a bucket's deductions: its end plus the source's clock slack is past."""
    return times.text(times.read(bucket) + BUCKET + slack) <= as_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """Units that a source takes off its own count: `units` of those promised, and `late` ones that were given back.

    `bucket`: the start of the quarter hour in which it did, or of a later one; a photograph made at `shown_from` or
    later shows it. It is added to a level that holds fewer than `most` buckets, or this one.
    """

    level: LevelKey
    units: int
    late: int
    bucket: str
    shown_from: str
    most: int

    def is_shown(self, counted_as_of: str) -> bool:
        """Whether a photograph of that time shows it: what is subtracted from it already is not subtracted again."""
        return counted_as_of >= self.shown_from


def deduction(
    level: LevelKey, units: int, late: int, at: datetime, slack: timedelta, seen: Level | None = None
) -> Deduction:
    """Plan a deduction made at a time, on a level as it was seen; `slack`: how far the source's clock may be off."""
    held = seen.deducted if seen else {}
    for width, most in COARSER:
        last = at - (at - EPOCH) % width + width - BUCKET
        if times.text(last) in held or len(held) < most:
            break
    return Deduction(
        level=level,
        units=units,
        late=late,
        bucket=times.text(last),
        shown_from=times.text(last + BUCKET + slack),
        most=most,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """When a source deducted, for all we know; `odd`: why what it said of that cannot be."""

    at: datetime
    odd: str = ""


def said(at: datetime | None, sent_at: datetime | None, received_at: datetime, slack: timedelta) -> Said:
    """Judge the time at which a source says it deducted, by when it was asked and when its answer came.

    Later than it did is safe, earlier is not. So a time before it was asked, or none, is the time we received it; one
    that lies ahead is believed, for its photographs may bear the same fast clock.
    """
    if at is None:
        return Said(at=received_at)
    if sent_at and at + slack < sent_at:
        return Said(at=received_at, odd=_off("it deducted {} minutes before it was asked", sent_at - at))
    if at > received_at + slack:
        return Said(at=at, odd=_off("it deducts {} minutes after it said so", at - received_at))
    return Said(at=at)


def _off(told: str, by: timedelta) -> str:
    hours = round(by / timedelta(hours=1))
    is_zone = hours and abs(by - timedelta(hours=hours)) <= NEARLY
    return told.format(by // timedelta(minutes=1)) + (" (its zone may be wrong by whole hours)" if is_zone else "")


def deduct(level: Level, deducted: Deduction) -> Level:
    """Apply a deduction: to the open bucket, or, where the count shows it already, to what is available.

    Units that were given back are taken off again, unless the count has lost them already.
    """
    units, late = deducted.units, deducted.late
    committed = level.committed - units
    if deducted.is_shown(level.counted_as_of):
        return replace(level, committed=committed, available=level.available + units, drev=level.drev + 1)
    buckets = dict(level.deducted)
    buckets[deducted.bucket] = buckets.get(deducted.bucket, 0) + units + late
    return replace(level, committed=committed, available=level.available - late, deducted=buckets, drev=level.drev + 1)


def adds_up(level: Level) -> bool:
    """Whether the equation of a level holds."""
    return level.available == level.counted - level.committed - sum(level.deducted.values())
