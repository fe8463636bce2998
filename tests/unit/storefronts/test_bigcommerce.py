"""What BigCommerce sends is verified and identified, and what is fetched upon it is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.domain.intake import Ask
from shared.domain.names import ChannelId
from shared.errors import AppError, InvalidInput, Rejected
from shared.storefronts import bigcommerce
from shared.storefronts.contract import Event
from tests.support import stand_ins
from tests.support.stand_ins import Clock, Endpoint

GOLDEN = Path(__file__).parents[3] / "events/webhooks/bigcommerce"
FJORD = ChannelId("fjord")
CREATED, UPDATED = "store/order/created", "store/order/updated"
HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "1763971200"}


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def event(**fields: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(json.loads(golden("order_created")) | fields).encode()


def order(**fields: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(json.loads(golden("order_fetched")) | fields).encode()


def line(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    known = {"id": 1, "sku": "A", "type": "physical", "order_address_id": 51, "price_ex_tax": "1.0000", "quantity": 1}
    return known | fields


def shipping(*addresses: list[dict[str, Any]]) -> dict[str, Any]:
    return {"shipping": [{"id": at, "country_iso2": "NO", "line_items": each} for at, each in enumerate(addresses, 51)]}


# ---- signatures


def test_the_raw_client_secret_signs_by_the_documented_formula() -> None:
    sent = datetime.fromtimestamp(1700000000, tz=UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1,bpV7t7du/JYUX51lr+SsarfGSCnr+h92pDV3R4dEyk4=",
    }

    assert bigcommerce.verify(b'{"a":1}', headers, ["client_secret"], sent)
    assert not bigcommerce.verify(b'{"a":2}', headers, ["client_secret"], sent)
    assert not bigcommerce.verify(b'{"a":1}', headers | {"webhook-id": "msg_2"}, ["client_secret"], sent)


@pytest.mark.parametrize(("seconds", "is_signed"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_replay_is_refused_after_five_minutes(seconds: int, *, is_signed: bool, tmp_path: Path) -> None:
    endpoint, clock = Endpoint(), Clock()
    stand_ins.bigcommerce(tmp_path, endpoint, clock).tell(UPDATED, 218)
    body, headers = endpoint.last
    came = clock.now.replace(microsecond=0) + timedelta(seconds=seconds)

    assert bigcommerce.verify(body, headers, ["", stand_ins.BIGCOMMERCE_SECRET], came) is is_signed


# ---- what a delivery is about


def test_an_event_says_which_order_changed_and_not_how() -> None:
    found = bigcommerce.identify(golden("order_created"), HEADERS)

    assert found == Event(
        topic=CREATED,
        event_id="msg_1-3f9ea420af83450d7ef9f78b08c8af25b2213637",
        order="218",
        at="2025-11-24T08:00:00.000Z",
        is_thin=True,
    )


def test_two_deliveries_with_one_hash_are_two_and_a_repeated_one_is_one() -> None:
    updated = event(scope=UPDATED)

    first = bigcommerce.identify(golden("order_created"), HEADERS).event_id
    second = bigcommerce.identify(updated, HEADERS | {"webhook-id": "msg_2"}).event_id

    assert first != second
    assert bigcommerce.identify(golden("order_created"), HEADERS).event_id == first
    assert bigcommerce.identify(event(hash="../x"), HEADERS).event_id == "msg_1"


@pytest.mark.parametrize("scope", [*bigcommerce.ORDER_TOPICS])
def test_every_event_of_an_order_is_thin(scope: str) -> None:
    found = bigcommerce.identify(event(scope=scope), HEADERS)

    assert (found.topic, found.order, found.is_thin) == (scope, "218", True)
    assert bigcommerce.ask_of(scope) is (Ask.CREATE if scope == CREATED else Ask.EDIT)


@pytest.mark.parametrize(
    "scope", ["store/order/message/created", "store/order/transaction/created", "store/sku/inventory/updated"]
)
def test_another_topic_is_known_by_its_name_and_asks_nothing(scope: str) -> None:
    found = bigcommerce.identify(event(scope=scope), HEADERS)

    assert (found.topic, found.order, found.is_thin) == (scope, "", False)
    assert bigcommerce.ask_of(scope) is None


@pytest.mark.parametrize(
    ("_case", "body", "topic"),
    [
        ("cut off", b'{"scope":', ""),
        ("a list", b"[]", ""),
        ("no scope", event(scope=None), ""),
        ("a path for a scope", event(scope="../x"), ""),
        ("no data", event(data=None), CREATED),
        ("an order without an id", event(data={"type": "order"}), CREATED),
        ("an id that leads elsewhere", event(data={"type": "order", "id": "1/../2"}), CREATED),
    ],
)
def test_a_body_that_names_no_order_is_not_thin(_case: str, body: bytes, topic: str) -> None:
    found = bigcommerce.identify(body, HEADERS)

    assert (found.topic, found.order, found.is_thin) == (topic, "", False)


@pytest.mark.parametrize("headers", [{}, HEADERS | {"webhook-id": "a/b"}, HEADERS | {"webhook-timestamp": "now"}])
def test_headers_that_name_nothing_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        bigcommerce.identify(golden("order_created"), headers)

    assert refused.value.code == "event_id"


# ---- orders


def test_a_fetched_order_is_read() -> None:
    intake = bigcommerce.read_order(FJORD, UPDATED, golden("order_fetched"))

    read = intake.order
    assert (intake.ask, str(read.key), read.name, read.currency) == (Ask.EDIT, "fjord#218", "218", "EUR")
    assert (read.placed_at, read.version) == ("2026-11-24T07:58:02.000Z", 1795507208000)
    assert [(each.line, each.sku, each.ordered, each.open, each.price_minor) for each in read.lines] == [
        ("65", "NL-1001", 2, 2, 1004),
        ("66", "?66", 1, 1, 750),
    ]
    destination = read.destination
    assert (destination.country, destination.region, destination.postcode_prefix) == ("NO", "Vestland", "500")
    assert intake.ship_to == {
        "name": "John Buyer",
        "address1": "Harbour Street 1",
        "city": "Bergen",
        "zip": "5003",
        "province": "Vestland",
        "country_code": "NO",
        "phone": "555-0100",
    }
    assert "Buyer" not in repr(intake)


@pytest.mark.parametrize("status", [8, 9, 11, 3, 14])
def test_an_order_that_waits_to_be_shipped_is_taken(status: int) -> None:
    assert bigcommerce.read_order(FJORD, CREATED, order(status_id=status)).ask is Ask.CREATE


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (0, "order_unpaid"),
        (1, "order_unpaid"),
        (7, "order_unpaid"),
        (12, "order_held"),
        (13, "order_held"),
        (2, "order_completed"),
        (10, "order_completed"),
    ],
)
def test_an_order_that_is_not_paid_is_held_or_shipped_changes_nothing(status: int, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        bigcommerce.read_order(FJORD, UPDATED, order(status_id=status))

    assert refused.value.code == code


@pytest.mark.parametrize("fields", [{"status_id": 4}, {"status_id": 5}, {"status_id": 6}, {"is_deleted": True}])
def test_an_order_that_was_given_up_is_cancelled_with_all_its_units(fields: dict[str, Any]) -> None:
    intake = bigcommerce.read_order(FJORD, UPDATED, order(**fields))

    assert intake.ask is Ask.CANCEL
    assert [each.ordered for each in intake.order.lines] == [3, 1]


@pytest.mark.parametrize(("shipped", "is_taken"), [((2, 1), False), ((2, 0), True), ((1, 1), True), ((0, 0), True)])
def test_what_came_back_after_all_was_shipped_makes_no_order_to_ship(
    shipped: tuple[int, int], *, is_taken: bool
) -> None:
    first = line(quantity=2, quantity_refunded=1, quantity_shipped=shipped[0])
    second = line(id=2, quantity_refunded=1, quantity_shipped=shipped[1])
    body = order(status_id=14, consignments=shipping([first, second]))

    if is_taken:
        assert [each.open for each in bigcommerce.read_order(FJORD, UPDATED, body).order.lines] == [1, 0]
    else:
        with pytest.raises(Rejected) as refused:
            bigcommerce.read_order(FJORD, UPDATED, body)
        assert refused.value.code == "order_completed"


def test_a_shipped_order_that_is_archived_is_not_cancelled() -> None:
    with pytest.raises(Rejected) as refused:
        bigcommerce.read_order(FJORD, UPDATED, order(status_id=2, is_deleted=True))

    assert refused.value.code == "order_completed"


def test_a_test_order_is_never_shipped() -> None:
    with pytest.raises(Rejected) as refused:
        bigcommerce.read_order(FJORD, CREATED, order(payment_method="Test Payment Gateway"))

    assert refused.value.code == "test_order"


@pytest.mark.parametrize("kind", ["digital", "giftcertificate"])
def test_what_is_downloaded_or_mailed_is_no_line(kind: str) -> None:
    body = order(consignments=shipping([line(), line(id=2, type=kind)]))

    assert [each.line for each in bigcommerce.read_order(FJORD, CREATED, body).order.lines] == ["1"]


def test_an_order_to_be_picked_up_has_nothing_to_ship_and_no_address() -> None:
    body = order(status_id=8, consignments={"pickups": [{"id": 9, "line_items": [line()]}], "shipping": []})

    intake = bigcommerce.read_order(FJORD, CREATED, body)

    assert (intake.order.lines, intake.ship_to) == ((), {})


@pytest.mark.parametrize("sku", [None, "", "  ", 7])
def test_a_line_without_a_sku_waits_under_its_own_name(sku: object) -> None:
    body = order(consignments=shipping([line(sku=sku)]))

    assert bigcommerce.read_order(FJORD, CREATED, body).order.lines[0].sku == "?1"


def test_ids_beyond_two_to_the_53_stay_as_they_are() -> None:
    body = order(id=9007199254740993, consignments=shipping([line(id=9007199254740995)]))

    read = bigcommerce.read_order(FJORD, CREATED, body).order

    assert (read.key.order_id, read.lines[0].line) == ("9007199254740993", "9007199254740995")


@pytest.mark.parametrize(
    ("currency", "price", "minor"),
    [
        ("EUR", "19.8000", 1980),
        ("EUR", "41.5799", 4157),
        ("EUR", 41.57, 4157),
        ("JPY", "1980.0000", 1980),
        ("KWD", "1.2500", 1250),
        ("KWD", "1.2509", 1250),
        ("EUR", 7, 700),
    ],
)
def test_a_price_is_a_units_in_what_its_currency_is_paid_in(currency: str, price: object, minor: int) -> None:
    body = order(default_currency_code=currency, consignments=shipping([line(price_ex_tax=price)]))

    assert bigcommerce.read_order(FJORD, CREATED, body).order.lines[0].price_minor == minor


def test_absent_address_fields_are_absent() -> None:
    intake = bigcommerce.read_order(FJORD, CREATED, order(consignments=shipping([line()])))

    assert intake.ship_to == {"country_code": "NO"}
    assert (intake.order.destination.region, intake.order.destination.postcode_prefix) == ("", "")


@pytest.mark.parametrize(
    ("_case", "body", "code"),
    [
        ("the thin event itself", golden("order_created"), "status"),
        ("cut off", b'{"id": 1, "status_id"', "not_json"),
        ("a list", b"[]", "not_an_object"),
        ("a status of tomorrow", order(status_id=15), "status"),
        ("yes for a status", order(status_id=True), "status"),
        ("links for consignments", order(consignments=[{"url": "x"}]), "not_an_object"),
        ("no shipping", order(consignments={"pickups": []}), "lines"),
        ("links for lines", order(consignments={"shipping": [{"line_items": {"url": "x"}}]}), "lines"),
        ("two addresses", order(consignments=shipping([line()], [line(id=2)])), "several_addresses"),
        ("line twice", order(consignments=shipping([line(), line()])), "line_twice"),
        ("half a unit", order(consignments=shipping([line(quantity=0.5)])), "quantity"),
        ("a refund that adds units", order(consignments=shipping([line(quantity_refunded=-1)])), "quantity"),
        ("a price below zero", order(consignments=shipping([line(price_ex_tax="-1.0000")])), "amount_unreadable"),
        ("no time", order(date_modified="2026-11-24"), "time_unreadable"),
        ("no zone", order(date_modified="Tue, 24 Nov 2026 08:00:08"), "time_unreadable"),
        ("before all time", order(date_modified="Mon, 01 Jan 0001 00:00:00 +2300"), "time_unreadable"),
        ("no currency", order(default_currency_code=None), "name_not_text"),
        ("id with a separator", order(id="1#2"), "name_characters"),
    ],
)
def test_what_cannot_be_read_is_refused(_case: str, body: bytes, code: str) -> None:
    with pytest.raises(AppError) as refused:
        bigcommerce.read_order(FJORD, UPDATED, body)

    assert (type(refused.value), refused.value.code) == (InvalidInput, code)
