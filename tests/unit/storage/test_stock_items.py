"""Movements, marks and what was told come back from their items as they were, and stay out of the index of levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.availability import Rank
from shared.domain.ledger import Movement
from shared.domain.names import ChannelId, LevelKey, Sku, SourceId
from shared.storage import attributes, ledger
from shared.storage.availability import Mark, Told, mark_from_item, mark_item, told_from_item, told_item

names = st.text(st.characters(codec="utf-8", exclude_characters="#", categories=("L", "N", "P")), min_size=1)
numbers = st.integers(-(10**6), 10**6)
times = st.sampled_from(["2026-11-24T08:00:00.000Z", "2027-01-31T23:59:59.999Z"])

movements = st.builds(
    Movement,
    key=st.builds(LevelKey, names.map(Sku), names.map(SourceId)),
    revision=st.integers(1, 10**9),
    changed_at=times,
    kind=names,
    cause=names,
    units=numbers,
    committed=numbers,
    counted=numbers,
    balance=numbers,
    last=st.dictionaries(names, numbers, max_size=3),
    incoming=numbers,
)
marks = st.builds(
    Mark,
    channel=names.map(ChannelId),
    rank=st.sampled_from(Rank),
    subject=names,
    cause=names,
    job=st.just("") | names,
    at=st.sampled_from(["", "2026-11-24T09:00:00.000Z"]),
)
tellings = st.builds(
    Told,
    sku=names.map(Sku),
    channel=names.map(ChannelId),
    number=st.integers(0, 10**9),
    told_at=times,
    revision=st.integers(1, 10**9),
    refused=st.just("") | names,
)


def stored(item: Mapping[str, Any]) -> dict[str, Any]:
    return attributes.values(attributes.image(item))


@given(movements)
def test_a_movement_comes_back_as_it_was(movement: Movement) -> None:
    assert ledger.from_item(stored(ledger.to_item(movement))) == movement


@given(movements)
def test_a_movement_that_expects_nothing_is_read_as_ever(movement: Movement) -> None:
    item = ledger.to_item(movement)
    item.pop("incoming", None)

    assert ledger.from_item(stored(item)) == replace(movement, incoming=0)


@given(marks)
def test_a_mark_comes_back_as_it_was(mark: Mark) -> None:
    assert mark_from_item(stored(mark_item(mark))) == mark


@given(tellings)
def test_what_was_told_comes_back_as_it_was(told: Told) -> None:
    assert told_from_item(stored(told_item(told))) == told


@pytest.mark.parametrize("rank", Rank)
def test_marks_sort_by_rank(rank: Rank) -> None:
    mark = Mark(channel=ChannelId("c"), rank=rank, subject="A", cause="s#1")

    assert mark_item(mark)["SK"] == f"{rank.value}#A"


@given(movements, marks, tellings)
def test_none_of_them_is_in_the_index_of_levels(movement: Movement, mark: Mark, told: Told) -> None:
    for item in (ledger.to_item(movement), mark_item(mark), told_item(told)):
        assert "source" not in item
        assert item.keys() >= {"PK", "SK", "entity", "schema", "revision"}
