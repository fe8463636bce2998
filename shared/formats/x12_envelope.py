"""The envelopes of X12: which transaction sets a file holds, whose they are, and what does not add up about them.

Counts and control numbers that disagree are findings, for a partner's policy to judge: partners do send them. An
envelope that is not closed is a file that was cut off, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.domain.documents import Finding
from shared.errors import InvalidInput
from shared.formats import x12
from shared.formats.x12 import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Interchange:
    """Who sent it to whom, its control number, what separates components (ISA06, ISA08, ISA13, ISA16)."""

    sender: str
    sender_qualifier: str
    receiver: str
    receiver_qualifier: str
    control: str
    component: str
    is_test: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A functional group: what it is about (GS01), its control number (GS06), its version (GS08)."""

    functional_id: str
    control: str
    version: str
    sender: str
    receiver: str


@dataclass(frozen=True, slots=True)
class TransactionSet:
    """One document: its number (`850`), control number (ST02), envelopes, and its segments between ST and SE.

    `body` is read from the file as it is walked: walk it before the next set is asked for.
    """

    number: str
    control: str
    group: Group
    interchange: Interchange
    header: Segment
    body: Iterator[Segment]


class Envelopes:
    """Walks a file. `findings` are complete once all sets were walked."""

    def __init__(self, file: BinaryIO) -> None:
        self._segments = x12.segments(file)
        self.findings: list[Finding] = []

    def sets(self) -> Iterator[TransactionSet]:
        """Yield the transaction sets. Raises InvalidInput where an envelope is missing or not closed."""
        for segment in self._segments:
            if segment.id != "ISA":
                raise _misplaced(segment, "ISA")
            yield from self._interchange(segment)

    def _interchange(self, isa: Segment) -> Iterator[TransactionSet]:
        interchange = Interchange(
            sender=isa.get(6),
            sender_qualifier=isa.get(5),
            receiver=isa.get(8),
            receiver_qualifier=isa.get(7),
            control=isa.get(13),
            component=isa.get(16),
            is_test=isa.get(15) == "T",
        )
        groups = 0
        for segment in self._segments:
            match segment.id:
                case "GS":
                    groups += 1
                    yield from self._group(segment, interchange)
                case "TA1":
                    continue  # the other side's word on an envelope of ours
                case "IEA":
                    self._compare(segment, 1, groups, "groups")
                    self._same(segment, 2, interchange.control, "interchange")
                    return
                case _:
                    raise _misplaced(segment, "GS or IEA")

    def _group(self, gs: Segment, interchange: Interchange) -> Iterator[TransactionSet]:
        group = Group(
            functional_id=gs.get(1), control=gs.get(6), version=gs.get(8), sender=gs.get(2), receiver=gs.get(3)
        )
        sets = 0
        for segment in self._segments:
            match segment.id:
                case "ST":
                    sets += 1
                    body = self._body(segment)
                    yield TransactionSet(segment.get(1), segment.get(2), group, interchange, segment, body)
                    for _ in body:
                        pass
                case "GE":
                    self._compare(segment, 1, sets, "sets")
                    self._same(segment, 2, group.control, "group")
                    return
                case _:
                    raise _misplaced(segment, "ST or GE")
        raise InvalidInput("a group is not closed", code="x12_not_closed", segment=gs.position, byte=gs.offset)

    def _body(self, st: Segment) -> Iterator[Segment]:
        count = 1
        for segment in self._segments:
            count += 1
            if segment.id == "SE":
                self._compare(segment, 1, count, "segments")
                self._same(segment, 2, st.get(2), "set")
                return
            if segment.id in {"ST", "GE", "IEA", "ISA", "GS"}:
                raise InvalidInput("a set is not closed", code="x12_not_closed", segment=st.position, byte=st.offset)
            yield segment
        raise InvalidInput("a set is not closed", code="x12_not_closed", segment=st.position, byte=st.offset)

    def _compare(self, segment: Segment, element: int, counted: int, what: str) -> None:
        if _number(segment.get(element)) != counted:
            text = f"it says {segment.get(element) or 'nothing'}, there are {counted} {what}"
            self._find(f"count_of_{what}", segment, element, text)

    def _same(self, segment: Segment, element: int, opened: str, what: str) -> None:
        closed = segment.get(element)
        if closed != opened and (_number(closed) is None or _number(closed) != _number(opened)):
            self._find(f"control_of_{what}", segment, element, f"opened as {opened or 'nothing'}, closed as {closed}")

    def _find(self, code: str, segment: Segment, element: int, text: str) -> None:
        self.findings.append(
            Finding(
                code=code, segment=segment.position, element=element, byte=segment.offset, text=text, name=segment.id
            )
        )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _misplaced(segment: Segment, wanted: str) -> InvalidInput:
    return InvalidInput(
        "a segment stands where it must not",
        code="x12_misplaced",
        segment=segment.position,
        byte=segment.offset,
        found=segment.id[:10],
        wanted=wanted,
    )
