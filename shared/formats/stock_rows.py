"""Cells of one row, in whatever file they stood -> the row, or why it is refused. Nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from shared.domain import gtin, money, quantities
from shared.domain.names import Sku, name
from shared.domain.numerals import Number
from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import MOST_PACK, FeedProfile, Field, Status
from shared.errors import InvalidInput

T_co = TypeVar("T_co", covariant=True)

LONGEST_VALUE_TOLD = 40

Cell = str | tuple[str, ...] | InvalidInput
"""Text as it stands; or several texts, whose quantities are summed; or what is wrong with it already."""

_WRAPPED = re.compile(r'="(.*)"', re.DOTALL)
SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?E[+-][0-9]+", re.IGNORECASE)
_MASKS = {"9": "[0-9]", "A": "[A-Za-z]", "?": "."}


class Place(NamedTuple):
    """Where a row begins: its line, or row of a sheet; and the byte, where a line tells little."""

    line: int
    offset: int | None = None


class Reads(Protocol[T_co]):
    """Reads rows: of which cells each is made, and what one says; None: nothing that counts."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Which cells a row is made of, in order."""

    def read(self, place: Place, cells: Sequence[Cell]) -> T_co | None:
        """Read a row."""


class StockRows:
    """Reads rows by a profile. `fields` says which cells a row is made of, in order."""

    def __init__(self, profile: FeedProfile, currency: str) -> None:
        self.fields: tuple[Field, ...] = tuple(profile.fields())
        self._profile = profile
        self._currency = currency
        self._decimals = money.exponent(currency)
        self._sku_looks = [re.compile(_mask(mask), re.DOTALL) for mask in profile.sku_masks]
        self._warehouses = {quantities.word(each) for each in profile.warehouses}
        self._parts = sum(each.word == "sku" for each in self.fields)
        self._quantities = [at for at, each in enumerate(self.fields) if each.word == "quantity"]
        self._at = {each.word: at for at, each in enumerate(self.fields)}
        self._looks_at = 0
        self._known: Sku | None = None

    def read(self, place: Place, cells: Sequence[Cell]) -> Row | Refusal | None:
        """Read a row; None for one of a warehouse that does not count. Cells are in the order of `fields`."""
        self._looks_at, self._known = 0, None
        try:
            return self._row(place.line, cells)
        except InvalidInput as failure:
            return self.refusal(place, self._looks_at, cells[self._looks_at], failure.message, self._known)

    def _row(self, line: int, cells: Sequence[Cell]) -> Row | None:
        sku = self._known = self._sku(cells)
        warehouse = ""
        if (each := self._text("warehouse", cells)) is not None:
            warehouse = name(each, "warehouse")
            if self._warehouses and quantities.word(warehouse) not in self._warehouses:
                return None
        told: list[str] = []
        warnings: list[str] = []
        units = self._counted(cells, told, warnings)
        cost_minor = self._cost(self._text("cost", cells))
        gtin14 = self._gtin(self._text("gtin", cells), warnings)
        status = Status.ACTIVE
        if each := self._text("status", cells):
            status = self._status(each)
            if status is Status.UNSELLABLE:
                units, told = 0, [each]
        return Row(
            line=line,
            sku=sku,
            units=units,
            cost_minor=cost_minor,
            warning="; ".join(warnings),
            told=" + ".join(told)[:LONGEST_VALUE_TOLD],
            gtin=gtin14,
            warehouse=warehouse,
            is_discontinued=status is Status.DISCONTINUED,
        )

    def refusal(self, place: Place, at: int, cell: Cell, reason: str, sku: Sku | None = None) -> Refusal:
        """Say why a row is refused, by its cell."""
        column = self.fields[at].column
        value = (
            " + ".join(cell)
            if isinstance(cell, tuple)
            else str(cell.details.get("value", ""))
            if isinstance(cell, InvalidInput)
            else cell
        )
        return Refusal(
            line=place.line,
            column=f"column {column}" if isinstance(column, int) else column,
            value=told(value.strip()),
            reason=reason,
            sku=sku,
            offset=place.offset,
        )

    def _sku(self, cells: Sequence[Cell]) -> Sku:
        parts = []
        for at in range(self._parts):
            self._looks_at = at
            parts.append(self._part_of_sku(text_of(cells[at])))
        sku = self._profile.sku_join.join(parts)
        if self._sku_looks and not any(look.fullmatch(sku) for look in self._sku_looks):
            raise InvalidInput("a SKU does not look as this supplier's do", code="sku_mask")
        return Sku(name(sku, "sku") if self._parts > 1 else sku)

    def _part_of_sku(self, text: str) -> str:
        if isinstance(text, Number):
            text = self._sku_of_number(text)
        elif SCIENTIFIC.fullmatch(text):
            raise InvalidInput("a SKU that a spreadsheet has turned into a number", code="sku_scientific")
        return name(text, "sku")

    def _sku_of_number(self, number: Number) -> str:
        if not self._profile.numeric_skus:
            raise InvalidInput("a number stands where a SKU's text was expected", code="sku_is_number")
        if number.is_rounded:
            raise InvalidInput("a SKU that lost digits as a number", code="sku_rounded")
        text = number.plain
        if not text.isdigit():
            raise InvalidInput("a SKU that has become a fraction or negative", code="sku_fraction")
        return text

    def _text(self, word: str, cells: Sequence[Cell]) -> str | None:
        """Return the text of a column, which is what is looked at from here on; None where the profile has none."""
        at = self._at.get(word)
        if at is None:
            return None
        self._looks_at = at
        return text_of(cells[at])

    def _counted(self, cells: Sequence[Cell], told: list[str], warnings: list[str]) -> int:
        factor, units = self._profile.pack, 0
        if (each := self._text("pack", cells)) is not None:
            factor *= self._pack(each)
        for at in self._quantities:
            self._looks_at = at
            cell = cells[at]
            for part in cell if isinstance(cell, tuple) else (cell,):
                units += self._units(part, told)
        units *= factor
        if units > quantities.MOST_UNITS:
            raise InvalidInput("a quantity is too large to be true", code="quantity_too_large")
        if units < 0:
            warnings.append(f"{units} is below zero, counted as 0")
        return max(units, 0)

    def _units(self, cell: Cell, told: list[str]) -> int:
        profile = self._profile
        read = quantities.read(text_of(cell), profile.quantities, profile.marks)
        if read.units < 0 and profile.negative == "refuse":
            raise InvalidInput("a quantity below zero", code="quantity_negative")
        if read.told:
            told.append(read.told)
        return read.units

    def _pack(self, text: str) -> int:
        known = self._profile.packs.get(quantities.word(text))
        if known is None:
            plain = self._profile.marks.plain(text)
            known = int(plain) if plain.isascii() and plain.isdigit() and len(plain) <= len(str(MOST_PACK)) else 0
        if not known:
            raise InvalidInput("units of a pack, or a word for them, were expected", code="pack_unknown")
        return known

    def _status(self, text: str) -> Status:
        status = self._profile.status.get(quantities.word(text))
        if status is None:
            raise InvalidInput("the profile does not say what this status means", code="status_unknown")
        return status

    def _cost(self, text: str | None) -> int | None:
        if not text:
            return None
        return money.minor(self._profile.marks.plain(text, decimals=self._decimals), self._currency)

    def _gtin(self, text: str | None, warnings: list[str]) -> str:
        if not text:
            return ""
        try:
            return gtin.read(text.plain if isinstance(text, Number) else text)
        except InvalidInput as failure:
            warnings.append(failure.message)
            return ""


def told(value: str) -> str:
    """Cut a value to what a report shows; half characters, which no report could write, become `?`."""
    return value[:LONGEST_VALUE_TOLD].encode("utf-8", "replace").decode()


def by_cell(cells: Sequence[str], positions: Sequence[int | None]) -> list[Cell]:
    """Pick cells by their places in a row; a column that the file has not is blank."""
    return ["" if at is None else cells[at] for at in positions]


def text_of(cell: Cell) -> str:
    """Take off outer space, and the ="..." by which spreadsheets are told that a number is text."""
    if isinstance(cell, Number):
        return cell
    if isinstance(cell, str):
        text = cell.strip()
        wrapped = _WRAPPED.fullmatch(text) if text.startswith("=") else None
        return wrapped[1].strip() if wrapped else text
    if isinstance(cell, InvalidInput):
        raise cell
    raise InvalidInput("there is more than one", code="value_repeated")


def _mask(mask: str) -> str:
    return "".join(_MASKS.get(letter) or re.escape(letter) for letter in mask)
