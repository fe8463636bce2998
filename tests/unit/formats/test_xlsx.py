"""Workbooks, as openpyxl writes them and as nobody should."""

from __future__ import annotations

from collections.abc import Callable

import openpyxl
import pytest

from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from tests.support import stock_files as files
from tests.support.stock_files import changed, profile, read, row, saved, sheet, with_shared_texts, zipped

HOW = profile(format="xlsx")
HEADING = ("Item", "On hand", "Price")
SHEET, BOOK, TEXTS = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/texts.xml"


def fails(data: bytes, how: FeedProfile = HOW) -> InvalidInput:
    with pytest.raises(InvalidInput) as failure:
        read(data, how)
    return failure.value


def test_texts_and_numbers_are_cells() -> None:
    data = sheet(HEADING, ["00123", 5, 12.4], ["B & <C>", "7", "1.50"], ["D", 2.0, None])

    for each in (data, with_shared_texts(data)):
        assert read(each, HOW) == [row(2, "00123", 5, 1240), row(3, "B & <C>", 7, 150), row(4, "D", 2)]


def test_what_a_spreadsheet_shows_is_read_not_its_binary_noise() -> None:
    assert read(sheet(HEADING, ["A", 5, 12.399999999999999], ["B", 5, 0.1 + 0.2]), HOW) == [
        row(2, "A", 5, 1240),
        row(3, "B", 5, 30),
    ]


def test_blank_cells_at_the_end_and_blank_rows_are_nothing() -> None:
    data = sheet(HEADING, [], ["A", 5], [None, None, None, " "], ["B", 6, 1])

    assert read(data, HOW) == [row(3, "A", 5), row(5, "B", 6, 100)]


def test_a_cell_beyond_the_heading_is_a_shifted_row() -> None:
    (refusal,) = read(sheet(HEADING, ["A", 5, 1, 7]), HOW)

    assert isinstance(refusal, Refusal)
    assert (refusal.line, refusal.reason) == (2, "a row of 3 cells was expected")


@pytest.mark.parametrize(("which", "skus"), [(1, ["A"]), (2, ["B"]), ("Zweite", ["B"])])
def test_a_sheet_is_found_by_its_name_or_place(which: str | int, skus: list[str]) -> None:
    book = openpyxl.Workbook()
    for name, sku in (("Erste", "A"), ("Zweite", "B")):
        made = book.create_sheet(name)
        made.append(HEADING)
        made.append([sku, 1])
    book.remove(book.worksheets[0])

    assert [each.sku for each in read(saved(book), profile(format="xlsx", sheet=which))] == skus
    assert fails(saved(book), profile(format="xlsx", sheet="Dritte")).details == {
        "wanted": "Dritte",
        "found": ["Erste", "Zweite"],
    }
    assert fails(saved(book), profile(format="xlsx", sheet=3)).code == "sheet_missing"


def test_a_heading_may_stand_lower() -> None:
    data = sheet(["Stock of today"], [], HEADING, ["A", 5], ["TOTAL", 1])

    assert read(data, profile(format="xlsx", heading_line=3, footer={"starts_with": ["TOTAL"], "count": 2})) == [
        row(4, "A", 5)
    ]


def test_columns_by_position_need_no_heading() -> None:
    how = profile(format="xlsx", heading_line=0, columns={"sku": 1, "quantity": 4})

    assert read(sheet(["A", None, None, 5, "x"], ["B", "y", None, 6]), how) == [row(1, "A", 5), row(2, "B", 6)]


def test_a_merged_cell_is_only_its_first_and_the_rest_is_no_guess() -> None:
    book = openpyxl.Workbook()
    made = book.worksheets[0]
    for each in (HEADING, ["A", 5], ["x", 6]):
        made.append(list(each))
    made.merge_cells("A2:A3")

    found = read(saved(book), HOW)

    assert [type(each) for each in found] == [Row, Refusal]


def test_formulas_truth_values_and_errors() -> None:
    data = changed(
        sheet(HEADING, ["A", 1], ["B", 2], ["C", 3], ["D", 4]),
        SHEET,
        lambda body: (
            body.replace(b'r="B2" t="n"><v>1</v>', b'r="B2"><f>2+3</f><v>5</v>')
            .replace(b'r="B3" t="n"><v>2</v>', b'r="B3" t="b"><v>1</v>')
            .replace(b'r="B4" t="n"><v>3</v>', b'r="B4" t="e"><v>#N/A</v>')
            .replace(b'r="B5" t="n"><v>4</v>', b'r="B5" t="str"><f>x</f><v>7</v>')
        ),
    )

    found = read(data, profile(format="xlsx", words={"TRUE": 9}))

    assert [each.units for each in found if isinstance(each, Row)] == [5, 9, 7]
    assert [each.value for each in found if isinstance(each, Refusal)] == ["#N/A"]


