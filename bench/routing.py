"""Routing: gap and CPU beside HiGHS, and how much dearer the rules are that others ship (`routing_cases`, `peers/`).

`decide` finds the plan; `decide and explain` also prices its terms, words a verdict for every candidate, finds the
next best plan and takes the digest of the input, which is all that an order stores. One run of each, in CPU time.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

from bench import baskets, routing_cases, routing_milp, routing_price
from bench.figure import Figure
from bench.peers import by_priority, cheapest_per_line, fewest_splits
from bench.routing_cases import Asked, Case
from shared.domain.routing import planner
from shared.domain.routing.billing import SHORT
from shared.domain.routing.problem import Plan

SIZES = ((1, 3), (3, 5), (5, 5), (10, 8), (20, 8))
INSTANCES = 40
SLOW_INSTANCES = {(10, 8): 12, (20, 8): 3}
"""With every feature HiGHS takes from a tenth of a second to eleven of them on each of these."""
MIXED = 600
BASKETS = 1000
BASKET_SOURCES = 8
MEDIAN_MS = 0.5
P99_MS = 2.0
PEERS = (by_priority, cheapest_per_line, fewest_splits)


def measure() -> Iterator[Figure]:
    """Yield time, gap and what peers' rules cost; then real baskets."""
    for seed in range(INSTANCES):
        planner.plan(*routing_cases.asked(routing_cases.case(seed, 5, 5, features=True)))  # warm
    for lines, sources in SIZES:
        yield from _linear(lines, sources)
    for lines, sources in SIZES:
        yield from _every_feature(lines, sources)
    yield from _mixed()
    yield from _baskets()


def _linear(lines: int, sources: int) -> Iterator[Figure]:
    where = f"routing {lines}x{sources}"
    cases = [routing_cases.case(seed, lines, sources, features=False) for seed in range(INSTANCES)]
    theirs, gap, plans = _beside_highs(cases)
    asked = [routing_cases.asked(case) for case in cases]
    for name, run, bar in (("decide", planner.choose, MEDIAN_MS), ("decide and explain", planner.plan, None)):
        took = _took(run, asked)
        yield Figure(
            name=f"{where}, {name}: median",
            value=statistics.median(took),
            unit="ms CPU",
            peer="HiGHS with its model",
            peer_value=statistics.median(theirs),
            bar=bar if (lines, sources) == (10, 8) else None,
            bars_value=True,
        )
        yield Figure(name=f"{where}, {name}: p99", value=_p99(took), unit="ms CPU")
    yield Figure(name=f"{where}: worst gap to HiGHS", value=gap, unit="minor", bar=0)
    for peer in PEERS:
        dearer, parcels = [], []
        for case, plan in zip(cases, plans, strict=True):
            taken = peer.route(case)
            short, cost = routing_price.price(case, taken) or (-1, 0)
            if short == sum(plan.short.values()) and plan.landed_minor:
                dearer.append(100 * (cost - plan.landed_minor) / plan.landed_minor)
                parcels.append(len({s for _, s in taken}) - plan.parcels)
        yield Figure(
            name=f"{where}, {peer.NAME}: dearer, mean of {len(dearer)}", value=statistics.mean(dearer), unit="%"
        )
        yield Figure(name=f"{where}, {peer.NAME}: parcels more, mean", value=statistics.mean(parcels), unit="parcels")


def _every_feature(lines: int, sources: int) -> Iterator[Figure]:
    where = f"routing {lines}x{sources}, every feature"
    cases = [routing_cases.case(seed, lines, sources, features=True) for seed in range(INSTANCES)]
    asked = [routing_cases.asked(case) for case in cases]
    compared = SLOW_INSTANCES.get((lines, sources), INSTANCES)
    theirs, gap, _ = _beside_highs(cases[:compared])
    took = _took(planner.choose, asked)
    plans = [planner.choose(*each).found for each in asked]
    unproven = [found for found in plans if not found.exact]
    furthest = max((100 * found.gap()[1] / (found.value % SHORT) for found in unproven), default=0.0)
    is_barred = lines <= 10  # noqa: PLR2004 - what is promised
    yield Figure(
        name=f"{where}, decide: median",
        value=statistics.median(took),
        unit="ms CPU",
        peer="HiGHS with its model",
        peer_value=statistics.median(theirs),
    )
    yield Figure(name=f"{where}, decide: p99", value=_p99(took), unit="ms CPU")
    yield Figure(name=f"{where}: worst gap to HiGHS, {compared} orders", value=gap, unit="minor", bar=0)
    yield Figure(
        name=f"{where}: not proven exact",
        value=len(unproven),
        unit=f"of {INSTANCES}",
        bar=0 if is_barred else None,
    )
    yield Figure(name=f"{where}: furthest from the bound", value=furthest, unit="%")


def _mixed() -> Iterator[Figure]:
    wrong = 0
    for seed in range(MIXED):
        case, asked, goals = routing_cases.mixed(seed)
        plan, best = planner.plan(*asked), routing_milp.solve(case, goals)
        wrong += routing_price.price(case, routing_cases.as_taken(plan)) != (best[0], best[-1])
    yield Figure(name="routing, any goals and features: not as HiGHS", value=wrong, unit=f"of {MIXED}", bar=0)


def _baskets() -> Iterator[Figure]:
    sizes = enumerate(baskets.lines(1, BASKETS))
    asked = [
        routing_cases.asked(routing_cases.case(seed, lines, BASKET_SOURCES, features=False)) for seed, lines in sizes
    ]
    for name, run, bar in (("decide", planner.choose, P99_MS), ("decide and explain", planner.plan, None)):
        took = _took(run, asked)
        yield Figure(name=f"routing real baskets, {name}: median", value=statistics.median(took), unit="ms CPU")
        yield Figure(name=f"routing real baskets, {name}: p99", value=_p99(took), unit="ms CPU", bar=bar)
        yield Figure(name=f"routing real baskets, {name}: 1,000 orders", value=sum(took) / 1000, unit="s CPU")


def _beside_highs(cases: Sequence[Case]) -> tuple[list[float], int, list[Plan]]:
    """Return what HiGHS took, the worst gap to it where a plan claims to be exact, and the plans."""
    took, gap, plans = [], 0, []
    for case in cases:
        plan = planner.plan(*routing_cases.asked(case))
        plans.append(plan)
        began = time.process_time()
        best = routing_milp.solve(case, [("landed_cost", 0)])
        took.append((time.process_time() - began) * 1000)
        short, cost = routing_price.price(case, routing_cases.as_taken(plan)) or (10**6, 0)
        if plan.exact:
            gap = max(gap, abs(short - best[0]) * 10**6 + abs(cost - best[1]))
    return took, gap, plans


def _took(run: Callable[..., object], asked: Sequence[Asked]) -> list[float]:
    """Return the milliseconds of one run of each; what the benchmark itself holds is not collected meanwhile."""
    gc.collect()
    gc.freeze()
    took = []
    for each in asked:
        began = time.process_time()
        run(*each)
        took.append((time.process_time() - began) * 1000)
    gc.unfreeze()
    return took


def _p99(took: Sequence[float]) -> float:
    return sorted(took)[int(0.99 * len(took))]
