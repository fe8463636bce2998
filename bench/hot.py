"""What one level carries when all orders want it: a simulation of the order queue's workers in simulated time.

A transaction holds the level from prepare to commit; how long is not ours to measure, so it is a parameter. Another
transaction that comes meanwhile is refused. A worker then does what `PlaceOrders` does: waits the real jitter, tries
again, halves the batch after some conflicts, gives it back after some rounds. Stock never ends: the bound is of the
level as an item, not of its units.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from typing import Any

from bench.figure import Figure
from shared.domain import taking
from shared.flows.place_orders import CONFLICTS_BEFORE_HALVING, MOST_ROUNDS
from shared.runtime import clock
from tests.support.tables import template

HOLDS_MS = (5, 10, 20)
CALL_SECONDS = 0.005
"""A call that holds nothing: the read of a batch, what is put beside the orders before each try. Assumed."""
SECONDS = 30.0
WARM_UP_SECONDS = 5.0
SEED = 7
SLOWEST, FASTEST, FASTER = 15.0, 10_000.0, 1.15
CARRIED, WITHIN_SECONDS = 0.97, 5.0
"""A load is carried while so much of it is committed in the time it comes in, and 99 % of it within seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Workers that receive up to `received` messages, and take for up to `taken` orders a transaction."""

    workers: int
    received: int
    taken: int
    window: float
    comes_again_after: float
    hold: float
    rate: float
    seconds: float = SECONDS
    seed: int = SEED


@dataclass(slots=True)
class Seen:
    """What became of a run; `offered` and `goodput` are orders a second that came and were committed."""

    offered: float
    goodput: float
    attempts: int
    commits: int
    latencies: list[float]

    @property
    def attempts_per_commit(self) -> float:
        """Transactions tried for one that is done."""
        return self.attempts / max(self.commits, 1)

    def latency(self, share: float) -> float:
        """Return the time from queue to commit that this share of the orders stays within."""
        ordered = sorted(self.latencies)
        return ordered[max(ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0


@dataclass(slots=True)
class _Run:
    """One level, one queue; generators are workers, and yield how long they wait."""

    setup: Setup
    chance: random.Random
    now: float = 0.0
    held_until: float = 0.0
    waiting: deque[tuple[float, float]] = field(default_factory=deque)
    done: list[tuple[float, float]] = field(default_factory=list)
    attempts: int = 0
    commits: int = 0
    timers: list[tuple[float, int, Any]] = field(default_factory=list)
    count: int = 0

    def at(self, when: float, what: Any) -> None:  # noqa: ANN401 - a worker to go on, or an order to come
        """Have something happen then; what is asked for first happens first."""
        self.count += 1
        heapq.heappush(self.timers, (when, self.count, what))

    def worker(self) -> Generator[float]:
        """Receive a batch once it is full or its first message has waited for the window, and take for it."""
        while True:
            if not self.waiting:
                yield self.setup.window / 10
                continue
            ripe_in = self.waiting[0][1] + self.setup.window - self.now
            if len(self.waiting) < self.setup.received and ripe_in > 0:
                yield min(ripe_in, self.setup.window / 10)
                continue
            batch = [self.waiting.popleft() for _ in range(min(len(self.waiting), self.setup.received))]
            yield CALL_SECONDS
            left = list(batch)
            for start in range(0, len(batch), self.setup.taken):
                if not (yield from self.take(batch[start : start + self.setup.taken], left)):
                    for came, _ in left:
                        self.at(self.now + self.setup.comes_again_after, came)
                    break

    def take(self, orders: list[tuple[float, float]], left: list[tuple[float, float]]) -> Generator[float, None, bool]:
        """`PlaceOrders._take`, with nothing that can be short."""
        for conflicts in range(1, MOST_ROUNDS + 1):
            yield CALL_SECONDS
            self.attempts += 1
            if self.now >= self.held_until:
                self.held_until = self.now + self.setup.hold
                yield self.setup.hold
                self.commits += 1
                self.done += [(came, self.now) for came, _ in orders]
                for each in orders:
                    left.remove(each)
                return True
            if conflicts > CONFLICTS_BEFORE_HALVING and len(orders) > 1:
                half = len(orders) // 2
                return (yield from self.take(orders[:half], left)) and (yield from self.take(orders[half:], left))
            yield clock.moment(conflicts, self.chance.uniform)
        return False


def run(setup: Setup) -> Seen:
    """Run a setup; the same one gives the same."""
    chance = random.Random(setup.seed)  # noqa: S311 - a simulation is to be repeated
    sim = _Run(setup, chance)
    coming = list(_arrivals(setup, chance))
    for came in coming:
        sim.at(came, came)
    for _ in range(setup.workers):
        sim.at(chance.uniform(0, setup.window / 10), sim.worker())
    while len(sim.done) < len(coming):
        sim.now, _, what = heapq.heappop(sim.timers)
        if isinstance(what, float):
            sim.waiting.append((what, sim.now))
        else:
            sim.at(sim.now + next(what), what)
    measured = setup.seconds - WARM_UP_SECONDS
    in_time = sum(WARM_UP_SECONDS <= at < setup.seconds for _, at in sim.done)
    return Seen(
        offered=sum(came >= WARM_UP_SECONDS for came in coming) / measured,
        goodput=in_time / measured,
        attempts=sim.attempts,
        commits=sim.commits,
        latencies=[at - came for came, at in sim.done if came >= WARM_UP_SECONDS],
    )


def _arrivals(setup: Setup, chance: random.Random) -> Iterator[float]:
    at = 0.0
    while (at := at + chance.expovariate(setup.rate)) < setup.seconds:
        yield at


def most_carried(setup: Setup) -> tuple[Setup, Seen]:
    """Raise the load until it is not carried any more; the last load that was, and what became of it."""
    best = replace(setup, rate=SLOWEST)
    seen = run(best)
    while best.rate < FASTEST:
        faster = replace(best, rate=best.rate * FASTER)
        after = run(faster)
        if after.goodput < CARRIED * after.offered or after.latency(0.99) > WITHIN_SECONDS:
            break
        best, seen = faster, after
    return best, seen


def without_retry(rate: float, hold: float) -> float:
    """Erlang's loss with one server: what is committed of so many transactions a second that never try again."""
    return rate / (1 + rate * hold)


