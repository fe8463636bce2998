from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shared.domain import messages, orders
from shared.domain.messages import FillSku, PlanOrder
from shared.domain.names import OrderKey, Sku
from shared.domain.orders import DeductsAt, LineState, Order
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import keys, levels, offers, order_lists, plans, whole_orders
from shared.storage import orders as order_items
from shared.storage import purchase_orders as po_items
from shared.storage.config import Config
from shared.storage.order_book import OrderBook
from tests.integration.conftest import forget
from tests.support import terminal as terminals
from tests.support import trade
from tests.support.terminal import Terminal
from tests.support.workers import delivered, place_orders

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

COSTS = {"alpina": 500, "baltic": 520, "celtic": 700}
WHY = ("--reason", "the customer rang", "--actor", "bo")


def rules(**terms: dict[str, Any]) -> dict[str, Any]:
    """The document of a shop with three sources and these terms of theirs."""
    document = trade.shop_rules_document(*COSTS)
    for source, shipping in terms.items():
        document["sources"][source]["shipping"] = shipping
    return document


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(clock, "now", trade.times_now)
    Config(aws.s3, settings().config_bucket).push(rules())
    forget()
    for source, cost in COSTS.items():
        for sku in ("A", "B"):
            aws.stock.put(levels.to_item(trade.level(sku, source, 20)))
            aws.stock.put(offers.to_item(trade.offer(sku, source, cost)))
    return terminals.at(tmp_path, capsys, monkeypatch)


def place(aws: Aws, order_id: int, *lines: tuple[str, int]) -> OrderKey:
    """Have an order placed as the queue's worker does, and listed as the stream's does."""
    flow = place_orders(aws.dynamodb, aws.stock.name, aws.orders.name)
    placed = flow.run({"m": delivered(order_id, *lines)}, current(aws), trade.times_now())
    assert placed.again == {}
    key = trade.key(str(order_id))
    aws.orders.write_all(list(order_lists.of_order(now(aws, key)).values()))
    return key


def current(aws: Aws) -> Any:  # noqa: ANN401 - rules
    return Config(aws.s3, settings().config_bucket).rules(trade.times_now())


def now(aws: Aws, key: OrderKey) -> Order:
    order = OrderBook(aws.dynamodb, aws.stock, aws.orders).order(key)
    assert order
    return order


def everything(aws: Aws) -> list[str]:
    tables = (aws.stock.name, aws.orders.name)
    return sorted(repr(item) for name in tables for item in aws.dynamodb.scan(TableName=name)["Items"])


def plan_again(aws: Aws, key: OrderKey) -> None:
    flow = place_orders(aws.dynamodb, aws.stock.name, aws.orders.name)
    flow.run({"m": messages.write(PlanOrder(order=key))}, current(aws), trade.times_now())


def has_po(aws: Aws, key: OrderKey, state: PoState) -> None:
    """Have the order's first purchase order in a state."""
    (first, *_) = now(aws, key).allocations
    lines = (PoLine(line=first.line, sku=Sku("A"), units=first.units),)
    po = PurchaseOrder(order=key, source=first.source, n=1, number="ALPINA-1", lines=lines, state=state)
    aws.orders.put(po_items.to_item(po))


# ---- show, replay


def test_an_order_is_shown_with_every_verdict(aws: Aws, terminal: Terminal) -> None:
    place(aws, 7, ("A", 3))

    assert terminal.run("orders", "show", "7") == 0

    assert "who was weighed, 2026-11-24 09:00:00 UTC" in terminal.out
    assert "a unit costs more than at alpina" in terminal.out
    shown = terminal.document("orders", "show", "7")["plan"]
    assert {each["source"]: each["taken"] for each in shown["weighed"]} == {"alpina": 3, "baltic": 0, "celtic": 0}


def test_a_plan_is_made_again_from_what_was_kept_whatever_the_stock_and_the_rules_are_now(
    aws: Aws, terminal: Terminal
) -> None:
    place(aws, 7, ("A", 3))
    aws.stock.put(levels.to_item(trade.level("A", "alpina", 0, revision=9)))
    Config(aws.s3, settings().config_bucket).push(rules(alpina={"order_fee": "99.00"}) | {"version": "2"})
    before = everything(aws)

    assert terminal.run("orders", "replay", "7") == 0

    assert "planned 2026-11-24 09:00:00 UTC by rules test; made again now it is the very same" in terminal.out
    assert "ships all of it" not in terminal.out
    assert "a unit costs more than at alpina" in terminal.out
    assert everything(aws) == before


