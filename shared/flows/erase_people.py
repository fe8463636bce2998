"""An erasure -> every version of every object, and every item, that holds personal data of somebody, is gone.

One order after the other, each noted when it is done, so that it can break off anywhere: what was deleted is not
found again, and what was not is. An order that is not shipped yet is waited for: its supplier needs the address.
In the end the event that asked for it goes, and the record stays: when, and how many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice

from shared.domain import customers, times
from shared.domain.customers import Erasure, State
from shared.domain.names import OrderKey
from shared.domain.problems import Problem
from shared.domain.rules import Rules
from shared.flows.personal_data import PersonalData
from shared.flows.send_purchase_orders import Lifetime
from shared.storage import archive, order_lists
from shared.storage.people import People
from shared.storage.problems import Problems
from shared.storage.versions import Versions

MOST_AT_ONCE = 100
"""How many orders an erasure notes as its next: its item stays small."""

MOST_DAYS_AT_ONCE = 30

LOOKS_BACK = timedelta(days=400)
"""How long ago an order may have been placed that still waits when its shop goes."""

WAITS_FOR = timedelta(hours=6)
TOLD_AFTER = timedelta(days=20)
"""Of the 30 days that an erasure may take."""


class _NoTime(Exception):
    """The run ends here; the next one goes on."""


@dataclass(slots=True)
class ErasePeople:
    """Does erasures. `key` gives the stack's own, by which customers are called.

    `ends_with_left`: nothing more is begun with less time left.
    """

    people: People
    data: PersonalData
    problems: Problems
    key: Callable[[], bytes]
    ends_with_left: timedelta

    def run(self, erasure_id: str, rules: Rules, now: datetime, life: Lifetime) -> Counter[str]:
        """Go on with an erasure that is due; answer what was counted.

        Raises Conflict when somebody else does it too, Transient when a store does not answer.
        """
        counted: Counter[str] = Counter()
        erasure = self.people.erasure(erasure_id)
        if erasure is None or not erasure.due_at or erasure.due_at > times.text(now):
            return counted  # the index was late
        if erasure.state is State.WAITS:
            erasure = replace(erasure, state=State.ASKED, left=erasure.waiting, waiting=())
        try:
            while erasure.state is State.ASKED:
                self._needs_time(life)
                erasure = self.people.put(self._step(erasure, rules, now, life))
        except _NoTime:
            counted["ErasureCutShort"] += 1
        counted["CustomerErased" if erasure.state is State.DONE else "ErasureUnderWay"] += 1
        return counted

    def _step(self, erasure: Erasure, rules: Rules, now: datetime, life: Lifetime) -> Erasure:
        """Do what comes next, and return the erasure as it is then."""
        if erasure.left:
            return self._erase(erasure, erasure.left[0], now, life)
        if erasure.is_of_shop and erasure.day:
            return self._another_day(erasure)
        if found := self._more(erasure):
            return replace(erasure, left=found)
        if erasure.waiting:
            self._tell(erasure, now)
            return replace(erasure, state=State.WAITS, due_at=times.text(now + WAITS_FOR))
        objects = erasure.objects + self._rest(erasure, rules, now, life)
        return Erasure(
            erasure=erasure.erasure,
            channel=erasure.channel,
            asked_at=erasure.asked_at,
            state=State.DONE,
            done_at=times.text(now),
            is_of_shop=erasure.is_of_shop,
            orders=erasure.orders,
            objects=objects,
            rows=erasure.rows,
            revision=erasure.revision,
        )

    # ---- which orders

    def _more(self, erasure: Erasure) -> tuple[OrderKey, ...]:
        """Find orders of the customer: those that were erased are found no more."""
        waiting = set(erasure.waiting)
        found = self.people.orders_of(erasure.names, erasure.channel)
        return tuple(islice((each for each in dict.fromkeys(found) if each not in waiting), MOST_AT_ONCE))

    def _another_day(self, erasure: Erasure) -> Erasure:
        """Find the orders of a channel that were placed on a day, and turn to the day before; a month at a time."""
        last = (times.read(erasure.asked_at) - LOOKS_BACK).date()
        day = date.fromisoformat(erasure.day)
        for _ in range(MOST_DAYS_AT_ONCE):
            placed = order_lists.placed_on(self.people.table, day.isoformat())
            found = tuple(each for each in placed if each.channel == erasure.channel)
            day -= timedelta(days=1)
            if found or day < last:
                break
        return replace(erasure, left=found, day="" if day < last else day.isoformat())

    # ---- one order

    def _erase(self, erasure: Erasure, key: OrderKey, now: datetime, life: Lifetime) -> Erasure:
        left = tuple(each for each in erasure.left if each != key)
        order = self.data.outbox.order(key)
        if order and not order.is_over:
            return replace(erasure, left=left, waiting=(*erasure.waiting, key))
        # of a shop the archive goes as a whole
        places = self.data.sent(key) if erasure.is_of_shop else self.data.places(key, now)
        objects = sum(self._wipe(bucket, prefix, life) for bucket, prefix in places)
        rows = self.people.forget(key, order, erasure.names)
        return replace(
            erasure,
            left=left,
            orders=erasure.orders + bool(objects or rows),
            objects=erasure.objects + objects,
            rows=erasure.rows + rows,
        )

    def _tell(self, erasure: Erasure, now: datetime) -> None:
        if now < times.read(erasure.asked_at) + TOLD_AFTER:
            return
        waiting = ", ".join(map(str, erasure.waiting[:MOST_AT_ONCE]))
        problem = Problem(
            kind="erasure_waits",
            subject=erasure.erasure,
            reason="a customer is to be erased, and an order of theirs is not shipped yet",
            action="have the order shipped or cancelled: the erasure goes on by itself within six hours",
            details={"asked at": erasure.asked_at, "orders": waiting},
        )
        self.problems.open(problem, times.text(now))

    # ---- what is of no order

    def _rest(self, erasure: Erasure, rules: Rules, now: datetime, life: Lifetime) -> int:
        """Delete what names the customer outside of orders, or all that is left of a shop, and the event that asked."""
        bucket = self.data.archive
        if erasure.is_of_shop:
            return self._wipe(bucket, archive.of_channel(erasure.channel), life)
        objects = 0
        for channel in [erasure.channel] if erasure.channel else sorted(rules.channels):
            for folder in archive.folders(channel, "", now):
                for page in bucket.below(folder):
                    self._needs_time(life)
                    objects += bucket.delete(
                        [each for each in page if not each.is_marker and self._is_of(erasure, bucket.read(each))]
                    )
        return objects + (self._wipe(bucket, erasure.archive_key, life) if erasure.archive_key else 0)

    def _is_of(self, erasure: Erasure, body: bytes) -> bool:
        """Whether an event has an e-mail address of the customer in it."""
        found = customers.addresses_in(body.decode(errors="replace"))
        return any(customers.of_email(self.key(), each) in erasure.names for each in found)

    def _wipe(self, bucket: Versions, prefix: str, life: Lifetime) -> int:
        objects = 0
        for deleted in bucket.wipe(prefix):
            objects += deleted
            self._needs_time(life)
        return objects

    def _needs_time(self, life: Lifetime) -> None:
        if life.left() < self.ends_with_left:
            raise _NoTime
