"""What people do to what is physically there: what it makes of a level, and when it must not be.

Each is a pure step on a level as it was seen; the write says the same once more as its condition, for the level may
have changed since (shared/storage/level_changes.py). A count by hand is none of them: it is a photograph like any
other (shared/domain/stock.py). So is what settles them all: the next photograph says what is there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from shared.domain import stock
from shared.domain.names import LevelKey, SourceId
from shared.domain.rules import Rules, Source
from shared.domain.stock import BY_HAND, UNTIL_COUNTED, Count, Exact, First, Level
from shared.errors import InvalidInput, Rejected

MOST_UNITS = 1_000_000
"""What a person changes at once; more is a slip of the finger."""


class Adjustment(StrEnum):
    """Why a count is corrected."""

    DAMAGED = "damaged"
    LOST = "lost"
    FOUND = "found"
    MISPICK = "mispick"
    CORRECTION = "correction"


_FEWER, _MORE = {Adjustment.DAMAGED, Adjustment.LOST}, {Adjustment.FOUND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One change by hand as it is kept: which it was, who did it and why.

    `adjustment`: of an adjustment, its kind; `due`: of an expectation, the day on which it should come.
    """

    kind: str
    actor: str
    reason: str
    adjustment: str = ""
    due: str = ""


def named(key: LevelKey) -> str:
    """Name a level for people."""
    return f"{key.sku} at {key.source}"


def count_id(op_id: str) -> str:
    """Name a count by hand as levels name the photograph they stand on."""
    return f"{BY_HAND}#{op_id}"


def operation_of(count_id: str) -> str:
    """Name the operation that a photograph is; empty for a file's."""
    kind, _, op_id = count_id.partition("#")
    return op_id if kind == BY_HAND else ""


def check_units(units: object, *, least: int = 1) -> None:
    """Raise InvalidInput for what nobody can have counted or moved: no whole number, too few, too many."""
    if not isinstance(units, int) or isinstance(units, bool):
        raise InvalidInput("units are a whole number", code="units_not_whole", units=repr(units)[:40])
    if abs(units) > MOST_UNITS:
        raise InvalidInput("more units than one change may have", code="units_over_cap", units=units, most=MOST_UNITS)
    if units < least:
        raise InvalidInput("too few units", code="no_units", units=units, least=least)


def check_change(units: int, kind: Adjustment = Adjustment.CORRECTION) -> None:
    """Raise InvalidInput for a change, up or down, that is none, too large, or the wrong way for its kind."""
    check_units(units, least=-MOST_UNITS)
    if units == 0:
        raise InvalidInput("a change of nothing", code="no_units")
    if kind in (_MORE if units < 0 else _FEWER):
        raise InvalidInput("the wrong sign for this kind", code="wrong_way", kind=kind.value, units=units)


def source_of(rules: Rules, source: SourceId) -> Source:
    """Return a source. Raises InvalidInput for one that the rules do not name."""
    if source not in rules.sources:
        raise InvalidInput("no such source", code="unknown_source", source=source, known=sorted(rules.sources))
    return rules.sources[source]


def check_own(source: Source) -> None:
    """Raise Rejected for a source whose stock is not ours to move."""
    if not source.own:
        raise Rejected("not a source of our own (rule sources.<source>.own)", code="not_own", source=source.source)


def day(text: str) -> str:
    """Read a day, `2026-12-01`. Raises InvalidInput for anything else."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InvalidInput("a day is written 2026-12-01", code="day_unreadable", value=text[:40]) from error


def photograph(count: Count, seen: Level | None, slack: timedelta) -> First | Exact:
    """Plan a count by hand. Raises Rejected where the level has a newer count."""
    write = stock.exact(count, seen, slack)
    if write is None:
        raise Rejected("it was counted after that", code="counted_since", as_of=count.as_of)
    return write


# ---- steps


def adjust(level: Level, units: int) -> Level:
    """Correct a count. What is lost may have been promised: available then is below zero, and nobody takes of it."""
    if level.counted + units < 0:
        raise Rejected("more than was counted", code="not_so_many", counted=level.counted, units=units)
    return _arrive(level, units)


def expect(level: Level, units: int) -> Level:
    """Expect so many more to come; fewer, of what will not come after all."""
    if level.incoming + units < 0:
        raise Rejected("more than is expected", code="not_so_many", incoming=level.incoming, units=units)
    return replace(level, incoming=level.incoming + units)


def receive(level: Level, units: int) -> Level:
    """Let units arrive. More than was expected is there all the same, and nothing is expected below zero."""
    return replace(_arrive(level, units), incoming=max(level.incoming - units, 0))


def send_off(level: Level, units: int) -> Level:
    """Let units leave for another source: only what no order was promised."""
    if level.available < units:
        raise Rejected("more than is available", code="not_so_many", available=level.available, units=units)
    return _arrive(level, -units)


def put_back(level: Level, units: int) -> Level:
    """Let units arrive that a customer sent back."""
    return _arrive(level, units)


def hold(level: Level, at: str, until: str) -> Level:
    """Let nobody take until a time, or until the next count of it: one made after `at`."""
    if until <= at:
        raise InvalidInput("a hold ends later than now", code="until_past", until=until)
    if until == UNTIL_COUNTED and level.counted_as_of >= at:
        raise Rejected("it was counted after that", code="counted_since", counted_as_of=level.counted_as_of)
    return replace(level, held_since=max(level.held_since, at), held_until=until, drev=level.drev + 1)


def unhold(level: Level) -> Level:
    """Let orders take again."""
    if not level.held_until:
        raise Rejected("it is not held", code="not_held", sku=level.key.sku, source=level.key.source)
    return replace(level, held_since="", held_until="", drev=level.drev + 1)


def _arrive(level: Level, units: int) -> Level:
    return replace(level, counted=level.counted + units, available=level.available + units, drev=level.drev + 1)
