"""What a person has stopped: everything, one supplier, or one shop. Read strongly before each send and each push."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.names import ChannelId, SourceId
from shared.domain.people import By
from shared.storage import dynamo, keys
from shared.storage.dynamo import Table

SCHEMA = 1
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stop: of what, by whom, why and since when."""

    scope: str
    actor: str
    reason: str
    since: str


def supplier(source: SourceId) -> str:
    """Name the scope of what goes to a supplier."""
    return f"supplier#{source}"


def channel(channel_id: ChannelId) -> str:
    """Name the scope of what a shop is told."""
    return f"channel#{channel_id}"


@dataclass(slots=True)
class Pauses:
    """Sets, lifts and reads pauses; of each scope the last pause is kept, with who lifted it and why."""

    table: Table

    def set(self, pause: Pause) -> bool:
        """Pause; answer False when that is paused already, by whomever."""
        pk, sk = key = keys.pause(pause.scope)
        item = {"PK": pk, "SK": sk, "entity": "pause", "schema": SCHEMA}
        item |= {"actor": pause.actor, "reason": pause.reason, "paused_at": pause.since}
        before = self.table.get(key)
        if before is None:
            return self.table.put_new(item | {"revision": 1})
        seen = before["revision"]
        return bool(before.get("lifted_at")) and self.table.put_seen(item | {"revision": seen + 1}, seen)

    def lift(self, scope: str, by: By, now: str) -> bool:
        """Resume; answer False when that is not paused, or no longer."""
        before = self.table.get(keys.pause(scope))
        if before is None or before.get("lifted_at"):
            return False
        seen = before["revision"]
        lifted = {"lifted_at": now, "lifted_by": by.actor, "lifted_because": by.reason, "revision": seen + 1}
        return self.table.put_seen(before | lifted, seen)

    def stops(self, scope: str) -> Pause | None:
        """Answer what stops this scope now, strongly read: its own pause, or that of everything."""
        found = self.read([ALL, scope])
        return found[0] if found else None

    def read(self, scopes: Sequence[str]) -> list[Pause]:
        """Read the pauses among these scopes, strongly."""
        at = {keys.pause(scope): scope for scope in scopes}
        found = dynamo.read_all(self.table.client, [(self.table.name, key) for key in at], consistent=True)
        return [
            Pause(scope=at[key], actor=item["actor"], reason=item["reason"], since=item["paused_at"])
            for (_, key), item in sorted(found.items())
            if holds(item)
        ]


def holds(item: Mapping[str, Any] | None) -> bool:
    """Whether a scope is paused, by the item that it has or has not."""
    return item is not None and not item.get("lifted_at")
