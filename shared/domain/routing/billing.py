"""What a plan is, exactly: the bill of every source in it, and its value by every objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.domain.routing import pricing
from shared.domain.routing.problem import Objective
from shared.domain.routing.task import Taken, Task

SHORT = 1 << 60
"""A unit left short outweighs every amount of anything else."""


class Bill(NamedTuple):
    """What one source charges for its part."""

    goods: int
    surplus: int
    order_fee: int
    surcharge: int
    freight: int
    parcel_fee: int
    late: int
    reject: int
    parcels: int
    grams: int
    days: int

    @property
    def total(self) -> int:
        """Return the landed cost."""
        fees = self.order_fee + self.surcharge + self.freight + self.parcel_fee
        return self.goods + self.surplus + fees + self.late + self.reject


class Totals(NamedTuple):
    """What a plan comes to."""

    units: int
    landed: int
    parcels: int

    @classmethod
    def of(cls, taken: Taken, billed: Mapping[int, Bill]) -> Totals:
        """Add up the bills of a plan."""
        landed = sum(bill.total for bill in billed.values())
        return cls(sum(taken.values()), landed, sum(bill.parcels for bill in billed.values()))


def bills(task: Task, taken: Taken) -> dict[int, Bill] | None:
    """Price a plan source by source, None where a pack, a minimum or the stock forbids it."""
    parts: dict[int, list[tuple[int, int]]] = {}
    for (at, s), units in taken.items():
        parts.setdefault(s, []).append((at, units))
    found: dict[int, Bill] = {}
    for s, mine in parts.items():
        bill = _bill(task, s, mine)
        if bill is None:
            return None
        found[s] = bill
    return found


def values(task: Task, taken: Taken) -> dict[Objective, int] | None:
    """Return what a plan is by every objective, units short first; None for what is no plan."""
    billed = bills(task, taken)
    if billed is None:
        return None
    lines, sources = task.lines, task.sources
    short = (sum(line.units for line in lines) - sum(taken.values())) * SHORT
    return {
        Objective.PARCELS: short + sum(b.parcels for b in billed.values()),
        Objective.LANDED_COST: short + sum(b.total for b in billed.values()),
        Objective.PROMISED_DATE: short + max((b.days for b in billed.values()), default=0),
        Objective.PRIORITY: short + sum(n * sources[s].priority for (_, s), n in taken.items()),
        Objective.RELIABILITY: short + sum(n * lines[at].offers[s].reject_ppm for (at, s), n in taken.items()),
    }


def _bill(task: Task, s: int, mine: list[tuple[int, int]]) -> Bill | None:
    source = task.sources[s]
    late = reject = grams = days = 0
    wanted: dict[str, int] = {}
    for at, units in mine:
        line = task.lines[at]
        offer = line.offers[s]
        wanted[line.sku] = wanted.get(line.sku, 0) + units
        late += units * offer.late
        reject += units * offer.reject
        grams += units * line.grams
        days = max(days, offer.days)
    goods = surplus = 0
    told = {task.lines[at].sku: task.lines[at].offers[s] for at, _ in mine}
    for sku, units in wanted.items():
        offer = told[sku]
        whole = pricing.bought(units, offer.pack, offer.minimum, task.packs)
        if whole is None or whole > offer.available:
            return None
        goods += units * offer.unit
        surplus += (whole - units) * offer.unit
    if goods + surplus < source.minimum:
        return None
    price, parcels = pricing.freight(source.freight, grams)
    return Bill(
        goods=goods,
        surplus=surplus,
        order_fee=source.order_fee,
        surcharge=pricing.surcharge(source.surcharges, goods + surplus),
        freight=price,
        parcel_fee=parcels * source.parcel_fee,
        late=late,
        reject=reject,
        parcels=parcels,
        grams=grams,
        days=days,
    )
