"""What is due is asked for or done, once, and what cannot be done stops nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain import orders, times
from shared.domain.messages import FillSku, Message, PlanOrder
from shared.domain.names import OrderKey, Sku
from shared.domain.orders import Order
from shared.domain.people import By
from shared.domain.problems import Problem
from shared.domain.rules import Rules
from shared.errors import Conflict, InvalidInput, Transient
from shared.flows.send_purchase_orders import Lifetime, Sent
from shared.flows.sweep_due_work import SweepDueWork
from shared.flows.watch_clocks import TellDelays
from shared.storage import keys
from tests.support import trade
from tests.support.problems import FakeProblems

NOW = trade.times_now()
RULES = trade.shop_rules("alpina")
DUE = "2026-11-24T08:59:59.999Z"
KEY = trade.key()


@dataclass
class World:
    """The index, the orders, the flow that sends, and what was asked of whom."""

    due: list[tuple[OrderKey, str]]
    stored: dict[OrderKey, Order | Exception] = field(default_factory=dict)
    fails: dict[OrderKey, Exception] = field(default_factory=dict)
    postponed: list[Order] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    worked: list[OrderKey] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    erasures: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)

    def query(self, _condition: str, names: Mapping[str, Any], **how: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
        self.asked.append({**names, **how})
        for key, sk in self.due:
            if keys.due_shard(key) == names[":shard"]:
                yield {"PK": keys.order(key).pk, "SK": sk}
        for erasure in self.erasures:
            if keys.due_shard(erasure) == names[":shard"]:
                yield {"PK": keys.erasure(erasure).pk, "SK": keys.erasure(erasure).sk}

    def order(self, key: OrderKey) -> Order | None:
        found = self.stored.get(key)
        if isinstance(found, Exception):
            raise found
        return found

    def postpone(self, before: Order, after: Order) -> None:
        assert after.revision == before.revision + 1
        if before.key in self.fails:
            raise self.fails[before.key]
        self.postponed.append(after)

    def run(self, left: timedelta = timedelta(seconds=60)) -> Counter[str]:
        flow = SweepDueWork(
            table=self,  # type: ignore[arg-type]
            outbox=self,  # type: ignore[arg-type]
            problems=self,  # type: ignore[arg-type]
            purchase_orders=Sender(self),  # type: ignore[arg-type]
            erase=Eraser(self),  # type: ignore[arg-type]
            batches=Together(),  # type: ignore[arg-type]
            delays=TellDelays(FakeProblems(), self.cancel),  # type: ignore[arg-type]
            to_orders=self.sent.extend,
        )
        return flow.run(RULES, NOW, Lifetime(NOW + left, lambda: left))

    def cancel(self, key: OrderKey, _by: By, _op_id: str, _now: datetime) -> Order:
        raise AssertionError("nobody's customer waits too long", key)

    def open(self, problem: Problem, _now: str) -> bool:
        self.problems.append(problem)
        return True


@dataclass
class Eraser:
    world: World

    def run(self, erasure: str, _rules: Rules, _now: datetime, _life: Lifetime) -> Counter[str]:
        self.world.erased.append(erasure)
        return Counter(CustomerErased=1)


@dataclass
class Sender:
    world: World

    def run(self, wanted: Iterable[OrderKey], _rules: Rules, _now: datetime, _life: Lifetime) -> Sent:
        (key,) = wanted
        self.world.worked.append(key)
        failure = self.world.fails.get(key)
        assert failure is None or isinstance(failure, Transient)
        return Sent(Counter(PurchaseOrderSent=1), failure=failure)


class Together:
    def run(self, _found: Sent, _rules: Rules, _now: datetime, _life: Lifetime) -> Sent:
        return Sent()


def waiting(order_id: str = "1", *, due_at: str = DUE, placed_at: str = trade.T0) -> Order:
    """An order whose first SKU is open, and whose second and third wait for stock."""
    order = trade.order(order_id, ("A", 1), ("B", 2), ("B", 1))
    first, *rest = orders.backorder(order).lines
    first = replace(first, open=1, backordered=0)
    return replace(order, lines=(first, *rest), due_at=due_at, placed_at=placed_at)


def test_all_shards_are_read_for_what_is_due_and_no_more() -> None:
    world = World([])

    world.run()

    assert {each[":shard"] for each in world.asked} == {f"DUE#{shard}" for shard in range(8)}
    assert {each["index"] for each in world.asked} == {"due"}
    assert sum(each["limit"] for each in world.asked) <= 500
    (until,) = {each[":now"] for each in world.asked}
    assert f"{trade.NOW}#{keys.order(KEY).pk}" < until < f"{times.text(NOW + timedelta(milliseconds=1))}#"


def test_an_erasure_that_is_due_is_gone_on_with() -> None:
    world = World([], erasures=["e1"])

    assert world.run() == {"CustomerErased": 1}
    assert (world.erased, world.worked) == (["e1"], [])


def test_an_order_that_waits_is_asked_for_again_and_pushed_forward() -> None:
    world = World([(KEY, "ORD")], {KEY: waiting()})

    counted = world.run()

    assert world.sent == [PlanOrder(order=KEY), FillSku(sku=Sku("B"))]
    (after,) = world.postponed
    assert after == replace(waiting(), due_at=times.text(NOW + timedelta(minutes=15)), revision=2)
    assert counted == {"OrderDue": 1}


@pytest.mark.parametrize(
    ("placed_at", "minutes"),
    [(trade.NOW, 5), (trade.T0, 15), ("2026-11-23T21:00:00.000Z", 180), ("2026-10-01T00:00:00.000Z", 360)],
)
def test_who_has_waited_long_is_asked_for_less_often(placed_at: str, minutes: int) -> None:
    world = World([(KEY, "ORD")], {KEY: waiting(placed_at=placed_at)})

    world.run()

    assert [order.due_at for order in world.postponed] == [times.text(NOW + timedelta(minutes=minutes))]


@pytest.mark.parametrize(
    ("_case", "stored"),
    [
        ("someone pushed it since", waiting(due_at="2026-11-24T09:00:00.001Z")),
        ("it is done", waiting(due_at="")),
        ("it is gone", None),
    ],
)
def test_what_the_index_still_says_is_read_again(_case: str, stored: Order | None) -> None:
    world = World([(KEY, "ORD")], {KEY: stored} if stored else {})

    assert world.run() == {}
    assert (world.sent, world.postponed) == ([], [])


def test_an_order_that_wants_nothing_any_more_leaves_the_index() -> None:
    done = replace(orders.cancel(waiting(), 2).order, due_at=DUE)
    world = World([(KEY, "ORD")], {KEY: done})

    world.run()

    assert world.sent == []
    assert [order.due_at for order in world.postponed] == [""]


def test_the_purchase_orders_of_an_order_are_worked_off_together() -> None:
    world = World([(KEY, "PO#alpina#1"), (KEY, "PO#celtic#2")])

    assert world.run() == {"PurchaseOrderDue": 1, "PurchaseOrderSent": 1}
    assert world.worked == [KEY]


def test_what_fails_stops_nobody_else() -> None:
    broken, busy, overtaken, fine = (trade.key(each) for each in "1234")
    world = World(
        [(broken, "ORD"), (busy, "PO#alpina#1"), (overtaken, "ORD"), (fine, "ORD")],
        {
            broken: InvalidInput("an item cannot be read", code="item_unreadable"),
            overtaken: waiting("3"),
            fine: waiting("4"),
        },
        {busy: Transient("no time", code="no_time"), overtaken: Conflict("changed", code="po_changed")},
    )

    counted = world.run()

    assert (counted["DueStuck"], counted["DueFailed"], counted["DueOvertaken"]) == (1, 1, 1)
    assert [order.key for order in world.postponed] == [fine]
    assert [(problem.kind, problem.subject) for problem in world.problems] == [("item_unreadable", str(broken))]


def test_nothing_is_begun_that_cannot_be_ended() -> None:
    world = World([(KEY, "ORD")], {KEY: waiting()})

    assert world.run(left=timedelta(seconds=14)) == {"SweepCutShort": 1}
    assert world.sent == []
