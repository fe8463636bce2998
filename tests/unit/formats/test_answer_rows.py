from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import answer_profiles
from shared.domain.answer_profiles import AnswerProfile, Kind
from shared.domain.answer_words import Action, ChangeOutcome, Reason
from shared.domain.documents import (
    Acknowledgement,
    ChangeAnswer,
    DocumentRefused,
    ShipmentNotice,
    When,
    Whose,
    product_id,
)
from shared.domain.places import Place
from shared.errors import InvalidInput
from shared.formats import answer_rows
from shared.formats.answer_rows import RowsRead

HICKS = """ACK|PO Date|PO Number|Quantity Ordered|Quantity Committed|Product ID|Price
AckData|02/10/201|999999910|6|6|ABC-987|1.00
AckData|02/10/201|999999910|4|2|ABC-999|2.00
AckData|02/10/201|999999911|8|0|ABC-321|9.22
"""


def profile(kind: Kind, **settings: object) -> AnswerProfile:
    own = {key: settings.pop(key) for key in ("reasons", "uoms") if key in settings}
    return answer_profiles.parse(Place("answers", {kind.value: settings} | own))


COMMITTED = profile(
    Kind.ACKNOWLEDGEMENT,
    delimiter="|",
    columns={
        "order": "PO Number",
        "sku": "Product ID",
        "units": "Quantity Committed",
        "ordered": "Quantity Ordered",
        "price": "Price",
    },
)
STATUS = profile(
    Kind.ACKNOWLEDGEMENT,
    columns={
        "order": "po",
        "line": "line",
        "our_sku": "sku",
        "units": "qty",
        "action": "status",
        "reason": "why",
        "on": "eta",
        "price": "price",
    },
    actions={
        "OK": "accept",
        "Back order": "backorder",
        "Rejected": "reject",
        "New price": "price",
        "Other": "substitute",
    },
    reasons={"oos": "out_of_stock"},
    day="%d.%m.%Y",
)
HEADING = "po,line,sku,qty,status,why,eta,price\n"


def read(text: str | bytes, how: AnswerProfile, kind: Kind = Kind.ACKNOWLEDGEMENT) -> list[RowsRead]:
    return answer_rows.read(io.BytesIO(text if isinstance(text, bytes) else text.encode()), how, kind)


def acknowledged(text: str, how: AnswerProfile = STATUS) -> Acknowledgement:
    (found,) = read(text, how)
    assert isinstance(found.document, Acknowledgement), found.findings
    return found.document


def why(text: str, how: AnswerProfile = STATUS, kind: Kind = Kind.ACKNOWLEDGEMENT) -> list[tuple[str, int, str]]:
    (found,) = read(text, how, kind)
    assert found.document is None
    return [(each.code, each.segment, each.name) for each in found.findings]


def test_a_file_of_committed_quantities_is_an_answer_for_each_order() -> None:
    first, second = [each.document for each in read(HICKS, COMMITTED)]

    assert isinstance(first, Acknowledgement)
    assert isinstance(second, Acknowledgement)
    assert (first.order, second.order) == ("999999910", "999999911")
    told = [
        (product_id(line.products, Whose.SUPPLIER), line.ordered, said.action, said.units)
        for each in (first, second)
        for line in each.lines
        for said in line.says
    ]
    assert told == [
        ("ABC-987", 6, Action.ACCEPT, 6),
        ("ABC-999", 4, Action.PARTIAL, 2),
        ("ABC-321", 8, Action.PARTIAL, 0),
    ]
    assert first.lines[1].price == Decimal("2.00")
    assert first.lines[1].spot.segment == 3


def test_words_of_the_supplier_say_what_becomes_of_a_line() -> None:
    text = HEADING + (
        "P1,1,NL-1,6,ok,,,\nP1,1,NL-1,4,Back  order,,24.12.2026,\nP1,2,NL-2,0,rejected,OOS,,\n"
        "P1,3,NL-3,5,New price,,,13.50\nP1,4,NL-4,,rejected,bored,,\n"
    )
    read = acknowledged(text)

    assert [[(said.action, said.units) for said in line.says] for line in read.lines] == [
        [(Action.ACCEPT, 6), (Action.BACKORDER, 4)],
        [(Action.REJECT, None)],
        [(Action.PRICE, 5)],
        [(Action.REJECT, None)],
    ]
    assert read.lines[0].says[1].on == When(date(2026, 12, 24))
    assert read.lines[2].says[0].price == Decimal("13.50")
    assert [line.says[0].reason for line in read.lines[1::2]] == [Reason.OUT_OF_STOCK, Reason.OTHER]
    assert read.lines[3].says[0].text == "bored"


