"""One way through two files of a feed, in a process of its own: what CPU it takes, and what memory beyond Python's."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from bench.feed_files import COLUMNS, STAMP, Catalogue
from bench.peers import dict_reader
from shared.domain import profiles
from shared.domain.guard import Ruling
from shared.domain.names import SourceId
from shared.domain.photographs import Tally
from shared.domain.places import Place
from shared.domain.rules import Source
from shared.flows import read_files
from shared.flows.read_files import Against
from shared.formats import row_groups, row_lines
from shared.formats.row_groups import How

KB = 1024
PEAK = "import re; print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
"""What prints a process's most memory in kilobytes. `getrusage` would say the parent's, where that was more."""


class Way(StrEnum):
    """A way to read two files."""

    FIND = "find"
    EVERYTHING = "everything"
    POLARS = "polars"
    DICT_READER = "dict_reader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A new file and the one before it, what they are made of, and what the older one says in numbers."""

    new: Path
    old: Path
    catalogue: Catalogue
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a way took: CPU of going it alone, memory of its whole process; what it found, and how."""

    seconds: float
    peak_mb: float
    count: int
    method: str = ""


def run(way: Way, files: Files) -> Found:
    """Go one way in a process of its own."""
    told = json.dumps({"new": str(files.new), "old": str(files.old)} | _parts(files))
    done = _printed("-m", "bench.feed_reads", way, told).splitlines()
    return Found(**json.loads(done[0]), peak_mb=(int(done[1]) - _bare()) / KB)


@cache
def _bare() -> int:
    """Return the kilobytes of an interpreter that does nothing."""
    return int(_printed("-c", PEAK))


def _parts(files: Files) -> dict[str, object]:
    return {"catalogue": asdict(files.catalogue), "tally": asdict(files.tally)}


def _printed(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600).stdout


def source(catalogue: Catalogue) -> Source:
    """Describe the feed as the rules do."""
    described: Mapping[str, object] = {"columns": COLUMNS} | ({"volatile": [STAMP]} if catalogue.stamped else {})
    profile = profiles.parse(Place("feed", described))
    return Source(source=SourceId("alpina"), name="Alpina", currency="EUR", zone="UTC", feed=profile)


def tally(catalogue: Catalogue) -> Tally:
    """Count what the first file says, as the run that wrote it would have."""
    units = [catalogue.stock(number, 0)[0] for number in range(catalogue.rows)]
    return Tally(skus=len(units), stocked=sum(map(bool, units)), costed=len(units), units=sum(units))


def find(files: Files) -> tuple[int, str]:
    """Find the SKUs that may differ, with their lines, none of which is read."""
    described, how = source(files.catalogue), How()
    with (
        files.new.open("rb") as new,
        files.old.open("rb") as old,
        row_lines.opened([new, old], described.feed, described.currency) as (now, before),
    ):
        groups = row_groups.grouped(now, before, [], frozenset(), how, old_rises=files.catalogue.in_order)
        return sum(1 for _ in groups), how.method


def everything(files: Files) -> tuple[int, str]:
    """Find them, read their rows, and judge the file."""
    described = source(files.catalogue)
    with files.new.open("rb") as new, files.old.open("rb") as old:
        against = Against(snapshot=old, tally=files.tally, rises=files.catalogue.in_order)
        with read_files.reading(new, described, against) as found:
            if found.failure or found.judge(described).ruling is Ruling.HOLD:
                raise AssertionError("the file is held", found.failure)
            return found.changed, found.how.method


def with_polars(files: Files) -> tuple[int, str]:
    """Read the new file, and compare nothing."""
    return polars().read_csv(files.new).height, ""


@cache
def polars() -> Any:  # noqa: ANN401 - a module
    """Import polars, which shall be in nobody else's memory, and in nobody's time."""
    return importlib.import_module("polars")


def with_dict_reader(files: Files) -> tuple[int, str]:
    """Read both files into what the afternoon's script has."""
    changed, gone = dict_reader.changes(files.new, files.old)
    return len(changed) + len(gone), ""


WAYS: dict[Way, Callable[[Files], tuple[int, str]]] = {
    Way.FIND: find,
    Way.EVERYTHING: everything,
    Way.POLARS: with_polars,
    Way.DICT_READER: with_dict_reader,
}


def main() -> None:
    """Go the way that the arguments name; print what it took, then the process's most memory."""
    way, told = Way(sys.argv[1]), json.loads(sys.argv[2])
    files = Files(
        new=Path(told["new"]),
        old=Path(told["old"]),
        catalogue=Catalogue(**told["catalogue"]),
        tally=Tally(**told["tally"]),
    )
    if way is Way.POLARS:
        polars()
    start = time.process_time()
    count, method = WAYS[way](files)
    print(json.dumps({"seconds": time.process_time() - start, "count": count, "method": method}), flush=True)
    exec(PEAK)  # noqa: S102 - our own line, which the bare interpreter runs as well


if __name__ == "__main__":
    main()
