"""X12 850: a drop-ship purchase order (BEG02 `DS`), with the address it goes to.

Numbers and SKUs go as they are or not at all. Of the address, words for people, a delimiter becomes a blank, and what
is longer than its element is cut: which parts that befell is told.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from shared.domain.documents import Carriage, OrderedLine, OrderRequest, Whose, product_id
from shared.errors import InvalidInput
from shared.formats import x12_reading, x12_writer
from shared.formats.purchase_order_csv import ADDRESS
from shared.formats.x12 import Delimiters, Segment
from shared.formats.x12_reading import Reading
from shared.formats.x12_writer import USUAL, Words, Written

NUMBER = "850"
FUNCTIONAL_ID = "PO"

LONGEST_NUMBER = 22
LONGEST_LINE = 20
LONGEST_PRODUCT = 48
LONGEST_REFERENCE = 30
LONGEST_NAME = 60
LONGEST_STREET = 55
MOST_STREETS = 4
LONGEST_CITY = 30
LONGEST_ZIP = 15
LONGEST_COUNTRY = 3
LONGEST_PHONE = 80
LONGEST_SERVICE = 35
LONGEST_SCAC = 4
LETTERS_OF_A_STATE = 2
MOST_DIGITS = 15
"""Lengths of elements in 004010: 324, 350, 234, 127, 93, 166, 19, 116, 26, 364, 387, 140, 156, 212."""

GTINS = {8: "EO", 12: "UP", 13: "EN", 14: "UK"}

_DATES = (("010", "ship_by"), ("002", "deliver_by"), ("001", "cancel_after"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a partner wants it: the type of order (element 92), qualifiers of its products and of ours (element 235)."""

    type: str = "DS"
    supplier: str = "VN"
    ours: str = "SK"


DROP_SHIP = Habits()


def body(order: OrderRequest, delimiters: Delimiters = USUAL, habits: Habits = DROP_SHIP) -> Written:
    """Write the segments of a purchase order. Raises InvalidInput for an identifier that X12 cannot carry."""
    if not order.lines:
        raise InvalidInput("a purchase order needs a line", code="po_without_lines", number=order.number)
    words = Words(delimiters)
    number = x12_writer.identifier("number", order.number, LONGEST_NUMBER)
    written = [["BEG", "00", habits.type, number, "", day(order.dated)]]
    if order.currency:
        written.append(["CUR", "BY", order.currency])
    if order.order_name:
        written.append(["REF", "CO", words.fit("order_name", order.order_name, LONGEST_REFERENCE)])
    if order.order_token:
        written.append(["REF", "ZZ", x12_writer.identifier("order_token", order.order_token, LONGEST_REFERENCE)])
    dates = ((code, getattr(order, name)) for code, name in _DATES)
    written += [["DTM", code, day(on)] for code, on in dates if on]
    written += _carriage(order.carriage, words)
    written += _address(order.ship_to, words)
    for line in order.lines:
        written.append(["PO1", *line_elements(line), "", *products(line, habits)])
    return Written([*written, ["CTT", str(len(order.lines))]], tuple(words.changed))


def line_elements(line: OrderedLine) -> list[str]:
    """Write a line's number, units, unit of measure and price."""
    if not 0 < line.units < 10**MOST_DIGITS:
        raise InvalidInput("a line needs a unit or more", code="po_units", line=line.line, units=line.units)
    number = x12_writer.identifier("line", line.line, LONGEST_LINE)
    return [number, str(line.units), line.uom, price(line.price)]


def price(amount: Decimal | None) -> str:
    """Write the price of a piece; empty where there is none."""
    if amount is None:
        return ""
    text = f"{amount:f}"
    if not amount.is_finite() or amount < 0 or len(text) > MOST_DIGITS:
        raise InvalidInput("a price does not fit its element", code="po_price", price=text[:40])
    return text


def products(line: OrderedLine, habits: Habits) -> list[str]:
    """Write pairs of qualifier and number; each number as it is."""
    pairs = []
    if line.supplier_sku:
        pairs += [habits.supplier, x12_writer.identifier("supplier_sku", line.supplier_sku, LONGEST_PRODUCT)]
    pairs += [habits.ours, x12_writer.identifier("sku", line.sku, LONGEST_PRODUCT)]
    if line.gtin:
        qualifier = GTINS.get(len(line.gtin))
        if qualifier is None:
            raise InvalidInput("a GTIN has 8, 12, 13 or 14 digits", code="gtin_unreadable", line=line.line)
        pairs += [qualifier, line.gtin]
    return pairs


def day(on: date) -> str:
    """Write a day."""
    return on.isoformat().replace("-", "")


def _carriage(wish: Carriage, words: Words) -> Iterator[list[str]]:
    if wish.carrier or wish.service:
        code = ["2", x12_writer.identifier("carrier", wish.carrier, LONGEST_SCAC)] if wish.carrier else ["", ""]
        yield ["TD5", "", *code, "", words.fit("service", wish.service, LONGEST_SERVICE)]


