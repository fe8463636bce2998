"""Secrets by reference: those of shops and suppliers, kept for five minutes, and the key by which customers are called.

A shop's is read again at once when a signature does not fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.names import ChannelId, SourceId
from shared.errors import Transient
from shared.runtime import clients, clock
from shared.runtime.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEPT_FOR = timedelta(minutes=5)
READ_AGAIN_AFTER = timedelta(seconds=10)
"""A rotation is seen this soon; a flood of wrong signatures reads no more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopSecrets:
    """What signs a shop's events, now and before the last rotation, and what we call it with."""

    current: str = field(repr=False)
    previous: str = field(repr=False)
    token: str = field(repr=False)
    read_at: datetime

    @property
    def signing(self) -> tuple[str, str]:
        """Return the secrets that may have signed an event."""
        return self.current, self.previous


@cache
def _kept() -> dict[ChannelId, ShopSecrets]:
    """Keep what was read, per shop, as long as the process lives."""
    return {}


def shop_secrets(channel: ChannelId, now: datetime, *, newer_than: datetime | None = None) -> ShopSecrets:
    """Return a shop's secrets. Raises Transient when they cannot be read.

    `newer_than`: do not answer with what was read before that time, unless it was read only seconds ago.
    """
    kept = _kept().get(channel)
    if kept:
        age = now - kept.read_at
        is_wanted_anew = newer_than is not None and kept.read_at < newer_than and age > READ_AGAIN_AFTER
        if age < KEPT_FOR and not is_wanted_anew:
            return kept
    read = _read(f"shops/{channel}")
    _kept()[channel] = ShopSecrets(
        current=read.get("current", ""), previous=read.get("previous", ""), token=read.get("token", ""), read_at=now
    )
    return _kept()[channel]


@cache
def _kept_of_suppliers() -> dict[SourceId, tuple[datetime, Mapping[str, str]]]:
    """Keep what was read, per supplier, as long as the process lives."""
    return {}


def supplier_secret(source: SourceId) -> Mapping[str, str]:
    """Return what we sign in with at a supplier. Raises Transient when it cannot be read."""
    kept, now = _kept_of_suppliers().get(source), clock.now()
    if kept and now - kept[0] < KEPT_FOR:
        return kept[1]
    _kept_of_suppliers()[source] = now, _read(f"suppliers/{source}")
    return _kept_of_suppliers()[source][1]


def _read(name: str) -> dict[str, str]:
    return read(clients.secretsmanager(), f"{settings().secret_prefix}/{name}")


def read(client: SecretsManagerClient, name: str) -> dict[str, str]:
    """Read a secret that is a table. Raises Transient when it cannot be read."""
    try:
        answer = client.get_secret_value(SecretId=name)
        found = json.loads(answer["SecretString"])
    except (ClientError, BotoCoreError, ValueError) as error:
        raise Transient("a secret cannot be read", code="secret", name=name) from error
    if not isinstance(found, dict):
        raise Transient("a secret is no table", code="secret", name=name)
    return found


@cache
def people_key() -> bytes:
    """Return the key of customers' names, read once. Raises Transient when it cannot be read."""
    try:
        answer = clients.secretsmanager().get_secret_value(SecretId=f"{settings().secret_prefix}/people")
    except (ClientError, BotoCoreError) as error:
        raise Transient("the key of customers' names cannot be read", code="people_key") from error
    return answer["SecretString"].encode()
