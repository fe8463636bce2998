from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.poll_storefronts import handler
from shared.domain import messages
from shared.domain.messages import Delivered, FetchOrder
from shared.errors import Transient
from shared.runtime.settings import settings
from shared.storage import keys, orders
from shared.storage.config import Config
from shared.storage.problems import Problems
from shared.storefronts import shopify
from tests.integration.conftest import SECRETS, sample_rules
from tests.support import trade

if TYPE_CHECKING:
    from tests.integration.conftest import Aws, LambdaContext

ROOT = Path(__file__).parents[2]
ANSWER = json.loads((ROOT / "events/polls/shopify_orders.json").read_text())


class Shop:
    """A shop's Admin API that answers what it was told to."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[str] = []

    def answer(self, body: bytes, token: str) -> tuple[int, bytes]:
        self.asked.append(json.loads(body))
        self.tokens.append(token)
        status, answer = self.answers.pop(0)
        return status, json.dumps(answer).encode()


@pytest.fixture
def shop(aws: Aws) -> Iterator[Shop]:
    standing = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = standing.answer(body, self.headers["X-Shopify-Access-Token"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    rules = sample_rules()
    rules["channels"]["nordlys"]["api_url"] = f"http://127.0.0.1:{server.server_port}/graphql.json"
    Config(aws.s3, settings().config_bucket).push(rules)
    yield standing
    server.shutdown()
    server.server_close()
    thread.join()


def page(*nodes: dict[str, Any], then: str | None = None) -> tuple[int, Any]:
    info = {"hasNextPage": then is not None, "endCursor": then}
    return 200, {"data": {"orders": {"nodes": list(nodes), "pageInfo": info}}}


def queued(aws: Aws) -> list[Delivered]:
    found = [messages.read(text) for text in aws.messages(settings().order_queue_url)]
    return [each for each in found if isinstance(each, Delivered)]


def test_an_order_that_no_webhook_told_of_is_queued_as_one(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    shop.answers = [(200, ANSWER)]

    handler.lambda_handler({}, context)

    first, second = queued(aws)
    assert (first.topic, second.topic) == ("orders/updated", "orders/cancelled")
    intake = shopify.read_order(first.channel, first.topic, first.body.encode())
    assert [(line.sku, line.ordered, line.price_minor) for line in intake.order.lines] == [("NL-1001", 2, 1990)]
    assert (intake.ship_to["country_code"], intake.order.destination.region) == ("NO", "VL")
    kept = aws.s3.get_object(Bucket=settings().archive_bucket, Key=first.archive_key)["Body"].read()
    assert kept == first.body.encode()
    assert shop.tokens == [SECRETS["token"]]


def test_what_we_have_is_not_queued_again(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    shop.answers = [(200, ANSWER), (200, ANSWER)]
    handler.lambda_handler({}, context)
    first, second = queued(aws)
    for each in (first, second):
        aws.orders.put(orders.to_item(shopify.read_order(each.channel, each.topic, each.body.encode()).order))

    handler.lambda_handler({}, context)

    assert queued(aws) == []


def test_an_order_that_the_rules_let_wait_is_not_queued(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    config = Config(aws.s3, settings().config_bucket)
    rules = config.document()
    rules["channels"]["nordlys"]["ships"] = "paid"
    config.push(rules)
    (node, _) = ANSWER["data"]["orders"]["nodes"]
    shop.answers = [page(node | {"displayFinancialStatus": "PENDING"})]

    handler.lambda_handler({}, context)

    assert queued(aws) == []


def test_it_asks_again_from_a_little_before_where_it_was(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    shop.answers = [page(), page()]
    pk, sk = keys.poll(trade.key("1").channel)
    mark = {"PK": pk, "SK": sk, "entity": "poll", "schema": 1, "revision": 3, "seen_until": "2026-11-20T09:00:00.000Z"}
    aws.stock.put(mark)

    handler.lambda_handler({}, context)

    assert shop.asked[0]["variables"]["search"] == "updated_at:>='2026-11-20T08:50:00.000Z'"
    moved = aws.stock.get(keys.poll(trade.key("1").channel))
    assert moved is not None
    assert (moved["revision"], moved["seen_until"] > "2026-11-24") == (4, True)


def test_all_pages_are_read(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    one, other = ANSWER["data"]["orders"]["nodes"]
    shop.answers = [page(one, then="cursor-1"), page(other)]

    handler.lambda_handler({}, context)

    assert len(queued(aws)) == 2
    assert shop.asked[1]["variables"]["after"] == "cursor-1"


@pytest.mark.parametrize(
    ("_case", "answer"),
    [
        ("busy", (429, {})),
        ("throttled", (200, {"errors": [{"message": "x", "extensions": {"code": "THROTTLED"}}]})),
        ("failed", (502, {})),
        ("token refused", (401, {})),
        ("another shape", (200, {"data": {"orders": {"nodes": [{}]}}})),
        ("no such query", (200, {"errors": [{"message": "x", "extensions": {"code": "undefinedField"}}]})),
        ("not GraphQL", (200, [])),
    ],
)
def test_a_shop_that_cannot_be_asked_is_named_and_asked_again(
    aws: Aws, context: LambdaContext, shop: Shop, _case: str, answer: tuple[int, Any]
) -> None:
    shop.answers = [answer]

    with pytest.raises(Transient, match="nordlys"):
        handler.lambda_handler({}, context)

    assert aws.stock.get(keys.poll(trade.key("1").channel)) is None


def test_a_queue_that_takes_nothing_leaves_the_watermark(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    shop.answers = [(200, ANSWER)]
    aws.sqs.delete_queue(QueueUrl=settings().order_queue_url)

    with pytest.raises(Transient):
        handler.lambda_handler({}, context)

    assert aws.stock.get(keys.poll(trade.key("1").channel)) is None


# ---- the shop event queue

THIN = FetchOrder(channel=trade.key("1").channel, order="820982911946154700", received_at="2026-11-24T09:00:00.000Z")
BUS_EVENT = json.loads((ROOT / "events/bus/shopify_orders_create.json").read_text())


def batch(*bodies: str, tries: int = 1, receipt: str = "r") -> dict[str, Any]:
    """What Lambda brings of the queue."""
    told = {"ApproximateReceiveCount": str(tries)}
    records = [
        {"messageId": f"m{i}", "receiptHandle": receipt, "body": body, "attributes": told}
        for i, body in enumerate(bodies)
    ]
    return {"Records": records}


def one(node: dict[str, Any] | None) -> tuple[int, Any]:
    return 200, {"data": {"order": node}}


def test_an_order_that_an_event_did_not_tell_is_fetched(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    shop.answers = [one(ANSWER["data"]["orders"]["nodes"][0])]

    assert handler.lambda_handler(batch(messages.write(THIN)), context) == {"batchItemFailures": []}

    (told,) = queued(aws)
    assert shop.asked[0]["variables"]["id"] == "gid://shopify/Order/820982911946154700"
    intake = shopify.read_order(told.channel, told.topic, told.body.encode())
    assert [(line.sku, line.ordered) for line in intake.order.lines] == [("NL-1001", 2)]
    kept = aws.s3.get_object(Bucket=settings().archive_bucket, Key=told.archive_key)["Body"].read()
    assert kept == told.body.encode()


@pytest.mark.parametrize(("tries", "seconds"), [(1, 60), (2, 120), (4, 480)])
def test_a_shop_that_is_down_is_asked_again_later_and_later(
    aws: Aws, context: LambdaContext, shop: Shop, monkeypatch: pytest.MonkeyPatch, tries: int, seconds: int
) -> None:
    told: list[tuple[list[str], int]] = []
    monkeypatch.setattr(
        "shared.runtime.queues.soon", lambda _url, _event, again, seconds: told.append((list(again), seconds))
    )
    shop.answers = [(502, {})]

    answer = handler.lambda_handler(batch(messages.write(THIN), messages.write(THIN), tries=tries), context)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}
    assert told == [(["m0"], seconds), (["m1"], seconds)]
    assert queued(aws) == []


def test_a_message_that_failed_is_hidden_for_a_minute(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    url = settings().shop_event_queue_url
    aws.sqs.send_message(QueueUrl=url, MessageBody=messages.write(THIN))
    (message,) = aws.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    shop.answers = [(502, {})]

    handler.lambda_handler(batch(message["Body"], receipt=message["ReceiptHandle"]), context)

    assert "Messages" not in aws.sqs.receive_message(QueueUrl=url)


def test_an_event_over_the_bus_and_by_http_is_one(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    shop.answers = []

    handler.lambda_handler(batch(json.dumps(BUS_EVENT)), context)
    handler.lambda_handler(batch(json.dumps(BUS_EVENT | {"id": "another"})), context)

    first, second = queued(aws)
    assert first.archive_key == second.archive_key
    assert first.archive_key.endswith("/b54557e4-bdd9-4b37-8a5f-bf7d70bcd043-orders-create.json")


def test_an_event_of_an_unknown_shop_becomes_an_exception(aws: Aws, context: LambdaContext, shop: Shop) -> None:
    shop.answers = []
    told = BUS_EVENT["detail"]["metadata"] | {"X-Shopify-Shop-Domain": "other.myshopify.com"}
    event = BUS_EVENT | {"detail": BUS_EVENT["detail"] | {"metadata": told}}

    for _ in range(2):
        assert handler.lambda_handler(batch(json.dumps(event)), context) == {"batchItemFailures": []}

    (found,) = Problems(aws.orders).open_ones()
    assert (found.problem.kind, found.problem.subject) == ("shop_event_refused", "other.myshopify.com")
