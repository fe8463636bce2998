from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.domain import profiles
from shared.domain.as_of import AsOf
from shared.domain.numerals import Marks
from shared.domain.places import Place
from shared.domain.profiles import FeedProfile, Footer, Format, Status
from shared.domain.quantities import Wording
from shared.errors import InvalidInput

COLUMNS = {"sku": "Item", "quantity": "On hand"}


def parse(**settings: object) -> FeedProfile:
    return profiles.parse(Place("feed", {"columns": COLUMNS} | settings))


def test_a_profile_needs_no_more_than_two_columns() -> None:
    assert parse() == FeedProfile(columns=COLUMNS)


def test_all_that_a_profile_may_say_is_read() -> None:
    read = parse(
        format="xlsx",
        columns={"sku": ["No", "Size"], "quantity": ["NC", "AZ"], "cost": 4, "status": "State", "pack": "UOM"},
        sheet="Stock",
        heading_line=3,
        skips=["#"],
        footer={"starts_with": ["TOTAL"], "count": 2},
        decimal=",",
        thousands=".",
        words={"In  Stock": 5, "Call": "unknown"},
        bounds="lowest",
        fractions="floor",
        negative="refuse",
        numeric_skus=True,
        sku_masks=["999999"],
        sku_join="/",
        pack=10,
        packs={"DZ": 12},
        status={"D": "discontinued", "N": "unsellable"},
        warehouses=["NC"],
        full=False,
        volatile=["At"],
        as_of={"at": "B1", "format": "%d.%m.%Y", "zone": "Europe/Vienna"},
        lag_minutes=15,
        slack_minutes=2,
    )

    assert read == FeedProfile(
        columns={"sku": ("No", "Size"), "quantity": ("NC", "AZ"), "cost": 4, "status": "State", "pack": "UOM"},
        format=Format.XLSX,
        sheet="Stock",
        heading_line=3,
        skips=("#",),
        footer=Footer(starts_with=("TOTAL",), count=2),
        marks=Marks(decimal=",", thousands="."),
        quantities=Wording(words={"in stock": 5, "call": None}, bounds="lowest", fractions="floor"),
        negative="refuse",
        numeric_skus=True,
        sku_masks=("999999",),
        sku_join="/",
        pack=10,
        packs={"dz": 12},
        status={"d": Status.DISCONTINUED, "n": Status.UNSELLABLE},
        warehouses=("NC",),
        full=False,
        volatile=("At",),
        as_of=AsOf(at="B1", format="%d.%m.%Y", zone="Europe/Vienna"),
        lag=timedelta(minutes=15),
        slack=timedelta(minutes=2),
    )


def test_the_sku_comes_first_then_the_quantities() -> None:
    read = parse(columns={"cost": "c", "quantity": ["q", "r"], "sku": "s", "warehouse": "w"})

    assert [(each.word, each.column) for each in read.fields()] == [
        ("sku", "s"),
        ("quantity", "q"),
        ("quantity", "r"),
        ("cost", "c"),
        ("warehouse", "w"),
    ]


FIXED: dict[str, Any] = {"format": "fixed", "columns": {"sku": "1-6", "quantity": "7-"}}


@pytest.mark.parametrize(
    ("settings", "at"),
    [
        ({"format": "pdf"}, "feed.format"),
        ({"colour": 1}, "feed.colour"),
        ({"rows": "a.b"}, "feed.rows"),
        ({"sheet": 1}, "feed.sheet"),
        ({"format": "xlsx", "delimiter": ";"}, "feed.delimiter"),
        ({"format": "json", "heading_line": 1}, "feed.heading_line"),
        ({"format": "ndjson", "rows": "a"}, "feed.rows"),
        ({"format": "xml"}, "feed.rows"),
        ({"format": "xml", "rows": "a", "footer": {"starts_with": ["x"]}}, "feed.footer"),
        ({"columns": {"sku": "a"}}, "feed.columns.quantity"),
        ({"columns": {"sku": "", "quantity": "b"}}, "feed.columns.sku"),
        ({"columns": COLUMNS | {"cost": ["a", "b"]}}, "feed.columns.cost"),
        ({"columns": COLUMNS | {"cost": 0}}, "feed.columns.cost"),
        ({"columns": COLUMNS | {"cost": True}}, "feed.columns.cost"),
        ({"columns": COLUMNS | {"quantity": []}}, "feed.columns.quantity"),
        ({"columns": COLUMNS | {"colour": "a"}}, "feed.columns.colour"),
        ({"heading_line": 0}, "feed.columns.quantity"),
        ({"heading_line": 0, "columns": {"sku": 1, "quantity": "On hand"}}, "feed.columns.quantity"),
        ({"format": "xml", "rows": "a", "columns": {"sku": 1, "quantity": "b"}}, "feed.columns.sku"),
        ({"format": "fixed"}, "feed.columns.quantity"),
        (FIXED | {"columns": {"sku": "1-6", "quantity": "9-7"}}, "feed.columns.quantity"),
        (FIXED | {"columns": {"sku": 1, "quantity": "7-"}}, "feed.columns.sku"),
        (FIXED | {"footer": {"starts_with": ["x"], "count": 2}}, "feed.footer.count"),
        (FIXED | {"as_of": {"at": "B1"}}, "feed.as_of.at"),
        ({"footer": {}}, "feed.footer.starts_with"),
        ({"footer": {"starts_with": ["x"], "count": "Item"}}, "feed.footer.count"),
        ({"decimal": ",", "thousands": ","}, "feed.thousands"),
        ({"decimal": ";"}, "feed.decimal"),
        ({"words": {"Call": "unknown?"}}, "feed.words.Call"),
        ({"words": {"Call": -1}}, "feed.words.Call"),
        ({"words": ["Call"]}, "feed.words"),
        ({"bounds": "highest"}, "feed.bounds"),
        ({"negative": "keep"}, "feed.negative"),
        ({"packs": {"DZ": 0}}, "feed.packs.DZ"),
        ({"pack": 0}, "feed.pack"),
        ({"status": {"D": "gone"}}, "feed.status.D"),
        ({"sku_masks": "999"}, "feed.sku_masks"),
        ({"full": "yes"}, "feed.full"),
        ({"encoding": "rot13"}, "feed.encoding"),
        ({"as_of": {"at": "first"}}, "feed.as_of.at"),
        ({"as_of": {"at": "A1", "format": "%Q"}}, "feed.as_of.format"),
        ({"as_of": {"at": "A1", "zone": "Mars/Olympus"}}, "feed.as_of.zone"),
        ({"as_of": {"format": "excel"}}, "feed.as_of.at"),
        ({"guard": {"least": 1}}, "feed.guard.least"),
    ],
)
def test_a_mistake_is_refused_with_its_place(settings: dict[str, object], at: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(**settings)

    assert refused.value.details["at"] == at


def test_every_setting_is_told() -> None:
    told = (Path(__file__).parents[3] / "docs/feed-profiles.md").read_text()

    for setting in {*profiles.OF_ALL, *sum(profiles.OF_FORMAT.values(), ())}:
        assert f"`{setting}`" in told
    for word in profiles.WORDS:
        assert f"`{word}`" in told


@pytest.mark.parametrize(("letters", "at"), [("A", 1), ("Z", 26), ("AA", 27), ("XFD", 16384)])
def test_letters_of_columns(letters: str, at: int) -> None:
    assert profiles.position(letters) == at
