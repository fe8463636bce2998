"""Routing beside HiGHS: gap and time of generated orders (`routing_cases` says how they are made)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from bench import routing_cases, routing_milp, routing_price
from bench.figure import Figure
from shared.domain.routing.planner import plan

SIZES = ((1, 3), (2, 4), (3, 5), (5, 6), (10, 8), (20, 8))
INSTANCES = 40
MEDIAN_MS = 0.5


def measure() -> Iterator[Figure]:
    """Yield time and gap for every size, with linear terms and with every feature of the cost model."""
    for features in (False, True):
        for lines, sources in SIZES:
            where = f"{lines} lines x {sources} sources, {'every feature' if features else 'linear'}"
            ours, theirs, gaps, proven = [], [], [], 0
            for seed in range(INSTANCES):
                case = routing_cases.case(seed, lines, sources, features=features)
                asked = routing_cases.asked(case)
                began = time.process_time()
                answer = plan(*asked)
                ours.append((time.process_time() - began) * 1000)
                if not answer.exact:
                    continue
                proven += 1
                began = time.process_time()
                best = routing_milp.solve(case, [("landed_cost", 0)])
                theirs.append((time.process_time() - began) * 1000)
                short, cost = routing_price.price(case, routing_cases.as_taken(answer)) or (10**6, 0)
                gaps.append(abs(short - best[0]) * 10**6 + cost - best[1])
            bar = MEDIAN_MS if (lines, sources, features) == (10, 8, False) else None
            yield Figure(name=f"routing, {where}: median", value=statistics.median(ours), unit="ms CPU", bar=bar)
            yield Figure(name=f"routing, {where}: p99", value=sorted(ours)[int(0.99 * len(ours))], unit="ms CPU")
            yield Figure(name=f"routing, {where}: HiGHS, median", value=statistics.median(theirs), unit="ms CPU")
            yield Figure(name=f"routing, {where}: worst gap where claimed exact", value=max(gaps), unit="minor", bar=0)
            yield Figure(name=f"routing, {where}: claimed exact", value=100 * proven / INSTANCES, unit="%")
