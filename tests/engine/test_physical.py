"""What people change by hand: once beside one another, conserved whatever breaks, never more than there is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest

from shared.domain import orders, physical, stock, times
from shared.domain.names import LevelKey, SourceId
from shared.domain.orders import DeductsAt, Order
from shared.domain.people import By, Wish
from shared.domain.physical import Adjustment
from shared.domain.stock import UNTIL_COUNTED, Blind, Count, Level
from shared.errors import Conflict, InvalidInput, Rejected, Transient
from shared.storage import keys, levels
from shared.storage import orders as order_items
from shared.storage.dynamo import Table
from shared.storage.levels import Levels
from shared.storage.operations import Operations
from tests.engine.conftest import Engine
from tests.engine.test_count_rows import THREADS, at_once, settle, take
from tests.support import trade
from tests.support.faults import Crash, Faulty, Meanwhile, no_answer

RULES = trade.shop_rules("wien", "graz")
WIEN, GRAZ = (replace(RULES.sources[SourceId(each)], own=True) for each in ("wien", "graz"))
HERE, THERE = LevelKey(trade.at("A", "wien").sku, WIEN.source), LevelKey(trade.at("A", "graz").sku, GRAZ.source)
BY = By("bo", "monday")
LATER = times.text(trade.times_now() + timedelta(hours=1))


def wish(op_id: str, minutes: int = 0) -> Wish:
    return Wish(op_id, BY, trade.times_now() + timedelta(minutes=minutes))


def operations(engine: Engine, client: Any = None) -> Operations:  # noqa: ANN401 - a client, or a faulty one
    of = client or engine.client()
    return Operations(Table(of, engine.stock_table), Table(of, engine.order_table))


@pytest.fixture
def house(engine: Engine) -> Operations:
    """40 pieces in Vienna, 3 in Graz, and 5 shipped of an order."""
    store = operations(engine)
    for level in (trade.level("A", "wien", 40), trade.level("A", "graz", 3)):
        store.stock.put(levels.to_item(level))
    order = orders.take(trade.order("1", ("A", 8)), {("l1", WIEN.source): 8}, attempt="t")
    order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
    order = orders.ship(order, 1, "l1", 5, deducts_at=DeductsAt.SHIP).order
    store.orders.put(order_items.to_item(order))
    return store


ORDER = trade.key("1")
CHANGES: dict[str, Callable[[Operations, Wish], bool]] = {
    "adjust": lambda store, by: store.adjust(HERE, -7, Adjustment.LOST, by),
    "expect": lambda store, by: store.expect(HERE, 7, "", by),
    "receive": lambda store, by: store.receive(HERE, 7, by),
    "transfer": lambda store, by: store.transfer(HERE.sku, 7, WIEN, GRAZ, by),
    "count": lambda store, by: store.count(HERE.sku, 33, WIEN, "", by),
    "return": lambda store, by: store.put_back(ORDER, "l1", 3, WIEN, by),
    "hold": lambda store, by: store.hold(HERE, "", by),
}


def look(store: Operations) -> tuple[Level, Level, Order]:
    """Read both levels and the order; levels add up, and nothing is below zero."""
    found = store.levels([HERE, THERE])
    for level in found.values():
        assert stock.adds_up(level)
        assert min(level.counted, level.incoming) >= 0
    return found[HERE], found[THERE], store.order(ORDER)


def numbers(store: Operations) -> tuple[int, ...]:
    """What there is in Vienna and Graz, counted, available, incoming each; what came back."""
    here, there, order = look(store)
    each = [number for level in (here, there) for number in (level.counted, level.available, level.incoming)]
    return (*each, order.allocations[0].returned)


STEPS: dict[str, Callable[[Level], Level]] = {
    "adjust": lambda level: physical.adjust(level, -7),
    "expect": lambda level: physical.expect(level, 7),
    "receive": lambda level: physical.receive(level, 7),
    "transfer": lambda level: physical.send_off(level, 7),
    "return": lambda level: physical.put_back(level, 3),
    "hold": lambda level: physical.hold(level, trade.NOW, UNTIL_COUNTED),
}


@pytest.mark.parametrize("change", STEPS)
def test_a_change_writes_what_its_step_says(house: Operations, change: str) -> None:
    before = house.level(HERE)

    CHANGES[change](house, wish("monday"))

    written = house.level(HERE)
    assert (written.revision, written.changed_at, written.cause[0]) == (2, trade.NOW, change)
    of_before = {name: getattr(before, name) for name in ("revision", "changed_at", "cause", "last")}
    assert replace(written, **of_before) == STEPS[change](before)


BEFORE = (40, 40, 0, 3, 3, 0, 0)
AFTER = {
    "adjust": (33, 33, 0, 3, 3, 0, 0),
    "expect": (40, 40, 7, 3, 3, 0, 0),
    "receive": (47, 47, 0, 3, 3, 0, 0),
    "transfer": (33, 33, 0, 3, 3, 7, 0),
    "count": (33, 33, 0, 3, 3, 0, 0),
    "return": (43, 43, 0, 3, 3, 0, 3),
    "hold": BEFORE,
}


@pytest.mark.parametrize("change", CHANGES)
def test_workers_at_once_with_one_id_make_a_change_once(engine: Engine, house: Operations, change: str) -> None:
    stores = [operations(engine) for _ in range(THREADS)] * 2
    work = [partial(CHANGES[change], store, wish("monday", n)) for n, store in enumerate(stores)]

    made = at_once(work)

    assert made.count(True) == 1
    assert numbers(house) == AFTER[change]
    assert look(house)[0].revision == 2


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_breaks_off_at_any_call_is_whole_or_not_there_and_once_when_repeated(
    engine: Engine, house: Operations, change: str
) -> None:
    client = engine.client()
    clean = Faulty(client, at=0)
    seen = [(level.key, levels.to_item(level)) for level in look(house)[:2]]
    order = house.orders.get(keys.order(ORDER))
    assert order
    CHANGES[change](operations(engine, clean), wish("clean"))

    calls = range(1, len(clean.calls) + 1)
    for n, (at, failure, after) in enumerate(product(calls, (Crash(), no_answer()), (False, True))):
        for _, item in seen:
            house.stock.put(item)
        house.orders.put(order)
        faulty = Faulty(client, at, failure=failure, after=after)
        # An answer that is lost once is asked for again; a crash, and a read without one, are the caller's to repeat.
        try:
            CHANGES[change](operations(engine, faulty), wish(f"op{n}"))
        except (Crash, Transient):
            assert numbers(house) in {BEFORE, AFTER[change]}
        CHANGES[change](house, wish(f"op{n}", minutes=5))

        assert numbers(house) == AFTER[change]
        assert look(house)[0].revision == 2


def test_a_transaction_whose_answer_is_lost_for_good_is_found_made(engine: Engine, house: Operations) -> None:
    class NeverAnswers:
        """Carries out every transaction and answers none."""

        def __init__(self, client: Any) -> None:  # noqa: ANN401
            self.client = client

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            call = getattr(self.client, name)

            def silent(**request: Any) -> Any:  # noqa: ANN401
                answer = call(**request)
                if name == "transact_write_items":
                    raise no_answer()
                return answer

            return silent

    with pytest.raises(Transient):
        CHANGES["transfer"](operations(engine, NeverAnswers(engine.client())), wish("monday"))

    assert CHANGES["transfer"](house, wish("monday", minutes=5)) is False
    assert numbers(house) == AFTER["transfer"]


def refused(work: Callable[[], object]) -> bool:
    """Do it; answer whether it was refused."""
    try:
        work()
    except Rejected:
        return True
    return False


@pytest.mark.parametrize("seed", range(2))
def test_adjustments_beside_takes_lose_nothing_and_leave_no_count_below_zero(
    engine: Engine, house: Operations, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    counted = house.stock
    adjusts = [-chance.randint(1, 9) for _ in range(24)] + [1, 2, 3]
    kinds = {True: Adjustment.FOUND, False: Adjustment.LOST}
    stores = [operations(engine) for _ in range(THREADS)]
    work: list[tuple[str, Callable[[], object]]] = [
        ("adjust", partial(refused, partial(stores[n % 8].adjust, HERE, units, kinds[units > 0], wish(f"a{n}"))))
        for n, units in enumerate(adjusts)
    ]
    work += [("take", partial(take, counted, HERE, n % 3 + 1, n)) for n in range(30)]
    done = list(zip(adjusts, work[: len(adjusts)], strict=True))
    chance.shuffle(work)

    answers = dict(zip((id(each) for _, each in work), at_once([each for _, each in work]), strict=True))

    adjusted = sum(units for units, (_, each) in done if not answers[id(each)])
    taken = sum(answers[id(each)] for kind, each in work if kind == "take")
    here, _, _ = look(house)
    assert any(answers[id(each)] for _, (_, each) in done)
    assert (here.counted, here.committed) == (40 + adjusted, taken)
    assert here.revision == 1 + sum(not answers[id(each)] for _, (_, each) in done) + sum(
        bool(answers[id(each)]) for kind, each in work if kind == "take"
    )


@pytest.mark.parametrize("seed", range(2))
def test_transfers_to_and_fro_beside_takes_and_receipts_keep_every_piece_and_promise(
    engine: Engine, house: Operations, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    stores = [operations(engine) for _ in range(THREADS)]
    ways = [(WIEN, GRAZ)] * 12 + [(GRAZ, WIEN)] * 6
    transfers = [
        partial(refused, partial(stores[n % 8].transfer, HERE.sku, chance.randint(1, 9), *way, wish(f"t{n}")))
        for n, way in enumerate(ways)
    ]
    takes = [partial(take, house.stock, chance.choice((HERE, THERE)), n % 3 + 1, n) for n in range(30)]
    work: list[Callable[[], object]] = [*transfers, *takes]
    chance.shuffle(work)

    at_once(work)

    here, there, _ = look(house)
    assert here.available >= 0
    assert there.available >= 0
    assert here.counted + there.counted + here.incoming + there.incoming == 43
    for key, level in ((HERE, here), (THERE, there)):
        if level.incoming:
            house.receive(key, level.incoming, wish(f"end-{key.source}"))
    here, there, _ = look(house)
    assert (here.counted + there.counted, here.incoming, there.incoming) == (43, 0, 0)


def test_receipts_at_once_take_what_is_expected_once(engine: Engine, house: Operations) -> None:
    house.expect(HERE, 10, "", wish("e"))
    stores = [operations(engine) for _ in range(THREADS)]

    at_once([partial(store.receive, HERE, 4, wish(f"r{n}")) for n, store in enumerate(stores)])

    assert numbers(house)[:3] == (72, 72, 0)


def test_expectations_given_up_at_once_leave_none_below_zero(engine: Engine, house: Operations) -> None:
    house.expect(HERE, 7, "", wish("e"))
    stores = [operations(engine) for _ in range(THREADS)]

    refusals = at_once(
        [partial(refused, partial(store.expect, HERE, -2, "", wish(f"g{n}"))) for n, store in enumerate(stores)]
    )

    assert refusals.count(False) == 3
    assert numbers(house)[:3] == (40, 40, 1)


def test_an_expectation_that_joins_a_receipt_is_not_received_with_it(engine: Engine, house: Operations) -> None:
    house.expect(HERE, 2, "", wish("e1"))
    meanwhile = Meanwhile(engine.client(), "transact_write_items", lambda: house.expect(HERE, 10, "", wish("e2")))

    operations(engine, meanwhile).receive(HERE, 5, wish("r"))

    assert numbers(house)[:3] == (45, 45, 7)


def test_returns_at_once_never_put_back_more_than_was_shipped(engine: Engine, house: Operations) -> None:
    stores = [operations(engine) for _ in range(THREADS)]

    refusals = at_once(
        [
            partial(refused, partial(store.put_back, ORDER, "l1", 2, WIEN, wish(f"r{n}")))
            for n, store in enumerate(stores)
        ]
    )

    assert refusals.count(False) == 2
    assert numbers(house) == (44, 44, 0, 3, 3, 0, 4)


@pytest.mark.parametrize("change", CHANGES)
def test_a_level_that_is_not_there_is_never_made_by_a_change(engine: Engine, change: str) -> None:
    store = operations(engine)

    with pytest.raises(InvalidInput):
        CHANGES[change](store, wish("monday"))

    for table in (store.stock, store.orders):
        assert table.client.scan(TableName=table.name)["Count"] == 0


def test_where_one_end_of_a_transfer_is_missing_nothing_leaves_the_other(house: Operations) -> None:
    house.stock.delete(keys.level(THERE))

    with pytest.raises(InvalidInput):
        CHANGES["transfer"](house, wish("monday"))

    assert house.level(HERE).counted == 40


def test_the_end_of_a_transfer_that_goes_while_it_is_written_stops_it(engine: Engine, house: Operations) -> None:
    gone = Meanwhile(engine.client(), "transact_write_items", lambda: house.stock.delete(keys.level(THERE)))

    with pytest.raises(InvalidInput) as failure:
        CHANGES["transfer"](operations(engine, gone), wish("monday"))

    assert failure.value.code == "unknown_level"
    assert house.levels([HERE, THERE]).keys() == {HERE}
    assert house.level(HERE).counted == 40


# ---- beside photographs


def photograph(store: Operations, units: int, old: int, as_of: str) -> Level:
    """Have a file's row written; return the level after it."""
    count = Count(key=HERE, units=units, as_of=as_of, count_id="in/wien/2.csv@1")
    assert settle(Levels(store.stock), Blind(count=count, old=old)) == 1
    return look(store)[0]


