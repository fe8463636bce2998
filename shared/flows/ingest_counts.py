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

from shared.domain import feeds, guard, messages, times
from shared.domain.feeds import Feed, FileReport, Photograph, Row, RowWrite, Run, Standing, Verdict
from shared.domain.guard import Ruling
from shared.domain.messages import ReleaseFile
from shared.domain.names import LevelKey, SourceId
from shared.domain.offers import Offer
from shared.domain.problems import Problem
from shared.domain.rules import Rules, Source
from shared.domain.stock import Count, CountWrite, First, blind, exact
from shared.errors import Conflict, InvalidInput, Transient
from shared.flows import read_files
from shared.flows.read_files import FileRead
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
LETTERS_OF_A_DIGEST = 12

DROP_AGAIN = "read its report; mend the file or the supplier's profile, then drop the file into in/ again"
RELEASE = "read its report; then truestock feeds release, or reject: the next plausible file ends it as well"

_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(slots=True)
class Ingested:
    """What became of a batch: messages to have again with the reason, and what was counted."""

    again: dict[str, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A file as it was read: a name for its content, and as of when it counts."""

    digest: str
    as_of: str
    read: FileRead


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file on its way: whose it is, what it is called, as of when unless it says so itself.

    `release`: the word of who lets it count.
    """

    arrival: Arrival
    source: Source
    name: str
    as_of: str
    release: ReleaseFile | None = None


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
                release, arrived = _notified(body)
            except InvalidInput as failure:
                action = "look at what writes to the file queue; drop the file again if there was one"
                self._problem("notification_unreadable", message_id, failure.message, action, now)
                done.counted["NotificationRefused"] += 1
                continue
            try:
                if release:
                    self._release(release, rules, now, done.counted)
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
            as_of = times.text(arrival.stored_at - source.feed.lag)
            file = _File(arrival=arrival, source=source, name=name, as_of=as_of)
            counted[self._count(file, now, counted)] += 1

    def _release(self, release: ReleaseFile, rules: Rules, now: datetime, counted: Counter[str]) -> None:
        """Let a file that the guard holds count, from where it is kept, as the photograph that it is."""
        entry, source = self.feeds.entry(release.source, release.as_of), rules.sources.get(release.source)
        key = entry.kept if entry and entry.can_be_released else ""
        if entry and not key and self.feeds.now(release.source).is_open(entry.file):
            key, _ = _object(entry.file)  # it was released, and broke off
        if entry is None or source is None or not key:
            counted["ReleaseRefused"] += 1
            return
        kept = Arrival(key=key, version="", etag="", size=0, stored_at=times.read(entry.as_of))
        name = key.rpartition("/")[2][len(f"{entry.as_of}-") + LETTERS_OF_A_DIGEST + 1 :]
        file = _File(arrival=kept, source=source, name=name, as_of=entry.as_of, release=release)
        counted[self._count(file, now, counted)] += 1

    def _count(self, file: _File, now: datetime, counted: Counter[str]) -> str:
        """Bring a file to its end; say what is counted."""
        arrival, source = file.arrival, file.source
        if source.feed.as_of is None and self._is_known(file, file.as_of):
            return "FileRepeated"
        found = self._look(file, now)
        if found is None:
            return "FileGone"
        if source.feed.as_of and self._is_known(file, found.as_of):
            return "FileRepeated"
        kept = f"{source.source}/{found.as_of}-{found.digest[:LETTERS_OF_A_DIGEST]}-{_fit(file.name)}"
        photograph = found.read.photograph
        report = FileReport(
            source=source.source,
            file=arrival.file,
            as_of=found.as_of,
            verdict=Verdict.APPLIED,
            kept=f"done/{kept}",
            read=photograph.read,
            refused=photograph.refused,
            refusals=photograph.refusals,
            warnings=photograph.warnings[: feeds.MOST_TOLD],
        )
        if file.release:
            report = replace(report, details={"released_by": file.release.by, "because": file.release.reason})
        counted["RowRefused"] += photograph.refused
        if found.read.failure:
            self._hold(arrival, report, found.read.failure, now)
            return "FileHeld"
        return self._apply(file, photograph, report, now)

    def _is_known(self, file: _File, as_of: str) -> bool:
        """Answer whether a file has been brought to its end; it then leaves `in/`, should it still be there."""
        arrival, source = file.arrival, file.source.source
        if self.feeds.file_at(source, as_of) != arrival.file or self.feeds.now(source).is_open(arrival.file):
            return False
        self.files.remove(arrival)
        return True

    def _look(self, file: _File, now: datetime) -> _Found | None:
        """Read a file; None when its version is gone, by hand or by age."""
        arrival = file.arrival
        digest = hashlib.sha256(arrival.file.encode()).hexdigest()
        try:
            feeds.check(arrival.size, arrival.stored_at, now)
        except InvalidInput as failure:
            return _Found(digest=digest, as_of=file.as_of, read=FileRead(failure=failure))
        with self.files.open(arrival.key, arrival.version) as opened:
            if opened is None:
                return None
            read = read_files.read(opened.file, file.source, arrival.stored_at)
            says = times.text(read.taken_at) if read.taken_at and not file.release else file.as_of
            return _Found(digest=opened.sha256, as_of=says, read=read)

    # ---- files that change nothing

    def _hold(self, arrival: Arrival, report: FileReport, failure: InvalidInput, now: datetime) -> None:
        kept = report.kept.replace("done/", "held/", 1)
        held = replace(report, verdict=Verdict.HELD, kept=kept, reason=failure.message, code=failure.code)
        held = replace(held, details=failure.details)
        self._keep(arrival, held)
        action = RELEASE if failure.code == feeds.IMPLAUSIBLE else DROP_AGAIN
        details = {"file": kept, "as_of": report.as_of}
        problem = Problem.of("file_held", report.source, failure, action, details)
        self.problems.open(problem, times.text(now))
        self.feeds.record(held)
        self.files.remove(arrival)

    def _hold_unknown(self, arrival: Arrival, supplier: str, name: str, now: datetime) -> None:
        digest = hashlib.sha256(arrival.file.encode()).hexdigest()[:LETTERS_OF_A_DIGEST]
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

    def _apply(self, file: _File, photograph: Photograph, report: FileReport, now: datetime) -> str:
        """Judge a file by the one before it, open its run, write its rows, make it the snapshot."""
        arrival, source = file.arrival, file.source
        reading = stock_files.fingerprint(source.feed, source.currency)
        me = Run(as_of=report.as_of, file=report.file, snapshot=report.kept, reading=reading)
        feed = self.feeds.now(source.source)
        standing = feeds.claim(feed, me).standing
        counts = standing in {Standing.OPENED, Standing.GOES_ON}
        snapshot = read_files.snapshot(self.files, feed, source) if counts else None
        if standing is Standing.OPENED and not file.release:
            verdict = read_files.judge(photograph, snapshot, source)
            if verdict.ruling is Ruling.HOLD:
                self._hold(arrival, report, _implausible(verdict), now)
                return "FileHeld"
            report = replace(report, odd=verdict.odd)
        claim = feeds.claim(self._change(source.source, partial(_opened, me=me, judged_by=feed.applied), feed), me)
        if claim.standing is Standing.DONE:
            self.files.remove(arrival)
            return "FileRepeated"
        if claim.standing is Standing.OLDER:
            older = replace(report, verdict=Verdict.OLDER, reason="a newer file of this feed came before it")
            self._keep(arrival, older)
            self._record(older, file)
            self.files.remove(arrival)
            return "FileOlder"
        others = [read_files.photo(self.files, *_object(run.file), run, source) for run in claim.others]
        waiting = {key.sku for key in self.levels.open(source.source)}
        absent = feeds.absent(photograph, snapshot or {})
        zeroed = feeds.zeroes_absent(photograph, is_full=source.feed.full)
        rows = photograph.rows | ({sku: Row(line=0, sku=sku, units=0) for sku in absent} if zeroed else {})
        self._write_all(feeds.rows_to_write(rows, snapshot, waiting, others), source, claim.run, now)
        changed = feeds.changed(rows, snapshot)
        report = replace(
            report,
            as_of=claim.run.as_of,
            kept=claim.run.snapshot,
            changed=changed,
            unchanged=len(rows) - changed,
            absent=len(absent),
            zeroed=zeroed,
        )
        self._keep(arrival, report)
        self._record(report, file)
        # Rows written under other rules before a crash are no longer what this reading says: nothing equals them.
        me = claim.run if claim.run.reading == reading else replace(claim.run, reading="")
        self._change(source.source, partial(feeds.finish, me=me, rows=rows, snapshot=snapshot))
        self.files.remove(arrival)
        return "FileApplied"

    def _record(self, report: FileReport, file: _File) -> None:
        if file.release:
            self.feeds.record_released(report)
        else:
            self.feeds.record(report)

    def _change(self, source: SourceId, change: Callable[[Feed], Feed | None], seen: Feed | None = None) -> Feed:
        """Store what `change` makes of the feed, as seen or as it now is; return the feed it was made from."""
        for tried in range(1, MOST_TRIES + 1):
            before = seen if seen and tried == 1 else self.feeds.now(source)
            after = change(before)
            if after is None or self.feeds.write(after):
                return before
            self.pause(tried)
        raise Transient("a feed keeps changing", code="feed_busy", source=source)

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


def _opened(feed: Feed, me: Run, judged_by: Run | None) -> Feed | None:
    """Open a run on the snapshot by which its file was judged. Raises Conflict when another one took its place."""
    claim = feeds.claim(feed, me)
    if claim.standing is not Standing.OPENED:
        return None
    if feed.applied != judged_by:
        raise Conflict("another file of the feed came between", code="feed_moved", source=feed.source)
    return claim.feed


def _implausible(verdict: guard.Verdict) -> InvalidInput:
    """Say why a file is held that can be read."""
    return InvalidInput("the file is implausible", code=feeds.IMPLAUSIBLE, because=list(verdict.reasons))


def _notified(body: str) -> tuple[ReleaseFile | None, list[Arrival]]:
    """Read a message of the file queue: a person's wish, or what the bucket tells."""
    try:
        message = messages.read(body)
    except InvalidInput:
        return None, arrivals(body)
    if not isinstance(message, ReleaseFile):
        raise InvalidInput("a message for another queue", code="message_kind")
    return message, []


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
