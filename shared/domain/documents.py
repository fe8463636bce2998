"""What suppliers and we say to each other about purchase orders, whatever the format it was written in.

A document says what stands in it and no more: what it means for an order is the flow's affair. What could not be read
without a guess is a finding with its place, and a document with a finding is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from shared.domain.answer_words import Action, ChangeOutcome, Reason
from shared.errors import InvalidInput

MOST_LINES = 100_000
"""Lines of one document."""
MOST_FINDINGS = 100
"""Findings that one document lists; it is refused by the first."""
LONGEST_VALUE_TOLD = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, and where.

    `segment`: number in the file from 1 (of a row: its line); `in_set`: number in the transaction set, its ST being 1;
    `name`: of the segment, or of the column; `element`: its number in the segment, 0: the segment as a whole; `byte`:
    offset of the first byte of the segment or row.
    """

    code: str
    segment: int
    element: int
    byte: int
    text: str
    name: str = ""
    in_set: int = 0
    value: str = ""


class DocumentRefused(InvalidInput):
    """A document that cannot be read as a whole: nothing of it may be applied."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Say the first finding; all of them are in `findings`."""
        first = findings[0]
        where = {"segment": first.segment, "element": first.element, "byte": first.byte}
        super().__init__("a document cannot be read", code=first.code, reason=first.text, **where)
        self.findings = tuple(findings)


class Spot(NamedTuple):
    """Where something stands in a file: its segment or line, and the offset of that one's first byte."""

    segment: int
    byte: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose document it is and how it came.

    `control`: the numbers of its envelopes, from the outermost; empty where the format has none. `digest`: of all that
    it says, without its envelopes: the same again is a duplicate, whatever numbers it comes under.
    """

    kind: str
    spot: Spot
    digest: str
    sender: str = ""
    control: tuple[str, ...] = ()
    is_test: bool = False


class Whose(StrEnum):
    """Who gave a product its number."""

    SUPPLIER = "supplier"
    OURS = "ours"
    GTIN = "gtin"
    OTHER = "other"


class ProductId(NamedTuple):
    """A product's number, whose it is, and the qualifier by which the document says so."""

    whose: Whose
    id: str
    qualifier: str = ""


def product_id(ids: Iterable[ProductId], whose: Whose) -> str:
    """Return the number that somebody gave a product; empty where a document does not say it.

    Raises InvalidInput when it says two.
    """
    found = {each.id for each in ids if each.whose is whose}
    if len(found) > 1:
        raise InvalidInput("a line names two products", code="product_ambiguous", whose=whose, ids=sorted(found)[:5])
    return found.pop() if found else ""


class Purpose(StrEnum):
    """What a document is to one that came before: the first of its kind, in its place, its cancellation."""

    ORIGINAL = "original"
    REPLACE = "replace"
    CANCEL = "cancel"
    DUPLICATE = "duplicate"
    CHANGE = "change"
    CONFIRM = "confirm"


