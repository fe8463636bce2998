from __future__ import annotations

import io
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from cli import main
from cli.feed_samples import MOST_BYTES, Choice
from cli.learn_feed import draft, learn, profile_of
from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile, Format, Status
from shared.errors import InvalidInput
from tests.support import stock_files as files
from tests.support.stock_files import FORMATS, gz, read, row, sheet, zipped

FILES = Path(__file__).parents[3] / "events/files"
MOST_SECONDS = 5


def learned(data: bytes | str) -> FeedProfile:
    return profile_of(draft(choices(data)))


def choices(data: bytes | str) -> tuple[Choice, ...]:
    return learn(io.BytesIO(data if isinstance(data, bytes) else data.encode()))


def doubts(data: bytes | str) -> set[str]:
    return {each.setting for each in choices(data) if not each.is_sure}


def known(data: bytes | str, how: FeedProfile) -> list[Row]:
    return [each for each in read(data, how) if isinstance(each, Row)]


# ---- what was rendered is learned, and read as it was


skus = st.from_regex(r"[A-Z]{2,4}-[0-9]{2,5}[A-Z]?", fullmatch=True)
rows = st.lists(
    st.tuples(skus, st.integers(0, 999), st.none() | st.integers(1, 10**7)),
    min_size=3,
    max_size=25,
    unique_by=lambda each: each[0],
)


@pytest.mark.parametrize("kind", FORMATS)
@given(rows)
def test_what_was_rendered_reads_the_same_by_what_was_learned(
    kind: str, drawn: list[tuple[str, int, int | None]]
) -> None:
    how, write, first = FORMATS[kind]
    if how.format is Format.FIXED:  # nothing in it says what a number without a heading is
        drawn = [(sku, units, None) for sku, units, _ in drawn]
    written = [row(line, *each) for line, each in enumerate(drawn, first)]
    data = write(written, how, "EUR")

    assert read(data, learned(data)) == written


@given(rows, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["utf-8", "cp1252", "utf-16"]))
def test_every_dialect_of_text_is_learned(
    drawn: list[tuple[str, int, int | None]], delimiter: str, encoding: str
) -> None:
    how = replace(files.DELIMITED, delimiter=delimiter, encoding=encoding)
    written = [row(line, *each) for line, each in enumerate(drawn, 2)]
    data = files.delimited(written, how, "EUR")

    found = learned(data)

    assert (found.delimiter, found.heading_line) == (delimiter, 1)
    assert read(data, found) == written


# ---- the sample suppliers' files, without their profiles


LEARNED = {  # rows, refused; settings that differ from the default
    "alpina/stock.csv": (40, 0, {"sku": "Item", "quantity": "On hand", "cost": "Price"}),
    "baltic/stock.csv": (33, 0, {"sku": "sku", "quantity": "qty", "cost": "cost"}),
    "baltic/spoiled_skus.csv": (13, 2, {"sku": "sku", "quantity": "qty", "cost": "cost"}),
    "celtic/stock.txt": (25, 0, {"sku": "PartNo", "quantity": "Available", "cost": "Net"}),
    "celtic/wide.txt": (1, 0, {"sku": "PartNo", "quantity": "Available", "cost": "Net"}),
    "elbe/catalogue.xml": (
        25,
        0,
        {"sku": "@id", "quantity": "outlets/outlet[]/@instock", "cost": "price", "status": "@available"},
    ),
    "fjord/pricing_quantity.json": (
        25,
        0,
        {"sku": "itemNumber", "quantity": "quantity", "cost": "price", "status": "allocated"},
    ),
    "gotland/stock.txt": (25, 0, {"sku": "1-14", "quantity": "28-36"}),
    "hanse/lines.ndjson.gz": (25, 0, {"sku": "sku", "quantity": "stock.free"}),
    "iberia/stock.zip": (74, 1, {"sku": "Ref", "warehouse": "Almacén", "quantity": "Stock", "cost": "Precio"}),
}


@pytest.mark.parametrize("name", LEARNED)
def test_a_sample_file_is_read_by_what_was_learned_of_it(name: str) -> None:
    data = (FILES / name).read_bytes()
    how = learned(data)

    found = read(data, how)

    refused = sum(isinstance(each, Refusal) for each in found)
    assert (len(found) - refused, refused, how.columns) == LEARNED[name]


