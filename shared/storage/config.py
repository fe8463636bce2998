"""The rules object, cached by ETag: a changed version is seen within half a minute, an unchanged one costs a 304."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain import rules
from shared.domain.rules import Rules
from shared.errors import InvalidInput, Transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "rules.json"
FRESH_FOR = timedelta(seconds=30)
NO_VERSION = '"none"'


@dataclass(slots=True)
class Config:
    """Reads the rules of one bucket."""

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

    def push(self, document: object) -> Rules:
        """Check a document of rules and make it the current version. Raises InvalidInput for a wrong one."""
        checked = rules.parse(document)
        body = json.dumps(document, indent=1, sort_keys=True).encode()
        self.client.put_object(Bucket=self.bucket, Key=KEY, Body=body, ContentType="application/json")
        return checked
