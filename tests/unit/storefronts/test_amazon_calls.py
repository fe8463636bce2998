"""What Amazon is told and asked, against a stand-in that reads the vendor's models by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local import faults
from local.amazon_api import AmazonShop
from local.stand_in import serving
from shared.domain.carriers import Carrier
from shared.errors import AppError, InvalidInput, Rejected, Transient
from shared.storefronts import amazon_hooks, web
from shared.storefronts.amazon_api import LIMITS, Access, Api
from shared.storefronts.amazon_hooks import Subscription
from shared.storefronts.amazon_orders import Orders, reference
from shared.storefronts.amazon_stock import MOST_PATCHES, Stock
from shared.storefronts.contract import Answer, Parcel, Part, Quantity
from tests.support import stand_ins
from tests.support.stand_ins import Clock

ORDER = json.loads((Path(__file__).parents[3] / "events/webhooks/amazon/order.json").read_text())
ID = ORDER["orderId"]
LAMP, SHADE = (item["orderItemId"] for item in ORDER["orderItems"])
QUEUE = "arn:aws:sqs:eu-west-1:111122223333:shop-events"


@dataclass
class Wire:
    """Passes requests on, and counts them."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {urlsplit(request.url).path}")
        return web.send(request)

    @property
    def tokens(self) -> int:
        """How often a token was asked for."""
        return self.asked.count("POST /auth/o2/token")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, clock: Clock) -> AmazonShop:
    return stand_ins.amazon(tmp_path, clock)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def api(shop: AmazonShop, wire: Wire, clock: Clock) -> Iterator[Api]:
    with serving(shop) as url:
        yield Api(
            url=url,
            auth_url=f"{url}/auth/o2/token",
            seller=shop.seller,
            marketplace=shop.marketplace,
            secret=stand_ins.AMAZON_TOKEN,
            access=Access(now=clock, send=wire),
            send=wire,
        )


@pytest.fixture
def orders(api: Api, clock: Clock) -> Orders:
    return Orders(api, clock)


def quantity(item: str, units: int) -> Quantity:
    return Quantity(item=item, units=units, change_from=None, told_before=0)


def refusal(ask: Any, *asked: Any) -> AppError:  # noqa: ANN401 - any call
    with pytest.raises(AppError) as refused:
        ask(*asked)
    return refused.value


# ---- tokens


def test_a_token_is_kept_until_shortly_before_it_ends(api: Api, shop: AmazonShop, wire: Wire, clock: Clock) -> None:
    shop.has("A", 1)
    tokens = []
    for seconds in (0, 3400, 100, 3400):
        clock.pass_by(seconds)
        assert Stock(api).list_levels(["A"]) == {"A": 1}
        tokens.append(wire.tokens)

    assert tokens == [1, 1, 2, 2]


def test_a_token_that_is_not_taken_any_more_is_fetched_anew_once(api: Api, shop: AmazonShop, wire: Wire) -> None:
    shop.has("A", 1)
    Stock(api).list_levels(["A"])
    shop.ends_tokens()

    assert Stock(api).list_levels(["A"]) == {"A": 1}
    assert wire.tokens == 2


def test_what_stays_forbidden_is_asked_twice_and_refused(api: Api, shop: AmazonShop, wire: Wire) -> None:
    shop.roles = frozenset()

    failure = refusal(Stock(api).list_levels, ["A"])

    assert (type(failure), failure.code, failure.details["status"]) == (InvalidInput, "shop_refused", 403)
    assert wire.tokens == 2


@pytest.mark.parametrize(
    ("_case", "secret", "requests"),
    [
        ("an access token alone", "Atza|token", 0),
        ("no refresh token", "amzn1.client:amzn1.secret:", 0),
        ("another application's secret", "amzn1.client:other:Atzr|refresh", 1),
        ("a refresh token that was taken back", "amzn1.client:amzn1.secret:Atzr|old", 1),
    ],
)
def test_a_secret_that_is_not_right_is_refused_without_being_told(
    api: Api, wire: Wire, _case: str, secret: str, requests: int
) -> None:
    failure = refusal(Stock(replace(api, secret=secret)).list_levels, ["A"])

    assert (type(failure), failure.code, len(wire.asked)) == (InvalidInput, "token", requests)
    assert secret not in str(failure)
    assert secret not in repr(replace(api, secret=secret))


# ---- quantities


