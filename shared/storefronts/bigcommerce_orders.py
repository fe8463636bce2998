"""BigCommerce's orders: found by when they changed, told what was shipped, cancelled.

A shipment is made of units of one address; the store counts what is shipped of a line itself and moves the order's
status. A cancel is a status and done when it is answered. Money is given back by the store's people: a refund needs a
quote that takes amounts of shipping, handling and fees of which the documentation does not say whether with tax, and
no two refunds of an order may be under way. (github.com/bigcommerce/docs: `reference/orders.v2.oas2.yml`,
`docs/store-operations/orders`.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.carriers import Carrier
from shared.errors import InvalidInput, Rejected
from shared.storefronts import bigcommerce, changes
from shared.storefronts.bigcommerce_rest import Api, rows
from shared.storefronts.contract import Found, Parcel, Part, Seen
from shared.storefronts.json_calls import NOT_FOUND, strange
from shared.storefronts.payloads import Object, units

PAGE = 50
MOST_LINES_AT_ONCE = 50
"""Line items that come with an order; of one that has so many they are listed by themselves."""
MOST_PAGES = 20
SAID_NO = (400, 409, 422)
CARRIERS: Mapping[str, Mapping[str, str]] = {
    Carrier.UPS: {"shipping_provider": "ups"},
    Carrier.FEDEX: {"shipping_provider": "fedex"},
    Carrier.USPS: {"shipping_provider": "usps"},
    Carrier.DHL: {"shipping_provider": "", "tracking_carrier": "dhl"},
}
"""Carriers as the store writes them: its own providers, else a name of AfterShip's couriers."""

_WITH_LINES: Mapping[str, str] = {"include": "consignments.line_items", "consignment_structure": "object"}


