"""Counts beside orders and beside one another: every level adds up, and the newest photograph counts."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.domain import stock
from shared.domain.feeds import Feed
from shared.domain.names import LevelKey, SourceId
from shared.domain.stock import Blind, Count, CountWrite, First, Level
from shared.errors import Conflict
from shared.flows.ingest_counts import IngestCounts
from shared.storage import keys, levels
from shared.storage.dynamo import Table, Transactions
from shared.storage.feeds import Feeds
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.problems import Problems
from tests.engine.conftest import Engine
from tests.support import ingest as support
from tests.support import trade
from tests.support.shelf import Shelf

ALPINA = SourceId("alpina")
RULES = trade.shop_rules("alpina")
NOW = trade.times_now()
THREADS = 8
NO_SLACK = timedelta(0)


def at(minute: int) -> str:
    return f"2026-11-24T08:{minute:02}:00.000Z"


def pause(tried: int) -> None:
    time.sleep(random.uniform(0, 0.004 * tried))  # noqa: S311, TID251


def table(engine: Engine) -> Table:
    return Table(engine.client(), engine.stock_table)


def ingest(engine: Engine, shelf: Shelf, writers: int = 4) -> IngestCounts:
    counted = table(engine)
    return support.ingest(
        files=shelf,
        feeds=Feeds(counted),
        levels=Levels(counted),
        offers=Offers(counted),
        problems=Problems(Table(counted.client, engine.order_table)),
        pause=pause,
        writers=writers,
    )


def level_of(counted: Table, key: LevelKey) -> Level:
    found = counted.get(keys.level(key))
    assert found
    return levels.from_item(found)


def at_once(work: Sequence[Callable[[], object]]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(each) for each in work]
        return [each.result(timeout=120) for each in running]


def settle(store: Levels, write: CountWrite) -> int:
    """Write a count from whatever it meets; answer how many writes were carried out: 1, or 0 for an older one."""
    planned: CountWrite | None = write
    while planned is not None:
        try:
            is_done, met = store.count(planned, trade.NOW)
        except Conflict:
            pause(1)
            continue
        if is_done:
            return 1
        planned = stock.exact(write.count, met, NO_SLACK)
    return 0


def take(counted: Table, key: LevelKey, units: int, n: int) -> int:
    """Take units of a level as an order does; answer how many were taken."""
    action = levels.take(counted.name, key, {f"token-{n}": units}, f"attempt-{n}", trade.NOW)
    while True:
        outcome = Transactions(counted.client).commit([action])
        if outcome.is_done:
            return units
        if not outcome.conflicts:
            return 0
        pause(1)


def count(key: LevelKey, units: int, minute: int) -> Count:
    return Count(key=key, units=units, as_of=at(minute), count_id=f"in/alpina/{minute}.csv@v1")


KEY = trade.at("A", "alpina")


@pytest.mark.parametrize("seed", range(5))
def test_of_many_first_counts_one_makes_the_level_and_the_newest_stays(engine: Engine, seed: int) -> None:
    store = Levels(table(engine))
    minutes = list(range(1, 17)) * 2
    random.Random(seed).shuffle(minutes)  # noqa: S311

    writes = at_once([partial(settle, store, First(count=count(KEY, m, m))) for m in minutes])

    level = level_of(store.table, KEY)
    assert (level.counted, level.counted_as_of, level.available) == (16, at(16), 16)
    assert level.revision == sum(writes)


@pytest.mark.parametrize("seed", range(5))
def test_counts_beside_takes_lose_nothing(engine: Engine, seed: int) -> None:
    counted = table(engine)
    store = Levels(counted)
    counted.put(levels.to_item(trade.level("A", "alpina", 1000, counted_as_of=at(0))))
    chance = random.Random(seed)  # noqa: S311
    says = {minute: chance.randint(500, 1000) for minute in range(1, 13)}
    writes = [Blind(count=count(KEY, units, minute), old=says.get(minute - 1, 1000)) for minute, units in says.items()]
    work = [("count", partial(settle, store, write)) for write in writes * 2]
    work += [("take", partial(take, counted, KEY, n % 5 + 1, n)) for n in range(60)]
    chance.shuffle(work)

    answers = at_once([each for _, each in work])

    done = [(kind, answer) for (kind, _), answer in zip(work, answers, strict=True)]
    level = level_of(counted, KEY)
    taken = [units for kind, units in done if kind == "take"]
    assert all(taken)
    assert level.committed == sum(taken)
    assert (level.counted, level.counted_as_of) == (says[12], at(12))
    assert stock.adds_up(level)
    assert level.revision == 1 + len(taken) + sum(written for kind, written in done if kind == "count")


def test_a_blind_row_delivered_again_is_not_written_again(engine: Engine) -> None:
    counted = table(engine)
    store = Levels(counted)
    counted.put(levels.to_item(trade.level("A", "alpina", 10, counted_as_of=at(0))))
    write = Blind(count=count(KEY, 7, 1), old=10)

    done, after = store.count(write, trade.NOW)
    again, met = store.count(write, trade.NOW)

    assert (done, again) == (True, False)
    assert after == met
    assert (level_of(counted, KEY).revision, level_of(counted, KEY).available) == (2, 7)


def test_a_photograph_never_drops_a_deduction_that_joined_since_it_was_read(engine: Engine) -> None:
    counted = table(engine)
    store = Levels(counted)
    seen = trade.level("A", "alpina", 5, counted=10, counted_as_of=at(0), deducted={at(1): 5}, drev=1)
    joined = trade.level("A", "alpina", 3, counted=10, counted_as_of=at(0), deducted={at(1): 7}, drev=2, revision=2)
    counted.put(levels.to_item(joined, "OPEN#alpina", at(0)))
    photograph = count(KEY, 3, 30)
    stale = stock.exact(photograph, seen, NO_SLACK)
    assert stale

    done, met = store.count(stale, trade.NOW)
    assert not done
    assert met == joined
    assert settle(store, stale) == 1

    level = level_of(counted, KEY)
    assert (level.available, level.deducted) == (3, {})
    assert stock.adds_up(level)
    assert store.open(ALPINA) == []


def body(says: dict[str, int]) -> str:
    return "sku,qty,cost\n" + "".join(f"{sku},{units},{units}.00\n" for sku, units in says.items())


SKUS = [f"S{i:02}" for i in range(24)]


def assert_ends_with(engine: Engine, newest: dict[str, int], minute: int, taken: Counter[str]) -> None:
    counted = table(engine)
    feed = Feeds(counted).now(ALPINA)
    assert feed.applied
    assert (feed.applied.as_of, feed.open) == (at(minute), ())
    for sku, units in newest.items():
        level = level_of(counted, trade.at(sku, "alpina"))
        assert (sku, level.counted, level.committed) == (sku, units, taken[sku])
        assert stock.adds_up(level)
        offer = counted.get(keys.offer(level.key))
        assert offer
        assert offer["cost_minor"] == units * 100


@pytest.mark.parametrize("seed", range(5))
def test_files_of_a_feed_in_any_order_twice_and_at_once_beside_takes(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    shelf = Shelf()
    flow = ingest(engine, shelf)
    start = dict.fromkeys(SKUS, 900)
    flow.run({"m0": shelf.drop("in/alpina/0.csv", body(start), at(0))}, RULES, NOW)
    said = {0: start}
    for minute in range(1, 7):
        # Most rows stay, and many come back to what they were: a skipped row must be a true one.
        said[minute] = {sku: chance.choice((900, 900, units, 800 + minute)) for sku, units in said[minute - 1].items()}
    messages = [shelf.drop(f"in/alpina/{minute}.csv", body(said[minute]), at(minute)) for minute in range(1, 7)]
    work: list[Callable[[], object]] = [partial(run_until_done, flow, message) for message in messages * 2]
    takes = [(chance.choice(SKUS), n) for n in range(60)]
    counted = table(engine)
    work += [partial(take, counted, trade.at(sku, "alpina"), 1, n) for sku, n in takes]
    chance.shuffle(work)

    at_once(work)

    assert_ends_with(engine, said[6], 6, Counter(sku for sku, _ in takes))
    before = [level_of(counted, trade.at(sku, "alpina")) for sku in SKUS]
    for message in messages:
        run_until_done(flow, message)
    assert [level_of(counted, trade.at(sku, "alpina")) for sku in SKUS] == before


def run_until_done(flow: IngestCounts, message: str) -> None:
    for _ in range(20):
        if not flow.run({"m": message}, RULES, NOW).again:
            return
    raise AssertionError("a message that never ends")


def test_two_runs_of_one_file_at_once_write_every_row_once(engine: Engine) -> None:
    shelf = Shelf()
    flow = ingest(engine, shelf)
    flow.run({"m0": shelf.drop("in/alpina/0.csv", body(dict.fromkeys(SKUS, 5)), at(0))}, RULES, NOW)
    message = shelf.drop("in/alpina/1.csv", body(dict.fromkeys(SKUS, 7)), at(1))

    at_once([partial(run_until_done, flow, message)] * THREADS)

    counted = table(engine)
    assert {level_of(counted, trade.at(sku, "alpina")).revision for sku in SKUS} == {2}
    assert_ends_with(engine, dict.fromkeys(SKUS, 7), 1, Counter())
    assert Feeds(counted).now(ALPINA).revision == 4  # opened and finished, twice


def test_two_files_in_the_wrong_order_leave_the_newer_one(engine: Engine) -> None:
    shelf = Shelf()
    flow = ingest(engine, shelf, writers=1)
    newer = shelf.drop("in/alpina/2.csv", body({"A": 7}), at(2))
    older = shelf.drop("in/alpina/1.csv", body({"A": 5, "B": 5}), at(1))

    assert flow.run({"m1": newer, "m2": older}, RULES, NOW).counted["FileOlder"] == 1

    assert_ends_with(engine, {"A": 7}, 2, Counter())
    assert table(engine).get(keys.level(trade.at("B", "alpina"))) is None


def test_a_feed_is_written_only_over_the_revision_that_was_seen(engine: Engine) -> None:
    store = Feeds(table(engine))
    feed = Feed(source=ALPINA, heartbeat_at=at(1), revision=1)

    assert store.write(feed)
    assert not store.write(feed)
    assert store.write(Feed(source=ALPINA, heartbeat_at=at(2), revision=2))
    assert not store.write(Feed(source=ALPINA, heartbeat_at=at(3), revision=2))
    assert store.now(ALPINA) == Feed(source=ALPINA, heartbeat_at=at(2), revision=2)
