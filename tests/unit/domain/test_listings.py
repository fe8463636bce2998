"""What a shop lists is learned where it is one thing, and told to a person where it is two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.listings import Comparison, compare
from shared.domain.names import Sku

KNOWN = {Sku("A"), Sku("B"), Sku("C"), Sku("D")}


def shown(*pairs: tuple[str, str]) -> list[tuple[Sku, str]]:
    return [(Sku(sku), listing) for sku, listing in pairs]


def ours(**skus: str) -> dict[str, Sku]:
    return {listing: Sku(sku) for listing, sku in skus.items()}


def test_each_way_to_differ_is_told_apart() -> None:
    found = compare(
        shown(("A", "1"), ("B", "2"), ("C", "9"), ("X", "8"), ("D", "4"), ("D", "5"), ("D", "5")),
        ours(**{"1": "A", "2": "D", "7": "C"}),
        KNOWN,
    )

    assert found == Comparison(
        new={},
        moved={Sku("C"): ("7", "9")},
        doubled={Sku("D"): ("4", "5")},
        taken={"2": (Sku("B"), Sku("D"))},
        unknown={Sku("X"): ("8",)},
        gone={},
        unchanged=1,
    )


def test_a_sku_without_a_listing_is_new_and_one_the_shop_lacks_is_gone() -> None:
    found = compare(shown(("A", "1")), ours(**{"2": "B"}), KNOWN)

    assert (found.new, found.gone, found.is_empty) == ({Sku("A"): "1"}, {Sku("B"): "2"}, False)


def test_a_listing_that_the_shop_gives_to_two_of_our_skus_is_for_a_person() -> None:
    found = compare(shown(("A", "1"), ("B", "1"), ("X", "1")), {}, KNOWN)

    assert (found.taken, found.new) == ({"1": (Sku("A"), Sku("B"))}, {})


def test_a_listing_that_only_changed_its_sku_in_the_shop_is_for_a_person() -> None:
    found = compare(shown(("B", "1")), ours(**{"1": "A"}), KNOWN)

    assert (found.taken, found.is_empty, found.gone) == ({"1": (Sku("A"), Sku("B"))}, True, {})


@given(
    st.lists(st.tuples(st.sampled_from("ABCDXY"), st.sampled_from("123456"))),
    st.dictionaries(st.sampled_from("123456"), st.sampled_from("ABCD")),
)
def test_what_is_learned_never_gives_a_sku_two_listings_or_a_listing_two_skus(
    pairs: list[tuple[str, str]], listings: dict[str, str]
) -> None:
    mine = {listing: Sku(sku) for listing, sku in listings.items()}
    mine = {listing: sku for listing, sku in mine.items() if max(k for k, v in mine.items() if v == sku) == listing}

    found = compare(shown(*pairs), mine, KNOWN)

    after = dict(mine)
    for before, listing in found.moved.values():
        after.pop(before)
        assert listing not in mine
    learned = [*((sku, new) for sku, new in found.new.items()), *((sku, to) for sku, (_, to) in found.moved.items())]
    for sku, listing in learned:
        assert after.setdefault(listing, sku) == sku
    assert len(set(after.values())) == len(after)
