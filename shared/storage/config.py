"""The rules object, cached by ETag: a changed version is seen within half a minute, an unchanged one costs a 304.

Every version is kept by the bucket, with who pushed it and why as the object's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain import rules
from shared.domain.rules import Rules
from shared.errors import InvalidInput, Transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "rules.json"
FRESH_FOR = timedelta(seconds=30)
NO_VERSION = '"none"'
MOST_BYTES = 1_000_000
MOST_BYTES_OF_NOTES = 1_800
"""S3 takes 2 KB of metadata, names included."""
AS_IT_IS = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"
"""Characters of notes that stand for themselves; others become %xx, for metadata is ASCII."""


@dataclass(frozen=True, slots=True)
class Version:
    """A kept version of the rules. `id` is the bucket's, `version` what the document calls itself."""

    id: str
    pushed_at: datetime
    is_current: bool
    version: str
    actor: str
    reason: str


@dataclass(slots=True)
class Config:
    """Reads and writes the rules of one bucket."""

    client: S3Client
    bucket: str
    _etag: str = field(default=NO_VERSION, init=False)
    _rules: Rules | None = field(default=None, init=False)
    _fresh_until: datetime | None = field(default=None, init=False)

    def rules(self, now: datetime) -> Rules:
        """Return the rules. Raises Transient when they cannot be read, InvalidInput when none were ever pushed."""
        if self._rules and self._fresh_until and now < self._fresh_until:
            return self._rules
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=KEY, IfNoneMatch=self._etag)
            body = answer["Body"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in {"NoSuchKey", "404"}:
                raise InvalidInput("no rules yet", code="rules_missing", do="truestock config push") from error
            if code not in {"304", "NotModified"} or self._rules is None:
                raise Transient("the rules cannot be read", code="rules_unreadable", service_code=code) from error
        except BotoCoreError as error:
            raise Transient("the rules cannot be read", code="rules_unreadable", error=type(error).__name__) from error
        else:
            self._rules = rules.parse(json.loads(body))
            self._etag = answer["ETag"]
        self._fresh_until = now + FRESH_FOR
        return self._rules

    def push(self, document: object, *, actor: str = "", reason: str = "") -> Rules:
        """Check a document of rules and make it the current version; an equal one stays as it is.

        Raises InvalidInput for a wrong one, one that is too large, and notes that are too long.
        """
        body = serialised(document)
        checked = rules.parse(document)
        if self.document() == json.loads(body):
            return checked
        notes = {"actor": actor, "reason": reason, "version": checked.version}
        metadata = {name: quote(text, safe=AS_IT_IS) for name, text in notes.items() if text}
        size = sum(map(len, metadata.values()))
        if size > MOST_BYTES_OF_NOTES:
            raise InvalidInput("the reason is too long", code="notes_long", bytes=size, most=MOST_BYTES_OF_NOTES)
        with _translated("write"):
            self.client.put_object(
                Bucket=self.bucket, Key=KEY, Body=body, ContentType="application/json", Metadata=metadata
            )
        return checked

    def document(self, version: str = "") -> Any:  # noqa: ANN401 - a document nobody checked
        """Return the document of a version, else the current one, as it was pushed; None when there is none."""
        wanted = {"VersionId": version} if version else {}
        try:
            with _translated("read"):
                return json.loads(self.client.get_object(Bucket=self.bucket, Key=KEY, **wanted)["Body"].read())  # type: ignore[arg-type]
        except ValueError:
            return None
        except Transient as failure:
            if failure.details.get("service_code") in {"NoSuchKey", "NoSuchVersion", "404"}:
                return None
            raise

    def versions(self, most: int) -> list[Version]:
        """Return what is kept, newest first."""
        found = []
        with _translated("list"):
            for each in islice(self._kept(), most):
                head = self.client.head_object(Bucket=self.bucket, Key=KEY, VersionId=each["VersionId"])
                notes = {name: unquote(text) for name, text in head["Metadata"].items()}
                version, actor, reason = (notes.get(name, "") for name in ("version", "actor", "reason"))
                found.append(Version(each["VersionId"], each["LastModified"], each["IsLatest"], version, actor, reason))
        return found

    def ids(self, begin: str) -> list[str]:
        """Return the ids of kept versions that begin so."""
        with _translated("list"):
            return [each["VersionId"] for each in self._kept() if each["VersionId"].startswith(begin)]

    def _kept(self) -> Iterator[Any]:
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=KEY)
        return (each for page in pages for each in page.get("Versions", []) if each["Key"] == KEY)


def serialised(document: object) -> bytes:
    """Write a document as it is kept. Raises InvalidInput when it is over 1 MB, or not plain values."""
    parts: list[str] = []
    size = 0
    try:
        for part in json.JSONEncoder(indent=1, sort_keys=True, allow_nan=False).iterencode(document):
            parts.append(part)
            size += len(part)  # ASCII: characters are bytes
            if size > MOST_BYTES:
                raise InvalidInput("the rules are too large", code="rules_large", most_bytes=MOST_BYTES)
    except (TypeError, ValueError) as error:
        raise InvalidInput("the rules must be plain values", code="rules_not_plain", error=str(error)) from error
    return "".join(parts).encode()


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise Transient("the rules' bucket refused", code="rules_bucket", doing=doing, service_code=code) from error
    except BotoCoreError as error:
        name = type(error).__name__
        raise Transient("the rules' bucket did not answer", code="rules_bucket", doing=doing, error=name) from error
