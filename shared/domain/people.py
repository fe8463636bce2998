"""Which person does something by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class By:
    """Who, and why."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants done, by its id: the same one twice is done once."""

    op_id: str
    by: By
    at: datetime
