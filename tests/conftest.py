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
        "FILE_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/FileQueue",
        "SHOP_EVENT_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/ShopEventQueue",
        "ORDER_DEAD_LETTERS_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/OrderDeadLetters",
        "FILE_DEAD_LETTERS_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/FileDeadLetters",
        "CHANNEL_DEAD_LETTERS_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/ChannelDeadLetters",
        "SHOP_EVENT_DEAD_LETTERS_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/ShopEventDeadLetters",
        "SECRET_PREFIX": "truestock/test",
        "SHOPIFY_EVENT_SOURCE": "aws.partner/shopify.com/4711/truestock",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "Truestock",
        "POWERTOOLS_LOG_LEVEL": "WARNING",
    }
)
for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT") or name == "AWS_PROFILE"]:
    del os.environ[name]

import moto  # noqa: F401, E402 - before boto3's first client
import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # noqa: E402

settings.register_profile("ci", max_examples=100, derandomize=True, print_blob=True, deadline=None)
settings.register_profile("quick", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("soak" if "SOAK" in os.environ else "ci" if os.environ.get("CI") else "quick")

KEPT_TOGETHER = {"tests/integration", "tests/local"}
"""Folders that one process runs when several share the work: the last test of one looks at every call of the others,
those of the other look at the machine's processes. Elsewhere a module stays together, for what it starts is its own.
"""
LONGEST_FIRST = ("tests/integration", "tests/local", "tests/engine")


class Rooms(LoadScopeScheduling):  # type: ignore[misc]  # its package has no types
    """Hands whole folders or modules to the processes of `pytest -n`."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        folder = module.rpartition("/")[0]
        return folder if folder in KEPT_TOGETHER else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Rooms:
    """Share the work by rooms, in the order of the collection."""
    config.option.loadscopereorder = False
    return Rooms(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have processes that share the work begin with what takes longest, so that they end together."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: [not item.nodeid.startswith(room) for room in LONGEST_FIRST])
