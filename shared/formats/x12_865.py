"""X12 865: a supplier's answer to our request to change or cancel a purchase order.

What a rejected line means differs: a partner may reject the change, or the line that the change took off. Its profile
says which; without it the outcome is unclear, and a person decides.
"""

from __future__ import annotations

from shared.domain.answer_words import Action, ChangeOutcome
from shared.domain.documents import AnsweredLine, ChangeAnswer, ChangedLine
from shared.formats import x12_acks
from shared.formats.x12_reading import Reading

DELETES = "DI"


def read(reading: Reading) -> ChangeAnswer:
    """Read a set. Raises DocumentRefused with everything that cannot be read without a guess."""
    found = x12_acks.read(reading, "BCA", "POC", x12_acks.POC)
    head, kind = found.head, found.head.get(2)
    read = ChangeAnswer(
        origin=reading.origin,
        order=reading.needed(head, 3, "which purchase order it answers"),
        purpose=reading.purpose(head, 1),
        lines=tuple(ChangedLine(answer=each, outcome=_outcome(reading, kind, each)) for each in found.lines),
        whole=None if found.lines else _whole(kind),
        request=head.get(5),
        supplier_order=head.get(9) or found.supplier_order,
        dated=reading.day(head, 6),
    )
    reading.check()
    return read


def _whole(kind: str) -> ChangeOutcome:
    if kind in x12_acks.ACCEPTED_WHOLE:
        return ChangeOutcome.DONE
    return ChangeOutcome.REFUSED if kind in x12_acks.REJECTED_WHOLE else ChangeOutcome.UNCLEAR


def _outcome(reading: Reading, kind: str, line: AnsweredLine) -> ChangeOutcome:
    actions = {said.action for said in line.says}
    if actions == {Action.DELETE}:
        return ChangeOutcome.DONE if line.change == DELETES else ChangeOutcome.UNCLEAR
    if actions == {Action.ACCEPT} or (not actions and kind in x12_acks.ACCEPTED_WHOLE):
        return ChangeOutcome.DONE
    if actions == {Action.REJECT} or (not actions and kind in x12_acks.REJECTED_WHOLE):
        return reading.profile.rejected_change
    return ChangeOutcome.UNCLEAR
