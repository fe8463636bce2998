"""A shop is asked as fast as it takes it, never faster."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import pace
from shared.domain.pace import Bucket, Left, Limit
from tests.support import trade

NOW = trade.times_now()
TWO = Limit(per_second=2.0, burst=5.0)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def with_left(units: float, limit: Limit = TWO) -> Bucket:
    return Bucket(limit=limit, left=Left(units=units, at=NOW))


def test_a_full_bucket_lets_its_burst_through_and_then_its_rate() -> None:
    bucket = pace.full(TWO, NOW)

    waits = []
    for _ in range(7):
        waits.append(bucket.wait(1, NOW))
        bucket = bucket.pay(1, NOW)

    assert waits == [0, 0, 0, 0, 0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("_case", "left", "seconds", "cost", "waits"),
    [
        ("enough is left", 1, 0, 1, 0.0),
        ("half of it is there", 0.5, 0, 1, 0.25),
        ("it fills while time passes", 0, 0.5, 1, 0.0),
        ("it never holds more than its burst", 5, 1000, 6, 0.0),
        ("what costs more than fits waits until all is there", 0, 0, 99, 2.5),
        ("what was taken ahead is made up for", -3, 0, 1, 2.0),
        ("a clock that goes back fills nothing", 0, -10, 1, 0.5),
    ],
)
def test_a_call_waits_for_what_it_costs(_case: str, left: float, seconds: float, cost: float, waits: float) -> None:
    assert with_left(left).wait(cost, after(seconds)) == pytest.approx(waits)


def test_a_clock_that_goes_back_gives_nothing_twice() -> None:
    spent = with_left(1).pay(1, after(10)).pay(1, after(0))

    assert spent.left.at == after(10)
    assert spent.wait(1, after(10)) == pytest.approx(0.0)
    assert spent.pay(4, after(10)).wait(1, after(0)) == pytest.approx(1.0)


def test_a_shop_is_believed_what_it_says_of_itself() -> None:
    plus = Limit(per_second=1000.0, burst=20_000.0)

    heard = with_left(-40).hear(15_000, plus, NOW)

    assert (heard.limit, heard.left.units) == (plus, 15_000)


@pytest.mark.parametrize(("told", "left"), [(20_000, 0.5), (0.25, 0.25)])
def test_a_limit_the_merchant_set_is_lowered_by_the_shop_and_never_raised(told: float, left: float) -> None:
    mine = Limit(per_second=2.0, burst=1.0, is_ruled=True)

    heard = with_left(0.5, mine).hear(told, Limit(per_second=1000.0, burst=20_000.0), NOW)

    assert (heard.limit, heard.left.units) == (mine, left)


def test_a_shop_that_rests_is_asked_once_after_it() -> None:
    rested = with_left(5).rest(30, NOW)

    assert rested.wait(1, NOW) == pytest.approx(30)
    assert rested.wait(1, after(30)) == pytest.approx(0)
    assert rested.pay(1, after(30)).wait(1, after(30)) == pytest.approx(0.5)


def test_a_rest_shortens_no_other() -> None:
    assert with_left(-99).rest(1, NOW).left.units == -99


def test_a_merchants_limit_is_even_and_never_above_the_platforms() -> None:
    platform = Limit(per_second=10.0, burst=20.0)

    assert pace.ruled(platform, None) == platform
    assert pace.ruled(platform, 2) == Limit(per_second=2, burst=1.0, is_ruled=True)
    assert pace.ruled(platform, 50).per_second == 10.0


@given(
    st.floats(0.5, 50),
    st.floats(1, 100),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 30)), min_size=1, max_size=30),
)
def test_no_stretch_of_time_takes_more_than_burst_and_rate(
    per_second: float, burst: float, calls: list[tuple[float, float]]
) -> None:
    bucket, now, taken = pace.full(Limit(per_second=per_second, burst=burst), NOW), NOW, []
    for idle, cost in calls:
        now += timedelta(seconds=idle)
        now += timedelta(seconds=bucket.wait(cost, now))
        bucket = bucket.pay(cost, now)
        taken.append((now, cost))

    for first in range(len(taken)):
        for last in range(first, len(taken)):
            seconds = (taken[last][0] - taken[first][0]).total_seconds()
            before_last = sum(cost for _, cost in taken[first:last])
            most = burst + per_second * seconds - min(taken[last][1], burst)
            assert before_last <= most + 1e-3 * per_second + 1e-6
