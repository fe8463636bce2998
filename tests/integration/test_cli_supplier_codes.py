from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.domain import identity, messages
from shared.domain.facts import Catalogue, Meaning, Product, SupplierCode
from shared.domain.feeds import Feed, Run
from shared.domain.identity import Said
from shared.domain.messages import CountCode
from shared.domain.names import Sku, SourceId
from shared.domain.photographs import Row
from shared.storage.facts import Facts
from shared.storage.feeds import Feeds
from shared.storage.supplier_codes import LeftOut, SupplierCodes
from tests.support import terminal as terminals
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

ALPINA = SourceId("alpina")
AT = "2026-11-25T08:00:00.000Z"
GTIN = "04006381333931"
TRAY, MUG = Sku("NL-1001"), Sku("NL-1031")


@pytest.fixture
def codes(aws: Aws) -> SupplierCodes:
    """Know two products, and a file that named three codes of which nobody has mapped any."""
    products = Product(sku=TRAY, title="Oak tray", gtin=GTIN), Product(sku=MUG, title="Mug", mpn="mug/31")
    facts = Facts(aws.stock)
    facts.push(facts.difference(Catalogue(products=products)), AT)
    run = Run(as_of=AT, file="in/alpina/stock.csv@v1", snapshot="s", reading="r")
    Feeds(aws.stock).write(Feed(source=ALPINA, applied=run, revision=1))
    for n, (code, gtin) in enumerate([("60-1", GTIN), ("MUG 31", ""), ("it's new", "")]):
        row = Row(line=n + 2, sku=Sku(code), units=n + 5, cost_minor=740, gtin=gtin, told="5+" if gtin else "")
        word = Said(row=row, as_of=AT, file=run.file, reason=identity.NEVER_MAPPED)
        facts.codes.note(ALPINA, word, None, f"2026-11-25T08:00:0{n}.000Z", may_enter=True)
    facts.codes.tell_left_out(ALPINA, LeftOut(codes=1_234, as_of=AT))
    return facts.codes


@pytest.fixture
def file_queue(aws: Aws) -> str:
    return aws.sqs.create_queue(QueueName="files")["QueueUrl"]


