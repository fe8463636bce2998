"""Which clocks of a purchase order have run out, and when the next one does: from what stands, and nothing else.

Of the same purchase order more clocks have run out later, never fewer; one that it is past does not run any more, so
an alert ends by itself.

And when a customer has to be told that an order is late, and has to agree (FTC, 16 CFR 435.2). An order is to be
shipped by the promised day, or, where none was promised, within 30 days. Of a first delay of up to 30 days the
customer is told, and silence is consent. Of any later one it has to agree expressly, by the day that it last waits
until: else the order is cancelled and refunded. Days are those of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from shared.domain import times
from shared.domain.clock_rules import Clock, Clocks, Silence
from shared.domain.orders import LineState, Order
from shared.domain.purchase_orders import PoState, PurchaseOrder
from shared.domain.routing import calendar
from shared.domain.rules import Channel, Rules, Source

RUNNING: Mapping[PoState, tuple[Clock, ...]] = {
    PoState.READY: (Clock.NOT_SENT,),
    PoState.FAILED: (Clock.NOT_SENT,),
    PoState.CLAIMED: (Clock.UNKNOWN_TOO_LONG,),
    PoState.UNKNOWN: (Clock.UNKNOWN_TOO_LONG,),
    PoState.SENT: (Clock.NOT_ACKNOWLEDGED, Clock.LATE),
    PoState.ACKNOWLEDGED: (Clock.LATE,),
    PoState.CANCELLING: (Clock.NOT_ACKNOWLEDGED,),
    PoState.SHIPPED: (Clock.NO_TRACKING,),
}
"""State -> what may then take too long."""


UNPROMISED = timedelta(days=30)
"""Within what an order is to be shipped of which no day was promised; and the longest delay that silence agrees to."""

A_DAY = timedelta(days=1)
NOT_SHIPPED = (LineState.OPEN, LineState.BACKORDERED, LineState.RESERVED, LineState.SENT, LineState.ACCEPTED)


class Alert(NamedTuple):
    """A clock that has run out, when it did, and whose trouble it is now."""

    clock: Clock
    ran_out_at: datetime
    owner: str


def alerts(po: PurchaseOrder, source: Source, now: datetime) -> tuple[Alert, ...]:
    """Tell which clocks have run out."""
    return tuple(
        Alert(clock, at, _owner(source.clocks, at, now)) for clock, at in runs_out(po, source).items() if at <= now
    )


def next_due(po: PurchaseOrder, source: Source, now: datetime) -> datetime | None:
    """Return when it has to be looked at again though nothing happens; None: never.

    That is when a clock runs out, when a trouble becomes another's, when one that a person closed may be told again,
    and when the supplier must have shipped.
    """
    found: list[datetime] = []
    for at in runs_out(po, source).values():
        found += [at, at + source.clocks.escalates_after] + ([now + source.clocks.repeats] if at <= now else [])
    if po.state in {PoState.SENT, PoState.ACKNOWLEDGED} and po.sent_at:
        found.append(times.read(po.sent_at) + source.ships_within)
    return min((at for at in found if at > now), default=None)


def due_at(order: Order, po: PurchaseOrder, source: Source, rules: Rules, now: datetime) -> str:
    """Say when a purchase order is looked at again though nobody writes about it; empty: never."""
    channel = rules.channels.get(order.key.channel)
    promise = next_notice(order, channel, now) if channel and po.state in RUNNING else None
    found = [at for at in (next_due(po, source, now), promise) if at]
    return times.text(min(found)) if found else ""


def runs_out(po: PurchaseOrder, source: Source) -> dict[Clock, datetime]:
    """Say when each clock that runs for it runs out."""
    found = {}
    for clock in RUNNING.get(po.state, ()):
        since, limit = _since(po, clock, source), source.clocks.limits.get(clock)
        if since is None or limit is None:
            continue
        if limit.business_days:
            found[clock] = calendar.runs_out(source.shipping.cutoff, limit.business_days, since)
        else:
            found[clock] = since + timedelta(hours=limit.hours)
    return found


def _since(po: PurchaseOrder, clock: Clock, source: Source) -> datetime | None:
    """Return since when a clock runs; None where nothing says so."""
    match clock:
        case Clock.NOT_SENT:
            return source.waits_until(times.read(po.made_at)) if po.made_at else None
        case Clock.UNKNOWN_TOO_LONG:
            since = po.claimed_until
        case Clock.NOT_ACKNOWLEDGED:
            since = max(po.sent_at, po.cancel_at)
        case Clock.LATE:
            since = po.sent_at
        case Clock.NO_TRACKING:
            since = po.shipped_at
    return times.read(since) if since else None


def _owner(terms: Clocks, ran_out_at: datetime, now: datetime) -> str:
    is_escalated = terms.escalates_to and now >= ran_out_at + terms.escalates_after
    return terms.escalates_to if is_escalated else terms.owner


# ---- what a customer is told


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


def next_notice(order: Order, channel: Channel, now: datetime) -> datetime | None:
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
