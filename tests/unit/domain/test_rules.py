from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.domain import rules
from shared.domain.intake import Ask
from shared.domain.orders import DeductsAt
from shared.errors import InvalidInput
from tests.support import stand_ins, trade

SAMPLE = yaml.safe_load((Path(__file__).parents[3] / "config/rules.yaml").read_text())
SAMPLE["channels"] = {"nordlys": SAMPLE["channels"]["nordlys"]}
SAMPLE["sources"] = {each: SAMPLE["sources"][each] for each in ("alpina", "baltic", "celtic", "dorset", "elbe")}


def changed(path: str, value: object) -> dict[str, Any]:
    """The sample with one value changed; `...` takes it out."""
    document = copy.deepcopy(SAMPLE)
    *parents, last = path.split("/")
    place = document
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    assert isinstance(document, dict)
    return document


def test_the_sample_shop_is_read() -> None:
    read = rules.parse(SAMPLE)

    assert [source.source for source in read.active_sources] == ["alpina", "baltic", "celtic", "dorset", "elbe"]
    celtic = read.sources[read.active_sources[2].source]
    assert (celtic.deducts_at, celtic.feed.delimiter, celtic.feed.columns["sku"]) == (DeductsAt.ACCEPT, "|", "PartNo")
    (channel,) = read.channels.values()
    assert (channel.platform, channel.when_short, channel.percent) == ("shopify", "backorder", 100)


def test_times_of_a_feed_are_minutes() -> None:
    read = rules.parse(changed("sources/alpina/feed/lag_minutes", 15))

    assert read.active_sources[0].feed.lag == timedelta(minutes=15)


@pytest.mark.parametrize(("value", "expected"), [(..., 0), ({}, 0), ({"compensate_up_to": 3}, 3)])
def test_nothing_is_compensated_without_asking_unless_the_rules_say_so(value: object, expected: int) -> None:
    assert rules.parse(changed("reconcile", value)).compensate_up_to == expected


def test_an_inactive_source_gets_no_orders() -> None:
    read = rules.parse(changed("sources/alpina/active", value=False))

    assert [source.source for source in read.active_sources] == ["baltic", "celtic", "dorset", "elbe"]


def test_counts_are_worth_less_as_they_grow_old() -> None:
    tiers = [{"after_hours": 26, "percent": 50}, {"after_hours": 74, "percent": 0}]
    read = rules.parse(changed("sources/alpina/freshness", tiers))

    assert [(each.after, each.percent) for each in read.active_sources[0].freshness] == [
        (timedelta(hours=26), 50),
        (timedelta(hours=74), 0),
    ]


def test_a_channel_may_name_who_ships_for_it() -> None:
    read = rules.parse(changed("channels/nordlys/sources", ["celtic", "alpina"]))

    (channel,) = read.channels.values()
    assert [source.source for source in read.sources_of(channel)] == ["alpina", "celtic"]


@pytest.mark.parametrize(
    ("floor", "below", "expected"),
    [
        (..., ..., (None, "tell", False)),
        (0, ..., (0, "tell", False)),
        (95, "tell", (95, "tell", False)),
        (20, "zero", (20, "zero", True)),
    ],
)
def test_a_channel_asks_for_a_margin_only_if_it_says_so(floor: object, below: object, expected: object) -> None:
    document = changed("channels/nordlys/margin_floor_percent", floor) if floor is not ... else copy.deepcopy(SAMPLE)
    if below is not ...:
        document["channels"]["nordlys"]["below_margin"] = below

    (channel,) = rules.parse(document).active_channels

    assert (channel.margin_floor_percent, channel.below_margin, channel.zeroes_below_margin) == expected


def test_stock_of_a_source_is_not_ours_and_a_count_below_zero_is_zero_unless_it_is_said() -> None:
    alpina = rules.parse(SAMPLE).active_sources[0]
    assert (alpina.own, alpina.feed.negative) == (False, "zero")

    assert rules.parse(changed("sources/alpina/own", value=True)).active_sources[0].own
    assert (alpina.codes, rules.parse(changed("sources/alpina/codes", value="mapped")).active_sources[0].codes) == (
        "same",
        "mapped",
    )
    assert rules.parse(changed("sources/alpina/feed/negative", "refuse")).active_sources[0].feed.negative == "refuse"


