"""What suppliers really send, oddity by oddity, and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.domain import photographs
from shared.domain.as_of import AsOf
from shared.domain.names import Sku
from shared.domain.numerals import Number
from shared.domain.photographs import Photograph, Refusal, Row
from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from tests.support.stock_files import profile, read, row, sheet


def units(cell: str, **settings: object) -> int | str:
    """What a quantity counts as, or why it does not."""
    (found,) = read(f'Item;On hand\nA;"{cell}"\n', profile(delimiter=";", **settings))
    return found.units if isinstance(found, Row) else found.reason


def photograph(data: str, how: FeedProfile) -> Photograph:
    return photographs.gather(iter(read(data, how)))


def test_bounds_count_as_what_is_certain_and_stay_told() -> None:
    data = "Item,On hand\nA,99+\nB,>100\nC,<10\n"

    assert read(data, profile(bounds="lowest")) == [
        row(2, "A", 99, told="99+"),
        row(3, "B", 100, told=">100"),
        row(4, "C", 0, told="<10"),
    ]
    assert all(isinstance(each, Refusal) for each in read(data))


@pytest.mark.parametrize(("cell", "counts"), [("In Stock", 5), ("På lager", 3), ("Y", 1), ("N", 0), ("true", 9)])
def test_words_count_as_the_profile_says(cell: str, counts: int) -> None:
    words = {"In Stock": 5, "På lager": 3, "Y": 1, "N": 0, "true": 9}

    assert units(cell, words=words) == counts


def test_an_unmapped_word_is_a_row_error_and_keeps_the_old_stock() -> None:
    found = photograph("Item,On hand\nA,Available\nB,Call\n", profile(words={"In Stock": 5, "Call": "unknown"}))

    assert not found.rows
    assert found.refused_skus == {"A", "B"}


def test_allocated_is_nothing_to_sell_with_the_reason_kept() -> None:
    assert read("Item,On hand\nA,A*\n", profile(words={"A*": 0})) == [row(2, "A", 0, told="A*")]


@pytest.mark.parametrize(("cell", "counts"), [("168.0000", 168), ("5.00", 5)])
def test_decimals_that_are_zero_are_none(cell: str, counts: int) -> None:
    assert units(cell) == counts


def test_a_fraction_is_refused_or_dropped_by_profile() -> None:
    assert units("5.5") == "a whole number of units was expected"
    assert units("5.5", fractions="floor") == 5


def test_leading_zeros_of_a_quantity_mean_nothing() -> None:
    assert units("0000098") == 98


def test_thousands_are_read_only_by_declared_marks() -> None:
    assert units("1.000") == "this may be thousands or decimals"
    assert units("1.000", decimal=",", thousands=".") == 1000
    assert units("1,000", decimal=".", thousands=",") == 1000
    assert units("1,000") == "a whole number of units was expected"


def test_the_marks_hold_for_costs_too() -> None:
    how = profile(delimiter=";", decimal=",", thousands=".")

    assert read("Item;On hand;Price\nA;1;1.234,50\n", how) == [row(2, "A", 1, 123_450)]


def test_below_zero_is_zero_with_a_warning_or_refused_by_profile() -> None:
    assert read("Item,On hand\nA,-3\n") == [row(2, "A", 0, warning="-3 is below zero, counted as 0")]
    assert units("-3", negative="refuse") == "a quantity below zero"


def test_a_blank_quantity_is_never_zero_by_silence() -> None:
    assert units("") == "a quantity is needed: an empty cell is not zero"
    assert units(" ", words={"": 0}) == 0


def test_a_sku_that_comes_twice_is_refused_with_all_its_rows() -> None:
    found = photograph("Item,On hand\nA,1\nB,2\nA,3\n", profile())

    assert list(found.rows) == ["B"]
    assert [refusal.line for refusal in found.refusals] == [2, 4]


WAREHOUSES = {"sku": "Item", "quantity": "On hand", "warehouse": "Whse"}


def test_rows_of_warehouses_are_added_up() -> None:
    data = "Item,Whse,On hand\nA,DAL,5\nA,SEA,99+\nB,DAL,1\nA,CIN,2\n"

    found = photograph(data, profile(columns=WAREHOUSES, bounds="lowest"))

    assert {sku: (each.units, each.told) for sku, each in found.rows.items()} == {"A": (106, "99+"), "B": (1, "")}


def test_only_named_warehouses_count() -> None:
    data = "Item,Whse,On hand\nA,DAL,5\nA,sea,7\nA,CIN,?\n"

    found = photograph(data, profile(columns=WAREHOUSES, warehouses=["DAL", "SEA"]))

    assert (found.rows[Sku("A")].units, found.refused) == (12, 0)


@pytest.mark.parametrize("bad", ["A,DAL,7", "A,CIN,?"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_warehouse_that_is_unsure_leaves_the_whole_sku_as_it_was(bad: str, at: int) -> None:
    lines = ["A,DAL,5", "A,SEA,7"]
    lines.insert(at, bad)

    found = photograph("\n".join(["Item,Whse,On hand", *lines]), profile(columns=WAREHOUSES))

    assert not found.rows
    assert found.refused_skus == {"A"}


def test_columns_of_warehouses_are_added_up() -> None:
    columns = {"sku": "Item", "quantity": ["NC", "AZ"]}
    data = "Item,NC,AZ\nA,2,99+\nB,A*,A*\nC,,4\nD,-1,4\n"

    found = read(data, profile(columns=columns, bounds="lowest", words={"A*": 0}))

    assert [each.units for each in found if isinstance(each, Row)] == [101, 0, 3]
    assert [(each.line, each.column) for each in found if isinstance(each, Refusal)] == [(4, "NC")]


@pytest.mark.parametrize("sku", ["000011", "BBB 100100", "ACM/8900-100", "90.750", "0017"])
def test_a_sku_is_text_with_its_zeros_spaces_and_strokes(sku: str) -> None:
    assert read(f"Item,On hand\n {sku} ,1\n") == [row(2, sku, 1)]


def test_a_sku_of_several_columns_is_put_together() -> None:
    how = profile(delimiter="|", columns={"sku": ["no", "colour", "size"], "quantity": "qty"}, sku_join="/")

    found = read("no|colour|size|qty\nPC43|White|S|5\nPC43||S|5\nPC43|1E+5|S|5\n", how)

    assert found[0] == row(2, "PC43/White/S", 5)
    assert [(each.line, each.column) for each in found[1:] if isinstance(each, Refusal)] == [
        (3, "colour"),
        (4, "colour"),
    ]


def test_a_sku_that_a_spreadsheet_spoiled_is_refused() -> None:
    (refusal,) = read("Item,On hand\n1.23457E+11,1\n")

    assert isinstance(refusal, Refusal)
    assert (refusal.value, refusal.column) == ("1.23457E+11", "Item")


def test_a_sku_is_taken_out_of_its_formula() -> None:
    assert read('Item,On hand\n"=""00123""",1\n') == [row(2, "00123", 1)]


