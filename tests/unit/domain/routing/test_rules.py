from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.domain.names import Sku, SourceId
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import (
    Bracket,
    Candidate,
    Demand,
    Demands,
    Destination,
    Goal,
    Objective,
    Packs,
    Plan,
    Policy,
    Split,
    Supplier,
    Tariff,
)

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)


def _source(name: str, **terms: Any) -> Supplier:  # noqa: ANN401 - any field
    return Supplier(source=SourceId(name), currency="EUR", **terms)


def _offer(supplier: Supplier, sku: str, available: int, cost: int, **terms: Any) -> Candidate:  # noqa: ANN401
    return Candidate(supplier=supplier, sku=Sku(sku), available=available, cost_minor=cost, **terms)


def _line(line: str, sku: str, units: int = 1, **more: Any) -> Demand:  # noqa: ANN401
    return Demand(line=line, sku=Sku(sku), units=units, price_minor=10_000, **more)


def _plan(lines: list[Demand], offers: list[Candidate], **policy: Any) -> Plan:  # noqa: ANN401
    demands = Demands(lines=tuple(lines), to=Destination(country="DE"), currency="EUR")
    answer = plan(demands, offers, Policy(**policy), NOW)
    assert answer.exact
    return answer


A, B, C = _source("a"), _source("b"), _source("c")


@pytest.mark.parametrize(
    ("split", "above", "taken"),
    [
        (Split.ALLOWED, 0, {("1", "a"): 2, ("1", "b"): 1}),
        (Split.FORBIDDEN, 0, {("1", "c"): 3}),
        (Split.ABOVE, 29_999, {("1", "a"): 2, ("1", "b"): 1}),
        (Split.ABOVE, 30_000, {("1", "c"): 3}),
    ],
)
def test_a_line_is_cut_only_where_the_rule_allows_it(
    split: Split, above: int, taken: dict[tuple[str, str], int]
) -> None:
    offers = [_offer(A, "X", 2, 100), _offer(B, "X", 2, 200), _offer(C, "X", 3, 900)]
    assert _plan([_line("1", "X", 3)], offers, split=split, split_above_minor=above).taken == taken


def test_a_kit_leaves_one_source_though_its_parts_are_cheaper_apart() -> None:
    offers = [_offer(A, "X", 5, 100), _offer(A, "Y", 5, 900), _offer(B, "X", 5, 900), _offer(B, "Y", 5, 100)]
    apart = _plan([_line("1", "X"), _line("2", "Y")], offers)
    together = _plan([_line("1", "X", kit="k"), _line("2", "Y", kit="k")], offers)
    assert set(apart.taken) == {("1", "a"), ("2", "b")}
    assert {source for _, source in together.taken} == {"a"}


def test_a_kit_that_no_source_has_whole_does_not_ship_in_part() -> None:
    offers = [_offer(A, "X", 5, 100), _offer(B, "Y", 5, 100)]
    answer = _plan([_line("1", "X", kit="k"), _line("2", "Y", kit="k"), _line("3", "X")], offers)
    assert answer.taken == {("3", "a"): 1}
    assert answer.short == {"1": 1, "2": 1}


def test_packs_are_rounded_up_and_the_surplus_is_priced() -> None:
    answer = _plan([_line("1", "X", 4)], [_offer(A, "X", 6, 100, pack=3)])
    assert answer.taken == {("1", "a"): 4}
    assert (answer.sources[0].goods_minor, answer.sources[0].surplus_minor) == (400, 200)


@pytest.mark.parametrize(
    ("units", "available", "terms", "packs", "ships"),
    [
        (4, 5, {"pack": 3}, Packs.ROUND_UP, 0),
        (4, 6, {"pack": 3}, Packs.ROUND_UP, 4),
        (4, 6, {"pack": 3}, Packs.WHOLE_ONLY, 0),
        (6, 6, {"pack": 3}, Packs.WHOLE_ONLY, 6),
        (2, 3, {"minimum": 4}, Packs.ROUND_UP, 0),
        (2, 4, {"minimum": 4}, Packs.ROUND_UP, 2),
        (2, 4, {"minimum": 4}, Packs.WHOLE_ONLY, 0),
    ],
)
def test_packs_and_minimums_say_what_can_be_bought(
    units: int, available: int, terms: dict[str, int], packs: Packs, ships: int
) -> None:
    offer = _offer(A, "X", available, 100, **terms)
    answer = _plan([_line("1", "X", units)], [offer], packs=packs, split=Split.FORBIDDEN)
    assert sum(answer.taken.values()) == ships


