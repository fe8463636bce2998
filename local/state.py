"""The state of a local cloud, and who holds it.

The emulator saves its state only when it stops gracefully, the buckets excepted, which it writes at once. So that
what is restored is of one moment, it works in `state/`, which becomes `saved-<time>/` after a graceful stop; the
next start works on a copy. A `state/` that is found at the start is thrown away; was it in use, for `cloud.json` is
there, then something was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.cloud import RECORD, Failure, Say


class Taken(Failure):
    """The port or the name belongs to somebody else."""

    status = 2


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """Hold the folder of a name; gives the lock's descriptor, for the emulator to hold as well. Raises Taken."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = holder(folder) or {}
            where = f" at {told['url']}" if told.get("url") else ""
            raise Taken(
                f"the local cloud {folder.name} is already running{where} (process {told.get('pid', 'unknown')}); "
                f"stop it with: make stop NAME={folder.name}, or choose another name: NAME=..."
            ) from None
        tell(folder, None)
        yield lock.fileno()


def holder(folder: Path) -> dict[str, str | int] | None:
    """Say who holds a name, or None if nobody does."""
    if not (folder / "lock").exists():
        return None
    with (folder / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            told: dict[str, str | int] = json.loads(lock.read() or "{}")
            return told
    return None


def tell(folder: Path, url: str | None) -> None:
    """Say who holds a name, and where it answers once it does."""
    (folder / "lock").write_text(json.dumps({"pid": os.getpid(), "url": url}))


@dataclass(frozen=True)
class State:
    """The state of one name. `is_restored`: it was there before this start."""

    folder: Path
    is_restored: bool

    @property
    def work(self) -> Path:
        """Return the folder in which the emulator, and what stands beside it, works."""
        return self.folder / "state"

    @property
    def record(self) -> Path:
        """Return the file that tells of the cloud while it is up, and after a kill."""
        return self.folder / RECORD

    @classmethod
    def open(cls, folder: Path, *, is_fresh: bool, say: Say) -> State:
        """Lay out the last saved state, or an empty one, and say which."""
        saved = _saved(folder)
        state = cls(folder, is_restored=bool(saved) and not is_fresh)
        was_killed = state.record.exists()
        state.record.unlink(missing_ok=True)
        shutil.rmtree(state.work, ignore_errors=True)
        since = saved[-1].name.removeprefix("saved-") if saved else ""
        if state.is_restored:
            shutil.copytree(saved[-1], state.work)
            say(f"{'the emulator was killed; ' if was_killed else ''}starting from the state saved at {since}")
        else:
            (state.work / "emulator").mkdir(parents=True)
            (state.work / "buckets").mkdir()
            if was_killed and not is_fresh:
                say("the emulator was killed before it had saved anything; starting afresh")
        return state

    def keep(self) -> Path:
        """Make what the stopped emulator left the saved state."""
        older = _saved(self.folder)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        kept = self.work.rename(self.folder / f"saved-{now}")
        for each in older:
            shutil.rmtree(each)
        return kept


def _saved(folder: Path) -> list[Path]:
    return sorted(folder.glob("saved-*"))
