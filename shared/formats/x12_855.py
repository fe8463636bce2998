"""X12 855: a supplier's answer to a purchase order, line by line, or to the order as a whole."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.answer_words import Action
from shared.domain.documents import Acknowledgement, AnsweredLine, LineSays
from shared.formats import x12_acks
from shared.formats.x12 import Segment
from shared.formats.x12_reading import Reading, spot


def read(reading: Reading) -> Acknowledgement:
    """Read a set. Raises DocumentRefused with everything that cannot be read without a guess."""
    found = x12_acks.read(reading, "BAK", "PO1", x12_acks.PO1)
    head, kind = found.head, found.head.get(2)
    read = Acknowledgement(
        origin=reading.origin,
        order=reading.needed(head, 3, "which purchase order it answers"),
        purpose=reading.purpose(head, 1),
        lines=tuple(_answered(reading, head, each) for each in found.lines),
        whole=_whole(reading, head, has_lines=bool(found.lines)),
        supplier_order=head.get(8) or found.supplier_order,
        dated=reading.day(head, 4),
        currency=found.currency,
    )
    if kind in x12_acks.REJECTED_WHOLE and any(x12_acks.ships(each) for each in read.lines):
        reading.find("answer_contradicts", "the order is rejected, but units of it will ship", head, 2)
    changed = any(said.action is not Action.ACCEPT for each in read.lines for said in each.says)
    if kind in x12_acks.ACCEPTED_WHOLE and changed:
        reading.remark("answer_contradicts", "it says that nothing is changed, but its lines do", head, 2)
    reading.check()
    return read


def _whole(reading: Reading, head: Segment, *, has_lines: bool) -> Action | None:
    kind = head.get(2)
    if kind in x12_acks.EXCEPTIONS_ONLY:
        return x12_acks.EXCEPTIONS_ONLY[kind]
    if kind == "AH":
        return Action.HOLD
    if has_lines:
        return None
    if kind in x12_acks.ACCEPTED_WHOLE:
        return Action.ACCEPT
    if kind in x12_acks.REJECTED_WHOLE:
        return Action.REJECT
    reading.find("lines_missing", "its lines are what it says, and it has none", head, 2)
    return None


def _answered(reading: Reading, head: Segment, line: AnsweredLine) -> AnsweredLine:
    """Give a line without an answer of its own that of the order."""
    if line.says:
        return line
    kind = head.get(2)
    if kind in x12_acks.ACCEPTED_WHOLE:
        return replace(line, says=(LineSays(action=Action.ACCEPT, units=None, spot=spot(head)),))
    if kind in x12_acks.REJECTED_WHOLE:
        return replace(line, says=(LineSays(action=Action.REJECT, units=None, spot=spot(head)),))
    if not reading.findings:
        reading.find("line_unanswered", "what becomes of a line is not said", head, 2)
    return line
