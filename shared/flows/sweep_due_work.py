"""Every minute -> whatever is due and was not done by a stream.

Only what is due is read. An order that waits for units is asked for again, and again only after a quarter of the
time it has waited: nobody else pushes its `due_at` while nobody has units for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import times
from shared.domain.messages import FillSku, Message, PlanOrder
from shared.domain.orders import Order
from shared.domain.problems import Problem
from shared.domain.rules import Rules
from shared.errors import Conflict, InvalidInput, Transient
from shared.flows.erase_people import ErasePeople
from shared.flows.send_batches import SendBatches
from shared.flows.send_purchase_orders import Lifetime, SendPurchaseOrders, Sent
from shared.flows.watch_clocks import TellDelays
from shared.storage import due_work
from shared.storage.due_work import Due, DueErasure
from shared.storage.dynamo import Table
from shared.storage.outbox import Outbox
from shared.storage.problems import Problems

MOST_A_RUN = 500
ENDS_WITH_LEFT = timedelta(seconds=15)
"""Nothing more is begun with less time left: the next minute goes on."""
SHORTEST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=6)
SHARE_OF_AGE = 4


@dataclass(slots=True)
class SweepDueWork:
    """Runs sweeps. `to_orders` sends messages to the order queue."""

    table: Table
    outbox: Outbox
    problems: Problems
    purchase_orders: SendPurchaseOrders
    erase: ErasePeople
    batches: SendBatches
    delays: TellDelays
    to_orders: Callable[[Iterable[Message]], None]

    def run(self, rules: Rules, now: datetime, life: Lifetime) -> Counter[str]:
        """Do what is due now; answer what was counted. What fails now is still due in a minute."""
        counted: Counter[str] = Counter()
        together = Sent()
        for due in dict.fromkeys(due_work.due(self.table, times.text(now), MOST_A_RUN)):
            if life.left() < ENDS_WITH_LEFT:
                counted["SweepCutShort"] += 1
                break
            try:
                self._one(due, rules, now, life, counted, together)
            except InvalidInput as failure:
                self._stuck(due.erasure if isinstance(due, DueErasure) else str(due.order), failure, now)
                counted["DueStuck"] += 1
            except Conflict:
                counted["DueOvertaken"] += 1
            except Transient:
                counted["DueFailed"] += 1
        sent = self.batches.run(together, rules, now, life)
        counted.update(sent.counted)
        if sent.failure:
            counted["DueFailed"] += 1
        return counted

    def _one(
        self,
        due: Due | DueErasure,
        rules: Rules,
        now: datetime,
        life: Lifetime,
        counted: Counter[str],
        together: Sent,
    ) -> None:
        if isinstance(due, DueErasure):
            counted.update(self.erase.run(due.erasure, rules, now, life))
            return
        order = self.outbox.order(due.order)
        if order and (told := self.delays.run(order, rules, now)):
            counted[told] += 1
        if due.is_order:
            if order:
                self._ask(order, now, counted)
            return
        counted["PurchaseOrderDue"] += 1
        sent = self.purchase_orders.run([due.order], rules, now, life)
        counted.update(sent.counted)
        together.batched += sent.batched
        together.unfinished += sent.unfinished
        if sent.failure:
            raise sent.failure

    def _ask(self, order: Order, now: datetime, counted: Counter[str]) -> None:
        if not order.due_at or order.due_at > times.text(now):
            return  # the index was late
        counted["OrderDue"] += 1
        if order.is_unfinished:
            waiting = dict.fromkeys(line.sku for line in order.lines if line.backordered)
            self.to_orders([PlanOrder(order=order.key), *(FillSku(sku=sku) for sku in waiting)])
        due_at = times.text(now + _wait(order, now)) if order.is_unfinished else ""
        self.outbox.postpone(order, replace(order, due_at=due_at, revision=order.revision + 1))

    def _stuck(self, subject: str, failure: InvalidInput, now: datetime) -> None:
        problem = Problem.of(failure.code, subject, failure, "read the item and mend it")
        self.problems.open(problem, times.text(now))


def _wait(order: Order, now: datetime) -> timedelta:
    age = now - times.read(order.placed_at, "placed_at")
    return min(max(age / SHARE_OF_AGE, SHORTEST_WAIT), LONGEST_WAIT)
