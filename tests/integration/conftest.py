"""One handler with moto's AWS around it, one thread, and a recording of every call that a handler makes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from moto import mock_aws

from local.shop import Shop, Store, serving
from shared.runtime import clients
from shared.runtime.settings import settings
from shared.storage.config import Config
from shared.storage.dynamo import Table
from tests.support import recording
from tests.support.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

ROOT = Path(__file__).parents[2]
LOCATION = "gid://shopify/Location/71001"
SECRETS = {"current": "shop-secret", "previous": "old-secret", "token": "shpat-token"}


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


SUPPLIERS = ("alpina", "baltic", "celtic", "dorset", "elbe")


def sample_rules() -> dict[str, Any]:
    """Read the sample's rules of one shop and five suppliers, with nobody expected at any time.

    The suite's files are of no particular day.
    """
    rules: dict[str, Any] = yaml.safe_load((ROOT / "config/rules.yaml").read_text())
    rules["channels"] = {"nordlys": rules["channels"]["nordlys"]}
    rules["sources"] = {source: rules["sources"][source] for source in SUPPLIERS}
    for source in rules["sources"].values():
        for by_time in ("cadence_hours", "freshness"):
            source.pop(by_time, None)
    return rules


def push_rules(aws: Aws, channel: dict[str, Any], source: dict[str, Any] | None = None) -> None:
    """Make the sample rules current, with these settings of its channel and of alpina."""
    rules = sample_rules()
    rules["channels"]["nordlys"] |= channel
    rules["sources"]["alpina"] |= source or {}
    Config(aws.s3, settings().config_bucket).push(rules)
    forget()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(
        store=Store(tmp_path / "shop.sqlite"),
        domain="nordlys-living.myshopify.com",
        location=LOCATION,
        secret=SECRETS["current"],
        token=SECRETS["token"],
        items={},
        deliver=lambda _body, _headers: 200,
    )


@pytest.fixture
def url(aws: Aws, shop: Shop) -> Iterator[str]:
    """Have the shop answer at a place that the rules name."""
    with serving(shop) as url:
        push_rules(aws, {"api_url": url, "location": LOCATION})
        yield url


@pytest.fixture(scope="session", autouse=True)
def watching() -> None:
    """Watch every client of the process; they live as long as it does, for making one takes longer than a test."""
    watched = clients.dynamodb(), clients.s3(), clients.sqs(), clients.secretsmanager()
    for client in (*watched, clients.ses_once(), clients.transfer_once()):
        client.meta.events.register("provide-client-params.*.*", recording.record)


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
        queue_urls = (
            names.order_queue_url,
            names.channel_queue_url,
            names.shop_event_queue_url,
            names.order_dead_letters_url,
            names.file_dead_letters_url,
            names.channel_dead_letters_url,
            names.shop_event_dead_letters_url,
        )
        for url in queue_urls:
            sqs.create_queue(QueueName=url.rpartition("/")[2])
        secret = f"{names.secret_prefix}/shops/nordlys"
        clients.secretsmanager().create_secret(Name=secret, SecretString=json.dumps(SECRETS))
        clients.secretsmanager().create_secret(Name=f"{names.secret_prefix}/people", SecretString="people-key")
        Config(s3, names.config_bucket).push(sample_rules())
        yield Aws(dynamodb, s3, sqs, Table(dynamodb, names.stock_table), Table(dynamodb, names.order_table))
        forget()


def forget() -> None:
    """Drop what a warm function would keep: flows, cached rules and secrets."""
    for name, module in list(sys.modules.items()):
        if name.startswith("functions.") or name in {"shared.runtime.secrets", "shared.runtime.rules"}:
            for thing in list(vars(module).values()):
                cache_clear: Callable[[], None] | None = getattr(thing, "cache_clear", None)
                if cache_clear and getattr(thing, "__module__", "") == name:
                    cache_clear()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the roles be checked when everything that calls has called."""
    items.sort(key=lambda item: item.path.name == "test_roles_cover_calls.py")
