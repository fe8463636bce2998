"""What Shopify lists is read page by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from shared.domain.names import Sku
from shared.errors import InvalidInput
from shared.storefronts.contract import Listing
from shared.storefronts.shopify_products import Products


def item(at: int, sku: str | None, *, tracked: bool = True) -> dict[str, Any]:
    return {"id": f"gid://shopify/InventoryItem/{at}", "sku": sku, "tracked": tracked}


def page(*nodes: object, after: str | None = None) -> dict[str, Any]:
    told = {"nodes": list(nodes), "pageInfo": {"hasNextPage": after is not None, "endCursor": after}}
    return {"data": {"inventoryItems": told}}


def listed(*pages: Mapping[str, Any]) -> tuple[list[Listing], list[object]]:
    left, asked = list(pages), list[object]()

    def post(_url: str, _token: str, _query: str, variables: Mapping[str, Any], _timeout: float) -> Mapping[str, Any]:
        asked.append(variables["after"])
        return left.pop(0)

    return list(Products(url="", token="", post=post).list_products()), asked


def test_items_with_a_sku_are_listed_over_all_pages() -> None:
    found, asked = listed(
        page(item(1, "A"), item(2, None), item(3, " "), after="c1"), page(item(4, "B", tracked=False), item(5, "bad#"))
    )

    assert [(each.sku, each.listing[-1], each.is_counted) for each in found] == [
        (Sku("A"), "1", True),
        (Sku("B"), "4", False),
    ]
    assert asked == [None, "c1"]


@pytest.mark.parametrize(
    "answers",
    [
        [page({"id": "x"})],
        [page(7)],
        [{"data": {"inventoryItems": {"nodes": [], "pageInfo": None}}}],
        [page(after="c1"), page(after="c1")],
        [{"data": None}],
    ],
)
def test_products_of_another_shape_or_without_an_end_are_refused(answers: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidInput):
        listed(*answers)
