"""What Shopify's Admin API says of orders, turned into the shape of its webhooks, so that one reader reads both.

(https://shopify.dev/docs/api/admin-graphql/latest/queries/orders; the search by `updated_at` lags by seconds, so
whoever asks overlaps.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain import times
from shared.errors import InvalidInput, Rejected
from shared.storefronts import graphql, payloads
from shared.storefronts.contract import Found

TIMEOUT_SECONDS = 10
PAGE = 25
"""Orders a page: 25 of 100 lines each stay under the query cost that any plan allows."""
MOST_LINES = 100

_TOLD = """
fragment Told on Order {
  legacyResourceId name createdAt updatedAt cancelledAt currencyCode test displayFinancialStatus
  lineItems(first: $lines, after: $linesAfter) {
    nodes {
      id sku currentQuantity requiresShipping isGiftCard
      originalUnitPriceSet { shopMoney { amount } }
    }
    pageInfo { hasNextPage endCursor }
  }
  shippingAddress {
    name company address1 address2 city zip province provinceCode countryCodeV2 phone
  }
}"""

_CHANGED = f"""
query ChangedOrders($search: String!, $first: Int!, $after: String, $lines: Int!, $linesAfter: String) {{
  orders(first: $first, after: $after, query: $search, sortKey: UPDATED_AT) {{
    nodes {{ ...Told }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}{_TOLD}"""

_ONE = f"""
query OneOrder($id: ID!, $lines: Int!, $linesAfter: String) {{
  order(id: $id) {{ ...Told }}
}}{_TOLD}"""

_ADDRESS = {
    "name": "name",
    "company": "company",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "zip": "zip",
    "province": "province",
    "provinceCode": "province_code",
    "countryCodeV2": "country_code",
    "phone": "phone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """A shop's orders, and the way there: `post(url, token, query, variables, timeout)` gives the whole answer."""

    url: str
    token: str = field(repr=False)
    post: Callable[[str, str, str, Mapping[str, Any], float], Mapping[str, Any]] = graphql.post

    def list_orders_since(self, since: datetime) -> Iterator[Found]:
        """Yield orders changed at or after a time, oldest change first.

        Raises Transient when the shop is busy or silent, InvalidInput when it does not understand us.
        """
        variables: dict[str, Any] = {
            "search": f"updated_at:>='{times.text(since)}'",
            "first": PAGE,
            "lines": MOST_LINES,
        }
        while True:
            answer = graphql.data(self._ask(_CHANGED, variables), "orders")
            try:
                for node in answer["nodes"]:
                    is_whole = not node["lineItems"]["pageInfo"]["hasNextPage"]
                    yield _found(node, node["lineItems"]["nodes"]) if is_whole else self.fetch_order(_id(node))
                page = answer["pageInfo"]
            except STRANGE as error:
                raise _strange() from error
            if not page["hasNextPage"]:
                return
            variables["after"] = page["endCursor"]

    def fetch_order(self, order_id: str) -> Found:
        """Read one order, with all of its lines, a page of them at a time.

        Raises Rejected when the shop has it no more, InvalidInput for one of more lines than an order may have.
        """
        variables: dict[str, Any] = {"id": f"gid://shopify/Order/{order_id}", "lines": MOST_LINES}
        lines: list[Mapping[str, Any]] = []
        while len(lines) <= payloads.MOST_LINES:
            node = graphql.data(self._ask(_ONE, variables), "order", may_lack=True)
            if node is None:
                raise Rejected("the shop has no such order", code="no_such_order", order=order_id)
            try:
                lines += node["lineItems"]["nodes"]
                page = node["lineItems"]["pageInfo"]
                if not page["hasNextPage"]:
                    return _found(node, lines)
                variables["linesAfter"] = page["endCursor"]
            except STRANGE as error:
                raise _strange() from error
        raise InvalidInput("an order has too many lines", code="lines", most=payloads.MOST_LINES)

    def _ask(self, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.post(self.url, self.token, query, variables, TIMEOUT_SECONDS)


STRANGE = (KeyError, TypeError, AttributeError)
"""What reading an answer of another shape raises."""


def _strange() -> InvalidInput:
    return InvalidInput("the shop's orders have another shape", code="shop_answer")


def _id(node: Mapping[str, Any]) -> str:
    return str(node["legacyResourceId"])


def _found(node: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> Found:
    order_id = _id(node)
    address = node["shippingAddress"]
    told = {
        "id": order_id,
        "name": node["name"],
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "cancelled_at": node["cancelledAt"],
        "currency": node["currencyCode"],
        "test": node["test"],
        "financial_status": (node["displayFinancialStatus"] or "").lower(),
        "line_items": [_line(line) for line in lines],
        "shipping_address": {ours: address.get(theirs) for theirs, ours in _ADDRESS.items()} if address else None,
    }
    topic = "orders/cancelled" if node["cancelledAt"] else "orders/updated"
    return Found(order_id=order_id, topic=topic, body=json.dumps(told).encode())


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": line["id"].rpartition("/")[2],
        "sku": line["sku"],
        "quantity": line["currentQuantity"],
        "current_quantity": line["currentQuantity"],
        "price": line["originalUnitPriceSet"]["shopMoney"]["amount"],
        "requires_shipping": line["requiresShipping"],
        "gift_card": line["isGiftCard"],
    }