def test_a_workbook_is_learned_with_its_sheet_heading_footer_states_and_time() -> None:
    data = (FILES / "dorset/stock.xlsx").read_bytes()

    how = learned(data)

    assert (how.format, how.sheet, how.heading_line) == (Format.XLSX, "Stock", 3)
    assert how.columns == {
        "sku": "Item code",
        "quantity": "Poole",
        "cost": "Trade price",
        "gtin": "EAN",
        "status": "State",
    }
    assert how.footer is not None
    assert (how.footer.starts_with, how.footer.count) == (("TOTAL",), 2)
    assert how.status == {"d": Status.DISCONTINUED, "x": Status.UNSELLABLE}
    assert how.as_of is not None
    assert (how.as_of.at, how.as_of.format) == ("B1", "%d.%m.%Y %H:%M")
    assert doubts(data) == {"columns.quantity", "sku_masks", "as_of", "status.d", "status.x"}
    assert len(known(data, how)) == 25


def test_lines_of_fixed_width_are_learned_with_header_trailer_and_time() -> None:
    how = learned((FILES / "gotland/stock.txt").read_bytes())

    assert (how.format, how.heading_line) == (Format.FIXED, 1)
    assert how.footer is not None
    assert (how.footer.starts_with, how.footer.count) == (("TRL",), "4-12")
    assert how.as_of is not None
    assert (how.as_of.at, how.as_of.format) == ("1:4-17", "%Y%m%d%H%M%S")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("baltic/empty.csv", "nothing_learned"),
        ("baltic/missing_column.csv", "nothing_learned"),
        ("baltic/open_quote.csv", "quotes_wrong"),
        ("elbe/entities.xml", "xml_doctype"),
        ("hanse/two_members.zip", "container_members"),
    ],
)
def test_a_file_of_which_nothing_is_learned_is_refused_with_the_reason(name: str, code: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        learned((FILES / name).read_bytes())

    assert failure.value.code == code


NESTED = b'{"items": [{"sku": "A", "in": {"x": 1}, "qty": 5}, {"sku": "B", "in": {"x": 1}, "qt'


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ((FILES / "elbe/cut_off.xml").read_bytes(), "9 elements of this name"),
        ((FILES / "fjord/not_closed.json").read_bytes(), "a list of 11 objects"),
        (NESTED, "a list of 1 objects"),
    ],
)
def test_a_file_that_is_cut_off_is_learned_from_its_whole_rows_and_refused_when_tried(data: bytes, rows: str) -> None:
    how = learned(data)

    assert [each.why for each in choices(data) if each.setting == "rows"] == [rows]
    with pytest.raises(InvalidInput) as failure:
        read(data, how)
    assert failure.value.code == "document_not_closed"


# ---- looks of other suppliers' files


WAREHOUSES = """Item_Number,UPC_Code,Quantity_NC,Quantity_AZ
D-1,#5000000000005,2,99+
D-2,#5000000000012,A*,A*
D-3,#5000000000029,0,14
"""
VARIANTS = """catalog_no|catalog_color|size|whse_no|whse_name|quantity|weight
P43|White|S|DAL|Dallas, TX|120|0.42
P43|White|S|SEA|Seattle, WA|80|0.42
P43|Navy|M|CIN|Cincinnati, OH|60|0.44
"""
WITHOUT_HEADING = "A-1;Tray;5;7,50\nA-2;Stool;0;8,00\nA-3;Lamp;12;1.009,25\n"
NAMELESS = "".join(
    f"<Onhand><I>{5000 + i}</I><P>{i}.{i}9</P><Q>{i % 3}</Q><D>2018-07-09T00:00:00</D></Onhand>" for i in range(1, 9)
)
PREAMBLE = "Stock list;as of 23/04/2026 10:00\n\nArtikel-Nr;Name;Bestand;EK\nA1;Tray;1.200;7,50\nA2;Lamp;3;8,00\n"


def test_quantities_that_are_named_alike_are_added_up_and_their_words_asked_about() -> None:
    how = learned(WAREHOUSES)

    assert how.columns == {"sku": "Item_Number", "quantity": ("Quantity_NC", "Quantity_AZ"), "gtin": "UPC_Code"}
    assert (how.quantities.bounds, how.quantities.words) == ("lowest", {"a*": None})
    assert doubts(WAREHOUSES) == {"columns.quantity", "words.a*"}
    assert [(each.sku, each.units) for each in known(WAREHOUSES, how)] == [("D-1", 101), ("D-3", 14)]


