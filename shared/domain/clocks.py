"""Which clocks of a purchase order have run out, and when the next one does: from what stands, and nothing else.

Of the same purchase order more clocks have run out later, never fewer; one that it is past does not run any more, so
an alert ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.domain import times
from shared.domain.clock_rules import Clock, Clocks
from shared.domain.purchase_orders import PoState, PurchaseOrder
from shared.domain.routing import calendar
from shared.domain.rules import Source

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
