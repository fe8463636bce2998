from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.names import Sku, SourceId
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import (
    Bracket,
    Candidate,
    Cutoff,
    Demand,
    Demands,
    Destination,
    Goal,
    Objective,
    Policy,
    Rates,
    ShipTo,
    Supplier,
    Tariff,
    UnknownCost,
)
from shared.errors import InvalidInput

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
LINE = Demand(line="1", sku=Sku("BOOT"), units=2, grams=500, price_minor=1000)
ORDER = Demands(lines=(LINE,), to=Destination(country="DE", region="BY"), currency="EUR", promised_by=date(2026, 6, 5))
ALPINA = Supplier(source=SourceId("alpina"), currency="EUR")
OFFER = Candidate(supplier=ALPINA, sku=Sku("BOOT"), available=5, cost_minor=600, lead_days=2)
RATES = Rates(rates={"USD": Decimal("0.9")}, as_of=NOW - timedelta(days=5), max_age_days=4)
TO_FRANCE = Tariff(countries=frozenset({"FR"}), brackets=(Bracket(upto=1000, price_minor=5),))


@pytest.mark.parametrize(
    ("_case", "supplier", "offer", "order", "line", "policy", "verdict"),
    [
        ("inactive", {"active": False}, {}, {}, {}, {}, "inactive"),
        ("held", {"held": "quarrel"}, {}, {}, {}, {}, "held: quarrel"),
        ("paused", {"paused": True}, {}, {}, {}, {}, "paused"),
        ("over its cap", {"orders_today": 3, "orders_a_day": 3}, {}, {}, {}, {}, "over its orders a day"),
        ("no rates", {"currency": "USD"}, {}, {}, {}, {}, "no rate for USD"),
        ("unknown rate", {"currency": "GBP"}, {}, {}, {}, {"rates": RATES}, "no rate for GBP"),
        ("old rate", {"currency": "USD"}, {}, {}, {}, {"rates": RATES}, "rate for USD is too old"),
        ("country", {"ship_to": ShipTo(countries=frozenset({"FR"}))}, {}, {}, {}, {}, "does not ship to DE"),
        ("region", {"ship_to": ShipTo(without_regions=frozenset({"BY"}))}, {}, {}, {}, {}, "does not ship to DE-BY"),
        (
            "PO box",
            {"ship_to": ShipTo(po_box=False)},
            {},
            {"to": Destination(country="DE", po_box=True)},
            {},
            {},
            "does not ship to a PO box",
        ),
        ("no tariff", {"tariffs": (TO_FRANCE,)}, {}, {}, {}, {}, "no freight tariff to DE"),
        (
            "hazardous",
            {"ship_to": ShipTo(hazmat=False)},
            {},
            {},
            {"hazmat": True},
            {},
            "does not ship hazardous goods",
        ),
        ("told out", {}, {"refused": "is held there"}, {}, {}, {}, "is held there"),
        ("stale", {}, {"stale": True}, {}, {}, {}, "count is stale"),
        (
            "rejected",
            {},
            {},
            {"rejected_by": frozenset({(SourceId("alpina"), Sku("BOOT"))})},
            {},
            {},
            "rejected this order before",
        ),
        ("unknown cost", {}, {"cost_minor": None}, {}, {}, {"unknown_cost": UnknownCost.REFUSE}, "cost unknown"),
        ("late", {}, {"lead_days": 3}, {}, {}, {"must_meet_promise": True}, "too late: arrives 2026-06-06"),
        (
            "past cutoff",
            {"cutoff": Cutoff(at=time(13), zone="Europe/Berlin")},
            {"lead_days": 1},
            {"promised_by": date(2026, 6, 4)},
            {},
            {"must_meet_promise": True},
            "too late: arrives 2026-06-05",
        ),
        ("margin", {}, {"cost_minor": 751}, {}, {}, {"margin_floor_ppm": 250_000}, "below the margin floor"),
        (
            "unknown cost and a floor",
            {},
            {"cost_minor": None},
            {},
            {},
            {"margin_floor_ppm": 1},
            "below the margin floor",
        ),
        ("MAP", {}, {}, {}, {"map_minor": 1001}, {}, "sold below the minimum advertised price"),
        ("none", {}, {"available": 0}, {}, {}, {}, "has none"),
        ("below its minimum", {}, {"minimum": 6}, {}, {}, {}, "its terms or the order's other lines rule it out"),
    ],
)
def test_who_may_not_ship_says_why_and_ships_nothing(
    _case: str,
    supplier: dict[str, Any],
    offer: dict[str, Any],
    order: dict[str, Any],
    line: dict[str, Any],
    policy: dict[str, Any],
    verdict: str,
) -> None:
    demands = replace(ORDER, lines=(replace(LINE, **line),), **order)
    refused = replace(OFFER, supplier=replace(ALPINA, **supplier), **offer)

    answer = plan(demands, [refused], Policy(**policy), NOW)

    assert not answer.taken
    assert answer.short == {"1": 2}
    assert [w.verdict for w in answer.weighed] == [verdict]
    assert answer.why_short == {"1": (f"alpina: {verdict}",)}
    assert answer.exact


