from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shared.domain import messages, times
from shared.domain.feeds import Feed, FileReport, Run, Verdict
from shared.domain.messages import ReleaseFile
from shared.domain.names import Sku, SourceId
from shared.formats import stock_files
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage.config import Config
from shared.storage.feeds import Feeds
from tests.support import terminal as terminals
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

ALPINA = SourceId("alpina")
NUMBERS: dict[str, Any] = {"read": 40, "changed": 7, "unchanged": 32, "refused": 1, "absent": 2}


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def feeds(aws: Aws) -> Feeds:
    """Let alpina be heard of every four hours, and its counts grow old after three; nobody waits for baltic."""
    config = Config(aws.s3, settings().config_bucket)
    document = json.loads(json.dumps(config.document()))
    tiers = [{"after_hours": 3, "percent": 80}, {"after_hours": 12, "percent": 30}]
    document["sources"]["alpina"] |= {"cadence_hours": 4, "freshness": tiers}
    document["sources"]["baltic"].pop("cadence_hours", None)
    document["sources"]["celtic"]["active"] = False
    config.push(document)
    return Feeds(aws.stock)


@pytest.fixture
def file_queue(aws: Aws) -> str:
    return aws.sqs.create_queue(QueueName="files")["QueueUrl"]


@pytest.fixture
def terminal(
    feeds: Feeds,
    file_queue: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Terminal:
    assert feeds.table.name
    return terminals.at(tmp_path, capsys, monkeypatch, {"FileQueueUrl": file_queue})


def run(name: str, as_of: str) -> Run:
    return Run(as_of=as_of, file=f"in/alpina/{name}@v1", snapshot=f"done/alpina/{as_of}-abc-{name}", reading="r")


def report(one: Run, verdict: Verdict, **told: Any) -> FileReport:  # noqa: ANN401 - any of its fields
    kept = one.snapshot.replace("done/", "held/") if verdict is Verdict.HELD else one.snapshot
    return FileReport(source="alpina", file=one.file, as_of=one.as_of, verdict=verdict, kept=kept, **told)


def came(feeds: Feeds, as_of: str, heartbeat_at: str = "") -> Run:
    """Apply a file, with one run open beside it and one SKU that it left out."""
    applied = run("stock.csv", as_of)
    feeds.record(report(applied, Verdict.APPLIED, **NUMBERS))
    unconfirmed = {Sku("NL-1001"): as_of}
    feed = Feed(source=ALPINA, applied=applied, open=(run("next.csv", as_of),), unconfirmed=unconfirmed, revision=1)
    feeds.write(replace(feed, heartbeat_at=heartbeat_at))
    return applied


def status(terminal: Terminal, source: str = "alpina") -> Mapping[str, Any]:
    found: list[dict[str, Any]] = terminal.document("feeds", "status")
    return next(each for each in found if each["source"] == source)


def ago(now: datetime, **passed: float) -> str:
    return times.text(now - timedelta(**passed))


def test_the_last_file_is_told_with_its_rows_and_what_it_is_worth(
    terminal: Terminal, feeds: Feeds, now: datetime
) -> None:
    as_of = ago(now, hours=3, minutes=1)
    came(feeds, as_of)

    found = status(terminal)

    assert found["applied"].pop("age_seconds") // 60 == 181
    assert found["applied"] == {
        "file": "stock.csv",
        "as_of": as_of,
        "kept": f"done/alpina/{as_of}-abc-stock.csv",
        "read": 40,
        "changed": 7,
        "refused": 1,
        "absent": 2,
    }
    assert (found["worth_percent"], found["is_silent"]) == (80, False)
    assert (found["open_runs"], found["unconfirmed"], found["held"]) == (1, 1, None)
    assert (found["pieces"], found["pieces_done"]) == (0, 0)
    assert found["expected_by"] == times.text(times.read(as_of) + timedelta(hours=4))


def test_a_large_file_tells_how_far_it_is(terminal: Terminal, feeds: Feeds, now: datetime) -> None:
    came(feeds, ago(now, hours=3))
    (run,) = feeds.now(SourceId("alpina")).open
    feeds.cut(SourceId("alpina"), run, 400, 0)
    for number in (1, 7, 7, 400):
        feeds.piece_done(SourceId("alpina"), run.as_of, number)

    assert terminal.run("feeds", "status") == 0
    assert "1: 0 %, 3 of 400 pieces" in " ".join(terminal.out.split())
    assert (status(terminal)["pieces"], status(terminal)["pieces_done"]) == (400, 3)


def test_a_person_sees_the_same(terminal: Terminal, feeds: Feeds, now: datetime) -> None:
    came(feeds, ago(now, hours=13))

    assert terminal.run("feeds", "status") == 0

    (line,) = [line for line in terminal.out.splitlines() if line.startswith("alpina")]
    for told in ("stock.csv", "13 h", "40", "30 %", "SILENT: 13 h ago, expected by"):
        assert told in line
    assert "on local cloud" in terminal.out


@pytest.mark.parametrize(
    ("_case", "file_hours", "heartbeat_hours", "is_silent"),
    [
        ("a file came in time", 3, None, False),
        ("nothing came in time", 5, None, True),
        ("an empty file came in time", 5, 1, False),
        ("both are too long ago", 9, 5, True),
    ],
)
def test_a_source_is_silent_when_it_was_not_heard_of_within_its_cadence(
    terminal: Terminal,
    feeds: Feeds,
    now: datetime,
    _case: str,
    file_hours: int,
    heartbeat_hours: int | None,
    *,
    is_silent: bool,
) -> None:
    came(feeds, ago(now, hours=file_hours), ago(now, hours=heartbeat_hours) if heartbeat_hours else "")

    assert status(terminal)["is_silent"] is is_silent


def test_a_source_without_a_file_or_a_cadence_is_told_as_that(terminal: Terminal) -> None:
    found = status(terminal, "baltic")

    assert (found["applied"], found["worth_percent"], found["is_silent"], found["heard_at"]) == (None, None, None, "")
    assert status(terminal)["is_silent"] is True
    terminal.run("feeds", "status")
    (line,) = [line for line in terminal.out.splitlines() if line.startswith("baltic")]
    assert "no file yet" in line
    assert "never" in line
    assert "celtic (not active)" in terminal.out


def test_the_last_held_file_is_told_with_its_report(terminal: Terminal, feeds: Feeds, now: datetime) -> None:
    came(feeds, ago(now, hours=3))
    for hours, name in ((2, "first.csv"), (1, "second.csv")):
        feeds.record(report(run(name, ago(now, hours=hours)), Verdict.HELD, reason="too many rows are refused"))

    held = status(terminal)["held"]

    kept = f"{ago(now, hours=1)}-abc-second.csv"
    assert held == {
        "file": "second.csv",
        "as_of": ago(now, hours=1),
        "reason": "too many rows are refused",
        "kept": f"held/alpina/{kept}",
        "report": f"out/alpina/reports/{kept}.txt",
    }
    terminal.run("feeds", "status")
    assert "alpina: last held file second.csv" in terminal.out
    assert f"its report: s3://{settings().files_bucket}/out/alpina/reports/{kept}.txt" in terminal.out


def test_rows_of_a_file_that_is_older_than_the_held_ones_looked_for_are_told(
    terminal: Terminal, feeds: Feeds, now: datetime
) -> None:
    came(feeds, ago(now, days=40))
    feeds.record(report(run("old.csv", ago(now, days=31)), Verdict.HELD, reason="not a table"))

    found = status(terminal)

    assert (found["applied"]["read"], found["held"]) == (40, None)


def test_of_another_file_of_the_same_moment_no_rows_are_told(terminal: Terminal, feeds: Feeds, now: datetime) -> None:
    as_of = ago(now, hours=1)
    feeds.record(report(run("other.csv", as_of), Verdict.APPLIED, **NUMBERS))
    came(feeds, as_of)

    found = status(terminal)

    assert (found["applied"]["file"], found["applied"]["read"]) == ("stock.csv", None)


def test_a_held_file_is_released_with_a_reason_through_the_file_queue(
    aws: Aws, feeds: Feeds, terminal: Terminal, file_queue: str, now: datetime
) -> None:
    held(aws, feeds, ago(now, hours=1))

    assert terminal.run("feeds", "release", "alpina", "--reason", "the range was cut", "--actor", "ann") == 0

    assert "it has 11 rows" in terminal.out
    (message,) = aws.messages(file_queue)
    assert messages.read(message) == ReleaseFile(
        source=ALPINA, as_of=ago(now, hours=1), by="ann", reason="the range was cut"
    )


def test_a_held_file_is_rejected_once(aws: Aws, feeds: Feeds, terminal: Terminal, now: datetime) -> None:
    held(aws, feeds, ago(now, hours=1))

    assert terminal.run("feeds", "reject", "alpina", "--reason", "cut off") == 0
    assert feeds.held(ALPINA) == []
    assert terminal.run("feeds", "reject", "alpina", "--reason", "cut off") != 0
    assert "no file of this source is held" in terminal.err


@pytest.mark.parametrize("word", ["release", "reject"])
def test_a_decision_needs_a_reason_and_a_dry_run_decides_nothing(
    aws: Aws, feeds: Feeds, terminal: Terminal, file_queue: str, now: datetime, word: str
) -> None:
    held(aws, feeds, ago(now, hours=1))

    assert terminal.run("feeds", word, "alpina") != 0
    assert terminal.run("feeds", word, "alpina", "--reason", "x", "--dry-run") == 0

    assert len(feeds.held(ALPINA)) == 1
    assert aws.messages(file_queue) == []


def test_a_file_that_cannot_be_read_is_not_released(aws: Aws, feeds: Feeds, terminal: Terminal, now: datetime) -> None:
    held(aws, feeds, ago(now, hours=1), code="no_rows")

    assert terminal.run("feeds", "release", "alpina", "--reason", "x") != 0
    assert "mend it and drop it again" in terminal.err


def held(aws: Aws, feeds: Feeds, as_of: str, code: str = "file_implausible") -> None:
    """Enter a held file into the history, with its report where the flow puts it."""
    one = report(run("cut.csv", as_of), Verdict.HELD, reason="the file is implausible", code=code)
    feeds.record(one)
    told = json.dumps({"details": {"because": ["it has 11 rows, the file before it 40: it may be cut off"]}})
    key = f"out/alpina/reports/{one.kept.rpartition('/')[2]}.json"
    aws.s3.put_object(Bucket=settings().files_bucket, Key=key, Body=told.encode())


# ---- try


STOCK = "Item;On hand;Price\n"


def applied_now(aws: Aws, feeds: Feeds, now: datetime, body: str) -> None:
    """Have a file be the one that counts."""
    rules = Config(aws.s3, settings().config_bucket).rules(now)
    reading = stock_files.fingerprint(rules.sources[ALPINA].feed, "EUR")
    one = replace(run("stock.csv", ago(now, hours=1)), reading=reading)
    aws.s3.put_object(Bucket=settings().files_bucket, Key=one.snapshot, Body=body.encode())
    feeds.write(Feed(source=ALPINA, applied=one, revision=1))


def state(aws: Aws) -> tuple[object, object]:
    tables = [aws.dynamodb.scan(TableName=table.name)["Items"] for table in (aws.stock, aws.orders)]
    listed = aws.s3.list_objects_v2(Bucket=settings().files_bucket).get("Contents", [])
    return tables, [(each["Key"], each["ETag"]) for each in listed]


def test_a_file_is_tried_against_the_one_that_counts_and_nothing_is_written(
    aws: Aws, feeds: Feeds, terminal: Terminal, now: datetime, tmp_path: Path
) -> None:
    applied_now(aws, feeds, now, STOCK + "NL-1001;5;7.40\nNL-1002;2;7.40\nNL-1003;1;7.40\n")
    file = tmp_path / "next.csv"
    file.write_text(STOCK + "NL-1001;4;7.40\nNL-1002;2;7.40\nNL-1009;3;1.00\nNL-1010;many;1.00\n")
    before = state(aws)

    told = terminal.document("feeds", "try", str(file), "--supplier", "alpina")

    assert (told["read"], told["refused"], told["ruling"], told["changed"]) == (4, 1, "accept", 2)
    assert (told["absent"], told["refusals"][0]["line"], told["refusals"][0]["value"]) == (["NL-1003"], 5, "many")
    assert state(aws) == before

    assert terminal.run("feeds", "try", str(file), "--supplier", "alpina") == 0
    for words in ("would change: 2 of 3", "NL-1001", "1 SKUs are not in it and would count as 0: NL-1003", "accept"):
        assert words in terminal.out


def test_a_file_that_would_be_held_says_why_and_fails(
    aws: Aws, feeds: Feeds, terminal: Terminal, now: datetime, tmp_path: Path
) -> None:
    applied_now(aws, feeds, now, STOCK + "".join(f"NL-{1000 + i};5;7.40\n" for i in range(40)))
    cut, foreign = tmp_path / "cut.csv", tmp_path / "foreign.csv"
    cut.write_text(STOCK + "NL-1000;5;7.40\n")
    foreign.write_text("what;is;this\n1;2;3\n")

    assert terminal.run("feeds", "try", str(cut), "--supplier", "alpina") == 1
    assert "would be held: it has 1 rows, the file before it 40: it may be cut off" in terminal.out
    assert terminal.run("feeds", "try", str(foreign), "--supplier", "alpina") == 1
    assert "would be held: a needed column is missing" in terminal.out


def test_a_file_is_tried_by_rules_that_are_not_pushed_yet(feeds: Feeds, terminal: Terminal, tmp_path: Path) -> None:
    rules = yaml.safe_load((Path(__file__).parents[2] / "config/rules.yaml").read_text())
    rules["sources"]["alpina"]["feed"] = {"delimiter": ",", "columns": {"sku": "code", "quantity": "pieces"}}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    file = tmp_path / "new.csv"
    file.write_text("code,pieces\nNL-1001,5\n")
    feeds.write(Feed(source=ALPINA, revision=1))

    told = terminal.document("feeds", "try", str(file), "--supplier", "alpina", "--config", str(tmp_path))

    assert (told["read"], told["ruling"], told["changed"]) == (1, "accept", 1)
    assert terminal.run("feeds", "try", str(file), "--supplier", "nobody") != 0
    assert "the rules name no such supplier" in terminal.err
