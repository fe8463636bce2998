"""What each write of the protocols asks of the item it meets, and the rules beside them; each can be taken away.

The keys are the conditions as the requests spell them: `tests/unit/storage/test_conditions.py` holds them against
what storage sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, Mapping[str, Any]], bool]
"""Whether a write may happen: the item as stored (None: there is none), the values of the request."""


def _absent(item: Any, _: Mapping[str, Any]) -> bool:  # noqa: ANN401 - any item
    return item is None


def _as_seen(item: Any, values: Mapping[str, Any]) -> bool:  # noqa: ANN401 - any item
    return bool(item is not None and item.revision == values["seen"])


CONDITIONS: Mapping[str, Mapping[str, Check]] = {
    "take: new order": {"attribute_not_exists(PK)": _absent},
    "take: order": {"revision = :seen": _as_seen},
    "take: level": {
        "available >= :units": lambda level, v: level.available >= v["units"],
        "status = :active": lambda level, _: level.status == "active",
        "(attribute_not_exists(held_until) OR held_until <= :now)": lambda level, v: level.held_until <= v["now"],
    },
    "move: marker": {"attribute_not_exists(PK)": _absent},
    "move: order": {"revision = :seen": _as_seen},
    "give back: level": {"committed >= :units": lambda level, v: level.committed >= v["units"]},
    "deduct, not shown: level": {
        "committed >= :units": lambda level, v: level.committed >= v["units"],
        "counted_as_of < :edge": lambda level, v: level.counted_as_of < v["edge"],
    },
    "deduct, shown: level": {
        "committed >= :units": lambda level, v: level.committed >= v["units"],
        "counted_as_of >= :edge": lambda level, v: level.counted_as_of >= v["edge"],
    },
    "row, first": {"attribute_not_exists(PK)": _absent},
    "row, blind": {
        "counted = :old": lambda level, v: level.counted == v["old"],
        "counted_as_of < :as_of": lambda level, v: level.counted_as_of < v["as_of"],
        "size(deducted) = :zero": lambda level, _: not level.deducted,
        "attribute_not_exists(held_until)": lambda level, _: not level.held_until,
    },
    "row, exact": {
        "counted = :seen": lambda level, v: level.counted == v["seen"].counted,
        "counted_as_of = :seen_as_of": lambda level, v: level.counted_as_of == v["seen"].counted_as_of,
        "drev = :seen_drev": lambda level, v: level.drev == v["seen"].drev,
    },
    "feed": {"revision = :seen": _as_seen},
    "purchase order, make": {"attribute_not_exists(PK)": _absent},
    "purchase order, claim": {"revision = :seen": _as_seen},
    "purchase order, claim: order": {"revision = :seen": _as_seen},
    "purchase order, drop: order": {"revision = :seen": _as_seen},
    "purchase order, change": {"revision = :seen": _as_seen},
    "purchase order, cancel": {"revision = :seen": _as_seen},
}

OF_SIZE = {"deduct, not shown: level": {"(attribute_exists(deducted.#bucket) OR size(deducted) < :most)"}}
"""Conditions that keep a level small: without them nothing is sold twice, so no search can miss them."""

RULES: Mapping[str, str] = {
    "gone by its end": "a bucket is dropped by a photograph of its start already",
    "gone with slack": "the source's clock is believed to the second",
    "open levels are visited": "a row that says what it said is skipped though the level waits for a count",
    "open runs are looked at": "a run skips a line by the snapshot alone, whatever an open run may have written",
    "older files are refused": "a file may be written and made the snapshot whatever is applied already",
    "the snapshot never moves back": "a run that ends late makes its older file the snapshot",
    "deductions raise drev": "a photograph on its way does not notice a deduction that joins in",
    "deducted units stay deducted": "a rejection after the deduction gives the unit back",
    "late units are paid": "a deduction of units that were given back is ignored",
    "the limit is remembered": "a document after the time limit deducts again",
    "a refused create goes on": "whatever was folded with a create that is there already is taken for done",
    "plan again from the returned item": "a refused take is taken for done",
    "a claim is new for every try": "two equal claims share a token, and both are told that it was theirs",
    "nobody looks before the claim is over": "the sweep asks for a purchase order while it is on its way",
    "a wanted cancel waits for the send": "a cancel goes out while its order is still on its way",
    "a claim needs reserved units": "a purchase order made after the cancel is sent",
}
"""Rules that are no condition of a write, each as what is done without it."""


def names() -> list[str]:
    """Name everything that can be taken away."""
    return [f"{write}: {check}" for write, checks in CONDITIONS.items() for check in checks] + list(RULES)


def may(write: str, item: object, without: frozenset[str], **values: object) -> bool:
    """Whether a write happens to an item, with some conditions taken away."""
    return all(check(item, values) for name, check in CONDITIONS[write].items() if f"{write}: {name}" not in without)
