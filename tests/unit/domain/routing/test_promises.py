from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import routing_cases as cases
from shared.domain.names import SourceId
from shared.domain.routing import calendar, planner, pricing
from shared.domain.routing.billing import SHORT, values
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import Bracket, Cutoff, Demands, Goal, Objective, Rates, Split
from shared.errors import InvalidInput

GOALS = (
    (Objective.LANDED_COST,),
    (Objective.PARCELS, Objective.LANDED_COST),
    (Objective.PROMISED_DATE, Objective.LANDED_COST),
    (Objective.RELIABILITY, Objective.PARCELS, Objective.LANDED_COST),
    (Objective.PRIORITY, Objective.PROMISED_DATE, Objective.LANDED_COST),
)


def _worth(asked: cases.Asked) -> tuple[int, ...]:
    # Every goal in order; units short come first in each.
    choice = planner.choose(*asked)
    assert choice.found.exact
    found = values(choice.scales.task, choice.found.taken)
    assert found is not None
    return tuple(found[goal.objective] for goal in asked[2].goals)


def _asked(seed: int, lines: int, sources: int) -> cases.Asked:
    goals = tuple(Goal(objective=objective) for objective in GOALS[seed % len(GOALS)])
    return cases.asked(cases.case(seed, lines, sources, features=seed % 4 != 0), goals=goals)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4), st.sampled_from([0, 3, 20_000]))
def test_units_are_conserved_and_never_more_than_available(seed: int, lines: int, sources: int, nodes: int) -> None:
    demands, candidates, policy, now = _asked(seed, lines, sources)
    answer = plan(demands, candidates, replace(policy, node_budget=nodes), now)
    for line in demands.lines:
        taken = sum(n for (at, _), n in answer.taken.items() if at == line.line)
        assert taken + answer.short.get(line.line, 0) == line.units
        assert answer.short.get(line.line, 1) > 0
        assert [w.taken for w in answer.weighed if w.line == line.line and w.taken] == [
            n for (at, _), n in answer.taken.items() if at == line.line
        ]
    assert all(units > 0 for units in answer.taken.values())
    sku_of = {line.line: line.sku for line in demands.lines}
    for candidate in candidates:
        source = candidate.supplier.source
        taken = sum(n for (at, s), n in answer.taken.items() if s == source and sku_of[at] == candidate.sku)
        packed = pricing.bought(taken, candidate.pack, candidate.minimum, policy.packs) if taken else 0
        assert packed is not None
        assert packed <= max(candidate.available, 0)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4))
def test_lines_and_kits_ship_as_the_rules_let_them(seed: int, lines: int, sources: int) -> None:
    demands, candidates, policy, now = _asked(seed, lines, sources)
    answer = plan(demands, candidates, policy, now)
    kits: dict[str, set[frozenset[SourceId]]] = {}
    for line in demands.lines:
        shipping = [s for (at, s) in answer.taken if at == line.line]
        if line.kit or policy.split is Split.FORBIDDEN:
            assert len(shipping) <= 1
            assert answer.short.get(line.line, 0) in (0, line.units)
        if line.kit:
            kits.setdefault(line.kit, set()).add(frozenset(shipping))
    assert all(len(ways) == 1 for ways in kits.values())


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 50), st.integers(1, 9))
def test_with_more_stock_no_goal_is_missed_that_was_met(seed: int, which: int, more: int) -> None:
    # Where no tolerance is given: more stock only adds plans. A tolerance is of a best that may have moved.
    demands, candidates, policy, now = _asked(seed, 4, 3)
    before = _worth((demands, candidates, policy, now))
    if candidates:
        at = which % len(candidates)
        candidates[at] = replace(candidates[at], available=max(candidates[at].available, 0) + more)
    assert _worth((demands, candidates, policy, now)) <= before


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 50), st.integers(1, 400))
def test_a_cheaper_unit_makes_nothing_worse_where_no_basket_has_a_limit(seed: int, which: int, less: int) -> None:
    # Where no source has a surcharge or a minimum: every plan then costs at most what it did.
    demands, candidates, policy, now = _asked(seed, 4, 3)
    candidates = [replace(c, supplier=replace(c.supplier, surcharges=(), order_minimum_minor=0)) for c in candidates]
    before = _worth((demands, candidates, policy, now))
    if candidates:
        at = which % len(candidates)
        candidates[at] = replace(candidates[at], cost_minor=max((candidates[at].cost_minor or 0) - less, 0))
    assert _worth((demands, candidates, policy, now)) <= before


