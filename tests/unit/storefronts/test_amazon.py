"""How Amazon's notifications and orders are read: ours, in the shape of the vendor's schema and model."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from shared.domain.intake import Ask
from shared.domain.names import ChannelId
from shared.errors import InvalidInput, Rejected
from shared.storefronts.amazon import Notices
from shared.storefronts.contract import Event
from tests.support import trade

EVENTS = Path(__file__).parents[3] / "events/webhooks/amazon"
NOTIFICATION = json.loads((EVENTS / "order_change.json").read_text())
ORDER = json.loads((EVENTS / "order.json").read_text())
READER = Notices(seller="A3TH9S8BH6GOGM", marketplace="A1F83G8C2ARO7P")
CHANNEL = ChannelId("manchester")


def notification(**changes: Any) -> bytes:  # noqa: ANN401 - any JSON
    """The notification with other fields in its order change, or in the summary of it."""
    told = deepcopy(NOTIFICATION)
    change = told["Payload"]["OrderChangeNotification"]
    for name, value in changes.items():
        (told if name in told else change if name in change else change["Summary"])[name] = value
    return json.dumps(told).encode()


def order(status: str = "UNSHIPPED", items: dict[int, dict[str, Any]] | None = None, **changes: Any) -> bytes:  # noqa: ANN401
    """The order with another status, other fields, and others in some of its items."""
    told = deepcopy(ORDER) | changes
    told["fulfillment"] = {**told["fulfillment"], "fulfillmentStatus": status, **changes.get("fulfillment", {})}
    for at, fields in (items or {}).items():
        told["orderItems"][at] |= fields
    return json.dumps({key: value for key, value in told.items() if value is not ...}).encode()


def counted(body: bytes) -> dict[str, int]:
    """The units of each SKU that such an order has."""
    return {line.sku: line.open for line in READER.read_order(CHANNEL, "ORDER_CHANGE", body).order.lines}


# ---- notifications


def test_a_notification_says_which_order_changed_and_not_how() -> None:
    event = READER.identify(notification(), {})

    assert event == Event(
        topic="ORDER_CHANGE",
        event_id="d0e9e693-c3ad-4373-979f-ed4ec98dd746",
        order="202-7654321-1234567",
        version=1_795_507_209_109,
        at="2026-11-24T08:00:09.109Z",
        is_thin=True,
    )
    assert READER.ask_of(event.topic) is Ask.EDIT


@pytest.mark.parametrize(
    ("_case", "changes"),
    [
        ("Amazon ships it", {"FulfillmentType": "AFN"}),
        ("it does not say who ships it", {"FulfillmentType": None}),
        ("another seller's", {"SellerId": "A000"}),
        ("another marketplace's", {"MarketplaceId": "ATVPDKIKX0DER"}),
        ("of another type", {"NotificationType": "FEED_PROCESSING_FINISHED"}),
    ],
)
def test_other_notifications_ask_nothing(_case: str, changes: dict[str, Any]) -> None:
    event = READER.identify(notification(**changes), {})

    assert (READER.ask_of(event.topic), event.order, event.is_thin) == (None, "", False)
    assert event.event_id == "d0e9e693-c3ad-4373-979f-ed4ec98dd746"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"NotificationType": "order change"}, "topic"),
        ({"NotificationMetadata": {}}, "event_id"),
        ({"NotificationMetadata": {"NotificationId": "../x"}}, "event_id"),
        ({"EventTime": "yesterday"}, "time_unreadable"),
        ({"Payload": []}, "not_an_object"),
    ],
)
def test_a_notification_that_names_nothing_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        READER.identify(notification(**changes), {})

    assert refused.value.code == code


def test_nothing_over_http_is_amazons() -> None:
    assert not READER.verify(notification(), {"x-amz-signature": "AAAA"}, ["secret", ""], trade.times_now())
    assert not READER.is_ping(b"", {})


# ---- orders


def test_an_order_is_read_with_its_address_and_exact_prices() -> None:
    intake = READER.read_order(CHANNEL, "ORDER_CHANGE", order())

    assert (intake.ask, intake.order.key, intake.order.currency) == (
        Ask.EDIT,
        (CHANNEL, "202-7654321-1234567"),
        "GBP",
    )
    assert [(line.line, line.sku, line.open, line.price_minor) for line in intake.order.lines] == [
        ("20212345678901", "LAMP-OAK", 3, 2999),
        ("20212345678902", "SHADE-40", 2, 1250),
    ]
    assert (intake.order.version, intake.order.placed_at) == (1_795_507_204_000, "2026-11-24T07:58:00.000Z")
    assert intake.order.destination.country == "GB"
    assert intake.order.destination.postcode_prefix == "M1 "
    assert intake.ship_to == {
        "name": "Ada Buyer",
        "company": "Buyer Ltd",
        "address1": "1 High Street",
        "address2": "Unit 4B, Back door",
        "city": "Manchester",
        "zip": "M1 2AB",
        "province": "Greater Manchester",
        "country_code": "GB",
        "phone": "+44 161 496 0000",
    }


def test_yen_have_no_decimals() -> None:
    price = {"unitPrice": {"amount": "1200", "currencyCode": "JPY"}}
    items = {at: {"product": {"sellerSku": f"S{at}", "price": price}} for at in (0, 1)}

    read = READER.read_order(CHANNEL, "ORDER_CHANGE", order(items=items)).order

    assert (read.currency, [line.price_minor for line in read.lines]) == ("JPY", [1200, 1200])


def test_an_order_without_its_address_is_read_without_one() -> None:
    intake = READER.read_order(CHANNEL, "ORDER_CHANGE", order(recipient=...))

    assert (intake.ship_to, intake.order.destination.country) == ({}, "")


def test_a_replacement_costs_nothing() -> None:
    items = {at: {"product": {"sellerSku": f"S{at}"}} for at in (0, 1)}
    told = [{"orderId": "202-1", "associationType": "REPLACEMENT_ORIGINAL_ID"}]

    read = READER.read_order(CHANNEL, "ORDER_CHANGE", order(items=items, associatedOrders=told)).order

    assert [(line.sku, line.open, line.price_minor) for line in read.lines] == [("S0", 3, 0), ("S1", 2, 0)]


def test_a_line_without_a_sku_waits_for_a_person() -> None:
    assert counted(order(items={1: {"product": {}}})) == {"LAMP-OAK": 3, "?20212345678902": 2}


EXECUTED = {
    "cancellation": {
        "cancellationRequest": {"requester": "BUYER"},
        "cancellationExecution": {"cancelledBy": "MERCHANT"},
    }
}


@pytest.mark.parametrize(
    ("_case", "item", "left"),
    [
        ("nothing shipped", {}, 3),
        (
            "some shipped: they are still units of it",
            {"fulfillment": {"quantityFulfilled": 1, "quantityUnfulfilled": 2}},
            3,
        ),
        ("one cancelled", {"fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 2}}, 2),
        ("one cancelled, two shipped", {"fulfillment": {"quantityFulfilled": 2, "quantityUnfulfilled": 0}}, 2),
        ("all cancelled", {"fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 0}, **EXECUTED}, 0),
        ("all cancelled, without counts", {"fulfillment": {}, **EXECUTED}, 0),
        ("without counts", {"fulfillment": {}}, 3),
        ("more left than ordered", {"fulfillment": {"quantityFulfilled": 1, "quantityUnfulfilled": 9}}, 3),
    ],
)
def test_cancelled_units_are_none_of_it(_case: str, item: dict[str, Any], left: int) -> None:
    status = "PARTIALLY_SHIPPED" if "shipped" in _case else "UNSHIPPED"

    assert counted(order(status, items={0: item})) == {"LAMP-OAK": left, "SHADE-40": 2}


def test_a_cancelled_order_is_a_cancel_whatever_its_buyer_wished() -> None:
    wish = {"cancellation": {"cancellationRequest": {"requester": "BUYER"}}}

    assert READER.read_order(CHANNEL, "ORDER_CHANGE", order("CANCELLED", items={0: wish})).ask is Ask.CANCEL


@pytest.mark.parametrize(
    ("_case", "body", "code"),
    [
        ("not paid", order("PENDING"), "order_unpaid"),
        ("a preorder", order("PENDING_AVAILABILITY"), "order_unpaid"),
        ("shipped", order("SHIPPED"), "order_completed"),
        ("by Amazon", order(fulfillment={"fulfilledBy": "AMAZON"}), "fulfilled_by_platform"),
        ("by nobody it names", order(fulfillment={"fulfilledBy": None}), "fulfilled_by_platform"),
        ("elsewhere", order(salesChannel={"marketplaceId": "ATVPDKIKX0DER"}), "order_elsewhere"),
    ],
)
def test_orders_that_are_not_ours_to_ship_are_left(_case: str, body: bytes, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        READER.read_order(CHANNEL, "ORDER_CHANGE", body)

    assert refused.value.code == code


DOLLARS = {"product": {"price": {"unitPrice": {"amount": "1.00", "currencyCode": "USD"}}}}
TOO_FINE = {"product": {"price": {"unitPrice": {"amount": "1.234", "currencyCode": "GBP"}}}}


@pytest.mark.parametrize(
    ("_case", "body", "code"),
    [
        (
            "its buyer wants it cancelled",
            order(items={1: {"cancellation": {"cancellationRequest": {"requester": "BUYER"}}}}),
            "buyer_wants_cancel",
        ),
        ("picked up by Amazon", order(programs=["AMAZON_EASY_SHIP"]), "program"),
        ("two currencies", order(items={1: DOLLARS}), "currencies"),
        ("more decimals than its currency has", order(items={1: TOO_FINE}), "amount_too_fine"),
        ("one line twice", order(items={1: {"orderItemId": "20212345678901"}}), "line_twice"),
        ("no status", order(fulfillment={"fulfillmentStatus": None}), "name_not_text"),
        ("half a unit", order(items={0: {"quantityOrdered": 1.5}}), "quantity"),
        ("no lines", order(orderItems=None), "lines"),
    ],
)
def test_orders_that_only_a_person_can_read_are_refused(_case: str, body: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        READER.read_order(CHANNEL, "ORDER_CHANGE", body)

    assert refused.value.code == code