@pytest.mark.parametrize("change", ["adjust", "receive", "transfer", "count", "return"])
def test_the_next_file_settles_a_change_even_where_its_row_is_unchanged(house: Operations, change: str) -> None:
    CHANGES[change](house, wish("monday"))
    assert Levels(house.stock).open(WIEN.source) == [HERE]

    here = photograph(house, 40, 40, LATER)

    assert (here.counted, here.available) == (40, 40)
    assert Levels(house.stock).open(WIEN.source) == []


def test_what_is_expected_waits_for_no_file_and_survives_each(house: Operations) -> None:
    CHANGES["expect"](house, wish("monday"))
    assert Levels(house.stock).open(WIEN.source) == []

    here = photograph(house, 41, 40, LATER)

    assert (here.counted, here.available, here.incoming) == (41, 41, 7)


def test_a_count_by_hand_nets_what_joined_while_it_was_planned(engine: Engine, house: Operations) -> None:
    deducted = stock.deduction(HERE, 0, 4, trade.times_now(), timedelta(0))

    def ships_late() -> None:
        action = levels.deduct(house.stock.name, deducted, "token", ("ship", "d"), trade.NOW, is_shown=False)
        request = {name: action.request[name] for name in action.request if name.startswith(("Update", "Cond", "Expr"))}
        assert house.stock.update(action.key, request)[0]

    meanwhile = Meanwhile(engine.client(), "transact_write_items", ships_late)

    operations(engine, meanwhile).count(HERE.sku, 40, WIEN, "", wish("monday"))

    here, _, _ = look(house)
    assert (here.counted, here.available, dict(here.deducted)) == (40, 36, {deducted.bucket: 4})


