"""Whether a file may count: a photograph held against the one before it, by what a catalogue plausibly does in a day.

Only gross damage holds a file: truncated, doubled, shifted, zeroed, of another price scale, played again. What is odd
but possible (a range change, a wave of restocks) is a warning. A held file changes nothing: the last good counts stay
and grow old (shared/domain/freshness.py) until a person, or the next file that is plausible, releases them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.photographs import Difference, Tally

FEW = 20
"""Below so many rows a share of their values says nothing: one SKU of three is a third of the stock."""
TINY = 5
"""Below so many rows nothing is implausible. From here on, half of a range that is gone is worth a person's look."""


class Ruling(StrEnum):
    """What the guard says of a file."""

    ACCEPT = "accept"
    WARN = "accept with warnings"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From where on a file is implausible; shares are of the file before it.

    `least_rows`, `most_rows`: percent of its rows. `least_overlap`: percent of its SKUs that are still there.
    `least_nonzero`: percent of its share of rows with stock. `most_units`: percent of its total, and its inverse.
    `most_jumps`: percent of common SKUs that may rise or fall tenfold; `most_cost_jumps`: by more than threefold.
    """

    least_rows: int = 60
    most_rows: int = 180
    least_overlap: int = 50
    least_nonzero: int = 40
    most_units: int = 1_000
    most_jumps: int = 40
    most_cost_jumps: int = 20


DEFAULT = Thresholds()

THRESHOLDS = {
    "least_rows": (0, 100),
    "most_rows": (100, 100_000),
    "least_overlap": (0, 100),
    "least_nonzero": (0, 100),
    "most_units": (100, 1_000_000),
    "most_jumps": (0, 100),
    "most_cost_jumps": (0, 100),
}
"""Which values each may have; at the outer end it never holds a file."""

_JUMP = 10
_JUMP_FROM = 5
"""A fall from 3 to 0, or a rise from 0 to 3, is trade."""
_COST_JUMP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is odd: what was looked at, what it is, what it may be, and whether that alone holds the file."""

    what: str
    percent: int
    allowed: int
    holds: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The ruling and all it rests on."""

    ruling: Ruling
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Say why a file is held; nothing where it is not."""
        return tuple(finding.text for finding in self.findings if finding.holds)

    @property
    def odd(self) -> tuple[str, ...]:
        """Say what is unusual, and alone holds no file."""
        return tuple(finding.text for finding in self.findings if not finding.holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What two photographs have to do with each other, in numbers: all that the guard looks at."""

    rows: int
    rows_before: int
    common: int
    nonzero: int
    nonzero_before: int
    units: int
    units_before: int
    jumps: int
    costed: int
    cost_jumps: int
    is_cut_off: bool = False


@dataclass(slots=True)
class Drift:
    """What of the SKUs that differ between two files the guard looks at, counted one by one.

    `lost`: could be used before and cannot now; `uncosted`: had a cost before, and have not in both; `jumps`,
    `cost_jumps`: differ grossly.
    """

    lost: int = 0
    uncosted: int = 0
    jumps: int = 0
    cost_jumps: int = 0

    def add(self, differs: Difference) -> None:
        """Count one SKU."""
        row, old = differs.row, differs.before
        if old is None:
            return
        self.lost += row is None
        if row:
            low, high = sorted((row.units, old.units))
            self.jumps += high >= _JUMP_FROM and high >= _JUMP * max(low, 1)
        if row and row.cost_minor and old.cost_minor:
            cheap, dear = sorted((row.cost_minor, old.cost_minor))
            self.cost_jumps += dear > _COST_JUMP * cheap
        elif old.cost_minor:
            self.uncosted += 1


def compare(now: Tally, before: Tally, drift: Drift, *, is_cut_off: bool = False) -> Compared:
    """Put together how a file stands against the one before it. A refused row counts as a row, not as a SKU."""
    return Compared(
        rows=now.read,
        rows_before=before.skus,
        common=before.skus - drift.lost,
        nonzero=now.stocked,
        nonzero_before=before.stocked,
        units=now.units,
        units_before=before.units,
        jumps=drift.jumps,
        costed=before.costed - drift.uncosted,
        cost_jumps=drift.cost_jumps,
        is_cut_off=is_cut_off,
    )


def judge(compared: Compared, allowed: Thresholds = DEFAULT, *, is_full: bool = True) -> Verdict:
    """Judge a file against the one before it; a delta may be of any length, so only its rows' values are looked at."""
    findings: list[Finding] = []
    if compared.is_cut_off:
        told = "its last line does not end, as that of the file before it did: it may be cut off"
        findings.append(Finding(what="end", percent=0, allowed=100, holds=True, text=told))
    if is_full and compared.rows_before >= TINY:
        findings += _range(compared, allowed)
    if compared.rows_before >= FEW:
        findings += _values(compared, allowed)
    held = any(finding.holds for finding in findings)
    odd = Ruling.WARN if findings else Ruling.ACCEPT
    return Verdict(ruling=Ruling.HOLD if held else odd, findings=tuple(findings))


def _range(compared: Compared, allowed: Thresholds) -> Iterator[Finding]:
    """Look at which rows there are."""
    rows, before = compared.rows, compared.rows_before
    told = f"it has {rows} rows, the file before it {before}"
    yield from _at_least("rows", rows, before, allowed.least_rows, f"{told}: it may be cut off")
    yield from _at_most("rows", rows, before, allowed.most_rows, f"{told}: it may hold everything twice")
    told = f"of {before} SKUs of the file before it has {compared.common}: it may be of another range, or misread"
    yield from _at_least("overlap", compared.common, before, allowed.least_overlap, told)


def _values(compared: Compared, allowed: Thresholds) -> Iterator[Finding]:
    """Look at what the rows say."""
    rows, before = max(compared.rows, 1), compared.rows_before
    told = f"{compared.nonzero} of {rows} rows have stock, before {compared.nonzero_before} of {before}"
    share, share_before = compared.nonzero * before, compared.nonzero_before * rows
    yield from _at_least("nonzero", share, share_before, allowed.least_nonzero, f"{told}: its quantities may be lost")
    told = f"{compared.units} units in {rows} rows, before {compared.units_before} in {before}"
    told += ": its quantities may be of another column or unit"
    units, units_before = compared.units * before, compared.units_before * rows
    yield from _at_most("units", units, units_before, allowed.most_units, told)
    yield from _at_most("units", units_before, units, allowed.most_units, told)
    for what, jumps, of, most, text in (
        ("jumps", compared.jumps, compared.common, allowed.most_jumps, "rose or fell tenfold"),
        ("cost_jumps", compared.cost_jumps, compared.costed, allowed.most_cost_jumps, "cost three times more or less"),
    ):
        if of >= FEW:
            told = f"{jumps} of {of} SKUs {text} since the file before: its columns may have moved"
            yield from _at_most(what, jumps, of, most, told, normal=0)


def _at_least(what: str, value: int, of: int, least: int, text: str) -> Iterator[Finding]:
    """Find a percentage too low; half way to it is worth a warning."""
    percent = 100 * value // of if of else 100
    if percent < (100 + least) // 2:
        yield Finding(what=what, percent=percent, allowed=least, holds=percent < least, text=text)


def _at_most(what: str, value: int, of: int, most: int, text: str, normal: int = 100) -> Iterator[Finding]:
    """Find a percentage too high; half way to it from what is normal is worth a warning."""
    percent = 100 * value // of if of else normal
    if percent > (normal + most) // 2:
        yield Finding(what=what, percent=percent, allowed=most, holds=percent > most, text=text)
