"""`truestock stock`: every number explained, listed, told again; what people change is in `stock_changes.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import Annotated

import typer

from cli import words
from cli.session import Session, reads, writes
from shared.domain.flags import FlagKind
from shared.domain.messages import Refresh, Scope
from shared.domain.names import ChannelId, LevelKey, Sku, SourceId, name
from shared.domain.stock import Level
from shared.flows.explain_stock import ExplainStock
from shared.runtime import clock
from shared.storage import dynamo, keys, levels
from shared.storage.availability import Availability, Leases
from shared.storage.feeds import Feeds
from shared.storage.files import Files
from shared.storage.flags import Flags
from shared.storage.ledger import Ledger
from shared.storage.operations import Operations
from shared.storage.pauses import Pauses

app = typer.Typer(help="Numbers: why they are so, lists of them, corrections.")

SKUS_AT_ONCE = 100
SECONDS_A_TRY = 0.25

Where = Annotated[str, typer.Option("--source", metavar="S", help="At this source.")]
Most = Annotated[int, typer.Option("--most", min=1, help="At most so many lines.")]


@app.command()
@reads
def explain(
    session: Session, sku: str, *, channel: Annotated[str, typer.Option("--channel", metavar="C")] = ""
) -> None:
    """Say why a SKU has its numbers: each term with its file, row, time, rule and order.

    Fails when the terms do not add up to what is stored: then no number of it can be trusted.
    """
    stock, orders = session.target.stock(), session.target.orders()
    flow = ExplainStock(
        availability=Availability(stock),
        ledger=Ledger(stock),
        feeds=Feeds(stock),
        files=Files(session.target.s3(), session.target.outputs["FilesBucket"]),
        leases=Leases(stock),
        pauses=Pauses(stock),
        operations=Operations(stock, orders),
        pause=lambda _: clock.wait(SECONDS_A_TRY),
    )
    now = clock.now()
    rules = session.target.config().rules(now)
    found = flow.run(Sku(name(sku, "sku")), rules, now, channel=ChannelId(channel) if channel else None)
    for line in words.sku(found, rules):
        session.tell(line)
    session.answer(asdict(found))


@app.command("list")
@reads
def list_levels(
    session: Session,
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="SKUs that begin so.")] = "",
    *,
    source: Where = "",
    low: Annotated[bool, typer.Option("--low", help="Only levels with low stock, the longest low first.")] = False,
    held: Annotated[bool, typer.Option("--held", help="Only levels held until a time.")] = False,
    most: Most = 50,
) -> None:
    """List levels: of a source, of SKUs that begin alike, or what stands out."""
    table = session.target.stock()
    if low or held:
        flags = Flags(table).listed(FlagKind.LOW if low else FlagKind.HELD)
        wanted: Iterator[LevelKey] = (flag.level for flag in flags)
    elif source:
        wanted = (LevelKey(sku, SourceId(source)) for sku in Availability(table).skus_of(SourceId(source), ""))
    elif prefix:
        wanted = _of_catalogue(session, prefix)
    else:
        raise typer.BadParameter("name a PREFIX of at least two characters, or --source, --low, --held")
    fitting = (each for each in wanted if each.sku.startswith(prefix) and source in {"", each.source})
    found = _read(session, list(islice(fitting, most)))
    rows = [
        (
            *each.key,
            each.available,
            each.counted,
            each.committed,
            sum(each.deducted.values()),
            each.incoming,
            each.counted_as_of,
        )
        for each in found
    ]
    columns = ["SKU", "source", "available", "counted", "committed", "deducted", "incoming", "counted as of"]
    session.table(f"{len(rows)} levels" + (" (there may be more: --most)" if len(rows) == most else ""), columns, rows)
    session.answer([asdict(each) for each in found])


@app.command()
@writes
def refresh(
    session: Session,
    *,
    sku: Annotated[str, typer.Option("--sku", metavar="SKU")] = "",
    source: Where = "",
    channel: Annotated[str, typer.Option("--channel", metavar="C", help="On this channel.")] = "",
) -> None:
    """Compare what shops were told with what is so, and tell them what differs."""
    named = [(Scope.SKU, sku), (Scope.SOURCE, source), (Scope.CHANNEL, channel)]
    scope, value = next(((scope, value) for scope, value in named if value), (None, ""))
    if scope is None:
        raise typer.BadParameter("name a --sku, a --source or a --channel")
    only = channel if scope is not Scope.CHANNEL else ""
    is_written = session.agree([f"numbers of {scope} {value} are compared with what the shops were told"])
    if is_written:
        session.target.send("ChannelQueueUrl", [Refresh(scope=scope, name=value, channel=only)])
        session.tell("asked for; what differs is told in a moment")
    session.answer({"scope": scope, "name": value, "is_written": is_written})


def _of_catalogue(session: Session, prefix: str) -> Iterator[LevelKey]:
    if len(prefix) < keys.CATALOGUE_LETTERS:
        raise typer.BadParameter(f"a prefix has at least {keys.CATALOGUE_LETTERS} characters", param_hint="PREFIX")
    table = session.target.stock()
    pk, _ = keys.catalogue(Sku(prefix))
    availability = Availability(table)
    for item in table.query("PK = :pk AND begins_with(SK, :prefix)", {":pk": pk, ":prefix": prefix}):
        yield from (level.key for level in availability.levels(Sku(item["SK"])))


def _read(session: Session, wanted: list[LevelKey]) -> list[Level]:
    """Read levels as they are now, in the order wanted."""
    table = session.target.stock()
    at = partial(dynamo.read_all, table.client, consistent=True)
    found: dict[LevelKey, Level] = {}
    for item in at([(table.name, keys.level(key)) for key in wanted]).values():
        level = levels.from_item(item)
        found[level.key] = level
    return [found[key] for key in wanted if key in found]
