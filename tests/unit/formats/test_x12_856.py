from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from shared.domain.documents import Mark, Parcel, Purpose, ShipmentNotice, Whose, product_id
from tests.support import x12
from tests.support.x12 import codes, file, one_set

HEAD = "BSN*00*SHP-1*20261125*1045*0001"
SHIPMENT = ["HL*1**S", "TD5**2*UPSN*M*UPS GROUND", "REF*CN*1Z5R89390357567127", "DTM*011*20261125"]
ORDER = ["HL*2*1*O", "PRF*ALPINA-000001***20261124"]


def item(hl: int, above: int, line: str = "1", units: str = "5*EA") -> list[str]:
    return [f"HL*{hl}*{above}*I", f"LIN*{line}*VN*A-{line}*SK*NL-{line}", f"SN1*{line}*{units}"]


def notice(*segments: str, head: str = HEAD, zone: str = "UTC") -> ShipmentNotice:
    read = x12.document("856", "\n".join([head, *segments]), zone=zone)
    assert isinstance(read, ShipmentNotice)
    return read


def told(parcel: Parcel) -> tuple[list[tuple[str, str, int]], list[str], str]:
    lines = [(each.order, each.line, each.units) for each in parcel.lines]
    return lines, [each.number for each in parcel.tracking], parcel.carrier


def parcels(*segments: str) -> list[tuple[list[tuple[str, str, int]], list[str], str]]:
    return [told(each) for each in notice(*segments).parcels]


def test_a_shipment_of_one_order_is_one_parcel() -> None:
    text = file(one_set("856", "\n".join([HEAD, *SHIPMENT, *ORDER, *item(3, 2), *item(4, 2, "2", "1*EA")])))
    (found,) = x12.received(text)

    read = found.document
    assert isinstance(read, ShipmentNotice)
    assert (read.number, read.purpose, read.dated) == ("SHP-1", Purpose.ORIGINAL, date(2026, 11, 25))
    assert (read.shipped_on, read.shipped_at) == (date(2026, 11, 25), None)
    (parcel,) = read.parcels
    assert parcel.tracking == (Mark("CN", "1Z5R89390357567127"),)
    assert (parcel.carrier, parcel.service) == ("UPSN", "UPS GROUND")
    assert told(parcel)[0] == [("ALPINA-000001", "1", 5), ("ALPINA-000001", "2", 1)]
    first = parcel.lines[0]
    assert product_id(first.products, Whose.SUPPLIER) == "A-1"
    assert first.spot == (13, text.index("SN1*1"))


PACKED = [
    *("HL*3*2*P", "MAN*GM*00000715670002152360", "MAN*CP*1Z879E930346834440"),
    *item(4, 3),
    *("HL*5*2*P", "MAN*GM*00000715670002152377*00000715670002152377*CP*1Z410E7W0392751591"),
    *item(6, 5, "1", "2*EA"),
    *item(7, 5, "2", "1*EA"),
]


def test_packages_are_parcels_with_numbers_of_their_own() -> None:
    one, two = notice(*SHIPMENT, *ORDER, *PACKED).parcels

    assert told(one) == ([("ALPINA-000001", "1", 5)], ["1Z879E930346834440"], "UPSN")
    assert told(two)[0] == [("ALPINA-000001", "1", 2), ("ALPINA-000001", "2", 1)]
    assert told(two)[1] == ["1Z410E7W0392751591"]
    assert [each.sscc for each in (one, two)] == ["00000715670002152360", "00000715670002152377"]


A = ("ALPINA-000001", "1", 5)


