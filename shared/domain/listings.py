"""What a shop lists, held against what we have of it: what is to be learned, and what is for a person.

A SKU has one listing in a shop and a listing one SKU. Where the shop says another thing, nothing is guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from shared.domain.names import Sku


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a shop's listings differ from ours.

    To be learned: `new`, and `moved` as `SKU -> (ours, the shop's)`. For a person: `doubled`, SKUs that the shop lists
    more than once; `taken`, listings that several SKUs have, here or in the shop; `unknown`, SKUs that are none of
    ours; `gone`, listings of ours that the shop has no more.
    """

    new: Mapping[Sku, str]
    moved: Mapping[Sku, tuple[str, str]]
    doubled: Mapping[Sku, tuple[str, ...]]
    taken: Mapping[str, tuple[Sku, ...]]
    unknown: Mapping[Sku, tuple[str, ...]]
    gone: Mapping[Sku, str]
    unchanged: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be learned."""
        return not self.new and not self.moved


def compare(shown: Iterable[tuple[Sku, str]], ours: Mapping[str, Sku], known: Collection[Sku]) -> Comparison:
    """Compare what a shop shows, each SKU with a listing, with `ours`, listing -> SKU; `known` are our SKUs."""
    listings: dict[Sku, set[str]] = defaultdict(set)
    skus: dict[str, set[Sku]] = defaultdict(set)
    for sku, listing in shown:
        listings[sku].add(listing)
        if sku in known:
            skus[listing].add(sku)
    for listing, sku in ours.items():
        skus[listing].add(sku)
    mine = {sku: listing for listing, sku in ours.items()}
    new: dict[Sku, str] = {}
    moved: dict[Sku, tuple[str, str]] = {}
    doubled: dict[Sku, tuple[str, ...]] = {}
    taken: dict[str, tuple[Sku, ...]] = {}
    unknown: dict[Sku, tuple[str, ...]] = {}
    unchanged = 0
    for sku, found in sorted(listings.items()):
        in_order = tuple(sorted(found))
        if sku not in known:
            unknown[sku] = in_order
        elif len(in_order) > 1:
            doubled[sku] = in_order
        elif len(skus[in_order[0]]) > 1:
            taken[in_order[0]] = tuple(sorted(skus[in_order[0]]))
        elif sku not in mine:
            new[sku] = in_order[0]
        elif mine[sku] != in_order[0]:
            moved[sku] = (mine[sku], in_order[0])
        else:
            unchanged += 1
    all_shown = {listing for found in listings.values() for listing in found}
    gone = {sku: listing for sku, listing in sorted(mine.items()) if listing not in all_shown and sku not in moved}
    return Comparison(
        new=new, moved=moved, doubled=doubled, taken=taken, unknown=unknown, gone=gone, unchanged=unchanged
    )