@pytest.mark.parametrize(
    ("supplier", "offer", "order", "line", "policy"),
    [
        ({"orders_today": 2, "orders_a_day": 3}, {}, {}, {}, {}),
        ({"currency": "USD"}, {}, {}, {}, {"rates": replace(RATES, max_age_days=5)}),
        ({"ship_to": ShipTo(without_regions=frozenset({"BE"}), po_box=False, hazmat=False)}, {}, {}, {}, {}),
        ({}, {"cost_minor": 750}, {}, {}, {"margin_floor_ppm": 250_000}),
        ({}, {}, {}, {"map_minor": 1000}, {"must_meet_promise": True}),
        ({"cutoff": Cutoff(at=time(14, 1), zone="Europe/Berlin")}, {}, {}, {}, {"must_meet_promise": True}),
        ({}, {"cost_minor": None}, {}, {}, {"margin_floor_ppm": 0}),
        ({}, {}, {"rejected_by": frozenset({(SourceId("alpina"), Sku("HAT"))})}, {}, {}),
    ],
)
def test_who_just_may_ship_ships(
    supplier: dict[str, Any], offer: dict[str, Any], order: dict[str, Any], line: dict[str, Any], policy: dict[str, Any]
) -> None:
    demands = replace(ORDER, lines=(replace(LINE, **line),), **order)
    candidate = replace(OFFER, supplier=replace(ALPINA, **supplier), **offer)
    assert plan(demands, [candidate], Policy(**policy), NOW).taken == {("1", "alpina"): 2}


def test_an_unknown_cost_is_no_margin_and_comes_last() -> None:
    bergland = replace(OFFER, supplier=replace(ALPINA, source=SourceId("bergland")), cost_minor=999)
    unknown = replace(OFFER, cost_minor=None)
    assert plan(ORDER, [unknown, bergland], Policy(), NOW).taken == {("1", "bergland"): 2}

    alone = plan(ORDER, [unknown, replace(bergland, available=0)], Policy(), NOW)
    assert alone.taken == {("1", "alpina"): 2}
    assert alone.landed_minor == 2 * LINE.price_minor
    assert alone.weighed[0].verdict == "ships all of it, its unknown cost reckoned at the selling price"