@pytest.mark.parametrize(
    ("_case", "row", "found"),
    [
        ("a word nobody knows", "P1,1,NL-1,6,maybe,,,", [("ack_code_unknown", 2, "action")]),
        ("part of a piece", "P1,1,NL-1,2.5,ok,,,", [("units_unreadable", 2, "units")]),
        ("below zero", "P1,1,NL-1,-2,rejected,,,", [("units_unreadable", 2, "units")]),
        ("accepted, but nothing", "P1,1,NL-1,0,ok,,,", [("units_missing", 2, "units")]),
        ("a day that is none", "P1,1,NL-1,6,ok,,2026-12-24,", [("date_unreadable", 2, "on")]),
        ("no name of the line", "P1,,,6,ok,,,", [("line_unnamed", 2, "line")]),
        ("a price nobody said", "P1,1,NL-1,6,New price,,,", [("price_missing", 2, "price")]),
        ("a price that is none", "P1,1,NL-1,6,ok,,,x", [("price_unreadable", 2, "price")]),
        ("a SKU that became a number", "P1,1,1.2E+11,6,ok,,,", [("identifier_spoiled", 2, "our_sku")]),
        ("a substitute nobody named", "P1,1,NL-1,6,Other,,,", [("substitute_unnamed", 2, "action")]),
        ("a control character", "P1,1,NL-\x071,6,ok,,,", [("cell_unreadable", 2, "our_sku")]),
    ],
)
def test_what_would_have_to_be_guessed_refuses_the_document(
    _case: str, row: str, found: list[tuple[str, int, str]]
) -> None:
    assert why(HEADING + row + "\n") == found


def test_a_refused_document_leaves_the_others() -> None:
    bad, good = read(HEADING + "P1,1,NL-1,6,maybe,,,\nP2,1,NL-1,6,ok,,,\nP1,2,NL-2,6,ok,,,\n", STATUS)

    assert (bad.key, bad.document, good.key, good.document is None) == ("P1", None, "P2", False)


@pytest.mark.parametrize("row", [",1,NL-1,6,ok,,,", "P1,1\n", "4.6E+9,1,NL-1,6,ok,,,"])
def test_a_row_that_does_not_say_whose_it_is_refuses_the_file(row: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        read(HEADING + "P1,1,NL-1,6,ok,,,\n" + row + "\n", STATUS)
    assert refused.value.findings[0].segment == 3


def test_the_same_rows_are_the_same_document_whatever_file_they_come_in() -> None:
    one = "P1,1,NL-1,6,ok,,,\n"
    digests = [acknowledged(HEADING + rows).origin.digest for rows in (one, "\n" + one, one.replace("6", "7"))]

    assert digests[0] == digests[1] != digests[2]


# ---- shipments and cancels

SHIPPED = profile(
    Kind.SHIPMENT,
    columns={
        "order": "po",
        "sku": "sku",
        "units": "qty",
        "tracking": "no",
        "carrier": "by",
        "shipped": "on",
        "document": "doc",
    },
)


def notice(text: str) -> list[ShipmentNotice]:
    return [each.document for each in read(text, SHIPPED, Kind.SHIPMENT) if isinstance(each.document, ShipmentNotice)]


def test_rows_of_one_number_are_one_shipment_and_of_one_tracking_number_one_parcel() -> None:
    heading = "po,sku,qty,no,by,on,doc\n"
    one, two = notice(
        heading
        + "P1,A-1,5,T1,UPS,2026-11-25,S1\nP1,A-2,1,T2,UPS,2026-11-25,S1\n"
        + "P2,A-1,2,T1,UPS,2026-11-25,S1\nP3,A-1,1,,,,S2\n"
    )

    assert (one.number, one.shipped_on, two.number, two.shipped_on) == ("S1", date(2026, 11, 25), "S2", None)
    assert [
        ([(line.order, line.units) for line in parcel.lines], [mark.number for mark in parcel.tracking], parcel.carrier)
        for parcel in one.parcels
    ] == [
        ([("P1", 5), ("P2", 2)], ["T1"], "UPS"),
        ([("P1", 1)], ["T2"], "UPS"),
    ]
    assert two.parcels[0].tracking == ()


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("P1,A-1,,T1,,,S1\n", [("units_missing", 2, "units")]),
        (",A-1,1,T1,,,S1\n", [("order_missing", 2, "order")]),
        ("P1,A-1,1,T1,,2026-11-25,S1\nP1,A-2,1,T1,,2026-11-26,S1\n", [("shipped_twice", 2, "shipped")]),
    ],
)
def test_a_shipment_that_cannot_be_read_is_refused(rows: str, found: list[tuple[str, int, str]]) -> None:
    assert why("po,sku,qty,no,by,on,doc\n" + rows, SHIPPED, Kind.SHIPMENT) == found


