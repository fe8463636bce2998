from __future__ import annotations

import copy
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
import yaml

from shared.domain import rules, shipping_rules
from shared.domain.money import CURRENCIES, EXPONENTS
from shared.domain.routing.problem import (
    Bracket,
    Cutoff,
    Goal,
    Objective,
    Packs,
    ShipTo,
    Split,
    Tariff,
    UnknownCost,
)
from shared.domain.shipping_rules import RateTable, Routing, Shipping, SingleSource
from shared.errors import InvalidInput
from tests.support.trade import shop_rules_document

SHIPPING: dict[str, Any] = {
    "order_fee": "2.50",
    "parcel_fee": "0.6",
    "order_minimum": 20,
    "surcharges": [{"upto": "25.00", "price": "4.00"}, {"upto": "50.00", "price": "1.50"}],
    "freight": [
        {"to": ["DE"], "brackets": [{"upto_grams": 2000, "price": "4.90"}, {"upto_grams": 31500, "price": "9.90"}]},
        {"to": ["AT", "ES"], "brackets": [{"upto_grams": 5000, "price": "7.00"}]},
    ],
    "ship_to": {"countries": ["DE", "ES"], "without_regions": ["ES-GC"], "po_box": False, "hazmat": False},
    "cutoff": {"at": "14:00", "weekdays": ["mon", "sat"], "holidays": "austria"},
    "lead_days": 2,
    "priority": 1,
    "orders_a_day": 40,
    "reject_percent": "1.5",
    "pack": 6,
    "minimum": 12,
    "hard_buffer": True,
}
ROUTING: dict[str, Any] = {
    "goals": ["landed_cost within 2 %", "parcels within 0.5%", "promised_date", "priority", "reliability"],
    "single_source": "required",
    "split_lines": "above 250.00",
    "packs": "whole_only",
    "late_day_cost": "1.00",
    "reject_cost": "6.00",
    "promised_days": 5,
    "must_meet_promise": True,
    "unknown_cost": "refuse",
}
RATES: dict[str, Any] = {
    "base": "EUR",
    "as_of": "2026-11-24",
    "max_age_days": 7,
    "buys": {"GBP": "0.8745", "JPY": 178, "USD": "1.25"},
}
RIGHT = shop_rules_document("alpina", "baltic", routing=ROUTING) | {
    "holidays": {"austria": ["2026-12-08", "2026-12-25"]},
    "rates": RATES,
}
RIGHT["sources"]["alpina"]["shipping"] = SHIPPING


def changed(path: str, value: object) -> dict[str, Any]:
    """The right rules with one value changed."""
    document: dict[str, Any] = copy.deepcopy(RIGHT)
    *parents, last = path.split("/")
    place: Any = document
    for parent in parents:
        place = place[int(parent) if parent.isdigit() else parent]
    place[int(last) if last.isdigit() else last] = value
    return document


def shipping(key: str, value: object) -> Shipping:
    return rules.parse(changed(f"sources/alpina/shipping/{key}", value)).active_sources[0].shipping


def routing(key: str, value: object) -> Routing:
    return rules.parse(changed(f"channels/nordlys/routing/{key}", value)).active_channels[0].routing


def test_all_terms_of_a_source_are_read() -> None:
    assert rules.parse(RIGHT).active_sources[0].shipping == Shipping(
        order_fee_minor=250,
        parcel_fee_minor=60,
        order_minimum_minor=2000,
        surcharges=(Bracket(upto=2500, price_minor=400), Bracket(upto=5000, price_minor=150)),
        tariffs=(
            Tariff(countries=frozenset({"AT", "ES"}), brackets=(Bracket(upto=5000, price_minor=700),)),
            Tariff(
                countries=frozenset({"DE"}),
                brackets=(Bracket(upto=2000, price_minor=490), Bracket(upto=31500, price_minor=990)),
            ),
        ),
        ship_to=ShipTo(
            countries=frozenset({"DE", "ES"}), without_regions=frozenset({"ES-GC"}), po_box=False, hazmat=False
        ),
        cutoff=Cutoff(
            at=time(14),
            zone="Europe/Vienna",
            holidays=frozenset({date(2026, 12, 8), date(2026, 12, 25)}),
            weekdays=frozenset({0, 5}),
        ),
        lead_days=2,
        priority=1,
        orders_a_day=40,
        reject_ppm=15_000,
        pack=6,
        minimum=12,
        hard_buffer=True,
    )


