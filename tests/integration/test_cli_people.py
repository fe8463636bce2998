from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.sweep_due_work import handler as sweep_due_work
from shared.domain import customers, orders
from shared.domain.orders import Order
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import archive, keys, people
from shared.storage import orders as order_items
from shared.storage.people import People
from tests.integration.conftest import push_rules
from tests.support import terminal as terminals
from tests.support import trade
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws, LambdaContext

MAIL = "mari.holm@post.example"
ADDRESS = {"name": "Mari Holm"}


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    push_rules(aws, {})
    return terminals.at(tmp_path, capsys, monkeypatch)


@pytest.fixture
def order(aws: Aws) -> Order:
    """An order of Mari's that is over, with its address and two versions of its event."""
    name = customers.of_email(b"people-key", MAIL)
    over = orders.cancel(replace(trade.order("7", ("NL-1001", 2)), customer=name, ship_to="t"), 2).order
    aws.orders.put(order_items.to_item(over))
    aws.orders.put(people.customer_item(over))
    pk, sk = keys.ship_to(over.key, "t")
    aws.orders.put({"PK": pk, "SK": sk, "entity": "ship_to", "address": ADDRESS})
    key = f"{archive.of_day(over.key.channel, '7', clock.now())}e-orders-create.json"
    for body in (b"Holm 1", b"Holm 2"):
        aws.s3.put_object(Bucket=settings().archive_bucket, Key=key, Body=body)
    return over


def test_a_customer_is_found_by_the_address_whatever_its_letters(terminal: Terminal, order: Order) -> None:
    assert terminal.run("people", "find", "--from-stdin", "--json", said=f" {MAIL.upper()}\n") == 0

    (found,) = json.loads(terminal.out)["orders"]
    assert found == {"order": str(order.key), "state": "cancelled", "addresses": 1, "objects": 2}
    assert "Holm" not in terminal.out + terminal.err


def test_what_is_kept_is_written_to_a_new_file_for_its_owner_alone(
    terminal: Terminal, order: Order, tmp_path: Path
) -> None:
    to = tmp_path / "mari.json"
    assert terminal.run("people", "export", "--from-stdin", "--to", str(to), said=MAIL) == 0

    (exported,) = json.loads(to.read_text())
    assert (exported["order"], exported["addresses"]) == (str(order.key), [ADDRESS])
    assert sorted(each["content"] for each in exported["objects"]) == ["Holm 1", "Holm 2"]
    assert to.stat().st_mode & 0o777 == 0o600
    assert "Holm" not in terminal.out + terminal.err
    assert terminal.run("people", "export", "--from-stdin", "--to", str(to), said=MAIL) == 2


def test_erasing_only_shows_until_somebody_says_yes(
    terminal: Terminal, order: Order, aws: Aws, context: LambdaContext
) -> None:
    assert terminal.run("people", "erase", "--from-stdin", said=MAIL) == 0
    assert "CustomerErased" not in sweep_due_work.lambda_handler({}, context)
    assert People(aws.orders).addresses(order.key)

    assert terminal.run("people", "erase", "--from-stdin", "--yes", said=MAIL) == 0
    assert sweep_due_work.lambda_handler({}, context)["CustomerErased"] == 1

    assert not People(aws.orders).addresses(order.key)
    left = aws.s3.list_object_versions(Bucket=settings().archive_bucket)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


def test_what_is_no_address_is_refused(terminal: Terminal) -> None:
    assert terminal.run("people", "find", "--from-stdin", said="Mari\n") == 1
    assert "no address of mail" in terminal.err
