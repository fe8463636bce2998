"""A feed on its days: the flow that takes in files, on DynamoDB Local and a shelf in memory, with all its pieces."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from bench import feed_reads
from bench.feed_files import COLUMNS, Catalogue
from bench.meter import Bill, Metered
from shared.domain import messages, rules, times
from shared.domain.feeds import Feed, Run
from shared.domain.messages import Message
from shared.domain.names import SourceId
from shared.domain.rules import Rules
from shared.flows.feed_runs import PIECE
from shared.flows.ingest_counts import IngestCounts
from shared.flows.write_rows import WRITERS
from shared.formats import stock_files
from shared.runtime import clock
from shared.storage import levels, offers
from shared.storage.dynamo import Table
from shared.storage.feeds import Feeds
from shared.storage.files import Arrival, Opened
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.problems import Problems
from tests.support import trade
from tests.support.ingest import ingest
from tests.support.shelf import Shelf, notification

LARGE, SMALL = SourceId("alpina"), SourceId("baltic")
FIRST = times.read(trade.T0)
PUT_AT_ONCE = 2_500


def _rules() -> Rules:
    document = trade.shop_rules_document(LARGE, SMALL)
    for source in document["sources"].values():
        source["feed"] = {"columns": COLUMNS}
    return rules.parse(document)


RULES = _rules()


@dataclass
class CountedShelf(Shelf):
    """A shelf that counts what the store would bill; deleting is free."""

    gets: int = 0
    puts: int = 0

    @contextmanager
    def open(self, key: str, version: str = "") -> Iterator[Opened | None]:
        """Count a GET."""
        self.gets += 1
        with super().open(key, version) as opened:
            yield opened

    def keep(self, arrival: Arrival, key: str) -> None:
        """Count a copy, which costs what a PUT does."""
        self.puts += 1
        super().keep(arrival, key)

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Count a PUT."""
        self.puts += 1
        super().put(key, body, content_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What a file took: of its own invocation, and of all its pieces together."""

    pieces: int
    seconds: float
    cpu: float
    cpu_of_pieces: float
    gets: int
    puts: int
    bill: Bill = field(default_factory=Bill)


@dataclass(slots=True)
class Days:
    """The feeds of two sources."""

    client: Any
    stock_table: str
    order_table: str
    shelf: CountedShelf = field(default_factory=CountedShelf)
    sent: list[Message] = field(default_factory=list)

    def drop(self, source: SourceId, path: Path, day: int, *, is_metered: bool = False, piece: int = PIECE) -> Took:
        """Let the file of a day come, and everything that follows from it. Raises AssertionError unless it counts."""
        shelf, metered = self.shelf, Metered(self.client)
        flow = self._flow(metered, 1, piece) if is_metered else self._flow(self.client, WRITERS, piece)
        body = path.read_bytes()
        at, key = times.text(FIRST + timedelta(hours=day)), f"in/{source}/day-{day}.csv"
        shelf.objects[f"{key}@v1"] = body
        gets, puts, self.sent = shelf.gets, shelf.puts, []
        began, cpu = time.monotonic(), time.process_time()
        self._run(flow, notification((key, at, len(body))), day, {"FileApplied", "FileInPieces"})
        cpu_of_pieces = time.process_time()
        for message in self.sent:
            self._run(flow, messages.write(message), day, {"PieceWritten"})
        ended = time.process_time()
        applied = Feeds(Table(self.client, self.stock_table)).now(source).applied
        if applied is None or applied.file != f"{key}@v1":
            raise AssertionError("the file is not the snapshot", applied)
        return Took(
            pieces=len(self.sent),
            seconds=time.monotonic() - began,
            cpu=cpu_of_pieces - cpu,
            cpu_of_pieces=ended - cpu_of_pieces,
            gets=shelf.gets - gets,
            puts=shelf.puts - puts,
            bill=metered.bill,
        )

    def put_first(self, source: SourceId, catalogue: Catalogue, path: Path) -> None:
        """Put everything there as the flow leaves it after the first file, but in batches."""
        table, at, body = Table(self.client, self.stock_table), trade.T0, path.read_bytes()
        rows = ((catalogue.sku(number), *catalogue.stock(number, 0)) for number in range(catalogue.rows))
        while some := list(islice(rows, PUT_AT_ONCE)):
            counted = [trade.level(sku, source, units) for sku, units, _ in some]
            asked = [trade.offer(sku, source, cents) for sku, _, cents in some]
            table.write_all([levels.to_item(each) for each in counted] + [offers.to_item(each) for each in asked])
        described = RULES.sources[source]
        snapshot = f"done/{source}/{at}-first.csv"
        self.shelf.objects[snapshot] = body
        applied = Run(
            as_of=at,
            file=f"in/{source}/day-0.csv@v1",
            snapshot=snapshot,
            reading=stock_files.fingerprint(described.feed, described.currency),
            digest=hashlib.sha256(body).hexdigest(),
            stored_at=at,
            tally=feed_reads.tally(catalogue),
            rises=catalogue.in_order,
        )
        Feeds(table).write(Feed(source=source, applied=applied, revision=1))

    def _run(self, flow: IngestCounts, body: str, day: int, wanted: set[str]) -> None:
        done = flow.run({"m": body}, RULES, FIRST + timedelta(hours=day, minutes=1))
        if done.again or not wanted & done.counted.keys():
            raise AssertionError("the file was not taken in", done)

    def _flow(self, client: Any, writers: int, piece: int) -> IngestCounts:  # noqa: ANN401 - any DynamoDB client
        table = Table(client, self.stock_table)
        return ingest(
            files=self.shelf,
            feeds=Feeds(table),
            levels=Levels(table),
            offers=Offers(table),
            problems=Problems(Table(client, self.order_table)),
            pause=clock.pause,
            writers=writers,
            piece=piece,
            send=self._send,
        )

    def _send(self, waiting: Sequence[Message]) -> None:
        self.sent += waiting
