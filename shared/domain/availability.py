"""What a channel is told that it can sell: percent -> buffer -> floor -> cap over the sources that may ship.

The number is computed when it is told, from the levels as they then are. What a change of a level leaves behind is
only a mark, whose rank says how much it hurts to be late: a shop that still sells what is gone comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum

from shared.domain.names import SourceId
from shared.domain.rules import Channel
from shared.domain.stock import Level

FLOOR = 0


class Rank(IntEnum):
    """The order in which a shop is told; 2 is for fulfilments and cancels."""

    ZERO = 0
    FALLS = 1
    RISES = 3


def to_sell(levels: Iterable[Level], channel: Channel, active: Collection[SourceId], now: str, *, cap: int) -> int:
    """Compute the number of a SKU on a channel from its levels: whole pieces, from 0 to what the platform can hold."""
    units = sum(offered(level, now) for level in levels if level.key.source in active)
    return min(max(units * channel.percent // 100 - channel.buffer, FLOOR), cap)


def offered(level: Level, now: str) -> int:
    """Units of one level that may be offered: what an order may take, less what the level keeps back."""
    return max(level.takeable(now) - level.buffer, 0)


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


def rises(before: Level | None, after: Level) -> bool:
    """Whether orders that wait may now take more: units came, a hold ended, or the level is active again."""
    now = after.changed_at
    return after.takeable(now) > (before.takeable(now) if before else 0)
