"""How a supplier did: counted from its purchase orders and the moves of their units, never counted beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from shared.domain import times
from shared.domain.answer_words import Reason
from shared.domain.answers import Says
from shared.domain.carriers import Validity
from shared.domain.document_moves import WAITS

SHORTAGES = frozenset({Reason.OUT_OF_STOCK.value, Reason.DAMAGED.value, Reason.DISCONTINUED.value, WAITS})
"""Why units are rejected that the supplier has not got. Whatever else is not shipped is not held against it."""
TRACKED = frozenset({Validity.VALID.value, Validity.UNCHECKED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Units of a purchase order, what the supplier said of them, why, and when: that they shipped, by its own word."""

    says: Says
    units: int
    at: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A purchase order that was sent, all that was said of it, and how sound the number of each parcel is."""

    number: str
    sent_at: str
    units: int
    told: tuple[Told, ...]
    tracking: tuple[str, ...] = ()

    def count(self, says: Says) -> int:
        """Count the units of which that was said."""
        return sum(each.units for each in self.told if each.says is says)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a supplier's purchase orders come to. Percentages are None where there is nothing to count.

    `ack_hours`, `slow_ack_hours`: from sending to the first answer, in the middle and for the slowest tenth;
    `fill_percent`: units not lost to a shortage, of those that did not fall away for another reason;
    `on_time_percent`: units shipped in time, of those that had to be; `oversold`: how often units were rejected as out
    of stock that its count had promised; `tracking_percent`: numbers that can be their carrier's; `cancelled`: units,
    by why.
    """

    orders: int = 0
    answered: int = 0
    units: int = 0
    ack_hours: float | None = None
    slow_ack_hours: float | None = None
    fill_percent: float | None = None
    on_time_percent: float | None = None
    oversold: int = 0
    tracking_percent: float | None = None
    cancelled: Mapping[str, int] = field(default_factory=dict)


def score(records: Iterable[Record], on_time_within: timedelta, now: datetime) -> Score:
    """Count. What has not shipped is late once `on_time_within` has passed since it was sent."""
    found = list(records)
    hours = sorted(waited for record in found if (waited := _ack_hours(record)) is not None)
    cancelled = Counter[str]()
    for record in found:
        for each in record.told:
            if each.says is Says.REJECTED:
                cancelled[each.why or Reason.OTHER.value] += each.units
            elif each.says is Says.CANCELLED:
                cancelled["wanted_no_more"] += each.units
    units = sum(record.units for record in found)
    short = sum(count for why, count in cancelled.items() if why in SHORTAGES)
    wanted = units - sum(cancelled.values()) + short
    in_time = sum(_in_time(record, on_time_within) for record in found)
    due = in_time + sum(_late(record, on_time_within, now) for record in found)
    tracking = [each for record in found for each in record.tracking]
    return Score(
        orders=len(found),
        answered=len(hours),
        units=units,
        ack_hours=round(median(hours), 1) if hours else None,
        slow_ack_hours=round(hours[-(-len(hours) * 9 // 10) - 1], 1) if hours else None,
        fill_percent=_percent(wanted - short, wanted),
        on_time_percent=_percent(in_time, due),
        oversold=sum(each.why == Reason.OUT_OF_STOCK for record in found for each in record.told),
        tracking_percent=_percent(sum(each in TRACKED for each in tracking), len(tracking)),
        cancelled=dict(sorted(cancelled.items())),
    )


def _ack_hours(record: Record) -> float | None:
    said = [each.at for each in record.told if each.says is not Says.CANCELLED]
    if not said:
        return None
    return max((times.read(min(said)) - times.read(record.sent_at)).total_seconds() / 3600, 0.0)


def _in_time(record: Record, within: timedelta) -> int:
    until = times.read(record.sent_at) + within
    return sum(each.units for each in record.told if each.says is Says.SHIPPED and times.read(each.at) <= until)


def _late(record: Record, within: timedelta, now: datetime) -> int:
    """Count the units that shipped too late, or still have not."""
    late = record.count(Says.SHIPPED) - _in_time(record, within)
    waits = record.units - sum(record.count(says) for says in (Says.SHIPPED, Says.REJECTED, Says.CANCELLED))
    return late + (max(waits, 0) if times.read(record.sent_at) + within < now else 0)


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
