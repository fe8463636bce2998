from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.customers import Customer, PeopleAsk, Request
from shared.domain.intake import Ask, Intake, Paid
from shared.domain.names import ChannelId
from shared.domain.orders import Line
from shared.errors import InvalidInput, Rejected
from shared.storefronts import shopify
from shared.storefronts.contract import Event
from tests.support import trade

GOLDEN = Path(__file__).parents[3] / "events/webhooks/shopify"
NORDLYS = ChannelId("nordlys")
NOW = trade.times_now()
BODY = b'{"id": 1}'
ORDER_ID = "820982911946154508"
MARI = Customer(email="mari.holm@post.example", platform_id="191167")


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def read(name: str, topic: str = "orders/create") -> Intake:
    return shopify.read_order(NORDLYS, topic, golden(name))


def signed(body: bytes, secret: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"x-shopify-hmac-sha256": base64.b64encode(digest).decode()}


def changed(golden_name: str, /, **fields: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(json.loads(golden(golden_name)) | fields).encode()


def test_a_known_vector() -> None:
    headers = {"x-shopify-hmac-sha256": "BcA9MVqmAbQH/rh+hdKd5TZ4u2l2BK7aE6aOG6HMRLQ="}
    vector = base64.b64encode(hmac.new(b"hush", b"Hello", hashlib.sha256).digest()).decode()

    assert shopify.verify(b"Hello", {"x-shopify-hmac-sha256": vector}, ["hush"], NOW)
    assert not shopify.verify(b"Hello", headers, ["hush"], NOW)


@pytest.mark.parametrize(
    ("_case", "secrets", "is_signed"),
    [
        ("current", ["new", "old"], True),
        ("previous", ["newer", "new"], True),
        ("neither", ["newer", "older"], False),
        ("none", [], False),
    ],
)
def test_either_secret_may_have_signed(_case: str, secrets: list[str], is_signed: bool) -> None:  # noqa: FBT001
    assert shopify.verify(BODY, signed(BODY, "new"), secrets, NOW) is is_signed


def test_an_empty_secret_signs_nothing() -> None:
    assert not shopify.verify(BODY, signed(BODY, ""), ["", ""], NOW)


def test_another_body_is_not_signed() -> None:
    assert not shopify.verify(BODY + b" ", signed(BODY, "new"), ["new"], NOW)


@given(st.text(), st.binary(max_size=64))
def test_no_header_makes_verifying_raise(header: str, body: bytes) -> None:
    assert not shopify.verify(body, {"x-shopify-hmac-sha256": header}, ["secret"], NOW)


@pytest.mark.parametrize(
    ("_case", "headers", "code"),
    [
        ("no topic", {"x-shopify-webhook-id": "a1"}, "topic"),
        ("odd topic", {"x-shopify-topic": "../etc", "x-shopify-webhook-id": "a1"}, "topic"),
        ("no id", {"x-shopify-topic": "orders/create"}, "event_id"),
        ("a path for an id", {"x-shopify-topic": "orders/create", "x-shopify-webhook-id": "../../x"}, "event_id"),
    ],
)
def test_headers_that_name_nothing_are_refused(_case: str, headers: dict[str, str], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        shopify.identify(BODY, headers)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("topic", "name", "order"),
    [
        ("orders/updated", "orders_create", "820982911946154508"),
        ("refunds/create", "refunds_create", "820982911946154508"),
        ("products/update", "products_update", ""),
        ("customers/redact", "customers_redact", ""),
        ("orders/create", "malformed", ""),
    ],
)
def test_the_body_says_which_order_an_event_is_about(topic: str, name: str, order: str) -> None:
    told = {"x-shopify-topic": topic, "x-shopify-webhook-id": "a1"}

    assert shopify.identify(golden(name), told).order == order


def test_the_customer_of_an_order_is_read_and_never_shown() -> None:
    assert read("orders_create").customer == Customer(email="mari.holm@post.example")
    assert "holm" not in repr(read("orders_create")).lower()


@pytest.mark.parametrize(
    ("topic", "name", "wanted"),
    [
        ("customers/redact", "customers_redact", Request(ask=PeopleAsk.ERASE, customer=MARI, order_ids=(ORDER_ID,))),
        (
            "customers/data_request",
            "customers_data_request",
            Request(ask=PeopleAsk.EXPORT, customer=MARI, order_ids=(ORDER_ID,)),
        ),
        ("shop/redact", "shop_redact", Request(ask=PeopleAsk.ERASE_SHOP)),
    ],
)
def test_what_is_asked_about_people_is_read(topic: str, name: str, wanted: Request) -> None:
    assert shopify.ask_of(topic) is wanted.ask
    assert shopify.read_request(topic, golden(name)) == wanted


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"orders_to_redact": 7}', b'{"orders_to_redact": ["a#b"]}'])
def test_a_request_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        shopify.read_request("customers/redact", body)


