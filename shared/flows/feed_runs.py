"""A run of a feed, from its first row written to its file being the snapshot (docs/protocols.md, FEED RUN).

A few rows are written at once. Many go out in pieces: each is an object and a message, and who writes the last of them
ends the run. Which are written is a set: a piece that comes twice counts once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

from shared.domain import feeds, times
from shared.domain.feeds import Feed, FileReport, Run, Verdict
from shared.domain.messages import Message, WritePiece
from shared.domain.names import Sku, SourceId
from shared.domain.photographs import Row, RowWrite, Tally
from shared.domain.rules import Rules, Source
from shared.errors import Transient
from shared.flows.write_rows import WriteRows
from shared.formats import file_reports
from shared.storage.feeds import Feeds
from shared.storage.files import Arrival, Files

MOST_TRIES = 8
KEPT_FOR = timedelta(days=30)
"""How long it is known which pieces of a run were written."""
PIECE = 2_500
"""Rows that are written at once, and those of a piece: a few seconds' work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is to do when the rows of a run are written.

    `compared`: whether it was held against the snapshot, `lost` and `back` then say what that leaves unconfirmed.
    """

    run: Run
    report: FileReport
    arrival: Arrival
    lost: Sequence[Sku]
    back: Sequence[Sku]
    compared: bool
    is_release: bool


@dataclass(slots=True)
class FeedRuns:
    """Writes runs and ends them."""

    files: Files
    feeds: Feeds
    rows: WriteRows
    send: Callable[[Sequence[Message]], None]
    pause: Callable[[int], None]
    piece: int = PIECE

    def start(self, ending: Ending, writes: Iterable[RowWrite], source: Source, rules: Rules, now: datetime) -> bool:
        """Write the rows of an open run; answer whether it is ended, or its pieces are on their way."""
        left = iter(writes)
        few = list(islice(left, self.piece))
        if len(few) < self.piece:
            self.rows.write(few, source, ending.run, rules, now)
            keep(self.files, ending.arrival, ending.report)
            self._end(ending)
            return True
        keep(self.files, ending.arrival, ending.report)
        place, count = _place(ending.run, source.source), 0
        for count, some in enumerate(_batched(chain(few, left), self.piece), 1):
            self.files.put(f"{place}/{count}.jsonl", _written(some), "application/x-ndjson")
        kept = replace(ending, report=replace(ending.report, refusals=(), warnings=()))
        self.files.put(f"{place}/ending.json", _to_json(kept), "application/json")
        # Last: once it is known that there are pieces, they stay as they are.
        self.feeds.cut(source.source, ending.run, count, int((now + KEPT_FOR).timestamp()))
        self._send(source.source, ending.run, range(1, count + 1))
        return False

    def goes_on(self, source: SourceId, run: Run) -> bool:
        """Answer whether a run was cut into pieces, and send again those that are not known to be written."""
        pieces = self.feeds.pieces(source, run.as_of)
        if pieces is None or pieces.file != run.file:
            return False
        if pieces.left:
            self._send(source, run, pieces.left)
        else:
            self._end_pieces(source, run)
        return True

    def work(self, message: WritePiece, rules: Rules, now: datetime) -> str:
        """Write one piece, and end the run after the last; say what is counted."""
        source = rules.sources.get(message.source)
        pieces = self.feeds.pieces(message.source, message.as_of)
        run = next((run for run in self.feeds.now(message.source).open if run.as_of == message.as_of), None)
        if source is None or pieces is None or run is None:
            return "PieceOld"  # the run is ended, or a newer file is applied: its rows would all be refused
        if message.number in pieces.left:
            with self.files.open(f"{_place(run, source.source)}/{message.number}.jsonl") as opened:
                if opened is None:
                    return "PieceGone"
                opened.file.seek(0)
                self.rows.write(map(_read, opened.file), source, run, rules, now)
            pieces = self.feeds.piece_done(source.source, run.as_of, message.number)
        if not pieces.left:
            self._end_pieces(source.source, run)
        return "PieceWritten"

    def _end(self, ending: Ending) -> None:
        """Enter a file whose rows are all written into the history, make it the snapshot, take it off `in/`."""
        record(self.feeds, ending.report, is_release=ending.is_release)

        def finished(feed: Feed) -> Feed | None:
            return feeds.finish(feed, ending.run, ending.lost, ending.back, compared=ending.compared)

        change(self.feeds, SourceId(ending.report.source), finished, self.pause)
        self.files.remove(ending.arrival)

    def _end_pieces(self, source: SourceId, run: Run) -> None:
        with self.files.open(f"{_place(run, source)}/ending.json") as opened:
            if opened is None:
                raise Transient("how a run ends cannot be read", code="ending_gone", source=source, as_of=run.as_of)
            opened.file.seek(0)
            ending = _from_json(json.load(opened.file))
        # Before the end as well: after it no message would come any more that takes the file off.
        self.files.remove(ending.arrival)
        self._end(ending)

    def _send(self, source: SourceId, run: Run, numbers: Iterable[int]) -> None:
        self.send([WritePiece(source=source, as_of=run.as_of, number=number) for number in numbers])


def change(store: Feeds, source: SourceId, made: Callable[[Feed], Feed | None], pause: Callable[[int], None]) -> None:
    """Store what `made` makes of a feed as it now is; None of it is nothing to store."""
    for tried in range(1, MOST_TRIES + 1):
        after = made(store.now(source))
        if after is None or store.write(after):
            return
        pause(tried)
    raise Transient("a feed keeps changing", code="feed_busy", source=source)


def keep(files: Files, arrival: Arrival, report: FileReport) -> None:
    """Put a file where it stays, and its report where the supplier finds it."""
    files.keep(arrival, report.kept)
    place = f"out/{report.source}/reports/{report.kept.rpartition('/')[2]}"
    files.put(f"{place}.json", file_reports.to_json(report), "application/json")
    files.put(f"{place}.txt", file_reports.to_text(report), "text/plain; charset=utf-8")


def record(store: Feeds, report: FileReport, *, is_release: bool) -> None:
    """Enter a file into its feed's history; one that was held before has its entry."""
    if is_release:
        store.record_released(report)
    else:
        store.record(report)


