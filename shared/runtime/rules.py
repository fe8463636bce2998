"""The merchant's rules, as this process last read them."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from shared.domain.rules import Rules
from shared.runtime import clients
from shared.runtime.settings import settings
from shared.storage.config import Config


@cache
def _config() -> Config:
    return Config(clients.s3(), settings().config_bucket)


def current(now: datetime) -> Rules:
    """Return the rules, at most half a minute old. Raises Transient when they cannot be read."""
    return _config().rules(now)
