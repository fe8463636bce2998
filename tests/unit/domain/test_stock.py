"""As-of netting: what a count does to a level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import stock, times
from shared.domain.stock import UNTIL_COUNTED, Blind, Count, Exact, First, Level
from tests.support import trade

KEY = trade.at("NL-1001", "celtic")
NO_SLACK = timedelta(0)


def clock(hour_and_minute: str) -> str:
    return f"2026-11-24T{hour_and_minute}:00.000Z"


def count(units: int, as_of: str) -> Count:
    return Count(key=KEY, units=units, as_of=clock(as_of), count_id="in/celtic/stock.txt@2")


def level(units: int, as_of: str = "10:00", deducted: Mapping[str, int] | None = None, **changes: object) -> Level:
    open_buckets = {clock(at): taken for at, taken in (deducted or {}).items()}
    return trade.level(KEY.sku, KEY.source, units, counted_as_of=clock(as_of), deducted=open_buckets, **changes)


def after(write: object, seen: Level) -> Level:
    """The level that an exact write leaves behind."""
    assert isinstance(write, Exact)
    left = {bucket: units for bucket, units in seen.deducted.items() if bucket not in write.gone}
    return replace(
        seen,
        available=seen.available + write.rise,
        counted=write.count.units,
        counted_as_of=write.count.as_of,
        deducted=left,
    )


# ---- the worked table: counted 100 as of 10:00, an order of 5 accepted 10:30, the source deducts at accept

ACCEPTED = level(95, counted=100, deducted={"10:30": 5})


@pytest.mark.parametrize(
    ("as_of", "says", "available"),
    [
        ("10:15", 100, 95),  # arrives at 11:00, but was made before the source took the 5 off
        ("11:00", 95, 95),  # shows the 5: they are not subtracted again
        ("12:00", 100, 100),  # a restock hides them
        ("10:44", 100, 95),  # inside the bucket of the acceptance: it may or may not show them
        ("10:45", 95, 95),  # the first moment at which it must
    ],
)
def test_our_units_are_subtracted_until_a_photograph_must_show_them(as_of: str, says: int, available: int) -> None:
    write = stock.exact(count(says, as_of), ACCEPTED, NO_SLACK)

    assert after(write, ACCEPTED).available == available
    assert stock.adds_up(after(write, ACCEPTED))


def test_the_day_of_the_worked_table_one_file_after_the_other() -> None:
    seen = ACCEPTED
    for as_of, says, available in [("10:15", 100, 95), ("11:00", 95, 95), ("12:00", 100, 100)]:
        seen = after(stock.exact(count(says, as_of), seen, NO_SLACK), seen)
        assert seen.available == available


def test_a_shipment_that_is_never_reported_changes_nothing() -> None:
    seen = level(95, counted=100, committed=5)

    assert after(stock.exact(count(100, "23:00"), seen, NO_SLACK), seen).available == 95


# ---- every branch


def test_the_first_count_makes_the_level() -> None:
    assert stock.exact(count(7, "11:00"), None, NO_SLACK) == First(count=count(7, "11:00"))


@pytest.mark.parametrize("as_of", ["10:00", "09:59"])
def test_a_level_with_this_count_or_a_newer_one_is_left_alone(as_of: str) -> None:
    assert stock.exact(count(7, as_of), level(5), NO_SLACK) is None


def test_a_blind_write_carries_the_count_of_the_file_before() -> None:
    assert stock.blind(count(7, "11:00"), 5) == Blind(count=count(7, "11:00"), old=5)


def test_only_buckets_that_ended_before_the_photograph_are_gone() -> None:
    seen = level(88, counted=100, deducted={"10:00": 5, "10:15": 4, "10:30": 3})

    write = stock.exact(count(95, "10:30"), seen, NO_SLACK)

    assert isinstance(write, Exact)
    assert write.gone == (clock("10:00"), clock("10:15"))
    assert after(write, seen).available == 92


def test_the_clock_of_the_source_may_be_off_by_its_slack() -> None:
    bucket = clock("10:30")

    assert stock.is_gone(bucket, clock("10:45"), NO_SLACK)
    assert not stock.is_gone(bucket, clock("10:54"), timedelta(minutes=10))
    assert stock.is_gone(bucket, clock("10:55"), timedelta(minutes=10))


@pytest.mark.parametrize(("held_since", "lifts"), [("10:59", True), ("11:00", False), ("11:01", False)])
def test_a_hold_ends_with_a_photograph_made_after_it_began(held_since: str, lifts: bool) -> None:  # noqa: FBT001
    seen = level(5, held_since=clock(held_since), held_until=UNTIL_COUNTED)

    write = stock.exact(count(5, "11:00"), seen, NO_SLACK)

    assert isinstance(write, Exact)
    assert write.lifts_hold is lifts


@pytest.mark.parametrize(("held_until", "lifts"), [("10:59", True), ("11:00", False), ("11:01", False)])
def test_a_hold_until_a_time_ends_by_its_time_not_by_a_photograph(held_until: str, lifts: bool) -> None:  # noqa: FBT001
    seen = level(5, held_since=clock("10:30"), held_until=clock(held_until))

    write = stock.exact(count(5, "11:00"), seen, NO_SLACK)

    assert isinstance(write, Exact)
    assert write.lifts_hold is lifts


def test_a_level_that_is_not_held_lifts_nothing() -> None:
    write = stock.exact(count(5, "11:00"), level(5), NO_SLACK)

    assert isinstance(write, Exact)
    assert not write.lifts_hold


@pytest.mark.parametrize(
    ("seen", "takeable"),
    [
        (level(5), 5),
        (level(-2, counted=0, committed=2), 0),
        (level(5, status="discontinued"), 0),
        (level(5, held_until=UNTIL_COUNTED), 0),
        (level(5, held_until=clock("10:30")), 0),
        (level(5, held_until=clock("09:30")), 5),
    ],
)
def test_what_an_order_may_take(seen: Level, takeable: int) -> None:
    assert seen.takeable(clock("10:00")) == takeable


starts = st.integers(0, 40).map(lambda n: times.text(times.read("2026-11-24T04:00:00Z") + n * stock.BUCKET))


@given(
    counted=st.integers(0, 50),
    committed=st.integers(0, 9),
    deducted=st.dictionaries(starts, st.integers(1, 9), max_size=4),
    says=st.integers(0, 50),
    as_of=starts,
    slack=st.integers(0, 60).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_the_equation_of_a_level_survives_every_count(
    counted: int, committed: int, deducted: dict[str, int], says: int, as_of: str, slack: timedelta
) -> None:
    before = trade.level(
        KEY.sku,
        KEY.source,
        counted - committed - sum(deducted.values()),
        counted=counted,
        committed=committed,
        deducted=deducted,
        counted_as_of="2026-11-24T00:00:00.000Z",
    )

    seen = after(stock.exact(Count(key=KEY, units=says, as_of=as_of, count_id="f"), before, slack), before)

    assert stock.adds_up(seen)
    assert seen.counted == says
    assert seen.available <= says - committed
