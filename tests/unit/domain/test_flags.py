"""Which levels stand out, and from which write on."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.flags import Flag, FlagKind, crossings
from shared.domain.stock import UNTIL_COUNTED, Level
from tests.support import trade

AT = trade.at("A", "alpina")
SOON, LATER = "2026-11-24T10:00:00.000Z", "2026-11-24T11:00:00.000Z"


def level(units: int, until: str = "") -> Level:
    return trade.level("A", "alpina", units, held_until=until, changed_at=trade.NOW)


def low(*levels: Level | None, low_at: int | None = 10) -> list[bool]:
    """What a chain of writes says about being low, one after the other."""
    said = [crossings(before, after, low_at=low_at) for before, after in pairwise(levels) if after]
    return [is_set for each in said for flag, is_set in each.items() if flag.kind is FlagKind.LOW]


@pytest.mark.parametrize(
    ("_case", "units", "expected"),
    [
        ("above", (30, 11), []),
        ("down to the threshold", (30, 10), [True]),
        ("further down is no news", (30, 10, 4, 0), [True]),
        ("up again, but not out of the gap", (30, 10, 14), [True]),
        ("down and up within the gap", (30, 10, 14, 9, 14, 10), [True, True, True]),
        ("out of the gap", (30, 10, 15), [True, False]),
        ("in one leap", (30, 2, 50), [True, False]),
        ("within the gap from above is not low", (30, 12, 14, 11, 30), [False]),
        ("oversold is low", (30, -3), [True]),
    ],
)
def test_low_has_a_gap_between_its_thresholds(_case: str, units: tuple[int, ...], expected: list[bool]) -> None:
    assert low(*map(level, units)) == expected


@pytest.mark.parametrize(("units", "expected"), [(10, [True]), (11, [])])
def test_a_level_may_be_low_from_the_beginning(units: int, expected: list[bool]) -> None:
    assert low(None, level(units)) == expected


def test_a_threshold_of_none_lists_nothing_and_one_of_zero_what_is_sold_out() -> None:
    assert low(level(30), level(0), low_at=None) == []
    assert low(level(1), level(0), level(1), low_at=0) == [True, False]


def test_a_level_that_becomes_low_is_listed_since_that_write() -> None:
    flag = Flag(kind=FlagKind.LOW, level=AT, since=trade.NOW)

    assert crossings(level(30), level(3), low_at=10) == {flag: True}


@given(st.lists(st.integers(-5, 25), min_size=1), st.integers(0, 12))
def test_whatever_the_writes_low_is_listed_and_what_is_well_above_is_not(units: list[int], low_at: int) -> None:
    is_listed = False
    enough = low_at + max(low_at // 2, 1)
    for before, after in pairwise([None, *map(level, units)]):
        assert after
        for is_set in _said(crossings(before, after, low_at=low_at).items()):
            is_listed = is_set
        assert is_listed or after.available > low_at
        assert not is_listed or after.available < enough


def _said(found: Iterable[tuple[Flag, bool]]) -> list[bool]:
    return [is_set for flag, is_set in found if flag.kind is FlagKind.LOW]


@pytest.mark.parametrize(
    ("_case", "before", "after", "expected"),
    [
        ("held with an end", "", SOON, [(SOON, True)]),
        ("held without one: a count ends it, not time", "", UNTIL_COUNTED, []),
        ("held for longer", SOON, LATER, [(LATER, True)]),
        ("released", SOON, "", [("", False)]),
        ("the end is taken away", SOON, UNTIL_COUNTED, [("", False)]),
        ("a count ends it", UNTIL_COUNTED, "", []),
        ("it gets an end", UNTIL_COUNTED, SOON, [(SOON, True)]),
        ("nothing about it", SOON, SOON, []),
    ],
)
def test_a_hold_with_an_end_is_listed_by_it(
    _case: str, before: str, after: str, expected: list[tuple[str, bool]]
) -> None:
    found = crossings(level(5, before), level(5, after), low_at=None)

    assert found == {Flag(kind=FlagKind.HELD, level=AT, since=since): is_set for since, is_set in expected}
