"""A batch of level images from the stock table's stream -> ledger, marks, messages.

Nothing is computed for a channel here: a mark says that its number may differ, and whoever tells it computes it
then. A second delivery writes the same keys and asks for what is asked for already. An image that cannot be read
becomes an exception: it would stop the stream for all that come after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain import availability, times
from shared.domain.ledger import movement
from shared.domain.messages import FillSku, Message, Publish
from shared.domain.names import ChannelId, Sku
from shared.domain.problems import Problem
from shared.domain.rules import Rules
from shared.domain.stock import Level
from shared.errors import InvalidInput
from shared.storage import ledger, levels
from shared.storage.attributes import Image
from shared.storage.availability import Mark, is_waited_for, mark_item
from shared.storage.dynamo import Table
from shared.storage.problems import Problems

Send = Callable[[Iterable[Message]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One record of the stream: the item's key, its image before (None: it is new) and after (None: it is gone)."""

    key: Image
    old: Image | None
    new: Image | None


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
        items: dict[tuple[str, str], dict[str, Any]] = {}
        dirty: dict[ChannelId, None] = {}
        risen: dict[Sku, None] = {}
        channels = [channel.channel for _, channel in sorted(rules.channels.items()) if channel.active]
        for change in changes:
            try:
                before, after = _read(change)
            except (KeyError, TypeError, ValueError, AttributeError, InvalidInput) as error:
                self._keep_aside(change, error, now)
                counted["ImageUnreadable"] += 1
                continue
            written = [ledger.to_item(movement(before, after))]
            counted["MovementRecorded"] += 1
            if before is None:
                written.append(ledger.catalogue_item(after.key.sku))
            if (rank := availability.rank(before, after)) is not None:
                written += [
                    mark_item(
                        Mark(
                            channel=channel,
                            rank=rank,
                            sku=after.key.sku,
                            source=after.key.source,
                            revision=after.revision,
                        )
                    )
                    for channel in channels
                ]
                dirty |= dict.fromkeys(channels)
            if availability.rises(before, after):
                risen[after.key.sku] = None
            items |= {(item["PK"], item["SK"]): item for item in written}
        self.stock.write_all(list(items.values()))
        self.to_channels(Publish(channel=channel) for channel in dirty)
        self.to_orders(FillSku(sku=sku) for sku in risen if is_waited_for(self.orders, sku))
        return counted

    def _keep_aside(self, change: Change, error: Exception, now: datetime) -> None:
        subject = "/".join(next(iter(part.values()), "") for part in change.key.values()).replace("#", ":")
        problem = Problem(
            kind="image_unreadable",
            subject=subject,
            reason=f"a stream image cannot be read: {type(error).__name__}",
            action="read the item and mend it; its next write is recorded",
        )
        self.problems.open(problem, times.text(now))


def _read(change: Change) -> tuple[Level | None, Level]:
    if change.new is None:
        raise InvalidInput("a level was deleted", code="level_deleted")
    return levels.read_image(change.old) if change.old else None, levels.read_image(change.new)
