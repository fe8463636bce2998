"""What BigCommerce is told and asked, against a stand-in that reads the vendor's specification by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local import faults
from local.bigcommerce_api import ROOT
from local.bigcommerce_shop import BigCommerceShop
from local.stand_in import serving
from shared.domain.carriers import Carrier
from shared.domain.names import ChannelId
from shared.errors import AppError, InvalidInput, Rejected, Transient
from shared.storefronts import bigcommerce, bigcommerce_hooks, web
from shared.storefronts.bigcommerce_orders import MOST_LINES_AT_ONCE, PAGE, Orders
from shared.storefronts.bigcommerce_rest import Api
from shared.storefronts.bigcommerce_stock import Stock
from shared.storefronts.contract import NOT_UNDERSTOOD, Parcel, Part, Quantity
from tests.support import stand_ins
from tests.support.stand_ins import Clock, Endpoint, Wire

HOOK = "https://api.example/webhooks/fjord"
FJORD = ChannelId("fjord")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, clock: Clock) -> BigCommerceShop:
    return stand_ins.bigcommerce(tmp_path, Endpoint(), clock)


@pytest.fixture
def wire() -> Wire:
    return Wire(ROOT)


@pytest.fixture
def api(shop: BigCommerceShop, wire: Wire) -> Iterator[Api]:
    with serving(shop) as url:
        yield Api(url=f"{url}{ROOT}".rstrip("/"), token=stand_ins.BIGCOMMERCE_TOKEN, send=wire)


@pytest.fixture
def stock(api: Api, clock: Clock) -> Stock:
    return Stock(api=api, location="1", wait=clock.pass_by)


def quantity(item: str, units: int, change_from: int | None = None) -> Quantity:
    return Quantity(item=item, units=units, change_from=change_from, told_before=0)


# ---- quantities


def test_products_and_variants_are_told_in_one_call_and_read_back(
    shop: BigCommerceShop, stock: Stock, wire: Wire
) -> None:
    shop.has(111, "A", 9)
    shop.has(112, "B", 9, variant=74)
    shop.has(112, "C", 9, variant=75)

    answer = stock.say_quantity([quantity("111", 3), quantity("112/74", 0), quantity("112/75", 5)])

    assert answer.is_done
    assert shop.quantities() == {"A": 3, "B": 0, "C": 5}
    assert Counter(wire.asked) == {
        "PUT v3/inventory/adjustments/absolute": 1,
        "GET v3/inventory/locations/1/items": 2,
    }


def test_a_number_that_is_set_a_moment_later_is_waited_for(
    shop: BigCommerceShop, stock: Stock, clock: Clock, wire: Wire
) -> None:
    shop.has(111, "A", 9)
    shop.delay = 2.5
    began = clock.now

    assert stock.say_quantity([quantity("111", 3, change_from=9)]).is_done

    assert (shop.quantities(), clock.now - began) == ({"A": 3}, timedelta(seconds=3))
    assert wire.asked.count("GET v3/inventory/locations/1/items") == 3


def test_a_shop_that_has_set_none_of_many_is_asked_again_later(shop: BigCommerceShop, stock: Stock) -> None:
    shop.has(111, "A", 9)
    shop.has(113, "B", 9)
    shop.delay = 60

    with pytest.raises(Transient) as failure:
        stock.say_quantity([quantity("111", 3, 9), quantity("113", 4, 9)])

    assert (failure.value.code, failure.value.details["wait"]) == ("shop_slow", 5.0)


def test_one_number_that_never_comes_is_not_taken_and_holds_up_no_other(shop: BigCommerceShop, stock: Stock) -> None:
    shop.has(111, "A", 9)
    faults.set(shop.store, "lie")

    assert stock.say_quantity([quantity("111", 3, change_from=9)]).refused == {"111": "not_taken"}
    assert stock.say_quantity([quantity("111", 3, change_from=9)]).is_done


def test_what_the_shop_does_not_count_is_refused_however_many_they_are(shop: BigCommerceShop, stock: Stock) -> None:
    shop.has(111, "A", 9)
    shop.has(113, "B", None)
    shop.has(114, "C", None)

    assert stock.say_quantity([quantity("113", 3), quantity("114", 4)]).refused == dict.fromkeys(
        ("113", "114"), "not_taken"
    )
    assert stock.say_quantity([quantity("111", 2), quantity("113", 3)]).refused == {"113": "not_taken"}
    assert shop.quantities() == {"A": 2}


def test_one_wrong_item_fails_a_batch_and_none_of_it_is_set(shop: BigCommerceShop, stock: Stock) -> None:
    shop.has(111, "A", 9)
    shop.has(112, "B", 9, variant=74)

    for wrong in ("112", "111/10111", "404"):
        with pytest.raises(InvalidInput) as failure:
            stock.say_quantity([quantity("111", 3), quantity(wrong, 4)])
        assert (failure.value.code, failure.value.details["status"]) == (NOT_UNDERSTOOD, 422)
    assert shop.quantities() == {"A": 9, "B": 9}


def test_what_is_no_listing_is_refused_without_asking(shop: BigCommerceShop, stock: Stock, wire: Wire) -> None:
    shop.has(111, "A", 9)
    odd = ("gid://shopify/InventoryItem/1", "0", "111/", "sku")

    answer = stock.say_quantity([quantity("111", 3), *(quantity(each, 1) for each in odd)])

    assert answer.refused == dict.fromkeys(odd, "no_such_listing")
    assert shop.quantities() == {"A": 3}
    asked = len(wire.asked)
    assert stock.say_quantity([quantity("sku", 1)]).refused == {"sku": "no_such_listing"}
    assert len(wire.asked) == asked


def test_a_safety_stock_of_the_shops_own_is_no_refusal(shop: BigCommerceShop, stock: Stock) -> None:
    shop.has(111, "A", 9, safety=2)

    assert stock.say_quantity([quantity("111", 3)]).is_done
    assert stock.list_levels(["111"]) == {"111": 3}


def test_what_the_shop_does_not_count_is_absent(shop: BigCommerceShop, stock: Stock) -> None:
    shop.has(111, "A", 5)
    shop.has(112, "B", 6, variant=74)
    shop.has(112, "C", 7, variant=75)

    assert stock.list_levels(["111", "112", "112/74", "111/74", "404", "odd"]) == {"111": 5, "112/74": 6}
    assert stock.list_levels([]) == {}


def test_a_location_the_shop_does_not_have_is_not_understood(shop: BigCommerceShop, stock: Stock) -> None:
    shop.has(111, "A", 5)
    elsewhere = replace(stock, location="7")

    for ask in (lambda: elsewhere.say_quantity([quantity("111", 3)]), lambda: elsewhere.list_levels(["111"])):
        with pytest.raises(InvalidInput) as failure:
            ask()
        assert failure.value.code == NOT_UNDERSTOOD


# ---- trouble


def test_a_quota_that_is_used_up_says_when_it_is_refilled(shop: BigCommerceShop, stock: Stock, clock: Clock) -> None:
    shop.has(111, "A", 5)
    shop.quota = 2
    clock.now = clock.now.replace(second=18, microsecond=500_000)
    assert stock.say_quantity([quantity("111", 2)]).is_done

    with pytest.raises(Transient) as failure:
        stock.list_levels(["111"])
    assert (failure.value.code, failure.value.details["wait"]) == ("throttled", 11.5)

    clock.pass_by(11.5)
    assert stock.list_levels(["111"]) == {"111": 2}


@pytest.mark.parametrize(
    ("fault", "settings", "code"),
    [("throttle", {"seconds": 3}, "throttled"), ("fail", {"status": 503}, "shop_failed"), ("drop", {}, "shop_silent")],
)
def test_a_shop_in_trouble_is_asked_again_later(
    fault: str, settings: dict[str, int], code: str, shop: BigCommerceShop, stock: Stock
) -> None:
    shop.has(111, "A", 5)
    faults.set(shop.store, fault, **settings)

    with pytest.raises(Transient) as failure:
        stock.say_quantity([quantity("111", 2)])

    assert failure.value.code == code
    assert shop.quantities() == {"A": 2 if fault == "drop" else 5}
    assert stock.say_quantity([quantity("111", 2)]).is_done


def test_a_token_the_shop_does_not_know_is_a_refusal_of_us(api: Api) -> None:
    with pytest.raises(InvalidInput) as failure:
        Orders(replace(api, token="another")).order("1")

    assert (failure.value.code, failure.value.details["status"]) == ("shop_refused", 401)


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[1]", b'{"data": 7}', b'{"data": [7]}', b"7", b"{}"])
def test_an_answer_of_another_shape_is_refused(body: bytes, api: Api, clock: Clock) -> None:
    odd = replace(api, send=lambda _: web.Response(body=body))

    for ask in (
        lambda: Stock(api=odd, location="1", wait=clock.pass_by).say_quantity([quantity("11", 2)]),
        lambda: Stock(api=odd, location="1", wait=clock.pass_by).list_levels(["11"]),
        lambda: list(Orders(odd).list_orders_since(clock.now)),
        lambda: Orders(odd).order("1"),
        lambda: Orders(odd).say_cancel("1", refunds=False),
        lambda: bigcommerce_hooks.look(odd, HOOK),
    ):
        with suppress(InvalidInput):
            assert ask() in ([], {}, ())


def test_the_token_is_not_shown(api: Api) -> None:
    assert stand_ins.BIGCOMMERCE_TOKEN not in repr(api)


# ---- orders found


def read(found: bytes) -> dict[str, int]:
    return {line.line: line.open for line in bigcommerce.read_order(FJORD, bigcommerce.UPDATED, found).order.lines}


def test_an_order_is_fetched_as_the_poll_finds_it_in_one_call(shop: BigCommerceShop, api: Api, wire: Wire) -> None:
    shop.buy(218, (65, "A", 3), (66, "B", 1))
    shop.refund(218, 65, 1)
    shop.add(218, id=67, sku="PICK", quantity=1, order_address_id=0)

    fetched = Orders(api).fetch_order("218")

    assert (fetched.order_id, fetched.topic, wire.asked) == ("218", bigcommerce.UPDATED, ["GET v2/orders/218"])
    assert read(fetched.body) == {"65": 2, "66": 1}
    assert list(Orders(api).list_orders_since(shop.clock())) == [fetched]


def test_an_order_of_very_many_lines_is_fetched_whole(shop: BigCommerceShop, api: Api, wire: Wire) -> None:
    lines = [(line, f"S{line}", 2) for line in range(1, 2 * MOST_LINES_AT_ONCE + 2)]
    shop.buy(218, *lines)

    assert read(Orders(api).fetch_order("218").body) == {str(line): 2 for line, _, _ in lines}
    assert len(Orders(api).order("218").parts) == len(lines)
    assert wire.asked.count("GET v2/orders/218/products") == 6


def test_orders_are_listed_from_a_time_on(shop: BigCommerceShop, api: Api, clock: Clock) -> None:
    assert list(Orders(api).list_orders_since(clock.now)) == []
    shop.buy(1, (11, "A", 2))
    clock.pass_by(60)
    since = clock.now
    shop.buy(2, (21, "A", 3))
    clock.pass_by(1)
    shop.buy(3, (31, "A", 1), status_id=0)
    clock.pass_by(1)
    shop.change(2, status_id=5)

    found = list(Orders(api).list_orders_since(since))

    assert [each.order_id for each in found] == ["3", "2"]
    with pytest.raises(Rejected):
        read(found[0].body)


@pytest.mark.parametrize("seconds", [0, 1])
def test_all_pages_are_read_whether_orders_share_a_second_or_not(
    seconds: int, shop: BigCommerceShop, api: Api, clock: Clock
) -> None:
    since = clock.now
    for order in range(1, 2 * PAGE + 4):
        shop.buy(order, (order, "A", 1))
        clock.pass_by(seconds)

    found = [each.order_id for each in Orders(api).list_orders_since(since)]

    assert found == [str(order) for order in range(1, 2 * PAGE + 4)]


def test_an_order_that_changes_between_two_pages_hides_no_other(shop: BigCommerceShop, api: Api, clock: Clock) -> None:
    since = clock.now
    for order in range(1, PAGE + 3):
        shop.buy(order, (order, "A", 1))
        clock.pass_by(1)
    asked = api.send

    def changing(request: web.Request) -> web.Response:
        answer = asked(request)
        if shop.order(1)["status_id"] == 11:
            shop.change(1, status_id=9)
        return answer

    found = {each.order_id for each in Orders(replace(api, send=changing)).list_orders_since(since)}

    assert found == {str(order) for order in range(1, PAGE + 3)}


def test_a_shop_that_shows_one_page_for_ever_is_refused(api: Api, clock: Clock) -> None:
    stamp = "Tue, 24 Nov 2026 08:00:08 +0000"
    lines = [{"id": at, "order_address_id": 51} for at in range(PAGE)]
    orders = [{"id": at, "date_modified": stamp} for at in range(PAGE)]
    whole = {**orders[0], "consignments": {"shipping": [{"line_items": lines}]}}
    pages = {"orders": orders, "products": lines, "1": whole}

    def endless(request: web.Request) -> web.Response:
        return web.Response(body=json.dumps(pages[request.url.partition("?")[0].rpartition("/")[2]]).encode())

    odd = Orders(replace(api, send=endless))
    for ask in (lambda: list(odd.list_orders_since(clock.now)), lambda: odd.fetch_order("1")):
        with pytest.raises(InvalidInput) as refused:
            ask()
        assert refused.value.code == "shop_answer"


# ---- orders told


def parts(api: Api, order: str) -> list[tuple[str, int, int]]:
    return [(part.line, part.units, part.left) for part in Orders(api).order(order).parts]


def ship(api: Api, order: str, units: dict[str, int], parcel: Parcel | None = None) -> None:
    seen = Orders(api).order(order)
    Orders(api).say_fulfilment([(part, units[part.line]) for part in seen.parts if part.line in units], parcel)


def test_every_parcel_is_a_shipment_until_nothing_is_left(shop: BigCommerceShop, api: Api) -> None:
    shop.buy(5, (51, "A", 3), (52, "B", 1))
    assert (parts(api, "5"), Orders(api).order("5").tracking) == ([("51", 3, 3), ("52", 1, 1)], frozenset())

    ship(api, "5", {"51": 2}, Parcel(number="1Z999AA10123456784", carrier=Carrier.UPS))
    assert (parts(api, "5"), shop.order(5)["status_id"]) == ([("51", 3, 1), ("52", 1, 1)], 3)
    ship(api, "5", {"51": 1, "52": 1}, Parcel(number="00340", carrier="Bring"))

    seen = Orders(api).order("5")
    assert (parts(api, "5"), shop.order(5)["status_id"]) == ([("51", 3, 0), ("52", 1, 0)], 2)
    assert seen.tracking == {"1Z999AA10123456784", "00340"}
    assert [each["items"] for each in shop.shipments()] == [
        [{"order_product_id": 51, "quantity": 2}],
        [{"order_product_id": 51, "quantity": 1}, {"order_product_id": 52, "quantity": 1}],
    ]


@pytest.mark.parametrize(
    ("parcel", "told"),
    [
        (None, ("", "", "", "")),
        (Parcel(number="N1"), ("N1", "", "", "")),
        (Parcel(number="N1", carrier=Carrier.UPS), ("N1", "ups", "", "")),
        (Parcel(number="N1", carrier=Carrier.FEDEX), ("N1", "fedex", "", "")),
        (Parcel(number="N1", carrier=Carrier.USPS), ("N1", "usps", "", "")),
        (Parcel(number="N1", carrier=Carrier.DHL), ("N1", "", "dhl", "")),
        (Parcel(number="N1", carrier="Bring"), ("N1", "", "", "Bring")),
    ],
)
def test_a_carrier_is_named_as_the_shop_does(
    parcel: Parcel | None, told: tuple[str, ...], shop: BigCommerceShop, api: Api
) -> None:
    shop.buy(5, (51, "A", 1))

    ship(api, "5", {"51": 1}, parcel)

    (made,) = shop.shipments()
    fields = ("tracking_number", "shipping_provider", "tracking_carrier", "comments")
    assert tuple(made[each] for each in fields) == told
    assert made["order_address_id"] == 51


def test_units_of_two_addresses_are_parts_of_two_places(shop: BigCommerceShop, api: Api) -> None:
    shop.buy(5, (51, "A", 1))
    shop.add(5, id=52, sku="B", quantity=1, order_address_id=52)

    assert [(part.line, part.location) for part in Orders(api).order("5").parts] == [("51", "51"), ("52", "52")]


def test_what_was_shipped_by_hand_is_not_told_again(shop: BigCommerceShop, api: Api) -> None:
    shop.buy(5, (51, "A", 3))
    shop.refund(5, 51, 1)
    assert parts(api, "5") == [("51", 2, 2)]

    shop.change(5, status_id=10)
    assert parts(api, "5") == [("51", 2, 0)]


def test_units_that_came_back_after_they_were_shipped_stay_shipped(shop: BigCommerceShop, api: Api) -> None:
    shop.buy(5, (51, "A", 3))
    ship(api, "5", {"51": 3})

    shop.refund(5, 51, 2)

    assert Orders(api).order("5").fulfilled("51") == 3
    assert parts(api, "5") == [("51", 3, 0)]


def test_a_shipment_whose_answer_is_lost_is_seen_as_told(shop: BigCommerceShop, api: Api) -> None:
    shop.buy(5, (51, "A", 3))
    seen = Orders(api).order("5").parts
    faults.set(shop.store, "drop")

    with pytest.raises(Transient):
        Orders(api).say_fulfilment([(seen[0], 2)])

    assert parts(api, "5") == [("51", 3, 1)]


def test_more_than_is_left_is_not_shipped(shop: BigCommerceShop, api: Api) -> None:
    shop.buy(5, (51, "A", 3))
    (part,) = Orders(api).order("5").parts

    with pytest.raises(Rejected) as refused:
        Orders(api).say_fulfilment([(part, 4)])

    assert (refused.value.code, shop.shipments()) == ("not_fulfilled", [])


def test_a_cancel_is_done_at_once_and_seen(shop: BigCommerceShop, api: Api) -> None:
    shop.has(111, "A", 5)
    shop.buy(5, (51, "A", 3))

    assert Orders(api).say_cancel("5", refunds=False) == ""

    assert Orders(api).order("5").is_cancelled
    assert not any(part.is_open for part in Orders(api).order("5").parts)
    assert shop.quantities() == {"A": 5}
    assert Orders(api).is_done("")


@pytest.mark.parametrize("fields", [{"status_id": 4}, {"status_id": 6}, {"is_deleted": True}])
def test_what_the_shop_gave_up_by_hand_is_seen_as_cancelled(
    fields: dict[str, Any], shop: BigCommerceShop, api: Api
) -> None:
    shop.buy(5, (51, "A", 3), **fields)

    assert Orders(api).order("5").is_cancelled


def test_what_the_shop_has_as_shipped_in_part_is_not_cancelled(shop: BigCommerceShop, api: Api) -> None:
    shop.buy(5, (51, "A", 3))
    ship(api, "5", {"51": 1})

    with pytest.raises(Rejected) as refused:
        Orders(api).say_cancel("5", refunds=False)

    assert (refused.value.code, shop.order(5)["status_id"]) == ("not_cancelled", 3)


def test_a_shop_that_says_cancelled_and_is_not_is_found(shop: BigCommerceShop, api: Api) -> None:
    shop.buy(5, (51, "A", 3))
    faults.set(shop.store, "lie")

    Orders(api).say_cancel("5", refunds=False)

    assert not Orders(api).order("5").is_cancelled


def test_money_is_not_given_back_by_us(shop: BigCommerceShop, api: Api) -> None:
    shop.buy(5, (51, "A", 3))

    with pytest.raises(Rejected) as refused:
        Orders(api).say_cancel("5", refunds=True)

    assert (refused.value.code, shop.order(5)["status_id"]) == ("refund_by_hand", 11)


@pytest.mark.parametrize("order", ["404", "1/../2", "x", "²"])
def test_an_order_the_shop_has_no_more_is_for_a_person(order: str, api: Api) -> None:
    part = Part(line="1", fulfilment_order=order, location="51", item="1", units=1, left=1, is_open=True)

    for ask in (
        lambda: Orders(api).order(order),
        lambda: Orders(api).fetch_order(order),
        lambda: Orders(api).say_cancel(order, refunds=False),
        lambda: Orders(api).say_fulfilment([(part, 1)]),
    ):
        with pytest.raises(AppError) as refused:
            ask()
        assert (type(refused.value), refused.value.code) == (Rejected, "no_such_order")


# ---- webhooks


def test_webhooks_that_are_missing_are_made_and_those_switched_off_switched_on(api: Api) -> None:
    api.post("v3/hooks", {"scope": "store/order/created", "destination": HOOK, "is_active": False})
    api.post("v3/hooks", {"scope": "store/order/updated", "destination": "https://other.example", "is_active": True})
    found = bigcommerce_hooks.look(api, HOOK)
    assert {each.topic: each.state for each in found} == {
        "store/order/archived": "missing",
        "store/order/created": "deactivated",
        "store/order/refund/created": "missing",
        "store/order/updated": "missing",
    }

    bigcommerce_hooks.mend(api, HOOK, found)

    mended = bigcommerce_hooks.look(api, HOOK)
    assert {each.state for each in mended} == {"active"}
    bigcommerce_hooks.mend(api, HOOK, mended)
    assert len(api.get("v3/hooks")["data"]) == 5


def test_a_webhook_that_delivers_elsewhere_is_not_ours(api: Api) -> None:
    elsewhere = {"id": 1, "scope": "store/order/updated", "destination": "https://other.example", "is_active": True}
    all_shown = replace(api, send=lambda _: web.Response(body=json.dumps({"data": [elsewhere]}).encode()))

    assert {each.state for each in bigcommerce_hooks.look(all_shown, HOOK)} == {"missing"}


def test_what_is_subscribed_to_is_read() -> None:
    assert {*bigcommerce_hooks.TOPICS} <= bigcommerce.ORDER_TOPICS.keys()
