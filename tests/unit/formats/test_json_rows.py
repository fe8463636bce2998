"""JSON: an array somewhere in a document, or one object a line."""

from __future__ import annotations

import json

import pytest

from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from tests.support.stock_files import profile, read, row

COLUMNS = {"sku": "id", "quantity": "stock.qty", "cost": "price"}
ARRAY = profile(format="json", columns=COLUMNS)
LINES = profile(format="ndjson", columns=COLUMNS)


def item(sku: str, qty: object, price: object = None) -> str:
    return json.dumps({"id": sku, "stock": {"qty": qty}, "price": price})


def fails(data: str | bytes, how: FeedProfile = ARRAY) -> InvalidInput:
    with pytest.raises(InvalidInput) as failure:
        read(data, how)
    return failure.value


def test_an_array_may_be_the_document_or_lie_deep_in_it() -> None:
    rows = f"[{item('A', 5, 12.4)},\n{item('00123', '7', '1.50')}]"
    found = [row(1, "A", 5, 1240), row(2, "00123", 7, 150)]

    assert read(rows, ARRAY) == found
    for before in ("", '"a": [1, {"b": "]}"}, [[]]], "s": "\\"}", "t": true, "n": null, "f": -1.5e3, '):
        for after in ("", ', "z": {"a": [1, 2]}, "y": ""'):
            document = f'{{{before}"data": {{"items": {rows}{after}}}{after}}}'
            assert read(document, profile(format="json", columns=COLUMNS, rows="data.items")) == found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
def test_encodings(encoding: str) -> None:
    data = f'[{{"id": "Æ", "stock": {{"qty": 1}}}}, {item("B", "?")}]'

    found = read(data.encode(encoding), ARRAY)

    assert found[0] == row(1, "Æ", 1)
    assert isinstance(found[1], Refusal)
    assert data.encode(encoding)[found[1].offset :].startswith(
        '{"id": "B"'.encode({"utf-16": "utf-16-le"}.get(encoding, encoding).replace("-sig", ""))
    )


def test_a_large_array_is_read_element_by_element() -> None:
    rows = [item(f"A{at}", at) for at in range(20_000)]

    found = read("[" + ",\n ".join(rows) + "]", ARRAY)

    assert found[-1] == row(20_000, "A19999", 19_999)
    assert len(found) == 20_000


def test_numbers_keep_their_text_and_never_become_a_sku_by_themselves() -> None:
    data = '[{"id": 123, "stock": {"qty": 5.0}, "price": 12.40}]'

    assert read(data, profile(format="json", columns=COLUMNS, numeric_skus=True)) == [row(1, "123", 5, 1240)]
    (refusal,) = read(data, ARRAY)
    assert isinstance(refusal, Refusal)
    assert (refusal.column, refusal.value, refusal.offset) == ("id", "123", 1)


@pytest.mark.parametrize(
    ("qty", "reason"),
    [
        ("null", "an empty cell is not zero"),
        ("[1]", "text or a number"),
        ("{}", "text or a number"),
        ("2.5", "whole number"),
        ("1e400", "too large"),
        ("true", "whole number"),
    ],
)
def test_a_bad_quantity_is_refused_with_its_place(qty: str, reason: str) -> None:
    (good, refusal) = read(f'[{item("A", 1)}, {{"id": "B", "stock": {{"qty": {qty}}}}}]', ARRAY)

    assert isinstance(good, Row)
    assert isinstance(refusal, Refusal)
    assert (refusal.sku, refusal.column) == ("B", "stock.qty")
    assert reason in refusal.reason


@pytest.mark.parametrize("element", ["7", '"text"', "null", "true", "[]"])
def test_an_element_that_is_no_object_is_refused(element: str) -> None:
    assert [type(each) for each in read(f"[{item('A', 1)},{element}]", ARRAY)] == [Row, Refusal]


def test_a_name_given_twice_is_not_chosen_from() -> None:
    (refusal,) = read('[{"id": "A", "stock": {"qty": 1, "qty": 2}}]', ARRAY)

    assert isinstance(refusal, Refusal)
    assert refusal.reason == "an object has a name twice"


