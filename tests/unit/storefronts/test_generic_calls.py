"""What a generic shop is told and asked: signed, with an idempotency key a change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from local import faults
from local.generic_shop import PAGE
from local.generic_shop import GenericShop as StandIn
from local.stand_in import serving
from shared.domain.names import ChannelId
from shared.domain.packages import Package
from shared.errors import InvalidInput, Rejected, Transient
from shared.flows.tell_orders import tell
from shared.storefronts import web
from shared.storefronts.contract import Parcel, Quantity
from shared.storefronts.generic_shop import GenericShop
from shared.storefronts.standard_webhooks import Hooks
from tests.support import stand_ins, trade
from tests.support.stand_ins import Clock, Endpoint

MAPPING = stand_ins.generic_mapping()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stand_in(tmp_path: Path, clock: Clock) -> StandIn:
    return stand_ins.generic(tmp_path, Endpoint(), clock)


@pytest.fixture
def shop(stand_in: StandIn, clock: Clock) -> Iterator[GenericShop]:
    ids = count()
    with serving(stand_in) as url:
        yield GenericShop(
            url=f"{url}/truestock",
            token=stand_ins.GENERIC_TOKEN,
            mapping=MAPPING,
            now=clock,
            new_id=lambda: f"read-{next(ids)}",
        )


def quantity(item: str, units: int, change_from: int | None = None, told_before: int = 0) -> Quantity:
    return Quantity(item=item, units=units, change_from=change_from, told_before=told_before)


# ---- quantities


def test_numbers_are_set_absolutely_and_one_that_is_refused_blocks_no_other(
    stand_in: StandIn, shop: GenericShop
) -> None:
    stand_in.has("A", 9)
    stand_in.has("B", 9)

    answer = shop.say_quantity([quantity("A", 3), quantity("X", 1), quantity("B", 0)])

    assert stand_in.quantities() == {"A": 3, "B": 0}
    assert (answer.refused, answer.stale) == ({"X": "unknown_listing"}, frozenset())


def test_the_same_change_tried_again_is_done_once_and_wanted_again_is_another(
    stand_in: StandIn, shop: GenericShop
) -> None:
    stand_in.has("A", 9)
    faults.set(stand_in.store, "drop")
    with pytest.raises(Transient):
        shop.say_quantity([quantity("A", 3, change_from=9)])
    stand_in.buy("M-1", ("1", "A", 1))

    assert shop.say_quantity([quantity("A", 3, change_from=9)]).is_done
    assert (stand_in.told(), stand_in.quantities()) == ([("A", 3)], {"A": 2})

    assert shop.say_quantity([quantity("A", 3, change_from=9, told_before=1)]).is_done
    assert stand_in.quantities() == {"A": 3}


def test_a_shop_that_answers_success_and_does_nothing_is_found(stand_in: StandIn, shop: GenericShop) -> None:
    stand_in.has("A", 5)
    faults.set(stand_in.store, "lie")

    assert shop.say_quantity([quantity("A", 2, change_from=5)]).refused == {"A": "not_taken"}
    assert shop.say_quantity([quantity("A", 2, change_from=5)]).is_done


def test_a_reading_is_never_answered_from_what_was_answered_before(stand_in: StandIn, shop: GenericShop) -> None:
    stand_in.has("A", 5)
    assert shop.list_levels(["A", "B"]) == {"A": 5}
    stand_in.has("A", 4)

    assert shop.list_levels(["A", "B"]) == {"A": 4}


# ---- orders


def test_orders_changed_since_a_time_are_listed_as_their_events_tell_them(
    stand_in: StandIn, shop: GenericShop, clock: Clock
) -> None:
    stand_in.buy("M-0", ("1", "A", 1))
    clock.pass_by(60)
    since = clock.now
    for number in range(1, PAGE + 3):
        stand_in.buy(f"M-{number:02}", ("1", "A", number))

    found = list(shop.list_orders_since(since))

    assert [each.order_id for each in found] == [f"M-{number:02}" for number in range(1, PAGE + 3)]
    order = Hooks(mapping=MAPPING, currency="EUR").read_order(ChannelId("m"), found[0].topic, found[0].body).order
    assert [line.open for line in order.lines] == [1]


def test_an_order_is_fetched_as_its_event_tells_it(stand_in: StandIn, shop: GenericShop) -> None:
    stand_in.buy("M-1", ("1", "A", 3))

    found = shop.fetch_order("M-1")

    assert [found] == list(shop.list_orders_since(stand_in.clock()))


def test_fulfilments_are_told_as_what_is_fulfilled_all_in_all(stand_in: StandIn, shop: GenericShop) -> None:
    stand_in.buy("M-1", ("1", "A", 3), ("2", "B", 1))
    seen = shop.order("M-1")
    assert [(part.line, part.units, part.left) for part in seen.parts] == [("1", 3, 3), ("2", 1, 1)]

    shop.say_fulfilment([(seen.parts[0], 2)])
    shop.say_fulfilment([(seen.parts[0], 2)])
    now = shop.order("M-1")
    shop.say_fulfilment([(now.parts[0], 1)])

    assert stand_in.order("M-1")[1] == {"1": 3}


def test_a_parcel_is_told_with_what_is_in_it_and_seen(stand_in: StandIn, shop: GenericShop) -> None:
    stand_in.buy("M-1", ("1", "A", 3))
    seen = shop.order("M-1")
    assert seen.tracking == frozenset()

    for _ in range(2):
        shop.say_fulfilment([(seen.parts[0], 2)], Parcel(number="1Z999", carrier="ups"))
    shop.say_fulfilment([(shop.order("M-1").parts[0], 1)])

    assert shop.order("M-1").tracking == {"1Z999"}
    assert stand_in.parcels("M-1") == [{"number": "1Z999", "carrier": "ups"}]
    assert stand_in.order("M-1")[1] == {"1": 3}


def test_two_parcels_of_one_line_are_told_one_after_the_other(stand_in: StandIn, shop: GenericShop) -> None:
    stand_in.buy("1", ("l1", "S0", 5))
    packages = [Package(number=number, carrier="ups", lines={"l1": units}) for number, units in (("P1", 2), ("P2", 1))]

    for _ in range(2):
        tell(trade.shipped(3), packages, shop, refunds=False, job="")

    assert stand_in.order("1")[1] == {"l1": 3}
    assert [each["number"] for each in stand_in.parcels("1")] == ["P1", "P2"]


@pytest.mark.parametrize(
    ("parcels", "tracking"),
    [(None, set()), ([], set()), ([{"number": "P1"}, {"number": ""}, {}, {"number": 7}], {"P1", "7"})],
)
def test_a_shop_may_leave_out_what_parcels_it_has(parcels: object, tracking: set[str], shop: GenericShop) -> None:
    body = {"is_cancelled": False, "lines": []} | ({} if parcels is None else {"parcels": parcels})
    silent = replace(shop, send=lambda _: web.Response(body=json.dumps(body).encode()))

    assert silent.order("1").tracking == tracking


def test_a_cancel_is_done_at_once_and_gives_back_once(stand_in: StandIn, shop: GenericShop) -> None:
    stand_in.has("A", 5)
    stand_in.buy("M-1", ("1", "A", 3))

    assert [shop.say_cancel("M-1", refunds=True) for _ in range(2)] == ["", ""]

    assert shop.order("M-1").is_cancelled
    assert stand_in.quantities() == {"A": 5}


def test_a_shop_that_says_done_and_does_not_cancel_is_asked_after(stand_in: StandIn, shop: GenericShop) -> None:
    stand_in.buy("M-1", ("1", "A", 3))
    faults.set(stand_in.store, "lie")

    shop.say_cancel("M-1", refunds=False)

    assert not shop.order("M-1").is_cancelled


def test_an_order_the_shop_has_no_more_is_for_a_person(shop: GenericShop) -> None:
    for ask in (
        lambda: shop.order("M-404"),
        lambda: shop.fetch_order("M-404"),
        lambda: shop.say_cancel("M-404", refunds=False),
    ):
        with pytest.raises(Rejected) as refused:
            ask()
        assert refused.value.code == "no_such_order"


# ---- products


def test_all_that_the_shop_lists_is_listed_page_by_page(stand_in: StandIn, shop: GenericShop) -> None:
    for number in range(PAGE + 2):
        stand_in.has(f"S-{number:02}", 1)

    found = list(shop.list_products())

    assert [(each.sku, each.listing) for each in found] == [(f"S-{number:02}",) * 2 for number in range(PAGE + 2)]
    assert found[0].title == "S-00"


def test_a_product_without_a_sku_that_can_be_ours_is_left_out(shop: GenericShop) -> None:
    products = [
        {"listing": "1"},
        {"listing": 2, "sku": "A"},
        {"listing": "3", "sku": "#"},
        {"listing": "4", "sku": "B"},
    ]
    body = json.dumps({"products": products, "next": None}).encode()
    odd = replace(shop, send=lambda _: web.Response(body=body))

    assert [each.listing for each in odd.list_products()] == ["4"]


# ---- trouble


def test_another_token_is_refused(shop: GenericShop) -> None:
    for token, code in ((stand_ins.GENERIC_SECRET, "shop_refused"), ("", "token"), ("%%%", "token")):
        with pytest.raises(InvalidInput) as refused:
            replace(shop, token=token).list_levels(["A"])
        assert refused.value.code == code


def test_a_time_that_is_off_is_refused_by_the_shop(shop: GenericShop, clock: Clock) -> None:
    now = clock.now
    clock.pass_by(3600)

    with pytest.raises(InvalidInput):
        replace(shop, now=lambda: now).list_levels(["A"])


def test_a_busy_shop_says_how_long_it_rests(stand_in: StandIn, shop: GenericShop) -> None:
    faults.set(stand_in.store, "throttle", seconds=7)

    with pytest.raises(Transient) as failure:
        shop.list_levels(["A"])

    assert failure.value.details["wait"] == 7.0


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b"{}", b'{"items": 7}', b'{"lines": [{}]}', b'{"lines": [], "parcels": {}}'],
)
def test_an_answer_of_another_shape_is_refused(body: bytes, shop: GenericShop) -> None:
    odd = replace(shop, send=lambda _: web.Response(body=body))

    for ask in (
        lambda: odd.say_quantity([quantity("A", 2)]),
        lambda: odd.list_levels(["A"]),
        lambda: list(odd.list_orders_since(Clock().now)),
        lambda: odd.order("1"),
        lambda: list(odd.list_products()),
    ):
        with pytest.raises(InvalidInput):
            ask()
    with suppress(Rejected, InvalidInput):
        assert odd.say_cancel("1", refunds=False) is None


def test_pages_without_an_end_are_refused(shop: GenericShop) -> None:
    endless = replace(shop, send=lambda _: web.Response(body=b'{"orders": [], "products": [], "next": 1}'))

    with pytest.raises(InvalidInput):
        list(endless.list_products())
    with pytest.raises(InvalidInput):
        list(endless.list_orders_since(Clock().now))
