from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.domain import messages, orders
from shared.domain.messages import PlanOrder
from shared.domain.names import OrderKey, Sku, SourceId
from shared.domain.orders import DeductsAt, LineState, Order
from shared.domain.people import By
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.errors import Rejected
from shared.flows.operate_orders import OperateOrders
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import keys, levels, order_lists
from shared.storage import orders as order_items
from shared.storage import purchase_orders as po_items
from shared.storage.order_book import OrderBook
from tests.integration.conftest import push_rules
from tests.support import terminal as terminals
from tests.support import trade
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

ALPINA = SourceId("alpina")
LEVEL = trade.at("NL-1001", "alpina")
WHY = ("--reason", "the customer rang", "--actor", "bo")


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    push_rules(aws, {})
    return terminals.at(tmp_path, capsys, monkeypatch)


def has(aws: Aws, order: Order, state: PoState | None = None) -> OrderKey:
    """Have an order with its lists, and a purchase order of its first allocation."""
    aws.orders.put(order_items.to_item(order))
    aws.orders.write_all(list(order_lists.of_order(order).values()))
    if state:
        po = PurchaseOrder(
            order=order.key,
            source=ALPINA,
            n=1,
            number="ALPINA-000001",
            lines=(PoLine(line="l1", sku=Sku("NL-1001"), units=2),),
            state=state,
            made_at=trade.T0,
        )
        aws.orders.put(po_items.to_item(po))
        aws.orders.write_all(list(order_lists.of_purchase_order(po).values()))
    return order.key


def reserved(aws: Aws, order_id: str = "77", state: PoState | None = PoState.READY) -> OrderKey:
    """Have an order of two pieces that alpina still counts for it."""
    aws.stock.put(levels.to_item(trade.level("NL-1001", "alpina", 8, counted=10, committed=2)))
    order = orders.take(trade.order(order_id, ("NL-1001", 2)), {("l1", ALPINA): 2}, attempt="t")
    return has(aws, order, state)


def now(aws: Aws, key: OrderKey) -> Order:
    order = OrderBook(aws.dynamodb, aws.stock, aws.orders).order(key)
    assert order
    return order


def events(aws: Aws, key: OrderKey) -> list[tuple[str, str, str]]:
    found = aws.orders.query("PK = :pk AND begins_with(SK, :evt)", {":pk": keys.order(key).pk, ":evt": "EVT#"})
    return [(each["kind"], each["actor"], each["reason"]) for each in found]


def purchase_order(aws: Aws, key: OrderKey) -> PurchaseOrder:
    (po,) = OrderBook(aws.dynamodb, aws.stock, aws.orders).purchase_orders(key)
    return po


# ---- find, show


@pytest.mark.parametrize("text", ["nordlys#77", "77", "#77", "ALPINA-000001", "TOKEN"])
def test_an_order_is_found_by_any_of_its_names(aws: Aws, terminal: Terminal, text: str) -> None:
    key = reserved(aws)

    found = terminal.document("orders", "find", key.token if text == "TOKEN" else text)

    assert [each["order"] for each in found] == ["nordlys#77"]


def test_what_no_order_is_called_is_said(aws: Aws, terminal: Terminal) -> None:
    reserved(aws)

    assert terminal.run("orders", "find", "78") == 1
    assert terminal.run("orders", "show", "78") == 1

    assert "truestock orders find" in terminal.err


def test_an_order_is_shown_with_its_supplier_and_what_happened(aws: Aws, terminal: Terminal) -> None:
    reserved(aws)
    terminal.run("orders", "hold", "77", *WHY)

    assert terminal.run("orders", "show", "77") == 0

    assert "held: the customer rang" in terminal.out
    assert "ALPINA-000001" in terminal.out
    assert "hold" in terminal.out
    assert "bo" in terminal.out


# ---- hold, release, cancel


def test_a_held_order_keeps_its_units_and_a_released_one_goes_on(aws: Aws, terminal: Terminal) -> None:
    key = reserved(aws)

    assert terminal.run("orders", "hold", "77", *WHY) == 0
    assert (now(aws, key).state, now(aws, key).total(LineState.RESERVED)) == ("held", 2)
    assert terminal.run("orders", "release", "77", *WHY) == 0

    assert now(aws, key).state == "reserved"
    assert events(aws, key) == [("hold", "bo", "the customer rang"), ("release", "bo", "the customer rang")]


