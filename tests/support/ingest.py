"""The flow that takes in files, put together; messages that it sends go nowhere unless a test says where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from shared.domain.messages import Message
from shared.flows.count_codes import CountCodes
from shared.flows.feed_runs import PIECE, FeedRuns
from shared.flows.ingest_counts import IngestCounts
from shared.flows.write_rows import Changed, WriteRows


class NoCodes:
    """A supplier that calls everything as we do."""

    def has_any(self, _supplier: str) -> bool:
        return False

    def known(self, _supplier: str, _codes: Iterable[str]) -> dict[str, Any]:
        return {}


class NoDocuments:
    """Every file is a stock file."""

    def run(self, *_file: object) -> None:
        return None


@dataclass
class FakeMargins:
    """Notes offers whose cost changed."""

    changed: list[Changed] = field(default_factory=list)

    def run(self, changed: Iterable[Changed], *_rules_and_now: object) -> Counter[str]:
        self.changed += changed
        return Counter()


def ingest(  # noqa: PLR0913 - each may be a fake of its own
    *,
    files: object,
    feeds: object,
    levels: object,
    offers: object,
    problems: object,
    codes: object = None,
    documents: object = None,
    margins: object = None,
    pause: Callable[[int], None] = lambda _: None,
    writers: int = 1,
    piece: int = PIECE,
    send: Callable[[Sequence[Message]], None] = lambda _: None,
) -> IngestCounts:
    """Fakes will do for stores; moto bears one writer only."""
    stores: dict[str, Any] = {"files": files, "feeds": feeds, "levels": levels, "problems": problems}
    names = cast("Any", codes or NoCodes())
    rows = WriteRows(
        levels=stores["levels"],
        offers=cast("Any", offers),
        codes=names,
        margins=cast("Any", margins or FakeMargins()),
        pause=pause,
        writers=writers,
    )
    runs = FeedRuns(files=stores["files"], feeds=stores["feeds"], rows=rows, send=send, pause=pause, piece=piece)
    mappings = CountCodes(
        codes=names, feeds=stores["feeds"], levels=stores["levels"], offers=cast("Any", offers), pause=pause
    )
    taken = cast("Any", documents or NoDocuments())
    return IngestCounts(**stores, runs=runs, mappings=mappings, documents=taken, pause=pause)
