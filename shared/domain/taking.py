"""Plan a batch of orders, in order of arrival, against one copy of the levels.

The same SKU on two lines, or in two orders, is summed: a transaction names no item twice. A plan is closed before
its orders and distinct levels pass a transaction's hundred actions; an order that alone wants more takes what fits
and keeps the rest open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain import orders, times
from shared.domain.asking import Asked, Step, next_step
from shared.domain.feeds import Feed
from shared.domain.names import CapKey, LevelKey, OrderKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.orders import NO_SOURCE, UNROUTABLE, Line, Order
from shared.domain.routing.candidates import NOTHING_KNOWN, Goods, Supply, destination_of, problem_of
from shared.domain.routing.decisions import Decision, decide
from shared.domain.routing.problem import PPM
from shared.domain.rules import Channel, Rules, Source
from shared.domain.stock import Level
from shared.errors import InvalidInput

MOST_ORDERS = 25
MOST_ACTIONS = 100
MOST_LEVELS_OF_AN_ORDER = MOST_ACTIONS - 1
ASKED_AGAIN_AFTER = timedelta(hours=1)
"""When the sweep asks again for units of an order that waits, should every message be lost."""

LONGEST_REASON = 240
"""Characters of a hold's reason: the order pays for each kilobyte, and the whole story is in its plan."""


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


def plan_batch(asked: Sequence[Asked], known: Known, rules: Rules, attempt: str, now: datetime) -> Batch:
    """Plan as many of the asked orders as one transaction holds; those it leaves out are asked again afterwards."""
    left, given = _takeable(known, now), _given_today(known, rules, now)
    waiting, waits, caps = Counter(known.waiting), Counter[CapKey](), dict[CapKey, int]()
    planned: list[Planned] = []
    shares: dict[LevelKey, dict[OrderKey, int]] = {}
    unchanged: set[OrderKey] = set()
    for ask in asked:
        before = known.orders.get(ask.key)
        one = _plan_one(ask, before, _Shelf(_supply(known, left, given), waiting, known.twins), rules, attempt, now)
        taken = _by_level(one)
        moved = waits_moved(before, one.after)
        if before is not None and _same_but_for_clock(before, one.after) and before.due_at > times.text(now):
            unchanged.add(ask.key)
            continue
        if len(planned) == MOST_ORDERS or _actions(planned, shares, taken, waits, moved) > MOST_ACTIONS:
            break
        planned.append(one)
        for level, units in taken.items():
            left[level] -= units
            shares.setdefault(level, {})[ask.key] = units
        given.update({level.source for level in taken})
        waiting.update(moved)
        waits.update(moved)
        for cap, units in moved.items():
            terms = rules.channels[cap.channel].backorders_of(cap.sku, now)
            if units > 0 and terms:
                caps[cap] = terms.most
    return Batch(
        planned=tuple(planned),
        shares=shares,
        unchanged=frozenset(unchanged),
        waits={cap: units for cap, units in waits.items() if units},
        caps=caps,
    )


def waits_moved(before: Order | None, after: Order) -> dict[CapKey, int]:
    """Say by how much a write of an order moves what waits under caps."""
    moved = orders.capped(after)
    if before:
        moved.subtract(orders.capped(before))
    return {CapKey(after.key.channel, sku): units for sku, units in sorted(moved.items()) if units}


def _actions(
    planned: Sequence[Planned],
    shares: Mapping[LevelKey, object],
    taken: Mapping[LevelKey, object],
    waits: Mapping[CapKey, int],
    moved: Mapping[CapKey, int],
) -> int:
    """Count the actions of a transaction with one order more."""
    return len(planned) + 1 + len(shares.keys() | taken.keys()) + len(waits.keys() | moved.keys())


def tombstone(ask: Asked) -> Order:
    """Make the order that a cancel leaves when it comes before its create: everything cancelled, nothing ever taken."""
    if ask.cancel is None:
        raise ValueError("a tombstone needs a cancel")
    return orders.cancel(ask.cancel.order, ask.cancel.order.version).order


