from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.names import Sku
from shared.domain.purchase_orders import PoLine
from shared.errors import InvalidInput
from shared.formats.purchase_order_csv import ADDRESS, COLUMNS, Document, Request, parse, render

PRINTABLE = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
TEXTS = st.text(PRINTABLE, max_size=20)
NAMES = st.text(PRINTABLE, min_size=1, max_size=20)
LINES = st.builds(PoLine, line=NAMES, sku=NAMES.map(Sku), units=st.integers(1, 10**6)) | st.builds(
    lambda packs, pack, line, code: PoLine(line=line, sku=Sku("A"), units=packs * pack, code=code, pack=pack),
    st.integers(1, 10**4),
    st.integers(1, 100),
    NAMES,
    NAMES,
)
DOCUMENTS = st.builds(
    Document,
    request=st.sampled_from(Request),
    number=NAMES,
    order_token=NAMES,
    order_name=TEXTS,
    lines=st.lists(LINES, min_size=1, max_size=5).map(tuple),
    ship_to=st.dictionaries(st.sampled_from(ADDRESS), NAMES),
)


def document(sku: str = "NL-1001", **ship_to: str) -> Document:
    return Document(
        request=Request.ORDER,
        number="ALPINA-000123",
        order_token="vujhet6hyo",
        order_name="#1001",
        lines=(
            PoLine(line="1", sku=Sku(sku), units=3),
            PoLine(line="2", sku=Sku("NL-1002"), units=12, code="60-4412", pack=6),
        ),
        ship_to=ship_to or {"name": "Ada Buyer", "address1": "Harbour Street 1", "country_code": "NO"},
    )


@given(DOCUMENTS)
def test_what_was_written_is_read_back(written: Document) -> None:
    assert parse(render(written)) == written


def test_a_purchase_order_as_a_supplier_reads_it() -> None:
    text = render(document()).decode()

    assert text == (
        "request,number,order_token,order_name,line,sku,units,supplier_sku,supplier_units,ship_to_name,ship_to_company,ship_to_address1,"
        "ship_to_address2,ship_to_city,ship_to_zip,ship_to_province,ship_to_country_code,ship_to_phone\r\n"
        "order,ALPINA-000123,vujhet6hyo,#1001,1,NL-1001,3,,,Ada Buyer,,Harbour Street 1,,,,,NO,\r\n"
        "order,ALPINA-000123,vujhet6hyo,#1001,2,NL-1002,12,60-4412,2,Ada Buyer,,Harbour Street 1,,,,,NO,\r\n"
    )


@pytest.mark.parametrize("sku", ["007", "1E5", "=1+1", "-5", " 12 ", 'a"b', "a,b", "a;b", "Å-1"])
def test_a_sku_is_never_altered(sku: str) -> None:
    rows = list(csv.DictReader(io.StringIO(render(document(sku)).decode(), newline="")))

    assert rows[0]["sku"] == sku


@pytest.mark.parametrize("value", ["two\nlines", "nul\0", "tab\t", "\x85", "\u2028", "\ud800"])
def test_what_would_break_a_row_is_refused_and_not_told(value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        render(document(name=value))

    assert (refused.value.code, refused.value.details) == ("control_character", {"column": "ship_to_name"})


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (Document(request=Request.ORDER, number="1", order_token="t", order_name="", lines=()), "po_without_lines"),
        (document(doorbell="Buyer"), "address_part"),
    ],
)
def test_what_has_no_row_or_no_column_is_refused(wrong: Document, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        render(wrong)

    assert refused.value.code == code


@given(st.binary(max_size=200))
def test_bytes_of_others_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse(body)


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("other line ends", (b"\r\n", b"\n")),
        ("a unit that is no plain number", (b",3,", b",+3,")),
        ("another heading", (b"request,", b"Request,")),
        ("a column less", (b",Ada Buyer,", b",")),
        ("rows of two orders", (b"ALPINA-000123,vujhet6hyo,#1001,2", b"ALPINA-000124,vujhet6hyo,#1001,2")),
        ("not UTF-8", (b"Ada", b"\xff")),
    ],
)
def test_what_we_would_not_write_is_not_read(_case: str, change: tuple[bytes, bytes]) -> None:
    with pytest.raises(InvalidInput):
        parse(render(document()).replace(*change))


def test_every_part_of_an_address_has_its_column() -> None:
    assert COLUMNS[-len(ADDRESS) :] == tuple(f"ship_to_{part}" for part in ADDRESS)