@pytest.mark.parametrize(("sku", "read_as"), [(1234, "1234"), (1234.0, "1234"), (9831287423305.0, "9831287423305")])
def test_a_number_for_a_sku_counts_only_where_skus_are_numbers(sku: float, read_as: str) -> None:
    data = sheet(["Item", "On hand"], [sku, 5])

    assert read(data, profile(format="xlsx", numeric_skus=True)) == [row(2, read_as, 5)]
    (refusal,) = read(data, profile(format="xlsx"))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "a number stands where a SKU's text was expected"


@pytest.mark.parametrize("sku", [1234.5, -7, 1.2345678901234567e16, 1.5e300])
def test_a_number_that_can_be_no_sku_is_refused_even_there(sku: float) -> None:
    (refusal,) = read(sheet(["Item", "On hand"], [sku, 5]), profile(format="xlsx", numeric_skus=True))

    assert isinstance(refusal, Refusal)
    assert refusal.column == "Item"


def test_lost_leading_zeros_are_seen_where_the_profile_says_how_skus_look() -> None:
    data = "Item,On hand\n001234,1\n1234,2\nAB-77,3\nA1-77,4\n"

    found = read(data, profile(sku_masks=["999999", "AA-99"]))

    assert [each.sku for each in found if isinstance(each, Row)] == ["001234", "AB-77"]
    assert [each.line for each in found if isinstance(each, Refusal)] == [3, 5]
    assert all(isinstance(each, Row) for each in read(data))


def test_what_is_discontinued_is_sold_off_and_what_cannot_be_had_is_not_sold() -> None:
    how = profile(
        columns={"sku": "Item", "quantity": "On hand", "status": "Status"},
        status={"D": "discontinued", "N": "unsellable", "A": "active"},
    )

    found = read("Item,On hand,Status\nA,5,d\nB,5,N\nC,5,A\nD,5,\nE,5,X\n", how)

    assert found[:4] == [
        row(2, "A", 5, is_discontinued=True),
        row(3, "B", 0, told="N"),
        row(4, "C", 5),
        row(5, "D", 5),
    ]
    assert isinstance(found[4], Refusal)
    assert (found[4].column, found[4].sku) == ("Status", "E")


def test_a_status_that_the_file_lost_is_missed() -> None:
    how = profile(columns={"sku": "Item", "quantity": "On hand", "status": "Status"}, status={"D": "discontinued"})

    with pytest.raises(InvalidInput) as failure:
        read("Item,On hand\nA,5\n", how)
    assert failure.value.code == "columns_missing"


