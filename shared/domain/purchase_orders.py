"""A purchase order: one number, sent once, and every state it can be in.

`ready -> claimed -> sent -> acknowledged -> shipped -> closed`, beside `unknown, failed, rejected, cancelling,
cancelled`. Claim before send; a send whose answer is lost is `unknown`: nobody sends again before somebody has
looked (docs/protocols.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from shared.domain.names import OrderKey, Sku, SourceId
from shared.errors import Rejected


class PoState(StrEnum):
    """Where a purchase order is."""

    READY = "ready"
    CLAIMED = "claimed"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    SHIPPED = "shipped"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class PoEvent(StrEnum):
    """What can happen to a purchase order."""

    CLAIM = "claim"
    SENT = "sent"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    ABSENT = "absent"
    CANCEL = "cancel"
    CANCEL_ACCEPTED = "cancel_accepted"
    CANCEL_REFUSED = "cancel_refused"
    ACKNOWLEDGE = "acknowledge"
    REJECT = "reject"
    SHIP = "ship"
    CLOSE = "close"


_S, _E = PoState, PoEvent

PO_TRANSITIONS: Mapping[tuple[PoState, PoEvent], PoState] = MappingProxyType(
    {
        (_S.READY, _E.CLAIM): _S.CLAIMED,
        (_S.READY, _E.CANCEL): _S.CANCELLED,
        (_S.CLAIMED, _E.SENT): _S.SENT,
        (_S.CLAIMED, _E.NO_ANSWER): _S.UNKNOWN,
        (_S.CLAIMED, _E.REFUSED): _S.FAILED,
        (_S.CLAIMED, _E.ABSENT): _S.CLAIMED,
        (_S.CLAIMED, _E.CANCEL): _S.CLAIMED,
        (_S.UNKNOWN, _E.SENT): _S.SENT,
        (_S.UNKNOWN, _E.ABSENT): _S.CLAIMED,
        (_S.UNKNOWN, _E.CANCEL): _S.UNKNOWN,
        (_S.FAILED, _E.CLAIM): _S.CLAIMED,
        (_S.FAILED, _E.CANCEL): _S.CANCELLED,
        (_S.SENT, _E.ACKNOWLEDGE): _S.ACKNOWLEDGED,
        (_S.SENT, _E.REJECT): _S.REJECTED,
        (_S.SENT, _E.SHIP): _S.SHIPPED,
        (_S.SENT, _E.CANCEL): _S.CANCELLING,
        (_S.ACKNOWLEDGED, _E.ACKNOWLEDGE): _S.ACKNOWLEDGED,
        (_S.ACKNOWLEDGED, _E.REJECT): _S.REJECTED,
        (_S.ACKNOWLEDGED, _E.SHIP): _S.SHIPPED,
        (_S.ACKNOWLEDGED, _E.CANCEL): _S.CANCELLING,
        (_S.CANCELLING, _E.CANCEL_ACCEPTED): _S.CANCELLED,
        (_S.CANCELLING, _E.CANCEL_REFUSED): _S.ACKNOWLEDGED,
        (_S.CANCELLING, _E.ACKNOWLEDGE): _S.CANCELLING,
        (_S.CANCELLING, _E.REJECT): _S.REJECTED,
        (_S.CANCELLING, _E.SHIP): _S.SHIPPED,
        (_S.SHIPPED, _E.ACKNOWLEDGE): _S.SHIPPED,
        (_S.SHIPPED, _E.SHIP): _S.SHIPPED,
        (_S.SHIPPED, _E.CLOSE): _S.CLOSED,
        (_S.REJECTED, _E.CLOSE): _S.CLOSED,
    }
)
"""(state, event) -> state. What is not here is refused."""

ASKED_AGAIN = frozenset({PoState.CLAIMED, PoState.UNKNOWN})
"""States in which the supplier may or may not have it: after `claimed_until` somebody looks before anything is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoLine:
    """Units of one line, ours. `code`: what the supplier calls `pack` of them, empty where it calls them as we do."""

    line: str
    sku: Sku
    units: int
    code: str = ""
    pack: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrder:
    """What one supplier is asked to ship for one order. `n` is the order's own count, `number` the supplier's.

    Kept so that a second try is the same to the byte: `sent_by`, the way and the writing of its claim; `control` and
    `cancel_control`, the numbers of its interchanges; `cancel_at`, when its cancel was first to go out. `shipped_at`:
    when we heard that all of it was. `batch`: the number of the file that it goes out in, among others.
    """

    order: OrderKey
    source: SourceId
    n: int
    number: str
    lines: tuple[PoLine, ...]
    state: PoState = PoState.READY
    cancel_wanted: bool = False
    cancel_told: bool = False
    claimed_by: str = ""
    claimed_until: str = ""
    made_at: str = ""
    sent_at: str = ""
    due_at: str = ""
    sent_by: str = ""
    control: int = 0
    cancel_control: int = 0
    cancel_at: str = ""
    shipped_at: str = ""
    batch: str = ""
    revision: int = 1


def answered(po: PurchaseOrder, event: PoEvent, now: str, due: Callable[[PurchaseOrder], str]) -> PurchaseOrder | None:
    """Apply what a supplier's answer means for a purchase order as a whole; None where it means nothing any more.

    Whoever answers has it, whatever became of the sending. `due`: when it is then looked at again.
    """
    there = po
    if po.state in ASKED_AGAIN:
        there = replace(step(po, PoEvent.SENT), sent_at=now)
    if (there.state, event) not in PO_TRANSITIONS:
        return None
    after = step(there, event)
    if after.state is PoState.SHIPPED and not after.shipped_at:
        after = replace(after, shipped_at=now)
    changed = replace(after, due_at=due(after), revision=po.revision + 1)
    is_same = replace(changed, revision=po.revision, due_at=po.due_at) == po
    return None if is_same else changed


def cancel_with_order(seen: Iterable[PurchaseOrder], now: str) -> list[tuple[PurchaseOrder, PurchaseOrder]]:
    """Cancel the purchase orders of a cancelled order, or want them cancelled: `(before, after)` of those that can."""
    return [(po, after) for po in seen if (after := _cancelled(po, now))]


def _cancelled(po: PurchaseOrder, now: str) -> PurchaseOrder | None:
    if po.cancel_wanted or (po.state, PoEvent.CANCEL) not in PO_TRANSITIONS:
        return None
    after = step(po, PoEvent.CANCEL)
    if after.state is PoState.CANCELLED:
        return replace(after, due_at="")
    return replace(after, due_at=now) if after.state is PoState.CANCELLING else after


def step(po: PurchaseOrder, event: PoEvent) -> PurchaseOrder:
    """Apply one event by the table; the writer adds times and claims. Raises Rejected for what the table does not have.

    A cancel that cannot go out yet is remembered as wanted: whoever records the send writes `cancelling` instead,
    and what was never sent is cancelled instead of claimed again.
    """
    after = PO_TRANSITIONS.get((po.state, event))
    if after is None:
        raise Rejected(
            "the purchase order is past that", code="po_transition", number=po.number, state=po.state, event=event
        )
    wanted = po.cancel_wanted or event is PoEvent.CANCEL
    if wanted and event is PoEvent.SENT:
        after = PoState.CANCELLING
    if wanted and event is PoEvent.ABSENT:
        after = PoState.CANCELLED
    return replace(po, state=after, cancel_wanted=wanted, revision=po.revision + 1)