def demands(order: Order, *, backordered: bool) -> dict[str, int]:
    """Say how many units of each line somebody has yet to ship."""
    wanted = {line.line: line.open + (line.backordered if backordered else 0) for line in order.lines}
    return {line: units for line, units in wanted.items() if units}


def needs(asked: Sequence[Asked], known: Mapping[OrderKey, Order], rules: Rules) -> Needs:
    """Name all that a plan of these orders could look at."""
    found = Needs()
    for ask in asked:
        order = known.get(ask.key) or (ask.newest.order if ask.newest else None)
        if order and next_step(ask, known.get(ask.key)) in {Step.CREATE, Step.TAKE}:
            found |= needs_of(order, rules)
    return found


def needs_of(order: Order, rules: Rules) -> Needs:
    """Name all that a plan of an order could look at."""
    channel = rules.channels[order.key.channel]
    sources = rules.sources_of(channel)
    skus = {line.sku for line in order.lines}
    is_asked = channel.margin_floor_percent is not None or channel.substitutes != "never"
    return Needs(
        levels=frozenset(LevelKey(sku, source.source) for sku in skus for source in sources),
        goods=frozenset(skus) if is_asked or any(map(_asks_about_goods, sources)) else frozenset(),
        feeds=frozenset(source.source for source in sources if _may_be_stale(source)),
        pauses=frozenset(source.source for source in sources),
        counters=frozenset(source.source for source in sources if source.shipping.orders_a_day is not None),
        caps=frozenset(CapKey(order.key.channel, sku) for sku in skus if sku in channel.backorders),
    )


def alternatives(channel: Channel, skus: Collection[Sku], goods: Mapping[Sku, Goods], rules: Rules) -> Needs:
    """Name what a plan looks at beside all that, should any of these SKUs be short and its alternatives go out."""
    if channel.substitutes == "never":
        return Needs()
    found = frozenset(each for sku in skus if sku in goods for each in goods[sku].substitutes)
    sources = rules.sources_of(channel)
    return Needs(levels=frozenset(LevelKey(sku, source.source) for sku in found for source in sources), goods=found)


def decide_alone(order: Order, known: Known, rules: Rules, now: datetime) -> Decision:
    """Plan what is open of an order as if nobody else wanted anything. Raises InvalidInput as `decide_for` does."""
    known_now = _supply(known, _takeable(known, now), _given_today(known, rules, now))
    return decide_for(order, demands(order, backordered=False), known_now, rules, now)


def margin_floor_ppm(channel: Channel) -> int | None:
    """Return how much of a price has to be left after a source's cost, None where nobody asks."""
    return None if channel.margin_floor_percent is None else channel.margin_floor_percent * PPM // 100


def _takeable(known: Known, now: datetime) -> dict[LevelKey, int]:
    return {key: level.takeable(times.text(now)) for key, level in known.levels.items()}


def _given_today(known: Known, rules: Rules, now: datetime) -> Counter[SourceId]:
    """Count the purchase orders that each source was given on the day that it is there now."""
    today = {source: terms.day(now) for source, terms in rules.sources.items() if source in known.numbered}
    return Counter(
        {source: known.numbered[source][1] for source, day in today.items() if known.numbered[source][0] == day}
    )


def _supply(known: Known, left: Mapping[LevelKey, int], given: Mapping[SourceId, int]) -> Supply:
    return Supply(
        left=left,
        levels=known.levels,
        offers=known.offers,
        feeds=known.feeds,
        goods=known.goods,
        paused=known.paused,
        orders_today=given,
    )


def _asks_about_goods(source: Source) -> bool:
    return bool(source.shipping.tariffs) or not source.shipping.ship_to.hazmat


