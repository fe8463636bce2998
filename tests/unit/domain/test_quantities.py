from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import quantities
from shared.domain.numerals import Marks, Number
from shared.domain.quantities import Quantity, Wording
from shared.errors import InvalidInput

PLAIN = Marks()
GERMAN = Marks(decimal=",", thousands=".")
ENGLISH = Marks(decimal=".", thousands=",")
STRICT = Wording()
LOWEST = Wording(bounds="lowest")


def refused(cell: str, wording: Wording = STRICT, marks: Marks = PLAIN) -> str:
    with pytest.raises(InvalidInput) as failure:
        quantities.read(cell, wording, marks)
    return failure.value.code


@pytest.mark.parametrize(
    ("cell", "units"),
    [("99+", 99), ("99 +", 99), (">20", 20), (">= 20", 20), ("≥20", 20), ("<10", 0), ("<=10", 0), ("≤ 3", 0)],
)
def test_of_a_bound_counts_what_is_certain(cell: str, units: int) -> None:
    assert quantities.read(cell, LOWEST, PLAIN) == Quantity(units, cell)


@pytest.mark.parametrize("cell", ["99+", ">20", "<10"])
def test_a_bound_counts_only_if_the_profile_says_so(cell: str) -> None:
    assert refused(cell) == "quantity_unreadable"


@pytest.mark.parametrize("cell", [">", "+", "<x", ">>5", "5++", "<-", "> 1.5"])
def test_half_a_bound_is_none(cell: str) -> None:
    assert refused(cell, LOWEST) == "quantity_unreadable"


def test_a_bound_has_the_marks_of_a_number() -> None:
    assert quantities.read(">1.000", LOWEST, GERMAN).units == 1000
    assert refused(">1.000", LOWEST) == "number_ambiguous"


WORDS = Wording(words={"in stock": 5, "a*": 0, "call": None, "<10": 3, "": 0}, bounds="lowest")


@pytest.mark.parametrize(
    ("cell", "units"), [("In Stock", 5), ("IN  STOCK", 5), ("A*", 0), ("<10", 3), ("", 0), ("7", 7)]
)
def test_words_have_the_units_of_the_profile(cell: str, units: int) -> None:
    assert quantities.read(cell, WORDS, PLAIN) == Quantity(units, "" if cell == "7" else cell)


def test_a_word_may_say_that_nobody_knows() -> None:
    assert refused("Call", WORDS) == "quantity_unknown"


@pytest.mark.parametrize("cell", ["soon", "På lager", "yes"])
def test_a_word_that_the_profile_does_not_know_is_refused(cell: str) -> None:
    assert refused(cell, WORDS) == "quantity_unreadable"


@pytest.mark.parametrize(
    ("cell", "marks", "units"),
    [
        ("1.000", GERMAN, 1000),
        ("1.234.567,00", GERMAN, 1_234_567),
        ("5,00", GERMAN, 5),
        ("1000", GERMAN, 1000),
        ("-1.000", GERMAN, -1000),
        ("1,000", ENGLISH, 1000),
        ("1.000", ENGLISH, 1),
        ("1,000", Marks(thousands=","), 1000),
        ("1.000", Marks(thousands="."), 1000),
        ("1.000", Marks(decimal="."), 1),
        ("1,000", Marks(decimal=","), 1),
        ("12 345", Marks(decimal=",", thousands=" "), 12_345),
        ("168.0000", PLAIN, 168),
        ("0000098", PLAIN, 98),
    ],
)
def test_numbers_are_read_by_declared_marks(cell: str, marks: Marks, units: int) -> None:
    assert quantities.read(cell, Wording(), marks).units == units


@pytest.mark.parametrize(
    ("cell", "marks"),
    [
        ("1.00", GERMAN),
        ("1,000.5", GERMAN),
        ("12.34.567", GERMAN),
        (".100", GERMAN),
        ("1.0000", GERMAN),
        ("1,0,0", GERMAN),
        ("1.000.", GERMAN),
        ("1 000", PLAIN),
        ("5-", PLAIN),
        ("+5", PLAIN),
        ("٣", GERMAN),
    ],
)
def test_what_breaks_the_marks_is_refused(cell: str, marks: Marks) -> None:
    assert refused(cell, marks=marks) in {"number_unreadable", "number_groups", "quantity_unreadable"}


def test_a_part_of_a_unit_is_refused_or_dropped() -> None:
    assert refused("5.5") == "quantity_unreadable"
    assert quantities.read("5.5", Wording(fractions="floor"), PLAIN).units == 5


@pytest.mark.parametrize(
    ("number", "plain"),
    [
        ("5.0", "5"),
        ("1E3", "1000"),
        ("12.399999999999999", "12.4"),
        ("2.5E-2", "0.025"),
        ("-0", "-0"),
        ("9831287423305.0", "9831287423305"),
        ("12345678901234567", "12345678901234567"),
    ],
)
def test_a_machines_number_is_written_plain(number: str, plain: str) -> None:
    assert Number(number).plain == plain


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "-1E+999999999", "x", "", "1e-99999", "9" * 30])
def test_a_number_out_of_this_world_is_refused(number: str) -> None:
    with pytest.raises(InvalidInput):
        assert Number(number).plain


@given(st.integers(0, quantities.MOST_UNITS))
def test_whole_numbers_are_read_by_any_marks(units: int) -> None:
    german = f"{units:,}".replace(",", ".")

    assert quantities.read(f"{units}", Wording(), PLAIN).units == units
    assert quantities.read(f"{units:,}", Wording(), ENGLISH).units == units
    assert quantities.read(german, Wording(), GERMAN).units == units
    assert quantities.read(Number(f"{units}.0"), Wording(), GERMAN).units == units


@given(st.text(max_size=30) | st.from_regex(r"[<>≥+-]?[0-9.,' ]{1,20}[+-]?", fullmatch=True))
def test_a_cell_is_a_number_or_refused(cell: str) -> None:
    for marks in (PLAIN, GERMAN, ENGLISH):
        with suppress(InvalidInput):
            assert quantities.read(cell, LOWEST, marks).units <= quantities.MOST_UNITS