def test_a_cheaper_unit_does_cost_more_where_its_basket_falls_under_a_surcharge() -> None:
    demands, candidates, policy, now = cases.asked(cases.case(3, 1, 2, features=False))
    surcharged = replace(candidates[0].supplier, surcharges=(Bracket(upto=999, price_minor=300),))
    line = replace(demands.lines[0], units=1)

    def cost(unit: int) -> int:
        offer = replace(candidates[0], supplier=surcharged, cost_minor=unit, available=1)
        return plan(replace(demands, lines=(line,)), [offer], policy, now).landed_minor

    assert cost(999) == cost(1000) + 299


def test_another_source_makes_nothing_worse() -> None:
    for seed in range(60):
        demands, candidates, policy, now = _asked(seed, 4, 4)
        fewer = [c for c in candidates if c.supplier.source != "03"]
        assert _worth((demands, candidates, policy, now)) <= _worth((demands, fewer, policy, now)), seed


def test_a_tolerance_is_never_left() -> None:
    for seed in range(60):
        demands, candidates, policy, now = cases.asked(cases.case(seed, 4, 4, features=True))
        best = plan(demands, candidates, policy, now)
        cost, parcels = Objective.LANDED_COST, Objective.PARCELS
        goals = (Goal(objective=cost, tolerance_ppm=50_000), Goal(objective=parcels))
        answer = plan(demands, candidates, replace(policy, goals=goals), now)
        assert sum(answer.short.values()) == sum(best.short.values())
        assert answer.landed_minor <= best.landed_minor * 1.05
        assert answer.parcels <= best.parcels


def test_the_next_best_is_the_best_of_what_is_left_without_a_source() -> None:
    for seed in range(40):
        demands, candidates, policy, now = cases.asked(cases.case(seed, 4, 4, features=seed % 2 == 0))
        answer = plan(demands, candidates, policy, now)
        used = {source for _, source in answer.taken}
        left = [plan(demands, [c for c in candidates if c.supplier.source != source], policy, now) for source in used]
        best = min(((sum(p.short.values()), p.landed_minor) for p in left), default=(0, 0))
        units = sum(line.units for line in demands.lines)
        if answer.next_best is None:
            assert not used or best[0] == units
            continue
        short = sum(answer.short.values()) + answer.next_best.short_more
        assert (short, answer.next_best.landed_minor) == best, seed
        assert answer.next_best.landed_more_minor == best[1] - answer.landed_minor


def test_a_cutoff_follows_the_wall_clock_through_daylight_saving() -> None:
    cutoff = Cutoff(at=time(14), zone="Europe/Berlin", holidays=frozenset({date(2026, 3, 31)}))
    assert calendar.leaves(cutoff, datetime(2026, 3, 27, 12, 30, tzinfo=UTC)) == date(2026, 3, 27)
    assert calendar.leaves(cutoff, datetime(2026, 3, 30, 12, 30, tzinfo=UTC)) == date(2026, 4, 1)
    assert calendar.arrives(cutoff, 2, datetime(2026, 3, 27, 12, 30, tzinfo=UTC)) == date(2026, 4, 1)
    assert calendar.arrives(None, 2, datetime(2026, 3, 27, 12, 30, tzinfo=UTC)) == date(2026, 3, 29)