def _address(ship_to: Mapping[str, str], words: Words) -> Iterator[list[str]]:
    if not ship_to:
        return
    if unknown := sorted(ship_to.keys() - set(ADDRESS)):
        raise InvalidInput("the address has a part without an element", code="address_part", part=unknown[0])
    part = {each: ship_to.get(each, "") for each in ADDRESS}
    name = words.fit("ship_to.name", part["name"], LONGEST_NAME)
    company = words.fit("ship_to.company", part["company"], LONGEST_NAME)
    if not (name or company):
        raise InvalidInput("the address names nobody", code="address_part", part="name")
    yield ["N1", "ST", name or company]
    if name and company:
        yield ["N2", company]
    streets = _streets(part["address1"], part["address2"], words)
    for at in range(0, len(streets), 2):
        yield ["N3", *streets[at : at + 2]]
    state = words.fit("ship_to.province", part["province"], LONGEST_REFERENCE)
    is_code = len(state) == LETTERS_OF_A_STATE and state.isascii() and state.isalnum()
    zip_code = words.fit("ship_to.zip", part["zip"], LONGEST_ZIP)
    country = words.fit("ship_to.country_code", part["country_code"], LONGEST_COUNTRY)
    place = [words.fit("ship_to.city", part["city"], LONGEST_CITY), state if is_code else "", zip_code, country]
    place += ["SP", state] if state and not is_code else []
    if any(place):
        yield ["N4", *place]
    if part["phone"]:
        yield ["PER", "IC", "", "TE", words.fit("ship_to.phone", part["phone"], LONGEST_PHONE)]


def _streets(first: str, second: str, words: Words) -> list[str]:
    """Lay two lines of an address out over up to four: a street that is cut is a parcel that comes back."""
    wide = LONGEST_STREET * MOST_STREETS
    lines = [words.fit("ship_to.address1", first, wide), words.fit("ship_to.address2", second, wide)]
    if max(map(len, lines)) > LONGEST_STREET:
        words.changed.append("ship_to.address1")
        lines = [piece for line in lines for piece in textwrap.wrap(line, LONGEST_STREET)]
    if len(lines) > MOST_STREETS:
        raise InvalidInput("the address is too long", code="address_too_long", most=LONGEST_STREET * MOST_STREETS)
    return lines if any(lines) else []


# ---- reading it back


def read(reading: Reading) -> OrderRequest:
    """Read a purchase order as we write them. Raises DocumentRefused where it cannot be one."""
    head = reading.set.header
    dates: dict[str, date | None] = {}
    said: dict[str, str] = {}
    ship_to: dict[str, str] = {}
    lines: list[OrderedLine] = []
    carriage = Carriage()
    names = dict(_DATES)
    for segment in reading.segments():
        match segment.id:
            case "BEG":
                head = segment
            case "CUR":
                said["currency"] = segment.get(2)
            case "REF":
                said[{"CO": "order_name", "ZZ": "order_token"}.get(segment.get(1), "")] = segment.get(2)
            case "DTM":
                dates[names.get(segment.get(1), "")] = reading.day(segment, 2)
            case "TD5":
                carriage = Carriage(carrier=segment.get(3), service=segment.get(5))
            case "PO1":
                lines.append(_line(reading, segment))
            case _:
                _part(segment, ship_to)
    dated = reading.day(head, 5)
    if head.id != "BEG" or dated is None:
        reading.miss("BEG", reading.set.header)
    reading.check()
    return OrderRequest(
        number=head.get(3),
        dated=dated or date.min,
        lines=tuple(lines),
        currency=said.get("currency", ""),
        order_name=said.get("order_name", ""),
        order_token=said.get("order_token", ""),
        ship_by=dates.get("ship_by"),
        deliver_by=dates.get("deliver_by"),
        cancel_after=dates.get("cancel_after"),
        carriage=carriage,
        ship_to={part: value for part, value in ship_to.items() if value},
    )


def _line(reading: Reading, po1: Segment) -> OrderedLine:
    found = x12_reading.products(po1, 6)
    return OrderedLine(
        line=po1.get(1),
        sku=product_id(found, Whose.OURS),
        units=reading.units(po1, 2, 3) or 0,
        supplier_sku=product_id(found, Whose.SUPPLIER),
        gtin=product_id(found, Whose.GTIN),
        price=reading.price(po1, 4),
        uom=po1.get(3),
    )


def _part(segment: Segment, ship_to: dict[str, str]) -> None:
    match segment.id:
        case "N1":
            ship_to["name"] = segment.get(2)
        case "N2":
            ship_to["company"] = segment.get(1)
        case "N3":
            ship_to.update(address1=segment.get(1), address2=segment.get(2))
        case "N4":
            state = segment.get(2) or segment.get(6)
            ship_to.update(city=segment.get(1), province=state, zip=segment.get(3), country_code=segment.get(4))
        case "PER":
            ship_to["phone"] = segment.get(4)