def test_numbers_are_set_and_read_back_one_by_one(api: Api, shop: AmazonShop) -> None:
    for sku in ("A", "B/1 2", "C,3"):
        shop.has(sku, 9)

    answer = Stock(api).say_quantity([quantity("A", 3), quantity("B/1 2", 0), quantity("C,3", 5)])

    assert answer == Answer()
    assert Stock(api).list_levels(["A", "B/1 2", "C,3", "D", "D,4"]) == {"A": 3, "B/1 2": 0, "C,3": 5}


def test_a_listing_that_is_refused_holds_up_no_other(api: Api, shop: AmazonShop) -> None:
    shop.has("A", 9)
    shop.has("BAD", 9, refuses="90220")
    shop.has("Z", 9)

    wanted = [quantity(sku, 1) for sku in ("A", "BAD", "GONE", "Z")]
    answer = Stock(api).say_quantity(wanted)

    assert answer.refused == {"BAD": "90220", "GONE": "not_understood"}
    assert shop.quantities() == {"A": 1, "BAD": 9, "Z": 1}


def test_what_amazon_ships_has_no_number_of_ours(api: Api, shop: AmazonShop) -> None:
    shop.has("A", None)

    assert Stock(api).list_levels(["A"]) == {}


def test_levels_are_searched_twenty_at_once(api: Api, shop: AmazonShop, wire: Wire) -> None:
    skus = [f"S{at:02}" for at in range(41)]
    for at, sku in enumerate(skus):
        shop.has(sku, at)

    assert Stock(api).list_levels(skus) == {sku: at for at, sku in enumerate(skus)}
    assert len(wire.asked) - wire.tokens == 3


def test_a_sku_with_a_comma_is_none_of_the_twenty(api: Api, shop: AmazonShop) -> None:
    skus = [*(f"S{at:02}" for at in range(19)), "S,19"]
    for sku in skus:
        shop.has(sku, 1)

    assert Stock(api).list_levels(skus) == dict.fromkeys(skus, 1)


def test_more_than_amazon_takes_at_once_is_told_later_and_each_once(api: Api, shop: AmazonShop, clock: Clock) -> None:
    wanted = [quantity(f"S{at:02}", at) for at in range(12)]
    for each in wanted:
        shop.has(each.item, 99)
    rounds = 0

    while wanted:
        rounds += 1
        answer = Stock(api).say_quantity(wanted)
        assert not answer.refused
        wanted = [each for each in wanted if each.item in answer.later]
        clock.pass_by(1)

    assert rounds == 3
    assert shop.told() == [(f"S{at:02}", at) for at in range(12)]


def test_no_more_is_begun_than_a_publisher_has_time_for(api: Api) -> None:
    sent: list[web.Request] = []

    def taken(request: web.Request) -> web.Response:
        sent.append(request)
        return web.Response(body=b'{"status": "ACCEPTED"}')

    wanted = [quantity(f"S{at:02}", at) for at in range(MOST_PATCHES + 2)]
    answer = Stock(replace(api, send=taken)).say_quantity(wanted)

    assert (len(sent), sorted(answer.later)) == (MOST_PATCHES, ["S25", "S26"])


def test_a_limit_is_waited_for_as_long_as_the_operation_takes(api: Api, shop: AmazonShop) -> None:
    shop.has("A", 1)
    Stock(api).list_levels(["A"])
    faults.set(shop.store, "throttle", seconds=7)
    assert refusal(Stock(api).say_quantity, [quantity("A", 0)]).details["wait"] == 7.0
    assert shop.told() == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_failing_amazon_is_asked_again_later(api: Api, shop: AmazonShop, status: int) -> None:
    faults.set(shop.store, "fail", status=status)

    assert isinstance(refusal(Stock(api).say_quantity, [quantity("A", 0)]), Transient)


def test_a_lost_answer_is_told_again_and_harmless(api: Api, shop: AmazonShop) -> None:
    shop.has("A", 9)
    Stock(api).list_levels(["A"])
    faults.set(shop.store, "drop")

    assert isinstance(refusal(Stock(api).say_quantity, [quantity("A", 2)]), Transient)
    assert Stock(api).say_quantity([quantity("A", 2)]).is_done
    assert shop.quantities() == {"A": 2}


def test_an_answer_of_another_shape_is_said_to_be_one(api: Api) -> None:
    for body in (b"[]", b"{", b'{"status": 1}', b"null"):
        odd = replace(api, send=lambda _, body=body: web.Response(body=body))  # type: ignore[misc]
        assert refusal(Stock(odd).say_quantity, [quantity("A", 1)]).code == "shop_answer"
        assert refusal(Stock(odd).list_levels, ["A"]).code == "shop_answer"
        assert refusal(Orders(odd, Clock()).fetch_order, "1").code == "shop_answer"


