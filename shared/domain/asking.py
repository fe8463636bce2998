"""What a batch of messages asks of each order, and what is to be done next about it.

Messages come twice, late and out of order, so they are folded to one ask an order, and the next step is derived
from the ask and the order as it is: after every write, and after every refusal, the same question is asked again
until nothing is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.domain.intake import Ask, Intake
from shared.domain.messages import PlanOrder
from shared.domain.names import OrderKey
from shared.domain.orders import LineState, Order
from shared.domain.rules import Channel
from shared.errors import Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """All that a batch asks of one order: its newest description, a cancel, units for what is open, or a fill."""

    key: OrderKey
    newest: Intake | None = None
    cancel: Intake | None = None
    plan: bool = False
    fill: bool = False


class Step(StrEnum):
    """What to do next about an order."""

    DONE = "done"
    TOMBSTONE = "tombstone"
    CREATE = "create"
    CANCEL = "cancel"
    EDIT = "edit"
    TAKE = "take"


TAKES = frozenset({Step.TOMBSTONE, Step.CREATE, Step.TAKE})
"""Steps that go into the batch's transaction; the others are moves, each a transaction of its own."""


def admitted(intake: Intake, channel: Channel) -> Intake:
    """Return an order that the channel's rules want shipped. Raises Rejected for one that they ignore, or let wait.

    One that is not paid far enough comes again when it is: that changes it. A cancel is always heard.
    """
    if intake.is_test and not channel.takes_tests:
        raise Rejected("a test order is never shipped", code="test_order")
    if intake.ask is not Ask.CANCEL and intake.paid not in channel.takes:
        raise Rejected("an order that is not paid waits", code="order_unpaid", paid=intake.paid)
    return intake


def fold(asks: Iterable[Intake | PlanOrder], fills: Iterable[OrderKey] = ()) -> dict[OrderKey, Asked]:
    """Fold asks to one an order: fills first, oldest first, then the batch in order of arrival."""
    folded = {key: Asked(key=key, fill=True) for key in fills}
    for ask in asks:
        key = ask.order if isinstance(ask, PlanOrder) else ask.key
        before = folded.get(key, Asked(key=key))
        if isinstance(ask, PlanOrder):
            folded[key] = replace(before, plan=True)
        elif ask.ask is Ask.CANCEL:
            folded[key] = replace(before, cancel=before.cancel or ask)
        elif before.newest is None or ask.order.version > before.newest.order.version:
            folded[key] = replace(before, newest=ask)
    return folded


def unheard(
    described: Iterable[Intake], asked: Mapping[OrderKey, Asked], orders: Mapping[OrderKey, Order]
) -> Counter[str]:
    """Count the descriptions that change nothing: those older than what is known, and those told before."""
    counted: Counter[str] = Counter()
    for intake in described:
        newest, there = asked[intake.key].newest, orders.get(intake.key)
        known = max(there.version if there else -1, newest.order.version if newest and newest is not intake else -1)
        counted["OrderEventOlder"] += intake.order.version < known
        counted["OrderEventRepeated"] += intake.order.version == known
    return +counted


def next_step(asked: Asked, order: Order | None) -> Step:
    """Derive what is to be done about an order as it is in the table (None: it is not there)."""
    if order is None:
        if asked.cancel:
            return Step.TOMBSTONE
        return Step.CREATE if asked.newest else Step.DONE
    if order.cancel_wanted:
        return Step.CANCEL if order.is_cancelling and asked != Asked(key=asked.key) else Step.DONE
    if asked.cancel:
        return Step.CANCEL
    if asked.newest and asked.newest.order.version > order.version:
        return Step.EDIT
    wanted = order.total(LineState.OPEN) + (order.total(LineState.BACKORDERED) if asked.fill else 0)
    is_asked = (asked.plan or asked.fill) and not order.waits_for_a_person
    return Step.TAKE if is_asked and wanted else Step.DONE
