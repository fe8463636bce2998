from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from cli import channel_checks
from cli.channel_checks import MOST_MARKS, Post, has_location, is_shop, leased, paused, secrets, waits
from cli.finding import Finding
from shared.domain import rules
from shared.domain.availability import Rank
from shared.domain.names import ChannelId
from shared.errors import AppError, InvalidInput, Transient
from shared.storage.availability import Lease, Mark
from shared.storage.pauses import Pause

ROOT = Path(__file__).parents[3]
SHOP = ChannelId("nordlys")
CHANNEL = rules.parse(yaml.safe_load((ROOT / "config/rules.yaml").read_text())).channels[SHOP]
NOW, LATER = "2026-11-24T09:00:00.000Z", "2026-11-24T10:00:00.000Z"


def answering(answer: Mapping[str, Any] | AppError | ValueError) -> Post:
    def post(_url: str, token: str, _query: str, _variables: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
        assert (token, timeout) == ("shpat", channel_checks.TIMEOUT_SECONDS)
        if isinstance(answer, Mapping):
            return answer
        raise answer

    return post


def refused(**details: object) -> InvalidInput:
    return InvalidInput("the shop refused us", code="shop_refused", **details)


def domain(name: str) -> dict[str, Any]:
    return {"data": {"shop": {"myshopifyDomain": name}}}


def test_the_shop_of_the_rules_takes_our_token() -> None:
    found = is_shop(CHANNEL, "shpat", answering(domain("Nordlys-Living.myshopify.com")))

    assert (found.is_right, found.do) == (True, "")


@pytest.mark.parametrize(
    ("answer", "told", "do"),
    [
        (
            domain("other.myshopify.com"),
            "is other.myshopify.com, the rules say nordlys-living",
            "channels.nordlys.shop",
        ),
        (refused(status=401), "refused us", "rotate nordlys --token"),
        (refused(status=404), "refused us", "channels.nordlys.api_url"),
        (Transient("the shop did not answer", code="shop_silent"), "did not answer", "can be reached from here"),
        (Transient("the shop throttles", code="throttled"), "throttles", "ask again soon"),
        (ValueError("unknown url type"), "not as its API says", "channels.nordlys.api_url"),
        ({"data": {"shop": []}}, "not as its API says", "channels.nordlys.api_url"),
    ],
)
def test_a_shop_that_is_not_ours_or_refuses_us_is_wrong(
    answer: Mapping[str, Any] | AppError | ValueError, told: str, do: str
) -> None:
    found = is_shop(CHANNEL, "shpat", answering(answer))

    assert not found.is_right
    assert told in found.told
    assert do in found.do


def test_the_location_of_the_rules_is_there() -> None:
    assert has_location(CHANNEL, "shpat", answering({"data": {"location": {"id": CHANNEL.location}}})).is_right


@pytest.mark.parametrize(
    ("answer", "told", "do"),
    [
        ({"data": {"location": None}}, f"the shop has no {CHANNEL.location}", "channels.nordlys.location"),
        ({"data": {"location": {"id": "gid://shopify/Location/9"}}}, "the shop has no", "channels.nordlys.location"),
        ({"errors": [{"extensions": {"code": "ACCESS_DENIED"}}]}, "ACCESS_DENIED", "read_locations"),
        ({"data": None, "errors": [{"extensions": {"code": "THROTTLED"}}]}, "throttles", "ask again soon"),
        (Transient("the shop failed", code="shop_failed", status=502), "the shop failed", "ask again soon"),
    ],
)
def test_a_location_that_cannot_be_seen_is_wrong(answer: Mapping[str, Any] | AppError, told: str, do: str) -> None:
    found = has_location(CHANNEL, "shpat", answering(answer))

    assert not found.is_right
    assert told in found.told
    assert do in found.do


@pytest.mark.parametrize(
    ("kept", "right", "do"),
    [
        ({"current": "s", "previous": "", "token": "t"}, [True, True], ["", ""]),
        ({"current": "s"}, [True, False], ["", "`truestock channels rotate nordlys --token`"]),
        ({"token": "t", "current": ""}, [False, True], ["`truestock channels rotate nordlys`", ""]),
        (None, [False], ["`truestock channels rotate nordlys`, then with --token"]),
    ],
)
def test_both_secrets_must_be_there(kept: Mapping[str, Any] | None, right: list[bool], do: list[str]) -> None:
    found = list(secrets(kept, "truestock/test/shops/nordlys", SHOP))

    assert [each.is_right for each in found] == right
    assert [each.do for each in found] == do


@pytest.mark.parametrize(("scope", "do"), [("all", "resume all"), ("channel#nordlys", "resume --channel nordlys")])
def test_a_pause_is_told_with_how_to_end_it(scope: str, do: str) -> None:
    found = paused(Pause(scope=scope, actor="ada", reason="stocktaking", since=NOW), SHOP)

    assert (found.is_right, found.do) == (False, f"`truestock {do}`")
    assert found.told == "told nothing since 2026-11-24 09:00:00 UTC: paused by ada: stocktaking"


@pytest.mark.parametrize(
    ("lease", "right", "told"),
    [
        (None, True, "never told anything yet"),
        (("", "", "", ""), True, "done with what it was asked for"),
        ((LATER, "", "", ""), True, "at work"),
        (("", LATER, "", ""), True, "done with what it was asked for; it rests until 2026-11-24 10:00:00 UTC"),
        (
            ("", LATER, "throttled", NOW),
            False,
            "failing since 2026-11-24 09:00:00 UTC: throttled; it rests until 2026-11-24 10:00:00 UTC",
        ),
    ],
)
def test_a_publisher_that_fails_is_wrong(lease: tuple[str, str, str, str] | None, *, right: bool, told: str) -> None:
    fields = ("leased_until", "rests_until", "failing", "failing_since")
    stands = Lease(**cast("dict[str, Any]", dict(zip(fields, lease, strict=True)))) if lease else None

    found = leased(stands, NOW)

    assert (found.is_right, found.told) == (right, told)


@pytest.mark.parametrize(
    ("count", "rank", "told"),
    [
        (0, Rank.ZERO, "nothing waits"),
        (2, Rank.FALLS, "2 wait; first a number that fell (NL-0)"),
        (1, Rank.ORDER, "1 wait; first an order (NL-0)"),
        (MOST_MARKS, Rank.ZERO, "1000 or more wait; first a number that is 0 now (NL-0)"),
    ],
)
def test_what_waits_is_counted_and_is_nothing_wrong(count: int, rank: Rank, told: str) -> None:
    marks = [Mark(channel=SHOP, rank=rank, subject=f"NL-{n}", cause="c") for n in range(count)]

    assert waits(marks) == Finding(what="to tell", is_right=True, told=told)