@pytest.mark.parametrize(
    ("path", "value", "at"),
    [
        ("schema", 2, "rules.schema"),
        ("version", ..., "rules.version"),
        ("chanels", {}, "rules.chanels"),
        ("channels", [], "rules.channels"),
        ("channels/nordlys/platform", "shopfiy", "rules.channels.nordlys.platform"),
        ("channels/nordlys/currency", "eur", "rules.channels.nordlys.currency"),
        ("channels/nordlys/percent", 101, "rules.channels.nordlys.percent"),
        ("channels/nordlys/percent", True, "rules.channels.nordlys.percent"),
        ("channels/nordlys/split_lines", True, "rules.channels.nordlys.split_lines"),
        ("channels/nordlys/when_short", "drop", "rules.channels.nordlys.when_short"),
        ("channels/a#b", {}, "rules.channels"),
        ("sources/alpina/zone", "Mars/Olympus", "rules.sources.alpina.zone"),
        ("sources/alpina/deducts_at", "payment", "rules.sources.alpina.deducts_at"),
        ("sources/alpina/feed", ..., "rules.sources.alpina.feed"),
        ("sources/alpina/feed/columns/sku", ..., "rules.sources.alpina.feed.columns.sku"),
        ("sources/alpina/feed/columns/colour", "Colour", "rules.sources.alpina.feed.columns.colour"),
        ("sources/alpina/feed/negative", "keep", "rules.sources.alpina.feed.negative"),
        ("sources/alpina/own", "yes", "rules.sources.alpina.own"),
        ("sources/alpina/codes", "guess", "rules.sources.alpina.codes"),
        ("sources/alpina/feed/lag_minutes", -1, "rules.sources.alpina.feed.lag_minutes"),
        ("sources/alpina/name", " ", "rules.sources.alpina.name"),
        ("channels/nordlys/cap", 0, "rules.channels.nordlys.cap"),
        ("channels/nordlys/margin_floor_percent", 96, "rules.channels.nordlys.margin_floor_percent"),
        ("channels/nordlys/margin_floor_percent", -1, "rules.channels.nordlys.margin_floor_percent"),
        ("channels/nordlys/below_margin", "zero", "rules.channels.nordlys.below_margin"),
        ("channels/nordlys/sources", ["alpina", "nobody"], "rules.channels.nordlys.sources"),
        ("sources/alpina/cadence_hours", 0, "rules.sources.alpina.cadence_hours"),
        ("sources/alpina/freshness", {"after_hours": 1, "percent": 50}, "rules.sources.alpina.freshness"),
        ("sources/alpina/freshness", [{"after_hours": 1}], "rules.sources.alpina.freshness.0.percent"),
        (
            "sources/alpina/freshness",
            [{"after_hours": 30, "percent": 50}, {"after_hours": 24, "percent": 0}],
            "rules.sources.alpina.freshness.1.after_hours",
        ),
        ("reconcile", {"compensate_up_to": -1}, "rules.reconcile.compensate_up_to"),
        ("reconcile", {"up_to": 1}, "rules.reconcile.up_to"),
    ],
)
def test_a_mistake_is_refused_with_its_place(path: str, value: object, at: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.parse(changed(path, value))

    told = refused.value.details
    assert told.get("at", told.get("what")) == at


WOO = {"platform": "woocommerce", "shop": "fjord.example", "api_url": "https://fjord.example/wp-json/wc/v3/"}
AMAZON = {
    "platform": "amazon",
    "seller": "A3TH9S8BH6GOGM",
    "marketplace": "A1F83G8C2ARO7P",
    "api_url": "https://sellingpartnerapi-eu.amazon.com",
}


def sells(channel: dict[str, Any], **changes: object) -> dict[str, Any]:
    """The sample whose shop is another one; `...` takes a setting out."""
    settings = {"currency": "EUR", **channel, **changes}
    return changed("channels/nordlys", {key: value for key, value in settings.items() if value is not ...})


def test_every_platform_has_the_settings_it_needs() -> None:
    (woo,) = rules.parse(sells(WOO)).channels.values()
    (store,) = rules.parse(sells(stand_ins.bigcommerce_channel())).channels.values()
    (generic,) = rules.parse(sells(stand_ins.generic_channel())).channels.values()

    assert (woo.platform, woo.api_url, woo.location) == ("woocommerce", "https://fjord.example/wp-json/wc/v3", "")
    assert (store.platform, store.location) == ("bigcommerce", "1")
    assert generic.mapping is not None
    assert (generic.mapping.order, generic.mapping.topics["order.placed"]) == ("data.number", Ask.CREATE)
    (seller,) = rules.parse(sells(AMAZON)).channels.values()
    assert (seller.shop, seller.marketplace) == ("A3TH9S8BH6GOGM", "A1F83G8C2ARO7P")
    assert seller.auth_url == "https://api.amazon.com/auth/o2/token"
    (local,) = rules.parse(sells(AMAZON, auth_url="http://127.0.0.1:8080/auth/o2/token")).channels.values()
    assert local.auth_url == "http://127.0.0.1:8080/auth/o2/token"
    assert rules.parse(sells(WOO, api_url="http://127.0.0.1:8080/wp-json/wc/v3")).active_channels


@pytest.mark.parametrize(
    ("channel", "changes", "at"),
    [
        (WOO, {"location": "gid://shopify/Location/1"}, "location"),
        (WOO, {"mapping": {}}, "mapping"),
        (WOO, {"shop": ...}, "shop"),
        (WOO, {"refunds_cancels": True}, "refunds_cancels"),
        (WOO, {"api_url": "http://fjord.example/wp-json/wc/v3"}, "api_url"),
        (WOO, {"api_url": "https://ck:cs@fjord.example/"}, "api_url"),
        (WOO, {"api_url": "https://fjord.example/?consumer_secret=1"}, "api_url"),
        (WOO, {"api_url": "https:///wp-json"}, "api_url"),
        (WOO, {"api_url": "https://[fjord/"}, "api_url"),
        (WOO, {"api_url": "fjord.example"}, "api_url"),
        (AMAZON, {"shop": "x"}, "shop"),
        (AMAZON, {"seller": ...}, "seller"),
        (AMAZON, {"marketplace": "A1/F8"}, "marketplace"),
        (AMAZON, {"marketplace": "A1F8,ATVP"}, "marketplace"),
        (AMAZON, {"auth_url": "http://api.amazon.com/auth/o2/token"}, "auth_url"),
        (AMAZON, {"refunds_cancels": True}, "refunds_cancels"),
        (stand_ins.bigcommerce_channel(), {"location": ...}, "location"),
        (stand_ins.bigcommerce_channel(), {"location": 0}, "location"),
        (stand_ins.bigcommerce_channel(), {"location": "gid://shopify/Location/1"}, "location"),
        (stand_ins.bigcommerce_channel(), {"mapping": {}}, "mapping"),
        (stand_ins.bigcommerce_channel(), {"refunds_cancels": True}, "refunds_cancels"),
        (stand_ins.bigcommerce_channel(), {"api_url": "http://api.bigcommerce.com/stores/abc123"}, "api_url"),
        (stand_ins.generic_channel(), {"mapping": ...}, "mapping"),
        (stand_ins.generic_channel(), {"location": "x"}, "location"),
    ],
)
def test_a_setting_of_another_platform_is_refused(channel: dict[str, Any], changes: dict[str, object], at: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.parse(sells(channel, **changes))

    assert refused.value.details["at"] == f"rules.channels.nordlys.{at}"


@pytest.mark.parametrize(
    ("path", "value", "at"),
    [
        ("topic", ..., "topic"),
        ("topics", {}, "topics"),
        ("topics", {"order.placed": "reserve"}, "topics.order.placed"),
        ("order", "data..id", "order"),
        ("order", 7, "order"),
        ("version", ..., "version"),
        ("lines", ..., "lines"),
        ("line", {"id": "no", "sku": "code"}, "line.units"),
        ("line", {"id": "no", "sku": "code", "units": "pieces", "colour": "x"}, "line.colour"),
        ("address", {"mail": "data.mail"}, "address.mail"),
        ("weight", "data.weight", "weight"),
    ],
)
def test_a_mistake_in_a_mapping_is_refused_with_its_place(path: str, value: object, at: str) -> None:
    mapping = {**stand_ins.generic_channel()["mapping"], path: value}
    document = sells(stand_ins.generic_channel(mapping={key: each for key, each in mapping.items() if each is not ...}))

    with pytest.raises(InvalidInput) as refused:
        rules.parse(document)

    assert refused.value.details["at"] == f"rules.channels.nordlys.mapping.{at}"


@pytest.mark.parametrize("document", [None, [], "rules", 7])
def test_what_is_no_table_is_refused(document: object) -> None:
    with pytest.raises(InvalidInput):
        rules.parse(document)


@pytest.mark.parametrize("limit", [0, -1, "2", 2.5, True, 10_001])
def test_a_limit_of_a_shop_is_a_whole_number_a_second(limit: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        trade.shop_rules("alpina", limit=limit)

    assert refused.value.details["at"] == "rules.channels.nordlys.limit"
