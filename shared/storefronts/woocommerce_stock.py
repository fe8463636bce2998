"""What WooCommerce is told of quantities: absolute numbers in batches, read back.

Up to 100 products a batch, and up to 100 variations of one product, for a variation's quantity is set below its
product; an item's error stands inside an answer of 200 (WC_REST_Controller::batch_items). There is no compare-and-set
and no idempotency key: a number is absolute, so telling it twice is harmless, and what the shop then shows says
whether it took it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import InvalidInput, Transient
from shared.storefronts.contract import NOT_TAKEN, Answer, Quantity, is_taken
from shared.storefronts.json_calls import NOT_FOUND, strange
from shared.storefronts.web import THROTTLED
from shared.storefronts.woocommerce_rest import Rest

MOST_AT_ONCE = 100
MOST_BATCHES = 8
"""Batches told at once: a slow shop answers two requests a second, and a publisher has half a minute."""
BATCHES_A_SECOND = 4
"""Batches told at once for each call a second that the shop takes: eight seconds of them, for each is read back."""
NO_SUCH_LISTING = "no_such_listing"

_LISTING = re.compile(r"(?:([1-9][0-9]{0,18})/)?([1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Stock:
    """A shop's quantities. A listing is `<product>` or `<product>/<variation>`.

    `most_batches`: told at once, as many as the shop takes in a few seconds.
    """

    rest: Rest
    most_batches: int = MOST_BATCHES

    def say_quantity(self, wanted: Sequence[Quantity]) -> Answer:
        """Set numbers and look whether they are there; what has to wait for its batch is told later.

        So does what a shop did not take that throttles after a batch: begun anew with all, it would never end.
        """
        batches, refused = _batches(each.item for each in wanted)
        units = {each.item: each for each in wanted}
        done = 0
        try:
            for parent, items in batches[: self.most_batches]:
                refused |= self._say(parent, [units[item] for item in items])
                done += 1
        except Transient as failure:
            if not done or failure.code != THROTTLED:
                raise
        return Answer(refused=refused, later=frozenset(item for _, items in batches[done:] for item in items))

    def list_levels(self, items: Iterable[str]) -> dict[str, int]:
        """Read the shop's own numbers; what it does not count, or has no more, is absent."""
        found: dict[str, int] = {}
        for parent, some in _batches(items)[0]:
            ids = ",".join(sorted(map(_tail, some), key=int))
            try:
                listed = self.rest.get(
                    _path(parent), include=ids, per_page=MOST_AT_ONCE, _fields="id,manage_stock,stock_quantity"
                )
            except InvalidInput as failure:
                if failure.details.get("status") == NOT_FOUND:
                    continue
                raise
            for item, one in _by_item(parent, listed).items():
                if one.get("manage_stock") is True and isinstance(one.get("stock_quantity"), int):
                    found[item] = one["stock_quantity"]
        return found

    def _say(self, parent: str, wanted: Sequence[Quantity]) -> dict[str, str]:
        """Set the numbers of one batch and read them back; return the items refused, each with its code."""
        refused = self._set(parent, {each.item: each.units for each in wanted})
        said = [each for each in wanted if each.item not in refused]
        shown = self.list_levels(each.item for each in said)
        return refused | {each.item: NOT_TAKEN for each in said if not is_taken(each, shown.get(each.item))}

    def _set(self, parent: str, units: Mapping[str, int]) -> dict[str, str]:
        """Set the numbers of one batch; return the items refused, each with its code."""
        told = [{"id": int(_tail(item)), "manage_stock": True, "stock_quantity": many} for item, many in units.items()]
        try:
            answer = self.rest.post(f"{_path(parent)}/batch", {"update": told})
        except InvalidInput as failure:
            if failure.details.get("status") == NOT_FOUND:
                return dict.fromkeys(units, NO_SUCH_LISTING)
            raise
        if not isinstance(answer, dict):
            raise strange("batch")
        answered = _by_item(parent, answer.get("update"))
        codes = {item: one["error"] for item, one in answered.items() if "error" in one}
        refused = {
            item: str(error.get("code", "refused"))[:80] if isinstance(error, dict) else "refused"
            for item, error in codes.items()
        }
        return {item: code for item, code in refused.items() if item in units}


def _batches(items: Iterable[str]) -> tuple[list[tuple[str, list[str]]], dict[str, str]]:
    """Sort listings into batches of products and of one product's variations; refuse what is no listing."""
    by_parent: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    for item in items:
        read = _LISTING.fullmatch(item)
        if read:
            by_parent.setdefault(read[1] or "", []).append(item)
        else:
            refused[item] = NO_SUCH_LISTING
    batches = [
        (parent, some[first : first + MOST_AT_ONCE])
        for parent, some in by_parent.items()
        for first in range(0, len(some), MOST_AT_ONCE)
    ]
    return batches, refused


def _path(parent: str) -> str:
    return f"products/{parent}/variations" if parent else "products"


def _tail(item: str) -> str:
    return item.rpartition("/")[2]


def _by_item(parent: str, listed: object) -> dict[str, dict[str, Any]]:
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise strange("products")
    return {f"{parent}/{each.get('id')}" if parent else str(each.get("id")): each for each in listed}
