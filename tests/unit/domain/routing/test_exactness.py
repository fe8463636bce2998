from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator, Sequence

import pytest

from bench import routing_cases as cases
from bench import routing_milp, routing_price
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import Goal, Objective

SEEDS = range(4000 if os.environ.get("SOAK") else 60)  # noqa: TID251 - `make soak` asks for more
GOALS = (
    (("landed_cost", 0),),
    (("landed_cost", 20_000), ("parcels", 0), ("landed_cost_last", 0)),
    (("parcels", 0), ("landed_cost", 0)),
    (("promised_date", 0), ("landed_cost", 0)),
    (("priority", 100_000), ("reliability", 0), ("landed_cost", 0)),
)


def _goals(goals: Sequence[tuple[str, int]]) -> tuple[Goal, ...]:
    return tuple(
        Goal(objective=Objective(name), tolerance_ppm=ppm) for name, ppm in goals if name != "landed_cost_last"
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_every_plan_claimed_exact_is_what_the_milp_finds(seed: int) -> None:
    case = cases.case(seed, 1 + seed % 5, 2 + seed % 4, features=seed % 10 != 0)
    goals = GOALS[seed % len(GOALS)]
    answer = plan(*cases.asked(case, goals=_goals(goals)))
    priced = routing_price.price(case, cases.as_taken(answer))
    best = routing_milp.solve(case, [(name.removesuffix("_last"), ppm) for name, ppm in goals])
    assert answer.exact
    assert priced == (best[0], best[-1])
    assert (sum(answer.short.values()), answer.landed_minor) == priced


@pytest.mark.parametrize("seed", SEEDS)
def test_no_assignment_of_small_orders_is_cheaper(seed: int) -> None:
    case = cases.case(seed + 10**6, 1 + seed % 3, 1 + seed % 3, features=True, most_units=2)
    answer = plan(*cases.asked(case))
    assert answer.exact
    assert routing_price.price(case, cases.as_taken(answer)) == min(_every(case))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_input_changes_nothing(seed: int) -> None:
    case = cases.case(seed, 4, 4, features=True)
    demands, candidates, policy, now = cases.asked(case)
    first = plan(demands, candidates, policy, now)
    random.Random(seed).shuffle(candidates)  # noqa: S311 - any order will do
    mixed = type(demands)(
        lines=demands.lines[::-1], to=demands.to, currency=demands.currency, promised_by=demands.promised_by
    )
    assert plan(mixed, candidates, policy, now) == first


def _every(case: cases.Case) -> Iterator[tuple[int, int]]:
    ways = [list(_ways(case, at)) for at in range(len(case["lines"]))]
    for chosen in itertools.product(*ways):
        taken = {(at, s): n for at, way in enumerate(chosen) for s, n in way.items()}
        kit = [way for at, way in enumerate(chosen) if case["lines"][at]["kit"]]
        if any(way.keys() != kit[0].keys() for way in kit):
            continue
        value = routing_price.price(case, taken)
        if value is not None:
            yield value


def _ways(case: cases.Case, at: int) -> Iterator[dict[int, int]]:
    line, sources = case["lines"][at], range(len(case["sources"]))
    having = [s for s in sources if (s, line["sku"]) in case["offers"]]
    for amounts in itertools.product(range(line["units"] + 1), repeat=len(having)):
        whole = sum(amounts) <= line["units"] if line["splits"] else sorted(amounts)[-1:] in ([], [0], [line["units"]])
        if whole and (line["splits"] or sum(amounts) in (0, line["units"])):
            yield {s: n for s, n in zip(having, amounts, strict=True) if n}
