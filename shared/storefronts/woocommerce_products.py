"""What WooCommerce lists: products, and below those that are sold by variations, these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.errors import InvalidInput
from shared.storefronts import woocommerce
from shared.storefronts.contract import Listing
from shared.storefronts.json_calls import strange
from shared.storefronts.payloads import Object
from shared.storefronts.woocommerce_rest import Rest

PAGE = 100
MOST_PAGES = 1000
_FIELDS = "id,parent_id,name,type,sku,manage_stock"


@dataclass(frozen=True, slots=True)
class Products:
    """A shop's products."""

    rest: Rest

    def list_products(self) -> Iterator[Listing]:
        """Yield what has a SKU that can be one of ours; each product that has variations costs a call of its own.

        Raises Transient when the shop is busy or silent, InvalidInput when it does not understand us.
        """
        for product in self._pages("products"):
            yield from _listed(product)
            if product.value.get("type") == "variable":
                parent = product.id("id")
                for variation in self._pages(f"products/{parent}/variations"):
                    variation.value.update(type="variation", parent_id=int(parent))
                    yield from _listed(variation)

    def _pages(self, path: str) -> Iterator[Object]:
        for page in range(1, MOST_PAGES + 1):
            listed = self.rest.get(path, orderby="id", order="asc", per_page=PAGE, page=page, _fields=_FIELDS)
            if not isinstance(listed, list):
                raise strange(path)
            yield from (Object(each, "product") for each in listed)
            if len(listed) < PAGE:
                return
        raise strange("products without an end")


def _listed(product: Object) -> tuple[Listing, ...]:
    """Read what a product lists: one whose SKU can be no name is none of ours."""
    try:
        return woocommerce.listed(product)
    except InvalidInput:
        return ()