# ---- orders found


def test_orders_are_found_by_their_change_over_pages_oldest_first(
    orders: Orders, shop: AmazonShop, clock: Clock, wire: Wire
) -> None:
    shop.keeps({**ORDER, "orderId": "before"})
    clock.pass_by(60)
    since = clock.now
    for at in range(101):
        clock.pass_by(1)
        shop.keeps({**ORDER, "orderId": f"{200 - at}"})

    found = [each.order_id for each in orders.list_orders_since(since)]

    assert found == [f"{200 - at}" for at in range(101)]
    assert len(wire.asked) - wire.tokens == 2


def test_a_poll_every_five_minutes_stays_within_one_request_in_three(
    orders: Orders, clock: Clock, shop: AmazonShop
) -> None:
    shop.keeps(ORDER)
    for _ in range(60):
        assert len(list(orders.list_orders_since(clock.now - timedelta(hours=9)))) == 1
        clock.pass_by(300)


def test_a_poll_that_asks_too_often_is_told_to_wait_for_minutes(orders: Orders, clock: Clock) -> None:
    for _ in range(20):
        assert list(orders.list_orders_since(clock.now)) == []

    failure = refusal(lambda: list(orders.list_orders_since(clock.now)))

    assert (failure.code, failure.details["operation"]) == ("throttled", "searchOrders")
    assert failure.details["wait"] == pytest.approx(1 / LIMITS["searchOrders"].per_second)


def test_a_seller_who_may_ask_more_often_waits_for_less(orders: Orders, clock: Clock, shop: AmazonShop) -> None:
    shop.rates["searchOrders"] = (0.02, 1)
    list(orders.list_orders_since(clock.now))

    assert refusal(lambda: list(orders.list_orders_since(clock.now))).details["wait"] == pytest.approx(50)


def test_where_amazon_does_not_say_how_long_the_model_does(orders: Orders, clock: Clock, shop: AmazonShop) -> None:
    orders.api.access.token(orders.api.auth_url, orders.api.secret)
    faults.set(shop.store, "throttle")

    failure = refusal(lambda: list(orders.list_orders_since(clock.now)))

    assert failure.details["wait"] == pytest.approx(1 / LIMITS["searchOrders"].per_second)


def test_an_order_is_fetched_as_the_poll_finds_it(orders: Orders, shop: AmazonShop, clock: Clock) -> None:
    shop.keeps(ORDER)

    (found,) = orders.list_orders_since(clock.now - timedelta(hours=1))

    assert orders.fetch_order(ID) == found
    assert found.topic == "ORDER_CHANGE"
    assert refusal(orders.fetch_order, "gone/../x").code == "no_such_order"


# ---- orders told


def parts(orders: Orders, **units: int) -> list[tuple[Part, int]]:
    named = {"lamp": LAMP, "shade": SHADE}
    open_ = {part.line: part for part in orders.order(ID).parts}
    return [(open_[named[name]], many) for name, many in units.items()]


def test_parcels_are_confirmed_one_by_one_and_seen_again(orders: Orders, shop: AmazonShop) -> None:
    shop.keeps(ORDER)

    orders.say_fulfilment(parts(orders, lamp=2), Parcel(number="1Z1", carrier=Carrier.UPS))
    assert orders.order(ID).fulfilled(LAMP) == 2
    assert shop.order(ID)["fulfillment"]["fulfillmentStatus"] == "PARTIALLY_SHIPPED"
    orders.say_fulfilment(parts(orders, lamp=1, shade=2), Parcel(number="RR1", carrier="Royal Mail"))

    seen = orders.order(ID)
    assert (seen.fulfilled(LAMP), seen.fulfilled(SHADE), sorted(seen.tracking)) == (3, 2, ["1Z1", "RR1"])
    assert not any(part.is_open for part in seen.parts)
    packages = shop.order(ID)["packages"]
    assert [(each["carrier"], each["trackingNumber"]) for each in packages] == [("UPS", "1Z1"), ("Royal Mail", "RR1")]


def test_a_parcel_told_twice_is_one_and_its_second_half_another(orders: Orders, shop: AmazonShop) -> None:
    shop.keeps(ORDER)
    parcel = Parcel(number="1Z1", carrier=Carrier.UPS)
    first = parts(orders, lamp=1)

    orders.say_fulfilment(first, parcel)
    orders.say_fulfilment(first, parcel)
    assert orders.order(ID).fulfilled(LAMP) == 1
    orders.say_fulfilment(parts(orders, lamp=1), parcel)

    assert orders.order(ID).fulfilled(LAMP) == 2
    assert len(shop.order(ID)["packages"]) == 2


