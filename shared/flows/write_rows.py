"""Rows of a photograph -> counted levels and offers, many in flight (docs/protocols.md, FEED ROW)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

from shared.domain.feeds import RowWrite, Run
from shared.domain.names import LevelKey
from shared.domain.offers import Offer
from shared.domain.rules import Source
from shared.domain.stock import Count, CountWrite, First, blind, exact
from shared.errors import Conflict, Transient
from shared.storage.levels import Levels
from shared.storage.offers import Offers

MOST_TRIES = 8
WRITERS = 10
"""Rows in flight: as many as a client keeps connections."""
MOST_WAITING = 500


@dataclass(slots=True)
class WriteRows:
    """Writes rows. What is written already is refused by each row's own condition.

    `pause` waits a moment, given how often it was already in vain; with one writer no thread is started.
    """

    levels: Levels
    offers: Offers
    pause: Callable[[int], None]
    writers: int = WRITERS

    def write(self, writes: Iterable[RowWrite], source: Source, run: Run, now: str) -> None:
        """Write rows of a run, and return when all are. Raises Transient for what may work later."""
        write = partial(self._write, source=source, run=run, now=now)
        if self.writers == 1:
            for row_write in writes:
                write(row_write)
            return
        left = iter(writes)
        with ThreadPoolExecutor(self.writers) as pool:
            while some := list(islice(left, MOST_WAITING)):
                for _ in pool.map(write, some):
                    pass

    def _write(self, row_write: RowWrite, *, source: Source, run: Run, now: str) -> None:
        row = row_write.row
        key = LevelKey(row.sku, source.source)
        if row_write.count:
            count = Count(key=key, units=row.units, as_of=run.as_of, count_id=run.file)
            first = First(count=count) if row_write.old is None else blind(count, row_write.old)
            self._count(first, source, now)
        if row_write.cost:
            self.offers.write(Offer(key=key, cost_minor=row.cost_minor, currency=source.currency, as_of=run.as_of))

    def _count(self, write: CountWrite, source: Source, now: str) -> None:
        """Write a count: as planned, then from whatever level the write before it met."""
        planned: CountWrite | None = write
        for tried in range(1, MOST_TRIES + 1):
            if planned is None:
                return  # the level has this photograph, or a newer one
            try:
                is_done, met = self.levels.count(planned, now)
            except Conflict:
                self.pause(tried)
                continue
            if is_done:
                return
            planned = exact(write.count, met, source.feed.slack)
        raise Transient("a level keeps changing", code="level_busy", sku=write.count.key.sku)
