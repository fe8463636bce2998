"""X12 files of one set or more, written by hand as partners write them."""

from __future__ import annotations

import io
from collections.abc import Sequence

from shared.domain.answer_profiles import USUAL, AnswerProfile
from shared.domain.documents import Document, Finding
from shared.formats.x12_documents import Documents, Received

ISA = "ISA*00*          *00*          *ZZ*SUPPLIER       *ZZ*SHOP           *261124*0900*U*00401*000000007*0*P*>~"
GROUPS = {"855": "PR", "856": "SH", "865": "CA", "997": "FA", "824": "AG", "846": "IB", "850": "PO", "860": "PC"}


def one_set(number: str, body: str, control: str = "0001") -> str:
    """A set out of segments, one a line."""
    segments = [line.strip() for line in body.strip().splitlines()]
    return "~".join([f"ST*{number}*{control}", *segments, f"SE*{len(segments) + 2}*{control}"]) + "~"


def file(*sets: str) -> str:
    number = sets[0][3:6]
    group = f"GS*{GROUPS.get(number, 'ZZ')}*SUPPLIER*SHOP*20261124*0900*7*X*004010~"
    return f"{ISA}{group}{''.join(sets)}GE*{len(sets)}*7~IEA*1*000000007~"


def received(text: str | bytes, profile: AnswerProfile = USUAL, zone: str = "UTC") -> list[Received]:
    raw = text if isinstance(text, bytes) else text.encode()
    return list(Documents(io.BytesIO(raw), profile, zone).received())


def document(number: str, body: str, profile: AnswerProfile = USUAL, zone: str = "UTC") -> Document:
    """The only document of a file, which must be read."""
    (found,) = received(file(one_set(number, body)), profile, zone)
    assert found.document is not None, found.findings
    return found.document


def refused(number: str, body: str, profile: AnswerProfile = USUAL) -> Sequence[Finding]:
    """Why the only document of a file is refused."""
    (found,) = received(file(one_set(number, body)), profile)
    assert found.document is None
    assert found.findings
    return found.findings


def codes(number: str, body: str, profile: AnswerProfile = USUAL) -> list[tuple[str, int, int]]:
    """Why a document is refused: codes, with the segment's number in its set, and the element's."""
    return [(each.code, each.in_set, each.element) for each in refused(number, body, profile)]
