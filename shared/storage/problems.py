"""Exceptions: one item per subject, so the same trouble twice is one entry, and a list of the open ones per owner.

Item and entry are written in one transaction: whatever is in the list is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.problems import OWNER, Problem, Standing
from shared.errors import Transient
from shared.storage import dynamo, keys
from shared.storage.attributes import Image
from shared.storage.dynamo import Action, Table, Transactions

SCHEMA = 1

_TOLD = ("kind", "subject", "reason", "action", "owner")
_SINCE = ("opened_at", "taken_by", "closed_at", "closed_by", "closed_because")


@dataclass(slots=True)
class Problems:
    """Opens, lists, takes and closes exceptions in the order table."""

    table: Table

    def open(self, problem: Problem, now: str) -> bool:
        """Open an exception; answer False when it is open already."""
        there = self.read(problem.kind, problem.subject)
        if there and there.is_open:
            return False
        seen = there.revision if there else 0
        standing = Standing(problem=problem, opened_at=now, revision=seen + 1)
        return self._write(standing, self._entry(standing))

    def renew(self, problem: Problem) -> bool:
        """Say of an open exception what is so now, and whose it is; answer False where nothing is new."""
        there = self.read(problem.kind, problem.subject)
        if there is None or not there.is_open or there.problem == problem:
            return False
        renewed = replace(there, problem=problem, revision=there.revision + 1)
        if there.problem.owner == problem.owner:
            return self._write(renewed)
        left = keys.open_problem(there.problem.owner, there.opened_at, problem.kind, problem.subject)
        return self._write(renewed, dynamo.delete_action("left", self.table.name, left), self._entry(renewed))

    def close(self, standing: Standing, now: str, *, by: str, because: str) -> bool:
        """Close an open exception as it was read; answer False when someone wrote it since."""
        closed = replace(standing, closed_at=now, closed_by=by, closed_because=because, revision=standing.revision + 1)
        problem = standing.problem
        entry = keys.open_problem(problem.owner, standing.opened_at, problem.kind, problem.subject)
        return self._write(closed, dynamo.delete_action("entry", self.table.name, entry))

    def take(self, standing: Standing, by: str) -> bool:
        """Note who looks after an open exception; answer False when someone wrote it since."""
        return self._write(replace(standing, taken_by=by, revision=standing.revision + 1))

    def read(self, kind: str, subject: str) -> Standing | None:
        """Read an exception, open or not, strongly."""
        found = self.table.get(keys.problem(kind, subject))
        return from_item(found) if found else None

    def open_ones(self, owner: str = OWNER) -> Iterator[Standing]:
        """Yield all open exceptions of an owner, oldest first."""
        for kind, subject in self.open_keys(owner):
            standing = self.read(kind, subject)
            if standing and standing.is_open:
                yield standing

    def open_keys(self, owner: str = OWNER) -> Iterator[tuple[str, str]]:
        """Yield kind and subject of all open exceptions of an owner, oldest first."""
        pk = keys.open_problem(owner, "", "", "").pk
        return ((entry["kind"], entry["subject"]) for entry in self.table.query("PK = :pk", {":pk": pk}))

    def _entry(self, standing: Standing) -> Action:
        """List an open exception among its owner's."""
        problem = standing.problem
        pk, sk = keys.open_problem(problem.owner, standing.opened_at, problem.kind, problem.subject)
        entry = {"PK": pk, "SK": sk, "entity": "open_problem", "schema": SCHEMA, "revision": 1}
        told = {"kind": problem.kind, "subject": problem.subject}
        return dynamo.put_action("entry", self.table.name, entry | told)

    def _write(self, standing: Standing, *entry: Action) -> bool:
        item = to_item(standing)
        name = self.table.name
        if standing.revision == 1:
            action = dynamo.put_new_action("problem", name, item, _decode)
        else:
            action = dynamo.put_seen_action("problem", name, item, standing.revision - 1, _decode)
        outcome = Transactions(self.table.client).commit([action, *entry])
        if outcome.conflicts:
            raise Transient("an exception is being written by someone else", code="problem_busy")
        return outcome.is_done


def to_item(standing: Standing) -> dict[str, Any]:
    """Write an exception as an item."""
    problem = standing.problem
    pk, sk = keys.problem(problem.kind, problem.subject)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "problem", "schema": SCHEMA, "revision": standing.revision}
    item |= {"state": "open" if standing.is_open else "closed", "details": dict(problem.details)}
    item |= {field: getattr(problem, field) for field in _TOLD}
    return item | {field: getattr(standing, field) for field in _SINCE if getattr(standing, field)}


def from_item(item: Mapping[str, Any]) -> Standing:
    """Read an exception back."""
    return Standing(
        problem=Problem(**{field: item[field] for field in _TOLD}, details=item["details"]),
        revision=item["revision"],
        **{field: item.get(field, "") for field in _SINCE},
    )


def _decode(image: Image) -> Image:
    return image
