"""What a worker remembers to be sold out, for a second.

While a hot SKU is sold out every new order asks for it, and each would read its levels, or try to take from one in a
transaction that must fail. What rises meanwhile (a count, units given back, a level made active) is seen at most a
second late: a new order backorders at most a second too long. A fill is asked for as soon as it waits; that reads
truly and takes the units, so nothing is lost but the moment. A hold that ends is seen at once, for its end is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain import times
from shared.domain.names import LevelKey
from shared.domain.offers import Offer
from shared.domain.stock import Level

REMEMBERED_FOR = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """A level with nothing to take (None: there is no such level), its offer, and when it was so."""

    level: Level | None
    offer: Offer | None
    at: datetime


@dataclass(slots=True)
class SoldOut:
    """Remembers levels that had nothing to take, for as long as the process lives.

    A clock that is set back forgets: what was seen later than now is not known.
    """

    _seen: dict[LevelKey, Seen] = field(default_factory=dict)

    def note(self, key: LevelKey, level: Level | None, offer: Offer | None, now: datetime) -> None:
        """Remember a level as it was just seen if nothing can be taken of it, else forget it."""
        if level is None or not level.takeable(times.text(now)):
            self._seen[key] = Seen(level, offer, now)
        else:
            self._seen.pop(key, None)

    def among(self, keys: Iterable[LevelKey], now: datetime) -> dict[LevelKey, Seen]:
        """Name those that are remembered, and drop what was seen too long ago."""
        self._seen = {key: seen for key, seen in self._seen.items() if timedelta(0) <= now - seen.at < REMEMBERED_FOR}
        return {key: self._seen[key] for key in keys if key in self._seen}
