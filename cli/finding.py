"""One thing that a check looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Whether a thing is right, what was seen, and what to do when it is not."""

    what: str
    is_right: bool
    told: str
    do: str = ""
