from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import gtin
from shared.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("736676037018", "00736676037018"),
        ("#736676037018", "00736676037018"),
        (" 4006381333931 ", "04006381333931"),
        ("96385074", "00000096385074"),
        ("10614141543219", "10614141543219"),
    ],
)
def test_one_form_for_all_lengths(text: str, read: str) -> None:
    assert gtin.read(text) == read


@pytest.mark.parametrize("text", ["", "4006381333932", "400638133393", "40063813339X1", "٤٠٠٦٣٨١٣", "4.00638E+12"])
def test_what_is_no_gtin_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        gtin.read(text)


@given(st.from_regex(r"[0-9]{13}", fullmatch=True), st.integers(0, 13), st.integers(1, 9))
def test_one_wrong_digit_is_seen(digits: str, at: int, more: int) -> None:
    right = digits + gtin.check_digit(digits)
    wrong = right[:at] + str((int(right[at]) + more) % 10) + right[at + 1 :]

    assert gtin.read(right) == right
    with pytest.raises(InvalidInput):
        gtin.read(wrong)
