from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain import rules, taking, trying
from shared.domain.names import SourceId
from shared.domain.orders import Destination, Order
from shared.domain.planned import Known
from shared.domain.routing.problem import Decision
from shared.domain.rules import Rules
from shared.domain.stock import UNTIL_COUNTED, Level
from shared.errors import InvalidInput
from tests.support.trade import at, level, offer, order, shop_rules_document, times_now

ORDER = replace(order("1", ("A", 2)), destination=Destination(country="DE", region="BY"))
COSTS = {"alpina": 100, "baltic": 200, "celtic": 300}


def shop(*sources: str, terms: dict[str, dict[str, Any]] | None = None, **channel: object) -> Rules:
    document = shop_rules_document(*(sources or COSTS), **channel)
    for source, shipping in (terms or {}).items():
        document["sources"][source]["shipping"] = shipping
    return rules.parse(document)


def decided(*levels: Level, by: Rules | None = None, of: Order = ORDER, **known: Any) -> Decision:  # noqa: ANN401
    offers = {at("A", source): offer("A", source, cost) for source, cost in COSTS.items()}
    there = levels or tuple(level("A", source, 9) for source in COSTS)
    read = Known(levels={each.key: each for each in there}, offers=offers, **known)
    return taking.decide_alone(of, read, by or shop(), times_now())


def verdicts(decision: Decision) -> dict[str, str]:
    return {each.source: each.verdict for each in decision.plan.weighed}


def test_the_same_rules_decide_the_same() -> None:
    for decision in (
        decided(),
        decided(level("A", "alpina", 9, held_until=UNTIL_COUNTED), level("A", "baltic", 1)),
        decided(paused=frozenset({SourceId("alpina")})),
        decided(of=replace(ORDER, destination=Destination())),
        decided(of=replace(ORDER, reroute_to="celtic")),
        decided(by=shop(terms={"alpina": {"orders_a_day": 1}}), numbered={SourceId("alpina"): ("2026-11-24", 1)}),
    ):
        same = shop(terms={"alpina": {"orders_a_day": 1}} if decision.candidates[0].supplier.orders_a_day else None)

        assert trying.under(same, ORDER, decision).plan == decision.plan


def test_other_terms_are_reckoned_with_the_stock_and_costs_of_then() -> None:
    then = decided()

    now = trying.under(shop(terms={"alpina": {"order_fee": "5.00"}}), ORDER, then)

    assert (set(then.plan.taken), set(now.plan.taken)) == ({("l1", "alpina")}, {("l1", "baltic")})
    assert (then.plan.landed_minor, now.plan.landed_minor) == (200, 400)


def test_what_was_in_the_way_then_still_is() -> None:
    held = decided(level("A", "alpina", 9, held_until=UNTIL_COUNTED), level("A", "baltic", 9))

    assert verdicts(trying.under(shop(), ORDER, held)) == {
        "alpina": "is held there",
        "baltic": "ships all of it",
        "celtic": "does not list it",
    }


def test_a_source_that_was_not_weighed_ships_nothing_and_one_that_is_gone_neither() -> None:
    then = decided(by=shop("alpina", "celtic"))

    now = trying.under(shop("baltic", "celtic"), ORDER, then)

    assert verdicts(now) == {"baltic": "does not list it", "celtic": "ships all of it"}


def test_a_new_margin_and_a_new_promise_hold_for_past_orders_too() -> None:
    priced = replace(ORDER, lines=(replace(ORDER.lines[0], price_minor=110),))
    then = decided(of=priced)

    assert verdicts(trying.under(shop(margin_floor_percent=50), priced, then))["alpina"] == "below the margin floor"
    slow = shop(terms={"alpina": {"lead_days": 9}}, routing={"promised_days": 5, "must_meet_promise": True})
    assert verdicts(trying.under(slow, priced, then))["alpina"] == "too late: arrives 2026-12-03"


def test_an_order_that_the_rules_cannot_route_is_said_to_be_so() -> None:
    with pytest.raises(InvalidInput):
        trying.under(shop(currency="NOK", routing={"late_day_cost": "1.00"}), ORDER, decided())
