"""What a stock file costs: write units a changed row, and dollars a million rows beside writing all of them over.

The real flow on DynamoDB Local, the files on a shelf in memory. A small feed of `BENCH_METERED_ROWS` goes through our
meter, its first file too. A larger one of `BENCH_FLOW_ROWS`, whose first file is put there as the flow would have left
it, goes from end to end on the clock, its rows in pieces as the queue brings them; the engine's pace is not
DynamoDB's.

The bill is of a million rows. A function of one CPU takes what it took here, and waits for its objects at
`OBJECT_BYTES_PER_SECOND`; of rows some are always in flight, so that writing takes their CPU. Left out, because it
does not grow with rows: empty polls, cold starts, logs, storage.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import feed_reads, prices
from bench.feed_day import LARGE, SMALL, Days, Took
from bench.feed_files import Catalogue
from bench.feed_reads import Files, Way
from bench.feeds import ROWS, SHARES, short
from bench.figure import Figure
from bench.meter import Metered
from bench.peers import overwrite
from local import dynamodb_local
from shared.flows.feed_runs import PIECE
from tests.support.tables import create_tables, template

FLOW_ROWS = int(os.environ.get("BENCH_FLOW_ROWS", "20000"))
METERED_ROWS = int(os.environ.get("BENCH_METERED_ROWS", "1000"))
PEER_ROWS, PEER_METERED_ROWS = 2_000, 100
SHARE = 5
MILLION = 1_000_000
OBJECT_BYTES_PER_SECOND = 80e6
"""How fast one function fetches an object. Assumed."""
MESSAGES_A_CALL = 10
BAR = 1.0

Overwrite = Callable[[Any, str, Path], None]
PEERS: dict[str, Overwrite] = {"BatchWriteItem": overwrite.by_batches, "UpdateItem": overwrite.by_updates}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one file has used."""

    write_units: float
    read_units: float = 0.0
    invocations: int = 1
    seconds: float
    puts: float = 0
    gets: float = 1
    queue_requests: float = 2.0

    def dollars(self, memory_mb: int) -> float:
        """Add up the bill."""
        return (
            self.write_units * prices.WRITE_UNIT.dollars
            + self.read_units * prices.READ_UNIT.dollars
            + self.seconds * memory_mb / 1024 * prices.LAMBDA_TIME.dollars
            + self.invocations * prices.LAMBDA_REQUEST.dollars
            + self.puts * prices.S3_PUT.dollars
            + self.gets * prices.S3_GET.dollars
            + self.queue_requests * prices.SQS_REQUEST.dollars
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a file takes beside its rows, or a piece of it."""

    write_units: float
    read_units: float
    puts: float = 0.0
    gets: float = 0.0


def spent(file: Use, piece: Use, written: int, seconds: float) -> Spent:
    """Put together what a file uses of which so many rows are written; `seconds` is what its functions are billed.

    Cut into pieces, each is put and fetched once, as is how the run ends; a message is sent with nine others,
    received and deleted.
    """
    pieces = math.ceil(written / PIECE) if written >= PIECE else 0
    return Spent(
        write_units=written + file.write_units + pieces * piece.write_units,
        read_units=file.read_units + pieces * piece.read_units,
        invocations=1 + pieces,
        seconds=seconds,
        puts=file.puts + (pieces + 1 if pieces else 0),
        gets=file.gets + (pieces + 1 if pieces else 0),
        queue_requests=2 + 2 * pieces + math.ceil(pieces / MESSAGES_A_CALL),
    )


def beside_rows(took: Took) -> Use:
    """Tell what a file took beside the writes of its rows."""
    return Use(
        write_units=took.bill.write_units - _of_rows(took),
        read_units=took.bill.read_units,
        puts=took.puts,
        gets=took.gets,
    )


def measure() -> Iterator[Figure]:
    """Yield write units, an end to end, and bills."""
    with dynamodb_local.running() as url, tempfile.TemporaryDirectory() as name:
        client, folder = dynamodb_local.client(url), Path(name)
        days = Days(client, *create_tables(client, f"f{uuid.uuid4().hex[:8]}-"))
        file, piece = yield from _units(days, folder / "small.csv")
        cpu_of_a_row = yield from _end_to_end(days, folder / "large.csv")
        yield from _bills(client, file, piece, cpu_of_a_row, folder)


def _units(days: Days, path: Path) -> Generator[Figure, None, tuple[Use, Use]]:
    """Meter a first file, one of other quantities, one of other costs, and one of both, which comes in pieces."""
    catalogue = Catalogue(rows=METERED_ROWS)
    catalogue.write(path, 0)
    first = days.drop(SMALL, path, 0, is_metered=True)
    yield Figure(name="feed, the first file", value=_of_rows(first) / METERED_ROWS, unit="write units/row")

    catalogue = replace(catalogue, changed=SHARE)
    changed, _ = catalogue.count()
    catalogue.write(path, 1)
    counted = days.drop(SMALL, path, 1, is_metered=True)
    yield _a_row(f"{SHARE} % of other quantities", counted, changed)

    catalogue = replace(catalogue, dearer=SHARE)
    _, dearer = catalogue.count()
    catalogue.write(path, 1)
    yield _a_row(f"{SHARE} % of other costs", days.drop(SMALL, path, 2, is_metered=True), dearer)

    catalogue.write(path, 2)
    cut = days.drop(SMALL, path, 3, is_metered=True, piece=(changed + dearer) // 4)
    yield _a_row(f"{SHARE} % of each, in {cut.pieces} pieces", cut, changed + dearer)
    file, pieces = beside_rows(counted), beside_rows(cut)
    piece = Use(
        write_units=(pieces.write_units - file.write_units) / cut.pieces,
        read_units=(pieces.read_units - file.read_units) / cut.pieces,
    )
    for what, use in (("a file", file), ("a piece", piece)):
        yield Figure(name=f"feed, {what} beside its rows: writes", value=use.write_units, unit="write units")
        yield Figure(name=f"feed, {what} beside its rows: reads", value=use.read_units, unit="read units")
    return file, piece


def _a_row(what: str, took: Took, count: int) -> Figure:
    """Hold the writes of levels and offers against those that truly differ."""
    return Figure(name=f"feed, {what}", value=_of_rows(took) / count, unit="write units/change", bar=BAR)


def _of_rows(took: Took) -> float:
    """Sum up the writes of levels, with their indexes, and of offers."""
    return sum(took.bill.by_entity.get(entity, 0) for entity in ("level", "offer"))


def _end_to_end(days: Days, path: Path) -> Generator[Figure, None, float]:
    """Take in a file on the clock; return the CPU of a row that is written."""
    catalogue = Catalogue(rows=FLOW_ROWS, changed=SHARE)
    changed, _ = catalogue.count()
    catalogue.write(path, 0)
    days.put_first(LARGE, catalogue, path)
    catalogue.write(path, 1)
    took = days.drop(LARGE, path, 1, piece=min(PIECE, changed // 4))
    name = f"feed of {short(FLOW_ROWS)} rows end to end, {SHARE} % changed"
    yield Figure(name=f"{name}: to the snapshot", value=took.seconds, unit=f"s, {took.pieces} pieces one by one")
    yield Figure(name=f"{name}: read, judge, cut", value=took.cpu, unit="s CPU")
    yield Figure(name=f"{name}: a row written", value=took.cpu_of_pieces / changed * 1000, unit="ms CPU")
    return took.cpu_of_pieces / changed


def _bills(client: Any, file: Use, piece: Use, cpu_of_a_row: float, folder: Path) -> Iterator[Figure]:  # noqa: ANN401
    """Yield what a million rows cost, at each share that changed, beside writing all of them over."""
    memory = template()["Resources"]["IngestFiles"]["Properties"]["MemorySize"]
    peers = {name: _overwriting(client, way, folder / "peer.csv") for name, way in PEERS.items()}
    catalogue = Catalogue(rows=ROWS)
    files = Files(new=folder / "new.csv", old=folder / "old.csv", catalogue=catalogue)
    catalogue.write(files.old, 0)
    files = replace(files, tally=feed_reads.tally(catalogue))
    waits = 2 * files.old.stat().st_size * MILLION / ROWS / OBJECT_BYTES_PER_SECOND
    for share in SHARES:
        catalogue = replace(catalogue, changed=share)
        catalogue.write(files.new, 1)
        reading = feed_reads.run(Way.EVERYTHING, replace(files, catalogue=catalogue)).seconds * MILLION / ROWS
        written = MILLION * share // 100
        bill = spent(file, piece, written, reading + waits + written * cpu_of_a_row).dollars(memory)
        for name, theirs in peers.items():
            yield Figure(
                name=f"feed of 1 M rows, {share} % changed: everything",
                value=bill,
                unit="dollars",
                peer=f"all over, {name}",
                peer_value=theirs.dollars(memory),
            )


def _overwriting(client: Any, way: Overwrite, path: Path) -> Spent:  # noqa: ANN401
    """Write some rows over on the clock and some through the meter; answer what a million would use.

    One function in as many invocations as it takes, which is kind to them: they pay no second start.
    """
    table = f"peer-{uuid.uuid4().hex[:8]}"
    overwrite.open_table(client, table)
    metered = Metered(client)
    Catalogue(rows=PEER_METERED_ROWS).write(path, 0)
    way(metered, table, path)
    units = metered.bill.write_units / PEER_METERED_ROWS
    Catalogue(rows=PEER_ROWS).write(path, 0)
    start = time.process_time()
    way(client, table, path)
    seconds = (time.process_time() - start) * MILLION / PEER_ROWS
    waits = path.stat().st_size * MILLION / PEER_ROWS / OBJECT_BYTES_PER_SECOND
    return Spent(write_units=units * MILLION, seconds=seconds + waits)
