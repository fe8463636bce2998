"""X12 856: what was shipped, as a tree of levels: shipment, order, pallet (tare), package, item.

A level that a partner leaves out is not missed, and packages may stand under an order, a shipment or an item: what a
level does not say, the one above it does. Only what names neither order nor units is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from shared.domain.documents import MOST_LINES, DocumentRefused, Mark, Parcel, ShipmentNotice, ShippedLine
from shared.formats import x12_reading
from shared.formats.x12 import Segment
from shared.formats.x12_reading import Reading

PARCELS = frozenset({"P", "T"})
ITEM = "I"
SHIPMENT = "S"
LEVELS = PARCELS | {SHIPMENT, "O", ITEM}
MOST_LEVELS = 3 * MOST_LINES
DEEPEST = 12
MOST_MARKS = 1_000
"""Tracking numbers of one level."""

TRACKING = frozenset({"CN", "2I", "AW", "WY"})
"""Carrier's reference, tracking number, air waybill, waybill (element 128)."""
CARRIER_ASSIGNED = "CP"
SSCC = frozenset({"GM", "AA"})
"""What marks are (element 88): a package number of the carrier; a serial shipping container code."""
SHIPPED = "011"

EXPECTED = frozenset(
    (
        *("CUR", "REF", "PER", "TD1", "TD3", "TD4", "TD5", "PKG", "PID", "MEA", "N1", "N2", "N3", "N4", "DTM", "FOB"),
        *("PO4", "MAN", "SLN", "CTP", "SAC", "LDT", "V1", "R4", "TXI", "AMT", "CTT"),
    )
)


@dataclass(slots=True)
class Level:
    """One level of the tree while it is read."""

    id: str
    code: str
    above: Level | None
    order: str = ""
    carrier: str = ""
    service: str = ""
    sscc: str = ""
    tracking: tuple[Mark, ...] = ()
    lin: Segment | None = None
    sn1: Segment | None = None
    depth: int = 1
    packages: list[Level] = field(default_factory=list)
    """Of an item: those below it."""

    def up(self) -> Iterator[Level]:
        """Yield it and the levels above it."""
        level: Level | None = self
        while level:
            yield level
            level = level.above


@dataclass(slots=True)
class Tree:
    """All levels by number, and the items with the levels they stand at."""

    levels: dict[str, Level] = field(default_factory=dict)
    items: list[tuple[Level, ShippedLine]] = field(default_factory=list)
    head: Segment | None = None
    shipped: date | None = None
    moment: datetime | None = None


def read(reading: Reading) -> ShipmentNotice:
    """Read a set. Raises DocumentRefused with everything that cannot be read without a guess."""
    tree = Tree()
    level: Level | None = None
    for segment in reading.segments():
        if segment.id == "HL":
            if level:
                _close(reading, tree, level)
            level = _open(reading, tree, segment)
        elif not (level and _takes(reading, level, segment)):
            _takes_of_whole(reading, tree, segment)
    if level:
        _close(reading, tree, level)
    if tree.head is None:
        reading.miss("BSN", reading.set.header)
        raise DocumentRefused(reading.findings)
    return _notice(reading, tree.head, tree)


def _takes_of_whole(reading: Reading, tree: Tree, segment: Segment) -> None:
    if segment.id == "BSN":
        if tree.head:
            reading.find("segment_twice", "the notice begins twice", segment)
        tree.head = segment
    elif segment.id == "DTM" and segment.get(1) == SHIPPED:
        _shipped(reading, tree, segment)
    else:
        reading.skip(segment, EXPECTED)


def _notice(reading: Reading, head: Segment, tree: Tree) -> ShipmentNotice:
    if not tree.items and not reading.findings:
        reading.find("lines_missing", "nothing is said to be shipped", head)
    read = ShipmentNotice(
        origin=reading.origin,
        number=reading.needed(head, 2, "its number"),
        purpose=reading.purpose(head, 1),
        parcels=tuple(_parcels(tree)),
        dated=reading.day(head, 3),
        shipped_on=tree.shipped,
        shipped_at=tree.moment,
    )
    reading.check()
    return read


def _open(reading: Reading, tree: Tree, hl: Segment) -> Level:
    own, parent, code = hl.get(1), hl.get(2), hl.get(3)
    above = tree.levels.get(parent)
    if own in tree.levels or not own:
        reading.find("level_twice", "a level's number is missing, or comes twice", hl, 1)
    elif parent and above is None:
        reading.find("level_above_unknown", "the level above stands nowhere before", hl, 2)
    elif not parent and tree.levels and code != SHIPMENT:
        reading.find("level_above_missing", "which level it belongs to is not said", hl, 2)
    if code not in LEVELS:
        reading.unknown[f"HL {code}"[:10]] += 1
    level = tree.levels[own] = Level(own, code, above)
    if len(tree.levels) > MOST_LEVELS:
        reading.find("lines_too_many", "a document has too many levels", hl)
        raise DocumentRefused(reading.findings)
    if above and above.code == ITEM:
        if code == ITEM:
            reading.find("item_in_item", "an item within an item", hl, 2)
        above.packages.append(level)
    if above:
        level.depth = above.depth + 1
        if level.depth > DEEPEST:
            reading.find("level_too_deep", "levels are nested too deep", hl)
    return level


