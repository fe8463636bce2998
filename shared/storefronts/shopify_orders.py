"""What Shopify's Admin API says of orders, turned into the shape of its webhooks, so that one reader reads both.

(https://shopify.dev/docs/api/admin-graphql/latest/queries/orders; the search by `updated_at` lags by seconds, so
whoever asks overlaps.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain import times
from shared.errors import InvalidInput
from shared.storefronts import graphql
from shared.storefronts.contract import Found

TIMEOUT_SECONDS = 10
PAGE = 25
"""Orders a page: 25 of 100 lines each stay under the query cost that any plan allows."""
MOST_LINES = 100

_QUERY = """
query ChangedOrders($search: String!, $first: Int!, $after: String, $lines: Int!) {
  orders(first: $first, after: $after, query: $search, sortKey: UPDATED_AT) {
    nodes {
      legacyResourceId name createdAt updatedAt cancelledAt currencyCode test
      lineItems(first: $lines) {
        nodes {
          id sku currentQuantity requiresShipping isGiftCard
          originalUnitPriceSet { shopMoney { amount } }
        }
        pageInfo { hasNextPage }
      }
      shippingAddress {
        name company address1 address2 city zip province provinceCode countryCodeV2 phone
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""

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

        Raises Transient when the shop is busy or silent, InvalidInput when it does not understand us or answers an
        order that we cannot read whole.
        """
        variables: dict[str, Any] = {
            "search": f"updated_at:>='{times.text(since)}'",
            "first": PAGE,
            "lines": MOST_LINES,
        }
        while True:
            answer = graphql.data(self.post(self.url, self.token, _QUERY, variables, TIMEOUT_SECONDS), "orders")
            try:
                yield from map(_found, answer["nodes"])
                page = answer["pageInfo"]
            except (KeyError, TypeError, AttributeError) as error:
                raise InvalidInput("the shop's orders have another shape", code="shop_answer") from error
            if not page["hasNextPage"]:
                return
            variables["after"] = page["endCursor"]


def _found(node: Mapping[str, Any]) -> Found:
    order_id = str(node["legacyResourceId"])
    if node["lineItems"]["pageInfo"]["hasNextPage"]:
        raise InvalidInput("an order has more lines than are asked for", code="too_many_lines", order=order_id)
    address = node["shippingAddress"]
    told = {
        "id": order_id,
        "name": node["name"],
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "cancelled_at": node["cancelledAt"],
        "currency": node["currencyCode"],
        "test": node["test"],
        "line_items": [_line(line) for line in node["lineItems"]["nodes"]],
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
