"""What the merchant sells and what others call it: facts per SKU and per supplier's code, apart from rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from shared.domain.names import ChannelId, Sku, SourceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A SKU, its title, and what each channel that lists it calls its inventory item.

    `parts`: units of other SKUs that make one of it, when it is a kit. `substitutes`: what may go instead, best first.
    `grams`: what one weighs, 0 if nobody said. `price_minor`, `map_minor`: what it sells for and the least it may be
    advertised for, minor units of `currency`, None where nobody said.
    `gtin`: of fourteen digits; `mpn`: what its maker calls it; both may be empty. `learned`: channels whose listing the
    shop itself told, so that a configuration which says nothing of it leaves it.
    """

    sku: Sku
    title: str
    inventory_items: Mapping[ChannelId, str] = field(default_factory=dict)
    parts: Mapping[Sku, int] = field(default_factory=dict)
    substitutes: tuple[Sku, ...] = ()
    grams: int = 0
    hazmat: bool = False
    price_minor: int | None = None
    map_minor: int | None = None
    currency: str = ""
    gtin: str = ""
    mpn: str = ""
    learned: tuple[ChannelId, ...] = ()


class Codes(StrEnum):
    """What a supplier's code is that has no meaning: our SKU as it stands, or nothing until someone maps it."""

    SAME = "same"
    MAPPED = "mapped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a supplier's code means from day to day, both included; None: without an end.

    `pack`: our units in one of the supplier's.
    """

    sku: Sku
    pack: int = 1
    first: date | None = None
    last: date | None = None

    def holds(self, day: date) -> bool:
        """Answer whether it is so on a day."""
        return (self.first or date.min) <= day <= (self.last or date.max)

    def overlaps(self, other: Meaning) -> bool:
        """Answer whether there is a day that both claim."""
        starts = max(self.first or date.min, other.first or date.min)
        return starts <= min(self.last or date.max, other.last or date.max)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierCode:
    """What a supplier calls something of ours; on each day at most one meaning holds."""

    supplier: SourceId
    code: str
    meanings: tuple[Meaning, ...]

    def on(self, day: date) -> Meaning | None:
        """Return what it means on a day."""
        return next((meaning for meaning in self.meanings if meaning.holds(day)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All that a configuration says of products and codes.

    `silent_on`: fields of products that it says nothing about, so that they stay as they are.
    """

    products: tuple[Product, ...]
    codes: tuple[SupplierCode, ...] = ()
    silent_on: frozenset[str] = frozenset()


def circles(parts: Mapping[Sku, Collection[Sku]]) -> Iterator[tuple[Sku, ...]]:
    """Yield ways in which a kit is in itself, from a kit to its part and on to the same kit; none shares a step."""
    left = {kit: set(of_kit) for kit, of_kit in parts.items()}
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as circle:
            path = tuple(reversed(circle.args[1]))
            yield path
            left[path[0]].discard(path[1])
        else:
            return
