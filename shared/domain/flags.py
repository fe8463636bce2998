"""What stands out about a level and is listed for that: low stock, and a hold with an end.

Both follow from the images before and after a write. Low has a gap between its two thresholds, so that a level that
goes up and down by one piece is not taken off the list and put on it again every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.names import LevelKey
from shared.domain.stock import UNTIL_COUNTED, Level

SHARE_OF_GAP = 2


class FlagKind(StrEnum):
    """What a level is listed for."""

    LOW = "low"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One level, listed; `since` orders the list: when it became low, or when its hold ends."""

    kind: FlagKind
    level: LevelKey
    since: str = ""


def crossings(before: Level | None, after: Level, *, low_at: int | None) -> dict[Flag, bool]:
    """Answer which flags a write sets (True) or clears (False). `low_at`: so many units or fewer are low."""
    changed: dict[Flag, bool] = {}
    if low_at is not None:
        enough = low_at + max(low_at // SHARE_OF_GAP, 1)
        was = before.available if before else enough
        if after.available <= low_at < was:
            changed[Flag(kind=FlagKind.LOW, level=after.key, since=after.changed_at)] = True
        elif was < enough <= after.available:
            changed[Flag(kind=FlagKind.LOW, level=after.key)] = False
    ends, ended = after.held_until, before.held_until if before else ""
    if ends != ended:
        has_end = bool(ends) and ends != UNTIL_COUNTED
        if has_end or ended not in {"", UNTIL_COUNTED}:
            changed[Flag(kind=FlagKind.HELD, level=after.key, since=ends if has_end else "")] = has_end
    return changed
