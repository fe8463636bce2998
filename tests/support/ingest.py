"""The flow that takes in files, put together; messages of its pieces go to a list unless a test says where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from shared.domain.messages import WritePiece
from shared.flows.feed_runs import PIECE, FeedRuns
from shared.flows.ingest_counts import IngestCounts
from shared.flows.write_rows import WriteRows


def ingest(  # noqa: PLR0913 - each may be a fake of its own
    *,
    files: object,
    feeds: object,
    levels: object,
    offers: object,
    problems: object,
    pause: Callable[[int], None] = lambda _: None,
    writers: int = 1,
    piece: int = PIECE,
    send: Callable[[Sequence[WritePiece]], None] | None = None,
) -> IngestCounts:
    """Fakes will do for stores; moto bears one writer only."""
    rows = WriteRows(levels=cast("Any", levels), offers=cast("Any", offers), pause=pause, writers=writers)
    runs = FeedRuns(
        files=cast("Any", files),
        feeds=cast("Any", feeds),
        rows=rows,
        send=send or (lambda _: None),
        pause=pause,
        piece=piece,
    )
    return IngestCounts(
        files=cast("Any", files),
        feeds=cast("Any", feeds),
        levels=cast("Any", levels),
        problems=cast("Any", problems),
        runs=runs,
        pause=pause,
    )