def test_a_reference_is_a_positive_number_whatever_the_order_of_lines(orders: Orders, shop: AmazonShop) -> None:
    shop.keeps(ORDER)
    told = parts(orders, lamp=1, shade=2)

    assert reference(told, Parcel(number="1")) == reference(told[::-1], Parcel(number="1"))
    assert len({reference(told, Parcel(number=str(at))) for at in range(100)}) == 100
    assert all(0 < int(reference(told, Parcel(number=str(at)))) < 2**31 for at in range(100))


@pytest.mark.parametrize("parcel", [None, Parcel(number="")])
def test_without_a_parcel_nothing_can_be_told(orders: Orders, shop: AmazonShop, parcel: Parcel | None) -> None:
    shop.keeps(ORDER)

    failure = refusal(orders.say_fulfilment, parts(orders, lamp=1), parcel)

    assert (type(failure), failure.code) == (Rejected, "tracking_needed")


def test_more_units_than_are_open_are_refused(orders: Orders, shop: AmazonShop) -> None:
    shop.keeps(ORDER)
    told = parts(orders, lamp=4)

    failure = refusal(orders.say_fulfilment, told, Parcel(number="1"))
    assert (type(failure), failure.code) == (Rejected, "not_fulfilled")
    gone = [(replace(part, fulfilment_order="gone"), units) for part, units in told]
    assert refusal(orders.say_fulfilment, gone, Parcel(number="1")).code == "no_such_order"


def test_a_cancelled_order_is_seen_as_one_and_none_is_cancelled_by_us(orders: Orders, shop: AmazonShop) -> None:
    shop.keeps({**ORDER, "fulfillment": {**ORDER["fulfillment"], "fulfillmentStatus": "CANCELLED"}})

    assert orders.order(ID).is_cancelled
    failure = refusal(lambda: orders.say_cancel(ID, refunds=False))
    assert (type(failure), failure.code) == (Rejected, "cancel_by_hand")
    assert orders.is_done("")


def test_an_order_that_is_gone_is_said_to_be(orders: Orders) -> None:
    assert refusal(orders.order, "gone").code == "no_such_order"


# ---- notifications


def test_a_subscription_is_made_once_to_our_queue(api: Api, shop: AmazonShop, wire: Wire) -> None:
    assert amazon_hooks.look(api, QUEUE) == Subscription(destination="", goes_to="")

    amazon_hooks.mend(api, QUEUE, amazon_hooks.look(api, QUEUE))

    found = amazon_hooks.look(api, QUEUE)
    assert found.is_right
    told = shop.subscriptions()["ORDER_CHANGE"]
    assert told["processingDirective"]["eventFilter"] == {
        "eventFilterType": "ORDER_CHANGE",
        "orderChangeTypes": ["OrderStatusChange", "BuyerRequestedChange"],
    }
    assert told["payloadVersion"] == "1.0"
    assert Counter(wire.asked)["POST /notifications/v1/destinations"] == 1


def test_a_destination_that_is_there_is_used(api: Api, shop: AmazonShop, wire: Wire) -> None:
    amazon_hooks.mend(api, QUEUE, amazon_hooks.look(api, QUEUE))
    with shop.store.open() as store:
        store.execute("DELETE FROM subscriptions")

    amazon_hooks.mend(api, QUEUE, amazon_hooks.look(api, QUEUE))

    assert amazon_hooks.look(api, QUEUE).is_right
    assert Counter(wire.asked)["POST /notifications/v1/destinations"] == 1


def test_a_subscription_that_goes_elsewhere_is_left(api: Api) -> None:
    amazon_hooks.mend(api, "arn:other", amazon_hooks.look(api, "arn:other"))

    found = amazon_hooks.look(api, QUEUE)

    assert found == Subscription(destination="", goes_to="d-0")
    assert refusal(amazon_hooks.mend, api, QUEUE, found).code == "subscribed_elsewhere"


def test_roles_that_are_missing_are_named(api: Api, shop: AmazonShop) -> None:
    assert amazon_hooks.forbidden(api) == ()

    shop.roles = frozenset({"notifications"})

    assert amazon_hooks.forbidden(api) == ("Product Listing", "Inventory and Order Tracking")
