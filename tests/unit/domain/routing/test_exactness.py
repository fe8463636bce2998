from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bench import routing_cases as cases
from bench import routing_milp, routing_price
from bench.peers import by_priority, cheapest_per_line, fewest_splits
from shared.domain.routing import planner, sets
from shared.domain.routing.dealing import Budget
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import Objective
from shared.domain.routing.search import Search

SOAK = bool(os.environ.get("SOAK"))  # noqa: TID251 - `make soak` asks for more
BATCH = 20
BATCHES = range(200 if SOAK else 3)


def _seeds(batch: int) -> range:
    return range(batch * BATCH, (batch + 1) * BATCH)


@pytest.mark.parametrize("batch", BATCHES)
def test_every_plan_is_exact_and_what_the_milp_finds(batch: int) -> None:
    for seed in _seeds(batch):
        case, asked, goals = cases.mixed(seed)
        answer = plan(*asked)
        priced = routing_price.price(case, cases.as_taken(answer))
        best = routing_milp.solve(case, goals)
        assert answer.exact, seed
        assert priced == (best[0], best[-1]), seed
        assert (sum(answer.short.values()), answer.landed_minor) == priced, seed


@pytest.mark.parametrize("batch", BATCHES)
def test_no_assignment_of_small_orders_is_cheaper(batch: int) -> None:
    for seed in _seeds(batch):
        case = cases.case(seed + 10**6, 1 + seed % 3, 1 + seed % 3, features=True, most_units=2)
        answer = plan(*cases.asked(case))
        assert answer.exact, seed
        assert routing_price.price(case, cases.as_taken(answer)) == min(_every(case)), seed


@pytest.mark.parametrize(("features", "count"), [(False, 12), (True, 1)])
def test_ten_lines_and_eight_sources_are_what_the_milp_finds(features: bool, count: int) -> None:  # noqa: FBT001
    for seed in range(30 * count if SOAK else count):
        case = cases.case(seed + 500, 10, 8, features=features)
        answer = plan(*cases.asked(case))
        assert answer.exact, seed
        best = routing_milp.solve(case, [("landed_cost", 0)])
        assert (sum(answer.short.values()), answer.landed_minor) == (best[0], best[1]), seed


def test_sixty_lines_and_twelve_sources_are_exact() -> None:
    case = cases.case(7, 60, 12, features=False)
    answer = plan(*cases.asked(case))
    best = routing_milp.solve(case, [("landed_cost", 0)])
    assert answer.exact
    assert (sum(answer.short.values()), answer.landed_minor) == (best[0], best[1])


@pytest.mark.parametrize(("features", "count"), [(False, 4), (True, 1)])
def test_more_sources_than_a_table_holds_are_exact_within_the_budget(features: bool, count: int) -> None:  # noqa: FBT001
    for seed in range(15 * count if SOAK else count):
        case = cases.case(seed, 5, sets.TABLE_SOURCES + 2, features=features)
        answer = plan(*cases.asked(case))
        best = routing_milp.solve(case, [("landed_cost", 0)])
        assert answer.exact, seed
        assert (sum(answer.short.values()), answer.landed_minor) == (best[0], best[1]), seed


@pytest.mark.parametrize("all_alike", [False, True])
@pytest.mark.parametrize("batch", BATCHES)
def test_the_order_of_the_input_changes_nothing(batch: int, all_alike: bool) -> None:  # noqa: FBT001
    for seed in _seeds(batch):
        _, (demands, candidates, policy, now), _ = cases.mixed(seed)
        if all_alike:  # so that hardly anything but ties decides
            candidates = [replace(c, cost_minor=100, lead_days=1, reject_ppm=0) for c in candidates]
        first = plan(demands, candidates, policy, now)
        chance = random.Random(seed)  # noqa: S311 - any order will do
        lines = list(demands.lines)
        chance.shuffle(candidates)
        chance.shuffle(lines)
        assert repr(plan(replace(demands, lines=tuple(lines)), candidates, policy, now)) == repr(first), seed


@pytest.mark.parametrize("batch", BATCHES)
def test_no_rule_that_others_ship_is_cheaper(batch: int) -> None:
    for seed in _seeds(batch):
        case = cases.case(seed, 1 + seed % 9, 1 + seed % 7, features=seed % 2 == 0)
        answer = plan(*cases.asked(case))
        ours = sum(answer.short.values()), answer.landed_minor
        for peer in (by_priority, cheapest_per_line, fewest_splits):
            theirs = _as_kits_go(case, peer.route(case))
            if theirs is not None:
                assert ours <= theirs, (seed, peer.NAME)


@pytest.mark.parametrize("nodes", [0, 1, 5, 30])
def test_a_search_cut_short_says_how_far_off_it_may_be(nodes: int) -> None:
    cut_short = 0
    for seed in range(2000 if SOAK else 40):
        case = cases.case(seed, 8, 5, features=True)
        best = planner.choose(*cases.asked(case)).plan()
        answer = planner.choose(*cases.asked(case, node_budget=nodes)).plan()
        short = sum(answer.short.values()), sum(best.short.values())
        assert best.exact
        assert (short[0], answer.landed_minor) >= (short[1], best.landed_minor), seed
        if answer.exact:
            assert (short[0], answer.landed_minor) == (short[1], best.landed_minor), seed
            assert (answer.short_gap, answer.bound_gap) == (0, 0)
            continue
        cut_short += 1
        assert (answer.short_gap, answer.bound_gap) > (0, 0)
        assert short[0] - answer.short_gap <= short[1], seed
        if short[0] == short[1] and not answer.short_gap:
            assert answer.landed_minor - answer.bound_gap <= best.landed_minor, seed
        greedy = _as_kits_go(case, cheapest_per_line.route(case))
        assert greedy is None or (short[0], answer.landed_minor) <= greedy, seed
    assert cut_short > 0


def test_a_search_ends_when_its_budget_does() -> None:
    task = planner.choose(*cases.asked(cases.case(1, 20, 8, features=True), node_budget=0)).solver.merged.task
    budget = Budget(5)
    found = Search(task).least(Objective.LANDED_COST, {}, None, 0, budget)
    assert not found.exact
    assert -20 < budget.left < 0


def _as_kits_go(case: cases.Case, taken: dict[tuple[int, int], int]) -> tuple[int, int] | None:
    kit = [at for at, line in enumerate(case["lines"]) if line["kit"]]
    if len({frozenset(s for at, s in taken if at == member) for member in kit}) > 1:
        return None
    return routing_price.price(case, taken)


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
