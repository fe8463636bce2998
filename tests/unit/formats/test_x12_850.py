from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x12doctor import diagnose

from shared.domain.answer_profiles import USUAL
from shared.domain.documents import Carriage, ChangeRequest, OrderedLine, OrderRequest, Wish, WishedLine
from shared.errors import InvalidInput
from shared.formats import x12_850, x12_860, x12_997, x12_writer
from shared.formats.purchase_order_csv import ADDRESS
from shared.formats.x12 import Delimiters
from shared.formats.x12_850 import Habits
from shared.formats.x12_envelope import Envelopes
from shared.formats.x12_reading import Reading
from shared.formats.x12_writer import Body, Partnership, Party
from tests.support.x12 import file, one_set, received

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
DAY = date(2026, 11, 25)
US = Partnership(sender=Party(id="SHOP"), receiver=Party(id="SUPPLIER"))
FIRST = OrderedLine(line="1", sku="NL-1", units=10, supplier_sku="A-1", price=Decimal("12.50"), gtin="036000291452")
SECOND = OrderedLine(line="2", sku="NL-2", units=4)
ORDER = OrderRequest(
    number="ALPINA-000123",
    dated=DAY,
    lines=(FIRST, SECOND),
    currency="USD",
    order_name="#1001",
    order_token="vujhet6hyo",
    ship_by=date(2026, 11, 27),
    deliver_by=date(2026, 12, 1),
    cancel_after=date(2026, 12, 9),
    carriage=Carriage(carrier="UPSN", service="Ground"),
    ship_to={
        "name": "Ada Buyer",
        "company": "Buyers Ltd",
        "address1": "Harbour Street 1",
        "address2": "2nd floor",
        "city": "Boston",
        "zip": "02210",
        "province": "MA",
        "country_code": "US",
        "phone": "+1 617 555 0100",
    },
)
CHANGE = ChangeRequest(
    number="ALPINA-000123",
    ordered=DAY,
    request=1,
    dated=date(2026, 11, 26),
    is_cancel=False,
    lines=(WishedLine(line=replace(FIRST, units=6), wish=Wish.FEWER), WishedLine(line=SECOND, wish=Wish.DELETE)),
)


def sent(functional_id: str, number: str, body: Body, partnership: Partnership = US) -> bytes:
    return x12_writer.interchange(partnership, functional_id, [(number, body)], control=42, at=AT)


def order_back(raw: bytes) -> OrderRequest:
    envelopes = Envelopes(io.BytesIO(raw))
    (read,) = [x12_850.read(Reading(each, USUAL, "UTC")) for each in envelopes.sets()]
    assert envelopes.findings == []
    return read


def change_back(raw: bytes) -> ChangeRequest:
    envelopes = Envelopes(io.BytesIO(raw))
    (read,) = [x12_860.read(Reading(each, USUAL, "UTC")) for each in envelopes.sets()]
    assert envelopes.findings == []
    return read


def segments(body: Body) -> list[str]:
    return ["*".join(each) for each in body]


def test_a_purchase_order_as_a_supplier_reads_it() -> None:
    written = x12_850.body(ORDER)

    assert segments(written.body) == [
        "BEG*00*DS*ALPINA-000123**20261125",
        "CUR*BY*USD",
        "REF*CO*#1001",
        "REF*ZZ*vujhet6hyo",
        "DTM*010*20261127",
        "DTM*002*20261201",
        "DTM*001*20261209",
        "TD5**2*UPSN**Ground",
        "N1*ST*Ada Buyer",
        "N2*Buyers Ltd",
        "N3*Harbour Street 1*2nd floor",
        "N4*Boston*MA*02210*US",
        "PER*IC**TE*+1 617 555 0100",
        "PO1*1*10*EA*12.50**VN*A-1*SK*NL-1*UP*036000291452",
        "PO1*2*4*EA***SK*NL-2",
        "CTT*2",
    ]
    assert written.changed == ()


