"""How a source's answers to purchase orders read: what its units, reasons and actions are called, and its own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TypeVar

from shared.domain import profiles, quantities
from shared.domain.answer_words import Action, ChangeOutcome, Reason
from shared.domain.places import Place
from shared.domain.profiles import OF_FORMAT, Column, FeedProfile, Field, Format

T = TypeVar("T")

MOST_PIECES = 10_000
FORMATS = (Format.DELIMITED, Format.JSON, Format.NDJSON, Format.XML)

PIECES: Mapping[str, int] = MappingProxyType({"": 1, "ea": 1, "pc": 1, "un": 1})
"""Units of measure that are one piece everywhere (X12 element 355: each, piece, unit)."""

DAY = "%Y-%m-%d"


class Kind(StrEnum):
    """What a file of a source tells."""

    ACKNOWLEDGEMENT = "acknowledgement"
    SHIPMENT = "shipment"
    CANCEL = "cancel"


WORDS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.ACKNOWLEDGEMENT: (
            *("order", "line", "sku", "our_sku", "units", "ordered", "action", "reason"),
            *("on", "price", "document", "supplier_order"),
        ),
        Kind.SHIPMENT: (
            *("order", "line", "sku", "our_sku", "units", "tracking", "carrier", "service"),
            *("shipped", "document"),
        ),
        Kind.CANCEL: ("order", "line", "sku", "our_sku", "units", "action", "document"),
    }
)
"""Words a column may have, by what the file tells."""

NEEDED: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.ACKNOWLEDGEMENT: ("order", "units"),
        Kind.SHIPMENT: ("order", "units", "tracking"),
        Kind.CANCEL: ("order", "action"),
    }
)
NAMES_A_LINE = ("line", "sku", "our_sku")
"""One of these says which line of the order a row is about."""

Says = Action | ChangeOutcome

USUAL_NAMES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {Kind.ACKNOWLEDGEMENT: ("ack*",), Kind.SHIPMENT: ("ship*", "asn*"), Kind.CANCEL: ("cancel*",)}
)
"""How a file is called that tells something else than stock, where its profile does not say it; case is nothing."""

LATE_DAYS = 7
MOST_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """How one kind of file reads.

    `layout`: its format, as of a stock file; `columns`: our word -> where it stands; `actions`: a word of the column
    `action` -> what it says; without that column the units are accepted, and fewer than ordered are a part;
    `day`: how its dates are written (strptime); `names`: patterns of its files' names, `*` and `?`.
    """

    layout: FeedProfile
    columns: Mapping[str, Column]
    actions: Mapping[str, Says] = field(default_factory=dict)
    day: str = DAY
    names: tuple[str, ...] = ()

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """List the cells that are read of each row."""
        return tuple(Field(word, self.columns[word]) for word in WORDS[kind] if word in self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What of an answer needs no person. All else is held until one has looked.

    `price_percent`: so much dearer than the source's cost; `late_days`: so many days after the purchase order was sent;
    `substitutes`: `hold`, or `accept` whatever ships instead; `backorders`: what a supplier keeps waiting within
    `late_days` may `wait` there, else it goes to another source (`reroute`); `unaccepted`: units that ship though they
    were never accepted are `taken`, or the document is on `hold`.
    """

    price_percent: int = 0
    late_days: int = LATE_DAYS
    substitutes: str = "hold"
    backorders: str = "reroute"
    unaccepted: str = "taken"


@dataclass(frozen=True, slots=True)
class Partner:
    """Who an interchange must be from and for (ISA06, ISA08); empty where anybody may."""

    theirs: str = ""
    ours: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerProfile:
    """How a source answers.

    `uoms`: a unit of measure, in small letters -> pieces in it; `reasons`: a word or code of the source -> why;
    `counts`: whether a document whose counts do not add up is refused, or read and told; `rejected_change`: what it
    means when an answer to a change rejects the line; `files`: its own files, by what they tell; `acknowledge`: whether
    its X12 is answered by a 997, `advise`: what of it is held, by an 824.
    """

    uoms: Mapping[str, int] = field(default_factory=lambda: PIECES)
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    counts: str = "refuse"
    rejected_change: ChangeOutcome = ChangeOutcome.UNCLEAR
    files: Mapping[Kind, AnswerFile] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    partner: Partner = field(default_factory=Partner)
    acknowledge: bool = True
    advise: bool = False

    def kind_of(self, name: str) -> Kind | None:
        """Say what a file tells, by its name alone; None: no answer to a purchase order."""
        for kind, how in self.files.items():
            if any(fnmatchcase(name.lower(), each.lower()) for each in how.names or USUAL_NAMES[kind]):
                return kind
        return None


