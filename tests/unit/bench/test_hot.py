from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from bench import hot
from bench.hot import Setup

FEW = Setup(workers=10, received=25, taken=25, window=1, comes_again_after=190, hold=0.01, rate=50, seconds=15, seed=3)


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    busy = replace(FEW, rate=800, seconds=8)

    assert hot.run(busy).attempts > hot.run(busy).commits  # chance decides who waits how long
    assert hot.run(busy) == hot.run(busy)
    assert hot.run(busy) != hot.run(replace(busy, seed=4))


def test_a_load_that_nobody_feels_is_committed_as_it_comes() -> None:
    seen = hot.run(replace(FEW, rate=20, seconds=200))

    assert seen.goodput == pytest.approx(seen.offered, rel=0.01)
    assert seen.offered == pytest.approx(20, rel=0.1)
    assert seen.latency(0.99) < FEW.window + 0.2


def test_a_level_that_is_never_held_refuses_nobody() -> None:
    seen = hot.run(replace(FEW, hold=0, rate=1000))

    assert seen.attempts == seen.commits
    assert seen.commits < 15 * 1000 / 20  # batches are full


@pytest.mark.parametrize("taken", [1, 25])
@pytest.mark.parametrize("hold", [0.005, 0.02])
def test_a_level_commits_no_more_than_full_batches_back_to_back(taken: int, hold: float) -> None:
    seen = hot.run(replace(FEW, taken=taken, hold=hold, rate=1.5 * taken / hold, seconds=8))

    assert 0 < seen.goodput <= taken / hold
    assert seen.attempts > seen.commits


def test_every_order_is_committed_once_however_often_its_batch_is_halved_and_given_back() -> None:
    runs = [hot.run(replace(FEW, taken=taken, rate=600, hold=0.02, seconds=8)) for taken in (1, 25)]

    assert len(runs[0].latencies) == len(runs[1].latencies)
    assert runs[0].latency(1) > FEW.comes_again_after


def test_one_worker_alone_meets_nobody() -> None:
    seen = hot.run(replace(FEW, workers=1, rate=500))

    assert seen.attempts == seen.commits


def test_the_longer_a_level_is_held_the_less_it_carries() -> None:
    carried = [
        hot.most_carried(replace(FEW, hold=hold, seconds=hot.SECONDS))[1].goodput for hold in (0.005, 0.01, 0.02)
    ]

    assert all(faster > slower for faster, slower in pairwise(carried))


def test_what_does_not_try_again_is_lost_by_erlangs_formula() -> None:
    assert hot.without_retry(100, 0.01) == pytest.approx(50)
    assert hot.without_retry(1e9, 0.01) == pytest.approx(100)


def test_the_workers_are_those_of_the_template() -> None:
    setup = hot.deployed(0.01)

    assert (setup.workers, setup.received, setup.taken, setup.comes_again_after) == (10, 25, 25, 190)
