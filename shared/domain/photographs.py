"""What a stock file says: its rows, in numbers, and what it says else than the file before it.

A file is a photograph of a source. Pure: rows come from the formats, writes go to the levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from shared.domain.names import Sku
from shared.errors import InvalidInput

MOST_TOLD = 100
"""Refused rows that a report lists; the rest is counted."""

MOST_WAREHOUSES = 1_000

FEW_REFUSED = 5

MOST_REFUSED_PERCENT = 20

MOST_ROWS = 5_000_000
"""What one function goes through in its time, on its disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as read: `units` of a SKU, and what a piece costs where the file says so.

    `told`: how the file says the units where that is no mere number (`99+`, `Call`); `gtin`: of fourteen digits;
    `warehouse`: where they lie, if each warehouse has a row.
    """

    line: int
    sku: Sku
    units: int
    cost_minor: int | None = None
    warning: str = ""
    told: str = ""
    gtin: str = ""
    warehouse: str = ""
    is_discontinued: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A row that cannot be read: where, the heading of its column, the value there (cut), why.

    `sku`: where at least that was read; `offset`: byte of the file at which the row begins, where a line tells little.
    """

    line: int
    column: str
    value: str
    reason: str
    sku: Sku | None = None
    offset: int | None = None


Photo = Mapping[Sku, Row]


