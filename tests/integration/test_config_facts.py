from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from shared.domain.facts import Catalogue, Meaning, Product, SupplierCode
from shared.domain.names import ChannelId, Sku, SourceId
from shared.errors import InvalidInput
from shared.storage import keys
from shared.storage.facts import Change, Facts

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

AT = "2026-11-25T08:00:00.000Z"
WEB = ChannelId("nordlys")
TRAY = Product(sku=Sku("NL-1"), title="Oak tray", inventory_items={WEB: "item-1"})
MUG = Product(sku=Sku("NL-2"), title="Mug")
SET = Product(sku=Sku("NL-3"), title="Gift set", parts={TRAY.sku: 1, MUG.sku: 4}, substitutes=(TRAY.sku,))
CODE = SupplierCode(
    supplier=SourceId("alpina"), code="60-1", meanings=(Meaning(sku=TRAY.sku, last=date(2026, 12, 31)),)
)


def push(
    facts: Facts, *products: Product, codes: tuple[SupplierCode, ...] = (), silent_on: tuple[str, ...] = ()
) -> None:
    facts.push(facts.difference(Catalogue(products=products, codes=codes, silent_on=frozenset(silent_on))), AT)


def test_a_push_writes_the_difference_only(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY, MUG)

    renamed = replace(MUG, title="Ceramic mug")
    difference = facts.difference(Catalogue(products=(TRAY, renamed)))

    assert (difference.products, difference.unchanged_products) == ((Change(MUG, renamed),), 1)
    assert difference.skus == (MUG.sku,)
    facts.push(difference, AT)
    assert facts.difference(Catalogue(products=(TRAY, renamed))).is_empty


def test_a_new_product_is_in_the_catalogue(aws: Aws) -> None:
    push(Facts(aws.stock), TRAY)

    assert aws.stock.get(keys.catalogue(TRAY.sku)) is not None


def test_what_is_not_named_stays(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY, MUG, codes=(CODE,))
    push(facts, MUG)

    assert facts.products([TRAY.sku]) == {TRAY.sku: TRAY}
    assert facts.codes.meanings(CODE.supplier, [CODE.code])[CODE.code] == CODE


def test_what_the_configuration_says_nothing_about_stays(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY, MUG, SET)

    push(facts, Product(sku=SET.sku, title="Gift"), silent_on=("parts",))

    assert facts.products([SET.sku])[SET.sku] == replace(SET, title="Gift", substitutes=())


def test_weights_and_prices_that_the_configuration_does_not_name_stay(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, replace(TRAY, grams=900, hazmat=True, price_minor=2490, map_minor=1900, currency="EUR"))

    push(facts, replace(TRAY, title="Tray", grams=950), silent_on=("hazmat", "price_minor", "map_minor", "currency"))
    found = facts.products([TRAY.sku])[TRAY.sku]
    push(facts, replace(found, map_minor=None))

    assert found == replace(
        TRAY, title="Tray", grams=950, hazmat=True, price_minor=2490, map_minor=1900, currency="EUR"
    )
    assert facts.products([TRAY.sku])[TRAY.sku].map_minor is None


def test_a_part_finds_its_kits_as_long_as_it_is_one(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY, MUG, SET)
    assert facts.kits_of(MUG.sku) == {SET.sku: 4}

    push(facts, replace(SET, parts={TRAY.sku: 2}))

    assert facts.kits_of(TRAY.sku) == {SET.sku: 2}
    assert facts.kits_of(MUG.sku) == {}


def test_a_listing_finds_its_product_as_long_as_it_is_one(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY)
    assert facts.listed(WEB, "item-1") == TRAY.sku

    push(facts, replace(TRAY, inventory_items={WEB: "item-9"}))

    assert (facts.listed(WEB, "item-1"), facts.listed(WEB, "item-9")) == (None, TRAY.sku)


def test_listings_may_be_exchanged_in_one_push(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY, replace(MUG, inventory_items={WEB: "item-2"}))

    push(facts, replace(TRAY, inventory_items={WEB: "item-2"}), replace(MUG, inventory_items={WEB: "item-1"}))

    assert (facts.listed(WEB, "item-1"), facts.listed(WEB, "item-2")) == (MUG.sku, TRAY.sku)


