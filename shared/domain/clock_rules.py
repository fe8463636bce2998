"""What a source's rules say of time: how long each thing may take, whose trouble it is, and when it is another's.

And what a channel's rules say of a customer who waits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from shared.domain.names import name
from shared.domain.places import Place
from shared.domain.problems import OWNER

MOST_HOURS = 90 * 24
MOST_BUSINESS_DAYS = 90
MOST_NOTICE_DAYS = 30
NEVER = "never"
_LIMIT = re.compile(r"([1-9][0-9]{0,3}) (hours?|business days?)")


class Clock(StrEnum):
    """What may take too long about a purchase order."""

    NOT_SENT = "not_sent"
    UNKNOWN_TOO_LONG = "unknown_too_long"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    LATE = "late"
    NO_TRACKING = "no_tracking"


class Limit(NamedTuple):
    """How long something may take: hours on the wall, or business days of the supplier."""

    hours: int = 0
    business_days: int = 0


USUAL_LIMITS: Mapping[Clock, Limit] = {
    Clock.NOT_SENT: Limit(hours=1),
    Clock.UNKNOWN_TOO_LONG: Limit(hours=4),
    Clock.NOT_ACKNOWLEDGED: Limit(hours=24),
    Clock.LATE: Limit(business_days=5),
    Clock.NO_TRACKING: Limit(business_days=2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Limits; a clock that has none never runs out.

    `owner`: whose exceptions they are; `escalates_to`: whose they are `escalates_after` they ran out, empty: nobody
    else's; `repeats`: how long an exception that a person closed stays closed though nothing has changed.
    """

    limits: Mapping[Clock, Limit] = field(default_factory=lambda: USUAL_LIMITS)
    owner: str = OWNER
    escalates_to: str = ""
    escalates_after: timedelta = timedelta()
    repeats: timedelta = timedelta(hours=24)


class Silence(StrEnum):
    """What becomes of an order whose customer has to agree to wait, and does not answer."""

    HOLD = "hold"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How many days before the promised one a customer is told of a delay, and what its silence means."""

    notice_days: int = 1
    silence: Silence = Silence.HOLD


def clocks(at: Place) -> Clocks:
    """Read a source's clocks."""
    at.only(*Clock, "owner", "escalate", "repeat_hours")
    limits = {clock: found for clock in Clock if (found := _limit(at, clock))}
    to, after = "", timedelta()
    if at.has("escalate"):
        escalate = at.child("escalate")
        escalate.only("to", "after_hours")
        to = name(escalate.text("to"), escalate.path)
        after = timedelta(hours=escalate.whole("after_hours", 1, MOST_HOURS))
    return Clocks(
        limits=limits,
        owner=name(at.text("owner"), at.path) if at.has("owner") else OWNER,
        escalates_to=to,
        escalates_after=after,
        repeats=timedelta(hours=at.whole("repeat_hours", 1, MOST_HOURS, default=24)),
    )


def delays(at: Place) -> Delays:
    """Read what a channel's customers are told of a delay."""
    at.only("notice_days", "silence")
    return Delays(
        notice_days=at.whole("notice_days", 0, MOST_NOTICE_DAYS, default=1),
        silence=Silence(at.one_of("silence", *Silence, default=Silence.HOLD)),
    )


def _limit(at: Place, clock: Clock) -> Limit | None:
    if not at.has(clock):
        return USUAL_LIMITS[clock]
    value = at.value(clock)
    if value == NEVER:
        return None
    read = _LIMIT.fullmatch(value) if isinstance(value, str) else None
    count = int(read[1]) if read else 0
    is_hours = bool(read and read[2].startswith("hour"))
    if not 0 < count <= (MOST_HOURS if is_hours else MOST_BUSINESS_DAYS):
        raise at.wrong(clock, value, f"'4 hours', '2 business days' (at most {MOST_BUSINESS_DAYS} days), '{NEVER}'")
    return Limit(hours=count) if is_hours else Limit(business_days=count)
