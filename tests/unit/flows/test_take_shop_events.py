"""A batch of shop events: what is kept, fetched, refused, and what comes again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from shared.domain import messages, rules, times
from shared.domain.messages import Delivered, FetchOrder, Message, PlanOrder
from shared.domain.names import ChannelId
from shared.domain.rules import Channel, Rules
from shared.errors import AppError, InvalidInput, Rejected, Transient
from shared.flows.take_shop_events import Taken, TakeShopEvents
from shared.storage.archive import Archive
from shared.storage.problems import Problems
from shared.storefronts import inbound
from shared.storefronts.contract import Found, Orders
from shared.storefronts.shopify_bus import Bus
from tests.support import trade
from tests.support.problems import FakeProblems

EVENTS = Path(__file__).parents[3] / "events/bus"
SHOPIFY = json.loads((EVENTS / "shopify_orders_create.json").read_text())
AMAZON = json.loads((EVENTS / "amazon_order_change.json").read_text())
NOW = trade.times_now()
NORDLYS, FJORD = ChannelId("nordlys"), ChannelId("fjord")
WOO = {"platform": "woocommerce", "shop": "fjord.example", "api_url": "https://fjord.example/wp-json/wc/v3"}
SELLER = AMAZON["Payload"]["OrderChangeNotification"]["SellerId"]


def two_shops() -> Rules:
    document = trade.shop_rules_document("alpina")
    document["channels"]["nordlys"]["shop"] = SHOPIFY["detail"]["metadata"]["X-Shopify-Shop-Domain"]
    document["channels"]["fjord"] = WOO | {"currency": "EUR"}
    return rules.parse(document)


@dataclass
class House:
    """The flow with everything it talks to."""

    rules: Rules = field(default_factory=two_shops)
    fails: dict[str, AppError] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)
    problems: FakeProblems = field(default_factory=FakeProblems)

    def take(self, *texts: str) -> Taken:
        flow = TakeShopEvents(
            archive=cast("Archive", self),
            problems=cast("Problems", self.problems),
            connect=lambda channel: cast("Orders", _Asked(self, channel)),
            inbound=inbound.of,
            send=self.sent.extend,
        )
        bus = Bus(source="aws.partner/shopify.com/4711/truestock", account="123456789012")
        return flow.run({f"m{i}": text for i, text in enumerate(texts)}, self.rules, bus, NOW)

    def put(self, key: str, body: bytes, _about: dict[str, str]) -> None:
        self.kept[key] = body


@dataclass
class _Asked:
    house: House
    channel: Channel

    def fetch_order(self, order_id: str) -> Found:
        self.house.fetched.append(f"{self.channel.channel}#{order_id}")
        if failure := self.house.fails.get(order_id):
            raise failure
        return Found(order_id=order_id, topic="orders/updated", body=json.dumps({"id": order_id}).encode())


def fetch(order: str, channel: ChannelId = NORDLYS) -> str:
    return messages.write(FetchOrder(channel=channel, order=order, received_at=times.text(NOW)))


def delivered(house: House) -> list[Delivered]:
    return [each for each in house.sent if isinstance(each, Delivered)]


# ---- orders that are asked for


def test_an_order_is_fetched_kept_and_handed_on() -> None:
    house = House()

    taken = house.take(fetch("7"))

    (told,) = delivered(house)
    assert (told.channel, told.topic, told.body) == (NORDLYS, "orders/updated", '{"id": "7"}')
    assert house.kept == {told.archive_key: b'{"id": "7"}'}
    assert told.archive_key.startswith("webhooks/nordlys/polled/7/fetched-")
    assert (taken.again, dict(taken.counted)) == ({}, {"OrderFetched": 1})


def test_the_same_order_asked_twice_is_the_same_event() -> None:
    house = House()

    house.take(fetch("7"), fetch("7"))

    first, second = delivered(house)
    assert first == second
    assert len(house.kept) == 1


def test_an_order_that_is_gone_is_asked_for_no_more() -> None:
    house = House(fails={"7": Rejected("the shop has no such order", code="no_such_order")})

    taken = house.take(fetch("7"))

    assert (taken.again, dict(taken.counted)) == ({}, {"OrderIgnored:no_such_order": 1})
    assert (house.sent, house.problems.found) == ([], [])


def test_a_shop_that_is_down_is_asked_once_a_batch_and_holds_up_no_other() -> None:
    house = House(fails={"7": Transient("the shop did not answer", code="shop_silent")})

    taken = house.take(fetch("7"), fetch("8"), fetch("9", FJORD))

    assert taken.again == {"m0": "shop_silent", "m1": "shop_silent"}
    assert house.fetched == ["nordlys#7", "fjord#9"]
    assert [each.channel for each in delivered(house)] == [FJORD]


def test_an_order_that_the_shop_refuses_to_tell_is_for_a_person() -> None:
    house = House(fails={"7": InvalidInput("the shop did not understand", code="not_understood")})

    taken = house.take(fetch("7"))

    assert (taken.again, house.problems.found) == ({}, [("shop_event_refused", "nordlys#7")])


def test_an_order_of_a_shop_that_the_rules_lost_is_for_a_person() -> None:
    house = House()

    taken = house.take(fetch("7", ChannelId("gone")))

    assert (taken.again, house.problems.found) == ({}, [("shop_event_refused", "gone")])


# ---- Shopify's bus


def test_an_event_of_the_bus_is_kept_and_queued_as_one_by_http() -> None:
    house = House()

    taken = house.take(json.dumps(SHOPIFY))

    (told,) = delivered(house)
    assert (told.channel, told.topic) == (NORDLYS, "orders/create")
    assert told.archive_key.endswith("/b54557e4-bdd9-4b37-8a5f-bf7d70bcd043-orders-create.json")
    assert json.loads(told.body) == SHOPIFY["detail"]["payload"]
    assert dict(taken.counted) == {"ShopEventTaken": 1}


def test_an_event_of_the_bus_that_was_cut_is_fetched() -> None:
    house = House()

    house.take(json.dumps(SHOPIFY | {"detail": SHOPIFY["detail"] | {"payload": {"id": 7}}}))

    assert house.fetched == ["nordlys#7"]
    assert sorted(key.split("/")[2] for key in house.kept) == ["2026", "polled"]


def test_a_topic_that_nobody_acts_on_is_kept_and_counted() -> None:
    house = House()
    told = SHOPIFY["detail"]["metadata"] | {"X-Shopify-Topic": "products/update"}

    taken = house.take(json.dumps(SHOPIFY | {"detail": SHOPIFY["detail"] | {"metadata": told}}))

    assert (len(house.kept), house.sent, dict(taken.counted)) == (1, [], {"ShopEventIgnored": 1})


@pytest.mark.parametrize(
    ("_case", "changes", "subject"),
    [
        ("another app", {"source": "aws.partner/shopify.com/1/x"}, "shop event"),
        ("another account", {"account": "999999999999"}, "shop event"),
        ("no detail", {"detail": None}, "shop event"),
    ],
)
def test_what_is_not_of_our_bus_is_for_a_person_once(_case: str, changes: dict[str, Any], subject: str) -> None:
    house = House()

    taken = house.take(json.dumps(SHOPIFY | changes))

    assert (taken.again, house.kept, house.problems.found) == ({}, {}, [("shop_event_refused", subject)])


def test_a_shop_that_no_rule_names_is_for_a_person_and_not_tried_again() -> None:
    house = House()
    told = SHOPIFY["detail"]["metadata"] | {"X-Shopify-Shop-Domain": "other.myshopify.com"}

    taken = house.take(json.dumps(SHOPIFY | {"detail": SHOPIFY["detail"] | {"metadata": told}}))

    assert (taken.again, house.kept) == ({}, {})
    assert house.problems.found == [("shop_event_refused", "other.myshopify.com")]


@pytest.mark.parametrize("changes", [{"platform": "woocommerce"}, {"active": False}])
def test_a_shop_of_another_platform_or_switched_off_is_not_meant(changes: dict[str, Any]) -> None:
    current = two_shops()
    channels = {**current.channels, NORDLYS: replace(current.channels[NORDLYS], **changes)}
    house = House(rules=replace(current, channels=channels))

    house.take(json.dumps(SHOPIFY))

    assert house.problems.found == [("shop_event_refused", "nordlys-living.myshopify.com")]
    assert house.sent == []


# ---- Amazon's notifications


def amazon_rules(seller: str = SELLER) -> Rules:
    """The rules with a seller in two marketplaces, of which the sample's comes first."""
    current = two_shops()
    shop = replace(current.channels[NORDLYS], platform="amazon", shop=seller)
    sold = [
        replace(shop, channel=ChannelId("london"), marketplace="A1F83G8C2ARO7P"),
        replace(shop, channel=ChannelId("amazon"), marketplace="ATVPDKIKX0DER"),
    ]
    return replace(current, channels={**current.channels, **{each.channel: each for each in sold}})


