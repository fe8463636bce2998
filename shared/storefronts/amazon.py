"""What Amazon sends: notifications that an order changed, posted to our queue, and orders as its API tells them.

Nothing comes over HTTP: the queue takes messages of Amazon's account alone (schemas/notifications/
OrderChangeNotification.json in github.com/amzn/selling-partner-api-models, 34dc93f). A notification has neither address
nor price, so the order is fetched: `read_order` reads the object `order` of getOrder and searchOrders
(models/orders-api-model/orders_2026-01-01.json). What a buyer wants cancelled is for a person: the seller decides it in
Seller Central, and Amazon then tells of a cancel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain import times
from shared.domain.customers import Request
from shared.domain.intake import Ask, Intake
from shared.domain.money import minor
from shared.domain.names import ChannelId, OrderKey
from shared.domain.orders import Destination, Line, Order
from shared.errors import InvalidInput, Rejected
from shared.storefronts import payloads
from shared.storefronts.contract import Event
from shared.storefronts.payloads import Object, short

ORDER_CHANGE = "ORDER_CHANGE"
MERCHANT, CANCELLED, SHIPPED = "MERCHANT", "CANCELLED", "SHIPPED"
OPEN = frozenset({"UNSHIPPED", "PARTIALLY_SHIPPED"})
"""Statuses of an order that is paid and has something left to ship."""
BY_HAND = ("AMAZON_EASY_SHIP", "DELIVERY_BY_AMAZON", "IN_STORE_PICK_UP")
"""Programs whose parcels are not sent by whoever has the goods."""

_TYPE = re.compile(r"[A-Z0-9_]{1,80}")
_NOTIFICATION = re.compile(r"[A-Za-z0-9-]{1,100}")
_ADDRESS = {
    "name": "name",
    "company": "companyName",
    "address1": "addressLine1",
    "city": "city",
    "zip": "postalCode",
    "province": "stateOrRegion",
    "country_code": "countryCode",
    "phone": "phone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """What is read for one seller in one marketplace: others' notifications come through the same queue."""

    seller: str
    marketplace: str

    def is_ping(self, _body: bytes, _headers: Mapping[str, str]) -> bool:
        """Answer no: nothing comes over HTTP."""
        return False

    def verify(self, _body: bytes, _headers: Mapping[str, str], _secrets: Sequence[str], _now: datetime) -> bool:
        """Answer no: nothing that comes over HTTP is Amazon's."""
        return False

    def identify(self, body: bytes, _headers: Mapping[str, str]) -> Event:
        """Read a notification. Raises InvalidInput for one without a type or an id.

        An order that Amazon ships itself, another seller's or another marketplace's is of a topic of its own, which
        asks nothing.
        """
        read = Object(payloads.loads(body), "notification")
        kind, event_id = (
            read.value.get("NotificationType"),
            read.table("NotificationMetadata").get("NotificationId"),
        )
        if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
            raise InvalidInput("a notification names no type", code="topic", value=str(kind)[:40])
        if not isinstance(event_id, str) or not _NOTIFICATION.fullmatch(event_id):
            raise InvalidInput("a notification has no id", code="event_id", value=str(event_id)[:40])
        if kind != ORDER_CHANGE:
            return Event(topic=kind, event_id=event_id)
        told = Object(read.table("Payload").get("OrderChangeNotification"), "order change")
        summary = told.table("Summary")
        is_ours = (told.value.get("SellerId"), summary.get("MarketplaceId")) == (self.seller, self.marketplace)
        if not is_ours:
            return Event(topic=f"{ORDER_CHANGE}_ELSEWHERE", event_id=event_id)
        if summary.get("FulfillmentType") != "MFN":
            return Event(topic=f"{ORDER_CHANGE}_AFN", event_id=event_id)
        at = times.text(times.read(read.value.get("EventTime"), "EventTime"))
        version = payloads.milliseconds(at, "EventTime")
        order = told.id("AmazonOrderId")
        return Event(topic=kind, event_id=event_id, order=order, version=version, at=at, is_thin=True)

    def ask_of(self, topic: str) -> Ask | None:
        """Answer what a topic asks about an order."""
        return Ask.EDIT if topic == ORDER_CHANGE else None

    def read_order(self, channel: ChannelId, topic: str, body: bytes) -> Intake:
        """Read an order that was fetched: as it now is, less what was cancelled, all units open.

        A unit's price is without tax and before promotions; a replacement has none. Raises InvalidInput for what
        cannot be read or is for a person, Rejected for an order that is not paid, shipped already, or not ours.
        """
        if topic != ORDER_CHANGE:
            raise InvalidInput("no order comes with this topic", code="topic_unknown", topic=topic[:60])
        read = Object(payloads.loads(body), "order")
        if read.table("salesChannel").get("marketplaceId") != self.marketplace:
            raise Rejected("an order of another marketplace", code="order_elsewhere")
        status = _status(read)
        items = payloads.rows(read.value.get("orderItems"), "line")
        programs = read.value.get("programs")
        by_hand = [each for each in programs if each in BY_HAND] if isinstance(programs, list) else []
        if status != CANCELLED and by_hand:
            raise InvalidInput("this order is shipped by a program of Amazon's", code="program", programs=by_hand)
        if status != CANCELLED and any(_wants_cancel(item) for item in items):
            raise InvalidInput("the buyer wants this cancelled", code="buyer_wants_cancel")
        lines = [_line(item) for item in items]
        if len({line.line for line, _ in lines}) != len(lines):
            raise InvalidInput("two lines have one id", code="line_twice")
        currencies = {currency for _, currency in lines if currency}
        if len(currencies) > 1:
            raise InvalidInput("an order has two currencies", code="currencies", currencies=sorted(currencies))
        changed_at = times.text(times.read(read.value.get("lastUpdatedTime"), "lastUpdatedTime"))
        order_id = read.id("orderId")
        address = Object(read.table("recipient"), "recipient").table("deliveryAddress")
        order = Order(
            key=OrderKey(channel, order_id),
            name=order_id,
            version=payloads.milliseconds(changed_at, "lastUpdatedTime"),
            placed_at=times.text(times.read(read.value.get("createdTime"), "createdTime")),
            currency=currencies.pop() if currencies else "",
            lines=tuple(line for line, _ in lines),
            destination=Destination(
                country=short(address.get("countryCode")),
                region=short(address.get("stateOrRegion")),
                postcode_prefix=short(address.get("postalCode"))[: payloads.POSTCODE_PREFIX],
            ),
        )
        ask = Ask.CANCEL if status == CANCELLED else Ask.EDIT
        return Intake(ask=ask, order=order, ship_to=_ship_to(address))

    def read_request(self, topic: str, _body: bytes) -> Request:
        """Raise InvalidInput: Amazon tells nobody that a buyer wants to be erased."""
        raise InvalidInput("nothing is asked about people by this topic", code="topic_unknown", topic=topic[:60])


