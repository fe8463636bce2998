"""What people change by hand, from the command to the tables and back to the explanation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.domain import explain, flags, orders, stock, times
from shared.domain.facts import Product
from shared.domain.ledger import movement
from shared.domain.messages import FillSku, Publish
from shared.domain.names import ChannelId, LevelKey, OrderKey, Sku, SourceId
from shared.domain.orders import DeductsAt
from shared.domain.stock import UNTIL_COUNTED, Blind, Count, Level
from shared.flows.changes import Change
from shared.flows.record_stock import RecordStock
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import attributes, facts, keys, ledger, levels, order_lists
from shared.storage import orders as order_items
from shared.storage.config import Config
from shared.storage.ledger import Ledger
from shared.storage.levels import Levels
from shared.storage.order_book import OrderBook
from shared.storage.problems import Problems
from tests.integration.conftest import sample_rules
from tests.support import terminal as terminals
from tests.support import trade
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

SKU, ALPINA, BALTIC = Sku("NL-1001"), SourceId("alpina"), SourceId("baltic")
KEY, THERE = LevelKey(SKU, ALPINA), LevelKey(SKU, BALTIC)
BY = ("--reason", "monday", "--actor", "bo")
AT_ALPINA = ("NL-1001", "--source", "alpina")


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    rules = sample_rules()
    for source in ("alpina", "baltic"):
        rules["sources"][source]["own"] = True
    Config(aws.s3, settings().config_bucket).push(rules)
    return terminals.at(tmp_path, capsys, monkeypatch)


@pytest.fixture
def house(aws: Aws) -> House:
    """20 pieces at alpina, of which 5 are promised, and 3 at baltic, counted an hour ago."""
    house = House(aws)
    house.put(trade.level(SKU, ALPINA, 15, counted=20, committed=5, last={"token": 5}))
    house.put(trade.level(SKU, BALTIC, 3))
    return house


class House:
    """The tables, with the movements that the stream's reader would write."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.seen: dict[LevelKey, Level] = {}

    def put(self, level: Level, flag: str = "") -> None:
        hour_ago = times.text(clock.now() - timedelta(hours=1))
        level = replace(level, counted_as_of=hour_ago, changed_at=hour_ago)
        self.aws.stock.put(levels.to_item(level, flag, hour_ago if flag else ""))
        self.record(level.key)

    def record(self, key: LevelKey) -> None:
        after = self.level(key)
        before = self.seen.get(key)
        if before != after:
            self.aws.stock.write_all([ledger.to_item(movement(before, after))])
        self.seen[key] = after

    def level(self, key: LevelKey = KEY) -> Level:
        found = self.aws.stock.get(keys.level(key))
        assert found
        level = levels.from_item(found)
        assert stock.adds_up(level)
        return level

    def numbers(self, key: LevelKey = KEY) -> tuple[int, int, int]:
        """Counted, available, incoming."""
        level = self.level(key)
        return level.counted, level.available, level.incoming

    def is_open(self, key: LevelKey = KEY) -> bool:
        return key in Levels(self.aws.stock).open(key.source)

    def operation(self, op_id: str) -> dict[str, Any]:
        found = self.aws.orders.get(keys.operation(op_id))
        assert found
        return found

    def markers(self) -> int:
        found = self.aws.dynamodb.scan(TableName=self.aws.orders.name)["Items"]
        return sum(item["entity"]["S"] in {"operation", "event"} for item in found)