def test_a_source_without_terms_ships_free_everywhere_and_at_once() -> None:
    plain = rules.parse(RIGHT).active_sources[1].shipping

    assert plain == Shipping()
    assert (plain.tariffs, plain.ship_to, plain.cutoff, plain.lead_days) == ((), ShipTo(), None, 0)


def test_the_whole_policy_of_a_channel_is_read() -> None:
    assert rules.parse(RIGHT).active_channels[0].routing == Routing(
        goals=(
            Goal(objective=Objective.LANDED_COST, tolerance_ppm=20_000),
            Goal(objective=Objective.PARCELS, tolerance_ppm=5_000),
            Goal(objective=Objective.PROMISED_DATE),
            Goal(objective=Objective.PRIORITY),
            Goal(objective=Objective.RELIABILITY),
        ),
        single_source=SingleSource.REQUIRED,
        split=Split.ABOVE,
        split_above_minor=25_000,
        packs=Packs.WHOLE_ONLY,
        late_day_minor=100,
        reject_cost_minor=600,
        promised_days=5,
        must_meet_promise=True,
        unknown_cost=UnknownCost.REFUSE,
    )


@pytest.mark.parametrize(
    ("terms", "wanted"),
    [
        ([], ["parcels", "landed_cost"]),
        ([Shipping(), Shipping()], ["parcels", "landed_cost"]),
        ([Shipping(), Shipping(order_fee_minor=1)], ["landed_cost", "parcels"]),
    ],
)
def test_a_channel_without_a_policy_wants_the_cheapest_plan_where_terms_are_known(
    terms: list[Shipping], wanted: list[str]
) -> None:
    document = copy.deepcopy(RIGHT)
    del document["channels"]["nordlys"]["routing"]

    assert rules.parse(document).active_channels[0].routing == Routing()
    assert [goal.objective for goal in shipping_rules.usual_goals(terms)] == wanted


def test_holidays_may_stand_in_the_cutoff_itself() -> None:
    read = shipping("cutoff", {"at": "09:30", "holidays": ["2026-12-24"]}).cutoff

    assert read == Cutoff(at=time(9, 30), zone="Europe/Vienna", holidays=frozenset({date(2026, 12, 24)}))


def test_a_preferred_single_source_puts_parcels_before_all_goals() -> None:
    document = changed("channels/nordlys/routing/goals", ["landed_cost within 2 %"])
    document["channels"]["nordlys"]["routing"]["single_source"] = "preferred"
    without_goals = copy.deepcopy(document)
    del without_goals["channels"]["nordlys"]["routing"]["goals"]

    goals = rules.parse(document).active_channels[0].routing.goals

    assert goals == (
        Goal(objective=Objective.PARCELS),
        Goal(objective=Objective.LANDED_COST, tolerance_ppm=20_000),
    )
    assert rules.parse(without_goals).active_channels[0].routing.goals == (
        Goal(objective=Objective.PARCELS),
        Goal(objective=Objective.LANDED_COST),
    )


@pytest.mark.parametrize("value", ["no", yaml.safe_load("no")])
def test_no_single_source_may_be_said_as_yaml_reads_it(value: object) -> None:
    assert routing("single_source", value).single_source is SingleSource.NO


@pytest.mark.parametrize(
    ("value", "expected"),
    [("allowed", (Split.ALLOWED, 0)), ("forbidden", (Split.FORBIDDEN, 0)), ("above 9.5", (Split.ABOVE, 950))],
)
def test_a_line_may_be_split_always_never_or_above_a_value(value: str, expected: tuple[Split, int]) -> None:
    read = routing("split_lines", value)

    assert (read.split, read.split_above_minor) == expected


def test_rates_cross_exactly() -> None:
    table = rules.parse(RIGHT).rates
    assert table == RateTable(
        base="EUR",
        bought={"EUR": Decimal(1), "GBP": Decimal("0.8745"), "JPY": Decimal(178), "USD": Decimal("1.25")},
        as_of=datetime(2026, 11, 24, tzinfo=UTC),
        max_age_days=7,
    )

    into_pounds = table.into("GBP", {"EUR", "USD", "GBP", "NOK"})

    assert into_pounds.rates == {"EUR": Decimal("0.8745"), "GBP": Decimal(1), "USD": Decimal("0.6996")}
    assert (into_pounds.as_of, into_pounds.max_age_days) == (table.as_of, 7)
    assert table.into("NOK", {"EUR"}).rates == {}


