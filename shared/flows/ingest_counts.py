"""A supplier's file -> what it says else than the one before it, judged, and handed over to be written.

Every step may be done again. A file is one version of an object, and its run stands in the feed until all rows are
written; each row's own condition refuses what is there already; the file is kept, reported and entered into the
history before the run is finished, and leaves `in/` last. A file that must not be used changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import BinaryIO

from shared.domain import feeds, guard, identity, messages, photographs, times
from shared.domain.facts import Codes
from shared.domain.feeds import Claim, Feed, FileReport, Run, Standing, Verdict
from shared.domain.guard import Ruling
from shared.domain.messages import CountCode, ReleaseFile, WritePiece
from shared.domain.names import Sku, SourceId
from shared.domain.photographs import RowWrite
from shared.domain.problems import Problem
from shared.domain.rules import Rules, Source
from shared.errors import Conflict, InvalidInput, Transient
from shared.flows import feed_runs, read_files
from shared.flows.count_codes import CountCodes
from shared.flows.feed_runs import Ending, FeedRuns
from shared.flows.read_files import Against, FileRead
from shared.flows.take_documents import TakeDocuments
from shared.storage.feeds import Feeds
from shared.storage.files import Arrival, Files, Opened, arrivals
from shared.storage.levels import Levels
from shared.storage.problems import Problems

MOST_TRIES = 4
LAST_TRY = 5
"""When a file has been tried so often that its message is about to be given up."""
LONGEST_PART_OF_A_KEY = 100
LETTERS_OF_A_DIGEST = 12

DROP_AGAIN = "read its report; mend the file or the supplier's profile, then drop the file into in/ again"
RELEASE = "read its report; then truestock feeds release, or reject: the next plausible file ends it as well"

SAME_BYTES = ("it is, byte for byte, the file before it",)

_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(slots=True)
class Ingested:
    """What became of a batch: messages to have again with the reason, and what was counted."""

    again: dict[str, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file on its way: whose it is, what it is called, as of when unless it says so itself.

    `release`: the word of who lets it count. `tried`: how often, this time included.
    """

    arrival: Arrival
    source: Source
    name: str
    as_of: str
    release: ReleaseFile | None = None
    tried: int = 1


@dataclass(frozen=True, slots=True)
class _Placed:
    """A file among those of its feed: its bytes, the feed as it was seen, what its run may do, its report so far."""

    file: _File
    body: BinaryIO
    feed: Feed
    claim: Claim
    me: Run
    report: FileReport