def test_open_units_of_a_released_order_are_asked_for_and_due(aws: Aws, terminal: Terminal) -> None:
    key = has(aws, replace(trade.order("5", ("NL-1001", 1)), hold="nobody has it"))

    terminal.run("orders", "release", "5", *WHY)

    assert [messages.read(text) for text in aws.messages(settings().order_queue_url)] == [PlanOrder(order=key)]
    assert now(aws, key).due_at


def test_a_cancel_gives_units_back_and_drops_the_purchase_order(aws: Aws, terminal: Terminal) -> None:
    key = reserved(aws)

    assert terminal.run("orders", "cancel", "77", *WHY) == 0

    level = aws.stock.get(keys.level(LEVEL))
    assert level
    assert (level["available"], level["committed"]) == (10, 0)
    assert now(aws, key).is_cancelled
    assert purchase_order(aws, key).state is PoState.CANCELLED
    assert events(aws, key) == [("cancel", "bo", "the customer rang")]


def test_a_cancel_of_what_a_supplier_has_asks_the_supplier(aws: Aws, terminal: Terminal) -> None:
    sent = orders.take(trade.order("9", ("NL-1001", 2)), {("l1", ALPINA): 2}, attempt="t")
    key = has(aws, orders.send(sent, 1, deducts_at=DeductsAt.SHIP).order, PoState.SENT)

    terminal.run("orders", "cancel", "9", *WHY)

    assert purchase_order(aws, key).state is PoState.CANCELLING
    assert now(aws, key).state == "sent"


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [("hold", "hold", "held already"), ("cancel", "cancel", "cancelled already"), ("cancel", "hold", "cannot be held")],
)
def test_what_an_order_is_past_is_refused(aws: Aws, terminal: Terminal, first: str, then: str, said: str) -> None:
    reserved(aws)
    terminal.run("orders", first, "77", *WHY)

    assert terminal.run("orders", then, "77", *WHY) == 1

    assert said in terminal.err


def test_the_same_wish_twice_is_done_once(aws: Aws, terminal: Terminal) -> None:
    key = reserved(aws)
    terminal.run("orders", "cancel", "77", *WHY, "--id", "ticket-9")

    assert terminal.run("orders", "cancel", "77", *WHY, "--id", "ticket-9") == 0

    assert len(events(aws, key)) == 1


def test_a_write_that_meets_another_one_decides_again(aws: Aws, terminal: Terminal) -> None:
    assert terminal
    key = reserved(aws)

    class Meets(OrderBook):
        """Somebody cancels between the read and the write."""

        met = 0

        def order(self, key: OrderKey) -> Order | None:
            found = super().order(key)
            if not self.met:
                Meets.met = 1
                OperateOrders(OrderBook(self.client, self.stock, self.orders), lambda _: None).cancel(
                    key, By("eve", "fraud"), "c", clock.now()
                )
            return found

    flow = OperateOrders(Meets(aws.dynamodb, aws.stock, aws.orders), lambda _: None)
    with pytest.raises(Rejected, match="cannot be held"):
        flow.hold(key, By("bo", "waits"), "h", clock.now())

    assert now(aws, key).hold == ""


def test_without_a_reason_and_in_a_dry_run_nothing_is_written(aws: Aws, terminal: Terminal) -> None:
    key = reserved(aws)

    assert terminal.run("orders", "cancel", "77") == 2
    assert terminal.run("orders", "cancel", "77", *WHY, "--dry-run") == 0

    assert now(aws, key).revision == 1


# ---- resend


@pytest.mark.parametrize("state", [PoState.READY, PoState.FAILED, PoState.UNKNOWN])
def test_a_purchase_order_that_no_supplier_is_known_to_have_is_due_now(
    aws: Aws, terminal: Terminal, state: PoState
) -> None:
    key = reserved(aws, state=state)

    assert terminal.run("orders", "resend", "ALPINA-000001", *WHY) == 0

    assert purchase_order(aws, key).due_at
    assert purchase_order(aws, key).state is state


