from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from cli import files, main
from cli.mistakes import WrongFile

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_sample_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["config", "check", str(CONFIG)]) == 0
    assert "3 channels, 9 sources, 55 products" in capsys.readouterr().out


def test_products_are_listed_on_the_active_channels(folder: Path) -> None:
    first, *_ = files.read(folder).facts.products

    assert (first.sku, first.inventory_items) == ("NL-1001", {"nordlys": "gid://shopify/InventoryItem/51001001"})


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("rules.yaml", "platform: shopify", "platform: shopfy", ": rules.channels.nordlys.platform: a rule has"),
        ("rules.yaml", "zone: Europe/Riga", "zone: Riga", "allowed: a zone of the tz database"),
        ("rules.yaml", "schema: 1", "schema: [", "not YAML"),
        ("rules.yaml", '"NO"', "NO", "allowed: a list of ISO 3166 codes such as 'DE', in quotes where YAML makes"),
        (
            "rules.yaml",
            "holidays: austria}",
            "holidays: bavaria}",
            "rules.holidays (austria, ireland), or a list of days",
        ),
        (
            "rules.yaml",
            "goals: [landed_cost",
            "goals: [cost",
            "a list of parcels, landed_cost, promised_date, priority",
        ),
        ("rules.yaml", "upto_grams: 10000", "upto_grams: 2000", "more than in the bracket before it"),
        ("rates.yaml", 'GBP: "0', 'GBP: "-0', "line 8: rates.buys.GBP: a rule has a value it must not have: '-0.8745'"),
        ("rates.yaml", "base: EUR", "base: EURO", "line 3: rates.base: a rule has a value it must not have: 'EURO'"),
        ("rates.yaml", 'as_of: "20', 'as_of: "29', "rates.yaml: as_of lies ahead"),
        ("products.csv", "sku,title", "SKU,title", "line 1: the columns must be sku,title,inventory_item"),
        ("products.csv", "NL-1002", "NL-1001", "line 3: SKU NL-1001 is there twice, first on line 2"),
        ("products.csv", "NL-1002", "NL#1002", "line 3: sku 'NL#1002': a name has a character"),
    ],
)
def test_a_mistake_is_told_with_its_file_place_and_remedy(
    folder: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, told: str
) -> None:
    changed(folder / file, old, new)

    assert main.main(["config", "check", str(folder)]) == 2
    said = capsys.readouterr().err
    assert f"{folder / file}: " in said
    assert told in said


def test_all_mistakes_of_all_files_are_told_at_once(folder: Path) -> None:
    changed(folder / "rules.yaml", "currency: EUR", "currency: euro")
    changed(folder / "rules.yaml", "zone: Europe/Riga", "zone: Riga")
    changed(folder / "products.csv", "NL-1002", "NL-1001")
    (folder / "kits.csv").write_text("kit,part,units\nNL-1003,NL-9999,0\n")
    changed(folder / "substitutes.csv", "NL-1006,NL-1007,1", "NL-1006,NL-1007,0")

    with pytest.raises(WrongFile) as wrong:
        files.read(folder)

    lines = (folder / "rules.yaml").read_text().splitlines()
    assert [(mistake.file.name, mistake.line) for mistake in wrong.value.mistakes] == [
        ("rules.yaml", lines.index("    currency: euro") + 1),
        ("rules.yaml", lines.index("    zone: Riga") + 1),
        ("products.csv", 3),
        ("kits.csv", 2),
        ("kits.csv", 2),
        ("substitutes.csv", 2),
        ("substitutes.csv", 4),
        ("supplier_skus.csv", 3),
    ]


def test_a_program_has_the_mistakes_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "kits.csv").write_text("kit,part,units\nNL-1003,NL-9999,1\n")

    assert main.main(["config", "check", str(folder), "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(folder),
        "is_right": False,
        "mistakes": [
            {
                "file": str(folder / "kits.csv"),
                "line": 2,
                "told": "part 'NL-9999' is no SKU of products.csv; add it there or correct the part",
            }
        ],
    }


def test_a_missing_file_is_a_mistake(folder: Path) -> None:
    (folder / "products.csv").unlink()

    with pytest.raises(WrongFile, match="cannot be read"):
        files.read(folder)


def test_a_file_that_cannot_be_read_makes_no_mistakes_of_the_others(folder: Path) -> None:
    (folder / "products.csv").unlink()
    (folder / "rules.yaml").write_text("[")

    with pytest.raises(WrongFile) as wrong:
        files.read(folder)

    assert [mistake.file.name for mistake in wrong.value.mistakes] == ["rules.yaml", "products.csv"]


def test_a_file_in_another_encoding_is_a_mistake(folder: Path) -> None:
    (folder / "products.csv").write_bytes("sku,title,inventory_item\nA,Stühle,\n".encode("cp1252"))

    with pytest.raises(WrongFile, match="not UTF-8"):
        files.read(folder)


def test_without_a_cloud_it_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["config", "push", str(CONFIG), "--cloud", "no-such-cloud"]) == 2
    assert "make run" in capsys.readouterr().err


def test_the_column_of_products_lists_on_shopify_and_on_others_only_where_there_is_none(folder: Path) -> None:
    def listed(sku: str) -> dict[str, str]:
        read = files.read(folder).facts
        return {str(at): item for each in read.products if each.sku == sku for at, item in each.inventory_items.items()}

    assert listed("NL-1001") == {"nordlys": "gid://shopify/InventoryItem/51001001"}
    assert listed("NL-2001")["havn"] == "2001"
    assert set(listed("NL-2001")) == {"nordlys", "havn", "torg"}

    rules = yaml.safe_load((folder / "rules.yaml").read_text())
    del rules["channels"]["nordlys"]
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    (folder / "listings.csv").unlink()

    assert set(listed("NL-1001")) == {"havn", "torg"}