def test_packs_are_told_in_units() -> None:
    columns = {"sku": "Item", "quantity": "On hand", "pack": "UOM"}
    data = "Item,On hand,UOM\nA,5,EA\nB,5,dz\nC,5,6\nD,5,CS\nE,5,0\nF,5,\n"

    found = read(data, profile(columns=columns, packs={"EA": 1, "DZ": 12}))

    assert [each.units for each in found if isinstance(each, Row)] == [5, 60, 30]
    assert [each.line for each in found if isinstance(each, Refusal)] == [5, 6, 7]
    assert units("5", pack=10) == 50


def test_no_heading_means_columns_by_position() -> None:
    how = profile(heading_line=0, columns={"sku": 1, "quantity": 3})

    assert read("A,x,1\nB,y,2,\n", how) == [row(1, "A", 1), row(2, "B", 2)]


def test_a_shifted_row_is_refused_with_its_line() -> None:
    how = profile(heading_line=0, columns={"sku": 1, "quantity": 3})

    found = read("A,x,1\nB,2\nC,x,y,3\n", how)

    assert [each.line for each in found if isinstance(each, Refusal)] == [2, 3]


def test_a_first_row_that_is_shifted_does_not_set_the_width() -> None:
    how = profile(heading_line=0, columns={"sku": 1, "quantity": 2}, width=3)

    found = read("A,1\nB,2,x\n", how)

    assert [each.line for each in found if isinstance(each, Refusal)] == [1]


@pytest.mark.parametrize(("text", "day"), [("41680", 2014), ("44927.5", 2023), (Number("44927"), 2023)])
def test_serial_days_of_spreadsheets_are_dates(text: str, day: int) -> None:
    assert AsOf(at="A1", format="excel").read(text, "UTC").year == day


@pytest.mark.parametrize("text", ["02/10/201", "19999", "80001", "", "1e9"])
def test_a_truncated_date_is_no_date(text: str) -> None:
    with pytest.raises(InvalidInput):
        AsOf(at="A1", format="excel").read(text, "UTC")
    with pytest.raises(InvalidInput):
        AsOf(at="A1", format="%m/%d/%Y").read(text, "UTC")


def test_an_hour_that_comes_twice_is_the_earlier_one() -> None:
    assert AsOf(at="A1").read("2026-10-25T02:30", "Europe/Vienna") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


FOOTER = {"starts_with": ["TOTAL", "END"], "count": 2}


def test_a_footer_is_no_row_and_its_count_is_checked() -> None:
    assert read("Item,On hand\nA,1\nB,2\nTOTAL,2\nEND\n", profile(footer={"starts_with": ["TOTAL", "END"]})) == [
        row(2, "A", 1),
        row(3, "B", 2),
    ]
    assert read("Item,On hand\nA,1\nB,?\nTOTAL,2\n", profile(footer=FOOTER))[0] == row(2, "A", 1)


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("A,1\nB,2\nTOTAL,3\n", "footer_count"),
        ("A,1\nTOTAL,\n", "footer_count"),
        ("A,1\nTOTAL\n", "footer_count"),
        ("A,1\nB,2\n", "document_not_closed"),
        ("A,1\nTOTAL,1\nB,2\n", "footer_early"),
    ],
)
def test_a_footer_that_is_wrong_or_missing_holds_the_file(rows: str, code: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        read(f"Item,On hand\n{rows}", profile(footer=FOOTER))
    assert failure.value.code == code


def test_a_preamble_and_comments_are_no_rows() -> None:
    data = 'Stock list "of today\n\n\nItem,On hand\n# a comment\nA,1\n--,\nB,2\n'

    assert read(data, profile(heading_line=4, skips=["#", "--"])) == [row(6, "A", 1), row(8, "B", 2)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_marks_encodings_and_line_ends_mean_nothing(encoding: str, end: str, last: str) -> None:
    text = end.join(["Item,On hand", "Æ-1,5", "B,2"]) + (end if last else "")

    assert read(text.encode(encoding)) == [row(2, "Æ-1", 5), row(3, "B", 2)]


@pytest.mark.parametrize("encoding", ["cp1250", "cp1251", "iso-8859-2", "koi8-r", "shift_jis", "gb18030"])
def test_an_encoding_may_be_declared(encoding: str) -> None:
    sku = {"cp1251": "Стол", "koi8-r": "Стол", "shift_jis": "テーブル", "gb18030": "桌子"}.get(encoding, "Őšž")
    how = replace(profile(), encoding=encoding)

    assert read(f"Item,On hand\n{sku},5\n".encode(encoding), how) == [row(2, sku, 5)]
