from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shared.domain.names import ChannelId, Sku
from shared.runtime import clients
from shared.runtime.settings import settings
from shared.storage.config import Config
from shared.storage.facts import Facts
from tests.support import terminal as terminals
from tests.support import trade
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

ROOT = Path(__file__).parents[2]
VERSION = yaml.safe_load((ROOT / "config/rules.yaml").read_text())["version"]


@dataclass
class Clerk(Terminal):
    """A person with a folder of files to push."""

    folder: Path = Path()

    def push(self, *options: str, said: str = "") -> int:
        return self.run("config", "push", str(self.folder), *options, said=said)

    def change(self, old: str, new: str, file: str = "rules.yaml") -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new, 1))


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clerk:
    seat = terminals.at(tmp_path, capsys, monkeypatch)
    folder = Path(shutil.copytree(ROOT / "config", tmp_path / "config"))
    assert aws.stock.name == settings().stock_table
    return Clerk(seat.cloud, seat.capsys, seat.monkeypatch, folder=folder)


@pytest.fixture
def config(aws: Aws) -> Config:
    return Config(aws.s3, settings().config_bucket)


def secret() -> dict[str, str]:
    name = f"{settings().secret_prefix}/shops/nordlys"
    kept: dict[str, str] = json.loads(clients.secretsmanager().get_secret_value(SecretId=name)["SecretString"])
    return kept


# ---- push, diff


