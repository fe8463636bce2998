"""What it takes to find what a stock file says else than the one before it: CPU and memory.

Ours beside polars, which only reads the new file, and beside DictReader with a dict. Files in the order of their SKUs
and files each in an order of its own; the last column a date of the row, or a time stamp that differs on every row.
Every run is a fresh process and the fewest seconds of some count, so that whoever else is busy matters little. CPU is
of all threads. `BENCH_ROWS` says how many rows: a quick run has too few for partitions, so that the bars of files out
of order mean something from 1,000,000 on.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench import feed_reads
from bench.feed_files import Catalogue
from bench.feed_reads import Files, Found, Way
from bench.figure import Figure

ROWS = int(os.environ.get("BENCH_ROWS", "200000"))
SHARES = (1, 5, 30)
RUNS = 3
IN_ORDER = 1.2
"""Times polars' CPU."""
LEAN, FAST = (4.0, 64.0), (2.5, 160.0)
"""Out of order: times polars' CPU within so many MB; either will do."""
MOST_MB_IN_ORDER = 64.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Ours and polars on the same file."""

    name: str
    in_order: bool
    ours: Found
    polars: Found

    def figures(self) -> Iterator[Figure]:
        """Yield CPU and memory with their bars."""
        most_times, most_mb = bars(self.ours.peak_mb, in_order=self.in_order)
        yield Figure(
            name=f"{self.name}: find, by {self.ours.method}",
            value=self.ours.seconds,
            unit="s CPU",
            peer="polars, reading",
            peer_value=self.polars.seconds,
            bar=most_times,
        )
        yield Figure(
            name=f"{self.name}: find, memory",
            value=self.ours.peak_mb,
            unit="MB",
            peer="polars",
            peer_value=self.polars.peak_mb,
            bar=most_mb,
            bars_value=True,
        )


def bars(peak_mb: float, *, in_order: bool) -> tuple[float, float]:
    """Return how many times polars' CPU, and how many MB, may be taken; out of order the memory decides which pair."""
    if in_order:
        return IN_ORDER, MOST_MB_IN_ORDER
    return LEAN if peak_mb <= LEAN[1] else FAST


def measure() -> Iterator[Figure]:
    """Yield figures for every order and share of changes; of stamped files for one share."""
    with tempfile.TemporaryDirectory() as folder:
        files = Files(new=Path(folder) / "new.csv", old=Path(folder) / "old.csv", catalogue=Catalogue(rows=ROWS))
        files.catalogue.write(files.old, 0)
        files = replace(files, tally=feed_reads.tally(files.catalogue))
        for stamped in (False, True):
            for in_order in (True, False):
                catalogue = replace(files.catalogue, in_order=in_order, stamped=stamped)
                catalogue.write(files.old, 0)
                yield from _of_kind(replace(files, catalogue=catalogue), (5,) if stamped else SHARES)


def _of_kind(files: Files, shares: tuple[int, ...]) -> Iterator[Figure]:
    """Yield figures for files that differ in nothing but how much changed."""
    polars: Found | None = None
    for share in shares:
        catalogue = replace(files.catalogue, changed=share)
        catalogue.write(files.new, 1)
        files = replace(files, catalogue=catalogue)
        name = f"feed of {short(ROWS)} rows {_kind(catalogue)}, {share} % changed"
        differ, _ = catalogue.count()
        if polars is None:
            polars = best(Way.POLARS, files, ROWS)
            theirs = feed_reads.run(Way.DICT_READER, files)
            _check(theirs, differ)
        yield from Measured(name, catalogue.in_order, best(Way.FIND, files, differ), polars).figures()
        everything = feed_reads.run(Way.EVERYTHING, files)
        _check(everything, differ)
        yield Figure(
            name=f"{name}: rows read and judged too",
            value=everything.seconds,
            unit="s CPU",
            peer="DictReader and a dict",
            peer_value=theirs.seconds,
        )
        yield Figure(
            name=f"{name}: rows read and judged too, memory",
            value=everything.peak_mb,
            unit="MB",
            peer="DictReader and a dict",
            peer_value=theirs.peak_mb,
        )


def best(way: Way, files: Files, count: int) -> Found:
    """Go a way some times; return the run of the fewest seconds, with the most memory of all."""
    runs = [feed_reads.run(way, files) for _ in range(RUNS)]
    for found in runs:
        _check(found, count)
    peak = max(found.peak_mb for found in runs)
    return replace(min(runs, key=lambda found: found.seconds), peak_mb=peak)


def _check(found: Found, count: int) -> None:
    """Let nobody be fast who finds something else."""
    if found.count != count:
        raise AssertionError("found", found.count, "of", count)


def _kind(catalogue: Catalogue) -> str:
    order = "in order" if catalogue.in_order else "out of order"
    return f"{order}, stamped" if catalogue.stamped else order


def short(rows: int) -> str:
    """Write a number of rows as people say it."""
    return f"{rows // 1_000_000} M" if rows % 1_000_000 == 0 else f"{rows // 1000} k"
