"""A source's stock files: what a file says, which runs may write, and which rows are worth a write.

A feed is one stream of files, each a photograph of a source. The runs of a feed are ordered by the time of their
photograph: the snapshot, which is the newest file that was written whole, never moves to an older one, and a row
that equals it is skipped only while no open run may have written it otherwise (docs/protocols.md, FEED ROW, FEED
RUN).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from shared.domain import times
from shared.domain.names import Sku, SourceId
from shared.domain.stock import Level
from shared.errors import InvalidInput

MOST_UNCONFIRMED = 1_000
"""SKUs that may be left out or refused and still fit the feed's item."""

IMPLAUSIBLE = "file_implausible"
"""The code of a file that can be read and was held by the guard: a person may let it count."""

MOST_TOLD = 100
"""Refused rows that a report lists; the rest is counted."""

MOST_WAREHOUSES = 1_000

FEW_REFUSED = 5
MOST_REFUSED_PERCENT = 20

MOST_BYTES = 1 << 30
MOST_ROWS = 5_000_000
"""What one function goes through in its time, on its disk."""

UNFINISHED = (".part", ".tmp", ".filepart")
"""How uploads are called that are not through; the finished file comes as another object."""

LIKE, NEXT = timedelta(seconds=1), timedelta(milliseconds=1)
"""Within what files of one stated time lie, and by how much they differ."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far a file's time may lie ahead of ours: the store's clock and ours are both kept, this is no supplier's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as read: `units` of a SKU, and what a piece costs where the file says so.

    `told`: how the file says the units where that is no mere number (`99+`, `Call`); `gtin`: of fourteen digits;
    `warehouse`: where they lie, if each warehouse has a row.
    """

    line: int
    sku: Sku
    units: int
    cost_minor: int | None = None
    warning: str = ""
    told: str = ""
    gtin: str = ""
    warehouse: str = ""
    is_discontinued: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A row that cannot be read: where, the heading of its column, the value there (cut), why.

    `sku`: where at least that was read; `offset`: byte of the file at which the row begins, where a line tells little.
    """

    line: int
    column: str
    value: str
    reason: str
    sku: Sku | None = None
    offset: int | None = None


Photo = Mapping[Sku, Row]


@dataclass(slots=True)
class Photograph:
    """All that a file says."""

    rows: dict[Sku, Row] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[Row] = field(default_factory=list)
    refused: int = 0
    refused_skus: set[Sku] = field(default_factory=set)
    nameless: int = 0

    @property
    def read(self) -> int:
        """Rows of the file, good or not."""
        return len(self.rows) + self.refused

    def refuse(self, refusal: Refusal, rows: int = 1) -> None:
        """Count a row that cannot be used, or those of several warehouses, and tell it if there is room."""
        self.refused += rows
        if refusal.sku is None:
            self.nameless += 1
        else:
            self.refused_skus.add(refusal.sku)
        if len(self.refusals) < MOST_TOLD:
            self.refusals.append(refusal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a file says, in numbers.

    `skus`: those of which one row, or one of each warehouse, can be used; `stocked` of them are there at all, `costed`
    have a cost; `units`: all of them together. `refused`: rows, of which `nameless` do not even tell their SKU.
    """

    skus: int = 0
    stocked: int = 0
    costed: int = 0
    units: int = 0
    refused: int = 0
    nameless: int = 0

    @property
    def read(self) -> int:
        """Rows of the file, good or not; rows of several warehouses are one."""
        return self.skus + self.refused

    def __add__(self, other: Tally) -> Tally:
        """Add what another part of the file says."""
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in Tally.__slots__})

    def __sub__(self, other: Tally) -> Tally:
        """Take off what a part of the file says."""
        return Tally(**{name: getattr(self, name) - getattr(other, name) for name in Tally.__slots__})


