"""Which Truestock a command acts on: the local cloud that `make run` started, or a stack in AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

CLOUDS = Path(".local/cloud")
REGION_OF_THE_EMULATOR = "us-east-1"
ROOT_OF_THE_EMULATOR = "000000000000"
"""It takes an account's number as the key of its root user, with any secret."""


class NoTarget(Exception):
    """There is nothing to act on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A deployed stack: how it is called, whether it is on this machine, what it is made of."""

    called: str
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


def local(name: str) -> Target:
    """Find the local cloud of that name, or whose record is in that folder. Raises NoTarget when none runs."""
    file = (Path(name) if "/" in name else CLOUDS / name) / "cloud.json"
    try:
        record: dict[str, Any] = json.loads(file.read_text())
        session = boto3.Session(ROOT_OF_THE_EMULATOR, "local", region_name=REGION_OF_THE_EMULATOR)
        called = f"local cloud {name} at {record['url']}"
        return Target(called, is_local=True, outputs=record["outputs"], session=session, endpoint=record["url"])
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
    return Target(called, is_local=False, outputs=outputs, session=session, endpoint=None)
