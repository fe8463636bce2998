from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import orders, rules, times
from shared.domain.asking import Asked, Step, fold, next_step
from shared.domain.intake import Ask
from shared.domain.messages import PlanOrder
from shared.domain.names import LevelKey, SourceId
from shared.domain.orders import NO_SOURCE, OUR_HOLDS, Destination, LineState
from shared.domain.planned import Batch, Known, Needs
from shared.domain.rules import Rules
from shared.domain.stock import UNTIL_COUNTED, Level
from shared.domain.taking import needs, plan_batch
from tests.support.trade import NOW, at, intake, key, level, offer, order, shop_rules, shop_rules_document

AT: datetime = times.read(NOW)
RULES = shop_rules("alpina", "baltic", "celtic")


def planned(asks: list[Asked], *levels: Level, **changes: object) -> Batch:
    known = Known(
        levels={each.key: each for each in levels},
        offers={
            at(sku, source): offer(sku, source, cost)
            for sku in ("A", "B")
            for source, cost in (("alpina", 300), ("baltic", 200), ("celtic", 100))
        },
    )
    return plan_batch(asks, known, shop_rules("alpina", "baltic", "celtic", **changes), "attempt", AT)


def asked(*intakes: object) -> list[Asked]:
    return list(fold(intakes).values())  # type: ignore[arg-type]


def test_the_cheapest_source_that_has_it_gets_the_line() -> None:
    levels = (level("A", "alpina", 9), level("A", "baltic", 9), level("A", "celtic", 1))

    batch = planned(asked(intake("1", ("A", 2))), *levels, routing={"split_lines": "forbidden"})

    assert batch.shares == {at("A", "baltic"): {key("1"): 2}}
    told = {w.source: w.verdict for w in batch.planned[0].decision.plan.weighed}  # type: ignore[union-attr]
    assert told == {
        "alpina": "a unit costs more than at baltic",
        "baltic": "ships all of it",
        "celtic": "has too few",
    }


def test_the_same_sku_on_two_lines_is_summed_and_never_taken_twice() -> None:
    batch = planned(asked(intake("1", ("A", 6), ("A", 6))), level("A", "celtic", 10))

    assert batch.shares == {at("A", "celtic"): {key("1"): 10}}
    assert batch.planned[0].after.total(LineState.BACKORDERED) == 2


def test_the_same_sku_in_two_orders_goes_to_the_one_that_came_first() -> None:
    batch = planned(asked(intake("2", ("A", 1)), intake("1", ("A", 1))), level("A", "celtic", 1))

    assert batch.shares == {at("A", "celtic"): {key("2"): 1}}
    assert [one.after.state for one in batch.planned] == ["reserved", "backordered"]


def test_no_level_is_nothing_available() -> None:
    batch = planned(asked(intake("1", ("A", 1))))

    assert batch.shares == {}
    assert {w.verdict for w in batch.planned[0].decision.plan.weighed} == {"does not list it"}  # type: ignore[union-attr]


def test_a_held_level_gives_nothing_until_its_hold_is_over() -> None:
    held = level("A", "celtic", 5, held_until=UNTIL_COUNTED)
    over = level("A", "celtic", 5, held_until="2026-11-24T08:59:59.000Z")

    assert planned(asked(intake("1", ("A", 1))), held).shares == {}
    assert planned(asked(intake("1", ("A", 1))), over).shares == {at("A", "celtic"): {key("1"): 1}}


def test_a_shop_that_splits_no_line_waits_for_all_of_it() -> None:
    levels = (level("A", "alpina", 1), level("A", "baltic", 1))

    assert planned(asked(intake("1", ("A", 2))), *levels, routing={"split_lines": "forbidden"}).shares == {}
    assert len(planned(asked(intake("1", ("A", 2))), *levels).shares) == 2


def test_units_nobody_has_are_held_open_where_the_shop_wants_that() -> None:
    batch = planned(asked(intake("1", ("A", 2))), level("A", "celtic", 1), when_short="hold")

    after = batch.planned[0].after
    assert (after.state, after.total(LineState.RESERVED), after.total(LineState.OPEN)) == ("held", 1, 1)
    assert after.due_at == "2026-11-24T10:00:00.000Z"


def test_a_cancel_before_its_create_leaves_a_tombstone_that_takes_nothing() -> None:
    batch = planned(asked(intake("1", ("A", 2), ask=Ask.CANCEL)), level("A", "celtic", 5))

    after = batch.planned[0].after
    assert (after.state, after.cancel_wanted, batch.shares) == ("cancelled", True, {})


def test_asking_again_in_vain_writes_nothing() -> None:
    waiting = planned(asked(intake("1", ("A", 1)))).planned[0].after
    known = Known(orders={waiting.key: waiting})

    batch = plan_batch([Asked(key=waiting.key, fill=True)], known, RULES, "again", AT)

    assert not batch.planned
    assert batch.unchanged == {waiting.key}


def test_a_batch_closes_at_25_orders() -> None:
    asks = asked(*[intake(str(i), ("A", 1)) for i in range(30)])

    assert len(planned(asks, level("A", "celtic", 100)).planned) == 25


