"""What goes beside an order when it is planned: the plan with all it was made from, and the address.

Both are written before the order and expire in 7 days unless the order names them: then `record_orders` makes them
stay.

A plan of schema 2 is JSON, deflated with the words of `plan_words_2.txt` as its dictionary: names of fields and
verdicts cost next to nothing, and a plan of one line stays under a kilobyte. Other words need another schema, and the
old ones stay. Schema 1 had the answer only, as plain JSON. Readers accept both; writers write 2.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.domain import times
from shared.domain.names import OrderKey
from shared.domain.routing.plain import from_plain, to_plain
from shared.domain.routing.problem import Candidate, Decision, Demands, Plan, Policy
from shared.errors import InvalidInput
from shared.storage import keys

SCHEMA = 2
EXPIRES_AFTER = timedelta(days=7)
WORDS = Path(__file__).with_name("plan_words_2.txt").read_bytes()
RAW_DEFLATE = -zlib.MAX_WBITS


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPlan:
    """A plan as it was stored: what was short per line, and every candidate with its verdict.

    `decision` is None for a plan of schema 1, which cannot be made again.
    """

    attempt: str
    made_at: str
    rules_version: str
    short: Mapping[str, int]
    weighed: tuple[Mapping[str, Any], ...]
    decision: Decision | None


def plan_item(key: OrderKey, attempt: str, decision: Decision, rules_version: str, now: datetime) -> dict[str, Any]:
    """Write a plan as an item."""
    pk, sk = keys.plan(key, attempt)
    return {
        "PK": pk,
        "SK": sk,
        "entity": "plan",
        "schema": SCHEMA,
        "revision": 1,
        "attempt": attempt,
        "made_at": times.text(now),
        "rules_version": rules_version,
        "plan": packed(decision),
        "expires_at": _expires(now),
    }


def read(item: Mapping[str, Any]) -> LastPlan:
    """Read a plan back. Raises InvalidInput for one that cannot be read."""
    decision = None if item["schema"] == 1 else unpacked(item["plan"])
    told = json.loads(item["plan"]) if decision is None else _told(decision)
    return LastPlan(
        attempt=item["attempt"],
        made_at=item["made_at"],
        rules_version=item["rules_version"],
        short=told["short"],
        weighed=tuple(told["weighed"]),
        decision=decision,
    )


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


def packed(decision: Decision) -> bytes:
    """Write a decision; a source's terms stand in it once, whatever it offers."""
    suppliers = {each.supplier.source: each.supplier for each in decision.candidates}
    document = {
        "demands": to_plain(decision.demands),
        "suppliers": [to_plain(supplier) for supplier in suppliers.values()],
        "candidates": [_candidate(each) for each in decision.candidates],
        "policy": to_plain(decision.policy),
        "now": to_plain(decision.now),
        "plan": to_plain(decision.plan),
    }
    deflate = zlib.compressobj(9, zlib.DEFLATED, RAW_DEFLATE, 9, zlib.Z_DEFAULT_STRATEGY, WORDS)
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return deflate.compress(text) + deflate.flush()


def unpacked(content: bytes) -> Decision:
    """Read a decision back, the very same. Raises InvalidInput for what no writer of ours wrote."""
    try:
        document = json.loads(zlib.decompressobj(RAW_DEFLATE, WORDS).decompress(content))
        terms = {each["source"]: each for each in document["suppliers"]}
        return Decision(
            demands=from_plain(Demands, document["demands"]),
            candidates=tuple(
                from_plain(Candidate, each | {"supplier": terms[each["supplier"]]}) for each in document["candidates"]
            ),
            policy=from_plain(Policy, document["policy"]),
            now=datetime.fromisoformat(document["now"]),
            plan=from_plain(Plan, document["plan"]),
        )
    except (zlib.error, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise InvalidInput("a plan cannot be read", code="plan_unreadable", error=type(error).__name__) from error


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {**to_plain(candidate), "supplier": candidate.supplier.source}


def _told(decision: Decision) -> dict[str, Any]:
    """Say the answer in the words of schema 1: prices in the order's currency."""
    return {
        "short": dict(decision.plan.short),
        "weighed": [
            {
                "line": each.line,
                "source": each.source,
                "available": each.available,
                "cost_minor": each.unit_minor,
                "currency": decision.demands.currency,
                "taken": each.taken,
                "verdict": each.verdict,
            }
            for each in decision.plan.weighed
        ],
    }


def _expires(now: datetime) -> int:
    return int((now + EXPIRES_AFTER).timestamp())
