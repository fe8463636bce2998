"""The day on the whole template, judged by the read-back alone; then what the sample does not have."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local import afternoon, day, drawn, market, readback
from local.cloud import ROOT, Cloud
from local.figures import Figures

SEED = secrets.randbelow(10**6)
say = print


@pytest.fixture(scope="module")
def played(cloud: Cloud) -> Figures:
    """Play the day once for all tests of this file; it says its seed, so that a failure can be had again."""
    assert day.play(cloud, SEED, say) == 0
    return readback.read(cloud)


def until(is_so: Callable[[], bool], told: str) -> None:
    assert day.is_in_time(is_so), f"not in time, seed {SEED}: {told}"


def of_the_morning(figures: Figures) -> Figures:
    """All but what the afternoon's orders are."""
    later = afternoon.orders(SEED)
    return replace(
        figures,
        lines=tuple(each for each in figures.lines if each.order not in later),
        choices=tuple(each for each in figures.choices if each.order not in later),
        purchase_orders=tuple(each for each in figures.purchase_orders if each.order not in later),
    )


def lasting(figures: Figures) -> Figures:
    """All but what a delivery adds to the archive."""
    return replace(figures, bytes_accepted=0, bytes_archived=0)


def test_the_day_adds_up(played: Figures) -> None:
    assert played.differences() == []


def test_stock_is_what_the_files_said_less_what_the_orders_took(played: Figures) -> None:
    orders, _ = drawn.events(SEED)
    taken: dict[tuple[str, str], int] = defaultdict(int)
    sku_of = {(line.order, line.line): line.sku for line in played.lines}
    for choice in played.choices:
        if choice.order in {sent.key for sent in orders if sent.ends == "sent"}:
            taken[sku_of[choice.order, choice.line], choice.source] += choice.units

    for supplier in drawn.FEEDS_OF_THE_DAY:
        rows = drawn.counts(supplier, SEED)
        levels = {level.sku: level for level in played.stock if level.source == supplier}
        assert {sku: level.counted for sku, level in levels.items()} == rows
        assert {sku: level.available for sku, level in levels.items()} == {
            sku: units - taken[sku, supplier] for sku, units in rows.items()
        }


@pytest.mark.usefixtures("played")
def test_the_short_file_was_held_and_counts_by_a_persons_word(cloud: Cloud) -> None:
    s3, bucket = cloud.client("s3"), cloud.outputs["FilesBucket"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"out/{drawn.SHORT}/reports/")["Contents"]
    keys = [each["Key"] for each in listed if each["Key"].endswith(f"short-{SEED}.csv.json")]
    reports = [json.load(s3.get_object(Bucket=bucket, Key=key)["Body"]) for key in keys]

    (released,) = [each for each in reports if each["details"].get("because") == day.CLEARED]
    rows, short = drawn.stock_file(drawn.SHORT, SEED)[0], drawn.short_file(SEED)[0]
    assert (released["verdict"], released["zeroed"]) == ("applied", True)
    assert (released["read"], released["absent"]) == (len(short), len(rows) - len(short))
    assert len(short) * 100 // len(rows) in (39, 40)


def test_every_order_ended_where_it_should_and_the_lie_is_nowhere(played: Figures) -> None:
    orders, webhooks = drawn.events(SEED)
    played = of_the_morning(played)

    assert len(webhooks) == 10
    assert {line.order for line in played.lines} == {sent.key for sent in orders}
    for sent in orders:
        lines = [line for line in played.lines if line.order == sent.key]
        assert sum(getattr(line, sent.ends) for line in lines) == sent.units, sent.told


def test_every_chosen_source_has_one_purchase_order_with_a_file(played: Figures) -> None:
    played = of_the_morning(played)
    chosen = {(choice.order, choice.source) for choice in played.choices if choice.source != "nobody"}

    assert {(po.order, po.source) for po in played.purchase_orders} == chosen
    assert len(played.purchase_orders) == len(chosen)
    assert all(po.file in played.files_out and po.state == "sent" for po in played.purchase_orders)


