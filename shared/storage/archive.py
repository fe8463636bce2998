"""The archive: every byte of a verified event, kept before it is answered.

Objects expire after 60 days, all versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
