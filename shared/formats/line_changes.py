"""Which lines of a file differ from the file before it: equal lines are skipped as bytes and never parsed.

What comes out does not hang on the order of the lines: `added` are the lines of the new file that the old one has
not, `gone` the other way round; a line that stands twice in the new one is added. A line may be told as gone and as
added when it only moved. The order decides what it costs: files in the same order of keys are merged in one pass, in
no memory to speak of; others are compared by a set of lines, or, where that would not fit, by partitions on disk.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count, zip_longest
from typing import BinaryIO, cast

from shared.errors import InvalidInput

LONGEST_LINE = 65_536
KEPT_IN_MEMORY = 4 * 1024 * 1024
"""Bytes of differing lines, of each file, above which they go to disk."""
SET_UP_TO = 48 * 1024 * 1024
"""Bytes of an old file whose lines fit as a set: it takes a little more than twice that."""
PARTITIONS = 32
GIVE_UP_AFTER = 1_000
"""Lines that went back in their order before a merge is given up."""


class Method(StrEnum):
    """How two files were compared."""

    MERGE = "merge"
    SET = "set"
    PARTITIONS = "partitions"


Key = Callable[[bytes], bytes]
Cut = Callable[[bytes], bytes]


class Lines:
    """Lines with their numbers, from 1, in memory while they are few."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY)  # noqa: SIM115 - closed with us
        self.count = 0

    def add(self, number: int, line: bytes) -> None:
        """Keep a line."""
        self._file.write(b"%d\t%s" % (number, line if line.endswith(b"\n") else line + b"\n"))
        self.count += 1

    def clear(self) -> None:
        """Forget all of them."""
        self._file.seek(0)
        self._file.truncate()
        self.count = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield numbers and lines, from the first."""
        self._file.seek(0)
        for stored in self._file:
            number, _, line = stored.partition(b"\t")
            yield int(number), line

    def close(self) -> None:
        """Give their room back."""
        self._file.close()


@dataclass(slots=True)
class LineChanges:
    """What differs, and how it was found."""

    method: Method = Method.MERGE
    added: Lines = field(default_factory=Lines)
    gone: Lines = field(default_factory=Lines)


def survey(file: BinaryIO) -> int:
    """Count the quotes of a file, from its first byte. Raises InvalidInput for a line that is too long to hold.

    Where there are none, every line is a row of its own.
    """
    file.seek(0)
    quotes = 0
    while chunk := file.read(LONGEST_LINE):
        if len(chunk) == LONGEST_LINE and b"\n" not in chunk:
            raise InvalidInput("a line is too long", code="line_too_long", most=LONGEST_LINE)
        quotes += chunk.count(b'"')
    return quotes


@contextmanager
def between(
    old: BinaryIO, new: BinaryIO, key: Key, cut: Cut | None = None, *, set_up_to: int = SET_UP_TO
) -> Iterator[LineChanges]:
    """Compare two surveyed files line by line, from their first bytes.

    `key` tells from a line what the row is about; it decides how a merge goes on, never what comes out. `cut` leaves of
    a line what counts, without, say, a time stamp that is another one in every file.
    """
    changes = LineChanges()
    try:
        if not _merge(_cut(_from_start(old), cut), _cut(_from_start(new), cut), key, changes):
            changes.added.clear()
            changes.gone.clear()
            if old.seek(0, os.SEEK_END) <= set_up_to:
                changes.method = Method.SET
                _subtract(old, _from_start(new), count(1), cut, changes)
            else:
                changes.method = Method.PARTITIONS
                _subtract_parts(old, new, cut, changes)
        yield changes
    finally:
        changes.added.close()
        changes.gone.close()


def _from_start(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file


Pair = tuple[bytes, ...]
"""What counts of a line first, the whole line last."""

_END: Pair = (b"",)
"""No line of a file is empty: it ends with its newline, or has something before the file ends."""


def _cut(lines: Iterable[bytes], cut: Cut | None) -> Iterator[Pair]:
    return zip(lines, strict=True) if cut is None else ((cut(line), line) for line in lines)


def _merge(olds: Iterator[Pair], news: Iterator[Pair], key: Key, changes: LineChanges) -> bool:
    """Walk both files at once; answer False where their order makes that a waste."""
    number = backwards = 0
    last_old = last_new = b""
    for before, after in zip_longest(olds, news, fillvalue=_END):
        number += 1
        while before[0] != after[0]:
            old_key = key(before[-1]) if before is not _END else None
            new_key = key(after[-1]) if after is not _END else None
            if old_key is not None:
                backwards += old_key < last_old
                last_old = old_key
            if new_key is not None:
                backwards += new_key < last_new
                last_new = new_key
            if backwards > GIVE_UP_AFTER:
                return False
            is_gone = new_key is None or (old_key is not None and old_key <= new_key)
            is_added = old_key is None or (new_key is not None and new_key <= old_key)
            if is_gone:
                changes.gone.add(0, before[-1])
                before = next(olds, _END)  # noqa: PLW2901 - both walk on by themselves until they meet
            if is_added:
                changes.added.add(number, after[-1])
                after = next(news, _END)  # noqa: PLW2901
                number += 1
    return True


def _subtract(
    old: BinaryIO, news: Iterable[bytes], numbers: Iterable[int], cut: Cut | None, changes: LineChanges
) -> None:
    """Take from each file what the other has, by a set of the old one's lines."""
    olds = _from_start(old)
    left = set(olds) if cut is None else set(map(cut, olds))
    for number, line in zip(numbers, news):  # noqa: B905 - numbers may go on for ever
        compared = line if cut is None else cut(line)
        if compared in left:
            left.discard(compared)
        else:
            changes.added.add(number, line)
    if left:
        for line in _from_start(old):
            if (line if cut is None else cut(line)) in left:
                changes.gone.add(0, line)


def _subtract_parts(old: BinaryIO, new: BinaryIO, cut: Cut | None, changes: LineChanges) -> None:
    """Do the same part by part, so that a set holds one part's lines."""
    with ExitStack() as stack:
        olds, news = ([_Part() for _ in range(PARTITIONS)] for _ in range(2))
        for part in (*olds, *news):
            stack.callback(part.file.close)
        _scatter(old, olds, cut)
        _scatter(new, news, cut)
        for before, after in zip(olds, news, strict=True):
            _subtract(before.file, _from_start(after.file), after.numbers, cut, changes)


class _Part:
    """Lines of a file that share a hash, on disk, with their numbers."""

    def __init__(self) -> None:
        self.file: BinaryIO = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closed by who made us
        self.numbers = array("I")


def _scatter(file: BinaryIO, parts: Sequence[_Part], cut: Cut | None) -> None:
    """Write each line to the part that its equal in the other file goes to as well."""
    into = [(part.file.write, part.numbers.append) for part in parts]
    for number, line in enumerate(_from_start(file), 1):
        write, note = into[hash(line if cut is None else cut(line)) % PARTITIONS]
        write(line if line.endswith(b"\n") else line + b"\n")
        note(number)
