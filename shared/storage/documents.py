"""Suppliers' documents as they were seen (O10): what each said, what became of it, and where its file lies.

Who brings the first one of a number puts it; every later write is over the revision that was seen. Readers accept
schema 1; writers write 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from shared.domain.answers import Says
from shared.domain.document_moves import Step
from shared.domain.documents import Finding
from shared.domain.names import SourceId
from shared.storage import attributes, keys
from shared.storage.dynamo import Table

SCHEMA = 1
MOST_STEPS = 2_000
"""Of one document: an item holds 400 KB."""


class State(StrEnum):
    """What became of a document.

    `taken`: its steps are being moved; `read_again`: it was read under another number since.
    """

    TAKEN = "taken"
    APPLIED = "applied"
    HELD = "held"
    REJECTED = "rejected"
    READ_AGAIN = "read_again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A document of a supplier by its type and number.

    `digest`: of what it says; `earlier`: of what it said before a correction; `file`, `place`: where it lies, and its
    number in that file from 0; `steps`: what it moves, `said`: all that it says in the end, corrections included.
    """

    source: SourceId
    type: str
    number: str
    state: State
    digest: str
    file: str
    name: str
    place: int
    received_at: str
    earlier: tuple[str, ...] = ()
    about: str = ""
    steps: tuple[Step, ...] = ()
    said: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    by: str = ""
    because: str = ""
    revision: int = 1

    @property
    def subject(self) -> str:
        """Name it as exceptions and commands do."""
        return f"{self.source} {self.type} {self.number}"


@dataclass(slots=True)
class Documents:
    """Reads and writes them in the order table."""

    table: Table

    def read(self, source: SourceId, kind: str, number: str) -> Entry | None:
        """Read one, strongly."""
        found = self.table.get(keys.document(source, kind, number))
        return from_item(found) if found else None

    def write(self, entry: Entry, seen: Entry | None) -> Entry | None:
        """Write one over what was seen, None for nothing; return it as it stands, None when someone wrote it since."""
        if seen is None:
            return entry if self.table.put_new(to_item(replace(entry, revision=1))) else None
        written = replace(entry, revision=seen.revision + 1)
        return written if self.table.put_seen(to_item(written), seen.revision) else None

    def of(self, source: SourceId, kind: str = "") -> Iterator[Entry]:
        """Yield a supplier's documents, or those of a type."""
        names = {":pk": keys.document(source, "", "").pk, ":kind": f"{kind}#" if kind else ""}
        where = "PK = :pk AND begins_with(SK, :kind)" if kind else "PK = :pk"
        found = self.table.query(where, names if kind else {":pk": names[":pk"]})
        return (from_item(item) for item in found if item["entity"] == "document")

    def acknowledged(self, source: SourceId, file: str) -> Mapping[str, Any] | None:
        """Read under which control number a file was answered, and whether the answer is written."""
        return self.table.get(keys.document(source, "file", file))

    def acknowledge(self, source: SourceId, file: str) -> Mapping[str, Any]:
        """Give the answer to a file a control number, the same one however often it is asked for."""
        found = self.acknowledged(source, file)
        if found:
            return found
        pk, sk = keys.document(source, "file", file)
        item = {"PK": pk, "SK": sk, "entity": "answered_file", "schema": SCHEMA, "revision": 1}
        item |= {"control": self._next(source), "is_written": False}
        return item if self.table.put_new(item) else self.acknowledged(source, file) or item

    def is_told(self, item: Mapping[str, Any]) -> None:
        """Note that an answer is written: it is not written again, for the supplier may have taken it away."""
        self.table.put_seen({**item, "is_written": True, "revision": item["revision"] + 1}, item["revision"])

    def _next(self, source: SourceId) -> int:
        _, taken = self.table.update(
            keys.counter(source, "X12"),
            {
                "UpdateExpression": "SET entity = :entity, #schema = :one ADD revision :one",
                "ExpressionAttributeNames": {"#schema": "schema"},
                "ExpressionAttributeValues": attributes.image({":entity": "counter", ":one": 1}),
            },
        )
        if taken is None:
            raise AssertionError("an update without a condition was refused")
        number: int = taken["revision"]
        return number


_TEXTS = ("digest", "file", "name", "received_at", "about", "by", "because")


def to_item(entry: Entry) -> dict[str, Any]:
    """Write one as an item."""
    pk, sk = keys.document(entry.source, entry.type, entry.number)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "document", "schema": SCHEMA, "revision": entry.revision}
    item |= {"source_id": entry.source, "type": entry.type, "number": entry.number, "state": entry.state.value}
    item |= {"place": entry.place, "earlier": list(entry.earlier)}
    item |= {field: getattr(entry, field) for field in _TEXTS if getattr(entry, field)}
    item |= {field: [list(each) for each in getattr(entry, field)] for field in ("steps", "said")}
    return item | {"findings": [asdict(each) for each in entry.findings]}


def from_item(item: Mapping[str, Any]) -> Entry:
    """Read one back."""
    return Entry(
        source=SourceId(item["source_id"]),
        type=item["type"],
        number=item["number"],
        state=State(item["state"]),
        place=item["place"],
        earlier=tuple(item["earlier"]),
        steps=_steps(item["steps"]),
        said=_steps(item["said"]),
        findings=tuple(Finding(**each) for each in item["findings"]),
        revision=item["revision"],
        **{field: item.get(field, "") for field in _TEXTS},
    )


def _steps(rows: list[list[Any]]) -> tuple[Step, ...]:
    return tuple(Step(number, line, Says(says), units, why) for number, line, says, units, why in rows)
