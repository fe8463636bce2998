"""A batch of level images from the stock table's stream -> ledger, marks, flags, messages.

Nothing is computed for a channel here: a mark says that its number may differ, and whoever tells it computes it
then. A second delivery writes the same keys and asks for what is asked for already. An image that cannot be read
becomes an exception: it would stop the stream for all that come after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from shared.domain import availability, flags, times
from shared.domain.ledger import movement
from shared.domain.messages import FillSku, Message, Publish
from shared.domain.names import ChannelId, Sku
from shared.domain.rules import Rules
from shared.domain.stock import Level
from shared.errors import InvalidInput
from shared.flows.changes import UNREADABLE, Change, unreadable
from shared.storage import ledger, levels
from shared.storage.availability import Mark, is_waited_for, level_cause, mark_item
from shared.storage.dynamo import Table
from shared.storage.flags import Flags
from shared.storage.keys import Key
from shared.storage.problems import Problems

Send = Callable[[Iterable[Message]], None]


@dataclass(slots=True)
class _Batch:
    """What a batch comes to: the last word on every key, and what follows from the images."""

    items: dict[Key, dict[str, Any]] = field(default_factory=dict)
    dirty: dict[ChannelId, None] = field(default_factory=dict)
    risen: dict[Sku, None] = field(default_factory=dict)
    crossings: dict[flags.Flag, bool] = field(default_factory=dict)

    def add(self, *items: dict[str, Any]) -> None:
        self.items |= {Key(item["PK"], item["SK"]): item for item in items}


@dataclass(slots=True)
class RecordStock:
    """Runs batches."""

    stock: Table
    orders: Table
    problems: Problems
    to_orders: Send
    to_channels: Send

    def run(self, changes: Iterable[Change], rules: Rules, now: datetime) -> Counter[str]:
        """Record a batch; answer what was counted. Raises Transient when a table or a queue did not take it."""
        counted: Counter[str] = Counter()
        batch = _Batch()
        for change in changes:
            try:
                before, after = _read(change)
            except UNREADABLE as error:
                self.problems.open(unreadable(change, error), times.text(now))
                counted["ImageUnreadable"] += 1
                continue
            _record(before, after, rules, batch)
            counted["MovementRecorded"] += 1
        self.stock.write_all(list(batch.items.values()))
        Flags(self.stock).write(batch.crossings)
        self.to_channels(Publish(channel=channel) for channel in batch.dirty)
        self.to_orders(FillSku(sku=sku) for sku in batch.risen if is_waited_for(self.orders, sku))
        return counted


def _record(before: Level | None, after: Level, rules: Rules, batch: _Batch) -> None:
    """Add what follows from one change of a level.

    One that raised no revision is nobody's write, and would stand in the ledger for the last one: `reconcile` finds it.
    """
    sku = after.key.sku
    if before is None or before.revision != after.revision:
        batch.add(ledger.to_item(movement(before, after)))
    if before is None:
        batch.add(ledger.catalogue_item(sku))
    rank = availability.rank(before, after)
    if rank is not None:
        channels = [each for each in rules.active_channels if rules.ships_for(after.key.source, each)]
        dirty = dict.fromkeys(each.channel for each in channels)
        left = partial(Mark, rank=rank, subject=sku, cause=level_cause(after), at=after.changed_at)
        batch.add(*(mark_item(left(channel=each)) for each in dirty))
        batch.dirty |= dirty
    if availability.rises(before, after):
        batch.risen[sku] = None
    source = rules.sources.get(after.key.source)
    batch.crossings |= flags.crossings(before, after, low_at=source.low_at if source else None)


def _read(change: Change) -> tuple[Level | None, Level]:
    if change.new is None:
        raise InvalidInput("a level was deleted", code="level_deleted")
    return levels.read_image(change.old) if change.old else None, levels.read_image(change.new)