def did(terminal: Terminal, house: House, *arguments: str, status: int = 0, by: tuple[str, ...] = BY) -> None:
    assert terminal.run("stock", *arguments, *by) == status, terminal.err
    for key in list(house.seen):
        house.record(key)


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("adjust", "NL-1001", "--source", "alpina", "--units", "0", "--kind", "found"), "a change of nothing"),
        (("adjust", "NL-1001", "--source", "alpina", "--units", "1000001", "--kind", "found"), "more units than one"),
        (("adjust", "NL-1001", "--source", "alpina", "--units", "-1000001", "--kind", "lost"), "more units than one"),
        (("adjust", "NL-1001", "--source", "alpina", "--units", "3", "--kind", "damaged"), "the wrong sign"),
        (("adjust", "NL-1001", "--source", "alpina", "--units", "-3", "--kind", "found"), "the wrong sign"),
        (("adjust", "NL-1001", "--source", "alpina", "--units", "-21", "--kind", "lost"), "more than was counted"),
        (("adjust", "NL-9999", "--source", "alpina", "--units", "1", "--kind", "found"), "no such level"),
        (("adjust", "NL-1001", "--source", "nobody", "--units", "1", "--kind", "found"), "no such level"),
        (("expect", *AT_ALPINA, "--units", "0"), "a change of nothing"),
        (("expect", *AT_ALPINA, "--units", "-1"), "more than is expected"),
        (("expect", *AT_ALPINA, "--units", "5", "--due", "soon"), "a day is written"),
        (("expect", "NL-9999", "--source", "alpina", "--units", "5"), "no such level"),
        (("receive", *AT_ALPINA, "--units", "0"), "too few units"),
        (("receive", *AT_ALPINA, "--units", "-1"), "too few units"),
        (("receive", *AT_ALPINA, "--units", "1000001"), "more units than one"),
        (("receive", "NL-9999", "--source", "alpina", "--units", "5"), "no such level"),
        (("transfer", "NL-1001", "--from", "alpina", "--to", "baltic", "--units", "0"), "too few units"),
        (("transfer", "NL-1001", "--from", "alpina", "--to", "baltic", "--units", "16"), "more than is available"),
        (("transfer", "NL-1001", "--from", "alpina", "--to", "alpina", "--units", "1"), "from a source to itself"),
        (("transfer", "NL-1001", "--from", "alpina", "--to", "celtic", "--units", "1"), "not a source of our own"),
        (("transfer", "NL-1001", "--from", "celtic", "--to", "alpina", "--units", "1"), "not a source of our own"),
        (("transfer", "NL-1001", "--from", "alpina", "--to", "nobody", "--units", "1"), "no such source"),
        (("count", *AT_ALPINA, "--units", "-1"), "too few units"),
        (("count", *AT_ALPINA, "--units", "5", "--as-of", "2126-01-01T00:00:00Z"), "a count of the future"),
        (("count", *AT_ALPINA, "--units", "5", "--as-of", "2020-01-01T00:00:00Z"), "it was counted after that"),
        (("count", *AT_ALPINA, "--units", "5", "--as-of", "noon"), "a time must be ISO 8601"),
        (("count", "NL-1001", "--source", "nobody", "--units", "5"), "no such source"),
        (("count", "NL-9999", "--source", "alpina", "--units", "5"), "no such SKU"),
        (("hold", *AT_ALPINA, "--until", "2020-01-01T00:00:00Z"), "a hold ends later than now"),
        (("hold", "NL-9999", "--source", "alpina"), "no such level"),
        (("unhold", *AT_ALPINA), "it is not held"),
        (("return", "nordlys#9", "--line", "l1", "--units", "1", "--source", "alpina"), "no such order"),
        (("receive", *AT_ALPINA, "--units", "1", "--id", "a#b"), "a name has a character it must not have"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    terminal: Terminal, house: House, arguments: tuple[str, ...], said: str
) -> None:
    did(terminal, house, *arguments, status=1)

    assert said in terminal.err
    assert (house.numbers(), house.numbers(THERE), house.markers()) == ((20, 15, 0), (3, 3, 0), 0)


@pytest.mark.parametrize("units", ["2.5", "many", ""])
def test_what_is_no_whole_number_is_a_mistake_of_the_caller(terminal: Terminal, house: House, units: str) -> None:
    did(terminal, house, "receive", *AT_ALPINA, "--units", units, status=2)

    assert house.numbers() == (20, 15, 0)


ALL = [
    ("adjust", *AT_ALPINA, "--units", "2", "--kind", "found"),
    ("expect", *AT_ALPINA, "--units", "2"),
    ("receive", *AT_ALPINA, "--units", "2"),
    ("transfer", "NL-1001", "--from", "alpina", "--to", "baltic", "--units", "15"),
    ("count", *AT_ALPINA, "--units", "7"),
    ("return", "nordlys#77", "--line", "l1", "--units", "3", "--source", "alpina"),
    ("hold", *AT_ALPINA),
]


@pytest.mark.parametrize("arguments", ALL, ids=lambda each: str(each[0]))
def test_the_same_id_twice_is_once_and_a_dry_run_and_a_missing_reason_write_nothing(
    terminal: Terminal, house: House, arguments: tuple[str, ...]
) -> None:
    shipped(house)
    did(terminal, house, *arguments, "--dry-run")
    did(terminal, house, *arguments, by=(), status=2)
    assert (house.level().revision, house.markers()) == (1, 0)
    assert "say why" in terminal.err

    did(terminal, house, *arguments, "--id", "monday")
    after = house.level()
    did(terminal, house, *arguments, "--id", "monday")

    assert "made already" in terminal.out
    assert house.level() == after
    assert (after.revision, house.markers()) == (2, 1)


