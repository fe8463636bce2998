"""Which lines of a file differ from the file before it: equal lines are skipped as bytes and never parsed.

What comes out does not hang on the order of the lines: `added` are the lines of the new file that the old one has
not, `gone` the other way round; one that stands more often in one of them is as well. A line may be told as gone and
as added when it only moved. The order decides what it costs: files in the same order of keys are merged in one pass, in
no memory to speak of; others are compared by a set of lines, as far as that fits.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import compress, count, islice
from operator import ne
from typing import BinaryIO, cast

from shared.errors import InvalidInput

LONGEST_LINE = 65_536
KEPT_IN_MEMORY = 4 * 1024 * 1024
"""Bytes of differing lines, of each file, above which they go to disk."""
AT_ONCE = 256
"""Lines of each file that are compared in one go."""
SET_UP_TO = 48 * 1024 * 1024
"""Bytes of an old file whose lines fit into memory as a set: they take a little more than twice that."""
GIVE_UP_AFTER = 1_000
"""Lines that went back in their order before a merge is given up."""


class Method(StrEnum):
    """How two files were compared."""

    MERGE = "merge"
    SET = "set"
    PARTITIONS = "partitions"


Key = Callable[[bytes], bytes]
Cut = Callable[[bytes], bytes]


class Kept:
    """Lines with their numbers, from 1: the first ones in memory, what there is no room for on disk."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, bytes]] = []
        self._room = KEPT_IN_MEMORY
        self._file: BinaryIO | None = None

    def add(self, number: int, line: bytes) -> None:
        """Keep a line."""
        if not line.endswith(b"\n"):
            line += b"\n"
        self._room -= len(line)
        if self._room >= 0:
            self._lines.append((number, line))
            return
        if self._file is None:
            self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closed with us
        self._file.write(b"%d\t%s" % (number, line))

    def clear(self) -> None:
        """Forget all of them."""
        self.close()
        self._lines, self._room, self._file = [], KEPT_IN_MEMORY, None

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield numbers and lines, from the first."""
        yield from self._lines
        if self._file:
            self._file.seek(0)
            for stored in self._file:
                number, _, line = stored.partition(b"\t")
                yield int(number), line

    def close(self) -> None:
        """Give their room back."""
        if self._file:
            self._file.close()


@dataclass(slots=True)
class LineChanges:
    """What differs, and how it was found.

    `keeps_order`: if keys only rise in the old file, so they do in the new one, each standing once.
    """

    method: Method = Method.MERGE
    keeps_order: bool = False
    added: Kept = field(default_factory=Kept)
    gone: Kept = field(default_factory=Kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a file is made of, as far as its bytes tell.

    `newlines_end_lines`: no line ends by a carriage return alone. `is_plain`: ASCII without quotes and without control
    characters that count as space, so that a cell is what stands between its marks.
    """

    lines: int
    quotes: int
    newlines_end_lines: bool
    is_plain: bool


def survey(file: BinaryIO) -> Survey:
    """Look over a file from its first byte.

    Raises InvalidInput for a line that is too long to hold and for a zero byte.
    """
    file.seek(0)
    lines = quotes = returns = pairs = 0
    is_plain, last = True, b""
    while chunk := file.read(LONGEST_LINE):
        if len(chunk) == LONGEST_LINE and b"\n" not in chunk:
            raise InvalidInput("a line is too long", code="line_too_long", most=LONGEST_LINE)
        if b"\0" in chunk:
            raise InvalidInput("the text has a zero byte", code="nul_byte")
        lines += len(chunk) - len(chunk.replace(b"\n", b""))  # which is four times as fast as counting one byte
        if b'"' in chunk:
            quotes += chunk.count(b'"')
        if b"\r" in chunk or last == b"\r":
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
        is_plain = is_plain and chunk.isascii() and not any(mark in chunk for mark in _SPACE_TO_TEXT)
        last = chunk[-1:]
    lines += last not in {b"", b"\n"}
    return Survey(lines=lines, quotes=quotes, newlines_end_lines=returns == pairs, is_plain=is_plain and not quotes)


_SPACE_TO_TEXT = (b"\x1c", b"\x1d", b"\x1e", b"\x1f")
"""What is space in text, and none in bytes."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a surveyed file, from a byte on, where the line of that number begins."""

    file: BinaryIO
    start: int = 0
    first: int = 1

    def from_start(self) -> BinaryIO:
        """Go to the first of them."""
        self.file.seek(self.start)
        return self.file

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """Yield all of them with their numbers."""
        return enumerate(self.from_start(), self.first)


