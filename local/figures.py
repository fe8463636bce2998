"""The figures that are read back, what must hold among them, and how they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

STATES = ("open", "reserved", "sent", "accepted", "shipped", "backordered", "cancelled")
ANSWERS = ("997-", "824-")
"""How names of files begin that answer documents."""
WRITTEN_OUT = frozenset({"sent", "acknowledged", "shipped", "closed", "cancelling"})
"""States of a purchase order whose supplier has its file."""


@dataclass(frozen=True)
class Stock:
    """A level, beside what its movements sum to and what the shop was told, and shows."""

    sku: str
    source: str
    counted: int
    committed: int
    deducted: int
    available: int
    ledger: int
    movements: int
    revision: int


@dataclass(frozen=True)
class Line:
    """A line of an order: its units, and how many of them are in which state."""

    order: str
    line: str
    sku: str
    ordered: int
    open: int
    reserved: int
    sent: int
    accepted: int
    shipped: int
    backordered: int
    cancelled: int


@dataclass(frozen=True)
class Choice:
    """Units of a line at a source, and why it was chosen."""

    order: str
    line: str
    source: str
    units: int
    why: str


@dataclass(frozen=True)
class PurchaseOrder:
    """A purchase order, and its file in the supplier's folder, empty if there is none."""

    number: str
    source: str
    order: str
    state: str
    units: int
    file: str
    is_paused: bool = False


@dataclass(frozen=True)
class Trouble:
    """An exception."""

    kind: str
    subject: str
    state: str
    reason: str


@dataclass(frozen=True)
class Number:
    """What a shop was told of a SKU, and what it now shows."""

    channel: str
    sku: str
    told: int
    shows: int | None


@dataclass(frozen=True)
class Figures:
    """All of it. `bytes_accepted` were sent by the shop and answered with 200, each event once."""

    stock: tuple[Stock, ...]
    lines: tuple[Line, ...]
    choices: tuple[Choice, ...]
    purchase_orders: tuple[PurchaseOrder, ...]
    files_out: tuple[str, ...]
    troubles: tuple[Trouble, ...]
    numbers: tuple[Number, ...]
    bytes_accepted: int
    bytes_archived: int

    def differences(self) -> list[str]:
        """Say what does not add up."""
        found = [
            f"{level.sku} at {level.source}: available {level.available} is not "
            f"{level.counted} - {level.committed} - {level.deducted}"
            for level in self.stock
            if level.available != level.counted - level.committed - level.deducted
        ]
        found += [
            f"{level.sku} at {level.source}: {level.movements} movements sum to {level.ledger}, "
            f"the level has {level.available} at revision {level.revision}"
            for level in self.stock
            if (level.ledger, level.movements) != (level.available, level.revision)
        ]
        found += [
            f"order {line.order} line {line.line}: {line.ordered} ordered, the states sum to {units}"
            for line in self.lines
            if (units := sum(getattr(line, state) for state in STATES)) != line.ordered
        ]
        found += [
            f"purchase order {po.number}: {po.state}, and no file is there"
            for po in self.purchase_orders
            if po.state in WRITTEN_OUT and not po.file
        ]
        numbers = Counter(po.number for po in self.purchase_orders)
        found += [f"purchase order {number} exists {times} times" for number, times in numbers.items() if times > 1]
        known = {po.file for po in self.purchase_orders}
        known |= {file.replace(".", "-cancel.") for file in known}
        ours = [file for file in self.files_out if not file.rpartition("/")[2].startswith(ANSWERS)]
        found += [f"{file} belongs to no purchase order" for file in ours if file not in known]
        found += [
            f"{each.channel} was told {each.told} of {each.sku}, and shows {each.shows}"
            for each in self.numbers
            if each.told != each.shows
        ]
        if self.bytes_accepted != self.bytes_archived:
            found.append(f"{self.bytes_accepted} bytes were accepted, {self.bytes_archived} archived")
        return found


def tables(figures: Figures) -> str:
    """Lay the figures out as text, one aligned table each."""
    ordered = {line.sku for line in figures.lines}
    shown = (
        ("Stock", Stock, [level for level in figures.stock if level.committed or level.deducted]),
        ("Orders", Line, figures.lines),
        ("Chosen sources", Choice, figures.choices),
        ("Purchase orders", PurchaseOrder, figures.purchase_orders),
        (
            "The shops' own numbers, of what was ordered",
            Number,
            [each for each in figures.numbers if each.sku in ordered],
        ),
        ("Exceptions", Trouble, figures.troubles),
    )
    parts = [_table(title, kind, rows) for title, kind, rows in shown]
    untouched = sum(1 for level in figures.stock if not (level.committed or level.deducted))
    shows = sum(1 for number in figures.numbers if number.told == number.shows)
    parts.append(
        f"{len(figures.stock)} levels, {untouched} of them without orders; "
        f"{len(figures.numbers)} numbers told, {shows} of them shown by the shop; "
        f"{figures.bytes_accepted} bytes accepted, {figures.bytes_archived} archived"
    )
    return "\n\n".join(parts)


def _table(title: str, kind: type, rows: Sequence[object]) -> str:
    if not rows:
        return f"{title}: none"
    names = [field.name for field in fields(kind)]
    cells = [[str(getattr(row, name)) for name in names] for row in rows]
    widths = [max(len(row[at]) for row in [names, *cells]) for at in range(len(names))]
    numbers = [isinstance(getattr(rows[0], name), int) for name in names]

    def laid(row: Sequence[str]) -> str:
        pairs = zip(row, widths, numbers, strict=True)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in pairs).rstrip()

    return "\n".join([title, laid(names), laid(["-" * width for width in widths]), *(laid(row) for row in cells)])
