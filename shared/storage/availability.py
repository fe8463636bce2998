"""What shops are to be told, what they were told, and who tells them now.

A mark is cleared only if it is the one that was read; the number told is written only over the one that was seen;
one publisher holds a shop's lease.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import floor
from typing import Any

from shared.domain import margins, times
from shared.domain.availability import Rank
from shared.domain.feeds import Feed
from shared.domain.names import ChannelId, LevelKey, OrderKey, Sku, SourceId
from shared.domain.pace import Left
from shared.domain.rules import Channel
from shared.domain.stock import Level
from shared.errors import Conflict
from shared.storage import attributes, caps, dynamo, feeds, keys, levels, offers
from shared.storage import facts as products
from shared.storage.dynamo import Table
from shared.storage.keys import Key

SCHEMA = 1
MOST_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A channel has to be told something: a SKU's number, or, of rank ORDER, what became of an order.

    `subject` is the SKU or the order's id. `cause` names the write that left the mark: a later one has another.
    `job`: what the shop is busy with because of it. `at`: when it was left, empty for one of before we noted it.
    """

    channel: ChannelId
    rank: Rank
    subject: str
    cause: str
    job: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The number a channel was told last. Revision 0: it was never told one. `refused`: why it took none."""

    sku: Sku
    channel: ChannelId
    number: int = 0
    told_at: str = ""
    revision: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the number of a SKU on a channel stands on.

    `listing`: what the platform calls it, empty if nothing. `not_counted`: sources below the channel's margin.
    `waiting`: units that wait under a cap of the channel.
    """

    listing: str
    levels: tuple[Level, ...]
    feeds: Mapping[SourceId, Feed]
    told: Told
    not_counted: Mapping[SourceId, str] = field(default_factory=dict)
    waiting: int = 0

    def room(self, channel: Channel, now: str) -> int:
        """Count the units more that the channel sells now before anybody has them."""
        terms = channel.backorders_of(self.told.sku, times.read(now))
        return max(terms.most - self.waiting, 0) if terms else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A shop's lease: held until, at rest until, and since when and with what the shop fails us.

    `left`: what the last publisher left of the shop's limit; None: nobody has counted yet.
    """

    leased_until: str
    rests_until: str
    failing: str
    failing_since: str
    left: Left | None = None


def level_cause(level: Level) -> str:
    """Name the write of a level that left a mark."""
    return f"{level.key.source}#{level.revision}"


def mark_item(mark: Mark) -> dict[str, Any]:
    """Write a mark as an item."""
    pk, sk = keys.dirty(mark.channel, mark.rank, mark.subject)
    item = {"PK": pk, "SK": sk, "entity": "mark", "schema": SCHEMA, "revision": 1, "cause": mark.cause}
    return item | {name: value for name in ("job", "at") if (value := getattr(mark, name))}


def mark_from_item(item: Mapping[str, Any]) -> Mark:
    """Read a mark back."""
    rank, _, subject = item["SK"].partition("#")
    return Mark(
        channel=ChannelId(item["PK"].removeprefix("DIRTY#")),
        rank=Rank(int(rank)),
        subject=subject,
        cause=item["cause"],
        job=item.get("job", ""),
        at=item.get("at", ""),
    )


def lease_from_item(item: Mapping[str, Any]) -> Lease:
    """Read a lease back; one of before limits were counted has nothing left noted."""
    left = item.get("left")
    return Lease(
        leased_until=item["leased_until"],
        rests_until=item.get("rests_until", ""),
        failing=item.get("failing", ""),
        failing_since=item.get("failing_since", ""),
        left=Left(units=left["milli_units"] / 1000, at=times.read(left["at"])) if left else None,
    )


def _left_value(left: Left) -> dict[str, Any]:
    """Write what is left of a limit, rounded so that it is never more than there is."""
    return {"milli_units": floor(left.units * 1000), "at": times.text(left.at + timedelta(milliseconds=1))}


def told_item(told: Told) -> dict[str, Any]:
    """Write what was told as an item."""
    pk, sk = keys.told(told.sku, told.channel)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "told", "schema": SCHEMA, "revision": told.revision}
    item |= {"refused": told.refused} if told.refused else {}
    return item | {"told": told.number, "told_at": told.told_at}


def told_from_item(item: Mapping[str, Any]) -> Told:
    """Read what was told back."""
    return Told(
        sku=Sku(item["PK"].removeprefix("ATS#")),
        channel=ChannelId(item["SK"]),
        number=item["told"],
        told_at=item["told_at"],
        revision=item["revision"],
        refused=item.get("refused", ""),
    )


@dataclass(slots=True)
class Availability:
    """Marks, what numbers stand on, and what was told."""

    table: Table

    def marks(self, channel: ChannelId, most: int) -> list[Mark]:
        """Read the first marks, strongly, in the order in which the shop is to be told."""
        found = self.table.query("PK = :pk", {":pk": keys.dirty(channel, 0, "").pk}, consistent=True, limit=most)
        return [mark_from_item(item) for item in found]

    def mark(self, marks: Iterable[Mark]) -> None:
        """Leave marks; one that is there already is replaced."""
        self.table.write_all([mark_item(mark) for mark in marks])

    def busy(self, mark: Mark, job: str) -> None:
        """Note what the shop is busy with, unless the mark is another one by now."""
        request = {
            "UpdateExpression": "SET job = :job",
            "ConditionExpression": "cause = :cause",
            "ExpressionAttributeValues": attributes.image({":cause": mark.cause, ":job": job}),
        }
        self.table.update(keys.dirty(mark.channel, mark.rank, mark.subject), request)

    def clear(self, mark: Mark) -> bool:
        """Remove a mark if it is still this one; answer whether it was."""
        request = {
            "ConditionExpression": "cause = :cause",
            "ExpressionAttributeValues": attributes.image({":cause": mark.cause}),
        }
        return self.table.delete(keys.dirty(mark.channel, mark.rank, mark.subject), request)

    def facts(self, skus: Iterable[Sku], channel: Channel, sources: Collection[SourceId]) -> dict[Sku, Facts]:
        """Read what the numbers of these SKUs stand on, strongly; offers only where the channel's margin asks."""
        wanted = list(skus)
        all_keys = [key for sku in wanted for key in (keys.item(sku), keys.told(sku, channel.channel))]
        all_keys += [keys.level(LevelKey(sku, source)) for sku in wanted for source in sources]
        if channel.zeroes_below_margin:
            all_keys += [keys.offer(LevelKey(sku, source)) for sku in wanted for source in sources]
        all_keys += [keys.feed(source) for source in sources]
        all_keys += [keys.waiting(channel.channel, sku) for sku in wanted if sku in channel.backorders]
        name = self.table.name
        found = dynamo.read_all(self.table.client, ((name, key) for key in all_keys), consistent=True)

        def there(key: Key) -> dict[str, Any] | None:
            return found.get((name, key))

        known = {source: feeds.from_item(item) for source in sources if (item := there(keys.feed(source)))}
        facts = {}
        for sku in wanted:
            product, told = there(keys.item(sku)), there(keys.told(sku, channel.channel))
            offered = {source: there(keys.offer(LevelKey(sku, source))) for source in sources}
            stored = (there(keys.level(LevelKey(sku, source))) for source in sources)
            facts[sku] = Facts(
                listing=(product or {}).get("inventory_items", {}).get(channel.channel, ""),
                levels=tuple(levels.from_item(item) for item in stored if item),
                feeds=known,
                told=told_from_item(told) if told else Told(sku=sku, channel=channel.channel),
                not_counted=_not_counted(channel, product, offered) if channel.zeroes_below_margin else {},
                waiting=caps.units(there(keys.waiting(channel.channel, sku)) or {"units": 0}),
            )
        return facts

    def tell(self, told: Told) -> bool:
        """Write what was told over what was seen, the revision before; answer False when someone told since."""
        if told.revision == 1:
            return self.table.put_new(told_item(told))
        return self.table.put_seen(told_item(told), told.revision - 1)

    def skus_of(self, source: SourceId, after: str) -> Iterator[Sku]:
        """Yield the SKUs that a source has a level of, in order, behind `after`; an index, so a new one may lack."""
        condition, names = "#source = :source AND sku > :after", {":source": source, ":after": after or " "}
        found = self.table.query(condition, names, index="by_source", aliases={"#source": "source"})
        return (Sku(item["PK"].removeprefix("SKU#")) for item in found)

    def told(self, sku: Sku) -> list[Told]:
        """Read what every channel was told of a SKU."""
        pk = keys.told(sku, ChannelId("")).pk
        return [told_from_item(item) for item in self.table.query("PK = :pk", {":pk": pk})]

    def levels(self, sku: Sku) -> list[Level]:
        """Read all levels of a SKU, strongly, in order of source."""
        pk, sk = keys.level(LevelKey(sku, SourceId("")))
        found = self.table.query("PK = :pk AND begins_with(SK, :sk)", {":pk": pk, ":sk": sk}, consistent=True)
        return [levels.from_item(item) for item in found]


