"""What a source costs beyond the units themselves, bounded from below over ranges of weight and of goods.

Freight rises in steps. Part of it is given to every gram as a `slope`, so that a bound can add lines up one by one;
`least` is what then remains, at least, anywhere in a range. Where the ranges are single points it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

SCALE = 1 << 20
"""Amounts are held in these parts of a minor unit, so that a slope is a whole number and nothing is ever rounded."""
NEVER = 1 << 130
"""More than any plan is worth, in parts."""
Brackets = tuple[tuple[int, int], ...]
Range = tuple[int, int, int, int]


@dataclass(slots=True)
class Steps:
    """One source: `fixed` once it ships anything, freight and surcharge by bracket, a minimum of goods."""

    fixed: int
    freight: Brackets = ()
    surcharges: Brackets = ()
    minimum: int = 0
    slope: int = 0
    known: dict[Range, int] = field(default_factory=dict)

    @property
    def is_flat(self) -> bool:
        """Whether it costs the same whatever it ships."""
        return not (self.freight or self.surcharges or self.minimum)

    def least(self, lightest: int, heaviest: int, cheapest: int, dearest: int) -> int:
        """Return the least this can be (less slope times weight) for goods in these ranges, NEVER if none will do."""
        key = lightest, heaviest, cheapest, dearest
        if key not in self.known:
            self.known[key] = self._least(key)
        return self.known[key]

    def _least(self, within: Range) -> int:
        lightest, heaviest, cheapest, dearest = within
        if dearest < self.minimum:
            return NEVER
        value = self.fixed
        if self.surcharges:
            value += _least_surcharge(self.surcharges, max(cheapest, self.minimum), dearest)
        if self.freight:
            value += min(
                price - self.slope * weight for weight, price in _ends(self.freight, lightest, heaviest, far=False)
            )
        return value

    def within(self, heaviest: int, cheapest: int, dearest: int) -> Steps:
        """Return the same for goods in these ranges, with what is constant there told as a constant."""
        kept = Steps(self.fixed, self.freight, self.surcharges, self.minimum if cheapest < self.minimum else 0)
        if self.freight and heaviest <= self.freight[0][0]:
            kept.freight = ()
            kept.fixed += self.freight[0][1]
        if self.surcharges and cheapest > self.surcharges[-1][0]:
            kept.surcharges = ()
        elif self.surcharges and dearest <= self.surcharges[0][0]:
            kept.surcharges = ()
            kept.fixed += self.surcharges[0][1]
        return kept

    def scaled(self, scale: int, heaviest: int) -> Steps:
        """Return the same in parts of the scale, with the slope that is best around the middle of the weights."""
        freight = tuple((limit, price * scale) for limit, price in self.freight)
        return Steps(
            self.fixed * scale,
            freight,
            tuple((limit, price * scale) for limit, price in self.surcharges),
            self.minimum,
            _slope(freight, heaviest) if freight else 0,
        )


def _least_surcharge(brackets: Brackets, cheapest: int, dearest: int) -> int:
    above, least = -1, None if dearest <= brackets[-1][0] else 0
    for limit, price in brackets:
        if cheapest <= limit and dearest > above and (least is None or price < least):
            least = price
        above = limit
    return least or 0


def _ends(brackets: Brackets, lightest: int, heaviest: int, *, far: bool) -> list[tuple[int, int]]:
    """Return (weight, price) where a price holds longest: the ends of the brackets in a range, and its own end.

    `far`: two full parcels on; without, one, as every later one repeats with the price of a full parcel on top.
    """
    largest, dearest = brackets[-1]
    full = max(-(-lightest // largest) - 1, 0)
    found: list[tuple[int, int]] = []
    for parcels in range(full, full + (3 if far else 2)):
        for limit, price in brackets:
            weight = parcels * largest + limit
            if weight >= heaviest:
                return [*found, (heaviest, parcels * dearest + price)]
            if weight >= lightest:
                found.append((weight, parcels * dearest + price))
    return found


def _slope(brackets: Brackets, heaviest: int) -> int:
    """Return the slope of the lower hull of the steps at half of the most weight, in whole parts a gram.

    Never steeper than full parcels are: beyond the first of them no bracket may come out below the bound.
    """
    middle = heaviest // 2
    largest, dearest = brackets[-1]
    hull = [(0, brackets[0][1])]
    for point in _ends(brackets, 0, heaviest, far=True):
        while len(hull) > 1 and _is_above(hull[-2], hull[-1], point):
            hull.pop()
        if point[0] > hull[-1][0]:
            hull.append(point)
    for (weight, price), (heavier, higher) in pairwise(hull):
        if heavier >= middle or heavier == hull[-1][0]:
            slope = max((higher - price) // (heavier - weight), 0)
            return min(slope, dearest // largest) if heaviest > largest else slope
    return 0


def _is_above(first: tuple[int, int], middle: tuple[int, int], last: tuple[int, int]) -> bool:
    """Whether the middle point is not below the straight line between the others."""
    return (middle[1] - first[1]) * (last[0] - first[0]) >= (last[1] - first[1]) * (middle[0] - first[0])
