"""What Shopify sends: webhooks, signed over their raw bytes.

Signature: base64 of HMAC-SHA256 of the body under the app's secret; the old secret may sign for an hour after a
rotation (https://shopify.dev/docs/apps/build/webhooks/subscribe/https). Bodies have the REST shape, ids beyond 2^53
among them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.domain import times
from shared.domain.customers import PeopleAsk, Request
from shared.domain.intake import Ask, Intake, Paid
from shared.domain.money import minor
from shared.domain.names import ChannelId, OrderKey
from shared.domain.orders import Destination, Line, Order
from shared.errors import InvalidInput
from shared.storefronts import payloads, signatures
from shared.storefronts.contract import Event, Listing, Refund, RefundedLine
from shared.storefronts.payloads import Object, short

ORDER_TOPICS: Mapping[str, Ask] = {
    "orders/create": Ask.CREATE,
    "orders/updated": Ask.EDIT,
    "orders/paid": Ask.EDIT,
    "orders/cancelled": Ask.CANCEL,
}
PEOPLE_TOPICS: Mapping[str, PeopleAsk] = {
    "customers/data_request": PeopleAsk.EXPORT,
    "customers/redact": PeopleAsk.ERASE,
    "shop/redact": PeopleAsk.ERASE_SHOP,
}
"""Mandatory for apps of the App Store (https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance)."""

EDITED = "orders/edited"

PAID = {
    "authorized": Paid.AUTHORISED,
    "paid": Paid.FULLY,
    "partially_refunded": Paid.FULLY,
    "refunded": Paid.FULLY,
}
"""`financial_status`; the others, such as `pending`, `partially_paid` and `voided`, are not paid for."""

PRODUCT_TOPICS = frozenset({"products/create", "products/update"})
RESTOCKED = {"no_restock": False, "cancel": True, "return": True, "legacy_restock": True}
_TOPIC = re.compile(r"[a-z_]{1,60}/[a-z_]{1,60}")
_EVENT_ID = re.compile(r"[A-Za-z0-9-]{1,80}")
_ORDER_ID = re.compile(r"[0-9]{1,20}")
_TIME = re.compile(r"[0-9T:.Z+-]{1,40}")
_ADDRESS = ("name", "company", "address1", "address2", "city", "zip", "province", "country_code", "phone")


def is_ping(_body: bytes, _headers: Mapping[str, str]) -> bool:
    """Answer no: Shopify asks nothing beforehand."""
    return False


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], _now: datetime) -> bool:
    """Answer whether one of the secrets signed the body; no time is signed. Never raises."""
    signature = signatures.decoded(headers.get("x-shopify-hmac-sha256", ""))
    return signature is not None and signatures.is_signed(body, [signature], [each.encode() for each in secrets])


def identify(body: bytes, headers: Mapping[str, str]) -> Event:
    """Read what a delivery is about by its headers, and which order by its body: that alone is signed.

    Thin are `orders/edited`, which tells of units added and removed, and a body too large to be sent: that is
    `{"id": ...}` alone (https://shopify.dev/docs/apps/build/webhooks, payload size limits). Raises InvalidInput for a
    missing or odd header.
    """
    topic, event_id = headers.get("x-shopify-topic", ""), headers.get("x-shopify-webhook-id", "")
    if not _TOPIC.fullmatch(topic):
        raise InvalidInput("a delivery names no topic", code="topic", value=topic[:40])
    if not _EVENT_ID.fullmatch(event_id):
        raise InvalidInput("a delivery has no id", code="event_id", value=event_id[:40])
    at = headers.get("x-shopify-triggered-at", "")
    told, is_thin = _order_in(topic, body)
    order = told or headers.get("x-shopify-order-id", "")
    return Event(
        topic=topic,
        event_id=event_id,
        order=order if told or _ORDER_ID.fullmatch(order) else "",
        at=at if _TIME.fullmatch(at) else "",
        is_thin=is_thin,
    )


def _order_in(topic: str, body: bytes) -> tuple[str, bool]:
    """Return the id of the order that a body is about, as far as it says, and whether it tells that alone."""
    try:
        read = Object(payloads.loads(body), "event")
        if topic == EDITED:
            return Object(read.value.get("order_edit"), "edit").id("order_id"), True
        if topic in ORDER_TOPICS:
            return read.id("id"), read.value.get("line_items") is None
        return read.id("id" if topic.startswith("orders/") else "order_id"), False
    except InvalidInput:  # whoever reads the order says what is wrong with it
        return "", False


def ask_of(topic: str) -> Ask | PeopleAsk | None:
    """Answer what a topic asks about an order, or about people."""
    return ORDER_TOPICS.get(topic) or PEOPLE_TOPICS.get(topic)


def is_product(topic: str) -> bool:
    """Answer whether a topic tells what a product lists."""
    return topic in PRODUCT_TOPICS


def read_order(channel: ChannelId, topic: str, body: bytes) -> Intake:
    """Read an order event: the order as it now is, all units open, and what is asked about it.

    A line without a SKU gets the name `?<line id>`, which no source lists: the order is recorded and waits for a
    person. Lines that need no shipping are left out: gift cards, tips and services among them. Units that came back
    after they were shipped count as ordered, so that they take none from what is still to be shipped. Raises
    InvalidInput for what cannot be read.
    """
    if topic not in ORDER_TOPICS:
        raise InvalidInput("no order comes with this topic", code="topic_unknown", topic=topic[:60])
    read = Object(payloads.loads(body), "order")
    currency = read.text("currency")
    items = payloads.rows(read.value.get("line_items"), "line")
    returned = _returned(read.value.get("refunds"))
    lines = [line for item in items if (line := _line(item, currency, returned))]
    if len({line.line for line in lines}) != len(lines):
        raise InvalidInput("two lines have one id", code="line_twice")
    address = read.table("shipping_address")
    order = Order(
        key=OrderKey(channel, read.id("id")),
        name=short(read.value.get("name")),
        version=payloads.milliseconds(read.value.get("updated_at"), "updated_at"),
        placed_at=times.text(times.read(read.value.get("created_at"), "created_at")),
        currency=currency,
        lines=tuple(lines),
        destination=Destination(
            country=short(address.get("country_code")),
            region=short(address.get("province_code")),
            postcode_prefix=short(address.get("zip"))[: payloads.POSTCODE_PREFIX],
        ),
    )
    return Intake(
        ask=Ask.CANCEL if read.value.get("cancelled_at") else ORDER_TOPICS[topic],
        order=order,
        ship_to=payloads.told({field: address.get(field) for field in _ADDRESS}),
        paid=PAID.get(str(read.value.get("financial_status")), Paid.NOT),
        is_test=read.value.get("test") is True,
        customer=payloads.customer(
            read.value.get("email") or read.value.get("contact_email"), read.table("customer").get("id")
        ),
    )


def read_request(topic: str, body: bytes) -> Request:
    """Read one of the three topics about people; the orders are those that Shopify wants redacted or exported.

    Raises InvalidInput.
    """
    if topic not in PEOPLE_TOPICS:
        raise InvalidInput("nothing is asked about people by this topic", code="topic_unknown", topic=topic[:60])
    read = Object(payloads.loads(body), "request")
    asked, of = PEOPLE_TOPICS[topic], read.table("customer")
    orders = read.value.get("orders_to_redact" if asked is PeopleAsk.ERASE else "orders_requested") or []
    if not isinstance(orders, list):
        raise InvalidInput("the orders of a request are no list", code="orders", topic=topic[:60])
    return Request(
        ask=asked,
        customer=payloads.customer(of.get("email"), of.get("id")),
        order_ids=tuple(payloads.id_text(each, "order id") for each in orders),
    )


def read_refund(body: bytes) -> Refund:
    """Read `refunds/create`. Raises InvalidInput."""
    read = Object(payloads.loads(body), "refund")
    lines = [
        RefundedLine(
            line=item.id("line_item_id"),
            units=payloads.units(item.value.get("quantity")),
            restocked=RESTOCKED.get(str(item.value.get("restock_type"))),
        )
        for item in payloads.rows(read.value.get("refund_line_items"), "refunded line")
    ]
    return Refund(refund_id=read.id("id"), at=short(read.value.get("created_at")), lines=tuple(lines))


def read_product(body: bytes) -> tuple[Listing, ...]:
    """Read `products/create` and `products/update`: a variant's inventory item is told its quantity."""
    read = Object(payloads.loads(body), "product")
    return tuple(
        Listing(
            sku=sku,
            listing=f"gid://shopify/InventoryItem/{variant.id('inventory_item_id')}",
            title=short(read.value.get("title")),
            is_counted=variant.value.get("inventory_management") == "shopify",
        )
        for variant in payloads.rows(read.value.get("variants"), "variant")
        if (sku := payloads.sku_or_none(variant.value.get("sku")))
        and variant.value.get("inventory_item_id") is not None
    )


def _returned(refunds: object) -> Counter[str]:
    """Count the units of each line that came back after they were shipped: they are refunded, and were owed all along.

    `current_quantity` leaves them out like units that were never shipped.
    """
    counted: Counter[str] = Counter()
    for refund in payloads.rows(refunds or [], "refund"):
        for item in payloads.rows(refund.value.get("refund_line_items") or [], "refunded line"):
            if item.value.get("restock_type") == "return":
                counted[item.id("line_item_id")] += payloads.units(item.value.get("quantity"))
    return counted


def _line(item: Object, currency: str, returned: Mapping[str, int]) -> Line | None:
    if item.value.get("requires_shipping") is False or item.value.get("gift_card") is True:
        return None
    line_id = item.id("id")
    units = payloads.units(item.value.get("current_quantity", item.value.get("quantity")))
    if "current_quantity" in item.value:
        units += returned.get(line_id, 0)
    price = item.value.get("price")
    return Line(
        line=line_id,
        sku=payloads.sku_of(item.value.get("sku"), line_id),
        ordered=units,
        open=units,
        price_minor=minor(price, currency) if price is not None else 0,
    )
