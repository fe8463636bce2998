"""What a channel is told that it can sell, and what a change of a level means to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.availability import Rank, rank, rises, to_sell
from shared.domain.names import ChannelId
from shared.domain.stock import UNTIL_COUNTED, Level
from tests.support import trade
from tests.support.trade import NOW

CAP = 1_000_000_000


def level(source: str = "alpina", available: int = 10, **changes: Any) -> Level:  # noqa: ANN401 - any field of a level
    return trade.level("NL-1001", source, available, changed_at=NOW, **changes)


def number(*levels: Level, active: tuple[str, ...] = ("alpina", "baltic"), cap: int = CAP, **channel: object) -> int:
    rules = trade.shop_rules(*active, **channel)
    return to_sell(levels, rules.channels[ChannelId("nordlys")], list(rules.sources), NOW, cap=cap)


@pytest.mark.parametrize(
    ("_case", "told", "expected"),
    [
        ("all sources together", number(level(), level("baltic", 7)), 17),
        ("a source that is not active ships nothing", number(level(), level("celtic", 7)), 10),
        ("a discontinued level ships nothing", number(level(status="discontinued"), level("baltic", 7)), 7),
        ("a held level ships nothing", number(level(held_since=NOW, held_until=UNTIL_COUNTED)), 0),
        ("a hold that is over holds nothing", number(level(held_since=NOW, held_until=NOW)), 10),
        ("a level keeps its own buffer back", number(level(buffer=3), level("baltic", 2, buffer=5)), 7),
        ("an oversold level does not eat another's units", number(level(available=-4), level("baltic", 7)), 7),
        ("percent first, rounded down", number(level(available=11), percent=50), 5),
        ("then the buffer", number(level(available=11), percent=50, buffer=2), 3),
        ("never below zero", number(level(available=1), buffer=2), 0),
        ("never more than the platform holds", number(level(available=500), cap=99), 99),
        ("nobody stocks it", number(), 0),
    ],
)
def test_the_number_of_a_channel(_case: str, told: int, expected: int) -> None:
    assert told == expected


@given(st.lists(st.integers(-50, 1000), max_size=4), st.integers(0, 100), st.integers(0, 2000), st.integers(0, 500))
def test_the_number_is_never_negative_never_above_the_cap_and_never_more_than_there_is(
    units: list[int], percent: int, buffer: int, cap: int
) -> None:
    levels = [level(f"s{at}", each) for at, each in enumerate(units)]

    told = number(*levels, active=tuple(f"s{at}" for at in range(len(units))), cap=cap, percent=percent, buffer=buffer)

    assert 0 <= told <= cap
    assert told <= sum(max(each, 0) for each in units)


@pytest.mark.parametrize(
    ("_case", "before", "after", "expected"),
    [
        ("a new level with units", None, level(), Rank.RISES),
        ("a new level with none", None, level(available=0), Rank.ZERO),
        ("the last unit goes", level(), level(available=0), Rank.ZERO),
        ("it falls", level(), level(available=4), Rank.FALLS),
        ("it rises", level(), level(available=40), Rank.RISES),
        ("it rises from below zero to below zero", level(available=-4), level(available=-2), Rank.RISES),
        ("it is oversold further", level(available=-2), level(available=-4), Rank.FALLS),
        ("it is held", level(), level(held_since=NOW, held_until=UNTIL_COUNTED), Rank.ZERO),
        ("its hold ends", level(held_since=NOW, held_until=UNTIL_COUNTED), level(), Rank.RISES),
        ("its buffer grows", level(), level(buffer=2), Rank.FALLS),
        ("only its count's time changed", level(), level(drev=1), None),
    ],
)
def test_how_much_it_hurts_to_be_late(_case: str, before: Level | None, after: Level, expected: Rank | None) -> None:
    assert rank(before, after) == expected


@pytest.mark.parametrize(
    ("_case", "before", "after", "expected"),
    [
        ("units came", level(), level(available=11), True),
        ("the first units", None, level(), True),
        ("a first count of none", None, level(available=0), False),
        ("units went", level(), level(available=9), False),
        ("a hold ended", level(held_since=NOW, held_until=UNTIL_COUNTED), level(), True),
        ("it is sold again", level(status="discontinued"), level(), True),
        ("its debt shrank", level(available=-4), level(available=-2), False),
        ("nothing", level(), replace(level(), drev=3), False),
    ],
)
def test_who_waits_may_take_more(_case: str, before: Level | None, after: Level, expected: bool) -> None:  # noqa: FBT001
    assert rises(before, after) is expected
