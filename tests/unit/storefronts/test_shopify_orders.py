"""Orders that Shopify is asked for come in the shape of its webhooks, with all of their lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.domain.intake import Ask
from shared.domain.names import ChannelId
from shared.errors import InvalidInput, Rejected
from shared.storefronts import shopify
from shared.storefronts.shopify_orders import MOST_LINES, Orders
from tests.support import trade

FOUND = json.loads((Path(__file__).parents[3] / "events/polls/shopify_orders.json").read_text())
NODE = FOUND["data"]["orders"]["nodes"][0]
ORDER_ID = NODE["legacyResourceId"]


@dataclass
class Wire:
    """Answers what it was told to, and keeps what it was asked."""

    answers: list[Any]
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self, _url: str, _token: str, _query: str, variables: Mapping[str, Any], _: float
    ) -> Mapping[str, Any]:
        self.asked.append(dict(variables))
        answer: Mapping[str, Any] = {"data": self.answers.pop(0)}
        return answer


def lines(first: int, count: int, then: str | None) -> dict[str, Any]:
    (line, *_) = NODE["lineItems"]["nodes"]
    nodes = [line | {"id": f"gid://shopify/LineItem/{first + i}"} for i in range(count)]
    node = deepcopy(NODE)
    node["lineItems"] = {"nodes": nodes, "pageInfo": {"hasNextPage": then is not None, "endCursor": then}}
    return {"order": node}


def orders(wire: Wire) -> Orders:
    return Orders(url="https://shop/graphql.json", token="t", post=wire)


def test_an_order_is_fetched_with_all_pages_of_its_lines() -> None:
    wire = Wire([lines(1, MOST_LINES, "c1"), lines(101, MOST_LINES, "c2"), lines(201, 50, None)])

    found = orders(wire).fetch_order(ORDER_ID)

    assert [each.get("linesAfter") for each in wire.asked] == [None, "c1", "c2"]
    assert {each["id"] for each in wire.asked} == {f"gid://shopify/Order/{ORDER_ID}"}
    intake = shopify.read_order(ChannelId("nordlys"), found.topic, found.body)
    assert (found.order_id, intake.ask) == (ORDER_ID, Ask.EDIT)
    assert [line.line for line in intake.order.lines] == [str(i) for i in range(1, 251)]


def test_an_order_found_with_more_lines_than_a_page_is_fetched() -> None:
    (many,) = lines(1, MOST_LINES, "c1").values()
    wire = Wire(
        [
            {"orders": {"nodes": [many, NODE], "pageInfo": {"hasNextPage": False, "endCursor": None}}},
            lines(1, MOST_LINES, "c1"),
            lines(101, 3, None),
        ]
    )

    found = list(orders(wire).list_orders_since(trade.times_now()))

    assert [len(json.loads(each.body)["line_items"]) for each in found] == [103, 2]


def test_an_order_the_shop_has_no_more_is_said_to_be_gone() -> None:
    with pytest.raises(Rejected) as refused:
        orders(Wire([{"order": None}])).fetch_order("7")

    assert refused.value.code == "no_such_order"


def test_an_order_of_more_lines_than_one_may_have_is_refused() -> None:
    wire = Wire([lines(1 + page * MOST_LINES, MOST_LINES, "next") for page in range(6)])

    with pytest.raises(InvalidInput) as refused:
        orders(wire).fetch_order(ORDER_ID)

    assert refused.value.code == "lines"


def test_an_answer_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        orders(Wire([{"order": {"lineItems": {}}}])).fetch_order("7")

    assert refused.value.code == "shop_answer"
