"""Feeds as items: a feed now, and one entry for each of its files. Readers accept schema 1; writers write 1."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shared.domain.feeds import IMPLAUSIBLE, Feed, FileReport, Run, Verdict
from shared.domain.freshness import Freshness
from shared.domain.names import Sku, SourceId
from shared.domain.people import By
from shared.domain.photographs import Tally
from shared.errors import Transient
from shared.storage import attributes, dynamo, keys
from shared.storage.dynamo import Table

SCHEMA = 1

_NOW = ("revision", "open", "heartbeat_at", "applied", "confirms_since", "unconfirmed")
_TOLD = ("verdict", "reason", "code", "kept", "read", "changed", "unchanged", "refused", "absent")


def to_item(feed: Feed) -> dict[str, Any]:
    """Write a feed as an item."""
    pk, sk = keys.feed(feed.source)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "feed", "schema": SCHEMA, "revision": feed.revision}
    item |= {"open": [_run_item(run) for run in feed.open], "heartbeat_at": feed.heartbeat_at}
    item |= {"confirms_since": feed.confirms_since, "unconfirmed": dict(feed.unconfirmed)}
    return item | ({"applied": _run_item(feed.applied)} if feed.applied else {})


def from_item(item: Mapping[str, Any]) -> Feed:
    """Read a feed back."""
    return Feed(
        source=SourceId(item["PK"].removeprefix("FEED#")),
        applied=_run(item["applied"]) if "applied" in item else None,
        open=tuple(map(_run, item["open"])),
        heartbeat_at=item["heartbeat_at"],
        confirms_since=item.get("confirms_since", ""),
        unconfirmed={Sku(sku): at for sku, at in item.get("unconfirmed", {}).items()},
        revision=item["revision"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file in a feed's history: what became of it, why, and where it lies."""

    as_of: str
    file: str
    kept: str
    verdict: Verdict
    reason: str
    code: str

    @property
    def can_be_released(self) -> bool:
        """Whether a person may let it count: it can be read, and nobody has decided yet."""
        return self.verdict is Verdict.HELD and self.code == IMPLAUSIBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A run whose rows are written in pieces: how many there are, and which of them are written."""

    file: str
    count: int
    done: frozenset[int]

    @property
    def left(self) -> list[int]:
        """Pieces that are not known to be written."""
        return [number for number in range(1, self.count + 1) if number not in self.done]


@dataclass(slots=True)
class Feeds:
    """Reads and writes feeds and their history."""

    table: Table

    def now(self, source: SourceId) -> Feed:
        """Read a feed, strongly; one that was never written is revision 0."""
        found = self.table.get(keys.feed(source))
        return from_item(found) if found else Feed(source=source)

    def each_now(self, sources: Collection[SourceId]) -> dict[SourceId, tuple[Feed, Freshness]]:
        """Read feeds, and how fresh each was when that was last looked at."""
        at = {keys.feed(source): source for source in sources} | {
            keys.feed_freshness(source): source for source in sources
        }
        found = dynamo.read_all(self.table.client, [(self.table.name, key) for key in at])
        feeds = {at[key]: from_item(item) for (_, key), item in found.items() if key.sk == "NOW"}
        seen = {at[key]: _freshness(item) for (_, key), item in found.items() if key.sk != "NOW"}
        return {source: (feeds.get(source, Feed(source=source)), seen.get(source, Freshness())) for source in sources}

    def looked(self, source: SourceId, freshness: Freshness) -> None:
        """Remember how fresh a feed was seen to be."""
        pk, sk = keys.feed_freshness(source)
        item = {"PK": pk, "SK": sk, "entity": "feed_freshness", "schema": SCHEMA, "revision": 1}
        told = {"percent": freshness.percent, "skus": dict(freshness.skus), "is_silent": freshness.is_silent}
        self.table.put(item | told)

    def write(self, feed: Feed) -> bool:
        """Write a feed over the revision before; answer False when someone else wrote it since."""
        if feed.revision == 1:
            return self.table.put_new(to_item(feed))
        values = to_item(feed)
        told = {name: values[name] for name in _NOW if name in values}
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
        found = self.entry(source, as_of)
        return found.file if found else ""

    def entry(self, source: SourceId, as_of: str) -> Entry | None:
        """Read what the history has for a time, strongly; None when it has nothing."""
        found = self.table.get(keys.feed_file(source, as_of))
        return _entry(found) if found else None

    def kept_at(self, source: SourceId, as_of: str) -> str:
        """Answer where the file of a time is kept; empty when the history has none."""
        found = self.entry(source, as_of)
        return found.kept if found else ""

    def held(self, source: SourceId) -> list[Entry]:
        """List held files of a feed, oldest first."""
        pk, _ = keys.feed_file(source, "")
        found = self.table.query("PK = :pk AND begins_with(SK, :file)", {":pk": pk, ":file": "FILE#"}, consistent=True)
        return [_entry(item) for item in found if item["verdict"] == Verdict.HELD]

    def held_after(self, source: SourceId, as_of: str) -> bool:
        """Answer whether a file of a later time is held."""
        pk, since = keys.feed_file(source, as_of)
        names = {":pk": pk, ":since": since, ":until": keys.feed_file(source, "~").sk}
        later = self.table.query("PK = :pk AND SK BETWEEN :since AND :until", names)
        return any(item["verdict"] == Verdict.HELD and item["SK"] > since for item in later)

    def record(self, report: FileReport) -> None:
        """Enter a file into its feed's history. Of two files of one moment the first keeps the entry."""
        self.table.put_new(_file_item(report, revision=1))

    def record_released(self, report: FileReport) -> None:
        """Enter what became of a file that was held before."""
        self.table.put_seen(_file_item(report, revision=2), 1)

    def cut(self, source: SourceId, run: Run, count: int, expires_at: int) -> None:
        """Note that the rows of a run lie there in so many pieces. Once noted it stays."""
        pk, sk = keys.feed_pieces(source, run.as_of)
        item = {"PK": pk, "SK": sk, "entity": "feed_pieces", "schema": SCHEMA, "revision": 1}
        self.table.put_new(item | {"file": run.file, "count": count, "expires_at": expires_at})

    def pieces(self, source: SourceId, as_of: str) -> Pieces | None:
        """Read how far a run in pieces is, strongly; None when it is none."""
        found = self.table.get(keys.feed_pieces(source, as_of))
        return _pieces(found) if found else None

    def piece_done(self, source: SourceId, as_of: str, number: int) -> Pieces:
        """Note that a piece is written, once or again; return how far the run is. Raises Transient when it is gone."""
        request = {
            "UpdateExpression": "ADD done :number, revision :one",
            "ConditionExpression": "attribute_exists(PK)",
            "ExpressionAttributeValues": attributes.image({":number": frozenset({number}), ":one": 1}),
        }
        done, found = self.table.update(keys.feed_pieces(source, as_of), request)
        if not done or found is None:
            raise Transient("a run's pieces are not known", code="pieces_gone", source=source, as_of=as_of)
        return _pieces(found)

    def reject(self, source: SourceId, as_of: str, by: By) -> bool:
        """Note that a held file shall never count; answer False when it is not held any more."""
        key = keys.feed_file(source, as_of)
        found = self.table.get(key)
        if found is None or found["verdict"] != Verdict.HELD:
            return False
        rejected = {"verdict": Verdict.REJECTED, "revision": 2, "rejected_by": by.actor, "rejected_because": by.reason}
        return self.table.put_seen(found | rejected, 1)


def _pieces(item: Mapping[str, Any]) -> Pieces:
    return Pieces(file=item["file"], count=item["count"], done=item.get("done", frozenset()))


def _run(item: Mapping[str, Any]) -> Run:
    said = item.get("tally")
    return Run(**{**item, "tally": Tally(**said) if said else None})


def _run_item(run: Run) -> dict[str, Any]:
    return {name: value for name, value in asdict(run).items() if value is not None}


def _file_item(report: FileReport, *, revision: int) -> dict[str, Any]:
    pk, sk = keys.feed_file(report.source, report.as_of)
    item = {"PK": pk, "SK": sk, "entity": "feed_file", "schema": SCHEMA, "revision": revision, "file": report.file}
    return item | {told: getattr(report, told) for told in _TOLD}


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(
        as_of=item["SK"].removeprefix("FILE#"),
        file=item["file"],
        kept=item["kept"],
        verdict=Verdict(item["verdict"]),
        reason=item["reason"],
        code=item.get("code", ""),
    )


def _freshness(item: Mapping[str, Any]) -> Freshness:
    skus = {Sku(sku): percent for sku, percent in item["skus"].items()}
    return Freshness(percent=item["percent"], skus=skus, is_silent=item["is_silent"])
