"""What takes too long is told once, whose it is by the rules, and what a customer's silence ends is cancelled once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from shared.domain import clocks, rules, times
from shared.domain.names import OrderKey, SourceId
from shared.domain.orders import Order
from shared.domain.people import By
from shared.domain.problems import Problem, Standing
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.domain.rules import Rules
from shared.flows import watch_clocks
from shared.flows.watch_clocks import TellDelays
from tests.support import trade

NOW = trade.times_now()
HOUR = timedelta(hours=1)
PO = PurchaseOrder(
    order=trade.key(),
    source=SourceId("alpina"),
    n=1,
    number="ALPINA-000001",
    lines=(PoLine(line="l1", sku=trade.at("A", "alpina").sku, units=1),),
    state=PoState.SENT,
    sent_at=trade.NOW,
)


@dataclass
class Desk:
    """Exceptions as they stand."""

    standing: dict[tuple[str, str], Standing] = field(default_factory=dict)
    opened: int = 0

    def read(self, kind: str, subject: str) -> Standing | None:
        return self.standing.get((kind, subject))

    def open(self, problem: Problem, now: str) -> bool:
        self.opened += 1
        self.standing[problem.kind, problem.subject] = Standing(problem=problem, opened_at=now)
        return True

    def renew(self, problem: Problem) -> bool:
        there = self.standing[problem.kind, problem.subject]
        self.standing[problem.kind, problem.subject] = replace(there, problem=problem)
        return True

    def close(self, by: str, at: datetime) -> None:
        self.standing = {
            key: replace(each, closed_at=times.text(at), closed_by=by) for key, each in self.standing.items()
        }

    @property
    def owners(self) -> list[str]:
        return [each.problem.owner for each in self.standing.values() if each.is_open]


def terms(**said: object) -> Rules:
    document = trade.shop_rules_document("alpina", delays={"silence": "cancel"})
    document["sources"]["alpina"]["clocks"] = {"late": "never", **said}
    return rules.parse(document)


def look(desk: Desk, after: timedelta, by: Rules) -> None:
    source = by.sources[SourceId("alpina")]
    found = clocks.alerts(PO, source, NOW + after)
    watch_clocks.tell(desk, PO, source, found, NOW + after)  # type: ignore[arg-type]


def test_an_alert_is_told_once_and_escalates_by_rule() -> None:
    desk, by = Desk(), terms(not_acknowledged="4 hours", escalate={"to": "boss", "after_hours": 8})

    for hour in range(20):
        look(desk, hour * HOUR, by)
        assert desk.owners == ([] if hour < 4 else ["operations"] if hour < 12 else ["boss"])

    assert desk.opened == 1


@pytest.mark.parametrize(("by", "again"), [("ada", 24), (watch_clocks.BY, 0)])
def test_what_a_person_closed_is_told_again_after_its_hours_and_what_ended_at_once(by: str, again: int) -> None:
    desk, said = Desk(), terms(not_acknowledged="4 hours")
    look(desk, 5 * HOUR, said)
    desk.close(by, NOW + 6 * HOUR)

    if again:
        look(desk, (6 + again) * HOUR - timedelta(milliseconds=1), said)
        assert desk.opened == 1
    look(desk, (6 + again) * HOUR, said)

    assert desk.opened == 2


@dataclass
class Counter:
    """Cancels orders, once by the id of the wish."""

    cancelled: list[tuple[OrderKey, str, str]] = field(default_factory=list)

    def cancel(self, key: OrderKey, by: By, op_id: str, _now: datetime) -> Order:
        self.cancelled.append((key, by.reason, op_id))
        return trade.order()


def day(after: int) -> datetime:
    return times.read(trade.T0).replace(hour=0) + timedelta(days=after)


def test_a_delay_is_told_then_consent_is_asked_for_and_silence_cancels() -> None:
    desk, counter, by = Desk(), Counter(), terms()
    flow = TellDelays(desk, counter.cancel)  # type: ignore[arg-type]
    order = trade.order("1", ("A", 1))

    told = [flow.run(order, by, day(after)) for after in (28, 29, 40, 59, 60, 61)]

    assert told == ["", "DelayNotice", "", "DelayNoticeRenewed", "", "OrderCancelledBySilence"]
    assert counter.cancelled == [(order.key, watch_clocks.NO_CONSENT, "delay#2027-01-23")]
    (standing,) = desk.standing.values()
    assert standing.problem.details == {
        "order_name": "#1",
        "ship_by": "2026-12-24",
        "wait_until": "2027-02-22",
        "answer_by": "2027-01-23",
        "needs_consent": "yes",
    }


def test_a_delay_that_a_person_has_told_is_not_told_twice_but_the_next_one_is() -> None:
    desk, by = Desk(), terms()
    flow = TellDelays(desk, Counter().cancel)  # type: ignore[arg-type]
    order = trade.order("1", ("A", 1))
    flow.run(order, by, day(29))
    desk.close("ada", day(29))

    assert [flow.run(order, by, day(after)) for after in (30, 59)] == ["", "DelayNotice"]


def test_an_order_of_an_unknown_channel_is_told_nobody() -> None:
    order = replace(trade.order("1", ("A", 1)), key=trade.key("1", "gone"))

    assert TellDelays(Desk(), Counter().cancel).run(order, terms(), day(99)) == ""  # type: ignore[arg-type]
