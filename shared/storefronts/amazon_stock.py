"""What Amazon is told of quantities: one listing a request, absolute, beside what it has of it.

`merge` sets the quantity and leaves restock date and handling time as they are, which `replace` drops
(developer-docs.amazon.com/sp-api/docs/merge-a-listing, models/listings-items-api-model/listingsItems_2021-08-01.json).
`ACCEPTED` says that Amazon will do it, within minutes; a listing that it does not take is answered `INVALID`, with what
is wrong. There is no compare-and-set. Why no feed: docs/adr/0075-no-feed-to-amazon.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from shared.errors import InvalidInput, Transient
from shared.storefronts.amazon_api import NOT_FOUND, Api
from shared.storefronts.contract import NOT_UNDERSTOOD, Answer, Quantity
from shared.storefronts.json_calls import strange

MOST_PATCHES = 25
"""Listings told at once: Amazon takes five a second, and a publisher has half a minute for all it does."""
SECONDS_OF_PATCHES = 5
"""Listings told at once for each call a second that Amazon, or the merchant, lets through."""
MOST_SEARCHED = 20
OWN = "DEFAULT"
"""The fulfilment channel of what the seller ships."""
ANY_PRODUCT = "PRODUCT"
"""The product type of a change to offers alone, whatever is sold."""


@dataclass(frozen=True, slots=True)
class Stock:
    """A seller's quantities in one marketplace. A listing is the seller's SKU. `most`: told at once."""

    api: Api
    most: int = MOST_PATCHES

    def say_quantity(self, wanted: Sequence[Quantity]) -> Answer:
        """Set numbers one by one: a listing that Amazon refuses holds up no other.

        When it takes no more for now, the rest is told later; Transient is raised only when it took none.
        """
        refused: dict[str, str] = {}
        for at, each in enumerate(wanted[: self.most]):
            try:
                code = self._set(each)
            except Transient:
                if not at:
                    raise
                return Answer(refused=refused, later=_items(wanted[at:]))
            if code:
                refused[each.item] = code
        return Answer(refused=refused, later=_items(wanted[self.most :]))

    def list_levels(self, items: Iterable[str]) -> dict[str, int]:
        """Read the shop's own numbers; what it does not list, or ships itself, is absent.

        A SKU with a comma is read by itself, for Amazon takes its comma as the end of it.
        """
        wanted = list(items)
        plain = [item for item in wanted if "," not in item]
        found: dict[str, int] = {}
        for first in range(0, len(plain), MOST_SEARCHED):
            some = plain[first : first + MOST_SEARCHED]
            query = {"identifiers": ",".join(some), "identifiersType": "SKU", "pageSize": str(MOST_SEARCHED)}
            answer = self.api.get("searchListingsItems", listings_of(self.api), self._query() | query)
            listed = answer.get("items") if isinstance(answer, dict) else None
            if not isinstance(listed, list):
                raise strange("listings")
            found |= {item: units for one in listed for item, units in level(one) if item in some}
        for item in wanted:
            if "," in item:
                found |= dict(self._one(item))
        return found

    def _set(self, wanted: Quantity) -> str:
        """Set one number; return the code of a refusal, empty when it is taken."""
        value = [{"fulfillment_channel_code": OWN, "quantity": wanted.units}]
        patch = {"op": "merge", "path": "/attributes/fulfillment_availability", "value": value}
        path = f"{self._path(wanted.item)}?marketplaceIds={self.api.marketplace}"
        try:
            answer = self.api.patch("patchListingsItem", path, {"productType": ANY_PRODUCT, "patches": [patch]})
        except InvalidInput as failure:
            if failure.code != NOT_UNDERSTOOD:
                raise
            return NOT_UNDERSTOOD
        if not isinstance(answer, dict) or not isinstance(answer.get("status"), str):
            raise strange("listing")
        return "" if answer["status"] == "ACCEPTED" else _issue(answer.get("issues"))

    def _one(self, item: str) -> list[tuple[str, int]]:
        try:
            return level(self.api.get("getListingsItem", self._path(item), self._query()))
        except InvalidInput as failure:
            if failure.code == NOT_UNDERSTOOD and failure.details.get("status") == NOT_FOUND:
                return []
            raise

    def _path(self, item: str) -> str:
        return f"{listings_of(self.api)}/{quote(item, safe='')}"

    def _query(self) -> dict[str, str]:
        return {"marketplaceIds": self.api.marketplace, "includedData": "fulfillmentAvailability"}


def listings_of(api: Api) -> str:
    """Say where a seller's listings are found."""
    return f"/listings/2021-08-01/items/{quote(api.seller, safe='')}"


def _items(wanted: Sequence[Quantity]) -> frozenset[str]:
    return frozenset(each.item for each in wanted)


def level(listed: object) -> list[tuple[str, int]]:
    """Read what a listing shows as the seller's own quantity, if it shows one."""
    if not isinstance(listed, dict) or not isinstance(listed.get("sku"), str):
        raise strange("listing")
    shown = listed.get("fulfillmentAvailability") or []
    if not isinstance(shown, list) or not all(isinstance(each, dict) for each in shown):
        raise strange("availability")
    own: list[Any] = [each.get("quantity") for each in shown if each.get("fulfillmentChannelCode") == OWN]
    return [(listed["sku"], units) for units in own[:1] if isinstance(units, int)]


def _issue(issues: object) -> str:
    """Name the first error among what Amazon finds wrong."""
    for each in issues if isinstance(issues, list) else ():
        if isinstance(each, dict) and each.get("severity") == "ERROR" and each.get("code"):
            return str(each["code"])[:80]
    return "refused"
