"""What is wrong with a level is told apart, and what is proposed makes it right: nothing is found after it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from shared.domain import ledger, stock
from shared.domain.conservation import MOST_CORRECTED, Drift, Holding, Mend, examine, holding, is_on_its_way, levels_of
from shared.domain.ledger import Movement, in_order, movement
from shared.domain.orders import DeductsAt, cancel, send, ship, take
from shared.domain.stock import Level
from tests.support import trade

KEY = trade.at("A", "alpina")
MONDAY, TUESDAY, LATER = trade.T0, "2026-11-25T08:00:00.000Z", "2026-11-26T08:00:00.000Z"


def token(order_id: str) -> str:
    return trade.key(order_id).token


def after(level: Level, kind: str, *, available: int = 0, committed: int = 0, counted: int = 0, **last: int) -> Level:
    """The level after one more write: `_1=3` is what it did to order 1."""
    return replace(
        level,
        available=level.available + available,
        committed=level.committed + committed,
        counted=level.counted + counted,
        revision=level.revision + 1,
        changed_at=f"2026-11-24T08:0{level.revision}:00.000Z",
        cause=(kind, f"{kind}{level.revision}"),
        last={token(each[1:]): units for each, units in last.items()},
    )


COUNTED = trade.level("A", "alpina", 10)
TAKEN = after(COUNTED, "take", available=-5, committed=5, _1=3, _2=2)
RECOUNTED = after(TAKEN, "feed", available=4, counted=4)
GIVEN = after(RECOUNTED, "cancel", available=2, committed=-2, _2=-2)
NOW = after(GIVEN, "take", available=-1, committed=1, _3=1)
IMAGES = (COUNTED, TAKEN, RECOUNTED, GIVEN, NOW)
MOVED = tuple(movement(before, image) for before, image in zip((None, *IMAGES), IMAGES, strict=False))
HELD = {"1": 3, "2": 0, "3": 1}


def holdings(held: Mapping[str, int] = HELD, deducted: int = 0) -> dict[str, Holding]:
    return {
        token(each): Holding(order=trade.key(each), revision=1, committed=units, deducted=deducted)
        for each, units in held.items()
    }


def without(*revisions: int) -> list[Movement]:
    return [each for each in MOVED if each.revision not in revisions]


def changed(revision: int, **changes: object) -> list[Movement]:
    return [replace(each, **changes) if each.revision == revision else each for each in MOVED]  # type: ignore[arg-type]


def mended(movements: Sequence[Movement], mend: Mend, at: str = TUESDAY) -> tuple[Level, list[Movement]]:
    """Level and ledger once a compensation is written and its stream record has come."""
    level, entered = mend.seen, [*movements, *mend.entries]
    if mend.writes_level:
        level = replace(
            level,
            available=level.available + mend.available,
            committed=level.committed + mend.committed,
            deducted=dict(level.deducted) | ({at: mend.deducted} if mend.deducted else {}),
            revision=level.revision + 1,
            changed_at=at,
            cause=("compensate", "op1"),
            last=mend.last,
        )
        entered.append(movement(mend.seen, level))
    return level, in_order(entered)


def found(level: Level, movements: Sequence[Movement], held: Mapping[str, Holding]) -> Drift:
    drift = examine(level, movements, held, TUESDAY)
    assert drift
    return drift


def test_what_is_sound_is_found_sound() -> None:
    assert examine(NOW, MOVED, holdings(), TUESDAY) is None
    assert examine(NOW, MOVED[3:], holdings(), TUESDAY) is None


@pytest.mark.parametrize(
    ("_case", "level", "movements", "held", "reason", "proposed"),
    [
        # available, committed, deducted of the level; units of each entry of the ledger
        ("available", replace(NOW, available=12), MOVED, HELD, "available is not", (-2, 0, 0, [2])),
        ("committed", replace(NOW, committed=3), MOVED, HELD, "available is not", (0, 1, 0, [])),
        (
            "committed and available",
            replace(NOW, committed=7, available=7),
            MOVED,
            HELD,
            "its movements sum to 10, it has 7",
            (3, -3, 0, [-3]),
        ),
        ("promised too much", NOW, MOVED, HELD | {"1": 1}, "3 units are promised to order nordlys#1", (2, -2, 0, [])),
        ("promised to nobody", NOW, MOVED, HELD | {"1": 0}, "which holds 0", (3, -3, 0, [])),
        ("promised too little", NOW, MOVED, HELD | {"4": 2}, "0 units are promised to order nordlys#4", (-2, 2, 0, [])),
        ("a movement of an order is lost", NOW, without(2), HELD, "a movement is missing", (0, 0, 0, [-5])),
        ("a count is lost", NOW, without(3), HELD, "a movement is missing", (0, 0, 0, [4])),
        ("two in a row", NOW, without(2, 3), HELD, "a movement is missing", (0, 0, 0, [-1])),
        ("two apart", NOW, without(2, 4), HELD, "a movement is missing", (0, 0, 0, [-5, 2])),
        ("the last", NOW, without(5), HELD, "its last movement is revision 4", (0, 0, 0, [-1])),
        ("the last two", NOW, without(4, 5), HELD, "its last movement is revision 3", (0, 0, 0, [1])),
        ("all of them", NOW, [], HELD, "it has no movement", (0, 0, 0, [10])),
        ("a movement is wrong", NOW, changed(2, units=-4), HELD, "its movements sum to 11", (0, 0, 0, [-1])),
        ("the first is wrong", NOW, changed(1, units=9), HELD, "its movements sum to 9", (0, 0, 0, [1])),
        (
            "an order in a movement is wrong",
            NOW,
            changed(2, last={token("1"): 3, token("2"): 9}),
            HELD,
            "7 units are promised to order nordlys#2, which holds 0",
            (0, 0, 0, [0]),
        ),
        (
            "lost, and available",
            replace(NOW, available=12),
            without(4),
            HELD,
            "available is not",
            (-2, 0, 0, [2, 2]),
        ),
    ],
)
def test_each_kind_of_drift_is_told_and_mended_for_good(
    _case: str,
    level: Level,
    movements: Sequence[Movement],
    held: Mapping[str, int],
    reason: str,
    proposed: tuple[int, int, int, list[int]],
) -> None:
    drift = found(level, movements, holdings(held))

    assert reason in drift.reason
    mend = drift.mend
    assert mend
    assert (mend.available, mend.committed, mend.deducted, [each.units for each in mend.entries]) == proposed
    right, entered = mended(movements, mend)
    assert examine(right, entered, holdings(held), LATER) is None
    assert stock.adds_up(right)
    assert right.committed == sum(held.values())
    assert +ledger.promised(entered) == {token(each): units for each, units in held.items() if units}


def test_what_was_lost_is_derived_exactly() -> None:
    for revision in (2, 4):
        mend = found(NOW, without(revision), holdings()).mend
        assert mend
        (entry,) = mend.entries
        lost = MOVED[revision - 1]
        assert entry == replace(
            lost, kind="recovered", cause="reconcile", changed_at=MOVED[revision].changed_at, covers=1
        )


def test_the_newest_is_what_the_stream_would_have_written() -> None:
    mend = found(NOW, without(5), holdings()).mend

    assert mend
    assert mend.entries == MOVED[4:]


def test_several_lost_in_a_row_are_one_entry_that_says_how_many() -> None:
    mend = found(NOW, without(2, 3), holdings()).mend

    assert mend
    (entry,) = mend.entries
    assert (entry.revision, entry.covers, entry.balance) == (3, 2, 9)
    assert (entry.committed, entry.counted, entry.last) == (5, 4, {token("1"): 3, token("2"): 2})


def test_what_was_recovered_gives_way_to_the_record_that_comes_after_all() -> None:
    mend = found(NOW, without(2, 3), holdings()).mend
    assert mend
    _, entered = mended(without(2, 3), mend)

    assert in_order([*entered, MOVED[1], MOVED[2]]) == list(MOVED)
    late = in_order([*entered, MOVED[1]])
    assert late == without(3)
    again = found(NOW, late, holdings()).mend
    assert again
    assert examine(*mended(late, again), holdings(), LATER) is None


def test_units_that_the_order_had_deducted_wait_for_the_next_count() -> None:
    mend = found(NOW, MOVED, holdings(HELD | {"1": 0}, deducted=2)).mend

    assert mend
    assert (mend.available, mend.committed, mend.deducted) == (1, -3, 2)
    assert examine(*mended(MOVED, mend), holdings(HELD | {"1": 0}), LATER) is None


@pytest.mark.parametrize(
    ("_case", "level", "movements", "held"),
    [
        ("an order cannot be found", NOW, MOVED, {token("3"): 1}),
        ("the lost one names an order that nobody knows of", NOW, without(5), {"1": 3, "2": 0}),
        ("the count was changed", replace(NOW, counted=15), MOVED, HELD),
        ("the count and available were", replace(NOW, counted=15, available=11), MOVED, HELD),
    ],
)
def test_what_only_a_person_can_tell_has_no_proposal(
    _case: str, level: Level, movements: Sequence[Movement], held: Mapping[str, int]
) -> None:
    assert found(level, movements, holdings(held)).mend is None


def test_nothing_is_derived_from_an_order_that_does_not_add_up() -> None:
    held = holdings(HELD | {"1": 1})
    held[token("1")] = replace(held[token("1")], adds_up=False)

    assert found(NOW, MOVED, held).mend is None


def test_where_very_many_orders_differ_something_else_is_wrong() -> None:
    held = HELD | {str(each): 1 for each in range(4, 5 + MOST_CORRECTED)}

    assert found(NOW, MOVED, holdings(held)).mend is None


@pytest.mark.parametrize(
    ("_case", "held", "is_wrong"),
    [
        ("as before", HELD, False),
        ("an order from before the ledger begins", HELD | {"1": 3}, False),
        ("fewer than it was promised since", HELD | {"3": 0}, True),
        ("more than all that is committed", HELD | {"1": 4}, True),
    ],
)
def test_a_ledger_that_begins_later_says_less(_case: str, held: Mapping[str, int], is_wrong: bool) -> None:  # noqa: FBT001 - a column
    drift = examine(NOW, MOVED[2:], holdings(held), TUESDAY)

    assert (drift is not None) == is_wrong
    if drift and drift.mend:
        assert examine(*mended(MOVED[2:], drift.mend), holdings(held), LATER) is None


def test_a_lost_movement_of_a_ledger_that_begins_later_is_recovered_from_its_balances() -> None:
    mend = found(NOW, [MOVED[1], *MOVED[3:]], holdings()).mend

    assert mend
    assert [(each.units, each.counted) for each in mend.entries] == [(4, 4)]
    assert examine(*mended([MOVED[1], *MOVED[3:]], mend), holdings(), LATER) is None


def test_an_entry_expires_with_the_movement_after_it() -> None:
    broken = changed(3, units=1)
    mend = found(NOW, broken, holdings()).mend
    assert mend
    level, entered = mended(broken, mend)

    for begins_after in [each.changed_at for each in entered]:
        kept = [each for each in entered if each.changed_at > begins_after]
        assert not kept or examine(level, kept, holdings(), LATER) is None


@pytest.mark.parametrize(
    ("_case", "movements", "before", "is_late"),
    [
        ("nothing is missing", MOVED, MONDAY, False),
        ("the last, written just now", without(5), GIVEN.changed_at, True),
        ("the last, written long ago", without(5), NOW.changed_at, False),
        ("one before the last, written just now", without(4), GIVEN.changed_at, True),
        ("one, written long ago", without(2), GIVEN.changed_at, False),
    ],
)
def test_what_the_stream_may_still_bring(_case: str, movements: list[Movement], before: str, is_late: bool) -> None:  # noqa: FBT001 - a column
    assert is_on_its_way(NOW, movements, before) == is_late


def test_what_an_order_holds_of_a_level() -> None:
    order = take(trade.order("1", ("A", 5), ("B", 1)), {("l1", KEY.source): 5, ("l2", KEY.source): 1}, attempt="a")
    assert (holding(order, KEY).committed, holding(order, KEY).deducted) == (5, 0)
    assert levels_of(order) == {KEY, trade.at("B", "alpina")}

    sent = send(order, 1, deducts_at=DeductsAt.SHIP).order
    shipped = ship(sent, 1, "l1", 2, deducts_at=DeductsAt.SHIP).order
    assert (holding(shipped, KEY).committed, holding(shipped, KEY).deducted) == (3, 2)

    cancelled = cancel(order, 2).order
    assert (holding(cancelled, KEY).committed, holding(cancelled, KEY).deducted) == (0, 0)
    assert levels_of(cancelled) == set()
    broken = replace(order, lines=tuple(replace(line, cancelled=1) for line in order.lines))
    assert not holding(broken, KEY).adds_up


@pytest.mark.parametrize("seed", range(300))
def test_any_damage_to_a_random_history_is_mended_or_left_to_a_person(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a history is to be repeated
    images, held = history(chance)
    moved = [movement(before, image) for before, image in zip((None, *images), images, strict=False)]
    level, orders = images[-1], holdings(held)
    assert examine(level, moved, orders, TUESDAY) is None

    match chance.choice(["available", "committed", "lost", "wrong", "order"]):
        case "available":
            level = replace(level, available=level.available + chance.choice([-2, -1, 1, 2]))
        case "committed":
            level = replace(level, committed=level.committed + chance.choice([-2, -1, 1, 2]))
        case "lost":
            gone = set(chance.sample(range(len(moved)), chance.randint(1, len(moved))))
            moved = [each for i, each in enumerate(moved) if i not in gone or i == 0]
        case "wrong":
            i = chance.randrange(len(moved))
            moved[i] = replace(moved[i], units=moved[i].units + 1)
        case _:
            orders |= holdings({"1": held["1"] + 1})
    drift = examine(level, moved, orders, TUESDAY)

    if drift is None:
        assert len(moved) == len(images)  # the first was "lost", which this history keeps
        return
    assert drift.mend
    right, entered = mended(moved, drift.mend)
    assert examine(right, entered, orders, LATER) is None
    assert right.committed == sum(each.committed for each in orders.values())


def history(chance: random.Random) -> tuple[list[Level], dict[str, int]]:
    """Up to nine writes of a level, and what three orders hold of it then."""
    images, held = [COUNTED], dict.fromkeys(("1", "2", "3"), 0)
    for _ in range(chance.randint(1, 8)):
        last, which = images[-1], chance.choice(list(held))
        match chance.choice(["take", "give back", "count"]):
            case "take":
                units = chance.randint(1, 3)
                held[which] += units
                images.append(after(last, "take", available=-units, committed=units, **{f"_{which}": units}))
            case "give back" if held[which]:
                units = chance.randint(1, held[which])
                held[which] -= units
                images.append(after(last, "cancel", available=units, committed=-units, **{f"_{which}": -units}))
            case _:
                units = chance.randint(-3, 9)
                images.append(after(last, "feed", available=units, counted=units))
    return images, held
