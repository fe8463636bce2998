"""What does not add up becomes one exception; what a stream may still be working on does not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.domain import times
from shared.domain.ledger import Movement, movement
from shared.domain.names import LevelKey, SourceId
from shared.domain.orders import Order, take
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.domain.stock import Level
from shared.flows.compensate import Compensate
from shared.flows.reconcile import Reconcile
from shared.storage import attributes, keys, levels, order_lists, orders, purchase_orders
from shared.storage.dynamo import Table
from shared.storage.keys import Key
from shared.storage.ledger import Ledger
from shared.storage.problems import Problems
from tests.support import trade
from tests.support.problems import FakeProblems


@dataclass
class FakeTable:
    """One segment holds all; `later` is what a strong read finds instead of what the scan saw."""

    items: list[dict[str, Any]] = field(default_factory=list)
    later: dict[Key, dict[str, Any]] = field(default_factory=dict)
    name: str = "table"

    @property
    def client(self) -> FakeTable:
        return self

    def scan(self, *, Segment: int, TotalSegments: int, **request: Any) -> dict[str, Any]:  # noqa: N803, ANN401 - boto3's
        assert 0 <= Segment < TotalSegments
        entity = request["ExpressionAttributeValues"][":entity"]["S"]
        at = request.get("ExclusiveStartKey", 0)
        found = [attributes.image(item) for item in self.items[at : at + 1] if item["entity"] == entity]
        page: dict[str, Any] = {"Items": found}
        return page | ({"LastEvaluatedKey": at + 1} if at + 1 < len(self.items) else {})

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's
        (wanted,) = RequestItems.values()
        assert wanted["ConsistentRead"]
        found = (self.get(Key(key["PK"]["S"], key["SK"]["S"])) for key in wanted["Keys"])
        return {"Responses": {self.name: [attributes.image(item) for item in found if item]}}

    def put(self, item: dict[str, Any]) -> None:
        self.items.append(item)

    def get(self, key: Key) -> dict[str, Any] | None:
        stored = {Key(item["PK"], item["SK"]): item for item in self.items} | self.later
        return stored.get(key)

    def query(self, _condition: str, names: Mapping[str, Any], *, consistent: bool) -> Iterator[dict[str, Any]]:
        assert consistent
        yield from (item for item in self.items if item["PK"] == names[":pk"])


@dataclass
class Moving(FakeTable):
    """A table whose level is another one from the second strong read on."""

    after: dict[str, Any] = field(default_factory=dict)
    read: int = 0

    def get(self, key: Key) -> dict[str, Any] | None:
        self.read += 1
        return self.after if self.read > 1 else super().get(key)


@dataclass
class FakeLedger:
    movements: list[Movement] = field(default_factory=list)

    def of(self, key: LevelKey, _now: object) -> list[Movement]:
        return [each for each in self.movements if each.key == key]


@dataclass
class Run:
    """One flow with its fakes; two hours have passed."""

    stock: FakeTable = field(default_factory=FakeTable)
    orders: FakeTable = field(default_factory=FakeTable)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    problems: FakeProblems = field(default_factory=FakeProblems)

    def __call__(self, hours: float = 2) -> Counter[str]:
        stock, orders = cast("Table", self.stock), cast("Table", self.orders)
        problems = cast("Problems", self.problems)
        compensate = Compensate(stock=stock, orders=orders, ledger=cast("Ledger", self.ledger), problems=problems)
        flow = Reconcile(stock=stock, orders=orders, compensate=compensate, problems=problems)
        return flow.run(0, trade.shop_rules("alpina"), trade.times_now() + timedelta(hours=hours))


COUNTED = trade.level("A", "alpina", 10, changed_at=trade.NOW)
TAKEN = replace(COUNTED, available=7, committed=3, revision=2, cause=("take", "a1"), last={trade.key("1").token: 3})
MOVED = (movement(None, COUNTED), movement(COUNTED, TAKEN))


def with_level(level: Level, *moved: Movement) -> Run:
    run = with_order(reserved(), purchase_order(PoState.SENT))
    return replace(run, stock=FakeTable([levels.to_item(level)]), ledger=FakeLedger(list(moved)))


def with_order(order: Order, *pos: PurchaseOrder, planned_at: str = trade.NOW) -> Run:
    pk, sk = keys.plan(order.key, order.attempt)
    told = json.dumps({"taken": [], "short": {}, "weighed": []})
    plan: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "plan", "schema": 1, "attempt": order.attempt}
    plan |= {"made_at": planned_at, "rules_version": "1", "plan": told}
    lists = order_lists.of_order(order).values()
    found = FakeTable([orders.to_item(order), plan, *map(purchase_orders.to_item, pos), *lists])
    return Run(stock=FakeTable([levels.to_item(TAKEN)]), orders=found, ledger=FakeLedger(list(MOVED)))


def reserved() -> Order:
    return take(trade.order("1", ("A", 3)), {("l1", SourceId("alpina")): 3}, attempt="a1")


def purchase_order(state: PoState = PoState.READY) -> PurchaseOrder:
    return PurchaseOrder(
        order=trade.key("1"),
        source=SourceId("alpina"),
        n=1,
        number="ALP-1",
        lines=(PoLine(line="l1", sku=COUNTED.key.sku, units=3),),
        state=state,
        made_at=trade.NOW,
    )


def test_what_adds_up_is_counted_and_nothing_is_said() -> None:
    run = with_level(TAKEN, *MOVED)

    assert run() == {"LevelChecked": 1, "OrderChecked": 1}
    assert run.problems.found == []


@pytest.mark.parametrize(
    ("_case", "level", "moved", "reason"),
    [
        ("the equation", replace(TAKEN, committed=2), MOVED, "available is not counted - committed - deducted"),
        ("a lost movement", TAKEN, MOVED[:1], "its last movement is revision 1, the level is at 2"),
        ("a wrong movement", TAKEN, (MOVED[0], replace(MOVED[1], units=-2)), "its movements sum to 8, it has 7"),
    ],
)
def test_a_level_that_differs_is_drift(_case: str, level: Level, moved: tuple[Movement, ...], reason: str) -> None:
    run = with_level(level, *moved)

    assert run()["LedgerDrift"] == 1
    assert run.problems.found == [("drift", "A at alpina")]
    assert run.problems.opened[0].reason == reason


def test_a_movement_on_its_way_is_not_drift() -> None:
    run = with_level(TAKEN, MOVED[0])

    assert run(hours=0.2) == {"LevelChecked": 1, "OrderChecked": 1}
    assert run.problems.found == []


def test_a_suspicion_that_a_second_look_removes_is_none() -> None:
    run = with_level(replace(TAKEN, available=6), *MOVED)
    run.stock.later = {keys.level(TAKEN.key): levels.to_item(TAKEN)}

    run()

    assert run.problems.found == []


def test_an_order_whose_line_does_not_add_up_is_drift() -> None:
    order = reserved()
    run = with_order(replace(order, lines=(replace(order.lines[0], cancelled=1),)))

    assert run()["LedgerDrift"] == 1
    assert run.problems.found == [("drift", "nordlys#1")]


@pytest.mark.parametrize(
    ("_case", "state", "hours", "expected"),
    [
        ("ready for two hours", PoState.READY, 2, [("not_sent", "ALP-1")]),
        ("ready for some minutes", PoState.READY, 0.5, []),
        ("sent", PoState.SENT, 2, []),
        ("cancelled", PoState.CANCELLED, 2, []),
    ],
)
def test_a_purchase_order_nobody_sent(
    _case: str, state: PoState, hours: float, expected: list[tuple[str, str]]
) -> None:
    run = with_order(reserved(), purchase_order(state))

    run(hours)

    assert run.problems.found == expected


@pytest.mark.parametrize(
    ("_case", "planned_at", "expected"),
    [
        ("planned two hours ago", trade.NOW, [("no_purchase_order", "nordlys#1#alpina#1")]),
        ("planned a moment ago", times.text(trade.times_now() + timedelta(hours=1.9)), []),
    ],
)
def test_units_reserved_without_a_purchase_order(_case: str, planned_at: str, expected: list[tuple[str, str]]) -> None:
    run = with_order(reserved(), planned_at=planned_at)

    run()

    assert run.problems.found == expected


def test_an_item_that_cannot_be_read_is_an_exception_and_the_rest_is_checked() -> None:
    run = with_level(replace(TAKEN, committed=2), *MOVED)
    run.stock.items.insert(0, {"PK": "SKU#B", "SK": "SRC#alpina", "entity": "level"})
    run.orders.items = [{"PK": "ORD#nordlys#2", "SK": "ORD", "entity": "order"}]

    assert run() == {"LevelChecked": 2, "OrderChecked": 1, "LedgerDrift": 1, "Suspicion": 2}
    assert run.problems.found == [
        ("item_unreadable", "SKU#B#SRC#alpina"),
        ("drift", "A at alpina"),
        ("item_unreadable", "ORD#nordlys#2#ORD"),
    ]


@pytest.mark.parametrize(
    ("_case", "order", "reason"),
    [
        ("fewer", take(trade.order("1", ("A", 3)), {("l1", SourceId("alpina")): 2}, attempt="a1"), "which holds 2"),
        (
            "of another source",
            take(trade.order("1", ("A", 3)), {("l1", SourceId("celtic")): 3}, attempt="a1"),
            "holds 0",
        ),
        ("of another SKU", take(trade.order("1", ("B", 3)), {("l1", SourceId("alpina")): 3}, attempt="a1"), "holds 0"),
    ],
)
def test_units_that_a_level_promised_and_no_order_holds_are_drift(_case: str, order: Order, reason: str) -> None:
    run = with_level(TAKEN, *MOVED)
    run.orders = with_order(order, purchase_order(PoState.SENT)).orders

    run()

    (problem,) = [each for each in run.problems.opened if each.subject == "A at alpina"]
    assert problem.kind == "drift"
    assert reason in problem.reason


def test_a_level_that_moved_while_its_orders_were_read_is_no_drift() -> None:
    run = with_level(TAKEN, *MOVED)
    run.orders = with_order(trade.order("1", ("A", 3))).orders
    run.stock = Moving(run.stock.items, after=levels.to_item(replace(TAKEN, revision=3)))

    assert "LedgerDrift" not in run()
