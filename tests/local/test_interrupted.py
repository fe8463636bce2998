"""A day that is cut off in the middle and played again: each order once, no second purchase order, ledger = levels."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.cloud import ROOT

PLAYS_WITHIN_SECONDS = 180
IN_THE_MIDDLE = "an order of two SKUs: answered 200"


def play(clouds: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "local", "run", "--once", "--morning", "--clouds", str(clouds), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def cut_off(day: subprocess.Popen[str], with_signal: int) -> None:
    """Let the day go on to its middle, then end it."""
    assert day.stdout
    for line in day.stdout:
        if IN_THE_MIDDLE in line:
            os.kill(day.pid, with_signal)
            break
    else:
        pytest.fail("the day ended before its middle")
    day.communicate(timeout=PLAYS_WITHIN_SECONDS)


def played(clouds: Path) -> str:
    """Play the day to its end; its own checks hold: every order once, its purchase order once, the ledger exact."""
    day = play(clouds)
    told, _ = day.communicate(timeout=PLAYS_WITHIN_SECONDS)
    assert day.returncode == 0, told
    assert "the day ended as it should" in told
    return told


@dataclass(frozen=True)
class Stopped:
    """A day that was stopped in its middle and then played to its end: where its states are, and what it told."""

    clouds: Path
    told: str


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    clouds = tmp_path_factory.mktemp("clouds")
    cut_off(play(clouds), signal.SIGINT)
    return Stopped(clouds, played(clouds))


def test_a_day_that_was_stopped_goes_on_where_it_was(stopped: Stopped) -> None:
    assert "starting from the state saved at" in stopped.told
    assert "was killed" not in stopped.told


def test_a_day_that_was_killed_starts_from_the_last_save_and_says_so(stopped: Stopped) -> None:
    cut_off(play(stopped.clouds), signal.SIGKILL)

    told = played(stopped.clouds)

    assert "the emulator was killed; starting from the state saved at" in told