def test_a_batch_closes_before_a_hundred_actions() -> None:
    asks = asked(*[intake(str(i), *((f"S{i}-{j}", 1) for j in range(9))) for i in range(20)])
    levels = [level(f"S{i}-{j}", "celtic", 1) for i in range(20) for j in range(9)]

    batch = planned(asks, *levels)

    assert len(batch.planned) + len(batch.shares) == 100
    assert len(batch.planned) == 10


def test_an_order_over_99_levels_takes_99_and_the_rest_stays_open_and_due() -> None:
    asks = asked(intake("1", *((f"S{j:03d}", 1) for j in range(120))))

    batch = planned(asks, *(level(f"S{j:03d}", "celtic", 1) for j in range(120)))

    after = batch.planned[0].after
    assert (len(batch.shares), after.total(LineState.RESERVED), after.total(LineState.OPEN)) == (99, 99, 21)
    assert after.due_at == NOW


def test_a_plan_of_an_existing_order_takes_its_open_units_only() -> None:
    there = order("1", ("A", 3))
    known = Known(orders={there.key: there}, levels={at("A", "celtic"): level("A", "celtic", 2)})

    batch = plan_batch(asked(PlanOrder(order=there.key)), known, RULES, "attempt", AT)

    after = batch.planned[0].after
    assert (after.revision, after.total(LineState.RESERVED), after.total(LineState.BACKORDERED)) == (2, 2, 1)


def weighed(batch: Batch, at_: int = 0) -> dict[str, str]:
    decision = batch.planned[at_].decision
    assert decision is not None
    return {each.source: each.verdict for each in decision.plan.weighed}


def rules_with(terms: dict[str, dict[str, object]], **channel: object) -> Rules:
    document = shop_rules_document("alpina", "baltic", "celtic", **channel)
    for source, shipping in terms.items():
        document["sources"][source]["shipping"] = shipping
    return rules.parse(document)


def test_the_reason_of_a_hold_says_why_nobody_ships_it() -> None:
    batch = planned(asked(intake("1", ("A", 2))), level("A", "celtic", 1), when_short="hold")

    told = "no source has it; A: alpina: does not list it, baltic: does not list it, celtic: ships a part of it"
    assert batch.planned[0].after.hold == told


def test_a_hold_of_ours_is_lifted_when_units_are_found_and_its_reason_stays_short() -> None:
    asks = asked(intake("1", *((f"S{i}", 1) for i in range(20))))
    held = planned(asks, when_short="hold").planned[0].after
    known = Known(
        orders={held.key: held}, levels={each.key: each for each in (level(f"S{i}", "celtic", 1) for i in range(20))}
    )

    again = plan_batch(asked(PlanOrder(order=held.key)), known, shop_rules("celtic", when_short="hold"), "b", AT)

    assert len(held.hold) < 250
    assert again.planned[0].after.hold == ""
    assert again.planned[0].after.state == "reserved"


def test_an_order_that_cannot_be_routed_is_held_and_takes_no_other_with_it() -> None:
    strange = intake("1", ("A", 1))
    strange = replace(strange, order=replace(strange.order, destination=Destination(country="XX")))

    batch = planned(asked(strange, intake("2", ("A", 1))), level("A", "celtic", 5))

    first, second = batch.planned
    assert first.after.hold == "it cannot be routed: an order names an unknown country (country='XX')"
    assert (first.decision, first.after.due_at, first.after.ship_to) == (None, "2026-11-24T10:00:00.000Z", "attempt")
    assert second.after.state == "reserved"


def test_an_order_with_nothing_to_ship_is_no_exception() -> None:
    after = planned(asked(intake("1"))).planned[0].after

    assert (after.hold, after.due_at) == ("", "")


def test_nothing_is_planned_for_what_a_person_holds() -> None:
    held = replace(order("1", ("A", 3)), hold="the customer rang")

    assert not held.hold.startswith(OUR_HOLDS)
    assert next_step(Asked(key=held.key, plan=True), held) is Step.DONE
    assert next_step(Asked(key=held.key, fill=True), held) is Step.DONE
    assert next_step(Asked(key=held.key, plan=True), replace(held, hold=f"{NO_SOURCE}; A")) is Step.TAKE


def test_the_cap_of_a_day_counts_what_the_batch_has_given_already() -> None:
    capped = rules_with({"celtic": {"orders_a_day": 3}})
    levels = {each.key: each for each in (level("A", "celtic", 9), level("A", "baltic", 9))}
    offers = {at("A", source): offer("A", source, cost) for source, cost in (("baltic", 200), ("celtic", 100))}
    known = Known(levels=levels, offers=offers, numbered={SourceId("celtic"): ("2026-11-24", 2)})

    batch = plan_batch(asked(intake("1", ("A", 1)), intake("2", ("A", 1))), known, capped, "a", AT)
    tomorrow = replace(known, numbered={SourceId("celtic"): ("2026-11-23", 2)})

    assert batch.shares == {at("A", "celtic"): {key("1"): 1}, at("A", "baltic"): {key("2"): 1}}
    assert weighed(batch, 1)["celtic"] == "over its orders a day"
    assert set(plan_batch(asked(intake("1", ("A", 1)), intake("2", ("A", 1))), tomorrow, capped, "a", AT).shares) == {
        at("A", "celtic")
    }


