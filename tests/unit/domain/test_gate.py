from __future__ import annotations

from datetime import datetime, timedelta

from shared.domain import gate, times
from shared.domain.gate import Ended, Gate
from shared.domain.sending_rules import Limits
from tests.support import trade

NOW = trade.times_now()
MINUTE = timedelta(minutes=1)
UNTIL = times.text(NOW + 2 * MINUTE)


def entered(before: Gate, limits: Limits, holder: str, now: datetime = NOW) -> Gate:
    after = gate.enter(before, limits, holder, UNTIL, now)
    assert isinstance(after, Gate)
    return after


def failed(before: Gate, limits: Limits, times: int, now: datetime = NOW) -> tuple[Gate, list[bool]]:
    opened = []
    for i in range(times):
        before, is_open = gate.leave(entered(before, limits, f"w{i}", now), limits, f"w{i}", Ended.FAILED, now)
        opened.append(is_open)
    return before, opened


def test_no_more_send_at_once_than_may() -> None:
    limits = Limits(at_once=2)
    two = entered(entered(Gate(), limits, "a"), limits, "b")

    assert gate.enter(two, limits, "c", UNTIL, NOW) == NOW + MINUTE
    left, _ = gate.leave(two, limits, "a", Ended.ANSWERED, NOW)
    assert sorted(entered(left, limits, "c").holders) == ["b", "c"]


def test_who_died_while_it_sent_is_let_go_when_its_time_is_over() -> None:
    limits = Limits(at_once=1)
    one = entered(Gate(), limits, "a")

    assert gate.enter(one, limits, "b", UNTIL, NOW + MINUTE) == NOW + 2 * MINUTE
    assert list(entered(one, limits, "b", NOW + 2 * MINUTE).holders) == ["b"]


def test_no_more_send_in_a_minute_than_may() -> None:
    limits, now = Limits(a_minute=2), NOW + timedelta(seconds=20)
    two, _ = failed(Gate(), limits, 2, now)

    assert gate.enter(two, limits, "c", UNTIL, now) == NOW + MINUTE
    assert entered(two, limits, "c", NOW + MINUTE).taken == 1


def test_so_many_failures_open_the_breaker_once() -> None:
    limits = Limits(failures=3, rests=15 * MINUTE)

    after, opened = failed(Gate(), limits, 3)

    assert opened == [False, False, True]
    assert gate.enter(after, limits, "d", UNTIL, NOW) == NOW + 15 * MINUTE


def test_after_its_rest_one_tries_and_decides() -> None:
    limits, later = Limits(at_once=5, failures=2, rests=15 * MINUTE), NOW + 15 * MINUTE
    after, _ = failed(Gate(), limits, 2)
    trying = gate.enter(after, limits, "probe", times.text(later + MINUTE), later)
    assert isinstance(trying, Gate)

    assert gate.enter(trying, limits, "another", UNTIL, later) == later + MINUTE
    again, is_told = gate.leave(trying, limits, "probe", Ended.FAILED, later)
    assert (gate.enter(again, limits, "x", UNTIL, later), is_told) == (later + 15 * MINUTE, False)
    well, _ = gate.leave(trying, limits, "probe", Ended.ANSWERED, later)
    assert (well.failures, entered(entered(well, limits, "x", later), limits, "y", later).failures) == (0, 0)


def test_an_answer_between_failures_begins_anew() -> None:
    limits = Limits(failures=2)
    once, _ = failed(Gate(), limits, 1)
    well, _ = gate.leave(entered(once, limits, "a"), limits, "a", Ended.ANSWERED, NOW)

    assert failed(well, limits, 1)[1] == [False]


def test_a_throttling_supplier_is_left_alone_as_long_as_it_says_and_has_not_failed() -> None:
    limits = Limits(failures=1)
    after, is_open = gate.leave(entered(Gate(), limits, "a"), limits, "a", Ended.THROTTLED, NOW, 2 * MINUTE)

    assert (is_open, after.failures) == (False, 0)
    assert gate.enter(after, limits, "b", UNTIL, NOW + MINUTE) == NOW + 2 * MINUTE
    assert entered(after, limits, "b", NOW + 2 * MINUTE).taken == 1


def test_a_turn_in_which_nothing_was_sent_says_nothing() -> None:
    limits = Limits(failures=2)
    once, _ = failed(Gate(), limits, 1)

    after, is_open = gate.leave(entered(once, limits, "a"), limits, "a", Ended.NOTHING, NOW)

    assert (after.failures, after.holders, is_open) == (1, {}, False)
