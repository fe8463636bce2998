from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cli.facts_files import FactsReader
from shared.domain.facts import Catalogue, Meaning

PRODUCTS = "sku,title,inventory_item\nA,Tray,item-a\nB,Throw,item-b\nC,Gift set,\nD,Big set,\n"
NEEDED = "sku,title,inventory_item"
MAY = ("grams", "hazmat", "price", "map", "currency", "gtin", "mpn")
MORE = {"grams", "hazmat", "price_minor", "map_minor", "currency", "gtin", "mpn"}
HEADINGS = {
    "kits.csv": "kit,part,units",
    "listings.csv": "channel,listing,sku",
    "substitutes.csv": "sku,substitute,rank",
    "supplier_skus.csv": "supplier,code,sku,pack,from,until",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "products.csv").write_text(PRODUCTS)
    return tmp_path


def write(folder: Path, file: str, *lines: str) -> None:
    (folder / file).write_text("\n".join([HEADINGS[file], *lines]) + "\n")


def products(folder: Path, *lines: str) -> None:
    (folder / "products.csv").write_text("\n".join(lines) + "\n")


def reading(folder: Path) -> tuple[Catalogue, list[str]]:
    reader = FactsReader(folder, channels={"web", "pos"}, suppliers={"alpina"}, selling=["web"])
    catalogue = reader.read()
    return catalogue, [str(mistake).removeprefix(f"{folder}/") for mistake in reader.mistakes]


def test_a_kit_has_its_parts(folder: Path) -> None:
    write(folder, "kits.csv", "C,A,1", "C,B,2")

    catalogue, mistakes = reading(folder)

    assert mistakes == []
    assert {product.sku: product.parts for product in catalogue.products if product.parts} == {"C": {"A": 1, "B": 2}}


def test_a_kit_may_be_part_of_another(folder: Path) -> None:
    write(folder, "kits.csv", "C,A,1", "D,C,2")

    assert reading(folder)[1] == []


def test_substitutes_are_in_the_order_of_their_ranks(folder: Path) -> None:
    write(folder, "substitutes.csv", "A,C,20", "A,B,3")

    catalogue, mistakes = reading(folder)

    assert mistakes == []
    assert catalogue.products[0].substitutes == ("B", "C")


def test_listings_add_channels_to_what_products_say(folder: Path) -> None:
    write(folder, "listings.csv", "pos,till-1,A", "web,item-c,C", "web,item-b,B")

    catalogue, mistakes = reading(folder)

    assert mistakes == []
    assert {product.sku: product.inventory_items for product in catalogue.products} == {
        "A": {"pos": "till-1", "web": "item-a"},
        "B": {"web": "item-b"},
        "C": {"web": "item-c"},
        "D": {},
    }


def test_a_code_means_one_thing_until_a_day_and_another_from_the_next(folder: Path) -> None:
    write(folder, "supplier_skus.csv", "alpina,60-1,B,6,2027-01-01,", "alpina,60-1,A,1,,2026-12-31")

    catalogue, mistakes = reading(folder)

    assert mistakes == []
    (code,) = catalogue.codes
    before, after = code.meanings
    assert before == Meaning(sku=before.sku, pack=1, last=date(2026, 12, 31))
    assert code.on(date(2026, 12, 31)) == before
    assert code.on(date(2027, 1, 1)) == after
    assert (after.sku, after.pack) == ("B", 6)


def test_a_code_may_mean_nothing_on_a_day(folder: Path) -> None:
    write(folder, "supplier_skus.csv", "alpina,60-1,A,1,2026-06-01,2026-06-30")

    (code,) = reading(folder)[0].codes

    assert code.on(date(2026, 7, 1)) is None


def test_two_codes_may_mean_one_sku_one_after_the_other_or_of_two_suppliers(folder: Path) -> None:
    lines = (
        "alpina,1,A,1,,2026-06-30",
        "alpina,2,A,6,2026-07-01,",
        "baltic,1,A,1,,",
        "alpina,A,A,1,2020-01-01,2020-01-02",
    )
    write(folder, "supplier_skus.csv", *lines)
    reader = FactsReader(folder, channels=set(), suppliers={"alpina", "baltic"}, selling=[])
    reader.read()

    (mistake,) = reader.mistakes

    assert (mistake.line, "as code '1' does on line 2" in mistake.told) == (5, True)


def test_a_sku_may_be_a_code_of_the_supplier_on_other_days(folder: Path) -> None:
    write(folder, "supplier_skus.csv", "alpina,1,A,1,,2026-06-30", "alpina,A,B,1,2026-07-01,")

    assert reading(folder)[1] == []


def test_a_circle_of_codes_is_refused_on_both_lines(folder: Path) -> None:
    write(folder, "supplier_skus.csv", "alpina,A,B,1,,", "alpina,B,A,1,,")

    told = reading(folder)[1]

    assert [line.partition(";")[0] for line in told] == [
        "supplier_skus.csv: line 2: code 'A' means B, which is itself a code of alpina and means A on line 3",
        "supplier_skus.csv: line 3: code 'B' means A, which is itself a code of alpina and means B on line 2",
    ]


