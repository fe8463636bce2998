"""What must be so of a level, its movements and the orders it promises to; what is not, and what would make it right.

Who is believed: orders, of what is promised to them, for they are what customers were told; the level, of its count
and of all that was written with a revision, for that is the commit log; its movements, of nothing but what they
explain, for they are derived from it. So a level is set to counted - what orders hold - deducted, and a ledger that
does not lead there gets an entry that says so. Nothing recorded is ever changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from shared.domain import ledger, orders, stock
from shared.domain.ledger import RECOVERED, UNWRITTEN, Movement
from shared.domain.names import LevelKey, OrderKey
from shared.domain.orders import Order
from shared.domain.stock import Level

MOST_CORRECTED = 50
"""Orders that one compensation corrects; where more differ, something else is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What an order holds of a level: units `committed` to it, and those that were `deducted` since.

    `adds_up`: whether the order itself does; from one that does not, nothing is derived.
    """

    order: OrderKey
    revision: int
    committed: int = 0
    deducted: int = 0
    adds_up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """What would make a level right, as it was seen.

    `available`, `committed`: units to add to those; `deducted`: units for the open deductions, which the next count
    settles; `last`: order token -> units, what that does to whom; `orders`: those it argues from; `entries`: what is
    to be added to the ledger.
    """

    seen: Level
    available: int = 0
    committed: int = 0
    deducted: int = 0
    last: Mapping[str, int] = field(default_factory=dict)
    orders: tuple[Holding, ...] = ()
    entries: tuple[Movement, ...] = ()

    @property
    def writes_level(self) -> bool:
        """Whether the level itself changes, not only its ledger."""
        return bool(self.available or self.committed or self.deducted)

    @property
    def units(self) -> int:
        """How much it changes at most, of anything."""
        changes = [self.available, self.committed, self.deducted, *self.last.values()]
        changes += [number for each in self.entries for number in (each.units, *each.last.values())]
        return max(map(abs, changes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What is wrong with a level; `mend` is None where only a person can tell what is right."""

    reason: str
    mend: Mend | None = None


def holding(order: Order, level: LevelKey) -> Holding:
    """Count what an order's allocations hold of a level."""
    mine = [each for each in order.allocations if LevelKey(order.line(each.line).sku, each.source) == level]
    return Holding(
        order=order.key,
        revision=order.revision,
        committed=sum(each.committed for each in mine),
        deducted=sum(max(each.live - each.committed, 0) for each in mine),
        adds_up=adds_up(order),
    )


def adds_up(order: Order) -> bool:
    """Whether the equation of every line of an order holds."""
    try:
        orders.check(order)
    except AssertionError:
        return False
    return True


def levels_of(order: Order) -> set[LevelKey]:
    """Name the levels that an order holds committed units of."""
    return {LevelKey(order.line(each.line).sku, each.source) for each in order.allocations if each.committed}


def is_on_its_way(level: Level, movements: Sequence[Movement], before: str) -> bool:
    """Whether the stream may still bring what is missing: the write after it was made later than `before`."""
    times = [
        after.changed_at for prior, after in pairwise(movements) if after.revision - after.covers != prior.revision
    ]
    if not movements or movements[-1].revision != level.revision:
        times.append(level.changed_at)
    return any(time > before for time in times)


def examine(level: Level, movements: Sequence[Movement], holdings: Mapping[str, Holding], now: str) -> Drift | None:
    """Hold a level against its movements, in order, and its orders, `token -> holding`; None when all of it is so.

    An order without a holding is one that cannot be found.
    """
    reason = "" if stock.adds_up(level) else "available is not counted - committed - deducted"
    reason = reason or ledger.drift(level, movements) or _not_held(level, movements, holdings)
    if not reason:
        return None
    is_known = all(token in holdings for token, units in ledger.promised(movements).items() if units)
    is_known = is_known and all(held.adds_up for held in holdings.values())
    return Drift(reason=reason, mend=_mend(level, movements, holdings, now) if is_known else None)


def _not_held(level: Level, movements: Sequence[Movement], holdings: Mapping[str, Holding]) -> str:
    promised = ledger.promised(movements)
    for token in sorted({*promised, *holdings}):
        units, held = promised[token], holdings.get(token)
        if held is None and units:
            return f"{units} units are promised to {token}, and no order is found by that"
        if held and _differs(units, held, movements):
            return f"{units} units are promised to order {held.order}, which holds {held.committed}"
    total = sum(promised.values())
    held_by_all = sum(held.committed for held in holdings.values())
    if (movements[0].begins and total != level.committed) or held_by_all > level.committed:
        return f"{level.committed} units are committed, orders hold {held_by_all}"
    return ""