def test_an_unknown_cost_comes_after_a_known_one_that_is_above_the_selling_price() -> None:
    dear = replace(OFFER, supplier=replace(ALPINA, source=SourceId("bergland")), cost_minor=1200, lead_days=1)
    answer = plan(ORDER, [replace(OFFER, cost_minor=None), dear], Policy(late_day_minor=1), NOW)
    assert {w.source: w.unit_minor for w in answer.weighed} == {"alpina": 1201, "bergland": 1200}
    assert {source for _, source in answer.taken} == {"bergland"}


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("no_lines", {"demands": {"lines": ()}}),
        ("line_twice", {"demands": {"lines": (LINE, LINE)}}),
        ("units_not_positive", {"demands": {"lines": (replace(LINE, units=0),)}}),
        ("negative_amount", {"demands": {"lines": (replace(LINE, price_minor=-1),)}}),
        ("negative_amount", {"demands": {"lines": (replace(LINE, grams=-1),)}}),
        ("country_unknown", {"demands": {"to": Destination(country="Germany")}}),
        ("country_unknown", {"demands": {"to": Destination(country="de")}}),
        ("bad_terms", {"offer": {"cost_minor": -1}}),
        ("bad_terms", {"offer": {"pack": 0}}),
        ("bad_terms", {"offer": {"minimum": 0}}),
        ("bad_terms", {"offer": {"lead_days": -1}}),
        ("bad_chance", {"offer": {"reject_ppm": 1_000_001}}),
        ("bad_terms", {"supplier": {"parcel_fee_minor": -1}}),
        ("bad_terms", {"supplier": {"order_minimum_minor": -1}}),
        ("surcharge_brackets", {"supplier": {"surcharges": (Bracket(upto=0, price_minor=1),)}}),
        (
            "tariff_brackets",
            {"supplier": {"tariffs": (replace(TO_FRANCE, brackets=(TO_FRANCE.brackets[0], TO_FRANCE.brackets[0])),)}},
        ),
        ("tariff_brackets", {"supplier": {"tariffs": (replace(TO_FRANCE, brackets=()),)}}),
        ("zone_unknown", {"supplier": {"cutoff": Cutoff(at=time(3), zone="Europe/Atlantis")}}),
        ("never_open", {"supplier": {"cutoff": Cutoff(at=time(3), zone="UTC", weekdays=frozenset())}}),
        ("goal_twice", {"policy": {"goals": (Goal(objective=Objective.PARCELS),) * 2}}),
        ("negative_amount", {"policy": {"late_day_minor": -1}}),
        ("negative_amount", {"policy": {"reject_cost_minor": -1}}),
        ("bad_rate", {"policy": {"rates": replace(RATES, rates={"USD": Decimal(0)})}}),
        ("bad_rate", {"policy": {"rates": replace(RATES, rates={"USD": Decimal("NaN")})}}),
        ("negative_tolerance", {"policy": {"goals": (Goal(objective=Objective.PARCELS, tolerance_ppm=-1),)}}),
    ],
)
def test_what_can_never_be_routed_is_refused(code: str, change: dict[str, dict[str, Any]]) -> None:
    supplier = replace(ALPINA, **change.get("supplier", {}))
    offer = replace(OFFER, supplier=supplier, **change.get("offer", {}))
    with pytest.raises(InvalidInput) as refused:
        plan(replace(ORDER, **change.get("demands", {})), [offer], Policy(**change.get("policy", {})), NOW)
    assert refused.value.code == code


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(ORDER, [OFFER], Policy(), NOW.replace(tzinfo=None))
    assert refused.value.code == "time_without_zone"


def test_a_sku_offered_twice_or_terms_that_contradict_each_other_are_refused() -> None:
    other_terms = replace(OFFER, sku=Sku("HAT"), supplier=replace(ALPINA, order_fee_minor=7))
    for offered, code in (([OFFER, OFFER], "candidate_twice"), ([OFFER, other_terms], "supplier_differs")):
        with pytest.raises(InvalidInput) as refused:
            plan(ORDER, offered, Policy(), NOW)
        assert refused.value.code == code


def test_two_tariffs_to_one_country_are_refused() -> None:
    twice = replace(ALPINA, tariffs=(TO_FRANCE, TO_FRANCE))
    with pytest.raises(InvalidInput) as refused:
        plan(replace(ORDER, to=Destination(country="FR")), [replace(OFFER, supplier=twice)], Policy(), NOW)
    assert refused.value.code == "tariff_overlap"
