"""A supplier's code that was mapped -> its units counted for the SKU that it now means, none for those it meant.

What the last file said of the code while it meant nothing is kept with it, and counts as that file's row would have
(docs/protocols.md, FEED ROW). A SKU that the code does not mean any more has no units by it: it is counted 0 as of
when that began, unless another code means it. Where the code's own units are not known (it was mapped to something
else, or the queue had no room for it), it goes on waiting: the next file counts for it, changed or not.

Every step may be done again: counts are refused where a level has them, or newer ones, and the code is written last,
over the revision that was read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.domain import identity, times
from shared.domain.identity import Former, KnownCode, Said
from shared.domain.messages import CountCode
from shared.domain.names import LevelKey
from shared.domain.offers import Offer
from shared.domain.photographs import Row
from shared.domain.rules import Rules, Source
from shared.domain.stock import Count, CountWrite, First, exact
from shared.errors import Conflict
from shared.flows.count_levels import write_count
from shared.storage.feeds import Feeds
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.supplier_codes import SupplierCodes


@dataclass(slots=True)
class CountCodes:
    """Counts codes. `pause` waits a moment, given how often it was already in vain."""

    codes: SupplierCodes
    feeds: Feeds
    levels: Levels
    offers: Offers
    pause: Callable[[int], None]

    def run(self, asked: CountCode, rules: Rules, now: datetime) -> Counter[str]:
        """Count what is known of a code; answer what was done. Raises Conflict where it was written meanwhile."""
        source = rules.sources.get(asked.source)
        known = self.codes.known(asked.source, [asked.code]).get(asked.code)
        if source is None or known is None or not known.meanings:
            return Counter(["CodeIgnored"])
        done: Counter[str] = Counter()
        today = identity.day_of(times.text(now), source.zone)
        for former in (*known.former, *identity.ended(known, today, source.zone)):
            done["FormerCounted"] += self._end(former, known, today, source, now)
        after = replace(known, former=())
        if known.said:
            after = self._count(known.said, after, source, now, done)
        if after != known and not self.codes.write(replace(after, revision=known.revision + 1)):
            raise Conflict("a code was written meanwhile", code="code_moved", source=asked.source)
        return +done or Counter(["CodeWaits"])

    def _end(self, former: Former, known: KnownCode, today: date, source: Source, now: datetime) -> bool:
        """Count a SKU 0 that a code does not mean any more; answer whether that was news to its level.

        One that another code means stands on that one's count, once a file has counted for it.
        """
        for other in self.codes.codes_of(source.source, former.sku):
            meaning = other.mapping.on(today) if other.mapping and other.code != known.code else None
            if meaning and meaning.sku == former.sku and not other.is_waiting:
                return False
        key = LevelKey(former.sku, source.source)
        count = Count(key=key, units=0, as_of=former.until, count_id=f"mapping of {known.code}")
        level = self.levels.get(key)
        planned = exact(count, level, source.feed.slack) if level else None
        return planned is not None and self._write(planned, source, now)

    def _count(self, said: Said, known: KnownCode, source: Source, now: datetime, done: Counter[str]) -> KnownCode:
        """Count what a file said of a code; answer the code as it is to be kept then.

        Where its level has a newer count, the code goes on waiting: that count may be of another meaning.
        """
        as_of = identity.confirmed_at(said, self.feeds.now(source.source))
        row = identity.ours(said.row, known.mapping, identity.day_of(as_of, source.zone), source.codes)
        if not isinstance(row, Row):
            return known  # it means nothing on that day, or is too much to be true: the next file says so again
        key = LevelKey(row.sku, source.source)
        count = Count(key=key, units=row.units, as_of=as_of, count_id=said.file)
        is_counted = self._write(First(count=count), source, now)
        if row.cost_minor is not None:
            self.offers.write(Offer(key=key, cost_minor=row.cost_minor, currency=source.currency, as_of=as_of))
        done["CodeCounted" if is_counted else "CodeOlder"] += 1
        return replace(known, said=None, is_waiting=known.is_waiting and not is_counted)

    def _write(self, write: CountWrite, source: Source, now: datetime) -> bool:
        """Write a count; answer whether the level stands on it."""
        return write_count(self.levels, write, source.feed.slack, times.text(now), self.pause)
