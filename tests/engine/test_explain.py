"""The terms of a level add up to what is stored, for any history, and whoever reads them is told when they do not."""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import timedelta

import pytest

from shared.domain import explain, physical, stock, times
from shared.domain.explain import LevelTermKind
from shared.domain.ledger import movement
from shared.domain.names import LevelKey
from shared.domain.stock import BY_HAND, FEED, Count, Level
from shared.storage import keys, ledger, level_changes, levels
from shared.storage.dynamo import Action, Table
from shared.storage.ledger import Ledger
from shared.storage.levels import Levels, Stamp
from tests.engine.conftest import Engine
from tests.support import trade

HISTORIES = 20_000 if os.environ.get("SOAK") else 1_000  # noqa: TID251 - how long the suite may take
NO_SLACK = timedelta(0)
TOLD_AS = {
    "adjust": LevelTermKind.ADJUSTED,
    "receive": LevelTermKind.RECEIVED,
    "transfer": LevelTermKind.TRANSFERRED,
    "return": LevelTermKind.RETURNED,
}


class History:
    """What happened to one level: counts, orders that take and give back, all that people change by hand."""

    def __init__(self, table: Table, key: LevelKey, seed: int) -> None:
        self.table, self.key = table, key
        self.chance = random.Random(seed)  # noqa: S311 - a history is to be repeated
        self.now = trade.times_now()
        self.level: Level | None = None
        self.held: Counter[str] = Counter()
        self.by_hand: Counter[LevelTermKind] = Counter()
        self.items: list[dict[str, object]] = []

    def happen(self) -> None:
        """Let one thing happen, and write its movement as the stream's reader does."""
        self.now += timedelta(seconds=self.chance.randint(1, 10_000))
        before = self.level
        by_orders, by_people = ["take", "take", "give_back", "deduct"], [*TOLD_AS, "expect", "hold"]
        kinds = ["count"] if before is None else ["count", *by_orders, *by_people]
        match self.chance.choice(kinds):
            case "take" if before and before.takeable(times.text(self.now)):
                token, units = f"order{self.chance.randint(1, 4)}", self.chance.randint(1, before.available)
                self._write(levels.take(self.table.name, self.key, {token: units}, "a", times.text(self.now)))
                self.held[token] += units
            case "give_back" if any(self.held.values()):
                token = self.chance.choice([token for token, units in self.held.items() if units])
                units = self.chance.randint(1, self.held[token])
                now = times.text(self.now)
                self._write(levels.give_back(self.table.name, self.key, units, token, ("cancel", "c"), now))
                self.held[token] -= units
            case "deduct" if before and any(self.held.values()):
                token = self.chance.choice([token for token, units in self.held.items() if units])
                units = self.chance.randint(1, self.held[token])
                shipped_at = self.now - timedelta(minutes=self.chance.randint(0, 120))
                deducted = stock.deduction(self.key, units, 0, shipped_at, NO_SLACK)
                is_shown = deducted.is_shown(before.counted_as_of)
                now = times.text(self.now)
                self._write(levels.deduct(self.table.name, deducted, token, ("ship", "d"), now, is_shown=is_shown))
                self.held[token] -= units
            case kind if before and kind in by_people:
                self._by_hand(kind, before)
            case _:
                self._count(before)
                self.by_hand.clear()
        if self.level and self.level != before:
            self.items.append(ledger.to_item(movement(before, self.level)))

    def _by_hand(self, kind: str, before: Level) -> None:
        """Let a person do something that the level allows."""
        at, stamp = (self.table.name, self.key), Stamp((kind, f"op{before.revision}"), times.text(self.now))
        units = self.chance.randint(1, 20)
        match kind:
            case "adjust":
                units = self.chance.randint(-before.counted, 20)
                action = level_changes.adjust(*at, units, stamp)
            case "receive":
                action = level_changes.receive(*at, units, before.incoming, stamp)
            case "transfer" if before.available > 0:
                units = -self.chance.randint(1, before.available)
                action = level_changes.send_off(*at, -units, stamp)
            case "return":
                token = f"order{self.chance.randint(1, 4)}"
                action = level_changes.put_back(*at, units, Stamp(stamp.cause, stamp.at, token))
            case "hold" if before.held_until:
                units, action = 0, level_changes.unhold(*at, stamp)
            case "hold":
                units, action = 0, level_changes.hold(*at, times.text(self.now), stock.UNTIL_COUNTED, stamp)
            case _:  # expected, from a supplier or from a source of our own
                action = level_changes.expect(*at, units, stamp)
                units = 0
        self._write(action)
        if units:
            self.by_hand[TOLD_AS[kind]] += units

    def _count(self, before: Level | None) -> None:
        units, kind = self.chance.randint(0, 40), self.chance.choice((FEED, BY_HAND))
        name = physical.count_id(f"{self.now:%H%M%S}") if kind == BY_HAND else f"file{self.now:%H%M%S}"
        count = Count(key=self.key, units=units, as_of=times.text(self.now), count_id=name, kind=kind)
        write = stock.exact(count, before, NO_SLACK)
        assert write
        _, self.level = Levels(self.table).count(write, times.text(self.now))

    def _write(self, action: Action) -> None:
        request = {name: action.request[name] for name in action.request if name.startswith(("Update", "Cond", "Expr"))}
        done, after = self.table.update(action.key, request)
        assert done
        assert after
        self.level = levels.from_item(after)


