"""What BigCommerce is told of quantities: absolute adjustments at one location, looked at until they are there.

An adjustment of up to 2,000 items is answered before it is done ("there may be a short delay before data is
updated"), and one wrong item fails it as a whole: the others are told without it. What is set is what is on hand; the
store sells that less a safety stock of its own. (github.com/bigcommerce/docs: `docs/store-operations/catalog/inventory-
adjustments.mdx`, `reference/inventory.v3.yml`.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import Transient
from shared.storefronts.bigcommerce_rest import Api, data
from shared.storefronts.contract import NOT_TAKEN, Answer, Quantity, is_taken

MOST_AT_ONCE = 1000
"""The most items that are listed at once."""
LOOKS_AFTER_SECONDS = (0.0, 1.0, 2.0)
"""How long to wait before each look at what was set."""
SLOW_WAIT_SECONDS = 5.0
NO_SUCH_LISTING = "no_such_listing"

_LISTING = re.compile(r"([1-9][0-9]{0,18})(?:/([1-9][0-9]{0,18}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A store's quantities at a location. A listing is `<product>`, or `<product>/<variant>` where it has variants.

    `wait` waits so many seconds.
    """

    api: Api
    location: str
    wait: Callable[[float], None]

    def say_quantity(self, wanted: Sequence[Quantity]) -> Answer:
        """Set numbers and look until they are there; one that is not when others are was not taken.

        What the store does not count is refused before anything is said of the rest. Raises Transient when not one of
        several is there: the store is slow, or does nothing.
        """
        known = {each.item: each for each in wanted if _LISTING.fullmatch(each.item)}
        refused = {each.item: NO_SUCH_LISTING for each in wanted if each.item not in known}
        if known:
            items = [{"location_id": int(self.location), **_identity(each)} for each in known.values()]
            self.api.put("v3/inventory/adjustments/absolute", {"reason": "Truestock", "items": items})
        missing, shown = self._look(known)
        uncounted = [item for item in missing if item not in shown]
        if not uncounted and len(missing) == len(known) > 1:
            raise Transient("the shop has set nothing yet", code="shop_slow", wait=SLOW_WAIT_SECONDS)
        return Answer(refused=refused | dict.fromkeys(uncounted or missing, NOT_TAKEN))

    def list_levels(self, items: Iterable[str]) -> dict[str, int]:
        """Read what the store has on hand; what it does not count there, or has no more, is absent."""
        read = [found for item in items if (found := _LISTING.fullmatch(item))]
        products = self._listed("product_id", (each[1] for each in read if not each[2]))
        variants = self._listed("variant_id", (each[2] for each in read if each[2]))
        return {
            each[0]: units
            for each in read
            if (units := variants.get((each[1], each[2])) if each[2] else _only(products, each[1])) is not None
        }

    def _look(self, known: Mapping[str, Quantity]) -> tuple[list[str], Mapping[str, int]]:
        """Return what is not there after some looks, and what was shown of it last."""
        missing, shown = list(known), dict[str, int]()
        for seconds in LOOKS_AFTER_SECONDS:
            if not missing:
                break
            if seconds:
                self.wait(seconds)
            shown = self.list_levels(missing)
            missing = [item for item in missing if not is_taken(known[item], shown.get(item))]
        return missing, shown

    def _listed(self, by: str, ids: Iterable[str]) -> dict[tuple[str, str], int]:
        """Read what is on hand of some products or variants, by both ids."""
        wanted = sorted(set(ids), key=int)
        if not wanted:
            return {}
        listed = data(
            self.api.ask(items_of(self.location), {f"{by}:in": ",".join(wanted), "limit": MOST_AT_ONCE}), "inventory"
        )
        found: dict[tuple[str, str], int] = {}
        for each in listed:
            identity, units = each.get("identity"), each.get("total_inventory_onhand")
            if isinstance(identity, dict) and isinstance(units, int):
                found[str(identity.get("product_id")), str(identity.get("variant_id"))] = units
        return found


def items_of(location: str) -> str:
    """Say where the items of a location are listed."""
    return f"v3/inventory/locations/{location}/items"


def _identity(wanted: Quantity) -> dict[str, Any]:
    product, _, variant = wanted.item.partition("/")
    named = {"variant_id": int(variant)} if variant else {"product_id": int(product)}
    return {**named, "quantity": wanted.units}


def _only(found: Mapping[tuple[str, str], int], product: str) -> int | None:
    """Return the number of a product that is counted as a whole; none where several variants have one each."""
    units = [units for (of, _), units in found.items() if of == product]
    return units[0] if len(units) == 1 else None