@pytest.mark.parametrize(
    ("_case", "segments", "wanted"),
    [
        (
            "shipment, order, pallet, package, item",
            [*SHIPMENT, *ORDER, "HL*3*2*T", "MAN*GM*1", "HL*4*3*P", "MAN*CP*T1", *item(5, 4)],
            [([], ["1Z5R89390357567127"], "UPSN"), ([A], ["T1"], "UPSN")],
        ),
        ("no order level", [*SHIPMENT, "PRF*ALPINA-000001", *item(2, 1)], [([A], ["1Z5R89390357567127"], "UPSN")]),
        (
            "the order named at the item",
            [*SHIPMENT, *item(2, 1), "PRF*ALPINA-000001"],
            [([A], ["1Z5R89390357567127"], "UPSN")],
        ),
        (
            "the order as a reference",
            [*SHIPMENT, "HL*2*1*O", "REF*PO*ALPINA-000001", *item(3, 2)],
            [([A], ["1Z5R89390357567127"], "UPSN")],
        ),
        (
            "no shipment level",
            ["HL*1**O", "PRF*ALPINA-000001", "REF*2I*T1", *item(2, 1)],
            [([A], ["T1"], "")],
        ),
        (
            "the package above the order",
            [*SHIPMENT, "HL*2*1*P", "MAN*CP*T1", "HL*3*2*O", "PRF*ALPINA-000001", *item(4, 3)],
            [([A], ["T1"], "UPSN")],
        ),
        (
            "packages below the item",
            [*SHIPMENT, *ORDER, *item(3, 2), "HL*4*3*P", "MAN*CP*T1", "HL*5*3*P", "MAN*CP*T2"],
            [([A], ["T1", "T2"], "UPSN")],
        ),
        (
            "packages of which nobody says what is in",
            [*SHIPMENT, *ORDER, *item(3, 2), "HL*4*1*P", "MAN*CP*T1"],
            [([A], ["1Z5R89390357567127"], "UPSN"), ([], ["T1"], "UPSN")],
        ),
        (
            "a level nobody knows",
            [*SHIPMENT, *ORDER, "HL*3*2*X", "REF*2I*T1", *item(4, 3)],
            [([A], ["T1"], "UPSN")],
        ),
        (
            "orders that are tracked each by itself",
            ["HL*1**S", *ORDER, "REF*CN*T1", *item(3, 2), "HL*4*1*O", "PRF*B", "REF*CN*T2", *item(5, 4)],
            [([A], ["T1"], ""), ([("B", "1", 5)], ["T2"], "")],
        ),
        (
            "items that are tracked, two by one number",
            ["HL*1**S", *ORDER, *item(3, 2), "REF*2I*T1", *item(4, 2, "2"), "REF*2I*T2", *item(5, 2, "3"), "REF*2I*T1"],
            [([A, ("ALPINA-000001", "3", 5)], ["T1"], ""), ([("ALPINA-000001", "2", 5)], ["T2"], "")],
        ),
        ("only an item", ["HL*1**I", "LIN**VN*A-1", "SN1*1*5*EA", "PRF*ALPINA-000001"], [([A], [], "")]),
        (
            "segments of the shipment behind its items",
            [*SHIPMENT, *ORDER, *item(3, 2), "CTT*3"],
            [([A], ["1Z5R89390357567127"], "UPSN")],
        ),
    ],
)
def test_trees_with_levels_left_out_or_turned_around_are_read(
    _case: str, segments: list[str], wanted: list[tuple[list[tuple[str, str, int]], list[str], str]]
) -> None:
    assert parcels(*segments) == wanted


def test_items_of_several_orders_keep_their_orders() -> None:
    second = ["HL*4*1*O", "PRF*ALPINA-000002", *item(5, 4, "9")]

    ((lines, _, _),) = parcels(*SHIPMENT, *ORDER, *item(3, 2), *second)
    assert [order for order, _, _ in lines] == ["ALPINA-000001", "ALPINA-000002"]


def test_a_line_number_may_be_left_out_and_products_begin_where_their_qualifiers_do() -> None:
    (parcel,) = notice(*SHIPMENT, *ORDER, "HL*3*2*I", "LIN*VN*A-1*SK*NL-1", "SN1**5*EA").parcels

    (line,) = parcel.lines
    assert (line.line, product_id(line.products, Whose.SUPPLIER), product_id(line.products, Whose.OURS)) == (
        "",
        "A-1",
        "NL-1",
    )


def test_nothing_of_a_line_in_a_parcel_is_told_as_nothing() -> None:
    assert parcels(*SHIPMENT, *ORDER, *item(3, 2, units="0*EA"))[0][0] == [("ALPINA-000001", "1", 0)]


@pytest.mark.parametrize(
    ("dtm", "zone", "at"),
    [
        ("DTM*011*20261125*1405", "America/New_York", datetime(2026, 11, 25, 19, 5, tzinfo=UTC)),
        ("DTM*011*20261125*140530*UT", "America/New_York", datetime(2026, 11, 25, 14, 5, 30, tzinfo=UTC)),
        ("DTM*011*20260725*1405*CT", "UTC", datetime(2026, 7, 25, 19, 5, tzinfo=UTC)),
        ("DTM*011*20261125*1405*PS", "UTC", datetime(2026, 11, 25, 22, 5, tzinfo=UTC)),
        ("DTM*011*20260725*1405*ED", "UTC", datetime(2026, 7, 25, 18, 5, tzinfo=UTC)),
    ],
)
def test_the_moment_it_was_shipped_is_in_the_suppliers_zone_or_its_own(dtm: str, zone: str, at: datetime) -> None:
    read = notice("HL*1**S", dtm, *ORDER, *item(3, 2), zone=zone)

    assert read.shipped_at == at


