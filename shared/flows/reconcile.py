"""A slice of both tables -> what the promises say they must be, or an exception.

Streams are the fast path, never the only one: what they should have done is checked here. A suspicion counts only
after it was read again, strongly; what a stream may still be working on is none yet. An exception is opened once a
subject, so a second run finds the same trouble and says nothing new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain import explain, orders, stock, times
from shared.domain.explain import LevelExplained, LevelTermKind
from shared.domain.ledger import drift
from shared.domain.names import ChannelId, LevelKey, OrderKey, name
from shared.domain.orders import LineState, Order
from shared.domain.problems import Problem
from shared.domain.purchase_orders import PoState
from shared.domain.stock import Level
from shared.errors import InvalidInput
from shared.storage import keys, levels, order_lists, whole_orders
from shared.storage import orders as order_items
from shared.storage.dynamo import Table
from shared.storage.ledger import Ledger, segment
from shared.storage.problems import Problems
from shared.storage.whole_orders import WholeOrder

SEGMENTS = 24
"""A slice an hour: everything once a day."""
STREAM_MAY_TAKE = timedelta(minutes=15)
SENT_WITHIN = timedelta(hours=1)

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, InvalidInput)


@dataclass(slots=True)
class Reconcile:
    """Runs slices."""

    stock: Table
    orders: Table
    ledger: Ledger
    problems: Problems

    def run(self, number: int, now: datetime) -> Counter[str]:
        """Check one of the 24 segments of both tables; answer what was counted."""
        counted: Counter[str] = Counter()
        for item in segment(self.stock, number, SEGMENTS, "level"):
            counted["LevelChecked"] += 1
            self._open(self._level(item, now), now, counted)
        for item in segment(self.orders, number, SEGMENTS, "order"):
            counted["OrderChecked"] += 1
            for problem in self._order(item, now):
                self._open(problem, now, counted)
        return counted

    def _level(self, item: Mapping[str, Any], now: datetime) -> Problem | None:
        try:
            seen = levels.from_item(item)
            if not self._what_is_wrong(seen, now):
                return None
            again = self.stock.get(keys.level(seen.key))
            level = levels.from_item(again) if again else seen
            wrong = self._what_is_wrong(level, now) if again else "it is gone"
        except UNREADABLE as error:
            return _unreadable(item, error)
        if not wrong or self._has_moved(level):
            return None
        return _drift(f"{level.key.sku} at {level.key.source}", wrong)

    def _has_moved(self, level: Level) -> bool:
        """Whether a level was written while its orders were read: what was found then may be no trouble."""
        found = self.stock.get(keys.level(level.key))
        return found is not None and found["revision"] != level.revision

    def _what_is_wrong(self, level: Level, now: datetime) -> str:
        if not stock.adds_up(level):
            return "available is not counted - committed - deducted"
        if level.changed_at > times.text(now - STREAM_MAY_TAKE):
            return ""
        movements = self.ledger.of(level.key, now)
        return drift(level, movements) or self._not_held(explain.level(level, movements))

    def _not_held(self, explained: LevelExplained) -> str:
        """Say which order does not hold what its level has promised to it."""
        if explained.wrong:
            return explained.wrong
        level = explained.level
        for term in explained.terms:
            if term.kind is not LevelTermKind.COMMITTED:
                continue
            key = order_lists.find(self.orders, "token", term.cause)
            found = self.orders.get(keys.order(key)) if key else None
            held = _held(order_items.from_item(found), level.key) if found else 0
            if held != -term.units:
                return f"{-term.units} units are promised to order {key or term.cause}, which holds {held}"
        return ""

    def _order(self, item: Mapping[str, Any], now: datetime) -> list[Problem]:
        try:
            key = OrderKey(ChannelId(name(item["channel"], "channel")), name(item["order_id"], "order id"))
            whole = whole_orders.read(self.orders, key)
            if whole is None:
                return []
            orders.check(whole.order)
        except AssertionError as error:
            return [_drift(str(key), str(error.args[0]))]
        except UNREADABLE as error:
            return [_unreadable(item, error)]
        return _not_sent(whole, now)

    def _open(self, problem: Problem | None, now: datetime, counted: Counter[str]) -> None:
        if problem is None:
            return
        counted["LedgerDrift" if problem.kind == "drift" else "Suspicion"] += 1
        self.problems.open(problem, times.text(now))


def _held(order: Order, level: LevelKey) -> int:
    """Count the units of a level that an order's allocations still count as committed."""
    return sum(
        each.committed for each in order.allocations if LevelKey(order.line(each.line).sku, each.source) == level
    )


def _not_sent(whole: WholeOrder, now: datetime) -> list[Problem]:
    """Find what should have gone to a supplier: ready for an hour, or reserved for an hour without a purchase order."""
    long_ago = times.text(now - SENT_WITHIN)
    found = [
        _problem("not_sent", po.number, f"ready since {po.made_at}", "send it again, or cancel the order")
        for po in whole.purchase_orders
        if po.state is PoState.READY and po.made_at < long_ago
    ]
    numbered = {(po.source, po.n) for po in whole.purchase_orders}
    planned_at = whole.plan.made_at if whole.plan else ""
    without = {
        (each.source, each.n)
        for each in whole.order.allocations
        if each.count(LineState.RESERVED) and (each.source, each.n) not in numbered
    }
    if planned_at < long_ago and not whole.order.hold:
        found += [
            _problem(
                "no_purchase_order",
                f"{whole.order.key}#{source}#{n}",
                f"units are reserved at {source}, and no purchase order was made",
                "look why the order's last write was not followed up",
            )
            for source, n in sorted(without)
        ]
    return found


def _drift(subject: str, wrong: str) -> Problem:
    return _problem("drift", subject, wrong, "compare with the movements, then adjust the one that is wrong")


def _unreadable(item: Mapping[str, Any], error: Exception) -> Problem:
    subject = f"{item['PK']}#{item['SK']}"
    return _problem("item_unreadable", subject, f"it cannot be read: {type(error).__name__}", "mend the item")


def _problem(kind: str, subject: str, reason: str, action: str) -> Problem:
    return Problem(kind=kind, subject=subject, reason=reason, action=action)
