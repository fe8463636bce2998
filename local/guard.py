"""Run a command in a session of its own, which ends with whoever started this guard, however that ends.

The starter holds the guard's standard input open: its end tells the guard that the starter is gone. A signal to
the process group then ends the emulator and all of its workers, also one that is busy.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Print the pid of the command, see it through and return its status; none of its children is left."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
        close_fds=False,  # the starter's lock goes along: it is free when the command is gone
    )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    print(child.pid, flush=True)
    threading.Thread(target=_outlive, args=(child.pid,), daemon=True).start()
    status = child.wait()
    _end(child.pid)
    return status


def _outlive(group: int) -> None:
    os.read(0, 1)  # not sys.stdin: a thread that holds its lock spoils the interpreter's end
    _end(group)


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
