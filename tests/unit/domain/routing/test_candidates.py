from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import rules_file
from shared.domain import rules, times
from shared.domain.feeds import Feed, Run
from shared.domain.names import Sku, SourceId
from shared.domain.orders import Allocation, Destination, Order
from shared.domain.routing import problem
from shared.domain.routing.candidates import Supply, destination_of, problem_of
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import Candidate, Demand, Demands, Goods, Packs, Policy, Split
from shared.domain.rules import Rules
from shared.domain.stock import UNTIL_COUNTED, Level
from shared.errors import InvalidInput
from tests.support.trade import NOW, T0, at, level, offer, order, shop_rules_document

AT = times.read(NOW)
GERMANY = problem.Destination(country="DE")
FREIGHT = [
    {"to": ["DE", "ES"], "brackets": [{"upto_grams": 2000, "price": "4.90"}, {"upto_grams": 10000, "price": "9.90"}]}
]


def shop(shipping: dict[str, Any] | None = None, routing: dict[str, Any] | None = None, **source: object) -> Rules:
    """A shop of alpina, with these terms, and baltic, without any."""
    document = shop_rules_document("alpina", "baltic", routing=routing or {})
    document["sources"]["alpina"] |= {"shipping": shipping or {}, **source}
    document["rates"] = {
        "base": "EUR",
        "as_of": "2026-11-24",
        "max_age_days": 7,
        "buys": {"GBP": "0.80", "USD": "1.25", "JPY": "160"},
    }
    return rules.parse(document)


def shelf(*levels: Level, **known: Any) -> Supply:  # noqa: ANN401 - any field of what is known
    held = {each.key: each for each in levels}
    return Supply(left={key: each.takeable(NOW) for key, each in held.items()}, levels=held, **known)


def asked(
    wanted: Order, supply: Supply, shop_rules: Rules, to: problem.Destination | None = GERMANY, **changes: int
) -> tuple[Demands, dict[str, Candidate], Policy]:
    """Ask for all open units; candidates by source, of orders of one SKU."""
    units = {line.line: line.open for line in wanted.lines}
    demands, candidates, policy = problem_of(wanted, units, supply, shop_rules, AT, to=to, **changes)
    return demands, {each.supplier.source: each for each in candidates}, policy


def why(wanted: Order, supply: Supply, shop_rules: Rules, to: problem.Destination | None = GERMANY) -> dict[str, str]:
    """What the planner says of each source of an order of one line, but for how it reckoned an unknown cost."""
    units = {line.line: line.open for line in wanted.lines}
    demands, candidates, policy = problem_of(wanted, units, supply, shop_rules, AT, to=to)
    weighed = plan(demands, candidates, policy, AT).weighed
    return {each.source: each.verdict.partition(", its unknown cost")[0] for each in weighed}


ONE = order("1", ("A", 2))
BOTH = (level("A", "alpina", 9), level("A", "baltic", 9))
OFFERS = {at("A", "alpina"): offer("A", "alpina", 300), at("A", "baltic"): offer("A", "baltic", 400)}


# ---- who is out, and why


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"status": "discontinued"}, "is discontinued there"),
        ({"held_until": UNTIL_COUNTED}, "is held there"),
        ({"held_until": NOW}, "ships all of it"),
        ({"available": 0}, "has none"),
        ({}, "ships all of it"),
    ],
)
def test_a_level_that_gives_nothing_says_why(changes: dict[str, Any], verdict: str) -> None:
    supply = shelf(replace(BOTH[0], **changes), BOTH[1], offers=OFFERS)

    assert why(ONE, supply, shop())["alpina"] == verdict


def test_a_source_that_does_not_list_it_says_so() -> None:
    assert why(ONE, shelf(BOTH[1], offers=OFFERS), shop())["alpina"] == "does not list it"


def test_a_paused_and_an_inactive_source_ship_nothing() -> None:
    assert why(ONE, shelf(*BOTH, paused={SourceId("alpina")}), shop())["alpina"] == "paused"
    assert why(ONE, shelf(*BOTH), shop(active=False))["alpina"] == "inactive"


