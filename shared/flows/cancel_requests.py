"""A request to cancel, by a supplier's own way: whether it takes one, and what it means when its answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain import times
from shared.domain.orders import Order
from shared.domain.problems import Problem
from shared.domain.purchase_orders import PoLine, PurchaseOrder
from shared.domain.rules import Source
from shared.domain.sending_rules import Mode
from shared.errors import InvalidInput, Rejected, Transient
from shared.flows import written_orders
from shared.storage import pauses
from shared.storage.documents import Documents
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.suppliers.contract import NotTaken, Way

ACTIONS = {
    "cancel_too_late": "ask the supplier by phone; it takes no request to cancel any more",
    "no_cancel": "ask the supplier by phone; it takes no request to cancel",
    "no_part_cancel": "ask the supplier by phone; it takes no request to cancel a part",
    "cancel_unanswered": "ask the supplier whether it has the request to cancel",
    "cancel_not_sent": "ask the supplier by phone; the request to cancel did not go out",
}
"""Code -> what a person does."""


@dataclass(frozen=True, slots=True)
class CancelRequests:
    """Asks suppliers not to ship some units of a purchase order. `ways` answers how a source is sent to."""

    documents: Documents
    pauses: Pauses
    problems: Problems
    ways: Callable[[Source], Way]

    def ask(
        self,
        order: Order,
        po: PurchaseOrder,
        lines: tuple[PoLine, ...],
        because: tuple[str, str],
        source: Source,
        now: datetime,
    ) -> None:
        """Ask once, or have a person call the supplier. `because`: the document that is the reason, and when it came.

        After a crash it is asked again in the same words. Raises Transient where it is worth to try again.
        """
        request, came_at = because
        asked = self.documents.acknowledge(po.source, f"{po.number}-{request}-cancel")
        if asked["is_written"]:
            return
        numbered = replace(po, cancel_control=int(asked["control"]), cancel_at=came_at)
        try:
            self._ask(order, numbered, lines, request, source, now)
        except (InvalidInput, NotTaken) as failure:
            code = "cancel_not_sent" if isinstance(failure, NotTaken) else failure.code
            action = ACTIONS.get(code, ACTIONS["cancel_not_sent"])
            told: dict[str, str | int] = {f"line {line.line}": f"{line.units} x {line.sku}" for line in lines}
            self.problems.open(Problem.of(code, po.number, failure, action, told), times.text(now))
        self.documents.is_told(asked)

    def _ask(
        self,
        order: Order,
        po: PurchaseOrder,
        lines: tuple[PoLine, ...],
        request: str,
        source: Source,
        now: datetime,
    ) -> None:
        way = self.ways(source)
        takes(po, source, way, now)
        if self.pauses.stops(pauses.supplier(po.source)) or source.send_by.mode is Mode.SHADOW:
            raise InvalidInput("nothing goes out to the supplier now", code="cancel_not_sent")
        document = written_orders.part_cancelled(order, po, lines)
        if document.left is not None and not source.send_by.cancels_parts:
            raise InvalidInput("a request to cancel would mean all of the order", code="no_part_cancel")
        ask(way, po, written_orders.written(document, po, source), request)


def takes(po: PurchaseOrder, source: Source, way: Way, now: datetime) -> None:
    """Raise InvalidInput where the supplier cannot be asked to cancel, or not any more: a person calls it."""
    within = source.send_by.cancels_within
    if not way.cancels:
        raise InvalidInput("the supplier takes no request to cancel", code="no_cancel")
    if within is not None and po.sent_at and times.read(po.sent_at) + within < now:
        raise InvalidInput("the supplier takes no request to cancel any more", code="cancel_too_late")


def ask(way: Way, po: PurchaseOrder, body: bytes, request: str = "") -> None:
    """Send the request; what nobody can look for is not sent again at once, as a batch that failed would be.

    `request`: which of several of one purchase order. Raises InvalidInput for a person, NotTaken and Transient.
    """
    try:
        way.send_cancel(po.source, po.number, body, request)
    except Rejected as failure:
        raise InvalidInput(failure.message, code=failure.code, **failure.details) from failure
    except NotTaken:
        raise
    except Transient as failure:
        if way.looks:
            raise
        raise InvalidInput("nobody knows whether a cancel arrived", code="cancel_unanswered") from failure
