"""One handler with moto's AWS around it, one thread, and a recording of every call that a handler makes."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from moto import mock_aws

from shared.runtime import clients
from shared.runtime.settings import settings
from shared.storage.config import Config
from shared.storage.dynamo import Table
from tests.support.tables import create_tables
from tests.template import roles

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

ROOT = Path(__file__).parents[2]
SECRETS = {"current": "shop-secret", "previous": "old-secret", "token": "shpat-token"}

RECORDED: set[roles.Call] = set()
"""What handlers called: what the roles in the template must cover."""


@dataclass(frozen=True)
class Aws:
    """What a test may look into."""

    dynamodb: DynamoDBClient
    s3: S3Client
    sqs: SQSClient
    stock: Table
    orders: Table

    def messages(self, url: str) -> list[str]:
        """Take all bodies waiting in a queue."""
        bodies: list[str] = []
        while found := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies


@dataclass
class LambdaContext:
    """What Lambda hands to a handler."""

    function_name: str = "test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"
    remaining: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


@pytest.fixture
def context() -> LambdaContext:
    return LambdaContext()


@pytest.fixture(scope="session", autouse=True)
def recording() -> None:
    """Watch every client of the process; they live as long as it does, for making one takes longer than a test."""
    boto3.setup_default_session()
    assert boto3.DEFAULT_SESSION is not None
    boto3.DEFAULT_SESSION.events.register("provide-client-params.*.*", _record)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        forget()
        dynamodb, s3, sqs = clients.dynamodb(), clients.s3(), clients.sqs()
        create_tables(dynamodb)
        names = settings()
        for bucket in (names.files_bucket, names.archive_bucket, names.config_bucket):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for url in (names.order_queue_url, names.channel_queue_url):
            sqs.create_queue(QueueName=url.rpartition("/")[2])
        secret = f"{names.secret_prefix}/shops/nordlys"
        clients.secretsmanager().create_secret(Name=secret, SecretString=json.dumps(SECRETS))
        Config(s3, names.config_bucket).push(yaml.safe_load((ROOT / "config/rules.yaml").read_text()))
        yield Aws(dynamodb, s3, sqs, Table(dynamodb, names.stock_table), Table(dynamodb, names.order_table))
        forget()


def forget() -> None:
    """Drop what a warm function would keep: flows, cached rules and secrets."""
    for name, module in list(sys.modules.items()):
        if name.startswith("functions.") or name == "shared.runtime.secrets":
            for thing in list(vars(module).values()):
                cache_clear: Callable[[], None] | None = getattr(thing, "cache_clear", None)
                if cache_clear and getattr(thing, "__module__", "") == name:
                    cache_clear()


def _record(params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's model of the call
    function = _calling_function()
    if function:
        RECORDED.update(roles.calls_of(function, model.service_model.service_name, model.name, params, _names()))


def _names() -> dict[str, str]:
    """Name tables, buckets and queues as the template does."""
    names = settings()
    return {
        names.stock_table: "StockTable",
        names.order_table: "OrderTable",
        names.files_bucket: "FilesBucket",
        names.archive_bucket: "ArchiveBucket",
        names.config_bucket: "ConfigBucket",
        names.order_queue_url: "OrderQueue",
        names.channel_queue_url: "ChannelQueue",
    }


def _calling_function() -> str | None:
    """Name the handler below this call. A flow's threads are its function's too, so the main one is asked."""
    main = sys._current_frames()[threading.main_thread().ident or 0]  # noqa: SLF001 - the only way to see it
    for frame in traceback.extract_stack(main):
        path = Path(frame.filename)
        if path.name == "handler.py" and path.parents[1].name == "functions":
            return path.parent.name
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the roles be checked when everything that calls has called."""
    items.sort(key=lambda item: item.path.name == "test_roles_cover_calls.py")
