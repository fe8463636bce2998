"""The ledger: one movement for every write of a level, derived from the table's stream, which is its commit log.

A level's balance is the sum of its movements, and its revisions have no gap. Two kinds of entries were derived later,
where the stream left a hole or the sum was off (`domain/conservation.py`): `recovered` stands for writes whose records
are lost, `unwritten` for a difference that no recorded write made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from shared.domain.names import LevelKey
from shared.domain.stock import Level

RECOVERED, UNWRITTEN = "recovered", "unwritten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What one write did: `units` to available, `committed`, `counted`, `incoming` to those, and the balance after it.

    `kind` and `cause` are the writer's own words, `last` is what it did to whom: order token -> units. `covers`: how
    many revisions it stands for, up to its own; more than one where several records in a row are lost, none where no
    write made the difference.
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
    covers: int = 1

    @property
    def begins(self) -> bool:
        """Whether nothing was before it."""
        return self.revision == self.covers


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


def in_order(found: Iterable[Movement]) -> list[Movement]:
    """Put movements in order; one that was recovered gives way to the records of its writes, once any has come."""
    movements = sorted(found, key=lambda each: (each.revision, not each.covers, each.changed_at))
    recorded = {each.revision for each in movements if each.covers and each.kind != RECOVERED}
    return [
        each
        for each in movements
        if each.kind != RECOVERED or recorded.isdisjoint(range(each.revision - each.covers + 1, each.revision + 1))
    ]


def promised(movements: Iterable[Movement]) -> Counter[str]:
    """Sum what is committed to whom: order token -> units, with those that got nothing, or nothing any more."""
    units: Counter[str] = Counter()
    for each in movements:
        for token, moved in each.last.items():
            units[token] += moved
    return units


def has_gap(level: Level, movements: Sequence[Movement]) -> bool:
    """Whether a movement is missing, up to the level's own revision."""
    is_short = not movements or movements[-1].revision != level.revision
    return is_short or any(after.revision - after.covers != before.revision for before, after in pairwise(movements))


def drift(level: Level, movements: Sequence[Movement]) -> str:
    """Say how a level differs from its movements, in order; empty when it does not.

    Old movements expire, so the first one here may not be the level's first: its own balance tells where it began.
    """
    if not movements:
        return "it has no movement"
    newest = movements[-1]
    if newest.revision != level.revision:
        return f"its last movement is revision {newest.revision}, the level is at {level.revision}"
    if has_gap(level, movements):
        return "a movement is missing"
    first = movements[0]
    began = 0 if first.begins else first.balance - first.units
    total = began + sum(each.units for each in movements)
    if total != level.available:
        return f"its movements sum to {total}, it has {level.available}"
    expected = sum(each.incoming for each in movements)
    is_off = first.begins and expected != level.incoming
    return f"its movements expect {expected}, it expects {level.incoming}" if is_off else ""
