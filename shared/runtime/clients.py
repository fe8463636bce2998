"""Clients of AWS services, one per service and process, with time limits that fit a Lambda function."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_transfer import TransferClient

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "max_attempts": 4})
ONCE = CONFIG.merge(Config(retries={"total_max_attempts": 1}))
"""Asks once: what was lost on the way is looked up, not sent again."""


@cache
def dynamodb() -> DynamoDBClient:
    """Return the DynamoDB client."""
    return boto3.client("dynamodb", config=CONFIG)


@cache
def s3() -> S3Client:
    """Return the S3 client; files may take longer than a table."""
    return boto3.client("s3", config=CONFIG.merge(Config(read_timeout=20)))


@cache
def s3_once() -> S3Client:
    """Return an S3 client that asks once and briefly: no send may outlive its sender."""
    return boto3.client("s3", config=ONCE)


@cache
def sqs() -> SQSClient:
    """Return the SQS client."""
    return boto3.client("sqs", config=CONFIG)


@cache
def secretsmanager() -> SecretsManagerClient:
    """Return the Secrets Manager client."""
    return boto3.client("secretsmanager", config=CONFIG)


@cache
def ses_once() -> SESV2Client:
    """Return an SES client that asks once."""
    return boto3.client("sesv2", config=ONCE)


@cache
def transfer_once() -> TransferClient:
    """Return a Transfer Family client that asks once."""
    return boto3.client("transfer", config=ONCE)