def test_the_shop_shows_what_can_be_sold(played: Figures) -> None:
    sellable: dict[str, int] = defaultdict(int)
    for level in played.stock:
        if (level.sku, level.source) not in afternoon.HELD:
            sellable[level.sku] += max(level.available, 0)

    for channel, skus in {"nordlys": set(sellable), "havn": {sku for _, _, sku in drawn.listed()}}.items():
        shown = {number.sku: number.shows for number in played.numbers if number.channel == channel}
        assert {sku: units for sku, units in shown.items() if units} == {
            sku: units for sku, units in sellable.items() if units and sku in skus
        }
        assert skus <= set(shown)


def test_the_last_unit_is_sold_once_and_every_shop_knows(played: Figures) -> None:
    orders = [f"{at}#{drawn.FIRST_ORDER + SEED * 100 + 51}" for at in ("nordlys", "havn", "torg")]
    ends = {line.order: (line.shipped, line.cancelled) for line in played.lines if line.order in orders}

    assert sorted(ends.values()) == [(0, 1), (0, 1), (1, 0)]
    assert {n.channel: (n.told, n.shows) for n in played.numbers if n.sku == afternoon.LAST} == dict.fromkeys(
        ("nordlys", "havn", "torg"), (0, 0)
    )


def test_what_one_supplier_does_not_send_another_does(played: Figures) -> None:
    split, filled, silent = (f"nordlys#{drawn.FIRST_ORDER + SEED * 100 + 50 + n}" for n in (2, 3, 4))
    asked = {(po.order, po.source): (po.state, po.units) for po in played.purchase_orders}
    shipped = {line.order: line.shipped for line in played.lines}

    assert (shipped[split], shipped[filled], shipped[silent]) == (10, 2, 0)
    assert asked[split, "kvist"] == ("shipped", 10)
    assert asked[split, "grove"] == ("shipped", 4)
    assert asked[filled, "heath"][0] == "rejected"
    assert asked[filled, "grove"] == ("shipped", 2)
    assert {each.subject for each in played.troubles if each.kind == "not_acknowledged" and each.state == "open"} == {
        po.number for po in played.purchase_orders if po.order == silent
    }


@pytest.mark.usefixtures("played")
def test_the_api_answers_what_the_tables_hold(cloud: Cloud) -> None:
    (order, *_), _ = drawn.events(SEED)
    sku = order.payload["line_items"][0]["sku"]

    answer = cloud.api(f"/v1/stock/{sku}", method="GET", is_signed=True)
    order_answer = cloud.api(f"/v1/orders/nordlys/{order.payload['id']}", method="GET", is_signed=True)

    assert (answer.status, order_answer.status) == (200, 200)
    assert {level["source"]: level["available"] for level in json.loads(answer.body)["levels"]} == {
        level.source: level.available for level in readback.read(cloud).stock if level.sku == sku
    }
    assert json.loads(order_answer.body)["state"] == "sent"
    assert cloud.api(f"/v1/stock/{sku}", method="GET").status == 403
    assert cloud.api("/v1/stock/NL-0", method="GET", is_signed=True).status == 404


def test_redelivery_of_everything_changes_nothing(cloud: Cloud, played: Figures) -> None:
    before = lasting(readback.read(cloud))

    assert day.play(cloud, SEED, say) == 0

    assert lasting(readback.read(cloud)) == before
    assert set(played.purchase_orders) <= set(before.purchase_orders)


@pytest.mark.usefixtures("played")
def test_a_file_and_an_order_that_are_not_of_the_sample(cloud: Cloud) -> None:
    say(f"seed {SEED}")
    supplier, units, body = drawn.any_file(SEED)
    cloud.client("s3").put_object(Bucket=cloud.outputs["FilesBucket"], Key=f"in/{supplier}/drawn-{SEED}.csv", Body=body)

    def counted() -> dict[str, int]:
        return {level.sku: level.counted for level in readback.read(cloud).stock if level.source == supplier}

    until(lambda: counted() == units, f"{supplier} counts as its file says")
    before = {(level.sku, level.source): level.available for level in readback.read(cloud).stock}

    order = drawn.any_order(SEED)
    key = f"nordlys#{order['id']}"
    assert market.of(cloud).nordlys.send("orders/create", order) == 200
    ordered = sum(line["quantity"] for line in order["line_items"])

    def settled() -> bool:
        lines = [line for line in readback.read(cloud).lines if line.order == key]
        return bool(lines) and sum(line.sent + line.backordered for line in lines) == ordered

    until(settled, "the order is with suppliers, or waits")
    until(lambda: readback.read(cloud).differences() == [], "everything adds up")
    figures = readback.read(cloud)
    sku_of = {line.line: line.sku for line in figures.lines if line.order == key}
    took: dict[tuple[str, str], int] = defaultdict(int)
    for choice in figures.choices:
        if choice.order == key and choice.source != "nobody":
            took[sku_of[choice.line], choice.source] += choice.units
    after = {(level.sku, level.source): level.available for level in figures.stock}
    assert {at: before[at] - units for at, units in after.items() if before[at] != units} == dict(took)
    for line in (line for line in figures.lines if line.order == key and line.backordered):
        assert sum(units for (sku, _), units in after.items() if sku == line.sku) == 0, "units were left for it"


