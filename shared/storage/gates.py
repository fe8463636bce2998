"""Gates of suppliers: each turn taken and given back over the revision that was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain import gate
from shared.domain.gate import Ended, Gate
from shared.domain.names import SourceId
from shared.domain.sending_rules import Limits
from shared.errors import Transient
from shared.storage import keys
from shared.storage.dynamo import Table

SCHEMA = 1
TRIES = 8


@dataclass(slots=True)
class Gates:
    """Takes turns and gives them back. Raises Transient where too many do at once."""

    table: Table

    def enter(self, source: SourceId, limits: Limits, holder: str, until: str, now: datetime) -> datetime | None:
        """Take a turn; or answer when to ask again."""
        waits: list[datetime] = []

        def entered(seen: Gate) -> Gate | None:
            after = gate.enter(seen, limits, holder, until, now)
            if isinstance(after, datetime):
                waits.append(after)
                return None
            return after

        self._change(source, entered)
        return waits[0] if waits else None

    def leave(
        self, source: SourceId, limits: Limits, holder: str, ended: Ended, now: datetime, wait: timedelta
    ) -> bool:
        """Give a turn back; answer whether its failure opens the breaker."""
        opened = False

        def left(seen: Gate) -> Gate:
            nonlocal opened
            after, opened = gate.leave(seen, limits, holder, ended, now, wait)
            return after

        self._change(source, left)
        return opened

    def read(self, source: SourceId) -> Gate:
        """Read a gate, strongly; one that nobody passed yet is open."""
        found = self.table.get(keys.gate(source))
        return _from_item(found) if found else Gate()

    def _change(self, source: SourceId, changed: Callable[[Gate], Gate | None]) -> None:
        for _ in range(TRIES):
            seen = self.read(source)
            after = changed(seen)
            if after is None:
                return
            item = _to_item(source, after)
            if self.table.put_seen(item, seen.revision) if seen.revision else self.table.put_new(item):
                return
        raise Transient("too many take turns at a supplier", code="gate_busy", source=source)


def _to_item(source: SourceId, after: Gate) -> dict[str, Any]:
    pk, sk = keys.gate(source)
    return {
        "PK": pk,
        "SK": sk,
        "entity": "gate",
        "schema": SCHEMA,
        "revision": after.revision,
        "holders": dict(after.holders),
        "minute": after.minute,
        "taken": after.taken,
        "failures": after.failures,
        "rests_until": after.rests_until,
    }


def _from_item(item: dict[str, Any]) -> Gate:
    names = ("holders", "minute", "taken", "failures", "rests_until", "revision")
    return Gate(**{name: item[name] for name in names})