def histories(engine: Engine, many: int) -> list[History]:
    """Let that many histories happen, each of up to six things."""
    table = Table(engine.client(), engine.stock_table)
    made = []
    for i in range(many):
        history = History(table, trade.at(f"S{i}", "alpina"), seed=i)
        for _ in range(1 + i % 6):
            history.happen()
        made.append(history)
    table.write_all([item for history in made for item in history.items])
    return made


def test_the_terms_of_1000_random_histories_add_up_to_the_stored_number(engine: Engine) -> None:
    made = histories(engine, HISTORIES)

    for history in made:
        stored = history.table.get(keys.level(history.key))
        assert stored
        found = explain.level(levels.from_item(stored), Ledger(history.table).of(history.key, history.now))
        assert found.wrong == ""
        assert sum(term.units for term in found.terms) == stored["available"]
        committed = {term.cause: -term.units for term in found.terms if term.kind is LevelTermKind.COMMITTED}
        assert committed == {token: units for token, units in history.held.items() if units}
        by_hand: Counter[LevelTermKind] = Counter()
        for term in found.terms:
            if term.kind in TOLD_AS.values():
                by_hand[term.kind] += term.units
        assert by_hand == history.by_hand
        assert sum(term.units for term in found.incoming) == stored.get("incoming", 0)
        assert bool(found.held_by) is bool(stored.get("held_until"))


@pytest.mark.parametrize("lost", ["a movement", "units of the level", "units of an order"])
def test_what_does_not_add_up_is_said(engine: Engine, lost: str) -> None:
    (history,) = (each for each in histories(engine, 40)[39:])
    while not any(history.held.values()):
        history.happen()
    history.table.write_all(history.items)
    at = keys.level(history.key)
    match lost:
        case "a movement":
            middle = history.items[len(history.items) // 2]
            history.table.delete(keys.Key(str(middle["PK"]), str(middle["SK"])))
        case "units of the level":
            history.table.update(
                at, {"UpdateExpression": "ADD available :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
            )
        case _:
            token = next(token for token, units in history.held.items() if units)
            taken = next(item for item in history.items if token in str(item["last"]))
            history.table.put(taken | {"last": {token: 99}})

    stored = history.table.get(at)
    assert stored
    found = explain.level(levels.from_item(stored), Ledger(history.table).of(history.key, history.now))

    assert found.wrong


def test_a_ledger_that_is_behind_is_no_failure_of_the_level(engine: Engine) -> None:
    (history,) = histories(engine, 1)
    history.happen()

    stored = history.table.get(keys.level(history.key))
    assert stored
    found = explain.level(levels.from_item(stored), Ledger(history.table).of(history.key, history.now))

    assert found.is_behind