@dataclass(slots=True)
class IngestCounts:
    """Runs batches. `pause` waits a moment, given how often it was already in vain."""

    files: Files
    feeds: Feeds
    levels: Levels
    problems: Problems
    runs: FeedRuns
    mappings: CountCodes
    documents: TakeDocuments
    pause: Callable[[int], None]

    def run(
        self, batch: Mapping[str, str], rules: Rules, now: datetime, tried: Mapping[str, int] | None = None
    ) -> Ingested:
        """Work off a batch, `message id -> notification`; answer what shall come again.

        `tried`: how often a message came, this time included. A file that made trouble to the last is held unread.
        """
        done = Ingested()
        for message_id, body in batch.items():
            try:
                wish, arrived = _notified(body)
            except InvalidInput as failure:
                action = "look at what writes to the file queue; drop the file again if there was one"
                self._problem("notification_unreadable", message_id, failure.message, action, now)
                done.counted["NotificationRefused"] += 1
                continue
            try:
                match wish:
                    case ReleaseFile():
                        self._release(wish, rules, now, done.counted)
                    case WritePiece():
                        done.counted[self.runs.work(wish, rules, now)] += 1
                    case CountCode():
                        done.counted += self.mappings.run(wish, rules, now)
                for arrival in arrived:
                    self._ingest(arrival, rules, now, (tried or {}).get(message_id, 1), done.counted)
            except (Conflict, Transient) as failure:
                done.again[message_id] = failure.code
        return done

    def _ingest(self, arrival: Arrival, rules: Rules, now: datetime, tried: int, counted: Counter[str]) -> None:
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
            file = _File(arrival=arrival, source=source, name=name, as_of=as_of, tried=tried)
            counted[self._count(file, rules, now, counted)] += 1

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
        counted[self._count(file, rules, now, counted)] += 1

    def _count(self, file: _File, rules: Rules, now: datetime, counted: Counter[str]) -> str:
        """Bring a file to its end; say what is counted."""
        arrival, source = file.arrival, file.source
        if source.feed.as_of is None and self._is_known(file, file.as_of):
            return "FileRepeated"
        try:
            feeds.check(arrival.size, arrival.stored_at, now)
            _check_tries(file.tried)
        except InvalidInput as failure:
            digest = hashlib.sha256(arrival.file.encode()).hexdigest()
            return self._hold(arrival, _report(file, file.as_of, digest), failure, now)
        with self.files.open(arrival.key, arrival.version) as opened:
            if opened is None:
                return "FileGone"
            if file.release is None:
                kept = _report(file, file.as_of, opened.sha256).kept
                documents = self.documents.run(opened, arrival, kept, source, rules, now)
                if documents is not None:
                    counted += documents
                    return "DocumentsTaken"
            for tried in range(1, MOST_TRIES):
                try:
                    return self._stand(file, opened, rules, now, counted)
                except Conflict:
                    self.pause(tried)
            return self._stand(file, opened, rules, now, counted)

    def _is_known(self, file: _File, as_of: str) -> bool:
        """Answer whether a file has been brought to its end; it then leaves `in/`, should it still be there."""
        arrival, source = file.arrival, file.source.source
        if self.feeds.file_at(source, as_of) != arrival.file or self.feeds.now(source).is_open(arrival.file):
            return False
        self.files.remove(arrival)
        return True

    def _stand(self, file: _File, opened: Opened, rules: Rules, now: datetime, counted: Counter[str]) -> str:
        """Find a file's place among those of its feed, and do what is to be done with it there."""
        arrival, source = file.arrival, file.source
        feed, as_of = self.feeds.now(source.source), file.as_of
        try:
            says = None if file.release else read_files.taken_at(opened.file, source, arrival.stored_at)
        except InvalidInput as failure:
            return self._hold(arrival, _report(file, as_of, opened.sha256), failure, now)
        if says:
            as_of = times.text(says)
            if self._is_known(file, as_of):
                return "FileRepeated"
            as_of = feeds.after_its_like(feed, as_of, times.text(arrival.stored_at), opened.sha256)
        report = _report(file, as_of, opened.sha256)
        me = Run(
            as_of=as_of,
            file=arrival.file,
            snapshot=report.kept,
            reading=read_files.reading_of(source),
            digest=opened.sha256,
            stored_at=times.text(arrival.stored_at),
        )
        claim = feeds.claim(feed, me)
        match claim.standing:
            case Standing.DONE:
                self.files.remove(arrival)
                return "FileRepeated"
            case Standing.OLDER:
                return self._put_aside(file, report)
            case Standing.GOES_ON if self.runs.goes_on(source.source, claim.run):
                return "FileGoesOn"
        return self._compare(_Placed(file, opened.file, feed, claim, me, report), rules, now, counted)

    def _compare(self, placed: _Placed, rules: Rules, now: datetime, counted: Counter[str]) -> str:
        """Read what a file says else than the one before it, and go on with that."""
        file, feed, applied = placed.file, placed.feed, placed.feed.applied
        has_codes = self.runs.rows.codes.has_any(feed.source)
        named = self._waiting_codes(file.source, placed) if has_codes else set()
        waiting = {key.sku for key in self.levels.open(feed.source)}
        if has_codes or file.source.codes is Codes.MAPPED:
            waiting = self._codes_of(file.source, waiting)
        waiting |= named
        report = placed.report
        if applied and (applied.digest, applied.reading) == (placed.me.digest, placed.me.reading):
            if waiting and not file.release:
                # A photograph made since would show something of the units that wait: this one is as old as the last.
                self._change(feed.source, partial(feeds.heartbeat, at=placed.me.stored_at))
                self.files.remove(file.arrival)
                return "FileSame"
            report = replace(report, odd=SAME_BYTES)
        with self._against(placed, waiting) as against, read_files.reading(placed.body, file.source, against) as found:
            said = found.tally
            counted["RowRefused"] += said.refused
            by = found.how.method.value if against.snapshot else ""
            report = replace(report, read=said.read, refused=said.refused, compared=by)
            report = replace(report, refusals=found.refusals, warnings=found.warnings)
            ended = self._apply(replace(placed, report=report), found, against, rules, now)
            if ended != "FileHeld" and photographs.zeroes_absent(said, is_full=file.source.feed.full):
                self.runs.rows.settle_left_out(sorted(named - found.met), file.source, placed.claim.run.as_of)
            return ended

    def _waiting_codes(self, source: Source, placed: _Placed) -> set[Sku]:
        """Name codes whose rows count though they are equal: mapped since the last file, or of another meaning since.

        What a code meant before is counted for it at once, by a message of its own.
        """
        codes, applied = self.runs.rows.codes, placed.feed.applied
        until = identity.day_of(placed.me.as_of, source.zone)
        since = identity.day_of(applied.as_of, source.zone) if applied else until
        turned = codes.turned(source.source, since, until)
        if turned:
            self.runs.send([CountCode(source=source.source, code=code) for code in turned])
        return {Sku(code) for code in (*turned, *codes.waiting(source.source))}

    def _codes_of(self, source: Source, skus: set[Sku]) -> set[Sku]:
        """Name what a source's file calls our SKUs: the codes that mean them, and, where it may be, the SKU itself."""
        codes = self.runs.rows.codes
        found = {Sku(known.code) for sku in skus for known in codes.codes_of(source.source, sku)}
        return found | skus if source.codes is Codes.SAME else found

    @contextmanager
    def _against(self, placed: _Placed, waiting: AbstractSet[Sku]) -> Iterator[Against]:
        """Fetch what a file is compared with: what is read as it is, and still there."""
        feed, applied = placed.feed, placed.feed.applied
        with ExitStack() as stack:

            def fetched(run: Run, key: str, version: str = "") -> BinaryIO | None:
                if run.reading != placed.me.reading:
                    return None
                opened = stack.enter_context(self.files.open(key, version))
                return opened.file if opened else None

            others = [fetched(run, *_object(run.file)) for run in placed.claim.others]
            yield Against(
                snapshot=fetched(applied, applied.snapshot) if applied else None,
                tally=applied.tally if applied else None,
                rises=applied.rises if applied else False,
                others=[other for other in others if other],
                unreadable=None in others,
                waiting=waiting,
                unconfirmed=feed.unconfirmed.keys(),
            )

    # ---- files that change nothing

    def _hold(self, arrival: Arrival, report: FileReport, failure: InvalidInput, now: datetime) -> str:
        """Keep a file that must not be used, say why, and open an exception; say what is counted."""
        kept = report.kept.replace("done/", "held/", 1)
        held = replace(report, verdict=Verdict.HELD, kept=kept, reason=failure.message, code=failure.code)
        held = replace(held, details=failure.details)
        feed_runs.keep(self.files, arrival, held)
        action = RELEASE if failure.code == feeds.IMPLAUSIBLE else DROP_AGAIN
        details = {"file": kept, "as_of": report.as_of}
        problem = Problem.of("file_held", report.source, failure, action, details)
        self.problems.open(problem, times.text(now))
        self.feeds.record(held)
        self.files.remove(arrival)
        return "FileHeld"

    def _put_aside(self, file: _File, report: FileReport) -> str:
        """Keep a file that came too late to count; say what is counted."""
        older = replace(report, verdict=Verdict.OLDER, reason="a newer file of this feed came before it")
        feed_runs.keep(self.files, file.arrival, older)
        feed_runs.record(self.feeds, older, is_release=file.release is not None)
        self.files.remove(file.arrival)
        return "FileOlder"

    def _hold_unknown(self, arrival: Arrival, supplier: str, name: str, now: datetime) -> None:
        digest = hashlib.sha256(arrival.file.encode()).hexdigest()[:LETTERS_OF_A_DIGEST]
        kept = f"held/{_fit(supplier) or 'unknown'}/{times.text(arrival.stored_at)}-{digest}-{_fit(name)}"
        self.files.keep(arrival, kept)
        action = "name the supplier in the rules and drop the file into in/ again, or delete it"
        self._problem("file_held", kept, "no supplier has this folder: supplier_unknown", action, now)
        self.files.remove(arrival)

    def _problem(self, kind: str, subject: str, reason: str, action: str, now: datetime) -> None:
        self.problems.open(Problem(kind=kind, subject=subject, reason=reason, action=action), times.text(now))

    # ---- files that count

    def _apply(self, placed: _Placed, found: FileRead, against: Against, rules: Rules, now: datetime) -> str:
        """Judge a file by the one before it, open its run, and hand its rows over to be written."""
        file, report, source = placed.file, placed.report, placed.file.source
        if found.failure:
            return self._hold(file.arrival, report, found.failure, now)
        if placed.claim.standing is Standing.OPENED and not file.release:
            verdict = found.judge(source)
            if verdict.ruling is Ruling.HOLD:
                return self._hold(file.arrival, report, _implausible(verdict), now)
            report = replace(report, odd=(*report.odd, *verdict.odd))
        if placed.claim.standing is Standing.OPENED and not self.feeds.write(placed.claim.feed):
            raise Conflict("another file of the feed came between", code="feed_moved", source=source.source)
        run, said = placed.claim.run, found.tally
        zeroes = photographs.zeroes_absent(said, is_full=source.feed.full)
        zeroed = found.absent if zeroes else 0
        report = replace(
            report,
            as_of=run.as_of,
            kept=run.snapshot,
            changed=found.changed + zeroed,
            unchanged=said.skus - found.changed,
            absent=found.absent,
            zeroed=zeroes,
        )
        # Rows written under other rules before a crash are no longer what this reading says: nothing equals them.
        reading = run.reading if run.reading == placed.me.reading else ""
        ending = Ending(
            run=replace(run, tally=said, rises=found.how.rises, reading=reading),
            report=report,
            arrival=file.arrival,
            lost=found.refused if zeroes else [*found.refused, *found.left_out],
            back=found.back,
            compared=against.snapshot is not None,
            is_release=file.release is not None,
        )
        is_ended = self.runs.start(ending, _writes(found, against, zeroes=zeroes), source, rules, now)
        return "FileApplied" if is_ended else "FileInPieces"

    def _change(self, source: SourceId, made: Callable[[Feed], Feed | None]) -> None:
        feed_runs.change(self.feeds, source, made, self.pause)


