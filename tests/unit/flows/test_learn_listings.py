"""A listing is learned where it is one thing, told to a person where it is two, and a redelivery changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import pytest

from shared.domain import messages
from shared.domain.availability import Rank
from shared.domain.facts import Product
from shared.domain.messages import Listed, Message, Publish
from shared.domain.names import ChannelId, Sku
from shared.errors import InvalidInput
from shared.flows.learn_listings import LearnListings
from shared.storage.availability import Availability, Mark
from shared.storage.facts import Facts
from shared.storage.problems import Problems
from tests.support import trade
from tests.support.problems import FakeProblems
from tests.support.publishing import NORDLYS, FakeAvailability


@dataclass
class FakeFacts:
    """Products, and listings that somebody else takes meanwhile."""

    known: dict[Sku, Product] = field(default_factory=dict)
    lost: set[Sku] = field(default_factory=set)

    def has(self, **listings: str) -> None:
        for sku, listing in listings.items():
            items = {NORDLYS: listing} if listing else {}
            self.known[Sku(sku)] = Product(sku=Sku(sku), title=sku, inventory_items=items)

    def products(self, skus: Iterable[Sku]) -> dict[Sku, Product]:
        return {sku: self.known[sku] for sku in skus if sku in self.known}

    def learn(self, channel: ChannelId, sku: Sku, listing: str) -> bool:
        assert channel == NORDLYS
        if sku not in self.lost:
            self.has(**{sku: listing})
        return sku not in self.lost


@dataclass
class Run:
    """One flow with its fakes."""

    facts: FakeFacts = field(default_factory=FakeFacts)
    availability: FakeAvailability = field(default_factory=FakeAvailability)
    problems: FakeProblems = field(default_factory=FakeProblems)
    sent: list[Message] = field(default_factory=list)

    def __call__(self, *listings: tuple[str, str]) -> int:
        flow = LearnListings(
            cast("Facts", self.facts),
            cast("Availability", self.availability),
            cast("Problems", self.problems),
            self.sent.extend,
        )
        pairs = tuple((Sku(sku), listing) for sku, listing in listings)
        return flow.run(Listed(channel=NORDLYS, listings=pairs), trade.times_now())


def test_a_new_listing_is_learned_and_its_number_told() -> None:
    run = Run()
    run.facts.has(A="")

    assert run(("A", "1"), ("FOREIGN", "2")) == 1

    assert run.facts.known[Sku("A")].inventory_items == {NORDLYS: "1"}
    assert run.availability.dirty == [
        Mark(channel=NORDLYS, rank=Rank.FALLS, subject="A", cause="listing#1", at=trade.NOW)
    ]
    assert (run.sent, run.problems.opened) == ([Publish(channel=NORDLYS)], [])


def test_what_is_known_already_asks_for_nothing() -> None:
    run = Run()
    run.facts.has(A="1")

    assert run(("A", "1")) == 0

    assert (run.availability.dirty, run.sent, run.problems.opened) == ([], [], [])


@pytest.mark.parametrize(
    ("_case", "ours", "listings"),
    [
        ("it is listed as another thing here", "7", [("A", "1")]),
        ("it is listed twice", "", [("A", "1"), ("A", "2")]),
        ("its listing is of another SKU", "", [("A", "5")]),
    ],
)
def test_what_would_be_two_things_is_for_a_person(_case: str, ours: str, listings: list[tuple[str, str]]) -> None:
    run = Run()
    run.facts.has(A=ours, B="5")

    assert run(*listings, ("B", "5")) == 0

    assert ("listing_differs", "nordlys/A") in run.problems.found
    assert run.facts.known[Sku("A")].inventory_items == ({NORDLYS: ours} if ours else {})
    assert (run.availability.dirty, run.sent) == ([], [])


def test_a_listing_that_another_took_meanwhile_is_for_a_person() -> None:
    run = Run(facts=FakeFacts(lost={Sku("A")}))
    run.facts.has(A="")

    assert run(("A", "1")) == 0

    assert run.problems.found == [("listing_differs", "nordlys/A")]


def test_what_is_listed_is_read_back_as_it_was_written() -> None:
    listed = Listed(channel=NORDLYS, listings=((Sku("A"), "1"), (Sku("B"), "20/21")))

    assert messages.read(messages.write(listed)) == listed


@pytest.mark.parametrize("listings", ['[["A"]]', '[["A#", "1"]]', '[["A", 7]]', "7", '["AB", "CD", "E"]', "[[]]"])
def test_what_is_listed_and_odd_is_refused(listings: str) -> None:
    text = f'{{"schema": 1, "kind": "listed", "channel": "nordlys", "listings": {listings}}}'

    with pytest.raises(InvalidInput):
        messages.read(text)
