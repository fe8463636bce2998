"""Quantities are set as the platform's contract wants them, and its answers are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.errors import InvalidInput, Transient
from shared.storefronts.contract import Answer, Quantity
from shared.storefronts.shopify_admin import Shop

ITEM, OTHER = "gid://shopify/InventoryItem/1", "gid://shopify/InventoryItem/2"
WANTED = Quantity(item=ITEM, units=7, change_from=10, told_before=3)
UNTOLD = Quantity(item=OTHER, units=4, change_from=None, told_before=0)


@dataclass
class Wire:
    """Keeps what was posted and answers as told."""

    answer: dict[str, Any]
    posted: list[Mapping[str, Any]] = field(default_factory=list)

    def __call__(
        self, url: str, token: str, query: str, variables: Mapping[str, Any], _timeout: float
    ) -> Mapping[str, Any]:
        assert (url, token) == ("https://nordlys.example/graphql", "shpat")
        self.posted.append({"query": query, **variables})
        return self.answer


def shop(wire: Wire) -> Shop:
    return Shop(url="https://nordlys.example/graphql", location="gid://shopify/Location/1", token="shpat", post=wire)


def answer(*errors: tuple[str, list[str] | None]) -> dict[str, Any]:
    user_errors = [{"code": code, "field": path, "message": ""} for code, path in errors]
    return {"data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": user_errors}}}


def test_a_set_carries_what_it_changes_from_and_a_key() -> None:
    wire = Wire(answer())

    assert shop(wire).say_quantity([WANTED, UNTOLD]) == Answer()

    (posted,) = wire.posted
    assert "@idempotent(key: $key)" in posted["query"]
    assert len(posted["key"]) == 40
    assert posted["input"] == {
        "name": "available",
        "reason": "correction",
        "quantities": [
            {
                "inventoryItemId": ITEM,
                "locationId": "gid://shopify/Location/1",
                "quantity": 7,
                "changeFromQuantity": 10,
            },
            {
                "inventoryItemId": OTHER,
                "locationId": "gid://shopify/Location/1",
                "quantity": 4,
                "changeFromQuantity": None,
            },
        ],
    }


@pytest.mark.parametrize(
    ("_case", "other", "is_same"),
    [
        ("tried again", WANTED, True),
        ("another number", replace(WANTED, units=6), False),
        ("from another number", replace(WANTED, change_from=9), False),
        ("the same number wanted again later", replace(WANTED, told_before=4), False),
    ],
)
def test_the_key_stands_for_the_write_intended(_case: str, other: Quantity, is_same: bool) -> None:  # noqa: FBT001
    wire = Wire(answer())

    shop(wire).say_quantity([WANTED])
    shop(wire).say_quantity([other])

    assert (wire.posted[0]["key"] == wire.posted[1]["key"]) is is_same


def test_refusals_are_told_apart_by_item() -> None:
    stale = ("CHANGE_FROM_QUANTITY_STALE", ["input", "quantities", "0", "changeFromQuantity"])
    unknown = ("INVALID_INVENTORY_ITEM", ["input", "quantities", "1", "inventoryItemId"])

    found = shop(Wire(answer(stale, unknown))).say_quantity([WANTED, UNTOLD])

    assert found == Answer(stale=frozenset({ITEM}), refused={OTHER: "INVALID_INVENTORY_ITEM"})
    assert not found.is_done


@pytest.mark.parametrize(
    ("_case", "said", "kind", "code"),
    [
        (
            "busy",
            {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]},
            Transient,
            "throttled",
        ),
        (
            "a request it does not know",
            {"errors": [{"message": "no", "extensions": {"code": "INVALID_VARIABLE"}}]},
            InvalidInput,
            "not_understood",
        ),
        ("nothing", {"data": None}, InvalidInput, "not_understood"),
        ("a refusal of the whole", answer(("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", [])), InvalidInput, "shop_refused"),
        ("a refusal of no place", answer(("INVALID_REASON", None)), InvalidInput, "shop_refused"),
    ],
)
def test_an_answer_that_is_none(_case: str, said: dict[str, Any], kind: type[Exception], code: str) -> None:
    with pytest.raises(kind) as raised:
        shop(Wire(said)).say_quantity([WANTED])

    assert getattr(raised.value, "code", "") == code


def test_quantities_are_read_and_what_the_shop_does_not_stock_is_absent() -> None:
    level = {"quantities": [{"name": "available", "quantity": 8}]}
    nodes = [{"id": ITEM, "inventoryLevel": level}, {"id": OTHER, "inventoryLevel": None}, None]

    found = shop(Wire({"data": {"nodes": nodes}})).list_levels([ITEM, OTHER, "gid://shopify/InventoryItem/3"])

    assert found == {ITEM: 8}


def test_the_token_is_not_shown() -> None:
    assert "shpat" not in repr(shop(Wire({})))
