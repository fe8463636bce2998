"""Supplier files: what arrived, and where it lies.

A file comes in as `in/<supplier>/<name>`, is kept as `done/...` or `held/...`, and its report lies beside the
purchase orders in `out/<supplier>/reports/`. A run names the version of the object it is about, which stays
readable after the key is deleted, so that a second delivery finds the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain import times
from shared.errors import InvalidInput, Transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK = 1 << 20

GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
IS_ANOTHER = GONE | {"PreconditionFailed", "412"}
"""What deleting under a condition says of a key that is deleted already, or that has a newer file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An object that came to be."""

    key: str
    version: str
    etag: str
    size: int
    stored_at: datetime

    @property
    def file(self) -> str:
        """Name this version of the object: the identity of a run."""
        return f"{self.key}@{self.version}"


@dataclass(frozen=True, slots=True)
class Opened:
    """An object's bytes on local disk."""

    file: BinaryIO
    sha256: str


def arrivals(body: str) -> list[Arrival]:
    """Read a notification of the bucket; its test event is none. Raises InvalidInput for what is no notification."""
    try:
        event = json.loads(body)
        if event.get("Event") == "s3:TestEvent":
            return []
        return [_arrival(record) for record in event["Records"] if record["eventName"].startswith("ObjectCreated:")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput("this is no notification of a file", code="notification_unreadable") from error


def _arrival(record: dict[str, Any]) -> Arrival:
    stored = record["s3"]["object"]
    return Arrival(
        key=unquote_plus(stored["key"]),
        version=str(stored["versionId"]),
        etag=stored["eTag"].strip('"'),
        size=int(stored["size"]),
        stored_at=times.read(record["eventTime"], "eventTime"),
    )


@dataclass(slots=True)
class Files:
    """Opens, keeps and removes objects of the files bucket."""

    client: S3Client
    bucket: str

    @contextmanager
    def open(self, key: str, version: str = "") -> Iterator[Opened | None]:
        """Fetch an object, or one version of it, to local disk for as long as it is used; None when it is gone."""
        named = {"Key": key} | ({"VersionId": version} if version else {})
        with tempfile.TemporaryFile() as local:
            digest = self._fetch(named, local)
            yield Opened(local, digest) if digest else None

    def keep(self, arrival: Arrival, key: str) -> None:
        """Copy a version to another key; again is the same copy."""
        source: Any = {"Bucket": self.bucket, "Key": arrival.key}
        source |= {"VersionId": arrival.version} if arrival.version else {}
        with _answering("copy", key):
            self.client.copy_object(Bucket=self.bucket, Key=key, CopySource=source)

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object of ours."""
        with _answering("put", key):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)

    def remove(self, arrival: Arrival) -> None:
        """Take a file off `in/`, unless another one came under its key since."""
        try:
            self.client.delete_object(Bucket=self.bucket, Key=arrival.key, IfMatch=f'"{arrival.etag}"')
        except ClientError as error:
            if error.response["Error"]["Code"] not in IS_ANOTHER:
                with _answering("delete", arrival.key):
                    raise
        except BotoCoreError:
            with _answering("delete", arrival.key):
                raise

    def _fetch(self, named: dict[str, str], into: BinaryIO) -> str:
        digest = hashlib.sha256()
        with _answering("get", named["Key"]):
            try:
                body = self.client.get_object(Bucket=self.bucket, **named)["Body"]  # type: ignore[arg-type]
            except ClientError as error:
                if error.response["Error"]["Code"] in GONE:
                    return ""
                raise
            while chunk := body.read(CHUNK):
                digest.update(chunk)
                into.write(chunk)
        return digest.hexdigest()


@contextmanager
def _answering(doing: str, key: str) -> Iterator[None]:
    """Turn whatever the store says into our kind: it may work later."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise Transient("the files refused", code="files", doing=doing, key=key, service_code=code) from error
    except BotoCoreError as error:
        name = type(error).__name__
        raise Transient("the files did not answer", code="files", doing=doing, key=key, error=name) from error
