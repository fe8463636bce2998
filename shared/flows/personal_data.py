"""Where personal data of an order lies: its events in the archive, its purchase orders as they were sent, `SHIPTO`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.domain.names import OrderKey
from shared.storage import archive
from shared.storage.outbox import Outbox
from shared.storage.people import People
from shared.storage.versions import Version, Versions
from shared.suppliers.file_drop import stem


@dataclass(slots=True)
class PersonalData:
    """Finds it. Nothing else of ours holds any."""

    people: People
    outbox: Outbox
    archive: Versions
    files: Versions

    def places(self, key: OrderKey, now: datetime) -> Iterator[tuple[Versions, str]]:
        """Yield each bucket and prefix of keys that may hold something of an order, and of no other one."""
        for folder in archive.folders(key.channel, key.order_id, now):
            yield self.archive, folder
        yield from self.sent(key)

    def sent(self, key: OrderKey) -> Iterator[tuple[Versions, str]]:
        """Yield the purchase orders that were sent of an order; the request to cancel one names nobody."""
        for po in self.outbox.purchase_orders(key):
            yield self.files, f"{stem(po.source, po.number)}."

    def objects(self, key: OrderKey, now: datetime) -> Iterator[tuple[Versions, Version]]:
        """Yield every version of every object that holds something of an order."""
        for bucket, prefix in self.places(key, now):
            for page in bucket.below(prefix):
                yield from ((bucket, each) for each in page if not each.is_marker)
