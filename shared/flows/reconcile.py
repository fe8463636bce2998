"""A slice of both tables -> what the promises say they must be, or an exception, or a compensation.

Streams are the fast path, never the only one: what they should have done is checked here. A suspicion counts only
after it was read again, strongly; what a stream may still be working on is none yet. An exception is opened once a
subject, so a second run finds the same trouble and says nothing new; what is compensated, no run finds again.

What a sound level costs a day, in read units: its share of the scan, a query of its ledger for each month since its
first movement (`Ledger.of`), and for each order that has units committed there one for its reference and one for the
order, per 4 KB. A sound order costs its share of the scan, one query of itself, and while it has units committed one
for its reference and a query of each level's ledger, which orders of the same slice share. Nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain import conservation, ledger, orders, times
from shared.domain.conservation import Drift, Mend
from shared.domain.names import ChannelId, LevelKey, OrderKey, name
from shared.domain.orders import LineState, Order
from shared.domain.people import By
from shared.domain.problems import Problem
from shared.domain.purchase_orders import PoState
from shared.domain.rules import Rules
from shared.errors import Conflict, InvalidInput
from shared.flows import compensate
from shared.flows.compensate import Compensate
from shared.storage import keys, levels, order_lists, whole_orders
from shared.storage.dynamo import Table
from shared.storage.ledger import segment
from shared.storage.problems import Problems
from shared.storage.whole_orders import WholeOrder

SEGMENTS = 24
"""A slice an hour: everything once a day."""
SENT_WITHIN = timedelta(hours=1)

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, InvalidInput)


@dataclass(slots=True)
class _Run:
    """One slice: what was counted, what was told, and what the ledgers that its orders stand on promise."""

    rules: Rules
    now: datetime
    counted: Counter[str] = field(default_factory=Counter)
    told: set[tuple[str, str]] = field(default_factory=set)
    promised: dict[LevelKey, Counter[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Reconcile:
    """Runs slices."""

    stock: Table
    orders: Table
    compensate: Compensate
    problems: Problems

    def run(self, number: int, rules: Rules, now: datetime) -> Counter[str]:
        """Check one of the 24 segments of both tables; answer what was counted."""
        run = _Run(rules, now)
        for item in segment(self.stock, number, SEGMENTS, "level"):
            run.counted["LevelChecked"] += 1
            try:
                self._level(item, run)
            except UNREADABLE as error:
                self._open(_unreadable(item, error), run)
        for item in segment(self.orders, number, SEGMENTS, "order"):
            run.counted["OrderChecked"] += 1
            for problem in self._order(item, run):
                self._open(problem, run)
        return run.counted

    def _level(self, item: Mapping[str, Any], run: _Run) -> None:
        seen = levels.from_item(item)
        if self.compensate.judge(seen, run.now).drift:
            self._look(seen.key, run)

    def _look(self, key: LevelKey, run: _Run, also: Collection[OrderKey] = ()) -> None:
        """Look at a suspicion again, strongly; what is wrong is told, with what would make it right, or made right."""
        named = {*also, *self.compensate.named(key)}
        looked = self.compensate.look(key, run.now, named)
        drift = looked.drift if looked else Drift(reason="it is gone")
        if drift is None:
            return
        self._open(compensate.problem(key, drift, named), run)
        up_to = run.rules.compensate_up_to
        if drift.mend and up_to and drift.mend.units <= up_to:
            self._apply(drift.mend, run)

    def _apply(self, mend: Mend, run: _Run) -> None:
        """Make a level right without asking; whose level or order moved is looked at again another day."""
        key, now = mend.seen.key, times.text(run.now)
        by = By("truestock", f"rule reconcile.compensate_up_to: {run.rules.compensate_up_to}")
        try:
            done = self.compensate.apply(mend, by, f"{now} {key.sku} {key.source}", run.now)
        except Conflict:
            done = False
        run.counted["Compensated"] += done

    def _order(self, item: Mapping[str, Any], run: _Run) -> list[Problem]:
        try:
            key = OrderKey(ChannelId(name(item["channel"], "channel")), name(item["order_id"], "order id"))
            whole = whole_orders.read(self.orders, key)
            if whole is None:
                return []
            orders.check(whole.order)
        except AssertionError as error:
            return [_broken(key, str(error.args[0]))]
        except UNREADABLE as error:
            return [_unreadable(item, error)]
        self._look_from(whole.order, run)
        return _not_sent(whole, run.now)

    def _look_from(self, order: Order, run: _Run) -> None:
        """Look at each level whose ledger knows nothing of units that the order holds: its own check cannot find it.

        Where a ledger knows of other units than the order, the level's check says so. The reference by which that
        check finds the order is written again where it is lost.
        """
        token = order.key.token
        holds = sorted(conservation.levels_of(order))
        if holds and order_lists.find(self.orders, "token", token) is None:
            self.orders.put(order_lists.of_order(order)[keys.reference("token", token)])
        for level in holds:
            try:
                if level not in run.promised:
                    run.promised[level] = ledger.promised(self.compensate.ledger.of(level, run.now))
                if not run.promised[level][token]:
                    self._look(level, run, [order.key])
            except UNREADABLE as error:
                self._open(_unreadable(_at(level), error), run)

    def _open(self, problem: Problem, run: _Run) -> None:
        """Open an exception; of one that is open already, say what is so now.

        A level and an order of the same slice may both find what is wrong between them.
        """
        is_new = (problem.kind, problem.subject) not in run.told
        run.told.add((problem.kind, problem.subject))
        run.counted["LedgerDrift" if problem.kind == compensate.DRIFT else "Suspicion"] += is_new
        if not is_new or not self.problems.open(problem, times.text(run.now)):
            self.problems.renew(problem)


def _not_sent(whole: WholeOrder, now: datetime) -> list[Problem]:
    """Find what should have gone to a supplier: ready for an hour, or reserved for an hour without a purchase order."""
    long_ago = times.text(now - SENT_WITHIN)
    found = [
        _problem("not_sent", po.number, f"ready since {po.made_at}", "send it again, or cancel the order")
        for po in whole.purchase_orders
        if po.state is PoState.READY and max(po.made_at, po.due_at) < long_ago
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


def _broken(key: OrderKey, wrong: str) -> Problem:
    """Describe an order whose lines do not add up: what its customer was told, only a person can find out."""
    action = "compare it with the shop and its suppliers' documents: docs/runbook.md#reconcile"
    details: dict[str, str | int] = {"order": str(key)}
    return Problem(kind=compensate.DRIFT, subject=str(key), reason=wrong, action=action, details=details)


def _unreadable(item: Mapping[str, Any], error: Exception) -> Problem:
    subject = f"{item['PK']}#{item['SK']}"
    return _problem("item_unreadable", subject, f"it cannot be read: {type(error).__name__}", "mend the item")


def _at(level: LevelKey) -> Mapping[str, Any]:
    pk, sk = keys.level(level)
    return {"PK": pk, "SK": sk}


def _problem(kind: str, subject: str, reason: str, action: str) -> Problem:
    return Problem(kind=kind, subject=subject, reason=reason, action=action)
