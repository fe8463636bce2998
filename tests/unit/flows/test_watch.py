"""What becomes so by time alone is seen once, acted upon once, and for a person where nobody else can help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

import pytest

from shared.domain import times
from shared.domain.feeds import Feed, Run
from shared.domain.flags import Flag, FlagKind
from shared.domain.freshness import Freshness
from shared.domain.messages import FillSku, Message, Publish, Refresh, Scope
from shared.domain.names import Sku, SourceId
from shared.domain.promises import Backorders
from shared.domain.rules import Rules, Tier
from shared.flows.watch import Watch
from shared.storage import pauses
from shared.storage.availability import Availability, Lease, Leases
from shared.storage.feeds import Feeds
from shared.storage.flags import Flags
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from tests.support import trade
from tests.support.pauses import FakePauses
from tests.support.problems import FakeProblems
from tests.support.publishing import NORDLYS, FakeAvailability, FakeLeases, mark

ALPINA = SourceId("alpina")
TIERS = (Tier(after=timedelta(hours=24), percent=50), Tier(after=timedelta(hours=72), percent=0))
OF_ALPINA = Refresh(scope=Scope.SOURCE, name="alpina")
NOW = trade.times_now()
WAKE = Publish(channel=NORDLYS)


@dataclass
class FakeFeeds:
    """Feeds as they are, and how fresh each was seen to be."""

    feeds: dict[SourceId, Feed] = field(default_factory=dict)
    seen: dict[SourceId, Freshness] = field(default_factory=dict)

    def each_now(self, sources: Collection[SourceId]) -> dict[SourceId, tuple[Feed, Freshness]]:
        return {
            source: (self.feeds.get(source, Feed(source=source)), self.seen.get(source, Freshness()))
            for source in sources
        }

    def looked(self, source: SourceId, freshness: Freshness) -> None:
        self.seen[source] = freshness


@dataclass
class FakeFlags:
    """Holds with an end; `until` is the time up to which they were asked for."""

    held: list[Flag] = field(default_factory=list)
    until: str = ""

    def listed(self, kind: FlagKind, until: str = "~") -> Iterator[Flag]:
        assert kind is FlagKind.HELD
        self.until = until
        yield from list(self.held)

    def write(self, crossings: Mapping[Flag, bool]) -> None:
        for flag, is_set in crossings.items():
            assert not is_set
            self.held.remove(flag)


def some_rules(*, freshness: tuple[Tier, ...] = TIERS, cadence_hours: int | None = None, active: bool = True) -> Rules:
    rules = trade.shop_rules("alpina", active=active)
    cadence = None if cadence_hours is None else timedelta(hours=cadence_hours)
    return replace(rules, sources={ALPINA: replace(rules.sources[ALPINA], freshness=freshness, cadence=cadence)})


@dataclass
class House:
    """The flow among fakes, and what it sent to whom."""

    rules: Rules = field(default_factory=some_rules)
    feeds: FakeFeeds = field(default_factory=FakeFeeds)
    flags: FakeFlags = field(default_factory=FakeFlags)
    availability: FakeAvailability = field(default_factory=FakeAvailability)
    leases: FakeLeases = field(default_factory=FakeLeases)
    pauses: FakePauses = field(default_factory=FakePauses)
    problems: FakeProblems = field(default_factory=FakeProblems)
    dead: dict[str, int] = field(default_factory=dict)
    to_channels: list[Message] = field(default_factory=list)
    to_orders: list[Message] = field(default_factory=list)

    def __call__(self, hours: float = 0) -> Counter[str]:
        """Look, so many hours later."""
        flow = Watch(
            feeds=cast("Feeds", self.feeds),
            flags=cast("Flags", self.flags),
            availability=cast("Availability", self.availability),
            leases=cast("Leases", self.leases),
            pauses=cast("Pauses", self.pauses),
            problems=cast("Problems", self.problems),
            to_channels=self.to_channels.extend,
            to_orders=self.to_orders.extend,
            dead_letters=lambda: self.dead,
        )
        return flow.run(self.rules, after(hours))

    def sent(self) -> list[Message]:
        """Take what was sent to the channel queue."""
        sent, self.to_channels[:] = list(self.to_channels), []
        return sent

    def file(self, hours_ago: float, **unconfirmed: float) -> None:
        """Have a feed whose file, and SKUs that it left out, are so many hours old."""
        run = Run(as_of=times.text(after(-hours_ago)), file="f", snapshot="s", reading="r")
        left_out = {Sku(sku): times.text(after(-hours)) for sku, hours in unconfirmed.items()}
        self.feeds.feeds[ALPINA] = Feed(source=ALPINA, applied=run, unconfirmed=left_out)


def after(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


# ---- counts grow old


def test_counts_that_pass_a_tier_are_told_anew_once() -> None:
    house = House()
    house.file(23.9)
    assert (house(), house.sent()) == ({}, [])

    assert house(hours=0.1) == {"FreshnessChanged": 1}
    assert house.sent() == [OF_ALPINA]

    assert (house(hours=0.2), house(hours=40), house.sent()) == ({}, {}, [])
    house(hours=48.1)
    assert house.sent() == [OF_ALPINA]


def test_a_new_file_brings_the_numbers_back() -> None:
    house = House()
    house.file(30)
    house()
    house.sent()

    house.file(0)
    house()

    assert house.sent() == [OF_ALPINA]
    assert house.feeds.seen[ALPINA] == Freshness()
    assert (house(), house.sent()) == ({}, [])


def test_skus_that_a_file_left_out_grow_old_alone() -> None:
    house = House()
    house.file(1, A=23.9, B=30, C=5)
    house()
    assert house.sent() == [Refresh(scope=Scope.SKU, name="B")]

    house(hours=0.2)
    assert house.sent() == [Refresh(scope=Scope.SKU, name="A")]
    house(hours=0.3)
    assert house.sent() == []

    house.file(0, A=30)
    house()
    assert house.sent() == [Refresh(scope=Scope.SKU, name="B")]


def test_a_crash_before_it_was_remembered_acts_again() -> None:
    house = House()
    house.file(30)
    house()
    house.feeds.seen.clear()

    house()

    assert house.sent() == [OF_ALPINA, OF_ALPINA]


def test_a_tier_that_was_pushed_counts_from_the_next_look_on() -> None:
    house = House(rules=some_rules(freshness=()))
    house.file(30)
    assert (house(), house.sent()) == ({}, [])

    house.rules = some_rules()
    house()

    assert house.sent() == [OF_ALPINA]


# ---- sources fall silent


def test_a_silent_source_is_one_exception_and_its_numbers_are_left_to_the_tiers() -> None:
    house = House(rules=some_rules(freshness=(), cadence_hours=6))
    house.file(6)
    house()
    assert house.problems.opened == []

    house(hours=0.1)
    house(hours=5)

    assert house.problems.found == [("source_silent", "alpina")]
    assert "expected every 6:00:00" in house.problems.opened[0].reason
    assert house.sent() == []


def test_a_source_that_never_sent_anything_is_silent() -> None:
    house = House(rules=some_rules(cadence_hours=6))

    house()

    assert house.problems.found == [("source_silent", "alpina")]
    assert house.problems.opened[0].reason.startswith("never heard of")


def test_a_source_that_is_silent_again_is_told_again() -> None:
    house = House(rules=some_rules(freshness=(), cadence_hours=6))
    for hours_ago in (7, 0, 7):
        house.file(hours_ago)
        house()

    assert house.problems.found == [("source_silent", "alpina")] * 2


def test_a_source_that_is_not_active_is_not_looked_at() -> None:
    house = House(rules=some_rules(cadence_hours=6))
    house.rules = replace(house.rules, sources={ALPINA: replace(house.rules.sources[ALPINA], active=False)})

    assert (house(), house.problems.opened, house.feeds.seen) == ({}, [], {})


# ---- holds end


def test_a_hold_that_ended_is_told_to_shops_and_to_those_who_wait_once() -> None:
    held = [Flag(kind=FlagKind.HELD, level=trade.at(sku, "alpina"), since=trade.T0) for sku in ("A", "B")]
    house = House(flags=FakeFlags(held))

    assert house() == {"HoldEnded": 2}

    assert house.sent() == [Refresh(scope=Scope.SKU, name="A"), Refresh(scope=Scope.SKU, name="B")]
    assert house.to_orders == [FillSku(sku=Sku("A")), FillSku(sku=Sku("B"))]
    assert house.flags.until == trade.NOW
    assert (house(), house.sent()) == ({}, [])


# ---- shops


def lease(leased: float = -1, rests: float = -1, failing: str = "", since: float = 0) -> Lease:
    """A lease that is held, and rests, for so many more minutes; `since`: it fails for so many minutes."""
    return Lease(
        leased_until=times.text(after(leased / 60)),
        rests_until=times.text(after(rests / 60)),
        failing=failing,
        failing_since=times.text(after(-since / 60)) if failing else "",
    )


@pytest.mark.parametrize(
    ("_case", "stands", "expected"),
    [
        ("it never had one", None, [WAKE]),
        ("its publisher is dead", lease(leased=-0.01), [WAKE]),
        ("its lease ends now", lease(leased=0), [WAKE]),
        ("a publisher is at it", lease(leased=0.5), []),
        ("it rests", lease(rests=0.5), []),
        ("it has rested", lease(rests=0), [WAKE]),
        ("it fails, and is tried again", lease(failing="shop_failed", since=5), [WAKE]),
        ("a free lease", Lease(leased_until="", rests_until="", failing="", failing_since=""), [WAKE]),
    ],
)
def test_a_shop_whose_marks_nobody_works_on_is_woken(_case: str, stands: Lease | None, expected: list[Message]) -> None:
    house = House(rules=some_rules(freshness=()))
    house.availability.dirty = [mark("A")]
    if stands:
        house.leases.stands[NORDLYS] = stands

    counted = house()

    assert (house.sent(), counted["PublisherWoken"]) == (expected, len(expected))
    assert house.problems.opened == []


@pytest.mark.parametrize("scope", [pauses.channel(NORDLYS)])
def test_a_paused_shop_is_not_woken_until_it_is_resumed(scope: str) -> None:
    house = House(pauses=FakePauses({scope}))
    house.availability.dirty = [mark("A")]
    assert (house(), house.sent()) == ({}, [])

    house.pauses.scopes.clear()
    house()

    assert house.sent() == [WAKE]


def test_a_shop_without_marks_is_not_woken() -> None:
    assert House()() == {}


def test_a_shop_that_is_not_active_is_not_woken() -> None:
    house = House(rules=some_rules(active=False))
    house.availability.dirty = [mark("A")]

    assert (house(), house.sent()) == ({}, [])


@pytest.mark.parametrize(("since", "opened"), [(9.9, []), (10, []), (10.1, [("shop_failing", "nordlys")])])
def test_a_shop_that_fails_for_more_than_ten_minutes_is_for_a_person(
    since: float, opened: list[tuple[str, str]]
) -> None:
    house = House()
    house.leases.stands[NORDLYS] = lease(failing="throttled", since=since, rests=5)

    house()

    assert house.problems.found == opened
    assert all("throttled" in problem.reason for problem in house.problems.opened)


# ---- dead letters


def test_dead_letters_are_an_exception_a_queue() -> None:
    house = House(dead={"orders": 0, "files": 2, "channels": 1})

    assert house() == {"DeadLetterSeen": 3}

    assert house.problems.found == [("dead_letters", "files"), ("dead_letters", "channels")]
    assert house.problems.opened[0].details == {"messages": 2}


@pytest.mark.parametrize(
    ("_case", "hours", "skus"),
    [
        ("the day before", -10, []),
        ("it begins", -9, ["A"]),
        ("it goes on", 15, []),
        ("it was sold yesterday for the last time", 39, ["A"]),
        ("in the second hour", 40, []),
    ],
)
def test_what_is_sold_early_is_compared_when_that_begins_and_ends(_case: str, hours: float, skus: list[str]) -> None:
    rules = some_rules(freshness=())
    early = Backorders(most=5, first=NOW.date(), last=NOW.date() + timedelta(days=1), lead_days=3)
    channel = replace(rules.channels[NORDLYS], backorders={Sku("A"): early})
    house = House(replace(rules, channels={NORDLYS: channel}))

    house(hours=hours)

    assert [each.name for each in house.sent() if isinstance(each, Refresh)] == skus
