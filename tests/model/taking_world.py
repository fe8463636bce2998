"""Orders that take units: workers with batches of messages that come twice, at once, in any order; crashes too.

What a worker does follows `PlaceOrders`: read, fold, next step; moves one by one, takes as one transaction; what a
refusal returns is the new truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import NamedTuple

from shared.domain import orders, stock, taking, times
from shared.domain.asking import TAKES, Asked, Step, fold, next_step
from shared.domain.intake import Ask, Intake
from shared.domain.messages import PlanOrder
from shared.domain.names import LevelKey, OrderKey
from shared.domain.orders import LineState, Move, Order
from shared.domain.planned import Batch, Known, Planned
from shared.domain.stock import Level
from tests.model.conditions import may
from tests.model.frozen import Frozen, put, spend, with_, without_
from tests.support import trade

NOW = times.read(trade.NOW)
SOURCES = ("alpina", "baltic")
RULES = trade.shop_rules(*SOURCES)


class Message(NamedTuple):
    """One message of the order queue."""

    kind: str
    order: int = 0
    units: int = 1
    version: int = 1

    def __str__(self) -> str:
        of = "" if self.kind == "fill" else f" order {self.order}"
        return f"'{self.kind}{of}{f': {self.units}' if self.kind in {'create', 'edit'} else ''}'"


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker with its batch. `asked` is None before it has read; `unsure`: a commit whose answer was lost."""

    name: int
    batch: tuple[Message, ...]
    asked: tuple[Asked, ...] | None = None
    orders: tuple[Order | None, ...] = ()
    levels: tuple[Level, ...] = ()
    tries: int = 0
    unsure: bool = False

    def __str__(self) -> str:
        return f"worker {self.name}"


