"""What BigCommerce lists: products, and of those that are counted by variants, these.

(https://developer.bigcommerce.com/docs/rest-catalog/products: `include=variants`, `inventory_tracking`.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.storefronts import payloads
from shared.storefronts.bigcommerce_rest import Api, data
from shared.storefronts.contract import Listing
from shared.storefronts.json_calls import strange
from shared.storefronts.payloads import Object

PATH = "v3/catalog/products"
PAGE = 50
MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Products:
    """A store's products."""

    api: Api

    def list_products(self) -> Iterator[Listing]:
        """Yield what has a SKU that can be one of ours.

        Raises Transient when the store is busy or silent, InvalidInput when it does not understand us.
        """
        for page in range(1, MOST_PAGES + 1):
            answer = self.api.get(PATH, include="variants", sort="id", limit=PAGE, page=page)
            for product in data(answer, "products"):
                yield from _listed(Object(product, "product"))
            if page >= _pages(Object(answer, "products")):
                return
        raise strange("products without an end")


def _listed(product: Object) -> Iterator[Listing]:
    """Read what a product is told quantities as: itself, or each variant by itself."""
    number, title = product.id("id"), payloads.short(product.value.get("name"))
    tracking = product.value.get("inventory_tracking")
    if tracking == "variant":
        variants = payloads.rows(product.value.get("variants"), "variant")
        shown = [(f"{number}/{each.id('id')}", each.value.get("sku")) for each in variants]
    else:
        shown = [(number, product.value.get("sku"))]
    for listing, told in shown:
        if sku := payloads.sku_or_none(told):
            yield Listing(sku=sku, listing=listing, title=title, is_counted=tracking in {"product", "variant"})


def _pages(answer: Object) -> int:
    told = Object(answer.table("meta"), "meta").table("pagination").get("total_pages")
    if not isinstance(told, int):
        raise strange("pages of products")
    return told