def _place(run: Run, source: SourceId) -> str:
    """Say where the pieces of a run lie."""
    return f"pieces/{source}/{run.snapshot.rpartition('/')[2]}"


def _written(writes: Iterable[RowWrite]) -> bytes:
    told = ((*_said(each.row), each.old, each.count, each.cost, each.old_cost, each.is_absent) for each in writes)
    return "".join(f"{json.dumps(each, separators=(',', ':'))}\n" for each in told).encode()


def _said(row: Row) -> tuple[object, ...]:
    return row.sku, row.line, row.units, row.cost_minor, row.gtin


def _read(line: bytes) -> RowWrite:
    sku, number, units, cost_minor, gtin, old, count, cost, old_cost, is_absent = json.loads(line)
    row = Row(line=number, sku=Sku(sku), units=units, cost_minor=cost_minor, gtin=gtin)
    return RowWrite(row=row, old=old, count=count, cost=cost, old_cost=old_cost, is_absent=is_absent)


def _to_json(ending: Ending) -> bytes:
    told = asdict(ending)
    told["arrival"]["stored_at"] = times.text(ending.arrival.stored_at)
    return json.dumps(told).encode()


def _from_json(told: dict[str, Any]) -> Ending:
    arrival = told["arrival"] | {"stored_at": times.read(told["arrival"]["stored_at"])}
    run = told["run"] | {"tally": Tally(**told["run"]["tally"])}
    report = told["report"] | {"verdict": Verdict(told["report"]["verdict"])}
    whole = {"run": Run(**run), "report": FileReport(**report), "arrival": Arrival(**arrival)}
    return Ending(**(told | whole))


def _batched(writes: Iterable[RowWrite], size: int) -> Iterator[list[RowWrite]]:
    left = iter(writes)
    while some := list(islice(left, size)):
        yield some
