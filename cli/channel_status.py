"""`truestock channels status`: what waits to be told to each shop, since when, and how fast the shop takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from cli.channel_checks import MOST_MARKS, chosen
from cli.session import Session, reads
from cli.words import moment
from shared.domain import times
from shared.domain.availability import Rank
from shared.domain.rules import Channel
from shared.runtime import clock
from shared.storage.availability import Availability, Lease, Leases, Mark
from shared.storefronts import outbound

app = typer.Typer()

Which = Annotated[str, typer.Argument(metavar="CHANNEL", help="All active channels without it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What a shop has not been told yet, by rank, and its publisher.

    `is_more`: so many wait that not all were counted. `oldest`: when the first of them was left; one that is left again
    counts from then. `left`: of what the shop takes at once, when the publisher stopped.
    """

    channel: str
    waiting: dict[str, int]
    is_more: bool
    oldest: str
    publisher: str
    limit_per_second: float
    is_ruled: bool
    left: float | None


@app.command()
@reads
def status(session: Session, channel: Which = "") -> None:
    """Say how much waits to be told to each shop, by rank, since when, and what its limit is."""
    now, stock = clock.now(), session.target.stock()
    found = [
        backlog(
            each,
            Availability(stock).marks(each.channel, MOST_MARKS),
            Leases(stock).read(each.channel),
            times.text(now),
        )
        for each in chosen(session.target.config().rules(now), channel)
    ]
    ranks = [rank.name.lower() for rank in Rank]
    rows = [
        (
            each.channel,
            *(each.waiting[rank] for rank in ranks),
            (moment(each.oldest) if each.oldest else "") + (", and more" if each.is_more else ""),
            each.publisher,
            f"{each.limit_per_second:g} a second" + (" by the rules" if each.is_ruled else ""),
        )
        for each in found
    ]
    session.table("waits to be told", ["channel", *ranks, "oldest", "publisher", "limit"], rows)
    session.answer([asdict(each) for each in found])


def backlog(channel: Channel, marks: Sequence[Mark], lease: Lease | None, now: str) -> Backlog:
    """Count what waits for a shop."""
    counted, limit = Counter(mark.rank for mark in marks), outbound.limit(channel)
    return Backlog(
        channel=channel.channel,
        waiting={rank.name.lower(): counted[rank] for rank in Rank},
        is_more=len(marks) == MOST_MARKS,
        oldest=min((mark.at for mark in marks if mark.at), default=""),
        publisher=_publisher(lease, now),
        limit_per_second=limit.per_second,
        is_ruled=limit.is_ruled,
        left=lease.left.units if lease and lease.left else None,
    )


def _publisher(lease: Lease | None, now: str) -> str:
    if lease is None:
        return "has never run"
    told = "at work" if lease.leased_until > now else "idle"
    if lease.rests_until > now:
        told = f"rests until {moment(lease.rests_until)}"
    return f"{told}, failing since {moment(lease.failing_since)}: {lease.failing}" if lease.failing else told