def _check_tries(tried: int) -> None:
    """Raise InvalidInput for a file at which the function itself broke, each time: the next would be no better."""
    if tried >= LAST_TRY:
        raise InvalidInput("each try to take it in broke off", code="file_poisonous", tried=tried - 1)


def _report(file: _File, as_of: str, digest: str) -> FileReport:
    """Begin the report of a file: whose it is and where it will lie."""
    kept = f"{file.source.source}/{as_of}-{digest[:LETTERS_OF_A_DIGEST]}-{_fit(file.name)}"
    word = file.release
    return FileReport(
        source=file.source.source,
        file=file.arrival.file,
        as_of=as_of,
        verdict=Verdict.APPLIED,
        kept=f"done/{kept}",
        details={"released_by": word.by, "because": word.reason} if word else {},
    )


def _writes(found: FileRead, against: Against, *, zeroes: bool) -> Iterator[RowWrite]:
    """Yield the rows that need a write."""
    for differs in found.differences:
        waits = differs.sku in against.waiting
        write = photographs.write_of(differs, waits=waits, zeroes_absent=zeroes)
        if write:
            yield write


def _implausible(verdict: guard.Verdict) -> InvalidInput:
    """Say why a file is held that can be read."""
    return InvalidInput("the file is implausible", code=feeds.IMPLAUSIBLE, because=list(verdict.reasons))


def _notified(body: str) -> tuple[ReleaseFile | WritePiece | CountCode | None, list[Arrival]]:
    """Read a message of the file queue: a person's wish, or what the bucket tells."""
    try:
        message = messages.read(body)
    except InvalidInput:
        return None, arrivals(body)
    if not isinstance(message, ReleaseFile | WritePiece | CountCode):
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
