"""An exception in the merchant's sense: something a person should look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
