from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cli.exceptions import age, nearest
from shared.domain.problems import Problem, Standing

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def standing(kind: str, subject: str) -> Standing:
    return Standing(problem=Problem(kind=kind, subject=subject, reason="r", action="a"), opened_at="")


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("2026-11-24T09:00:00.000Z", "0 min"),
        ("2026-11-24T08:01:00.000Z", "59 min"),
        ("2026-11-24T08:00:00.000Z", "1 h"),
        ("2026-11-22T09:00:01.000Z", "47 h"),
        ("2026-11-22T09:00:00.000Z", "2 days"),
        ("2026-11-24T09:00:09.000Z", "0 min"),
        ("", ""),
    ],
)
def test_an_age_is_told_in_its_largest_unit(since: str, told: str) -> None:
    assert age(since, NOW) == told


def test_near_are_those_of_the_subject_then_what_reads_alike_then_those_of_the_kind() -> None:
    opened = [
        standing("file_held", "zulu"),
        standing("file_held", "alpino"),
        standing("feed_silent", "alpina"),
        standing("no_ship_to", "nordlys#1"),
    ]

    assert nearest(opened, "file_held", "alpina") == ["feed_silent alpina", "file_held alpino", "file_held zulu"]


def test_only_a_few_near_ones_are_named() -> None:
    assert len(nearest([standing("file_held", f"s{n}") for n in range(50)], "file_held", "s")) == 5
