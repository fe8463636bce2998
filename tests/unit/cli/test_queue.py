from __future__ import annotations

import json

import pytest

from cli.queue import about
from shared.domain import messages
from shared.domain.messages import (
    CountCode,
    Delivered,
    FetchOrder,
    FillSku,
    Message,
    PlanOrder,
    Publish,
    Refresh,
    Scope,
)
from shared.domain.names import ChannelId, Sku, SourceId
from tests.support import trade

SHOP = ChannelId("nordlys")
DELIVERED = Delivered(
    channel=SHOP, topic="orders/create", archive_key="nordlys/e-1", received_at="", body='{"name": "Ada Buyer"}'
)
FILE = {
    "eventName": "ObjectCreated:Put",
    "eventTime": "2026-11-24T09:00:00Z",
    "s3": {"object": {"key": "in/alpina/my+stock.csv", "versionId": "v1", "eTag": "e", "size": 3}},
}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (DELIVERED, ("delivered", "nordlys orders/create nordlys/e-1")),
        (FetchOrder(channel=SHOP, order="7", received_at=""), ("fetch_order", "nordlys 7")),
        (CountCode(source=SourceId("alpina"), code="A-1"), ("count_code", "alpina A-1")),
        (PlanOrder(order=trade.key("7")), ("plan", "nordlys#7")),
        (FillSku(sku=Sku("NL-1001")), ("fill", "NL-1001")),
        (Publish(channel=SHOP), ("publish", "nordlys")),
        (Refresh(scope=Scope.SOURCE, name="alpina"), ("refresh", "source alpina")),
    ],
)
def test_a_message_is_told_by_its_kind_and_subject_alone(message: Message, told: tuple[str, str]) -> None:
    assert about(messages.write(message)) == told


def test_a_notification_is_told_by_its_files() -> None:
    assert about(json.dumps({"Records": [FILE]})) == ("file", "in/alpina/my stock.csv")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("Ada Buyer", "message_unreadable"),
        ('{"schema": 9}', "message_schema"),
        ('{"schema": 1, "kind": "fill"}', "message_field"),
        ('{"schema": 1, "kind": "refresh", "scope": []}', "message_kind"),
    ],
)
def test_what_cannot_be_read_is_told_by_why(body: str, code: str) -> None:
    assert about(body) == ("unreadable", code)