@dataclass(slots=True)
class Leases:
    """One publisher a shop: so its calls are the shop's whole rate, and a throttled shop rests for all of us.

    Who is refused the lease leaves word in it, and the holder, who cannot release a lease with a word it has not
    seen, goes round again: so the refused need not wait. If the holder dies, its own messages come again, and
    whoever gets one of them takes the lease over.
    """

    table: Table

    def take(
        self, channel: ChannelId, holder: str, message_ids: Sequence[str], now: datetime, until: datetime
    ) -> Lease | None:
        """Take the lease of a shop for these messages, or leave word with its holder and answer None."""
        mine = {f":message{i}": message_id for i, message_id in enumerate(message_ids)}
        again = "".join(f" OR contains(messages, {name})" for name in mine)
        for _ in range(MOST_TRIES):
            taken, found = self.table.update(
                keys.lease(channel),
                {
                    "UpdateExpression": "SET entity = :entity, #schema = :schema, holder = :holder, "
                    "messages = :messages, leased_until = :until, words = :zero, rests_until = :free, "
                    "revision = if_not_exists(revision, :zero) + :one",
                    "ConditionExpression": f"attribute_not_exists(PK) OR "
                    f"((leased_until <= :now{again}) "
                    "AND (attribute_not_exists(rests_until) OR rests_until <= :now))",
                    "ExpressionAttributeNames": {"#schema": "schema"},
                    "ExpressionAttributeValues": attributes.image(
                        {
                            ":entity": "lease",
                            ":schema": SCHEMA,
                            ":holder": holder,
                            ":messages": list(message_ids),
                            ":until": times.text(until),
                            ":now": times.text(now),
                            ":zero": 0,
                            ":one": 1,
                            ":free": "",
                        }
                        | mine
                    ),
                },
            )
            if taken and found:
                return lease_from_item(found)
            if found and found.get("rests_until", "") > times.text(now):
                return None
            left, _ = self.table.update(
                keys.lease(channel),
                {
                    "UpdateExpression": "SET words = words + :one, revision = revision + :one",
                    "ConditionExpression": "leased_until > :now",
                    "ExpressionAttributeValues": attributes.image({":one": 1, ":now": times.text(now)}),
                },
            )
            if left:
                return None
        raise Conflict("a lease changes hands too fast", code="lease_busy", channel=channel)

    def release(self, channel: ChannelId, holder: str, seen: int, left: Left, *, works: bool) -> int | None:
        """Release the lease unless there is word beyond the `seen`; then answer how many words there are.

        `left`: what is left of the shop's limit. `works`: the shop did what it was asked, so it fails no more.
        """
        done, found = self.table.update(
            keys.lease(channel),
            {
                "UpdateExpression": f"SET {_FREES}" + (" REMOVE failing_since, failing" if works else ""),
                "ConditionExpression": "holder = :holder AND words = :seen",
                "ExpressionAttributeNames": _LEFT,
                "ExpressionAttributeValues": _freed(holder, left) | attributes.image({":seen": seen}),
            },
        )
        if done or not found or found["holder"] != holder:
            return None
        words: int = found["words"]
        return words

    def fail(
        self, channel: ChannelId, holder: str, code: str, now: datetime, rests_until: datetime, left: Left
    ) -> None:
        """Release the lease because the shop fails us, and let it rest; since when it fails is kept until it works."""
        self.table.update(
            keys.lease(channel),
            {
                "UpdateExpression": f"SET {_FREES}, rests_until = :until, failing = :code, "
                "failing_since = if_not_exists(failing_since, :now)",
                "ConditionExpression": "holder = :holder",
                "ExpressionAttributeNames": _LEFT,
                "ExpressionAttributeValues": _freed(holder, left)
                | attributes.image({":until": times.text(rests_until), ":code": code, ":now": times.text(now)}),
            },
        )

    def read(self, channel: ChannelId) -> Lease | None:
        """Read a shop's lease, strongly; None before the first."""
        found = self.table.get(keys.lease(channel))
        return lease_from_item(found) if found else None

    def drop(self, channel: ChannelId, holder: str, left: Left) -> None:
        """Release the lease whatever there is: the holder's message comes again, or another is sent."""
        self.table.update(
            keys.lease(channel),
            {
                "UpdateExpression": f"SET {_FREES}",
                "ConditionExpression": "holder = :holder",
                "ExpressionAttributeNames": _LEFT,
                "ExpressionAttributeValues": _freed(holder, left),
            },
        )


_FREES = "leased_until = :free, #left = :left, revision = revision + :one"
_LEFT = {"#left": "left"}


def _freed(holder: str, left: Left) -> attributes.Image:
    """Give the values of what frees a lease, for its holder alone."""
    return attributes.image({":free": "", ":left": _left_value(left), ":one": 1, ":holder": holder})


def _not_counted(
    channel: Channel, product: Mapping[str, Any] | None, offered: Mapping[SourceId, Mapping[str, Any] | None]
) -> dict[SourceId, str]:
    known = {source: offers.from_item(item) if item else None for source, item in offered.items()}
    return margins.not_counted(channel, products.from_item(product) if product else None, known)


def is_waited_for(orders: Table, sku: Sku) -> bool:
    """Whether a line of some order waits for a SKU."""
    pk = keys.backorder(sku, "", OrderKey(ChannelId(""), ""), "").pk
    return any(True for _ in orders.query("PK = :pk", {":pk": pk}, limit=1))
