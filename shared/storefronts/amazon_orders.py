"""Amazon's orders: found by when they changed, fetched one by one, told their parcels.

A parcel is told by confirmShipment (models/orders-api-model/ordersV0.json), which takes none without a tracking number
and a carrier; its `packageReferenceId` is a positive number made of what is in it, so that telling it twice is one
parcel. No operation cancels an order for its seller: the only vendor's word on it is a feed of XML from before, whose
schema is not published with the models, so a cancel is for a person in Seller Central.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from shared.domain import times
from shared.domain.carriers import Carrier
from shared.errors import InvalidInput, Rejected
from shared.storefronts import amazon, payloads
from shared.storefronts.amazon_api import BAD_REQUEST, NOT_FOUND, Api
from shared.storefronts.contract import NOT_UNDERSTOOD, Found, Parcel, Part, Seen
from shared.storefronts.json_calls import strange

ORDERS = "/orders/2026-01-01/orders"
INCLUDED = "RECIPIENT,CANCELLATION,FULFILLMENT,PACKAGES"
PAGE = 100
MOST_PAGES = 20
"""As many as may be asked for at once: searchOrders has a burst of twenty, then one in three minutes."""
CARRIERS: Mapping[str, str] = {
    Carrier.UPS: "UPS",
    Carrier.FEDEX: "FedEx",
    Carrier.USPS: "USPS",
    Carrier.DHL: "DHL",
}
"""Our name of a carrier -> Amazon's `carrierCode`; any other is `Other`, with its name beside it."""
MOST_REFERENCES = 999_999_999


@dataclass(frozen=True, slots=True)
class Orders:
    """A seller's orders of one marketplace. `now` gives the time at which a parcel is told."""

    api: Api
    now: Callable[[], datetime]

    # ---- found

    def list_orders_since(self, since: datetime) -> Iterator[Found]:
        """Yield orders changed at or after a time that the seller ships, oldest change first.

        One page holds a hundred, so a poll every five minutes is one request of the one in three minutes that Amazon
        takes. Raises Transient when it takes no more: the next poll begins again.
        """
        query = {
            "lastUpdatedAfter": times.text(since),
            "marketplaceIds": self.api.marketplace,
            "fulfilledBy": amazon.MERCHANT,
            "includedData": INCLUDED,
            "maxResultsPerPage": str(PAGE),
        }
        listed: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            answer = self.api.get("searchOrders", ORDERS, query)
            listed += _rows(answer, "orders")
            token = (answer.get("pagination") or {}).get("nextToken")
            if not token:
                break
            query["paginationToken"] = str(token)
        else:
            raise strange("orders without an end")
        for order in sorted(listed, key=lambda each: str(each.get("lastUpdatedTime"))):
            yield _found(order)

    def fetch_order(self, order_id: str) -> Found:
        """Read one order as an event of it would tell it. Raises Rejected when the shop has it no more."""
        return _found(self._read(order_id))

    # ---- told

    def order(self, order_id: str) -> Seen:
        """Read an order, less what was cancelled, and the numbers of its parcels."""
        order = self._read(order_id)
        told = order.get("fulfillment")
        status = told.get("fulfillmentStatus") if isinstance(told, dict) else None
        parts = []
        for item in _rows(order, "orderItems"):
            units, left = amazon.units_of(payloads.Object(item, "line"))
            line = str(item.get("orderItemId"))
            parts.append(
                Part(
                    line=line,
                    fulfilment_order=order_id,
                    location="",
                    item=line,
                    units=units,
                    left=left,
                    is_open=status in amazon.OPEN,
                )
            )
        packages = _rows(order, "packages") if order.get("packages") else []
        tracking = frozenset(str(each["trackingNumber"]) for each in packages if each.get("trackingNumber"))
        return Seen(is_cancelled=status == amazon.CANCELLED, parts=tuple(parts), tracking=tracking)

    def say_fulfilment(self, parts: Sequence[tuple[Part, int]], parcel: Parcel | None = None) -> None:
        """Confirm the shipment of one parcel. Raises Rejected without one, and when Amazon does not take it."""
        order_id = parts[0][0].fulfilment_order
        if parcel is None or not parcel.number:
            raise Rejected("Amazon takes no shipment without a tracking number", code="tracking_needed", order=order_id)
        code = CARRIERS.get(parcel.carrier, "Other")
        package = {
            "packageReferenceId": reference(parts, parcel),
            "carrierCode": code,
            **({"carrierName": parcel.carrier or "Other"} if code == "Other" else {}),
            "trackingNumber": parcel.number,
            "shipDate": times.text(self.now()),
            "orderItems": [{"orderItemId": part.item, "quantity": units} for part, units in parts],
        }
        path = f"/orders/v0/orders/{quote(order_id, safe='')}/shipmentConfirmation"
        try:
            self.api.post("confirmShipment", path, {"marketplaceId": self.api.marketplace, "packageDetail": package})
        except InvalidInput as failure:
            if failure.details.get("status") == BAD_REQUEST:
                raise Rejected("the shop does not take this parcel", code="not_fulfilled", order=order_id) from failure
            raise _gone(failure, order_id) from failure

    def say_cancel(self, order_id: str, *, refunds: bool) -> str:  # noqa: ARG002 - Amazon gives money back by itself
        """Cancel nothing. Raises Rejected: see the module's own words."""
        raise Rejected("cancel this order in Seller Central", code="cancel_by_hand", order=order_id)

    def is_done(self, _job: str) -> bool:
        """Answer yes: nothing is a job here."""
        return True

    def _read(self, order_id: str) -> dict[str, Any]:
        try:
            answer = self.api.get("getOrder", f"{ORDERS}/{quote(order_id, safe='')}", {"includedData": INCLUDED})
        except InvalidInput as failure:
            raise _gone(failure, order_id) from failure
        order = answer.get("order") if isinstance(answer, dict) else None
        if not isinstance(order, dict):
            raise strange("order")
        return order


def reference(parts: Sequence[tuple[Part, int]], parcel: Parcel) -> str:
    """Name a parcel by what is in it: the same for every try of telling it, another one for the next.

    What is left of a line counts, for a parcel whose second half is told later must not replace its first.
    """
    told = [parcel.number, sorted([part.item, part.left, units] for part, units in parts)]
    digest = hashlib.sha256(json.dumps(told).encode()).digest()
    return str(int.from_bytes(digest[:8], "big") % MOST_REFERENCES + 1)


def _found(order: Mapping[str, Any]) -> Found:
    order_id = order.get("orderId")
    if not isinstance(order_id, str) or not order_id:
        raise strange("order")
    return Found(order_id=order_id, topic=amazon.ORDER_CHANGE, body=json.dumps(order).encode())


def _gone(failure: InvalidInput, order_id: str) -> InvalidInput | Rejected:
    if failure.code == NOT_UNDERSTOOD and failure.details.get("status") == NOT_FOUND:
        return Rejected("the shop has no such order", code="no_such_order", order=order_id)
    return failure


def _rows(answer: object, field: str) -> list[dict[str, Any]]:
    found = answer.get(field) if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise strange(field)
    return found