def notification(seller: str = SELLER, **summary: str) -> str:
    told = deepcopy(AMAZON)
    change = told["Payload"]["OrderChangeNotification"]
    change["SellerId"] = seller
    change["Summary"] |= summary
    return json.dumps(told)


def test_a_notification_is_kept_and_its_order_fetched_from_the_shop_of_its_seller() -> None:
    house = House(rules=amazon_rules())

    taken = house.take(json.dumps(AMAZON))

    assert house.fetched == ["amazon#903-8868176-2219830"]
    assert [key.split("/")[1] for key, body in house.kept.items() if body == json.dumps(AMAZON).encode()] == ["amazon"]
    assert dict(taken.counted) == {"OrderFetched": 1}


def test_a_notification_that_comes_twice_is_kept_once_and_hands_on_the_same_event() -> None:
    house = House(rules=amazon_rules())

    house.take(notification(), notification())

    first, second = delivered(house)
    assert first == second
    assert len(house.kept) == 2


def test_a_sellers_notification_is_of_the_channel_of_its_marketplace() -> None:
    house = House(rules=amazon_rules())

    house.take(notification(MarketplaceId="A1F83G8C2ARO7P"))

    assert house.fetched == ["london#903-8868176-2219830"]


@pytest.mark.parametrize("summary", [{"FulfillmentType": "AFN"}, {"MarketplaceId": "A1PA6795UKMFR9"}])
def test_what_amazon_ships_or_sells_elsewhere_is_kept_and_asks_nothing(summary: dict[str, str]) -> None:
    house = House(rules=amazon_rules())

    taken = house.take(notification(**summary))

    assert ([key.split("/")[1] for key in house.kept], house.fetched, house.problems.found) == (["amazon"], [], [])
    assert dict(taken.counted) == {"ShopEventIgnored": 1}


