"""What differs from what the shops were told is marked, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest

from shared.domain import times
from shared.domain.availability import Rank
from shared.domain.feeds import Feed, Run
from shared.domain.messages import Message, Publish, Refresh, Scope
from shared.domain.names import ChannelId, LevelKey, Sku, SourceId
from shared.domain.rules import Rules, Tier
from shared.flows.guard_margins import Found, GuardMargins
from shared.flows.refresh_numbers import LEAST_TIME_LEFT_MS, SKUS_AT_ONCE, RefreshNumbers
from shared.storage.availability import Availability
from tests.support import trade
from tests.support.publishing import NORDLYS, FakeAvailability

ALPINA = SourceId("alpina")
OF_ALPINA = Refresh(scope=Scope.SOURCE, name="alpina")
SKU_A = Refresh(scope=Scope.SKU, name="A")
TIERS = (Tier(after=timedelta(hours=1), percent=50),)


def two_shops(**channel: Any) -> Rules:  # noqa: ANN401 - any setting of a channel
    rules = trade.shop_rules("alpina", "baltic", **channel)
    nordlys, other = rules.channels[NORDLYS], ChannelId("other")
    return replace(rules, channels={NORDLYS: nordlys, other: replace(nordlys, channel=other)})


@dataclass
class House:
    """The flow among fakes, and what it sent. `time_left`: what is left at each question, then the last."""

    rules: Rules = field(default_factory=lambda: trade.shop_rules("alpina", "baltic"))
    availability: FakeAvailability = field(default_factory=FakeAvailability)
    sent: list[Message] = field(default_factory=list)
    time_left: list[int] = field(default_factory=lambda: [60_000])
    ids: Iterable[int] = field(default_factory=count)
    looked: list[list[LevelKey]] = field(default_factory=list)
    told_of: list[set[SourceId]] = field(default_factory=list)

    def look(self, levels: Collection[LevelKey], _rules: Rules, found: dict[SourceId, Found]) -> None:
        """Find all of it below its margin."""
        self.looked.append(sorted(levels))
        found |= {key.source: Found() for key in levels}

    def tell(self, found: dict[SourceId, Found], now: datetime) -> None:
        assert now == trade.times_now()
        self.told_of.append(set(found))

    def __call__(self, asked: Refresh = OF_ALPINA) -> int:
        flow = RefreshNumbers(
            availability=cast("Availability", self.availability),
            margins=cast("GuardMargins", self),
            to_channels=self.send,
            new_id=lambda: f"id{next(iter(self.ids))}",
        )
        return flow.run(
            asked,
            self.rules,
            trade.times_now(),
            lambda: self.time_left.pop(0) if len(self.time_left) > 1 else self.time_left[0],
        )

    def send(self, waiting: Iterable[Message]) -> None:
        """Whoever is woken finds the marks."""
        for each in waiting:
            assert not isinstance(each, Publish) or self.marks(each.channel)
            self.sent.append(each)

    def has(self, sku: str, units: int, told: int | None = None, refused: str = "", source: str = "alpina") -> None:
        self.availability.has(sku, units, source)
        if told is not None:
            self.availability.was_told(sku, told, refused)

    def marks(self, channel: str = NORDLYS) -> list[tuple[Rank, str]]:
        return [(each.rank, each.subject) for each in self.availability.marks(ChannelId(channel), 1000)]


@pytest.mark.parametrize(
    ("_case", "units", "told", "expected"),
    [
        ("as it was told", 5, 5, []),
        ("fewer", 4, 5, [(Rank.FALLS, "A")]),
        ("none any more", 0, 5, [(Rank.ZERO, "A")]),
        ("more", 6, 5, [(Rank.RISES, "A")]),
        ("never told", 5, None, [(Rank.RISES, "A")]),
        ("never told, and there is none", 0, None, [(Rank.ZERO, "A")]),
    ],
)
def test_only_what_differs_is_marked(_case: str, units: int, told: int | None, expected: list[object]) -> None:
    house = House()
    house.has("A", units, told)

    assert house() == len(expected)

    assert house.marks() == expected
    assert house.sent == ([Publish(channel=NORDLYS)] if expected else [])


@pytest.mark.parametrize(("units", "expected"), [(5, Rank.RISES), (0, Rank.ZERO)])
def test_what_a_shop_refused_is_told_again_whatever_it_is(units: int, expected: Rank) -> None:
    house = House()
    house.has("A", units, units, refused="GONE")

    house()

    assert house.marks() == [(expected, "A")]
    assert [mark.at for mark in house.availability.dirty] == [trade.NOW]


def test_what_is_not_listed_is_not_marked() -> None:
    house = House()
    house.has("A", 5)
    house.availability.unlisted.add("A")

    assert (house(), house.marks(), house.sent) == (0, [], [])


def test_of_what_nobody_ever_counted_there_is_nothing_to_say() -> None:
    house = House()

    assert (house(Refresh(scope=Scope.SKU, name="A")), house.marks(), house.sent) == (0, [], [])


def test_all_that_a_source_has_is_looked_at_with_what_others_have_of_it() -> None:
    house = House()
    house.has("A", 5, 8)
    house.has("A", 3, 8, source="baltic")
    house.has("B", 5, 8)
    house.has("C", 9, 1, source="baltic")

    assert house() == 1
    assert house.marks() == [(Rank.FALLS, "B")]


def test_the_rules_and_the_age_of_the_counts_are_those_of_now() -> None:
    house = House(trade.shop_rules("alpina", percent=50, buffer=1))
    alpina = replace(house.rules.sources[ALPINA], freshness=TIERS)
    house.rules = replace(house.rules, sources={ALPINA: alpina})
    house.has("A", 100, 24)
    house.has("B", 100, 49)

    house()

    assert house.marks() == [(Rank.FALLS, "B")]
    now = times.text(trade.times_now())
    run = Run(as_of=now, file="f", snapshot="s", reading="r")
    house.availability.dirty = []
    house.availability.feeds = {ALPINA: Feed(source=ALPINA, applied=run)}
    house()
    assert house.marks() == [(Rank.RISES, "A")]


def test_a_sku_alone_is_looked_at() -> None:
    house = House()
    house.has("A", 5, 1)
    house.has("B", 5, 1)

    assert house(Refresh(scope=Scope.SKU, name="A")) == 1
    assert house.marks() == [(Rank.RISES, "A")]


def test_a_sku_that_nobody_stocks_any_more_is_marked_as_sold_out() -> None:
    house = House()
    house.availability.was_told("A", 5)

    assert house(Refresh(scope=Scope.SKU, name="A")) == 1
    assert house.marks() == [(Rank.ZERO, "A")]


def test_every_shop_is_compared_with_what_it_was_told() -> None:
    house = House(two_shops())
    house.has("A", 5, 5)
    house.has("B", 4, 5)

    assert house() == 2  # what was told is the same to the fake's every shop

    assert house.marks() == house.marks("other") == [(Rank.FALLS, "B")]
    assert house.sent == [Publish(channel=NORDLYS), Publish(channel=ChannelId("other"))]


def test_one_shop_alone_is_compared() -> None:
    house = House(two_shops())
    house.has("A", 5, 1)

    house(replace(OF_ALPINA, channel="other"))

    assert (house.marks(), house.marks("other")) == ([], [(Rank.RISES, "A")])


def test_a_shop_that_is_not_active_is_left_alone() -> None:
    house = House(trade.shop_rules("alpina", active=False))
    house.has("A", 5, 1)

    assert (house(), house.sent) == (0, [])


def test_a_channel_asks_for_every_source_also_for_those_that_ship_for_it_no_more() -> None:
    house = House(trade.shop_rules("alpina", "baltic", sources=["baltic"]))
    house.has("A", 5, 1)

    assert house(Refresh(scope=Scope.CHANNEL, name="nordlys")) == 0

    assert house.marks() == []
    assert house.sent == [
        Refresh(scope=Scope.SOURCE, name="alpina", channel="nordlys"),
        Refresh(scope=Scope.SOURCE, name="baltic", channel="nordlys"),
    ]


def test_out_of_time_another_message_goes_on_behind_the_last_sku() -> None:
    house = House(time_left=[LEAST_TIME_LEFT_MS, LEAST_TIME_LEFT_MS - 1])
    for at in range(2 * SKUS_AT_ONCE + 7):
        house.has(f"S{at:03}", 5, 1)

    assert house(replace(OF_ALPINA, channel="nordlys")) == 2 * SKUS_AT_ONCE

    on = house.sent.pop()
    assert on == replace(OF_ALPINA, channel="nordlys", after=f"S{2 * SKUS_AT_ONCE - 1:03}")
    assert isinstance(on, Refresh)
    house.time_left = [60_000]
    assert house(on) == 7
    assert [subject for _, subject in house.marks()] == [f"S{at:03}" for at in range(2 * SKUS_AT_ONCE + 7)]


def test_the_same_refresh_twice_leaves_the_same_marks_of_another_cause() -> None:
    house = House()
    house.has("A", 5, 1)
    house.has("B", 0, 1)

    house()
    first = house.availability.marks(NORDLYS, 10)
    house()
    second = house.availability.marks(NORDLYS, 10)

    assert house.marks() == [(Rank.ZERO, "B"), (Rank.RISES, "A")]
    assert {each.cause for each in first}.isdisjoint(each.cause for each in second)


def test_who_told_it_since_leaves_nothing_to_mark() -> None:
    house = House()
    house.has("A", 5, 1)
    house()
    house.availability.dirty = []
    house.availability.was_told("A", 5)

    assert (house(), house.marks()) == (0, [])
    assert house.availability.told(Sku("A"))[0].number == 5


def test_without_a_margin_floor_no_margin_is_looked_at() -> None:
    house = House()
    house.has("A", 5, 5)

    house()

    assert (house.looked, house.told_of) == ([[]], [set()])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(OF_ALPINA, [("A", "alpina"), ("B", "alpina")]), (SKU_A, [("A", "alpina"), ("A", "baltic")])],
)
def test_the_margins_of_what_is_asked_for_are_looked_at(asked: Refresh, expected: list[tuple[str, str]]) -> None:
    house = House(two_shops(margin_floor_percent=20))
    house.has("A", 5, 5)
    house.has("A", 3, 5, source="baltic")
    house.has("B", 5, 5)

    house(asked)

    assert house.looked == [expected]
    assert house.told_of == [{source for _, source in expected}]


def test_what_is_found_in_one_run_is_told_of_together() -> None:
    house = House(trade.shop_rules("alpina", margin_floor_percent=20))
    for at in range(SKUS_AT_ONCE + 1):
        house.has(f"S{at:03}", 5, 5)

    house()

    assert [len(levels) for levels in house.looked] == [SKUS_AT_ONCE, 1]
    assert house.told_of == [{ALPINA}]


def test_what_nobody_ever_counted_is_told_where_it_is_sold_early() -> None:
    rules = trade.shop_rules("alpina", backorders=[{"sku": "A", "most": 7, "lead_days": 10}])
    house = House(rules=rules)

    assert house(SKU_A) == 1
    assert house.marks() == [(Rank.RISES, "A")]

    house(Refresh(scope=Scope.CHANNEL, name=NORDLYS))
    assert Refresh(scope=Scope.SKU, name="A", channel=NORDLYS) in house.sent
