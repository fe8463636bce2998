"""Rows of a photograph -> counted levels and offers, many in flight (docs/protocols.md, FEED ROW, CODES).

A file names suppliers' codes: what each means on the photograph's day is looked up here, for the rows that are written
and no others. A code that means nothing goes into the queue of those that a person has to map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from itertools import islice

from shared.domain import identity, times
from shared.domain.facts import Codes, SupplierCode
from shared.domain.feeds import Run
from shared.domain.identity import KnownCode, Said
from shared.domain.names import LevelKey
from shared.domain.offers import Offer
from shared.domain.photographs import Row, RowWrite
from shared.domain.rules import Rules, Source
from shared.domain.stock import Count, First, blind
from shared.flows.count_levels import write_count
from shared.flows.guard_margins import GuardMargins
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.supplier_codes import LeftOut, SupplierCodes, UnmappedQueue

WRITERS = 10
"""Rows in flight: as many as a client keeps connections."""
MOST_WAITING = 500

Changed = tuple[Offer | None, Offer]


@dataclass(frozen=True, slots=True)
class _Work:
    """What the rows of one call have in common. `queue` is None where codes are our SKUs, every one."""

    source: Source
    run: Run
    day: date
    now: str
    queue: UnmappedQueue | None


@dataclass(slots=True)
class WriteRows:
    """Writes rows. What is written already is refused by each row's own condition.

    `pause` waits a moment, given how often it was already in vain; with one writer no thread is started.
    """

    levels: Levels
    offers: Offers
    codes: SupplierCodes
    margins: GuardMargins
    pause: Callable[[int], None]
    writers: int = WRITERS

    def write(self, writes: Iterable[RowWrite], source: Source, run: Run, rules: Rules, now: datetime) -> None:
        """Write rows of a run, and return when all are. Raises Transient for what may work later."""
        is_coded = source.codes is Codes.MAPPED or self.codes.has_any(source.source)
        queue = UnmappedQueue(self.codes, source.source, times.text(now)) if is_coded else None
        work = _Work(source, run, identity.day_of(run.as_of, source.zone), times.text(now), queue)
        changed: list[Changed] = []
        left = iter(writes)
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(self.writers)) if self.writers > 1 else None
            while some := list(islice(left, MOST_WAITING)):
                known = self.codes.known(source.source, [each.row.sku for each in some]) if is_coded else {}
                write = partial(self._write_known, known=known, work=work)
                done = pool.map(write, some) if pool else map(write, some)
                changed += [each for each in done if each]
        if queue and queue.left_out:
            self.codes.tell_left_out(source.source, LeftOut(codes=queue.left_out, as_of=run.as_of))
        self.margins.run(changed, rules, now)

    def settle_left_out(self, left_out: Sequence[str], source: Source, as_of: str) -> None:
        """Let codes wait for nothing more that a full file does not name."""
        for known in self.codes.known(source.source, left_out).values():
            if known.mapping:
                self.codes.settle(known.mapping, as_of)

    def _write_known(self, write: RowWrite, *, known: Mapping[str, KnownCode], work: _Work) -> Changed | None:
        """Write one row under our SKU; answer an offer whose cost changed."""
        if work.queue is None:
            return self._write_ours(write, work)
        return self._write_coded(write, known.get(write.row.sku), work.queue, work)

    def _write_coded(
        self, write: RowWrite, known: KnownCode | None, queue: UnmappedQueue, work: _Work
    ) -> Changed | None:
        mapping = known.mapping if known else None
        row = identity.ours(write.row, mapping, work.day, work.source.codes)
        if not isinstance(row, Row):
            if write.is_absent:
                self.codes.drop(work.source.source, write.row.sku, work.run.as_of)
                return None
            said = Said(row=write.row, as_of=work.run.as_of, file=work.run.file, reason=row.reason)
            mapping = queue.note(said, mapping)
            if mapping is None:
                return None
            row = identity.ours(write.row, mapping, work.day, work.source.codes)
            if not isinstance(row, Row):
                return None  # it waits under MAPPED#, and the next file says so again
        changed = self._write_ours(_under(row, write, mapping, work), work)
        if known and known.is_waiting and mapping and write.count:
            self.codes.settle(mapping, work.run.as_of)
        return changed

    def _write_ours(self, write: RowWrite, work: _Work) -> Changed | None:
        row, source, run = write.row, work.source, work.run
        key = LevelKey(row.sku, source.source)
        if write.count:
            count = Count(key=key, units=row.units, as_of=run.as_of, count_id=run.file)
            planned = First(count=count) if write.old is None else blind(count, write.old)
            write_count(self.levels, planned, source.feed.slack, work.now, self.pause)
        if not write.cost:
            return None
        offer = Offer(key=key, cost_minor=row.cost_minor, currency=source.currency, as_of=run.as_of)
        self.offers.write(offer)
        return (replace(offer, cost_minor=write.old_cost) if write.old_cost is not None else None), offer


def _under(row: Row, write: RowWrite, mapping: SupplierCode | None, work: _Work) -> RowWrite:
    """Put a write under our SKU: what the snapshot said goes through the same mapping."""
    old: int | None = None
    old_cost: int | None = None
    if write.old is not None:
        before = replace(write.row, units=write.old, cost_minor=write.old_cost)
        was = identity.ours(before, mapping, work.day, work.source.codes)
        if isinstance(was, Row):
            old, old_cost = was.units, was.cost_minor
    return replace(write, row=row, old=old, old_cost=old_cost)
