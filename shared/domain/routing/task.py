"""The search's own picture of an order: sources and lines by number, every amount in the order's currency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from shared.domain.routing import pricing
from shared.domain.routing.problem import Packs

Taken = dict[tuple[int, int], int]
"""Units by (line, source)."""


class Offer(NamedTuple):
    """A source's terms for a SKU."""

    available: int
    unit: int
    late: int
    reject: int
    reject_ppm: int
    pack: int
    minimum: int
    days: int

    @property
    def is_plain(self) -> bool:
        """Whether any number of units can be had."""
        return self.pack == 1 and self.minimum == 1


class Source(NamedTuple):
    """A source's terms for the order; brackets are (limit, price)."""

    order_fee: int
    parcel_fee: int
    minimum: int
    surcharges: tuple[tuple[int, int], ...]
    freight: tuple[tuple[int, int], ...]
    priority: int


class Line(NamedTuple):
    """A line; `offers` by source, only of those that have some."""

    sku: str
    units: int
    grams: int
    offers: Mapping[int, Offer]


class Block(NamedTuple):
    """Lines that ship together, or one line that may be split."""

    lines: tuple[int, ...]
    splits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Everything the search may look at."""

    sources: tuple[Source, ...]
    lines: tuple[Line, ...]
    blocks: tuple[Block, ...]
    packs: Packs
    single_source: bool
    repeated: frozenset[str]

    @classmethod
    def of(
        cls,
        sources: Iterable[Source],
        lines: Iterable[Line],
        blocks: Iterable[Block],
        *,
        packs: Packs = Packs.ROUND_UP,
        single_source: bool = False,
    ) -> Task:
        """Put one together; `repeated` are the SKUs that several lines want."""
        lines = tuple(lines)
        wanted = Counter(line.sku for line in lines)
        return cls(
            sources=tuple(sources),
            lines=lines,
            blocks=tuple(blocks),
            packs=packs,
            single_source=single_source,
            repeated=frozenset(sku for sku, times in wanted.items() if times > 1),
        )

    def by(self, days: int) -> Task:
        """Return the same with only the offers that arrive within so many days."""
        lines = (
            line._replace(offers={s: offer for s, offer in line.offers.items() if offer.days <= days})
            for line in self.lines
        )
        return Task.of(self.sources, lines, self.blocks, packs=self.packs, single_source=self.single_source)

    def carriers(self, block: Block) -> Iterable[int]:
        """Return the sources that offer every line of a block."""
        if len(block.lines) == 1:
            return self.lines[block.lines[0]].offers
        first, *rest = (self.lines[at].offers for at in block.lines)
        return [s for s in first if all(s in offers for offers in rest)]

    def units(self, block: Block) -> int:
        """Return the units of all lines of a block."""
        return sum(self.lines[at].units for at in block.lines)

    def bought(self, line: Line, offer: Offer, units: int) -> int | None:
        """Return the least that must be bought for units of one line, None where it cannot be.

        Other lines of the SKU may share its packs and its minimum.
        """
        if line.sku in self.repeated or offer.is_plain:
            return units if units <= offer.available else None
        whole = pricing.bought(units, offer.pack, offer.minimum, self.packs)
        return whole if whole is not None and whole <= offer.available else None
