"""What comes over Shopify's partner bus is believed by whose it is, and read as what comes by HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.storefronts import shopify, shopify_bus
from shared.storefronts.shopify_bus import Bus

GOLDEN = json.loads((Path(__file__).parents[3] / "events/bus/shopify_orders_create.json").read_text())
OURS = Bus(source="aws.partner/shopify.com/4711/truestock", account="123456789012")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def test_a_webhook_is_read_as_if_it_had_come_by_http() -> None:
    carried = shopify_bus.read(GOLDEN, OURS)

    assert carried.shop == "nordlys-living.myshopify.com"
    assert json.loads(carried.body) == GOLDEN["detail"]["payload"]
    event = shopify.identify(carried.body, carried.headers)
    assert (event.topic, event.event_id) == ("orders/create", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043")
    assert (event.order, event.is_thin) == ("820982911946154508", False)


def test_the_names_of_its_headers_may_be_in_any_case() -> None:
    told = GOLDEN["detail"]["metadata"]
    other = {name.upper(): value for name, value in told.items()}

    carried = shopify_bus.read(GOLDEN | {"detail": GOLDEN["detail"] | {"metadata": other}}, OURS)

    assert carried == shopify_bus.read(GOLDEN, OURS)


@pytest.mark.parametrize(
    ("changes", "bus"),
    [
        ({"source": "aws.partner/shopify.com/4712/truestock"}, OURS),
        ({"account": "123456789013"}, OURS),
        ({"detail-type": "shopifyOther"}, OURS),
        ({"source": ""}, Bus(source="", account="123456789012")),
        ({}, Bus(source="", account="123456789012")),
    ],
)
def test_another_bus_is_not_believed(changes: dict[str, str], bus: Bus) -> None:
    with pytest.raises(InvalidInput) as refused:
        shopify_bus.read(GOLDEN | changes, bus)

    assert refused.value.code == "other_bus"


@given(detail=anything | st.fixed_dictionaries({"payload": anything, "metadata": anything}))
def test_hostile_details_are_read_or_refused(detail: Any) -> None:  # noqa: ANN401 - any JSON
    try:
        carried = shopify_bus.read(GOLDEN | {"detail": detail}, OURS)
    except InvalidInput:
        return
    assert isinstance(json.loads(carried.body), dict)


@pytest.mark.parametrize("payload", [{"id": float("inf")}, {"id": float("nan")}, {"name": "\ud800"}])
def test_what_cannot_be_written_as_json_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        shopify_bus.read(GOLDEN | {"detail": GOLDEN["detail"] | {"payload": payload}}, OURS)

    assert refused.value.code == "not_json"
