"""Damage by hand is found with a proposal, compensated at the terminal, found no more, and its exception closes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.reconcile import handler
from functions.record_stock import handler as record_stock
from functions.sweep_due_work import handler as sweep_due_work
from shared.domain import explain, orders, times
from shared.domain.explain import LevelTermKind
from shared.domain.ledger import Movement, drift, movement
from shared.domain.names import SourceId
from shared.domain.orders import DeductsAt, Order
from shared.domain.people import By
from shared.domain.problems import Standing
from shared.domain.stock import Level
from shared.errors import Conflict
from shared.flows.compensate import Compensate
from shared.flows.reconcile import SEGMENTS
from shared.runtime import clock
from shared.runtime.rules import current
from shared.runtime.settings import settings
from shared.storage import keys, ledger, levels, order_lists
from shared.storage import orders as order_items
from shared.storage.config import Config
from shared.storage.dynamo import Transactions
from shared.storage.ledger import Ledger
from shared.storage.levels import Levels
from shared.storage.problems import Problems
from tests.integration.conftest import Aws, LambdaContext, forget, sample_rules
from tests.support import terminal as terminals
from tests.support import trade
from tests.support.life import streamed
from tests.support.terminal import Terminal

KEY = trade.at("NL-1001", "alpina")
ALPINA = SourceId("alpina")
BY = By("bo", "counted")
COMPENSATE = ("stock", "compensate", "NL-1001", "--source", "alpina", "--reason", "it was so", "--actor", "bo")


def ago(hours: int) -> str:
    return times.text(clock.now() - timedelta(hours=hours))


def order(which: str, units: int) -> Order:
    """An order that holds so many; a person looks at it, so that nobody misses its purchase order."""
    taken = orders.take(trade.order(which, ("NL-1001", units)), {("l1", ALPINA): units}, attempt="a1")
    return replace(taken, hold="a person looks at it")


FIRST, SECOND = order("77", 3), order("78", 2)


@pytest.fixture
def level(aws: Aws) -> Level:
    """10 counted, 3 taken by one order and 2 by another, then 12 counted; all of it hours ago, and all agree."""
    counted = trade.level("NL-1001", "alpina", 10, changed_at=ago(5), counted_as_of=ago(6))
    written = [
        counted,
        replace(counted, available=7, committed=3, changed_at=ago(4), cause=("take", "a1"), last={FIRST.key.token: 3}),
        replace(counted, available=5, committed=5, changed_at=ago(3), cause=("take", "a2"), last={SECOND.key.token: 2}),
        replace(counted, available=7, committed=5, counted=12, changed_at=ago(2), cause=("feed", "f2")),
    ]
    written = [replace(each, revision=at) for at, each in enumerate(written, 1)]
    moved = [movement(before, image) for before, image in zip([None, *written], written, strict=False)]
    aws.stock.put(levels.to_item(written[-1]))
    aws.stock.write_all([ledger.to_item(each) for each in moved])
    for each in (FIRST, SECOND):
        aws.orders.put(order_items.to_item(each))
        aws.orders.write_all(list(order_lists.of_order(each).values()))
    return written[-1]


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    assert aws
    return terminals.at(tmp_path, capsys, monkeypatch)


def movements(aws: Aws) -> list[Movement]:
    return Ledger(aws.stock).of(KEY, clock.now())


def lose(aws: Aws, *revisions: int) -> None:
    for each in movements(aws):
        if each.revision in revisions:
            aws.stock.delete(keys.movement(KEY, each.changed_at, each.revision))


def put_level(aws: Aws, **changes: Any) -> None:  # noqa: ANN401 - any field of a level
    aws.stock.put(levels.to_item(replace(found(aws), **changes)))


def put_wrong(aws: Aws) -> None:
    aws.stock.put(ledger.to_item(replace(movements(aws)[1], units=-4)))


def rerouted(aws: Aws) -> None:
    aws.orders.put(order_items.to_item(orders.reroute(FIRST, 1, "l1", 1).order))


def shipped(aws: Aws) -> None:
    sent = orders.send(FIRST, 1, deducts_at=DeductsAt.SHIP).order
    aws.orders.put(order_items.to_item(orders.ship(sent, 1, "l1", 2, deducts_at=DeductsAt.SHIP).order))


def third_order(aws: Aws) -> None:
    aws.orders.put(order_items.to_item(order("79", 4)))


def found(aws: Aws) -> Level:
    item = aws.stock.get(keys.level(KEY))
    assert item
    return levels.from_item(item)


def reconcile(context: LambdaContext) -> int:
    return sum(
        handler.lambda_handler({"segment": segment}, context).get("LedgerDrift", 0) for segment in range(SEGMENTS)
    )


def exception(aws: Aws) -> Standing:
    standing = Problems(aws.orders).read("drift", "NL-1001 at alpina")
    assert standing
    return standing


def numbers(level: Level) -> tuple[int, int, int]:
    return level.available, level.committed, sum(level.deducted.values())


Damage = Callable[[Aws], None]
MENDED: list[tuple[str, Damage, str, dict[str, object], tuple[int, int, int]]] = [
    (
        "a: available",
        lambda aws: put_level(aws, available=9),
        "available is not",
        {"available": -2, "ledger": "unwritten after 4: +2"},
        (7, 5, 0),
    ),
    (
        "b: an order gave back",
        rerouted,
        "3 units are promised to order nordlys#77, which holds 2",
        {"available": 1, "committed": -1, "orders": "nordlys#77 -1"},
        (8, 4, 0),
    ),
    (
        "b: an order was shipped",
        shipped,
        "which holds 1",
        {"committed": -2, "deducted": 2, "orders": "nordlys#77 -2"},
        (7, 3, 2),
    ),
    (
        "b: an order took",
        third_order,
        "0 units are promised to order nordlys#79, which holds 4",
        {"available": -4, "committed": 4, "orders": "nordlys#79 +4"},
        (3, 9, 0),
    ),
    (
        "c: a movement is lost",
        lambda aws: lose(aws, 2),
        "a movement is missing",
        {"orders": "nordlys#77 +3", "ledger": "recovered 2: -3"},
        (7, 5, 0),
    ),
    ("c: the newest is lost", lambda aws: lose(aws, 4), "its last movement", {"ledger": "feed 4: +2"}, (7, 5, 0)),
    (
        "c: two in a row are lost",
        lambda aws: lose(aws, 2, 3),
        "a movement is missing",
        {"orders": "nordlys#77 +3, nordlys#78 +2", "ledger": "recovered 2 to 3: -5"},
        (7, 5, 0),
    ),
    ("d: the sum is off", put_wrong, "its movements sum to 6", {"ledger": "unwritten after 1: +1"}, (7, 5, 0)),
]


@pytest.mark.parametrize(("_case", "damage", "reason", "proposed", "after"), MENDED, ids=[each[0] for each in MENDED])
@pytest.mark.usefixtures("level")
def test_each_kind_is_found_proposed_compensated_and_found_no_more(
    aws: Aws,
    context: LambdaContext,
    terminal: Terminal,
    _case: str,
    damage: Damage,
    reason: str,
    proposed: dict[str, object],
    after: tuple[int, int, int],
) -> None:
    assert reconcile(context) == 0
    told_before = len(streamed(aws.stock.name))
    damage(aws)

    record_stock.lambda_handler({"Records": streamed(aws.stock.name)[told_before:]}, context)
    assert reconcile(context) >= 1

    problem = exception(aws).problem
    assert reason in problem.reason
    told = {name.removeprefix("proposed_"): told for name, told in problem.details.items() if "proposed" in name}
    assert told == proposed
    terminal.capsys.readouterr()
    document = terminal.document(*COMPENSATE)
    assert document["is_written"]
    assert document["proposed"].items() >= proposed.items()
    records = [
        each for each in streamed(aws.stock.name)[told_before:] if each["dynamodb"]["Keys"]["SK"]["S"][:4] == "SRC#"
    ]
    record_stock.lambda_handler({"Records": records}, context)
    assert reconcile(context) == 0
    assert numbers(found(aws)) == after
    assert drift(found(aws), movements(aws)) == ""
    explained = explain.level(found(aws), movements(aws))
    assert explained.wrong == ""
    assert sum(term.units for term in explained.terms) == after[0]
    sweep_due_work.cure().run(current(clock.now()), clock.now())
    assert not exception(aws).is_open
    assert terminal.run(*COMPENSATE) == 0
    assert "there is nothing to compensate" in terminal.out


@pytest.mark.usefixtures("level")
def test_an_order_whose_line_does_not_add_up_is_for_a_person(aws: Aws, context: LambdaContext) -> None:
    broken = replace(FIRST, lines=(replace(FIRST.lines[0], cancelled=1),))
    aws.orders.put(order_items.to_item(broken))
    rules(aws, 1000)
    before = found(aws)

    assert reconcile(context) == 1

    standing = Problems(aws.orders).read("drift", "nordlys#77")
    assert standing
    assert not [name for name in standing.problem.details if name.startswith("proposed")]
    assert found(aws) == before


def rules(aws: Aws, up_to: int) -> None:
    Config(aws.s3, settings().config_bucket).push(sample_rules() | {"reconcile": {"compensate_up_to": up_to}})
    forget()


@pytest.mark.parametrize(("up_to", "available"), [(0, 9), (1, 9), (2, 7)])
@pytest.mark.usefixtures("level")
def test_only_what_the_rules_let_is_made_right_without_asking(
    aws: Aws, context: LambdaContext, up_to: int, available: int
) -> None:
    put_level(aws, available=9)
    rules(aws, up_to)

    assert reconcile(context) == 1

    assert found(aws).available == available
    assert exception(aws).is_open


@pytest.mark.usefixtures("level")
def test_a_ledger_alone_is_made_right_without_a_write_of_the_level(aws: Aws, context: LambdaContext) -> None:
    before = found(aws)
    lose(aws, 4)
    rules(aws, 10)

    reconcile(context)

    assert found(aws) == before
    assert drift(before, movements(aws)) == ""


# ---- at the terminal


@pytest.mark.usefixtures("level")
def test_before_and_after_are_shown_and_a_dry_run_writes_nothing(aws: Aws, terminal: Terminal) -> None:
    rerouted(aws)
    before = found(aws), movements(aws)

    assert terminal.run(*COMPENSATE, "--dry-run") == 0

    assert "available 7 -> 8, committed 5 -> 4, deducted 0 -> 0" in terminal.out
    assert "orders: nordlys#77 -1" in terminal.out
    assert (found(aws), movements(aws)) == before


@pytest.mark.usefixtures("level")
def test_outside_of_the_local_cloud_it_asks(aws: Aws, terminal: Terminal) -> None:
    put_level(aws, available=9)

    assert terminal.run(*COMPENSATE, "--stack", "shop", said="n\n") == 1
    assert found(aws).available == 9
    assert terminal.run(*COMPENSATE, "--stack", "shop", "--yes") == 0
    assert found(aws).available == 7


@pytest.mark.usefixtures("level")
def test_a_compensation_is_told_with_who_and_why(aws: Aws, context: LambdaContext, terminal: Terminal) -> None:
    rerouted(aws)
    told_before = len(streamed(aws.stock.name))
    terminal.run(*COMPENSATE)
    record_stock.lambda_handler({"Records": streamed(aws.stock.name)[told_before:]}, context)

    assert terminal.run("stock", "explain", "NL-1001") == 0

    assert "-3  promised to order nordlys#77" in terminal.out
    assert "+1  set right" in terminal.out
    assert "by bo: it was so" in terminal.out
    terms = explain.level(found(aws), movements(aws)).terms
    assert [term.units for term in terms if term.kind is LevelTermKind.COMPENSATED] == [1]


@pytest.mark.usefixtures("level")
def test_what_cannot_be_compensated_says_why(aws: Aws, terminal: Terminal) -> None:
    assert terminal.run("stock", "compensate", "NL-9", "--source", "alpina", "--reason", "r") == 1
    assert "no such level" in terminal.err
    assert terminal.run("stock", "compensate", "NL-1001", "--source", "alpina") == 2
    put_level(aws, counted=15)
    assert terminal.run(*COMPENSATE) == 1
    assert "only a person can tell what is right" in terminal.err


def test_what_the_stream_may_still_bring_is_waited_for(aws: Aws, terminal: Terminal, level: Level) -> None:
    now = replace(level, available=6, committed=6, revision=5, changed_at=ago(0), last={FIRST.key.token: 1})
    aws.stock.put(levels.to_item(now))

    assert terminal.run(*COMPENSATE) == 1

    assert "try again in a quarter of an hour" in terminal.err


# ---- races


@pytest.fixture
def flow(aws: Aws) -> Compensate:
    return Compensate(stock=aws.stock, orders=aws.orders, ledger=Ledger(aws.stock), problems=Problems(aws.orders))


def mend(flow: Compensate) -> Any:  # noqa: ANN401 - a Mend
    looked = flow.look(KEY, clock.now(), ())
    assert looked
    assert looked.drift
    assert looked.drift.mend
    return looked.drift.mend


@pytest.mark.usefixtures("level")
def test_a_take_in_between_makes_it_refuse(aws: Aws, flow: Compensate) -> None:
    rerouted(aws)
    seen = mend(flow)
    taken = levels.take(aws.stock.name, KEY, {"other": 2}, "a9", times.text(clock.now()))
    assert Transactions(aws.dynamodb).commit([taken]).is_done
    before = found(aws)

    with pytest.raises(Conflict):
        flow.apply(seen, BY, "op1", clock.now())

    assert found(aws) == before
    assert aws.orders.get(keys.operation("op1")) is None


@pytest.mark.usefixtures("level")
def test_a_take_in_between_makes_an_entry_of_the_ledger_refuse_too(aws: Aws, flow: Compensate) -> None:
    put_wrong(aws)
    seen = mend(flow)
    assert not seen.writes_level
    taken = levels.take(aws.stock.name, KEY, {"other": 2}, "a9", times.text(clock.now()))
    assert Transactions(aws.dynamodb).commit([taken]).is_done

    with pytest.raises(Conflict):
        flow.apply(seen, BY, "op1", clock.now())

    assert [each.revision for each in movements(aws)] == [1, 2, 3, 4]


@pytest.mark.usefixtures("level")
def test_an_order_that_was_written_in_between_makes_it_refuse(aws: Aws, flow: Compensate) -> None:
    rerouted(aws)
    seen = mend(flow)
    aws.orders.put(order_items.to_item(replace(FIRST, revision=2)))
    before = found(aws)

    with pytest.raises(Conflict):
        flow.apply(seen, BY, "op1", clock.now())

    assert found(aws) == before


@pytest.mark.usefixtures("level")
def test_a_record_that_came_in_between_stands(aws: Aws, flow: Compensate) -> None:
    newest = movements(aws)[-1]
    lose(aws, 4)
    seen = mend(flow)
    aws.stock.put(ledger.to_item(newest))

    with pytest.raises(Conflict):
        flow.apply(seen, BY, "op1", clock.now())

    assert movements(aws)[-1] == newest


@pytest.mark.usefixtures("level")
def test_the_same_compensation_twice_is_one(aws: Aws, flow: Compensate) -> None:
    rerouted(aws)
    seen, now = mend(flow), clock.now()

    assert flow.apply(seen, BY, "op1", now)
    assert not flow.apply(seen, BY, "op1", now + timedelta(seconds=1))

    assert numbers(found(aws)) == (8, 4, 0)
    assert found(aws).revision == 5


@pytest.mark.usefixtures("level")
def test_units_that_wait_for_the_next_count_are_settled_by_it(aws: Aws, flow: Compensate) -> None:
    shipped(aws)
    flow.apply(mend(flow), BY, "op1", clock.now())

    assert Levels(aws.stock).open(ALPINA) == [KEY]
