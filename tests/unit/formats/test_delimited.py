"""Bytes that suppliers send, and what is read of them."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from shared.domain.names import Sku
from shared.domain.photographs import Refusal
from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from shared.formats import text
from tests.support.stock_files import DELIMITED as PROFILE
from tests.support.stock_files import read, row


def file_of(quantity: str = "5", sku: str = "NL-1001", cost: str = "12.40") -> str:
    return f"Item,On hand,Price\n{sku},{quantity},{cost}\n"


def refused(data: str) -> Refusal:
    (refusal,) = read(data)
    assert isinstance(refusal, Refusal)
    return refusal


def fails(data: bytes | str, profile: FeedProfile = PROFILE) -> InvalidInput:
    with pytest.raises(InvalidInput) as failure:
        read(data, profile)
    return failure.value


# ---- rows


def test_a_row_is_its_sku_units_and_cost() -> None:
    assert read(file_of()) == [row(2, "NL-1001", 5, 1240)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_columns_are_found_by_heading_in_any_order(delimiter: str) -> None:
    data = "\n".join(delimiter.join(cells) for cells in [("Price", "x", "On hand", "Item"), ("1.00", "y", "2", "A")])

    assert read(data, replace(PROFILE, delimiter=delimiter)) == [row(2, "A", 2, 100)]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    data = 'Item,On hand,Price,Text\r\n\r\nA,1,1,"two\r\nlines"\r\n,,,\r\nB,2,2,x'

    assert read(data) == [row(3, "A", 1, 100), row(6, "B", 2, 200)]


def test_a_cell_may_hold_the_delimiter_in_quotes() -> None:
    assert read('Item,On hand,Price\n"A,1",2,3\n') == [row(2, "A,1", 2, 300)]


def test_a_cost_is_not_needed() -> None:
    without = FeedProfile(columns={"sku": "Item", "quantity": "On hand"})

    assert read("Item,On hand\nA,1\n", without) == [row(2, "A", 1)]
    assert read("Item,On hand\nA,1\n") == [row(2, "A", 1)]
    assert read(file_of(cost="")) == [row(2, "NL-1001", 5)]


def test_a_delimiter_at_the_end_of_every_line_is_no_column() -> None:
    assert read("Item,On hand,Price,\nA,1,2,\nB,3,4\n") == [row(2, "A", 1, 200), row(3, "B", 3, 400)]


@pytest.mark.parametrize("cells", ["A,1", "A,1,2,3"])
def test_a_row_with_shifted_cells_is_refused(cells: str) -> None:
    refusal = refused(f"Item,On hand,Price\n{cells}\n")

    assert (refusal.line, refusal.reason) == (2, "a row of 3 cells was expected")


# ---- SKUs


@pytest.mark.parametrize("sku", ["00123", "12E5", "A/B 7", "ÆØÅ-9", "1.5", "+1"])
def test_a_sku_is_text_from_end_to_end(sku: str) -> None:
    assert read(file_of(sku=sku)) == [row(2, sku, 5, 1240)]


@pytest.mark.parametrize("cell", ['="00123"', '"=""00123"""', " 00123 "])
def test_a_sku_is_taken_out_of_what_spreadsheets_wrap_around_it(cell: str) -> None:
    assert read(file_of(sku=cell)) == [row(2, "00123", 5, 1240)]


@pytest.mark.parametrize("sku", ["1.23E+11", "1.23457e+11", "1E+05", '"1,23E+11"', '="1.23E+11"', "2E-3"])
def test_a_sku_that_a_spreadsheet_spoiled_is_refused_never_guessed(sku: str) -> None:
    refusal = refused(file_of(sku=sku))

    assert (refusal.line, refusal.column) == (2, "Item")
    assert "spreadsheet" in refusal.reason


@pytest.mark.parametrize("sku", ["", "A#1", "x" * 129, "A\x07B"])
def test_a_sku_that_cannot_be_a_key_is_refused(sku: str) -> None:
    refusal = refused(file_of(sku=sku))

    assert refusal.column == "Item"
    assert len(refusal.value) <= 40


# ---- quantities


@pytest.mark.parametrize(
    ("cell", "units"),
    [("0", 0), ("5.00", 5), ("168.0000", 168), ("0000098", 98), (" 12 ", 12), ('="7"', 7), ("0.000", 0), ("-0", 0)],
)
def test_quantities(cell: str, units: int) -> None:
    assert read(file_of(cell)) == [row(2, "NL-1001", units, 1240)]


@pytest.mark.parametrize("cell", ["-3", "-3.00"])
def test_below_zero_is_zero_with_a_warning(cell: str) -> None:
    assert read(file_of(cell)) == [row(2, "NL-1001", 0, 1240, warning="-3 is below zero, counted as 0")]