def _may_be_stale(source: Source) -> bool:
    return any(tier.percent == 0 for tier in source.freshness)


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What the orders of a batch before this one have left: units to take, and room to wait."""

    supply: Supply
    waiting: Mapping[CapKey, int]
    twins: Mapping[OrderKey, OrderKey]


def _plan_one(ask: Asked, before: Order | None, shelf: _Shelf, rules: Rules, attempt: str, now: datetime) -> Planned:
    if next_step(ask, before) is Step.TOMBSTONE:
        return Planned(before=None, after=tombstone(ask), decision=None)
    order = replace(before or _new(ask), hold="")
    if before is None and (twin := shelf.twins.get(ask.key)):
        hold = f"{twin} of another channel looks like the same order"
        return Planned(before=None, after=replace(order, hold=hold, attempt=attempt, ship_to=attempt), decision=None)
    tried = tried_enough(order, rules)
    wanted = {line: units for line, units in demands(order, backordered=ask.fill).items() if line not in tried}
    decision, is_cut = None, False
    try:
        if wanted:
            order, decision = _with_alternatives(order, wanted, shelf.supply, rules, now)
    except InvalidInput as failure:
        after = replace(order, hold=f"{UNROUTABLE}: {failure}")
    else:
        taken, is_cut = _fitting(order, decision.plan.taken if decision else {})
        after = orders.take(order, taken, attempt=attempt, backordered=ask.fill)
        after = after if is_cut else _short(after, rules, decision, shelf.waiting, now)
    waits = timedelta(0) if is_cut else ASKED_AGAIN_AFTER
    due_at = times.text(now + waits) if after.wants_units else ""
    ship_to = order.ship_to or (attempt if before is None and ask.newest and ask.newest.ship_to else "")
    revision = 1 if before is None else before.revision + 1
    after = replace(after, attempt=attempt, ship_to=ship_to, reroute_to="", due_at=due_at, revision=revision)
    return Planned(before=before, after=after, decision=decision)


def choices(planned: Planned, known: Known, rules: Rules, now: datetime) -> dict[str, tuple[str, ...]]:
    """Name what could go out now instead of what is short of an order, by line, best first, and how many of it.

    Only of a channel that has a person offer it, and only what may be sold: at too small a margin there is none.
    """
    order, found = planned.after, dict[str, tuple[str, ...]]()
    if planned.decision is None or rules.channels[order.key.channel].substitutes != "offer":
        return found
    supply = _supply(known, _takeable(known, now), _given_today(known, rules, now))
    for line in order.lines:
        units, told = line.open + line.backordered, []
        for sku in supply.goods.get(line.sku, NOTHING_KNOWN).substitutes if units else ():
            tried = orders.substitute(order, line.line, units, sku)
            decision = decide_for(tried, {tried.lines[-1].line: units}, supply, rules, now)
            if ships := units - sum(decision.plan.short.values()):
                told.append(f"{ships} x {sku}")
        if told:
            found[line.line] = tuple(told)
    return found


def tried_enough(order: Order, rules: Rules) -> frozenset[str]:
    """Name the lines that so many suppliers have rejected that no other is asked, unless a person wants one."""
    most = rules.channels[order.key.channel].reroutes
    if order.reroute_to:
        return frozenset()
    return frozenset(line.line for line in order.lines if order.rejections(line.line) > most)


def _with_alternatives(
    order: Order, wanted: Mapping[str, int], known: Supply, rules: Rules, now: datetime
) -> tuple[Order, Decision]:
    """Plan units, and let what is short go out as its alternatives where the channel allows that.

    Of an alternative only what the same plan takes is put in the place of a line's units: nobody waits for one. A SKU
    that is sold before anybody has it was meant by its customer.
    """
    decision = decide_for(order, wanted, known, rules, now)
    channel = rules.channels[order.key.channel]
    if channel.substitutes != "allow" or order.reroute_to:
        return order, decision
    short = [order.line(line) for line in decision.plan.short]
    for line in short:
        for sku in () if channel.backorders_of(line.sku, now) else known.goods.get(line.sku, NOTHING_KNOWN).substitutes:
            units = decision.plan.short.get(line.line, 0)
            while units:
                tried = orders.substitute(order, line.line, units, sku)
                added = tried.lines[-1].line
                wants = {**wanted, line.line: wanted[line.line] - units, added: units}
                again = decide_for(tried, wants, known, rules, now)
                missing = again.plan.short.get(added, 0)
                if sum(again.plan.short.values()) + units == sum(decision.plan.short.values()):
                    order, wanted, decision = tried, wants, again
                    break
                units -= missing or units
    return order, decision


def decide_for(order: Order, wanted: Mapping[str, int], known: Supply, rules: Rules, now: datetime) -> Decision:
    """Plan units of an order's lines, from one source only where a person wants that.

    Raises InvalidInput for an order that cannot be routed as it is.
    """
    floor = margin_floor_ppm(rules.channels[order.key.channel])
    asked, candidates, policy = problem_of(
        order, wanted, known, rules, now, to=destination_of(order), margin_floor_ppm=floor
    )
    if order.reroute_to:
        other = f"a person wants {order.reroute_to} to ship it"
        candidates = tuple(
            each if each.supplier.source == order.reroute_to else replace(each, refused=each.refused or other)
            for each in candidates
        )
    return decide(asked, candidates, policy, now)


def _new(ask: Asked) -> Order:
    """Begin an order; of its address only what a decision needs stays with it."""
    if ask.newest is None:
        raise ValueError("an order that is not there needs a description")
    order = ask.newest.order
    to = destination_of(order, ask.newest.ship_to)
    return replace(order, destination=replace(order.destination, po_box=to.po_box)) if to else order


def _short(
    order: Order, rules: Rules, decision: Decision | None, waiting: Mapping[CapKey, int], now: datetime
) -> Order:
    """Let units that nobody has wait as the channel wants it, as far as the caps of their SKUs have room."""
    channel, tried = rules.channels[order.key.channel], tried_enough(order, rules)
    room: dict[Sku, int] = {}
    waits: dict[str, tuple[int, str]] = {}
    for line in order.lines:
        if not line.open or line.line in tried:
            continue
        if terms := channel.backorders_of(line.sku, now):
            left = room.get(line.sku, max(terms.most - waiting.get(CapKey(order.key.channel, line.sku), 0), 0))
            waits[line.line] = (min(line.open, left), terms.promised(now))
            room[line.sku] = left - waits[line.line][0]
        elif channel.when_short == "backorder":
            waits[line.line] = (line.open, "")
    order = orders.backorder(order, waits)
    still = [line for line in order.lines if line.open]
    if still and channel.when_short != "cancel":
        return replace(order, hold=_reason(still, decision, tried))
    for line in still:
        order = orders.give_up(order, line.line)
    return order


def _reason(short: Sequence[Line], decision: Decision | None, tried: Collection[str]) -> str:
    """Say why units are short, line by line, as far as a hold has room."""
    why_short = decision.plan.why_short if decision else {}
    why = []
    for line in short:
        said = ", ".join(why_short.get(line.line, ())) or "nobody offers it"
        why.append(f"{line.sku}: {'it was rejected too often, no other is asked' if line.line in tried else said}")
    told = f"{NO_SOURCE}; {'; '.join(why)}"
    return told if len(told) <= LONGEST_REASON else f"{told[:LONGEST_REASON]}..."


def _fitting(order: Order, taken: Mapping[tuple[str, SourceId], int]) -> tuple[dict[tuple[str, SourceId], int], bool]:
    sku_of = {line.line: line.sku for line in order.lines}
    kept: dict[tuple[str, SourceId], int] = {}
    levels: set[LevelKey] = set()
    for (line, source), units in sorted(taken.items()):
        level = LevelKey(sku_of[line], source)
        if level not in levels and len(levels) == MOST_LEVELS_OF_AN_ORDER:
            continue
        levels.add(level)
        kept[line, source] = units
    return kept, len(kept) < len(taken)


def _by_level(planned: Planned) -> dict[LevelKey, int]:
    if planned.decision is None:
        return {}
    before = len(planned.before.allocations) if planned.before else 0
    sku_of = {line.line: line.sku for line in planned.after.lines}
    units: dict[LevelKey, int] = {}
    for allocation in planned.after.allocations[before:]:
        key = LevelKey(sku_of[allocation.line], allocation.source)
        units[key] = units.get(key, 0) + allocation.units
    return units


def _same_but_for_clock(before: Order, after: Order) -> bool:
    return replace(after, attempt=before.attempt, due_at=before.due_at, revision=before.revision) == before