@dataclass(frozen=True, slots=True)
class World:
    """Everything, at one moment. `closed`: what a level had promised when it was held or withdrawn."""

    orders: tuple[Order | None, ...]
    levels: tuple[Level, ...]
    queue: tuple[Message, ...]
    left: Mapping[str, int]
    workers: tuple[Worker, ...] = ()
    received: int = 0
    markers: frozenset[tuple[int, str]] = frozenset()
    closed: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakingModel:
    """A world to search. `there`: orders that stand there at first, units open; `levels`: units of each source."""

    messages: tuple[Message, ...]
    levels: tuple[int, ...] = (1,)
    orders: int = 1
    there: Mapping[int, int] = field(default_factory=dict)
    waits: Mapping[int, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    at_once: int = 2
    without: frozenset[str] = frozenset()

    def start(self) -> World:
        made: list[Order | None] = [None] * self.orders
        for i, units in self.there.items():
            made[i] = trade.order(str(i), ("A", units))
        for i, units in self.waits.items():
            made[i] = replace(orders.backorder(trade.order(str(i), ("A", units))), due_at=trade.T0)
        levels = [
            trade.level("A", source, units, deducted=Frozen(), last=Frozen())
            for source, units in zip(SOURCES, self.levels, strict=False)
        ]
        closed = (None,) * len(levels)
        return World(tuple(made), tuple(levels), tuple(sorted(self.messages)), Frozen(self.left), closed=closed)

    # ---- what can happen

    def steps(self, w: World) -> Iterator[tuple[str, World]]:
        if len(w.workers) < self.at_once:
            yield from self._receive(w)
        for i, level in enumerate(w.levels):
            yield from self._outside(w, i, level)
        for worker in w.workers:
            if w.left.get("crashes") and worker.asked is not None:
                back = replace(w, workers=without_(w.workers, worker), queue=tuple(sorted((*w.queue, *worker.batch))))
                yield f"{worker} crashes, its messages come again", replace(back, left=spend(w.left, "crashes"))
            yield from self._work(w, worker)

    def _receive(self, w: World) -> Iterator[tuple[str, World]]:
        for batch in sorted({*combinations(w.queue, 1), *combinations(w.queue, 2)}):
            worker = Worker(w.received + 1, batch)
            got = replace(w, workers=(*w.workers, worker), received=w.received + 1)
            says = f"{worker} gets {' and '.join(map(str, batch))}"
            rest = w.queue
            for message in batch:
                rest = without_(rest, message)
            yield says, replace(got, queue=rest)
            if w.left.get("again"):
                yield f"{says}, which will come again", replace(got, left=spend(w.left, "again"))

    def _outside(self, w: World, i: int, level: Level) -> Iterator[tuple[str, World]]:
        if w.left.get("restocks"):
            more = replace(level, available=level.available + 1, counted=level.counted + 1)
            fill = tuple(sorted((*w.queue, Message("fill"))))
            more_there = replace(w, levels=put(w.levels, i, more), queue=fill, left=spend(w.left, "restocks"))
            yield f"{SOURCES[i]} has 1 more", more_there
        for change, after in (
            ("holds", replace(level, held_until="2026-11-24T18:00:00.000Z")),
            ("withdrawals", replace(level, status="withdrawn")),
        ):
            if w.left.get(change):
                shut = replace(w, levels=put(w.levels, i, after), closed=put(w.closed, i, level.committed))
                yield f"{SOURCES[i]} is closed ({change})", replace(shut, left=spend(w.left, change))

    def _work(self, w: World, worker: Worker) -> Iterator[tuple[str, World]]:
        if worker.asked is None:
            yield f"{worker} reads", self._now(w, worker, self._read(w, worker))
            return
        moves = [ask for ask in worker.asked if self._step(worker, ask) in {Step.CANCEL, Step.EDIT}]
        if moves and not worker.unsure:
            yield self._move(w, worker, moves[0])
            return
        takes = [ask for ask in worker.asked if self._step(worker, ask) in TAKES]
        if not takes:
            yield f"{worker} is done", replace(w, workers=without_(w.workers, worker))
            return
        yield from self._take(w, worker, takes)

    @staticmethod
    def _read(w: World, worker: Worker) -> Worker:
        asks: list[Intake | PlanOrder] = []
        fills: list[OrderKey] = []
        for message in worker.batch:
            match message.kind:
                case "plan":
                    asks.append(PlanOrder(order=trade.key(str(message.order))))
                case "fill":
                    fills += [each.key for each in w.orders if each and each.total(LineState.BACKORDERED)]
                case _:
                    asks.append(_intake(message))
        return replace(worker, asked=tuple(fold(asks, fills).values()), orders=w.orders, levels=w.levels)

    @staticmethod
    def _step(worker: Worker, ask: Asked) -> Step:
        return next_step(ask, worker.orders[_number(ask.key)])

    @staticmethod
    def _now(w: World, worker: Worker, after: Worker) -> World:
        return replace(w, workers=with_(without_(w.workers, worker), after))

    # ---- moves: cancel and edit

    def _move(self, w: World, worker: Worker, ask: Asked) -> tuple[str, World]:
        i = _number(ask.key)
        seen = worker.orders[i]
        assert seen
        move, move_id = _moved(seen, ask, self._step(worker, ask))
        after = replace(move.order, revision=seen.revision + 1, due_at=trade.NOW if move.order.wants_units else "")
        levels = w.levels
        is_free = may("move: marker", move_id if (i, move_id) in w.markers else None, self.without)
        is_ours = may("move: order", w.orders[i], self.without, seen=seen.revision)
        known = worker.levels
        for effect in move.effects:
            at = SOURCES.index(effect.level.source)
            is_ours &= may("give back: level", levels[at], self.without, units=effect.give_back)
            levels = put(levels, at, _given_back(levels[at], effect.give_back))
            known = put(known, at, _given_back(known[at], effect.give_back))
        if not (is_free and is_ours):
            learned = replace(worker, orders=put(worker.orders, i, w.orders[i]))
            return f"{worker} is refused its {move_id} of order {i} and reads it again", self._now(w, worker, learned)
        done = replace(worker, orders=put(worker.orders, i, after), levels=known)
        moved = replace(w, orders=put(w.orders, i, after), levels=levels, markers=w.markers | {(i, move_id)})
        return f"{worker} commits its {move_id} of order {i}", self._now(moved, worker, done)

    # ---- takes

    def _take(self, w: World, worker: Worker, takes: list[Asked]) -> Iterator[tuple[str, World]]:
        attempt = f"{worker.name}.{worker.tries}"
        known = Known(
            orders={each.key: each for each in worker.orders if each},
            levels={level.key: level for level in worker.levels},
        )
        batch = taking.plan_batch(takes, known, RULES, attempt, NOW)
        answered = self._answered(worker, batch.unchanged)
        if not batch.planned:
            yield f"{worker} finds nothing to take", self._now(w, worker, answered)
            return
        refused_orders = [one for one in batch.planned if not self._may_write(w, one)]
        refused_levels = [key for key in batch.shares if not self._may_take(w, batch, key)]
        if refused_orders or refused_levels:
            is_ours = any(
                (stored := w.orders[_number(o.after.key)]) and stored.attempt == attempt for o in refused_orders
            )
            if is_ours:
                recorded = self._recorded(answered, batch)
                yield f"{worker} asks again and finds its own commit", self._now(w, worker, recorded)
                return
            learned = self._learned(w, answered, [one.after.key for one in refused_orders], bool(refused_levels))
            why = "an order" if refused_orders else "a level"
            yield f"{worker} is refused its take by {why} that has changed", self._now(w, worker, learned)
            return
        taken = w
        for one in batch.planned:
            taken = replace(taken, orders=put(taken.orders, _number(one.after.key), one.after))
        for key, shares in batch.shares.items():
            at, units = SOURCES.index(key.source), sum(shares.values())
            taken = replace(taken, levels=put(taken.levels, at, _given_back(taken.levels[at], -units)))
        units = sum(sum(shares.values()) for shares in batch.shares.values())
        says = f"{worker} commits its take of {units}"
        yield says, self._now(taken, worker, self._recorded(answered, batch))
        if w.left.get("lost"):
            unsure = replace(worker, unsure=True)
            lost = replace(self._now(taken, worker, unsure), left=spend(w.left, "lost"))
            yield f"{says}; the answer is lost", lost

    def _may_write(self, w: World, one: Planned) -> bool:
        stored = w.orders[_number(one.after.key)]
        if one.before is None:
            return may("take: new order", stored, self.without)
        return may("take: order", stored, self.without, seen=one.before.revision)

    def _may_take(self, w: World, batch: Batch, key: LevelKey) -> bool:
        level, units = w.levels[SOURCES.index(key.source)], sum(batch.shares[key].values())
        return may("take: level", level, self.without, units=units, now=trade.NOW)

    @staticmethod
    def _answered(worker: Worker, keys: frozenset[OrderKey]) -> Worker:
        asked = worker.asked or ()
        return replace(
            worker,
            asked=tuple(replace(ask, plan=False, fill=False) if ask.key in keys else ask for ask in asked),
        )

    def _recorded(self, worker: Worker, batch: Batch) -> Worker:
        known, levels = worker.orders, worker.levels
        for one in batch.planned:
            known = put(known, _number(one.after.key), one.after)
        for key, shares in batch.shares.items():
            at = SOURCES.index(key.source)
            levels = put(levels, at, _given_back(levels[at], -sum(shares.values())))
        done = self._answered(worker, frozenset(one.after.key for one in batch.planned))
        return replace(done, orders=known, levels=levels, tries=worker.tries + 1, unsure=False)

    def _learned(self, w: World, worker: Worker, refused: list[OrderKey], short: bool) -> Worker:  # noqa: FBT001
        """Take over what the refusal returned."""
        asked = worker.asked or ()
        if "a refused create goes on" in self.without:
            asked = tuple(ask for ask in asked if not (ask.key in refused and worker.orders[_number(ask.key)] is None))
        if short and "plan again from the returned item" in self.without:
            asked = ()
        known = worker.orders
        for key in refused:
            known = put(known, _number(key), w.orders[_number(key)])
        levels = w.levels if short else worker.levels
        return replace(worker, asked=asked, orders=known, levels=levels, tries=worker.tries + 1, unsure=False)

    # ---- what must hold

    def wrong(self, w: World) -> str:
        for i, level in enumerate(w.levels):
            held = [each for order in w.orders if order for each in order.allocations if each.source == SOURCES[i]]
            if level.available < 0:
                return f"OVERSOLD: {SOURCES[i]} has {level.counted}, {level.committed} are promised"
            if not stock.adds_up(level):
                return f"the level does not add up: {level.available}, {level.counted}, {level.committed}"
            if level.committed != sum(each.committed for each in held):
                return (
                    f"{SOURCES[i]} promises {level.committed} units, the orders hold "
                    f"{sum(each.committed for each in held)}"
                )
            closed = w.closed[i]
            if closed is not None and level.committed > closed:
                return f"{SOURCES[i]} was closed, and promises more than it did"
        for order in w.orders:
            if order:
                orders.check(order)
        return "" if w.queue or w.workers else self._at_rest(w)

    def _at_rest(self, w: World) -> str:
        for i, order in enumerate(w.orders):
            about = [message for message in self.messages if message.order == i and message.kind != "fill"]
            kinds = {message.kind for message in about}
            if not kinds:
                continue
            if order is None:
                return f"order {i} is lost" if kinds & {"create", "cancel"} else ""
            newest = max(
                (each for each in about if each.kind in {"create", "edit"}), default=None, key=lambda m: m.version
            )
            line = order.lines[0]
            if "cancel" in kinds:
                if not order.cancel_wanted or any(each.live for each in order.allocations):
                    return f"the cancel of order {i} is lost"
            elif newest and line.ordered - line.cancelled != newest.units:
                return f"order {i} is to be {newest.units} units, and is {line.ordered - line.cancelled}"
            elif "plan" in kinds and line.open:
                return f"the plan of order {i} is lost"
            if order.wants_units and not order.due_at:
                return f"order {i} waits, and nobody will ask for it again"
        return ""


def _intake(message: Message) -> Intake:
    asks = {"create": Ask.CREATE, "edit": Ask.EDIT, "cancel": Ask.CANCEL}
    described = trade.order(str(message.order), ("A", message.units), version=message.version)
    return Intake(ask=asks[message.kind], order=described, ship_to=Frozen())


def _moved(seen: Order, ask: Asked, step: Step) -> tuple[Move, str]:
    if step is Step.CANCEL and ask.cancel:
        return orders.cancel(seen, ask.cancel.order.version), "cancel"
    assert ask.newest
    described = ask.newest.order
    wanted = {line.line: line.ordered for line in described.lines}
    return orders.edit(seen, wanted, described.version), f"edit#{described.version}"


def _given_back(level: Level, units: int) -> Level:
    return replace(level, available=level.available + units, committed=level.committed - units)


def _number(key: OrderKey) -> int:
    return int(key.order_id)