def test_an_order_is_read() -> None:
    intake = read("orders_create")

    order = intake.order
    assert (intake.ask, str(order.key), order.name) == (Ask.CREATE, "nordlys#820982911946154508", "#1001")
    assert (order.placed_at, order.version) == ("2026-11-24T08:00:00.000Z", 1795507202000)
    assert [(line.line, line.sku, line.ordered, line.open, line.price_minor) for line in order.lines] == [
        ("820982911946154509", "NL-1001", 2, 2, 1990),
        ("820982911946154510", "NL-1002", 1, 1, 2000),
    ]
    assert (order.destination.country, order.destination.region, order.destination.postcode_prefix) == (
        "NO",
        "VL",
        "501",
    )
    assert intake.ship_to["address1"] == "Strandgaten 18"


def test_personal_data_is_in_the_address_alone() -> None:
    intake = read("orders_create")

    for told in (repr(intake), repr(intake.order)):
        assert "Holm" not in told
        assert "Strandgaten" not in told
        assert "@" not in told


def test_the_same_sku_on_two_lines_stays_two_lines() -> None:
    assert [(line.sku, line.open) for line in read("orders_create_same_sku_twice").order.lines] == [
        ("NL-1003", 3),
        ("NL-1003", 2),
    ]


def test_a_line_without_a_sku_is_one_that_nobody_lists() -> None:
    skus = [line.sku for line in read("orders_create_without_sku").order.lines]

    assert skus == ["?55500031", "?55500032", "NL-1004"]


def test_what_is_not_shipped_is_no_line() -> None:
    assert [line.sku for line in read("orders_create_nothing_to_ship").order.lines] == ["NL-1005"]


def test_yen_have_no_minor_units() -> None:
    assert [line.price_minor for line in read("orders_create_yen").order.lines] == [1980]


def test_an_order_may_have_no_address() -> None:
    intake = read("orders_create_no_address")

    assert (intake.ship_to, intake.order.destination.country) == ({}, "")


def test_a_test_order_says_that_it_is_one() -> None:
    assert read("orders_create_test").is_test
    assert not read("orders_create").is_test


@pytest.mark.parametrize(
    ("told", "paid"),
    [
        ("pending", Paid.NOT),
        ("authorized", Paid.AUTHORISED),
        ("partially_paid", Paid.NOT),
        ("paid", Paid.FULLY),
        ("partially_refunded", Paid.FULLY),
        ("refunded", Paid.FULLY),
        ("voided", Paid.NOT),
        ("expired", Paid.NOT),
        ("of_next_year", Paid.NOT),
        (None, Paid.NOT),
    ],
)
def test_an_order_says_how_far_it_is_paid_for(told: str | None, paid: Paid) -> None:
    body = changed("orders_create", financial_status=told)

    assert shopify.read_order(NORDLYS, "orders/create", body).paid is paid


@pytest.mark.parametrize(
    ("name", "topic", "ask", "units"),
    [
        ("orders_updated_fewer", "orders/updated", Ask.EDIT, [1, 0]),
        ("orders_updated_more", "orders/paid", Ask.EDIT, [2, 1, 4]),
        ("orders_cancelled", "orders/cancelled", Ask.CANCEL, [0, 0]),
        ("orders_cancelled", "orders/updated", Ask.CANCEL, [0, 0]),
    ],
)
def test_changes_of_an_order(name: str, topic: str, ask: Ask, units: list[int]) -> None:
    intake = read(name, topic)

    assert (intake.ask, [line.ordered for line in intake.order.lines]) == (ask, units)
    assert intake.order.version > read("orders_create").order.version


