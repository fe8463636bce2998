"""What waits for a shop is counted by rank, with its age, its publisher and its limit."""

from __future__ import annotations

import pytest

from cli.channel_checks import MOST_MARKS
from cli.channel_status import Backlog, backlog
from shared.domain.availability import Rank
from shared.domain.pace import Left
from shared.storage.availability import Lease
from tests.support import trade
from tests.support.publishing import NORDLYS, mark

NOW = trade.NOW
SOON = "2026-11-24T09:30:00.000Z"
CHANNEL = trade.shop_rules("alpina", limit=2).channels[NORDLYS]


def lease(leased: str = "", rests: str = "", failing: str = "") -> Lease:
    left = Left(units=0.5, at=trade.times_now())
    since = trade.T0 if failing else ""
    return Lease(leased_until=leased, rests_until=rests, failing=failing, failing_since=since, left=left)


def test_what_waits_is_counted_by_rank_and_the_oldest_is_told() -> None:
    marks = [
        mark("A", Rank.ZERO, at="2026-11-24T08:59:00.000Z"),
        mark("B", Rank.FALLS, at="2026-11-24T08:30:00.000Z"),
        mark("C", Rank.FALLS, at="2026-11-24T08:40:00.000Z"),
        mark("1", Rank.ORDER),
    ]

    assert backlog(CHANNEL, marks, lease(), NOW) == Backlog(
        channel="nordlys",
        waiting={"zero": 1, "falls": 2, "order": 1, "rises": 0},
        is_more=False,
        oldest="2026-11-24T08:30:00.000Z",
        publisher="idle",
        limit_per_second=2,
        is_ruled=True,
        left=0.5,
    )


def test_more_than_are_counted_is_said() -> None:
    marks = [mark(f"S{at}") for at in range(MOST_MARKS)]

    assert backlog(CHANNEL, marks, None, NOW).is_more
    assert not backlog(CHANNEL, marks[1:], None, NOW).is_more


@pytest.mark.parametrize(
    ("stands", "told"),
    [
        (None, "has never run"),
        (lease(), "idle"),
        (lease(leased=SOON), "at work"),
        (lease(leased=NOW, rests=NOW), "idle"),
        (lease(rests=SOON), "rests until 2026-11-24 09:30:00 UTC"),
        (
            lease(rests=SOON, failing="throttled"),
            "rests until 2026-11-24 09:30:00 UTC, failing since 2026-11-24 08:00:00 UTC: throttled",
        ),
    ],
)
def test_the_publisher_is_told_as_its_lease_stands(stands: Lease | None, told: str) -> None:
    assert backlog(CHANNEL, [], stands, NOW).publisher == told
