"""What is left of a price, exactly, and what may not be sold so."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import margins
from shared.domain.facts import Product
from shared.domain.margins import Margin, Verdict
from shared.domain.names import Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.rules import Channel
from tests.support import trade

RATE = Decimal("0.0891")
ALPINA, BALTIC, CELTIC = SourceId("alpina"), SourceId("baltic"), SourceId("celtic")


def channel(floor: int | None = 20) -> Channel:
    ruled: dict[str, object] = {} if floor is None else {"margin_floor_percent": floor, "below_margin": "zero"}
    (found,) = trade.shop_rules("alpina", **ruled).active_channels
    return found


def product(price: int | None = 1000, least: int | None = None, currency: str = "EUR") -> Product:
    return Product(sku=Sku("A"), title="Tray", price_minor=price, map_minor=least, currency=currency)


def offer(cost: int | None, currency: str = "EUR") -> Offer:
    return trade.offer("A", "alpina", cost, currency)


def judged(cost: int | None, floor: int | None = 20, **how: Any) -> Margin:  # noqa: ANN401 - as product() takes it
    return margins.judge(channel(floor), product(**how), offer(cost))


@pytest.mark.parametrize(
    ("_case", "found", "verdict", "told"),
    [
        (
            "just enough",
            judged(800),
            Verdict.OK,
            "costs 8.00 EUR, sells for 10.00 EUR: 20.0 % of it are left, and the floor is 20 %",
        ),
        (
            "one cent too dear",
            judged(801),
            Verdict.BELOW_FLOOR,
            "costs 8.01 EUR, sells for 10.00 EUR: 19.9 % of it are left, and the floor is 20 %",
        ),
        (
            "a hair too little is never told as enough",
            judged(80_001, price=100_000),
            Verdict.BELOW_FLOOR,
            "costs 800.01 EUR, sells for 1000.00 EUR: 19.9 % of it are left, and the floor is 20 %",
        ),
        (
            "at a loss",
            judged(1034, floor=0),
            Verdict.BELOW_FLOOR,
            "costs 10.34 EUR, sells for 10.00 EUR: -3.4 % of it are left, and the floor is 0 %",
        ),
        (
            "at its cost",
            judged(1000, floor=0),
            Verdict.OK,
            "costs 10.00 EUR, sells for 10.00 EUR: 0.0 % of it are left, and the floor is 0 %",
        ),
        (
            "for nothing",
            judged(0, floor=95),
            Verdict.OK,
            "costs 0.00 EUR, sells for 10.00 EUR: 100.0 % of it are left, and the floor is 95 %",
        ),
        (
            "below the MAP, whatever it costs",
            judged(1, least=1001),
            Verdict.BELOW_MAP,
            "sells for 10.00 EUR, and may not be advertised for less than 10.01 EUR",
        ),
        (
            "below the MAP, though nobody knows what it costs",
            judged(None, least=1001),
            Verdict.BELOW_MAP,
            "sells for 10.00 EUR, and may not be advertised for less than 10.01 EUR",
        ),
        (
            "at the MAP",
            judged(800, least=1000),
            Verdict.OK,
            "costs 8.00 EUR, sells for 10.00 EUR: 20.0 % of it are left, and the floor is 20 %",
        ),
        ("no price", judged(800, price=None, least=1000), Verdict.UNKNOWN, "the product has no price"),
        ("no cost", judged(None), Verdict.UNKNOWN, "sells for 10.00 EUR, and the source names no cost"),
        (
            "no offer",
            margins.judge(channel(), product(), None),
            Verdict.UNKNOWN,
            "sells for 10.00 EUR, and the source names no cost",
        ),
        ("no product", margins.judge(channel(), None, offer(1)), Verdict.UNKNOWN, "the product has no price"),
        (
            "another currency",
            margins.judge(channel(), product(), offer(8900, "SEK")),
            Verdict.UNKNOWN,
            "costs 89.00 SEK, sells for 10.00 EUR, and no rate is known",
        ),
        (
            "another currency and its rate",
            margins.judge(channel(), product(), offer(8900, "SEK"), RATE),
            Verdict.OK,
            "costs 89.00 SEK (7.93 EUR), sells for 10.00 EUR: 20.7 % of it are left, and the floor is 20 %",
        ),
        (
            "a rate that makes it too dear",
            margins.judge(channel(), product(), offer(9000, "SEK"), RATE),
            Verdict.BELOW_FLOOR,
            "costs 90.00 SEK (8.02 EUR), sells for 10.00 EUR: 19.8 % of it are left, and the floor is 20 %",
        ),
        (
            "a currency without a minor unit",
            margins.judge(channel(), product(currency="EUR"), offer(1300, "JPY"), Decimal("0.0062")),
            Verdict.BELOW_FLOOR,
            "costs 1300 JPY (8.06 EUR), sells for 10.00 EUR: 19.4 % of it are left, and the floor is 20 %",
        ),
        (
            "a rate is nothing to a cost in the price's own currency",
            margins.judge(channel(), product(), offer(800), Decimal(2)),
            Verdict.OK,
            "costs 8.00 EUR, sells for 10.00 EUR: 20.0 % of it are left, and the floor is 20 %",
        ),
        ("nobody asks", judged(2000, floor=None, least=5000), Verdict.OK, "the channel has no margin floor"),
    ],
)
def test_an_offer_is_judged_with_its_figures(_case: str, found: Margin, verdict: Verdict, told: str) -> None:
    assert (found.verdict, found.told) == (verdict, told)
    assert found.is_below is (verdict in {Verdict.BELOW_FLOOR, Verdict.BELOW_MAP})


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 95))
def test_the_floor_is_held_exactly(cost: int, price: int, floor: int) -> None:
    found = judged(cost, floor, price=price)

    assert found.is_below is (Fraction(price - cost, price) < Fraction(floor, 100))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 95))
def test_a_dearer_offer_is_never_better(one: int, other: int, price: int, floor: int) -> None:
    cheap, dear = (judged(cost, floor, price=price) for cost in sorted((one, other)))

    assert dear.is_below or not cheap.is_below


def test_what_is_below_is_not_counted_and_what_nobody_can_judge_is() -> None:
    offers = {ALPINA: offer(900), BALTIC: offer(700), CELTIC: None}

    assert set(margins.not_counted(channel(), product(), offers)) == {"alpina"}
    assert set(margins.not_counted(channel(), product(least=1001), offers)) == {"alpina", "baltic", "celtic"}