USUAL = AnswerProfile()


def parse(at: Place) -> AnswerProfile:
    """Read a profile. Raises InvalidInput naming the place, the value and what is allowed there."""
    at.only("uoms", "reasons", "counts", "rejected_change", "policy", "partner", "acknowledge", "advise", *Kind)
    return AnswerProfile(
        uoms=_uoms(at),
        reasons=_words(at, "reasons", *Reason),
        counts=at.one_of("counts", "refuse", "tell", default="refuse"),
        rejected_change=at.one_of("rejected_change", *ChangeOutcome, default=ChangeOutcome.UNCLEAR),
        files={kind: _file(at.child(kind), kind) for kind in Kind if at.has(kind)},
        policy=_policy(at.child("policy")) if at.has("policy") else Policy(),
        partner=_partner(at.child("partner")) if at.has("partner") else Partner(),
        acknowledge=at.flag("acknowledge", default=True),
        advise=at.flag("advise", default=False),
    )


def _policy(at: Place) -> Policy:
    at.only("price_percent", "late_days", "substitutes", "backorders", "unaccepted")
    return Policy(
        price_percent=at.whole("price_percent", 0, 100, default=0),
        late_days=at.whole("late_days", 0, MOST_DAYS, default=LATE_DAYS),
        substitutes=at.one_of("substitutes", "hold", "accept", default="hold"),
        backorders=at.one_of("backorders", "reroute", "wait", default="reroute"),
        unaccepted=at.one_of("unaccepted", "taken", "hold", default="taken"),
    )


def _partner(at: Place) -> Partner:
    at.only("theirs", "ours")
    return Partner(*(at.text(each) if at.has(each) else "" for each in ("theirs", "ours")))


def _uoms(at: Place) -> Mapping[str, int]:
    if not at.has("uoms"):
        return PIECES
    table = at.child("uoms")
    return {**PIECES, **{quantities.word(each): table.whole(each, 1, MOST_PIECES) for each in table.names()}}


def _words(at: Place, key: str, *allowed: T) -> dict[str, T]:
    if not at.has(key):
        return {}
    table = at.child(key)
    return {quantities.word(each): table.one_of(each, *allowed) for each in table.names()}


def _file(at: Place, kind: Kind) -> AnswerFile:
    what = at.one_of("format", *FORMATS, default=Format.DELIMITED)
    at.only("format", "columns", "actions", "day", "names", "decimal", "thousands", *OF_FORMAT[what])
    layout = profiles.layout(at, what)
    place = at.child("columns")
    place.only(*WORDS[kind])
    columns = {
        word: profiles.column_at(place, word, place.value(word), what, layout.heading_line) for word in place.names()
    }
    for needed in NEEDED[kind]:
        if needed not in columns:
            place.text(needed)
    if kind is not Kind.CANCEL and not any(each in columns for each in NAMES_A_LINE):
        raise place.wrong("line", None, f"one of {', '.join(NAMES_A_LINE)}: of which line a row is")
    if at.has("actions") != ("action" in columns):
        raise at.wrong("actions", at.value("actions"), "words of the column `action`, if there is that column")
    allowed: tuple[Says, ...] = tuple(ChangeOutcome) if kind is Kind.CANCEL else tuple(Action)
    return AnswerFile(
        layout=layout,
        columns=columns,
        actions=_words(at, "actions", *allowed),
        day=_day(at),
        names=at.texts("names") if at.has("names") else (),
    )


def _day(at: Place) -> str:
    day = at.text("day") if at.has("day") else DAY
    then = datetime(2026, 11, 23, tzinfo=UTC)
    try:
        read = datetime.strptime(then.strftime(day), day)  # noqa: DTZ007 - only whether it can be read matters
    except ValueError:
        read = None
    if read is None or read.date() != then.date():
        raise at.wrong("day", day, "a format of strptime that says day, month and year, such as %d.%m.%Y")
    return day
