"""Lines whose cells stand at fixed places."""

from __future__ import annotations

import pytest

from shared.domain.photographs import Refusal, Row
from shared.errors import InvalidInput
from tests.support.stock_files import profile, read, row

COLUMNS = {"sku": "1-6", "quantity": "7-12", "cost": "13-20"}
HOW = profile(format="fixed", columns=COLUMNS)


def line(sku: str, quantity: str, cost: str) -> str:
    return f"{sku:6}{quantity:>6}{cost:>8}\n"


def test_cells_stand_at_their_places() -> None:
    assert read(line("A 1", "5", "12.40") + "\n" + line("00123", "000098", ""), HOW) == [
        row(1, "A 1", 5, 1240),
        row(3, "00123", 98),
    ]


def test_places_are_characters_not_bytes() -> None:
    assert read(line("ÆØÅ-1", "5", "12.40").encode("cp1252"), HOW) == [row(1, "ÆØÅ-1", 5, 1240)]
    assert read(line("ÆØÅ-1", "5", "12.40").encode(), HOW) == [row(1, "ÆØÅ-1", 5, 1240)]


def test_half_a_number_is_another_number() -> None:
    data = line("A", "5", "12.40") + "B        12"

    assert [each.reason for each in read(data, HOW) if isinstance(each, Refusal)] == ["the line ends within this cell"]


def test_a_cost_that_is_not_there_at_all_is_blank() -> None:
    assert read("A          5\nB     " + "     6\n", HOW) == [row(1, "A", 5), row(2, "B", 6)]


def test_the_last_cell_may_reach_to_the_end_of_the_line() -> None:
    how = profile(format="fixed", columns={"sku": "1-6", "quantity": "7-"})

    assert read("A     5\nB     12345   \n", how) == [row(1, "A", 5), row(2, "B", 12345)]


def test_a_line_of_another_length_is_refused_where_the_length_is_known() -> None:
    how = profile(format="fixed", columns=COLUMNS, width=20)

    found = read(line("A", "5", "1") + line("B", "5", "1").rstrip("\n")[:-1] + "\n" + "x" + line("C", "5", "1"), how)

    assert [each.line for each in found if isinstance(each, Refusal)] == [2, 3]


def test_lines_before_the_rows_and_an_old_end_mark_are_none() -> None:
    how = profile(format="fixed", columns=COLUMNS, heading_line=2, skips=["*"])
    data = "STOCK LIST\nITEM  QTY   \n* note\n" + line("A", "5", "") + "\x1a"

    assert read(data, how) == [row(4, "A", 5)]


FOOTER = {"starts_with": ["TRL"], "count": "4-12"}


def test_a_trailer_counts_the_rows() -> None:
    how = profile(format="fixed", columns=COLUMNS, footer=FOOTER)

    assert len(read(line("A", "5", "") + line("B", "?", "") + "TRL000000002\n", how)) == 2


@pytest.mark.parametrize(
    ("trailer", "code"),
    [
        ("TRL000000001\n", "footer_count"),
        ("TRL\n", "footer_count"),
        ("", "document_not_closed"),
        ("TRL000000002\nC        7", "footer_early"),
    ],
)
def test_a_trailer_that_is_wrong_or_missing_holds_the_file(trailer: str, code: str) -> None:
    how = profile(format="fixed", columns=COLUMNS, footer=FOOTER)

    with pytest.raises(InvalidInput) as failure:
        read(line("A", "5", "") + line("B", "6", "") + trailer, how)
    assert failure.value.code == code


def test_what_a_row_says_wrong_is_told_by_its_place() -> None:
    (refusal,) = read(line("A", "many", ""), HOW)

    assert isinstance(refusal, Refusal)
    assert (refusal.line, refusal.column, refusal.value, refusal.sku) == (1, "7-12", "many", "A")
    assert isinstance(read(line("A", "1", ""), HOW)[0], Row)
