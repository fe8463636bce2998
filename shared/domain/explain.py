"""Why a level has so many units: terms that add up to what is stored, each with what it comes from.

The terms are taken from the ledger, not from the level, so that a level which nobody can explain is found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.ledger import Movement, drift, promised
from shared.domain.stock import Level

FEED, ADJUST, COMPENSATE = "feed", "adjust", "compensate"


class LevelTermKind(StrEnum):
    """What a term of a level is."""

    COUNTED = "counted"
    ADJUSTED = "adjusted"
    COMMITTED = "committed"
    COMPENSATED = "compensated"
    DEDUCTED = "deducted"
    EARLIER = "earlier"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelTerm:
    """Pieces that a level has more, or fewer, because of one thing.

    `at`: when; `cause`: the file of a count, the id of an adjustment or a compensation, the token of an order, the
    bucket of a deduction.
    """

    kind: LevelTermKind
    units: int
    at: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelExplained:
    """A level and its terms. `wrong`: why they cannot be trusted, empty where they can."""

    level: Level
    terms: tuple[LevelTerm, ...]
    wrong: str

    @property
    def is_behind(self) -> bool:
        """Whether the ledger has not heard of the level's last write yet: a moment later it may have."""
        return bool(self.wrong) and not self.terms


def level(found: Level, movements: Sequence[Movement]) -> LevelExplained:
    """Explain a level by its movements, in order of revision.

    Movements expire after 13 months; what was committed before the first one that is kept is one term of its own.
    """
    if not movements or movements[-1].revision < found.revision:
        return LevelExplained(level=found, terms=(), wrong="the ledger has not recorded its last write yet")
    terms = [*_counted(found, movements), *_committed(found, movements)]
    terms += [
        LevelTerm(kind=LevelTermKind.DEDUCTED, units=-units, at=bucket, cause=bucket)
        for bucket, units in sorted(found.deducted.items())
    ]
    wrong = drift(found, movements)
    total = sum(term.units for term in terms)
    if not wrong and total != found.available:
        wrong = f"its terms add up to {total}, it has {found.available}"
    told = tuple(term for term in terms if term.units or term.kind is LevelTermKind.COUNTED)
    return LevelExplained(level=found, terms=told, wrong=wrong)


def _counted(found: Level, movements: Sequence[Movement]) -> list[LevelTerm]:
    """Tell the last count, and what was adjusted since."""
    since: list[LevelTerm] = []
    for movement in reversed(movements):
        if movement.kind == FEED:
            break
        if movement.kind == ADJUST:
            since.append(
                LevelTerm(
                    kind=LevelTermKind.ADJUSTED,
                    units=movement.counted,
                    at=movement.changed_at,
                    cause=movement.cause,
                )
            )
    counted = found.counted - sum(term.units for term in since)
    first = LevelTerm(kind=LevelTermKind.COUNTED, units=counted, at=found.counted_as_of, cause=found.count_id)
    return [first, *reversed(since)]


def _committed(found: Level, movements: Sequence[Movement]) -> list[LevelTerm]:
    """Tell what is committed, order by order, in order of when each last moved.

    What a compensation did to an order that still holds units is a term of its own.
    """
    units = promised(movements)
    moved_at: dict[str, str] = {}
    compensated: list[LevelTerm] = []
    own = Counter(units)
    for movement in movements:
        moved_at |= dict.fromkeys(movement.last, movement.changed_at)
        by_hand = {token: each for token, each in movement.last.items() if movement.kind == COMPENSATE and units[token]}
        own.subtract(by_hand)
        compensated.append(
            LevelTerm(
                kind=LevelTermKind.COMPENSATED,
                units=-sum(by_hand.values()),
                at=movement.changed_at,
                cause=movement.cause,
            )
        )
    terms = [
        LevelTerm(kind=LevelTermKind.COMMITTED, units=-own[token], at=at, cause=token)
        for token, at in sorted(moved_at.items(), key=lambda each: (each[1], each[0]))
    ]
    terms += compensated
    first = movements[0]
    if first.revision > 1:
        earlier = found.committed - sum(units.values())
        terms.append(
            LevelTerm(kind=LevelTermKind.EARLIER, units=-earlier, at=first.changed_at, cause="before the ledger begins")
        )
    return terms
