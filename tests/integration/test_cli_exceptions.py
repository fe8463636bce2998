from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli import exceptions
from shared.domain.problems import Problem, Standing
from shared.errors import Conflict, Rejected, Transient
from shared.storage.problems import Problems
from tests.support import terminal as terminals
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

OLD, NEW = "2026-11-20T08:00:00.000Z", "2026-11-21T08:00:00.000Z"
SHIP_TO = ("no_ship_to", "nordlys#555")


def problem(kind: str, subject: str) -> Problem:
    return Problem(kind=kind, subject=subject, reason=f"why {kind}", action=f"mend {kind}", details={"n": 1})


@pytest.fixture
def problems(aws: Aws) -> Problems:
    kept = Problems(aws.orders)
    kept.open(problem("file_held", "alpina"), NEW)
    kept.open(problem(*SHIP_TO), OLD)
    return kept


@pytest.fixture
def terminal(
    problems: Problems, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    assert problems.table.name
    return terminals.at(tmp_path, capsys, monkeypatch)


def now(problems: Problems, kind: str, subject: str) -> Standing:
    found = problems.read(kind, subject)
    assert found is not None
    return found


def test_what_is_open_is_listed_oldest_first(terminal: Terminal, problems: Problems) -> None:
    problems.take(now(problems, "file_held", "alpina"), "bo")

    found = terminal.document("exceptions", "list")

    assert [(each["kind"], each["subject"], each["taken_by"]) for each in found] == [
        (*SHIP_TO, ""),
        ("file_held", "alpina", "bo"),
    ]
    assert found[0]["age_seconds"] - found[1]["age_seconds"] == 24 * 3600
    assert (found[0]["reason"], found[0]["action"], found[0]["details"]) == (
        "why no_ship_to",
        "mend no_ship_to",
        {"n": 1},
    )


def test_a_person_sees_age_reason_action_and_who_looks_after_it(terminal: Terminal, problems: Problems) -> None:
    problems.take(now(problems, "file_held", "alpina"), "bo")

    assert terminal.run("exceptions", "list") == 0

    (held,) = [line for line in terminal.out.splitlines() if "file_held" in line]
    for told in ("days", "alpina", "why file_held", "mend file_held", "bo"):
        assert told in held
    assert "on local cloud" in terminal.out


def test_only_one_kind_is_listed_when_that_is_asked(terminal: Terminal) -> None:
    assert [each["kind"] for each in terminal.document("exceptions", "list", "--kind", "file_held")] == ["file_held"]

    assert terminal.document("exceptions", "list", "--kind", "file_hold") == []
    assert "none of kind 'file_hold' is open; open are: file_held, no_ship_to" in terminal.err


def test_what_is_closed_is_not_listed(terminal: Terminal) -> None:
    for subject in (SHIP_TO, ("file_held", "alpina")):
        assert terminal.run("exceptions", "close", *subject, "--reason", "mended") == 0

    assert terminal.run("exceptions", "list") == 0
    assert "nothing is open" in terminal.out


def test_who_takes_an_exception_looks_after_it(terminal: Terminal, problems: Problems) -> None:
    assert terminal.run("exceptions", "take", *SHIP_TO, "--actor", "ada") == 0

    assert now(problems, *SHIP_TO).taken_by == "ada"
    assert "what to do: mend no_ship_to" in terminal.out


def test_to_take_it_from_somebody_is_said(terminal: Terminal, problems: Problems) -> None:
    problems.take(now(problems, *SHIP_TO), "bo")

    terminal.run("exceptions", "take", *SHIP_TO, "--actor", "ada")

    assert "ada looks after no_ship_to of nordlys#555 instead of bo" in terminal.out
    assert now(problems, *SHIP_TO).taken_by == "ada"


def test_to_take_it_twice_writes_once(terminal: Terminal, problems: Problems) -> None:
    terminal.run("exceptions", "take", *SHIP_TO, "--actor", "ada")

    assert terminal.document("exceptions", "take", *SHIP_TO, "--actor", "ada")["is_written"] is False

    assert now(problems, *SHIP_TO).revision == 2


def test_to_close_is_kept_with_who_and_why(terminal: Terminal, problems: Problems) -> None:
    assert terminal.run("exceptions", "close", *SHIP_TO, "--actor", "ada", "--reason", "address added") == 0

    closed = now(problems, *SHIP_TO)
    assert (closed.is_open, closed.closed_by, closed.closed_because) == (False, "ada", "address added")


def test_to_close_needs_a_reason(terminal: Terminal, problems: Problems) -> None:
    assert terminal.run("exceptions", "close", *SHIP_TO, "--reason", " ") == 2

    assert "say how it ended" in terminal.err
    assert now(problems, *SHIP_TO).is_open


@pytest.mark.parametrize("command", ["take", "close"])
def test_a_dry_run_writes_nothing(terminal: Terminal, problems: Problems, command: str) -> None:
    assert terminal.run("exceptions", command, *SHIP_TO, "--reason", "r", "--dry-run") == 0

    assert "a dry run: nothing was written" in terminal.out
    assert now(problems, *SHIP_TO).revision == 1


def test_a_stack_in_aws_is_asked_about(terminal: Terminal, problems: Problems) -> None:
    assert terminal.run("exceptions", "take", *SHIP_TO, "--stack", "prod", said="n\n") == 1

    assert "on stack prod" in terminal.out
    assert now(problems, *SHIP_TO).taken_by == ""


@pytest.mark.parametrize("command", ["take", "close"])
def test_an_unknown_one_is_refused_with_the_near_ones(terminal: Terminal, command: str) -> None:
    assert terminal.run("exceptions", command, "no_ship_to", "nordlys#5555", "--reason", "r") == 1

    assert "there is no such exception" in terminal.err
    assert "near=['no_ship_to nordlys#555']" in terminal.err


def test_a_closed_one_cannot_be_taken(terminal: Terminal) -> None:
    terminal.run("exceptions", "close", *SHIP_TO, "--actor", "bo", "--reason", "mended")

    assert terminal.run("exceptions", "take", *SHIP_TO) == 1

    assert "closed already" in terminal.err
    assert "by='bo', because='mended'" in terminal.err


# ---- writes that meet others


def test_a_write_that_met_another_one_is_tried_again_from_a_fresh_read(problems: Problems) -> None:
    seen = exceptions.find(problems, *SHIP_TO)
    problems.take(seen, "bo")

    exceptions.write(problems, seen, lambda found: problems.close(found, NEW, by="ada", because="mended"))

    closed = now(problems, *SHIP_TO)
    assert (closed.taken_by, closed.closed_by, closed.revision) == ("bo", "ada", 3)


def test_a_write_that_keeps_meeting_others_is_tried_three_times(problems: Problems) -> None:
    seen, tried = exceptions.find(problems, *SHIP_TO), []

    def busy(found: Standing) -> bool:
        tried.append(found.revision)
        raise Transient("an exception is being written by someone else", code="problem_busy")

    with pytest.raises(Conflict):
        exceptions.write(problems, seen, busy)

    assert tried == [1, 1, 1]


def test_a_table_that_does_not_answer_is_not_asked_again(problems: Problems) -> None:
    seen, tried = exceptions.find(problems, *SHIP_TO), []

    def away(found: Standing) -> bool:
        tried.append(found.revision)
        raise Transient("the table did not answer", code="storage")

    with pytest.raises(Transient):
        exceptions.write(problems, seen, away)

    assert tried == [1]


def test_another_trouble_of_the_same_name_is_not_closed_with_it(problems: Problems) -> None:
    seen = exceptions.find(problems, *SHIP_TO)
    problems.close(seen, NEW, by="bo", because="mended")
    problems.open(problem(*SHIP_TO), NEW)

    with pytest.raises(Rejected) as refused:
        exceptions.write(problems, seen, lambda found: problems.close(found, NEW, by="ada", because="old"))

    assert refused.value.code == "exception_anew"
    assert now(problems, *SHIP_TO).is_open


def test_who_was_quicker_keeps_it(terminal: Terminal, problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    def agreed(*_: object) -> bool:
        problems.take(now(problems, *SHIP_TO), "bo")
        return True

    monkeypatch.setattr("cli.session.Session.agree", agreed)

    assert terminal.run("exceptions", "take", *SHIP_TO, "--actor", "ada") == 1

    assert "someone else took it: speak with them (by='bo')" in terminal.err
    assert now(problems, *SHIP_TO).taken_by == "bo"
