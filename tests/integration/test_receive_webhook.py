from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.publish_to_channels import handler as publisher
from functions.receive_webhook import handler
from shared.domain import messages
from shared.domain.facts import Catalogue, Product
from shared.domain.messages import Delivered, FetchOrder, Listed
from shared.domain.names import ChannelId, Sku
from shared.runtime import clients, clock, rules
from shared.runtime.observability import logger
from shared.runtime.settings import settings
from shared.storage.facts import Facts
from tests.integration.conftest import SECRETS

if TYPE_CHECKING:
    from tests.integration.conftest import Aws, LambdaContext

GOLDEN = Path(__file__).parents[2] / "events/webhooks/shopify"


def delivery(
    body: bytes,
    *,
    topic: str = "orders/create",
    secret: str = SECRETS["current"],
    channel: str = "nordlys",
    event_id: str = "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    as_base64: bool = False,
    signature: str = "",
) -> dict[str, Any]:
    """An event of the HTTP API, payload 2.0."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {
        "version": "2.0",
        "routeKey": "POST /webhooks/{channel}",
        "rawPath": f"/webhooks/{channel}",
        "headers": {
            "content-type": "application/json",
            "X-Shopify-Topic": topic,
            "x-shopify-webhook-id": event_id,
            "x-shopify-hmac-sha256": signature or base64.b64encode(digest).decode(),
        },
        "body": base64.b64encode(body).decode() if as_base64 else body.decode(),
        "isBase64Encoded": as_base64,
    }


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    """What the function logs."""
    records: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(vars(record))

    keep = Keep()
    logger.addHandler(keep)
    yield records
    logger.handlers.remove(keep)


def archived(aws: Aws) -> dict[str, bytes]:
    bucket = settings().archive_bucket
    found = aws.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {each["Key"]: aws.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found}


def queued(aws: Aws) -> list[messages.Message]:
    return [messages.read(text) for text in aws.messages(settings().order_queue_url)]


def test_an_order_is_archived_queued_and_answered(aws: Aws, context: LambdaContext) -> None:
    body = (GOLDEN / "orders_create.json").read_bytes()

    answer = handler.lambda_handler(delivery(body), context)

    assert answer["statusCode"] == 200
    ((key, kept),) = archived(aws).items()
    assert key.startswith("webhooks/nordlys/20")
    assert key.endswith("/b54557e4-bdd9-4b37-8a5f-bf7d70bcd043-orders-create.json")
    assert kept == body
    (message,) = queued(aws)
    assert isinstance(message, Delivered)
    assert (message.topic, message.archive_key, message.body) == ("orders/create", key, body.decode())


def test_a_base64_body_is_verified_over_its_raw_bytes(aws: Aws, context: LambdaContext) -> None:
    body = (GOLDEN / "orders_create_yen.json").read_bytes()

    assert handler.lambda_handler(delivery(body, as_base64=True), context)["statusCode"] == 200
    assert list(archived(aws).values()) == [body]


def test_a_body_over_64_kilobytes_travels_by_its_archive_key(aws: Aws, context: LambdaContext) -> None:
    body = json.dumps(json.loads((GOLDEN / "orders_create.json").read_bytes()) | {"note": "x" * 70_000}).encode()

    assert handler.lambda_handler(delivery(body), context)["statusCode"] == 200
    (message,) = queued(aws)
    assert isinstance(message, Delivered)
    assert message.body == ""
    assert archived(aws)[message.archive_key] == body


def test_a_redelivery_is_archived_under_the_same_key(aws: Aws, context: LambdaContext) -> None:
    body = (GOLDEN / "orders_create.json").read_bytes()

    for _ in range(3):
        handler.lambda_handler(delivery(body), context)

    assert len(archived(aws)) == 1
    assert len(queued(aws)) == 3


def test_the_previous_secret_still_signs(aws: Aws, context: LambdaContext) -> None:
    assert handler.lambda_handler(delivery(b"{}", secret="old-secret"), context)["statusCode"] == 200
    assert len(queued(aws)) == 1


def test_a_rotated_secret_is_seen_at_once(aws: Aws, context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> None:
    handler.lambda_handler(delivery(b"{}"), context)
    clients.secretsmanager().put_secret_value(
        SecretId=f"{settings().secret_prefix}/shops/nordlys",
        SecretString=json.dumps({"current": "newest", "previous": "shop-secret", "token": "t"}),
    )
    monkeypatch.setattr("shared.runtime.secrets.READ_AGAIN_AFTER", -timedelta.resolution)

    assert handler.lambda_handler(delivery(b"{}", secret="newest"), context)["statusCode"] == 200
    assert len(queued(aws)) == 2


@pytest.mark.parametrize(
    ("_case", "event", "status"),
    [
        ("unknown shop", delivery(b"{}", channel="nobody"), 404),
        ("wrong signature", delivery(b"{}", secret="wrong"), 401),
        ("empty secret", delivery(b"{}", secret=""), 401),
        ("no signature", {**delivery(b"{}"), "headers": {"x-shopify-topic": "orders/create"}}, 401),
        ("malformed signature", delivery(b"{}", signature="é not base64"), 401),
        ("no headers", {**delivery(b"{}"), "headers": {}}, 401),
        ("too large", delivery(b"x" * (1024 * 1024 + 1)), 413),
        ("broken base64", {**delivery(b"{}", as_base64=True), "body": "%%%"}, 401),
    ],
)
def test_what_is_not_believed_leaves_nothing(
    aws: Aws, context: LambdaContext, told: list[dict[str, Any]], _case: str, event: dict[str, Any], status: int
) -> None:
    answer = handler.lambda_handler(event, context)

    assert answer == {"statusCode": status, "body": ""}
    assert (archived(aws), queued(aws)) == ({}, [])
    (line,) = told
    assert (line["msg"], line["status"]) == ("delivery refused", status)
    assert {"reason", "size", "sha256", "shop"} <= set(line)
    assert not {"headers", "body"} & set(line)


@pytest.mark.parametrize(
    ("_case", "event", "status", "is_archived"),
    [
        ("malformed JSON", delivery((GOLDEN / "malformed.json").read_bytes()), 400, True),
        ("not UTF-8", delivery(b'{"a": "\xff"}', as_base64=True), 400, True),
        ("unknown topic", delivery((GOLDEN / "products_update.json").read_bytes(), topic="products/update"), 200, True),
        ("no topic", delivery(b"{}", topic=""), 400, False),
    ],
)
def test_what_is_believed_but_no_order_is_recorded_and_not_queued(
    aws: Aws, context: LambdaContext, _case: str, event: dict[str, Any], status: int, *, is_archived: bool
) -> None:
    assert handler.lambda_handler(event, context)["statusCode"] == status
    assert bool(archived(aws)) is is_archived
    assert queued(aws) == []


def test_bytes_of_verified_deliveries_are_bytes_archived(
    aws: Aws, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies = [path.read_bytes() for path in sorted(GOLDEN.glob("*.json"))]
    for number, body in enumerate(bodies):
        handler.lambda_handler(delivery(body, event_id=f"event-{number}"), context)
        handler.lambda_handler(delivery(body, event_id=f"forged-{number}", secret="wrong"), context)

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"ArchivedBytes"' in line]
    counted = sum(sum(each["ArchivedBytes"]) for each in printed)
    assert counted == sum(map(len, bodies)) == sum(map(len, archived(aws).values()))


def test_without_its_archive_it_asks_the_shop_to_try_again(aws: Aws, context: LambdaContext) -> None:
    rules.current(clock.now())
    aws.s3.delete_bucket(Bucket=settings().archive_bucket)

    assert handler.lambda_handler(delivery(b"{}"), context)["statusCode"] == 503
    assert queued(aws) == []


def test_without_its_queue_it_asks_the_shop_to_try_again(aws: Aws, context: LambdaContext) -> None:
    aws.sqs.delete_queue(QueueUrl=settings().order_queue_url)

    assert handler.lambda_handler(delivery(b"{}"), context)["statusCode"] == 503


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("orders/updated", b'{"id": 820982911946154508}'),
        ("orders/edited", (GOLDEN / "orders_edited.json").read_bytes()),
    ],
)
def test_an_event_that_does_not_tell_the_order_is_archived_and_the_order_asked_for(
    aws: Aws, context: LambdaContext, topic: str, body: bytes
) -> None:
    assert handler.lambda_handler(delivery(body, topic=topic), context)["statusCode"] == 200

    assert list(archived(aws).values()) == [body]
    assert queued(aws) == []
    (asked,) = [messages.read(text) for text in aws.messages(settings().shop_event_queue_url)]
    assert isinstance(asked, FetchOrder)
    assert (asked.channel, asked.order) == ("nordlys", "820982911946154508")


def product(sku: str, item: int) -> bytes:
    variant = {"sku": sku, "inventory_item_id": item, "inventory_management": "shopify"}
    return json.dumps({"title": "Tray", "variants": [variant, {"sku": "bad#sku", "inventory_item_id": 2}]}).encode()


def test_a_product_is_told_to_the_publisher_who_learns_its_listing(aws: Aws, context: LambdaContext) -> None:
    tray = Product(sku=Sku("NL-1"), title="Tray")
    Facts(aws.stock).push(Facts(aws.stock).difference(Catalogue(products=(tray,))), "2026-11-24T09:00:00.000Z")

    answer = handler.lambda_handler(delivery(product("NL-1", 51), topic="products/update"), context)

    assert (answer["statusCode"], queued(aws)) == (200, [])
    texts = aws.messages(settings().channel_queue_url)
    listing = "gid://shopify/InventoryItem/51"
    assert [messages.read(text) for text in texts] == [
        Listed(channel=ChannelId("nordlys"), listings=((Sku("NL-1"), listing),))
    ]
    records = {"Records": [{"messageId": f"m{at}", "body": text} for at, text in enumerate(texts)]}
    assert publisher.lambda_handler(records, context) == {"batchItemFailures": []}
    assert Facts(aws.stock).listings(ChannelId("nordlys")) == {listing: Sku("NL-1")}


def test_a_product_of_which_nothing_can_be_ours_asks_nothing(aws: Aws, context: LambdaContext) -> None:
    body = json.dumps({"title": "Tray", "variants": [{"sku": None, "inventory_item_id": 2}]}).encode()

    assert handler.lambda_handler(delivery(body, topic="products/create"), context)["statusCode"] == 200

    assert aws.messages(settings().channel_queue_url) == []
