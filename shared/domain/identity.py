"""What a supplier calls something -> what we call it: rows under our SKUs, and codes that nobody has mapped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.domain import times
from shared.domain.facts import Codes, Meaning, SupplierCode
from shared.domain.feeds import Feed
from shared.domain.names import Sku, SourceId
from shared.domain.photographs import Refusal, Row
from shared.domain.purchase_orders import PoLine
from shared.domain.quantities import MOST_UNITS
from shared.errors import InvalidInput

NEVER_MAPPED = "no SKU is mapped to this code"
NOT_ON_THIS_DAY = "the code is mapped, but not on the day of the file"

MOST_UNMAPPED = 10_000
"""Unmapped codes of a supplier that are kept: its files hold far more than a shop sells, the rest is counted."""

LONGEST_VALUE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmapped:
    """A row that counts for nothing, as read; why."""

    row: Row
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a file said of an unmapped code: its row, with the code where a SKU stands, in the supplier's units."""

    row: Row
    as_of: str
    file: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """A SKU that a code does not mean any more; the photograph of it is of no worth from this time on."""

    sku: Sku
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCode:
    """A supplier's code as it is kept: what it means, if anything, and what is still to be done about it.

    `said`: the last word on it while it meant nothing; `former`: SKUs that are still to be told that it does not mean
    them any more; `is_waiting`: it was mapped, and no file has counted for that yet. `since`: when it was first seen
    unmapped, or was mapped.
    """

    supplier: SourceId
    code: str
    meanings: tuple[Meaning, ...] = ()
    mapped_at: str = ""
    said: Said | None = None
    former: tuple[Former, ...] = ()
    is_waiting: bool = False
    since: str = ""
    revision: int = 0

    @property
    def mapping(self) -> SupplierCode | None:
        """What it means from day to day; None when nobody has ever mapped it."""
        if not self.meanings:
            return None
        return SupplierCode(supplier=self.supplier, code=self.code, meanings=self.meanings)

    @property
    def is_unsettled(self) -> bool:
        """Whether something is left that CountCode does: units to count, a SKU to tell that it lost its code."""
        return bool(self.former) or (self.said is not None and bool(self.meanings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A SKU that a code may mean, and what speaks for it."""

    sku: Sku
    because: str


def day_of(as_of: str, zone: str) -> date:
    """Say which day a time is in a source's zone: meanings change at its midnight."""
    return times.read(as_of).astimezone(ZoneInfo(zone)).date()


def ours(row: Row, mapping: SupplierCode | None, day: date, codes: Codes) -> Row | Unmapped | Refusal:
    """Put a row, which names a supplier's code, under our SKU, in our units.

    A pack is `pack` of our units, so its units are multiplied and its cost divided. The cost of one is rounded up to
    a whole minor unit: what is compared with margins and MAP must never look lower than what will be paid.
    """
    if mapping is None:
        return row if codes is Codes.SAME else Unmapped(row=row, reason=NEVER_MAPPED)
    meaning = mapping.on(day)
    if meaning is None:
        return Unmapped(row=row, reason=NOT_ON_THIS_DAY)
    units = row.units * meaning.pack
    if units > MOST_UNITS:
        value = f"{row.units} x {meaning.pack}"[:LONGEST_VALUE]
        reason = "in packs of this size it is too much to be true: the pack of its mapping may be wrong"
        return Refusal(line=row.line, column="quantity", value=value, reason=reason, sku=row.sku)
    cost = None if row.cost_minor is None else -(-row.cost_minor // meaning.pack)
    return replace(row, sku=meaning.sku, units=units, cost_minor=cost)


def theirs(line: PoLine, code: str, pack: int) -> PoLine:
    """Put a line under a supplier's code. Raises InvalidInput for units that are no whole packs."""
    if line.units % pack:
        raise InvalidInput(
            "units are no whole packs", code="not_whole_packs", sku=line.sku, units=line.units, pack=pack
        )
    return replace(line, code=code, pack=pack)


def confirmed_at(said: Said, feed: Feed) -> str:
    """Answer as of when a feed is known to say so: a later file in which the row was the same said it again."""
    if feed.applied is None or said.as_of < feed.confirms_since:
        return said.as_of
    return max(said.as_of, feed.unconfirmed.get(said.row.sku, feed.applied.as_of))


def replaced(before: KnownCode, after: tuple[Meaning, ...], at: str) -> tuple[Former, ...]:
    """List SKUs whose counts a new mapping makes worthless, as of when it was made.

    Those are SKUs that the code means no more, or in packs of another size; and, where it is mapped for the first time,
    the SKU of the same name, which it was by itself (Codes.SAME).
    """
    kept = {(each.sku, each.pack) for each in after}
    was = [(each.sku, each.pack) for each in before.meanings] or [(Sku(before.code), 1)]
    lost = dict.fromkeys(sku for sku, pack in was if (sku, pack) not in kept)
    return tuple(Former(sku=sku, until=at) for sku in lost)


def ended(known: KnownCode, day: date, zone: str) -> tuple[Former, ...]:
    """List SKUs that a code meant until a day before this one, with the midnight at which that ended.

    An end that was set only afterwards counts from when it was set: counts until then were believed.
    """
    now_means = {each.sku for each in known.meanings if each.holds(day)}
    last = [(each.sku, each.last) for each in known.meanings if each.last and each.last < day]
    return tuple(
        Former(sku=sku, until=max(_midnight(last_day + timedelta(days=1), zone), known.mapped_at))
        for sku, last_day in last
        if sku not in now_means
    )


def _midnight(day: date, zone: str) -> str:
    return times.text(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))


def turns(meanings: tuple[Meaning, ...]) -> set[date]:
    """List the days from which on a code means something else than on the day before."""
    begins = {each.first for each in meanings if each.first}
    return begins | {each.last + timedelta(days=1) for each in meanings if each.last and each.last < date.max}


def doubled(code: SupplierCode, other: SupplierCode) -> Sku | None:
    """Name a SKU that two codes of a supplier mean on the same day: nothing says whose count is right."""
    for one in code.meanings:
        for two in other.meanings:
            if one.sku == two.sku and one.overlaps(two):
                return one.sku
    return None


def leads_on(code: SupplierCode, other: SupplierCode) -> bool:
    """Answer whether a code means a SKU that is itself a code of the supplier, for another SKU, on the same day."""
    return any(
        one.sku == other.code and two.sku != one.sku and one.overlaps(two)
        for one in code.meanings
        for two in other.meanings
    )


def plain(text: str) -> str:
    """Leave the letters and digits of a name, in small letters: `AB-12 / c` and `ab12C` may be the same thing."""
    return "".join(character for character in text.casefold() if character.isalnum())


def unambiguous(suggestions: tuple[Suggestion, ...]) -> Sku | None:
    """Name the SKU if every suggestion is the same one."""
    found = {each.sku for each in suggestions}
    return found.pop() if len(found) == 1 else None
