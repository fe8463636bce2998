from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.facts import Meaning, Product, circles
from shared.domain.names import ChannelId, Sku
from shared.storage import attributes, facts

names = st.text(
    st.characters(codec="utf-8", exclude_characters="#", categories=("L", "N", "P", "Zs")), min_size=1, max_size=20
)
units = st.integers(1, 10**6)
days = st.none() | st.dates()

products = st.builds(
    Product,
    sku=names.map(Sku),
    title=st.text(max_size=20),
    inventory_items=st.dictionaries(names.map(ChannelId), names, max_size=3),
    parts=st.dictionaries(names.map(Sku), units, max_size=3),
    substitutes=st.lists(names.map(Sku), max_size=3).map(tuple),
    grams=st.integers(0, 10**6),
    hazmat=st.booleans(),
    price_minor=st.none() | units,
    map_minor=st.none() | units,
    currency=st.sampled_from(["", "EUR", "JPY"]),
    gtin=st.sampled_from(["", "04006381333931"]),
    mpn=names | st.just(""),
    learned=st.sets(names.map(ChannelId), max_size=3).map(sorted).map(tuple),
)
meanings = st.builds(Meaning, sku=names.map(Sku), pack=units, first=days, last=days)


@given(products)
def test_a_product_is_read_back_as_it_was_written(product: Product) -> None:
    stored = attributes.values(attributes.image(facts.to_item(product)))

    assert facts.from_item(stored) == product


@pytest.mark.parametrize("more", [{"schema": 1}, {"schema": 2, "parts": {}, "substitutes": []}])
def test_a_product_of_an_older_schema_is_read(more: dict[str, object]) -> None:
    item = {"PK": "SKU#A", "SK": "ITEM", "title": "Tray", "inventory_items": {"web": "1"}, **more}

    assert facts.from_item(item) == Product(sku=Sku("A"), title="Tray", inventory_items={ChannelId("web"): "1"})


@given(meanings, meanings, st.dates())
def test_meanings_that_hold_on_one_day_overlap(one: Meaning, other: Meaning, day: date) -> None:
    if one.holds(day) and other.holds(day):
        assert one.overlaps(other)
    assert one.overlaps(other) == other.overlaps(one)


def test_days_that_meet_overlap_and_days_that_follow_do_not() -> None:
    until = Meaning(sku=Sku("A"), last=date(2026, 6, 30))

    assert until.overlaps(Meaning(sku=Sku("B"), first=date(2026, 6, 30)))
    assert not until.overlaps(Meaning(sku=Sku("B"), first=date(2026, 7, 1)))


@given(st.dictionaries(st.sampled_from("ABCDE"), st.sets(st.sampled_from("ABCDE"))))
def test_every_circle_goes_from_kits_to_their_parts(kits: dict[str, set[str]]) -> None:
    parts = {Sku(kit): {Sku(part) for part in of_kit} for kit, of_kit in kits.items()}

    for path in circles(parts):
        assert path[0] == path[-1]
        assert all(part in parts[kit] for kit, part in pairwise(path))


def test_kits_that_share_parts_are_no_circle() -> None:
    parts = {Sku("A"): {Sku("B"), Sku("C")}, Sku("B"): {Sku("D")}, Sku("C"): {Sku("D")}}

    assert list(circles(parts)) == []