@pytest.mark.parametrize(
    ("_case", "body", "code"),
    [
        ("cut off", golden("malformed"), "not_json"),
        ("a list", b"[]", "not_an_object"),
        ("thin", golden("orders_edited"), "name_not_text"),
        ("deep", b"[" * 100_000, "not_json"),
        ("no lines", changed("orders_create", line_items=None), "lines"),
        ("too many lines", changed("orders_create", line_items=[{"id": i} for i in range(501)]), "lines"),
        ("no time", changed("orders_create", updated_at="yesterday"), "time_unreadable"),
        ("time without a zone", changed("orders_create", updated_at="2026-11-24T09:00:00"), "time_unreadable"),
        ("id with a separator", changed("orders_create", id="1#2"), "name_characters"),
        ("id that is true", changed("orders_create", id=True), "name_not_text"),
        ("line twice", changed("orders_create", line_items=[{"id": 1, "quantity": 1, "sku": "A"}] * 2), "line_twice"),
        ("units as text", changed("orders_create", line_items=[{"id": 1, "quantity": "2"}]), "quantity"),
        ("negative units", changed("orders_create", line_items=[{"id": 1, "quantity": -1}]), "quantity"),
        ("half a unit", changed("orders_create", line_items=[{"id": 1, "quantity": 0.5}]), "quantity"),
        (
            "a tenth of a cent",
            changed("orders_create", line_items=[{"id": 1, "quantity": 1, "price": "1.001"}]),
            "amount_too_fine",
        ),
        (
            "negative price",
            changed("orders_create", line_items=[{"id": 1, "quantity": 1, "price": "-1"}]),
            "amount_unreadable",
        ),
        (
            "price that is none",
            changed("orders_create", line_items=[{"id": 1, "quantity": 1, "price": "NaN"}]),
            "amount_unreadable",
        ),
        (
            "endless price",
            changed("orders_create", line_items=[{"id": 1, "quantity": 1, "price": "1e999999"}]),
            "amount_unreadable",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(_case: str, body: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        shopify.read_order(NORDLYS, "orders/create", body)

    assert refused.value.code == code


def test_a_topic_that_brings_no_order_is_refused() -> None:
    with pytest.raises(InvalidInput):
        read("products_update", "products/update")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(json.loads(golden("orders_create")))), inner)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "id",
                "line_items",
                "currency",
                "updated_at",
                "created_at",
                "shipping_address",
                "name",
                "test",
                "cancelled_at",
            ]
        ),
        anything
        | st.lists(
            st.dictionaries(st.sampled_from(["id", "sku", "quantity", "price", "gift_card"]), anything), max_size=3
        ),
    )
)
def test_hostile_orders_are_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        intake = shopify.read_order(NORDLYS, "orders/create", changed("orders_create", **fields))
    except (InvalidInput, Rejected):
        return
    assert all(line.open >= 0 for line in intake.order.lines)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        shopify.read_order(NORDLYS, "orders/create", body)


# ---- refunds and products


def test_the_documented_refund_is_read() -> None:
    refund = shopify.read_refund(golden("refunds_create"))

    assert refund.refund_id == "890088186047892319"
    first = refund.lines[0]
    assert (first.line, first.units, first.restocked) == ("866550311766439020", 1, False)


@pytest.mark.parametrize(("kind", "restocked"), [("return", True), ("cancel", True), ("of_another_time", None)])
def test_a_refund_says_whether_its_units_are_counted_again(kind: str, *, restocked: bool | None) -> None:
    body = changed("refunds_create", refund_line_items=[{"line_item_id": 1, "quantity": 2, "restock_type": kind}])

    assert [(line.units, line.restocked) for line in shopify.read_refund(body).lines] == [(2, restocked)]


def test_a_product_lists_its_variants_by_their_inventory_items() -> None:
    variants = [
        {"id": 1, "sku": "A", "inventory_item_id": 9007199254740993, "inventory_management": "shopify"},
        {"id": 2, "sku": "B", "inventory_item_id": 12, "inventory_management": None},
        {"id": 3, "sku": "", "inventory_item_id": 13},
        {"id": 4, "sku": "D", "inventory_item_id": None},
    ]

    listed = shopify.read_product(json.dumps({"title": "Tray", "variants": variants}).encode())

    assert [(each.sku, each.listing, each.is_counted) for each in listed] == [
        ("A", "gid://shopify/InventoryItem/9007199254740993", True),
        ("B", "gid://shopify/InventoryItem/12", False),
    ]


# ---- thin events


def identified(topic: str, body: bytes, **told: str) -> Event:
    headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": "w1"}
    return shopify.identify(body, headers | {name.replace("_", "-"): value for name, value in told.items()})


