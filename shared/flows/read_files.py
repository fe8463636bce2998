"""A supplier's file -> what it says, as of when, and how it stands against the file before it. It writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from shared.domain import feeds, guard
from shared.domain.feeds import Feed, Photo, Photograph, Run
from shared.domain.rules import Source
from shared.errors import InvalidInput
from shared.formats import stock_files
from shared.storage.files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """A file as it was read. `taken_at`: when it says it was taken; `failure`: why nothing of it may be used."""

    photograph: Photograph = field(default_factory=Photograph)
    taken_at: datetime | None = None
    failure: InvalidInput | None = None


def read(file: BinaryIO, source: Source, came_at: datetime) -> FileRead:
    """Read a file that came at a time; what is wrong with it as a whole is its failure."""
    photograph, taken_at = Photograph(), None
    try:
        taken_at = stock_files.taken_at(file, source.feed, source.zone)
        if taken_at:
            feeds.check_taken(taken_at, came_at)
        photograph = feeds.gather(stock_files.read(file, source.feed, source.currency))
        feeds.check_rows(photograph)
    except InvalidInput as failure:
        return FileRead(photograph=photograph, taken_at=taken_at, failure=failure)
    return FileRead(photograph=photograph, taken_at=taken_at)


def judge(photograph: Photograph, snapshot: Photo | None, source: Source) -> guard.Verdict:
    """Judge a file by the one before it; the first one is taken as it is."""
    profile = source.feed
    return guard.judge(guard.compare(photograph, snapshot or {}), profile.guard, is_full=profile.full)


def snapshot(files: Files, feed: Feed, source: Source) -> Photo | None:
    """Read the file that was applied last; None when there is none, or it was read otherwise than now."""
    return photo(files, feed.applied.snapshot, "", feed.applied, source) if feed.applied else None


def photo(files: Files, key: str, version: str, run: Run, source: Source) -> Photo | None:
    """Read the rows of another run; None when they cannot be compared with ours."""
    if run.reading != stock_files.fingerprint(source.feed, source.currency):
        return None
    with files.open(key, version) as opened:
        if opened is None:
            return None
        return feeds.gather(stock_files.read(opened.file, source.feed, source.currency)).rows