def test_a_notification_without_an_id_is_for_a_person() -> None:
    house = House(rules=amazon_rules())

    taken = house.take(json.dumps(AMAZON | {"NotificationMetadata": {}}))

    assert (taken.again, house.kept, house.problems.found) == ({}, {}, [("shop_event_refused", "shop event")])


@pytest.mark.parametrize("payload", [AMAZON["Payload"], {}, None, [], {"OrderChangeNotification": 1}])
def test_a_seller_that_no_rule_names_is_for_a_person(payload: Any) -> None:  # noqa: ANN401 - any JSON
    house = House(rules=amazon_rules("A0OTHER"))

    taken = house.take(json.dumps(AMAZON | {"Payload": payload}))

    assert (taken.again, house.fetched) == ({}, [])
    assert [kind for kind, _ in house.problems.found] == ["shop_event_refused"]


# ---- anything else


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", "{}", "[" * 100_000, messages.write(PlanOrder(order=trade.key("1"))), '{"schema": 2}']
)
def test_what_is_no_shop_event_is_for_a_person(text: str) -> None:
    house = House()

    taken = house.take(text, fetch("7"))

    assert (taken.again, house.problems.found) == ({}, [("shop_event_refused", "shop event")])
    assert house.fetched == ["nordlys#7"]


def test_a_queue_that_takes_nothing_has_the_event_again() -> None:
    house = House()

    def refuse(_messages: Iterable[Message]) -> None:
        raise Transient("the queue did not answer", code="queue")

    house.sent = cast("list[Message]", type("Refusing", (), {"extend": staticmethod(refuse)})())

    assert house.take(fetch("7"), json.dumps(SHOPIFY)).again == {"m0": "queue", "m1": "queue"}