def test_a_push_makes_a_folder_current(aws: Aws, terminal: Clerk, config: Config) -> None:
    terminal.change("buffer: 0", "buffer: 2")

    assert terminal.push("--actor", "ada", "--reason", "hold two back") == 0

    assert config.document()["channels"]["nordlys"]["buffer"] == 2
    assert [(each.actor, each.reason) for each in config.versions(1)] == [("ada", "hold two back")]
    facts = Facts(aws.stock)
    assert facts.products([Sku("NL-1001")])[Sku("NL-1001")].substitutes == ("NL-1002", "NL-1003")
    assert facts.listed(ChannelId("nordlys"), "gid://shopify/InventoryItem/51001001") == "NL-1001"
    assert "channels.nordlys.buffer: 0 -> 2" in terminal.out
    assert "products: 55 new, 0 changed, 0 unchanged" in terminal.out
    assert "supplier SKUs: 4 new, 0 changed, 0 unchanged" in terminal.out
    assert "channels havn, nordlys, torg; sources alpina, baltic, grove, heath, iris, kvist; 55 SKUs" in terminal.out
    queue = aws.sqs.get_queue_attributes(
        QueueUrl=settings().channel_queue_url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert queue["Attributes"] == {"ApproximateNumberOfMessagesDelayed": "64"}


def test_the_same_push_again_writes_nothing(terminal: Clerk, config: Config) -> None:
    terminal.push()
    before = config.versions(10)

    assert terminal.push("--stack", "prod") == 0

    assert config.versions(10) == before
    assert "nothing differs from what is current: nothing was written" in terminal.out


def test_a_dry_run_says_what_would_change_and_writes_nothing(aws: Aws, terminal: Clerk, config: Config) -> None:
    terminal.change("buffer: 0", "buffer: 2")

    assert terminal.push("--dry-run", "--stack", "prod") == 0

    assert "channels.nordlys.buffer: 0 -> 2" in terminal.out
    assert "a dry run: nothing was written" in terminal.out
    assert config.document()["channels"]["nordlys"]["buffer"] == 0
    assert Facts(aws.stock).products([Sku("NL-1001")]) == {}


def test_rates_are_pushed_with_the_rules_and_tell_no_shop_anything(terminal: Clerk, config: Config) -> None:
    terminal.push()
    terminal.change('GBP: "0.8745"', 'GBP: "0.9000"', "rates.yaml")

    assert terminal.push() == 0

    assert 'rates.buys.GBP: "0.8745" -> "0.9000"' in terminal.out
    assert "shops are told" not in terminal.out
    assert config.document()["rates"]["buys"]["GBP"] == "0.9000"
    current = config.rules(trade.times_now()).rates
    assert current is not None
    assert current.bought["GBP"] == Decimal("0.9000")


@pytest.mark.parametrize(
    ("_case", "options", "said", "status", "buffer"),
    [
        ("yes is said", [], "y\n", 0, 2),
        ("no is said", [], "n\n", 1, 0),
        ("nobody answers", [], "", 1, 0),
        ("it is told not to ask", ["--yes"], "", 0, 2),
    ],
)
def test_a_stack_in_aws_is_asked_about(
    terminal: Clerk, config: Config, _case: str, options: list[str], said: str, status: int, buffer: int
) -> None:
    terminal.change("buffer: 0", "buffer: 2")

    assert terminal.push("--stack", "prod", *options, said=said) == status

    assert "on stack prod" in terminal.out
    assert config.document()["channels"]["nordlys"]["buffer"] == buffer


def test_a_push_tells_a_program_what_differs(terminal: Clerk) -> None:
    terminal.push()
    terminal.change("buffer: 0", "buffer: 2")
    terminal.change("Oak tray sand", "Oak tray", "products.csv")

    assert terminal.push("--json") == 0

    assert json.loads(terminal.out) == {
        "rules": [{"path": "channels.nordlys.buffer", "before": "0", "after": "2"}],
        "products": {"changed": ["NL-1001"], "unchanged": 54},
        "supplier_skus": {"changed": [], "unchanged": 4},
        "is_written": True,
    }
    assert "on local cloud" in terminal.err


def test_rules_that_are_wrong_in_the_cloud_can_be_mended(aws: Aws, terminal: Clerk, config: Config) -> None:
    aws.s3.put_object(Bucket=config.bucket, Key="rules.json", Body=b"{")

    assert terminal.push() == 0
    assert config.document()["version"] == VERSION


def test_diff_says_what_a_push_would_change_and_changes_nothing(terminal: Clerk, config: Config) -> None:
    terminal.push()
    terminal.change("buffer: 0", "buffer: 2")
    terminal.change("NL-1001,NL-1003,2\n", "", "substitutes.csv")

    assert terminal.run("config", "diff", str(terminal.folder)) == 0

    assert terminal.out.splitlines()[1:] == [
        "rules, settings that differ: 1",
        "  channels.nordlys.buffer: 0 -> 2",
        "products: 0 new, 1 changed, 54 unchanged",
        "  NL-1001: substitutes NL-1002, NL-1003 -> NL-1002",
        "supplier SKUs: 0 new, 0 changed, 4 unchanged",
    ]
    assert config.document()["channels"]["nordlys"]["buffer"] == 0


def test_a_refusal_is_a_line_and_not_a_traceback(terminal: Clerk) -> None:
    (terminal.cloud / "cloud.json").write_text(
        json.dumps({"url": None, "stack": "x", "outputs": {"ConfigBucket": "gone", "StockTable": "gone"}})
    )

    assert terminal.push() == 1
    assert terminal.err.startswith("not done: the rules' bucket refused (")


# ---- rollback


def test_rollback_lists_what_is_kept(terminal: Clerk) -> None:
    terminal.change(f"version: {VERSION}", "version: second")
    terminal.push("--actor", "ada", "--reason", "autumn")

    assert terminal.run("config", "rollback", "--json") == 0
    newest, first = json.loads(terminal.out)
    assert (newest["version"], newest["actor"], newest["reason"]) == ("second", "ada", "autumn")
    assert (newest["is_current"], first["is_current"]) == (True, False)

    assert terminal.run("config", "rollback") == 0
    assert newest["id"] in terminal.out
    assert "autumn" in terminal.out


def test_rollback_makes_kept_rules_current_again(terminal: Clerk, config: Config) -> None:
    (first,) = config.versions(1)
    terminal.change("buffer: 0", "buffer: 2")
    terminal.push()

    assert terminal.run("config", "rollback", first.id[:12], "--actor", "ada", "--reason", "oversold") == 0

    assert config.document()["channels"]["nordlys"]["buffer"] == 0
    newest, *older = config.versions(10)
    assert (newest.actor, newest.reason) == ("ada", f"rollback to {first.id}: oversold")
    assert len(older) == 2
    assert "channels.nordlys.buffer: 2 -> 0" in terminal.out
    assert "facts (products, kits, listings, ...) stay as they are" in terminal.out
    assert "shops are told what differs: channels havn, nordlys, torg; sources" in terminal.out


def test_a_rollback_is_asked_about_and_may_be_tried_dry(terminal: Clerk, config: Config) -> None:
    (first,) = config.versions(1)
    terminal.change("buffer: 0", "buffer: 2")
    terminal.push()

    assert terminal.run("config", "rollback", first.id, "--dry-run") == 0
    assert terminal.run("config", "rollback", first.id, "--stack", "prod", said="n\n") == 1

    assert config.document()["channels"]["nordlys"]["buffer"] == 2


def test_a_rollback_to_what_is_current_writes_nothing(terminal: Clerk, config: Config) -> None:
    (first,) = config.versions(1)

    assert terminal.run("config", "rollback", first.id) == 0

    assert len(config.versions(10)) == 1
    assert "current already" in terminal.out


def test_a_rollback_to_no_version_is_a_mistake(terminal: Clerk) -> None:
    assert terminal.run("config", "rollback", "nonsense") == 2
    assert "no kept version has this id" in terminal.err


def test_an_id_that_may_be_several_is_a_mistake(terminal: Clerk, config: Config) -> None:
    for n in range(16):
        config.push(config.document() | {"version": f"v{n}"})
    first_letters = [each.id[0] for each in config.versions(17)]
    of_two = next(letter for letter in first_letters if first_letters.count(letter) > 1)

    assert terminal.run("config", "rollback", of_two) == 2
    assert "versions begin with it" in terminal.err


def test_rules_that_are_right_no_more_are_not_made_current(aws: Aws, terminal: Clerk, config: Config) -> None:
    aws.s3.put_object(Bucket=config.bucket, Key="rules.json", Body=b'{"schema": 1}')
    (old, _) = config.versions(2)
    terminal.push()

    assert terminal.run("config", "rollback", old.id, "--dry-run") == 1
    assert terminal.run("config", "rollback", old.id) == 1
    assert terminal.err.startswith("not done: a table was expected here (")
    assert config.document()["version"] == VERSION


# ---- channels rotate


def test_a_rotated_secret_leaves_the_one_before_valid(terminal: Clerk) -> None:
    before = secret()

    assert terminal.run("channels", "rotate", "nordlys", "--from-stdin", said="brand-new\n") == 0

    assert secret() == {"current": "brand-new", "previous": before["current"], "token": before["token"]}
    assert "brand-new" not in terminal.out + terminal.err


def test_a_token_is_replaced_and_the_secrets_stay(terminal: Clerk) -> None:
    before = secret()

    assert terminal.run("channels", "rotate", "nordlys", "--token", "--from-stdin", "--json", said="shpat_2\n") == 0

    assert secret() == before | {"token": "shpat_2"}
    assert json.loads(terminal.out) == {
        "channel": "nordlys",
        "secret": "truestock/test/shops/nordlys",
        "replaced": "token",
        "is_written": True,
    }


def test_a_secret_is_asked_for_without_showing_it(terminal: Clerk) -> None:
    asked: list[str] = []

    def hidden(prompt: str) -> str:
        asked.append(prompt)
        return "brand-new"

    terminal.monkeypatch.setattr("typer._click.termui.hidden_prompt_func", hidden)

    assert terminal.run("channels", "rotate", "nordlys") == 0
    assert asked
    assert secret()["current"] == "brand-new"
    assert "brand-new" not in terminal.out + terminal.err


@pytest.mark.parametrize(
    ("_case", "arguments", "said", "status"),
    [
        ("a dry run asks for nothing", ["nordlys", "--dry-run"], "", 0),
        ("no is said in AWS", ["nordlys", "--stack", "prod", "--from-stdin"], "brand-new\nn\n", 1),
        ("nothing is given", ["nordlys", "--from-stdin"], "\n", 2),
        ("the current one is given", ["nordlys", "--from-stdin"], "shop-secret\n", 2),
        ("the channel is unknown", ["nordlis", "--from-stdin"], "brand-new\n", 2),
    ],
)
def test_a_secret_stays_when(terminal: Clerk, _case: str, arguments: list[str], said: str, status: int) -> None:
    before = secret()

    assert terminal.run("channels", "rotate", *arguments, said=said) == status

    assert secret() == before
    assert "brand-new" not in terminal.out + terminal.err


def test_the_first_secret_of_a_shop_is_made(terminal: Clerk) -> None:
    name = f"{settings().secret_prefix}/shops/nordlys"
    clients.secretsmanager().delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    assert terminal.run("channels", "rotate", "nordlys", "--from-stdin", said="first\n") == 0

    assert secret() == {"current": "first", "previous": "", "token": ""}


def test_a_secret_that_cannot_be_read_is_not_written_over(terminal: Clerk) -> None:
    name = f"{settings().secret_prefix}/shops/nordlys"
    clients.secretsmanager().put_secret_value(SecretId=name, SecretString="plain")

    assert terminal.run("channels", "rotate", "nordlys", "--from-stdin", said="new\n") == 1

    assert terminal.err.startswith("not done: the secret is no JSON table")
    kept: Any = clients.secretsmanager().get_secret_value(SecretId=name)["SecretString"]
    assert kept == "plain"
