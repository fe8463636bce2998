"""Times as the tables write them: UTC, milliseconds, one width, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.errors import InvalidInput


def text(at: datetime) -> str:
    """Write `2026-11-23T10:00:00.000Z`. The time must carry a zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def read(value: object, what: str = "time") -> datetime:
    """Read an ISO 8601 time with a zone. Raises InvalidInput for anything else."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    raise InvalidInput("a time must be ISO 8601 with a zone", code="time_unreadable", what=what, value=repr(value)[:40])
