"""Why a level has so many units: terms that add up to what is stored, each with what it comes from.

The terms are taken from the ledger, not from the level, so that a level which nobody can explain is found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from shared.domain import physical
from shared.domain.ledger import Movement, drift, promised
from shared.domain.stock import BY_HAND, FEED, Level

COMPENSATE = "compensate"


class LevelTermKind(StrEnum):
    """What a term of a level is."""

    COUNTED = "counted"
    COUNTED_BY_HAND = "counted_by_hand"
    ADJUSTED = "adjusted"
    RECEIVED = "received"
    TRANSFERRED = "transferred"
    RETURNED = "returned"
    COMMITTED = "committed"
    COMPENSATED = "compensated"
    DEDUCTED = "deducted"
    EARLIER = "earlier"
    EXPECTED = "expected"


PHOTOGRAPHS = frozenset({FEED, BY_HAND})
COUNTED_SINCE = MappingProxyType(
    {
        "adjust": LevelTermKind.ADJUSTED,
        "receive": LevelTermKind.RECEIVED,
        "transfer": LevelTermKind.TRANSFERRED,
        "return": LevelTermKind.RETURNED,
    }
)
"""Kinds of movements that change a count between two photographs -> the term that tells one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelTerm:
    """Pieces that a level has more, or fewer, because of one thing.

    `at`: when; `cause`: the name of a photograph, the id of an operation or a compensation, the token of an order, the
    bucket of a deduction.
    """

    kind: LevelTermKind
    units: int
    at: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelExplained:
    """A level and its terms. `wrong`: why they cannot be trusted, empty where they can.

    `incoming`: what is expected, by the operations that said so, the latest first; no part of the sum. `held_by`: the
    operation that holds the level.
    """

    level: Level
    terms: tuple[LevelTerm, ...]
    wrong: str
    incoming: tuple[LevelTerm, ...] = ()
    held_by: str = ""

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
    told = tuple(term for i, term in enumerate(terms) if term.units or i == 0)
    held_by = next((each.cause for each in reversed(movements) if each.kind == "hold" and found.held_until), "")
    return LevelExplained(
        level=found, terms=told, wrong=wrong, incoming=tuple(_incoming(found, movements)), held_by=held_by
    )


def _counted(found: Level, movements: Sequence[Movement]) -> list[LevelTerm]:
    """Tell the last photograph, and what people changed since."""
    since: list[LevelTerm] = []
    for movement in reversed(movements):
        if movement.kind in PHOTOGRAPHS:
            break
        if movement.kind in COUNTED_SINCE:
            # Goods come back from an order; everything else is an operation of its own.
            since.append(
                LevelTerm(
                    kind=COUNTED_SINCE[movement.kind],
                    units=movement.counted,
                    at=movement.changed_at,
                    cause=next(iter(movement.last), movement.cause),
                )
            )
    counted = found.counted - sum(term.units for term in since)
    op_id = physical.operation_of(found.count_id)
    kind = LevelTermKind.COUNTED_BY_HAND if op_id else LevelTermKind.COUNTED
    first = LevelTerm(kind=kind, units=counted, at=found.counted_as_of, cause=op_id or found.count_id)
    return [first, *reversed(since)]


def _incoming(found: Level, movements: Sequence[Movement]) -> Iterator[LevelTerm]:
    """Tell what is expected: what was asked for first is taken to have come first."""
    left = found.incoming
    for movement in reversed(movements):
        units = min(left, movement.incoming)
        if units > 0:
            left -= units
            yield LevelTerm(kind=LevelTermKind.EXPECTED, units=units, at=movement.changed_at, cause=movement.cause)


def _committed(found: Level, movements: Sequence[Movement]) -> list[LevelTerm]:
    """Tell what is committed, order by order, in order of when each last moved.

    What a compensation did to an order that still holds units is a term of its own.
    """
    units = promised(movements)
    moved_at: dict[str, str] = {}
    compensated: list[LevelTerm] = []
    own = Counter(units)
    for movement in movements:
        # of 0 units goods came back: nothing was promised or freed
        moved_at |= dict.fromkeys((token for token, each in movement.last.items() if each), movement.changed_at)
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