def test_a_source_that_does_not_ship_for_the_channel_is_no_candidate() -> None:
    document = shop_rules_document("alpina", "baltic", sources=["baltic"])

    _, candidates, _ = asked(ONE, shelf(*BOTH), rules.parse(document))

    assert list(candidates) == ["baltic"]


def test_a_source_over_its_orders_a_day_gets_no_more() -> None:
    rules_of_three = shop({"orders_a_day": 3})

    assert why(ONE, shelf(*BOTH, orders_today={SourceId("alpina"): 3}), rules_of_three)["alpina"] == (
        "over its orders a day"
    )
    assert why(ONE, shelf(*BOTH, orders_today={SourceId("alpina"): 2}), rules_of_three)["alpina"] == "ships all of it"


def test_a_source_that_rejected_a_sku_for_the_order_is_not_asked_for_it_again() -> None:
    two = order("1", ("A", 2), ("B", 1))
    rejected = Allocation(
        line="l1", source=SourceId("alpina"), n=1, units=2, committed=0, sent=True, rejected=2, given_back=2
    )
    levels = (*BOTH, level("B", "alpina", 5))

    demands, _, _ = asked(replace(two, allocations=(rejected,)), shelf(*levels), shop())

    assert demands.rejected_by == {("alpina", "A")}
    assert why(replace(ONE, allocations=(rejected,)), shelf(*BOTH), shop())["alpina"] == "rejected this order before"


FRESHNESS = [{"after_hours": 1, "percent": 50}, {"after_hours": 24, "percent": 0}]


@pytest.mark.parametrize(
    ("_case", "counted", "confirmed", "verdict"),
    [
        ("worth half is no reason", "2026-11-24T07:00:00.000Z", None, "ships all of it"),
        ("a count of yesterday", "2026-11-23T09:00:00.000Z", None, "count is stale"),
        ("just younger", "2026-11-23T09:00:00.001Z", None, "ships all of it"),
        ("an old count that a file still says", "2026-11-20T08:00:00.000Z", T0, "ships all of it"),
        ("whose file is old too", "2026-11-20T08:00:00.000Z", "2026-11-23T08:00:00.000Z", "count is stale"),
    ],
)
def test_a_count_that_is_worth_nothing_any_more_is_stale(
    _case: str, counted: str, confirmed: str | None, verdict: str
) -> None:
    feeds = {SourceId("alpina"): fed(confirmed)} if confirmed else {}
    supply = shelf(replace(BOTH[0], counted_as_of=counted), BOTH[1], offers=OFFERS, feeds=feeds)

    assert why(ONE, supply, shop(freshness=FRESHNESS))["alpina"] == verdict


def fed(as_of: str) -> Feed:
    """A feed whose last file is of that time and confirms everything."""
    return Feed(source=SourceId("alpina"), applied=Run(file="a.csv@1", as_of=as_of, snapshot="done/a.csv", reading="1"))


# ---- where it goes


@pytest.mark.parametrize(
    ("_case", "ship_to", "to", "verdict"),
    [
        ("a country without freight", {}, {"country": "FR"}, "no freight tariff to FR"),
        ("a country it leaves out", {"countries": ["DE"]}, {"country": "ES"}, "does not ship to ES"),
        ("a region", {"without_regions": ["ES-GC"]}, {"country": "ES", "region": "GC"}, "does not ship to ES-GC"),
        ("another one", {"without_regions": ["ES-GC"]}, {"country": "ES", "region": "M"}, "ships all of it"),
        (
            "one of another country",
            {"without_regions": ["ES-BY"]},
            {"country": "DE", "region": "BY"},
            "ships all of it",
        ),
        ("a PO box", {"po_box": False}, {"country": "DE", "po_box": True}, "does not ship to a PO box"),
        ("no limits", {}, {"country": "DE", "po_box": True}, "ships all of it"),
    ],
)
def test_a_source_ships_only_where_its_terms_say(
    _case: str, ship_to: dict[str, Any], to: dict[str, Any], verdict: str
) -> None:
    terms = shop({"freight": FREIGHT, "ship_to": ship_to})
    supply = shelf(
        *BOTH, offers={at("A", "alpina"): offer("A", "alpina", 1), at("A", "baltic"): offer("A", "baltic", 9900)}
    )

    assert why(ONE, supply, terms, problem.Destination(**to))["alpina"] == verdict


