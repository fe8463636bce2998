from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import clock_rules, clocks, rules, times
from shared.domain.clock_rules import Clock, Clocks, Limit
from shared.domain.names import Sku, SourceId
from shared.domain.places import Place
from shared.domain.purchase_orders import PoEvent, PoLine, PoState, PurchaseOrder, answered, step
from shared.domain.rules import Source
from shared.errors import InvalidInput
from tests.support import trade

T0 = "2026-11-24T09:00:00.000Z"
START = times.read(T0)
"""A Tuesday, 10 in the morning in Vienna; the Thursday after it is a holiday."""
HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)


def source(**said: object) -> Source:
    document = trade.shop_rules_document("alpina")
    shipping = {"cutoff": {"at": "14:00", "holidays": ["2026-11-26"]}}
    document["sources"]["alpina"] |= {"shipping": shipping, "clocks": said} | {
        key: said.pop(key) for key in ("send_by", "ships_within_days") if key in said
    }
    return rules.parse(document).sources[SourceId("alpina")]


def purchase_order(state: PoState, **changes: Any) -> PurchaseOrder:  # noqa: ANN401
    po = PurchaseOrder(
        order=trade.key(),
        source=SourceId("alpina"),
        n=1,
        number="ALPINA-000001",
        lines=(PoLine(line="l1", sku=Sku("A"), units=2),),
        state=state,
        made_at=T0,
    )
    return replace(po, **changes)


def ran_out(po: PurchaseOrder, by: Source, now: datetime) -> list[Clock]:
    return [each.clock for each in clocks.alerts(po, by, now)]


@pytest.mark.parametrize(
    ("clock", "said", "po", "at"),
    [
        (Clock.NOT_SENT, "1 hour", purchase_order(PoState.READY), "2026-11-24T10:00:00.000Z"),
        (Clock.NOT_SENT, "1 hour", purchase_order(PoState.FAILED), "2026-11-24T10:00:00.000Z"),
        (
            Clock.UNKNOWN_TOO_LONG,
            "4 hours",
            purchase_order(PoState.UNKNOWN, claimed_until=T0),
            "2026-11-24T13:00:00.000Z",
        ),
        (Clock.NOT_ACKNOWLEDGED, "24 hours", purchase_order(PoState.SENT, sent_at=T0), "2026-11-25T09:00:00.000Z"),
        (
            Clock.NOT_ACKNOWLEDGED,
            "1 business day",
            purchase_order(PoState.CANCELLING, sent_at="2026-11-23T09:00:00.000Z", cancel_at=T0),
            "2026-11-25T13:00:00.000Z",
        ),
        (
            Clock.LATE,
            "2 business days",
            purchase_order(PoState.ACKNOWLEDGED, sent_at=T0),
            "2026-11-27T13:00:00.000Z",
        ),
        (
            Clock.NO_TRACKING,
            "1 business day",
            purchase_order(PoState.SHIPPED, sent_at=T0, shipped_at="2026-11-25T14:00:00.000Z"),
            "2026-11-30T13:00:00.000Z",
        ),
    ],
)
def test_a_clock_runs_out_at_its_time_and_not_before(clock: Clock, said: str, po: PurchaseOrder, at: str) -> None:
    by = source(**dict.fromkeys(Clock, "never") | {clock: said})

    assert ran_out(po, by, times.read(at) - timedelta(milliseconds=1)) == []
    assert ran_out(po, by, times.read(at)) == [clock]
    assert clocks.next_due(po, replace(by, ships_within=90 * A_DAY), START - HOUR) in {
        times.read(at),
        START + 90 * A_DAY,
    }


def test_what_waits_for_its_supplier_to_open_is_not_late_before() -> None:
    by = source(send_by={"way": "file", "send": "business_hours", "opens": "08:00"})
    po = purchase_order(PoState.READY, made_at="2026-11-25T20:00:00.000Z")

    assert ran_out(po, by, times.read("2026-11-27T07:59:59.000Z")) == []
    assert ran_out(po, by, times.read("2026-11-27T08:00:00.000Z")) == [Clock.NOT_SENT]


def test_a_trouble_becomes_anothers_after_its_time() -> None:
    by = source(not_acknowledged="4 hours", owner="buying", escalate={"to": "boss", "after_hours": 8})
    po = purchase_order(PoState.SENT, sent_at=T0)

    owners = [clocks.alerts(po, by, START + after * HOUR)[0].owner for after in (4, 11.99, 12)]

    assert owners == ["buying", "buying", "boss"]
    assert clocks.next_due(po, by, START + 4 * HOUR) == START + 12 * HOUR
    assert clocks.next_due(po, by, START + 12 * HOUR) == START + 36 * HOUR


def test_a_supplier_that_must_have_shipped_is_looked_at_then() -> None:
    by = source(**dict.fromkeys(Clock, "never"), ships_within_days=3)

    assert clocks.next_due(purchase_order(PoState.SENT, sent_at=T0), by, START) == START + 3 * A_DAY


def test_when_all_was_shipped_is_kept_once() -> None:
    po = purchase_order(PoState.SENT, sent_at=T0)

    shipped = answered(po, PoEvent.SHIP, T0, lambda _: "later")
    assert shipped is not None
    again = answered(shipped, PoEvent.SHIP, "2026-11-25T09:00:00.000Z", lambda _: "later")

    assert (shipped.state, shipped.shipped_at, shipped.due_at) == (PoState.SHIPPED, T0, "later")
    assert again is None


def times_after(least: int = 0) -> st.SearchStrategy[timedelta]:
    return st.integers(least, 60 * 24 * 40).map(lambda minutes: timedelta(minutes=minutes))


