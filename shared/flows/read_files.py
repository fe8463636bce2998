"""A supplier's file -> what it says, as of when, and what it says else than the file before it. It writes nothing."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import BinaryIO

from shared.domain import feeds, guard, photographs
from shared.domain.facts import Codes
from shared.domain.names import Sku
from shared.domain.photographs import Difference, Photograph, Refusal, Row, Tally
from shared.domain.rules import Source
from shared.errors import InvalidInput
from shared.formats import row_groups, row_lines, stock_files
from shared.formats.row_groups import Group, How
from shared.formats.row_lines import RowLines

KEPT_IN_MEMORY = 4 * 1024 * 1024


class Differences:
    """Differences in the order in which they were found, on disk where they are many."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY)  # noqa: SIM115 - closed with us

    def add(self, differs: Difference) -> None:
        """Keep one."""
        row, before = differs.row, differs.before
        said = [differs.sku, differs.is_named, _said(row), _said(before), differs.is_sure]
        self._file.write(json.dumps(said, separators=(",", ":")).encode() + b"\n")

    def __iter__(self) -> Iterator[Difference]:
        """Yield them from the first."""
        self._file.seek(0)
        for line in self._file:
            sku, is_named, row, before, is_sure = json.loads(line)
            yield Difference(sku=sku, is_named=is_named, row=_row(sku, row), before=_row(sku, before), is_sure=is_sure)

    def close(self) -> None:
        """Give their room back."""
        self._file.close()


def _said(row: Row | None) -> tuple[int, int, int | None, str] | None:
    return (row.line, row.units, row.cost_minor, row.gtin) if row else None


def _row(sku: str, said: tuple[int, int, int | None, str] | None) -> Row | None:
    if said is None:
        return None
    line, units, cost_minor, gtin = said
    return Row(line=line, sku=Sku(sku), units=units, cost_minor=cost_minor, gtin=gtin)


@dataclass(slots=True)
class FileRead:
    """What a file says, in numbers and differences; `failure`: why nothing of it may be used.

    `before`: what the file says that it was compared with, all zero where there is none. `left_out`: SKUs that are no
    longer in it, `refused`: those that can no longer be read, as many as a feed remembers; `back`: those of the
    unconfirmed that are there again; `met`: those waited for that the file names.
    `is_cut_off`: its last line has no end, and that of the file before had one.
    """

    tally: Tally = field(default_factory=Tally)
    before: Tally = field(default_factory=Tally)
    drift: guard.Drift = field(default_factory=guard.Drift)
    how: How = field(default_factory=How)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[Row] = field(default_factory=list)
    differences: Differences = field(default_factory=Differences)
    is_cut_off: bool = False
    changed: int = 0
    absent: int = 0
    left_out: list[Sku] = field(default_factory=list)
    refused: list[Sku] = field(default_factory=list)
    back: list[Sku] = field(default_factory=list)
    met: set[Sku] = field(default_factory=set)
    failure: InvalidInput | None = None

    def judge(self, source: Source) -> guard.Verdict:
        """Judge it by the file before it; the first one is taken as it is."""
        compared = guard.compare(self.tally, self.before, self.drift, is_cut_off=self.is_cut_off)
        return guard.judge(compared, source.feed.guard, is_full=source.feed.full)


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What a file is compared with: the file before it, and those of open runs, which may be writing.

    `tally` and `rises`: what is known of the file before. `unreadable`: an open run's file cannot be compared, so that
    nothing is sure. `waiting`: SKUs whose levels wait for any count; `unconfirmed`: those that the feed remembers.
    """

    snapshot: BinaryIO | None = None
    tally: Tally | None = None
    rises: bool = False
    others: Sequence[BinaryIO] = ()
    unreadable: bool = False
    waiting: AbstractSet[Sku] = frozenset()
    unconfirmed: AbstractSet[Sku] = frozenset()


NOTHING = Against()


def reading_of(source: Source) -> str:
    """Name the way a source's files are read, and their codes understood: what is read otherwise cannot be compared."""
    way = stock_files.fingerprint(source.feed, source.currency)
    return way if source.codes is Codes.SAME else f"{way}-{source.codes}"


