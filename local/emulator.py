"""The AWS emulator (ministack): its environment and its process."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from local.cloud import REGION, ROOT, Failure, Say, is_alive, shown
from local.state import State, Taken, tell

UV = ROOT / ".local" / "tools" / "bin" / "uv"
ENVIRONMENT = ROOT / ".local" / "emulator"
STARTS_WITHIN_SECONDS = 60
STOPS_WITHIN_SECONDS = 60
TRIES_EVERY_SECONDS = 0.1


class Died(Failure):
    """The emulator ended without having been asked to."""

    status = 4


def environment(say: Say) -> Path:
    """Return the emulator's interpreter; its environment is made anew whenever the lock file has changed."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".synced"
    locked = lock_hash()
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    with ENVIRONMENT.with_suffix(".lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == locked:
            return python
        say("setting up the emulator's environment in .local/emulator")
        loudness = [] if sys.stderr.isatty() else ["--quiet"]
        group = ["--only-group", "emulator", "--no-install-project", "--python", sys.executable]
        uv("sync", "--frozen", *loudness, *group, project_environment=ENVIRONMENT)
        stamp.write_text(locked)
    return python


def uv(*arguments: str, project_environment: Path | None = None) -> str:
    """Call uv, whose progress goes to the terminal; return what it prints. Raises Failure."""
    variables = os.environ | ({"UV_PROJECT_ENVIRONMENT": str(project_environment)} if project_environment else {})
    try:
        called = subprocess.run(
            [UV, *arguments], cwd=ROOT, env=variables, check=True, stdout=subprocess.PIPE, text=True
        )
    except FileNotFoundError as error:
        raise Failure(f"{shown(UV)} is missing; make setup brings it") from error
    except subprocess.CalledProcessError as error:
        raise Failure(f"uv {' '.join(arguments[:2])} failed with status {error.returncode}") from error
    return called.stdout


def lock_hash() -> str:
    """Name what `uv.lock` pins, for this interpreter: all that is built from both is kept under it."""
    return hashlib.sha256((ROOT / "uv.lock").read_bytes() + sys.version.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Emulator:
    """A running emulator; `pid` leads the process group of it and its workers."""

    url: str
    pid: int
    log: Path
    guard: subprocess.Popen[str]

    def has_died(self) -> bool:
        """Whether it has ended, or its guard has, without whom it cannot be stopped in order."""
        return self.guard.poll() is not None or not (is_alive(self.guard.pid) and is_alive(self.pid))

    def death(self) -> Died:
        """Tell of its end, with the last words of its log."""
        words = "\n".join(f"  {line}" for line in self.log.read_text(errors="replace").splitlines()[-5:])
        return Died(f"the emulator has died; its log is {shown(self.log)} and ends with:\n{words}")

    def stop(self) -> bool:
        """End it gracefully; returns whether it has saved all of its state."""
        self.guard.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.guard.wait(STOPS_WITHIN_SECONDS)
        self.kill()
        return self.guard.returncode == 0 and not self.says("failed to save", "error getting state for")

    def says(self, *phrases: str) -> bool:
        """Whether its log tells so of saving and loading, of which it tells nowhere else."""
        said = self.log.read_text(errors="replace")
        return any(f"[persistence] Persistence: {phrase}" in said for phrase in phrases)

    def kill(self) -> None:
        """End whatever is left of it: the guard's end takes the group along, and so does this if it could not."""
        if self.guard.stdin:
            self.guard.stdin.close()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.guard.wait()


@contextmanager
def running(state: State, lock: int, port: int | None, *, enforces_iam: bool, say: Say) -> Iterator[Emulator]:
    """Run the emulator on a state, on a given port or a free one. It ends with the block, at the latest by a kill."""
    python = environment(say)
    port = _port(port, state)
    tmp = state.folder / "tmp"
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir()
    log = state.folder / "emulator.log"
    with log.open("w") as file:
        guard = subprocess.Popen(
            [sys.executable, "-m", "local.guard", python, "-m", "local.mended_emulator"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            env=_variables(state, tmp, port, enforces_iam=enforces_iam),
            pass_fds=[lock],
            start_new_session=True,  # the terminal's Ctrl-C is for us, who then stop it gracefully
        )
    with guard:
        emulator = Emulator(f"http://127.0.0.1:{port}", _first_word(guard, log), log, guard)
        try:
            _wait(emulator, port)
            if emulator.says("failed to load"):
                raise Failure(f"the saved state cannot be read; FRESH=1 forgets it; see {shown(log)}")
            tell(state.folder, emulator.url)
            yield emulator
        finally:
            emulator.kill()
            shutil.rmtree(tmp, ignore_errors=True)


def _variables(state: State, tmp: Path, port: int, *, enforces_iam: bool) -> dict[str, str]:
    """Its whole environment: workers inherit it, so that nothing of the user's may be in it."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(tmp),
        "TMPDIR": str(tmp),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AUTH": "true" if enforces_iam else "false",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state.work / "emulator"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state.work / "buckets"),
        "DOCKER_HOST": f"unix://{tmp}/none",  # it would look after containers of the user's
        "IOT_MTLS_ENABLED": "0",  # else it opens a port of its own
        "SFTP_ENABLED": "0",  # likewise
    }


def _port(wanted: int | None, state: State) -> int:
    """Choose the port: the wanted one, else the last one, which queue URLs in the saved state name, else a free one."""
    memory = state.work / "port"
    last = int(memory.read_text()) if memory.exists() else 0
    for port in [wanted] if wanted else [last, 0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen: int = probe.getsockname()[1]
        memory.write_text(str(chosen))
        return chosen
    raise Taken(f"port {wanted} of 127.0.0.1 is busy; choose another with PORT=..., or none for a free one")


def _first_word(guard: subprocess.Popen[str], log: Path) -> int:
    told = guard.stdout.readline() if guard.stdout else ""
    if not told:
        raise Died(f"the emulator could not be started; see {shown(log)}")
    return int(told)


def _wait(emulator: Emulator, port: int) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if emulator.has_died():
            raise emulator.death()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(TRIES_EVERY_SECONDS)
    raise Died(f"the emulator did not answer within {STARTS_WITHIN_SECONDS} s; see {shown(emulator.log)}")
