"""X12 860: a request to cancel a purchase order (BCH01 `01`), or to take lines or units off it (`04`).

A line to delete goes as `DI` with the units it had and none left; one with fewer as `QD` with the units still wanted.
"""

from __future__ import annotations

from datetime import date

from shared.domain.documents import ChangeRequest, OrderedLine, Whose, Wish, WishedLine, product_id
from shared.errors import InvalidInput
from shared.formats import x12_850, x12_reading, x12_writer
from shared.formats.x12 import Segment
from shared.formats.x12_850 import DROP_SHIP, Habits
from shared.formats.x12_reading import Reading
from shared.formats.x12_writer import Written

NUMBER = "860"
FUNCTIONAL_ID = "PC"
CANCEL, CHANGE = "01", "04"
CODES = {Wish.DELETE: "DI", Wish.FEWER: "QD"}
WISHES = {code: wish for wish, code in CODES.items()}
MOST_REQUESTS = 9_999


def body(request: ChangeRequest, habits: Habits = DROP_SHIP) -> Written:
    """Write the segments of a request. Raises InvalidInput for an identifier that X12 cannot carry."""
    if not request.lines or not 0 < request.request <= MOST_REQUESTS:
        raise InvalidInput("a request needs a line and a number", code="po_without_lines", number=request.number)
    number = x12_writer.identifier("number", request.number, x12_850.LONGEST_NUMBER)
    head = ["BCH", CANCEL if request.is_cancel else CHANGE, habits.type, number, "", str(request.request)]
    written = [[*head, x12_850.day(request.ordered), "", "", "", "", x12_850.day(request.dated)]]
    for each in request.lines:
        line, units, uom, price = x12_850.line_elements(each.line)
        left = units if each.wish is Wish.FEWER else "0"
        pairs = x12_850.products(each.line, habits)
        written.append(["POC", line, CODES[each.wish], units, left, uom, price, "", *pairs])
    return Written([*written, ["CTT", str(len(request.lines))]], ())


def read(reading: Reading) -> ChangeRequest:
    """Read a request as we write them. Raises DocumentRefused where it cannot be one."""
    head = reading.set.header
    lines: list[WishedLine] = []
    for segment in reading.segments():
        match segment.id:
            case "BCH":
                head = segment
            case "POC":
                lines.append(_line(reading, segment))
    ordered, dated, request = reading.day(head, 6), reading.day(head, 11), head.get(5)
    if head.id != "BCH" or not (request.isascii() and request.isdigit()) or ordered is None or dated is None:
        reading.miss("BCH", reading.set.header)
    reading.check()
    return ChangeRequest(
        number=head.get(3),
        ordered=ordered or date.min,
        request=int(request),
        dated=dated or date.min,
        is_cancel=head.get(1) == CANCEL,
        lines=tuple(lines),
    )


def _line(reading: Reading, poc: Segment) -> WishedLine:
    wish = WISHES.get(poc.get(2))
    if wish is None:
        reading.find("wish_unknown", "what shall become of a line is not known", poc, 2)
    found = x12_reading.products(poc, 8)
    line = OrderedLine(
        line=poc.get(1),
        sku=product_id(found, Whose.OURS),
        units=reading.units(poc, 3, 5) or 0,
        supplier_sku=product_id(found, Whose.SUPPLIER),
        gtin=product_id(found, Whose.GTIN),
        price=reading.price(poc, 6),
        uom=poc.get(5),
    )
    return WishedLine(line=line, wish=wish or Wish.DELETE)
