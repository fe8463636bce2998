"""How fast a shop may be asked: a bucket that fills at a rate, out of which every call takes what it costs.

A unit is whatever the platform counts, a call or a point. Time comes in as an argument; a clock that stands still or
goes back fills nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

LONGEST_WAIT_SECONDS = 5.0
"""A shop that has to be spared is waited for so long; for longer it rests, and so do we."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a shop takes: `per_second` on and on, `burst` at once.

    `is_ruled`: the merchant set it, and nothing that the shop says of itself raises it.
    """

    per_second: float
    burst: float
    is_ruled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What was left of a limit at a time; below zero is what was taken ahead."""

    units: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A limit and what is left of it."""

    limit: Limit
    left: Left

    def wait(self, cost: float, now: datetime) -> float:
        """Compute for how many seconds a call of this cost has to wait; what costs more than fits waits for all."""
        lacks = min(cost, self.limit.burst) - self._filled(now)
        return max(lacks / self.limit.per_second, 0.0)

    def pay(self, cost: float, now: datetime) -> Bucket:
        """Take out what a call costs, whether it is there or not."""
        return self._with(self._filled(now) - cost, now)

    def hear(self, left: float, limit: Limit, now: datetime) -> Bucket:
        """Believe the shop what is left and what its limit is, as far as the merchant's own is not lower."""
        if self.limit.is_ruled:
            return self._with(min(self._filled(now), left), now)
        return Bucket(limit=limit, left=Left(units=min(left, limit.burst), at=now))

    def rest(self, seconds: float, now: datetime) -> Bucket:
        """Leave nothing for so many seconds, and one unit after them."""
        return self._with(min(self._filled(now), 1.0 - seconds * self.limit.per_second), now)

    def _filled(self, now: datetime) -> float:
        passed = max((now - self.left.at) / timedelta(seconds=1), 0.0)
        return min(self.left.units + passed * self.limit.per_second, self.limit.burst)

    def _with(self, units: float, now: datetime) -> Bucket:
        return replace(self, left=Left(units=units, at=max(now, self.left.at)))


def full(limit: Limit, now: datetime) -> Bucket:
    """Begin with all of a limit."""
    return Bucket(limit=limit, left=Left(units=limit.burst, at=now))


def ruled(limit: Limit, per_second: int | None) -> Limit:
    """Return a platform's limit, or the lower one that the merchant set: even, nothing at once."""
    if per_second is None:
        return limit
    return Limit(per_second=min(per_second, limit.per_second), burst=1.0, is_ruled=True)