def test_a_plan_that_comes_out_otherwise_is_told_and_fails(aws: Aws, terminal: Terminal) -> None:
    key = place(aws, 7, ("A", 3))
    attempt = now(aws, key).attempt
    last = whole_orders.plan(aws.orders, key, attempt)
    assert last is not None
    assert last.decision is not None
    other = replace(last.decision, plan=replace(last.decision.plan, landed_minor=1))
    aws.orders.put(plans.plan_item(key, attempt, other, "t", trade.times_now()))

    assert terminal.run("orders", "replay", "7") == 1
    assert "ANOTHER" in terminal.out
    assert terminal.document("orders", "replay", "7", status=1)["is_same"] is False


def test_a_plan_that_is_gone_cannot_be_made_again(aws: Aws, terminal: Terminal) -> None:
    place(aws, 7, ("A", 3))

    assert terminal.run("orders", "replay", "7", "--attempt", "never") == 1
    assert "nothing is kept" in terminal.err


# ---- policy try


def test_new_rules_are_tried_on_past_orders_and_nothing_is_written(aws: Aws, terminal: Terminal) -> None:
    place(aws, 7, ("A", 3))
    place(aws, 8, ("B", 1))
    place(aws, 9, ("A", 4), ("B", 30))
    file = terminal.cloud / "rules.yaml"
    file.write_text(yaml.safe_dump(rules(alpina={"order_fee": "0.50", "lead_days": 2}) | {"version": "dearer"}))
    before = everything(aws)

    assert terminal.run("policy", "try", str(file), "--since", "2d") == 0

    told = [line.rstrip() for line in terminal.out.splitlines()[1:]]
    assert told == [
        f"3 orders since 2026-11-22, as they were planned and by {file} (dearer)",
        "",
        "orders in EUR",
        "                            then        by the new rules",
        "landed cost                 192.20 EUR  193.40 EUR",
        "parcels                     4           4",
        "units nobody ships          0           0",
        "orders that arrive earlier              0",
        "orders that arrive later                2",
        "",
        "orders that change: 1",
        "order      from    cost      parcels  arrives     now from  now cost  now parcels  now arrives",
        "nordlys#8  alpina  5.00 EUR  1        2026-11-24  baltic    5.20 EUR  1            2026-11-24",
    ]
    (changed,) = terminal.document("policy", "try", str(file))["changed"]
    assert (changed["order"], changed["then"]["taken"][0]["source"], changed["now"]["landed_minor"]) == (
        "nordlys#8",
        "alpina",
        520,
    )
    assert everything(aws) == before


def test_what_cannot_be_tried_is_refused_or_counted(aws: Aws, terminal: Terminal) -> None:
    key = place(aws, 7, ("A", 3))
    aws.orders.delete(keys.plan(key, now(aws, key).attempt))
    place(aws, 8, ("A", 1))
    file = terminal.cloud / "rules.yaml"
    file.write_text(yaml.safe_dump(rules()))

    told = terminal.document("policy", "try", str(file))
    assert (told["orders"], told["left_out"], told["changed"]) == (
        1,
        {"nothing is kept of what their plan was made from": 1},
        [],
    )
    for since in ("yesterday", "900d", "2030-01-01"):
        assert terminal.run("policy", "try", str(file), "--since", since) == 2
    file.write_text("schema: 2")
    assert terminal.run("policy", "try", str(file)) == 2
    assert "rules.yaml" in terminal.err


# ---- reroute, hold, release


def test_a_dry_run_of_a_reroute_shows_the_new_plan_and_writes_nothing(aws: Aws, terminal: Terminal) -> None:
    place(aws, 7, ("A", 3))
    before = everything(aws)

    assert terminal.run("orders", "reroute", "7", "--to", "celtic", *WHY, "--dry-run") == 0

    assert "celtic        1  21.00  21.00" in terminal.out
    assert "a person wants celtic to ship it" in terminal.out
    assert "3 units leave alpina; what it was sent it is asked to cancel" in terminal.out
    assert everything(aws) == before


