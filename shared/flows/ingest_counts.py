"""A supplier's file -> counted levels, offers, and the feed's snapshot (docs/protocols.md, FEED ROW, FEED RUN).

Every step may be done again. A file is one version of an object, and its run stands in the feed until all rows are
written; each row's own condition refuses what is there already; the file is kept, reported and entered into the
history before the run is finished, and leaves `in/` last. A file that must not be used changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice

from shared.domain import feeds, times
from shared.domain.feeds import Feed, FileReport, Photo, Photograph, RowWrite, Run, Standing, Verdict
from shared.domain.names import LevelKey, SourceId
from shared.domain.offers import Offer
from shared.domain.problems import Problem
from shared.domain.rules import Rules, Source
from shared.domain.stock import Count, CountWrite, First, blind, exact
from shared.errors import Conflict, InvalidInput, Transient
from shared.formats import file_reports, stock_files
from shared.storage.feeds import Feeds
from shared.storage.files import Arrival, Files, arrivals
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.problems import Problems

MOST_TRIES = 8
WRITERS = 10
"""Rows in flight: as many as a client keeps connections."""
MOST_WAITING = 500
LONGEST_PART_OF_A_KEY = 100

_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(slots=True)
class Ingested:
    """What became of a batch: messages to have again with the reason, and what was counted."""

    again: dict[str, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A file as it was read, or why it is held."""

    digest: str
    photograph: Photograph
    failure: InvalidInput | None = None