@pytest.fixture
def terminal(
    codes: SupplierCodes,
    file_queue: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Terminal:
    assert codes.table.name
    return terminals.at(tmp_path, capsys, monkeypatch, {"FileQueueUrl": file_queue})


def asked(aws: Aws, queue: str) -> set[str]:
    found = [messages.read(body) for body in aws.messages(queue)]
    assert all(isinstance(each, CountCode) and each.source == ALPINA for each in found)
    return {each.code for each in found if isinstance(each, CountCode)}


def of(code: str, sku: Sku, pack: int = 1) -> dict[str, SupplierCode]:
    return {code: SupplierCode(supplier=ALPINA, code=code, meanings=(Meaning(sku=sku, pack=pack),))}


def test_unmapped_codes_are_listed_with_what_the_file_said_and_the_command_to_map_them(terminal: Terminal) -> None:
    assert terminal.run("feeds", "unmapped", "--supplier", "alpina") == 0

    for told in (
        "5+",
        "7.40 EUR",
        "NL-1001 (the same GTIN)",
        "NL-1031 (its MPN is the same)",
        "truestock feeds map --supplier alpina 60-1 NL-1001",
        "truestock feeds map --supplier alpina 'MUG 31' NL-1031",
        """truestock feeds map --supplier alpina 'it'"'"'s new' SKU""",
        "3 codes of alpina are unmapped",
        "1234 more of the file",
    ):
        assert told in terminal.out

    told = terminal.document("feeds", "unmapped", "--supplier", "alpina", "--most", "1")
    assert (told["unmapped"], told["left_out"], [each["code"] for each in told["codes"]]) == (3, 1234, ["60-1"])


def test_a_code_is_mapped_and_its_count_asked_for(
    aws: Aws, terminal: Terminal, codes: SupplierCodes, file_queue: str
) -> None:
    assert terminal.run("feeds", "map", "--supplier", "alpina", "60-1", "NL-1001", "--pack", "6") == 0

    assert "alpina,60-1,NL-1001,6,," in terminal.out
    assert codes.meanings(ALPINA, ["60-1"]) == of("60-1", TRAY, 6)
    assert [each.code for each in codes.unmapped(ALPINA)] == ["MUG 31", "it's new"]
    assert asked(aws, file_queue) == {"60-1"}


def test_what_is_suggested_is_mapped_after_it_was_shown_and_agreed(
    aws: Aws, terminal: Terminal, codes: SupplierCodes, file_queue: str
) -> None:
    suggested = "feeds", "map", "--supplier", "alpina", "--suggested", "--stack", "prod"
    assert terminal.run(*suggested, said="n\n") == 1
    assert "alpina,MUG 31,NL-1031,1,," in terminal.out
    assert terminal.run(*suggested, "--dry-run") == 0
    assert codes.meanings(ALPINA, ["60-1", "MUG 31"]) == {}

    assert terminal.run(*suggested, said="y\n") == 0

    assert codes.meanings(ALPINA, ["60-1", "MUG 31", "it's new"]) == of("60-1", TRAY) | of("MUG 31", MUG)
    assert asked(aws, file_queue) == {"60-1", "MUG 31"}
    assert terminal.run(*suggested) == 0
    assert "nothing to map" in terminal.out


def test_a_sku_that_a_code_means_already_is_not_suggested_for_another(terminal: Terminal, codes: SupplierCodes) -> None:
    terminal.run("feeds", "map", "--supplier", "alpina", "old-1", "NL-1001")

    assert terminal.run("feeds", "map", "--supplier", "alpina", "--suggested") == 0

    assert codes.meanings(ALPINA, ["60-1", "MUG 31"]) == of("MUG 31", MUG)


@pytest.mark.parametrize(
    ("_case", "arguments", "told"),
    [
        ("an unknown SKU", ["60-1", "NL-9"], "no product has this SKU"),
        ("a code alone", ["60-1"], "name a code and a SKU"),
        ("both", ["60-1", "NL-1001", "--suggested"], "name a code and a SKU"),
        ("no pack", ["60-1", "NL-1001", "--pack", "0"], "greater than or equal to 1"),
        ("days reversed", ["60-1", "NL-1001", "--from", "2026-12-02", "--until", "2026-12-01"], "is after the last"),
        ("a code that means another", ["old-1", "NL-1031"], "means something else on some of these days"),
        ("a SKU of another code", ["60-1", "NL-1001"], "two codes of a supplier mean the same SKU"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(
    terminal: Terminal, codes: SupplierCodes, _case: str, arguments: list[str], told: str
) -> None:
    terminal.run("feeds", "map", "--supplier", "alpina", "old-1", "NL-1001")

    assert terminal.run("feeds", "map", "--supplier", "alpina", *arguments) != 0

    assert told in terminal.err
    assert codes.meanings(ALPINA, ["60-1", "old-1"]) == of("old-1", TRAY)


def test_a_meaning_is_added_after_one_that_ended(terminal: Terminal, codes: SupplierCodes) -> None:
    map_it = "feeds", "map", "--supplier", "alpina", "60-1"
    assert terminal.run(*map_it, "NL-1001", "--until", "2026-12-31") == 0
    assert terminal.run(*map_it, "NL-1031", "--from", "2027-01-01") == 0

    assert [each.sku for each in codes.meanings(ALPINA, ["60-1"])["60-1"].meanings] == [TRAY, MUG]


def test_a_push_of_mappings_asks_for_the_counts_of_codes_in_the_queue_and_of_those_mapped_anew(
    aws: Aws, terminal: Terminal, codes: SupplierCodes, file_queue: str, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(Path(__file__).parents[2] / "config", tmp_path / "config"))
    lines = folder / "supplier_skus.csv"
    lines.write_text("supplier,code,sku,pack,from,until\nalpina,60-1,NL-1001,1,,\nbaltic,BT-1,NL-1016,6,,\n")
    assert terminal.run("config", "push", str(folder)) == 0
    assert asked(aws, file_queue) == {"60-1"}

    assert terminal.run("config", "push", str(folder)) == 0
    assert asked(aws, file_queue) == {"60-1"}  # what broke off before it asked is asked for again

    lines.write_text(lines.read_text().replace("NL-1001", "NL-1002"))
    assert terminal.run("config", "push", str(folder)) == 0
    (known,) = codes.known(ALPINA, ["60-1"]).values()
    assert ([each.sku for each in known.former], asked(aws, file_queue)) == (["60-1", "NL-1001"], {"60-1"})