def deployed(hold: float, *, taken: int = taking.MOST_ORDERS) -> Setup:
    """Return the workers that the template gives the order queue."""
    resources = template()["Resources"]
    source = resources["ProcessOrdersSource"]["Properties"]
    return Setup(
        workers=source["ScalingConfig"]["MaximumConcurrency"],
        received=min(source["BatchSize"], taking.MOST_ORDERS),
        taken=taken,
        window=source["MaximumBatchingWindowInSeconds"],
        comes_again_after=resources["OrderQueue"]["Properties"]["VisibilityTimeout"],
        hold=hold,
        rate=SLOWEST,
    )


def measure() -> Iterator[Figure]:
    """Yield what one level carries for each hold: ours, beside one transaction an order by the same workers."""
    for milliseconds in HOLDS_MS:
        hold = milliseconds / 1000
        figure = partial(_figure, milliseconds)
        ours, seen = most_carried(deployed(hold))
        single, single_seen = most_carried(deployed(hold, taken=1))
        alone = "one transaction an order"
        yield figure("carries", seen.goodput, "orders/s", alone, single_seen.goodput)
        yield figure(
            "tries at that load",
            seen.attempts_per_commit,
            "transactions/commit",
            alone,
            single_seen.attempts_per_commit,
        )
        yield figure("p99 at that load", seen.latency(0.99), "s", alone, single_seen.latency(0.99))
        twice, twice_single = run(replace(ours, rate=2 * ours.rate)), run(replace(single, rate=2 * single.rate))
        yield figure("commits at twice that load", twice.goodput, "orders/s", alone, twice_single.goodput)
        loss = without_retry(ours.rate / ours.taken, hold) * ours.taken
        yield figure("full batches without retry at that load", loss, "orders/s", "offered", ours.rate)
        loss = without_retry(single.rate, hold)
        yield figure("one transaction an order without retry at its load", loss, "orders/s", "offered", single.rate)


def _figure(milliseconds: int, what: str, value: float, unit: str, peer: str, peer_value: float) -> Figure:
    name = f"hot level held {milliseconds} ms: {what}"
    return Figure(name=name, value=value, unit=unit, peer=peer, peer_value=peer_value)