def test_a_listing_of_a_product_that_is_not_named_is_refused(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY)

    with pytest.raises(InvalidInput) as refused:
        facts.difference(Catalogue(products=(replace(MUG, inventory_items={WEB: "item-1"}),)))

    assert (refused.value.code, refused.value.details["of"]) == ("listing_taken", TRAY.sku)


def test_a_push_that_broke_off_is_finished_by_the_next(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY)
    moved = replace(TRAY, inventory_items={WEB: "item-9"})
    wanted = Catalogue(products=(moved,))

    class Breaks(type(aws.stock)):  # type: ignore[misc]
        def delete(self, *_: object) -> bool:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        Facts(Breaks(aws.stock.client, aws.stock.name)).push(facts.difference(wanted), AT)
    facts.push(facts.difference(wanted), AT)

    assert facts.products([TRAY.sku]) == {TRAY.sku: moved}
    assert facts.listed(WEB, "item-1") is None


def test_a_code_is_written_when_its_meaning_differs(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY, codes=(CODE,))
    assert facts.difference(Catalogue(products=(), codes=(CODE,))).unchanged_codes == 1

    after = replace(CODE, meanings=(*CODE.meanings, Meaning(sku=MUG.sku, pack=6, first=date(2027, 1, 1))))
    push(facts, codes=(after,))

    assert facts.codes.meanings(CODE.supplier, [CODE.code])[CODE.code] == after


# ---- learned from the shop


def test_a_listing_is_learned_once_and_leads_to_its_product(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, MUG)

    assert facts.learn(WEB, MUG.sku, "item-2")

    assert (facts.listed(WEB, "item-2"), facts.listings(WEB)) == (MUG.sku, {"item-2": MUG.sku})
    learned = facts.products([MUG.sku])[MUG.sku]
    assert learned == replace(MUG, inventory_items={WEB: "item-2"}, learned=(WEB,))
    assert facts.learn(WEB, MUG.sku, "item-2")
    assert facts.products([MUG.sku])[MUG.sku] == learned


def test_a_learned_listing_moves_only_from_where_it_was_seen(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY)

    assert not facts.learn(WEB, TRAY.sku, "item-9")
    assert not facts.learn(WEB, TRAY.sku, "item-9", before="item-8")
    assert facts.listings(WEB) == {"item-1": TRAY.sku}

    assert facts.learn(WEB, TRAY.sku, "item-9", before="item-1")
    assert facts.listings(WEB) == {"item-9": TRAY.sku}


def test_what_is_of_another_sku_or_of_none_of_ours_is_not_learned(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY, MUG)

    assert not facts.learn(WEB, MUG.sku, "item-1")
    assert not facts.learn(WEB, Sku("FOREIGN"), "item-7")

    assert facts.listings(WEB) == {"item-1": TRAY.sku}
    assert facts.products([MUG.sku]) == {MUG.sku: MUG}
    assert facts.products([Sku("FOREIGN")]) == {}


def test_a_push_that_says_nothing_of_a_learned_listing_leaves_it_and_one_that_does_wins(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY, MUG)
    facts.learn(WEB, MUG.sku, "item-2")

    assert facts.difference(Catalogue(products=(TRAY, MUG))).is_empty

    push(facts, TRAY, replace(MUG, inventory_items={WEB: "item-3"}))
    assert facts.listings(WEB) == {"item-1": TRAY.sku, "item-3": MUG.sku}
    push(facts, TRAY, MUG)
    assert facts.listings(WEB) == {"item-1": TRAY.sku}


def test_a_learned_listing_that_a_push_gives_to_another_sku_is_that_ones(aws: Aws) -> None:
    facts = Facts(aws.stock)
    push(facts, TRAY, MUG)
    facts.learn(WEB, MUG.sku, "item-2")

    push(facts, replace(TRAY, inventory_items={WEB: "item-2"}), MUG)

    assert facts.listings(WEB) == {"item-2": TRAY.sku}
    assert facts.products([MUG.sku])[MUG.sku] == MUG
