"""Segments -> an X12 interchange: envelopes, counts, control numbers, and nothing that a delimiter could break.

Identifiers are never altered: one that holds a delimiter is refused. Words for people (names, streets) lose it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from shared.errors import InvalidInput
from shared.formats.x12 import Delimiters

USUAL = Delimiters(element=b"*", component=b">", segment=b"~")
VERSIONS = {"004010": "00401", "005010": "00501"}
"""The version of a group -> that of the interchange around it (ISA12)."""
REPETITION = "^"
STANDARDS = "U"
"""ISA11 before 00402: a repetition separator stands there since."""
LONGEST_ID = 15
MOST_CONTROL = 999_999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who sends or receives: identifier and qualifier of the interchange, and of the group where that differs."""

    id: str
    qualifier: str = "ZZ"
    group_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partnership:
    """Two parties, and how they write to each other."""

    sender: Party
    receiver: Party
    version: str = "004010"
    is_test: bool = False
    delimiters: Delimiters = USUAL


Body = Sequence[Sequence[str]]
"""Segments between ST and SE: id and elements; empty elements at the end are left out."""


class Written(NamedTuple):
    """A set's segments, and which words for people could not be kept as they are."""

    body: Body
    changed: tuple[str, ...]


def words(text: str, delimiters: Delimiters = USUAL, most: int = 60) -> str:
    """Make an element out of words for people: delimiters and what cannot be printed become blanks; cut to `most`."""
    unfit = _letters(delimiters)
    kept = (" " if each in unfit or not each.isprintable() else each for each in text)
    return " ".join("".join(kept).split())[:most].strip()


class Words:
    """Makes elements out of words for people, and remembers which could not be kept as they are."""

    def __init__(self, delimiters: Delimiters) -> None:
        self._delimiters = delimiters
        self.changed: list[str] = []

    def fit(self, what: str, text: str, most: int) -> str:
        """Make an element of at most so many characters."""
        made = words(text, self._delimiters, most)
        if made != text.strip():
            self.changed.append(what)
        return made


def identifier(what: str, text: str, most: int) -> str:
    """Return an identifier that an element can hold as it is. Raises InvalidInput for any other: none is altered."""
    if not text or text != text.strip() or len(text) > most:
        raise InvalidInput("an identifier does not fit its element", code="x12_identifier", what=what, value=text[:40])
    return text


def interchange(
    partnership: Partnership, functional_id: str, sets: Iterable[tuple[str, Body]], *, control: int, at: datetime
) -> bytes:
    """Write sets, `(number, body)`, as one group in one interchange; both have the same control number.

    Raises InvalidInput for an element that holds a delimiter or a control character, or for parties that do not fit.
    """
    if partnership.version not in VERSIONS or not 0 < control <= MOST_CONTROL:
        raise InvalidInput("no such version or number", code="x12_envelope", version=partnership.version, n=control)
    written: list[Sequence[str]] = [_isa(partnership, control, at)]
    sender, receiver = partnership.sender, partnership.receiver
    group = (sender.group_id or sender.id, receiver.group_id or receiver.id)
    written.append(["GS", functional_id, *group, f"{at:%Y%m%d}", f"{at:%H%M}", str(control), "X", partnership.version])
    count = 0
    for count, (number, body) in enumerate(sets, 1):
        written += [["ST", number, f"{count:04}"], *body, ["SE", str(len(body) + 2), f"{count:04}"]]
    written += [["GE", str(count), str(control)], ["IEA", "1", f"{control:09}"]]
    return b"".join(_segment(each, partnership.delimiters) for each in written)


def _isa(partnership: Partnership, control: int, at: datetime) -> list[str]:
    parties = []
    for party in (partnership.sender, partnership.receiver):
        if not 0 < len(party.id) <= LONGEST_ID or len(party.qualifier) != len("ZZ"):
            raise InvalidInput("a party's identifier does not fit an envelope", code="x12_party", party=party.id[:40])
        parties += [party.qualifier, party.id.ljust(LONGEST_ID)]
    is_old = partnership.version == "004010"
    head = ["ISA", "00", " " * 10, "00", " " * 10, *parties, f"{at:%y%m%d}", f"{at:%H%M}"]
    head += [STANDARDS if is_old else REPETITION, VERSIONS[partnership.version], f"{control:09}", "0"]
    return [*head, "T" if partnership.is_test else "P", partnership.delimiters.component.decode()]


def _segment(elements: Sequence[str], delimiters: Delimiters) -> bytes:
    unfit = set(_letters(delimiters))
    of_ours = {11, 16} if elements[0] == "ISA" else set()  # where an ISA names delimiters
    for number, element in enumerate(elements):
        if number not in of_ours and (unfit & set(element) or not element.isprintable()):
            raise InvalidInput(
                "an element holds what it must not", code="x12_element", segment=elements[0], element=number
            )
    kept = list(elements)
    while kept and not kept[-1]:
        kept.pop()
    return delimiters.element.decode().join(kept).encode() + delimiters.segment


def _letters(delimiters: Delimiters) -> str:
    return (delimiters.element + delimiters.component + delimiters.segment).decode() + REPETITION
