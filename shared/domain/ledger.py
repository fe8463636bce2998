"""The ledger: one movement for every write of a level, derived from the table's stream, which is its commit log.

A level's balance is the sum of its movements, and its revisions have no gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.names import LevelKey
from shared.domain.stock import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What one write did: `units` to available, `committed`, `counted`, `incoming` to those, and the balance after it.

    `kind` and `cause` are the writer's own words, `last` is what it did to whom: order token -> units.
    """

    key: LevelKey
    revision: int
    changed_at: str
    kind: str
    cause: str
    units: int
    committed: int
    counted: int
    balance: int
    incoming: int = 0
    last: Mapping[str, int] = field(default_factory=dict)


def movement(before: Level | None, after: Level) -> Movement:
    """Derive the movement between two images of a level; before the first there was nothing."""
    kind, cause = after.cause
    return Movement(
        key=after.key,
        revision=after.revision,
        changed_at=after.changed_at,
        kind=kind,
        cause=cause,
        units=after.available - (before.available if before else 0),
        committed=after.committed - (before.committed if before else 0),
        counted=after.counted - (before.counted if before else 0),
        balance=after.available,
        incoming=after.incoming - (before.incoming if before else 0),
        last=after.last,
    )


def drift(level: Level, movements: Sequence[Movement]) -> str:
    """Say how a level differs from its movements, in order of revision; empty when it does not.

    Old movements expire, so the first one here may not be the level's first: its own balance tells where it began.
    """
    if not movements:
        return "it has no movement"
    newest = movements[-1]
    if newest.revision != level.revision:
        return f"its last movement is revision {newest.revision}, the level is at {level.revision}"
    first = movements[0]
    if [each.revision for each in movements] != list(range(first.revision, newest.revision + 1)):
        return "a movement is missing"
    began = first.balance - first.units
    if first.revision == 1 and began:
        return f"it began with {began}"
    total = began + sum(each.units for each in movements)
    if total != level.available:
        return f"its movements sum to {total}, it has {level.available}"
    expected = sum(each.incoming for each in movements)
    is_off = first.revision == 1 and expected != level.incoming
    return f"its movements expect {expected}, it expects {level.incoming}" if is_off else ""