def test_an_id_names_one_change(terminal: Terminal, house: House) -> None:
    did(terminal, house, "receive", *AT_ALPINA, "--units", "2", "--id", "monday")

    did(terminal, house, "receive", *AT_ALPINA, "--units", "3", "--id", "monday", status=1)

    assert "this id names another change" in terminal.err
    assert house.numbers() == (22, 17, 0)


def test_the_document_names_the_change(terminal: Terminal, house: House) -> None:
    asked = ("stock", "receive", *AT_ALPINA, "--units", "2", *BY)

    answer = terminal.document(*asked, "--id", "monday")

    told = ["NL-1001 at alpina: counted 20 -> 22, available 15 -> 17", "2 more than was expected"]
    assert answer == {"id": "monday", "told": told, "is_written": True, "is_new": True}
    assert house.numbers() == (22, 17, 0)


# ---- adjust


@pytest.mark.parametrize(
    ("kind", "units", "told"),
    [
        ("damaged", "-2", "-2  damaged"),
        ("lost", "-2", "-2  lost"),
        ("found", "2", "+2  found"),
        ("mispick", "-1", "-1  wrongly picked"),
        ("mispick", "1", "+1  wrongly picked"),
        ("correction", "4", "+4  corrected"),
    ],
)
def test_an_adjustment_keeps_its_kind_and_is_told_by_it(
    terminal: Terminal, house: House, kind: str, units: str, told: str
) -> None:
    did(terminal, house, "adjust", *AT_ALPINA, "--units", units, "--kind", kind, "--id", "a1")

    assert (house.operation("a1")["kind"], house.operation("a1")["adjustment"]) == ("adjust", kind)
    assert house.level().cause == ("adjust", "a1")
    assert terminal.run("stock", "explain", "NL-1001") == 0
    assert told in terminal.out
    assert "by bo: monday" in terminal.out


def test_losing_what_is_promised_is_said(terminal: Terminal, house: House) -> None:
    did(terminal, house, "adjust", *AT_ALPINA, "--units", "-18", "--kind", "lost")

    assert "3 more are promised to orders than are there" in terminal.out
    assert house.numbers() == (2, -3, 0)


# ---- incoming


def test_what_is_expected_is_shown_and_never_available(terminal: Terminal, house: House) -> None:
    did(terminal, house, "expect", *AT_ALPINA, "--units", "10", "--due", "2026-12-01")

    assert house.numbers() == (20, 15, 10)
    assert not house.is_open()
    assert terminal.document("stock", "list", "--source", "alpina")[0]["incoming"] == 10
    assert terminal.run("stock", "explain", "NL-1001") == 0
    assert "15  available" in terminal.out
    assert "10  on the way, which nobody may take:" in terminal.out
    assert ", due 2026-12-01 by bo: monday" in terminal.out


def test_what_is_received_comes_out_of_what_is_expected_and_beyond_it(terminal: Terminal, house: House) -> None:
    did(terminal, house, "expect", *AT_ALPINA, "--units", "10")

    did(terminal, house, "receive", *AT_ALPINA, "--units", "4")
    assert house.numbers() == (24, 19, 6)
    assert house.is_open()
    did(terminal, house, "receive", *AT_ALPINA, "--units", "8")

    assert house.numbers() == (32, 27, 0)
    assert "2 more than was expected" in terminal.out
    assert terminal.run("stock", "explain", "NL-1001") == 0
    assert "+4  received" in terminal.out
    assert "+8  received" in terminal.out
    assert "on the way" not in terminal.out


def test_what_will_not_come_after_all_is_taken_back(terminal: Terminal, house: House) -> None:
    did(terminal, house, "expect", *AT_ALPINA, "--units", "10")

    did(terminal, house, "expect", *AT_ALPINA, "--units", "-4")

    assert house.numbers() == (20, 15, 6)


# ---- transfer


def test_on_its_way_it_counts_for_neither(terminal: Terminal, house: House) -> None:
    did(terminal, house, "transfer", "NL-1001", "--from", "alpina", "--to", "baltic", "--units", "6", "--id", "t1")

    assert (house.numbers(), house.numbers(THERE)) == ((14, 9, 0), (3, 3, 6))
    assert house.is_open()
    assert terminal.run("stock", "explain", "NL-1001") == 0
    assert "-6  sent to another source" in terminal.out
    assert "6  expected since" in terminal.out

    did(terminal, house, "receive", "NL-1001", "--source", "baltic", "--units", "6")
    assert (house.numbers(), house.numbers(THERE)) == ((14, 9, 0), (9, 9, 0))