def test_lines_of_one_sku_share_its_packs_and_its_stock() -> None:
    lines = [_line("1", "X", 1), _line("2", "X", 2), _line("3", "X", 3)]
    shared = _plan(lines, [_offer(A, "X", 6, 100, pack=3)])
    assert shared.sources[0].surplus_minor == 0
    short = _plan(lines, [_offer(A, "X", 5, 100)])
    assert sum(short.taken.values()) == 5
    uncut = _plan(lines, [_offer(A, "X", 4, 100)], split=Split.FORBIDDEN)
    assert uncut.taken == {("1", "a"): 1, ("3", "a"): 3}


def test_a_line_is_not_cut_when_another_of_its_sku_can_be() -> None:
    lines = [_line("1", "X", 2), _line("2", "X", 3)]
    answer = _plan(lines, [_offer(A, "X", 3, 100), _offer(B, "X", 2, 100)])
    assert answer.taken == {("1", "b"): 2, ("2", "a"): 3}


def test_one_source_ships_what_it_can_where_one_is_required() -> None:
    offers = [_offer(A, "X", 5, 100), _offer(B, "Y", 5, 100), _offer(C, "X", 5, 900), _offer(C, "Y", 5, 900)]
    lines = [_line("1", "X"), _line("2", "Y")]
    assert {s for _, s in _plan(lines, offers, single_source=True).taken} == {"c"}
    without_c = _plan(lines, offers[:2], single_source=True)
    assert without_c.taken == {("1", "a"): 1}
    assert without_c.short == {"2": 1}


def test_one_source_is_preferred_only_as_far_as_the_tolerance_goes() -> None:
    offers = [_offer(A, "X", 5, 1000), _offer(B, "Y", 5, 1000), _offer(C, "X", 5, 1010), _offer(C, "Y", 5, 1030)]
    lines = [_line("1", "X"), _line("2", "Y")]

    def sources(ppm: int) -> set[str]:
        goals = (
            Goal(objective=Objective.LANDED_COST, tolerance_ppm=ppm),
            Goal(objective=Objective.PARCELS),
        )
        return {source for _, source in _plan(lines, offers, goals=goals).taken}

    assert sources(19_999) == {"a", "b"}
    assert sources(20_000) == {"c"}


@pytest.mark.parametrize(
    ("objective", "source"),
    [
        (Objective.LANDED_COST, "a"),
        (Objective.PROMISED_DATE, "b"),
        (Objective.PRIORITY, "c"),
        (Objective.RELIABILITY, "d"),
    ],
)
def test_every_objective_can_come_first(objective: Objective, source: str) -> None:
    terms = {"lead_days": 3, "reject_ppm": 500}
    offers = [
        _offer(_source("a", priority=2), "X", 5, 100, **terms),
        _offer(_source("b", priority=2), "X", 5, 200, **terms | {"lead_days": 2}),
        _offer(_source("c", priority=1), "X", 5, 200, **terms),
        _offer(_source("d", priority=2), "X", 5, 200, **terms | {"reject_ppm": 400}),
    ]
    assert _plan([_line("1", "X")], offers, goals=(Goal(objective=objective),)).taken == {("1", source): 1}


def test_equal_plans_go_to_the_fewest_sources_and_then_to_the_first() -> None:
    offers = [_offer(each, sku, 5, 100) for each in (C, B, A) for sku in ("X", "Y")]
    assert set(_plan([_line("1", "X"), _line("2", "Y")], offers).taken) == {("1", "a"), ("2", "a")}


def test_the_cost_is_told_term_by_term() -> None:
    to_germany = Tariff(
        countries=frozenset({"DE"}),
        brackets=(Bracket(upto=500, price_minor=300), Bracket(upto=1000, price_minor=450)),
    )
    source = _source(
        "a",
        order_fee_minor=50,
        parcel_fee_minor=20,
        surcharges=(Bracket(upto=800, price_minor=90),),
        tariffs=(to_germany,),
    )
    demands = Demands(
        lines=(_line("1", "X", 3, grams=700),),
        to=Destination(country="DE"),
        currency="EUR",
        promised_by=date(2026, 6, 4),
    )
    offer = _offer(source, "X", 4, 200, pack=4, lead_days=3, reject_ppm=10_000)
    answer = plan(demands, [offer], Policy(late_day_minor=7, reject_cost_minor=1000), NOW)
    terms = answer.sources[0]
    assert (terms.goods_minor, terms.surplus_minor, terms.order_fee_minor) == (600, 200, 50)
    assert (terms.surcharge_minor, terms.parcels, terms.grams) == (90, 3, 2100)
    assert (terms.freight_minor, terms.parcel_fee_minor) == (450 + 450 + 300, 60)
    assert (terms.late_minor, terms.reject_minor) == (3 * 2 * 7, 3 * 10)
    assert terms.arrives == date(2026, 6, 6)
    assert answer.landed_minor == terms.total_minor == 600 + 200 + 50 + 90 + 1200 + 60 + 42 + 30


