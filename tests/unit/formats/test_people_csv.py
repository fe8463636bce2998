from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.names import Sku
from shared.domain.purchase_orders import PoLine
from shared.formats import people_csv, purchase_order_csv
from shared.formats.purchase_order_csv import Document, Request

HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1", "\uff1d1", '=cmd|"/c calc"!A1']


def back(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_spreadsheet_would_run_is_marked_as_text(text: str) -> None:
    assert back(people_csv.render(["sku"], [[text]])) == [["sku"], [f"'{text}"]]
    assert back(people_csv.render([text], [])) == [[f"'{text}"]]


def test_numbers_and_other_text_stay_as_they_are() -> None:
    rows: list[list[people_csv.Cell]] = [
        ["NL-1", -5, Decimal("-1.50")],
        ["1-2", 0, Decimal(0)],
        ['a"b,c', 7, Decimal("0.1")],
        ["Grün ☃", 1, Decimal(2)],
    ]

    assert back(people_csv.render(["sku", "units", "price"], rows))[1:] == [[str(each) for each in row] for row in rows]


@given(st.text(st.characters(codec="utf-8")))
def test_no_text_begins_a_formula_and_no_text_is_lost(text: str) -> None:
    ((cell,),) = back(people_csv.render([text], [])) or [[""]]

    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert cell in {text, f"'{text}"}


@pytest.mark.parametrize("sku", ["=1+1", "+1", "-1", "@A1", "1E5", "007"])
def test_a_file_that_a_machine_reads_never_alters_a_sku(sku: str) -> None:
    document = Document(
        request=Request.ORDER,
        number="N-1",
        order_token="t",
        order_name="",
        lines=(PoLine(line="1", sku=Sku(sku), units=1),),
        ship_to={"name": "=Ada"},
    )

    _, row = back(purchase_order_csv.render(document))
    assert (row[5], "=Ada" in row) == (sku, True)
