"""Sends by putting a file into the supplier's folder, which it reads itself or over SFTP.

A file is named by its number and put only if that name is free, so the same purchase order twice is one file. The
caller still claims before it sends: what holds for a supplier that would take an order twice holds here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.names import SourceId
from shared.errors import Rejected, Transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


X12 = "application/edi-x12"


def stem(source: SourceId, name: str) -> str:
    """Name a file in a supplier's folder, without its ending: that of a purchase order by its number."""
    return f"out/{source}/PO-{name}"


@dataclass(frozen=True, slots=True)
class FileDrop:
    """Puts files into `out/<source>/` of one bucket.

    `times_out` is the longest a send can take, `lands_within` the longest a request may still arrive after whoever
    sent it is gone. `suffix` and `content_type` say what the files are.
    """

    client: S3Client
    bucket: str
    suffix: str = ".csv"
    content_type: str = "text/csv"
    looks: bool = True
    cancels: bool = True
    times_out: timedelta = timedelta(seconds=10)
    lands_within: timedelta = timedelta(seconds=60)

    def send(self, source: SourceId, number: str, body: bytes) -> None:
        """Put a purchase order.

        Raises Rejected when the number is there with other content, Transient when nobody knows whether it arrived.
        """
        self._put(self.key(source, number), body)

    def send_cancel(self, source: SourceId, number: str, body: bytes, request: str = "") -> None:
        """Put a request to cancel one; fails as `send` does."""
        self._put(self.key(source, cancel_of(number, request)), body)

    def send_answer(self, source: SourceId, name: str, body: bytes) -> None:
        """Put our answer to an X12 file of theirs; fails as `send` does."""
        self._put(f"out/{source}/{name}", body, X12)

    def has(self, source: SourceId, number: str, body: bytes) -> bool:
        """Answer whether the supplier has that purchase order, and no other under its number.

        Raises Transient when it cannot be asked. A listing tells an absent file from a forbidden one; a read does
        so only with a right to list the whole bucket.
        """
        key = self.key(source, number)
        try:
            found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        except (ClientError, BotoCoreError) as error:
            raise _no_answer(error) from error
        return [each["Key"] for each in found] == [key] and self._get(key) == body

    def key(self, source: SourceId, name: str) -> str:
        """Name the file of a purchase order."""
        return f"{stem(source, name)}{self.suffix}"

    def _put(self, key: str, body: bytes, content_type: str = "") -> None:
        try:
            self.client.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType=content_type or self.content_type, IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise _no_answer(error) from error
            if self._get(key) != body:
                raise Rejected("another content stands under this number", code="other_content", key=key) from error
        except BotoCoreError as error:
            raise _no_answer(error) from error

    def _get(self, key: str) -> bytes:
        try:
            return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _no_answer(error) from error


def cancel_of(number: str, request: str) -> str:
    """Name a request to cancel a purchase order."""
    return "-".join(each for each in (number, request, "cancel") if each)


def _no_answer(error: Exception) -> Transient:
    return Transient("the supplier's folder did not answer", code="file_drop", error=type(error).__name__)
