"""How much a supplier is asked at once and in a minute, and how long it is left alone after it failed.

A circuit breaker: so many failures one after the other open it; when its rest is over one send tries, and decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain import times
from shared.domain.sending_rules import Limits

A_MINUTE = timedelta(minutes=1)


class Ended(StrEnum):
    """How a turn ended: with an answer, whatever it said; without; told to wait; or nothing was sent."""

    ANSWERED = "answered"
    FAILED = "failed"
    THROTTLED = "throttled"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A supplier's gate. `holders`: who sends now, and until when at the latest; `taken`: turns of `minute`."""

    holders: Mapping[str, str] = field(default_factory=dict)
    minute: str = ""
    taken: int = 0
    failures: int = 0
    rests_until: str = ""
    revision: int = 0


def enter(gate: Gate, limits: Limits, holder: str, until: str, now: datetime) -> Gate | datetime:
    """Take a turn, to `until` at the latest; or answer when to ask again."""
    at = times.text(now)
    if gate.rests_until > at:
        return times.read(gate.rests_until)
    sending = {name: its for name, its in gate.holders.items() if its > at}
    is_open = limits.failures is not None and gate.failures >= limits.failures
    at_once = 1 if is_open else limits.at_once
    if at_once is not None and len(sending) >= at_once:
        return now + A_MINUTE
    minute = at[: len("2026-11-24T09:00")]
    taken = gate.taken if gate.minute == minute else 0
    if limits.a_minute is not None and taken >= limits.a_minute:
        return now.replace(second=0, microsecond=0) + A_MINUTE
    return replace(gate, holders={**sending, holder: until}, minute=minute, taken=taken + 1, revision=gate.revision + 1)


def leave(
    gate: Gate, limits: Limits, holder: str, ended: Ended, now: datetime, wait: timedelta = timedelta()
) -> tuple[Gate, bool]:
    """Give a turn back; answer also whether this failure opens the breaker. `wait`: how long it said to wait."""
    held = {name: its for name, its in gate.holders.items() if name != holder}
    after = replace(gate, holders=held, revision=gate.revision + 1)
    match ended:
        case Ended.ANSWERED:
            return replace(after, failures=0, rests_until=""), False
        case Ended.THROTTLED:
            return replace(after, rests_until=times.text(now + wait)), False
        case Ended.NOTHING:
            return after, False
    failures = gate.failures + 1
    if limits.failures is None or failures < limits.failures:
        return replace(after, failures=failures), False
    return replace(after, failures=failures, rests_until=times.text(now + limits.rests)), failures == limits.failures