def test_hazardous_goods_go_only_with_who_takes_them() -> None:
    supply = shelf(*BOTH, goods={Sku("A"): Goods(hazmat=True)})

    told = why(ONE, supply, shop({"ship_to": {"hazmat": False}}))

    assert told == {"alpina": "does not ship hazardous goods", "baltic": "ships all of it"}


@pytest.mark.parametrize(
    ("terms", "verdict"),
    [
        ({"freight": FREIGHT}, "no freight tariff to ZZ"),
        ({"ship_to": {"countries": ["DE"]}}, "does not ship to ZZ"),
        ({"ship_to": {"without_regions": ["ES-GC"]}}, "does not ship everywhere, and no country is known"),
    ],
)
def test_without_a_known_country_only_who_ships_everywhere_may(terms: dict[str, Any], verdict: str) -> None:
    assert why(ONE, shelf(*BOTH), shop(terms), None) == {"alpina": verdict, "baltic": "ships all of it"}


def test_the_destination_is_what_the_order_keeps_and_whether_it_is_a_po_box() -> None:
    spain = replace(ONE, destination=Destination(country="ES", region="GC", postcode_prefix="350"))

    assert destination_of(ONE) is None
    assert destination_of(ONE, {"address1": "PO Box 1"}) is None
    assert destination_of(spain) == problem.Destination(country="ES", region="GC")
    assert destination_of(spain, {"address1": "Apartado de Correos 12"}) == problem.Destination(
        country="ES", region="GC", po_box=True
    )


@pytest.mark.parametrize(
    ("line", "is_box"),
    [
        ("PO Box 12", True),
        ("p.o. box 12", True),
        ("P. O. Box 7", True),
        ("Post Office Box 7", True),
        ("Postfach 10 20 30", True),
        ("Postbus 99", True),
        ("Postboks 12 Sentrum", True),
        ("BP 123", True),
        ("Boîte postale 4", True),
        ("skrytka pocztowa 5", True),
        ("Casella postale 3", True),
        ("Box Hill Road 1", False),
        ("Postfachgasse 3", False),
        ("Poststraße 12", False),
        ("Harbour Street 1", False),
        ("C.P. 06600", False),
        ("Apartamento 4", False),
        ("", False),
    ],
)
def test_a_po_box_is_told_from_a_street(line: str, is_box: bool) -> None:  # noqa: FBT001 - the answer
    somewhere = replace(ONE, destination=Destination(country="DE"))

    for address in ({"address1": line}, {"address1": "Ada Buyer", "address2": line}):
        assert destination_of(somewhere, address) == problem.Destination(country="DE", po_box=is_box)


def test_a_country_or_a_currency_that_does_not_exist_is_no_order_to_route() -> None:
    with pytest.raises(InvalidInput) as country:
        asked(ONE, shelf(*BOTH), shop(), problem.Destination(country="XX"))
    with pytest.raises(InvalidInput) as currency:
        asked(replace(ONE, currency="XYZ"), shelf(*BOTH), shop())

    assert (country.value.code, currency.value.code) == ("country_unknown", "currency_unknown")


# ---- what is asked for, and at which terms