def taken_at(file: BinaryIO, source: Source, came_at: datetime) -> datetime | None:
    """Tell when a file says it was taken, if it does. Raises InvalidInput for a time that cannot be."""
    at = stock_files.taken_at(file, source.feed, source.zone)
    if at:
        feeds.check_taken(at, came_at)
    return at


@contextmanager
def reading(file: BinaryIO, source: Source, against: Against = NOTHING) -> Iterator[FileRead]:
    """Read what a file says else than the one before it; what is wrong with it as a whole is its failure."""
    found = FileRead()
    try:
        try:
            _read(found, file, source, against)
            photographs.check_rows(found.tally)
        except InvalidInput as failure:
            found.failure = failure
        yield found
    finally:
        found.differences.close()


def _read(found: FileRead, file: BinaryIO, source: Source, against: Against) -> None:
    snapshot = against.snapshot
    if snapshot and against.tally is None:
        with reading(snapshot, source) as before:
            found.before = before.tally
    elif snapshot and against.tally:
        found.before = against.tally
    found.tally = found.before
    files = [file, *([snapshot] if snapshot else []), *against.others]
    with row_lines.opened(files, source.feed, source.currency) as opened:
        new, rest = opened[0], opened[1:]
        old, others = (rest[0], rest[1:]) if snapshot else (None, rest)
        found.is_cut_off = old is not None and old.is_closed and not new.is_closed
        groups = row_groups.grouped(
            new,
            old,
            others,
            None if against.unreadable else {sku.encode() for sku in against.waiting},
            found.how,
            old_rises=against.rises,
        )
        for group in groups:
            _count(found, group, new, old or new, against)


def _count(found: FileRead, group: Group, new: RowLines, old: RowLines, against: Against) -> None:
    """Add what one key says now and take off what it said before."""
    is_same = [line for _, line in group.new] == group.old
    now = photographs.gather(row for at, line in group.new if (row := new.read(at, line)))
    before = now if is_same else photographs.gather(row for line in group.old if (row := old.read(0, line)))
    found.tally = found.tally + photographs.tally(now) - photographs.tally(before)
    if not is_same:
        _tell(found, now)
    if group.new and (named := Sku(group.key.decode(errors="replace"))) in against.waiting:
        found.met.add(named)
    is_sure = found.how.unsure is not None and group.key not in found.how.unsure
    # A SKU that only an open run had is in neither file, and still may have been written.
    unsaid = [] if is_sure or group.key == row_groups.NAMELESS else [Sku(group.key.decode())]
    for sku in dict.fromkeys([*now.rows, *before.rows, *unsaid]):
        row, was = now.rows.get(sku), before.rows.get(sku)
        is_named = row is not None or sku in now.refused_skus
        differs = Difference(sku=sku, row=row, is_named=is_named, before=was, is_sure=is_sure)
        found.differences.add(differs)
        found.drift.add(differs)
        found.changed += differs.is_changed
        found.absent += differs.is_absent
        if differs.is_lost:
            remembered = found.refused if is_named else found.left_out
            remembered.extend([sku][: feeds.MOST_UNCONFIRMED - len(remembered)])
        if differs.row and sku in against.unconfirmed:
            found.back.append(sku)


def _tell(found: FileRead, now: Photograph) -> None:
    """Tell refusals and warnings: the first by line, as far as there is room."""
    if now.refusals:
        found.refusals = sorted([*found.refusals, *now.refusals], key=attrgetter("line"))[: photographs.MOST_TOLD]
    if now.warnings:
        found.warnings = sorted([*found.warnings, *now.warnings], key=attrgetter("line"))[: photographs.MOST_TOLD]
