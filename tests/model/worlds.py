"""The worlds that are searched: small enough to be searched whole, each with what can go wrong in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.model.frozen import Frozen
from tests.model.search import Model
from tests.model.sending_world import SendingModel
from tests.model.stock_world import Document, StockModel
from tests.model.taking_world import Message, TakingModel

Make = tuple[type[StockModel] | type[TakingModel] | type[SendingModel], Mapping[str, Any]]

FIVE_MINUTES = timedelta(minutes=5)


def create(order: int, units: int = 1) -> Message:
    return Message("create", order, units)


def left(**times: int) -> Frozen:
    return Frozen(times)


WORLDS: Mapping[str, Make] = {
    # ---- orders that take units
    "two orders for one unit": (TakingModel, {"messages": (create(0), create(1)), "orders": 2, "left": left(again=1)}),
    "a level is held and withdrawn": (TakingModel, {"messages": (create(0),), "left": left(holds=1, withdrawals=1)}),
    "two orders, two sources, a lost answer": (
        TakingModel,
        {"messages": (create(0, 2), create(1)), "orders": 2, "levels": (1, 1), "left": left(lost=1, again=1)},
    ),
    "an order and its cancel, twice, a crash": (
        TakingModel,
        {"messages": (create(0), Message("cancel")), "left": left(again=1, crashes=1, lost=1)},
    ),
    "an order that is there, created again with its plan": (
        TakingModel,
        {"messages": (create(0), Message("plan")), "there": {0: 1}, "left": left(again=1)},
    ),
    "edits beside a plan": (
        TakingModel,
        {
            "messages": (Message("edit", 0, 3, 2), Message("edit", 0, 1, 3), Message("plan")),
            "there": {0: 2},
            "levels": (2, 1),
        },
    ),
    "a plan twice, and a cancel": (
        TakingModel,
        {
            "messages": (Message("plan"), Message("cancel")),
            "there": {0: 2},
            "levels": (2,),
            "left": left(again=1, crashes=1),
        },
    ),
    "a backorder, a restock, a new order": (
        TakingModel,
        {"messages": (create(1),), "orders": 2, "waits": {0: 1}, "levels": (0,), "left": left(restocks=1, again=1)},
    ),
    # ---- levels between orders, files and the truth
    "one order, two documents at once": (
        StockModel,
        {
            "units": 1,
            "photographs": 0,
            "documents": (Document("accept", 0, 1, 1, "a1"), Document("reject", 0, 1, 1, "x1")),
        },
    ),
    "one order, two documents of yesterday at once": (
        StockModel,
        {
            "units": 1,
            "photographs": 0,
            "documents": (Document("accept", 0, 1, -1, "a1"), Document("reject", 0, 1, -1, "x1")),
        },
    ),
    "accept, reject and ship in any order, twice": (
        StockModel,
        {
            "units": 5,
            "photographs": 0,
            "ordered": 4,
            "documents": (
                Document("accept", 0, 2, 1, "a1"),
                Document("reject", 0, 1, 1, "x1"),
                Document("ship", 0, 1, 1, "s1"),
                Document("ship", 0, 1, 2, "s2"),
            ),
            "left": left(again=1),
        },
    ),
    "two orders, one file": (StockModel, {"orders": 2, "photographs": 1, "left": left(again=1)}),
    "one order, two files": (StockModel, {"left": left(restocks=1)}),
    "one order, one file, rejected": (StockModel, {"photographs": 1, "left": left(rejects=1, again=1)}),
    "two orders, one file, rejected": (StockModel, {"orders": 2, "photographs": 1, "left": left(rejects=1)}),
    "one order, a time limit": (StockModel, {"orders": 1, "photographs": 1, "left": left(limits=1, restocks=1)}),
    "two orders in one bucket": (StockModel, {"units": 3, "orders": 2, "photographs": 1, "tick": FIVE_MINUTES}),
    "a clock that is wrong by two ticks": (StockModel, {"photographs": 1, "skew": 2, "left": left(restocks=1)}),
    "a level that is new": (
        StockModel,
        {"is_new": True, "orders": 0, "left": left(restocks=1, deliveries=1, crashes=1)},
    ),
    "two files at once, delivered twice, a crash": (
        StockModel,
        {"orders": 0, "left": left(restocks=1, deliveries=1, crashes=1)},
    ),
    "three files at once, nothing sold": (
        StockModel,
        {"orders": 0, "photographs": 3, "left": left(restocks=1, sells=1)},
    ),
    "three files of a level that is new": (
        StockModel,
        {"is_new": True, "orders": 0, "photographs": 3, "left": left(restocks=1, sells=1)},
    ),
    "two holds, two files": (StockModel, {"orders": 0, "left": left(holds=2)}),
    # ---- purchase orders
    "two senders": (SendingModel, {"left": left(workers=2)}),
    "two senders, a crash, a cancel": (SendingModel, {"left": left(workers=2, cancels=1, crashes=1)}),
    "three senders, a lost answer, a cancel": (
        SendingModel,
        {"left": Frozen({"workers": 3, "cancels": 1, "time-outs": 1})},
    ),
}

LARGER: Mapping[str, Make] = {
    "an order and its cancel, three times, a crash": (
        TakingModel,
        {"messages": (create(0), Message("cancel")), "left": left(again=2, crashes=1, lost=1)},
    ),
    "two orders, a time limit, documents twice": (
        StockModel,
        {"orders": 2, "photographs": 1, "left": left(limits=1, again=1)},
    ),
    "a level that is new, and sells elsewhere": (
        StockModel,
        {"is_new": True, "orders": 0, "left": left(restocks=1, sells=1, deliveries=1, crashes=1)},
    ),
    "two senders, a crash, a lost answer, a cancel": (
        SendingModel,
        {"left": Frozen({"workers": 2, "cancels": 1, "crashes": 1, "time-outs": 1})},
    ),
}
"""What `SOAK=1` searches beside them."""

NEEDED: Mapping[str, str] = {
    "take: new order: attribute_not_exists(PK)": "two orders for one unit",
    "take: order: revision = :seen": "an order that is there, created again with its plan",
    "take: level: available >= :units": "two orders for one unit",
    "take: level: status = :active": "a level is held and withdrawn",
    "take: level: (attribute_not_exists(held_until) OR held_until <= :now)": "a level is held and withdrawn",
    "move: marker: attribute_not_exists(PK)": "accept, reject and ship in any order, twice",
    "move: order: revision = :seen": "edits beside a plan",
    "deduct, not shown: level: counted_as_of < :edge": "two orders, one file",
    "row, first: attribute_not_exists(PK)": "a level that is new",
    "row, blind: counted = :old": "one order, two files",
    "row, blind: counted_as_of < :as_of": "two holds, two files",
    "row, blind: size(deducted) = :zero": "two orders, one file",
    "row, blind: attribute_not_exists(held_until)": "two holds, two files",
    "row, exact: drev = :seen_drev": "two holds, two files",
    "feed: revision = :seen": "one order, two files",
    "purchase order, make: attribute_not_exists(PK)": "two senders, a crash, a cancel",
    "purchase order, claim: order: revision = :seen": "two senders, a crash, a cancel",
    "purchase order, change: revision = :seen": "two senders, a crash, a cancel",
    "purchase order, cancel: revision = :seen": "two senders, a crash, a cancel",
    "gone by its end": "two orders in one bucket",
    "gone with slack": "a clock that is wrong by two ticks",
    "open levels are visited": "one order, two files",
    "open runs are looked at": "three files at once, nothing sold",
    "older files are refused": "three files at once, nothing sold",
    "the snapshot never moves back": "three files at once, nothing sold",
    "deductions raise drev": "two orders in one bucket",
    "deducted units stay deducted": "two orders, one file, rejected",
    "late units are paid": "one order, one file, rejected",
    "the limit is remembered": "one order, a time limit",
    "a refused create goes on": "an order and its cancel, twice, a crash",
    "plan again from the returned item": "two orders for one unit",
    "a claim is new for every try": "two senders",
    "nobody looks before the claim is over": "two senders",
    "a wanted cancel waits for the send": "two senders, a crash, a cancel",
    "a claim needs reserved units": "two senders, a crash, a cancel",
}
"""What can be taken away, and a small world that breaks without it."""

BEHIND: Mapping[str, tuple[str, str]] = {
    "give back: level: committed >= :units": ("move: order: revision = :seen", "one order, two documents at once"),
    "deduct, not shown: level: committed >= :units": (
        "move: order: revision = :seen",
        "one order, two documents at once",
    ),
    "deduct, shown: level: committed >= :units": (
        "move: order: revision = :seen",
        "one order, two documents of yesterday at once",
    ),
    "purchase order, claim: revision = :seen": ("purchase order, claim: order: revision = :seen", "two senders"),
    "row, exact: counted_as_of = :seen_as_of": ("row, exact: drev = :seen_drev", "three files of a level that is new"),
}
"""Second defences: what stands before each, and a world where the second is missed once the first is gone."""

IDLE: Mapping[str, tuple[str, str]] = {
    "deduct, shown: level: counted_as_of >= :edge": ("a level's photograph only gets newer", "two orders, one file"),
    "row, exact: counted = :seen": ("whoever writes `counted` raises `drev`", "one order, two files"),
    "purchase order, drop: order: revision = :seen": (
        "what is not reserved under its number never is again",
        "two senders, a crash, a cancel",
    ),
}
"""Conditions that never refuse in any world here, and why; they cost nothing and stay."""


def model(world: str, *without: str) -> Model[Any]:
    """Make a world, with some conditions taken away."""
    kind, settings = WORLDS.get(world) or LARGER[world]
    return kind(**settings, without=frozenset(without))