def test_open_lines_are_asked_for_with_what_is_known_of_their_goods() -> None:
    wanted = order("1", ("A", 2), ("B", 5), ("A", 1))
    priced = replace(wanted, lines=tuple(replace(line, price_minor=990) for line in wanted.lines))
    goods = {Sku("A"): Goods(grams=700, hazmat=True, map_minor=1000, currency="USD")}

    demands, _, _ = problem_of(priced, {"l1": 2, "l2": 0, "l3": 1}, shelf(goods=goods), shop(), AT, to=GERMANY)

    asked_for = {"sku": Sku("A"), "grams": 700, "price_minor": 990, "map_minor": 800, "hazmat": True}
    assert demands.lines == (
        Demand(line="l1", units=2, **asked_for),  # type: ignore[arg-type]
        Demand(line="l3", units=1, **asked_for),  # type: ignore[arg-type]
    )
    assert (demands.to, demands.currency, demands.promised_by) == (GERMANY, "EUR", None)


def test_candidates_come_by_sku_and_source_in_every_process() -> None:
    skus = [f"S{n}" for n in range(9)]
    many = order("1", *[(sku, 1) for sku in reversed(skus)])

    _, candidates, _ = problem_of(many, {line.line: 1 for line in many.lines}, shelf(), shop(), AT, to=GERMANY)

    assert [(each.sku, each.supplier.source) for each in candidates] == [
        (sku, source) for sku in skus for source in ("alpina", "baltic")
    ]


def test_an_order_is_promised_so_many_days_after_it_was_placed() -> None:
    demands, _, _ = asked(ONE, shelf(*BOTH), shop(routing={"promised_days": 5}))

    assert demands.promised_by == date(2026, 11, 29)


def test_an_order_takes_what_publishing_keeps_back_unless_the_source_says_otherwise() -> None:
    keeping = (replace(BOTH[0], buffer=3), replace(BOTH[1], buffer=3))

    _, found, _ = asked(ONE, shelf(*keeping), shop({"hard_buffer": True}))

    assert {source: each.available for source, each in found.items()} == {"alpina": 6, "baltic": 9}
    _, few, _ = asked(ONE, shelf(replace(BOTH[0], available=2, buffer=3)), shop({"hard_buffer": True}))
    assert few[SourceId("alpina")].available == 0


def test_what_earlier_orders_of_the_batch_took_is_gone() -> None:
    supply = replace(shelf(*BOTH), left={at("A", "alpina"): 1, at("A", "baltic"): 9})

    _, found, _ = asked(ONE, supply, shop())

    assert {source: each.available for source, each in found.items()} == {"alpina": 1, "baltic": 9}


def test_terms_of_a_source_go_with_its_candidates() -> None:
    terms = shop(
        {
            "order_fee": "2.50",
            "parcel_fee": "0.60",
            "order_minimum": "20.00",
            "surcharges": [{"upto": "25.00", "price": "4.00"}],
            "freight": FREIGHT,
            "cutoff": {"at": "14:00"},
            "lead_days": 2,
            "priority": 3,
            "orders_a_day": 40,
            "reject_percent": "1.5",
            "pack": 6,
            "minimum": 12,
        }
    )
    source = terms.sources[SourceId("alpina")].shipping

    _, found, _ = asked(ONE, shelf(*BOTH, offers=OFFERS, orders_today={SourceId("alpina"): 7}), terms)

    assert found[SourceId("alpina")] == Candidate(
        supplier=problem.Supplier(
            source=SourceId("alpina"),
            currency="EUR",
            order_fee_minor=250,
            parcel_fee_minor=60,
            order_minimum_minor=2000,
            surcharges=source.surcharges,
            tariffs=source.tariffs,
            ship_to=source.ship_to,
            cutoff=source.cutoff,
            priority=3,
            orders_today=7,
            orders_a_day=40,
        ),
        sku=Sku("A"),
        available=9,
        cost_minor=300,
        reject_ppm=15_000,
        pack=6,
        minimum=12,
        lead_days=2,
    )


