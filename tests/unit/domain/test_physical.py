"""What people do to what is there: every step keeps a level's equation, and what cannot be is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import explain, ledger, physical, stock
from shared.domain.explain import LevelTermKind
from shared.domain.ledger import Movement
from shared.domain.names import SourceId
from shared.domain.physical import MOST_UNITS, Adjustment
from shared.domain.stock import UNTIL_COUNTED, Level
from shared.errors import InvalidInput, Rejected
from tests.support import trade

Step = Callable[[Level], Level]

TOLD_AS = {
    "adjust": LevelTermKind.ADJUSTED,
    "receive": LevelTermKind.RECEIVED,
    "send_off": LevelTermKind.TRANSFERRED,
}


def level(**changes: object) -> Level:
    """20 counted, 5 promised, 3 on the way."""
    return trade.level("NL-1001", "alpina", 15, **{"counted": 20, "committed": 5, "incoming": 3} | changes)


def numbers(found: Level) -> tuple[int, int, int]:
    return found.counted, found.available, found.incoming


@pytest.mark.parametrize(
    ("_case", "step", "after"),
    [
        ("lost", lambda found: physical.adjust(found, -4), (16, 11, 3)),
        ("all of it lost, also what is promised", lambda found: physical.adjust(found, -20), (0, -5, 3)),
        ("found", lambda found: physical.adjust(found, 4), (24, 19, 3)),
        ("expected", lambda found: physical.expect(found, 4), (20, 15, 7)),
        ("not coming after all", lambda found: physical.expect(found, -3), (20, 15, 0)),
        ("received in part", lambda found: physical.receive(found, 2), (22, 17, 1)),
        ("received", lambda found: physical.receive(found, 3), (23, 18, 0)),
        ("received more than was expected", lambda found: physical.receive(found, 8), (28, 23, 0)),
        ("sent off, all that is available", lambda found: physical.send_off(found, 15), (5, 0, 3)),
        ("sent back by a customer", lambda found: physical.put_back(found, 2), (22, 17, 3)),
    ],
)
def test_what_a_step_makes_of_a_level(_case: str, step: Step, after: tuple[int, int, int]) -> None:
    found = step(level())

    assert numbers(found) == after
    assert stock.adds_up(found)


@pytest.mark.parametrize(
    ("_case", "step"),
    [
        ("more lost than was counted", lambda found: physical.adjust(found, -21)),
        ("more not coming than is expected", lambda found: physical.expect(found, -4)),
        ("more sent off than is available", lambda found: physical.send_off(found, 16)),
        ("not held", physical.unhold),
        ("counted at the time of the hold", lambda found: physical.hold(found, trade.T0, UNTIL_COUNTED)),
    ],
)
def test_what_a_level_does_not_allow_is_rejected(_case: str, step: Step) -> None:
    with pytest.raises(Rejected):
        step(level())


def test_a_photograph_planned_before_a_change_of_the_count_or_of_a_hold_is_planned_anew() -> None:
    steps: list[Step] = [
        lambda found: physical.adjust(found, 1),
        lambda found: physical.receive(found, 1),
        lambda found: physical.send_off(found, 1),
        lambda found: physical.put_back(found, 1),
        lambda found: physical.hold(found, trade.NOW, UNTIL_COUNTED),
    ]

    assert [step(level()).drev for step in steps] == [1] * 5
    assert physical.expect(level(), 1).drev == 0  # no photograph says what is on its way


def test_a_hold_never_begins_earlier_than_the_one_that_is_there() -> None:
    held = physical.hold(level(), trade.NOW, UNTIL_COUNTED)
    earlier = physical.hold(held, "2026-11-24T08:30:00.000Z", "2026-11-24T12:00:00.000Z")

    assert (held.held_since, held.held_until, held.takeable(trade.NOW)) == (trade.NOW, UNTIL_COUNTED, 0)
    assert (earlier.held_since, earlier.held_until) == (trade.NOW, "2026-11-24T12:00:00.000Z")
    assert physical.unhold(held) == replace(level(), drev=2)


def test_a_hold_that_is_over_before_it_begins_is_a_mistake() -> None:
    with pytest.raises(InvalidInput):
        physical.hold(level(), trade.NOW, trade.NOW)


@pytest.mark.parametrize("units", [0, -1, MOST_UNITS + 1, 2.5, "3", True, None])
def test_what_nobody_can_have_moved_is_refused(units: object) -> None:
    with pytest.raises(InvalidInput):
        physical.check_units(units)


@pytest.mark.parametrize("units", [1, MOST_UNITS])
def test_what_somebody_may_have_moved_is_not(units: int) -> None:
    physical.check_units(units)
    physical.check_units(0, least=0)


@pytest.mark.parametrize(
    ("units", "kind", "is_right"),
    [
        (-1, Adjustment.DAMAGED, True),
        (1, Adjustment.DAMAGED, False),
        (-1, Adjustment.LOST, True),
        (1, Adjustment.LOST, False),
        (1, Adjustment.FOUND, True),
        (-1, Adjustment.FOUND, False),
        (1, Adjustment.MISPICK, True),
        (-1, Adjustment.MISPICK, True),
        (-MOST_UNITS, Adjustment.CORRECTION, True),
        (-MOST_UNITS - 1, Adjustment.CORRECTION, False),
        (MOST_UNITS + 1, Adjustment.CORRECTION, False),
        (0, Adjustment.CORRECTION, False),
    ],
)
def test_an_adjustment_goes_the_way_its_kind_says(units: int, kind: Adjustment, is_right: bool) -> None:  # noqa: FBT001
    if is_right:
        physical.check_change(units, kind)
    else:
        with pytest.raises(InvalidInput):
            physical.check_change(units, kind)


def test_only_a_source_of_our_own_is_moved() -> None:
    rules = trade.shop_rules("alpina", "wien")
    wien = physical.source_of(rules, SourceId("wien"))

    with pytest.raises(Rejected):
        physical.check_own(wien)
    physical.check_own(replace(wien, own=True))
    with pytest.raises(InvalidInput):
        physical.source_of(rules, SourceId("nobody"))


def test_the_name_of_a_count_by_hand_names_its_operation_and_a_file_does_not() -> None:
    assert physical.operation_of(physical.count_id("monday")) == "monday"
    assert physical.operation_of("in/alpina/count.csv@1") == ""


steps = st.lists(st.tuples(st.sampled_from([*TOLD_AS, "expect"]), st.integers(-30, 30)), max_size=15)


@given(steps)
def test_whatever_people_do_a_level_adds_up_and_its_terms_and_movements_fold_to_it(
    wanted: list[tuple[str, int]],
) -> None:
    found = trade.level("NL-1001", "alpina", 20)
    movements: list[Movement] = [ledger.movement(None, found)]
    told = Counter({LevelTermKind.COUNTED: 20})
    for kind, units in wanted:
        moved = abs(units) if kind in {"receive", "send_off"} else units
        step: Callable[[Level, int], Level] = getattr(physical, kind)
        try:
            after = step(found, moved)
        except Rejected:
            continue
        cause = ("transfer" if kind == "send_off" else kind, f"op{found.revision}")
        after = replace(after, revision=found.revision + 1, cause=cause)
        movements.append(ledger.movement(found, after))
        told[TOLD_AS.get(kind, LevelTermKind.EXPECTED)] += after.counted - found.counted
        found = after

    explained = explain.level(found, movements)
    assert stock.adds_up(found)
    assert min(found.counted, found.incoming) >= 0
    assert explained.wrong == ""
    terms: Counter[LevelTermKind] = Counter()
    for term in explained.terms:
        terms[term.kind] += term.units
    assert terms == told
    assert sum(term.units for term in explained.terms) == found.available == sum(each.units for each in movements)
    assert sum(each.counted for each in movements) == found.counted
    assert sum(term.units for term in explained.incoming) == found.incoming == sum(each.incoming for each in movements)
