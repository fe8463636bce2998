"""Which SKUs a file may say something else of than the file before it, with all lines that are about each.

A file in the order of its keys is joined as it streams; of another the keys that differ are gathered in one more
pass, or, where it or they are too large to hold, both files are laid out on disk by key. What comes out is the same.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, cast
from zlib import crc32

from shared.errors import InvalidInput
from shared.formats import line_changes
from shared.formats.line_changes import LineChanges, Method
from shared.formats.row_lines import RowLines

MOST_IN_MEMORY = 50_000
"""Keys that are gathered in memory."""
PARTS = 128
MOST_LINES_OF_A_KEY = 10_000

NAMELESS = b""
"""The key of a line that does not tell what it is about: it stands for itself."""

Line = tuple[int, bytes]


class Group(NamedTuple):
    """Lines about one key in the new file, with their numbers, and in the old one."""

    key: bytes
    new: list[Line]
    old: list[bytes]


@dataclass(slots=True)
class How:
    """How two files were compared, known when the first group comes.

    `rises`: the new file's keys only rise. `unsure`: keys of which another file than the two differs from
    the new one; None: there may be more than can be told.
    """

    method: Method = Method.PARTITIONS
    rises: bool = False
    unsure: AbstractSet[bytes] | None = frozenset()


def grouped(
    new: RowLines,
    old: RowLines | None,
    others: Sequence[RowLines],
    asked: AbstractSet[bytes] | None,
    how: How,
    *,
    old_rises: bool = False,
    most: int = MOST_IN_MEMORY,
) -> Iterator[Group]:
    """Yield every key whose lines differ between the files, or between the new one and any other, and those asked for.

    A key whose lines are the same may be among them. `asked` None, or no old file: each key comes. `old_rises`: it is
    known of the old file that its keys only rise. Raises InvalidInput for a key with too many lines.
    """
    unsure: set[bytes] = set()
    is_told = True
    for other in others:
        with line_changes.between(other.lines, new.lines, new.key, new.cut) as changes:
            is_told = is_told and changes.method is not Method.PARTITIONS
            unsure |= _keys(new, changes, most)
    how.unsure = unsure if asked is not None and is_told and len(unsure) <= most else None
    if old is None or asked is None or how.unsure is None:
        yield from _laid_out(new, old, None, how)
        return
    wanted = unsure | asked
    with line_changes.between(old.lines, new.lines, new.key, new.cut) as changes:
        how.method = changes.method
        how.rises = old_rises and changes.keeps_order
        if how.rises:
            yield from _joined(new, changes, wanted)
            return
        wanted_here = wanted | _keys(new, changes, most)
        if changes.method is not Method.PARTITIONS and len(wanted_here) <= most:
            yield from _gathered(new, changes, wanted_here)
            return
    yield from _laid_out(new, old, wanted, how)


def _keys(new: RowLines, changes: LineChanges, most: int) -> set[bytes]:
    """Tell which keys differ, as far as that matters: more than `most` are not all needed."""
    keys: set[bytes] = set()
    for kept in (changes.added, changes.gone):
        for _, line in kept:
            keys.add(new.key(line))
            if len(keys) > most + 1:
                return keys
    return keys


# ---- in order


def _joined(new: RowLines, changes: LineChanges, asked: AbstractSet[bytes]) -> Iterator[Group]:
    """Join what was added with what is gone, both of which rise, and look up in the file what is asked for beside."""
    left = set(asked) - {NAMELESS}
    gone, added = iter(changes.gone), iter(changes.added)
    before, after = next(gone, None), next(added, None)
    while before or after:
        old_key = new.key(before[1]) if before else None
        new_key = new.key(after[1]) if after else None
        key = cast("bytes", old_key if new_key is None or (old_key is not None and old_key < new_key) else new_key)
        group = Group(key, [], [])
        if after and new_key == key:
            group.new.append(after)
            after = next(added, None)
        if before and old_key == key:
            group.old.append(before[1])
            before = next(gone, None)
        left.discard(key)
        if key == NAMELESS:
            yield from _apart(group)
        else:
            yield group
    for key in sorted(left):
        same = _found(new, key)
        yield Group(key, [(0, same)], [same]) if same else Group(key, [], [])


def _found(new: RowLines, key: bytes) -> bytes | None:
    """Find the line of a key in a file whose keys rise, by halves."""
    file, low = new.lines.file, new.lines.start
    high = file.seek(0, os.SEEK_END)
    while low < high:
        middle = (low + high) // 2
        file.seek(middle)
        if middle > low:  # on to where a line begins, which may be here
            file.seek(middle - 1)
            file.readline()
        at, line = file.tell(), file.readline()
        if at >= high or not line:
            high = middle
        elif (here := new.key(line)) == key:
            return line
        elif here < key:
            low = at + len(line)
        else:
            high = middle
    return None


# ---- in memory


def _gathered(new: RowLines, changes: LineChanges, wanted: AbstractSet[bytes]) -> Iterator[Group]:
    """Go through the new file once more for all lines of the wanted keys; what both files have is in both."""
    added: defaultdict[bytes, set[int]] = defaultdict(set)
    groups = {key: Group(key, [], []) for key in sorted(wanted) if key != NAMELESS}
    for number, line in changes.added:
        key = new.key(line)
        if key == NAMELESS:
            yield Group(key, [(number, line)], [])
        else:
            added[key].add(number)
    for _, line in changes.gone:
        key = new.key(line)
        if key == NAMELESS:
            yield Group(key, [], [line])
        else:
            groups[key].old.append(line)
    key_of = new.key
    for number, line in new.lines.numbered():
        key = key_of(line)
        if key in groups:
            _add(groups[key].new, (number, line))
            if number not in added[key]:
                groups[key].old.append(line)
    yield from groups.values()


def _add(lines: list[Line], line: Line) -> None:
    if len(lines) == MOST_LINES_OF_A_KEY:
        raise InvalidInput("a SKU comes too many times", code="sku_repeated", most=MOST_LINES_OF_A_KEY, line=line[0])
    lines.append(line)


def _apart(group: Group) -> Iterator[Group]:
    """Let lines that are about nothing stand for themselves."""
    yield from (Group(NAMELESS, [line], []) for line in group.new)
    yield from (Group(NAMELESS, [], [line]) for line in group.old)


# ---- on disk


class _Part:
    """Lines of some keys, on disk, and their numbers where those are noted."""

    def __init__(self, stack: ExitStack) -> None:
        self.file = stack.enter_context(cast("BinaryIO", tempfile.TemporaryFile()))  # noqa: SIM115 - the stack closes it
        self.numbers = array("I")

    def lines(self) -> BinaryIO:
        """Go to the first line."""
        self.file.seek(0)
        return self.file

    def numbered(self) -> Iterator[Line]:
        """Yield lines with their numbers."""
        return zip(self.numbers, self.lines(), strict=True)


def _laid_out(new: RowLines, old: RowLines | None, asked: AbstractSet[bytes] | None, how: How) -> Iterator[Group]:
    """Lay both files out by key, and hold one part's lines at a time; None asks for every key."""
    with ExitStack() as stack:
        news = [_Part(stack) for _ in range(PARTS)]
        how.rises = _scatter(new, news, [part.numbers.append for part in news])
        if old is None:
            for part in news:
                yield from _grouped(new, part.numbered(), (), None)
            return
        olds = [_Part(stack) for _ in range(PARTS)]
        _scatter(old, olds, [_unnoted] * PARTS)
        for now, before in zip(news, olds, strict=True):
            wanted = None
            if asked is not None:
                differing = line_changes.unmatched(before.lines, now.numbered(), new.cut)
                wanted = asked | {new.key(line) for _, line in differing}
            if wanted is None or wanted:
                yield from _grouped(new, now.numbered(), before.lines(), wanted)