def test_the_policy_of_the_channel_is_the_planners() -> None:
    wanted = {
        "goals": ["parcels", "landed_cost within 1 %"],
        "single_source": "required",
        "split_lines": "above 100.00",
        "packs": "whole_only",
        "late_day_cost": "1.00",
        "reject_cost": "5.00",
        "promised_days": 3,
        "must_meet_promise": True,
    }

    _, _, policy = asked(ONE, shelf(*BOTH), shop(routing=wanted), margin_floor_ppm=100_000)

    goals = (
        problem.Goal(objective=problem.Objective.PARCELS),
        problem.Goal(objective=problem.Objective.LANDED_COST, tolerance_ppm=10_000),
    )
    assert replace(policy, rates=None) == Policy(
        goals=goals,
        split=Split.ABOVE,
        split_above_minor=10_000,
        packs=Packs.WHOLE_ONLY,
        single_source=True,
        margin_floor_ppm=100_000,
        late_day_minor=100,
        reject_cost_minor=500,
        must_meet_promise=True,
    )


# ---- costs and currencies


def test_a_source_is_priced_in_the_orders_currency() -> None:
    pounds = {at("A", "alpina"): offer("A", "alpina", 300, "GBP"), at("A", "baltic"): offer("A", "baltic", 400)}
    supply, terms = shelf(*BOTH, offers=pounds), shop(currency="GBP")

    demands, found, policy = asked(ONE, supply, terms)

    assert found[SourceId("alpina")].cost_minor == 300
    assert policy.rates == problem.Rates(
        rates={"EUR": Decimal(1), "GBP": Decimal("1.25")}, as_of=times.read("2026-11-24T00:00:00Z"), max_age_days=7
    )
    told = {each.source: each.unit_minor for each in plan(demands, tuple(found.values()), policy, AT).weighed}
    assert told == {"alpina": 375, "baltic": 400}


def test_amounts_of_a_policy_are_turned_into_the_orders_currency() -> None:
    yen = replace(ONE, currency="JPY")
    wanted = {"late_day_cost": "1.00", "reject_cost": "2.50", "split_lines": "above 10.00"}

    _, _, policy = asked(yen, shelf(*BOTH), shop(routing=wanted))

    assert (policy.late_day_minor, policy.reject_cost_minor, policy.split_above_minor) == (160, 400, 1600)


def test_a_policy_without_a_rate_to_the_orders_currency_is_no_order_to_route() -> None:
    with pytest.raises(InvalidInput) as refused:
        asked(replace(ONE, currency="NOK"), shelf(*BOTH), shop(routing={"late_day_cost": "1.00"}))

    assert refused.value.code == "rate_unknown"
    assert why(replace(ONE, currency="NOK"), shelf(*BOTH), shop())["alpina"] == "no rate for EUR"


def test_a_price_below_which_nobody_may_sell_needs_a_rate_too() -> None:
    kronor = {Sku("A"): Goods(map_minor=100, currency="SEK")}

    assert why(ONE, shelf(*BOTH, goods=kronor), shop())["alpina"] == "minimum advertised price: no rate for SEK"


def test_a_source_that_tells_no_cost_comes_last_or_ships_nothing_as_the_channel_wants_it() -> None:
    cheap = {at("A", "baltic"): offer("A", "baltic", 9900), at("A", "alpina"): offer("A", "alpina", None)}
    supply = shelf(*BOTH, offers=cheap)

    assert asked(ONE, supply, shop())[1][SourceId("alpina")].cost_minor is None
    assert why(ONE, supply, shop())["baltic"] == "ships all of it"
    assert why(ONE, shelf(BOTH[0], offers=cheap), shop())["alpina"] == "ships all of it"

    assert why(ONE, shelf(*BOTH, offers=cheap), shop(routing={"unknown_cost": "refuse"}))["alpina"] == "cost unknown"


def test_a_cost_in_another_currency_than_the_sources_is_unknown() -> None:
    pounds = {at("A", "alpina"): offer("A", "alpina", 300, "GBP")}

    _, found, _ = asked(ONE, shelf(*BOTH, offers=pounds), shop(routing={"unknown_cost": "refuse"}))

    assert found[SourceId("alpina")].cost_minor is None


