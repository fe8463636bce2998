"""What an Amazon seller lists in a marketplace: a listing is the seller's SKU.

searchListingsItems (models/listings-items-api-model/listingsItems_2021-08-01.json) lets nobody page through more than
1,000 of what it found, so listings are asked for by when they were made, and those after the last ones anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.storefronts import payloads
from shared.storefronts.amazon_api import Api
from shared.storefronts.amazon_stock import MOST_SEARCHED, level, listings_of
from shared.storefronts.contract import Listing
from shared.storefronts.json_calls import strange

MOST_PAGES = 50


@dataclass(frozen=True, slots=True)
class Products:
    """A seller's listings in one marketplace."""

    api: Api

    def list_products(self) -> Iterator[Listing]:
        """Yield what has a SKU that can be one of ours; what Amazon ships itself is not counted.

        Raises Transient when Amazon is busy or silent, InvalidInput when it does not understand us.
        """
        seen, since, is_more = set[str](), "", True
        while is_more:
            begun, (shown, is_more) = since, self._made_since(since)
            for item in shown:
                since, title = _made(item, since)
                sku = payloads.sku_or_none(item.get("sku"))
                if sku and sku not in seen:
                    seen.add(sku)
                    yield Listing(sku=sku, listing=item["sku"], title=title, is_counted=bool(level(item)))
            if is_more and since == begun:
                raise strange("listings without an end")

    def _made_since(self, since: str) -> tuple[list[dict[str, Any]], bool]:
        """Read the first listings that were made at or after a time, and whether there are more."""
        query = {
            "marketplaceIds": self.api.marketplace,
            "includedData": "summaries,fulfillmentAvailability",
            "sortBy": "createdDate",
            "sortOrder": "ASC",
            "pageSize": str(MOST_SEARCHED),
            **({"createdAfter": since} if since else {}),
        }
        shown: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            answer = payloads.Object(self.api.get("searchListingsItems", listings_of(self.api), query), "listings")
            shown += [each.value for each in payloads.rows(answer.value.get("items"), "listing")]
            token, found = answer.table("pagination").get("nextToken"), answer.value.get("numberOfResults")
            if not isinstance(found, int):
                raise strange("number of listings")
            if not token:
                return shown, found > len(shown)
            query["pageToken"] = str(token)
        return shown, True


def _made(item: dict[str, Any], before: str) -> tuple[str, str]:
    """Read when a listing was made, if it says so, and its title."""
    summaries = item.get("summaries")
    told = summaries[0] if isinstance(summaries, list) and summaries and isinstance(summaries[0], dict) else {}
    made = told.get("createdDate")
    return made if isinstance(made, str) and made else before, payloads.short(told.get("itemName"))
