from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.cloud import Cloud, NotRunning, current
from local.state import State, Taken, held, holder


class Heard(list[str]):
    def __call__(self, line: str) -> None:
        self.append(line)


def opened(folder: Path, *, is_fresh: bool = False) -> tuple[State, Heard]:
    heard = Heard()
    return State.open(folder, is_fresh=is_fresh, say=heard), heard


def killed(folder: Path) -> State:
    state, _ = opened(folder)
    state.record.touch()
    return state


def test_what_was_kept_is_worked_on_as_a_copy(tmp_path: Path) -> None:
    first, _ = opened(tmp_path)
    (first.work / "stock").write_text("7")
    kept = first.keep()

    second, heard = opened(tmp_path)
    (second.work / "stock").write_text("8")

    assert (first.is_restored, second.is_restored) == (False, True)
    assert (kept / "stock").read_text() == "7"
    assert heard == [f"starting from the state saved at {kept.name.removeprefix('saved-')}"]


def test_only_the_last_state_is_kept(tmp_path: Path) -> None:
    opened(tmp_path)[0].keep()
    last = opened(tmp_path)[0].keep()

    assert list(tmp_path.glob("saved-*")) == [last]


def test_what_a_kill_left_is_thrown_away_and_told(tmp_path: Path) -> None:
    kept = opened(tmp_path)[0].keep()
    (killed(tmp_path).work / "half").touch()

    after, heard = opened(tmp_path)

    assert (after.work / "half").exists() is False
    assert heard == [f"the emulator was killed; starting from the state saved at {kept.name.removeprefix('saved-')}"]


def test_a_kill_before_the_first_save_starts_afresh_and_says_so(tmp_path: Path) -> None:
    killed(tmp_path)

    _, heard = opened(tmp_path)

    assert heard == ["the emulator was killed before it had saved anything; starting afresh"]


def test_a_start_that_failed_is_no_kill(tmp_path: Path) -> None:
    failed, _ = opened(tmp_path)
    (failed.work / "half").touch()

    after, heard = opened(tmp_path)

    assert ((after.work / "half").exists(), heard) == (False, [])


def test_a_fresh_start_forgets_the_state_only_when_it_is_kept_itself(tmp_path: Path) -> None:
    first, _ = opened(tmp_path)
    (first.work / "stock").touch()
    kept = first.keep()

    fresh, heard = opened(tmp_path, is_fresh=True)

    assert ((fresh.work / "stock").exists(), kept.exists(), heard) == (False, True, [])
    assert list(tmp_path.glob("saved-*")) == [kept]
    assert list(tmp_path.glob("saved-*")) != [fresh.keep()]


def test_a_folder_has_one_holder_who_is_named(tmp_path: Path) -> None:
    with held(tmp_path):
        with pytest.raises(Taken, match=rf"{tmp_path.name} is already running \(process {os.getpid()}\)"):
            held(tmp_path).__enter__()
        assert holder(tmp_path) == {"pid": os.getpid(), "url": None}

    assert holder(tmp_path) is None


def recorded(clouds: Path, emulator_pid: int) -> Cloud:
    cloud = Cloud(
        name="one",
        url="http://127.0.0.1:1",
        pid=os.getpid(),
        emulator_pid=emulator_pid,
        stack="truestock-local",
        outputs={"Table": "a"},
        resources={"StockTable": "a"},
        state=clouds / "one" / "state",
        started_at="2026-03-01T09:00:00+00:00",
        seed=7,
    )
    (clouds / "one").mkdir()
    cloud.record(clouds / "one" / "cloud.json")
    return cloud


def test_a_running_cloud_is_found_by_its_name(tmp_path: Path) -> None:
    cloud = recorded(tmp_path, os.getpid())

    assert current("one", tmp_path) == cloud


def test_a_cloud_whose_emulator_is_gone_is_not_running(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    recorded(tmp_path, gone.pid)

    with pytest.raises(NotRunning, match="no local cloud named one is running; start it with: make run NAME=one"):
        current("one", tmp_path)


def test_a_cloud_that_never_ran_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=r"start it with: make run$"):
        current("default", tmp_path)
