"""X12 997, functional acknowledgement: whether what was sent can be read. A partner's of ours, and ours of theirs.

It says nothing of what is in an order. Codes are elements 715 and 717 (verdicts), 718, 720 and 723 (why).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from shared.domain.documents import (
    MOST_LINES,
    DocumentRefused,
    ElementFault,
    Finding,
    FunctionalAck,
    GroupAck,
    SegmentFault,
    SetAck,
    Verdict,
)
from shared.errors import InvalidInput
from shared.formats import x12_writer
from shared.formats.x12 import Segment
from shared.formats.x12_reading import Reading
from shared.formats.x12_writer import Body

NUMBER = "997"
FUNCTIONAL_ID = "FA"

VERDICTS = {
    "A": Verdict.ACCEPTED,
    "E": Verdict.WITH_ERRORS,
    "P": Verdict.PARTLY,
    "R": Verdict.REJECTED,
    "M": Verdict.REJECTED,
    "W": Verdict.REJECTED,
    "X": Verdict.REJECTED,
}
"""Accepted, with errors noted, partly (of a group); rejected, by its authentication, assurance or decryption."""
LETTERS = {Verdict.ACCEPTED: "A", Verdict.WITH_ERRORS: "E", Verdict.PARTLY: "P", Verdict.REJECTED: "R"}

MOST_FAULTS = 10_000
LONGEST_COPY = 99
LONGEST_LOOP = 6

NOT_SUPPORTED = "set_not_read"
SET_CODES = {NOT_SUPPORTED: "1", "control_of_set": "3", "count_of_segments": "4"}
"""A finding about a set as a whole -> AK502: not supported, its control numbers differ, its count of segments."""
SEGMENTS_IN_ERROR = "5"

SEGMENT_CODES = {
    "segment_missing": "3",
    "segment_twice": "5",
    "segment_misplaced": "7",
    "lines_too_many": "4",
    "acks_too_many": "4",
}
"""A finding about a segment -> AK304: missing, more than once, out of its sequence, a loop too often."""
HAS_ELEMENTS = "8"

ELEMENT_CODES = {
    "element_missing": "1",
    "units_missing": "2",
    "price_missing": "2",
    "substitute_unnamed": "2",
    "order_missing": "2",
    "line_unnamed": "2",
    "level_above_missing": "2",
    "units_unreadable": "6",
    "price_unreadable": "6",
    "date_unreadable": "8",
    "time_unreadable": "9",
}
"""A finding about an element -> AK403: missing, missing by what else is said, its characters, its date, its time."""
INVALID_CODE = "7"


@dataclass(slots=True)
class _Set:
    head: Segment
    end: Segment | None = None
    faults: list[SegmentFault] = field(default_factory=list)
    segment: Segment | None = None
    elements: list[ElementFault] = field(default_factory=list)


def read(reading: Reading) -> FunctionalAck:
    """Read a set. Raises DocumentRefused with everything that cannot be read without a guess."""
    group: Segment | None = None
    last: Segment | None = None
    sets: list[_Set] = []
    faults = 0
    for segment in reading.segments():
        match segment.id:
            case "AK1":
                if group:
                    reading.find("segment_twice", "one acknowledgement is of one group", segment)
                group = segment
            case "AK2":
                sets.append(_Set(segment))
            case "AK3" | "AK4" | "AK5" if sets:
                faults += 1
                if faults > MOST_FAULTS + len(sets) or len(sets) > MOST_LINES:
                    reading.find("lines_too_many", "a document lists too many faults", segment)
                    raise DocumentRefused(reading.findings)
                _takes(reading, sets[-1], segment)
            case "AK9":
                last = segment
            case _:
                reading.skip(segment, ())
    if group is None or last is None:
        reading.miss("AK1" if group is None else "AK9", reading.set.header)
        raise DocumentRefused(reading.findings)
    read = FunctionalAck(
        origin=reading.origin,
        group=GroupAck(
            functional_id=reading.needed(group, 1, "of which kind the group is"),
            control=reading.needed(group, 2, "the number of the group"),
            verdict=_verdict(reading, last),
            included=_whole(reading, last, 2),
            received=_whole(reading, last, 3),
            accepted=_whole(reading, last, 4),
            sets=tuple(_set(reading, each) for each in sets),
            codes=_codes(last, 5),
        ),
    )
    reading.check()
    return read


def _takes(reading: Reading, into: _Set, segment: Segment) -> None:
    match segment.id:
        case "AK3":
            _finish(reading, into)
            into.segment = segment
        case "AK4" if into.segment:
            place = segment.get(1).split(reading.set.interchange.component or ":")
            into.elements.append(
                ElementFault(
                    element=_number(reading, segment, 1, place[0]),
                    code=segment.get(3),
                    component=_number(reading, segment, 1, place[1]) if len(place) > 1 else 0,
                    reference=segment.get(2),
                    value=segment.get(4),
                )
            )
        case "AK5":
            _finish(reading, into)
            into.end = segment
        case _:
            reading.find("segment_misplaced", "an element's fault stands before any segment's", segment)


def _finish(reading: Reading, into: _Set) -> None:
    segment = into.segment
    if segment:
        into.faults.append(
            SegmentFault(
                name=segment.get(1),
                in_set=_whole(reading, segment, 2),
                code=segment.get(4),
                loop=segment.get(3),
                elements=tuple(into.elements),
            )
        )
    into.segment, into.elements = None, []


def _set(reading: Reading, found: _Set) -> SetAck:
    end = found.end
    if end is None:
        reading.miss("AK5", found.head)
        end = found.head
    return SetAck(
        number=reading.needed(found.head, 1, "of which kind a set is"),
        control=reading.needed(found.head, 2, "the number of a set"),
        verdict=_verdict(reading, end),
        faults=tuple(found.faults),
        codes=_codes(end, 2) if found.end else (),
    )


def _verdict(reading: Reading, segment: Segment) -> Verdict:
    found = VERDICTS.get(segment.get(1))
    if found is None and segment.id != "AK2":
        reading.find("verdict_unknown", "this verdict is not known", segment, 1)
    return found or Verdict.REJECTED


def _codes(segment: Segment, first: int) -> tuple[str, ...]:
    return tuple(each for at in range(first, first + 5) if (each := segment.get(at)))


def _whole(reading: Reading, segment: Segment, element: int) -> int:
    return _number(reading, segment, element, segment.get(element))


def _number(reading: Reading, segment: Segment, element: int, text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text[:10])
    reading.find("number_unreadable", "a number was expected", segment, element)
    return 0


# ---- what we say


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A set as we read it: its number and control number, and what we could not read."""

    number: str
    control: str
    findings: Sequence[Finding] = ()


