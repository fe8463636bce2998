"""One transaction set as it is read: what its elements mean, what cannot be read and where, what nobody knows.

Codes are those of ASC X12 004010: units of measure element 355, dates 374, products 235, times 623.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from shared.domain import quantities
from shared.domain.answer_profiles import AnswerProfile
from shared.domain.documents import (
    MOST_FINDINGS,
    DocumentRefused,
    Finding,
    Origin,
    ProductId,
    Purpose,
    Spot,
    When,
    Whose,
    told,
)
from shared.formats.x12 import Segment
from shared.formats.x12_envelope import TransactionSet

WHOSE = {
    **dict.fromkeys(("VN", "VP", "VC"), Whose.SUPPLIER),
    **dict.fromkeys(("SK", "IN", "BP", "CB", "PI"), Whose.OURS),
    **dict.fromkeys(("UP", "UI", "UA", "UK", "EN", "EO"), Whose.GTIN),
}
"""Vendor's item, part and catalogue number; stock keeping unit, buyer's item, part, catalogue and item number;
the forms of UPC, EAN and GTIN."""

PURPOSES = {
    "00": Purpose.ORIGINAL,
    "01": Purpose.CANCEL,
    "04": Purpose.CHANGE,
    "05": Purpose.REPLACE,
    "06": Purpose.CONFIRM,
    "07": Purpose.DUPLICATE,
    "14": Purpose.ORIGINAL,
}
"""Element 353; 14 is "advance notification", which is what every first shipment notice is."""

_SHIP = ("010", "011", "068", "079", "118")
"""Requested ship, shipped, current schedule ship, promised for shipment, requested pick-up."""
_DELIVER = ("002", "017", "035", "067", "069", "074")
"""Requested, estimated, delivered, current schedule, promised, requested for delivery after and including."""
MEANS = {**dict.fromkeys(_SHIP, "ship"), **dict.fromkeys(_DELIVER, "deliver")}

_US = {"P": ("America/Los_Angeles", -8), "M": ("America/Denver", -7), "C": ("America/Chicago", -6)}
_US |= {"E": ("America/New_York", -5)}

_UNITS = re.compile(r"([0-9]{1,9})(?:\.0{0,9})?")
_PRICE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}")
_TIME = re.compile(r"([0-9]{2})([0-9]{2})(?:([0-9]{2})[0-9]{0,2})?")
_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


class Reading:
    """A set while it is read. `remarks`: what is odd and can be read; `unknown`: segments that no reader has."""

    def __init__(self, document: TransactionSet, profile: AnswerProfile, zone: str) -> None:
        self.set = document
        self.profile = profile
        self.findings: list[Finding] = []
        self.remarks: list[Finding] = []
        self.unknown: Counter[str] = Counter()
        self._zone = ZoneInfo(zone)
        self._digest = hashlib.sha256()

    def segments(self) -> Iterator[Segment]:
        """Yield the segments between ST and SE."""
        update = self._digest.update
        for segment in self.set.body:
            update("\x1f".join(segment.elements).encode() + b"\n")
            yield segment

    def skip(self, segment: Segment, expected: Collection[str]) -> None:
        """Pass over a segment; count it where it is none that this set is expected to have."""
        if segment.id not in expected:
            self.unknown[segment.id[:10]] += 1

    def find(self, code: str, text: str, segment: Segment, element: int = 0) -> None:
        """Note what cannot be read. Raises DocumentRefused when there is too much of it."""
        self._note(self._finding(code, text, segment, element))

    def miss(self, name: str, behind: Segment) -> None:
        """Note that a segment is missing, which should stand behind another."""
        found = self._finding("segment_missing", f"a segment {name} is needed", behind, 0)
        self._note(replace(found, name=name, in_set=found.in_set + 1))

    def remark(self, code: str, text: str, segment: Segment, element: int = 0) -> None:
        """Note what is odd."""
        if len(self.remarks) < MOST_FINDINGS:
            self.remarks.append(self._finding(code, text, segment, element))

    def check(self) -> None:
        """Raise DocumentRefused if anything could not be read."""
        if self.findings:
            raise DocumentRefused(self.findings)

    def count(self, segment: Segment, element: int, counted: int, what: str) -> None:
        """Hold a count that the document tells of itself against what there is."""
        said = segment.get(element)
        if said and not (said.isascii() and said.isdigit() and int(said[:12]) == counted):
            note = self.find if self.profile.counts == "refuse" else self.remark
            note(f"count_of_{what}", f"it says {told(said)}, there are {counted} {what}", segment, element)

    @property
    def origin(self) -> Origin:
        """Say whose it is and how it came; its digest is complete once all segments were read."""
        outer = self.set.interchange
        return Origin(
            kind=self.set.number,
            spot=spot(self.set.header),
            digest=self._digest.hexdigest()[:16],
            sender=outer.sender,
            control=(outer.control, self.set.group.control, self.set.control),
            is_test=outer.is_test,
        )

    # ---- what elements mean

    def needed(self, segment: Segment, element: int, what: str) -> str:
        """Return an identifier that must be there."""
        text = segment.get(element)
        if not text:
            self.find("element_missing", f"it does not say {what}", segment, element)
        return text

    def purpose(self, segment: Segment, element: int) -> Purpose:
        """Read what a document is to those before it."""
        found = PURPOSES.get(segment.get(element))
        if found is None:
            self.find("purpose_unknown", "this purpose is not known", segment, element)
            return Purpose.ORIGINAL
        return found

    def units(self, segment: Segment, element: int, uom: int) -> int | None:
        """Read a number of units as pieces; None where there is none, or it cannot be read, which is a finding."""
        text = segment.get(element)
        if not text:
            return None
        number = _UNITS.fullmatch(text)
        if not number:
            self.find("units_unreadable", "a whole number of units was expected", segment, element)
            return None
        pieces = self.pieces(segment, uom)
        if pieces is None:
            self.find("uom_unknown", "how many pieces this unit of measure has is not known", segment, uom)
            return None
        return int(number[1]) * pieces

    def pieces(self, segment: Segment, uom: int) -> int | None:
        """Say how many pieces a unit of measure has."""
        return self.profile.uoms.get(quantities.word(segment.get(uom)))

    def price(self, segment: Segment, element: int) -> Decimal | None:
        """Read a price; None where there is none."""
        text = segment.get(element)
        if not text:
            return None
        if not _PRICE.fullmatch(text):
            self.find("price_unreadable", "a price was expected", segment, element)
            return None
        return Decimal(text)

    def day(self, segment: Segment, element: int) -> date | None:
        """Read a date of eight digits; one of six would have to be guessed a century."""
        text = segment.get(element)
        if not text:
            return None
        read = _DAY.fullmatch(text) if text.isascii() else None
        try:
            if read:
                return date(int(read[1]), int(read[2]), int(read[3]))
        except ValueError:
            pass
        self.find("date_unreadable", "a date such as 20261125 was expected", segment, element)
        return None

    def when(self, segment: Segment, qualifier: int, element: int) -> When | None:
        """Read a date, and what shall be on it."""
        day = self.day(segment, element)
        return When(day, MEANS.get(segment.get(qualifier), "")) if day else None

    def moment(self, day: date | None, segment: Segment, element: int, zone: int) -> datetime | None:
        """Read a time on a day; None where there is none. Without a zone of its own it is the supplier's."""
        text = segment.get(element)
        if day is None or not text:
            return None
        read = _TIME.fullmatch(text) if text.isascii() else None
        where = self._zone_of(segment.get(zone))
        try:
            if read and where:
                at = time(int(read[1]), int(read[2]), int(read[3] or 0), tzinfo=where)
                return datetime.combine(day, at).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        self.find("time_unreadable", "a time such as 1405, in a zone that is known, was expected", segment, element)
        return None

    def _zone_of(self, code: str) -> tzinfo | None:
        """Read element 623: of the United States' zones the time in force (`ET`), standard (`ES`), daylight (`ED`)."""
        if code in ("", "LT"):
            return self._zone
        if code in ("UT", "GM"):
            return UTC
        name, hours = _US.get(code[0], ("", 0))
        if name and code[1:] == "T":
            return ZoneInfo(name)
        return timezone(timedelta(hours=hours + (code[1:] == "D"))) if name and code[1:] in ("S", "D") else None

    def _note(self, finding: Finding) -> None:
        self.findings.append(finding)
        if len(self.findings) == MOST_FINDINGS:
            raise DocumentRefused(self.findings)

    def _finding(self, code: str, text: str, segment: Segment, element: int) -> Finding:
        return Finding(
            code=code,
            segment=segment.position,
            element=element,
            byte=segment.offset,
            text=text,
            name=segment.id[:10],
            in_set=segment.position - self.set.header.position + 1,
            value=told(segment.get(element) if element else ""),
        )


def spot(segment: Segment) -> Spot:
    """Say where a segment stands."""
    return Spot(segment.position, segment.offset)


def products(segment: Segment, first: int, last: int = 1 << 10) -> tuple[ProductId, ...]:
    """Read pairs of qualifier and number, from an element on: never by their place. A half of a pair says nothing."""
    elements = segment.elements
    found = []
    for at in range(first, min(len(elements) - 1, last), 2):
        qualifier, number = elements[at].strip(), elements[at + 1].strip()
        if qualifier and number:
            found.append(ProductId(WHOSE.get(qualifier, Whose.OTHER), number, qualifier))
    return tuple(found)


def first_of_lin(lin: Segment) -> int:
    """Say where the pairs of a LIN begin: behind its line number, which some leave out altogether."""
    return 1 if lin.get(1) in WHOSE and lin.get(2) not in WHOSE else 2
