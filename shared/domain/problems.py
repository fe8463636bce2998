"""An exception in the merchant's sense: something a person should look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from shared.errors import AppError

OWNER = "operations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with which subject, why, and what to do about it. The same kind and subject is the same problem."""

    kind: str
    subject: str
    reason: str
    action: str
    owner: str = OWNER
    details: Mapping[str, str | int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, kind: str, subject: str, failure: AppError, action: str, details: Mapping[str, str | int] | None = None
    ) -> Self:
        """Make one out of a failure: its phrase and its code are the reason."""
        reason = f"{failure.message}: {failure.code}"
        return cls(kind=kind, subject=subject, reason=reason, action=action, details=details or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An exception as it stands: since when, who looks after it, and how it ended where it has."""

    problem: Problem
    opened_at: str
    taken_by: str = ""
    closed_at: str = ""
    closed_by: str = ""
    closed_because: str = ""
    revision: int = 1

    @property
    def is_open(self) -> bool:
        """Whether it is still to be looked at."""
        return not self.closed_at
