"""What WooCommerce sends is verified, identified and read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from shared.domain.intake import Ask
from shared.domain.names import ChannelId, Sku
from shared.errors import AppError, InvalidInput, Rejected
from shared.storefronts import woocommerce
from shared.storefronts.contract import Listing, RefundedLine
from tests.support import trade

GOLDEN = Path(__file__).parents[3] / "events/webhooks/woocommerce"
FJORD = ChannelId("fjord")
NOW = trade.times_now()
BODY = b'{"id":1}'


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def changed(name: str = "documented_order", /, **fields: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(json.loads(golden(name)) | fields).encode()


def line(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"id": 1, "sku": "A", "quantity": 1, "subtotal": "1.00"} | fields


def refund(line: int, units: int, refund: int = 9) -> dict[str, Any]:
    item = {"id": 1, "quantity": -units, "meta_data": [{"key": "_refunded_item_id", "value": str(line)}]}
    return {"id": refund, "date_created_gmt": "2017-03-23T08:00:00", "line_items": [item]}


def signed(body: bytes, secret: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"x-wc-webhook-signature": base64.b64encode(digest).decode()}


# ---- signatures


def test_a_vector_of_the_documented_formula() -> None:
    headers = {"x-wc-webhook-signature": "A971iWIMgT8Zj9A9eWfikrFj7wQ16/Qwcc4OlRl2PLc="}

    assert woocommerce.verify(BODY, headers, ["secret"], NOW)
    assert not woocommerce.verify(BODY + b" ", headers, ["secret"], NOW)


@pytest.mark.parametrize(
    ("secrets", "is_signed"), [(["new", "old"], True), (["newer", "new"], True), (["newer", ""], False), ([], False)]
)
def test_the_current_or_the_previous_secret_signs(secrets: list[str], *, is_signed: bool) -> None:
    assert woocommerce.verify(BODY, signed(BODY, "new"), secrets, NOW) is is_signed


def test_an_empty_secret_signs_nothing() -> None:
    assert not woocommerce.verify(BODY, signed(BODY, ""), ["", ""], NOW)


@pytest.mark.parametrize(
    ("typed", "signs"),
    [("a&amp;b", "a&b"), ("&quot;q&#039;", "\"q'"), ("&lt;&#x3E;", "<>"), ("&copy;&amp", "&copy;&amp"), ("a&b", "a&b")],
)
def test_a_secret_typed_with_escapes_signs_as_what_they_stand_for(typed: str, signs: str) -> None:
    assert woocommerce.verify(BODY, signed(BODY, signs), [typed], NOW)


@pytest.mark.parametrize(
    ("body", "headers", "is_ping"),
    [
        (b"webhook_id=12", {}, True),
        (b"webhook_id=12", {"x-wc-webhook-signature": "x"}, False),
        (b"webhook_id=", {}, False),
        (b"webhook_id=1&order=2", {}, False),
        (BODY, {}, False),
    ],
)
def test_only_the_form_of_a_ping_is_a_ping(body: bytes, headers: dict[str, str], *, is_ping: bool) -> None:
    assert woocommerce.is_ping(body, headers) is is_ping


# ---- what a delivery is about


def test_two_orders_of_one_second_are_two_deliveries_and_a_repeated_one_is_one() -> None:
    headers = {"x-wc-webhook-topic": "order.updated", "x-wc-webhook-id": "7", "x-wc-webhook-delivery-id": "same"}

    first, second = (woocommerce.identify(changed(id=each), headers) for each in (727, 728))

    assert first.event_id != second.event_id
    assert woocommerce.identify(changed(id=727), headers) == first
    assert (first.topic, first.order, first.version) == ("order.updated", "727", 1490210888000)
    assert first.at == "2017-03-22T19:28:08.000Z"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": true}', changed(date_modified_gmt=None)])
def test_a_body_that_cannot_be_read_is_identified_by_its_headers(body: bytes) -> None:
    event = woocommerce.identify(body, {"x-wc-webhook-topic": "order.created", "x-wc-webhook-id": "7"})

    assert (event.topic, event.order, event.version) == ("order.created", "", 0)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-wc-webhook-id": "7"}, "topic"),
        ({"x-wc-webhook-id": "7", "x-wc-webhook-topic": "../x"}, "topic"),
        ({"x-wc-webhook-topic": "order.created"}, "event_id"),
        ({"x-wc-webhook-topic": "order.created", "x-wc-webhook-id": "7/../8"}, "event_id"),
    ],
)
def test_headers_that_name_nothing_are_refused(headers: dict[str, str], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        woocommerce.identify(BODY, headers)

    assert refused.value.code == code


# ---- orders


def test_the_documented_order_is_read() -> None:
    intake = woocommerce.read_order(FJORD, "order.created", golden("documented_order"))

    order = intake.order
    assert (intake.ask, str(order.key), order.name, order.currency) == (Ask.CREATE, "fjord#727", "727", "USD")
    assert (order.placed_at, order.version) == ("2017-03-22T19:28:02.000Z", 1490210888000)
    assert [(each.line, each.sku, each.open, each.price_minor) for each in order.lines] == [
        ("315", "?315", 2, 300),
        ("316", "Bar3", 1, 1200),
    ]
    assert (order.destination.country, order.destination.region, order.destination.postcode_prefix) == (
        "US",
        "CA",
        "941",
    )
    assert intake.ship_to["name"] == "John Doe"
    assert "Doe" not in repr(intake)


def test_ids_beyond_two_to_the_53_stay_as_they_are() -> None:
    body = changed(id=9007199254740993, line_items=[line(id=9007199254740995)])

    order = woocommerce.read_order(FJORD, "order.created", body).order

    assert (order.key.order_id, order.lines[0].line) == ("9007199254740993", "9007199254740995")


@pytest.mark.parametrize(
    ("currency", "subtotal", "units", "price"),
    [("EUR", "19.80", 2, 990), ("JPY", "1980", 1, 1980), ("KWD", "1.250", 1, 1250), ("EUR", "10.00", 3, 333)],
)
def test_a_price_is_a_units_in_what_its_currency_has(currency: str, subtotal: str, units: int, price: int) -> None:
    body = changed(currency=currency, line_items=[line(subtotal=subtotal, quantity=units, price=3.33)])

    assert woocommerce.read_order(FJORD, "order.created", body).order.lines[0].price_minor == price


def test_fees_shipping_and_coupons_are_no_lines() -> None:
    extras = {
        "fee_lines": [{"id": 5, "name": "Gift wrap", "total": "2.00"}],
        "shipping_lines": [{"id": 6, "method_title": "Post", "total": "4.00"}],
        "coupon_lines": [{"id": 7, "code": "SAVE", "discount": "1.00"}],
    }
    body = changed(**extras, line_items=[line(sku=None, product_id=0), line(id=2, sku=" B ")])

    assert [each.sku for each in woocommerce.read_order(FJORD, "order.created", body).order.lines] == ["?1", "B"]


def test_an_order_without_a_shipping_address_ships_to_its_billing_address() -> None:
    intake = woocommerce.read_order(FJORD, "order.created", changed(shipping={"address_1": "", "country": ""}))

    assert intake.ship_to["phone"] == "(555) 555-5555"
    assert woocommerce.read_order(FJORD, "order.created", changed(shipping=None, billing=None)).ship_to == {}


@pytest.mark.parametrize("status", ["pending", "on-hold", "failed", "checkout-draft"])
def test_an_order_that_is_not_paid_is_not_taken(status: str) -> None:
    with pytest.raises(Rejected) as refused:
        woocommerce.read_order(FJORD, "order.created", changed(status=status))

    assert refused.value.code == "order_unpaid"


@pytest.mark.parametrize(
    ("status", "paid", "is_taken"),
    [("processing", None, True), ("packed", "2017-03-22T19:28:08", True), ("packed", None, False)],
)
def test_a_status_of_a_plugin_counts_when_it_is_paid(status: str, paid: str | None, *, is_taken: bool) -> None:
    body = changed(status=status, date_paid_gmt=paid)

    if is_taken:
        assert woocommerce.read_order(FJORD, "order.updated", body).ask is Ask.EDIT
    else:
        with pytest.raises(Rejected):
            woocommerce.read_order(FJORD, "order.updated", body)


@pytest.mark.parametrize("status", ["cancelled", "refunded", "trash"])
def test_an_order_that_was_given_up_is_cancelled(status: str) -> None:
    body = changed(status=status, date_paid_gmt=None, refunds=[{"id": 1, "reason": "", "total": "-29.35"}])

    assert woocommerce.read_order(FJORD, "order.updated", body).ask is Ask.CANCEL


def test_an_order_that_the_shop_has_as_shipped_is_not_shipped_again() -> None:
    with pytest.raises(Rejected) as refused:
        woocommerce.read_order(FJORD, "order.created", changed(status="completed"))

    assert refused.value.code == "order_completed"


def test_an_order_that_was_deleted_is_cancelled_by_its_id_alone() -> None:
    intake = woocommerce.read_order(FJORD, "order.deleted", b'{"id": 727}')

    assert (intake.ask, str(intake.key), intake.order.lines) == (Ask.CANCEL, "fjord#727", ())


def test_refunded_units_are_taken_off_over_all_refunds() -> None:
    body = changed(refunds=[refund(315, 1), refund(316, 1, refund=8), {**refund(315, 1), "line_items": []}])

    assert [each.open for each in woocommerce.read_order(FJORD, "order.updated", body).order.lines] == [1, 0]


def test_refunds_without_their_lines_are_refused() -> None:
    with pytest.raises(Rejected) as refused:
        woocommerce.read_order(FJORD, "order.updated", changed(refunds=[{"id": 9, "reason": "", "total": "-6.00"}]))

    assert refused.value.code == "refunds_untold"


@pytest.mark.parametrize(
    ("_case", "body", "code"),
    [
        ("cut off", b'{"id": 1, "status"', "not_json"),
        ("a list", b"[]", "not_an_object"),
        ("no status", changed(status=None), "name_not_text"),
        ("no lines", changed(line_items={}), "lines"),
        ("a line that is none", changed(line_items=["x"]), "not_an_object"),
        ("line twice", changed(line_items=[line(), line()]), "line_twice"),
        ("half a unit", changed(line_items=[line(quantity=0.5)]), "quantity"),
        ("a tenth of a cent", changed(line_items=[line(subtotal="1.001")]), "amount_too_fine"),
        ("no time", changed(date_modified_gmt="yesterday"), "time_unreadable"),
        ("id with a separator", changed(id="1#2"), "name_characters"),
        ("a refund that adds units", changed(refunds=[refund(315, -1)]), "quantity"),
        ("a refund of no line", changed(refunds=[{**refund(1, 1), "line_items": [{"quantity": -1}]}]), "refunded_line"),
    ],
)
def test_what_cannot_be_read_is_refused(_case: str, body: bytes, code: str) -> None:
    with pytest.raises(AppError) as refused:
        woocommerce.read_order(FJORD, "order.created", body)

    assert (type(refused.value), refused.value.code) == (InvalidInput, code)


# ---- refunds and products


def test_the_documented_refund_is_of_an_amount_alone() -> None:
    read = woocommerce.read_refund(golden("documented_refund"))

    assert (read.refund_id, read.at, read.lines) == ("726", "2017-03-21T20:07:11.000Z", ())


def test_a_refund_names_the_lines_of_its_order() -> None:
    read = woocommerce.read_refund(json.dumps(refund(315, 2)).encode())

    assert read.lines == (RefundedLine(line="315", units=2, restocked=None),)


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        ({}, ()),
        (
            {"sku": "A", "manage_stock": True},
            (Listing(sku=Sku("A"), listing="794", title="Premium Quality", is_counted=True),),
        ),
        (
            {"sku": "A", "type": "variation", "parent_id": 700, "manage_stock": "parent"},
            (Listing(sku=Sku("A"), listing="700/794", title="Premium Quality", is_counted=False),),
        ),
        ({"sku": "A", "type": "variable"}, ()),
    ],
)
def test_a_product_lists_what_is_sold_itself(fields: dict[str, Any], listed: tuple[Listing, ...]) -> None:
    assert woocommerce.read_product(changed("documented_product", **fields)) == listed


# ---- thin events


@pytest.mark.parametrize(
    ("body", "is_thin"),
    [
        (golden("documented_order"), False),
        (changed(line_items=[]), False),
        (changed(line_items=None), True),
        (changed(refunds=[{"id": 9, "total": "-1.00"}]), True),
        (changed(refunds=[refund(315, 1)]), False),
        (changed(refunds=[{"id": 9, "total": "-1.00"}], status="refunded"), False),
        (changed(refunds="none"), False),
    ],
)
def test_an_order_is_thin_when_its_lines_or_those_of_its_refunds_are_untold(body: bytes, *, is_thin: bool) -> None:
    event = woocommerce.identify(body, {"x-wc-webhook-topic": "order.updated", "x-wc-webhook-id": "1"})

    assert (event.order, event.is_thin) == ("727", is_thin)


def test_a_deleted_order_is_not_thin() -> None:
    headers = {"x-wc-webhook-topic": "order.deleted", "x-wc-webhook-id": "1"}

    assert not woocommerce.identify(changed(line_items=None), headers).is_thin
