"""Which person does something by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class By:
    """Who, and why."""

    actor: str
    reason: str
