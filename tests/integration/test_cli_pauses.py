from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli import pauses as commands
from functions.sweep_due_work import handler
from shared.domain import messages, orders, times
from shared.domain.messages import Publish
from shared.domain.names import ChannelId, OrderKey, Sku, SourceId
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.errors import Conflict
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import keys
from shared.storage import orders as order_items
from shared.storage import purchase_orders as po_items
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.pauses import Pause, Pauses
from tests.support import terminal as terminals
from tests.support import trade
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws, LambdaContext

ALPINA, BALTIC, NORDLYS = SourceId("alpina"), SourceId("baltic"), ChannelId("nordlys")
ADDRESS = {"name": "Ada Buyer", "country_code": "NO"}
SINCE = "2026-11-20T08:00:00.000Z"


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    assert aws.stock.name
    return terminals.at(tmp_path, capsys, monkeypatch)


@pytest.fixture
def store(aws: Aws) -> Pauses:
    return Pauses(aws.stock)


def paused(store: Pauses, *scopes: str) -> None:
    for scope in scopes:
        store.set(Pause(scope=scope, actor="bo", reason="stocktaking", since=SINCE))


def waits(aws: Aws, order_id: str, source: SourceId = ALPINA, minutes: int = 10) -> PurchaseOrder:
    """Record an order whose purchase order is due in so many minutes."""
    order = orders.take(trade.order(order_id, ("NL-1001", 2)), {("l1", source): 2}, attempt="t")
    aws.orders.put(order_items.to_item(replace(order, ship_to="t")))
    pk, sk = keys.ship_to(order.key, "t")
    aws.orders.put({"PK": pk, "SK": sk, "entity": "ship_to", "address": ADDRESS})
    po = PurchaseOrder(
        order=order.key,
        source=source,
        n=1,
        number=f"{source.upper()}-{int(order_id):06d}",
        lines=(PoLine(line="l1", sku=Sku("NL-1001"), units=2),),
        due_at=times.text(clock.now() + timedelta(minutes=minutes)),
    )
    aws.orders.put(po_items.to_item(po))
    return po


def now(aws: Aws, key: OrderKey) -> PurchaseOrder:
    (po,) = OrderBook(aws.dynamodb, aws.stock, aws.orders).purchase_orders(key)
    return po


def published(aws: Aws) -> list[object]:
    return [messages.read(text) for text in aws.messages(settings().channel_queue_url)]


# ---- pause


@pytest.mark.parametrize(
    ("options", "scope", "told"),
    [
        (("--supplier", "alpina"), "supplier#alpina", "no purchase order goes to alpina until you resume; orders are"),
        (("--channel", "nordlys"), "channel#nordlys", "nordlys is told no number and nothing of its orders until"),
        (("all",), "all", "no purchase order goes to any supplier and no shop is told anything until you resume"),
    ],
)
def test_a_pause_is_kept_with_who_and_why_and_says_what_happens(
    terminal: Terminal, store: Pauses, options: tuple[str, ...], scope: str, told: str
) -> None:
    assert terminal.run("pause", *options, "--actor", "ada", "--reason", "fire") == 0

    (found,) = store.read([scope])
    assert (found.actor, found.reason) == ("ada", "fire")
    assert told in terminal.out
    assert f"`truestock resume {' '.join(options)}`" in terminal.out


def test_a_pause_needs_a_reason(terminal: Terminal, store: Pauses) -> None:
    assert terminal.run("pause", "all") == 2

    assert "whoever finds it paused reads that" in terminal.err
    assert store.read(["all"]) == []


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_an_unknown_supplier_is_refused_with_the_known_ones(terminal: Terminal, command: str) -> None:
    assert terminal.run(command, "--supplier", "alpine", "--reason", "r") == 2

    assert "alpina, baltic, celtic" in terminal.err


def test_a_second_pause_leaves_the_first_as_it_is(terminal: Terminal, store: Pauses) -> None:
    paused(store, "all")

    assert terminal.run("pause", "all", "--actor", "ada", "--reason", "fire", "--stack", "prod") == 0

    assert "write this?" not in terminal.err
    assert "paused already, since 2026-11-20 08:00:00 UTC by bo: stocktaking" in terminal.out
    assert [each.actor for each in store.read(["all"])] == ["bo"]


def test_a_dry_run_pauses_nothing(terminal: Terminal, store: Pauses) -> None:
    assert terminal.document("pause", "all", "--reason", "r", "--dry-run") == {"scope": "all", "is_written": False}

    assert store.read(["all"]) == []


def test_a_stack_in_aws_is_asked_about(terminal: Terminal, store: Pauses) -> None:
    assert terminal.run("pause", "all", "--reason", "r", "--stack", "prod", said="n\n") == 1

    assert "on stack prod" in terminal.out
    assert store.read(["all"]) == []


def test_without_a_scope_what_is_paused_is_listed(terminal: Terminal, store: Pauses) -> None:
    assert terminal.run("pause") == 0
    assert "nothing is paused" in terminal.out

    paused(store, "supplier#alpina", "channel#nordlys")

    found = terminal.document("pause")
    assert [each["scope"] for each in found] == ["channel#nordlys", "supplier#alpina"]
    assert found[1] == {"scope": "supplier#alpina", "actor": "bo", "reason": "stocktaking", "since": SINCE}
    terminal.run("pause")
    (line,) = [line for line in terminal.out.splitlines() if "supplier alpina" in line]
    assert "stocktaking" in line


