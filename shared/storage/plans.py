"""What goes beside an order when it is planned: the plan with every candidate, and the address.

Both are written before the order and expire in 7 days unless the order names them: then `record_orders` makes them
stay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.domain import times
from shared.domain.names import OrderKey
from shared.domain.routing.plan import Plan
from shared.storage import keys

EXPIRES_AFTER = timedelta(days=7)


def plan_item(key: OrderKey, attempt: str, plan: Plan, rules_version: str, now: datetime) -> dict[str, Any]:
    """Write a plan as an item: what was taken, what is short, and every candidate with its verdict."""
    pk, sk = keys.plan(key, attempt)
    told = {
        "taken": [[line, source, units] for (line, source), units in plan.taken.items()],
        "short": dict(plan.short),
        "weighed": [
            {
                "line": weighed.line,
                "source": weighed.source,
                "available": weighed.available,
                "cost_minor": weighed.cost_minor,
                "currency": weighed.currency,
                "taken": weighed.taken,
                "verdict": weighed.verdict,
            }
            for weighed in plan.weighed
        ],
    }
    return {
        "PK": pk,
        "SK": sk,
        "entity": "plan",
        "schema": 1,
        "revision": 1,
        "attempt": attempt,
        "made_at": times.text(now),
        "rules_version": rules_version,
        "plan": json.dumps(told, separators=(",", ":")),
        "expires_at": _expires(now),
    }


def ship_to_item(key: OrderKey, attempt: str, address: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Write an address as an item: personal data, kept nowhere else in the tables."""
    pk, sk = keys.ship_to(key, attempt)
    return {
        "PK": pk,
        "SK": sk,
        "entity": "ship_to",
        "schema": 1,
        "revision": 1,
        "address": dict(address),
        "expires_at": _expires(now),
    }


def _expires(now: datetime) -> int:
    return int((now + EXPIRES_AFTER).timestamp())
