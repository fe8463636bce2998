from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from botocore.exceptions import EndpointConnectionError

from cli import main
from cli.main import Answering
from cli.mistakes import Mistake, WrongFile
from cli.screen import Screen
from cli.session import Session, reads, writes
from cli.target import NoTarget
from shared.errors import Transient

ROOT = Path(__file__).parents[3]


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    record = {"url": "http://127.0.0.1:1", "stack": "shop", "outputs": {"StockTable": "stock"}}
    (tmp_path / "cloud.json").write_text(json.dumps(record))
    return tmp_path


def run(*arguments: str, app: typer.Typer) -> int:
    try:
        app(list(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)
    raise AssertionError("a command always exits")


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(cls=Answering)

    @app.callback()
    def none() -> None:
        pass

    @app.command()
    @reads
    def look(session: Session, sku: str, *, wide: bool = False) -> None:
        session.table("levels [all]", ["sku", "units"], [(sku, 3), ("[b]", 12)])
        session.tell(f"{session.target.secret_prefix} {wide} [b]")
        session.answer({"sku": sku})

    @app.command()
    @writes
    def change(session: Session) -> None:
        if session.agree(["A: 1 -> 2"]):
            session.tell(f"written by {session.actor} because {session.reason}")

    @app.command()
    def fail(kind: str) -> None:
        raise {
            "file": WrongFile([Mistake(Path("a.csv"), 3, "is wrong"), Mistake(Path("b.csv"), 0, "is away")]),
            "target": NoTarget("start one"),
            "app": Transient("the table did not answer", code="storage", doing="get"),
            "aws": EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        }[kind]

    return app


def test_without_arguments_it_tells_what_an_operator_does_daily(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == 0
    said = capsys.readouterr().out
    for command in ("exceptions list", "stock explain SKU", "orders find", "feeds status", "pause", "config push"):
        assert f"truestock {command}" in said


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "cli.main", "config", "check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own command

    assert (done.returncode, done.stderr) == (0, "")
    assert "config is right" in done.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["config", "push", "--colour"], ["channels", "rotate"]])
def test_a_mistake_of_the_caller_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(arguments) == 2
    assert "Usage: truestock" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("file", 2, "a.csv: line 3: is wrong\nb.csv: is away\n"),
        ("target", 2, "start one\n"),
        ("app", 1, "not done: the table did not answer (doing='get')\n"),
        ("aws", 1, 'not done: AWS did not do it: Could not connect to the endpoint URL: "http://127.0.0.1:1"\n'),
    ],
)
def test_an_expected_failure_is_a_line_and_a_status(
    app: typer.Typer, capsys: pytest.CaptureFixture[str], kind: str, status: int, told: str
) -> None:
    assert run("fail", kind, app=app) == status
    assert capsys.readouterr() == ("", told)


def test_a_command_says_which_cloud_it_acts_on(
    app: typer.Typer, cloud: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("look", "NL-1", "--wide", "--cloud", str(cloud), app=app) == 0

    said = capsys.readouterr().out.splitlines()
    assert [line.rstrip() for line in said] == [
        "levels [all]",
        "sku   units",
        "NL-1      3",
        "[b]      12",
        f"on local cloud {cloud} at http://127.0.0.1:1",
        "truestock/shop True [b]",
    ]


def test_json_is_alone_on_stdout(app: typer.Typer, cloud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("look", "NL-1", "--json", "--cloud", str(cloud), app=app) == 0

    out, err = capsys.readouterr()
    assert json.loads(out) == {"sku": "NL-1"}
    assert "on local cloud" in err
    assert "levels" not in err


def test_the_cloud_may_come_from_the_environment(
    app: typer.Typer, cloud: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUESTOCK_CLOUD", str(cloud))

    assert run("look", "NL-1", app=app) == 0
    assert f"on local cloud {cloud}" in capsys.readouterr().out


def test_a_local_cloud_is_not_asked_about(app: typer.Typer, cloud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("change", "--actor", "ada", "--reason", "a test", "--cloud", str(cloud), app=app) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"on local cloud {cloud} at http://127.0.0.1:1",
        "A: 1 -> 2",
        "written by ada because a test",
    ]


def test_a_dry_run_writes_nothing(app: typer.Typer, cloud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("change", "--dry-run", "--cloud", str(cloud), app=app) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "a dry run: nothing was written"


def test_who_acts_is_the_login_when_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "grace")

    assert Session().actor == "grace"


def test_a_long_line_is_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().tell("x" * 300)

    assert capsys.readouterr().out == f"{'x' * 300}\n"
