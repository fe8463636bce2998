"""When a customer has to be told that an order is late, and has to agree (FTC, 16 CFR 435.2).

An order is to be shipped by the promised day, or, where none was promised, within 30 days. Of a first delay of up to
30 days the customer is told, and silence is consent. Of any later one it has to agree expressly, by the day that it
last waits until: else the order is cancelled and refunded. Days are those of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from shared.domain import times
from shared.domain.clock_rules import Silence
from shared.domain.orders import LineState, Order
from shared.domain.rules import Channel

UNPROMISED = timedelta(days=30)
"""Within what an order is to be shipped of which no day was promised; and the longest delay that silence agrees to."""

A_DAY = timedelta(days=1)
NOT_SHIPPED = (LineState.OPEN, LineState.BACKORDERED, LineState.RESERVED, LineState.SENT, LineState.ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a customer has to be told: by which day it was to be shipped, and until when it is asked to wait.

    `needs_consent`: silence is none; `answer_by`: the last day to agree.
    """

    stage: int
    ship_by: date
    wait_until: date
    answer_by: date
    needs_consent: bool


def ship_by(order: Order, channel: Channel) -> date:
    """Return the day by which an order was to be shipped when it was placed."""
    promised = channel.routing.promised_days
    return times.read(order.placed_at).date() + (UNPROMISED if promised is None else timedelta(days=promised))


def notice(order: Order, channel: Channel, now: datetime) -> Notice | None:
    """Say what a customer has to be told by now; None where nothing is late, or it agreed to wait."""
    if not _waits(order):
        return None
    due = [each for begins, each in _notices(order, channel) if begins <= now]
    return due[-1] if due else None


def is_over(order: Order, channel: Channel, now: datetime) -> bool:
    """Whether an order is cancelled by the customer's silence."""
    due = notice(order, channel, now)
    is_silent = due is not None and due.needs_consent and _begins(due.answer_by + A_DAY) <= now
    return is_silent and channel.delays.silence is Silence.CANCEL


def next_due(order: Order, channel: Channel, now: datetime) -> datetime | None:
    """Return when there is something to tell next, or a last day is over; None: never."""
    if not _waits(order):
        return None
    found = _notices(order, channel)
    moments = [begins for begins, _ in found] + [_begins(found[-1][1].answer_by + A_DAY)]
    return min((at for at in moments if at > now), default=None)


def _waits(order: Order) -> bool:
    return not order.cancel_wanted and any(order.total(state) for state in NOT_SHIPPED)


def _notices(order: Order, channel: Channel) -> list[tuple[datetime, Notice]]:
    first, early = ship_by(order, channel), timedelta(days=channel.delays.notice_days)
    last = date.fromisoformat(order.agreed_until) if order.agreed_until else first + UNPROMISED
    told = Notice(stage=1, ship_by=first, wait_until=last, answer_by=last, needs_consent=False)
    asked = Notice(stage=2, ship_by=first, wait_until=last + UNPROMISED, answer_by=last, needs_consent=True)
    later = (_begins(last - early), asked)
    return [later] if order.agreed_until else [(_begins(first - early), told), later]


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