@pytest.mark.parametrize(
    ("_case", "topic", "body"),
    [
        ("cut", "orders/updated", b'{"id": 820982911946154508}'),
        ("lines cut away", "orders/create", changed("orders_create", line_items=None)),
        ("cancelled and cut", "orders/cancelled", b'{"id": 820982911946154508}'),
        ("edited", "orders/edited", golden("orders_edited")),
    ],
)
def test_an_event_that_does_not_tell_the_order_is_thin(_case: str, topic: str, body: bytes) -> None:
    event = identified(topic, body)

    assert (event.order, event.is_thin) == ("820982911946154508", True)


@pytest.mark.parametrize(
    ("_case", "topic", "body"),
    [
        ("whole", "orders/create", golden("orders_create")),
        ("no lines left", "orders/updated", changed("orders_create", line_items=[])),
        ("about no order", "products/update", golden("products_update")),
        ("names no order", "orders/updated", b"{}"),
        ("edit of nothing", "orders/edited", b"{}"),
        ("not JSON", "orders/create", golden("malformed")),
    ],
)
def test_other_events_are_not_thin(_case: str, topic: str, body: bytes) -> None:
    assert not identified(topic, body, x_shopify_order_id="7").is_thin


# ---- what stands in a line


def line(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"id": 9007199254740993, "sku": "A", "quantity": 3, "price": "1.00", "requires_shipping": True} | fields


def lines_of(*items: dict[str, Any], **fields: Any) -> list[Line]:  # noqa: ANN401 - any JSON
    body = changed("orders_create", line_items=list(items), **fields)
    return list(shopify.read_order(NORDLYS, "orders/updated", body).order.lines)


@pytest.mark.parametrize(
    ("currency", "price", "minor"), [("EUR", "19.9", 1990), ("JPY", "1000", 1000), ("KWD", "1.234", 1234)]
)
def test_a_price_has_the_decimals_of_its_currency(currency: str, price: str, minor: int) -> None:
    assert [each.price_minor for each in lines_of(line(price=price), currency=currency)] == [minor]


def test_a_price_with_more_decimals_than_its_currency_has_is_refused() -> None:
    with pytest.raises(InvalidInput):
        lines_of(line(price="1.5"), currency="JPY")


@pytest.mark.parametrize(
    ("_case", "fields"),
    [("null", {"sku": None}), ("empty", {"sku": ""}), ("custom", {"sku": None, "product_exists": False})],
)
def test_a_line_that_nobody_lists_is_kept_under_its_id(_case: str, fields: dict[str, Any]) -> None:
    assert [(each.line, each.sku) for each in lines_of(line(**fields))] == [("9007199254740993", "?9007199254740993")]


@pytest.mark.parametrize(
    ("_case", "fields"),
    [
        ("tip", {"title": "Tip", "sku": None, "product_exists": False, "requires_shipping": False}),
        ("gift card", {"gift_card": True}),
    ],
)
def test_tips_and_gift_cards_are_not_shipped(_case: str, fields: dict[str, Any]) -> None:
    assert lines_of(line(**fields)) == []


def test_discounts_and_duties_change_neither_price_nor_units() -> None:
    told = line(
        discount_allocations=[{"amount": "0.50", "discount_application_index": 0}],
        duties=[{"id": "2", "price": "0.20"}],
        total_discount="0.50",
    )

    assert lines_of(told) == lines_of(line())


def refund(kind: str, units: int) -> dict[str, Any]:
    item = {"id": 1, "line_item_id": 9007199254740993, "quantity": units, "restock_type": kind, "subtotal": 1.0}
    return {"id": 7, "refund_line_items": [item]}


@pytest.mark.parametrize(
    ("_case", "refunds", "current", "ordered"),
    [
        ("never shipped", [refund("cancel", 1)], 2, 2),
        ("lost before it was shipped", [refund("no_restock", 1)], 2, 2),
        ("came back", [refund("return", 1)], 2, 3),
        ("both", [refund("return", 1), refund("cancel", 1)], 1, 2),
        ("an amount alone", [{"id": 7, "refund_line_items": []}], 3, 3),
        ("none", None, 3, 3),
    ],
)
def test_units_that_came_back_take_none_from_what_is_to_be_shipped(
    _case: str, refunds: list[dict[str, Any]] | None, current: int, ordered: int
) -> None:
    assert [each.ordered for each in lines_of(line(current_quantity=current), refunds=refunds)] == [ordered]


def test_returns_are_not_counted_twice_where_the_quantity_is_the_first_one() -> None:
    assert [each.ordered for each in lines_of(line(), refunds=[refund("return", 1)])] == [3]