@pytest.mark.parametrize("cell", ["-3", "-1.0"])
def test_below_zero_is_refused_where_the_profile_says_so(cell: str) -> None:
    (refusal,) = read(file_of(cell), replace(PROFILE, negative="refuse"))

    told = Refusal(line=2, column="On hand", value=cell, reason="a quantity below zero", sku=Sku("NL-1001"))
    assert refusal == told
    assert read(file_of("0"), replace(PROFILE, negative="refuse")) == [row(2, "NL-1001", 0, 1240)]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "an empty cell is not zero"),
        ("5.5", "whole number"),
        ("in stock", "whole number"),
        ("99+", "whole number"),
        ('"1,000"', "whole number"),
        ("1.000", "thousands or decimals"),
        ("-168.000", "thousands or decimals"),
        ("٣", "whole number"),
        ("1e3", "whole number"),
        ("NaN", "whole number"),
        ("1000000001", "too large"),
        ("9" * 60, "whole number"),
    ],
)
def test_a_bad_quantity_is_refused_with_line_column_value_and_reason(cell: str, reason: str) -> None:
    refusal = refused(file_of(cell))

    assert (refusal.line, refusal.column, refusal.sku) == (2, "On hand", "NL-1001")
    assert refusal.value == cell.strip('"')[:40]
    assert reason in refusal.reason


# ---- costs


@pytest.mark.parametrize(
    ("cell", "currency", "minor"),
    [("12.4", "EUR", 1240), ("12.4000", "EUR", 1240), ("0", "EUR", 0), ("12", "JPY", 12), ("1.234", "KWD", 1234)],
)
def test_a_cost_is_exact_in_its_currency(cell: str, currency: str, minor: int) -> None:
    assert read(file_of(cost=cell), currency=currency) == [row(2, "NL-1001", 5, minor)]


@pytest.mark.parametrize("cell", ["12.405", "12.4051", "1.240", '"12,40"', "-1", "€3", "1e2"])
def test_a_cost_is_never_rounded_or_guessed(cell: str) -> None:
    refusal = refused(file_of(cost=cell))

    assert (refusal.column, refusal.sku) == ("Price", "NL-1001")


# ---- whole files


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("", []),
        ("SKU,On hand\nA,1\n", ["SKU", "On hand"]),
        ("A,1,2\n", ["A", "1", "2"]),
        ("item,on hand", ["item", "on hand"]),
    ],
)
def test_a_needed_column_that_is_missing_is_told_with_what_was_found(data: str, found: list[str]) -> None:
    failure = fails(data)

    assert failure.code == "columns_missing"
    assert failure.details == {"wanted": ["Item", "On hand"], "found": found}


def test_a_column_that_comes_twice_is_not_chosen_from() -> None:
    assert fails("Item,On hand,On hand\nA,1,2\n").code == "columns_twice"


def test_a_quote_left_open_does_not_swallow_the_rows_after_it() -> None:
    failure = fails('Item,On hand,Price\nA,1,1\n"B,2,2\nC,3,3\n')

    assert (failure.code, failure.details) == ("quotes_wrong", {"line": 3})


def test_a_quote_left_open_is_given_up_before_it_has_swallowed_the_file() -> None:
    failure = fails("Item,On hand,Price\nA,1,1\n" + 'B,"\n' + 'x","\n' * 200_000)

    assert (failure.code, failure.details) == ("row_too_long", {"line": 3})


def test_a_zero_byte_is_refused() -> None:
    assert fails("Item,On hand\nA\0,1\n").details == {"line": 2}


def test_a_line_has_a_longest() -> None:
    assert fails("Item,On hand\n" + "x" * 70_000).code == "line_too_long"


# ---- encodings

NAMED = FeedProfile(columns={"sku": "Größe", "quantity": "Stück"})
TEXT = "Größe,Stück\nÆ-1,5\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("cp1252"),
        TEXT.encode("cp1252") + b"A,1" + b"\n" * 70_000,
    ],
)
def test_the_bytes_tell_the_encoding_whatever_was_declared(data: bytes) -> None:
    for declared in ("utf-8", "cp1252"):
        assert read(data, replace(NAMED, encoding=declared))[0] == row(2, "Æ-1", 5)


def test_one_letter_in_the_last_row_decides_for_the_whole_file() -> None:
    data = b"Item,On hand,Text\n" + b"A,1,x\n" * 20_000 + "B,2,é\n".encode("cp1252")

    assert text.encoding_of(io.BytesIO(data), "utf-8") == "cp1252"
    assert read(data)[-1] == row(20_002, "B", 2)


def test_text_that_cannot_be_decoded_is_refused() -> None:
    assert fails(b"\xef\xbb\xbfItem,On hand\nA\xff,1\n").code == "encoding_wrong"
    assert fails(b"Item,On hand\nA\x81,1\n").code == "encoding_wrong"