def test_every_currency_with_odd_decimals_is_a_currency() -> None:
    assert set(EXPONENTS) <= CURRENCIES


BRACKETS = [{"upto_grams": 2000, "price": "4.90"}, {"upto_grams": 31500, "price": "9.90"}]


@pytest.mark.parametrize(
    ("key", "value", "at", "allowed"),
    [
        ("order_fee", 2.5, "order_fee", "in quotes such as '4.90'"),
        ("order_fee", "-1.00", "order_fee", "not below zero"),
        ("order_fee", -1, "order_fee", "not below zero"),
        ("order_fee", "1.005", "order_fee", "at most 2 decimals"),
        ("order_fee", True, "order_fee", "an amount in EUR"),
        ("parcel_fee", "1,50", "parcel_fee", "an amount in EUR"),
        ("order_minimum", "free", "order_minimum", "an amount in EUR"),
        ("surcharges", {"upto": "1.00"}, "surcharges", "a list"),
        ("surcharges/1/upto", "25.00", "surcharges.1.upto", "more than in the bracket before"),
        ("surcharges/0/upto", "0.00", "surcharges.0.upto", "more than in the bracket before"),
        ("surcharges/0/price", "-4.00", "surcharges.0.price", "not below zero"),
        ("surcharges/0/grams", 1, "surcharges.0.grams", "upto, price"),
        ("freight/0/to", [], "freight.0.to", "a list of countries"),
        ("freight/0/to", "DE", "freight.0.to", "a list of ISO 3166"),
        ("freight/0/to", ["DE", "EN"], "freight.0.to", "a list of ISO 3166"),
        ("freight/0/to", ["DE", False], "freight.0.to", "'NO'"),
        ("freight/1/to", ["AT", "DE"], "freight.1.to", "no other zone"),
        ("freight/0/brackets", [], "freight.0.brackets", "at least one"),
        ("freight/0/brackets", BRACKETS[::-1], "freight.0.brackets.1.upto_grams", "more than in the bracket before"),
        ("freight/0/brackets", BRACKETS[:1] * 2, "freight.0.brackets.1.upto_grams", "more than in the bracket before"),
        ("freight/0/brackets/0/upto_grams", 0, "freight.0.brackets.0.upto_grams", "a whole number from 1"),
        ("freight/0/brackets/0/price", 4.9, "freight.0.brackets.0.price", "in quotes such as '4.90'"),
        ("freight/0/zone", "near", "freight.0.zone", "to, brackets"),
        ("ship_to/countries", ["DE", "FR"], "ship_to.countries", "countries with freight: AT, DE, ES"),
        ("ship_to/countries", ["XX"], "ship_to.countries", "a list of ISO 3166"),
        ("ship_to/without_regions", ["GC"], "ship_to.without_regions", "'ES-GC'"),
        ("ship_to/without_regions", ["XX-GC"], "ship_to.without_regions", "'ES-GC'"),
        ("ship_to/po_box", "no", "ship_to.po_box", "true or false"),
        ("ship_to/regions", [], "ship_to.regions", "without_regions"),
        ("cutoff/at", "25:00", "cutoff.at", "00:00 to 23:59"),
        ("cutoff/at", "14:60", "cutoff.at", "00:00 to 23:59"),
        ("cutoff/at", 840, "cutoff.at", "in quotes: '14:00'"),
        ("cutoff/at", None, "cutoff.at", "in quotes: '14:00'"),
        ("cutoff/weekdays", [], "cutoff.weekdays", "at least one"),
        ("cutoff/weekdays", ["monday"], "cutoff.weekdays", "mon"),
        ("cutoff/holidays", "ireland", "cutoff.holidays", "(austria)"),
        ("cutoff/holidays", ["2026-02-30"], "cutoff.holidays", "'2026-12-25'"),
        ("cutoff/zone", "UTC", "cutoff.zone", "at, weekdays, holidays"),
        ("lead_days", -1, "lead_days", "a whole number from 0"),
        ("priority", -1, "priority", "a whole number from 0"),
        ("orders_a_day", "many", "orders_a_day", "a whole number from 0"),
        ("reject_percent", "101", "reject_percent", "from 0 to 100"),
        ("reject_percent", 1.5, "reject_percent", "in quotes"),
        ("pack", 0, "pack", "a whole number from 1"),
        ("minimum", 0, "minimum", "a whole number from 1"),
        ("hard_buffer", 1, "hard_buffer", "true or false"),
        ("fee", "1.00", "fee", "order_fee"),
    ],
)
def test_wrong_terms_are_refused_with_their_place_and_what_is_allowed(
    key: str, value: object, at: str, allowed: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        shipping(key, value)

    assert refused.value.details["at"] == f"rules.sources.alpina.shipping.{at}"
    assert allowed in str(refused.value.details["allowed"])


@pytest.mark.parametrize(
    ("key", "value", "at", "allowed"),
    [
        ("goals", [], "goals", "parcels, landed_cost, promised_date, priority, reliability"),
        ("goals", ["cheapest"], "goals", "landed_cost"),
        ("goals", ["parcels", "parcels within 2 %"], "goals", "each once"),
        ("goals", ["landed_cost within 2"], "goals", "within 2 %"),
        ("goals", ["landed_cost within 1.2.3 %"], "goals", "within 2 %"),
        ("goals", "landed_cost", "goals", "a list"),
        ("single_source", "preferred", "goals", "they come first then"),
        ("single_source", True, "single_source", "'required', 'preferred', 'no'"),
        ("split_lines", False, "split_lines", "'forbidden'"),
        ("split_lines", "above", "split_lines", "'above 250.00' (in EUR)"),
        ("split_lines", "above -1.00", "split_lines", "'above 250.00' (in EUR)"),
        ("split_lines", "above 1.005", "split_lines", "'above 250.00' (in EUR)"),
        ("packs", "down", "packs", "'round_up', 'whole_only'"),
        ("late_day_cost", "-1.00", "late_day_cost", "not below zero"),
        ("reject_cost", 0.5, "reject_cost", "in quotes"),
        ("promised_days", -1, "promised_days", "a whole number from 0"),
        ("promised_days", None, "must_meet_promise", "promised_days beside it"),
        ("must_meet_promise", "yes", "must_meet_promise", "true or false"),
        ("unknown_cost", "guess", "unknown_cost", "'last', 'refuse'"),
        ("goal", "parcels", "goal", "goals"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_place_and_what_is_allowed(
    key: str, value: object, at: str, allowed: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        routing(key, value)

    assert refused.value.details["at"] == f"rules.channels.nordlys.routing.{at}"
    assert allowed in str(refused.value.details["allowed"])


@pytest.mark.parametrize(
    ("path", "value", "at", "allowed"),
    [
        ("rates/base", "XYZ", "rates.base", "'EUR'"),
        ("rates/as_of", "yesterday", "rates.as_of", "'2026-12-25'"),
        ("rates/as_of", "2026-13-01", "rates.as_of", "'2026-12-25'"),
        ("rates/max_age_days", 0, "rates.max_age_days", "from 1"),
        ("rates/buys/XYZ", "1.00", "rates.buys.XYZ", "ISO 4217 codes"),
        ("rates/buys/EUR", "1.00", "rates.buys.EUR", "other currencies than EUR"),
        ("rates/buys/GBP", "0.00", "rates.buys.GBP", "above zero"),
        ("rates/buys/GBP", "-0.87", "rates.buys.GBP", "above zero"),
        ("rates/buys/GBP", 0.8745, "rates.buys.GBP", "in quotes"),
        ("rates/buys/GBP", "1e3", "rates.buys.GBP", "in quotes"),
        ("rates/age", 7, "rates.age", "max_age_days"),
        ("holidays/austria", ["2026-12-32"], "holidays.austria", "'2026-12-25'"),
        ("holidays/austria", "2026-12-25", "holidays.austria", "a list of days"),
        ("channels/nordlys/currency", "XYZ", "channels.nordlys.currency", "'EUR'"),
        ("sources/alpina/currency", "EURO", "sources.alpina.currency", "'EUR'"),
        ("sources/baltic/currency", "NOK", "sources.baltic.currency", "what rates.yaml turns into it"),
        ("channels/nordlys/split_lines", True, "channels.nordlys.split_lines", "routing"),
    ],
)
def test_wrong_rates_days_and_currencies_are_refused(path: str, value: object, at: str, allowed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.parse(changed(path, value))

    assert refused.value.details["at"] == f"rules.{at}"
    assert allowed in str(refused.value.details["allowed"])


def test_a_source_may_ask_in_a_currency_that_has_a_rate_or_ship_for_nobody() -> None:
    assert rules.parse(changed("sources/baltic/currency", "GBP")).sources

    alone = changed("sources/baltic/currency", "NOK")
    alone["channels"]["nordlys"]["sources"] = ["alpina"]
    assert rules.parse(alone).sources
