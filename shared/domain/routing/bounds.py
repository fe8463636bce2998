"""One objective over every set of sources at once.

With the fixed costs of a set paid, a line costs its cheapest source inside the set. So it costs its cheapest of all,
plus, for each of its sources in turn, the step up to the next one wherever the set has none of those so far. The bound
of a set is therefore a sum of amounts that count where the set misses certain sources altogether: a few for each line,
put together for all sets by one doubling over the sources. With costs that do not depend on what else a source ships
the bound is the optimum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import add, sub

from shared.domain.routing.billing import SHORT
from shared.domain.routing.problem import Objective
from shared.domain.routing.reach import Reach
from shared.domain.routing.steps import SCALE, Steps
from shared.domain.routing.task import Block, Line, Offer, Task

Rated = list[tuple[int, int]]
"""(value, source), least first."""


@dataclass(slots=True)
class Measure:
    """An objective of a task: what units, lines and sources add to it, in `scale` parts."""

    task: Task
    objective: Objective
    scale: int
    steps: list[Steps]
    fixed: list[int]
    _gaps: dict[int, int] = field(default_factory=dict)
    _table: list[int] = field(default_factory=list)
    _rated: dict[Block, Rated] = field(default_factory=dict)

    def rate(self, line: Line, s: int, offer: Offer) -> tuple[int, int]:
        """Return what a unit adds, and what it adds that it must be bought."""
        match self.objective:
            case Objective.LANDED_COST:
                slope = self.steps[s].slope
                return (offer.late + offer.reject) * self.scale + slope * line.grams, offer.unit * self.scale
            case Objective.PRIORITY:
                return self.task.sources[s].priority, 0
            case Objective.RELIABILITY:
                return offer.reject_ppm, 0
            case _:
                return self.steps[s].slope * line.grams, 0

    def of_units(self, line: Line, s: int, units: int, bought: int) -> int:
        """Return what units of a line add, so many of them bought."""
        a_unit, a_bought = self.rate(line, s, line.offers[s])
        return units * a_unit + bought * a_bought

    def short(self, units: int) -> int:
        """Return what units left short add."""
        return units * SHORT * self.scale

    def of_block(self, block: Block, s: int) -> int | None:
        """Return what a whole block adds at one source, None where it cannot ship it."""
        value = 0
        for at in block.lines:
            line = self.task.lines[at]
            offer = line.offers.get(s)
            bought = None if offer is None else self.task.bought(line, offer, line.units)
            if offer is None or bought is None:
                return None
            a_unit, a_bought = self.rate(line, s, offer)
            value += line.units * a_unit + bought * a_bought
        return value

    def rated(self, block: Block) -> Rated:
        """Rate the sources that can ship a block whole."""
        if block not in self._rated:
            found = [(value, s) for s in self.task.carriers(block) if (value := self.of_block(block, s)) is not None]
            found.sort()
            self._rated[block] = found
        return self._rated[block]

    def rated_units(self, line: Line) -> Rated:
        """Rate the sources that have some of a line, by the least a unit can cost there."""
        return sorted((self.of_units(line, s, 1, 1), s) for s in line.offers)

    def of_split(self, line: Line, mask: int) -> int:
        """Return the bound of a line that may be split inside a set: cheapest first, packs aside."""
        left, value = line.units, 0
        for unit, s in self.rated_units(line):
            if mask >> s & 1:
                units = min(left, line.offers[s].available)
                left, value = left - units, value + units * unit
        return value + self.short(left)

    def table(self) -> list[int]:
        """Return the bound of every set."""
        if not self._table:
            count = len(self.task.sources)
            gaps = [0] * (1 << count)
            for missed, amount in self.gaps().items():
                gaps[missed] = amount
            for s, fixed in enumerate(self.fixed):
                gaps[0] += fixed
                gaps[1 << s] -= fixed
            for _ in range(count):
                without = gaps[::2]
                gaps = without + list(map(add, without, gaps[1::2]))
            gaps.reverse()  # what a set misses is the opposite of what it has
            self._table = gaps
        return self._table

    def of_set(self, paid: int, usable: int) -> int:
        """Return the bound where one set's fixed costs are paid and another's sources may ship."""
        fixed = sum(cost for s, cost in enumerate(self.fixed) if paid >> s & 1)
        return fixed + sum(amount for missed, amount in self.gaps().items() if not missed & usable)

    def gaps(self) -> dict[int, int]:
        """Return the amounts that count where none of a set's sources is there."""
        if not self._gaps:
            for block in self.task.blocks:
                line = self.task.lines[block.lines[0]]
                if block.splits and not all(o.is_plain and o.available >= line.units for o in line.offers.values()):
                    self._add_split(line)
                else:
                    self._add_whole(block)
        return self._gaps

    def _add_whole(self, block: Block) -> None:
        gaps, missed, before = self._gaps, 0, 0
        for value, s in self.rated(block):
            gaps[missed] = gaps.get(missed, 0) + value - before
            missed, before = missed | 1 << s, value
        short = self.short(self.task.units(block))
        gaps[missed] = gaps.get(missed, 0) + short - before

    def _add_split(self, line: Line) -> None:
        """Add a line, unit by unit: what is uncovered so far moves on to the next source."""
        gaps, before = self._gaps, 0
        whole = 0
        parts: list[tuple[int, int]] = []
        for value, s in [*self.rated_units(line), (self.short(1), -1)]:
            for missed, units in _uncovered(line.units, whole, parts):
                gaps[missed] = gaps.get(missed, 0) + units * (value - before)
            before = value
            if s >= 0 and line.offers[s].available >= line.units:
                whole |= 1 << s
            elif s >= 0:
                parts.append((1 << s, line.offers[s].available))


def _uncovered(wanted: int, whole: int, parts: list[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Return what is left of some units as amounts that count where none of a set's sources is there."""
    have, missed = [0], [whole]
    for bit, available in parts:
        have += [units + available for units in have]
        missed += [others | bit for others in missed]
    left = [max(wanted - units, 0) for units in reversed(have)]  # by the parts that are missed
    for _ in parts:
        fewer = left[::2]
        left = fewer + list(map(sub, left[1::2], fewer))
    return zip(missed, left, strict=True)


def measure(task: Task, objective: Objective, reaches: Callable[[], Sequence[Reach]]) -> Measure:
    """Look at a task by one objective; what cannot matter within the sources' reach is constant."""
    steps = [_steps(task, objective, s) for s in range(len(task.sources))]
    scale = 1
    if not all(each.is_flat for each in steps):
        within = reaches()
        steps = [
            each.within(reach.heaviest, reach.cheapest, reach.dearest)
            for each, reach in zip(steps, within, strict=True)
        ]
        if any(each.freight for each in steps):
            scale = SCALE
            steps = [each.scaled(scale, reach.heaviest) for each, reach in zip(steps, within, strict=True)]
        fixed = [each.least(*reach) for each, reach in zip(steps, within, strict=True)]
    else:
        fixed = [each.fixed for each in steps]
    return Measure(task, objective, scale, steps, fixed)


def _steps(task: Task, objective: Objective, s: int) -> Steps:
    source = task.sources[s]
    if objective is Objective.PARCELS:
        weighed = tuple((limit, 1) for limit, _ in source.freight[-1:])
        return Steps(0 if weighed else 1, weighed, minimum=source.minimum)
    if objective is not Objective.LANDED_COST:
        return Steps(0, minimum=source.minimum)
    freight = tuple((limit, price + source.parcel_fee) for limit, price in source.freight)
    fixed = source.order_fee + (0 if freight else source.parcel_fee)
    return Steps(fixed, freight, source.surcharges, source.minimum)