def test_an_older_file_undoes_no_count_by_hand(house: Operations) -> None:
    CHANGES["count"](house, wish("monday"))
    older = Count(key=HERE, units=40, as_of="2026-11-24T08:59:00.000Z", count_id="in/wien/2.csv@1")

    assert settle(Levels(house.stock), Blind(count=older, old=40)) == 0

    assert numbers(house) == AFTER["count"]


def test_a_hold_that_joins_a_photograph_is_lifted_by_the_next_one_only(house: Operations) -> None:
    count = Count(key=HERE, units=41, as_of=trade.NOW, count_id="in/wien/2.csv@1")
    stale = stock.exact(count, house.level(HERE), timedelta(0))
    assert stale
    house.hold(HERE, "", wish("h", minutes=1))

    assert settle(Levels(house.stock), stale) == 1

    assert house.level(HERE).held_until == UNTIL_COUNTED
    assert Levels(house.stock).open(WIEN.source) == [HERE]
    here = photograph(house, 41, 41, LATER)
    assert (here.held_until, here.available) == ("", 41)
    assert Levels(house.stock).open(WIEN.source) == []


def test_a_held_level_gives_nothing_until_it_is_let_go(house: Operations) -> None:
    house.hold(HERE, LATER, wish("h"))
    assert take(house.stock, HERE, 1, 1) == 0

    house.unhold(HERE, wish("u"))

    assert take(house.stock, HERE, 1, 2) == 1


