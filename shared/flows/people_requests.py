"""What a shop asks about people -> an erasure that the sweep will do, or an exception with what an export needs.

The same event twice is the same erasure, or the same exception.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.domain import customers, times
from shared.domain.customers import Erasure, PeopleAsk, Request
from shared.domain.messages import Delivered
from shared.domain.names import ChannelId, OrderKey
from shared.domain.orders import Order
from shared.domain.problems import Problem
from shared.storage.people import People
from shared.storage.problems import Problems

MOST_TOLD = 50
"""How many orders an exception lists: the command finds them all."""


@dataclass(slots=True)
class PeopleRequests:
    """Records what is asked about people. `key` gives the stack's own, by which customers are called."""

    people: People
    problems: Problems
    key: Callable[[], bytes]

    def called(self, order: Order, customer: customers.Customer) -> str:
        """Call a customer by what an order keeps; empty where nobody told who it is."""
        if not customer.email and not customer.platform_id:
            return ""
        return customers.names_of(self.key(), order.key.channel, customer)[0]

    def run(self, event: Delivered, request: Request, now: datetime) -> str:
        """Record what an event asks; name what was counted."""
        asked_by = hashlib.sha256(event.archive_key.encode()).hexdigest()[:16]
        names = customers.names_of(self.key(), event.channel, request.customer)
        named = tuple(dict.fromkeys(OrderKey(event.channel, each) for each in request.order_ids))
        if request.ask is PeopleAsk.EXPORT:
            self._export(event.channel, asked_by, names, named, now)
            return "ExportAsked"
        is_of_shop = request.ask is PeopleAsk.ERASE_SHOP
        erasure = Erasure(
            erasure=asked_by,
            channel=event.channel,
            asked_at=times.text(now),
            is_of_shop=is_of_shop,
            names=() if is_of_shop else names,
            left=() if is_of_shop else named,
            day=f"{now:%Y-%m-%d}" if is_of_shop else "",
            archive_key=event.archive_key,
            due_at=times.text(now),
        )
        self.people.ask(erasure)
        return "ErasureAsked"

    def _export(
        self, channel: ChannelId, asked_by: str, names: tuple[str, ...], named: tuple[OrderKey, ...], now: datetime
    ) -> None:
        found = list(dict.fromkeys([*named, *self.people.orders_of(names, channel)]))
        told = ", ".join(each.order_id for each in found[:MOST_TOLD])
        problem = Problem(
            kind="data_request",
            subject=f"{channel}:{asked_by}",
            reason="a customer asks what is kept about them",
            action="truestock people export, hand the file to the customer within 30 days, and close this",
            details={
                "channel": channel,
                "orders": told or "none",
                "how many": len(found),
                "where": "SHIPTO of each order, the archive, the purchase orders sent",
            },
        )
        self.problems.open(problem, times.text(now))
