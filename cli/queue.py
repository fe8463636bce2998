"""`truestock queue`: what waits in the queues, what became a dead letter, and how to try that again.

Bodies are never shown: they may hold what an order says about a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exceptions import age
from cli.session import Session, reads, writes
from cli.target import Target
from shared.domain import messages, times
from shared.domain.messages import (
    CountCode,
    Delivered,
    FetchOrder,
    FillSku,
    Message,
    PlanOrder,
    Publish,
    Refresh,
    ReleaseFile,
    WritePiece,
)
from shared.errors import InvalidInput, Transient
from shared.runtime import clock
from shared.storage import files

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

app = typer.Typer(help="Queues: what waits, what became a dead letter, and trying that again.")

MOST_A_CALL = 10
LOOKED_FOR_SECONDS = 1
"""How long a look waits for messages, so that all of the queue's servers are asked."""
MOVED_WITHIN_SECONDS = 60
"""How long a dead letter is hidden while it is moved; then it is there again, if it was not."""
TOLD_EVERY = 100


class Queue(StrEnum):
    """A queue, by what it carries."""

    ORDERS = "orders"
    FILES = "files"
    CHANNELS = "channels"
    EVENTS = "events"


OUTPUTS = {Queue.ORDERS: "Order", Queue.FILES: "File", Queue.CHANNELS: "Channel", Queue.EVENTS: "ShopEvent"}

