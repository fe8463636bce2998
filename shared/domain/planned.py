"""What a plan of a batch of orders looks at, and what it comes to; how it is made is in `taking`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from shared.domain import orders
from shared.domain.feeds import Feed
from shared.domain.names import CapKey, LevelKey, OrderKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.orders import Order
from shared.domain.routing.problem import Decision, Goods
from shared.domain.stock import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a plan of some orders looks at beside them. Facts that no rule asks about are not read."""

    levels: frozenset[LevelKey] = frozenset()
    goods: frozenset[Sku] = frozenset()
    feeds: frozenset[SourceId] = frozenset()
    pauses: frozenset[SourceId] = frozenset()
    counters: frozenset[SourceId] = frozenset()
    caps: frozenset[CapKey] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        """Add what another plan looks at."""
        return Needs(
            levels=self.levels | other.levels,
            goods=self.goods | other.goods,
            feeds=self.feeds | other.feeds,
            pauses=self.pauses | other.pauses,
            counters=self.counters | other.counters,
            caps=self.caps | other.caps,
        )

    def without(self, levels: Collection[LevelKey]) -> Needs:
        """Leave out levels that are known, and what is asked of sources that have no other: they ship nothing."""
        left = self.levels.difference(levels)
        sources = {key.source for key in left}
        return replace(
            self,
            levels=left,
            feeds=self.feeds & sources,
            pauses=self.pauses & sources,
            counters=self.counters & sources,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a batch has read.

    Absent levels have nothing, absent offers are of unknown cost, absent goods weigh nothing. `numbered`: day and
    count of the purchase orders a source was last given. `waiting`: units that wait under a cap, absent ones none.
    `twins`: new orders to hold, and the one of another channel that each looks like.
    """

    orders: dict[OrderKey, Order] = field(default_factory=dict)
    levels: dict[LevelKey, Level] = field(default_factory=dict)
    offers: Mapping[LevelKey, Offer] = field(default_factory=dict)
    goods: Mapping[Sku, Goods] = field(default_factory=dict)
    feeds: Mapping[SourceId, Feed] = field(default_factory=dict)
    paused: frozenset[SourceId] = frozenset()
    numbered: Mapping[SourceId, tuple[str, int]] = field(default_factory=dict)
    waiting: dict[CapKey, int] = field(default_factory=dict)
    twins: Mapping[OrderKey, OrderKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One order of a batch: as it was (None: new), as it will be, and why.

    `decision` is None for a tombstone, and for an order that cannot be routed as it is.
    """

    before: Order | None
    after: Order
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One transaction's worth: orders to write, and per level which order takes how many units of it."""

    planned: tuple[Planned, ...]
    shares: Mapping[LevelKey, Mapping[OrderKey, int]]
    unchanged: frozenset[OrderKey]
    """Orders whose ask this plan answers with nothing: there is nothing to write for them."""
    waits: Mapping[CapKey, int] = field(default_factory=dict)
    """How many more units, or fewer, wait under each cap that is touched."""
    caps: Mapping[CapKey, int] = field(default_factory=dict)
    """The most that may wait, where more do and their SKU is still sold so."""


def waits_moved(before: Order | None, after: Order) -> dict[CapKey, int]:
    """Say by how much a write of an order moves what waits under caps."""
    moved = orders.capped(after)
    if before:
        moved.subtract(orders.capped(before))
    return {CapKey(after.key.channel, sku): units for sku, units in sorted(moved.items()) if units}
