"""A supplier's file that is no stock file -> the documents in it, whatever its format.

Which file is one: X12 is, unless its first group is an 846 (`IB`) that the source's feed reads; any other file is, if
its name is one of those that the source's `answers` give to a kind of file that they describe.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.domain.answer_profiles import AnswerProfile, Kind, Partner
from shared.domain.documents import Document, Finding
from shared.domain.profiles import Format
from shared.domain.rules import Source
from shared.errors import InvalidInput
from shared.formats import answer_rows, x12
from shared.formats.x12_documents import Documents, Received
from shared.formats.x12_envelope import Interchange

X12 = "x12"
STOCK = "IB"
"""GS01 of an inventory advice."""
GROUPS = {"824": "AG", "855": "PR", "856": "SH", "865": "CA", "997": "FA"}
"""GS01 of what is read here."""
MOST_BEFORE_A_GROUP = 5
LETTERS_OF_A_DIGEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One document of a file: of which type, under which number where it could not be read.

    `received`: its envelopes, of X12.
    """

    type: str
    unread: str
    document: Document | None
    findings: tuple[Finding, ...] = ()
    received: Received | None = None


def kind_of(file: BinaryIO, source: Source, name: str) -> Kind | str | None:
    """Say what kind of documents are in a file: X12, or of rows; None where it is a stock file."""
    about = _first_group(file)
    if about is not None:
        return None if about == STOCK and source.feed.format is Format.X12 else X12
    return source.answers.kind_of(name)


def _first_group(file: BinaryIO) -> str | None:
    """Return what an X12 file is about; empty where that cannot be read, None where it is no X12."""
    found = None
    try:
        for at, segment in enumerate(x12.segments(file)):
            found = found or ""
            if segment.id == "GS":
                return segment.get(1)
            if at == MOST_BEFORE_A_GROUP:
                break
    except InvalidInput as failure:
        return None if failure.code in {"x12_no_isa", "x12_no_interchange"} else ""
    finally:
        file.seek(0)
    return found


def read(file: BinaryIO, source: Source, kind: Kind | str, digest: str) -> Iterator[Found]:
    """Yield every document, read or refused. Raises InvalidInput where the file cannot be read on."""
    if not isinstance(kind, Kind):
        yield from _of_x12(file, source.answers, source.zone, digest[:LETTERS_OF_A_DIGEST])
        return
    for each in answer_rows.read(file, source.answers, kind):
        yield Found(
            type=kind.value,
            unread=f"{each.key}-{digest[:LETTERS_OF_A_DIGEST]}",
            document=each.document,
            findings=each.findings,
        )


def _of_x12(file: BinaryIO, profile: AnswerProfile, zone: str, digest: str) -> Iterator[Found]:
    for each in Documents(file, profile, zone).received():
        found = each.findings + _wrong_envelope(each, profile.partner)
        names = (each.interchange.control, each.group.control, each.control, digest)
        yield Found(
            type=each.number,
            unread="-".join(names),
            document=None if found else each.document,
            findings=found,
            received=each,
        )


def is_theirs(interchange: Interchange, partner: Partner) -> bool:
    """Answer whether an interchange is from whom, and for whom, the rules say."""
    pairs = ((interchange.sender, partner.theirs), (interchange.receiver, partner.ours))
    return all(not wanted or said.strip() == wanted for said, wanted in pairs)


def _wrong_envelope(received: Received, partner: Partner) -> tuple[Finding, ...]:
    """Find what of an envelope forbids to use what is in it."""
    outer = received.interchange
    if not is_theirs(outer, partner):
        return (_of_the_isa("wrong_envelope", f"{outer.sender.strip()} to {outer.receiver.strip()}", "ISA", 6),)
    if outer.is_test:
        return (_of_the_isa("test_document", "it is marked as a test", "ISA", 15),)
    if GROUPS.get(received.number, received.group.functional_id) != received.group.functional_id:
        return (_of_the_isa("wrong_group", f"a {received.number} in a group {received.group.functional_id}", "GS", 1),)
    return ()


def _of_the_isa(code: str, text: str, name: str, element: int) -> Finding:
    return Finding(code=code, segment=1, element=element, byte=0, text=text, name=name)


def name_of(text: str) -> str:
    """Make a name that a key can hold out of a number that somebody else chose."""
    plain = text.strip()
    if plain and len(plain) <= answer_rows.LONGEST_CELL // 2 and plain.isprintable() and "#" not in plain:
        return plain
    return hashlib.sha256(text.encode()).hexdigest()[:16]
