"""Calls to a shop wait for its limit, and believe what it says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain import pace, platforms
from shared.domain.pace import Left, Limit
from shared.domain.rules import Channel
from shared.errors import Transient
from shared.storefronts import graphql, outbound, shopify_admin, web
from shared.storefronts.outbound import Outbound
from shared.storefronts.paced import USUAL_COST, Pacer
from shared.storefronts.woocommerce_stock import MOST_BATCHES, Stock
from tests.support import trade

ASKED = web.Request(method="GET", url="https://shop.example", headers={}, body=None, timeout=1)


@dataclass
class World:
    """A shop that answers one thing after the other, the last one ever after, and the time."""

    answers: list[Mapping[str, str] | Transient] = field(default_factory=lambda: [{}])
    said: Mapping[str, Any] = field(default_factory=dict)
    now: datetime = field(default_factory=trade.times_now)
    waited: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        self.waited.append(round(seconds, 3))
        self.now += timedelta(seconds=seconds)

    def send(self, _request: web.Request) -> web.Response:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Transient):
            raise answer
        return web.Response(body=b"{}", headers=answer)

    def post(self, *_: object) -> dict[str, Any]:
        return dict(self.said)

    def pacer(self, per_second: float = 2.0, burst: float = 1.0, *, is_ruled: bool = False) -> Pacer:
        limit = Limit(per_second=per_second, burst=burst, is_ruled=is_ruled)
        return Pacer(pace.full(limit, self.now), lambda: self.now, self.wait, self.send, self.post)


def throttled(wait: float) -> Transient:
    return Transient("the shop throttles", code=web.THROTTLED, wait=wait)


def points(asked: float, left: float, rate: float = 100.0, most: float = 2000.0) -> dict[str, Any]:
    status = {"maximumAvailable": most, "currentlyAvailable": left, "restoreRate": rate}
    return {"data": {}, "extensions": {"cost": {"requestedQueryCost": asked, "throttleStatus": status}}}


def calls(left: str, resets: str) -> dict[str, str]:
    return {
        "x-rate-limit-requests-left": left,
        "x-rate-limit-requests-quota": "150",
        "x-rate-limit-time-window-ms": "30000",
        "x-rate-limit-time-reset-ms": resets,
    }


def test_calls_wait_for_the_limit_of_the_shop() -> None:
    world = World()
    pacer = world.pacer()

    for _ in range(4):
        pacer.send(ASKED)

    assert world.waited == [0.5, 0.5, 0.5]


def test_a_wait_that_would_be_long_is_refused_with_how_long_it_is() -> None:
    world = World()
    pacer = world.pacer()
    pacer.go_on_from(Left(units=-19.0, at=world.now))

    with pytest.raises(Transient) as failure:
        pacer.send(ASKED)

    assert (failure.value.code, failure.value.details["wait"], world.waited) == (web.THROTTLED, 10.0, [])


def test_after_a_429_nothing_is_asked_until_the_shop_wants_it() -> None:
    world = World(answers=[throttled(4.0), {}])
    pacer = world.pacer(burst=20.0)
    with pytest.raises(Transient):
        pacer.send(ASKED)

    pacer.send(ASKED)
    pacer.send(ASKED)

    assert world.waited == [4.0, 0.5]


def test_a_shop_that_fails_is_no_reason_to_wait() -> None:
    world = World(answers=[Transient("the shop failed", code="shop_failed"), {}])
    pacer = world.pacer(burst=2.0)
    with pytest.raises(Transient):
        pacer.send(ASKED)

    pacer.send(ASKED)

    assert world.waited == []


def test_calls_that_a_shop_has_left_are_believed() -> None:
    world = World(answers=[calls("2", "9000")])
    pacer = world.pacer(per_second=1000.0, burst=1000.0)

    pacer.send(ASKED)

    assert pacer.bucket.limit == Limit(per_second=5.0, burst=150.0)
    assert pacer.bucket.left.units == 2


def test_with_no_call_left_the_window_is_waited_for() -> None:
    world = World(answers=[calls("0", "3000"), calls("149", "30000")])
    pacer = world.pacer(per_second=1000.0, burst=1000.0)

    for _ in range(3):
        pacer.send(ASKED)

    assert world.waited == [3.0]


@pytest.mark.parametrize("odd", ["", "many", "-1", "nan", "inf"])
def test_headers_that_say_nothing_change_nothing(odd: str) -> None:
    world = World(answers=[calls(odd, "0"), calls("5", odd), {**calls("5", "0"), "x-rate-limit-time-window-ms": "0"}])
    pacer = world.pacer(per_second=7.0, burst=100.0)

    for _ in range(3):
        pacer.send(ASKED)

    assert (pacer.bucket.limit.per_second, pacer.bucket.left.units) == (7.0, 97.0)


def test_a_query_costs_what_the_shop_said_it_did_the_last_time() -> None:
    world = World(said=points(asked=500, left=300))
    pacer = world.pacer(per_second=50.0, burst=1000.0)

    pacer.post("", "", "query Q", {}, 1)
    assert (pacer.bucket.left.units, pacer.bucket.limit) == (300, Limit(per_second=100.0, burst=2000.0))
    pacer.post("", "", "query Q", {}, 1)

    assert world.waited == [2.0]


def test_points_are_counted_by_a_limit_of_the_merchants_too() -> None:
    world = World(said=points(asked=50, left=1900))
    pacer = world.pacer(per_second=20.0, burst=1.0, is_ruled=True)

    pacer.post("", "", "query Q", {}, 1)

    assert pacer.bucket.left.units == 1.0 - 50
    assert pacer.bucket.limit.per_second == 20.0
    pacer.post("", "", "query Q", {}, 1)
    assert world.waited == [2.5]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"extensions": None},
        {"extensions": {"cost": {"requestedQueryCost": 1}}},
        points(asked=1, left=1, rate=0),
        points(asked=1, left=1, most=-1),
        points(asked=1, left=float("nan")),
        {"extensions": {"cost": {"requestedQueryCost": "x", "throttleStatus": {}}}},
    ],
)
def test_a_shop_that_says_nothing_of_its_points_is_counted_by_ours(said: dict[str, Any]) -> None:
    world = World(said=said)
    pacer = world.pacer(per_second=50.0, burst=1000.0)

    assert graphql.throttle(said) is None
    pacer.post("", "", "query Q", {}, 1)

    assert pacer.bucket.left.units == 1000.0 - USUAL_COST


# ---- channels


def channel(limit: int | None) -> Channel:
    (only,) = trade.shop_rules("alpina", limit=limit).channels.values()
    return only


def test_every_platform_has_a_limit_and_a_rule_may_lower_it() -> None:
    assert outbound.limit(channel(None)) == shopify_admin.LIMIT
    assert outbound.limit(channel(2)) == Limit(per_second=2, burst=1.0, is_ruled=True)
    assert outbound.limit(channel(10_000)).per_second == shopify_admin.LIMIT.per_second
    assert set(outbound.LIMITS) == set(platforms.SETTINGS)


@pytest.mark.parametrize(("limit", "batches"), [(None, MOST_BATCHES), (2, 8), (1, 4)])
def test_a_slow_woocommerce_shop_is_told_fewer_batches_at_once(limit: int | None, batches: int) -> None:
    shops = Outbound(token=lambda _: "ck:cs", now=trade.times_now, new_id=str, wait=lambda _: None)

    numbers = shops.numbers(replace(channel(limit), platform=platforms.WOOCOMMERCE))

    assert isinstance(numbers, Stock)
    assert numbers.most_batches == batches
