"""The files bucket as a shelf in memory: it keeps bytes and notes every step, and knows no condition."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared.errors import AppError
from shared.storage.files import Arrival, Opened


@dataclass
class Shelf:
    """Objects by key or by `<key>@<version>`. A `failure` is what opening raises."""

    steps: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    failure: AppError | None = None

    @contextmanager
    def open(self, key: str, version: str = "") -> Iterator[Opened | None]:
        if self.failure:
            raise self.failure
        body = self.objects.get(f"{key}@{version}" if version else key)
        yield None if body is None else Opened(io.BytesIO(body), hashlib.sha256(body).hexdigest())

    def keep(self, arrival: Arrival, key: str) -> None:
        self.objects[key] = self.objects[arrival.file]
        self.steps.append(f"keep {key}")

    def put(self, key: str, body: bytes, _content_type: str) -> None:
        self.objects[key] = body
        self.steps.append(f"put {key}")

    def remove(self, arrival: Arrival) -> None:
        self.steps.append(f"remove {arrival.key}")

    def drop(self, key: str, body: str, at: str) -> str:
        """Put a file, as version `v1`; return the notification of it."""
        self.objects[f"{key}@v1"] = body.encode()
        return notification((key, at, len(body.encode())))


def notification(*objects: tuple[str, str, int]) -> str:
    """A notification of objects: key, time, size."""
    records = [
        {
            "eventName": "ObjectCreated:Put",
            "eventTime": at,
            "s3": {"object": {"key": key, "versionId": "v1", "eTag": "e", "size": size}},
        }
        for key, at, size in objects
    ]
    return json.dumps({"Records": records})
