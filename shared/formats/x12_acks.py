"""The lines of an answer, 855 or 865: PO1 or POC, and the ACK segments behind it, in whatever order.

ACK01 is element 668 (versions 002001 to 004010): what the seller does about a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from shared.domain import quantities
from shared.domain.answer_words import SHIPS, Action, Reason
from shared.domain.documents import MOST_LINES, AnsweredLine, DocumentRefused, LineSays, ProductId, When
from shared.formats import x12_reading
from shared.formats.x12 import Segment
from shared.formats.x12_reading import Reading

BALANCE_BACKORDERED = "BP"
QUANTITY_CHANGED = "IQ"
ACTIONS = {
    "IA": Action.ACCEPT,
    "AC": Action.ACCEPT,
    "AR": Action.ACCEPT,
    "SP": Action.ACCEPT,
    BALANCE_BACKORDERED: Action.PARTIAL,
    QUANTITY_CHANGED: Action.PARTIAL,
    "IB": Action.BACKORDER,
    "IC": Action.CHANGE,
    "IP": Action.PRICE,
    "DR": Action.DATE,
    "IS": Action.SUBSTITUTE,
    "IR": Action.REJECT,
    "ID": Action.DELETE,
    "IH": Action.HOLD,
    "IE": Action.HOLD,
    "IF": Action.HOLD,
    "IW": Action.HOLD,
}
"""Accepted; accepted and shipped, released, its schedule pending; a part, the balance backordered; quantity changed;
backordered; changes made; price changed; date rescheduled; substitution; rejected; deleted; on hold, its price pending,
its description incomplete, awaiting a waiver."""

ACCEPTED_WHOLE = frozenset({"AD", "AK", "AT"})
"""Acknowledged with detail and no change, with no detail or change, accepted (element 587)."""
REJECTED_WHOLE = frozenset({"RD", "RJ", "RN"})
"""Rejected with detail, with none, not as agreed."""
EXCEPTIONS_ONLY = {"AE": Action.ACCEPT, "RF": Action.REJECT}
"""Accepted, rejected, with detail of the exceptions only."""
TYPES = ACCEPTED_WHOLE | REJECTED_WHOLE | EXCEPTIONS_ONLY.keys() | {"AC", "AH"}

PER_PIECE = frozenset({"", "PE", "TE", "WE", "RE", "LE", "UM", "CT", "CP", "NT", "QT"})
"""Bases of a unit price (element 639) by which it is of one unit; others are of a hundred, a foot, a pound."""

AS_ALL = frozenset({Action.REJECT, Action.DELETE, Action.BACKORDER, Action.HOLD})
"""Of these nought units, where the line has no other answer, means that none of it ships."""

EXPECTED = frozenset(
    (
        *("REF", "PER", "TAX", "FOB", "CTP", "SAC", "ITD", "DTM", "TD1", "TD5", "PKG", "PID", "MEA", "N1", "N2", "N3"),
        *("N4", "N9", "MSG", "NTE", "PO4", "SCH", "QTY", "IT8", "AMT", "TXI", "LDT"),
    )
)
"""Segments of the standard that say nothing of what becomes of a line."""

TEXTS = {"REF": 3, "MSG": 1, "NTE": 2}
"""Where words of the supplier stand."""
LONGEST_TEXT = 200
MOST_TEXTS = 20
MOST_ACKS = 100
"""Answers of one line; the standard allows 104."""

FIRST_PRODUCT_OF_ACK = 7
LAST_PRODUCT_OF_ACK = 26
INDUSTRY_CODE = 29


@dataclass(slots=True)
class Line:
    """A line while its segments are read."""

    head: Segment
    layout: Layout
    ordered: int | None
    price: Decimal | None
    products: tuple[ProductId, ...]
    acks: list[Segment] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    day: When | None = None
    prices: Segment | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the elements of a line's first segment stand."""

    units: int
    uom: int
    price: int
    basis: int
    products: int
    change: int = 0


PO1 = Layout(units=2, uom=3, price=4, basis=5, products=6)
POC = Layout(units=3, uom=5, price=6, basis=7, products=8, change=2)


@dataclass(slots=True)
class Answered:
    """What an answer says: its first segment (till then its ST), its lines, and what is said of the whole."""

    head: Segment
    lines: list[AnsweredLine] = field(default_factory=list)
    currency: str = ""
    supplier_order: str = ""


def read(reading: Reading, head_id: str, line_id: str, layout: Layout) -> Answered:
    """Read all segments of an answer. Raises DocumentRefused where nothing says what it is about."""
    line: Line | None = None
    found = Answered(reading.set.header)
    for segment in reading.segments():
        if segment.id == line_id:
            if line:
                found.lines.append(_end(reading, line))
            if len(found.lines) == MOST_LINES:
                reading.find("lines_too_many", "a document has too many lines", segment)
                raise DocumentRefused(reading.findings)
            line = _begin(reading, segment, layout)
        elif segment.id == "CTT":
            reading.count(segment, 1, len(found.lines) + bool(line), "lines")
        elif not (line and _takes(reading, line, segment)):
            _takes_of_whole(reading, found, segment, head_id)
    if line:
        found.lines.append(_end(reading, line))
    if found.head.id != head_id:
        reading.miss(head_id, reading.set.header)
        raise DocumentRefused(reading.findings)
    if found.head.get(2) not in TYPES:
        reading.find("ack_type_unknown", "this type of answer is not known", found.head, 2)
    return found


