"""Plan a batch of orders, in order of arrival, against one copy of the levels.

The same SKU on two lines, or in two orders, is summed: a transaction names no item twice. A plan is closed before
its orders and distinct levels pass a transaction's hundred actions; an order that alone wants more takes what fits
and keeps the rest open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain import orders, times
from shared.domain.asking import Asked, Step, next_step
from shared.domain.names import LevelKey, OrderKey, SourceId
from shared.domain.offers import Offer
from shared.domain.orders import LineState, Order
from shared.domain.routing.plan import Candidate, Demand, Plan, Policy, plan
from shared.domain.routing.problem import Split
from shared.domain.rules import Channel, Rules
from shared.domain.stock import Level

MOST_ORDERS = 25
MOST_ACTIONS = 100
MOST_LEVELS_OF_AN_ORDER = MOST_ACTIONS - 1
ASKED_AGAIN_AFTER = timedelta(hours=1)
"""When the sweep asks again for units of an order that waits, should every message be lost."""

NOBODY_HAS_IT = "no source has it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a batch has read: absent levels have nothing, absent offers are of unknown cost."""

    orders: dict[OrderKey, Order] = field(default_factory=dict)
    levels: dict[LevelKey, Level] = field(default_factory=dict)
    offers: Mapping[LevelKey, Offer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One order of a batch: as it was (None: new), as it will be, and why. `plan` is None for a tombstone."""

    before: Order | None
    after: Order
    plan: Plan | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One transaction's worth: orders to write, and per level which order takes how many units of it."""

    planned: tuple[Planned, ...]
    shares: Mapping[LevelKey, Mapping[OrderKey, int]]
    unchanged: frozenset[OrderKey]
    """Orders whose ask this plan answers with nothing: there is nothing to write for them."""


def plan_batch(asked: Sequence[Asked], known: Known, rules: Rules, attempt: str, now: datetime) -> Batch:
    """Plan as many of the asked orders as one transaction holds; those it leaves out are asked again afterwards."""
    left = {key: level.takeable(times.text(now)) for key, level in known.levels.items()}
    planned: list[Planned] = []
    shares: dict[LevelKey, dict[OrderKey, int]] = {}
    unchanged: set[OrderKey] = set()
    for ask in asked:
        before = known.orders.get(ask.key)
        one = _plan_one(ask, before, left, known, rules, attempt, now)
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
    return Batch(planned=tuple(planned), shares=shares, unchanged=frozenset(unchanged))


def tombstone(ask: Asked) -> Order:
    """Make the order that a cancel leaves when it comes before its create: everything cancelled, nothing ever taken."""
    if ask.cancel is None:
        raise ValueError("a tombstone needs a cancel")
    return orders.cancel(ask.cancel.order, ask.cancel.order.version).order


def demands(order: Order, *, backordered: bool) -> list[Demand]:
    """List the units of an order that somebody has yet to ship."""
    wanted = ((line, line.open + (line.backordered if backordered else 0)) for line in order.lines)
    return [Demand(line=line.line, sku=line.sku, units=units) for line, units in wanted if units]


def level_keys(asked: Sequence[Asked], known: Mapping[OrderKey, Order], rules: Rules) -> set[LevelKey]:
    """Name every level that a plan of these orders could use."""
    found: set[LevelKey] = set()
    for ask in asked:
        order = known.get(ask.key) or (ask.newest.order if ask.newest else None)
        if order and next_step(ask, known.get(ask.key)) in {Step.CREATE, Step.TAKE}:
            sources = rules.sources_of(rules.channels[ask.key.channel])
            found |= {LevelKey(line.sku, source.source) for line in order.lines for source in sources}
    return found


def _plan_one(
    ask: Asked,
    before: Order | None,
    left: Mapping[LevelKey, int],
    known: Known,
    rules: Rules,
    attempt: str,
    now: datetime,
) -> Planned:
    if next_step(ask, before) is Step.TOMBSTONE:
        return Planned(before=None, after=tombstone(ask), plan=None)
    order = before or _new(ask)
    channel = rules.channels[order.key.channel]
    wanted = demands(order, backordered=ask.fill)
    candidates = [
        _candidate(LevelKey(sku, source.source), order, known, left, times.text(now))
        for sku in sorted({demand.sku for demand in wanted})
        for source in rules.sources_of(channel)
    ]
    made = plan(wanted, candidates, Policy(split_lines=channel.routing.split is not Split.FORBIDDEN))
    taken, is_cut = _fitting(order, made.taken)
    after = orders.take(order, taken, attempt=attempt, backordered=ask.fill)
    after = _short(after, channel, is_cut=is_cut)
    waits = timedelta(0) if is_cut else ASKED_AGAIN_AFTER
    due_at = times.text(now + waits) if after.wants_units else ""
    ship_to = order.ship_to or (attempt if before is None and ask.newest and ask.newest.ship_to else "")
    revision = 1 if before is None else before.revision + 1
    after = replace(after, attempt=attempt, ship_to=ship_to, due_at=due_at, revision=revision)
    return Planned(before=before, after=after, plan=made)


def _new(ask: Asked) -> Order:
    if ask.newest is None:
        raise ValueError("an order that is not there needs a description")
    return ask.newest.order


def _short(order: Order, channel: Channel, *, is_cut: bool) -> Order:
    """Let units that nobody has wait as the channel wants it; units that a too large plan left out stay open."""
    if not order.total(LineState.OPEN):
        return replace(order, hold="") if order.hold == NOBODY_HAS_IT else order
    if is_cut:
        return order
    return orders.backorder(order) if channel.when_short == "backorder" else replace(order, hold=NOBODY_HAS_IT)


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


def _candidate(key: LevelKey, order: Order, known: Known, left: Mapping[LevelKey, int], now: str) -> Candidate:
    level, offer = known.levels.get(key), known.offers.get(key)
    refused = ""
    if level is None:
        refused = "does not list it"
    elif level.status != "active":
        refused = f"is {level.status} there"
    elif level.held_until > now:
        refused = "is held there"
    elif order.excludes(key):
        refused = "rejected this order before"
    same_currency = offer is not None and offer.currency == order.currency
    return Candidate(
        level=key,
        available=left.get(key, 0),
        cost_minor=offer.cost_minor if offer and same_currency else None,
        currency=offer.currency if offer else "",
        refused=refused,
    )


def _by_level(planned: Planned) -> dict[LevelKey, int]:
    if planned.plan is None:
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
