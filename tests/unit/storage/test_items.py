from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import orders as domain
from shared.domain.batches import Batch, BatchState, Member
from shared.domain.names import ChannelId, LevelKey, OrderKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.orders import Allocation, Destination, Line, Order
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.domain.stock import Level
from shared.storage import attributes, batches, levels, offers, orders, purchase_orders

GOLDEN = Path(__file__).parents[3] / "events/items"
CODECS: dict[str, tuple[Callable[[Mapping[str, Any]], Any], Callable[[Any], dict[str, Any]]]] = {
    "level": (levels.from_item, levels.to_item),
    "offer": (offers.from_item, offers.to_item),
    "order": (orders.from_item, orders.to_item),
    "order_tombstone": (orders.from_item, orders.to_item),
    "purchase_order": (purchase_orders.from_item, purchase_orders.to_item),
}

names = st.text(
    st.characters(codec="utf-8", exclude_characters="#", categories=("L", "N", "P", "Zs")), min_size=1, max_size=20
)
units = st.integers(0, 10**6)
times = st.sampled_from(["", "2026-11-24T08:00:00.000Z", "2026-11-24T09:00:00.123Z"])
level_keys = st.builds(LevelKey, names.map(Sku), names.map(SourceId))
order_keys = st.builds(OrderKey, names.map(ChannelId), names)

po_lines = st.builds(PoLine, line=names, sku=names.map(Sku), units=units) | st.builds(
    PoLine, line=names, sku=names.map(Sku), units=units, code=names, pack=st.integers(1, 99)
)

all_levels = st.builds(
    Level,
    key=level_keys,
    available=st.integers(-(10**6), 10**6),
    committed=units,
    counted=units,
    counted_as_of=times,
    count_id=names,
    deducted=st.dictionaries(times, units, max_size=3),
    drev=units,
    incoming=units,
    buffer=units,
    status=st.sampled_from(["active", "discontinued"]),
    held_since=times,
    held_until=times,
    revision=units,
    changed_at=times,
    cause=st.tuples(names, names),
    last=st.dictionaries(names, st.integers(-99, 99), max_size=3),
)
all_lines = st.builds(
    Line,
    line=names,
    sku=names.map(Sku),
    ordered=units,
    open=units,
    backordered=units,
    cancelled=units,
    price_minor=units,
)
all_allocations = st.builds(
    Allocation,
    line=names,
    source=names.map(SourceId),
    n=units,
    units=units,
    committed=units,
    sent=st.booleans(),
    acked=units,
    rejected=units,
    shipped=units,
    given_back=units,
    limited=units,
    returned=units,
)
all_orders = st.builds(
    Order,
    key=order_keys,
    name=names,
    version=units,
    placed_at=times,
    currency=names,
    lines=st.lists(all_lines, max_size=3).map(tuple),
    allocations=st.lists(all_allocations, max_size=3).map(tuple),
    destination=st.builds(Destination, country=names, region=st.just(""), postcode_prefix=names, po_box=st.booleans())
    | st.just(Destination()),
    next_n=units,
    attempt=names,
    ship_to=names,
    hold=st.just("") | names,
    cancel_wanted=st.booleans(),
    reroute_to=st.just("") | names,
    agreed_until=st.sampled_from(["", "2026-12-24"]),
    revision=units,
    due_at=times,
)
all_purchase_orders = st.builds(
    PurchaseOrder,
    order=order_keys,
    source=names.map(SourceId),
    n=units,
    number=names,
    lines=st.lists(po_lines, max_size=3).map(tuple),
    state=st.sampled_from(PoState),
    cancel_wanted=st.booleans(),
    cancel_told=st.booleans(),
    claimed_by=times,
    claimed_until=times,
    made_at=times,
    sent_at=times,
    shipped_at=times,
    batch=st.just("") | names,
    due_at=times,
    revision=units,
)
batch_members = st.lists(st.builds(Member, order_keys, units), max_size=3).map(tuple)
all_batches = st.builds(
    Batch,
    source=names.map(SourceId),
    number=names,
    candidates=batch_members,
    members=batch_members,
    state=st.sampled_from(BatchState),
    claimed_by=names,
    claimed_until=times,
    sent_by=names,
    made_at=times,
    control=units,
    retry_at=times,
    revision=units,
)


@given(all_levels)
def test_a_level_comes_back_as_it_was(level: Level) -> None:
    assert levels.read_image(attributes.image(levels.to_item(level))) == level


@given(all_batches)
def test_a_batch_comes_back_as_it_was(batch: Batch) -> None:
    assert batches.from_item(attributes.values(attributes.image(batches.to_item(batch)))) == batch


@given(all_orders)
def test_an_order_comes_back_as_it_was(order: Order) -> None:
    assert orders.read_image(attributes.image(orders.to_item(order))) == order


@given(all_purchase_orders)
def test_a_purchase_order_comes_back_as_it_was(po: PurchaseOrder) -> None:
    assert purchase_orders.read_image(attributes.image(purchase_orders.to_item(po))) == po


@given(st.builds(Offer, key=level_keys, cost_minor=st.none() | units, currency=names, as_of=times))
def test_an_offer_comes_back_as_it_was(offer: Offer) -> None:
    assert offers.from_item(attributes.values(attributes.image(offers.to_item(offer)))) == offer


plain = st.recursive(
    st.text(max_size=5) | st.booleans() | st.integers() | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=5), plain, max_size=4))
def test_attributes_come_back_as_they_were(values: dict[str, Any]) -> None:
    assert attributes.values(attributes.image(values)) == values


@pytest.mark.parametrize("value", [1.5, None, {1, 2}])
def test_what_an_item_cannot_hold_exactly_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        attributes.write(value)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_stored_items_are_read_and_written_as_ever(path: Path) -> None:
    stored = json.loads(path.read_text())
    from_item, to_item = CODECS[path.stem]

    entity = from_item(attributes.values(stored))

    assert attributes.image(to_item(entity)) == stored


def test_every_codec_has_a_golden_item() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CODECS)


def test_the_golden_order_adds_up() -> None:
    domain.check(orders.read_image(json.loads((GOLDEN / "order.json").read_text())))


def test_only_an_order_that_waits_is_in_the_index_of_due_things() -> None:
    order = orders.read_image(json.loads((GOLDEN / "order.json").read_text()))

    assert "due_shard" not in orders.to_item(order)
    due = orders.to_item(replace(order, due_at="2026-11-24T10:00:00.000Z"))
    assert due["due_at"] == "2026-11-24T10:00:00.000Z#ORD#nordlys#5550001"


def test_a_write_must_raise_the_revision_by_one() -> None:
    order = orders.read_image(json.loads((GOLDEN / "order.json").read_text()))

    with pytest.raises(ValueError, match="revision"):
        orders.put_seen("OrderTable", order, order)
