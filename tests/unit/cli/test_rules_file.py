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
        ("platform: shopify", "platform: etsy"),
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


# ---- terms, and the rates beside them


TERMS = """\
    shipping:
      order_fee: "2.50"
      freight:
        - to: [DE]
          brackets: [{upto_grams: 2000, price: "4.90"}, {upto_grams: 9000, price: "8.90"}]
        - to: [FR]
          brackets: [{upto_grams: 2000, price: "9.90"}]
      cutoff: {at: "14:00", weekdays: [mon, tue]}
    feed:
"""
RATES = """\
base: EUR
as_of: "2026-11-24"
max_age_days: 7
buys:
  GBP: "0.8745"
  JPY: "178.46"
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "told_of"),
    [
        ('"2.50"', "2.50", 21, "order_fee: a rule has a value it must not have: 2.5; allowed: an amount in EUR in"),
        ('"2.50"', '"-2.50"', 21, "order_fee: a rule has a value it must not have: '-2.50'; allowed: an amount in"),
        ("[DE]", "[NO]", 23, "freight.0.to: a rule has a value it must not have: [False]; allowed: a list of ISO 3166"),
        ("[FR]", "[EN]", 25, "freight.1.to: a rule has a value it must not have: ['EN']; allowed: a list of ISO 3166"),
        ("[FR]", "[FR, DE]", 25, "freight.1.to: a rule has a value it must not have: 'DE'; allowed: countries that no"),
        ("9000", "1500", 24, "freight.0.brackets.1.upto_grams: a rule has a value it must not have: 1500; allowed: mo"),
        ('"14:00"', "14:00", 27, "cutoff.at: a rule has a value it must not have: 840; allowed: a time from 00:00 to"),
        ("mon, tue", "montag", 27, "cutoff.weekdays: a rule has a value it must not have: ['montag']; allowed: a list"),
    ],
)
def test_a_mistake_in_terms_is_told_with_its_line(file: Path, old: str, new: str, line: int, told_of: str) -> None:
    (mistake,) = told(file, ("    feed:\n", TERMS.replace(old, new)))

    assert mistake.startswith(f"line {line}: rules.sources.alpina.at.shipping.{told_of}")


def test_mistakes_in_terms_and_policy_are_all_told(file: Path) -> None:
    wrong = TERMS.replace('"2.50"', "2.50").replace("[DE]", "[EN]").replace('"14:00"', "14:00")

    mistakes = told(
        file,
        ("    feed:\n", wrong),
        ("sources: [alpina.at]", "sources: [alpine]\n    routing: {goals: [cheap], packs: up, split_lines: true}"),
    )

    places = [mistake.split(": ")[1].removeprefix("rules.") for mistake in mistakes]
    assert sorted(places) == [
        "channels.web.routing.goals",
        "channels.web.routing.packs",
        "channels.web.routing.split_lines",
        "channels.web.sources",
        "sources.alpina.at.shipping.cutoff.at",
        "sources.alpina.at.shipping.freight.0.to",
        "sources.alpina.at.shipping.order_fee",
    ]


def test_rates_beside_the_rules_are_a_part_of_them(file: Path) -> None:
    file.with_name("rates.yaml").write_text(RATES)
    assert told(file, ("currency: EUR\n    zone", "currency: GBP\n    zone")) == []

    read = rules_file.read(file)

    assert read.document["rates"]["buys"] == {"GBP": "0.8745", "JPY": "178.46"}
    assert read.rules is not None
    assert read.rules.rates is not None
    assert read.rules.rates.base == "EUR"


@pytest.mark.parametrize(
    ("rates", "line", "told_of"),
    [
        (RATES.replace('"0.8745"', '"-1"'), 5, "rates.buys.GBP: a rule has a value it must not have: '-1'; allowed: "),
        (
            RATES.replace("JPY", "YEN"),
            6,
            "rates.buys.YEN: a rule has a value it must not have: 'YEN'; allowed: ISO 421",
        ),
        (RATES.replace('"2026-11-24"', "2026-11-24"), 2, "YAML reads this as a timestamp; put it in quotes"),
        (RATES.replace("max_age_days: 7\n", ""), 1, "rates.max_age_days: a rule has a value it must not have: None"),
        (RATES + '  GBP: "0.9"\n', 7, "'GBP' is there twice, first on line 5; keep one"),
        ("", 1, "rates.base: a rule has a value it must not have: None; allowed: an ISO 4217 code"),
        ("- EUR\n", 1, "rates: a table was expected here: ['EUR']"),
        ("base: [\n", 2, "not YAML"),
    ],
)
def test_a_mistake_in_rates_is_told_with_their_file_and_line(file: Path, rates: str, line: int, told_of: str) -> None:
    beside = file.with_name("rates.yaml")
    beside.write_text(rates)

    mistakes = told(file, ("currency: EUR\n    zone", "currency: GBP\n    zone"))

    assert mistakes[0].startswith(f"{beside}: line {line}: {told_of}")
    assert all(each.startswith(f"{beside}: ") for each in mistakes)


def test_mistakes_of_both_files_are_told_the_rules_first(file: Path) -> None:
    file.with_name("rates.yaml").write_text(RATES.replace('"0.8745"', "0.8745"))

    mistakes = told(file, ("platform: shopify", "platform: etsy"), ("lag_minutes: 5", "lag_minutes: soon"))

    assert [each.split(": a rule")[0] for each in mistakes] == [
        "line 5: rules.channels.web.platform",
        "line 21: rules.sources.alpina.at.feed.lag_minutes",
        f"{file.with_name('rates.yaml')}: line 5: rates.buys.GBP",
    ]


def test_a_currency_without_a_rate_is_told_with_its_source(file: Path) -> None:
    (mistake,) = told(file, ("currency: EUR\n    zone", "currency: SEK\n    zone"))

    assert mistake.startswith("line 14: rules.sources.alpina.at.currency: a source's currency has no rate to that of")
    assert mistake.endswith("SEK; allowed: 'EUR', or what rates.yaml turns into it")


def test_a_wrong_currency_is_one_mistake_whatever_the_shop_sells_in(file: Path) -> None:
    (mistake,) = told(
        file, ("currency: EUR\n    sources", "currency: USD\n    sources"), ("EUR\n    zone", "US\n    zone")
    )

    assert mistake.startswith("line 14: rules.sources.alpina.at.currency: a rule has a value it must not have: 'US'")


def test_rates_within_the_rules_are_refused(file: Path) -> None:
    file.with_name("rates.yaml").write_text(RATES)

    assert told(file, ("version: v1", "version: v1\nrates: {base: EUR}")) == [
        "line 3: rates stand in rates.yaml beside it"
    ]