def test_a_hold_is_refused_when_a_photograph_overtakes_it(engine: Engine, house: Operations) -> None:
    meanwhile = Meanwhile(engine.client(), "transact_write_items", lambda: photograph(house, 41, 40, LATER))

    with pytest.raises(Rejected):
        operations(engine, meanwhile).hold(HERE, "", wish("h"))

    assert house.level(HERE).held_until == ""


def test_a_hold_that_joins_a_later_one_does_not_make_it_begin_earlier(engine: Engine, house: Operations) -> None:
    later = wish("h2", minutes=10)
    meanwhile = Meanwhile(engine.client(), "transact_write_items", lambda: house.hold(HERE, "", later))

    operations(engine, meanwhile).hold(HERE, "", wish("h1"))

    assert house.level(HERE).held_since == times.text(later.at)


def test_of_many_who_let_go_of_a_level_one_does(engine: Engine, house: Operations) -> None:
    house.hold(HERE, "", wish("h"))
    stores = [operations(engine) for _ in range(THREADS)]

    refusals = at_once([partial(refused, partial(store.unhold, HERE, wish(f"u{n}"))) for n, store in enumerate(stores)])

    assert refusals.count(False) == 1
    assert house.level(HERE).revision == 3


def test_a_level_that_never_stands_still_is_given_up(engine: Engine, house: Operations) -> None:
    class Restless:
        """Writes the level before every transaction."""

        def __init__(self, client: Any) -> None:  # noqa: ANN401
            self.client, self.left = client, 100

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            if name == "transact_write_items":
                self.left -= 1
                house.expect(HERE, 1, "", wish(f"e{self.left}"))
            return getattr(self.client, name)

    with pytest.raises(Conflict):
        operations(engine, Restless(engine.client())).receive(HERE, 1_000, wish("r"))

    assert numbers(house)[:2] == (40, 40)
