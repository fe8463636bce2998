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
from shared.domain.names import LevelKey, OrderKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.orders import NO_SOURCE, UNROUTABLE, LineState, Order
from shared.domain.routing.candidates import Goods, Supply, destination_of, problem_of
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
    count of the purchase orders a source was last given.
    """

    orders: dict[OrderKey, Order] = field(default_factory=dict)
    levels: dict[LevelKey, Level] = field(default_factory=dict)
    offers: Mapping[LevelKey, Offer] = field(default_factory=dict)
    goods: Mapping[Sku, Goods] = field(default_factory=dict)
    feeds: Mapping[SourceId, Feed] = field(default_factory=dict)
    paused: frozenset[SourceId] = frozenset()
    numbered: Mapping[SourceId, tuple[str, int]] = field(default_factory=dict)


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


def plan_batch(asked: Sequence[Asked], known: Known, rules: Rules, attempt: str, now: datetime) -> Batch:
    """Plan as many of the asked orders as one transaction holds; those it leaves out are asked again afterwards."""
    left, given = _takeable(known, now), _given_today(known, rules, now)
    planned: list[Planned] = []
    shares: dict[LevelKey, dict[OrderKey, int]] = {}
    unchanged: set[OrderKey] = set()
    for ask in asked:
        before = known.orders.get(ask.key)
        one = _plan_one(ask, before, _supply(known, left, given), rules, attempt, now)
        taken = _by_level(one)
        if before is not None and _same_but_for_clock(before, one.after) and before.due_at > times.text(now):
            unchanged.add(ask.key)
            continue
        if len(planned) == MOST_ORDERS or len(planned) + 1 + len(shares.keys() | taken.keys()) > MOST_ACTIONS:
            break
        planned.append(one)
        for level, units in taken.items():
            left[level] -= units
            shares.setdefault(level, {})[ask.key] = units
        given.update({level.source for level in taken})
    return Batch(planned=tuple(planned), shares=shares, unchanged=frozenset(unchanged))


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
            found = _both(found, needs_of(order, rules))
    return found


def needs_of(order: Order, rules: Rules) -> Needs:
    """Name all that a plan of an order could look at."""
    channel = rules.channels[order.key.channel]
    sources = rules.sources_of(channel)
    skus = {line.sku for line in order.lines}
    is_guarded = channel.margin_floor_percent is not None
    return Needs(
        levels=frozenset(LevelKey(sku, source.source) for sku in skus for source in sources),
        goods=frozenset(skus) if is_guarded or any(map(_asks_about_goods, sources)) else frozenset(),
        feeds=frozenset(source.source for source in sources if _may_be_stale(source)),
        pauses=frozenset(source.source for source in sources),
        counters=frozenset(source.source for source in sources if source.shipping.orders_a_day is not None),
    )


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


def _both(one: Needs, other: Needs) -> Needs:
    return Needs(
        levels=one.levels | other.levels,
        goods=one.goods | other.goods,
        feeds=one.feeds | other.feeds,
        pauses=one.pauses | other.pauses,
        counters=one.counters | other.counters,
    )


def _asks_about_goods(source: Source) -> bool:
    return bool(source.shipping.tariffs) or not source.shipping.ship_to.hazmat


def _may_be_stale(source: Source) -> bool:
    return any(tier.percent == 0 for tier in source.freshness)


def _plan_one(ask: Asked, before: Order | None, known: Supply, rules: Rules, attempt: str, now: datetime) -> Planned:
    if next_step(ask, before) is Step.TOMBSTONE:
        return Planned(before=None, after=tombstone(ask), decision=None)
    order = before or _new(ask)
    wanted = demands(order, backordered=ask.fill)
    decision, is_cut, after = None, False, replace(order, hold="")
    try:
        decision = decide_for(order, wanted, known, rules, now) if wanted else None
    except InvalidInput as failure:
        after = replace(order, hold=f"{UNROUTABLE}: {failure}")
    if decision:
        taken, is_cut = _fitting(order, decision.plan.taken)
        after = orders.take(after, taken, attempt=attempt, backordered=ask.fill)
        after = after if is_cut else _short(after, rules.channels[order.key.channel], decision)
    waits = timedelta(0) if is_cut else ASKED_AGAIN_AFTER
    due_at = times.text(now + waits) if after.wants_units else ""
    ship_to = order.ship_to or (attempt if before is None and ask.newest and ask.newest.ship_to else "")
    revision = 1 if before is None else before.revision + 1
    after = replace(after, attempt=attempt, ship_to=ship_to, reroute_to="", due_at=due_at, revision=revision)
    return Planned(before=before, after=after, decision=decision)


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


def _short(order: Order, channel: Channel, decision: Decision) -> Order:
    """Let units that nobody has wait as the channel wants it."""
    if not order.total(LineState.OPEN):
        return order
    return orders.backorder(order) if channel.when_short == "backorder" else replace(order, hold=_reason(decision))


def _reason(decision: Decision) -> str:
    """Say why units are short, line by line, as far as a hold has room."""
    sku_of = {line.line: line.sku for line in decision.demands.lines}
    why = (f"{sku_of[line]}: {', '.join(said) or 'nobody offers it'}" for line, said in decision.plan.why_short.items())
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