def test_a_request_to_change_as_a_supplier_reads_it() -> None:
    assert segments(x12_860.body(CHANGE).body) == [
        "BCH*04*DS*ALPINA-000123**1*20261125*****20261126",
        "POC*1*QD*6*6*EA*12.50**VN*A-1*SK*NL-1*UP*036000291452",
        "POC*2*DI*4*0*EA***SK*NL-2",
        "CTT*2",
    ]
    assert segments(x12_860.body(replace(CHANGE, is_cancel=True)).body)[0].startswith("BCH*01*DS*")


def test_a_partner_may_want_other_words_for_products_and_orders() -> None:
    habits = Habits(type="SA", supplier="VP", ours="BP")

    written = segments(x12_850.body(ORDER, habits=habits).body)
    assert written[0].startswith("BEG*00*SA*")
    assert written[13].startswith("PO1*1*10*EA*12.50**VP*A-1*BP*NL-1*")
    assert segments(x12_860.body(CHANGE, habits).body)[1].endswith("VP*A-1*BP*NL-1*UP*036000291452")


IDENTIFIER = st.text(
    st.characters(codec="ascii", categories=("L", "N", "P", "S"), exclude_characters="*>~^"), min_size=1
)
WORDS = st.lists(
    st.text(
        st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="*>~^"), min_size=1, max_size=8
    ),
    min_size=1,
    max_size=3,
).map(" ".join)
LINES = st.builds(
    OrderedLine,
    line=IDENTIFIER.map(lambda text: text[:20]),
    sku=IDENTIFIER.map(lambda text: text[:48]),
    units=st.integers(1, 10**8),
    supplier_sku=st.just("") | IDENTIFIER.map(lambda text: text[:48]),
    gtin=st.sampled_from(["", "12345670", "036000291452", "4006381333931"]),
    price=st.none() | st.decimals(0, 10**6, places=4),
)
DAYS = st.none() | st.dates(date(1000, 1, 1))
ADDRESSES = st.builds(
    lambda name, parts, state: {"name": name, **parts, **({"province": state} if state else {})},
    WORDS,
    st.dictionaries(
        st.sampled_from(
            [each for each in ADDRESS if each not in {"name", "province", "zip", "country_code", "address2"}]
        ),
        WORDS,
    ),
    st.sampled_from(["", "MA", "Vestland"]),
)
ORDERS = st.builds(
    OrderRequest,
    number=IDENTIFIER.map(lambda text: text[:22]),
    dated=st.dates(date(1000, 1, 1)),
    lines=st.lists(LINES, min_size=1, max_size=4).map(tuple),
    currency=st.sampled_from(["", "USD", "EUR"]),
    order_name=st.just("") | WORDS,
    order_token=st.just("") | IDENTIFIER.map(lambda text: text[:30]),
    ship_by=DAYS,
    deliver_by=DAYS,
    cancel_after=DAYS,
    carriage=st.just(Carriage()) | st.just(Carriage(carrier="UPSN")) | WORDS.map(lambda text: Carriage(service=text)),
    ship_to=st.just({}) | ADDRESSES,
)


@given(ORDERS)
def test_an_order_that_is_written_is_read_back(order: OrderRequest) -> None:
    assert order_back(sent("PO", "850", x12_850.body(order).body)) == order


@given(
    st.builds(
        ChangeRequest,
        number=IDENTIFIER.map(lambda text: text[:22]),
        ordered=st.dates(date(1000, 1, 1)),
        request=st.integers(1, 9_999),
        dated=st.dates(date(1000, 1, 1)),
        is_cancel=st.booleans(),
        lines=st.lists(st.builds(WishedLine, line=LINES, wish=st.sampled_from(Wish)), min_size=1, max_size=4).map(
            tuple
        ),
    )
)
def test_a_request_that_is_written_is_read_back(request: ChangeRequest) -> None:
    assert change_back(sent("PC", "860", x12_860.body(request).body)) == request