def test_texts_in_the_cell_in_runs_and_with_their_pronunciation() -> None:
    inline = (
        b'<c r="A2" t="inlineStr"><is><r><t>00</t></r><r><t>1_x0041_</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is></c>'
    )
    whole = sheet(HEADING, ["A", 1])
    data = changed(whole, SHEET, lambda body: body.replace(b'<c r="A2" t="inlineStr"><is><t>A</t></is></c>', inline))
    shared = changed(
        with_shared_texts(whole),
        TEXTS,
        lambda body: body.replace(b"<si><t>A</t></si>", b"<si><r><t>0</t></r><r><t>1</t></r><rPh><t>x</t></rPh></si>"),
    )

    assert read(data, HOW) == [row(2, "001A", 1)]
    assert read(shared, HOW) == [row(2, "01", 1)]


def test_cells_need_no_places_and_names_may_have_prefixes() -> None:
    body = (
        b'<x:worksheet xmlns:x="x"><x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>A</x:t></x:is></x:c>'
        b"<x:c><x:v>5</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    data = changed(sheet(HEADING), SHEET, lambda _: body)

    assert read(data, profile(format="xlsx", heading_line=0, columns={"sku": 1, "quantity": 2})) == [row(1, "A", 5)]


# ---- what is no workbook


def test_what_is_no_workbook_is_told() -> None:
    assert fails(b"Item,On hand\nA,1\n").code == "container_broken"
    assert fails(b"\xd0\xcf\x11\xe0" + b"\0" * 600).code == "workbook_unreadable"
    assert fails(zipped(("[Content_Types].xml", b"<a/>"))).code == "workbook_part"
    assert fails(zipped(("a.csv", b"Item,On hand\n"))).code == "container_broken"
    assert fails(b"").code == "container_broken"


def test_a_workbook_where_text_was_expected_is_told() -> None:
    assert fails(sheet(HEADING), files.DELIMITED).code == "container_members"


RELATIONS = "xl/_rels/workbook.xml.rels"


@pytest.mark.parametrize(
    ("_case", "part", "change", "code"),
    [
        ("a sheet cut off", SHEET, lambda body: body[: len(body) // 2], "document_not_closed"),
        ("texts cut off", TEXTS, lambda body: body[: len(body) // 2], "document_not_closed"),
        ("entities in a sheet", SHEET, lambda body: b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + body, "xml_doctype"),
        ("a cell before another", SHEET, lambda body: body.replace(b'r="A2"', b'r="Z2"'), "cells_unordered"),
        ("a cell twice", SHEET, lambda body: body.replace(b'r="B2"', b'r="A2"'), "cells_unordered"),
        ("a value far to the right", SHEET, lambda body: body.replace(b'r="C2"', b'r="XFD2"'), "sheet_too_wide"),
        ("a text that is not there", SHEET, lambda body: body.replace(b"<v>3</v>", b"<v>9</v>"), "workbook_part"),
        ("a text before the first", SHEET, lambda body: body.replace(b"<v>3</v>", b"<v>-1</v>"), "workbook_part"),
        (
            "a cell too long",
            SHEET,
            lambda body: body.replace(b"<v>5<", b"<v>" + b"5" * 40_000 + b"<"),
            "value_too_long",
        ),
        (
            "a deep sheet",
            SHEET,
            lambda body: body.replace(b"<sheetData>", b"<sheetData>" + b"<a>" * 99),
            "xml_too_deep",
        ),
        ("deep texts", TEXTS, lambda body: body.replace(b"<si>", b"<si>" + b"<a>" * 99), "xml_too_deep"),
        ("a sheet elsewhere", RELATIONS, lambda body: body.replace(b"worksheets/", b"../../etc/"), "workbook_part"),
        (
            "a sheet outside",
            RELATIONS,
            lambda body: body.replace(b" Id=", b' TargetMode="External" Id='),
            "workbook_part",
        ),
        (
            "too many sheets",
            BOOK,
            lambda body: body.replace(b"<sheets>", b"<sheets>" + b"<a/>" * 20_000),
            "workbook_large",
        ),
    ],
)
def test_a_workbook_that_is_made_to_hurt_is_refused(
    _case: str, part: str, change: Callable[[bytes], bytes], code: str
) -> None:
    assert fails(changed(with_shared_texts(sheet(HEADING, ["A", 5, 1])), part, change)).code == code


def test_the_last_cell_of_all_costs_no_more_than_the_first() -> None:
    far = b'<row r="1048576"><c r="A1048576" t="s"><v>3</v></c><c r="B1048576"><v>7</v></c><c r="XFD1048576"/></row>'
    data = changed(
        with_shared_texts(sheet(HEADING, ["A", 5])),
        SHEET,
        lambda body: body.replace(b"</sheetData>", far + b"</sheetData>"),
    )

    assert read(data, HOW) == [row(2, "A", 5), row(1_048_576, "A", 7)]