def _takes_of_whole(reading: Reading, found: Answered, segment: Segment, head_id: str) -> None:
    if segment.id == head_id:
        if found.head.id == head_id:
            reading.find("segment_twice", "the answer begins twice", segment)
        found.head = segment
    elif segment.id == "CUR":
        found.currency = segment.get(2)
    elif segment.id == "REF" and segment.get(1) == "VN":
        found.supplier_order = segment.get(2)
    elif segment.id == "ACK":
        reading.find("segment_misplaced", "an answer to a line stands before any line", segment)
    else:
        reading.skip(segment, EXPECTED)


def _begin(reading: Reading, head: Segment, layout: Layout) -> Line:
    """Read the first segment of a line."""
    ordered = reading.units(head, layout.units, layout.uom)
    price = reading.price(head, layout.price)
    if head.get(layout.basis) not in PER_PIECE or reading.pieces(head, layout.uom) != 1:
        price = None  # of something else than a piece
    products = x12_reading.products(head, layout.products)
    if not head.get(1) and not products:
        reading.find("line_unnamed", "neither a line number nor a product stands here", head, 1)
    return Line(head, layout, ordered, price, products)


def _takes(reading: Reading, line: Line, segment: Segment) -> bool:
    """Take in a segment of a line's loop; answer False for one that says nothing of what becomes of it."""
    match segment.id:
        case "ACK":
            line.acks.append(segment)
            if len(line.acks) > MOST_ACKS:
                reading.find("acks_too_many", "a line has too many answers", segment)
        case "REF" | "MSG" | "NTE":
            if len(line.texts) < MOST_TEXTS:
                line.texts.append(segment.get(TEXTS[segment.id]))
        case "DTM":
            line.day = line.day or reading.when(segment, 1, 2)
        case "CTP":
            line.prices = line.prices or segment
        case _:
            return False
    return True


def _end(reading: Reading, line: Line) -> AnsweredLine:
    """Read what becomes of a line, from all its segments."""
    is_only = len(line.acks) == 1
    says: list[LineSays] = []
    for ack in line.acks:
        says += _says(reading, line, ack, is_only=is_only)
    if not is_only:
        known = [each.units for each in says if each.units is not None]
        if line.acks and len(known) < len(says):
            reading.find("units_missing", "of several answers to a line each must say its units", line.acks[-1], 2)
        elif line.ordered is not None and sum(known) > line.ordered:
            reading.find("units_exceed", "answers to a line are about more units than it has", line.acks[-1], 2)
    return AnsweredLine(
        line=line.head.get(1),
        products=line.products,
        says=tuple(says),
        spot=x12_reading.spot(line.head),
        ordered=line.ordered,
        price=line.price,
        change=line.head.get(line.layout.change) if line.layout.change else "",
    )


def _says(reading: Reading, line: Line, ack: Segment, *, is_only: bool) -> Sequence[LineSays]:
    code = ack.get(1)
    action = ACTIONS.get(code)
    if action is None:
        reading.find("ack_code_unknown", "what this code means for the line is not known", ack, 1)
        return ()
    units = reading.units(ack, 2, 3)
    if not units and action in AS_ALL and is_only:
        units = None
    text = " ".join(" ".join(each for each in line.texts if each).split())[:LONGEST_TEXT]
    said = LineSays(
        action=action,
        units=units,
        spot=x12_reading.spot(ack),
        on=reading.when(ack, 4, 5) or (line.day if is_only else None),
        price=_price(reading, line, ack) if action in {Action.PRICE, Action.CHANGE} else None,
        reason=_reason(reading, ack, text) if action is Action.REJECT else None,
        text=text,
        substitute=_substitute(reading, ack) if action is Action.SUBSTITUTE else (),
    )
    if units == 0 and code != QUANTITY_CHANGED:
        reading.find("units_zero", "no units, yet something becomes of them", ack, 2)
    if code == BALANCE_BACKORDERED:
        return _with_balance(reading, line, ack, said)
    if code == QUANTITY_CHANGED and units is None:
        reading.find("units_missing", "the quantity is changed, but to what is not said", ack, 2)
    elif code == QUANTITY_CHANGED and line.ordered is not None and (units or 0) >= line.ordered:
        said = replace(said, action=Action.CHANGE)
    return (said,)


def _with_balance(reading: Reading, line: Line, ack: Segment, said: LineSays) -> Sequence[LineSays]:
    if said.units is None or line.ordered is None or not 0 < said.units < line.ordered:
        reading.find("balance_unclear", "how many units are left for later is not said", ack, 2)
        return ()
    return (said, replace(said, action=Action.BACKORDER, units=line.ordered - said.units, on=None))


def _price(reading: Reading, line: Line, ack: Segment) -> Decimal | None:
    price = line.price
    if price is None and line.prices and _is_of_a_piece(reading, line.prices):
        price = reading.price(line.prices, 3)
    if price is None and ack.get(1) == "IP":
        reading.find("price_missing", "the price of a piece is changed, but to what is not said", ack, 1)
    return price


def _is_of_a_piece(reading: Reading, ctp: Segment) -> bool:
    return ctp.get(4) in ("", "1") and reading.pieces(ctp, 5) == 1


def _reason(reading: Reading, ack: Segment, text: str) -> Reason:
    for word in (ack.get(INDUSTRY_CODE), text):
        if word and (known := reading.profile.reasons.get(quantities.word(word))):
            return known
    return Reason.OTHER


def _substitute(reading: Reading, ack: Segment) -> tuple[ProductId, ...]:
    found = x12_reading.products(ack, FIRST_PRODUCT_OF_ACK, LAST_PRODUCT_OF_ACK)
    if not found:
        reading.find("substitute_unnamed", "another product ships, but which is not said", ack, FIRST_PRODUCT_OF_ACK)
    return found


def ships(line: AnsweredLine) -> bool:
    """Whether something of a line will ship."""
    return any(each.action in SHIPS for each in line.says)
