from __future__ import annotations

import subprocess
import sys
import time

import pytest

from local.cloud import ROOT, is_alive

LEAVES_A_CHILD = """
import subprocess, sys
print(subprocess.Popen(["sleep", "100"]).pid, file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize(
    ("_case", "last", "status"), [("a command that ends", "", 0), ("one that fails", "sys.exit(1)", 1)]
)
def test_the_children_of_a_command_end_with_it(_case: str, last: str, status: int) -> None:
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "local.guard", sys.executable, "-c", LEAVES_A_CHILD + last],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as guard:
        assert guard.stdout
        assert guard.stderr
        command, child = int(guard.stdout.readline()), int(guard.stderr.readline())

        assert guard.wait(timeout=10) == status

    deadline = time.monotonic() + 5
    while is_alive(command) or is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # noqa: TID251 - the kernel is awaited
