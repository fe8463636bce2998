"""X12 as bytes -> segments, as partners really send them.

Delimiters are those of each interchange's ISA: by its fixed layout where that holds, else by its sixteenth separator.
Tolerated: a byte-order mark and white space before ISA, several interchanges, any terminator (a line feed, a character
of several bytes), line ends behind terminators and 80-column wraps, a last IEA without its terminator, padding behind
it. (ASC X12.5, interchange control structures; and what was met in the wild.)
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from shared.errors import InvalidInput

CHUNK = 1 << 16
LONGEST_SEGMENT = 1 << 15
LENGTH_OF_ISA = 106
SEPARATORS_OF_ISA = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)
"""Where they stand when each element has its fixed width."""
ELEMENTS_OF_ISA = 16
LOOKED_AT = 4 * LENGTH_OF_ISA
"""Bytes in which even a padded ISA ends."""
FIRST_OF_SEVERAL_BYTES = 0xC2

_BLANK = b" \t\r\n\x00\x1a"
_LINE_ENDS = b"\r\n"


class Segment(NamedTuple):
    """One segment: its number in the file from 1, the offset of its first byte, its id and elements as text."""

    position: int
    offset: int
    elements: list[str]

    @property
    def id(self) -> str:
        """Its two or three letters."""
        return self.elements[0]

    def get(self, number: int) -> str:
        """Element `number`, from 1; empty where it is absent."""
        return self.elements[number].strip() if number < len(self.elements) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimiters:
    """What separates elements and components, and what ends a segment."""

    element: bytes
    component: bytes
    segment: bytes


def segments(file: BinaryIO) -> Iterator[Segment]:
    """Yield every segment, from the file's first byte, holding no more of it than a chunk.

    Raises InvalidInput with the place where the file is no X12, or ends in the middle.
    """
    source = _Source(file)
    while source.skip_padding():
        yield from _interchange(source, _delimiters(source))
    if not source.index:
        raise InvalidInput("there is nothing in it", code="x12_no_interchange", byte=0)


class _Source:
    """What was read of a file and not told yet; `offset` is where that begins."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file = file
        self.buffer = b""
        self.offset = 0
        self.index = 0

    def more(self) -> bool:
        """Read on; answer False at the end of the file."""
        chunk = self._file.read(CHUNK)
        self.buffer += chunk
        return bool(chunk)

    def skip_padding(self) -> bool:
        """Go to the next interchange; answer False where there is none."""
        while True:
            left = self.buffer.removeprefix(codecs.BOM_UTF8) if self.offset == 0 else self.buffer
            left = left.lstrip(_BLANK)
            self.offset += len(self.buffer) - len(left)
            self.buffer = left
            if len(left) >= LOOKED_AT or not self.more():
                return bool(left)


def _interchange(source: _Source, delimiters: Delimiters) -> Iterator[Segment]:
    """Yield the segments of one interchange, up to its IEA."""
    last, end = b"IEA" + delimiters.element, delimiters.segment
    while True:
        *parts, tail = source.buffer.split(end)
        for i, part in enumerate(parts):
            body = part.lstrip(_BLANK)
            if body:
                source.index += 1
                yield _segment(source.index, source.offset + len(part) - len(body), body, delimiters)
            source.offset += len(part) + len(end)
            if body.startswith(last):
                source.buffer = end.join([*parts[i + 1 :], tail])
                return
        source.buffer = tail
        where = {"segment": source.index + 1, "byte": source.offset}
        if len(tail) > LONGEST_SEGMENT:
            raise InvalidInput("a segment is too long", code="x12_segment_too_long", **where)
        if source.more():
            continue
        rest = tail.strip(_BLANK)
        if not rest.startswith(last):
            raise InvalidInput("it ends within an interchange", code="x12_cut_off", **where)
        source.index += 1
        yield _segment(source.index, source.offset + len(tail) - len(tail.lstrip(_BLANK)), rest, delimiters)
        source.buffer = b""
        return


def _segment(index: int, offset: int, body: bytes, delimiters: Delimiters) -> Segment:
    if delimiters.segment not in _LINE_ENDS and (b"\n" in body or b"\r" in body):
        body = body.translate(None, _LINE_ENDS)  # a wrap after 80 columns
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode("cp1252", errors="replace")
    return Segment(index, offset, text.rstrip("\r").split(delimiters.element.decode("latin-1")))


def _delimiters(source: _Source) -> Delimiters:
    """Read what an ISA says of itself."""
    head = source.buffer[:LOOKED_AT]
    where = {"segment": source.index + 1, "byte": source.offset}
    if not head.startswith(b"ISA") or len(head) < len("ISA*"):
        raise InvalidInput("no ISA where an interchange should begin", code="x12_no_isa", **where)
    element = head[3:4]
    at = SEPARATORS_OF_ISA[-1]
    if len(head) < LENGTH_OF_ISA or any(head[i : i + 1] != element for i in SEPARATORS_OF_ISA):
        at = -1
        for _ in range(ELEMENTS_OF_ISA):
            at = head.find(element, at + 1)
            if at < 0:
                raise InvalidInput("its ISA has too few elements", code="x12_isa_short", **where)
    component, end = head[at + 1 : at + 2], head[at + 2 : at + 3]
    if end and end[0] >= FIRST_OF_SEVERAL_BYTES:
        end = _character(head[at + 2 :])
    if not end or element.isalnum() or end.isalnum() or len({element, component, end}) < len("*:~"):
        raise InvalidInput("its delimiters cannot be told apart", code="x12_delimiters", **where)
    return Delimiters(element=element, component=component, segment=end)


def _character(text: bytes) -> bytes:
    """Return the first character, which may take several bytes in UTF-8."""
    for length in (2, 3, 4):
        try:
            text[:length].decode()
        except UnicodeDecodeError:
            continue
        return text[:length]
    return text[:1]
