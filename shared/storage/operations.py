"""What people change by hand: who, why and when, written with the change itself, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from shared.domain import times
from shared.domain.names import LevelKey
from shared.domain.people import By
from shared.domain.stock import Level
from shared.errors import Conflict, InvalidInput, Rejected
from shared.storage import dynamo, keys, levels
from shared.storage.dynamo import Table, Transactions

SCHEMA = 1
KEPT_FOR = timedelta(days=13 * 31)
"""As long as the movement that it explains."""
TRIES = 5


@dataclass(slots=True)
class Operations:
    """Changes levels by a person's word, and reads who did."""

    stock: Table
    orders: Table

    def adjust(self, key: LevelKey, units: int, by: By, op_id: str, now: datetime) -> bool:
        """Correct a count by `units`; answer False when this very change was made already.

        Raises InvalidInput for a level that is not there, Rejected for more than it has.
        """
        if units == 0:
            raise InvalidInput("an adjustment of nothing", code="no_units", sku=key.sku)
        at = keys.operation(op_id)
        marker = {
            "PK": at.pk,
            "SK": at.sk,
            "entity": "operation",
            "schema": SCHEMA,
            "revision": 1,
            "kind": "adjust",
            "at": times.text(now),
            "expires_at": int((now + KEPT_FOR).timestamp()),
        }
        actions = [
            dynamo.put_new_action(op_id, self.orders.name, marker | asdict(by), lambda _: op_id),
            levels.adjust(self.stock.name, key, units, op_id, times.text(now)),
        ]
        for _ in range(TRIES):
            outcome = Transactions(self.stock.client).commit(actions)
            if outcome.is_done:
                return True
            if any(refusal.found == op_id for refusal in outcome.refusals):
                return False
            if not outcome.conflicts:
                met = next((refusal.found for refusal in outcome.refusals if not refusal.is_conflict), None)
                if not isinstance(met, Level):
                    raise InvalidInput("no such level", code="unknown_level", sku=key.sku, source=key.source)
                raise Rejected("more than was counted", code="not_so_many", counted=met.counted, units=units)
        raise Conflict("the level keeps changing", code="level_busy", sku=key.sku)

    def who(self, op_ids: Sequence[str]) -> dict[str, By]:
        """Read who made changes, and why; what is not known is absent."""
        at = {keys.operation(op_id): op_id for op_id in op_ids}
        found = dynamo.read_all(self.orders.client, [(self.orders.name, key) for key in at])
        return {at[key]: By(item["actor"], item["reason"]) for (_, key), item in found.items()}