@given(
    st.dictionaries(st.sampled_from(ADDRESS), st.text(max_size=80)),
    st.sampled_from([x12_writer.USUAL, Delimiters(element=b"|", component=b":", segment=b"\n")]),
)
def test_no_address_whatever_it_holds_makes_a_segment_of_its_own(
    ship_to: dict[str, str], delimiters: Delimiters
) -> None:
    order = replace(ORDER, ship_to={"name": "x", **{part: text + "x" for part, text in ship_to.items()}})
    body = x12_850.body(order, delimiters).body

    raw = sent("PO", "850", body, replace(US, delimiters=delimiters))
    envelopes = Envelopes(io.BytesIO(raw))
    (read,) = [[segment.elements for segment in each.body] for each in envelopes.sets()]
    assert [each[0] for each in read] == [each[0] for each in body]
    assert [each for each in read if each[0] == "PO1"] == [
        ["PO1", "1", "10", "EA", "12.50", "", "VN", "A-1", "SK", "NL-1", "UP", "036000291452"],
        ["PO1", "2", "4", "EA", "", "", "SK", "NL-2"],
    ]
    assert envelopes.findings == []


@pytest.mark.parametrize(
    ("part", "value", "becomes"),
    [
        ("name", "Tom~PO1*9*99*EA***SK*X~", "N1*ST*Tom PO1 9 99 EA SK X"),
        ("name", "x" * 70, "N1*ST*" + "x" * 60),
        ("city", "Bos\u00a0ton\x00", "N4*Bos ton*MA*02210*US"),
        ("phone", "1^2>3", "PER*IC**TE*1 2 3"),
    ],
)
def test_words_that_cannot_be_kept_are_told(part: str, value: str, becomes: str) -> None:
    written = x12_850.body(replace(ORDER, ship_to={**ORDER.ship_to, part: value}))

    assert becomes in segments(written.body)
    assert written.changed == (f"ship_to.{part}",)


def test_a_long_street_is_laid_out_over_several_lines_and_not_cut() -> None:
    street = "Apartment number seventeen behind the old harbour office, ring twice and wait for the blue door"
    written = x12_850.body(replace(ORDER, ship_to={**ORDER.ship_to, "address1": street}))

    streets = [each[1:] for each in written.body if each[0] == "N3"]
    assert " ".join(piece for each in streets for piece in each) == f"{street} 2nd floor"
    assert written.changed == ("ship_to.address1",)


def test_a_state_that_is_no_code_stands_where_names_of_places_do() -> None:
    written = x12_850.body(
        replace(ORDER, ship_to={"name": "Ada", "city": "Bergen", "province": "Vestland", "country_code": "NO"})
    )

    assert "N4*Bergen***NO*SP*Vestland" in segments(written.body)
    assert order_back(sent("PO", "850", written.body)).ship_to["province"] == "Vestland"


@pytest.mark.parametrize("sku", ["A*1", "A~1", "A>1", "A^1", "A\n1", "A\x001"])
def test_a_sku_that_would_break_the_file_is_refused_and_never_altered(sku: str) -> None:
    order = replace(ORDER, lines=(replace(FIRST, supplier_sku=sku),))

    with pytest.raises(InvalidInput):
        sent("PO", "850", x12_850.body(order).body)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(ORDER, lines=()),
        replace(ORDER, number=""),
        replace(ORDER, number="N" * 23),
        replace(ORDER, number=" N"),
        replace(ORDER, order_token="T" * 31),
        replace(ORDER, carriage=Carriage(carrier="UPSNX")),
        replace(ORDER, ship_to={"street": "1"}),
        replace(ORDER, ship_to={"city": "Boston"}),
        replace(ORDER, ship_to={"name": "A", "address1": "x " * 110, "address2": "y " * 110}),
        replace(ORDER, lines=(replace(FIRST, units=0),)),
        replace(ORDER, lines=(replace(FIRST, sku=""),)),
        replace(ORDER, lines=(replace(FIRST, line="1" * 21),)),
        replace(ORDER, lines=(replace(FIRST, price=Decimal(-1)),)),
        replace(ORDER, lines=(replace(FIRST, price=Decimal("NaN")),)),
        replace(ORDER, lines=(replace(FIRST, price=Decimal(10) ** 20),)),
        replace(ORDER, lines=(replace(FIRST, gtin="123"),)),
    ],
)
def test_what_no_element_can_hold_is_refused(wrong: OrderRequest) -> None:
    with pytest.raises(InvalidInput):
        x12_850.body(wrong)


