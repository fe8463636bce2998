"""What WooCommerce sends: webhooks, signed over their raw bytes, with the REST API's v3 objects for bodies.

A failed delivery is never sent again (plugins/woocommerce/includes/class-wc-webhook.php), so the poll finds what was
missed. A line keeps its quantity when units of it are refunded, and a webhook lists an order's refunds without their
lines: such an order is fetched, with them. Whether a line needs shipping stands on the
product only, so a virtual product's SKU is one that no source lists.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.domain import times
from shared.domain.customers import Request
from shared.domain.intake import Ask, Intake
from shared.domain.money import minor
from shared.domain.names import ChannelId, OrderKey
from shared.domain.orders import Destination, Line, Order
from shared.errors import InvalidInput, Rejected
from shared.storefronts import payloads, signatures
from shared.storefronts.contract import Event, Listing, Refund, RefundedLine
from shared.storefronts.payloads import Object, short

ORDER_TOPICS: Mapping[str, Ask] = {
    "order.created": Ask.CREATE,
    "order.updated": Ask.EDIT,
    "order.restored": Ask.EDIT,
    "order.deleted": Ask.CANCEL,
}
PRODUCT_TOPICS = frozenset({"product.created", "product.updated", "product.restored"})
TAKEN = "processing"
"""The status of an order that is to be shipped: paid, or to be paid on delivery. One of a plugin counts when paid."""
SHIPPED = "completed"
GIVEN_UP = frozenset({"cancelled", "refunded", "trash"})
UNPAID = frozenset({"pending", "on-hold", "failed", "checkout-draft", "auto-draft", "draft"})

_TOPIC = re.compile(r"[a-z_]{1,20}\.[a-z0-9_]{1,100}")
_WEBHOOK = re.compile(r"[0-9]{1,20}")
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
_ESCAPED = re.compile(r"&(?:amp|lt|gt|quot|#0*(?:34|39|38|60|62)|#x0*(?:22|27|26|3[cCeE]));")
_ADDRESS = {
    "company": "company",
    "address1": "address_1",
    "address2": "address_2",
    "city": "city",
    "zip": "postcode",
    "province": "state",
    "country_code": "country",
    "phone": "phone",
}


def is_ping(body: bytes, headers: Mapping[str, str]) -> bool:
    """Answer whether this is the unsigned form that WooCommerce posts when a webhook is saved; it must hear 200."""
    return "x-wc-webhook-signature" not in headers and bool(_PING.fullmatch(body))


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], _now: datetime) -> bool:
    """Answer whether one of the secrets signed the body; no time is signed. Never raises."""
    signature = signatures.decoded(headers.get("x-wc-webhook-signature", ""))
    return signature is not None and signatures.is_signed(body, [signature], [_key(each) for each in secrets])


def _key(secret: str) -> bytes:
    """Return what signs: a secret typed with `&amp;` or `&quot;` signs as what these stand for."""
    return _ESCAPED.sub(lambda found: html.unescape(found[0]), secret).encode()


def identify(body: bytes, headers: Mapping[str, str]) -> Event:
    """Read what a delivery is about. Raises InvalidInput for a missing or odd header.

    `X-WC-Webhook-Delivery-ID` is a hash of the webhook and the second, which two orders may share: the id is that of
    the webhook and of the body. Thin is an order whose refunds are listed without their lines, and one without lines.
    """
    topic, webhook = headers.get("x-wc-webhook-topic", ""), headers.get("x-wc-webhook-id", "")
    if not _TOPIC.fullmatch(topic):
        raise InvalidInput("a delivery names no topic", code="topic", value=topic[:40])
    if not _WEBHOOK.fullmatch(webhook):
        raise InvalidInput("a delivery has no id", code="event_id", value=webhook[:40])
    event_id = f"{webhook}-{hashlib.sha256(body).hexdigest()[:40]}"
    if topic not in ORDER_TOPICS:
        return Event(topic=topic, event_id=event_id)
    try:
        read = Object(payloads.loads(body), "order")
        order = read.id("id")
        at = _time(read.value.get("date_modified_gmt"), "date_modified_gmt")
    except InvalidInput:  # whoever reads the order says what is wrong with it
        return Event(topic=topic, event_id=event_id)
    version = payloads.milliseconds(at, "time")
    return Event(topic=topic, event_id=event_id, order=order, version=version, at=at, is_thin=_is_thin(topic, read))


def _is_thin(topic: str, read: Object) -> bool:
    if topic == "order.deleted" or read.value.get("status") in GIVEN_UP:
        return False
    try:
        refunded(read.value.get("refunds") or [])
    except Rejected:
        return True
    except InvalidInput:  # whoever reads the order says what is wrong with it
        return False
    return read.value.get("line_items") is None


def ask_of(topic: str) -> Ask | None:
    """Answer what a topic asks about an order."""
    return ORDER_TOPICS.get(topic)


def is_product(topic: str) -> bool:
    """Answer whether a topic tells what a product lists."""
    return topic in PRODUCT_TOPICS


def read_order(channel: ChannelId, topic: str, body: bytes) -> Intake:
    """Read an order event: the order as it now is, less what was refunded, all units open.

    Fees, shipping and coupons are no lines. A unit's price is the line's before coupons, without tax, rounded down
    where units do not divide it. Raises InvalidInput for what cannot be read, Rejected for an order that is not paid,
    is shipped already, or has refunds that the event does not tell.
    """
    if topic not in ORDER_TOPICS:
        raise InvalidInput("no order comes with this topic", code="topic_unknown", topic=topic[:60])
    read = Object(payloads.loads(body), "order")
    if topic == "order.deleted":
        return Intake(ask=Ask.CANCEL, order=_deleted(channel, read))
    status = read.text("status")
    is_given_up = status in GIVEN_UP
    if status == SHIPPED:
        raise Rejected("an order that the shop has as shipped is not shipped again", code="order_completed")
    if not is_given_up and status != TAKEN and (status in UNPAID or not read.value.get("date_paid_gmt")):
        raise Rejected("an order that is not paid waits", code="order_unpaid", status=status[:40])
    currency = read.text("currency")
    units_back = Counter[str]() if is_given_up else refunded(read.value.get("refunds") or [])
    lines = [_line(item, currency, units_back) for item in payloads.rows(read.value.get("line_items"), "line")]
    if len({line.line for line in lines}) != len(lines):
        raise InvalidInput("two lines have one id", code="line_twice")
    address = read.table("shipping")
    if not any(short(address.get(field)) for field in ("address_1", "city", "postcode")):
        address = read.table("billing")
    changed_at = _time(read.value.get("date_modified_gmt"), "date_modified_gmt")
    order = Order(
        key=OrderKey(channel, read.id("id")),
        name=short(read.value.get("number")),
        version=payloads.milliseconds(changed_at, "date_modified_gmt"),
        placed_at=_time(read.value.get("date_created_gmt"), "date_created_gmt"),
        currency=currency,
        lines=tuple(lines),
        destination=Destination(
            country=short(address.get("country")),
            region=short(address.get("state")),
            postcode_prefix=short(address.get("postcode"))[: payloads.POSTCODE_PREFIX],
        ),
    )
    return Intake(
        ask=Ask.CANCEL if is_given_up else ORDER_TOPICS[topic],
        order=order,
        ship_to=_ship_to(address),
        customer=payloads.customer(read.table("billing").get("email"), read.value.get("customer_id")),
    )


def read_request(topic: str, _body: bytes) -> Request:
    """Raise InvalidInput: WordPress erases and exports by itself, and tells nobody of it."""
    raise InvalidInput("nothing is asked about people by this topic", code="topic_unknown", topic=topic[:60])


def read_refund(body: bytes) -> Refund:
    """Read one object of `/orders/<id>/refunds`: its lines name those of the order, and count below zero.

    It does not say whether units were put back. Raises InvalidInput.
    """
    return _refund(Object(payloads.loads(body), "refund"))


def refunded(refunds: object) -> Counter[str]:
    """Count the units of each line that were refunded. Raises Rejected where refunds are listed without their lines."""
    counted: Counter[str] = Counter()
    for each in payloads.rows(refunds, "refund"):
        if "line_items" not in each.value:
            raise Rejected("an order's refunds are listed without their lines", code="refunds_untold")
        for line in _refund(each).lines:
            counted[line.line] += line.units
    return counted


def read_product(body: bytes) -> tuple[Listing, ...]:
    """Read a product or a variation as a webhook tells it. Raises InvalidInput."""
    return listed(Object(payloads.loads(body), "product"))


def listed(read: Object) -> tuple[Listing, ...]:
    """Read a product or a variation; a product that is sold by its variations alone lists nothing itself.

    A variation is listed as `<product>/<variation>`, for its quantity is set below its product. Raises InvalidInput.
    """
    kind, sku = read.value.get("type"), payloads.sku_or_none(read.value.get("sku"))
    if kind == "variable" or not sku:
        return ()
    listing = f"{read.id('parent_id')}/{read.id('id')}" if kind == "variation" else read.id("id")
    is_counted = read.value.get("manage_stock") is True
    name = short(read.value.get("name"))
    return (Listing(sku=sku, listing=listing, title=name, is_counted=is_counted),)


def _deleted(channel: ChannelId, read: Object) -> Order:
    """Return all that is told of an order that was deleted: its id."""
    placed_at = times.text(payloads.EPOCH)
    return Order(key=OrderKey(channel, read.id("id")), name="", version=0, placed_at=placed_at, currency="", lines=())


def _line(item: Object, currency: str, units_back: Mapping[str, int]) -> Line:
    line_id, bought = item.id("id"), payloads.units(item.value.get("quantity"))
    left = max(bought - units_back.get(line_id, 0), 0)
    price = minor(item.value.get("subtotal", "0"), currency)
    sku = payloads.sku_of(item.value.get("sku"), line_id)
    return Line(line=line_id, sku=sku, ordered=left, open=left, price_minor=price // bought if bought else 0)


def _refund(read: Object) -> Refund:
    lines = []
    for item in payloads.rows(read.value.get("line_items"), "refunded line"):
        units = item.value.get("quantity")
        if not isinstance(units, int) or units > 0:
            raise InvalidInput("a refunded line counts no units below zero", code="quantity", value=str(units)[:40])
        lines.append(RefundedLine(line=_refunded_line(item), units=payloads.units(-units), restocked=None))
    at = _time(read.value.get("date_created_gmt"), "date_created_gmt")
    return Refund(refund_id=read.id("id"), at=at, lines=tuple(lines))


def _refunded_line(item: Object) -> str:
    for meta in payloads.rows(item.value.get("meta_data") or [], "meta"):
        if meta.value.get("key") == "_refunded_item_id":
            return meta.id("value")
    raise InvalidInput("a refunded line names no line of its order", code="refunded_line")


def _ship_to(address: Mapping[str, Any]) -> dict[str, str]:
    name = " ".join(filter(None, (short(address.get("first_name")), short(address.get("last_name")))))
    return payloads.told({"name": name} | {ours: address.get(theirs) for ours, theirs in _ADDRESS.items()})


def _time(value: object, what: str) -> str:
    """Read a time in UTC, which WooCommerce writes without saying so."""
    is_bare = isinstance(value, str) and not re.search(r"(?:Z|[+-][0-9:]{4,6})$", value)
    return times.text(times.read(f"{value}Z" if is_bare else value, what))
