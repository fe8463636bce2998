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
from shared.domain.photographs import Refusal, Row, Tally
from shared.domain.stock import Level
from shared.errors import InvalidInput

MOST_UNCONFIRMED = 1_000
"""SKUs that may be left out or refused and still fit the feed's item."""

IMPLAUSIBLE = "file_implausible"
"""The code of a file that can be read and was held by the guard: a person may let it count."""


MOST_BYTES = 1 << 30

UNFINISHED = (".part", ".tmp", ".filepart")
"""How uploads are called that are not through; the finished file comes as another object."""

LIKE, NEXT = timedelta(seconds=1), timedelta(milliseconds=1)
"""Within what files of one stated time lie, and by how much they differ."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far a file's time may lie ahead of ours: the store's clock and ours are both kept, this is no supplier's."""


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
    them, or, as in a delta, nothing. `odd`: what is unusual about it and was let through. `compared`: in which way it
    was, with the file before it.
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
    compared: str = ""
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
