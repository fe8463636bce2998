"""Bring a local cloud up, and take it down with nothing left running."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from local.cloud import CLOUDS, Cloud, Failure, NotRunning, Say, connect, is_alive, shown
from local.deploy import TEMPLATE, deploy
from local.emulator import STOPS_WITHIN_SECONDS, Emulator, running
from local.state import State, held, holder

LOOKS_EVERY_SECONDS = 0.2


@contextmanager
def up(  # noqa: PLR0913 - each is an option of the command
    name: str,
    *,
    say: Say,
    port: int | None = None,
    seed: int = 1,
    is_fresh: bool = False,
    enforces_iam: bool = True,
    template: Path = TEMPLATE,
    clouds: Path = CLOUDS,
) -> Iterator[Cloud]:
    """Run a template's stack; with the block it stops, and its state is saved. Raises Failure."""
    folder = clouds / name
    with held(folder) as lock:
        state = State.open(folder, is_fresh=is_fresh, say=say)
        with running(state, lock, port, enforces_iam=enforces_iam, say=say) as emulator:
            say(f"the emulator answers at {emulator.url}")
            cloud = _deploy(emulator, state, name, seed, template, say)
            cloud.record(state.record)
            try:
                yield cloud
            finally:
                _stop(emulator, state, say)


def wait(cloud: Cloud) -> None:
    """Wait for as long as the emulator lives."""
    while is_alive(cloud.emulator_pid):
        time.sleep(LOOKS_EVERY_SECONDS)


def stop(name: str, say: Say, clouds: Path = CLOUDS) -> None:
    """Stop a cloud that another process runs, and wait until it has saved its state. Raises Failure."""
    told = holder(clouds / name)
    if not told:
        raise NotRunning(f"no local cloud named {name} is running")
    say(f"stopping the local cloud {name} (process {told['pid']})")
    os.kill(int(told["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + STOPS_WITHIN_SECONDS
    while holder(clouds / name):
        if time.monotonic() > deadline:
            raise Failure(f"it is still running after {STOPS_WITHIN_SECONDS} s")
        time.sleep(LOOKS_EVERY_SECONDS)
    say("stopped")


def _deploy(emulator: Emulator, state: State, name: str, seed: int, template: Path, say: Say) -> Cloud:
    try:
        stack = deploy(partial(connect, emulator.url), say, template)
    except Exception as error:
        if emulator.has_died():
            raise emulator.death() from error
        raise
    return Cloud(
        name=name,
        url=emulator.url,
        pid=os.getpid(),
        emulator_pid=emulator.pid,
        stack=stack.name,
        outputs=stack.outputs,
        resources=stack.resources,
        state=state.work,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
    )


def _stop(emulator: Emulator, state: State, say: Say) -> None:
    if emulator.has_died():
        raise emulator.death()
    say("stopping")
    if not emulator.stop():
        raise Failure(f"the emulator did not save its state; the last save stays; see {shown(emulator.log)}")
    kept = state.keep()
    state.record.unlink()
    say(f"stopped; its state is kept in {shown(kept)}")