def test_where_nothing_was_ever_counted_a_count_makes_the_level(terminal: Terminal, house: House) -> None:
    transfer = ("transfer", "NL-1002", "--from", "alpina", "--to", "baltic", "--units", "1")
    house.put(trade.level("NL-1002", "alpina", 5))

    did(terminal, house, *transfer, status=1)
    assert "no such level; truestock stock count makes it" in terminal.err
    assert house.level(trade.at("NL-1002", "alpina")).available == 5

    did(terminal, house, "count", "NL-1002", "--source", "baltic", "--units", "0")
    did(terminal, house, *transfer)
    assert house.numbers(trade.at("NL-1002", "baltic")) == (0, 0, 1)


# ---- count


def test_a_count_by_hand_is_a_photograph(terminal: Terminal, house: House) -> None:
    did(terminal, house, "adjust", *AT_ALPINA, "--units", "-2", "--kind", "lost")

    did(terminal, house, "count", *AT_ALPINA, "--units", "17", "--id", "c1")

    level = house.level()
    assert (level.counted, level.available, level.committed) == (17, 12, 5)
    assert (level.count_id, level.cause) == ("count#c1", ("count", "count#c1"))
    assert level.counted_as_of == level.changed_at
    assert house.is_open()
    assert terminal.run("stock", "explain", "NL-1001") == 0
    assert "+17  counted by hand, as of" in terminal.out
    assert "by bo: monday" in terminal.out
    assert "lost" not in terminal.out


def test_a_count_as_of_a_time_nets_what_the_source_took_off_before_it(terminal: Terminal, house: House) -> None:
    now = clock.now()
    gone, late = times.text(now - timedelta(minutes=50)), times.text(now - timedelta(minutes=5))
    open_ones = {gone: 4, late: 1}
    house.seen.clear()
    house.put(trade.level(SKU, ALPINA, 15, counted=20, deducted=open_ones), keys.open_flag(ALPINA))

    did(terminal, house, "count", *AT_ALPINA, "--units", "16", "--as-of", times.text(now - timedelta(minutes=10)))

    assert (house.level().available, dict(house.level().deducted)) == (15, {late: 1})


def test_the_next_file_settles_a_count_by_hand_even_where_its_row_is_unchanged(
    terminal: Terminal, house: House
) -> None:
    did(terminal, house, "count", *AT_ALPINA, "--units", "17")
    store, now = Levels(house.aws.stock), times.text(clock.now() + timedelta(hours=1))
    count = Count(key=KEY, units=20, as_of=now, count_id="in/alpina/2.csv@1")

    done, met = store.count(Blind(count=count, old=20), now)
    planned = stock.exact(count, met, timedelta(0))

    assert not done
    assert planned
    assert store.count(planned, now)[0]
    house.record(KEY)
    assert (house.numbers(), house.is_open()) == ((20, 15, 0), False)
    explained = explain.level(house.level(), Ledger(house.aws.stock).of(KEY, clock.now() + timedelta(hours=1)))
    first = explained.terms[0]
    assert (first.kind, first.units) == (explain.LevelTermKind.COUNTED, 20)


def test_the_first_count_of_a_known_sku_makes_its_level(terminal: Terminal, house: House) -> None:
    house.aws.stock.put(facts.to_item(Product(sku=Sku("NL-7"), title="A stool")))

    did(terminal, house, "count", "NL-7", "--source", "alpina", "--units", "4", "--id", "c7")

    level = house.level(trade.at("NL-7", "alpina"))
    assert (level.counted, level.available, level.cause, level.revision) == (4, 4, ("count", "count#c7"), 1)
    assert house.is_open(level.key)


# ---- return


def shipped(house: House, units: int = 3) -> OrderKey:
    """Have an order of 5 at celtic, of which so many are shipped."""
    order = orders.take(trade.order("77", ("NL-1001", 5)), {("l1", SourceId("celtic")): 5}, attempt="t")
    order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
    order = orders.ship(order, 1, "l1", units, deducts_at=DeductsAt.SHIP).order
    house.aws.orders.put(order_items.to_item(order))
    house.aws.orders.write_all(list(order_lists.of_order(order).values()))
    return order.key


def back(units: int, op_id: str) -> tuple[str, ...]:
    return ("return", "#77", "--line", "l1", "--units", str(units), "--source", "alpina", "--id", op_id)


