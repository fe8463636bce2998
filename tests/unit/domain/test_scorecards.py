from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain import times
from shared.domain.answers import Says
from shared.domain.scorecards import Record, Score, Told, score

SENT, NOW = "2026-11-01T00:00:00.000Z", times.read("2026-11-20T00:00:00.000Z")
WITHIN = timedelta(days=7)


def day(n: int, hour: int = 0) -> str:
    return f"2026-11-{n:02}T{hour:02}:00:00.000Z"


def told(says: Says, units: int, at: str = day(1, 6), why: str = "") -> Told:
    return Told(says=says, units=units, at=at, why=why)


def record(*said: Told, units: int = 10, tracking: tuple[str, ...] = ()) -> Record:
    return Record(number="A-1", sent_at=SENT, units=units, told=said, tracking=tracking)


def of(*records: Record) -> Score:
    return score(records, WITHIN, NOW)


def test_nothing_was_asked() -> None:
    assert of() == Score()


def test_the_first_answer_is_what_is_waited_for_whatever_it_says() -> None:
    found = of(record(told(Says.SHIPPED, 1, day(2)), told(Says.REJECTED, 9, day(1, 6))), record(), record(units=1))

    assert (found.orders, found.answered, found.ack_hours) == (3, 1, 6.0)


def test_the_slowest_tenth_is_told_beside_the_middle() -> None:
    found = of(*(record(told(Says.ACCEPTED, 10, day(1, hour))) for hour in range(1, 21)))

    assert (found.ack_hours, found.slow_ack_hours) == (10.5, 18.0)


@pytest.mark.parametrize(
    ("why", "filled"),
    [
        ("out_of_stock", 60.0),
        ("discontinued", 60.0),
        ("damaged", 60.0),
        ("backordered", 60.0),
        ("mismatch", 100.0),
        ("", 100.0),
    ],
)
def test_only_a_shortage_counts_against_the_fill_rate(why: str, filled: float) -> None:
    found = of(record(told(Says.ACCEPTED, 6), told(Says.REJECTED, 4, why=why)))

    assert (found.fill_percent, found.cancelled) == (filled, {why or "other": 4})


def test_what_we_cancel_is_not_missing() -> None:
    found = of(record(told(Says.CANCELLED, 5), told(Says.REJECTED, 1, why="out_of_stock")))

    assert (found.fill_percent, found.answered) == (80.0, 1)
    assert found.cancelled == {"out_of_stock": 1, "wanted_no_more": 5}


def test_on_time_is_of_what_has_shipped_and_of_what_should_have() -> None:
    found = of(record(told(Says.SHIPPED, 4, day(8)), told(Says.SHIPPED, 1, day(8, 1)), told(Says.REJECTED, 2)))

    assert found.on_time_percent == 50.0


def test_what_is_not_due_yet_is_not_late() -> None:
    found = score([record(told(Says.SHIPPED, 4, day(2)))], WITHIN, times.read(day(8)))

    assert found.on_time_percent == 100.0


def test_an_oversell_is_a_rejection_of_what_the_count_had_promised() -> None:
    rejected = [told(Says.REJECTED, 1, why=why) for why in ("out_of_stock", "out_of_stock", "discontinued")]

    assert of(record(*rejected)).oversold == 2


def test_tracking_is_sound_where_it_can_be_the_carriers() -> None:
    assert of(record(tracking=("valid", "unchecked", "invalid", "unknown"))).tracking_percent == 50.0