def truestock(cloud: Cloud, *arguments: str) -> str:
    """Type the operator's command, with a reason where it writes."""
    command = [sys.executable, "-m", "cli.main", *arguments, "--cloud", str(cloud.state.parent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.usefixtures("played")
def test_what_a_paused_supplier_was_not_sent_is_cancelled_by_hand_and_the_shop_has_its_true_number(
    cloud: Cloud,
) -> None:
    sku = next(iter(drawn.stock_file("alpina", SEED)[0]))
    order = drawn.order(SEED + 3 * 10**6, 1, (sku, 2))
    key = f"nordlys#{order['id']}"
    before = {number.sku: number.shows for number in readback.read(cloud).numbers}

    truestock(cloud, "pause", "all", "--reason", "stocktaking")
    assert market.of(cloud).nordlys.send("orders/create", order) == 200
    until(lambda: any(line.order == key and line.reserved for line in readback.read(cloud).lines), "it is reserved")
    until(lambda: any(po.order == key for po in readback.read(cloud).purchase_orders), "its purchase order is made")
    assert not any(po.order == key and po.file for po in readback.read(cloud).purchase_orders)
    truestock(cloud, "orders", "cancel", key, "--reason", "the customer rang")
    truestock(cloud, "resume", "all", "--reason", "counted")

    shop = readback.store(cloud)
    until(lambda: any(each.order_id == str(order["id"]) for each in shop.cancels()), "the shop is asked to cancel it")
    until(lambda: all(each.done_at for each in shop.cancels()), "the shop has cancelled it")
    cloud.invoke("SweepDueWork")  # as the schedule does every minute
    until(lambda: readback.read(cloud).differences() == [], "everything adds up")
    assert {number.sku: number.shows for number in readback.read(cloud).numbers} == before
    assert "the shop" not in truestock(cloud, "stock", "explain", sku, "--channel", "nordlys")


@pytest.mark.usefixtures("played")
def test_a_poison_message_ends_among_the_dead_letters_and_is_put_back(
    cloud: Cloud, request: pytest.FixtureRequest
) -> None:
    sqs, s3 = cloud.client("sqs"), cloud.client("s3")
    queue, dead = cloud.outputs["OrderQueueUrl"], cloud.outputs["OrderDeadLettersUrl"]
    order = drawn.order(SEED + 2 * 10**6, 1, (drawn.catalogue()[0], 1))
    archived = f"webhooks/nordlys/2026/11/24/poison-{SEED}-orders-create.json"
    message = {
        "schema": 1,
        "kind": "delivered",
        "channel": "nordlys",
        "topic": "orders/create",
        "archive_key": archived,
        "received_at": "2026-11-24T08:00:00.000Z",
        "body": "",
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    request.addfinalizer(lambda: sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "10"}))
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(message))
    found: list[dict[str, Any]] = []

    def is_dead() -> bool:
        found.extend(sqs.receive_message(QueueUrl=dead, VisibilityTimeout=120).get("Messages", []))
        return bool(found)

    until(is_dead, "the message is among the dead letters")
    (letter,) = found
    assert json.loads(letter["Body"]) == message

    s3.put_object(Bucket=cloud.outputs["ArchiveBucket"], Key=archived, Body=json.dumps(order).encode())
    sqs.send_message(QueueUrl=queue, MessageBody=letter["Body"])
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])

    until(
        lambda: any(line.order == f"nordlys#{order['id']}" and line.sent for line in readback.read(cloud).lines),
        "the order is sent",
    )
    until(lambda: readback.read(cloud).differences() == [], "everything adds up")
