"""Values that may be part of a state: equal ones are one, whatever order their parts came in."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any


class Frozen(dict[Any, Any]):
    """A mapping that nobody changes."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def spend(left: Mapping[str, int], what: str) -> Frozen:
    """Use up one of the times that something may still happen."""
    return Frozen({**left, what: left[what] - 1})


def put(items: tuple[Any, ...], i: int, item: Hashable) -> tuple[Any, ...]:
    """Put one in the place of another."""
    return (*items[:i], item, *items[i + 1 :])


def without_(items: tuple[Any, ...], item: Hashable) -> tuple[Any, ...]:
    """Take one out."""
    i = items.index(item)
    return (*items[:i], *items[i + 1 :])


def with_(items: tuple[Any, ...], item: Hashable) -> tuple[Any, ...]:
    """Add one to those whose order does not matter."""
    return tuple(sorted((*items, item), key=hash))