@contextmanager
def between(old: Lines, new: Lines, key: Key, cut: Cut | None = None) -> Iterator[LineChanges]:
    """Compare two files line by line.

    `key` tells from a line what the row is about; it decides how a merge goes on, never what comes out. `cut` leaves of
    a line what counts, without, say, a time stamp that is another one in every file. Where the method is partitions,
    nothing is said: the files are in another order, and too large for this.
    """
    changes = LineChanges()
    try:
        if not _merge(_Ahead(old, cut), _Ahead(new, cut), key, changes):
            changes.added.clear()
            changes.gone.clear()
            if old.file.seek(0, os.SEEK_END) <= SET_UP_TO:
                changes.method = Method.SET
                for number, line in unmatched(old.from_start, new.numbered(), cut):
                    (changes.added if number else changes.gone).add(number, line)
            else:
                changes.method = Method.PARTITIONS
        yield changes
    finally:
        changes.added.close()
        changes.gone.close()


class _Ahead:
    """Lines of a file, some at once: from `at` on they are yet to be compared, by what `compared` has of each."""

    def __init__(self, lines: Lines, cut: Cut | None) -> None:
        self._lines, self._cut = lines.from_start(), cut
        self.lines: list[bytes] = []
        self.compared: list[bytes] = []
        self.at = 0
        self.number = lines.first
        """Of the first of `lines`."""
        self.above = b""
        """The line above them; empty where they are the first."""

    def fill(self) -> bool:
        """Read on where all are compared; answer whether there is one."""
        if self.at == len(self.lines):
            self.number += self.at
            self.above = self.lines[-1] if self.lines else b""
            self.lines = list(islice(self._lines, AT_ONCE))
            self.compared = self.lines if self._cut is None else list(map(self._cut, self.lines))
            self.at = 0
        return bool(self.lines)


def _merge(old: _Ahead, new: _Ahead, key: Key, changes: LineChanges) -> bool:
    """Walk both files at once; answer False where their order makes that a waste.

    Where a line takes the place of one of the same key, keys rise in the new file as they do in the old one; one that
    comes in between lies below the next of the old file, so it is held against the line above it.
    """
    add_gone, add_added = changes.gone.add, changes.added.add
    backwards, rises = 0, True
    last_old = last_new = b""
    while old.fill() and new.fill():
        starts = old.at, new.at
        befores, afters = old.compared[old.at :], new.compared[new.at :]
        for at in compress(count(), map(ne, befores, afters)):
            old.at, new.at = starts[0] + at, starts[1] + at
            before, after = old.lines[old.at], new.lines[new.at]
            old_key, new_key = key(before), key(after)
            if old_key == new_key:
                add_gone(0, before)
                add_added(new.number + new.at, after)
                continue
            backwards += (old_key < last_old) + (new_key < last_new)
            if backwards > GIVE_UP_AFTER:
                return False
            last_old, last_new = old_key, new_key
            if old_key < new_key:
                add_gone(0, before)
                old.at += 1
            else:
                rises = rises and _rises(new, new_key, key)
                add_added(new.number + new.at, after)
                new.at += 1
            break
        else:
            both = min(len(befores), len(afters))
            old.at, new.at = starts[0] + both, starts[1] + both
    while old.fill():
        for before in old.lines[old.at :]:
            add_gone(0, before)
        old.at = len(old.lines)
    while new.fill():
        new_key = key(new.lines[new.at])
        rises = rises and _rises(new, new_key, key)
        add_added(new.number + new.at, new.lines[new.at])
        new.at += 1
    changes.keeps_order = rises
    return True


def _rises(new: _Ahead, new_key: bytes, key: Key) -> bool:
    """Whether the key of the line at hand lies above that of the line before."""
    above = new.lines[new.at - 1] if new.at else new.above
    return not above or key(above) < new_key


def unmatched(
    olds: Callable[[], Iterable[bytes]], news: Iterable[tuple[int, bytes]], cut: Cut | None
) -> Iterator[tuple[int, bytes]]:
    """Yield lines that stand in one of two files, or more often there: new ones with their number, old ones with 0.

    `olds` goes to the first of the old lines, whose number of times is held in memory.
    """
    left = Counter(olds() if cut is None else map(cut, olds()))
    for number, line in news:
        compared = line if cut is None else cut(line)
        if left.get(compared):
            left[compared] -= 1
        else:
            yield number, line
    for line in olds() if left.total() else ():
        compared = line if cut is None else cut(line)
        if left.get(compared):
            left[compared] -= 1
            yield 0, line
