"""Queues: send a message, read a batch, answer which failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain import messages
from shared.domain.messages import Message
from shared.errors import Transient
from shared.runtime import clients
from shared.runtime.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from mypy_boto3_sqs import SQSClient

MOST_PER_CALL = 10


def send(url: str, waiting: Iterable[Message], client: SQSClient | None = None, *, delay_seconds: int = 0) -> None:
    """Send messages, ten a call; without a client, as this process.

    Raises Transient when the queue did not take all of them: sending again is harmless.
    """
    texts = [messages.write(message) for message in waiting]
    for start in range(0, len(texts), MOST_PER_CALL):
        entries: Any = [
            {"Id": str(i), "MessageBody": text, "DelaySeconds": delay_seconds}
            for i, text in enumerate(texts[start : start + MOST_PER_CALL])
        ]
        try:
            answer = (client or clients.sqs()).send_message_batch(QueueUrl=url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise Transient("the queue did not answer", code="queue", error=type(error).__name__) from error
        if answer.get("Failed"):
            raise Transient("the queue took only part of a batch", code="queue", failed=len(answer["Failed"]))


def depth(url: str) -> int:
    """Count the messages that a queue holds, about. Raises Transient when it cannot be asked."""
    try:
        answer = clients.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    except (ClientError, BotoCoreError) as error:
        raise Transient("the queue did not answer", code="queue", error=type(error).__name__) from error
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def bodies(event: Mapping[str, Any]) -> dict[str, str]:
    """Read a batch: `message id -> body`."""
    return {record["messageId"]: record["body"] for record in event["Records"]}


def tries(event: Mapping[str, Any]) -> dict[str, int]:
    """Tell how often each message of a batch was received, this time included: `message id -> times`."""
    return {
        record["messageId"]: int(record.get("attributes", {}).get("ApproximateReceiveCount", "1"))
        for record in event["Records"]
    }


def soon(url: str, event: Mapping[str, Any], again: Iterable[str], seconds: int) -> None:
    """Let messages come again before the time for which a batch hides them, which is as long as the longest takes.

    What the queue refuses comes again when that is over.
    """
    failed = set(again)
    for record in event["Records"]:
        if record["messageId"] in failed:
            try:
                clients.sqs().change_message_visibility(
                    QueueUrl=url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds
                )
            except (ClientError, BotoCoreError) as error:
                logger.warning("a message comes again later than wanted", error=type(error).__name__)


def failures(again: Mapping[str, str]) -> PartialItemFailureResponse:
    """Answer which messages of a batch shall come again, `message id -> reason`, and log why."""
    for message_id, reason in again.items():
        logger.warning("message comes again", message_id=message_id, reason=reason)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
