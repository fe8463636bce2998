"""`truestock suppliers`: how suppliers do, from what became of their purchase orders."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from cli.session import Session, reads
from shared.domain import scorecards
from shared.domain.names import SourceId, name
from shared.domain.physical import source_of
from shared.domain.scorecards import Score
from shared.runtime import clock
from shared.storage.scorecards import records

app = typer.Typer(help="Suppliers: how they do.")

USUAL_DAYS = 28

Of = Annotated[str, typer.Argument(metavar="SOURCE", help="Only this one.")]
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day (UTC); else 28 days ago.")]


@app.callback()
def suppliers() -> None:
    """See how suppliers do."""


@app.command()
@reads
def score(session: Session, source: Of = "", *, since: Since = None) -> None:
    """Show how fast, how fully and how punctually suppliers did what they were asked (docs/documents.md)."""
    now = clock.now()
    rules = session.target.config().rules(now)
    wanted = [source_of(rules, SourceId(name(source, "source")))] if source else list(rules.sources.values())
    first, last = _first(since, now), now.astimezone(UTC).date()
    scores = {
        each.source: scorecards.score(
            records(session.target.orders(), each.source, first, last),
            timedelta(days=each.answers.policy.late_days),
            now,
        )
        for each in wanted
    }
    columns = [
        "source",
        "sent",
        "answered",
        "hours",
        "slowest tenth",
        "filled",
        "on time",
        "oversold",
        "tracking",
        "why",
    ]
    session.table(f"since {first}", columns, [_row(each, found) for each, found in scores.items()])
    session.answer([{"source": each, "since": first.isoformat()} | asdict(found) for each, found in scores.items()])


def _first(since: datetime | None, now: datetime) -> date:
    return since.date() if since else now.astimezone(UTC).date() - timedelta(days=USUAL_DAYS)


def _row(source: SourceId, found: Score) -> tuple[object, ...]:
    percents = (found.fill_percent, found.on_time_percent, found.tracking_percent)
    filled, on_time, tracking = ("" if each is None else f"{each} %" for each in percents)
    hours = ("" if each is None else each for each in (found.ack_hours, found.slow_ack_hours))
    why = ", ".join(f"{units} {each}" for each, units in found.cancelled.items())
    return (source, found.orders, found.answered, *hours, filled, on_time, found.oversold, tracking, why)
