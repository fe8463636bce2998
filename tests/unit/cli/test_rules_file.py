from __future__ import annotations

from pathlib import Path

import pytest

from cli import rules_file

RIGHT = """\
schema: 1
version: v1
channels:
  web:
    platform: shopify
    shop: shop.example
    api_url: https://shop.example
    location: here
    currency: EUR
    sources: [alpina.at]
sources:
  alpina.at:
    name: Alpina
    currency: EUR
    zone: Europe/Vienna
    freshness:
      - {after_hours: 4, percent: 80}
      - after_hours: 12
        percent: 50
    feed:
      lag_minutes: 5
      columns: {sku: Item, quantity: On hand}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


def told(file: Path, *changes: tuple[str, str]) -> list[str]:
    text = RIGHT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text)
    return [str(mistake).removeprefix(f"{file}: ") for mistake in rules_file.read(file).mistakes]


def test_what_is_right_is_read(file: Path) -> None:
    assert told(file) == []

    read = rules_file.read(file)

    assert read.rules is not None
    assert read.rules.version == "v1"


@pytest.mark.parametrize(
    ("old", "new", "line", "place"),
    [
        ("lag_minutes: 5", "lag_minutes: -5", 21, "rules.sources.alpina.at.feed.lag_minutes"),
        ("percent: 50", "percent: 90", 18, "rules.sources.alpina.at.freshness.1.after_hours"),
        ("percent: 80", "percent: many", 17, "rules.sources.alpina.at.freshness.0.percent"),
        ("    zone: Europe/Vienna\n", "", 12, "rules.sources.alpina.at.zone"),
        ("    currency: EUR\n    sources", "    sources", 4, "rules.channels.web.currency"),
        ("sources: [alpina.at]", "sources: [alpine]", 10, "rules.channels.web.sources"),
        ("version: v1", "version: 1", 2, "rules.version"),
        ("schema: 1", "schema: 2", 1, "rules.schema"),
        ("    platform", "    plattform: x\n    platform", 5, "rules.channels.web.plattform"),
    ],
)
def test_a_mistake_is_told_with_its_line(file: Path, old: str, new: str, line: int, place: str) -> None:
    (mistake,) = told(file, (old, new))

    assert mistake.startswith(f"line {line}: {place}: ")


def test_all_mistakes_are_told(file: Path) -> None:
    mistakes = told(
        file,
        ("platform: shopify", "platform: amazon"),
        ("shop: shop.example", "shop: ''"),
        ("currency: EUR", "currency: E"),
        ("sources: [alpina.at]", "sources: [alpine]\n    percent: 200\n    colour: red"),
        ("zone: Europe/Vienna", "zone: Wien"),
        ("percent: 80", "percent: 100"),
        ("lag_minutes: 5", "lag_minutes: soon"),
        ("columns: {sku: Item, quantity: On hand}", "columns: {sku: Item}"),
    )

    places = [mistake.split(": ")[1].removeprefix("rules.") for mistake in mistakes]
    assert places == [
        "channels.web.platform",
        "channels.web.shop",
        "channels.web.currency",
        "channels.web.sources",
        "channels.web.percent",
        "channels.web.colour",
        "sources.alpina.at.zone",
        "sources.alpina.at.freshness.0.percent",
        "sources.alpina.at.feed.lag_minutes",
        "sources.alpina.at.feed.columns.quantity",
    ]


def test_a_missing_table_is_one_mistake(file: Path) -> None:
    text = RIGHT[RIGHT.index("    feed:") :]

    assert told(file, (text, "")) == ["line 12: rules.sources.alpina.at.feed: a table was expected here: None"]


def test_a_name_that_may_not_be_is_told(file: Path) -> None:
    (mistake,) = told(file, ("alpina.at:", '"al#pina":'), ("[alpina.at]", "[]"))

    assert mistake == "line 12: rules.sources.al#pina: a name has a character it must not have: al#pina"


def test_a_key_given_twice_is_told_with_both_lines(file: Path) -> None:
    assert told(file, ("    zone", "    currency: USD\n    zone")) == [
        "line 15: 'currency' is there twice, first on line 14; keep one"
    ]


def test_a_value_that_yaml_makes_a_date_is_told_once(file: Path) -> None:
    assert told(file, ("version: v1", "version: 2026-11-23")) == [
        "line 2: YAML reads this as a timestamp; put it in quotes if it is a text"
    ]


def test_a_name_that_yaml_makes_a_truth_value_is_told(file: Path) -> None:
    mistakes = told(file, ("  alpina.at:", "  no:"), ("[alpina.at]", "[]"), ("zone: Europe/Vienna", "zone: Wien"))

    assert mistakes == ["line 12: YAML reads the name 'no' as a bool; put it in quotes"]


def test_what_is_no_yaml_is_told_with_its_line(file: Path) -> None:
    (mistake,) = told(file, ("version: v1", "version: v1: v2"))

    assert mistake == "line 2: not YAML: mapping values are not allowed here"


def test_a_document_over_a_megabyte_is_refused(file: Path) -> None:
    (mistake,) = told(file, ("version: v1", f"version: {'v' * 1_000_000}"))

    assert "more than 1000000: facts per SKU go into csv files" in mistake


def test_a_document_that_grows_over_a_megabyte_by_its_anchors_is_refused(file: Path) -> None:
    grown = f"&long [{', '.join(['alpina.at'] * 20_000)}]"
    web = RIGHT[RIGHT.index("  web:") : RIGHT.index("sources:\n")]
    more = "".join(web.replace("web", f"web{n}").replace("[alpina.at]", "*long") for n in range(9))

    (mistake,) = told(file, ("[alpina.at]\n", f"{grown}\n{more}"))

    assert mistake == "the rules are too large (most_bytes=1000000)"


@pytest.mark.parametrize("text", ["", "- a\n", "a\n", "channels: 1\n"])
def test_something_else_altogether_is_told(file: Path, text: str) -> None:
    file.write_text(text)

    assert rules_file.read(file).mistakes[0].line == 1
