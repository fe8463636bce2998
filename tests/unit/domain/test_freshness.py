"""What counts are worth now, and what of that is new."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import freshness, times
from shared.domain.feeds import Feed, Run
from shared.domain.freshness import Freshness
from shared.domain.names import Sku, SourceId
from shared.domain.rules import Tier
from tests.support import trade

ALPINA = SourceId("alpina")
TIERS = (Tier(after=timedelta(hours=24), percent=50), Tier(after=timedelta(hours=72), percent=0))
SOURCE = replace(trade.shop_rules("alpina").sources[ALPINA], freshness=TIERS, cadence=timedelta(hours=24))


def ago(hours: float) -> str:
    return times.text(trade.times_now() - timedelta(hours=hours))


def feed(applied: float | None, *, heartbeat: float | None = None, **unconfirmed: float) -> Feed:
    """A feed whose file, last sign of life, and unconfirmed SKUs are so many hours old."""
    run = None if applied is None else Run(as_of=ago(applied), file="f", snapshot="s", reading="r")
    return Feed(
        source=ALPINA,
        applied=run,
        heartbeat_at="" if heartbeat is None else ago(heartbeat),
        unconfirmed={Sku(sku): ago(hours) for sku, hours in unconfirmed.items()},
    )


@pytest.mark.parametrize(
    ("_case", "seen", "expected"),
    [
        ("fresh", feed(1), Freshness()),
        ("at the age of the first tier", feed(24, heartbeat=1), Freshness(percent=50)),
        ("a moment before", feed(23.999), Freshness()),
        ("at the age of the last tier", feed(72, heartbeat=1), Freshness(percent=0)),
        ("an empty file says that it is there, not what it has", feed(72, heartbeat=0), Freshness(percent=0)),
        ("a SKU that its file left out is older", feed(1, A=30), Freshness(skus={Sku("A"): 50})),
        ("a SKU that is worth what all are is no exception", feed(30, heartbeat=1, A=40), Freshness(percent=50)),
        (
            "some are older than others",
            feed(30, heartbeat=1, A=40, B=80),
            Freshness(percent=50, skus={Sku("B"): 0}),
        ),
        ("not heard of for longer than its cadence", feed(24.001), Freshness(percent=50, is_silent=True)),
        ("heard of just in time", feed(24), Freshness(percent=50)),
        ("never heard of: nothing grows old, but it is silent", feed(None), Freshness(is_silent=True)),
        ("only a sign of life", feed(None, heartbeat=1), Freshness()),
    ],
)
def test_how_fresh_a_source_is(_case: str, seen: Feed, expected: Freshness) -> None:
    assert freshness.look(SOURCE, seen, trade.NOW) == expected


def test_nobody_waits_for_a_source_without_a_cadence() -> None:
    assert not freshness.look(replace(SOURCE, cadence=None), feed(None), trade.NOW).is_silent


def test_counts_of_a_source_without_tiers_do_not_grow_old() -> None:
    assert freshness.look(replace(SOURCE, freshness=()), feed(5000, heartbeat=1, A=6000), trade.NOW) == Freshness()


shares = st.sampled_from([100, 50, 0])
looks = st.builds(Freshness, percent=shares, skus=st.dictionaries(st.sampled_from("ABC").map(Sku), shares))


@given(looks, looks)
def test_the_skus_that_differ_are_those_whose_worth_another_than_the_sources_explains(
    before: Freshness, after: Freshness
) -> None:
    differing = freshness.differing(before, after)

    for sku in map(Sku, "ABC"):
        was, is_now = before.skus.get(sku, before.percent), after.skus.get(sku, after.percent)
        is_named = sku in before.skus or sku in after.skus
        assert (sku in differing) == (is_named and was != is_now)