def test_what_a_customer_sent_back_is_on_the_shelf_and_never_more_than_was_shipped(
    terminal: Terminal, house: House
) -> None:
    key = shipped(house)

    did(terminal, house, *back(2, "r1"))
    did(terminal, house, *back(2, "r2"), status=1)
    assert "more than was shipped" in terminal.err
    did(terminal, house, *back(1, "r3"))
    did(terminal, house, *back(1, "r3"))

    assert house.numbers() == (23, 18, 0)
    assert house.is_open()
    after = OrderBook(house.aws.dynamodb, house.aws.stock, house.aws.orders).order(key)
    assert after
    assert (after.allocations[0].shipped, after.allocations[0].returned, after.revision) == (3, 3, 3)
    assert after.counts(after.line("l1")) == counts(sent=2, shipped=3)
    marker = house.aws.orders.get(keys.event(key, "return#r1"))
    assert marker
    assert (marker["kind"], marker["actor"], marker["reason"]) == ("return", "bo", "monday")
    assert terminal.run("stock", "explain", "NL-1001") == 0
    assert "+2  sent back by the customer of order nordlys#77" in terminal.out
    assert terminal.run("orders", "show", "77") == 0
    assert "return" in terminal.out


def counts(**units: int) -> dict[orders.LineState, int]:
    return {state: units.get(state.value, 0) for state in orders.LineState}


@pytest.mark.parametrize(
    ("line", "source", "said"),
    [
        ("l9", "alpina", "no such line"),
        ("l1", "celtic", "not a source of our own"),
        ("l1", "nobody", "no such source"),
    ],
)
def test_a_return_to_nowhere_is_refused(terminal: Terminal, house: House, line: str, source: str, said: str) -> None:
    shipped(house)

    did(terminal, house, "return", "77", "--line", line, "--units", "1", "--source", source, status=1)

    assert said in terminal.err
    assert (house.numbers(), house.markers()) == ((20, 15, 0), 0)


# ---- hold


def recorded(house: House, before: Level) -> tuple[list[object], list[object]]:
    """Let record_stock hear of the last write; answer what it asks of orders and of channels."""
    to_orders: list[object] = []
    to_channels: list[object] = []
    flow = RecordStock(
        stock=house.aws.stock,
        orders=house.aws.orders,
        problems=Problems(house.aws.orders),
        to_orders=to_orders.extend,
        to_channels=to_channels.extend,
    )
    images = [attributes.image(levels.to_item(each)) for each in (before, house.level())]
    pk, sk = keys.level(KEY)
    change = Change(key={"PK": {"S": pk}, "SK": {"S": sk}}, old=images[0], new=images[1])
    flow.run([change], Config(house.aws.s3, settings().config_bucket).rules(clock.now()), clock.now())
    return to_orders, to_channels


def test_a_held_level_sells_nothing_until_it_is_let_go_and_who_waits_is_served_then(
    terminal: Terminal, house: House
) -> None:
    waits = replace(trade.order("8", ("NL-1001", 1)).lines[0], open=0, backordered=1)
    waiting = replace(trade.order("8", ("NL-1001", 1)), lines=(waits,))
    house.aws.orders.write_all(list(order_lists.of_order(waiting).values()))
    before = house.level()

    did(terminal, house, "hold", *AT_ALPINA, "--id", "h1")
    held = house.level()
    assert (held.held_until, held.held_since, held.takeable(held.changed_at)) == (UNTIL_COUNTED, held.changed_at, 0)
    assert house.is_open()
    assert recorded(house, before) == ([], [Publish(channel=ChannelId("nordlys"))])
    assert terminal.run("stock", "explain", "NL-1001") == 0
    assert "until it is counted again by bo: monday: none of it is offered" in terminal.out

    did(terminal, house, "unhold", *AT_ALPINA)
    free = house.level()
    assert (free.held_until, free.held_since, free.takeable(free.changed_at)) == ("", "", 15)
    assert recorded(house, held) == ([FillSku(sku=SKU)], [Publish(channel=ChannelId("nordlys"))])


def test_a_hold_until_a_time_is_not_ended_by_a_count(terminal: Terminal, house: House) -> None:
    until = times.text(clock.now() + timedelta(days=1))

    did(terminal, house, "hold", *AT_ALPINA, "--until", until)
    did(terminal, house, "count", *AT_ALPINA, "--units", "20")

    level = house.level()
    assert (level.held_until, level.takeable(level.changed_at), level.takeable(until)) == (until, 0, 15)
    crossed = flags.crossings(replace(level, held_until=""), level, low_at=None)
    assert list(crossed.values()) == [True]


def test_a_count_by_hand_ends_a_hold_until_the_next_count(terminal: Terminal, house: House) -> None:
    did(terminal, house, "hold", *AT_ALPINA)

    did(terminal, house, "count", *AT_ALPINA, "--units", "20")

    assert (house.level().held_until, house.level().held_since) == ("", "")
