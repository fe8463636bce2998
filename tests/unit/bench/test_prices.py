from __future__ import annotations

import pytest

from bench import prices
from bench.prices import Price

TABLE = {name: value for name, value in vars(prices).items() if isinstance(value, Price)}


def test_every_price_says_where_it_is_from_and_what_it_is_for() -> None:
    assert len(TABLE) >= 12
    assert all(price.dollars > 0 and price.unit and price.source for price in TABLE.values())


def test_a_price_from_memory_is_called_assumed() -> None:
    assert {name for name, price in TABLE.items() if price.source == prices.PRICE_PAGE} == {
        name for name, price in TABLE.items() if price.is_assumed
    }


def test_a_write_costs_what_five_reads_cost() -> None:
    assert prices.WRITE_UNIT.dollars == pytest.approx(5 * prices.READ_UNIT.dollars)
