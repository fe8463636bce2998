"""The files of the sample suppliers, good and bad, as the sample shop's rules read them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from shared.domain import photographs, rules, times
from shared.domain.as_of import AsOf
from shared.domain.names import Sku, SourceId
from shared.domain.photographs import Photograph
from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from shared.formats import stock_files
from tests.support.stock_files import delimited, profile

ROOT = Path(__file__).parents[3]
FILES = ROOT / "events/files"
RULES = rules.parse(yaml.safe_load((ROOT / "config/rules.yaml").read_text()))

GOOD = {  # rows, units in all, refused
    "alpina/stock.csv": (40, 720, 0),
    "alpina/stock_next.csv": (39, 718, 0),
    "alpina/cp1252.csv": (1, 4, 0),
    "alpina/bad_quantities.csv": (21, 210, 5),
    "baltic/stock.csv": (33, 387, 0),
    "baltic/spoiled_skus.csv": (13, 84, 2),
    "celtic/stock.txt": (25, 360, 0),
    "celtic/with_mark.txt": (2, 4, 0),
    "celtic/wide.txt": (1, 4, 0),
    "dorset/stock.xlsx": (20, 645, 5),
    "elbe/catalogue.xml": (25, 119, 0),
    "fjord/pricing_quantity.json": (25, 224, 0),
    "gotland/stock.txt": (25, 773, 0),
    "hanse/lines.ndjson.gz": (25, 146, 0),
    "iberia/stock.zip": (24, 195, 2),
}
HELD = {
    "alpina/missing_column.csv": "columns_missing",
    "alpina/half_bad.csv": "many_refused",
    "baltic/open_quote.csv": "quotes_wrong",
    "baltic/missing_column.csv": "columns_missing",
    "baltic/empty.csv": "columns_missing",
    "dorset/spoiled.xlsx": "no_rows",
    "elbe/cut_off.xml": "document_not_closed",
    "elbe/entities.xml": "xml_doctype",
    "fjord/not_closed.json": "document_not_closed",
    "gotland/no_trailer.txt": "document_not_closed",
    "hanse/two_members.zip": "container_members",
}
OTHERS = {  # profiles of suppliers that the sample shop does not have, and of two whose golden files say their time
    "dorset": replace(RULES.sources[SourceId("dorset")].feed, as_of=AsOf(at="B1", format="%d.%m.%Y %H:%M")),
    "elbe": replace(RULES.sources[SourceId("elbe")].feed, as_of=AsOf(at="yml_catalog/@date")),
    "fjord": profile(
        format="json",
        rows="data.items",
        columns={"sku": "itemNumber", "quantity": "quantity", "cost": "price", "gtin": "upc", "status": "allocated"},
        status={"true": "unsellable", "false": "active"},
        as_of={"at": "data.nextUpdate"},
    ),
    "gotland": profile(
        format="fixed",
        columns={"sku": "1-14", "quantity": "31-36", "pack": "37-38"},
        heading_line=1,
        packs={"EA": 1, "DZ": 12},
        footer={"starts_with": ["TRL"], "count": "4-12"},
        as_of={"at": "1:4-17", "format": "%Y%m%d%H%M%S", "zone": "UTC"},
    ),
    "hanse": profile(format="ndjson", columns={"sku": "sku", "quantity": "stock.free", "gtin": "ean"}),
    "iberia": profile(
        delimiter="\t",
        columns={"sku": "Ref", "quantity": "Stock", "cost": "Precio", "warehouse": "Almacén"},
        decimal=",",
        warehouses=["MAD", "BCN"],
    ),
}


def profile_of(name: str) -> FeedProfile:
    supplier = name.partition("/")[0]
    return OTHERS.get(supplier) or RULES.sources[SourceId(supplier)].feed


def photograph(name: str) -> Photograph:
    with (FILES / name).open("rb") as file:
        found = photographs.gather(stock_files.read(file, profile_of(name), "EUR"))
    photographs.check_rows(photographs.tally(found))
    return found


@pytest.mark.parametrize("name", GOOD)
def test_files_that_count(name: str) -> None:
    found = photograph(name)

    assert (len(found.rows), sum(row.units for row in found.rows.values()), found.refused) == GOOD[name]


@pytest.mark.parametrize("name", HELD)
def test_files_that_are_held(name: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        photograph(name)
    assert failure.value.code == HELD[name]


def test_every_golden_file_is_read() -> None:
    assert {str(path.relative_to(FILES)) for path in FILES.glob("*/*")} == GOOD.keys() | HELD.keys()


def test_bad_quantities_are_told_and_good_rows_kept() -> None:
    found = photograph("alpina/bad_quantities.csv")

    told = [(each.line, each.column, each.value) for each in found.refusals]
    assert told == [
        (22, "On hand", ""),
        (23, "On hand", "in stock"),
        (24, "On hand", "2.5"),
        (26, "", "NL-1025"),
        (27, "", "NL-1025"),
    ]
    assert [row.sku for row in found.warnings] == ["NL-1024"]


def test_leading_zeros_survive_a_spreadsheet_only_in_quotes() -> None:
    found = photograph("baltic/spoiled_skus.csv")

    assert found.rows[Sku("00123")].units == 6
    assert [each.value for each in found.refusals] == ["1.23E+11", '="1.05E+12"']


@pytest.mark.parametrize("name", ["alpina/stock.csv", "baltic/stock.csv", "celtic/stock.txt"])
def test_a_file_written_from_its_rows_reads_the_same(name: str) -> None:
    found = photograph(name)

    written = delimited(found.rows.values(), profile_of(name), "EUR")

    assert photographs.gather(stock_files.read(io.BytesIO(written), profile_of(name), "EUR")).rows == found.rows


@pytest.mark.parametrize(
    ("name", "taken_at"),
    [
        ("dorset/stock.xlsx", "2026-11-23T07:15:00.000Z"),
        ("elbe/catalogue.xml", "2026-11-23T08:40:00.000Z"),
        ("fjord/pricing_quantity.json", "2026-11-23T09:30:00.000Z"),
        ("gotland/stock.txt", "2026-11-23T07:00:00.000Z"),
    ],
)
def test_files_that_say_when_they_were_taken(name: str, taken_at: str) -> None:
    with (FILES / name).open("rb") as file:
        said = stock_files.taken_at(file, profile_of(name), "Europe/Berlin")

    assert said is not None
    assert times.text(said) == taken_at


def test_what_a_workbook_says_besides_numbers_is_kept() -> None:
    found = photograph("dorset/stock.xlsx")

    assert [row.told for row in found.rows.values()][:4] == ["99+", "", "", "<10"]
    assert [sku for sku, row in found.rows.items() if row.is_discontinued] == ["NL-1005"]
    assert found.rows[Sku("NL-1010")].told == "X"
    assert all(row.gtin.startswith("05000000") and not row.warning for row in found.rows.values())
    assert {(each.column, each.value) for each in found.refusals} == {("Bath", "Call")}


def test_one_unread_warehouse_leaves_the_sku_alone() -> None:
    found = photograph("iberia/stock.zip")

    assert [(each.sku, each.value) for each in found.refusals] == [("NL-1004", "agotado?"), ("NL-1004", "NL-1004")]
    assert {row.warehouse for row in found.rows.values()} == {"MAD"}