def test_units_beyond_what_is_wanted_are_priced_and_cost_no_level() -> None:
    packed = rules_with({source: {"pack": 6} for source in ("alpina", "baltic", "celtic")})
    known = Known(
        levels={at("A", "celtic"): level("A", "celtic", 9)}, offers={at("A", "celtic"): offer("A", "celtic", 100)}
    )

    batch = plan_batch(asked(intake("1", ("A", 4))), known, packed, "a", AT)

    decision = batch.planned[0].decision
    assert decision is not None
    assert [(each.goods_minor, each.surplus_minor) for each in decision.plan.sources] == [(400, 200)]
    assert batch.shares == {at("A", "celtic"): {key("1"): 4}}
    assert batch.planned[0].after.allocations[0].units == 4


def test_a_rerouted_order_is_planned_at_the_wanted_source_once() -> None:
    there = replace(order("1", ("A", 3)), reroute_to="alpina")
    levels = {each.key: each for each in (level("A", "celtic", 9), level("A", "alpina", 2))}
    known = Known(orders={there.key: there}, levels=levels)

    batch = plan_batch(asked(PlanOrder(order=there.key)), known, RULES, "a", AT)

    after = batch.planned[0].after
    assert batch.shares == {at("A", "alpina"): {there.key: 2}}
    assert weighed(batch)["celtic"] == "a person wants alpina to ship it"
    assert (after.reroute_to, after.total(LineState.BACKORDERED)) == ("", 1)


@pytest.mark.parametrize(
    ("_case", "terms", "channel", "read"),
    [
        ("nothing is asked", {}, {}, Needs()),
        ("weights", {"freight": [{"to": ["AT"], "brackets": [{"upto_grams": 9, "price": "1.00"}]}]}, {}, "goods"),
        ("dangerous goods", {"ship_to": {"hazmat": False}}, {}, "goods"),
        ("margins", {}, {"margin_floor_percent": 5}, "goods"),
        ("a cap", {"orders_a_day": 5}, {}, "counters"),
    ],
)
def test_only_facts_that_a_rule_asks_about_are_read(
    _case: str, terms: dict[str, object], channel: dict[str, object], read: object
) -> None:
    found = needs(asked(intake("1", ("A", 1))), {}, rules_with({"baltic": terms}, **channel))

    assert found.pauses == {"alpina", "baltic", "celtic"}
    assert found.levels == {at("A", source) for source in found.pauses}
    assert found.goods == ({"A"} if read == "goods" else set())
    assert found.counters == ({"baltic"} if read == "counters" else set())
    assert found.feeds == set()


def test_feeds_are_read_of_sources_whose_counts_may_be_worth_nothing() -> None:
    document = shop_rules_document("alpina", "baltic")
    document["sources"]["alpina"]["freshness"] = [{"after_hours": 5, "percent": 50}]
    document["sources"]["baltic"]["freshness"] = [{"after_hours": 5, "percent": 0}]

    assert needs(asked(intake("1", ("A", 1))), {}, rules.parse(document)).feeds == {"baltic"}


lines = st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 9)), min_size=1, max_size=5)
stock = st.fixed_dictionaries({at(sku, s): st.integers(0, 12) for sku in "AB" for s in ("alpina", "baltic", "celtic")})


@given(baskets=st.lists(lines, min_size=1, max_size=8), counted=stock)
def test_a_plan_is_exact_and_within_what_is_available(
    baskets: list[list[tuple[str, int]]], counted: dict[LevelKey, int]
) -> None:
    asks = asked(*[intake(str(i), *basket) for i, basket in enumerate(baskets)])

    batch = planned(asks, *(level(k.sku, k.source, n) for k, n in counted.items()))

    for level_key, shares in batch.shares.items():
        assert 0 < sum(shares.values()) <= counted[level_key]
    for one in batch.planned:
        orders.check(one.after)
        taken = sum(shares.get(one.after.key, 0) for shares in batch.shares.values())
        assert taken == one.after.total(LineState.RESERVED)
    ordered = {sku: sum(n for basket in baskets for s, n in basket if s == sku) for sku in "AB"}
    for sku, wanted in ordered.items():
        taken = sum(sum(shares.values()) for k, shares in batch.shares.items() if k.sku == sku)
        assert taken == min(wanted, sum(n for k, n in counted.items() if k.sku == sku))


@given(basket=lines, counted=stock)
def test_the_order_of_what_was_read_changes_nothing(
    basket: list[tuple[str, int]], counted: dict[LevelKey, int]
) -> None:
    asks = asked(intake("1", *basket))
    levels = [level(k.sku, k.source, n) for k, n in counted.items()]

    answers = {repr(planned(asks, *arranged)) for arranged in list(permutations(levels))[:: len(levels) * 20]}

    assert len(answers) == 1