def test_a_sku_is_put_together_of_what_tells_rows_apart_and_warehouses_are_added_up() -> None:
    how = learned(VARIANTS)

    assert how.columns == {
        "sku": ("catalog_no", "catalog_color", "size"),
        "quantity": "quantity",
        "warehouse": "whse_no",
    }
    assert {each.sku for each in known(VARIANTS, how)} == {"P43-White-S", "P43-Navy-M"}
    assert "columns.sku" in doubts(VARIANTS)


def test_columns_without_headings_go_by_their_places_and_are_asked_about() -> None:
    how = learned(WITHOUT_HEADING)

    assert (how.heading_line, how.columns) == (0, {"sku": 1, "quantity": 3})
    assert {"columns.sku", "columns.quantity", "columns.cost"} <= doubts(WITHOUT_HEADING)
    assert [each.units for each in known(WITHOUT_HEADING, how)] == [5, 0, 12]


def test_columns_whose_names_say_nothing_are_known_by_what_stands_in_them() -> None:
    data = f"<all><set>{NAMELESS}</set></all>"

    how = learned(data)

    assert (how.rows, how.columns) == ("all/set/Onhand", {"sku": "I", "quantity": "Q"})
    assert {"columns.sku", "columns.quantity", "columns.cost"} <= doubts(data)


def test_marks_of_numbers_and_a_time_above_the_heading_are_found() -> None:
    how = learned(PREAMBLE)

    assert (how.marks.decimal, how.marks.thousands, how.heading_line) == (",", ".", 3)
    assert how.as_of is not None
    assert (how.as_of.at, how.as_of.format) == ("B1", "as of %d/%m/%Y %H:%M")
    assert [(each.units, each.cost_minor) for each in known(PREAMBLE, how)] == [(1200, 750), (3, 800)]


def test_a_number_that_may_be_thousands_or_decimals_is_asked_about() -> None:
    data = "sku;qty\nA1;1.200\nA2;5\n"

    assert learned(data).marks == files.DELIMITED.marks
    assert "decimal" in doubts(data)


def test_a_day_that_may_be_a_month_is_asked_about() -> None:
    assert "as_of" not in doubts(PREAMBLE.replace("23/04", "2026-04-23").replace("/2026 10", " 10"))
    assert "as_of" in doubts(PREAMBLE.replace("23/04", "03/04"))


def test_words_mean_none_only_where_nobody_could_mean_more() -> None:
    data = "sku;qty\nA1;Out of stock\nA2;5\nA3;In stock\nA4;Call\nA5;7\n"

    assert learned(data).quantities.words == {"out of stock": 0, "in stock": None, "call": None}
    assert doubts(data) == {"columns.quantity", "words.in stock"}


def test_numbers_as_skus_are_asked_about() -> None:
    data = sheet(["Item", "Qty"], [1001, 5], [1002, 7], [1003, 0])

    assert learned(data).numeric_skus
    assert "numeric_skus" in doubts(data)


def test_skus_that_come_twice_are_told() -> None:
    data = "sku;qty\nA1;1\nA1;2\nA2;5\n"

    (told,) = [each.why for each in choices(data) if each.setting == "columns"]
    assert told.startswith("1 rows have a SKU that another row has")


def test_a_sheet_is_chosen_by_what_stands_in_it() -> None:
    data = (FILES / "dorset/stock.xlsx").read_bytes()

    assert [each.why for each in choices(data) if each.setting == "sheet"] == ["of 2 sheets the one with counts"]


# ---- what is made to hurt


HURTS = {
    "a bomb": gz(b"0" * (64 << 20)),
    "an endless line": b"sku,qty," + b"x" * (4 << 20),
    "deep JSON": b"[" * 500_000,
    "deep JSON in a list": b'{"items": [' + b'{"a":' * 100_000,
    "deep XML": b"<a>" * 100_000,
    "many attributes": b"<a><b " + b" ".join(b'a%d="1"' % at for at in range(100_000)) + b"/></a>",
    "zero bytes": b"sku,qty\nA\0,1\n",
    "an old workbook": b"\xd0\xcf\x11\xe0" + bytes(600),
    "nested": gz(gz(b"sku,qty\nA,1\n")),
    "a path in a zip": zipped(("../stock.csv", b"sku,qty\nA,1\n")),
    "noise": os.urandom(1 << 16),
    "nothing": b"",
    "quotes": b'"' * 200_000,
    "strings that never end": b'{"items": [{"a": "' + b"\\" * 500_000,
}


