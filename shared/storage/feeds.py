"""Feeds as items: a feed now, and one entry for each of its files. Readers accept schema 1; writers write 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shared.domain.feeds import Feed, FileReport, Run
from shared.domain.names import SourceId
from shared.storage import attributes, keys
from shared.storage.dynamo import Table

SCHEMA = 1

_TOLD = ("verdict", "reason", "kept", "read", "changed", "unchanged", "refused", "absent")


def to_item(feed: Feed) -> dict[str, Any]:
    """Write a feed as an item."""
    pk, sk = keys.feed(feed.source)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "feed", "schema": SCHEMA, "revision": feed.revision}
    item |= {"open": [asdict(run) for run in feed.open], "heartbeat_at": feed.heartbeat_at}
    return item | ({"applied": asdict(feed.applied)} if feed.applied else {})


def from_item(item: Mapping[str, Any]) -> Feed:
    """Read a feed back."""
    return Feed(
        source=SourceId(item["PK"].removeprefix("FEED#")),
        applied=Run(**item["applied"]) if "applied" in item else None,
        open=tuple(Run(**run) for run in item["open"]),
        heartbeat_at=item["heartbeat_at"],
        revision=item["revision"],
    )


@dataclass(slots=True)
class Feeds:
    """Reads and writes feeds and their history."""

    table: Table

    def now(self, source: SourceId) -> Feed:
        """Read a feed, strongly; one that was never written is revision 0."""
        found = self.table.get(keys.feed(source))
        return from_item(found) if found else Feed(source=source)

    def write(self, feed: Feed) -> bool:
        """Write a feed over the revision before; answer False when someone else wrote it since."""
        if feed.revision == 1:
            return self.table.put_new(to_item(feed))
        values = to_item(feed)
        told = {name: values[name] for name in ("revision", "open", "heartbeat_at", "applied") if name in values}
        request = {
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in told),
            "ConditionExpression": "#revision = :seen",
            "ExpressionAttributeNames": {f"#{name}": name for name in told},
            "ExpressionAttributeValues": attributes.image(
                {":seen": feed.revision - 1} | {f":{name}": value for name, value in told.items()}
            ),
        }
        done, _ = self.table.update(keys.feed(feed.source), request)
        return done

    def file_at(self, source: SourceId, as_of: str) -> str:
        """Name the file that the history has for a time, strongly read; empty when it has none."""
        found = self.table.get(keys.feed_file(source, as_of))
        return str(found["file"]) if found else ""

    def record(self, report: FileReport) -> None:
        """Enter a file into its feed's history. Of two files of one moment the first keeps the entry."""
        pk, sk = keys.feed_file(report.source, report.as_of)
        item = {"PK": pk, "SK": sk, "entity": "feed_file", "schema": SCHEMA, "revision": 1, "file": report.file}
        self.table.put_new(item | {told: getattr(report, told) for told in _TOLD})
