"""What BigCommerce sends: thin webhooks by the Standard Webhooks specification, and the orders fetched upon them.

The key is the bytes of the app's client secret as it is, not base64 of them. A body says which order changed, never
how. Its `hash` is the same when an event comes twice, and the vendor's own samples have one hash for an order's
creation, update and archiving: alone it names no delivery. An order is V2's with its `consignments`
(`include=consignments.line_items`): what goes to which address stands together in one answer. (github.com/bigcommerce/
docs: `docs/integrations/webhooks`, `reference/orders.v2.oas2.yml`.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.domain import times
from shared.domain.customers import Request
from shared.domain.intake import Ask, Intake
from shared.domain.money import minor_at_most
from shared.domain.names import ChannelId, OrderKey
from shared.domain.orders import Destination, Line, Order
from shared.errors import InvalidInput, Rejected
from shared.storefronts import payloads, standard_webhooks
from shared.storefronts.contract import Event
from shared.storefronts.payloads import Object, short

UPDATED = "store/order/updated"
ORDER_TOPICS: Mapping[str, Ask] = {
    "store/order/created": Ask.CREATE,
    UPDATED: Ask.EDIT,
    "store/order/statusUpdated": Ask.EDIT,
    "store/order/archived": Ask.EDIT,
    "store/order/refund/created": Ask.EDIT,
}
INCOMPLETE, PENDING, SHIPPED, PARTLY_SHIPPED, REFUNDED, CANCELLED, DECLINED = range(7)
UNPAID_YET, PICKUP, TO_SHIP, COMPLETED, TO_FULFIL, TO_VERIFY, DISPUTED, PARTLY_REFUNDED = range(7, 15)
TAKEN = frozenset({TO_FULFIL, TO_SHIP, PICKUP, PARTLY_SHIPPED, PARTLY_REFUNDED})
DONE = frozenset({SHIPPED, COMPLETED})
GIVEN_UP = frozenset({CANCELLED, REFUNDED, DECLINED})
UNPAID = frozenset({INCOMPLETE, PENDING, UNPAID_YET})
HELD = frozenset({TO_VERIFY, DISPUTED})
TEST_PAYMENT = "Test Payment Gateway"
NOT_SHIPPED = frozenset({"digital", "giftcertificate"})

_TOPIC = re.compile(r"store(?:/[A-Za-z]{1,40}){1,5}")
_HASH = re.compile(r"[0-9a-f]{40}")
_ORDER_ID = re.compile(r"[0-9]{1,20}")
_ADDRESS = {
    "company": "company",
    "address1": "street_1",
    "address2": "street_2",
    "city": "city",
    "zip": "zip",
    "province": "state",
    "country_code": "country_iso2",
    "phone": "phone",
}


def is_ping(_body: bytes, _headers: Mapping[str, str]) -> bool:
    """Answer no: every event is signed."""
    return False


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> bool:
    """Answer whether one of the client secrets signed the body within five minutes of now. Never raises."""
    return standard_webhooks.is_signed(body, headers, (each.encode() for each in secrets), now)


def identify(body: bytes, headers: Mapping[str, str]) -> Event:
    """Read which order changed; the topic is empty when the body cannot be read or names none.

    A delivery is known by its id and its body's hash. Raises InvalidInput for a missing or odd header.
    """
    event_id, at = standard_webhooks.delivered(headers)
    try:
        read = Object(payloads.loads(body), "event")
    except InvalidInput:
        return Event(topic="", event_id=event_id, at=at)
    topic, digest = read.value.get("scope"), read.value.get("hash")
    if isinstance(digest, str) and _HASH.fullmatch(digest):
        event_id = f"{event_id}-{digest}"
    if not isinstance(topic, str) or not _TOPIC.fullmatch(topic):
        return Event(topic="", event_id=event_id, at=at)
    order = str(read.table("data").get("id"))
    if topic not in ORDER_TOPICS or not _ORDER_ID.fullmatch(order):  # whoever reads the order says what is wrong
        return Event(topic=topic, event_id=event_id, at=at)
    return Event(topic=topic, event_id=event_id, order=order, at=at, is_thin=True)


def ask_of(topic: str) -> Ask | None:
    """Answer what a topic asks about an order."""
    return ORDER_TOPICS.get(topic)


def read_order(channel: ChannelId, topic: str, body: bytes) -> Intake:
    """Read a fetched order: as it now is, less what was refunded, all units open.

    What is downloaded, mailed or picked up is no line. A unit's price is without tax, before discounts of the order,
    rounded down where the store computes it more finely than the currency is paid. Raises InvalidInput for what
    cannot be read, or goes to several addresses, Rejected for an order that is not paid, is held, a test, or shipped.
    """
    if topic not in ORDER_TOPICS:
        raise InvalidInput("no order comes with this topic", code="topic_unknown", topic=topic[:60])
    read = Object(payloads.loads(body), "order")
    is_given_up = _is_given_up(read)
    shipping = _shipping(read)
    currency, items = read.text("default_currency_code"), shipped(shipping.value)
    if items and not is_given_up and all(_has_gone(item) for item in items):
        raise Rejected("an order that the shop has shipped is not shipped again", code="order_completed")
    lines = [_line(item, currency, is_given_up=is_given_up) for item in items]
    if len({line.line for line in lines}) != len(lines):
        raise InvalidInput("two lines have one id", code="line_twice")
    order = Order(
        key=OrderKey(channel, read.id("id")),
        name=read.id("id"),
        version=payloads.milliseconds(_time(read.value.get("date_modified"), "date_modified"), "date_modified"),
        placed_at=_time(read.value.get("date_created"), "date_created"),
        currency=currency,
        lines=tuple(lines),
        destination=Destination(
            country=short(shipping.value.get("country_iso2")),
            region=short(shipping.value.get("state")),
            postcode_prefix=short(shipping.value.get("zip"))[: payloads.POSTCODE_PREFIX],
        ),
    )
    ask = Ask.CANCEL if is_given_up else ORDER_TOPICS[topic]
    customer = payloads.customer(read.table("billing_address").get("email"), read.value.get("customer_id"))
    return Intake(ask=ask, order=order, ship_to=_ship_to(shipping.value), customer=customer)


def read_request(topic: str, _body: bytes) -> Request:
    """Raise InvalidInput: BigCommerce tells nobody that a customer wants to be erased."""
    raise InvalidInput("nothing is asked about people by this topic", code="topic_unknown", topic=topic[:60])


def status(order: Mapping[str, Any]) -> int:
    """Read the state of an order. Raises InvalidInput for one that is not documented."""
    found = order.get("status_id")
    if not isinstance(found, int) or isinstance(found, bool) or found not in TAKEN | DONE | GIVEN_UP | UNPAID | HELD:
        raise InvalidInput("an order has no status that is known", code="status", value=str(found)[:40])
    return found


def changed_at(order: Mapping[str, Any]) -> datetime:
    """Read when an order was last changed, in whole seconds. Raises InvalidInput."""
    return times.read(_time(order.get("date_modified"), "date_modified"), "date_modified")


def shipped(consignment: Mapping[str, Any]) -> list[Object]:
    """Return the line items of a consignment that are shipped. Raises InvalidInput."""
    items = payloads.rows(consignment.get("line_items", []), "line")
    return [item for item in items if item.value.get("type") not in NOT_SHIPPED]


def units(item: Object) -> int:
    """Count the units of a line item that were bought and not refunded. Raises InvalidInput."""
    bought, back = payloads.units(item.value.get("quantity")), payloads.units(item.value.get("quantity_refunded", 0))
    return max(bought - back, 0)


def _is_given_up(read: Object) -> bool:
    """Answer whether an order is cancelled. Raises Rejected for one that is neither that nor to be shipped."""
    found = status(read.value)
    if read.value.get("payment_method") == TEST_PAYMENT:
        raise Rejected("a test order is never shipped", code="test_order")
    if found in DONE:
        raise Rejected("an order that the shop has as shipped is not shipped again", code="order_completed")
    if found in GIVEN_UP or read.value.get("is_deleted") is True:
        return True
    if found in UNPAID:
        raise Rejected("an order that is not paid waits", code="order_unpaid", status=found)
    if found in HELD:
        raise Rejected("an order that the shop holds waits", code="order_held", status=found)
    return False


def _shipping(read: Object) -> Object:
    """Return the one consignment that is shipped, an empty one where nothing is. Raises InvalidInput for several."""
    consignments = Object(read.value.get("consignments"), "consignments")
    filled = [each for each in payloads.rows(consignments.value.get("shipping"), "consignment") if shipped(each.value)]
    if len(filled) > 1:
        raise InvalidInput("an order goes to several addresses", code="several_addresses", count=len(filled))
    return filled[0] if filled else Object({}, "consignment")


def _has_gone(item: Object) -> bool:
    """Answer whether every unit bought was shipped; what came back after that has no state of its own."""
    return payloads.units(item.value.get("quantity_shipped", 0)) >= payloads.units(item.value.get("quantity")) > 0


def _line(item: Object, currency: str, *, is_given_up: bool) -> Line:
    line_id = item.id("id")
    left = payloads.units(item.value.get("quantity")) if is_given_up else units(item)
    sku = payloads.sku_of(item.value.get("sku"), line_id)
    price = minor_at_most(item.value.get("price_ex_tax", "0"), currency)
    return Line(line=line_id, sku=sku, ordered=left, open=left, price_minor=price)


def _ship_to(address: Mapping[str, Any]) -> dict[str, str]:
    name = " ".join(filter(None, (short(address.get("first_name")), short(address.get("last_name")))))
    return payloads.told({"name": name} | {ours: address.get(theirs) for ours, theirs in _ADDRESS.items()})


def _time(value: object, what: str) -> str:
    """Read a time such as `Mon, 11 Mar 2019 15:17:25 +0000` (RFC 2822)."""
    if isinstance(value, str):
        try:
            return times.text(datetime.strptime(value, "%a, %d %b %Y %H:%M:%S %z"))
        except (ValueError, OverflowError):
            pass
    raise InvalidInput("a time must be as RFC 2822 has it", code="time_unreadable", what=what, value=repr(value)[:40])
