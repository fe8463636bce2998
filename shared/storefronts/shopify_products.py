"""What Shopify lists: inventory items, which are told quantities, and the SKUs of their variants.

(https://shopify.dev/docs/api/admin-graphql/latest/queries/inventoryItems)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.errors import InvalidInput
from shared.storefronts import graphql, payloads
from shared.storefronts.contract import Listing

TIMEOUT_SECONDS = 10
PAGE = 250

_QUERY = """
query Listed($first: Int!, $after: String) {
  inventoryItems(first: $first, after: $after) {
    nodes { id sku tracked }
    pageInfo { hasNextPage endCursor }
  }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """A shop's products, and the way there: `post(url, token, query, variables, timeout)` gives the whole answer."""

    url: str
    token: str = field(repr=False)
    post: Callable[[str, str, str, Mapping[str, Any], float], Mapping[str, Any]]

    def list_products(self) -> Iterator[Listing]:
        """Yield what has a SKU, which has no title here.

        Raises Transient when the shop is busy or silent, InvalidInput when it does not understand us.
        """
        variables: dict[str, Any] = {"first": PAGE, "after": None}
        while True:
            answer = graphql.data(self.post(self.url, self.token, _QUERY, variables, TIMEOUT_SECONDS), "inventoryItems")
            try:
                for node in answer["nodes"]:
                    if sku := payloads.sku_or_none(node["sku"]):
                        yield Listing(sku=sku, listing=node["id"], title="", is_counted=node["tracked"] is True)
                page = answer["pageInfo"]
                is_last, after = not page["hasNextPage"], page["endCursor"]
            except (KeyError, TypeError) as error:
                raise InvalidInput("the shop's products have another shape", code="shop_answer") from error
            if is_last:
                return
            if after == variables["after"]:
                raise InvalidInput("the shop's products have no end", code="shop_answer")
            variables["after"] = after
