"""What a channel is told that it can sell, and what a change of a level means to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import availability, times
from shared.domain.availability import Number, Rank, TermKind, rank, rank_of, rises
from shared.domain.feeds import Feed, Run
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.rules import Tier
from shared.domain.stock import UNTIL_COUNTED, Level
from tests.support import trade
from tests.support.trade import NOW

NORDLYS = ChannelId("nordlys")
TIERS = (Tier(after=timedelta(hours=24), percent=50), Tier(after=timedelta(hours=72), percent=0))


def level(source: str = "alpina", available: int = 10, **changes: Any) -> Level:  # noqa: ANN401 - any field of a level
    return trade.level("NL-1001", source, available, **{"changed_at": NOW, "counted_as_of": NOW} | changes)


def counted(hours_ago: float, source: str = "alpina", available: int = 10, **changes: Any) -> Level:  # noqa: ANN401
    return level(source, available, counted_as_of=times.text(trade.times_now() - timedelta(hours=hours_ago)), **changes)


def number(
    *levels: Level,
    active: tuple[str, ...] = ("alpina", "baltic"),
    feeds: Mapping[SourceId, Feed] | None = None,
    freshness: tuple[Tier, ...] = (),
    now: str = NOW,
    not_counted: Mapping[str, str] | None = None,
    **channel: object,
) -> Number:
    rules = trade.shop_rules(*active, **channel)
    nordlys = rules.channels[NORDLYS]
    sources = [replace(source, freshness=freshness) for source in rules.sources_of(nordlys)]
    below = {SourceId(source): because for source, because in (not_counted or {}).items()}
    return availability.number(levels, feeds or {}, nordlys, sources, now, below)


def units(*levels: Level, **how: Any) -> int:  # noqa: ANN401 - as number() takes it
    return number(*levels, **how).units


def confirmed(hours_ago: float, *unconfirmed: tuple[str, float], since: float = 1000) -> dict[SourceId, Feed]:
    """A feed of alpina whose applied file is so old; SKUs that it left out, and how old the last file with them is."""

    def at(hours: float) -> str:
        return times.text(trade.times_now() - timedelta(hours=hours))

    applied = Run(as_of=at(hours_ago), file="f", snapshot="s", reading="r")
    left_out = {Sku(sku): at(hours) for sku, hours in unconfirmed}
    alpina = SourceId("alpina")
    return {alpina: Feed(source=alpina, applied=applied, confirms_since=at(since), unconfirmed=left_out)}


@pytest.mark.parametrize(
    ("_case", "found", "expected"),
    [
        ("all sources together", units(level(), level("baltic", 7)), 17),
        ("a source that is not active ships nothing", units(level(), level("celtic", 7)), 10),
        ("a source that may not ship for the channel", units(level(), level("baltic", 7), sources=["baltic"]), 7),
        ("a discontinued level ships nothing", units(level(status="discontinued"), level("baltic", 7)), 7),
        ("a held level ships nothing", units(level(held_since=NOW, held_until=UNTIL_COUNTED)), 0),
        ("a hold that is over holds nothing", units(level(held_since=NOW, held_until=NOW)), 10),
        ("a level keeps its own buffer back", units(level(buffer=3), level("baltic", 2, buffer=5)), 7),
        ("an oversold level does not eat another's units", units(level(available=-4), level("baltic", 7)), 7),
        ("percent first, rounded down", units(level(available=11), percent=50), 5),
        ("then the buffer", units(level(available=11), percent=50, buffer=2), 3),
        ("never below zero", units(level(available=1), buffer=2), 0),
        ("at the floor it is nothing", units(level(available=5), floor=5), 0),
        ("above the floor it is all", units(level(available=6), floor=5), 6),
        ("the floor is asked after the buffer", units(level(available=6), buffer=1, floor=5), 0),
        ("never more than the cap", units(level(available=500), cap=99), 99),
        ("the cap is asked last", units(level(available=500), percent=50, buffer=10, floor=200, cap=99), 99),
        ("a cap below the floor does not make it nothing", units(level(available=500), floor=50, cap=20), 20),
        ("nobody stocks it", units(), 0),
        ("a source below the margin", units(level(), level("baltic", 7), not_counted={"alpina": "dear"}), 7),
        ("all of them", units(level(), level("baltic", 7), not_counted={"alpina": "dear", "baltic": "dear"}), 0),
        ("one below the margin that has none", units(level("baltic", 7), not_counted={"alpina": "dear"}), 7),
        (
            "the rules are asked after the margin",
            units(level(), level("baltic", 7), not_counted={"alpina": "d"}, floor=7),
            0,
        ),
    ],
)
def test_the_number_of_a_channel(_case: str, found: int, expected: int) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("_case", "found", "expected"),
    [
        ("a fresh count is worth all of it", units(counted(23.9), freshness=TIERS), 10),
        ("at the first tier's age it is worth less", units(counted(24), freshness=TIERS), 5),
        ("until the second's", units(counted(71.9), freshness=TIERS), 5),
        ("then nothing", units(counted(72), freshness=TIERS), 0),
        ("without tiers no count grows old", units(counted(10_000)), 10),
        ("half of a piece is none", units(counted(24, available=11), freshness=TIERS), 5),
        (
            "each source is as old as its own count",
            units(counted(24), counted(1, "baltic", 7), freshness=TIERS),
            12,
        ),
        (
            "what the level keeps back is kept of what there is, not of what it is worth",
            units(counted(24, buffer=4), freshness=TIERS),
            3,
        ),
        (
            "an old count that a newer file still says is not old",
            units(counted(100), feeds=confirmed(1), freshness=TIERS),
            10,
        ),
        (
            "a SKU that the file left out is as old as the last file that had it",
            units(counted(100), feeds=confirmed(1, ("NL-1001", 30)), freshness=TIERS),
            5,
        ),
        (
            "a count from before all that files can confirm is as old as it is",
            units(counted(100), feeds=confirmed(1, since=50), freshness=TIERS),
            0,
        ),
    ],
)
def test_an_old_count_is_worth_less(_case: str, found: int, expected: int) -> None:
    assert found == expected


def test_a_number_says_why_it_is_what_it_is() -> None:
    found = number(counted(24, available=21), level("baltic", 7), freshness=TIERS, percent=50, buffer=2, floor=1, cap=5)

    assert [(term.kind, term.units, term.source) for term in found.terms] == [
        (TermKind.OFFERED, 21, "alpina"),
        (TermKind.STALE, -11, "alpina"),
        (TermKind.OFFERED, 7, "baltic"),
        (TermKind.PERCENT, -9, None),
        (TermKind.BUFFER, -2, None),
        (TermKind.CAP, -1, None),
    ]
    assert found.units == 5


def test_what_is_below_the_margin_is_told_with_its_figures() -> None:
    found = number(
        counted(24, available=21),
        level("baltic", 0),
        freshness=TIERS,
        not_counted={"alpina": "is dear", "baltic": "too"},
    )

    assert [(term.kind, term.units, term.source, term.because) for term in found.terms] == [
        (TermKind.OFFERED, 21, "alpina", ""),
        (TermKind.STALE, -11, "alpina", ""),
        (TermKind.MARGIN, -10, "alpina", "is dear"),
        (TermKind.OFFERED, 0, "baltic", ""),
    ]
    assert found.units == 0


def test_what_takes_nothing_off_is_not_told_but_a_source_with_nothing_is() -> None:
    assert [(term.kind, term.units) for term in number(level(available=0)).terms] == [(TermKind.OFFERED, 0)]


pieces = st.integers(-50, 1000)
some_levels = st.lists(
    st.builds(
        lambda available, hours, buffer, status: (available, hours, buffer, status),
        pieces,
        st.integers(0, 200),
        st.integers(0, 20),
        st.sampled_from(["active", "discontinued"]),
    ),
    max_size=4,
).map(lambda each: [counted(h, f"s{i}", n, buffer=b, status=s) for i, (n, h, b, s) in enumerate(each)])
some_rules = st.fixed_dictionaries(
    {
        "percent": st.integers(0, 100),
        "buffer": st.integers(0, 2000),
        "floor": st.integers(0, 500),
        "cap": st.integers(1, 500),
    }
)
some_tiers = st.lists(
    st.tuples(st.integers(1, 100), st.integers(0, 99)), max_size=3, unique_by=(lambda t: t[0], lambda t: t[1])
).map(
    lambda each: tuple(
        Tier(after=timedelta(hours=hours), percent=percent)
        for hours, percent in zip(sorted(h for h, _ in each), sorted((p for _, p in each), reverse=True), strict=True)
    )
)


some_below = st.dictionaries(st.sampled_from(["s0", "s1", "s2"]), st.just("dear"))


def told(
    levels: Sequence[Level],
    ruled: Mapping[str, int],
    tiers: tuple[Tier, ...],
    now: str = NOW,
    below: Mapping[str, str] | None = None,
) -> Number:
    active = tuple(each.key.source for each in levels)
    ruled_by: dict[str, Any] = dict(ruled)
    return number(*levels, active=active, freshness=tiers, now=now, not_counted=below, **ruled_by)


@given(some_levels, some_rules, some_tiers, some_below)
def test_a_number_is_never_negative_and_its_terms_add_up_to_it(
    levels: list[Level], ruled: dict[str, int], tiers: tuple[Tier, ...], below: dict[str, str]
) -> None:
    found = told(levels, ruled, tiers, below=below)

    assert 0 <= found.units <= ruled["cap"]
    assert found.units <= sum(max(each.available, 0) for each in levels if each.key.source not in below)
    assert found.units == 0 or found.units > min(ruled["floor"], ruled["cap"] - 1)
    assert sum(term.units for term in found.terms) == found.units
    assert all(term.units >= 0 for term in found.terms if term.kind is TermKind.OFFERED)
    assert all(term.units < 0 for term in found.terms if term.kind is not TermKind.OFFERED)


@given(some_levels, some_rules, some_tiers, st.integers(0, 300), st.integers(0, 300))
def test_while_no_count_comes_a_number_never_rises(
    levels: list[Level], ruled: dict[str, int], tiers: tuple[Tier, ...], one: int, other: int
) -> None:
    sooner, later = (
        told(levels, ruled, tiers, times.text(trade.times_now() + timedelta(hours=hours)))
        for hours in sorted((one, other))
    )

    assert later.units <= sooner.units


@pytest.mark.parametrize(
    ("_case", "was", "is_now", "expected"),
    [
        ("the same", 5, 5, None),
        ("nothing, and so it was told", 0, 0, None),
        ("sold out", 5, 0, Rank.ZERO),
        ("fewer", 5, 4, Rank.FALLS),
        ("more", 5, 6, Rank.RISES),
        ("there again", 0, 1, Rank.RISES),
    ],
)
def test_how_much_a_difference_to_what_was_told_hurts(_case: str, was: int, is_now: int, expected: Rank | None) -> None:
    assert rank_of(was, is_now) == expected


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
