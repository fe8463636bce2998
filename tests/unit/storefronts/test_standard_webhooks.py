"""A generic shop's events: the specification's vectors, and an order read by the channel's mapping."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.domain.customers import Customer, PeopleAsk, Request
from shared.domain.intake import Ask
from shared.domain.names import ChannelId
from shared.errors import InvalidInput
from shared.storefronts.standard_webhooks import Hooks, pick
from tests.support import stand_ins
from tests.support.stand_ins import Clock, Endpoint

MARKET = ChannelId("market")
HOOKS = Hooks(mapping=stand_ins.generic_mapping(), currency="EUR")
GOLDEN = Path(__file__).parents[3] / "events/webhooks/generic/order_placed.json"

# The vector of the specification's own libraries: libraries/javascript/src/webhook.test.ts
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT_ID, SECONDS, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
ANOTHER = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
THEN = datetime.fromtimestamp(SECONDS, tz=UTC)


def headers(**changes: str) -> dict[str, str]:
    told = {"webhook-id": EVENT_ID, "webhook-timestamp": str(SECONDS), "webhook-signature": SIGNATURE}
    return told | {name.replace("_", "-"): value for name, value in changes.items()}


def verified(given: dict[str, str], *secrets: str, now: datetime = THEN, body: bytes = BODY) -> bool:
    return HOOKS.verify(body, given, secrets or (SECRET,), now)


def order(**changes: Any) -> bytes:  # noqa: ANN401 - any JSON
    read = json.loads(GOLDEN.read_text())
    return json.dumps(read | {"data": read["data"] | changes}).encode()


# ---- signatures


def test_the_published_vector_verifies_with_and_without_its_prefix() -> None:
    assert verified(headers())
    assert verified(headers(), SECRET.removeprefix("whsec_"))
    assert not verified(headers(), body=BODY + b" ")


def test_one_of_several_signatures_is_enough() -> None:
    several = f"v1,{ANOTHER} v2,{ANOTHER} {SIGNATURE} v1,{ANOTHER}"

    assert verified(headers(webhook_signature=several))
    assert not verified(headers(webhook_signature=several.replace("v1,g0", "v2,g0")))


def test_a_broken_signature_before_a_right_one_does_no_harm() -> None:
    for broken in ("v1", "v1,", "v1,a,b", "v1,é", "v1a,AAAA", ","):
        assert verified(headers(webhook_signature=f"{broken} {SIGNATURE}"))


@pytest.mark.parametrize(
    ("off_by", "is_verified"), [(0, True), (-300, True), (300, True), (-301, False), (301, False), (-86400, False)]
)
def test_a_time_five_minutes_off_is_a_replay(off_by: int, *, is_verified: bool) -> None:
    assert verified(headers(), now=THEN - timedelta(seconds=off_by)) is is_verified


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook_id": ""},
        {"webhook_id": "msg_ é"},
        {"webhook_id": "another"},
        {"webhook_timestamp": ""},
        {"webhook_timestamp": "hello"},
        {"webhook_timestamp": "٣"},
        {"webhook_timestamp": "-1"},
        {"webhook_timestamp": "9" * 40},
        {"webhook_timestamp": str(SECONDS + 1)},
        {"webhook_signature": ""},
        {"webhook_signature": SIGNATURE[:8]},
        {"webhook_signature": "v1,"},
        {"webhook_signature": SIGNATURE.removeprefix("v1,")},
        {"webhook_signature": f"v1,{ANOTHER}"},
    ],
)
def test_headers_that_are_not_as_signed_are_refused(wrong: dict[str, str]) -> None:
    assert not verified(headers(**wrong))


def test_the_current_or_the_previous_secret_signs_and_an_empty_or_broken_one_does_not() -> None:
    assert verified(headers(), "", SECRET)
    assert not verified(headers(), "whsec_bmV3ZXI=", "")
    signed = f"{EVENT_ID}.{SECONDS}.".encode() + BODY
    by_nothing = base64.b64encode(hmac.digest(b"", signed, hashlib.sha256)).decode()
    for secret in ("", "whsec_", "whsec_%%%", "é"):
        assert not verified(headers(webhook_signature=f"v1,{by_nothing}"), secret)


# ---- what an event is about


def test_an_event_is_identified_by_its_id_its_topic_by_the_mapping() -> None:
    event = HOOKS.identify(GOLDEN.read_bytes(), headers())

    assert (event.event_id, event.topic, event.order) == (EVENT_ID, "order.placed", "M-1001")
    assert (event.version, event.at) == (1795507260000, "2021-02-25T15:02:10.000Z")
    assert HOOKS.ask_of("order.placed") is Ask.CREATE
    assert HOOKS.ask_of("price.changed") is None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"type": 7}', b'{"type": "../x y"}', b'{"type": "a..b"}', b"\xff", b"[" * 99_999]
)
def test_an_event_that_names_no_topic_is_one_without(body: bytes) -> None:
    assert HOOKS.identify(body, headers()).topic == ""


def test_an_order_is_read_where_the_mapping_says() -> None:
    intake = HOOKS.read_order(MARKET, "order.placed", GOLDEN.read_bytes())

    read = intake.order
    assert (intake.ask, str(read.key), read.name, read.currency) == (Ask.CREATE, "market#M-1001", "M-1001", "KWD")
    assert (read.version, read.placed_at) == (1795507260000, "2026-11-24T08:00:00.000Z")
    assert [(each.line, each.sku, each.open, each.price_minor) for each in read.lines] == [
        ("1", "NL-1001", 2, 12500),
        ("2", "?2", 1, 0),
    ]
    assert (read.destination.country, intake.ship_to["name"]) == ("NO", "Ada Buyer")
    assert "Ada" not in repr(intake)


@pytest.mark.parametrize(
    ("changes", "ask"),
    [
        ({}, Ask.EDIT),
        ({"is_cancelled": True}, Ask.CANCEL),
        ({"is_cancelled": "2026-11-24T09:00:00Z"}, Ask.CANCEL),
        ({"is_cancelled": ""}, Ask.EDIT),
    ],
)
def test_an_order_is_cancelled_when_the_mapping_leads_to_something(changes: dict[str, Any], ask: Ask) -> None:
    assert HOOKS.read_order(MARKET, "order.changed", order(**changes)).ask is ask


def test_an_order_without_a_currency_has_the_channels() -> None:
    assert HOOKS.read_order(MARKET, "order.placed", order(currency=None, items=[])).order.currency == "EUR"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": None}, "name_not_text"),
        ({"number": "a#b"}, "name_characters"),
        ({"changed_at": "soon"}, "time_unreadable"),
        ({"changed_at": -1}, "time_unreadable"),
        ({"changed_at": True}, "time_unreadable"),
        ({"items": {"no": 1}}, "lines"),
        ({"items": [{"no": 1, "pieces": "2"}]}, "quantity"),
        ({"items": [{"pieces": 2}]}, "name_not_text"),
        ({"items": [{"no": 1, "pieces": 1, "article": {"price": "1.0001"}}]}, "amount_too_fine"),
        ({"items": [{"no": 1, "pieces": 1}, {"no": "1", "pieces": 1}]}, "line_twice"),
    ],
)
def test_what_cannot_be_read_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        HOOKS.read_order(MARKET, "order.placed", order(**changes))

    assert refused.value.code == code


def test_a_whole_number_is_a_version() -> None:
    assert HOOKS.read_order(MARKET, "order.placed", order(changed_at=17)).order.version == 17


def test_a_path_leads_through_tables_and_lists_or_to_nothing() -> None:
    value = {"a": [{"b": 1}, {"b": 2}], "c": None}

    assert [pick(value, path) for path in ("a.1.b", "a.2.b", "a.-1.b", "a.²", "a.b", "c.d", "x")] == [2, *[None] * 6]


def test_what_the_stand_in_sends_is_verified(tmp_path: Path) -> None:
    endpoint, clock = Endpoint(), Clock()
    stand_ins.generic(tmp_path, endpoint, clock).buy("M-7", ("1", "NL-1001", 2))
    body, told = endpoint.last

    assert HOOKS.verify(body, told, [stand_ins.GENERIC_SECRET], clock.now)
    assert HOOKS.read_order(MARKET, "order.placed", body).order.lines[0].open == 2


@pytest.mark.parametrize(
    ("_case", "body", "is_thin"),
    [
        ("whole", order(), False),
        ("no lines left", order(items=[]), False),
        ("lines untold", order(items=None), True),
        ("nothing but the order", json.dumps({"type": "order.changed", "data": {"number": "M-7001"}}).encode(), True),
    ],
)
def test_an_event_without_lines_is_thin(_case: str, body: bytes, *, is_thin: bool) -> None:
    event = HOOKS.identify(body, headers())

    assert (bool(event.order), event.is_thin) == (True, is_thin)


@pytest.mark.parametrize(
    ("currency", "price", "minor"), [("EUR", "19.9", 1990), ("JPY", "1000", 1000), ("KWD", "1.234", 1234)]
)
def test_a_price_has_the_decimals_of_its_currency(currency: str, price: str, minor: int) -> None:
    told = {"no": 9007199254740993, "article": {"code": "", "price": price}, "pieces": 1}

    (line,) = HOOKS.read_order(MARKET, "order.placed", order(items=[told], currency=currency)).order.lines

    assert (line.line, line.sku, line.price_minor) == ("9007199254740993", "?9007199254740993", minor)


# ---- people


def test_a_customer_is_read_and_asked_about_where_the_mapping_says() -> None:
    mapping = replace(
        stand_ins.generic_mapping(),
        email="data.buyer.mail",
        customer="data.buyer.no",
        people={"customer.erased": PeopleAsk.ERASE},
    )
    hooks = Hooks(mapping=mapping, currency="EUR")
    ada = Customer(email="ada@post.example", platform_id="12")
    body = order(buyer={"mail": " Ada@post.example", "no": 12})

    assert hooks.read_order(MARKET, "order.placed", body).customer == ada
    assert hooks.ask_of("customer.erased") is PeopleAsk.ERASE
    assert hooks.read_request("customer.erased", body) == Request(ask=PeopleAsk.ERASE, customer=ada)


def test_a_request_that_names_nobody_is_refused() -> None:
    hooks = Hooks(mapping=replace(HOOKS.mapping, people={"customer.erased": PeopleAsk.ERASE}), currency="EUR")

    with pytest.raises(InvalidInput) as refused:
        hooks.read_request("customer.erased", b"{}")

    assert refused.value.code == "no_customer"