def test_a_product_may_have_a_gtin_and_what_its_maker_calls_it(folder: Path) -> None:
    (folder / "products.csv").write_text(
        "sku,title,inventory_item,mpn,gtin\nA,Tray,,OT-1,4006381333931\nB,Throw,,,\nC,Mug,,,4006381333932\n"
    )

    catalogue, (mistake,) = reading(folder)

    assert [(each.gtin, each.mpn) for each in catalogue.products] == [("04006381333931", "OT-1"), ("", ""), ("", "")]
    assert catalogue.silent_on == {"parts", "substitutes"} | MORE - {"gtin", "mpn"}
    assert mistake == "products.csv: line 4: gtin '4006381333932': the check digit of a GTIN does not fit"


def test_a_file_that_is_not_there_says_nothing(folder: Path) -> None:
    assert reading(folder)[0].silent_on == {"parts", "substitutes", *MORE}

    write(folder, "kits.csv")

    assert reading(folder)[0].silent_on == {"substitutes", *MORE}


def test_products_may_have_weights_and_prices(folder: Path) -> None:
    head = "sku,map,title,grams,hazmat,price,inventory_item,currency"
    products(folder, head, "A,19,Tray,900,yes,24.90,,EUR", "B,,Mug,,,1980,,JPY", "C,,Vase,,no,,,", "D,,Rug,,no,,,EUR")

    catalogue, mistakes = reading(folder)

    assert mistakes == []
    assert catalogue.silent_on == {"parts", "substitutes", "gtin", "mpn"}
    assert [
        (each.sku, each.grams, each.hazmat, each.price_minor, each.map_minor, each.currency)
        for each in catalogue.products
    ] == [
        ("A", 900, True, 2490, 1900, "EUR"),
        ("B", 0, False, 1980, None, "JPY"),
        ("C", 0, False, None, None, ""),
        ("D", 0, False, None, None, "EUR"),
    ]


def test_columns_that_products_do_not_have_say_nothing(folder: Path) -> None:
    products(folder, "sku,title,inventory_item,grams", "A,Tray,,900")

    catalogue, mistakes = reading(folder)

    assert mistakes == []
    assert catalogue.silent_on == {"parts", "substitutes", *MORE} - {"grams"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("900.5,,,,", "grams '900.5' must be a whole number from 1 to"),
        ("0,,,,", "grams '0' must be a whole number from 1 to"),
        (",true,,,", "hazmat 'true' must be yes, no or empty"),
        (",,24.90,,", "an amount needs a currency such as EUR"),
        (",,,24.90,", "an amount needs a currency such as EUR"),
        (",,24.90,,eur", "currency 'eur' must be an ISO 4217 code such as EUR"),
        (",,,,Euro", "currency 'Euro' must be an ISO 4217 code such as EUR"),
        (',,"24,90",,EUR', "price '24,90': an amount such as 12.40 was expected"),
        (",,-1,,EUR", "price '-1': an amount such as 12.40 was expected"),
        (",,24.901,,EUR", "price '24.901': an amount has more decimals than its currency"),
        (",,24.5,,JPY", "price '24.5': an amount has more decimals than its currency"),
        (",,0.00,,EUR", "price '0.00' must be above 0, or empty"),
        (",,24.90,x,EUR", "map 'x': an amount such as 12.40 was expected"),
        (",,24.90,0,EUR", "map '0' must be above 0, or empty"),
    ],
)
def test_a_mistake_in_weights_and_prices_is_told_once(folder: Path, line: str, told: str) -> None:
    products(folder, "sku,title,inventory_item,grams,hazmat,price,map,currency", "A,Tray,,,,,,", f"B,Mug,,{line}")

    (mistake,) = reading(folder)[1]

    assert mistake.startswith(f"products.csv: line 3: {told}")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("price", "the columns price, map and currency come together; add currency, map, empty or filled"),
        ("price,currency", "the columns price, map and currency come together; add map, empty or filled"),
        ("gramms", f"the columns must be {NEEDED} and may be {','.join(MAY)}, not {NEEDED},gramms; unknown: gramms"),
        ("grams,grams", f"the columns must be {NEEDED} and may be {','.join(MAY)}, not {NEEDED},grams,grams"),
        ("sku", f"the columns must be {NEEDED} and may be {','.join(MAY)}, not {NEEDED},sku"),
    ],
)
def test_a_mistake_in_the_columns_of_products_is_told(folder: Path, columns: str, told: str) -> None:
    products(folder, f"{NEEDED},{columns}")

    (mistake,) = reading(folder)[1]

    assert mistake == f"products.csv: line 1: {told}"


