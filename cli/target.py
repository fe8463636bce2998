"""Which Truestock a command acts on: the local cloud that `make run` started, or a stack in AWS."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session

from shared.domain.messages import Message
from shared.runtime import queues, secrets
from shared.runtime.clients import ONCE
from shared.runtime.ways import Ways
from shared.storage.config import Config
from shared.storage.dynamo import Table
from shared.storage.order_book import OrderBook

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

CLOUDS = Path(".local/cloud")
REGION_OF_THE_EMULATOR = "us-east-1"
ROOT_OF_THE_EMULATOR = "000000000000"
"""It takes an account's number as the key of its root user, with any secret."""

# The user's profile and files are for the user's own account: variable -> (in files, in the environment, value, type).
NO_FILES: dict[str, tuple[None, list[str], str | None, None]] = {
    "profile": (None, [], None, None),
    "config_file": (None, [], os.devnull, None),
    "credentials_file": (None, [], os.devnull, None),
}


class NoTarget(Exception):
    """There is nothing to act on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A deployed stack: how it is called, its name, whether it is on this machine, what it is made of."""

    called: str
    stack: str
    is_local: bool
    outputs: dict[str, str]
    session: boto3.Session
    endpoint: str | None

    def dynamodb(self) -> DynamoDBClient:
        """Connect to its tables."""
        return self.session.client("dynamodb", endpoint_url=self.endpoint)

    def s3(self) -> S3Client:
        """Connect to its buckets."""
        return self.session.client("s3", endpoint_url=self.endpoint)

    def sqs(self) -> SQSClient:
        """Connect to its queues."""
        return self.session.client("sqs", endpoint_url=self.endpoint)

    def secretsmanager(self) -> SecretsManagerClient:
        """Connect to its secrets."""
        return self.session.client("secretsmanager", endpoint_url=self.endpoint)

    def stock(self) -> Table:
        """Open the stock table."""
        return Table(self.dynamodb(), self.outputs["StockTable"])

    def orders(self) -> Table:
        """Open the order table."""
        return Table(self.dynamodb(), self.outputs["OrderTable"])

    def config(self) -> Config:
        """Open the rules."""
        return Config(self.s3(), self.outputs["ConfigBucket"])

    def book(self) -> OrderBook:
        """Open both tables, as moves need them."""
        return OrderBook.of(self.dynamodb(), self.outputs["StockTable"], self.outputs["OrderTable"])

    def ways(self) -> Ways:
        """Connect to its suppliers."""
        return Ways(
            bucket=self.outputs["FilesBucket"],
            s3=lambda: self.session.client("s3", endpoint_url=self.endpoint, config=ONCE),
            ses=lambda: self.session.client("sesv2", endpoint_url=self.endpoint, config=ONCE),
            transfer=lambda: self.session.client("transfer", endpoint_url=self.endpoint, config=ONCE),
            secret=lambda source: secrets.read(self.secretsmanager(), f"{self.secret_prefix}/suppliers/{source}"),
        )

    def send(self, queue: str, messages: Iterable[Message], *, delay_seconds: int = 0) -> None:
        """Send messages to the queue of that output, to be seen after a delay."""
        queues.send(self.outputs[queue], messages, self.sqs(), delay_seconds=delay_seconds)

    @property
    def secret_prefix(self) -> str:
        """Name the folder of its secrets, as the template gives it to the functions."""
        return f"truestock/{self.stack}"


def local(name: str) -> Target:
    """Find the local cloud of that name, or whose record is in that folder. Raises NoTarget when none runs."""
    file = (Path(name) if "/" in name else CLOUDS / name) / "cloud.json"
    try:
        record: dict[str, Any] = json.loads(file.read_text())
        return Target(
            f"local cloud {name} at {record['url']}",
            stack=record["stack"],
            is_local=True,
            outputs=record["outputs"],
            session=boto3.Session(
                ROOT_OF_THE_EMULATOR,
                "local",
                region_name=REGION_OF_THE_EMULATOR,
                botocore_session=botocore.session.Session(NO_FILES),
            ),
            endpoint=record["url"],
        )
    except (OSError, ValueError, KeyError) as error:
        raise NoTarget(f"no local cloud {name!r} runs here: start it with `make run`, or name a --stack") from error


def stack(name: str) -> Target:
    """Find a stack in AWS by your credentials. Raises NoTarget when it is not there."""
    session = boto3.Session()
    try:
        (found,) = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except Exception as error:
        raise NoTarget(f"no stack {name!r} can be seen with your AWS credentials: {error}") from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    called = f"stack {name} in {session.region_name}"
    return Target(called, stack=found["StackName"], is_local=False, outputs=outputs, session=session, endpoint=None)
