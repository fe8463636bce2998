"""When goods leave and arrive: a supplier's cutoff is wall-clock time in its own zone, so daylight saving moves it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.domain.routing.problem import Cutoff
from shared.errors import InvalidInput

A_DAY = timedelta(days=1)
LONGEST_REST_DAYS = 366


def arrives(cutoff: Cutoff | None, lead_days: int, now: datetime) -> date:
    """Return the day goods ordered now arrive: `lead_days` business days after the day they leave."""
    if cutoff is None:
        return now.date() + timedelta(days=lead_days)
    day = leaves(cutoff, now)
    for _ in range(lead_days):
        day = _open_day(cutoff, day + A_DAY)
    return day


def leaves(cutoff: Cutoff, now: datetime) -> date:
    """Return the business day on which an order placed now leaves."""
    local = now.astimezone(_zone(cutoff))
    return _open_day(cutoff, local.date() + (A_DAY if local.time() >= cutoff.at else timedelta()))


def opens(cutoff: Cutoff, opening: time, now: datetime) -> datetime:
    """Return when a supplier looks at orders: now, between its opening and its cutoff; else at its next opening."""
    return max(now, datetime.combine(leaves(cutoff, now), opening, _zone(cutoff)))


def next_of(clock: Collection[time], zone: str, cutoff: Cutoff | None, now: datetime) -> datetime:
    """Return the next of some times of day after now, on a business day where a supplier says which those are."""
    day = now.astimezone(ZoneInfo(zone)).date()
    while True:
        day = _open_day(cutoff, day) if cutoff else day
        for each in sorted(clock):
            at = datetime.combine(day, each, ZoneInfo(zone))
            if at > now:
                return at
        day += A_DAY


def runs_out(cutoff: Cutoff | None, business_days: int, since: datetime) -> datetime:
    """Return the cutoff of a day: so many business days after the one on which what came `since` then is done.

    A supplier that tells no cutoff has no business days either: every day counts.
    """
    if cutoff is None:
        return since + timedelta(days=business_days)
    return datetime.combine(arrives(cutoff, business_days, since), cutoff.at, _zone(cutoff))


def _open_day(cutoff: Cutoff, day: date) -> date:
    for _ in range(LONGEST_REST_DAYS):
        if day.weekday() in cutoff.weekdays and day not in cutoff.holidays:
            return day
        day += A_DAY
    raise InvalidInput("a supplier is never open", code="never_open", day=day.isoformat())


def _zone(cutoff: Cutoff) -> ZoneInfo:
    try:
        return ZoneInfo(cutoff.zone)
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise InvalidInput("a cutoff names an unknown zone", code="zone_unknown", zone=cutoff.zone) from unknown