def _unnoted(_number: int) -> None:
    """Nobody asks for the numbers of an old file's lines."""


def _scatter(lines: RowLines, parts: Sequence[_Part], notes: Sequence[Callable[[int], None]]) -> bool:
    """Write each line to the part of its key, note its number there; answer whether the keys only rise."""
    into, key_of = [(part.file.write, note) for part, note in zip(parts, notes, strict=True)], lines.key
    rises, above, line, write = True, b"", b"\n", into[0][0]
    for number, line in lines.lines.numbered():
        key = key_of(line)
        if rises:
            rises, above = above < key, key
        write, note = into[crc32(key) % PARTS]
        write(line)
        note(number)
    if not line.endswith(b"\n"):
        write(b"\n")
    return rises


def _grouped(
    lines: RowLines, news: Iterable[Line], olds: Iterable[bytes], wanted: AbstractSet[bytes] | None
) -> Iterator[Group]:
    """Put together what is about each wanted key; None: about any."""
    groups: dict[bytes, Group] = {}
    for number, line in news:
        key = lines.key(line)
        if wanted is None or key in wanted:
            if key == NAMELESS:
                yield Group(key, [(number, line)], [])
            else:
                _add(groups.setdefault(key, Group(key, [], [])).new, (number, line))
    for line in olds:
        key = lines.key(line)
        if wanted is None or key in wanted:
            if key == NAMELESS:
                yield Group(key, [], [line])
            else:
                groups.setdefault(key, Group(key, [], [])).old.append(line)
    yield from groups.values()