CANCELLED = profile(
    Kind.CANCEL,
    columns={"order": "po", "line": "line", "action": "result"},
    actions={"cancelled": "done", "too late": "refused"},
)


def test_a_cancel_is_answered_as_a_whole_or_line_by_line() -> None:
    whole, lines = [
        each.document
        for each in read("po,line,result\nP1,,Cancelled\nP2,1,cancelled\nP2,2,too late\n", CANCELLED, Kind.CANCEL)
    ]

    assert isinstance(whole, ChangeAnswer)
    assert isinstance(lines, ChangeAnswer)
    assert (whole.order, whole.whole, whole.lines) == ("P1", ChangeOutcome.DONE, ())
    assert [(each.answer.line, each.outcome) for each in lines.lines] == [
        ("1", ChangeOutcome.DONE),
        ("2", ChangeOutcome.REFUSED),
    ]


def test_of_several_rows_each_must_name_its_line() -> None:
    found = why("po,line,result\nP1,,cancelled\nP1,2,too late\n", CANCELLED, Kind.CANCEL)

    assert found == [("line_unnamed", 2, "line")]


def test_a_kind_of_file_that_the_rules_do_not_know_is_not_read() -> None:
    with pytest.raises(InvalidInput):
        read(HICKS, COMMITTED, Kind.SHIPMENT)


# ---- the same in every format

COLUMNS = {"order": "po", "line": "line", "sku": "sku", "units": "qty", "price": "price"}
Rows = Sequence[tuple[str, str, str, int, str]]


def as_csv(rows: Rows) -> bytes:
    return ("po,line,sku,qty,price\r\n" + "".join(",".join(map(str, row)) + "\r\n" for row in rows)).encode()


def objects(rows: Rows) -> list[dict[str, object]]:
    return [dict(zip(("po", "line", "sku", "qty", "price"), row, strict=True)) for row in rows]


def as_json(rows: Rows) -> bytes:
    return json.dumps({"data": {"rows": objects(rows)}}).encode()


def as_ndjson(rows: Rows) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in objects(rows)).encode()


def as_xml(rows: Rows) -> bytes:
    each = [
        "<r " + " ".join(f"{key}={quoteattr(str(value))}" for key, value in row.items()) + "/>" for row in objects(rows)
    ]
    return f"<a><b>{''.join(each)}</b></a>".encode()


FORMATS = {
    "delimited": (as_csv, profile(Kind.ACKNOWLEDGEMENT, columns=COLUMNS)),
    "json": (as_json, profile(Kind.ACKNOWLEDGEMENT, format="json", rows="data.rows", columns=COLUMNS)),
    "ndjson": (as_ndjson, profile(Kind.ACKNOWLEDGEMENT, format="ndjson", columns=COLUMNS)),
    "xml": (
        as_xml,
        profile(
            Kind.ACKNOWLEDGEMENT,
            format="xml",
            rows="a/b/r",
            columns={key: f"@{value}" for key, value in COLUMNS.items()},
        ),
    ),
}
NAME = st.from_regex(r"[A-Z][A-Z0-9./_-]{0,8}", fullmatch=True)
ROW = st.tuples(NAME, NAME, NAME, st.integers(1, 10**6), st.sampled_from(["", "1.50", "0.1"]))


@pytest.mark.parametrize("kind", FORMATS)
@given(st.lists(ROW, min_size=1, max_size=5, unique_by=lambda row: row[:3]))
def test_what_is_written_is_read_back(kind: str, rows: Rows) -> None:
    write, how = FORMATS[kind]

    told = [
        (
            each.document.order,
            line.line,
            product_id(line.products, Whose.SUPPLIER),
            line.says[0].units,
            str(line.price or ""),
        )
        for each in read(write(rows), how)
        if isinstance(each.document, Acknowledgement)
        for line in each.document.lines
    ]
    assert sorted(told) == sorted((po, line, sku, units, price) for po, line, sku, units, price in rows)


@pytest.mark.parametrize("kind", FORMATS)
@given(st.integers(0, 300), st.binary(max_size=5))
def test_of_a_damaged_file_only_invalid_input_comes_out(kind: str, at: int, damage: bytes) -> None:
    write, how = FORMATS[kind]
    raw = write([("P1", "1", "A", 5, "1.50"), ("P2", "2", "B", 6, "")])

    try:
        for each in read(raw[:at] + damage + raw[at + len(damage) :], how):
            assert (each.document is None) == bool(each.findings)
    except InvalidInput:
        pass


def test_a_line_without_end_is_refused() -> None:
    found = why("po,line,sku,qty,price\n" + "P1,1,A,1,\n" * 500, FORMATS["delimited"][1])

    assert {code for code, _, _ in found} == {"acks_too_many"}
    assert len(found) == 100