@pytest.mark.parametrize("case", HURTS)
def test_what_is_made_to_hurt_is_refused_in_bounded_time(case: str) -> None:
    began = time.process_time()

    with pytest.raises(InvalidInput):
        learned(HURTS[case])
    assert time.process_time() - began < MOST_SECONDS


def test_very_many_cells_take_no_longer() -> None:
    began = time.process_time()

    assert learned(b"sku,qty" + b",x" * 30_000 + b"\nA,1" + b",1" * 30_000).columns == {"sku": "sku", "quantity": "qty"}
    assert time.process_time() - began < MOST_SECONDS


def test_of_a_large_file_only_the_beginning_is_looked_at() -> None:
    data = b"sku,qty\n" + b"".join(b"A-%07d,5\n" % at for at in range(300_000))
    assert len(data) > 3 * MOST_BYTES
    file = Counted(data)

    learn(file)

    assert file.taken <= 2 * MOST_BYTES


class Counted(io.BytesIO):
    """Counts what is taken."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


BEGINS = [b"", b"sku,qty\n", b"[{", b'{"a": [{"sku": "', b"<a><b>", b"PK\x03\x04", b"\x1f\x8b\x08", b"\xff\xfe"]


@given(st.sampled_from(BEGINS), st.binary(max_size=200) | st.text("sku,qty;|\n\"'<>=&#{}[]:1.,9+A é", max_size=120))
def test_any_bytes_give_a_profile_or_a_refusal(begins: bytes, rest: bytes | str) -> None:
    data = begins + (rest if isinstance(rest, bytes) else rest.encode())
    try:
        drafted = draft(choices(data))
    except InvalidInput:
        return
    assert set(yaml.safe_load(drafted)) == {"feed"}
    profile_of(drafted)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=3))
@example(["two\nlines"])
@example(["two\x85lines: # x"])
def test_nothing_in_a_file_breaks_out_of_its_line_in_the_draft(texts: list[str]) -> None:
    told = Choice(setting="skips", value=texts, why="\n".join(texts), samples=tuple(texts))

    for is_sure in (True, False):
        drafted = draft([replace(told, is_sure=is_sure)])
        assert yaml.safe_load(drafted) == {"feed": {"skips": texts}}
    assert yaml.safe_load(draft([replace(told, value=None)])) == {"feed": None}


# ---- the command


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    file = tmp_path / "their stock.csv"
    file.write_text("Item;On hand;Price\nA1;5;7.40\nA2;many;7.40\n" + "".join(f"B{i};1;1.00\n" for i in range(9)))
    return file


def test_a_draft_is_shown_with_why_and_tried_at_once(stock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["feeds", "learn", str(stock)]) == 0

    out = capsys.readouterr().out
    for told in (
        '    sku: Item # named so, and each comes once (seen: "A1", "A2")',
        "    # CONFIRM: how many may be sold then?",
        "11 rows, 1 refused",
        "the supplier says that it does not know",
    ):
        assert told in out
    assert list(stock.parent.iterdir()) == [stock]


def test_a_draft_is_written_once_and_beside_the_rules(stock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = stock.parent / "config"
    config.mkdir()
    (config / "rules.yaml").write_text("as it is")
    ask = ["feeds", "learn", str(stock), "--write", str(config)]

    assert main.main(ask) != 0
    assert main.main([*ask, "--supplier", "../x"]) != 0
    assert main.main([*ask, "--supplier", "fjord"]) == 0
    assert main.main([*ask, "--supplier", "fjord"]) != 0

    assert "it is there already" in capsys.readouterr().err
    assert {each.name for each in config.iterdir()} == {"rules.yaml", "learned-fjord.yaml"}
    assert profile_of((config / "learned-fjord.yaml").read_text()).delimiter == ";"
    assert (config / "rules.yaml").read_text() == "as it is"


def test_a_file_that_would_be_held_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["feeds", "learn", str(FILES / "alpina/half_bad.csv")]) == 1
    assert "would be held: too many rows are refused" in capsys.readouterr().out
