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
    """Read what a delivery is about by its headers. Raises InvalidInput for a missing or odd one.

    Thin are `orders/edited`, which tells of units added and removed, and a body too large to be sent: that is
    `{"id": ...}` alone (https://shopify.dev/docs/apps/build/webhooks, payload size limits).
    """
    topic, event_id = headers.get("x-shopify-topic", ""), headers.get("x-shopify-webhook-id", "")
    if not _TOPIC.fullmatch(topic):
        raise InvalidInput("a delivery names no topic", code="topic", value=topic[:40])
    if not _EVENT_ID.fullmatch(event_id):
        raise InvalidInput("a delivery has no id", code="event_id", value=event_id[:40])
    order, at = headers.get("x-shopify-order-id", ""), headers.get("x-shopify-triggered-at", "")
    thin = _thin(topic, body)
    return Event(
        topic=topic,
        event_id=event_id,
        order=thin or (order if _ORDER_ID.fullmatch(order) else ""),
        at=at if _TIME.fullmatch(at) else "",
        is_thin=bool(thin),
    )


def _thin(topic: str, body: bytes) -> str:
    """Name the order of an event that does not tell how it changed; empty for all others."""
    try:
        if topic == EDITED:
            return Object(Object(payloads.loads(body), "event").value.get("order_edit"), "edit").id("order_id")
        if topic in ORDER_TOPICS:
            order = Object(payloads.loads(body), "order")
            return order.id("id") if order.value.get("line_items") is None else ""
    except InvalidInput:  # whoever reads the order says what is wrong with it
        return ""
    return ""


def ask_of(topic: str) -> Ask | None:
    """Answer what a topic asks about an order."""
    return ORDER_TOPICS.get(topic)


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
    ask = Ask.CANCEL if read.value.get("cancelled_at") else ORDER_TOPICS[topic]
    return Intake(
        ask=ask,
        order=order,
        ship_to=payloads.told({field: address.get(field) for field in _ADDRESS}),
        paid=PAID.get(str(read.value.get("financial_status")), Paid.NOT),
        is_test=read.value.get("test") is True,
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