limits = st.integers(1, 500).map(lambda hours: Limit(hours=hours)) | st.integers(1, 20).map(
    lambda days: Limit(business_days=days)
)
terms = st.builds(
    Clocks,
    limits=st.dictionaries(st.sampled_from(Clock), limits),
    escalates_to=st.sampled_from(["", "boss"]),
    escalates_after=st.integers(1, 100).map(lambda hours: timedelta(hours=hours)),
)
moments = st.sampled_from(["", T0, "2026-11-25T13:30:00.000Z"])
orders = st.builds(
    purchase_order,
    st.sampled_from(PoState),
    claimed_until=moments,
    sent_at=moments,
    cancel_at=moments,
    shipped_at=moments,
)


@given(orders, terms, times_after(), times_after())
def test_later_more_clocks_have_run_out_and_never_fewer(
    po: PurchaseOrder, said: Clocks, after: timedelta, more: timedelta
) -> None:
    by = replace(source(), clocks=said)

    before, later = (set(ran_out(po, by, START + at)) for at in (after, after + more))

    assert before <= later
    assert all(at <= START + after for at in (each.ran_out_at for each in clocks.alerts(po, by, START + after)))


@given(orders, terms, times_after(), times_after(1))
def test_between_now_and_what_is_due_next_nothing_changes(
    po: PurchaseOrder, said: Clocks, after: timedelta, more: timedelta
) -> None:
    by, now = replace(source(), clocks=said), START + after
    due = clocks.next_due(po, by, now)
    assert due is None or due > now

    if due is None or now + more < due:
        assert clocks.alerts(po, by, now + more) == clocks.alerts(po, by, now)


@pytest.mark.parametrize(
    ("clock", "state", "event"),
    [
        (Clock.NOT_SENT, PoState.READY, PoEvent.CLAIM),
        (Clock.NOT_SENT, PoState.FAILED, PoEvent.CANCEL),
        (Clock.UNKNOWN_TOO_LONG, PoState.UNKNOWN, PoEvent.SENT),
        (Clock.UNKNOWN_TOO_LONG, PoState.CLAIMED, PoEvent.REFUSED),
        (Clock.NOT_ACKNOWLEDGED, PoState.SENT, PoEvent.ACKNOWLEDGE),
        (Clock.NOT_ACKNOWLEDGED, PoState.CANCELLING, PoEvent.CANCEL_ACCEPTED),
        (Clock.NOT_ACKNOWLEDGED, PoState.CANCELLING, PoEvent.CANCEL_REFUSED),
        (Clock.LATE, PoState.SENT, PoEvent.REJECT),
        (Clock.LATE, PoState.ACKNOWLEDGED, PoEvent.SHIP),
        (Clock.LATE, PoState.ACKNOWLEDGED, PoEvent.CANCEL),
        (Clock.NO_TRACKING, PoState.SHIPPED, PoEvent.CLOSE),
    ],
)
def test_an_alert_ends_when_its_purchase_order_is_past_it(clock: Clock, state: PoState, event: PoEvent) -> None:
    po = purchase_order(state, claimed_until=T0, sent_at=T0, cancel_at=T0, shipped_at=T0)
    late = START + 60 * A_DAY
    assert clock in ran_out(po, source(), late)

    assert clock not in ran_out(step(po, event), source(), late)


@pytest.mark.parametrize("state", [PoState.CLOSED, PoState.CANCELLED, PoState.REJECTED])
def test_nothing_runs_for_what_is_over(state: PoState) -> None:
    po = purchase_order(state, sent_at=T0, claimed_until=T0, cancel_at=T0, shipped_at=T0)

    assert clocks.next_due(po, source(), START) is None
    assert ran_out(po, source(), START + 999 * A_DAY) == []


# ---- rules


def test_clocks_are_read_with_all_their_settings() -> None:
    said = {"late": "3 business days", "not_sent": "never", "owner": "buying", "repeat_hours": 12}

    read = source(**said, escalate={"to": "boss", "after_hours": 8}).clocks

    assert read.limits == {
        Clock.UNKNOWN_TOO_LONG: Limit(hours=4),
        Clock.NOT_ACKNOWLEDGED: Limit(hours=24),
        Clock.LATE: Limit(business_days=3),
        Clock.NO_TRACKING: Limit(business_days=2),
    }
    assert (read.owner, read.escalates_to, read.escalates_after, read.repeats) == (
        "buying",
        "boss",
        8 * HOUR,
        12 * HOUR,
    )


@pytest.mark.parametrize(
    ("_case", "said", "at"),
    [
        ("no such clock", {"bored": "1 hour"}, "clocks.bored"),
        ("no unit", {"late": 3}, "clocks.late"),
        ("no time at all", {"late": "0 hours"}, "clocks.late"),
        ("longer than a quarter", {"late": "91 business days"}, "clocks.late"),
        ("days of no kind", {"late": "3 days"}, "clocks.late"),
        ("escalated to nobody", {"escalate": {"after_hours": 3}}, "clocks.escalate.to"),
        ("repeated at once", {"repeat_hours": 0}, "clocks.repeat_hours"),
    ],
)
def test_nonsense_about_clocks_is_refused_with_its_place(_case: str, said: dict[str, Any], at: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        clock_rules.clocks(Place("clocks", said))

    assert refused.value.details["at"] == at


def test_the_rules_name_everybody_who_looks_after_exceptions() -> None:
    document = trade.shop_rules_document("alpina", "celtic")
    document["sources"]["alpina"]["clocks"] = {"owner": "buying", "escalate": {"to": "boss", "after_hours": 1}}

    assert rules.parse(document).owners == ("boss", "buying", "operations")