@pytest.mark.parametrize("state", [PoState.SENT, PoState.ACKNOWLEDGED, PoState.CANCELLED])
def test_what_a_supplier_has_is_not_sent_again(aws: Aws, terminal: Terminal, state: PoState) -> None:
    key = reserved(aws, state=state)

    assert terminal.run("orders", "resend", "ALPINA-000001", *WHY) == 1

    assert "the supplier has it, or it is over" in terminal.err
    assert not purchase_order(aws, key).due_at


def test_what_a_supplier_says_on_the_phone_is_recorded_once(aws: Aws, terminal: Terminal) -> None:
    number = sent_to_alpina(aws, units=5)
    words = ("--line", "l1", "--says", "rejected", "--units", "2", "--document", "call-1", "--reason", "Ann called")

    assert terminal.run("orders", "answer", number, *words, "--dry-run") == 0
    assert order_at(aws).total(LineState.OPEN) == 0
    assert terminal.run("orders", "answer", number, *words) == 0
    assert terminal.run("orders", "answer", number, *words) == 0
    assert "recorded already" in terminal.out

    order = order_at(aws)
    assert (order.total(LineState.OPEN), order.total(LineState.SENT)) == (2, 3)
    assert order.excludes(trade.at("A", "alpina"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--says", "shipped", "--units", "9"), "more than was asked for"),
        (("--says", "shipped", "--units", "0"), "--units"),
        (("--says", "lost", "--units", "1"), "--says"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(aws: Aws, terminal: Terminal, words: tuple[str, ...], told: str) -> None:
    number = sent_to_alpina(aws, units=5)

    assert terminal.run("orders", "answer", number, "--line", "l1", *words, "--reason", "x") != 0
    assert told in terminal.err


def sent_to_alpina(aws: Aws, units: int) -> str:
    """Have alpina be asked for an order."""
    source = trade.at("A", "alpina").source
    order = orders.take(trade.order("1", ("A", units)), {("l1", source): units}, attempt="t")
    order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
    aws.stock.put(levels.to_item(trade.level("A", "alpina", 100, available=100 - units, committed=units)))
    aws.orders.put(order_items.to_item(order))
    lines = (PoLine(line="l1", sku=order.lines[0].sku, units=units),)
    po = PurchaseOrder(
        order=order.key, source=source, n=1, number="ALPINA-000007", lines=lines, state=PoState.SENT, sent_at=trade.T0
    )
    aws.orders.put(po_items.to_item(po))
    aws.orders.write_all(list(order_lists.of_purchase_order(po).values()))
    return po.number


def order_at(aws: Aws) -> Order:
    found = aws.orders.get(keys.order(trade.key("1")))
    assert found is not None
    return order_items.from_item(found)


def test_a_customer_that_agrees_to_wait_is_asked_no_more_until_then(aws: Aws, terminal: Terminal) -> None:
    key = reserved(aws)

    assert terminal.run("orders", "consent", "77", "yes", "--until", "2099-12-24", *WHY) == 0

    assert now(aws, key).agreed_until == "2099-12-24"
    assert events(aws, key) == [("consent", "bo", "the customer rang")]
    assert terminal.run("orders", "consent", "77", "yes", "--until", "2099-12-24", *WHY) == 1


def test_a_customer_that_does_not_wait_has_the_order_cancelled(aws: Aws, terminal: Terminal) -> None:
    key = reserved(aws)

    assert terminal.run("orders", "consent", "77", "no", *WHY) == 0

    assert now(aws, key).is_cancelled
    assert purchase_order(aws, key).state is PoState.CANCELLED
    assert events(aws, key) == [("cancel", "bo", "the customer rang")]


@pytest.mark.parametrize("until", ["2020-01-01", "soon"])
def test_nobody_agrees_to_wait_until_a_day_that_is_none_or_over(aws: Aws, terminal: Terminal, until: str) -> None:
    key = reserved(aws)

    assert terminal.run("orders", "consent", "77", "yes", "--until", until, *WHY) == 2

    assert now(aws, key).agreed_until == ""