def test_an_old_rate_is_no_rate() -> None:
    rates = Rates(rates={"JPY": Decimal("0.006")}, as_of=datetime(2026, 1, 1, tzinfo=UTC), max_age_days=2)
    assert pricing.rate("JPY", "EUR", rates, datetime(2026, 1, 2, tzinfo=UTC)) == Decimal("0.6")
    assert pricing.rate("JPY", "EUR", rates, datetime(2026, 1, 4, tzinfo=UTC)) == "rate for JPY is too old"


def test_another_currency_is_compared_in_that_of_the_order() -> None:
    demands, candidates, policy, now = cases.asked(cases.case(3, 1, 2, features=False))
    rates = Rates(rates={"USD": Decimal("0.5")}, as_of=now, max_age_days=1)
    dollars = replace(candidates[0].supplier, currency="USD", order_fee_minor=7)
    offer = replace(candidates[0], supplier=dollars, cost_minor=333, available=9)
    line = replace(demands.lines[0], units=2)
    one = Demands(lines=(line,), to=demands.to, currency="EUR")
    answer = plan(one, [offer], replace(policy, rates=rates), now)
    assert (answer.weighed[0].unit_minor, answer.sources[0].order_fee_minor) == (167, 4)


def test_weight_above_the_last_bracket_travels_in_several_parcels() -> None:
    assert pricing.freight([(500, 300), (1000, 450)], 2400) == (2 * 450 + 300, 3)


def test_brackets_with_an_overlap_are_refused() -> None:
    with pytest.raises(InvalidInput):
        pricing.check_brackets([Bracket(upto=500, price_minor=3), Bracket(upto=500, price_minor=4)], "tariff")


def test_a_unit_short_outweighs_any_money() -> None:
    demands, candidates, policy, now = cases.asked(cases.case(3, 1, 2, features=False))
    dear = replace(candidates[0], cost_minor=10**12, available=9)
    assert plan(demands, [dear], policy, now).short == {}
    assert SHORT > 10**15


@pytest.mark.parametrize("on", ["2026-03-27", "2026-10-23"])
def test_an_opening_is_wall_clock_time_though_the_clocks_change(on: str) -> None:
    cutoff = Cutoff(at=time(14), zone="Europe/Berlin")
    friday_night = datetime.fromisoformat(f"{on}T20:00:00+00:00")

    opened = calendar.opens(cutoff, time(8), friday_night).astimezone(ZoneInfo("Europe/Berlin"))

    assert (opened.weekday(), opened.time()) == (0, time(8))
    assert calendar.opens(cutoff, time(8), opened) == opened


@given(st.integers(0, 366 * 24 * 60), st.integers(0, 20), st.integers(0, 10_000))
def test_business_days_run_out_no_earlier_for_what_came_later(since: int, days: int, minutes: int) -> None:
    cutoff = Cutoff(at=time(14), zone="Europe/Berlin", holidays=frozenset({date(2026, 5, 1)}))
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=since)

    ends = calendar.runs_out(cutoff, days, at)

    assert at < ends <= calendar.runs_out(cutoff, days, at + timedelta(minutes=minutes))
    assert ends < calendar.runs_out(cutoff, days + 1, at)


@pytest.mark.parametrize(
    ("now", "at"),
    [
        ("2026-11-24T09:59:59+01:00", "2026-11-24T10:00:00+01:00"),
        ("2026-11-24T10:00:00+01:00", "2026-11-24T15:00:00+01:00"),
        ("2026-11-27T15:00:00+01:00", "2026-11-30T10:00:00+01:00"),
    ],
)
def test_the_next_batch_is_after_now_and_on_a_business_day(now: str, at: str) -> None:
    cutoff = Cutoff(at=time(14), zone="Europe/Berlin")

    found = calendar.next_of((time(15), time(10)), "Europe/Berlin", cutoff, datetime.fromisoformat(now))

    assert found == datetime.fromisoformat(at)
