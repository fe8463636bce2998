"""What is sold before it is there, what goes out instead, and how often it is tried elsewhere: plans on paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import orders, promises, twins
from shared.domain.asking import Asked, fold
from shared.domain.availability import TermKind, number
from shared.domain.names import CapKey, ChannelId, Sku, SourceId
from shared.domain.orders import LineState, Order
from shared.domain.planned import Batch, Known
from shared.domain.routing import decisions
from shared.domain.routing.problem import Goods
from shared.domain.stock import Level
from shared.domain.taking import choices, plan_batch
from shared.errors import InvalidInput, Rejected
from shared.storage import orders as order_items
from tests.support.trade import NOW, intake, key, level, offer, order, shop_rules, times_now

AT = times_now()
A, B, C = Sku("A"), Sku("B"), Sku("C")
CAP = CapKey(ChannelId("nordlys"), A)
SOURCES = ("alpina", "baltic", "celtic")
GOODS = {A: Goods(substitutes=(B, C)), B: Goods(), C: Goods()}


def planned(
    asks: list[Asked], *levels: Level, before: Order | None = None, waiting: int = 0, cost: int = 100, **channel: object
) -> Batch:
    known = known_of(*levels, before=before, waiting=waiting, cost=cost)
    return plan_batch(asks, known, shop_rules(*SOURCES, **channel), "attempt", AT)


def known_of(*levels: Level, before: Order | None = None, waiting: int = 0, cost: int = 100) -> Known:
    return Known(
        orders={before.key: before} if before else {},
        levels={each.key: each for each in levels},
        offers={each.key: offer(each.key.sku, each.key.source, cost) for each in levels},
        goods=GOODS,
        waiting={CAP: waiting},
    )


def asked(*intakes: object) -> list[Asked]:
    return list(fold(intakes).values())  # type: ignore[arg-type]


def states(found: Order, line: str = "l1") -> dict[str, int]:
    return {state.value: units for state, units in found.counts(found.line(line)).items() if units}


# ---- backorders and preorders


@pytest.mark.parametrize(
    ("_case", "row", "place"),
    [
        ("no day at all", {"sku": "A", "most": 5}, "rules.channels.nordlys.backorders.0.lead_days"),
        ("two ways", {"sku": "A", "most": 5, "lead_days": 3, "ships_on": "2026-12-01"}, ".lead_days"),
        ("ends first", {"sku": "A", "most": 5, "lead_days": 3, "from": "2026-12-02", "until": "2026-12-01"}, ".until"),
        ("none at all", {"sku": "A", "most": 0, "lead_days": 3}, ".most"),
        ("a setting nobody knows", {"sku": "A", "most": 5, "lead_days": 3, "upto": 4}, ".upto"),
    ],
)
def test_a_row_that_promises_nothing_sound_is_refused(_case: str, row: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        shop_rules("alpina", backorders=[row])
    assert str(refused.value.details["at"]).endswith(place)


def test_a_sku_has_one_row() -> None:
    row = {"sku": "A", "most": 5, "lead_days": 3}
    with pytest.raises(InvalidInput):
        shop_rules("alpina", backorders=[row, row])


def test_a_preorder_is_sold_from_its_first_day_to_its_last_and_promised_for_its_own() -> None:
    row = {"sku": "A", "most": 5, "from": "2026-11-24", "until": "2026-11-25", "ships_on": "2026-12-20"}
    channel = shop_rules("alpina", backorders=[row]).channels[ChannelId("nordlys")]
    days = [AT + timedelta(days=n) for n in (-1, 0, 1, 2)]

    assert [channel.backorders_of(A, day) is not None for day in days] == [False, True, True, False]
    assert [channel.backorders[A].turns(day) for day in days] == [False, True, False, True]
    assert channel.backorders[A].promised(AT) == "2026-12-20"
    assert promises.Backorders(most=1, lead_days=10).promised(AT) == "2026-12-04"


FIVE = [{"sku": "A", "most": 5, "lead_days": 10}]


@pytest.mark.parametrize(
    ("when_short", "units"),
    [
        ("backorder", {"reserved": 1, "backordered": 3, "open": 2}),
        ("hold", {"reserved": 1, "backordered": 3, "open": 2}),
        ("cancel", {"reserved": 1, "backordered": 3, "cancelled": 2}),
    ],
)
def test_no_more_wait_than_the_cap_has_room_for(when_short: str, units: dict[str, int]) -> None:
    batch = planned(
        asked(intake("1", ("A", 6))), level("A", "celtic", 1), waiting=2, when_short=when_short, backorders=FIVE
    )

    after = batch.planned[0].after
    assert (states(after), after.line("l1").promised) == (units, "2026-12-04")
    assert bool(after.hold) == ("open" in units)
    assert (batch.waits, batch.caps) == ({CAP: 3}, {CAP: 5})


def test_two_orders_of_a_batch_share_the_room() -> None:
    batch = planned(asked(intake("1", ("A", 4)), intake("2", ("A", 4))), backorders=FIVE)

    assert [one.after.total(LineState.BACKORDERED) for one in batch.planned] == [4, 1]
    assert batch.waits == {CAP: 5}


def test_a_sku_without_a_row_waits_without_a_day_and_without_a_count() -> None:
    batch = planned(asked(intake("1", ("B", 4))), backorders=FIVE)

    assert (states(batch.planned[0].after), batch.waits) == ({"backordered": 4}, {})
    assert batch.planned[0].after.line("l1").promised == ""


def test_what_is_filled_makes_room() -> None:
    waiting = planned(asked(intake("1", ("A", 4))), backorders=FIVE).planned[0].after

    batch = planned(
        [Asked(key=key("1"), fill=True)], level("A", "celtic", 3), before=waiting, waiting=4, backorders=FIVE
    )

    assert states(batch.planned[0].after) == {"reserved": 3, "backordered": 1}
    assert (batch.waits, batch.caps) == ({CAP: -3}, {})


def test_a_number_has_the_room_on_top_and_the_cap_over_all() -> None:
    rules = shop_rules("alpina", floor=3, cap=20)
    channel, levels = rules.channels[ChannelId("nordlys")], [level("A", "alpina", 3)]
    sources = rules.sources_of(channel)

    told = number(levels, {}, channel, sources, NOW, {}, 12)

    assert told.units == 12
    assert [(term.kind, term.units) for term in told.terms][-2:] == [(TermKind.FLOOR, -3), (TermKind.BACKORDERS, 12)]
    assert number(levels, {}, channel, sources, NOW, {}, 50).units == 20
    assert number(levels, {}, channel, sources, NOW, {}).units == 0


# ---- reroutes


def rejected_by(*sources: str) -> Order:
    """Ten units; each of these took what was left, accepted six of the first, rejected the rest."""
    found = order("1", ("A", 10))
    for source in sources:
        found = orders.take(found, {("l1", SourceId(source)): found.line("l1").open}, attempt="t")
        n = found.next_n - 1
        found = orders.send(found, n, deducts_at=orders.DeductsAt.SHIP).order
        if n == 1:
            found = orders.accept(found, n, "l1", 6, deducts_at=orders.DeductsAt.SHIP).order
        found = orders.reject(found, n, "l1", 4).order
    return found


def test_x_accepts_6_of_10_and_4_are_rerouted_without_x() -> None:
    levels = [level("A", source, 50) for source in SOURCES]

    batch = planned([Asked(key=key("1"), plan=True)], *levels, before=rejected_by("alpina"))

    (share,) = batch.shares.items()
    assert (share[0].source != "alpina", share[1]) == (True, {key("1"): 4})
    assert states(batch.planned[0].after) == {"accepted": 6, "reserved": 4}


@pytest.mark.parametrize(
    ("when_short", "reroutes", "units"),
    [
        ("backorder", 2, {"accepted": 6, "reserved": 4}),
        ("backorder", 1, {"accepted": 6, "open": 4}),
        ("cancel", 1, {"accepted": 6, "cancelled": 4}),
    ],
)
def test_a_shortfall_is_rerouted_so_often_and_no_more(when_short: str, reroutes: int, units: dict[str, int]) -> None:
    batch = planned(
        [Asked(key=key("1"), plan=True)],
        level("A", "celtic", 50),
        before=rejected_by("alpina", "baltic"),
        when_short=when_short,
        reroutes=reroutes,
    )

    after = batch.planned[0].after
    assert states(after) == units
    assert ("rejected too often" in after.hold) == ("open" in units)


def test_a_person_may_have_one_more_tried() -> None:
    before = replace(rejected_by("alpina", "baltic"), reroute_to=SourceId("celtic"))

    batch = planned([Asked(key=key("1"), plan=True)], level("A", "celtic", 50), before=before, reroutes=1)

    assert states(batch.planned[0].after) == {"accepted": 6, "reserved": 4}


@pytest.mark.parametrize(("cost", "units"), [(70, {"reserved": 4}), (90, {"backordered": 4})])
def test_the_margin_of_a_reroute_is_checked_again(cost: int, units: dict[str, int]) -> None:
    before = rejected_by("alpina")
    before = replace(before, lines=(replace(before.line("l1"), price_minor=100),))

    batch = planned(
        [Asked(key=key("1"), plan=True)],
        level("A", "celtic", 50),
        before=before,
        cost=cost,
        margin_floor_percent=20,
    )

    assert states(batch.planned[0].after) == {"accepted": 6} | units


# ---- substitutes


def test_an_alternative_goes_out_in_the_place_of_what_is_short_and_the_money_stays() -> None:
    ask = intake("1", ("A", 10))
    priced = replace(ask, order=replace(ask.order, lines=(replace(ask.order.line("l1"), price_minor=900),)))

    batch = planned(
        asked(priced), level("A", "celtic", 4), level("B", "celtic", 2), level("C", "alpina", 9), substitutes="allow"
    )

    after = batch.planned[0].after
    assert states(after) == {"reserved": 4, "cancelled": 6}
    assert [(line.line, line.sku, line.ordered, line.price_minor, line.instead_of) for line in after.lines[1:]] == [
        ("l1-1", "B", 2, 900, "l1"),
        ("l1-2", "C", 4, 900, "l1"),
    ]
    assert after.given_up == 0
    assert {level.sku: units[key("1")] for level, units in batch.shares.items()} == {"A": 4, "B": 2, "C": 4}
    made = batch.planned[0].decision
    assert made is not None
    assert decisions.again(made) == made.plan


@pytest.mark.parametrize("substitutes", ["never", "offer"])
def test_no_alternative_goes_out_unless_the_channel_allows_it(substitutes: str) -> None:
    batch = planned(asked(intake("1", ("A", 2))), level("B", "celtic", 9), substitutes=substitutes)

    assert (states(batch.planned[0].after), batch.shares) == ({"backordered": 2}, {})


@pytest.mark.parametrize(("cost", "lines"), [(70, 2), (90, 1)])
def test_an_alternative_must_leave_the_margin(cost: int, lines: int) -> None:
    ask = intake("1", ("A", 2))
    priced = replace(ask, order=replace(ask.order, lines=(replace(ask.order.line("l1"), price_minor=100),)))

    batch = planned(asked(priced), level("B", "celtic", 9), cost=cost, substitutes="allow", margin_floor_percent=20)

    assert len(batch.planned[0].after.lines) == lines


def test_who_ordered_before_it_is_there_gets_no_alternative() -> None:
    batch = planned(asked(intake("1", ("A", 2))), level("B", "celtic", 9), substitutes="allow", backorders=FIVE)

    assert states(batch.planned[0].after) == {"backordered": 2}


def test_what_a_person_may_offer_is_there_and_leaves_the_margin() -> None:
    rules = shop_rules(*SOURCES, substitutes="offer")
    known = known_of(level("B", "celtic", 1), level("C", "alpina", 9))
    batch = plan_batch(asked(intake("1", ("A", 2))), known, rules, "attempt", AT)

    assert choices(batch.planned[0], known, rules, AT) == {"l1": ("1 x B", "2 x C")}
    assert choices(batch.planned[0], known, shop_rules(*SOURCES), AT) == {}


def test_an_edit_of_the_shop_counts_an_alternative_as_its_line() -> None:
    some = orders.substitute(order("1", ("A", 10)), "l1", 4, B)

    same = orders.edit(some, orders.described(some, {"l1": 10}), 2).order
    fewer = orders.edit(some, orders.described(some, {"l1": 7}), 2).order
    few = orders.edit(some, orders.described(some, {"l1": 3}), 2).order

    found = [[line.active for line in each.lines] for each in (same, fewer, few)]
    assert found == [[6, 4], [3, 4], [0, 3]]


def test_no_more_is_substituted_than_waits() -> None:
    with pytest.raises(Rejected):
        orders.substitute(order("1", ("A", 2)), "l1", 3, B)
    with pytest.raises(Rejected):
        orders.substitute(order("1", ("A", 2)), "l1", 1, A)


# ---- promises and twins


@pytest.mark.parametrize(("open_units", "promised"), [(0, "2026-12-05"), (3, "2026-12-10")])
def test_a_promise_is_the_last_day_on_which_anything_of_the_line_ships(open_units: int, promised: str) -> None:
    found = orders.take(order("1", ("A", 10)), {("l1", SourceId("alpina")): 10 - open_units}, attempt="t")
    found = orders.promise(found, "l1", 1, "2026-12-10")

    assert orders.promise(found, "l1", 1, "2026-12-05").line("l1").promised == promised


def test_two_imports_are_alike_by_name_postcode_and_goods() -> None:
    one = twins.likeness(order("1", ("A", 1), ("B", 2)), {"name": "Ada  Buyer", "zip": "EC1A 1BB"})
    other = twins.likeness(order("9", ("B", 2), ("A", 1)), {"name": "ada buyer", "zip": "ec1a1bb"})

    assert one == other != ""
    assert twins.likeness(order("1", ("A", 2), ("B", 2)), {"name": "Ada Buyer", "zip": "EC1A 1BB"}) != one
    assert twins.likeness(order("1", ("A", 1), ("B", 2)), {"name": "Bo Buyer", "zip": "EC1A 1BB"}) != one
    assert twins.likeness(order("1", ("A", 1)), {"name": "Ada Buyer"}) == ""


def test_what_a_row_no_longer_caps_is_counted_all_the_same() -> None:
    waiting = planned(asked(intake("1", ("A", 4))), backorders=FIVE).planned[0].after
    more = orders.edit(waiting, {"l1": 9}, 2).order

    batch = planned([Asked(key=key("1"), plan=True)], before=more, waiting=4)

    assert states(batch.planned[0].after) == {"backordered": 9}
    assert (batch.waits, batch.caps) == ({CAP: 5}, {})


def test_a_line_keeps_its_words_in_the_table() -> None:
    found = orders.substitute(orders.backorder(order("1", ("A", 4)), {"l1": (3, "2026-12-01")}), "l1", 2, B)

    assert order_items.from_item(order_items.to_item(found)) == found