@dataclass(slots=True)
class Photograph:
    """All that a file says."""

    rows: dict[Sku, Row] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[Row] = field(default_factory=list)
    refused: int = 0
    refused_skus: set[Sku] = field(default_factory=set)
    nameless: int = 0

    @property
    def read(self) -> int:
        """Rows of the file, good or not."""
        return len(self.rows) + self.refused

    def refuse(self, refusal: Refusal, rows: int = 1) -> None:
        """Count a row that cannot be used, or those of several warehouses, and tell it if there is room."""
        self.refused += rows
        if refusal.sku is None:
            self.nameless += 1
        else:
            self.refused_skus.add(refusal.sku)
        if len(self.refusals) < MOST_TOLD:
            self.refusals.append(refusal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a file says, in numbers.

    `skus`: those of which one row, or one of each warehouse, can be used; `stocked` of them are there at all, `costed`
    have a cost; `units`: all of them together. `refused`: rows, of which `nameless` do not even tell their SKU.
    """

    skus: int = 0
    stocked: int = 0
    costed: int = 0
    units: int = 0
    refused: int = 0
    nameless: int = 0

    @property
    def read(self) -> int:
        """Rows of the file, good or not; rows of several warehouses are one."""
        return self.skus + self.refused

    def __add__(self, other: Tally) -> Tally:
        """Add what another part of the file says."""
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in Tally.__slots__})

    def __sub__(self, other: Tally) -> Tally:
        """Take off what a part of the file says."""
        return Tally(**{name: getattr(self, name) - getattr(other, name) for name in Tally.__slots__})


def tally(photograph: Photograph) -> Tally:
    """Count what a file, or a part of it, says."""
    rows = photograph.rows.values()
    return Tally(
        skus=len(rows),
        stocked=sum(row.units > 0 for row in rows),
        costed=sum(bool(row.cost_minor) for row in rows),
        units=sum(row.units for row in rows),
        refused=photograph.refused,
        nameless=photograph.nameless,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A SKU of which a file may say something else than the file before it, or that waits for a count.

    `row`: what the file says, None where it says nothing that can be used, `is_named` though the SKU may be; `before`
    likewise of the file before. `is_sure`: no run that is still open may have written it otherwise.
    """

    sku: Sku
    row: Row | None
    is_named: bool
    before: Row | None
    is_sure: bool = True

    @property
    def is_lost(self) -> bool:
        """Whether the file before had a row that can be used, and this one has none."""
        return self.row is None and self.before is not None

    @property
    def is_absent(self) -> bool:
        """Whether it is lost because the file does not name it."""
        return self.is_lost and not self.is_named

    @property
    def is_changed(self) -> bool:
        """Whether a row says another number or cost, or is new."""
        row, before = self.row, self.before
        return row is not None and (before is None or (row.units, row.cost_minor) != (before.units, before.cost_minor))


def gather(read: Iterable[Row | Refusal]) -> Photograph:
    """Collect rows by SKU. Of a SKU that comes twice every row is refused: nothing says which counts.

    Rows of several warehouses are one row, which counts only if every one of them could be read.
    """
    photograph = Photograph()
    twice: set[Sku] = set()
    lying: dict[Sku, set[str]] = {}
    for each in read:
        if isinstance(each, Refusal):
            photograph.refuse(each)
            continue
        if each.sku in twice:
            photograph.refuse(_twice(each))
        elif each.warehouse and _add(photograph, lying, each):
            continue
        elif first := photograph.rows.pop(each.sku, None):
            twice.add(each.sku)
            photograph.refuse(_twice(first), rows=len(lying.get(each.sku, ())) or 1)
            photograph.refuse(_twice(each))
        else:
            photograph.rows[each.sku] = each
    for sku in lying.keys() & photograph.refused_skus & photograph.rows.keys():
        part = photograph.rows.pop(sku)
        reason = "of another warehouse it could not be read"
        refusal = Refusal(line=part.line, column="", value=sku[:40], reason=reason, sku=sku)
        photograph.refuse(refusal, rows=len(lying[sku]))
    photograph.warnings = [row for row in photograph.rows.values() if row.warning]
    return photograph


def _add(photograph: Photograph, lying: dict[Sku, set[str]], row: Row) -> bool:
    """Add what lies in one more warehouse; answer False where a SKU has a second row of one, or one of none."""
    known, sum_so_far = lying.setdefault(row.sku, set()), photograph.rows.get(row.sku)
    if row.warehouse in known or len(known) == MOST_WAREHOUSES or (sum_so_far and not known):
        return False
    known.add(row.warehouse)
    photograph.rows[row.sku] = row if sum_so_far is None else _sum(sum_so_far, row)
    return True


def _sum(first: Row, other: Row) -> Row:
    """Make one row of two warehouses' rows. The dearer cost is the one that may have to be paid."""
    costs = [row.cost_minor for row in (first, other) if row.cost_minor is not None]
    return replace(
        first,
        units=first.units + other.units,
        cost_minor=max(costs, default=None),
        warning="; ".join(filter(None, (first.warning, other.warning))),
        told=" + ".join(filter(None, (first.told, other.told))),
        is_discontinued=first.is_discontinued and other.is_discontinued,
    )


def check_rows(said: Tally) -> None:
    """Raise InvalidInput for a file of which nothing may be used, though it can be read."""
    if not said.skus:
        raise InvalidInput("not one row can be used", code="no_rows", read=said.read)
    if said.refused >= FEW_REFUSED and said.refused * 100 > said.read * MOST_REFUSED_PERCENT:
        raise InvalidInput("too many rows are refused", code="many_refused", refused=said.refused, read=said.read)


def too_long(rows: int) -> InvalidInput:
    """Say that a file has more rows than one function goes through."""
    told = "the file has too many rows: split it by SKUs into feeds of their own, or send only what changed"
    return InvalidInput(told, code="file_too_long", rows=rows, most=MOST_ROWS)


def zeroes_absent(said: Tally, *, is_full: bool) -> bool:
    """Answer whether what a file does not name is not there: of a full one, in which every row could be told apart."""
    return is_full and not said.nameless


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWrite:
    """What is to be written of a row: its count, its cost, or both; `old`, `old_cost`: what the snapshot says.

    `is_absent`: no row, but a SKU that a full file does not name.
    """

    row: Row
    old: int | None
    count: bool
    cost: bool
    old_cost: int | None = None
    is_absent: bool = False


def write_of(differs: Difference, *, waits: bool, zeroes_absent: bool) -> RowWrite | None:
    """Tell what a difference needs written; None where nothing.

    That is what changed against the snapshot, what `waits` for any count (open deductions, a hold), and what a run that
    is still open may have written otherwise. A row without a cost leaves the known one; what a full file does not
    name is a row of 0.
    """
    row, before, is_absent = differs.row, differs.before, differs.row is None
    if row is None:
        if differs.is_named or not zeroes_absent or (before is None and differs.is_sure):
            return None
        row = Row(line=0, sku=differs.sku, units=0)
    is_known = before is not None and differs.is_sure
    count = waits or not is_known or before is None or before.units != row.units
    cost = row.cost_minor is not None and (not is_known or before is None or before.cost_minor != row.cost_minor)
    if not count and not cost:
        return None
    old, old_cost = (before.units, before.cost_minor) if before else (None, None)
    return RowWrite(row=row, old=old, count=count, cost=cost, old_cost=old_cost, is_absent=is_absent)


def _twice(row: Row) -> Refusal:
    return Refusal(line=row.line, column="", value=row.sku[:40], reason="the SKU comes more than once", sku=row.sku)
