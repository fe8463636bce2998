"""One count -> its level, whatever that is found to be (docs/protocols.md, FEED ROW)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from shared.domain.stock import CountWrite, exact
from shared.errors import Conflict, Transient
from shared.storage.levels import Levels

MOST_TRIES = 8


def write_count(levels: Levels, write: CountWrite, slack: timedelta, now: str, pause: Callable[[int], None]) -> bool:
    """Write a count: as planned, then from whatever level it met; answer whether the level stands on it.

    It does not where it has a newer photograph. Raises Transient for a level that keeps changing.
    """
    count, planned = write.count, write
    for tried in range(1, MOST_TRIES + 1):
        try:
            is_done, met = levels.count(planned, now)
        except Conflict:
            pause(tried)
            continue
        if is_done:
            return True
        again = exact(count, met, slack)
        if again is None:
            return met is not None and (met.counted_as_of, met.count_id) == (count.as_of, count.count_id)
        planned = again
    raise Transient("a level keeps changing", code="level_busy", sku=count.key.sku)
