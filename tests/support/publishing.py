"""What publishing stands between: marks and numbers in memory, and a shop that answers as it was told to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain.availability import Rank
from shared.domain.feeds import Feed
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.pace import Left
from shared.domain.rules import Channel
from shared.domain.stock import Level
from shared.errors import AppError
from shared.storage.availability import Facts, Lease, Mark, Told
from shared.storefronts.contract import Answer, Parcel, Part, Quantity, Seen
from tests.support import trade

NORDLYS = ChannelId("nordlys")
LEFT = Left(units=1.0, at=trade.times_now())
OPEN = "gid://shopify/FulfillmentOrder/1"


def mark(subject: str, rank: Rank = Rank.FALLS, cause: str = "alpina#1", job: str = "", at: str = "") -> Mark:
    return Mark(channel=NORDLYS, rank=rank, subject=subject, cause=cause, job=job, at=at)


def told(sku: str, number: int, revision: int = 4, refused: str = "") -> Told:
    return Told(sku=Sku(sku), channel=NORDLYS, number=number, told_at=trade.T0, revision=revision, refused=refused)


@dataclass
class FakeAvailability:
    """Marks, levels and what was told; `meanwhile` happens once, after facts were read.

    `called`: what the shop calls a SKU.
    """

    dirty: list[Mark] = field(default_factory=list)
    levels: dict[tuple[str, str], Level] = field(default_factory=dict)
    feeds: dict[SourceId, Feed] = field(default_factory=dict)
    tellings: dict[Sku, Told] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    noted: list[tuple[str, str]] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None
    called: Callable[[str], str] = "item-{}".format

    def has(self, sku: str, units: int, source: str = "alpina") -> None:
        self.levels[sku, source] = trade.level(sku, source, units)

    def was_told(self, sku: str, number: int, refused: str = "") -> None:
        self.tellings[Sku(sku)] = told(sku, number, refused=refused)

    def marks(self, channel: ChannelId, most: int) -> list[Mark]:
        mine = [each for each in self.dirty if each.channel == channel]
        return sorted(mine, key=lambda each: (each.rank, each.subject))[:most]

    def mark(self, marks: Iterable[Mark]) -> None:
        at = {(each.channel, each.rank, each.subject): each for each in [*self.dirty, *marks]}
        self.dirty = list(at.values())

    def busy(self, mark: Mark, job: str) -> None:
        self.noted.append((mark.subject, job))

    def clear(self, mark: Mark) -> bool:
        is_there = mark in self.dirty
        if is_there:
            self.dirty.remove(mark)
        return is_there

    def facts(self, skus: Iterable[Sku], channel: Channel, sources: Collection[SourceId]) -> dict[Sku, Facts]:
        found = {
            sku: Facts(
                listing="" if sku in self.unlisted else self.called(sku),
                levels=tuple(self.levels[sku, source] for source in sources if (sku, source) in self.levels),
                feeds=self.feeds,
                told=self.tellings.get(sku, Told(sku=sku, channel=channel.channel)),
            )
            for sku in skus
        }
        if self.meanwhile:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return found

    def tell(self, told: Told) -> bool:
        is_next = self.tellings.get(told.sku, Told(sku=told.sku, channel=told.channel)).revision + 1 == told.revision
        if is_next:
            self.tellings[told.sku] = told
        return is_next

    def skus_of(self, source: SourceId, after: str) -> Iterator[Sku]:
        yield from sorted(Sku(sku) for sku, at in self.levels if at == source and sku > after)

    def told(self, sku: Sku) -> list[Told]:
        return [self.tellings[sku]] if sku in self.tellings else []


@dataclass
class FakeLeases:
    """A lease that is free or not; `words` are what releasing answers, one after the other."""

    is_free: bool = True
    words: list[int] = field(default_factory=list)
    released: int = 0
    works: list[bool] = field(default_factory=list)
    dropped: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    stands: dict[ChannelId, Lease] = field(default_factory=dict)
    at_release: Callable[[], None] | None = None
    left: Left | None = None

    def take(
        self, _channel: ChannelId, _holder: str, message_ids: Sequence[str], now: datetime, until: datetime
    ) -> Lease | None:
        assert message_ids
        assert until > now
        free = Lease(leased_until="", rests_until="", failing="", failing_since="", left=self.left)
        return free if self.is_free else None

    def release(self, _channel: ChannelId, _holder: str, _seen: int, left: Left, *, works: bool) -> int | None:
        self.left = left
        self.released += 1
        self.works.append(works)
        if self.at_release:
            happens, self.at_release = self.at_release, None
            happens()
        return self.words.pop(0) if self.words else None

    def fail(
        self, _channel: ChannelId, _holder: str, code: str, now: datetime, rests_until: datetime, left: Left
    ) -> None:
        self.left = left
        self.failed.append((code, f"{(rests_until - now).total_seconds():g} s"))

    def drop(self, _channel: ChannelId, _holder: str, left: Left) -> None:
        self.left = left
        self.dropped += 1

    def read(self, channel: ChannelId) -> Lease | None:
        return self.stands.get(channel)


@dataclass
class FakeShop:
    """Takes the numbers it is given, or answers as it was told to; `asked` is all that it was asked, in order."""

    answers: list[Answer | AppError] = field(default_factory=list)
    shows: dict[str, int] = field(default_factory=dict)
    asked: list[list[tuple[str, int, int | None]]] = field(default_factory=list)
    at_set: Callable[[], None] | None = None

    def say_quantity(self, wanted: Sequence[Quantity]) -> Answer:
        self.asked.append([(each.item, each.units, each.change_from) for each in wanted])
        if self.at_set:
            self.at_set()
        answer = self.answers.pop(0) if self.answers else Answer()
        if isinstance(answer, AppError):
            raise answer
        return answer

    def list_levels(self, items: Iterable[str]) -> dict[str, int]:
        return {item: self.shows[item] for item in items}


def part(line: str = "l1", units: int = 2, left: int = 2, location: str = "L1", at: str = OPEN, **of: bool) -> Part:
    """Units of a line in a fulfilment order of the shop."""
    return Part(
        line=line,
        fulfilment_order=at,
        location=location,
        item=f"{at}/{line}",
        units=units,
        left=left,
        is_open=of.get("is_open", True),
    )


@dataclass
class FakeDesk:
    """The shop's orders: fulfils and cancels what it is asked, or raises first what it was told to.

    `loses`: answers that are lost after the shop did what it was asked. `cancels_at_once`: a cancel is no job, and
    done or not when it is answered.
    """

    seen: dict[str, Seen] = field(default_factory=dict)
    fails: list[AppError] = field(default_factory=list)
    loses: list[AppError] = field(default_factory=list)
    cancels_at_once: bool | None = None
    done: Mapping[str, bool] = field(default_factory=dict)
    fulfilled: list[list[tuple[str, str, int]]] = field(default_factory=list)
    parcels: list[Parcel | None] = field(default_factory=list)
    cancelled: list[tuple[str, bool]] = field(default_factory=list)
    at_read: Callable[[], None] | None = None

    def order(self, order_id: str) -> Seen:
        if self.at_read:
            self.at_read()
        if self.fails:
            raise self.fails.pop(0)
        return self.seen[order_id]

    def say_fulfilment(self, parts: Iterable[tuple[Part, int]], parcel: Parcel | None = None) -> None:
        wanted = list(parts)
        self.fulfilled.append([(each.location, each.line, units) for each, units in wanted])
        self.parcels.append(parcel)
        taken = {each.item: units for each, units in wanted}
        for order_id, seen in self.seen.items():
            now = tuple(replace(each, left=each.left - taken.get(each.item, 0)) for each in seen.parts)
            tracking = seen.tracking | ({parcel.number} if parcel else set())
            self.seen[order_id] = replace(seen, parts=now, tracking=tracking)
        if self.loses:
            raise self.loses.pop(0)

    def say_cancel(self, order_id: str, *, refunds: bool) -> str:
        self.cancelled.append((order_id, refunds))
        if self.cancels_at_once is None:
            return f"job-{order_id}"
        self.seen[order_id] = replace(self.seen[order_id], is_cancelled=self.cancels_at_once)
        return ""

    def is_done(self, job: str) -> bool:
        return self.done[job]
