"""The archive: every byte of a verified event, kept before it is answered.

Objects expire after 60 days, all versions. A key names the day and the order, `-` where no order is known, so that an
erasure finds what it is to delete by asking for a few prefixes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LIVES_DAYS = 62
"""60 days, and another until no version is left, and today: how many days may still have an object."""

LONGEST_FOLDER = 384
"""Of the 1,024 bytes of a key: an id is 128 characters, each of which may be written as twelve."""


def of_channel(channel: str) -> str:
    """Name the folder of all events of a channel."""
    return f"webhooks/{channel}/"


def of_day(channel: str, order: str, now: datetime) -> str:
    """Name the folder of a day's events of an order; empty: of what is of none."""
    return f"{of_channel(channel)}{now:%Y/%m/%d}/{_folder(order)}/"


def of_polls(channel: str, order: str) -> str:
    """Name the folder of what polls found of an order; empty: of what is of none."""
    return f"{of_channel(channel)}polled/{_folder(order)}/"


def folders(channel: str, order: str, now: datetime) -> Iterator[str]:
    """Name every folder that may have an event of an order."""
    yield of_polls(channel, order)
    for days in range(LIVES_DAYS):
        yield of_day(channel, order, now - timedelta(days=days))


def _folder(order: str) -> str:
    """Write an order's id as one step of a key; the order that is called `-` is another one than none."""
    written = "%2D" if order == "-" else quote(order, safe="") or "-"
    return written if len(written) <= LONGEST_FOLDER else hashlib.sha256(order.encode()).hexdigest()


@dataclass(slots=True)
class Archive:
    """Puts and gets raw events by key."""

    client: S3Client
    bucket: str

    def put(self, key: str, body: bytes, about: dict[str, str]) -> None:
        """Keep bytes under a key; the same key again is the same event. `about` becomes the object's metadata."""
        try:
            self.client.put_object(Bucket=self.bucket, Key=key, Body=body, Metadata=about)
        except (ClientError, BotoCoreError) as error:
            raise Transient("the archive did not take an event", code="archive", key=key) from error

    def get(self, key: str) -> bytes:
        """Return the bytes of an event. Raises Transient when they cannot be read now."""
        try:
            return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise Transient("the archive did not give an event", code="archive", key=key) from error