class When(NamedTuple):
    """A day, and what shall be on it: `ship`, `deliver`, or empty where the document says neither."""

    day: date
    means: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSays:
    """So many units of a line, and what becomes of them.

    `units` None: the document names no number, it means all of the line. `price`: of one piece; `text`: the supplier's
    own words; `substitute`: what ships instead.
    """

    action: Action
    units: int | None
    spot: Spot
    on: When | None = None
    price: Decimal | None = None
    reason: Reason | None = None
    text: str = ""
    substitute: tuple[ProductId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredLine:
    """One line of a purchase order as the supplier answers it.

    `line`: our number of it, empty where the supplier does not repeat it; `ordered`, `price`: as the supplier repeats
    them; `change`: what it understood us to ask of the line, in an answer to a change.
    """

    line: str
    products: tuple[ProductId, ...]
    says: tuple[LineSays, ...]
    spot: Spot
    ordered: int | None = None
    price: Decimal | None = None
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """An answer to a purchase order. `whole`: what it says of every line that it does not list; None: nothing."""

    origin: Origin
    order: str
    purpose: Purpose
    lines: tuple[AnsweredLine, ...]
    whole: Action | None = None
    number: str = ""
    supplier_order: str = ""
    dated: date | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLine:
    """One line of an answer to a change, and what became of the change."""

    answer: AnsweredLine
    outcome: ChangeOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAnswer:
    """An answer to our request to change or cancel. `request`: our number of that request.

    `whole`: what became of it where it lists no line.
    """

    origin: Origin
    order: str
    purpose: Purpose
    lines: tuple[ChangedLine, ...]
    whole: ChangeOutcome | None = None
    request: str = ""
    number: str = ""
    supplier_order: str = ""
    dated: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedLine:
    """Units in a parcel, by purchase order and line; 0 where the document says that none of it is there."""

    order: str
    line: str
    products: tuple[ProductId, ...]
    units: int
    spot: Spot


class Mark(NamedTuple):
    """A number by which a parcel is found, and the qualifier by which the document says what number that is."""

    qualifier: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What is tracked as one. `carrier`: its code as the document writes it, `service`: its words for how it goes.

    `tracking`: numbers of the carrier; `sscc`: the label's own number (GS1).
    """

    lines: tuple[ShippedLine, ...]
    carrier: str = ""
    service: str = ""
    tracking: tuple[Mark, ...] = ()
    sscc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentNotice:
    """What was shipped. `shipped_on`: the day, at the supplier; `shipped_at`: the moment, where it says one."""

    origin: Origin
    number: str
    purpose: Purpose
    parcels: tuple[Parcel, ...]
    dated: date | None = None
    shipped_on: date | None = None
    shipped_at: datetime | None = None


class Verdict(StrEnum):
    """What a partner's translator thinks of what it was sent. All but `rejected` is taken in."""

    ACCEPTED = "accepted"
    WITH_ERRORS = "with_errors"
    PARTLY = "partly"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementFault:
    """A fault of one element: its number, the code of the fault (AK403), and the element."""

    element: int
    code: str
    component: int = 0
    reference: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFault:
    """A fault of one segment: its id, its number in the set (ST is 1), the code of the fault (AK304)."""

    name: str
    in_set: int
    code: str = ""
    loop: str = ""
    elements: tuple[ElementFault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAck:
    """What became of one transaction set, by its number and control number; `codes`: why, of the set as a whole."""

    number: str
    control: str
    verdict: Verdict
    faults: tuple[SegmentFault, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAck:
    """What became of one functional group and of its sets, as far as they are named.

    `included`: sets the group said it has; `received`, `accepted`: those that were found, and taken in.
    """

    functional_id: str
    control: str
    verdict: Verdict
    included: int
    received: int
    accepted: int
    sets: tuple[SetAck, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionalAck:
    """A partner's word on whether what we sent can be read. It says nothing of the order in it."""

    origin: Origin
    group: GroupAck


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceFault:
    """An error that an application found: its code, in words, and where."""

    code: str
    text: str = ""
    name: str = ""
    in_set: int = 0
    element: int = 0
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """What an application says of one document of ours, by a reference (`PO`, its number) and its envelopes."""

    verdict: Verdict
    qualifier: str
    reference: str
    group_control: str = ""
    set_control: str = ""
    set_number: str = ""
    faults: tuple[AdviceFault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationAdvice:
    """A partner's word on what its application did with what we sent."""

    origin: Origin
    number: str
    advised: tuple[Advised, ...]
    dated: date | None = None


Document = Acknowledgement | ChangeAnswer | ShipmentNotice | FunctionalAck | ApplicationAdvice


# ---- what we say


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedLine:
    """One line of what we ask for: our number of it, our SKU, the supplier's where we know it, the price of a piece."""

    line: str
    sku: str
    units: int
    supplier_sku: str = ""
    gtin: str = ""
    price: Decimal | None = None
    uom: str = "EA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriage:
    """How we wish it to go: the carrier's code (SCAC), and words."""

    carrier: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """A purchase order. `ship_to`: parts of the address by name, personal data."""

    number: str
    dated: date
    lines: tuple[OrderedLine, ...]
    currency: str = ""
    order_name: str = ""
    order_token: str = ""
    ship_by: date | None = None
    deliver_by: date | None = None
    cancel_after: date | None = None
    carriage: Carriage = field(default_factory=Carriage)
    ship_to: Mapping[str, str] = field(default_factory=dict, repr=False)


class Wish(StrEnum):
    """What shall become of a line."""

    DELETE = "delete"
    FEWER = "fewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedLine:
    """A line to change. Its units are those it had, where it is deleted, else those that are still wanted."""

    line: OrderedLine
    wish: Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """A request to change a purchase order, or to cancel it; `request` counts those of one order from 1."""

    number: str
    ordered: date
    request: int
    dated: date
    is_cancel: bool
    lines: tuple[WishedLine, ...]


def told(value: str) -> str:
    """Cut a value to what a finding shows."""
    return value[:LONGEST_VALUE_TOLD]