def tally(photograph: Photograph) -> Tally:
    """Count what a file, or a part of it, says."""
    rows = photograph.rows.values()
    return Tally(
        skus=len(rows),
        stocked=sum(row.units > 0 for row in rows),
        costed=sum(bool(row.cost_minor) for row in rows),
        units=sum(row.units for row in rows),
        refused=photograph.refused,
        nameless=photograph.nameless,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A SKU of which a file may say something else than the file before it, or that waits for a count.

    `row`: what the file says, None where it says nothing that can be used, `is_named` though the SKU may be; `before`
    likewise of the file before. `is_sure`: no run that is still open may have written it otherwise.
    """

    sku: Sku
    row: Row | None
    is_named: bool
    before: Row | None
    is_sure: bool = True

    @property
    def is_lost(self) -> bool:
        """Whether the file before had a row that can be used, and this one has none."""
        return self.row is None and self.before is not None

    @property
    def is_absent(self) -> bool:
        """Whether it is lost because the file does not name it."""
        return self.is_lost and not self.is_named

    @property
    def is_changed(self) -> bool:
        """Whether a row says another number or cost, or is new."""
        row, before = self.row, self.before
        return row is not None and (before is None or (row.units, row.cost_minor) != (before.units, before.cost_minor))


class Verdict(StrEnum):
    """What became of a file. A person may release a held one, which is then applied, or reject it for good."""

    APPLIED = "applied"
    HELD = "held"
    OLDER = "older"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What became of a file: `kept` is where it lies now, `reason`, its `code` and `details` why it is not applied.

    `absent`: SKUs of the snapshot that the file does not name; `zeroed`: whether that means that there are none of
    them, or, as in a delta, nothing. `odd`: what is unusual about it and was let through.
    """

    source: str
    file: str
    as_of: str
    verdict: Verdict
    kept: str
    reason: str = ""
    code: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
    odd: Sequence[str] = ()
    read: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    absent: int = 0
    zeroed: bool = False
    refusals: Sequence[Refusal] = ()
    warnings: Sequence[Row] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One file of a feed: the time of its photograph, the version of the object, and where it is kept when done.

    `reading`: how it was read. What was read otherwise cannot be compared. `digest`: of its bytes; `stored_at`: when it
    came. `tally`: what it says, once it is written; None of files that were written before such was kept. `rises`:
    its SKUs stand in order, each once.
    """

    as_of: str
    file: str
    snapshot: str
    reading: str
    digest: str = ""
    stored_at: str = ""
    tally: Tally | None = None
    rises: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed now. `heartbeat_at`: when the source last showed, by an empty file, that it is there.

    An unchanged row confirms its level without a write of it. `confirms_since`: a level counted earlier than that
    is confirmed by no later file; `unconfirmed`: SKUs that the applied file left out or refused -> the time of the
    last file that had them.
    """

    source: SourceId
    applied: Run | None = None
    open: tuple[Run, ...] = ()
    heartbeat_at: str = ""
    confirms_since: str = ""
    unconfirmed: Mapping[Sku, str] = field(default_factory=dict)
    revision: int = 0

    @property
    def heard_at(self) -> str:
        """When the source last showed that it is there; empty when it never did."""
        return max(self.heartbeat_at, self.applied.as_of if self.applied else "")

    def is_open(self, file: str) -> bool:
        """Whether a run of this file was begun and is not known to be finished."""
        return any(run.file == file for run in self.open)


class Standing(StrEnum):
    """What a run may do."""

    DONE = "done"
    GOES_ON = "goes on"
    OPENED = "opened"
    OLDER = "older"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The answer to a run that wants to write: `run` as it stands in the feed, `feed` as it has to be stored."""

    standing: Standing
    run: Run
    feed: Feed

    @property
    def others(self) -> tuple[Run, ...]:
        """Open runs beside this one."""
        return tuple(run for run in self.feed.open if run.file != self.run.file)


def claim(feed: Feed, me: Run) -> Claim:
    """Ask whether a run may write its rows. Only OPENED changes the feed, and holds once that is stored."""
    if feed.applied and feed.applied.file == me.file:
        return Claim(standing=Standing.DONE, run=feed.applied, feed=feed)
    for run in feed.open:
        if run.file == me.file:
            return Claim(standing=Standing.GOES_ON, run=run, feed=feed)
    known = [*feed.open, feed.applied] if feed.applied else feed.open
    if any(run.as_of >= me.as_of for run in known):
        return Claim(standing=Standing.OLDER, run=me, feed=feed)
    opened = replace(feed, open=(*feed.open, me), revision=feed.revision + 1)
    return Claim(standing=Standing.OPENED, run=me, feed=opened)


def after_its_like(feed: Feed, as_of: str, stored_at: str, digest: str) -> str:
    """Tell as of when a file counts that says its time itself.

    Two files may say the same time, of the minute or the day: the one that came later is the correction, and counts a
    millisecond later. The same bytes again are no correction.
    """
    known = [*feed.open, *([feed.applied] if feed.applied else [])]
    until = times.text(times.read(as_of) + LIKE)
    like = [run for run in known if as_of <= run.as_of < until]
    if any(run.digest == digest or run.stored_at >= stored_at for run in like):
        return as_of
    return max((times.text(times.read(run.as_of) + NEXT) for run in like), default=as_of)


def finish(feed: Feed, me: Run, lost: Iterable[Sku], back: Iterable[Sku], *, compared: bool) -> Feed | None:
    """Make a run whose rows are all written the snapshot; None when a newer one is that already.

    `lost`: SKUs that the snapshot had and this file leaves out or refuses; `back`: those it has and the snapshot had
    not. Not `compared` with the snapshot, every row was written: the file confirms what it wrote, and nothing else.
    """
    if feed.applied and feed.applied.as_of >= me.as_of:
        return None
    still_open = tuple(run for run in feed.open if run.as_of > me.as_of)
    changed = replace(feed, applied=me, open=still_open, revision=feed.revision + 1)
    if not compared or feed.applied is None:
        return replace(changed, confirms_since=me.as_of, unconfirmed={})
    confirmed = set(back)
    still = {sku: at for sku, at in feed.unconfirmed.items() if sku not in confirmed}
    newly = dict.fromkeys(lost, feed.applied.as_of)
    return replace(changed, unconfirmed=dict(islice((newly | still).items(), MOST_UNCONFIRMED)))


def confirmed_at(feed: Feed | None, level: Level) -> str:
    """Answer as of when a level's count is known to hold: its own time, or that of a file which still said so."""
    if feed is None or feed.applied is None or level.counted_as_of < feed.confirms_since:
        return level.counted_as_of
    return max(level.counted_as_of, feed.unconfirmed.get(level.key.sku, feed.applied.as_of))


def heartbeat(feed: Feed, at: str) -> Feed | None:
    """Note that the source is there; None when that is known for this time or a later one."""
    if feed.heartbeat_at >= at:
        return None
    return replace(feed, heartbeat_at=at, revision=feed.revision + 1)


def is_unfinished(name: str) -> bool:
    """Whether an object is no file of a supplier: an upload on its way, a hidden file, a folder's marker."""
    return not name or name.startswith(".") or name.lower().endswith(UNFINISHED)


def check(size: int, stored_at: datetime, now: datetime) -> None:
    """Raise InvalidInput for a file that is not even opened.

    One from the future would, once applied, make every honest file after it an older one.
    """
    if size > MOST_BYTES:
        told = "the file is too large: split it by SKUs into feeds of their own, or send only what changed"
        raise InvalidInput(told, code="file_too_large", bytes=size, most=MOST_BYTES)
    if stored_at > now + CLOCKS_DIFFER:
        raise InvalidInput("its time lies ahead of ours", code="file_from_future", stored_at=times.text(stored_at))


def check_taken(taken_at: datetime, came_at: datetime) -> None:
    """Raise InvalidInput for a file that says it was taken later than it came: it is not known how old it is."""
    ahead = taken_at - came_at
    if ahead > CLOCKS_DIFFER:
        off = abs(ahead - timedelta(hours=round(ahead / timedelta(hours=1))))
        hint = "its zone may be wrong by whole hours" if off <= CLOCKS_DIFFER else "its clock may be wrong"
        minutes = ahead // timedelta(minutes=1)
        raise InvalidInput("its time lies ahead of ours", code="file_from_future", minutes=minutes, hint=hint)


def gather(read: Iterable[Row | Refusal]) -> Photograph:
    """Collect rows by SKU. Of a SKU that comes twice every row is refused: nothing says which counts.

    Rows of several warehouses are one row, which counts only if every one of them could be read.
    """
    photograph = Photograph()
    twice: set[Sku] = set()
    lying: dict[Sku, set[str]] = {}
    for each in read:
        if isinstance(each, Refusal):
            photograph.refuse(each)
            continue
        if each.sku in twice:
            photograph.refuse(_twice(each))
        elif each.warehouse and _add(photograph, lying, each):
            continue
        elif first := photograph.rows.pop(each.sku, None):
            twice.add(each.sku)
            photograph.refuse(_twice(first), rows=len(lying.get(each.sku, ())) or 1)
            photograph.refuse(_twice(each))
        else:
            photograph.rows[each.sku] = each
    for sku in lying.keys() & photograph.refused_skus & photograph.rows.keys():
        part = photograph.rows.pop(sku)
        reason = "of another warehouse it could not be read"
        refusal = Refusal(line=part.line, column="", value=sku[:40], reason=reason, sku=sku)
        photograph.refuse(refusal, rows=len(lying[sku]))
    photograph.warnings = [row for row in photograph.rows.values() if row.warning]
    return photograph


def _add(photograph: Photograph, lying: dict[Sku, set[str]], row: Row) -> bool:
    """Add what lies in one more warehouse; answer False where a SKU has a second row of one, or one of none."""
    known, sum_so_far = lying.setdefault(row.sku, set()), photograph.rows.get(row.sku)
    if row.warehouse in known or len(known) == MOST_WAREHOUSES or (sum_so_far and not known):
        return False
    known.add(row.warehouse)
    photograph.rows[row.sku] = row if sum_so_far is None else _sum(sum_so_far, row)
    return True


def _sum(first: Row, other: Row) -> Row:
    """Make one row of two warehouses' rows. The dearer cost is the one that may have to be paid."""
    costs = [row.cost_minor for row in (first, other) if row.cost_minor is not None]
    return replace(
        first,
        units=first.units + other.units,
        cost_minor=max(costs, default=None),
        warning="; ".join(filter(None, (first.warning, other.warning))),
        told=" + ".join(filter(None, (first.told, other.told))),
        is_discontinued=first.is_discontinued and other.is_discontinued,
    )


def check_rows(said: Tally) -> None:
    """Raise InvalidInput for a file of which nothing may be used, though it can be read."""
    if not said.skus:
        raise InvalidInput("not one row can be used", code="no_rows", read=said.read)
    if said.refused >= FEW_REFUSED and said.refused * 100 > said.read * MOST_REFUSED_PERCENT:
        raise InvalidInput("too many rows are refused", code="many_refused", refused=said.refused, read=said.read)


def too_long(rows: int) -> InvalidInput:
    """Say that a file has more rows than one function goes through."""
    told = "the file has too many rows: split it by SKUs into feeds of their own, or send only what changed"
    return InvalidInput(told, code="file_too_long", rows=rows, most=MOST_ROWS)


def zeroes_absent(said: Tally, *, is_full: bool) -> bool:
    """Answer whether what a file does not name is not there: of a full one, in which every row could be told apart."""
    return is_full and not said.nameless


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWrite:
    """What is to be written of a row: its count, its cost, or both; `old`, `old_cost`: what the snapshot says.

    `is_absent`: no row, but a SKU that a full file does not name.
    """

    row: Row
    old: int | None
    count: bool
    cost: bool
    old_cost: int | None = None
    is_absent: bool = False


def write_of(differs: Difference, *, waits: bool, zeroes_absent: bool) -> RowWrite | None:
    """Tell what a difference needs written; None where nothing.

    That is what changed against the snapshot, what `waits` for any count (open deductions, a hold), and what a run that
    is still open may have written otherwise. A row without a cost leaves the known one; what a full file does not
    name is a row of 0.
    """
    row, before, is_absent = differs.row, differs.before, differs.row is None
    if row is None:
        if differs.is_named or not zeroes_absent or (before is None and differs.is_sure):
            return None
        row = Row(line=0, sku=differs.sku, units=0)
    is_known = before is not None and differs.is_sure
    count = waits or not is_known or before is None or before.units != row.units
    cost = row.cost_minor is not None and (not is_known or before is None or before.cost_minor != row.cost_minor)
    if not count and not cost:
        return None
    old, old_cost = (before.units, before.cost_minor) if before else (None, None)
    return RowWrite(row=row, old=old, count=count, cost=cost, old_cost=old_cost, is_absent=is_absent)


def _twice(row: Row) -> Refusal:
    return Refusal(line=row.line, column="", value=row.sku[:40], reason="the SKU comes more than once", sku=row.sku)