def units_of(item: Object) -> tuple[int, int]:
    """Count the units of a line, less those cancelled, and how many of them are still to be shipped."""
    ordered, counted = payloads.units(item.value.get("quantityOrdered")), item.table("fulfillment")
    done = payloads.units(counted.get("quantityFulfilled", 0))
    is_cancelled = bool(item.table("cancellation").get("cancellationExecution"))
    left = payloads.units(counted.get("quantityUnfulfilled", 0 if is_cancelled else max(ordered - done, 0)))
    left = min(left, max(ordered - done, 0))
    return done + left, left


def _status(read: Object) -> str:
    """Return the status of an order that we are to ship or to cancel. Raises Rejected for another."""
    fulfillment = Object(read.value.get("fulfillment"), "fulfillment")
    status = fulfillment.text("fulfillmentStatus")
    if fulfillment.value.get("fulfilledBy") != MERCHANT:
        raise Rejected("this order is shipped by the platform", code="fulfilled_by_platform")
    if status == SHIPPED:
        raise Rejected("an order that the shop has as shipped is not shipped again", code="order_completed")
    if status not in OPEN and status != CANCELLED:
        raise Rejected("an order that is not paid waits", code="order_unpaid", status=status[:40])
    return status


def _wants_cancel(item: Object) -> bool:
    told = item.table("cancellation")
    return bool(told.get("cancellationRequest")) and not told.get("cancellationExecution")


def _line(item: Object) -> tuple[Line, str]:
    """Read a line, and the currency of its price, if it has one."""
    line_id, (units, _) = item.id("orderItemId"), units_of(item)
    product = Object(item.value.get("product"), "product")
    told = Object(product.table("price"), "price").table("unitPrice")
    price, currency = 0, ""
    if told:
        currency = Object(told, "price").text("currencyCode")
        price = minor(told.get("amount"), currency)
    sku = payloads.sku_of(product.value.get("sellerSku"), line_id)
    return Line(line=line_id, sku=sku, ordered=units, open=units, price_minor=price), currency


def _ship_to(address: Mapping[str, Any]) -> dict[str, str]:
    rest = payloads.told({line: address.get(line) for line in ("addressLine2", "addressLine3")})
    return payloads.told(
        {"address2": ", ".join(rest.values())} | {ours: address.get(theirs) for ours, theirs in _ADDRESS.items()}
    )
