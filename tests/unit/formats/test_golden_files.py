"""The files of the sample suppliers, good and bad, as the sample shop's rules read them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml

from shared.domain import feeds, rules
from shared.domain.feeds import Photograph
from shared.domain.names import Sku, SourceId
from shared.domain.rules import Source
from shared.errors import InvalidInput
from shared.formats import delimited

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
}
HELD = {
    "alpina/missing_column.csv": "columns_missing",
    "alpina/half_bad.csv": "many_refused",
    "baltic/open_quote.csv": "quotes_wrong",
    "baltic/empty.csv": "columns_missing",
}


def source_of(name: str) -> Source:
    return RULES.sources[SourceId(name.partition("/")[0])]


def photograph(name: str) -> Photograph:
    source = source_of(name)
    with (FILES / name).open("rb") as file:
        found = feeds.gather(delimited.read(file, source.feed, source.currency))
    feeds.check_rows(found)
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
    source, found = source_of(name), photograph(name)

    written = delimited.render(found.rows.values(), source.feed, source.currency)

    again = feeds.gather(delimited.read(io.BytesIO(written), source.feed, source.currency))
    assert again.rows == found.rows
