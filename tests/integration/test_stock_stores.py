"""What lies beside levels in the stock table: pauses, flags, marks, what was told, and who has which SKUs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import times
from shared.domain.availability import Rank
from shared.domain.facts import Product
from shared.domain.feeds import Feed, Run
from shared.domain.flags import Flag, FlagKind
from shared.domain.freshness import Freshness
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.people import By
from shared.domain.rules import Channel
from shared.storage import facts as products
from shared.storage import keys, levels, offers, pauses
from shared.storage.availability import Availability, Told, told_item
from shared.storage.dynamo import Table
from shared.storage.feeds import Feeds
from shared.storage.flags import Flags
from shared.storage.pauses import Pause, Pauses
from tests.integration.conftest import Aws
from tests.support import trade
from tests.support.faults import Meanwhile
from tests.support.publishing import NORDLYS, mark, told

ALPINA, BALTIC = SourceId("alpina"), SourceId("baltic")
BOB = By("bob", "they are back")
OF_ALPINA, OF_NORDLYS = pauses.supplier(ALPINA), pauses.channel(NORDLYS)


def channel(**ruled: object) -> Channel:
    (found,) = trade.shop_rules("alpina", "baltic", **ruled).active_channels
    return found


def pause(scope: str, actor: str = "ada") -> Pause:
    return Pause(scope=scope, actor=actor, reason="they moved", since=trade.T0)


def flag(sku: str, since: str = "", kind: FlagKind = FlagKind.LOW, source: str = "alpina") -> Flag:
    return Flag(kind=kind, level=trade.at(sku, source), since=since)


# ---- pauses


def meanwhile(aws: Aws, happens: Callable[[], object]) -> Pauses:
    """Pauses before whose first write something else happens."""
    return Pauses(Table(Meanwhile(aws.dynamodb, "put_item", happens), aws.stock.name))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [
        (OF_ALPINA, {OF_ALPINA}),
        (OF_NORDLYS, {OF_NORDLYS}),
        (pauses.ALL, {OF_ALPINA, OF_NORDLYS, pauses.supplier(BALTIC)}),
    ],
)
def test_a_pause_stops_its_own_scope_or_everything(aws: Aws, scope: str, stopped: set[str]) -> None:
    stock = Pauses(aws.stock)

    assert stock.set(pause(scope))

    scopes = (OF_ALPINA, OF_NORDLYS, pauses.supplier(BALTIC))
    assert {each for each in scopes if stock.stops(each) == pause(scope)} == stopped
    assert {each for each in scopes if stock.stops(each)} == stopped


def test_a_supplier_and_a_shop_of_one_name_are_two_scopes(aws: Aws) -> None:
    Pauses(aws.stock).set(pause(pauses.supplier(SourceId("same"))))

    assert Pauses(aws.stock).stops(pauses.channel(ChannelId("same"))) is None


def test_the_first_who_pauses_is_named(aws: Aws) -> None:
    stock = Pauses(aws.stock)
    stock.set(pause(OF_ALPINA))

    assert not stock.set(pause(OF_ALPINA, "bob"))
    assert stock.stops(OF_ALPINA) == pause(OF_ALPINA)


def test_what_is_lifted_stops_nothing_and_lifting_it_again_is_harmless(aws: Aws) -> None:
    stock = Pauses(aws.stock)
    for scope in (OF_ALPINA, pauses.ALL):
        stock.set(pause(scope))

    assert stock.lift(OF_ALPINA, BOB, trade.NOW)
    assert not stock.lift(OF_ALPINA, BOB, trade.NOW)

    assert stock.stops(OF_ALPINA) == pause(pauses.ALL)
    stock.lift(pauses.ALL, BOB, trade.NOW)
    assert stock.stops(OF_ALPINA) is None


def test_who_resumed_is_kept_until_somebody_pauses_again(aws: Aws) -> None:
    stock = Pauses(aws.stock)
    stock.set(pause(OF_ALPINA))
    stock.lift(OF_ALPINA, BOB, trade.NOW)

    found = aws.stock.get(keys.pause(OF_ALPINA))

    assert found
    assert (found["lifted_by"], found["lifted_because"], found["lifted_at"]) == ("bob", "they are back", trade.NOW)
    assert stock.set(pause(OF_ALPINA, "bob"))
    assert stock.stops(OF_ALPINA) == pause(OF_ALPINA, "bob")


@pytest.mark.parametrize("was_paused_before", [False, True])
def test_of_two_who_pause_at_once_the_first_is_named(aws: Aws, *, was_paused_before: bool) -> None:
    if was_paused_before:
        Pauses(aws.stock).set(pause(OF_ALPINA))
        Pauses(aws.stock).lift(OF_ALPINA, BOB, trade.NOW)

    assert not meanwhile(aws, lambda: Pauses(aws.stock).set(pause(OF_ALPINA))).set(pause(OF_ALPINA, "eve"))
    assert Pauses(aws.stock).stops(OF_ALPINA) == pause(OF_ALPINA)


def test_who_lifts_a_pause_that_somebody_set_anew_since_lifts_nothing(aws: Aws) -> None:
    Pauses(aws.stock).set(pause(OF_ALPINA))

    def anew() -> None:
        Pauses(aws.stock).lift(OF_ALPINA, BOB, trade.NOW)
        Pauses(aws.stock).set(pause(OF_ALPINA, "eve"))

    assert not meanwhile(aws, anew).lift(OF_ALPINA, BOB, trade.NOW)
    assert Pauses(aws.stock).stops(OF_ALPINA) == pause(OF_ALPINA, "eve")


def test_the_pauses_among_some_scopes_are_read(aws: Aws) -> None:
    for scope in (OF_NORDLYS, pauses.ALL):
        Pauses(aws.stock).set(pause(scope))

    found = Pauses(aws.stock).read([OF_ALPINA, OF_NORDLYS, pauses.ALL])

    assert found == [pause(pauses.ALL), pause(OF_NORDLYS)]


# ---- flags


def test_flags_are_listed_by_kind_the_oldest_first(aws: Aws) -> None:
    new, old, of_another = (
        flag("B", trade.NOW),
        flag("A", trade.T0, source="baltic"),
        flag("C", trade.T0, FlagKind.HELD),
    )
    Flags(aws.stock).write({new: True, old: True, of_another: True})

    assert list(Flags(aws.stock).listed(FlagKind.LOW)) == [old, new]
    assert list(Flags(aws.stock).listed(FlagKind.HELD)) == [of_another]


def test_only_flags_up_to_a_time_are_listed(aws: Aws) -> None:
    over, later = flag("A", trade.NOW, FlagKind.HELD), flag("B", "2026-11-24T09:00:00.001Z", FlagKind.HELD)
    Flags(aws.stock).write({over: True, later: True})

    assert list(Flags(aws.stock).listed(FlagKind.HELD, until=trade.NOW)) == [over]


def test_a_flag_is_set_and_cleared_as_often_as_one_likes(aws: Aws) -> None:
    flags = Flags(aws.stock)
    flags.write({flag("A", trade.T0): True})
    flags.write({flag("A", trade.NOW): True})
    assert list(flags.listed(FlagKind.LOW)) == [flag("A", trade.T0)]  # as old as when it became low

    flags.write({flag("A"): False})
    flags.write({flag("A"): False})
    assert list(flags.listed(FlagKind.LOW)) == []


def test_a_flagged_level_is_in_no_index_of_levels(aws: Aws) -> None:
    Flags(aws.stock).write({flag("A", trade.T0): True})

    assert list(Availability(aws.stock).skus_of(ALPINA, "")) == []


# ---- marks


def test_marks_come_in_the_order_in_which_the_shop_is_told(aws: Aws) -> None:
    marks = [mark("A", Rank.RISES), mark("Z", Rank.ZERO), mark("1", Rank.ORDER, job="j"), mark("B"), mark("A")]
    Availability(aws.stock).mark(marks)

    expected = [mark("Z", Rank.ZERO), mark("A"), mark("B"), mark("1", Rank.ORDER, job="j"), mark("A", Rank.RISES)]
    assert Availability(aws.stock).marks(NORDLYS, 10) == expected
    assert Availability(aws.stock).marks(NORDLYS, 2) == expected[:2]
    assert Availability(aws.stock).marks(ChannelId("another"), 10) == []


def test_a_mark_of_a_later_cause_is_not_cleared_and_not_made_busy(aws: Aws) -> None:
    availability, later = Availability(aws.stock), mark("1", Rank.ORDER, "order#2")
    availability.mark([mark("1", Rank.ORDER, "order#1")])
    availability.mark([later])

    assert not availability.clear(mark("1", Rank.ORDER, "order#1"))
    availability.busy(mark("1", Rank.ORDER, "order#1"), "job-1")

    assert availability.marks(NORDLYS, 10) == [later]


def test_what_a_shop_is_busy_with_is_noted_in_its_mark(aws: Aws) -> None:
    availability = Availability(aws.stock)
    availability.mark([mark("1", Rank.ORDER)])

    availability.busy(mark("1", Rank.ORDER), "job-1")

    assert availability.marks(NORDLYS, 10) == [mark("1", Rank.ORDER, job="job-1")]
    assert availability.clear(mark("1", Rank.ORDER))
    availability.busy(mark("1", Rank.ORDER), "job-2")
    assert availability.marks(NORDLYS, 10) == []


# ---- what was told


def test_a_number_is_written_only_over_the_one_that_was_seen(aws: Aws) -> None:
    availability = Availability(aws.stock)

    assert availability.tell(told("A", 5, revision=1))
    assert not availability.tell(told("A", 6, revision=1))
    assert availability.tell(told("A", 7, revision=2, refused="GONE"))
    assert not availability.tell(told("A", 8, revision=2))
    assert not availability.tell(told("A", 9, revision=4))

    assert availability.told(Sku("A")) == [told("A", 7, revision=2, refused="GONE")]


def test_a_number_that_was_never_told_is_not_written_over(aws: Aws) -> None:
    assert not Availability(aws.stock).tell(told("A", 5, revision=2))
    assert Availability(aws.stock).told(Sku("A")) == []


def test_what_is_put_over_what_was_seen_leaves_nothing_of_it(aws: Aws) -> None:
    aws.stock.put(told_item(told("A", 5, revision=1, refused="GONE")))

    assert aws.stock.put_seen(told_item(told("A", 6, revision=2)), 1)

    found = aws.stock.get(keys.told(Sku("A"), NORDLYS))
    assert found is not None
    assert ("refused" in found, found["revision"]) == (False, 2)


def test_the_facts_of_a_number_are_levels_feeds_listing_and_what_was_told(aws: Aws) -> None:
    level, other = trade.level("A", "alpina", 5), trade.level("A", "celtic", 9)
    for each in (level, other):
        aws.stock.put(levels.to_item(each))
    pk, sk = keys.item(Sku("A"))
    aws.stock.put({"PK": pk, "SK": sk, "inventory_items": {"nordlys": "gid-1", "another": "gid-2"}})
    run = Run(as_of=trade.T0, file="f", snapshot="s", reading="r")
    feed = Feed(source=ALPINA, applied=run, unconfirmed={Sku("A"): trade.T0}, revision=1)
    Feeds(aws.stock).write(feed)
    Availability(aws.stock).tell(told("A", 3, revision=1))

    facts = Availability(aws.stock).facts([Sku("A"), Sku("B")], channel(), [ALPINA, BALTIC])

    assert (facts[Sku("A")].listing, facts[Sku("A")].levels) == ("gid-1", (level,))
    assert (facts[Sku("A")].feeds, facts[Sku("A")].told) == ({ALPINA: feed}, told("A", 3, revision=1))
    assert (facts[Sku("B")].listing, facts[Sku("B")].levels) == ("", ())
    assert facts[Sku("B")].told == Told(sku=Sku("B"), channel=NORDLYS)


@dataclass
class Counting:
    """A client that counts the items it is asked for."""

    client: Any
    items: int = 0

    def batch_get_item(self, **request: Any) -> Any:  # noqa: ANN401 - as boto3 has it
        self.items += sum(len(each["Keys"]) for each in request["RequestItems"].values())
        return self.client.batch_get_item(**request)


@pytest.mark.parametrize(
    ("_case", "ruled", "items", "not_counted"),
    [
        ("without a floor", {}, 4, {}),
        ("that only tells", {"margin_floor_percent": 20}, 4, {}),
        ("that is enough", {"margin_floor_percent": 10, "below_margin": "zero"}, 5, {}),
        (
            "that is not",
            {"margin_floor_percent": 20, "below_margin": "zero"},
            5,
            {ALPINA: "costs 9.00 EUR, sells for 10.00 EUR: 10.0 % of it are left, and the floor is 20 %"},
        ),
    ],
)
def test_offers_are_read_only_where_the_margin_asks(
    aws: Aws, _case: str, ruled: dict[str, object], items: int, not_counted: dict[SourceId, str]
) -> None:
    product = Product(sku=Sku("A"), title="Tray", price_minor=1000, currency="EUR")
    aws.stock.put(products.to_item(product))
    aws.stock.put(offers.to_item(trade.offer("A", "alpina", 900)))
    client = Counting(aws.dynamodb)

    facts = Availability(Table(client, aws.stock.name)).facts([Sku("A")], channel(**ruled), [ALPINA])  # type: ignore[arg-type]

    assert (client.items, facts[Sku("A")].not_counted) == (items, not_counted)


def test_the_skus_of_a_source_come_in_order_behind_the_one_named(aws: Aws) -> None:
    skus = [f"S{at:04}" for at in range(130)]
    aws.stock.write_all([levels.to_item(trade.level(sku, "alpina", 1)) for sku in reversed(skus)])
    aws.stock.write_all([levels.to_item(trade.level(sku, "baltic", 1)) for sku in ("A", "S0003", "Z")])

    availability = Availability(aws.stock)

    assert list(availability.skus_of(ALPINA, "")) == skus
    assert list(availability.skus_of(ALPINA, "S0127")) == ["S0128", "S0129"]
    assert list(availability.skus_of(ALPINA, "S0127a")) == ["S0128", "S0129"]
    assert list(availability.skus_of(BALTIC, "")) == ["A", "S0003", "Z"]
    assert list(availability.skus_of(ALPINA, "S0129")) == []


# ---- feeds


def test_feeds_are_read_with_how_fresh_they_were_seen_to_be(aws: Aws) -> None:
    feeds = Feeds(aws.stock)
    feed = Feed(
        source=ALPINA, heartbeat_at=trade.T0, confirms_since=trade.T0, unconfirmed={Sku("A"): trade.T0}, revision=1
    )
    seen = Freshness(percent=50, skus={Sku("A"): 0}, is_silent=True)
    feeds.write(feed)
    feeds.looked(ALPINA, seen)

    assert feeds.each_now([ALPINA, BALTIC]) == {
        ALPINA: (feed, seen),
        BALTIC: (Feed(source=BALTIC), Freshness()),
    }


def test_a_feed_written_again_keeps_what_it_confirms(aws: Aws) -> None:
    feeds = Feeds(aws.stock)
    later = times.text(trade.times_now() + timedelta(hours=1))
    feeds.write(Feed(source=ALPINA, confirms_since=trade.T0, unconfirmed={Sku("A"): trade.T0}, revision=1))

    assert feeds.write(Feed(source=ALPINA, confirms_since=later, unconfirmed={Sku("B"): later}, revision=2))

    assert feeds.now(ALPINA).unconfirmed == {Sku("B"): later}
    assert feeds.now(ALPINA).confirms_since == later


def test_a_feed_from_before_files_confirmed_anything_is_read(aws: Aws) -> None:
    pk, sk = keys.feed(ALPINA)
    old = {"PK": pk, "SK": sk, "entity": "feed", "schema": 1, "revision": 3, "open": [], "heartbeat_at": ""}
    aws.stock.put(old)

    assert Feeds(aws.stock).now(ALPINA) == Feed(source=ALPINA, revision=3)