def _takes(reading: Reading, level: Level, segment: Segment) -> bool:
    match segment.id:
        case "LIN" | "SN1":
            if level.lin if segment.id == "LIN" else level.sn1:
                reading.find("segment_twice", "a level has two items", segment)
            if segment.id == "LIN":
                level.lin = segment
            else:
                level.sn1 = segment
        case "PRF":
            level.order = segment.get(1)
        case "TD5":
            level.carrier = segment.get(3) or level.carrier
            level.service = segment.get(5) or segment.get(12) or level.service
        case "MAN":
            _mark(reading, level, segment, 1)
            _mark(reading, level, segment, 4)
        case "REF":
            return _refers(level, segment.get(1), segment.get(2))
        case _:
            return False
    return True


def _refers(level: Level, qualifier: str, number: str) -> bool:
    if qualifier in TRACKING and number and len(level.tracking) < MOST_MARKS:
        level.tracking += (Mark(qualifier, number),)
    elif qualifier == "PO":
        level.order = level.order or number
    return qualifier in TRACKING or qualifier == "PO"


def _mark(reading: Reading, level: Level, segment: Segment, at: int) -> None:
    qualifier, number, last = (segment.get(at + each) for each in range(3))
    if qualifier in SSCC:
        level.sscc = number
    elif qualifier == CARRIER_ASSIGNED and number:
        if len(level.tracking) == MOST_MARKS:
            reading.find("marks_too_many", "a package has too many tracking numbers", segment, at)
            return
        level.tracking += (Mark(qualifier, number),)
        if last and last != number:
            reading.find("marks_range", "a range of tracking numbers, of which only two are said", segment, at + 2)


def _shipped(reading: Reading, tree: Tree, segment: Segment) -> None:
    day = reading.day(segment, 2)
    if tree.shipped and day and day != tree.shipped:
        reading.find("shipped_twice", "it was shipped on two days", segment, 2)
    tree.shipped = tree.shipped or day
    tree.moment = tree.moment or reading.moment(day, segment, 3, 4)


def _close(reading: Reading, tree: Tree, level: Level) -> None:
    """Read an item when its level ends; the levels above it were read whole before."""
    lin, sn1 = level.lin, level.sn1
    level.lin = level.sn1 = None
    if level.code != ITEM:
        if lin or sn1:
            reading.find("item_misplaced", "an item stands at a level that is none", lin or sn1 or reading.set.header)
        return
    if lin is None or sn1 is None:
        what = "what" if lin is None else "how many units"
        reading.find("item_unclear", f"{what} is shipped is not said", sn1 or lin or reading.set.header)
        return
    tree.items.append((level, _line(reading, level, lin, sn1)))


def _line(reading: Reading, level: Level, lin: Segment, sn1: Segment) -> ShippedLine:
    order = next((each.order for each in level.up() if each.order), "")
    if not order:
        reading.find("order_missing", "which purchase order it belongs to is not said", sn1)
    first = x12_reading.first_of_lin(lin)
    line = lin.get(1) if first > 1 else ""
    if line and sn1.get(1) and line != sn1.get(1):
        reading.find("line_ambiguous", "a line has two numbers", sn1, 1)
    units = reading.units(sn1, 2, 3)
    if not sn1.get(2):
        reading.find("units_missing", "how many units are shipped is not said", sn1, 2)
    shipped = ShippedLine(
        order=order,
        line=line or sn1.get(1),
        products=x12_reading.products(lin, first),
        units=units or 0,
        spot=x12_reading.spot(sn1),
    )
    if not shipped.line and not shipped.products:
        reading.find("line_unnamed", "neither a line number nor a product stands here", lin, 1)
    return shipped


def _parcels(tree: Tree) -> Iterator[Parcel]:
    """Make a parcel of every level that items lie in, and of packages of which the document does not say what is in."""
    held: dict[str, list[ShippedLine]] = {}
    same: dict[tuple[Mark, ...], Level] = {}
    for item, line in tree.items:
        level = _holder(item)
        if level.tracking and level.code not in PARCELS:
            level = same.setdefault(level.tracking, level)
        held.setdefault(level.id, []).append(line)
    for level in tree.levels.values():
        lines = held.get(level.id)
        if lines or (level.code in PARCELS and not (level.above and level.above.code == ITEM)):
            yield _parcel(level, tuple(lines or ()))


def _holder(item: Level) -> Level:
    """Find whose parcel an item lies in: of packages below it, else of the level above it that is one or is tracked."""
    if item.packages:
        return item
    top = item
    for level in item.up():
        if level.code in PARCELS or level.code == SHIPMENT or level.tracking:
            return level
        top = level
    return top


def _parcel(level: Level, lines: tuple[ShippedLine, ...]) -> Parcel:
    own = tuple(mark for each in level.packages for mark in each.tracking)
    codes = {each.sscc for each in level.packages if each.sscc}
    return Parcel(
        lines=lines,
        carrier=next((each.carrier for each in level.up() if each.carrier), ""),
        service=next((each.service for each in level.up() if each.service), ""),
        tracking=own or next((each.tracking for each in level.up() if each.tracking), ()),
        sscc=level.sscc or (codes.pop() if len(codes) == 1 else ""),
    )
