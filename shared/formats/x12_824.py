"""X12 824, application advice: what a partner's application did with what we sent, after its syntax was accepted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from shared.domain.documents import MOST_LINES, AdviceFault, Advised, ApplicationAdvice, DocumentRefused, Verdict
from shared.formats import x12_writer
from shared.formats.x12 import Segment
from shared.formats.x12_reading import Reading
from shared.formats.x12_writer import Body

VERDICTS = {
    "A": Verdict.ACCEPTED,
    "C": Verdict.WITH_ERRORS,
    "E": Verdict.WITH_ERRORS,
    "P": Verdict.PARTLY,
    "R": Verdict.REJECTED,
}
"""Second letter of element 110: accepted, with changes, with errors, partly, rejected. The first says of what: a
batch, a functional group, an item, a transaction set."""
OF = frozenset("BGIT")
NUMBER, FUNCTIONAL_ID = "824", "AG"
SET_REJECTED, OUR_REFERENCE, MUTUALLY_DEFINED = "TR", "TN", "ZZZ"
LONGEST_MESSAGE, LONGEST_REFERENCE, LONGEST_COPY = 60, 30, 99
MOST_ADVISED = 100
"""Faults of a document that are written."""

LONGEST_TEXT = 200
MOST_FAULTS = 1_000
"""Of one document of ours."""
EXPECTED = frozenset({"N1", "N2", "N3", "N4", "REF", "PER", "DTM", "AMT", "QTY", "CUR", "LM", "LQ", "RED"})


@dataclass(slots=True)
class _Advised:
    head: Segment
    faults: list[AdviceFault] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def read(reading: Reading) -> ApplicationAdvice:
    """Read a set. Raises DocumentRefused with everything that cannot be read without a guess."""
    head: Segment | None = None
    advised: list[_Advised] = []
    for segment in reading.segments():
        match segment.id:
            case "BGN":
                if head:
                    reading.find("segment_twice", "the advice begins twice", segment)
                head = segment
            case "OTI":
                advised.append(_Advised(segment))
                if len(advised) > MOST_LINES:
                    reading.find("lines_too_many", "a document has too many lines", segment)
                    raise DocumentRefused(reading.findings)
            case "TED" | "NTE" if advised:
                _takes(reading, advised[-1], segment)
            case _:
                reading.skip(segment, EXPECTED)
    if head is None or not advised:
        reading.miss("BGN" if head is None else "OTI", head or reading.set.header)
        raise DocumentRefused(reading.findings)
    read = ApplicationAdvice(
        origin=reading.origin,
        number=head.get(2),
        advised=tuple(_read(reading, each) for each in advised),
        dated=reading.day(head, 3),
    )
    reading.check()
    return read


def _takes(reading: Reading, into: _Advised, segment: Segment) -> None:
    if segment.id == "NTE":
        into.texts.append(segment.get(2)[:LONGEST_TEXT])
    elif len(into.faults) + len(into.texts) < MOST_FAULTS:
        into.faults.append(
            AdviceFault(
                code=segment.get(1),
                text=segment.get(2)[:LONGEST_TEXT],
                name=segment.get(3),
                in_set=_place(reading, segment, 4),
                element=_place(reading, segment, 5),
                value=segment.get(7)[:LONGEST_TEXT],
            )
        )
    if len(into.faults) + len(into.texts) >= MOST_FAULTS:
        reading.find("lines_too_many", "a document lists too many faults", segment)


def _read(reading: Reading, found: _Advised) -> Advised:
    oti = found.head
    code = oti.get(1)
    verdict = VERDICTS.get(code[1:]) if code[:1] in OF else None
    if verdict is None:
        reading.find("verdict_unknown", "this verdict is not known", oti, 1)
    notes = tuple(AdviceFault(code="", text=each) for each in found.texts if each)
    return Advised(
        verdict=verdict or Verdict.REJECTED,
        qualifier=oti.get(2),
        reference=reading.needed(oti, 3, "of which document of ours it is"),
        group_control=oti.get(8),
        set_control=oti.get(9),
        set_number=oti.get(10),
        faults=tuple(found.faults) + notes,
    )


def _place(reading: Reading, segment: Segment, element: int) -> int:
    text = segment.get(element)
    if text and not (text.isascii() and text.isdigit()):
        reading.find("number_unreadable", "a number was expected", segment, element)
        return 0
    return int(text[:10] or 0)


# ---- what we say


def body(number: str, dated: date, advised: Iterable[Advised]) -> Body:
    """Write what we did not use of what a partner sent, with the place of each reason in its set."""
    written = [["BGN", "00", number, f"{dated:%Y%m%d}"]]
    for each in advised:
        reference = x12_writer.words(each.reference, most=LONGEST_REFERENCE)
        numbers = [each.group_control, each.set_control, each.set_number]
        written.append(["OTI", SET_REJECTED, OUR_REFERENCE, reference, "", "", "", "", *numbers])
        for fault in each.faults[:MOST_ADVISED]:
            place = [str(at) if at else "" for at in (fault.in_set, fault.element)]
            value = x12_writer.words(fault.value, most=LONGEST_COPY)
            message = x12_writer.words(f"{fault.code} {fault.text}", most=LONGEST_MESSAGE)
            written.append(["TED", MUTUALLY_DEFINED, message, x12_writer.words(fault.name, most=3), *place, "", value])
    return written