Asked = Annotated[Queue | None, typer.Argument(metavar="orders|files|channels|events", help="All of them without it.")]
Most = Annotated[int | None, typer.Option("--most", metavar="N", min=1, help="As many at most; all without it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter without its body: what it is, since when, how often it was received, and about what it is."""

    message_id: str
    sent_at: str
    received: int
    kind: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """About how many messages of a queue wait, are being worked on, and are dead."""

    queue: Queue
    waiting: int
    in_flight: int
    dead: int


@app.callback()
def queues() -> None:
    """Look into queues."""


@app.command()
@reads
def show(session: Session, queue: Asked = None) -> None:
    """Show how many messages wait, are in flight, are dead, and up to ten dead letters of each queue."""
    client, now = session.target.sqs(), clock.now()
    depths = [depth(session.target, client, each) for each in ([queue] if queue else Queue)]
    columns = ["queue", "waiting", "in flight", "dead letters"]
    session.table("queues, about", columns, [(each.queue, each.waiting, each.in_flight, each.dead) for each in depths])
    answered = []
    for each in depths:
        letters = look(client, _url(session.target, each.queue, "DeadLetters")) if each.dead else []
        rows = [(one.message_id, age(one.sent_at, now), one.received, one.kind, one.subject) for one in letters]
        if rows:
            title = f"dead letters of {each.queue}: {len(rows)} of about {each.dead}"
            session.table(title, ["message", "age", "times received", "kind", "about"], rows)
        answered.append(asdict(each) | {"letters": [asdict(one) for one in letters]})
    if any(each.dead for each in depths):
        session.tell("when the reason is mended: `truestock queue redrive QUEUE`")
    session.answer(answered)


@app.command()
@writes
def redrive(session: Session, queue: Queue, *, most: Most = None) -> None:
    """Send dead letters to the queue they came from, to be tried again. None is lost; twice is harmless."""
    client = session.target.sqs()
    dead, live = _url(session.target, queue, "DeadLetters"), _url(session.target, queue, "Queue")
    there = depth(session.target, client, queue).dead
    wanted = min(most or there, there)
    is_written = bool(wanted) and session.agree([f"{wanted} of about {there} dead letters go back to {queue}"])
    moved = 0
    if is_written:
        for some in move(client, dead, live, wanted):
            if moved // TOLD_EVERY < (moved + some) // TOLD_EVERY:
                session.tell(f"{moved + some} of {wanted}")
            moved += some
        session.tell(f"{moved} dead letters went back to {queue}; what fails again comes back here")
    elif not there:
        session.tell(f"{queue} has no dead letters")
    session.answer({"queue": queue, "dead": there, "redriven": moved, "is_written": is_written})


def depth(target: Target, client: SQSClient, queue: Queue) -> Depth:
    """Ask how many messages there are, about."""
    waiting, in_flight = _counts(client, _url(target, queue, "Queue"))
    dead, looked_at = _counts(client, _url(target, queue, "DeadLetters"))
    return Depth(queue=queue, waiting=waiting, in_flight=in_flight, dead=dead + looked_at)


def look(client: SQSClient, url: str) -> list[Letter]:
    """Look at up to ten messages, once, and hide them from nobody."""
    found = client.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=MOST_A_CALL,
        VisibilityTimeout=0,
        WaitTimeSeconds=LOOKED_FOR_SECONDS,
        MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
    )
    return [_letter(message) for message in found.get("Messages", [])]


def about(body: str) -> tuple[str, str]:
    """Tell a message's kind and subject, and nothing else of it."""
    try:
        message = messages.read(body)
    except (InvalidInput, TypeError) as failure:
        return _of_file(body) or ("unreadable", getattr(failure, "code", "message_field"))
    return _of_ours(message)


def move(client: SQSClient, dead: str, live: str, most: int) -> Iterator[int]:
    """Send up to so many messages on, then delete them; yield how many after each call.

    What was sent and not deleted, because something failed between the two, is there again and goes twice. Raises
    Transient when the live queue does not take a message: that stays where it is.
    """
    left = most
    while left > 0:
        answer = client.receive_message(
            QueueUrl=dead,
            MaxNumberOfMessages=min(left, MOST_A_CALL),
            VisibilityTimeout=MOVED_WITHIN_SECONDS,
            WaitTimeSeconds=LOOKED_FOR_SECONDS,
        )
        found = {str(i): message for i, message in enumerate(answer.get("Messages", []))}
        if not found:
            return
        bodies: Any = [{"Id": i, "MessageBody": message["Body"]} for i, message in found.items()]
        sent = client.send_message_batch(QueueUrl=live, Entries=bodies)
        gone: Any = [
            {"Id": each["Id"], "ReceiptHandle": found[each["Id"]]["ReceiptHandle"]} for each in sent["Successful"]
        ]
        if gone:
            client.delete_message_batch(QueueUrl=dead, Entries=gone)
            yield len(gone)
        if len(gone) < len(found):
            failed = len(found) - len(gone)
            raise Transient("the queue did not take a message; it is kept", code="queue", failed=failed)
        left -= len(gone)


def _url(target: Target, queue: Queue, part: str) -> str:
    output = f"{OUTPUTS[queue]}{part}Url"
    if output not in target.outputs:
        raise InvalidInput("the stack does not say where its queue is; deploy it anew", code="no_output", output=output)
    return target.outputs[output]


def _counts(client: SQSClient, url: str) -> tuple[int, int]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    hidden = "ApproximateNumberOfMessagesNotVisible"
    wanted: Any = [*names, hidden]
    told: Any = client.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
    return sum(int(told.get(name, 0)) for name in names), int(told[hidden])


def _of_ours(message: Message) -> tuple[str, str]:
    match message:
        case Delivered():
            told = "delivered", f"{message.channel} {message.topic} {message.archive_key}"
        case FetchOrder():
            told = "fetch_order", f"{message.channel} {message.order}"
        case PlanOrder():
            told = "plan", str(message.order)
        case FillSku():
            told = "fill", message.sku
        case Publish():
            told = "publish", message.channel
        case Refresh():
            told = "refresh", f"{message.scope} {message.name}"
        case ReleaseFile():
            told = "release_file", f"{message.source} {message.as_of}"
        case WritePiece():
            told = "write_piece", f"{message.source} {message.as_of}, piece {message.number}"
        case CountCode():
            told = "count_code", f"{message.source} {message.code}"
    return told


def _of_file(body: str) -> tuple[str, str] | None:
    try:
        return "file", ", ".join(each.key for each in files.arrivals(body))
    except InvalidInput:
        return None


def _letter(message: Any) -> Letter:  # noqa: ANN401 - the queue's JSON
    told = message["Attributes"]
    kind, subject = about(message["Body"])
    return Letter(
        message_id=message["MessageId"],
        sent_at=times.text(datetime.fromtimestamp(int(told["SentTimestamp"]) / 1000, UTC)),
        received=int(told["ApproximateReceiveCount"]),
        kind=kind,
        subject=subject,
    )
