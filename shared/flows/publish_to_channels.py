"""Messages that a shop has something to be told -> the shop has its numbers, and what became of its orders.

One publisher holds the shop's lease and goes through its marks in order of rank. A number is computed from the
levels as they are when it is told, never carried by a message, so an older one cannot overtake a newer one. A shop's
own sales move its number too: what is not where we left it is read from the shop first and the number computed
after that, so that of two publishers who meet only the one with the newer number is heard. A shop that fails is left
alone until the sweep finds its marks again.

Its calls are let through as fast as it takes them. What is left of its limit stands in the lease, so that one
publisher goes on where another stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TypeVar

from shared.domain import messages, times
from shared.domain.availability import Rank, number
from shared.domain.messages import Listed, Message, Publish, Refresh
from shared.domain.names import ChannelId, OrderKey, Sku
from shared.domain.orders import Order
from shared.domain.pace import LONGEST_WAIT_SECONDS, Left
from shared.domain.packages import Package
from shared.domain.problems import Problem
from shared.domain.rules import Channel, Rules, Source
from shared.errors import AppError, Conflict, InvalidInput, Rejected, Transient
from shared.flows import tell_orders
from shared.flows.learn_listings import LearnListings
from shared.flows.refresh_numbers import RefreshNumbers
from shared.storage import pauses
from shared.storage.availability import Availability, Facts, Leases, Mark
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storefronts.contract import NOT_UNDERSTOOD, Answer, Desk, Numbers, Quantity
from shared.storefronts.paced import Pacer

T = TypeVar("T")

MOST_AT_ONCE = 100
MOST_TRIES = 3
MOST_POISONED = 3
LEASED_FOR = timedelta(seconds=40)
"""Longer than a publisher may run: who holds it past that is dead."""
LEAST_TIME_LEFT_MS = 15_000
"""What a batch may need: nothing is begun with less."""


class _ShopFails(Exception):
    """The shop does not do what it is asked; whatever else may be wrong, our tables are not."""

    def __init__(self, failure: AppError) -> None:
        super().__init__(failure.code)
        self.failure = failure


class _Poison(Exception):
    """The shop does not understand something of what it was asked, whatever of it that is."""

    def __init__(self, failure: InvalidInput) -> None:
        super().__init__(failure.code)
        self.failure = failure


@dataclass(slots=True)
class Published:
    """What became of a batch: numbers and orders told, marks left, listings learned, and messages to have again."""

    told: int = 0
    orders_told: int = 0
    marked: int = 0
    learned: int = 0
    again: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """One shop's turn.

    `has_asked`: the shop was asked for something; `poisoned`: how many things it did not understand; `busy`: ranks
    and subjects that wait for it.
    """

    channel: Channel
    rules: Rules
    holder: str
    now: datetime
    time_left_ms: Callable[[], int]
    pacer: Pacer
    shop: Numbers
    desk: Desk
    told: int = 0
    orders_told: int = 0
    has_asked: bool = False
    poisoned: int = 0
    busy: set[tuple[Rank, str]] = field(default_factory=set)

    @property
    def time(self) -> str:
        return times.text(self.now)

    @property
    def left(self) -> Left:
        return self.pacer.bucket.left


@dataclass(slots=True)
class PublishToChannels:
    """Runs batches of messages.

    `pacer` makes what lets calls to a shop through, with which `shop` and `desk` connect to its platform; `order` reads
    an order and `packages` its parcels, in the order in which they were shipped; `to_channels` sends a message to the
    channel queue, `wait` waits so many seconds.
    """

    availability: Availability
    leases: Leases
    pauses: Pauses
    problems: Problems
    order: Callable[[OrderKey], Order | None]
    pacer: Callable[[Channel], Pacer]
    shop: Callable[[Channel, Pacer], Numbers]
    desk: Callable[[Channel, Pacer], Desk]
    refresh: RefreshNumbers
    learn: LearnListings
    to_channels: Callable[[Iterable[Message]], None]
    wait: Callable[[float], None]
    packages: Callable[[OrderKey], Sequence[Package]]

    def run(
        self, batch: Mapping[str, str], rules: Rules, *, holder: str, now: datetime, time_left_ms: Callable[[], int]
    ) -> Published:
        """Work off a batch, `message id -> text`; answer what shall come again. `holder` is new for every call."""
        published = Published()
        asked: dict[ChannelId, list[str]] = {}
        for message_id, text in batch.items():
            try:
                if channel_id := self._hear(text, rules, now, time_left_ms, published):
                    asked.setdefault(channel_id, []).append(message_id)
            except InvalidInput as failure:
                action = "see who writes to the channel queue"
                self.problems.open(Problem.of("unreadable_event", "message", failure, action), times.text(now))
            except (Transient, Conflict) as failure:
                published.again[message_id] = failure.code
        for channel_id, message_ids in asked.items():
            channel = rules.channels.get(channel_id)
            shop = self._connected(channel, times.text(now)) if channel and channel.active else None
            if channel is None or shop is None:
                continue
            try:
                run = _Run(channel, rules, holder, now, time_left_ms, *shop)
                self._publish(run, message_ids)
            except (Transient, Conflict) as failure:
                published.again |= dict.fromkeys(message_ids, failure.code)
            else:
                published.told += run.told
                published.orders_told += run.orders_told
        return published

    def _connected(self, channel: Channel, now: str) -> tuple[Pacer, Numbers, Desk] | None:
        """Connect a shop; None, and an exception, for one that is not to be told, or cannot be."""
        try:
            pacer = self.pacer(channel)
            return pacer, self.shop(channel, pacer), self.desk(channel, pacer)
        except InvalidInput as failure:
            self._shop_refuses(channel.channel, failure, now)
            return None

    def _hear(
        self, text: str, rules: Rules, now: datetime, time_left_ms: Callable[[], int], published: Published
    ) -> ChannelId | None:
        """Do what a message asks; answer the channel that it wants told."""
        match messages.read(text):
            case Publish(channel=channel):
                return channel
            case Listed() as listed:
                published.learned += self.learn.run(listed, now)
            case Refresh() as refresh:
                published.marked += self.refresh.run(refresh, rules, now, time_left_ms)
            case _:
                raise InvalidInput("this message is not for this queue", code="message_kind")
        return None

    def _publish(self, run: _Run, message_ids: Sequence[str]) -> None:
        channel = run.channel.channel
        lease = self.leases.take(channel, run.holder, message_ids, run.now, run.now + LEASED_FOR)
        if lease is None:
            return
        run.pacer.go_on_from(lease.left)
        try:
            words: int | None = 0
            while words is not None:
                if not self._tell_all(run):
                    self.leases.drop(channel, run.holder, run.left)
                    self.to_channels([Publish(channel=channel)])
                    return
                words = self.leases.release(channel, run.holder, words, run.left, works=run.has_asked)
        except _ShopFails as failing:
            self._fail(run, failing.failure)
        except AppError:
            self.leases.drop(channel, run.holder, run.left)
            raise

    def _fail(self, run: _Run, failure: AppError) -> None:
        """Leave a failing shop alone; what it does not understand is for a person at once."""
        channel = run.channel.channel
        rests = failure.details.get("wait", 0.0)
        rests_until = run.now + timedelta(seconds=rests if isinstance(rests, float) else 0.0)
        self.leases.fail(channel, run.holder, failure.code, run.now, rests_until, run.left)
        if isinstance(failure, InvalidInput):
            self._shop_refuses(channel, failure, run.time)

    def _shop_refuses(self, channel: ChannelId, failure: InvalidInput, now: str) -> None:
        action = "mend the channel's settings or its token; it is tried again every minute"
        self.problems.open(Problem.of("shop_refuses", channel, failure, action), now)

    def _tell_all(self, run: _Run) -> bool:
        """Work off all marks of the shop unless it is paused; answer False when the time is up before that."""
        while some := self._next(run):
            if self.pauses.stops(pauses.channel(run.channel.channel)):
                return True
            if run.time_left_ms() < LEAST_TIME_LEFT_MS:
                return False
            if some[0].rank is Rank.ORDER:
                self._tell_order(run, some[0])
            else:
                self._tell(run, some)
        return True

    def _next(self, run: _Run) -> list[Mark]:
        """Read what is to be told now: the first marks, as far as they are of numbers, or one of an order."""
        found = self.availability.marks(run.channel.channel, MOST_AT_ONCE + len(run.busy))
        waiting = [mark for mark in found if (mark.rank, mark.subject) not in run.busy]
        numbers = list(takewhile(lambda mark: mark.rank is not Rank.ORDER, waiting))
        return numbers or waiting[:1]

    # ---- orders

    def _tell_order(self, run: _Run, mark: Mark) -> None:
        order = self.order(OrderKey(mark.channel, mark.subject))
        try:
            pending = order and self._tell_shop(run, order, mark.job)
        except _Poison as poison:
            self._bear(run, poison)
            self._not_told(run, mark, poison.failure)
        except Rejected as failure:
            self._not_told(run, mark, failure)
        else:
            if pending:
                run.busy.add((mark.rank, mark.subject))
                self.availability.busy(mark, pending.job)
                return
            if order and order.is_cancelled:
                self._tell_anew(run, order, mark)
            self.availability.clear(mark)
            run.orders_told += 1

    def _tell_shop(self, run: _Run, order: Order, job: str) -> tell_orders.Pending | None:
        packages = () if order.is_cancelled else self.packages(order.key)
        refunds = run.channel.refunds_cancels
        return self._asking(run, lambda: tell_orders.tell(order, packages, run.desk, refunds=refunds, job=job))

    def _not_told(self, run: _Run, mark: Mark, failure: AppError) -> None:
        action = "compare the order with the shop's, and settle it there by hand"
        subject = str(OrderKey(mark.channel, mark.subject))
        self.problems.open(Problem.of("order_not_told", subject, failure, action), run.time)
        self.availability.clear(mark)

    def _tell_anew(self, run: _Run, order: Order, because: Mark) -> None:
        """Have the numbers of a cancelled order told again: the shop has added its units to its own count by now."""
        skus = sorted({line.sku for line in order.lines})
        channel, cause = run.channel.channel, f"after#{because.cause}"
        self.availability.mark(Mark(channel=channel, rank=Rank.FALLS, subject=sku, cause=cause) for sku in skus)

    @staticmethod
    def _bear(run: _Run, poison: _Poison) -> None:
        """Set one thing aside that the shop does not understand; when it understands nothing, that is the shop's."""
        run.poisoned += 1
        if run.poisoned == MOST_POISONED and not run.told + run.orders_told:
            raise _ShopFails(poison.failure) from poison

    # ---- numbers

    def _tell(self, run: _Run, marks: Sequence[Mark]) -> None:
        """Tell the numbers of these marks and clear them; a batch with one that is poison is told in halves.

        Raises _ShopFails when the shop keeps moving, too.
        """
        try:
            self._tell_at_once(run, marks)
        except _Poison as poison:
            half = len(marks) // 2
            if half:
                self._tell(run, marks[:half])
                self._tell(run, marks[half:])
                return
            self._bear(run, poison)
            sources = [source.source for source in run.rules.sources_of(run.channel)]
            for found in self.availability.facts([Sku(marks[0].subject)], run.channel, sources).values():
                self._refused(run, found, poison.failure.code)
            self.availability.clear(marks[0])

    def _tell_at_once(self, run: _Run, marks: Sequence[Mark]) -> None:
        sources = run.rules.sources_of(run.channel)
        skus = dict.fromkeys(Sku(mark.subject) for mark in marks)
        in_the_shop: dict[str, int] = {}
        moved = 0
        while moved < MOST_TRIES:
            facts = self.availability.facts(skus, run.channel, [source.source for source in sources])
            wanted = {
                sku: _quantity(run.channel, facts[sku], sources, in_the_shop, run.time)
                for sku in skus  # in order of rank: a platform that takes few at once takes the first
                if facts[sku].listing
            }
            answer = self._set(run, list(wanted.values()))
            if answer.is_done:
                said = {sku: quantity for sku, quantity in wanted.items() if quantity.item not in answer.later}
                done = [mark for mark in marks if mark.subject in said or mark.subject not in wanted]
                self._record(done, facts, said, run.time)
                run.told += len(said)
                return
            by_item = {quantity.item: sku for sku, quantity in wanted.items()}
            moved += bool(answer.stale)
            seen = self._read(run, answer.stale)
            in_the_shop |= seen
            unstocked = dict.fromkeys(answer.stale - seen.keys(), "not_stocked_there")
            for item, code in {**answer.refused, **unstocked}.items():
                self._refused(run, facts[by_item[item]], code)
                skus.pop(by_item[item], None)
        raise _ShopFails(Conflict("the shop's numbers keep moving", code="shop_moves"))

    def _set(self, run: _Run, wanted: Sequence[Quantity]) -> Answer:
        return self._asking(run, lambda: run.shop.say_quantity(wanted)) if wanted else Answer()

    def _read(self, run: _Run, items: Iterable[str]) -> dict[str, int]:
        return self._asking(run, lambda: run.shop.list_levels(items)) if items else {}

    def _asking(self, run: _Run, ask: Callable[[], T]) -> T:
        """Ask the shop; wait for it a little while it throttles us."""
        for _ in range(MOST_TRIES):
            run.has_asked = True
            try:
                return ask()
            except Transient as failure:
                rests = failure.details.get("wait")
                if not isinstance(rests, float) or rests > LONGEST_WAIT_SECONDS:
                    raise _ShopFails(failure) from failure
                last = failure
                if run.time_left_ms() < LEAST_TIME_LEFT_MS:
                    break
                self.wait(rests)
            except InvalidInput as failure:
                raise (_Poison if failure.code == NOT_UNDERSTOOD else _ShopFails)(failure) from failure
        raise _ShopFails(last) from last

    def _record(
        self, marks: Sequence[Mark], facts: Mapping[Sku, Facts], wanted: Mapping[Sku, Quantity], now: str
    ) -> None:
        overtaken = {
            sku
            for sku, quantity in wanted.items()
            if not self.availability.tell(
                replace(
                    facts[sku].told,
                    number=quantity.units,
                    told_at=now,
                    revision=facts[sku].told.revision + 1,
                    refused="",
                )
            )
        }
        for mark in marks:
            if mark.subject not in overtaken:
                self.availability.clear(mark)

    def _refused(self, run: _Run, found: Facts, code: str) -> None:
        told = found.told
        self.availability.tell(replace(told, refused=code, revision=told.revision + 1))
        failure = InvalidInput("the shop refused a listing", code=code)
        action = "mend the listing; the SKU is told with its next change, or by truestock stock refresh"
        subject = f"{run.channel.channel}/{told.sku}"
        self.problems.open(Problem.of("listing_refused", subject, failure, action), run.time)


def _quantity(
    channel: Channel, found: Facts, sources: Sequence[Source], in_the_shop: Mapping[str, int], now: str
) -> Quantity:
    """Compute a number now, over the one the shop has: as read, else as told, else whatever it is."""
    told = found.told.number if found.told.told_at else None
    room = found.room(channel, now)
    return Quantity(
        item=found.listing,
        units=number(found.levels, found.feeds, channel, sources, now, found.not_counted, room).units,
        change_from=in_the_shop.get(found.listing, told),
        told_before=found.told.revision,
    )
