from __future__ import annotations

import itertools
import random

import pytest

from shared.domain.routing import bounds, options, pricing, sets
from shared.domain.routing.dealing import Budget
from shared.domain.routing.problem import Objective
from shared.domain.routing.reach import reaches
from shared.domain.routing.steps import SCALE, Steps
from shared.domain.routing.task import Block, Line, Offer, Source, Task

COST = Objective.LANDED_COST


def _task(seed: int, count: int) -> Task:
    chance = random.Random(seed)  # noqa: S311 - examples
    lines = []
    for at in range(4):
        offers = {
            s: Offer(
                chance.randint(1, 9), chance.randint(5, 30), chance.randint(0, 2), 0, 0, 1, 1, chance.randint(1, 4)
            )
            for s in range(count)
            if chance.random() < 0.7
        }
        lines.append(Line(f"S{at}", chance.randint(1, 9), 100, offers))
    sources = [
        Source(chance.randint(0, 20), chance.randint(0, 5), 0, (), (), chance.randint(0, 3)) for _ in range(count)
    ]
    return Task.of(sources, lines, [Block((at,), splits=at % 2 == 0) for at in range(4)])


def _measure(task: Task, objective: Objective) -> bounds.Measure:
    return bounds.measure(task, objective, lambda: reaches(task))


@pytest.mark.parametrize("objective", [COST, Objective.PARCELS, Objective.PRIORITY, Objective.RELIABILITY])
@pytest.mark.parametrize("seed", range(12))
def test_the_table_is_what_filling_every_set_by_hand_comes_to(seed: int, objective: Objective) -> None:
    task = _task(seed, 4)
    measure = _measure(task, objective)
    assert options.is_linear(task, [measure])
    for mask, bound in enumerate(measure.table()):
        inside = [s for s in range(4) if mask >> s & 1]
        fixed = sum(measure.fixed[s] for s in inside)
        taken = options.cheapest_first(task, measure, mask)
        added = sum(measure.of_units(task.lines[at], s, units, units) for (at, s), units in taken.items())
        short = sum(line.units for line in task.lines) - sum(taken.values())
        assert bound == fixed + added + measure.short(short)
        assert bound == measure.of_set(mask, mask)


@pytest.mark.parametrize("seed", range(8))
def test_sets_one_after_the_other_come_in_the_order_of_the_table(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = _measure(_task(seed, 5), COST)
    table = [bound for bound, _ in sets.by_bound(measure, [], 0b101, Budget(1))]
    monkeypatch.setattr(sets, "TABLE_SOURCES", 4)
    lazily = list(sets.by_bound(measure, [], 0b101, Budget(10_000)))
    assert [bound for bound, _ in lazily] == table
    assert len({mask for _, mask in lazily}) == len(table) == 32 - 8


@pytest.mark.parametrize("heaviest", [400, 900, 2000, 7000])
@pytest.mark.parametrize(
    "brackets",
    [
        ((500, 300), (1000, 320), (2000, 900)),
        ((500, 300), (1000, 900), (2000, 910)),
        ((700, 400),),
        ((300, 500), (1000, 200)),
        ((1000, 0), (2000, 700)),
        ((500, 100), (2000, 900)),
        ((100, 0), (200, 70)),
    ],
)
def test_no_weight_travels_for_less_than_the_bound_of_its_range(
    brackets: tuple[tuple[int, int], ...], heaviest: int
) -> None:
    steps = Steps(7, brackets).scaled(SCALE, heaviest)
    cuts = sorted({1, heaviest, *(heaviest * n // 7 for n in range(1, 7)), *(w for w, _ in brackets if w <= heaviest)})
    for lightest, most in itertools.combinations_with_replacement(cuts, 2):
        least = min(
            (7 + pricing.freight(brackets, grams)[0]) * SCALE - steps.slope * grams
            for grams in range(lightest, most + 1)
        )
        assert steps.least(lightest, most, 0, 0) == least


def test_goods_cost_no_less_than_the_bound_of_their_range() -> None:
    surcharges = ((100, 30), (200, 50), (300, 10))
    steps = Steps(7, surcharges=surcharges, minimum=50)
    for cheapest, dearest in itertools.combinations_with_replacement(range(0, 400, 10), 2):
        allowed = [goods for goods in range(cheapest, dearest + 1) if goods >= 50]
        least = min((7 + pricing.surcharge(surcharges, goods) for goods in allowed), default=None)
        found = steps.least(0, 0, cheapest, dearest)
        assert found == least if least is not None else found > 10**20