@pytest.mark.parametrize(
    ("_case", "segments", "why"),
    [
        ("no order", [*SHIPMENT, *item(2, 1)], ("order_missing", 9, 0)),
        ("no units", [*SHIPMENT, *ORDER, *item(3, 2, units="*EA")], ("units_missing", 11, 2)),
        ("units that are none", [*SHIPMENT, *ORDER, *item(3, 2, units="5.5*EA")], ("units_unreadable", 11, 2)),
        ("cases", [*SHIPMENT, *ORDER, *item(3, 2, units="5*CA")], ("uom_unknown", 11, 3)),
        ("no LIN", [*SHIPMENT, *ORDER, "HL*3*2*I", "SN1*1*5*EA"], ("item_unclear", 10, 0)),
        ("no SN1", [*SHIPMENT, *ORDER, "HL*3*2*I", "LIN*1*VN*A-1"], ("item_unclear", 10, 0)),
        ("two products", [*SHIPMENT, *ORDER, *item(3, 2), "LIN*1*VN*B-1"], ("segment_twice", 12, 0)),
        (
            "two numbers of the line",
            [*SHIPMENT, *ORDER, "HL*3*2*I", "LIN*1*VN*A", "SN1*2*5*EA"],
            ("line_ambiguous", 11, 1),
        ),
        ("no name", [*SHIPMENT, *ORDER, "HL*3*2*I", "LIN*", "SN1**5*EA"], ("line_unnamed", 10, 1)),
        ("an unknown level above", [*SHIPMENT, *ORDER, *item(3, 7), "PRF*1"], ("level_above_unknown", 9, 2)),
        ("no level above", [*SHIPMENT, "HL*2**O", "PRF*1", *item(3, 2)], ("level_above_missing", 7, 2)),
        ("a level twice", [*SHIPMENT, *ORDER, *item(2, 1), "PRF*1"], ("level_twice", 9, 1)),
        ("an item in an item", [*SHIPMENT, *ORDER, *item(3, 2), *item(4, 3, "2")], ("item_in_item", 12, 2)),
        ("an item at the order", [*SHIPMENT, *ORDER, "LIN*1*VN*A", *item(3, 2)], ("item_misplaced", 9, 0)),
        ("two days", [*SHIPMENT, "DTM*011*20261126", *ORDER, *item(3, 2)], ("shipped_twice", 7, 2)),
        ("a range of numbers", [*SHIPMENT, "MAN*CP*T1*T9", *ORDER, *item(3, 2)], ("marks_range", 7, 3)),
        ("a time that is none", ["HL*1**S", "DTM*011*20261125*2560", *ORDER, *item(3, 2)], ("time_unreadable", 4, 3)),
        (
            "a zone nobody knows",
            ["HL*1**S", "DTM*011*20261125*1405*QQ", *ORDER, *item(3, 2)],
            ("time_unreadable", 4, 3),
        ),
        ("nothing", SHIPMENT, ("lines_missing", 2, 0)),
        ("two beginnings", [HEAD, *SHIPMENT, *ORDER, *item(3, 2)], ("segment_twice", 3, 0)),
    ],
)
def test_what_would_have_to_be_guessed_refuses_the_document_with_its_place(
    _case: str, segments: list[str], why: tuple[str, int, int]
) -> None:
    assert codes("856", "\n".join([HEAD, *segments])) == [why]


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("BSN*00**20261125*1045", ("element_missing", 2, 2)),
        ("BSN*22*SHP-1*20261125*1045", ("purpose_unknown", 2, 1)),
        ("REF*1", ("segment_missing", 2, 0)),
    ],
)
def test_a_beginning_that_cannot_be_read_refuses_it(head: str, why: tuple[str, int, int]) -> None:
    assert codes("856", "\n".join([head, *SHIPMENT, *ORDER, *item(3, 2)])) == [why]


@pytest.mark.parametrize(
    ("code", "purpose"), [("01", Purpose.CANCEL), ("05", Purpose.REPLACE), ("14", Purpose.ORIGINAL)]
)
def test_a_notice_says_what_it_is_to_those_before_it(code: str, purpose: Purpose) -> None:
    head = HEAD.replace("*00*", f"*{code}*")

    assert notice(*SHIPMENT, *ORDER, *item(3, 2), head=head).purpose is purpose


def test_a_tree_that_goes_ever_deeper_is_refused_in_bounded_time() -> None:
    deep = [f"HL*{at}*{at - 1 or ''}*P" for at in range(1, 50_000)]

    found = x12.refused("856", "\n".join([HEAD, *deep]))
    assert {each.code for each in found} == {"level_too_deep"}
    assert len(found) == 100


def test_marks_without_end_are_refused_in_bounded_time() -> None:
    marks = [f"MAN*CP*T{at}" for at in range(20_000)]

    found = x12.refused("856", "\n".join([HEAD, *SHIPMENT, *marks, *ORDER, *item(3, 2)]))
    assert {each.code for each in found} == {"marks_too_many"}
