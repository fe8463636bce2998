"""How the stand-in shop is told to misbehave: `python -m local.faults throttle --times 3`.

Faults lie in the shop's own store, so that another process can set them. Each use counts one down:

- throttle: refuse, by status 429 with `seconds` in Retry-After, or as GraphQL does, out of points (`points`)
- fail: answer `status` (500)
- hang: keep the request for `seconds` before looking at it; without `seconds`, never answer
- drop: do what is asked, then close the connection without an answer
- lie: answer a change as done without doing it
- duplicate: deliver a webhook twice
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

TABLE = "CREATE TABLE IF NOT EXISTS faults (kind TEXT, times INTEGER, settings TEXT);"
TO_REQUESTS = ("throttle", "fail", "hang", "drop")
"""What meets a request before it is read."""
KINDS = (*TO_REQUESTS, "lie", "duplicate")
SETTINGS = {"throttle": {"seconds", "points"}, "fail": {"status"}, "hang": {"seconds"}}
"""Kind -> the settings it knows; none for the others."""


class Store(Protocol):
    """Whatever holds the shop's memory."""

    def open(self) -> AbstractContextManager[sqlite3.Connection]:
        """Open it for one piece of work."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to misbehave, and how often still."""

    kind: str
    times: int
    settings: Mapping[str, Any]


def set(store: Store, kind: str, times: int = 1, **settings: float | bool) -> None:  # noqa: A001 - `faults.set` says it
    """Misbehave the next `times` times, after the faults of this kind that are set already. Raises ValueError."""
    if kind not in KINDS:
        raise ValueError(f"there is no fault {kind}; there are: {', '.join(KINDS)}")
    if unknown := settings.keys() - SETTINGS.get(kind, ()):
        raise ValueError(f"the fault {kind} has no setting {', '.join(sorted(unknown))}")
    if times < 1:
        raise ValueError("a fault is set for one time or more")
    with store.open() as opened:
        opened.execute("INSERT INTO faults VALUES (?, ?, ?)", (kind, times, json.dumps(settings)))


def clear(store: Store) -> None:
    """Behave again."""
    with store.open() as opened:
        opened.execute("DELETE FROM faults")


def waiting(store: Store) -> list[Fault]:
    """Return the faults that are set, in the order in which they will be met."""
    with store.open() as opened:
        rows = opened.execute("SELECT kind, times, settings FROM faults ORDER BY rowid").fetchall()
    return [Fault(kind, times, json.loads(settings)) for kind, times, settings in rows]


def take(opened: sqlite3.Connection, *kinds: str) -> Fault | None:
    """Take the first fault of some kinds, counting it down; None when none is set."""
    query = f"SELECT rowid, * FROM faults WHERE kind IN ({', '.join('?' * len(kinds))}) ORDER BY rowid"  # noqa: S608 - places
    row = opened.execute(query, kinds).fetchone()
    if row is None:
        return None
    at, kind, times, settings = row
    opened.execute("UPDATE faults SET times = times - 1 WHERE rowid = ?", (at,))
    opened.execute("DELETE FROM faults WHERE times < 1")
    return Fault(kind, times, json.loads(settings))


def _beside(cloud: str) -> Store:
    # These import the shop, which imports this module.
    from local.cloud import current  # noqa: PLC0415
    from local.readback import store  # noqa: PLC0415

    return store(current(cloud))


def main(arguments: Sequence[str] | None = None, shop_beside: Callable[[str], Store] = _beside) -> int:
    """Set a fault at the shop beside a running local cloud, or clear all; 2 when none runs or the fault is unknown."""
    from local.cloud import NotRunning  # noqa: PLC0415 - the shop itself needs nothing of a cloud

    parser = argparse.ArgumentParser(prog="python -m local.faults", description=str(__doc__).partition("\n")[0])
    parser.add_argument("fault", choices=[*KINDS, "clear", "show"])
    parser.add_argument("--cloud", default="default", metavar="NAME", help="the name of the local cloud")
    parser.add_argument("--times", type=int, default=1, help="how often")
    parser.add_argument("--seconds", type=float, help="throttle: in Retry-After; hang: until it answers")
    parser.add_argument("--status", type=int, help="fail: the status of the answer")
    parser.add_argument("--points", action="store_const", const=True, help="throttle: out of points, by status 200")
    given = parser.parse_args(arguments)
    settings = {name: getattr(given, name) for name in ("seconds", "status", "points")}
    try:
        shop = shop_beside(given.cloud)
        if given.fault == "clear":
            clear(shop)
        elif given.fault != "show":
            set(
                shop, given.fault, given.times, **{name: value for name, value in settings.items() if value is not None}
            )
    except NotRunning as failure:
        print(f"error: {failure}", file=sys.stderr)
        return failure.status
    except ValueError as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2
    for fault in waiting(shop):
        print(f"{fault.kind} {fault.times} times {dict(fault.settings) or ''}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