@pytest.mark.parametrize("wrong", [replace(CHANGE, lines=()), replace(CHANGE, request=0), replace(CHANGE, number="")])
def test_a_request_about_nothing_is_refused(wrong: ChangeRequest) -> None:
    with pytest.raises(InvalidInput):
        x12_860.body(wrong)


@pytest.mark.parametrize(
    "text",
    [
        one_set("850", "REF*1\nPO1*1*10*EA***SK*A"),
        one_set("850", "BEG*00*DS*N**2026\nPO1*1*10*EA***SK*A"),
        one_set("850", "BEG*00*DS*N**20261125\nPO1*1*x*EA***SK*A"),
    ],
)
def test_an_order_nobody_wrote_so_is_not_read(text: str) -> None:
    with pytest.raises(InvalidInput):
        order_back(file(text).encode())


@pytest.mark.parametrize(
    "text",
    [
        one_set("860", "POC*1*DI*1*0*EA***SK*A"),
        one_set("860", "BCH*04*DS*N**\u00b2*20261125*****20261125\nPOC*1*DI*1*0*EA***SK*A"),
        one_set("860", "BCH*04*DS*N**1*20261125*****2026\nPOC*1*DI*1*0*EA***SK*A"),
        one_set("860", "BCH*04*DS*N**1*20261125*****20261125\nPOC*1*RZ*1*0*EA***SK*A"),
    ],
)
def test_a_request_nobody_wrote_so_is_not_read(text: str) -> None:
    with pytest.raises(InvalidInput):
        change_back(file(text).encode())


# ---- what a linter says that nobody here wrote


def linted(raw: bytes) -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in diagnose(raw.decode()).findings]


def test_an_order_is_clean_to_an_independent_linter() -> None:
    assert linted(sent("PO", "850", x12_850.body(ORDER, habits=Habits(type="SA")).body)) == []
    # its table of order types is not the whole of element 92, which has DS, drop-ship
    dropped = linted(sent("PO", "850", x12_850.body(ORDER).body))
    assert dropped == [("B06", "BEG02 is 'DS', which is not a purchase order type code.")]


def test_a_linter_sees_what_is_wrong_with_an_order() -> None:
    raw = sent("PO", "850", x12_850.body(ORDER, habits=Habits(type="SA")).body)

    assert {code for code, _ in linted(raw.replace(b"*EA*", b"*EACH*", 1))} == {"B01"}
    assert {code for code, _ in linted(raw.replace(b"SE*18", b"SE*17"))} == {"A02"}


@pytest.mark.parametrize("is_cancel", [False, True])
def test_a_request_to_change_is_clean_to_an_independent_linter(*, is_cancel: bool) -> None:
    assert linted(sent("PC", "860", x12_860.body(replace(CHANGE, is_cancel=is_cancel)).body)) == []


def test_an_acknowledgement_is_clean_to_an_independent_linter() -> None:
    (found,) = received(file(one_set("855", "BAK*00*AT*PO-1*20261125")))
    group = x12_997.answer("PR", "7", [x12_997.Read(number="855", control="0001", findings=found.findings)])

    assert linted(sent("FA", "997", x12_997.body(group))) == []
