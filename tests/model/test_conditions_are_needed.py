from __future__ import annotations

import os
import sys

import pytest

from tests.model import worlds
from tests.model.conditions import names
from tests.model.search import search

MOST_STATES = 1_500_000


SEARCHED = [*worlds.WORLDS, *worlds.LARGER] if "SOAK" in os.environ else [*worlds.WORLDS]  # noqa: TID251 - how long the suite may take


@pytest.mark.parametrize("world", SEARCHED)
def test_no_interleaving_breaks_anything(world: str) -> None:
    searched = search(worlds.model(world), most=MOST_STATES)

    sys.stdout.write(f"{searched.states} states: {world}\n")
    assert (searched.wrong, searched.trace) == ("", ())


@pytest.mark.parametrize("name", worlds.NEEDED)
def test_each_condition_is_needed(name: str) -> None:
    searched = search(worlds.model(worlds.NEEDED[name], name))

    assert searched.wrong
    assert searched.trace


@pytest.mark.parametrize("name", worlds.BEHIND)
def test_a_second_defence_is_needed_once_the_first_is_gone(name: str) -> None:
    first, world = worlds.BEHIND[name]

    assert search(worlds.model(world, first)).wrong == ""
    assert search(worlds.model(world, first, name)).trace


@pytest.mark.parametrize("name", worlds.IDLE)
def test_an_idle_condition_is_not_missed(name: str) -> None:
    _, world = worlds.IDLE[name]
    assert search(worlds.model(world, name)).wrong == ""


def test_everything_that_can_be_taken_away_is_tried() -> None:
    assert sorted([*worlds.NEEDED, *worlds.BEHIND, *worlds.IDLE]) == sorted(names())
