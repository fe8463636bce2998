"""The csv files of a folder: products, and what is optional: kits, listings, substitutes, suppliers' SKUs.

Columns of each file stand in `COLUMNS`, and those it may have in `MAY_HAVE`, in any order. A line is told by its number
with what is wrong in it; what other lines say is still read, so that one look finds all mistakes.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from cli.mistakes import Mistake, WrongFile, read_text
from shared.domain import gtin, money
from shared.domain.facts import Catalogue, Meaning, Product, SupplierCode, circles
from shared.domain.names import ChannelId, Sku, SourceId, name
from shared.errors import InvalidInput

COLUMNS = {
    "products.csv": ("sku", "title", "inventory_item"),
    "kits.csv": ("kit", "part", "units"),
    "listings.csv": ("channel", "listing", "sku"),
    "substitutes.csv": ("sku", "substitute", "rank"),
    "supplier_skus.csv": ("supplier", "code", "sku", "pack", "from", "until"),
}
OPTIONAL = set(COLUMNS) - {"products.csv"}
MAY_HAVE = {"products.csv": ("grams", "hazmat", "price", "map", "currency", "gtin", "mpn")}
PRICES = frozenset({"price", "map", "currency"})
"""Columns that come together: one alone would leave another as it was, in a currency that is no longer its own."""
FIELDS = {"price": "price_minor", "map": "map_minor"}
"""Fields of a product that have another name than their column."""
MOST_UNITS = 1_000_000


@dataclass(slots=True)
class _Line:
    """A line of a file: its number and its values by column, without spaces around them.

    A mistake is noted and reading goes on with an empty value; `is_right` says whether there was none.
    """

    file: Path
    number: int
    values: dict[str, str]
    mistakes: list[Mistake]
    is_right: bool = True

    def wrong(self, told: str) -> None:
        self.mistakes.append(Mistake(self.file, self.number, told))
        self.is_right = False

    def name(self, column: str) -> str:
        try:
            return name(self.values[column], column)
        except InvalidInput as error:
            self.wrong(f"{column} {self.values[column]!r}: {error.message}")
            return ""

    def one_of(self, column: str, known: Collection[str] | None, where: str) -> str:
        """Return a name that is known; None: `where` itself cannot be read, and all names pass."""
        value = self.name(column)
        if value and known is not None and value not in known:
            self.wrong(f"{column} {value!r} is no {where}; add it there or correct the {column}")
        return value

    def gtin(self) -> str:
        """Return a GTIN as fourteen digits; empty where there is none."""
        value = self.values.get("gtin", "")
        try:
            return gtin.read(value) if value else ""
        except InvalidInput as error:
            self.wrong(f"gtin {value!r}: {error.message}")
            return ""

    def whole(self, column: str) -> int:
        value = self.values[column]
        if re.fullmatch(r"[0-9]{1,9}", value) and 1 <= int(value) <= MOST_UNITS:
            return int(value)
        self.wrong(f"{column} {value!r} must be a whole number from 1 to {MOST_UNITS}")
        return 0

    def yes(self, column: str) -> bool:
        value = self.values[column]
        if value not in {"yes", "no", ""}:
            self.wrong(f"{column} {value!r} must be yes, no or empty")
        return value == "yes"

    def currency(self, column: str) -> str:
        value = self.values[column]
        if re.fullmatch(r"([A-Z]{3})?", value):
            return value
        self.wrong(f"{column} {value!r} must be an ISO 4217 code such as EUR")
        return ""

    def amount(self, column: str, currency: str) -> int | None:
        """Return an amount in minor units of a currency; None when it is left out."""
        value = self.values[column]
        try:
            amount = money.minor(value, currency) if value else None
        except InvalidInput as error:
            self.wrong(f"{column} {value!r}: {error.message}")
            return None
        if amount == 0:
            self.wrong(f"{column} {value!r} must be above 0, or empty")
        return amount

    def day(self, column: str) -> date | None:
        value = self.values[column]
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        if value:
            self.wrong(f"{column} {value!r} must be a day such as 2026-11-23, or empty")
        return None


@dataclass(slots=True)
class FactsReader:
    """Reads the csv files of a folder; `channels` and `suppliers` are those of its rules, None if they cannot be read.

    `selling`: channels on which the column `inventory_item` of products.csv lists a product: those of Shopify, whose
    word it is, or all where none is.
    """

    folder: Path
    channels: Collection[str] | None
    suppliers: Collection[str] | None
    selling: Collection[str]
    mistakes: list[Mistake] = field(default_factory=list)
    _skus: set[str] | None = field(default=None, init=False)

    def read(self) -> Catalogue:
        """Read all files; mistakes are in `mistakes`, in order."""
        titles, listed, more = self._products()
        kits, substitutes = self._kits(), self._substitutes()
        self._listings(listed)
        codes = tuple(self._codes())
        self.mistakes.sort(key=lambda mistake: (list(COLUMNS).index(mistake.file.name), mistake.line))
        products = (
            Product(
                sku=Sku(sku),
                title=title,
                inventory_items={ChannelId(channel): item for channel, item in sorted(listed[sku].items())},
                parts=(kits or {}).get(Sku(sku), {}),
                substitutes=tuple(other for _, other in sorted((substitutes or {}).get(sku, {}).items())),
                **more[sku],
            )
            for sku, title in titles.items()
        )
        silent = {"parts": kits, "substitutes": substitutes}
        said_of_all = set.intersection(*map(set, more.values())) if more else set()
        fields = {FIELDS.get(column, column) for column in MAY_HAVE["products.csv"]}
        return Catalogue(
            products=tuple(products),
            codes=codes,
            silent_on=frozenset(name for name, said in silent.items() if said is None) | (fields - said_of_all),
        )

    def _products(self) -> tuple[dict[str, str], dict[str, dict[str, str]], dict[str, dict[str, Any]]]:
        """Read products.csv; return of each SKU its title, its listings by channel, and fields it may have."""
        titles: dict[str, str] = {}
        more: dict[str, dict[str, Any]] = {}
        listed: dict[str, dict[str, str]] = {}
        first: dict[str, int] = {}
        owners: dict[str, str] = {}
        lines = self._lines("products.csv")
        for line in lines or ():
            sku, item = line.name("sku"), line.values["inventory_item"]
            if item:
                line.name("inventory_item")
            if sku in first:
                line.wrong(f"SKU {sku} is there twice, first on line {first[sku]}; keep one line of it")
            elif item in owners:
                line.wrong(f"inventory_item {item!r} is of {owners[item]} already; correct one of them")
            if not sku or sku in first:
                continue
            first[sku], titles[sku], listed[sku], more[sku] = line.number, line.values["title"], {}, _more(line)
            if item and line.is_right:
                owners[item] = sku
                listed[sku] = dict.fromkeys(self.selling, item)
        self._skus = None if lines is None else set(titles)
        return titles, listed, more

    def _listings(self, listed: dict[str, dict[str, str]]) -> None:
        """Read listings.csv into the listings that products.csv gives."""
        owners = {(channel, item): sku for sku, items in listed.items() for channel, item in items.items()}
        for line in self._lines("listings.csv") or ():
            channel = line.one_of("channel", self.channels, "channel of rules.yaml")
            listing, sku = line.name("listing"), self._sku(line, "sku")
            if not line.is_right:
                continue
            owner = owners.setdefault((channel, listing), sku)
            other = listed.setdefault(sku, {}).setdefault(channel, listing)
            if owner != sku:
                line.wrong(f"listing {listing!r} is of {owner} already; a listing has one SKU")
            elif other != listing:
                line.wrong(f"SKU {sku} is listed as {other!r} on {channel} already; keep one of the two")

    def _kits(self) -> dict[Sku, dict[Sku, int]] | None:
        kits: dict[Sku, dict[Sku, int]] = defaultdict(dict)
        told_on: dict[tuple[str, str], _Line] = {}
        lines = self._lines("kits.csv")
        for line in lines or ():
            kit, part, units = self._sku(line, "kit"), self._sku(line, "part"), line.whole("units")
            if kit and kit == part:
                line.wrong(f"kit {kit!r} cannot be a part of itself; correct the part")
            elif (kit, part) in told_on:
                first = told_on[kit, part].number
                line.wrong(f"part {part!r} is in kit {kit!r} on line {first} already; add up the units")
            if line.is_right:
                told_on[kit, part] = line
                kits[Sku(kit)][Sku(part)] = units
        for path in circles(kits):
            told = " -> ".join(path)
            told_on[path[0], path[1]].wrong(f"kit {path[0]!r} is in itself: {told}; take one of these parts out")
        return None if lines is None else kits

    def _substitutes(self) -> dict[str, dict[int, Sku]] | None:
        found: dict[str, dict[int, Sku]] = defaultdict(dict)
        lines = self._lines("substitutes.csv")
        for line in lines or ():
            sku, substitute, rank = self._sku(line, "sku"), self._sku(line, "substitute"), line.whole("rank")
            if sku and sku == substitute:
                line.wrong(f"SKU {sku!r} cannot be its own substitute; name another")
            elif substitute in found[sku].values():
                line.wrong(f"substitute {substitute!r} of {sku!r} is there twice; keep one line of it")
            elif rank in found[sku]:
                line.wrong(f"rank {rank} of {sku!r} is {found[sku][rank]} already; give another rank")
            if line.is_right:
                found[sku][rank] = Sku(substitute)
        return None if lines is None else found

    def _codes(self) -> Iterator[SupplierCode]:
        found: dict[tuple[str, str], list[tuple[Meaning, _Line]]] = defaultdict(list)
        for line in self._lines("supplier_skus.csv") or ():
            supplier = line.one_of("supplier", self.suppliers, "supplier of rules.yaml")
            code, sku, pack = line.name("code"), self._sku(line, "sku"), line.whole("pack")
            first, last = line.day("from"), line.day("until")
            meaning = Meaning(sku=Sku(sku), pack=pack, first=first, last=last)
            if first and last and first > last:
                line.wrong(f"from {first} is after until {last}; correct one of them")
            if not line.is_right:
                continue
            for other, known in found[supplier, code]:
                if meaning.overlaps(other):
                    line.wrong(
                        f"code {code!r} has a meaning on line {known.number} for some of the same days; "
                        "end one before the other begins"
                    )
            found[supplier, code].append((meaning, line))
        _refuse_doubles(found)
        for (supplier, code), meanings in found.items():
            in_order = sorted((meaning for meaning, _ in meanings), key=lambda each: each.first or date.min)
            yield SupplierCode(supplier=SourceId(supplier), code=code, meanings=tuple(in_order))

    def _sku(self, line: _Line, column: str) -> str:
        return line.one_of(column, self._skus, "SKU of products.csv")

    def _lines(self, name_of_file: str) -> list[_Line] | None:
        """Read the lines of a file that have all columns and are not there twice; None: nothing can be read."""
        file, columns, may = self.folder / name_of_file, COLUMNS[name_of_file], MAY_HAVE.get(name_of_file, ())
        if name_of_file in OPTIONAL and not file.exists():
            return None
        found: list[_Line] = []
        try:
            rows = csv.reader(io.StringIO(read_text(file), newline=""), strict=True)
            heading = next(rows, [])
            if told := _of_heading(heading, columns, may):
                self.mistakes.append(Mistake(file, 1, told))
                return None
            first: dict[tuple[str, ...], int] = {}
            for row in rows:
                cells = tuple(cell.strip() for cell in row)
                line = _Line(file, rows.line_num, dict(zip(heading, cells, strict=False)), self.mistakes)
                if not any(cells):
                    continue
                if len(cells) != len(heading):
                    line.wrong(f"{len(cells)} values for {len(heading)} columns; quote a value that has a comma")
                elif first.setdefault(cells, line.number) != line.number:
                    line.wrong(f"the same line as line {first[cells]}; keep one")
                else:
                    found.append(line)
        except WrongFile as wrong:
            self.mistakes += wrong.mistakes
            return None
        except csv.Error as error:
            self.mistakes.append(Mistake(file, rows.line_num, f"not csv: {error}; look for a quote that does not end"))
        return found


def _of_heading(heading: list[str], columns: Collection[str], may: Collection[str]) -> str:
    """Say what is wrong with the columns of a file; empty when nothing is."""
    if sorted(set(heading) - set(may)) != sorted(columns) or len(set(heading)) != len(heading):
        unknown = f"; unknown: {', '.join(extra)}" if (extra := sorted(set(heading) - {*columns, *may})) else ""
        also = f" and may be {','.join(may)}" if may else ""
        return f"the columns must be {','.join(columns)}{also}, not {','.join(heading)}{unknown}"
    if lacking := PRICES - set(heading) if PRICES & set(heading) else set():
        return f"the columns price, map and currency come together; add {', '.join(sorted(lacking))}, empty or filled"
    return ""


def _more(line: _Line) -> dict[str, Any]:
    """Read what a line of products.csv says beside its title and its listing, by the fields of a product."""
    more: dict[str, Any] = {}
    if "grams" in line.values:
        more["grams"] = line.whole("grams") if line.values["grams"] else 0
    if "hazmat" in line.values:
        more["hazmat"] = line.yes("hazmat")
    if "gtin" in line.values:
        more["gtin"] = line.gtin()
    if "mpn" in line.values:
        more["mpn"] = line.values["mpn"]
    if line.values.keys() >= PRICES:
        currency = more["currency"] = line.currency("currency")
        if not line.values["currency"] and (line.values["price"] or line.values["map"]):
            line.wrong("an amount needs a currency such as EUR")
        more["price_minor"] = line.amount("price", currency) if currency else None
        more["map_minor"] = line.amount("map", currency) if currency else None
    return more


def _refuse_doubles(found: Mapping[tuple[str, str], list[tuple[Meaning, _Line]]]) -> None:
    """Refuse what makes two counts of one SKU, or a SKU of a code's code, on the same day."""
    of_sku: dict[tuple[str, str], list[tuple[str, Meaning, _Line]]] = defaultdict(list)
    for (supplier, code), meanings in found.items():
        for meaning, line in meanings:
            for other, its, known in of_sku[supplier, meaning.sku]:
                if other != code and meaning.overlaps(its):
                    line.wrong(
                        f"code {code!r} means {meaning.sku}, as code {other!r} does on line {known.number}, for some "
                        "of the same days: nothing says whose count is right; end one before the other begins"
                    )
            of_sku[supplier, meaning.sku].append((code, meaning, line))
            for its, known in found.get((supplier, meaning.sku), ()):
                if its.sku != meaning.sku and meaning.overlaps(its):
                    line.wrong(
                        f"code {code!r} means {meaning.sku}, which is itself a code of {supplier} and means {its.sku} "
                        f"on line {known.number}; map both to the SKU that is meant"
                    )