def answer(functional_id: str, control: str, sets: Sequence[Read], *, included: int | None = None) -> GroupAck:
    """Answer a group: each set is accepted, or rejected with the places of what could not be read.

    Raises InvalidInput for a group of acknowledgements: two partners would answer each other for ever. `included`: sets
    that the group says it has, where that is another number.
    """
    if functional_id == FUNCTIONAL_ID:
        raise InvalidInput("acknowledgements are not acknowledged", code="x12_ack_of_ack", control=control)
    answered = tuple(_answered(each) for each in sets)
    accepted = sum(each.verdict is not Verdict.REJECTED for each in answered)
    verdict = Verdict.PARTLY if accepted else Verdict.REJECTED
    return GroupAck(
        functional_id=functional_id,
        control=control,
        verdict=Verdict.ACCEPTED if accepted == len(answered) else verdict,
        included=len(answered) if included is None else included,
        received=len(answered),
        accepted=accepted,
        sets=answered,
    )


def body(ack: GroupAck) -> Body:
    """Write an acknowledgement of one group."""
    written = [["AK1", ack.functional_id, ack.control]]
    for each in ack.sets:
        written.append(["AK2", each.number, each.control])
        written += _faults(each)
        written.append(["AK5", LETTERS[each.verdict], *each.codes])
    counts = [str(each) for each in (ack.included, ack.received, ack.accepted)]
    return [*written, ["AK9", LETTERS[ack.verdict], *counts, *ack.codes]]


def _faults(ack: SetAck) -> Iterator[list[str]]:
    for fault in ack.faults:
        yield ["AK3", fault.name, str(fault.in_set), fault.loop, fault.code]
        for each in fault.elements:
            yield ["AK4", str(each.element), each.reference, each.code, each.value]


def _answered(read: Read) -> SetAck:
    whole = {SET_CODES[each.code] for each in read.findings if each.code in SET_CODES}
    placed = [each for each in read.findings if each.code not in SET_CODES]
    codes = sorted(whole | ({SEGMENTS_IN_ERROR} if placed else set()))
    return SetAck(
        number=read.number,
        control=read.control,
        verdict=Verdict.REJECTED if read.findings else Verdict.ACCEPTED,
        faults=tuple(_placed(placed)),
        codes=tuple(codes),
    )


def _placed(findings: Iterable[Finding]) -> Iterator[SegmentFault]:
    """Gather findings by their segment, in the order of the set."""
    by_segment: dict[tuple[int, str], list[Finding]] = {}
    for each in findings:
        by_segment.setdefault((each.in_set, each.name), []).append(each)
    for (in_set, name), found in sorted(by_segment.items()):
        elements = [_element(each) for each in found if each.element]
        whole = next((each.code for each in found if not each.element), "")
        code = HAS_ELEMENTS if elements else SEGMENT_CODES.get(whole, "2")
        yield SegmentFault(name=x12_writer.words(name, most=3), in_set=in_set, code=code, elements=tuple(elements))


def _element(finding: Finding) -> ElementFault:
    code = ELEMENT_CODES.get(finding.code, INVALID_CODE)
    return ElementFault(element=finding.element, code=code, value=x12_writer.words(finding.value, most=LONGEST_COPY))
