from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain import orders
from shared.domain.asking import Asked, Step, admitted, fold, next_step, unheard
from shared.domain.intake import Ask, Paid
from shared.domain.messages import PlanOrder
from shared.domain.platforms import SHIPS
from shared.domain.rules import Channel
from shared.errors import Rejected
from tests.support import trade
from tests.support.trade import at, intake, key, order


def test_a_redelivered_create_is_one_ask() -> None:
    folded = fold([intake("1", ("A", 1)), intake("1", ("A", 1))])

    assert list(folded) == [key("1")]


def test_the_newest_description_counts_whatever_the_order_of_arrival() -> None:
    old, new = intake("1", ("A", 1)), intake("1", ("A", 5), ask=Ask.EDIT, version=2)

    assert fold([old, new])[key("1")].newest == new
    assert fold([new, old])[key("1")].newest == new


def test_orders_keep_their_order_of_arrival_after_those_that_wait() -> None:
    folded = fold([intake("2", ("A", 1)), intake("1", ("A", 1))], fills=[key("9")])

    assert list(folded) == [key("9"), key("2"), key("1")]


@pytest.mark.parametrize(
    ("_case", "asked", "there", "step"),
    [
        ("create", {"newest": intake("1", ("A", 1))}, None, Step.CREATE),
        ("an edit before its create is the create", {"newest": intake("1", ("A", 1), ask=Ask.EDIT)}, None, Step.CREATE),
        ("create again", {"newest": intake("1", ("A", 1))}, order("1", ("A", 1)), Step.DONE),
        ("older edit", {"newest": intake("1", ("A", 9))}, order("1", ("A", 1), version=2), Step.DONE),
        ("newer edit", {"newest": intake("1", ("A", 9), version=3)}, order("1", ("A", 1), version=2), Step.EDIT),
        ("cancel before create", {"cancel": intake("1", ask=Ask.CANCEL)}, None, Step.TOMBSTONE),
        (
            "create and cancel in one batch",
            {"newest": intake("1", ("A", 1)), "cancel": intake("1", ask=Ask.CANCEL)},
            None,
            Step.TOMBSTONE,
        ),
        ("cancel", {"cancel": intake("1", ask=Ask.CANCEL)}, order("1", ("A", 1)), Step.CANCEL),
        ("plan of nothing", {"plan": True}, None, Step.DONE),
        ("plan", {"plan": True}, order("1", ("A", 1)), Step.TAKE),
        ("plan takes open units only", {"plan": True}, orders.backorder(order("1", ("A", 1))), Step.DONE),
        ("fill takes backordered units", {"fill": True}, orders.backorder(order("1", ("A", 1))), Step.TAKE),
    ],
)
def test_the_next_step(_case: str, asked: dict[str, object], there: orders.Order | None, step: Step) -> None:
    assert next_step(Asked(key=key("1"), **asked), there) is step  # type: ignore[arg-type]


def test_nothing_follows_a_cancel() -> None:
    cancelled = orders.cancel(order("1", ("A", 1)), version=1).order
    everything = fold([intake("1", ("A", 2), version=9), intake("1", ask=Ask.CANCEL), PlanOrder(order=key("1"))])

    assert next_step(everything[key("1")], cancelled) is Step.DONE
    assert next_step(replace(everything[key("1")], fill=True), cancelled) is Step.DONE


def test_reserved_units_are_not_taken_again() -> None:
    reserved = orders.take(order("1", ("A", 1)), {("l1", at("A", "alpina").source): 1}, attempt="a")

    assert next_step(Asked(key=key("1"), plan=True, fill=True), reserved) is Step.DONE


# ---- what the rules want shipped


def shop(ships: str = "any", *, takes_tests: bool = False) -> Channel:
    (channel,) = trade.shop_rules("alpina").channels.values()
    return replace(channel, takes=SHIPS[ships], takes_tests=takes_tests)


@pytest.mark.parametrize(
    ("ships", "taken"),
    [
        ("any", {Paid.NOT, Paid.AUTHORISED, Paid.FULLY}),
        ("authorised", {Paid.AUTHORISED, Paid.FULLY}),
        ("paid", {Paid.FULLY}),
    ],
)
def test_an_order_waits_until_it_is_paid_as_far_as_the_rules_say(ships: str, taken: set[Paid]) -> None:
    for paid in Paid:
        asked = replace(intake("1", version=1), paid=paid)
        if paid in taken:
            assert admitted(asked, shop(ships)) is asked
        else:
            with pytest.raises(Rejected) as refused:
                admitted(asked, shop(ships))
            assert refused.value.code == "order_unpaid"


def test_a_cancel_is_heard_whether_the_order_was_paid_or_not() -> None:
    cancel = replace(intake("1", version=1), ask=Ask.CANCEL, paid=Paid.NOT)

    assert admitted(cancel, shop("paid")) is cancel


def test_test_orders_are_ignored_unless_the_rules_take_them() -> None:
    asked = replace(intake("1", version=1), is_test=True)

    assert admitted(asked, shop(takes_tests=True)) is asked
    with pytest.raises(Rejected) as refused:
        admitted(asked, shop())
    assert refused.value.code == "test_order"


# ---- what was heard before


def test_descriptions_that_are_older_or_told_before_are_counted() -> None:
    told = [intake("1", version=1), intake("1", version=2), intake("1", version=2), intake("2", version=5)]
    there = {key("2"): replace(order("2"), version=5)}

    assert unheard(told, fold(told), there) == {"OrderEventOlder": 1, "OrderEventRepeated": 2}


def test_news_is_not_counted_as_heard() -> None:
    told = [intake("1", version=2)]

    assert unheard(told, fold(told), {}) == {}
    assert unheard(told, fold(told), {key("1"): replace(order("1"), version=1)}) == {}
