"""Purchase orders and orders that are due -> exceptions for what takes too long, each once, its owner's by the rules.

What has run out follows from what stands. An exception that a person closed is opened again after a while, if its
cause is still there; `cure` closes it when the cause is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import clocks, times
from shared.domain.clock_rules import Clock
from shared.domain.clocks import Alert
from shared.domain.names import OrderKey
from shared.domain.orders import Order
from shared.domain.people import By
from shared.domain.problems import Problem
from shared.domain.purchase_orders import PurchaseOrder
from shared.domain.rules import Rules, Source
from shared.storage.problems import Problems

DELAY_NOTICE = "delay_notice"
BY = "truestock"
NO_CONSENT = "the customer did not agree to wait longer"

REASONS = {
    Clock.NOT_SENT: "made, and not sent",
    Clock.UNKNOWN_TOO_LONG: "nobody knows whether the supplier has it",
    Clock.NOT_ACKNOWLEDGED: "the supplier is silent",
    Clock.LATE: "sent, and not shipped",
    Clock.NO_TRACKING: "shipped, and no tracking number came",
}
ACTIONS = {
    Clock.NOT_SENT: "see what else is open about it; send it again, reroute the order, or cancel it",
    Clock.UNKNOWN_TOO_LONG: "ask the supplier, then record its answer: truestock orders answer",
    Clock.NOT_ACKNOWLEDGED: "ask the supplier",
    Clock.LATE: "ask the supplier when it ships; reroute the order, or agree on something else with the customer",
    Clock.NO_TRACKING: "ask the supplier for the tracking number",
}


def tell(problems: Problems, po: PurchaseOrder, source: Source, found: tuple[Alert, ...], now: datetime) -> int:
    """Open exceptions of clocks that have run out, or hand them to whose they are now; answer how many were opened."""
    opened = 0
    for each in found:
        problem = Problem(
            kind=each.clock,
            subject=po.number,
            reason=f"{REASONS[each.clock]}: by {times.text(each.ran_out_at)} at the latest",
            action=ACTIONS[each.clock],
            owner=each.owner,
        )
        opened += _open(problems, problem, source.clocks.repeats, now)
    return opened


def _open(problems: Problems, problem: Problem, repeats: timedelta, now: datetime) -> bool:
    there = problems.read(problem.kind, problem.subject)
    if there and there.is_open:
        problems.renew(problem)
        return False
    if there and there.closed_by != BY and times.read(there.closed_at) + repeats > now:
        return False
    return problems.open(problem, times.text(now))


@dataclass(slots=True)
class TellDelays:
    """Tells of orders that are late for their customers. `cancel` ends one, once by the id of the wish."""

    problems: Problems
    cancel: Callable[[OrderKey, By, str, datetime], Order]

    def run(self, order: Order, rules: Rules, now: datetime) -> str:
        """Open what the customer has to be told, or cancel what its silence ended; name what was done."""
        channel = rules.channels.get(order.key.channel)
        found = clocks.notice(order, channel, now) if channel else None
        if channel is None or found is None:
            return ""
        if clocks.is_over(order, channel, now):
            self.cancel(order.key, By(BY, NO_CONSENT), f"delay#{found.answer_by}", now)
            return "OrderCancelledBySilence"
        told = "has to agree, or it is cancelled and refunded" if found.needs_consent else "may cancel; silence agrees"
        problem = Problem(
            kind=DELAY_NOTICE,
            subject=str(order.key),
            reason=f"it was to be shipped by {found.ship_by}, and is not: the customer {told}",
            action="write to the customer; then truestock orders consent ORDER yes|no",
            details={
                "order_name": order.name,
                "ship_by": found.ship_by.isoformat(),
                "wait_until": found.wait_until.isoformat(),
                "answer_by": found.answer_by.isoformat(),
                "needs_consent": "yes" if found.needs_consent else "no",
            },
        )
        there = self.problems.read(problem.kind, problem.subject)
        if there and there.problem == problem:
            return ""  # it was told, whether it is open or a person closed it
        if there and there.is_open:
            self.problems.renew(problem)
            return "DelayNoticeRenewed"
        self.problems.open(problem, times.text(now))
        return "DelayNotice"