# ---- the sample shop, and order


COSTS = {
    ("NL-1018", "alpina"): 719,
    ("NL-1018", "baltic"): 1160,
    ("NL-1049", "alpina"): 2666,
    ("NL-1049", "celtic"): 1061,
    ("NL-1050", "baltic"): 944,
}
"""Of the sample's first files: stools, a towel and another."""
CART = order("1", ("NL-1018", 3), ("NL-1049", 1), ("NL-1050", 1))
GRAMS = {Sku("NL-1018"): Goods(grams=4500), Sku("NL-1049"): Goods(grams=450), Sku("NL-1050"): Goods(grams=450)}


DOCUMENT = rules_file.read(Path(__file__).parents[4] / "config/rules.yaml").document
SAMPLE = rules.parse(DOCUMENT)


def sample_supply() -> Supply:
    levels = [level(sku, source, 9) for sku, source in COSTS]
    return shelf(*levels, goods=GRAMS, offers={at(*key): offer(*key, cost) for key, cost in COSTS.items()})


def test_a_cart_of_the_sample_ships_in_two_parcels_where_its_cheapest_lines_would_ship_in_four() -> None:
    priced = replace(CART, lines=tuple(replace(line, price_minor=4990) for line in CART.lines))
    demands, candidates, policy = problem_of(
        priced, {line.line: line.open for line in priced.lines}, sample_supply(), SAMPLE, AT, to=GERMANY
    )
    cheapest = {("l1", "alpina"), ("l2", "celtic"), ("l3", "baltic")}
    line_by_line = [each for each in candidates if (sku_line(each.sku), each.supplier.source) in cheapest]

    best, naive = plan(demands, candidates, policy, AT), plan(demands, line_by_line, policy, AT)

    assert (set(naive.taken), naive.parcels) == (cheapest, 4)
    assert (set(best.taken), best.parcels) == ({("l1", "baltic"), ("l2", "celtic"), ("l3", "baltic")}, 2)
    celtic = 1061 + 300 + 890 + 18  # goods, order fee, freight, 3 % of a reject
    alpina = 3 * 719 + 200 + 2 * 890 + 2 * 60 + 3 * 9  # 13.5 kg are two parcels
    assert naive.landed_minor == celtic + alpina + 944 + 300 + 720 + 12  # with the surcharge of a small basket
    assert best.landed_minor == celtic + 3 * 1160 + 944 + 1280 + 4 * 12
    assert (best.short, best.exact) == ({}, True)


def sku_line(sku: str) -> str:
    return next(line.line for line in CART.lines if line.sku == sku)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_rules_and_of_what_is_known_changes_nothing(seed: int) -> None:
    shuffle, supply = random.Random(seed), sample_supply()  # noqa: S311 - any order will do
    mixed = Supply(**{key: shuffled(getattr(supply, key), shuffle) for key in Supply.__slots__})
    wanted = shuffled({line.line: line.open for line in CART.lines}, shuffle)
    shuffled_rules = rules.parse(shuffled(DOCUMENT, shuffle))

    asked_for = problem_of(CART, wanted, mixed, shuffled_rules, AT, to=GERMANY)

    usual = problem_of(CART, {line.line: line.open for line in CART.lines}, supply, SAMPLE, AT, to=GERMANY)
    assert asked_for == usual
    assert plan(*asked_for, AT).digest == plan(*usual, AT).digest


def shuffled(value: Any, shuffle: random.Random) -> Any:  # noqa: ANN401 - a document
    """The same with every table in another order, and every list whose order says nothing."""
    if isinstance(value, dict):
        keys = list(value)
        shuffle.shuffle(keys)
        return {
            key: shuffled(sorted(value[key], key=lambda _: shuffle.random()), shuffle)
            if key in {"to", "freight", "weekdays", "without_regions", "austria", "ireland"}
            else shuffled(value[key], shuffle)
            for key in keys
        }
    return [shuffled(each, shuffle) for each in value] if isinstance(value, list) else value
