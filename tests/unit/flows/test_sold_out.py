from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain import times
from shared.domain.stock import Level
from shared.flows.sold_out import Seen, SoldOut
from tests.support import trade

KEY = trade.at("A", "alpina")
OTHER = trade.at("B", "alpina")
NOW = trade.times_now()


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("_case", "level"),
    [
        ("nothing left", trade.level("A", "alpina", 0)),
        ("oversold by a count", trade.level("A", "alpina", -2)),
        ("held", trade.level("A", "alpina", 5, held_until=times.text(NOW + timedelta(hours=1)))),
        ("not active", trade.level("A", "alpina", 5, status="inactive")),
        ("not there", None),
    ],
)
def test_what_has_nothing_to_take_is_remembered_for_a_second(_case: str, level: Level | None) -> None:
    sold_out = SoldOut()
    offer = trade.offer("A", "alpina", 700)

    sold_out.note(KEY, level, offer, NOW)

    assert sold_out.among([KEY, OTHER], NOW + after(0.999)) == {KEY: Seen(level, offer, NOW)}
    assert sold_out.among([KEY], NOW + after(1)) == {}


def test_what_can_be_taken_is_not_remembered_and_ends_a_memory() -> None:
    sold_out = SoldOut()
    sold_out.note(KEY, trade.level("A", "alpina", 0), None, NOW)

    sold_out.note(KEY, trade.level("A", "alpina", 1), None, NOW)

    assert sold_out.among([KEY], NOW) == {}


def test_asking_makes_a_memory_no_longer_and_seeing_it_again_does() -> None:
    sold_out = SoldOut()
    sold_out.note(KEY, None, None, NOW)

    assert KEY in sold_out.among([KEY], NOW + after(0.9))
    assert KEY not in sold_out.among([KEY], NOW + after(1.1))

    sold_out.note(KEY, None, None, NOW + after(1.1))
    assert KEY in sold_out.among([KEY], NOW + after(2))


def test_a_clock_that_is_set_back_forgets() -> None:
    sold_out = SoldOut()
    sold_out.note(KEY, None, None, NOW)

    assert sold_out.among([KEY], NOW - after(0.001)) == {}
    assert sold_out.among([KEY], NOW) == {}
