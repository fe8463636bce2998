from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import routing_cases as cases
from shared.domain.routing import calendar, pricing
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import Bracket, Cutoff, Rates
from shared.errors import InvalidInput


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_units_are_conserved_and_never_more_than_available(seed: int, lines: int, sources: int) -> None:
    demands, candidates, policy, now = cases.asked(cases.case(seed, lines, sources, features=True))
    answer = plan(demands, candidates, policy, now)
    for line in demands.lines:
        taken = sum(n for (at, _), n in answer.taken.items() if at == line.line)
        assert taken + answer.short.get(line.line, 0) == line.units
    sku_of = {line.line: line.sku for line in demands.lines}
    for candidate in candidates:
        taken = sum(
            n
            for (at, source), n in answer.taken.items()
            if source == candidate.supplier.source and sku_of[at] == candidate.sku
        )
        assert taken <= max(candidate.available, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 50))
def test_more_stock_never_makes_it_worse(seed: int, which: int) -> None:
    demands, candidates, policy, now = cases.asked(cases.case(seed, 4, 3, features=True))
    before = plan(demands, candidates, policy, now)
    if candidates:
        at = which % len(candidates)
        candidates[at] = replace(candidates[at], available=candidates[at].available + 5)
    after = plan(demands, candidates, policy, now)
    assert (sum(after.short.values()), after.landed_minor) <= (sum(before.short.values()), before.landed_minor) or not (
        before.exact and after.exact
    )


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"active": False}, "inactive"),
        ({"held": "quarrel"}, "held: quarrel"),
        ({"paused": True}, "paused"),
        ({"orders_today": 3, "orders_a_day": 3}, "over its orders a day"),
        ({"currency": "USD"}, "no rate for USD"),
    ],
)
def test_a_supplier_that_may_not_ship_says_why(change: dict[str, Any], verdict: str) -> None:
    demands, candidates, policy, now = cases.asked(cases.case(3, 1, 2, features=False))
    refused = [replace(c, supplier=replace(c.supplier, **change)) for c in candidates]
    answer = plan(demands, refused, policy, now)
    assert refused
    assert not answer.taken
    assert {w.verdict for w in answer.weighed} == {verdict}


def test_a_cutoff_follows_the_wall_clock_through_daylight_saving() -> None:
    cutoff = Cutoff(at=time(14), zone="Europe/Berlin", holidays=frozenset({date(2026, 3, 31)}))
    assert calendar.leaves(cutoff, datetime(2026, 3, 27, 12, 30, tzinfo=UTC)) == date(2026, 3, 27)
    assert calendar.leaves(cutoff, datetime(2026, 3, 30, 12, 30, tzinfo=UTC)) == date(2026, 4, 1)


def test_an_old_rate_is_no_rate() -> None:
    rates = Rates(rates={"JPY": Decimal("0.006")}, as_of=datetime(2026, 1, 1, tzinfo=UTC), max_age_days=2)
    assert pricing.rate("JPY", "EUR", rates, datetime(2026, 1, 2, tzinfo=UTC)) == Decimal("0.6")
    assert pricing.rate("JPY", "EUR", rates, datetime(2026, 1, 4, tzinfo=UTC)) == "rate for JPY is too old"


def test_weight_above_the_last_bracket_travels_in_several_parcels() -> None:
    assert pricing.freight([(500, 300), (1000, 450)], 2400) == (2 * 450 + 300, 3)


def test_brackets_with_an_overlap_are_refused() -> None:
    with pytest.raises(InvalidInput):
        pricing.check_brackets([Bracket(upto=500, price_minor=3), Bracket(upto=500, price_minor=4)], "tariff")


def test_an_order_without_lines_is_refused() -> None:
    demands, candidates, policy, now = cases.asked(cases.case(3, 1, 2, features=False))
    with pytest.raises(InvalidInput):
        plan(replace(demands, lines=()), candidates, policy, now)
