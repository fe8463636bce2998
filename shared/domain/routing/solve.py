"""The exact search: a lower bound for every set of sources by doubling, then a walk through the sets by bound.

Inside a set lines are dealt out depth first. With a set's fixed costs paid, the bound of a line is its cheapest
way inside the set; freight brackets count by the best straight line below them. The walk ends when no set's bound
beats the best plan found. Nodes are counted, not timed, so that an unfinished search replays as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from operator import add

from shared.domain.routing import pricing
from shared.domain.routing.problem import PPM, Goal, Objective, Packs

SHORT = 1 << 60
TABLE_SOURCES = 12
ORDER = tuple(Objective)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A source's terms for a SKU in the order's currency."""

    available: int
    unit: int
    late: int
    reject: int
    reject_ppm: int
    pack: int
    minimum: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source's terms for the order; brackets are (limit, price)."""

    order_fee: int
    parcel_fee: int
    minimum: int
    surcharges: tuple[tuple[int, int], ...]
    freight: tuple[tuple[int, int], ...]
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line; `offers` by source index."""

    sku: str
    units: int
    grams: int
    offers: dict[int, Offer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
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


Taken = dict[tuple[int, int], int]


@dataclass(slots=True, kw_only=True)
class Found:
    """The best plan so far for one goal."""

    value: int
    taken: Taken
    exact: bool = True
    gap: int = 0


@dataclass(slots=True)
class Search:
    """One order's search; `left` counts down the nodes it may still visit."""

    task: Task
    left: int
    minorants: list[tuple[int, int, int]] = field(default_factory=list)
    repeated: set[str] = field(default_factory=set)
    linear: bool = False
    rated: dict[tuple[Objective, int], list[tuple[int, int, int]]] = field(default_factory=dict)
    tables: dict[Objective, list[int]] = field(default_factory=dict)
    whole: dict[tuple[Objective, int, int], int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look once at what every goal needs."""
        task = self.task
        skus = [line.sku for line in task.lines]
        self.repeated = {sku for sku in skus if skus.count(sku) > 1} if len(set(skus)) < len(skus) else set()
        total = sum(line.units * line.grams for line in task.lines)
        self.minorants = [minorant(source.freight, total) for source in task.sources]
        plain = all(offer.pack == 1 and offer.minimum == 1 for line in task.lines for offer in line.offers.values())
        flat = all(
            not (s.surcharges or s.minimum) and (not s.freight or total <= s.freight[0][0]) for s in task.sources
        )
        self.linear = plain and flat and not self.repeated

    def best(self, goals: Sequence[Goal], *, without: int = 0) -> Found | None:
        """Return the plan that is best by the goals in order; `without` leaves out one of those sources at least."""
        wanted = list(goals)
        if all(goal.objective is not Objective.LANDED_COST or goal.tolerance_ppm for goal in wanted):
            wanted.append(Goal(objective=Objective.LANDED_COST))
        limits: dict[Objective, int] = {}
        found: Found | None = None
        exact, gap = True, 0
        for goal in wanted:
            step = self._one(goal.objective, limits, found, without)
            if step is None:
                return None
            if exact and not step.exact:
                exact, gap = False, step.gap
            short, value = divmod(step.value, SHORT)
            limit = short * SHORT + value + value * goal.tolerance_ppm // PPM
            limits[goal.objective] = min(limit, limits.get(goal.objective, limit))
            found = step
        if found:
            found.exact, found.gap = exact, gap
        return found

    def _one(self, goal: Objective, limits: dict[Objective, int], start: Found | None, without: int) -> Found | None:
        best: Found | None = None
        if start is not None:
            values = self.values(start.taken)
            best = Found(value=values[goal], taken=start.taken) if values else None
        active = [goal, *(o for o in limits if o is not goal)]
        if (
            self.linear
            and set(active) <= {Objective.PARCELS, Objective.LANDED_COST}
            and Objective.LANDED_COST not in active
        ):
            active.append(Objective.LANDED_COST)
        for bound, mask, relaxed in self._sets(goal, limits, without):
            if best is not None and bound >= best.value:
                break
            best = self._within(mask, active, limits, best, relaxed=relaxed)
            if self.left <= 0:
                if best is not None and bound < best.value:
                    best.exact, best.gap = False, best.value - bound
                break
        return best

    def _sets(self, goal: Objective, limits: dict[Objective, int], without: int) -> Iterator[tuple[int, int, bool]]:
        """Yield (bound, set, relaxed) by bound; above twelve sources singles and pairs, then all of them at once."""
        count = len(self.task.sources)
        if self.task.single_source:
            masks = [0, *(1 << s for s in range(count))]
            yield from sorted((self._bound(goal, mask), mask, False) for mask in masks if _leaves_out(mask, without))
        elif count <= TABLE_SOURCES:
            table = self._table(goal)
            allowed: Sequence[int] = range(1 << count)
            if without:
                allowed = [mask for mask in allowed if mask & without != without]
            for objective, limit in limits.items():
                if objective is not goal:
                    other = self._table(objective)
                    allowed = [mask for mask in allowed if other[mask] <= limit]
            yield from ((bound, mask, False) for bound, mask in sorted((table[mask], mask) for mask in allowed))
        else:
            everything = (1 << count) - 1
            wholes = [everything & ~(1 << s) for s in range(count) if without >> s & 1] or [everything]
            few = [sum(1 << s for s in chosen) for n in (1, 2) for chosen in combinations(range(count), n)]
            by_bound = sorted((self._bound(goal, mask), mask) for mask in few if _leaves_out(mask, without))
            floors = sorted((self._bound(goal, mask, relaxed=True), mask) for mask in wholes)
            yield from ((floors[0][0], mask, False) for _, mask in by_bound[: 4 * count])
            yield from ((floor, mask, True) for floor, mask in floors)

    def _coefficient(self, objective: Objective, block: Block, s: int) -> int | None:
        """Return a bound of what a whole block adds when one source ships it, None where it cannot."""
        key = objective, block.lines[0], s
        if key not in self.whole:
            self.whole[key] = self._weigh(objective, block, s)
        return self.whole[key]

    def _weigh(self, objective: Objective, block: Block, s: int) -> int | None:
        value = 0
        for at in block.lines:
            line = self.task.lines[at]
            offer = line.offers.get(s)
            if offer is None or offer.available < line.units:
                return None
            added = self._adds(objective, line, s, offer, line.units)
            if added is None:
                return None
            value = max(value, added) if objective is Objective.PROMISED_DATE else value + added
        return value

    def _adds(self, objective: Objective, line: Line, s: int, offer: Offer, units: int) -> int | None:
        get = units
        if (offer.pack > 1 or offer.minimum > 1) and line.sku not in self.repeated:
            whole = pricing.bought(units, offer.pack, offer.minimum, self.task.packs)
            if whole is None or whole > offer.available:
                return None
            get = whole
        if objective is Objective.LANDED_COST:
            _, rise, run = self.minorants[s]
            return get * offer.unit + units * (offer.late + offer.reject) + rise * line.grams * units // run
        if objective is Objective.PROMISED_DATE:
            return offer.days
        if objective is Objective.PRIORITY:
            return units * self.task.sources[s].priority
        return units * offer.reject_ppm if objective is Objective.RELIABILITY else 0

    def _fill(self, objective: Objective, line: Line, mask: int) -> int:
        """Return a bound of a line that may be split: cheapest first, packs aside."""
        rated = [r for r in self._rated(objective, line) if mask >> r[1] & 1]
        if objective is Objective.PROMISED_DATE:
            have = sum(available for _, _, available in rated)
            return max(line.units - have, 0) * SHORT + (rated[0][0] if rated else 0)
        left, value = line.units, 0
        for unit, _, available in rated:
            units = min(left, available)
            value += units * unit
            left -= units
        return value + left * SHORT

    def _rated(self, objective: Objective, line: Line) -> list[tuple[int, int, int]]:
        """Return (a bound of one unit, source, available), cheapest first."""
        key = objective, id(line)
        if key not in self.rated:
            self.rated[key] = sorted(
                (self._unit(objective, line, s, offer), s, offer.available)
                for s, offer in line.offers.items()
                if offer.available > 0
            )
        return self.rated[key]

    def _unit(self, objective: Objective, line: Line, s: int, offer: Offer) -> int:
        match objective:
            case Objective.LANDED_COST:
                _, rise, run = self.minorants[s]
                return offer.unit + offer.late + offer.reject + rise * line.grams // run
            case Objective.PROMISED_DATE:
                return offer.days
            case Objective.PRIORITY:
                return self.task.sources[s].priority
            case Objective.RELIABILITY:
                return offer.reject_ppm
            case _:
                return 0

    def _row(self, objective: Objective, block: Block) -> list[int]:
        count = len(self.task.sources)
        short = sum(self.task.lines[at].units for at in block.lines) * SHORT
        if block.splits:
            line = self.task.lines[block.lines[0]]
            if any(o.available < line.units or o.pack > 1 or o.minimum > 1 for o in line.offers.values()):
                return [self._fill(objective, line, mask) for mask in range(1 << count)]
        row = [short]
        for s in range(count):
            value = self._coefficient(objective, block, s)
            row += row if value is None else [min(value, x) for x in row]
        return row

    def _fixed(self, objective: Objective, s: int) -> int:
        source = self.task.sources[s]
        if objective is Objective.PARCELS:
            return 1
        if objective is Objective.LANDED_COST:
            least = 0
            if source.surcharges:
                most = sum(
                    (line.units + o.pack + o.minimum) * o.unit
                    for line in self.task.lines
                    if (o := line.offers.get(s)) is not None
                )
                reachable = [
                    price
                    for n, (_, price) in enumerate(source.surcharges)
                    if n == 0 or source.surcharges[n - 1][0] < most
                ]
                least = min(reachable) if most <= source.surcharges[-1][0] else 0
            return source.order_fee + source.parcel_fee + self.minorants[s][0] + least
        return 0

    def _table(self, objective: Objective) -> list[int]:
        if objective not in self.tables:
            self.tables[objective] = self._tabulated(objective)
        return self.tables[objective]

    def _tabulated(self, objective: Objective) -> list[int]:
        table = [0]
        for s in range(len(self.task.sources)):
            fixed = self._fixed(objective, s)
            table += [x + fixed for x in table] if fixed else table
        for block in self.task.blocks:
            row = self._row(objective, block)
            if objective is Objective.PROMISED_DATE:
                table = [_later(x, y) for x, y in zip(table, row, strict=True)]
            else:
                table = list(map(add, table, row))
        return table

    def _bound(self, objective: Objective, mask: int, *, relaxed: bool = False) -> int:
        value = 0 if relaxed else sum(self._fixed(objective, s) for s in range(len(self.task.sources)) if mask >> s & 1)
        for block in self.task.blocks:
            least = self._least(objective, block, mask)
            value = _later(value, least) if objective is Objective.PROMISED_DATE else value + least
        return value

    def _least(self, objective: Objective, block: Block, mask: int) -> int:
        if block.splits:
            return self._fill(objective, self.task.lines[block.lines[0]], mask)
        short = sum(self.task.lines[at].units for at in block.lines) * SHORT
        inside = (self._coefficient(objective, block, s) for s in range(len(self.task.sources)) if mask >> s & 1)
        return min((value for value in inside if value is not None), default=short)

    def _options(self, block: Block, mask: int, active: Sequence[Objective]) -> Iterator[tuple[tuple[int, ...], Taken]]:
        """Yield (what each active goal adds, units by (line, source)); whole blocks by what they add."""
        whole: list[tuple[tuple[int, ...], int]] = []
        for s in range(len(self.task.sources)):
            if mask >> s & 1:
                adds = [self._coefficient(objective, block, s) for objective in active]
                known = tuple(value for value in adds if value is not None)
                if len(known) == len(active):
                    whole.append((known, s))
        if block.splits:
            yield from self._compositions(block.lines[0], mask, active)
            return
        for known, s in sorted(whole):
            yield known, {(at, s): self.task.lines[at].units for at in block.lines}
        yield (sum(self.task.lines[at].units for at in block.lines) * SHORT,) * len(active), {}

    def _compositions(self, at: int, mask: int, active: Sequence[Objective]) -> Iterator[tuple[tuple[int, ...], Taken]]:
        line = self.task.lines[at]
        by = Objective.LANDED_COST if self.linear and Objective.LANDED_COST in active else active[0]
        rated = []
        for s, offer in line.offers.items():
            if mask >> s & 1 and offer.available > 0:
                unit = self._adds(by, line, s, offer, max(offer.pack, offer.minimum)) or 0
                rated.append((unit, s, offer))
        rated.sort(key=lambda r: r[:2])
        only_fill = self.linear and set(active) <= {Objective.PARCELS, Objective.LANDED_COST}

        def deal(index: int, left: int, adds: tuple[int, ...], taken: Taken) -> Iterator[tuple[tuple[int, ...], Taken]]:
            if index == len(rated) or not left:
                yield tuple(x + left * SHORT for x in adds), taken
                return
            _, s, offer = rated[index]
            most = min(left, offer.available)
            for units in (most,) if only_fill else range(most, -1, -1):
                if not units:
                    yield from deal(index + 1, left, adds, taken)
                    continue
                more = [self._adds(objective, line, s, offer, units) for objective in active]
                known = tuple(value for value in more if value is not None)
                if len(known) == len(active):
                    both = tuple(
                        max(x, y) if o is Objective.PROMISED_DATE else x + y
                        for o, x, y in zip(active, adds, known, strict=True)
                    )
                    yield from deal(index + 1, left - units, both, {**taken, (at, s): units})

        yield from deal(0, line.units, (0,) * len(active), {})

    def _within(  # noqa: C901 - one recursion with its state
        self,
        mask: int,
        active: Sequence[Objective],
        limits: dict[Objective, int],
        best: Found | None,
        *,
        relaxed: bool,
    ) -> Found | None:
        """Deal the blocks out inside one set, depth first, and return the better of `best` and what is found."""
        blocks, goal = self.task.blocks, active[0]
        fixed = [
            0 if relaxed else sum(self._fixed(o, s) for s in range(len(self.task.sources)) if mask >> s & 1)
            for o in active
        ]
        rest: list[tuple[int, ...]] = [(0,) * len(active)]
        for block in reversed(blocks):
            least = (self._least(o, block, mask) for o in active)
            rest.append(tuple(_joined(o, x, y) for o, x, y in zip(active, rest[-1], least, strict=True)))
        rest.reverse()
        used: dict[tuple[str, int], int] = {}

        def deal(index: int, so_far: tuple[int, ...], taken: Taken) -> None:  # noqa: C901
            nonlocal best
            if index == len(blocks):
                values = self.values(taken)
                if values is None or (best and values[goal] >= best.value):
                    return
                if all(values[o] <= limit for o, limit in limits.items()):
                    best = Found(value=values[goal], taken=taken)
                return
            for adds, units in self._options(blocks[index], mask, active):
                self.left -= 1
                if self.left <= 0:
                    return
                after = tuple(_joined(o, x, y) for o, x, y in zip(active, so_far, adds, strict=True))
                bounds = [_joined(o, x, y) for o, x, y in zip(active, after, rest[index + 1], strict=True)]
                if best and bounds[0] >= best.value:
                    continue
                if any(b > limits[o] for o, b in zip(active, bounds, strict=True) if o in limits):
                    continue
                if self._fits(units, used):
                    for (at, s), n in units.items():
                        key = self.task.lines[at].sku, s
                        used[key] = used.get(key, 0) + n
                    deal(index + 1, after, {**taken, **units})
                    for (at, s), n in units.items():
                        used[self.task.lines[at].sku, s] -= n

        deal(0, tuple(fixed), {})
        return best

    def _fits(self, units: Taken, used: dict[tuple[str, int], int]) -> bool:
        if not self.repeated:
            return True
        asked: dict[tuple[str, int], int] = {}
        for (at, s), n in units.items():
            line = self.task.lines[at]
            asked[line.sku, s] = asked.get((line.sku, s), 0) + n
            if used.get((line.sku, s), 0) + asked[line.sku, s] > line.offers[s].available:
                return False
        return True

    def bills(self, taken: Taken) -> dict[int, Bill] | None:
        """Price a plan source by source, None where a pack, a minimum or the stock forbids it."""
        task = self.task
        by_source: dict[int, dict[str, int]] = {}
        told: dict[tuple[int, str], Offer] = {}
        sums: dict[int, list[int]] = {}
        for (at, s), units in taken.items():
            line = task.lines[at]
            offer = told[s, line.sku] = line.offers[s]
            parts = by_source.setdefault(s, {})
            parts[line.sku] = parts.get(line.sku, 0) + units
            sum_of = sums.setdefault(s, [0, 0, 0, 0])
            sum_of[0] += units * offer.late
            sum_of[1] += units * offer.reject
            sum_of[2] += units * line.grams
            sum_of[3] = max(sum_of[3], offer.days)
        bills: dict[int, Bill] = {}
        for s, parts in by_source.items():
            source, goods, surplus = task.sources[s], 0, 0
            for sku, units in parts.items():
                offer = told[s, sku]
                whole = pricing.bought(units, offer.pack, offer.minimum, task.packs)
                if whole is None or whole > offer.available:
                    return None
                goods += units * offer.unit
                surplus += (whole - units) * offer.unit
            if goods + surplus < source.minimum:
                return None
            late, reject, grams, days = sums[s]
            price, parcels = pricing.freight(source.freight, grams)
            bills[s] = Bill(
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
        return bills

    def values(self, taken: Taken) -> dict[Objective, int] | None:
        """Return what a plan is by every objective, units short first."""
        bills = self.bills(taken)
        if bills is None:
            return None
        lines, sources = self.task.lines, self.task.sources
        short = (sum(line.units for line in lines) - sum(taken.values())) * SHORT
        return {
            Objective.PARCELS: short + sum(b.parcels for b in bills.values()),
            Objective.LANDED_COST: short + sum(b.total for b in bills.values()),
            Objective.PROMISED_DATE: short + max((b.days for b in bills.values()), default=0),
            Objective.PRIORITY: short + sum(n * sources[s].priority for (_, s), n in taken.items()),
            Objective.RELIABILITY: short + sum(n * lines[at].offers[s].reject_ppm for (at, s), n in taken.items()),
        }


def minorant(brackets: Sequence[tuple[int, int]], total: int) -> tuple[int, int, int]:
    """Return (a, rise, run): freight of any weight up to `total` is at least a + weight x rise / run."""
    if not brackets:
        return 0, 0, 1
    last = next((n for n, (limit, _) in enumerate(brackets) if total <= limit), len(brackets) - 1)
    points = brackets[: last + 1]
    if last == 0 and total <= points[0][0]:
        return points[0][1], 0, 1
    (first, cheapest), rest = points[0], points[1:]
    slopes = [(price - cheapest, limit - first) for limit, price in rest]
    if total > points[-1][0]:
        slopes.append((points[-1][1], points[-1][0]))
    rise, run = slopes[0]
    for up, along in slopes[1:]:
        if up * run < rise * along:
            rise, run = up, along
    rise = max(rise, 0)
    return min(price - -(-limit * rise // run) for limit, price in points), rise, run


def _leaves_out(mask: int, without: int) -> bool:
    return not without or mask & without != without


def _later(x: int, y: int) -> int:
    """Join two (units short, day): shorts add up, the later day counts."""
    return (x // SHORT + y // SHORT) * SHORT + max(x % SHORT, y % SHORT)


def _joined(objective: Objective, x: int, y: int) -> int:
    return _later(x, y) if objective is Objective.PROMISED_DATE else x + y