def test_a_rerouted_order_gives_its_units_back_and_is_planned_at_the_wanted_source_only(
    aws: Aws, terminal: Terminal
) -> None:
    key = place(aws, 7, ("A", 3))
    has_po(aws, key, PoState.READY)

    assert terminal.run("orders", "reroute", "7", "--to", "celtic", *WHY) == 0

    moved = now(aws, key)
    assert (moved.total(LineState.OPEN), moved.reroute_to) == (3, "celtic")
    assert level(aws, "alpina") == (20, 0)
    assert purchase_order(aws, key) is PoState.CANCELLED
    plan_again(aws, key)
    assert [(each.source, each.live) for each in now(aws, key).allocations] == [("alpina", 0), ("celtic", 3)]
    assert (now(aws, key).reroute_to, level(aws, "celtic")) == ("", (17, 3))


def test_what_a_supplier_was_sent_is_asked_to_be_cancelled_and_what_it_accepted_stays(
    aws: Aws, terminal: Terminal
) -> None:
    key = place(aws, 7, ("A", 3))
    sent = orders.send(now(aws, key), 1, deducts_at=DeductsAt.SHIP).order
    aws.orders.put(order_items.to_item(sent))
    has_po(aws, key, PoState.SENT)
    assert terminal.run("orders", "reroute", "7", "--to", "baltic", *WHY, "--id", "r1") == 0
    assert terminal.run("orders", "reroute", "7", "--to", "baltic", *WHY, "--id", "r1") == 1

    assert purchase_order(aws, key) is PoState.CANCELLING
    assert (now(aws, key).total(LineState.OPEN), level(aws, "alpina")) == (3, (20, 0))

    accepted = orders.accept(sent, 1, sent.lines[0].line, 1, deducts_at=DeductsAt.SHIP).order
    aws.orders.put(order_items.to_item(accepted))
    assert terminal.run("orders", "reroute", "7", "--to", "baltic", *WHY) == 1
    assert "nothing is left that could go elsewhere" in terminal.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--to", "nobody"), "no such source"),
        (("--to", "baltic", "--from", "celtic"), "nothing is left that could go elsewhere"),
        (("--to", "celtic"), "that source ships none of it"),
    ],
)
def test_a_reroute_that_leads_nowhere_is_refused(
    aws: Aws, terminal: Terminal, words: tuple[str, ...], told: str
) -> None:
    key = place(aws, 7, ("A", 3))
    aws.stock.put(levels.to_item(trade.level("A", "celtic", 0)))

    assert terminal.run("orders", "reroute", "7", *words, *WHY) == 1

    assert told in terminal.err
    assert now(aws, key).total(LineState.RESERVED) == 3


def test_a_reroute_needs_a_reason(aws: Aws, terminal: Terminal) -> None:
    place(aws, 7, ("A", 3))

    assert terminal.run("orders", "reroute", "7", "--to", "celtic") == 2


def test_a_released_order_is_planned_and_filled(aws: Aws, terminal: Terminal) -> None:
    key = place(aws, 7, ("A", 70))
    terminal.run("orders", "hold", "7", *WHY)
    aws.messages(settings().order_queue_url)

    assert terminal.run("orders", "release", "7", *WHY) == 0

    sent = [messages.read(text) for text in aws.messages(settings().order_queue_url)]
    assert sent == [PlanOrder(order=key), FillSku(sku=Sku("A"))]


def test_a_hold_that_reads_as_one_of_ours_is_refused(aws: Aws, terminal: Terminal) -> None:
    place(aws, 7, ("A", 3))

    assert terminal.run("orders", "hold", "7", "--reason", "no source has it, says bo") == 1
    assert "its own words" in terminal.err


def level(aws: Aws, source: str) -> tuple[int, int]:
    found = aws.stock.get(keys.level(trade.at("A", source)))
    assert found is not None
    return found["available"], found["committed"]


def purchase_order(aws: Aws, key: OrderKey) -> PoState:
    (po,) = OrderBook(aws.dynamodb, aws.stock, aws.orders).purchase_orders(key)
    return po.state