@pytest.mark.parametrize(
    ("file", "lines", "told"),
    [
        ("kits.csv", ["C,X,1"], "line 2: part 'X' is no SKU of products.csv; add it there or correct the part"),
        ("kits.csv", ["X,A,1"], "line 2: kit 'X' is no SKU of products.csv"),
        ("kits.csv", ["C,A,0"], "line 2: units '0' must be a whole number from 1 to"),
        ("kits.csv", ["C,A,-1"], "line 2: units '-1' must be a whole number"),
        ("kits.csv", ["C,A,1.5"], "line 2: units '1.5' must be a whole number"),
        ("kits.csv", ["C,A,\u0663"], "line 2: units '\u0663' must be a whole number"),
        ("kits.csv", ["C,C,1"], "line 2: kit 'C' cannot be a part of itself"),
        ("kits.csv", ["C,A,1", "C,B,1", "C,A,1"], "line 4: the same line as line 2; keep one"),
        ("kits.csv", ["C,A,1", "C,A,2"], "line 3: part 'A' is in kit 'C' on line 2 already; add up the units"),
        ("kits.csv", ["C,A"], "line 2: 2 values for 3 columns"),
        ("kits.csv", ["C,A,1,"], "line 2: 4 values for 3 columns"),
        ("kits.csv", ['C,"A,1'], "line 2: not csv: unexpected end of data"),
        ("listings.csv", ["shop,item,C"], "line 2: channel 'shop' is no channel of rules.yaml"),
        ("listings.csv", ["web,item-a,B"], "line 2: listing 'item-a' is of A already; a listing has one SKU"),
        ("listings.csv", ["web,other,A"], "line 2: SKU A is listed as 'item-a' on web already"),
        ("listings.csv", ["web,,C"], "line 2: listing '': a name must not be empty"),
        ("substitutes.csv", ["A,A,1"], "line 2: SKU 'A' cannot be its own substitute"),
        ("substitutes.csv", ["A,X,1"], "line 2: substitute 'X' is no SKU of products.csv"),
        ("substitutes.csv", ["A,B,1", "A,C,1"], "line 3: rank 1 of 'A' is B already"),
        ("substitutes.csv", ["A,B,1", "A,B,2"], "line 3: substitute 'B' of 'A' is there twice"),
        ("supplier_skus.csv", ["alpine,1,A,1,,"], "line 2: supplier 'alpine' is no supplier of rules.yaml"),
        ("supplier_skus.csv", ["alpina,1,A,0,,"], "line 2: pack '0' must be a whole number"),
        ("supplier_skus.csv", ["alpina,1,A,1,1.2.2026,"], "line 2: from '1.2.2026' must be a day such as 2026-11-23"),
        ("supplier_skus.csv", ["alpina,1,A,1,,2026-02-30"], "line 2: until '2026-02-30' must be a day"),
        ("supplier_skus.csv", ["alpina,1,A,1,2026-02-02,2026-02-01"], "line 2: from 2026-02-02 is after until"),
        (
            "supplier_skus.csv",
            ["alpina,1,A,1,,2026-06-30", "alpina,2,C,1,,", "alpina,1,B,1,2026-06-30,"],
            "line 4: code '1' has a meaning on line 2 for some of the same days",
        ),
        (
            "supplier_skus.csv",
            ["alpina,1,A,1,,2026-06-30", "alpina,3,B,1,,", "alpina,2,A,6,2026-06-30,"],
            "line 4: code '2' means A, as code '1' does on line 2, for some of the same days",
        ),
        (
            "supplier_skus.csv",
            ["alpina,1,A,1,,", "alpina,A,B,1,,"],
            "line 2: code '1' means A, which is itself a code of alpina and means B on line 3",
        ),
    ],
)
def test_a_mistake_in_a_line_is_told_once(folder: Path, file: str, lines: list[str], told: str) -> None:
    write(folder, file, *lines)

    (mistake,) = reading(folder)[1]

    assert mistake.startswith(f"{file}: {told}")


def test_an_unknown_column_is_told(folder: Path) -> None:
    (folder / "kits.csv").write_text("kit,part,unit\nC,A,1\n")

    (mistake,) = reading(folder)[1]

    assert mistake == "kits.csv: line 1: the columns must be kit,part,units, not kit,part,unit; unknown: unit"


def test_an_inventory_item_of_two_products_is_told(folder: Path) -> None:
    (folder / "products.csv").write_text(PRODUCTS.replace("item-b", "item-a"))

    (mistake,) = reading(folder)[1]

    assert mistake == "products.csv: line 3: inventory_item 'item-a' is of A already; correct one of them"


def test_each_circle_of_kits_is_told_with_its_way(folder: Path) -> None:
    write(folder, "kits.csv", "A,B,1", "B,A,1", "C,D,1", "D,C,1", "D,A,1")

    mistakes = reading(folder)[1]

    assert len(mistakes) == 2
    assert "A -> B -> A" in mistakes[0] or "B -> A -> B" in mistakes[0]
    assert "C -> D -> C" in mistakes[1] or "D -> C -> D" in mistakes[1]


def test_columns_may_stand_in_any_order(folder: Path) -> None:
    (folder / "kits.csv").write_text("units,kit,part\n2,C,A\n")

    assert reading(folder)[0].products[2].parts == {"A": 2}


def test_lines_are_counted_as_an_editor_does(folder: Path) -> None:
    (folder / "products.csv").write_text('sku,title,inventory_item\nA,"Tray,\nlong",\n\nB,,\nB,,\n')

    (mistake,) = reading(folder)[1]

    assert mistake == "products.csv: line 6: the same line as line 5; keep one"
