from __future__ import annotations

from collections import Counter

import pytest

from bench.life import Spent


def test_a_bill_has_every_service_and_each_pays_for_its_own() -> None:
    spent = Spent(
        write_units=1e6,
        read_units=1e6,
        table_bytes=1e9,
        log_bytes=10**9,
        requests=10**6,
        calls=Counter({"s3.PutObject": 10**6, "sqs.SendMessage": 10**6, "dynamodb.GetItem": 7}),
        invocations=Counter({"receive_webhook": 10**6}),
        billed_seconds=1e6,
    )

    assert {service: round(dollars, 3) for service, dollars in spent.dollars(0.5).items()} == {
        "HTTP API": 1.0,
        "Lambda time": 6.667,
        "Lambda requests": 0.2,
        "S3": 5.0,
        "SQS": 0.4,
        "DynamoDB writes": 0.625,
        "DynamoDB reads": 0.125,
        "DynamoDB storage and backup, 13 months": 5.85,
        "logs": 0.5,
    }


def test_what_is_archived_is_paid_for_as_long_as_it_is_kept() -> None:
    kept, sent = Spent(archive_bytes=10**9), Spent(file_bytes=10**9)

    assert kept.dollars(0.5)["S3"] == pytest.approx(2 * 0.023)
    assert sent.dollars(0.5)["S3"] == pytest.approx(13 * 0.023)
