"""What WooCommerce is told and asked, against a stand-in that reads the platform's contract by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from local import faults
from local.stand_in import serving
from local.woo_api import ROOT
from local.woo_shop import WooShop
from shared.domain.names import ChannelId, Sku
from shared.domain.packages import Package
from shared.errors import AppError, InvalidInput, Rejected, Transient
from shared.flows.tell_orders import tell
from shared.storefronts import web, woocommerce, woocommerce_hooks
from shared.storefronts.contract import Listing, Parcel, Part, Quantity
from shared.storefronts.woocommerce_orders import PAGE, Orders
from shared.storefronts.woocommerce_products import Products
from shared.storefronts.woocommerce_rest import Rest
from shared.storefronts.woocommerce_stock import MOST_BATCHES, Stock
from tests.support import stand_ins, trade
from tests.support.stand_ins import Clock, Endpoint, Wire

TOKEN = f"{stand_ins.WOO_KEY}:{stand_ins.WOO_SECRET}"
HOOK = "https://api.example/webhooks/fjord"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, clock: Clock) -> WooShop:
    return stand_ins.woo(tmp_path, Endpoint(), clock)


@pytest.fixture
def wire() -> Wire:
    return Wire(ROOT)


@pytest.fixture
def rest(shop: WooShop, wire: Wire) -> Iterator[Rest]:
    with serving(shop) as url:
        yield Rest(url=f"{url}{ROOT}".rstrip("/"), token=TOKEN, send=wire)


def quantity(item: str, units: int, change_from: int | None = None) -> Quantity:
    return Quantity(item=item, units=units, change_from=change_from, told_before=0)


# ---- quantities


def test_products_and_variations_are_told_absolute_numbers_and_read_back(shop: WooShop, rest: Rest, wire: Wire) -> None:
    for product, parent in ((11, 0), (12, 0), (21, 0), (22, 21), (23, 21)):
        shop.has(product, f"S{product}", None if product == 12 else 9, parent)
    wanted = [quantity("11", 3), quantity("12", 0), quantity("21/22", 5), quantity("21/23", 0)]

    answer = Stock(rest).say_quantity(wanted)

    assert answer.is_done
    assert shop.quantities() == {11: 3, 12: 0, 21: 9, 22: 5, 23: 0}
    assert Counter(wire.asked) == Counter(
        ["POST products/batch", "POST products/21/variations/batch", "GET products", "GET products/21/variations"]
    )


def test_a_thousand_products_take_a_call_a_hundred_and_one_to_read_them_back(
    shop: WooShop, rest: Rest, wire: Wire
) -> None:
    for product in range(1, 251):
        shop.has(product, f"S{product}", 0)

    answer = Stock(rest).say_quantity([quantity(str(product), product) for product in range(1, 251)])

    assert (answer.is_done, shop.quantities()) == (True, {product: product for product in range(1, 251)})
    assert len(wire.asked) == 6


def test_one_listing_that_is_wrong_blocks_no_other(shop: WooShop, rest: Rest) -> None:
    shop.has(11, "A", 0)
    wanted = [quantity(item, 4) for item in ("99", "11", "98/97", "gid://shopify/InventoryItem/1", "0", "11/")]

    answer = Stock(rest).say_quantity(wanted)

    assert shop.quantities() == {11: 4}
    assert answer.refused == {
        "99": "woocommerce_rest_product_invalid_id",
        "98/97": "no_such_listing",
        "gid://shopify/InventoryItem/1": "no_such_listing",
        "0": "no_such_listing",
        "11/": "no_such_listing",
    }


def test_variations_of_many_products_are_told_a_few_products_at_once(shop: WooShop, rest: Rest) -> None:
    for product in range(1, 21, 2):
        shop.has(product, "", None)
        shop.has(product + 1, f"S{product}", 0, product)
    wanted = [quantity(f"{product}/{product + 1}", 7) for product in range(1, 21, 2)]

    answer = Stock(rest).say_quantity(wanted)

    assert answer.is_done
    assert len(answer.later) == 10 - MOST_BATCHES
    assert {item for item, units in shop.told() if units == 7} == {
        int(each.item.partition("/")[2]) for each in wanted if each.item not in answer.later
    }


def test_a_shop_that_answers_success_and_does_nothing_is_found(shop: WooShop, rest: Rest) -> None:
    shop.has(11, "A", 5)
    faults.set(shop.store, "lie", times=2)

    assert Stock(rest).say_quantity([quantity("11", 2, change_from=5)]).refused == {"11": "not_taken"}
    assert Stock(rest).say_quantity([quantity("11", 9, change_from=5)]).refused == {"11": "not_taken"}
    assert Stock(rest).say_quantity([quantity("11", 2, change_from=5)]).is_done


def test_a_sale_between_telling_and_looking_is_no_refusal(shop: WooShop, rest: Rest, wire: Wire) -> None:
    shop.has(11, "A", 5)
    asked = rest.send

    def sold(request: web.Request) -> web.Response:
        if request.method == "GET":
            shop.buy(1, (1, "A", 1))
        return asked(request)

    assert Stock(replace(rest, send=sold)).say_quantity([quantity("11", 8, change_from=5)]).is_done
    assert shop.quantities() == {11: 7}
    assert wire.asked


def test_what_the_shop_does_not_count_is_absent(shop: WooShop, rest: Rest) -> None:
    shop.has(11, "A", 5)
    shop.has(12, "B", None)

    assert Stock(rest).list_levels(["11", "12", "13", "77/78", "odd"]) == {"11": 5}


# ---- trouble


@pytest.mark.parametrize(
    ("fault", "settings", "code"),
    [("throttle", {"seconds": 3}, "throttled"), ("fail", {"status": 503}, "shop_failed"), ("drop", {}, "shop_silent")],
)
def test_a_shop_in_trouble_is_asked_again_later(
    fault: str, settings: dict[str, int], code: str, shop: WooShop, rest: Rest
) -> None:
    shop.has(11, "A", 5)
    faults.set(shop.store, fault, **settings)

    with pytest.raises(Transient) as failure:
        Stock(rest).say_quantity([quantity("11", 2)])

    assert failure.value.code == code
    assert failure.value.details.get("wait") == (3.0 if fault == "throttle" else None)
    assert shop.quantities() == {11: 2 if fault == "drop" else 5}
    assert Stock(rest).say_quantity([quantity("11", 2)]).is_done


def test_a_key_the_shop_does_not_know_is_a_refusal_of_us(rest: Rest) -> None:
    with pytest.raises(InvalidInput) as failure:
        Stock(replace(rest, token="ck_other:cs_other")).list_levels(["11"])

    assert (failure.value.code, failure.value.details["status"]) == ("shop_refused", 401)


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[1]", b'{"update": 7}', b'{"update": [7]}', b"7"])
def test_an_answer_of_another_shape_is_refused(body: bytes, rest: Rest) -> None:
    odd = replace(rest, send=lambda _: web.Response(body=body))

    for ask in (
        lambda: Stock(odd).say_quantity([quantity("11", 2)]),
        lambda: Stock(odd).list_levels(["11"]),
        lambda: list(Orders(odd).list_orders_since(stand_ins.Clock().now)),
        lambda: Orders(odd).order("1"),
        lambda: woocommerce_hooks.look(odd, HOOK),
    ):
        with suppress(InvalidInput):
            assert ask() in ([], {}, ())


def test_the_token_is_not_shown(rest: Rest) -> None:
    assert "cs_secret" not in repr(rest)


# ---- orders


def read(found: bytes) -> list[int]:
    return [line.open for line in woocommerce.read_order(ChannelId("fjord"), "order.updated", found).order.lines]


def test_orders_are_listed_from_a_time_on_with_the_lines_of_their_refunds(
    shop: WooShop, rest: Rest, clock: Clock
) -> None:
    shop.buy(1, (11, "A", 2))
    clock.pass_by(60)
    since = clock.now
    shop.buy(2, (21, "A", 3), (22, "B", 1))
    clock.pass_by(1)
    shop.buy(3, (31, "A", 1), status="pending", date_paid_gmt=None)
    clock.pass_by(1)
    shop.refund(2, 900, {21: 2})

    found = list(Orders(rest).list_orders_since(since))

    assert [each.order_id for each in found] == ["3", "2"]
    assert read(found[1].body) == [1, 1]
    with pytest.raises(Rejected):
        read(found[0].body)


def test_an_order_is_fetched_with_the_lines_of_its_refunds(shop: WooShop, rest: Rest) -> None:
    shop.buy(2, (21, "A", 3), (22, "B", 1))
    shop.refund(2, 900, {21: 2})

    found = Orders(rest).fetch_order("2")

    assert (found.order_id, read(found.body)) == ("2", [1, 1])


@pytest.mark.parametrize("seconds", [0, 1])
def test_all_pages_are_read_whether_orders_share_a_second_or_not(
    seconds: int, shop: WooShop, rest: Rest, clock: Clock
) -> None:
    since = clock.now
    for order in range(1, 2 * PAGE + 4):
        shop.buy(order, (order, "A", 1))
        clock.pass_by(seconds)

    found = [each.order_id for each in Orders(rest).list_orders_since(since)]

    assert found == [str(order) for order in range(1, 2 * PAGE + 4)]


def test_an_order_that_changes_between_two_pages_hides_no_other(shop: WooShop, rest: Rest, clock: Clock) -> None:
    since = clock.now
    for order in range(1, PAGE + 3):
        shop.buy(order, (order, "A", 1))
        clock.pass_by(1)
    asked = rest.send

    def changing(request: web.Request) -> web.Response:
        answer = asked(request)
        if shop.order(1)["status"] == "processing":
            shop.change(1, status="completed")
        return answer

    found = {each.order_id for each in Orders(replace(rest, send=changing)).list_orders_since(since)}

    assert found == {str(order) for order in range(1, PAGE + 3)}


def test_a_shop_that_shows_one_page_for_ever_is_refused(rest: Rest) -> None:
    page = [{"id": each, "date_modified_gmt": "2026-11-24T09:00:00"} for each in range(PAGE)]
    endless = replace(rest, send=lambda _: web.Response(body=json.dumps(page).encode()))

    with pytest.raises(InvalidInput):
        list(Orders(endless).list_orders_since(Clock().now))


def parts(rest: Rest, order: str) -> list[tuple[str, int, int]]:
    return [(part.line, part.units, part.left) for part in Orders(rest).order(order).parts]


def fulfil(rest: Rest, order: str, units: dict[str, int]) -> None:
    seen = Orders(rest).order(order)
    Orders(rest).say_fulfilment([(part, units[part.line]) for part in seen.parts if part.line in units])


def test_what_is_fulfilled_is_kept_on_the_order_noted_and_completes_it(shop: WooShop, rest: Rest) -> None:
    shop.buy(5, (51, "A", 3), (52, "B", 1))
    assert parts(rest, "5") == [("51", 3, 3), ("52", 1, 1)]

    fulfil(rest, "5", {"51": 1})
    fulfil(rest, "5", {"51": 1})
    assert (parts(rest, "5"), shop.order(5)["status"]) == ([("51", 3, 1), ("52", 1, 1)], "processing")

    fulfil(rest, "5", {"51": 1, "52": 1})
    assert (parts(rest, "5"), shop.order(5)["status"]) == ([("51", 3, 0), ("52", 1, 0)], "completed")
    assert shop.notes() == [
        (5, "Shipped: 1 of line 51."),
        (5, "Shipped: 1 of line 51."),
        (5, "Shipped: 1 of line 51, 1 of line 52."),
    ]


def test_what_was_completed_or_refunded_by_hand_is_not_told_again(shop: WooShop, rest: Rest) -> None:
    shop.buy(5, (51, "A", 3))
    shop.refund(5, 900, {51: 1})
    assert parts(rest, "5") == [("51", 2, 2)]

    shop.change(5, status="completed")
    assert parts(rest, "5") == [("51", 2, 0)]


def test_a_fulfilment_whose_answer_is_lost_is_seen_as_told(shop: WooShop, rest: Rest) -> None:
    shop.buy(5, (51, "A", 3))
    seen = Orders(rest).order("5").parts
    asked = rest.send

    def dropping(request: web.Request) -> web.Response:
        if request.method == "PUT":
            faults.set(shop.store, "drop")
        return asked(request)

    with pytest.raises(Transient):
        Orders(replace(rest, send=dropping)).say_fulfilment([(seen[0], 2)])

    assert parts(rest, "5") == [("51", 3, 1)]


def test_parcels_are_kept_on_the_order_and_the_customer_reads_their_numbers(shop: WooShop, rest: Rest) -> None:
    shop.buy(5, (51, "A", 3), (52, "B", 1))
    seen = Orders(rest).order("5")
    assert seen.tracking == frozenset()

    Orders(rest).say_fulfilment([(seen.parts[0], 2)], Parcel(number="1Z999", carrier="ups"))
    now = Orders(rest).order("5")
    Orders(rest).say_fulfilment([(now.parts[0], 1), (now.parts[1], 1)], Parcel(number="N-7", carrier="Postnord"))

    assert Orders(rest).order("5").tracking == {"1Z999", "N-7"}
    kept = {each["key"]: each["value"] for each in shop.order(5)["meta_data"]}
    assert (kept["truestock_parcel_1Z999"], kept["truestock_parcel_N-7"]) == ("UPS", "Postnord")
    assert shop.order(5)["status"] == "completed"
    assert shop.notes() == [
        (5, "Shipped: 2 of line 51, UPS 1Z999."),
        (5, "Shipped: 1 of line 51, 1 of line 52, Postnord N-7."),
    ]


@pytest.mark.parametrize(("parcel", "to_customer"), [(Parcel(number="1Z999"), True), (None, False)])
def test_only_a_note_with_a_number_goes_to_the_customer(
    parcel: Parcel | None, shop: WooShop, rest: Rest, *, to_customer: bool
) -> None:
    shop.buy(5, (51, "A", 3))
    said: list[object] = []
    asked = rest.send

    def listening(request: web.Request) -> web.Response:
        said.extend([json.loads(request.body or b"")["customer_note"]] if request.method == "POST" else [])
        return asked(request)

    desk = Orders(replace(rest, send=listening))
    desk.say_fulfilment([(desk.order("5").parts[0], 1)], parcel)

    assert said == [to_customer]
    assert shop.notes() == [(5, "Shipped: 1 of line 51, 1Z999." if parcel else "Shipped: 1 of line 51.")]


def test_two_parcels_of_one_line_are_told_one_after_the_other(shop: WooShop, rest: Rest) -> None:
    shop.buy(1, ("l1", "S0", 5))  # type: ignore[arg-type]
    packages = [Package(number=number, carrier="ups", lines={"l1": units}) for number, units in (("P1", 2), ("P2", 1))]

    for _ in range(2):
        tell(trade.shipped(3), packages, Orders(rest), refunds=False, job="")

    assert [(part.units, part.left) for part in Orders(rest).order("1").parts] == [(5, 2)]
    assert [note for _, note in shop.notes()] == ["Shipped: 2 of line l1, UPS P1.", "Shipped: 1 of line l1, UPS P2."]


def test_a_cancel_is_done_at_once_and_seen(shop: WooShop, rest: Rest) -> None:
    shop.has(11, "A", 5)
    shop.buy(5, (51, "A", 3))

    assert Orders(rest).say_cancel("5", refunds=False) == ""

    assert Orders(rest).order("5").is_cancelled
    assert shop.quantities() == {11: 5}


def test_what_the_shop_has_as_shipped_is_not_cancelled(shop: WooShop, rest: Rest) -> None:
    shop.buy(5, (51, "A", 3), status="completed")

    with pytest.raises(Rejected) as refused:
        Orders(rest).say_cancel("5", refunds=False)

    assert (refused.value.code, shop.order(5)["status"]) == ("not_cancelled", "completed")


def test_money_is_not_given_back_by_us(shop: WooShop, rest: Rest) -> None:
    shop.buy(5, (51, "A", 3))

    with pytest.raises(Rejected) as refused:
        Orders(rest).say_cancel("5", refunds=True)

    assert (refused.value.code, shop.order(5)["status"]) == ("refund_by_hand", "processing")


def test_an_order_the_shop_has_no_more_is_for_a_person(rest: Rest) -> None:
    part = Part(line="1", fulfilment_order="404", location="", item="1", units=1, left=1, is_open=True)

    for ask in (
        lambda: Orders(rest).order("404"),
        lambda: Orders(rest).fetch_order("404"),
        lambda: Orders(rest).say_cancel("404", refunds=False),
        lambda: Orders(rest).say_fulfilment([(part, 1)]),
    ):
        with pytest.raises(AppError) as refused:
            ask()
        assert (type(refused.value), refused.value.code) == (Rejected, "no_such_order")


# ---- products


def test_products_and_variations_with_a_sku_are_listed_page_by_page(shop: WooShop, rest: Rest, wire: Wire) -> None:
    for product in range(1, 102):
        shop.has(product, f"S{product}", 1)
    shop.has(200, "", None)
    shop.has(201, "V1", 1, parent=200)
    shop.has(202, "V#2", 1, parent=200)
    shop.has(203, "", 1, parent=200)

    found = list(Products(rest).list_products())

    assert [each.listing for each in found] == [*(str(product) for product in range(1, 102)), "200/201"]
    assert found[-1] == Listing(sku=Sku("V1"), listing="200/201", title="V1", is_counted=True)
    assert wire.asked == ["GET products", "GET products", "GET products/200/variations"]


@pytest.mark.parametrize("body", [b"null", b"{}", b"[7]", b'[{"id": {}, "type": "variable"}]'])
def test_products_of_another_shape_are_refused(body: bytes, rest: Rest) -> None:
    odd = replace(rest, send=lambda _: web.Response(body=body))

    with pytest.raises(InvalidInput):
        list(Products(odd).list_products())


# ---- webhooks


def test_webhooks_that_are_missing_are_made_and_those_switched_off_switched_on(shop: WooShop, rest: Rest) -> None:
    rest.post("webhooks", {"topic": "order.created", "delivery_url": HOOK, "status": "disabled"})
    rest.post("webhooks", {"topic": "order.updated", "delivery_url": "https://other.example", "status": "active"})
    found = woocommerce_hooks.look(rest, HOOK)
    assert {each.topic: each.state for each in found} == {
        "order.created": "disabled",
        "order.updated": "missing",
        "order.restored": "missing",
        "order.deleted": "missing",
        "product.created": "missing",
        "product.restored": "missing",
        "product.updated": "missing",
    }

    woocommerce_hooks.mend(rest, HOOK, "signs", found)

    mended = woocommerce_hooks.look(rest, HOOK)
    assert {each.state for each in mended} == {"active"}
    woocommerce_hooks.mend(rest, HOOK, "signs", mended)
    assert len(rest.get("webhooks")) == 8
    assert "signs" not in json.dumps(rest.get("webhooks"))
    assert shop.order is not None


def test_the_poll_overlaps_by_a_second(shop: WooShop, rest: Rest, clock: Clock) -> None:
    shop.buy(1, (11, "A", 2))

    assert [each.order_id for each in Orders(rest).list_orders_since(clock.now)] == ["1"]
    assert list(Orders(rest).list_orders_since(clock.now + timedelta(seconds=2))) == []