# ---- resume


def test_to_resume_a_supplier_makes_what_waits_for_it_due_now(aws: Aws, terminal: Terminal, store: Pauses) -> None:
    paused(store, "supplier#alpina")
    mine, later, other = waits(aws, "1"), waits(aws, "2", minutes=30), waits(aws, "3", BALTIC)
    sent = replace(waits(aws, "4"), state=PoState.SENT)
    aws.orders.put(po_items.to_item(sent))

    assert terminal.run("resume", "--supplier", "alpina") == 0

    assert now(aws, mine.order).due_at <= times.text(clock.now())
    assert now(aws, mine.order).revision == 2
    assert [now(aws, each.order) for each in (later, other, sent)] == [later, other, sent]
    assert store.read(["supplier#alpina"]) == []
    assert "1 purchase orders wait for that" in terminal.out
    assert "resumed; 1 purchase orders are sent at once" in terminal.out
    assert published(aws) == []


def test_what_a_pause_held_back_is_sent_after_the_resume(aws: Aws, terminal: Terminal, context: LambdaContext) -> None:
    terminal.run("pause", "--supplier", "alpina", "--reason", "fire")
    po = waits(aws, "1", minutes=-10)
    assert handler.lambda_handler({}, context)["PurchaseOrderPaused"] == 1

    assert terminal.run("resume", "--supplier", "alpina") == 0

    assert "1 purchase orders are sent at once" in terminal.out
    assert handler.lambda_handler({}, context)["PurchaseOrderSent"] == 1
    assert now(aws, po.order).state is PoState.SENT


def test_to_resume_a_shop_lets_it_be_told(aws: Aws, terminal: Terminal, store: Pauses) -> None:
    paused(store, "channel#nordlys")
    po = waits(aws, "1")

    assert terminal.document("resume", "--channel", "nordlys") == {
        "scope": "channel#nordlys",
        "is_written": True,
        "purchase_orders": 0,
        "channels": ["nordlys"],
    }

    assert published(aws) == [Publish(channel=NORDLYS)]
    assert now(aws, po.order) == po


def test_to_resume_all_leaves_what_is_paused_by_itself(aws: Aws, terminal: Terminal, store: Pauses) -> None:
    paused(store, "all", "supplier#alpina")
    mine, other = waits(aws, "1"), waits(aws, "2", BALTIC)

    assert terminal.run("resume", "all") == 0

    assert now(aws, mine.order) == mine
    assert now(aws, other.order).revision == 2
    assert published(aws) == [Publish(channel=NORDLYS)]
    assert "supplier alpina stays paused by itself" in terminal.out
    assert [each.scope for each in store.read(["all", "supplier#alpina"])] == ["supplier#alpina"]


def test_to_resume_a_part_of_all_says_that_all_is_paused(aws: Aws, terminal: Terminal, store: Pauses) -> None:
    paused(store, "all", "supplier#alpina", "channel#nordlys")
    po = waits(aws, "1")

    assert terminal.run("resume", "--supplier", "alpina") == 0
    assert "everything is paused, since" in terminal.out
    assert "0 purchase orders are sent at once" in terminal.out
    assert now(aws, po.order) == po

    assert terminal.run("resume", "--channel", "nordlys") == 0
    assert published(aws) == []


def test_to_resume_what_is_not_paused_says_so(aws: Aws, terminal: Terminal) -> None:
    po = waits(aws, "1")

    assert terminal.run("resume", "--supplier", "alpina") == 0

    assert "alpina is not paused: nothing was written" in terminal.out
    assert now(aws, po.order) == po


def test_a_dry_run_resumes_nothing(aws: Aws, terminal: Terminal, store: Pauses) -> None:
    paused(store, "all")
    po = waits(aws, "1")

    assert terminal.run("resume", "all", "--dry-run") == 0

    assert "1 purchase orders wait for that" in terminal.out
    assert len(store.read(["all"])) == 1
    assert now(aws, po.order) == po
    assert published(aws) == []


def test_a_purchase_order_that_somebody_else_moves_is_left_to_them(aws: Aws) -> None:
    first, second = waits(aws, "1"), waits(aws, "2")

    class Overtaken(Outbox):
        def change(self, before: PurchaseOrder, after: PurchaseOrder) -> None:
            if before.number == first.number:
                raise Conflict("a purchase order or its order has changed", code="po_changed")
            super().change(before, after)

    outbox = Overtaken(OrderBook(aws.dynamodb, aws.stock, aws.orders))

    assert commands.bring_forward(outbox, [ALPINA], clock.now()) == 1

    assert (now(aws, first.order).revision, now(aws, second.order).revision) == (1, 2)


def test_what_cannot_be_read_does_not_stop_the_others(aws: Aws) -> None:
    broken, whole = waits(aws, "1"), waits(aws, "2")
    item = po_items.to_item(broken)
    aws.orders.put({name: value for name, value in item.items() if name != "lines"})

    outbox = Outbox(OrderBook(aws.dynamodb, aws.stock, aws.orders))

    assert commands.bring_forward(outbox, [ALPINA], clock.now()) == 1
    assert now(aws, whole.order).revision == 2