def test_the_next_best_plan_leaves_a_source_out_and_says_what_that_costs() -> None:
    offers = [_offer(A, "X", 5, 100), _offer(B, "X", 5, 130), _offer(C, "X", 5, 170)]
    answer = _plan([_line("1", "X", 2)], offers)
    assert answer.next_best is not None
    assert answer.next_best.taken == {("1", "b"): 2}
    assert (answer.next_best.landed_minor, answer.next_best.landed_more_minor) == (260, 60)
    assert _plan([_line("1", "X", 2)], offers[:1]).next_best is None


def test_every_candidate_is_told_whether_it_ships_and_why() -> None:
    fee = _source("b", order_fee_minor=500)
    offers = [
        _offer(A, "X", 5, 120),
        _offer(fee, "X", 5, 100),
        _offer(C, "X", 5, 130),
        _offer(_source("d"), "X", 1, 10),
        _offer(_source("e"), "X", 0, 10),
    ]
    told = {w.source: w.verdict for w in _plan([_line("1", "X", 2)], offers, split=Split.FORBIDDEN).weighed}
    assert told == {
        "a": "ships all of it",
        "b": "the whole order is better with a",
        "c": "a unit costs more than at a",
        "d": "has too few",
        "e": "has none",
    }


def test_the_cheapest_single_lines_ship_in_four_parcels_and_the_best_plan_in_two() -> None:
    names = [_source(name, order_fee_minor=400) for name in ("a", "b", "c", "d")]
    skus = ("W", "X", "Y", "Z")
    offers = [
        _offer(source, sku, 5, 1000 if at == own else 1100)
        for at, sku in enumerate(skus)
        for own, source in enumerate(names)
        if own == at or own == at // 2 * 2
    ]
    answer = _plan([_line(sku, sku) for sku in skus], offers)
    assert answer.parcels == 2
    assert answer.landed_minor == 2 * 400 + 2 * 1000 + 2 * 1100


def test_a_source_below_its_order_minimum_ships_nothing_unless_more_is_bought_there() -> None:
    minimum = replace(A, order_minimum_minor=250)
    offers = [
        _offer(minimum, "X", 5, 100),
        _offer(B, "X", 5, 120),
        _offer(minimum, "Y", 5, 160),
        _offer(B, "Y", 5, 170),
    ]
    assert _plan([_line("1", "X")], offers).taken == {("1", "b"): 1}
    assert {s for _, s in _plan([_line("1", "X"), _line("2", "Y")], offers).taken} == {"a"}


def test_a_line_is_cut_where_a_tolerance_lets_only_a_part_of_it_go_elsewhere() -> None:
    offers = [
        _offer(_source("a", priority=1), "X", 5, 100, reject_ppm=400),
        _offer(_source("b", priority=2), "X", 5, 100, reject_ppm=100),
    ]
    goals = (Goal(objective=Objective.PRIORITY, tolerance_ppm=500_000), Goal(objective=Objective.RELIABILITY))
    assert _plan([_line("1", "X", 2)], offers, goals=goals).taken == {("1", "a"): 1, ("1", "b"): 1}


def test_a_line_that_may_be_cut_leaves_stock_to_one_of_its_sku_that_may_not() -> None:
    uncut = Demand(line="1", sku=Sku("X"), units=3, price_minor=300)
    cut = Demand(line="2", sku=Sku("X"), units=2, price_minor=500)
    offers = [_offer(A, "X", 4, 100), _offer(B, "X", 5, 200)]
    answer = _plan([uncut, cut], offers, split=Split.ABOVE, split_above_minor=900)
    assert answer.taken == {("1", "a"): 3, ("2", "a"): 1, ("2", "b"): 1}


def test_whole_packs_of_lines_that_share_a_sku_count_towards_an_order_minimum() -> None:
    lines = [_line("1", "X", 2), _line("2", "X", 2)]
    packed = _offer(_source("a", order_minimum_minor=1000), "X", 10, 100, pack=10)
    dearer = _offer(_source("b", order_fee_minor=700), "X", 10, 90)
    answer = _plan(lines, [packed, dearer], split=Split.FORBIDDEN)
    assert answer.taken == {("1", "a"): 2, ("2", "a"): 2}
    assert answer.sources[0].surplus_minor == 600
