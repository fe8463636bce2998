from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import clocks, orders, rules, times
from shared.domain.names import ChannelId, SourceId
from shared.domain.orders import DeductsAt, Order
from shared.domain.rules import Channel
from tests.support import trade

PLACED = times.read("2026-11-01T12:00:00.000Z")


def channel(promised: int | None = None, **said: object) -> Channel:
    routing = {} if promised is None else {"promised_days": promised}
    read = rules.parse(trade.shop_rules_document("alpina", routing=routing, delays=said))
    return read.channels[ChannelId("nordlys")]


def order() -> Order:
    return replace(trade.order("1", ("A", 2)), placed_at=times.text(PLACED))


def day(text: str) -> datetime:
    return times.read(f"{text}T00:00:00.000Z")


def sent(shipped: int) -> Order:
    taken = orders.take(order(), {("l1", SourceId("alpina")): 2}, attempt="t")
    asked = orders.send(taken, 1, deducts_at=DeductsAt.SHIP).order
    return orders.ship(asked, 1, "l1", shipped, deducts_at=DeductsAt.SHIP).order if shipped else asked


@pytest.mark.parametrize(
    ("promised", "told_on", "ship_by"), [(None, "2026-11-30", "2026-12-01"), (5, "2026-11-05", "2026-11-06")]
)
def test_a_delay_notice_is_due_before_the_promised_day_or_after_thirty(
    promised: int | None, told_on: str, ship_by: str
) -> None:
    shop = channel(promised)

    assert clocks.notice(order(), shop, day(told_on) - timedelta(milliseconds=1)) is None
    found = clocks.notice(order(), shop, day(told_on))

    assert found is not None
    assert (found.ship_by.isoformat(), found.needs_consent) == (ship_by, False)
    assert found.wait_until == found.ship_by + timedelta(days=30)
    assert clocks.next_notice(order(), shop, PLACED) == day(told_on)


def test_a_second_delay_needs_express_consent() -> None:
    shop = channel(5, notice_days=3)
    assert clocks.next_notice(order(), shop, day("2026-11-10")) == day("2026-12-03")

    found = clocks.notice(order(), shop, day("2026-12-03"))

    assert found is not None
    assert (found.stage, found.needs_consent, found.answer_by.isoformat()) == (2, True, "2026-12-06")


def test_who_agreed_to_wait_is_told_of_nothing_until_then_and_asked_again_after() -> None:
    shop, agreed = channel(5), replace(order(), agreed_until="2026-12-20")

    assert clocks.notice(agreed, shop, day("2026-12-18")) is None
    found = clocks.notice(agreed, shop, day("2026-12-19"))

    assert found is not None
    assert (found.needs_consent, found.answer_by.isoformat()) == (True, "2026-12-20")


@pytest.mark.parametrize(("silence", "is_over"), [("cancel", True), ("hold", False)])
def test_silence_ends_an_order_only_after_the_last_day_and_by_rule(silence: str, *, is_over: bool) -> None:
    shop = channel(5, silence=silence)

    assert not clocks.is_over(order(), shop, day("2026-12-07") - timedelta(milliseconds=1))
    assert clocks.is_over(order(), shop, day("2026-12-07")) is is_over
    assert not clocks.is_over(order(), channel(5, silence="cancel"), day("2026-11-10"))


@pytest.mark.parametrize(
    ("_case", "waiting", "is_told"),
    [
        ("at the supplier", sent(0), True),
        ("partly shipped", sent(1), True),
        ("shipped", sent(2), False),
        ("cancelled", orders.cancel(order(), 2).order, False),
    ],
)
def test_only_who_waits_is_told(_case: str, waiting: Order, *, is_told: bool) -> None:
    now = day("2027-02-01")

    assert (clocks.notice(waiting, channel(), now) is not None) is is_told
    assert clocks.is_over(waiting, channel(silence="cancel"), now) is is_told


@given(st.none() | st.integers(0, 60), st.integers(0, 30), st.integers(0, 120 * 24), st.integers(1, 500))
def test_nothing_is_told_between_now_and_what_is_due_next(
    promised: int | None, early: int, hours: int, more: int
) -> None:
    shop, now = channel(promised, notice_days=early, silence="cancel"), PLACED + timedelta(hours=hours)
    due, later = clocks.next_notice(order(), shop, now), PLACED + timedelta(hours=hours + more)
    assert due is None or due > now

    if due is None or later < due:
        assert clocks.notice(order(), shop, later) == clocks.notice(order(), shop, now)
        assert clocks.is_over(order(), shop, later) == clocks.is_over(order(), shop, now)