def test_every_one_of_a_list_is_added_up() -> None:
    how = profile(format="json", columns={"sku": "id", "quantity": "places[].qty"}, bounds="lowest")

    found = read(
        '[{"id": "A", "places": [{"qty": 1}, {"qty": "99+"}]}, {"id": "B", "places": [{"qty": 1}, {}]},'
        ' {"id": "C", "places": []}]',
        how,
    )

    assert found[0] == row(1, "A", 100, told="99+")
    assert [each.sku for each in found if isinstance(each, Refusal)] == ["B", "C"]


def test_rows_may_be_lists_with_columns_by_position() -> None:
    how = profile(format="json", columns={"sku": 1, "quantity": 3})

    assert read('[["A", "x", 5], ["B", "y", "6"]]', how) == [row(1, "A", 5), row(1, "B", 6)]


def test_true_and_false_are_words() -> None:
    how = profile(format="json", columns={"sku": "id", "quantity": "available"}, words={"true": 3, "false": 0})

    assert read('[{"id": "A", "available": true}, {"id": "B", "available": false}]', how) == [
        row(1, "A", 3, told="true"),
        row(1, "B", 0, told="false"),
    ]


def test_half_a_letter_reaches_no_report() -> None:
    (refusal,) = read('[{"id": "\\ud800", "stock": {"qty": 1}}]', ARRAY)

    assert isinstance(refusal, Refusal)
    assert refusal.value == "?"


@pytest.mark.parametrize(
    "document",
    [
        "{}",
        "[]",
        '{"data": {}}',
        '{"data": {"items": {}}}',
        '{"data": {"items": null}}',
        '{"data": []}',
        '{"items": []}',
    ],
)
def test_no_array_at_the_path_is_told(document: str) -> None:
    assert fails(document, profile(format="json", columns=COLUMNS, rows="data.items")).code == "rows_missing"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("", "rows_missing"),
        ("[", "document_not_closed"),
        (f"[{item('A', 1)}", "document_not_closed"),
        (f"[{item('A', 1)},", "document_not_closed"),
        (item("A", 1)[:-3], "rows_missing"),
        ("[" + item("A", 1)[:-3], "document_not_closed"),
        ('[{"id": "A', "document_not_closed"),
        ("[{'id': 1}]", "json_wrong"),
        ("[{} {}]", "json_wrong"),
        ("[{},]", "json_wrong"),
        ("[{}]x", "json_wrong"),
        ("[{}][{}]", "json_wrong"),
        ("[NaN]", "json_wrong"),
        ("[Infinity]", "json_wrong"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(document: str, code: str) -> None:
    assert fails(document).code == code


@pytest.mark.parametrize(
    ("tail", "code"),
    [
        ("", "document_not_closed"),
        (', "data": {"items": []}}', "document_not_closed"),
        (', "x": 1}', "document_not_closed"),
        (', "x": [}}', "document_not_closed"),
        (', "x": "}}', "document_not_closed"),
        (', "items": []}}', "rows_twice"),
        ("}, 7}", "json_wrong"),
        ("}}]", "json_wrong"),
    ],
)
def test_a_document_must_close_after_its_rows(tail: str, code: str) -> None:
    how = profile(format="json", columns=COLUMNS, rows="data.items")

    assert fails(f'{{"data": {{"items": [{item("A", 1)}]{tail}', how).code == code


def test_the_rows_may_not_come_twice() -> None:
    how = profile(format="json", columns=COLUMNS, rows="items")

    assert fails(f'{{"items": [{item("A", 1)}], "items": [{item("A", 2)}]}}', how).code == "rows_twice"


# ---- lines


def test_lines_are_objects() -> None:
    data = f"{item('A', 5, 12.4)}\r\n\n{item('B', 7)}\n{item('C', 1)}"

    assert read(data, LINES) == [row(1, "A", 5, 1240), row(3, "B", 7), row(4, "C", 1)]


def test_a_line_that_is_no_object_is_refused_alone() -> None:
    data = f"{item('A', 5)}\nnot json\n[]\n{'[' * 5000}\n{item('B', 7)}\n"

    assert [(type(each), each.line) for each in read(data, LINES)] == [
        (Row, 1),
        (Refusal, 2),
        (Refusal, 3),
        (Refusal, 4),
        (Row, 5),
    ]


def test_a_last_line_that_is_cut_off_holds_the_file() -> None:
    failure = fails(f"{item('A', 5)}\n{item('B', 7)[:-4]}", LINES)

    assert (failure.code, failure.details) == ("document_not_closed", {"line": 2})
