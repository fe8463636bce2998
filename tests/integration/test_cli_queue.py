from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli import queue
from shared.domain import messages
from shared.domain.messages import Delivered, FillSku
from shared.domain.names import ChannelId, Sku
from shared.errors import Transient
from tests.support import terminal as terminals
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

FILL = messages.write(FillSku(sku=Sku("NL-1001")))
DELIVERED = messages.write(
    Delivered(
        channel=ChannelId("nordlys"),
        topic="orders/create",
        archive_key="nordlys/e-1",
        received_at="",
        body='{"name": "Ada Buyer"}',
    )
)
FILE = {
    "eventName": "ObjectCreated:Put",
    "eventTime": "2026-11-24T09:00:00Z",
    "s3": {"object": {"key": "in/alpina/stock.csv", "versionId": "v1", "eTag": "e", "size": 3}},
}


@pytest.fixture
def urls(aws: Aws) -> dict[str, str]:
    """Make all queues anew, under the names of the stack's outputs."""
    parts = [f"{kind}{part}" for kind in ("Order", "File", "Channel", "ShopEvent") for part in ("Queue", "DeadLetters")]
    return {f"{part}Url": aws.sqs.create_queue(QueueName=f"shop-{part}")["QueueUrl"] for part in parts}


@pytest.fixture
def terminal(
    urls: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    return terminals.at(tmp_path, capsys, monkeypatch, urls)


def send(aws: Aws, url: str, *bodies: str) -> None:
    for body in bodies:
        aws.sqs.send_message(QueueUrl=url, MessageBody=body)


# ---- show


def test_all_queues_are_counted(aws: Aws, urls: dict[str, str], terminal: Terminal) -> None:
    send(aws, urls["OrderQueueUrl"], FILL, FILL)
    send(aws, urls["ChannelQueueUrl"], FILL)
    aws.sqs.receive_message(QueueUrl=urls["OrderQueueUrl"], MaxNumberOfMessages=1, VisibilityTimeout=60)

    found = terminal.document("queue", "show")

    assert [(each["queue"], each["waiting"], each["in_flight"], each["dead"]) for each in found] == [
        ("orders", 1, 1, 0),
        ("files", 0, 0, 0),
        ("channels", 1, 0, 0),
        ("events", 0, 0, 0),
    ]


def test_a_dead_letter_is_told_without_its_body(aws: Aws, urls: dict[str, str], terminal: Terminal) -> None:
    send(aws, urls["OrderDeadLettersUrl"], DELIVERED)
    send(aws, urls["FileDeadLettersUrl"], json.dumps({"Records": [FILE]}))

    assert terminal.run("queue", "show") == 0

    assert "nordlys orders/create nordlys/e-1" in terminal.out
    assert "in/alpina/stock.csv" in terminal.out
    assert "truestock queue redrive QUEUE" in terminal.out
    assert "Ada Buyer" not in terminal.out
    found = terminal.document("queue", "show", "orders")
    assert "Ada Buyer" not in terminal.out
    (letter,) = found[0]["letters"]
    assert (letter["kind"], letter["subject"]) == ("delivered", "nordlys orders/create nordlys/e-1")


def test_a_look_hides_nothing_and_receives_each_letter_once(aws: Aws, urls: dict[str, str], terminal: Terminal) -> None:
    send(aws, urls["OrderDeadLettersUrl"], FILL)

    looks = [terminal.document("queue", "show", "orders")[0] for _ in range(2)]

    assert [look["dead"] for look in looks] == [1, 1]
    assert [look["letters"][0]["received"] for look in looks] == [1, 2]
    assert len(aws.messages(urls["OrderDeadLettersUrl"])) == 1


def test_at_most_ten_letters_are_shown(aws: Aws, urls: dict[str, str], terminal: Terminal) -> None:
    send(aws, urls["ChannelDeadLettersUrl"], *[FILL] * 12)

    (found,) = terminal.document("queue", "show", "channels")

    assert (found["dead"], len(found["letters"])) == (12, 10)


def test_a_queue_that_the_stack_does_not_name_is_told(
    tmp_path: Path, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws.stock.name
    terminal = terminals.at(tmp_path, capsys, monkeypatch)

    assert terminal.run("queue", "show", "files") == 1

    assert "deploy it anew (output='FileQueueUrl')" in terminal.err


def test_an_unknown_queue_is_a_mistake_of_the_caller(terminal: Terminal) -> None:
    assert terminal.run("queue", "redrive", "parcels") == 2


# ---- redrive


def test_dead_letters_go_back_to_their_queue(aws: Aws, urls: dict[str, str], terminal: Terminal) -> None:
    bodies = [messages.write(FillSku(sku=Sku(f"NL-{n}"))) for n in range(23)]
    send(aws, urls["OrderDeadLettersUrl"], *bodies)

    assert terminal.document("queue", "redrive", "orders") == {
        "queue": "orders",
        "dead": 23,
        "redriven": 23,
        "is_written": True,
    }

    assert sorted(aws.messages(urls["OrderQueueUrl"])) == sorted(bodies)
    assert "23 dead letters went back to orders" in terminal.err
    assert terminal.run("queue", "redrive", "orders") == 0
    assert "orders has no dead letters" in terminal.out


def test_only_as_many_as_asked_for_go_back(aws: Aws, urls: dict[str, str], terminal: Terminal) -> None:
    send(aws, urls["FileDeadLettersUrl"], *[FILL] * 15)

    assert terminal.document("queue", "redrive", "files", "--most", "12")["redriven"] == 12

    assert len(aws.messages(urls["FileQueueUrl"])) == 12
    assert len(aws.messages(urls["FileDeadLettersUrl"])) == 3


def test_a_long_redrive_tells_how_far_it_is(
    aws: Aws, urls: dict[str, str], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "TOLD_EVERY", 20)
    send(aws, urls["OrderDeadLettersUrl"], *[FILL] * 25)

    terminal.run("queue", "redrive", "orders")

    assert "20 of 25\n25 dead letters went back" in terminal.out


def test_a_dry_run_moves_nothing(aws: Aws, urls: dict[str, str], terminal: Terminal) -> None:
    send(aws, urls["OrderDeadLettersUrl"], FILL)

    assert terminal.run("queue", "redrive", "orders", "--dry-run") == 0

    assert "1 of about 1 dead letters go back to orders" in terminal.out
    assert aws.messages(urls["OrderQueueUrl"]) == []
    assert aws.messages(urls["OrderDeadLettersUrl"]) == [FILL]


def test_a_stack_in_aws_is_asked_about(aws: Aws, urls: dict[str, str], terminal: Terminal) -> None:
    send(aws, urls["OrderDeadLettersUrl"], FILL)

    assert terminal.run("queue", "redrive", "orders", "--stack", "prod", said="n\n") == 1

    assert "on stack prod" in terminal.out
    assert aws.messages(urls["OrderQueueUrl"]) == []


class Sqs:
    """Moto's queues, with one answer that is another."""

    def __init__(self, sqs: Any, answer: dict[str, Any] | None) -> None:  # noqa: ANN401 - a client by its calls
        self._sqs = sqs
        self._answer = answer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        return getattr(self._sqs, name)

    def send_message_batch(self, **asked: Any) -> Any:  # noqa: ANN401 - as above
        return self._answer or self._sqs.send_message_batch(**asked)

    def delete_message_batch(self, **_asked: Any) -> Any:  # noqa: ANN401 - as above
        raise Transient("the connection broke", code="queue")


def test_what_the_queue_does_not_take_stays_a_dead_letter(aws: Aws, urls: dict[str, str]) -> None:
    dead, live = urls["OrderDeadLettersUrl"], urls["OrderQueueUrl"]
    send(aws, dead, FILL)
    refusing: Any = Sqs(aws.sqs, {"Successful": [], "Failed": [{"Id": "0"}]})

    with pytest.raises(Transient) as failed:
        list(queue.move(refusing, dead, live, 1))

    assert failed.value.details == {"failed": 1}
    assert aws.messages(live) == []
    assert depth(aws, dead) == 1


def test_what_was_sent_and_not_deleted_is_there_twice_and_never_lost(aws: Aws, urls: dict[str, str]) -> None:
    dead, live = urls["OrderDeadLettersUrl"], urls["OrderQueueUrl"]
    send(aws, dead, FILL)
    breaking: Any = Sqs(aws.sqs, None)

    with pytest.raises(Transient):
        list(queue.move(breaking, dead, live, 1))

    assert aws.messages(live) == [FILL]
    assert depth(aws, dead) == 1


def depth(aws: Aws, url: str) -> int:
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told: Any = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(told[name]) for name in names)
