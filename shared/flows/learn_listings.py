"""What a shop says that it lists -> listings of SKUs that are ours and had none there; the rest is for a person.

A second delivery finds its listings and changes nothing. A number that is not told because the first broke off before
it left its mark is told by `reconcile`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.domain import times
from shared.domain.availability import Rank
from shared.domain.listings import compare
from shared.domain.messages import Listed, Message, Publish
from shared.domain.problems import Problem
from shared.errors import Rejected
from shared.storage.availability import Availability, Mark
from shared.storage.facts import Facts
from shared.storage.problems import Problems


@dataclass(slots=True)
class LearnListings:
    """Learns listings. `to_channels` sends a message to the channel queue."""

    facts: Facts
    availability: Availability
    problems: Problems
    to_channels: Callable[[Iterable[Message]], None]

    def run(self, listed: Listed, now: datetime) -> int:
        """Learn what is new of one product; answer how many listings. Raises Transient when a table does not answer."""
        channel, at = listed.channel, times.text(now)
        known = self.facts.products(sku for sku, _ in listed.listings)
        ours = {item: sku for sku, product in known.items() if (item := product.inventory_items.get(channel))}
        found = compare(listed.listings, ours, known)
        learned = {sku: listing for sku, listing in found.new.items() if self.facts.learn(channel, sku, listing)}
        shared = {sku for skus in found.taken.values() for sku in skus}
        for sku in sorted((found.new.keys() - learned.keys()) | found.moved.keys() | found.doubled.keys() | shared):
            said = ", ".join(sorted(listing for each, listing in listed.listings if each == sku))
            has = known[sku].inventory_items.get(channel, "")
            failure = Rejected("the shop lists it as another thing", code="listing_differs", shop=said[:200], here=has)
            action = f"see `truestock listings import {channel} --dry-run`; correct the shop or listings.csv"
            self.problems.open(Problem.of("listing_differs", f"{channel}/{sku}", failure, action), at)
        self.availability.mark(
            Mark(channel=channel, rank=Rank.FALLS, subject=sku, cause=f"listing#{listing}", at=at)
            for sku, listing in learned.items()
        )
        self.to_channels([Publish(channel=channel)] if learned else [])
        return len(learned)
