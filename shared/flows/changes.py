"""What a table's stream tells: one item's images, and what becomes of an image that cannot be read.

Such an image becomes an exception: raising would stop the stream for all that come after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.problems import Problem
from shared.errors import InvalidInput
from shared.storage.attributes import Image

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, InvalidInput)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One record of a stream: the item's key, its image before (None: it is new) and after (None: it is gone)."""

    key: Image
    old: Image | None
    new: Image | None


def unreadable(change: Change, error: Exception) -> Problem:
    """Describe a change of which an image cannot be read."""
    parts = (next(iter(part.values()), "") for part in change.key.values())
    return Problem(
        kind="image_unreadable",
        subject="/".join(map(str, parts)).replace("#", ":"),
        reason=f"a stream image cannot be read: {type(error).__name__}",
        action="read the item and mend it; its next write is recorded",
    )
