"""A level -> what is wrong with it and what would make it right; and that done, once (docs/protocols.md).

What is proposed is derived from strong reads, and written only while level and orders are as they were read. Nothing
is derived for a level that the stream may still be working on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from shared.domain import conservation, ledger, stock, times
from shared.domain.conservation import Drift, Holding, Mend
from shared.domain.ledger import Movement
from shared.domain.names import ChannelId, LevelKey, OrderKey, Sku, SourceId, order_key
from shared.domain.orders import Order
from shared.domain.people import By
from shared.domain.problems import Problem
from shared.domain.stock import Level
from shared.errors import Conflict, InvalidInput
from shared.flows.changes import UNREADABLE
from shared.storage import compensations, dynamo, keys, levels
from shared.storage import orders as order_items
from shared.storage.dynamo import Table
from shared.storage.ledger import KEPT_FOR, Ledger
from shared.storage.problems import Problems

STREAM_MAY_TAKE = timedelta(minutes=15)
DRIFT = "drift"
TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A level as it was found; `is_settled`: the ledger knows its last write, and it did not move meanwhile."""

    level: Level
    drift: Drift | None
    is_settled: bool

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with it, and nothing is to be waited for."""
        return self.is_settled and self.drift is None


@dataclass(slots=True)
class Compensate:
    """Looks at levels, and makes them right."""

    stock: Table
    orders: Table
    ledger: Ledger
    problems: Problems

    def look(self, key: LevelKey, now: datetime, also: Collection[OrderKey]) -> Looked | None:
        """Look at a level, strongly, with the orders that its ledger names, and those `also`; None: it is not there."""
        found = self.stock.get(keys.level(key))
        if found is None:
            return None
        looked = self.judge(levels.from_item(found), now, also)
        if looked.drift is None:
            return looked
        again = self.stock.get(keys.level(key))
        if again is None or again["revision"] != looked.level.revision:  # its orders were read between two writes
            return replace(looked, drift=None, is_settled=False)
        return looked

    def judge(self, level: Level, now: datetime, also: Collection[OrderKey] = ()) -> Looked:
        """Hold a level, as it was read, against its movements and its orders."""
        movements = self.ledger.of(level.key, now)
        if not movements and level.changed_at < times.text(now - KEPT_FOR):
            return Looked(level=level, drift=None, is_settled=True)  # all of them have expired
        before = times.text(now - STREAM_MAY_TAKE)
        holdings = self._holdings(level, movements, also)
        drift = conservation.examine(level, movements, holdings, times.text(now))
        is_settled = not conservation.is_on_its_way(level, movements, before)
        is_settled = is_settled and not _is_unlisted(movements, holdings, before)
        if drift and not is_settled:
            drift = None if stock.adds_up(level) else replace(drift, mend=None)
        return Looked(level=level, drift=drift, is_settled=is_settled)

    def apply(self, mend: Mend, by: By, op_id: str, now: datetime) -> bool:
        """Write what makes a level right; answer False when this very change was made already.

        Raises Conflict when the level, an order or its ledger is not as it was seen: then it has to be looked at again.
        """
        key = mend.seen.key
        for _ in range(TRIES):
            outcome = compensations.commit(self.stock, self.orders, mend, by, op_id, now)
            if outcome.is_done:
                return True
            if any(refusal.found == op_id for refusal in outcome.refusals):
                return False
            if not outcome.conflicts:
                raise Conflict(
                    "it was written since it was looked at; look again", code="moved_on", sku=key.sku, source=key.source
                )
        raise Conflict("the level keeps changing", code="level_busy", sku=key.sku, source=key.source)

    def named(self, key: LevelKey) -> set[OrderKey]:
        """Read which orders the level's open exception names: their own check found them, and its ledger does not."""
        standing = self.problems.read(DRIFT, subject(key))
        if standing is None or not standing.is_open:
            return set()
        return {order_key(each) for each in str(standing.problem.details.get("for_orders", "")).splitlines()}

    def _holdings(
        self, level: Level, movements: Collection[Movement], also: Collection[OrderKey]
    ) -> dict[str, Holding]:
        """Read what orders hold of a level: two batches of reads, none where nothing is promised."""
        tokens = {token for token, units in ledger.promised(movements).items() if units} | set(level.last)
        found = self._read([keys.reference("token", token) for token in tokens - {key.token for key in also}])
        named = {OrderKey(ChannelId(item["channel"]), item["order_id"]) for item in found}
        items = self._read([keys.order(key) for key in {*named, *also}])
        found_orders = [order for item in items if (order := _readable(item))]
        return {order.key.token: conservation.holding(order, level.key) for order in found_orders}

    def _read(self, wanted: Collection[keys.Key]) -> Collection[Mapping[str, Any]]:
        name = self.orders.name
        return dynamo.read_all(self.orders.client, [(name, key) for key in wanted], consistent=True).values()


def _readable(item: Mapping[str, Any]) -> Order | None:
    """Read an order; one that cannot be read is not found here, its own check says why."""
    try:
        return order_items.from_item(item)
    except UNREADABLE:
        return None


def subject(key: LevelKey) -> str:
    """Name a level as its exception does."""
    return f"{key.sku} at {key.source}"


def level_of(problem: Problem) -> LevelKey:
    """Read back which level an exception is about. Raises InvalidInput when it is about none."""
    try:
        return LevelKey(Sku(str(problem.details["sku"])), SourceId(str(problem.details["source"])))
    except KeyError as error:
        raise InvalidInput("an exception names no level", code="no_level", subject=problem.subject) from error


def problem(key: LevelKey, drift: Drift, also: Collection[OrderKey] = ()) -> Problem:
    """Describe what is wrong with a level, and what is proposed."""
    details: dict[str, str | int] = {"sku": key.sku, "source": key.source}
    if also:
        details["for_orders"] = "\n".join(sorted(map(str, also)))
    action = "compare it with its orders and its movements: docs/runbook.md#reconcile"
    if drift.mend:
        details |= {f"proposed_{what}": told for what, told in proposed(drift.mend).items()}
        action = f"truestock stock compensate {key.sku} --source {key.source}"
    return Problem(kind=DRIFT, subject=subject(key), reason=drift.reason, action=action, details=details)


def proposed(mend: Mend) -> dict[str, str | int]:
    """Say what a compensation would write; what it leaves alone is left out."""
    numbers = {"available": mend.available, "committed": mend.committed, "deducted": mend.deducted}
    corrected = {held.order.token: str(held.order) for held in mend.orders}
    last = dict(chain(mend.last.items(), *(each.last.items() for each in mend.entries)))
    told: dict[str, str | int] = {what: units for what, units in numbers.items() if units}
    told |= {"orders": ", ".join(sorted(f"{corrected[token]} {units:+}" for token, units in last.items()))}
    told |= {"ledger": ", ".join(_entry(each) for each in mend.entries)}
    return {what: units for what, units in told.items() if units}


def _entry(entry: Movement) -> str:
    first = entry.revision - entry.covers + 1
    which = f"{first} to {entry.revision}" if entry.covers > 1 else f"{entry.revision}"
    return f"{entry.kind} {'after ' if not entry.covers else ''}{which}: {entry.units:+}"


def _is_unlisted(movements: Collection[Movement], holdings: Mapping[str, Holding], before: str) -> bool:
    """Whether an order was promised units so lately that the stream may still have to list it."""
    promised = ledger.promised(movements)
    lately = {token for each in movements if each.changed_at > before for token in each.last}
    return any(promised[token] and token not in holdings for token in lately)
