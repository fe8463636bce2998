"""Words for what a supplier does about what it was asked for: documents say them, profiles of a source name them.

Apart from the documents, since every function reads the rules, and few read a document.
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What a supplier does about units of a line.

    `accept`: they will ship as asked; `partial`: so many of them will, the rest not by this; `backorder`: they wait for
    stock; `reject`: they will not ship; `substitute`: another product ships; `price`, `date`: they ship at another
    price, on another date; `change`: they ship otherwise in a way that the line's own price, date and units tell;
    `hold`: nothing is decided; `delete`: the line is taken off.
    """

    ACCEPT = "accept"
    PARTIAL = "partial"
    BACKORDER = "backorder"
    REJECT = "reject"
    SUBSTITUTE = "substitute"
    PRICE = "price"
    DATE = "date"
    CHANGE = "change"
    HOLD = "hold"
    DELETE = "delete"


SHIPS = frozenset(
    {Action.ACCEPT, Action.PARTIAL, Action.SUBSTITUTE, Action.PRICE, Action.DATE, Action.CHANGE},
)
"""Actions by which units will ship."""


class Reason(StrEnum):
    """Why units are rejected, where the supplier says so in a word that its profile knows."""

    OUT_OF_STOCK = "out_of_stock"
    DAMAGED = "damaged"
    DISCONTINUED = "discontinued"
    MISMATCH = "mismatch"
    OTHER = "other"


class ChangeOutcome(StrEnum):
    """What became of a change that we asked for.

    `unclear`: the document may mean either, as an answer that rejects a line whose deletion was asked for does; the
    supplier's profile may say which.
    """

    DONE = "done"
    REFUSED = "refused"
    UNCLEAR = "unclear"