def _differs(units: int, held: Holding, movements: Sequence[Movement]) -> bool:
    """Compare; what an order holds beyond a ledger that begins later may be from before."""
    return held.committed != units if movements[0].begins else held.committed < units


def _mend(level: Level, movements: Sequence[Movement], holdings: Mapping[str, Holding], now: str) -> Mend | None:
    is_whole = not movements or movements[0].begins
    has_gap = ledger.has_gap(level, movements)
    promised = ledger.promised(movements)
    corrected = {
        token: held
        for token, held in sorted(holdings.items())
        if held.committed != promised[token] and (is_whole or _differs(promised[token], held, movements))
    }
    last = {token: held.committed - promised[token] for token, held in corrected.items()}
    committed = sum(held.committed for held in holdings.values()) if is_whole else level.committed
    if len(last) > MOST_CORRECTED or _is_doubtful(level, movements):
        return None
    if has_gap and committed != level.committed:
        return None  # what is missing may name an order that nobody knows of here: its own check will
    deducted = 0
    if not has_gap:
        committed += 0 if is_whole else sum(last.values())
        deducted = sum(min(-last[token], held.deducted) for token, held in corrected.items() if last[token] < 0)
    mend = Mend(
        seen=level,
        available=level.counted - committed - sum(level.deducted.values()) - deducted - level.available,
        committed=committed - level.committed,
        deducted=deducted,
        orders=tuple(corrected.values()),
    )
    entries = list(_entries(level, movements, now)) if ledger.drift(level, movements) else []
    if mend.writes_level and not has_gap:
        return replace(mend, last=last, entries=_rest(level, movements, entries))
    if last and not entries:
        entries = [_entry(level, level.revision, now, 0, level.available)]
    if entries:
        entries[-1] = replace(entries[-1], last=last)
    return replace(mend, entries=_rest(level, movements, entries)) if entries or mend.writes_level else None


def _is_doubtful(level: Level, movements: Sequence[Movement]) -> bool:
    """Whether the count itself was changed by nobody: then what is available cannot be told from it."""
    if not movements or not movements[0].begins or ledger.has_gap(level, movements):
        return False
    is_as_written = stock.adds_up(level) and movements[-1].balance == level.available
    return not is_as_written and sum(each.counted for each in movements) != level.counted


def _entries(level: Level, movements: Sequence[Movement], now: str) -> Iterator[Movement]:
    """Derive what lies between movements whose balances do not follow from one another, the level being the last.

    An entry stands before the movement after it and has its time, so that both expire together.
    """
    revision, balance, later = 0, 0, movements
    if movements and not movements[0].begins:
        revision, balance, later = movements[0].revision, movements[0].balance, movements[1:]
    for each in later:
        missing = each.revision - each.covers - revision
        units = each.balance - each.units - balance
        if missing or units:
            yield _entry(level, each.revision - each.covers, each.changed_at, units, balance + units, missing)
        revision, balance = each.revision, each.balance
    missing, units = level.revision - revision, level.available - balance
    if missing == 1:
        kind, cause = level.cause
        entry = _entry(level, level.revision, level.changed_at, units, level.available)
        yield replace(entry, kind=kind, cause=cause, covers=1)
    elif missing or units:
        yield _entry(level, level.revision, level.changed_at if missing else now, units, level.available, missing)


def _entry(level: Level, revision: int, at: str, units: int, balance: int, covers: int = 0) -> Movement:
    return Movement(
        key=level.key,
        revision=revision,
        changed_at=at,
        kind=RECOVERED if covers else UNWRITTEN,
        cause="reconcile",
        units=units,
        committed=0,
        counted=0,
        balance=balance,
        covers=covers,
    )


def _rest(level: Level, movements: Sequence[Movement], entries: Sequence[Movement]) -> tuple[Movement, ...]:
    """Give the newest entry what of committed, counted and incoming is not in any movement.

    Balances tell what was available at each hole; of the others only the sum of all holes is known. Where the
    ledger begins later not even that: committed is then what is known to whom, counted as if nothing was deducted.
    """
    if not entries:
        return ()
    *others, newest = entries
    incoming = 0
    if not movements or movements[0].begins:
        committed = level.committed - sum(each.committed for each in movements)
        counted = level.counted - sum(each.counted for each in movements)
        incoming = level.incoming - sum(each.incoming for each in movements)
    else:
        committed = sum(newest.last.values())
        counted = newest.units + committed if newest.covers else 0
    return (*others, replace(newest, committed=committed, counted=counted, incoming=incoming))
