"""What a shop has been asked to tell us: a webhook of a topic, and whether it is there and on."""

from __future__ import annotations

from dataclasses import dataclass

ACTIVE, MISSING = "active", "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A topic, and how it is delivered to us: `active`, `missing`, which has no id, or what the shop calls it."""

    topic: str
    state: str
    webhook: int = 0
