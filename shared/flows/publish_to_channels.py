"""Messages that a shop has something to be told -> the shop has its numbers.

One publisher holds the shop's lease and goes through its marks in order of rank. A number is computed from the
levels as they are when it is told, never carried by a message, so an older one cannot overtake a newer one. A shop's
own sales move its number too: what is not where we left it is read from the shop first and the number computed
after that, so that of two publishers who meet only the one with the newer number is heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.domain import messages, times
from shared.domain.availability import to_sell
from shared.domain.messages import Publish
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.problems import Problem
from shared.domain.rules import Channel, Rules
from shared.errors import AppError, Conflict, InvalidInput, Transient
from shared.storage.availability import Availability, Facts, Leases, Mark
from shared.storage.problems import Problems
from shared.storefronts.shopify_admin import MOST_UNITS, Answer, Quantity

MOST_AT_ONCE = 100
MOST_TRIES = 3
LEASED_FOR = timedelta(seconds=40)
"""Longer than a publisher may run: who holds it past that is dead."""
LEAST_TIME_LEFT_MS = 15_000
"""What a batch may need: nothing is begun with less."""


class Shop(Protocol):
    """A platform's module, as far as telling numbers goes."""

    def set_available(self, wanted: Sequence[Quantity]) -> Answer:
        """Set numbers in one piece."""
        ...

    def available(self, items: Iterable[str]) -> dict[str, int]:
        """Read the shop's own numbers."""
        ...


@dataclass(slots=True)
class Published:
    """What became of a batch: how many numbers were told, and messages to have again with the reason."""

    told: int = 0
    again: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class PublishToChannels:
    """Runs batches of messages. `shop` connects to a channel's platform."""

    availability: Availability
    leases: Leases
    problems: Problems
    shop: Callable[[Channel], Shop]

    def run(
        self, batch: Mapping[str, str], rules: Rules, *, holder: str, now: datetime, time_left_ms: Callable[[], int]
    ) -> Published:
        """Work off a batch, `message id -> text`; answer what shall come again. `holder` is new for every call."""
        published = Published()
        asked: dict[ChannelId, list[str]] = {}
        for message_id, text in batch.items():
            try:
                asked.setdefault(_channel_of(text), []).append(message_id)
            except InvalidInput as failure:
                self._problem("unreadable_event", "message", failure, now)
        for channel_id, message_ids in asked.items():
            channel = rules.channels.get(channel_id)
            if channel is None or not channel.active:
                continue
            try:
                published.told += self._publish(channel, message_ids, rules, holder, now, time_left_ms)
            except (Transient, Conflict) as failure:
                published.again |= dict.fromkeys(message_ids, failure.code)
            except InvalidInput as failure:
                self._problem("shop_refuses", channel.channel, failure, now)
                published.again |= dict.fromkeys(message_ids, failure.code)
        return published

    def _publish(
        self,
        channel: Channel,
        message_ids: Sequence[str],
        rules: Rules,
        holder: str,
        now: datetime,
        time_left_ms: Callable[[], int],
    ) -> int:
        if not self.leases.take(channel.channel, holder, message_ids, now, now + LEASED_FOR):
            return 0
        told = 0
        try:
            words: int | None = 0
            while words is not None:
                while marks := self.availability.marks(channel.channel, MOST_AT_ONCE):
                    if time_left_ms() < LEAST_TIME_LEFT_MS:
                        raise Transient("more is to be told than time is left for", code="out_of_time")
                    told += self._tell(channel, rules, marks, now)
                words = self.leases.release(channel.channel, holder, words)
        except AppError:
            self.leases.drop(channel.channel, holder)
            raise
        return told

    def _tell(self, channel: Channel, rules: Rules, marks: Sequence[Mark], now: datetime) -> int:
        """Tell the numbers of these marks, clear them, answer how many. Raises Conflict when the shop keeps moving."""
        sources = [source.source for source in rules.active_sources]
        shop = self.shop(channel)
        skus = {mark.sku for mark in marks}
        in_the_shop: dict[str, int] = {}
        for _ in range(MOST_TRIES):
            facts = self.availability.facts(skus, channel.channel, sources)
            wanted = {
                sku: _quantity(channel, found, sources, in_the_shop, now)
                for sku, found in sorted(facts.items())
                if found.listing
            }
            answer = shop.set_available(list(wanted.values())) if wanted else Answer()
            if answer.is_done:
                self._record(marks, facts, wanted, now)
                return len(wanted)
            by_item = {quantity.item: sku for sku, quantity in wanted.items()}
            for item, code in answer.refused.items():
                failure = InvalidInput("the shop refused a listing", code=code)
                self._problem("listing_refused", f"{channel.channel}/{by_item[item]}", failure, now)
                skus.discard(by_item[item])
            in_the_shop |= shop.available(answer.stale) if answer.stale else {}
        raise Conflict("the shop's numbers keep moving", code="shop_moves", channel=channel.channel)

    def _record(
        self, marks: Sequence[Mark], facts: Mapping[Sku, Facts], wanted: Mapping[Sku, Quantity], now: datetime
    ) -> None:
        overtaken = {
            sku
            for sku, quantity in wanted.items()
            if not self.availability.tell(
                replace(
                    facts[sku].told,
                    number=quantity.units,
                    told_at=times.text(now),
                    revision=facts[sku].told.revision + 1,
                )
            )
        }
        for mark in marks:
            if mark.sku not in overtaken:
                self.availability.clear(mark)

    def _problem(self, kind: str, subject: str, failure: InvalidInput, now: datetime) -> None:
        reason = f"{failure.message}: {failure.code}"
        action = "mend the listing or the channel's settings; the SKU is told with its next change"
        self.problems.open(Problem(kind=kind, subject=subject, reason=reason, action=action), times.text(now))


def _quantity(
    channel: Channel, found: Facts, sources: Sequence[SourceId], in_the_shop: Mapping[str, int], now: datetime
) -> Quantity:
    """Compute a number now, over the one the shop has: as read, else as told, else whatever it is."""
    told = found.told.number if found.told.revision else None
    return Quantity(
        item=found.listing,
        units=to_sell(found.levels, channel, sources, times.text(now), cap=MOST_UNITS),
        change_from=in_the_shop.get(found.listing, told),
        told_before=found.told.revision,
    )


def _channel_of(text: str) -> ChannelId:
    message = messages.read(text)
    if not isinstance(message, Publish):
        raise InvalidInput("this message is not for this queue", code="message_kind")
    return message.channel
