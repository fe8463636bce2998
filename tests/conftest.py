"""The environment of every test, set before any module makes a client; moto comes first for the same reason."""

from __future__ import annotations

import os

os.environ.update(
    {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "STOCK_TABLE": "StockTable",
        "ORDER_TABLE": "OrderTable",
        "FILES_BUCKET": "truestock-files",
        "ARCHIVE_BUCKET": "truestock-archive",
        "CONFIG_BUCKET": "truestock-config",
        "ORDER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/OrderQueue",
        "CHANNEL_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/ChannelQueue",
        "ORDER_DEAD_LETTERS_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/OrderDeadLetters",
        "FILE_DEAD_LETTERS_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/FileDeadLetters",
        "CHANNEL_DEAD_LETTERS_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/ChannelDeadLetters",
        "SECRET_PREFIX": "truestock/test",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "Truestock",
        "POWERTOOLS_LOG_LEVEL": "WARNING",
    }
)
for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT") or name == "AWS_PROFILE"]:
    del os.environ[name]

import moto  # noqa: F401, E402 - before boto3's first client
from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile("ci", max_examples=200, derandomize=True, print_blob=True, deadline=None)
settings.register_profile("quick", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("soak" if "SOAK" in os.environ else "ci" if os.environ.get("CI") else "quick")