@dataclass(slots=True)
class IngestCounts:
    """Runs batches.

    `pause` waits a moment, given how often it was already in vain; with one writer no thread is started.
    """

    files: Files
    feeds: Feeds
    levels: Levels
    offers: Offers
    problems: Problems
    pause: Callable[[int], None]
    writers: int = WRITERS

    def run(self, batch: Mapping[str, str], rules: Rules, now: datetime) -> Ingested:
        """Work off a batch, `message id -> notification`; answer what shall come again."""
        done = Ingested()
        for message_id, body in batch.items():
            try:
                arrived = arrivals(body)
            except InvalidInput as failure:
                action = "look at what writes to the file queue; drop the file again if there was one"
                self._problem("notification_unreadable", message_id, failure.message, action, now)
                done.counted["NotificationRefused"] += 1
                continue
            try:
                for arrival in arrived:
                    self._ingest(arrival, rules, now, done.counted)
            except (Conflict, Transient) as failure:
                done.again[message_id] = failure.code
        return done

    def _ingest(self, arrival: Arrival, rules: Rules, now: datetime, counted: Counter[str]) -> None:
        supplier, name = _place(arrival.key)
        source = rules.sources.get(SourceId(supplier))
        if feeds.is_unfinished(name):
            counted["FileIgnored"] += 1
        elif source is None:
            self._hold_unknown(arrival, supplier, name, now)
            counted["FileHeld"] += 1
        elif not arrival.size:
            self._change(source.source, partial(feeds.heartbeat, at=times.text(arrival.stored_at)))
            self.files.remove(arrival)
            counted["HeartbeatSeen"] += 1
        else:
            counted[self._count(arrival, source, name, now, counted)] += 1

    def _count(self, arrival: Arrival, source: Source, name: str, now: datetime, counted: Counter[str]) -> str:
        """Bring a file to its end; say what is counted."""
        as_of = times.text(arrival.stored_at - source.feed.lag)
        is_known = self.feeds.file_at(source.source, as_of) == arrival.file
        if is_known and not self.feeds.now(source.source).is_open(arrival.file):
            self.files.remove(arrival)
            return "FileRepeated"
        found = self._look(arrival, source, now)
        if found is None:
            return "FileGone"
        kept = f"{source.source}/{as_of}-{found.digest[:12]}-{_fit(name)}"
        photograph = found.photograph
        report = FileReport(
            source=source.source,
            file=arrival.file,
            as_of=as_of,
            verdict=Verdict.APPLIED,
            kept=f"done/{kept}",
            read=photograph.read,
            refused=photograph.refused,
            refusals=photograph.refusals,
            warnings=photograph.warnings[: feeds.MOST_TOLD],
        )
        counted["RowRefused"] += photograph.refused
        if found.failure:
            self._hold(arrival, report, found.failure, now)
            return "FileHeld"
        return self._apply(arrival, source, photograph, report, now)

    def _look(self, arrival: Arrival, source: Source, now: datetime) -> _Found | None:
        """Read a file; None when its version is gone, by hand or by age."""
        digest, photograph = hashlib.sha256(arrival.file.encode()).hexdigest(), Photograph()
        try:
            feeds.check(arrival.size, arrival.stored_at, now)
            with self.files.open(arrival.key, arrival.version) as opened:
                if opened is None:
                    return None
                digest = opened.sha256
                photograph = feeds.gather(stock_files.read(opened.file, source.feed, source.currency))
            feeds.check_rows(photograph)
        except InvalidInput as failure:
            return _Found(digest=digest, photograph=photograph, failure=failure)
        return _Found(digest=digest, photograph=photograph)

    # ---- files that change nothing

    def _hold(self, arrival: Arrival, report: FileReport, failure: InvalidInput, now: datetime) -> None:
        kept = report.kept.replace("done/", "held/", 1)
        held = replace(report, verdict=Verdict.HELD, kept=kept, reason=failure.message, details=failure.details)
        self._keep(arrival, held)
        action = "read its report; mend the file or the supplier's profile, then drop the file into in/ again"
        details = {"file": kept, "as_of": report.as_of}
        problem = Problem.of("file_held", report.source, failure, action, details)
        self.problems.open(problem, times.text(now))
        self.feeds.record(held)
        self.files.remove(arrival)

    def _hold_unknown(self, arrival: Arrival, supplier: str, name: str, now: datetime) -> None:
        digest = hashlib.sha256(arrival.file.encode()).hexdigest()[:12]
        kept = f"held/{_fit(supplier) or 'unknown'}/{times.text(arrival.stored_at)}-{digest}-{_fit(name)}"
        self.files.keep(arrival, kept)
        action = "name the supplier in the rules and drop the file into in/ again, or delete it"
        self._problem("file_held", kept, "no supplier has this folder: supplier_unknown", action, now)
        self.files.remove(arrival)

    def _problem(self, kind: str, subject: str, reason: str, action: str, now: datetime) -> None:
        self.problems.open(Problem(kind=kind, subject=subject, reason=reason, action=action), times.text(now))

    def _keep(self, arrival: Arrival, report: FileReport) -> None:
        """Put a file where it stays, and its report where the supplier finds it."""
        self.files.keep(arrival, report.kept)
        place = f"out/{report.source}/reports/{report.kept.rpartition('/')[2]}"
        self.files.put(f"{place}.json", file_reports.to_json(report), "application/json")
        self.files.put(f"{place}.txt", file_reports.to_text(report), "text/plain; charset=utf-8")

    # ---- files that count

    def _apply(
        self, arrival: Arrival, source: Source, photograph: Photograph, report: FileReport, now: datetime
    ) -> str:
        reading = stock_files.fingerprint(source.feed, source.currency)
        me = Run(as_of=report.as_of, file=report.file, snapshot=report.kept, reading=reading)
        claim = feeds.claim(self._change(source.source, partial(_opened, me=me)), me)
        if claim.standing is Standing.DONE:
            self.files.remove(arrival)
            return "FileRepeated"
        if claim.standing is Standing.OLDER:
            older = replace(report, verdict=Verdict.OLDER, reason="a newer file of this feed came before it")
            self._keep(arrival, older)
            self.feeds.record(older)
            self.files.remove(arrival)
            return "FileOlder"
        applied = claim.feed.applied
        snapshot = self._photo(applied.snapshot, "", applied, source) if applied else None
        others = [self._photo(*_object(run.file), run, source) for run in claim.others]
        waiting = {key.sku for key in self.levels.open(source.source)}
        writes = feeds.rows_to_write(photograph.rows, snapshot, waiting, others)
        self._write_all(writes, source, claim.run, now)
        changed = feeds.changed(photograph.rows, snapshot)
        report = replace(
            report,
            as_of=claim.run.as_of,
            kept=claim.run.snapshot,
            changed=changed,
            unchanged=len(photograph.rows) - changed,
            absent=feeds.absent(photograph, snapshot or {}),
        )
        self._keep(arrival, report)
        self.feeds.record(report)
        # Rows written under other rules before a crash are no longer what this reading says: nothing equals them.
        me = claim.run if claim.run.reading == reading else replace(claim.run, reading="")
        self._change(source.source, partial(feeds.finish, me=me, rows=photograph.rows, snapshot=snapshot))
        self.files.remove(arrival)
        return "FileApplied"

    def _change(self, source: SourceId, change: Callable[[Feed], Feed | None]) -> Feed:
        """Store what `change` makes of the feed; return the feed it was made from."""
        for tried in range(1, MOST_TRIES + 1):
            before = self.feeds.now(source)
            after = change(before)
            if after is None or self.feeds.write(after):
                return before
            self.pause(tried)
        raise Transient("a feed keeps changing", code="feed_busy", source=source)

    def _photo(self, key: str, version: str, run: Run, source: Source) -> Photo | None:
        """Read the rows of another run; None when they cannot be compared with ours."""
        if run.reading != stock_files.fingerprint(source.feed, source.currency):
            return None
        with self.files.open(key, version) as opened:
            if opened is None:
                return None
            return feeds.gather(stock_files.read(opened.file, source.feed, source.currency)).rows

    def _write_all(self, writes: Iterable[RowWrite], source: Source, run: Run, now: datetime) -> None:
        write = partial(self._write, source=source, run=run, now=times.text(now))
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
            self._write_count(first, source, now)
        if row_write.cost:
            self.offers.write(Offer(key=key, cost_minor=row.cost_minor, currency=source.currency, as_of=run.as_of))

    def _write_count(self, write: CountWrite, source: Source, now: str) -> None:
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


def _opened(feed: Feed, me: Run) -> Feed | None:
    claim = feeds.claim(feed, me)
    return claim.feed if claim.standing is Standing.OPENED else None


def _place(key: str) -> tuple[str, str]:
    """Tell supplier and name of `in/<supplier>/<name>`."""
    supplier, slash, name = key.removeprefix("in/").partition("/")
    return (supplier, name.rpartition("/")[2]) if slash else ("", supplier)


def _object(file: str) -> tuple[str, str]:
    """Tell key and version of a file."""
    key, _, version = file.rpartition("@")
    return key, version


def _fit(text: str) -> str:
    """Make part of an object's key out of a name that somebody else chose."""
    return _NOT_IN_A_KEY.sub("-", text)[-LONGEST_PART_OF_A_KEY:]
