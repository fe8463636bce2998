"""What Shopify is told: quantities, by GraphQL Admin 2026-04 and later.

`inventorySetQuantities` is compare-and-set: `changeFromQuantity` must be present, and only an explicit null opts
out. The directive `@idempotent` is required when it runs: the key stands for the write intended, the same key with
other quantities is refused, with the same it gives the first answer again. (https://shopify.dev/docs/api/admin-
graphql/latest/mutations/inventorySetQuantities)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.pace import Limit
from shared.errors import InvalidInput
from shared.storefronts import graphql
from shared.storefronts.contract import Answer, Quantity, write_key

MOST_AT_ONCE = 250
TIMEOUT_SECONDS = 8
LIMIT = Limit(per_second=100.0, burst=1000.0)
"""Points of the smallest plan until the shop has told its own. (https://shopify.dev/docs/api/usage/limits)"""

_SET = """
mutation SetAvailable($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}"""

_READ = """
query Available($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem {
      id
      inventoryLevel(locationId: $location) { quantities(names: ["available"]) { name quantity } }
    }
  }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """One shop's location, and the way there: `post(url, token, query, variables, timeout)` gives the whole answer."""

    url: str
    location: str
    token: str = field(repr=False)
    post: Callable[[str, str, str, Mapping[str, Any], float], Mapping[str, Any]]

    def say_quantity(self, wanted: Sequence[Quantity]) -> Answer:
        """Set up to 250 numbers in one piece: all are set, or nothing is.

        Raises Transient when the shop is busy or does not answer, InvalidInput when it does not understand us.
        """
        quantities = [
            {
                "inventoryItemId": each.item,
                "locationId": self.location,
                "quantity": each.units,
                "changeFromQuantity": each.change_from,
            }
            for each in wanted
        ]
        variables = {
            "input": {"name": "available", "reason": "correction", "quantities": quantities},
            "key": write_key(wanted),
        }
        errors = self._ask(_SET, variables, "inventorySetQuantities")["userErrors"]
        stale: set[str] = set()
        refused: dict[str, str] = {}
        for error in errors:
            item = _item_of(error, wanted)
            if error["code"] == "CHANGE_FROM_QUANTITY_STALE":
                stale.add(item)
            else:
                refused[item] = error["code"]
        return Answer(stale=frozenset(stale), refused=refused)

    def list_levels(self, items: Iterable[str]) -> dict[str, int]:
        """Read the shop's own numbers of up to 250 items; what it does not stock is absent."""
        variables = {"ids": sorted(items), "location": self.location}
        found = {}
        for node in self._ask(_READ, variables, "nodes"):
            level = (node or {}).get("inventoryLevel")
            for quantity in level["quantities"] if level else ():
                if quantity["name"] == "available":
                    found[node["id"]] = quantity["quantity"]
        return found

    def _ask(self, query: str, variables: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - the platform's JSON
        return graphql.data(self.post(self.url, self.token, query, variables, TIMEOUT_SECONDS), name)


def _item_of(error: Mapping[str, Any], wanted: Sequence[Quantity]) -> str:
    """Find the item an error is about by its place in the input: `["input", "quantities", "3", ...]`."""
    path = error.get("field") or []
    for part in path:
        if part.isdecimal() and int(part) < len(wanted):
            return wanted[int(part)].item
    raise InvalidInput("the shop refused a whole batch", code="shop_refused", codes=[error.get("code")])
