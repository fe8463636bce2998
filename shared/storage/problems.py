"""Exceptions: one item per subject, so the same trouble twice is one entry, and a list of open ones per owner."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.problems import Problem
from shared.storage import keys
from shared.storage.dynamo import Table


@dataclass(slots=True)
class Problems:
    """Opens exceptions in the order table."""

    table: Table

    def open(self, problem: Problem, now: str) -> bool:
        """Open an exception; answer False when it is open already.

        The list entry is written first: a crash between the two leaves an entry that the next try makes whole.
        """
        subject = problem.subject
        there = self.table.get(keys.problem(problem.kind, subject))
        if there and there["state"] == "open":
            return False
        told = {
            "kind": problem.kind,
            "subject": subject,
            "reason": problem.reason,
            "action": problem.action,
            "owner": problem.owner,
            "opened_at": now,
            "schema": 1,
        }
        pk, sk = keys.open_problem(problem.owner, now, problem.kind, subject)
        self.table.put({"PK": pk, "SK": sk, "entity": "open_problem", "revision": 1} | told)
        pk, sk = keys.problem(problem.kind, subject)
        revision = there["revision"] + 1 if there else 1
        item = {"PK": pk, "SK": sk, "entity": "problem", "revision": revision, "state": "open"}
        self.table.put(item | told | {"details": dict(problem.details)})
        return True
