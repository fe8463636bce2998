"""Who waits, for what, until when: restocks, caps, alternatives, moved promises, orders that come twice."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.process_orders import handler
from shared.domain import rules as rules_of
from shared.domain.facts import Product
from shared.domain.messages import Delivered, Message, write
from shared.domain.names import ChannelId, Sku
from shared.domain.orders import LineState, Order
from shared.flows.record_orders import RecordOrders
from shared.flows.record_stock import RecordStock
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import facts, keys, levels, offers
from shared.storage.availability import Availability
from shared.storage.config import Config
from shared.storage.order_book import OrderBook
from shared.storage.problems import Problems
from tests.integration.conftest import Aws, LambdaContext, forget, push_rules, sample_rules
from tests.support import documents, streams, terminal, trade
from tests.support.document_files import ack, csv, kept, objects, of, problems, row, take
from tests.support.documents import ALPINA, asked

NORDLYS, SKU = ChannelId("nordlys"), Sku("NL-1001")
NOW = trade.times_now()


def ordered(order_id: int, *lines: tuple[str, int], channel: str = "nordlys") -> Delivered:
    body = trade.shopify_body(order_id, *lines).decode()
    return Delivered(
        channel=ChannelId(channel), topic="orders/create", archive_key=f"{order_id}", received_at=trade.NOW, body=body
    )


def run(context: LambdaContext, *waiting: Message) -> None:
    records = [{"messageId": f"m{i}", "body": write(each)} for i, each in enumerate(waiting)]
    assert handler.lambda_handler({"Records": records}, context) == {"batchItemFailures": []}


def order(aws: Aws, order_id: int, channel: str = "nordlys") -> Order:
    found = OrderBook(aws.dynamodb, aws.stock, aws.orders).order(trade.key(str(order_id), channel))
    assert found
    return found


def recorded(aws: Aws, order_id: int, channel: str = "nordlys") -> list[Message]:
    """Have the stream tell of a new order; return what is asked for because of it."""
    sent: list[Message] = []
    flow = RecordOrders(
        table=aws.orders,
        availability=Availability(aws.stock),
        problems=Problems(aws.orders),
        to_orders=sent.extend,
        to_channels=lambda _: None,
    )
    flow.run([streams.of_order(None, order(aws, order_id, channel))], clock.now())
    return sent


def counted(aws: Aws, units: int, revision: int, source: str = "alpina") -> list[Message]:
    """Have a count come, and the stream tell of it; return what is asked for because of it."""
    at = keys.level(trade.at(SKU, source))
    there = aws.stock.get(at)
    before = levels.from_item(there) if there else None
    committed = before.committed if before else 0
    after = trade.level(
        SKU, source, units - committed, counted=units, committed=committed, revision=revision, counted_as_of=trade.NOW
    )
    aws.stock.put(levels.to_item(after))
    aws.stock.put(offers.to_item(trade.offer(SKU, source, 500)))
    sent: list[Message] = []
    flow = RecordStock(
        stock=aws.stock,
        orders=aws.orders,
        problems=Problems(aws.orders),
        to_orders=sent.extend,
        to_channels=lambda _: None,
    )
    flow.run([streams.of_level(before, after)], rules_of.parse(sample_rules()), NOW)
    return sent


def units(found: Order) -> dict[str, int]:
    return {state.value: found.total(state) for state in LineState if found.total(state)}


def problem(aws: Aws, kind: str, subject: str) -> dict[str, Any]:
    found = aws.orders.get(keys.problem(kind, subject))
    assert found
    return found


# ---- restocks


def test_20_are_backordered_5_arrive_5_are_filled_and_15_wait(aws: Aws, context: LambdaContext) -> None:
    run(context, ordered(1, (SKU, 20)))
    recorded(aws, 1)

    run(context, *counted(aws, 5, 1))

    assert units(order(aws, 1)) == {"reserved": 5, "backordered": 15}


def test_a_restock_fills_exactly_what_arrived_oldest_first_by_partial_lines(aws: Aws, context: LambdaContext) -> None:
    for order_id in (1, 2, 3):
        run(context, ordered(order_id, (SKU, 5)))
        recorded(aws, order_id)

    run(context, *counted(aws, 8, 1))

    assert [units(order(aws, each)) for each in (1, 2, 3)] == [
        {"reserved": 5},
        {"reserved": 3, "backordered": 2},
        {"backordered": 5},
    ]


def test_a_fall_fills_none(aws: Aws, context: LambdaContext) -> None:
    run(context, ordered(1, (SKU, 20)))
    recorded(aws, 1)
    run(context, *counted(aws, 5, 1))

    asked_for = counted(aws, 5, 2) + counted(aws, 3, 3)

    assert asked_for == []
    assert units(order(aws, 1)) == {"reserved": 5, "backordered": 15}


# ---- caps


def test_what_is_sold_early_is_told_within_its_cap_and_a_cancel_gives_the_room_back(
    aws: Aws, context: LambdaContext
) -> None:
    push_rules(aws, {"backorders": [{"sku": SKU, "most": 10, "lead_days": 14}]})
    counted(aws, 3, 1)

    run(context, ordered(1, (SKU, 7)), ordered(2, (SKU, 9)), ordered(3, ("NL-1002", 2)))

    assert [units(order(aws, each)) for each in (1, 2, 3)] == [
        {"reserved": 3, "backordered": 4},
        {"open": 3, "backordered": 6},
        {"backordered": 2},
    ]
    assert room(aws) == 0
    assert order(aws, 1).lines[0].promised > order(aws, 1).placed_at[:10]
    assert order(aws, 3).lines[0].promised == ""

    run(context, replace(ordered(1, (SKU, 7)), topic="orders/cancelled"))

    assert units(order(aws, 1)) == {"cancelled": 7}
    assert room(aws) == 4
    assert aws.stock.get(keys.waiting(NORDLYS, Sku("NL-1002"))) is None


def room(aws: Aws) -> int:
    document = sample_rules()
    document["channels"]["nordlys"]["backorders"] = [{"sku": SKU, "most": 10, "lead_days": 14}]
    channel = rules_of.parse(document).channels[NORDLYS]
    return Availability(aws.stock).facts([SKU], channel, [])[SKU].room(channel, trade.NOW)


# ---- alternatives


def sells(aws: Aws, sku: str, *substitutes: str) -> None:
    product = Product(sku=Sku(sku), title=sku, substitutes=tuple(map(Sku, substitutes)))
    aws.stock.put(facts.to_item(product))


def have(aws: Aws, sku: str, n: int) -> None:
    aws.stock.put(levels.to_item(trade.level(sku, "alpina", n)))
    aws.stock.put(offers.to_item(trade.offer(sku, "alpina", 500)))


def test_an_allowed_alternative_is_taken_with_the_order(aws: Aws, context: LambdaContext) -> None:
    push_rules(aws, {"substitutes": "allow"})
    sells(aws, SKU, "NL-1002")
    have(aws, "NL-1002", 3)

    run(context, ordered(1, (SKU, 2)))

    found = order(aws, 1)
    assert [(line.sku, line.active, line.instead_of) for line in found.lines] == [
        (SKU, 0, ""),
        ("NL-1002", 2, found.lines[0].line),
    ]
    assert [(each.line, each.units) for each in found.allocations] == [(found.lines[1].line, 2)]


def test_an_alternative_is_offered_and_a_person_has_it_sent(
    aws: Aws,
    context: LambdaContext,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    push_rules(aws, {"substitutes": "offer"})
    sells(aws, SKU, "NL-1002")
    have(aws, "NL-1002", 3)
    person = terminal.at(tmp_path, capsys, monkeypatch)
    run(context, ordered(1, (SKU, 2)))
    (line,) = order(aws, 1).lines
    assert problem(aws, "substitute_offered", "nordlys#1")["details"] == {f"line {line.line}": "2 x NL-1002"}
    words = ("orders", "substitute", "1", line.line, "NL-1002")

    assert person.run(*words) != 0
    assert person.run(*words, "--units", "3", "--reason", "she agreed") == 1
    assert person.run(*words, "--reason", "she agreed", "--id", "w1") == 0
    assert [(each.sku, each.open) for each in order(aws, 1).lines] == [(SKU, 0), ("NL-1002", 2)]
    assert person.run(*words, "--reason", "she agreed", "--id", "w1") == 1


# ---- what suppliers promise


def test_a_date_of_a_supplier_moves_the_promise_and_is_told_once(aws: Aws) -> None:
    rules = of({"policy": {"backorders": "wait", "late_days": 30}})
    asked(documents_book(aws), {"NL-1001": 10})

    take(aws, "ack1.csv", csv(row(10, "backorder", Date="2026-12-01", Doc="D1")), rules)

    found = documents.seen(documents_book(aws)).order
    assert found.line("l1").promised == "2026-12-01"
    told = problem(aws, "promise_moved", "nordlys#1")
    assert told["details"] == {"line": "l1", "was": "", "promised": "2026-12-01"}

    (entry,) = kept(aws)
    aws.orders.delete(keys.document(ALPINA, entry.type, entry.number))  # it broke off before that was written
    take(aws, "ack1-again.csv", csv(row(10, "backorder", Date="2026-12-01", Doc="D1")), rules)
    take(aws, "ack2.csv", csv(row(10, "backorder", Date="2026-12-09", Doc="D2")), rules)

    again = documents.seen(documents_book(aws)).order
    assert (again.line("l1").promised, again.revision) == ("2026-12-09", found.revision + 1)
    assert problem(aws, "promise_moved", "nordlys#1")["reason"].startswith("a line is promised for 2026-12-")


def documents_book(aws: Aws) -> OrderBook:
    return OrderBook(aws.dynamodb, aws.stock, aws.orders)


def test_a_late_accept_after_a_reroute_is_a_conflict_and_a_cancellation_is_sent(aws: Aws) -> None:
    before = asked(documents_book(aws), {"NL-1001": 10})
    take(aws, "ack1.x12", ack("PO1*l1*10*EA\nACK*IA*6*EA\nACK*IR*4*EA"))
    found = documents.seen(documents_book(aws))
    assert found.units() == {"accepted": 6, "open": 4}

    take(aws, "ack2.csv", csv(row(4, "accept", Doc="L2")))

    late = documents.seen(documents_book(aws))
    assert late.order.late == 4
    assert late.units() == {"accepted": 6, "open": 4}
    assert any(key.endswith("-cancel.csv") for key in objects(aws))
    flow = RecordOrders(
        table=aws.orders,
        availability=Availability(aws.stock),
        problems=Problems(aws.orders),
        to_orders=lambda _: None,
        to_channels=lambda _: None,
    )
    flow.run([streams.of_order(replace(before, revision=1), late.order)], NOW)
    assert "late_answer" in problems(aws)


# ---- one order by two channels


def two_channels(aws: Aws, policy: str) -> None:
    document = sample_rules()
    market = copy.deepcopy(document["channels"]["nordlys"]) | {"shop": "market.myshopify.com"}
    document["channels"]["market"] = market | {"imported_twice": policy}
    Config(aws.s3, settings().config_bucket).push(document)
    forget()


@pytest.mark.parametrize(("policy", "state"), [("flag", "reserved"), ("hold", "held")])
def test_an_order_that_comes_by_two_channels_is_told_and_held_where_the_rules_say_so(
    policy: str, state: str, aws: Aws, context: LambdaContext
) -> None:
    two_channels(aws, policy)
    counted(aws, 9, 1)
    run(context, ordered(1, (SKU, 2)))
    recorded(aws, 1)

    run(context, ordered(7, (SKU, 2), channel="market"))
    recorded(aws, 7, "market")

    twin = order(aws, 7, "market")
    assert (twin.state, twin.waits_for_a_person) == (state, state == "held")
    assert bool(twin.allocations) == (state == "reserved")
    assert problem(aws, "imported_twice", "market#7")["details"] == {"other": "nordlys#1"}
    assert aws.orders.get(keys.problem("imported_twice", "nordlys#1")) is None


def test_who_orders_the_same_again_in_one_shop_or_something_else_is_no_twin(aws: Aws, context: LambdaContext) -> None:
    two_channels(aws, "hold")
    counted(aws, 9, 1)
    for order_id, n, channel in ((1, 2, "nordlys"), (2, 2, "nordlys"), (7, 1, "market")):
        run(context, ordered(order_id, (SKU, n), channel=channel))
        recorded(aws, order_id, channel)
        recorded(aws, order_id, channel)

    assert not [kind for kind in problems(aws) if kind == "imported_twice"]
    assert order(aws, 7, "market").state == "reserved"
