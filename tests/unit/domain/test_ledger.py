"""Movements fold to the level they came from, and a difference is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ledger import Movement, drift, movement
from shared.domain.stock import Level
from tests.support import trade


def history(units: list[int]) -> list[Level]:
    """A level as every write left it: the first counts it, the others change what is available."""
    images = [trade.level("NL-1001", "alpina", units[0])]
    for each in units[1:]:
        last = images[-1]
        taken = replace(last, available=each, committed=last.counted - each, revision=last.revision + 1)
        images.append(replace(taken, cause=("take", "a1"), last={"token": last.available - each}))
    return images


def movements(images: list[Level]) -> list[Movement]:
    befores: list[Level | None] = [None, *images[:-1]]
    return [movement(before, after) for before, after in zip(befores, images, strict=True)]


histories = st.lists(st.integers(-100, 1000), min_size=1, max_size=12).map(history)


def test_a_movement_says_what_changed_and_why() -> None:
    moved = movements(history([10, 7]))[1]

    assert (moved.kind, moved.cause, moved.units, moved.committed, moved.counted) == ("take", "a1", -3, 3, 0)
    assert (moved.balance, moved.last, moved.revision) == (7, {"token": 3}, 2)


@given(histories)
def test_movements_fold_to_the_level(images: list[Level]) -> None:
    moved = movements(images)

    assert sum(each.units for each in moved) == images[-1].available
    assert sum(each.committed for each in moved) == images[-1].committed
    assert sum(each.counted for each in moved) == images[-1].counted
    assert drift(images[-1], moved) == ""


def test_what_is_expected_folds_too() -> None:
    first = trade.level("NL-1001", "alpina", 10)
    images = [first, replace(first, incoming=5, revision=2), replace(first, incoming=3, counted=12, revision=3)]
    moved = movements(images)

    assert [each.incoming for each in moved] == [0, 5, -2]
    assert drift(images[-1], moved) == ""
    assert drift(replace(images[-1], incoming=4), moved) == "its movements expect 3, it expects 4"
    assert drift(replace(images[-1], incoming=4), moved[1:]) == ""  # how much it began with has expired


@given(histories, st.data())
def test_movements_that_expired_make_no_drift(images: list[Level], data: st.DataObject) -> None:
    kept = movements(images)[data.draw(st.integers(0, len(images) - 1)) :]

    assert drift(images[-1], kept) == ""


@pytest.mark.parametrize(
    ("_case", "kept", "available", "expected"),
    [
        ("none", slice(0, 0), 5, "it has no movement"),
        ("the last is missing", slice(0, 3), 5, "its last movement is revision 3, the level is at 4"),
        ("one is missing", slice(0, 4, 3), 5, "a movement is missing"),
        ("the level was written past the ledger", slice(0, 4), 6, "its movements sum to 5, it has 6"),
    ],
)
def test_drift_says_what_differs(_case: str, kept: slice, available: int, expected: str) -> None:
    images = history([10, 8, 6, 5])

    assert drift(replace(images[-1], available=available), movements(images)[kept]) == expected


def test_a_first_movement_that_begins_with_units_is_drift() -> None:
    images = history([10, 8])
    first, second = movements(images)

    assert drift(images[-1], [replace(first, units=9), second]) == "its movements sum to 7, it has 8"