@dataclass(frozen=True, slots=True)
class Orders:
    """A store's orders."""

    api: Api

    # ---- found

    def list_orders_since(self, since: datetime) -> Iterator[Found]:
        """Yield orders changed at or after a time, oldest change first."""
        for order in changes.since(since, PAGE, self._page, bigcommerce.changed_at):
            yield self._found(order)

    def fetch_order(self, order_id: str) -> Found:
        """Read one order as an event of it would tell it. Raises Rejected when the store has it no more."""
        return self._found(self._read(order_id))

    def _page(self, after: datetime, page: int) -> list[dict[str, Any]]:
        asked: dict[str, str | int] = {
            **_WITH_LINES,
            "min_date_modified": f"{after:%Y-%m-%dT%H:%M:%S}.000+00:00",
            "sort": "date_modified:asc",
            "limit": PAGE,
            "page": page,
        }
        return rows(self.api.ask("v2/orders", asked), "orders")

    def _found(self, order: Mapping[str, Any]) -> Found:
        whole = self._with_all_lines(order)
        return Found(order_id=str(order.get("id")), topic=bigcommerce.UPDATED, body=json.dumps(whole).encode())

    def _with_all_lines(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the order with every line item of what is shipped, however many they are."""
        consignments = order.get("consignments")
        shipping = _shipping(order)
        if not isinstance(consignments, dict) or all(len(_items(each)) < MOST_LINES_AT_ONCE for each in shipping):
            return order
        listed = self._lines(str(order.get("id")))
        whole = [
            {
                **each,
                "line_items": [
                    item
                    for item in listed
                    if item.get("order_address_id") in {one.get("order_address_id") for one in _items(each)}
                ],
            }
            for each in shipping
        ]
        return {**order, "consignments": {**consignments, "shipping": whole}}

    def _lines(self, order_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            some = rows(self.api.get(f"v2/orders/{order_id}/products", limit=PAGE, page=page), "products")
            found += some
            if len(some) < PAGE:
                return found
        raise strange("products without an end")

    # ---- told

    def order(self, order_id: str) -> Seen:
        """Read an order, less what was refunded unshipped. Raises Rejected when the store has it no more."""
        order = self._with_all_lines(self._read(order_id))
        status = bigcommerce.status(order)
        is_given_up = status in bigcommerce.GIVEN_UP or order.get("is_deleted") is True
        parts = []
        for item in (item for each in _shipping(order) for item in bigcommerce.shipped(each)):
            line, done = item.id("id"), _done(item, status)
            wanted = max(bigcommerce.units(item), done)
            parts.append(
                Part(
                    line=line,
                    fulfilment_order=order_id,
                    location=item.id("order_address_id"),
                    item=line,
                    units=wanted,
                    left=wanted - done,
                    is_open=not is_given_up,
                )
            )
        has_shipped = any(part.left < part.units for part in parts)
        tracking = self._tracking(order_id) if has_shipped else frozenset[str]()
        return Seen(is_cancelled=is_given_up, parts=tuple(parts), tracking=tracking)

    def say_fulfilment(self, parts: Sequence[tuple[Part, int]], parcel: Parcel | None = None) -> None:
        """Make a shipment, of which the customer is told. Raises Rejected when the store says no."""
        order_id, address = parts[0][0].fulfilment_order, parts[0][0].location
        items = [{"order_product_id": int(part.item), "quantity": many} for part, many in parts]
        told: dict[str, Any] = {"order_address_id": int(address), "items": items, "shipping_provider": ""}
        if parcel:
            known = CARRIERS.get(parcel.carrier, {"comments": parcel.carrier} if parcel.carrier else {})
            told |= {"tracking_number": parcel.number, **known}
        self._of(order_id, "not_fulfilled", self.api.post, f"v2/orders/{order_id}/shipments", told)

    def say_cancel(self, order_id: str, *, refunds: bool) -> str:
        """Cancel an order. Raises Rejected for one of which the store has shipped units, and where money shall go back.

        The store would cancel what is shipped, too.
        """
        if refunds:
            raise Rejected("this platform's money goes back by hand", code="refund_by_hand", order=order_id)
        if any(part.left < part.units for part in self.order(order_id).parts):
            raise Rejected("the shop has this as shipped", code="not_cancelled", order=order_id)
        told = {"status_id": bigcommerce.CANCELLED}
        answer = self._of(order_id, "not_cancelled", self.api.put, f"v2/orders/{order_id}", told)
        if bigcommerce.status(answer) not in bigcommerce.GIVEN_UP:
            raise Rejected("the shop does not cancel this", code="not_cancelled", order=order_id)
        return ""

    def is_done(self, _job: str) -> bool:
        """Answer yes: nothing is a job here."""
        return True

    # ---- the way there

    def _tracking(self, order_id: str) -> frozenset[str]:
        made = rows(self.api.get(f"v2/orders/{order_id}/shipments", limit=250), "shipments")
        return frozenset(str(each["tracking_number"]) for each in made if each.get("tracking_number"))

    def _read(self, order_id: str) -> Mapping[str, Any]:
        return self._of(order_id, "", self.api.ask, f"v2/orders/{order_id}", _WITH_LINES)

    @staticmethod
    def _of(order_id: str, refusal: str, ask: Callable[..., Any], *asked: object) -> Mapping[str, Any]:
        """Ask about one order. Raises Rejected when the store has it no more, and by `refusal` when it says no."""
        if not (order_id.isascii() and order_id.isdecimal()):
            raise Rejected("the shop has no such order", code="no_such_order", order=order_id)
        try:
            answer = ask(*asked)
        except InvalidInput as failure:
            status = failure.details.get("status")
            if status == NOT_FOUND:
                raise Rejected("the shop has no such order", code="no_such_order", order=order_id) from failure
            if refusal and status in SAID_NO:
                raise Rejected("the shop says no", code=refusal, order=order_id, status=status) from failure
            raise
        if not isinstance(answer, dict):
            raise strange("order")
        return answer


def _shipping(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    consignments = order.get("consignments")
    return rows(consignments.get("shipping"), "consignments") if isinstance(consignments, dict) else []


def _items(consignment: Mapping[str, Any]) -> list[dict[str, Any]]:
    return rows(consignment.get("line_items"), "line items")


def _done(item: Object, status: int) -> int:
    """Count the units shipped; all of them in an order that somebody calls shipped."""
    counted = units(item.value.get("quantity_shipped", 0))
    return max(counted, bigcommerce.units(item)) if status in bigcommerce.DONE else counted
