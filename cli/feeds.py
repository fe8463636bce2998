"""`truestock feeds`: whether the suppliers' files come in, what became of them, and a person's word on held ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from cli import supplier_codes
from cli.exceptions import age
from cli.learn_feed import learn_file
from cli.session import Session, reads, writes
from cli.try_file import try_file
from cli.words import moment
from shared.domain import freshness, times
from shared.domain.feeds import Feed, Verdict
from shared.domain.messages import ReleaseFile
from shared.domain.names import SourceId, name
from shared.domain.people import By
from shared.domain.rules import Source
from shared.errors import Conflict, InvalidInput
from shared.runtime import clock
from shared.storage import keys
from shared.storage.dynamo import Table
from shared.storage.feeds import Entry, Feeds
from shared.storage.files import Files, Opened

app = typer.Typer(help="Feeds: the suppliers' stock files.")

Which = Annotated[str, typer.Argument(metavar="SOURCE")]
AsOf = Annotated[str, typer.Option("--as-of", metavar="TIME", help="Of several held files the one of this time.")]

app.command("try")(try_file)
app.command("unmapped")(supplier_codes.unmapped)
app.command("map")(supplier_codes.map_code)
app.command("learn")(learn_file)

LOOKED_BACK = timedelta(days=30)
"""How far back a held file is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The file whose counts hold now. Numbers are None when the history has no entry of it."""

    file: str
    as_of: str
    age_seconds: int
    kept: str
    read: int | None = None
    changed: int | None = None
    refused: int | None = None
    absent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A file that was not applied, why, and the key of its report in the files bucket."""

    file: str
    as_of: str
    reason: str
    kept: str
    report: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A source's feed now. `worth_percent` is None before its first file, `is_silent` when nobody waits for it."""

    source: SourceId
    is_active: bool
    applied: Applied | None
    worth_percent: int | None
    heard_at: str
    expected_by: str
    is_silent: bool | None
    open_runs: int
    unconfirmed: int
    held: Held | None


@app.command()
@reads
def status(session: Session) -> None:
    """Show for each source its last file, what its counts are worth now, and what was held."""
    now, table = clock.now(), session.target.stock()
    rules = session.target.config().rules(now)
    known = Feeds(table).each_now(sorted(rules.sources))
    found = [of(table, source, known[name][0], now) for name, source in sorted(rules.sources.items())]
    columns = ["source", "last file", "as of", "age", "rows", "changed", "refused", "absent", "worth", "heard of"]
    session.table("feeds", [*columns, "open runs", "unconfirmed SKUs"], [_row(each, now) for each in found])
    for each in found:
        if each.held:
            told = (
                f"{each.source}: last held file {each.held.file}, as of {moment(each.held.as_of)}: {each.held.reason}"
            )
            session.tell(f"{told}; its report: s3://{session.target.outputs['FilesBucket']}/{each.held.report}")
    session.answer([asdict(each) for each in found])


@app.command()
@writes
def release(session: Session, source: Which, *, as_of: AsOf = "") -> None:
    """Let a file count that was held because it is implausible, as the photograph that it is. Needs --reason."""
    held = _decide(session, source, as_of)
    if not held.can_be_released:
        raise InvalidInput("it cannot be read: mend it and drop it again", code="not_releasable", because=held.reason)
    is_written = session.agree([f"{held.kept}, as of {moment(held.as_of)}, counts: what it leaves out is 0"])
    if is_written:
        wish = ReleaseFile(source=SourceId(source), as_of=held.as_of, by=session.actor, reason=session.reason)
        session.target.send("FileQueueUrl", [wish])
        session.tell("asked for; see truestock feeds status in a moment")
    session.answer({"source": source, "as_of": held.as_of, "kept": held.kept, "is_written": is_written})


@app.command()
@writes
def reject(session: Session, source: Which, *, as_of: AsOf = "") -> None:
    """Put a held file aside for good; the last good counts stay. Needs --reason."""
    held = _decide(session, source, as_of)
    is_written = session.agree([f"{held.kept}, as of {moment(held.as_of)}, never counts"])
    if is_written:
        by = By(session.actor, session.reason)
        if not Feeds(session.target.stock()).reject(SourceId(source), held.as_of, by):
            raise Conflict("somebody has decided already", code="decided_already", as_of=held.as_of)
        session.tell("done; its exception closes within a minute")
    session.answer({"source": source, "as_of": held.as_of, "kept": held.kept, "is_written": is_written})


def _decide(session: Session, source: str, as_of: str) -> Entry:
    """Find the held file that a person decides upon, the newest if none is named, and tell why it is held."""
    if not session.reason:
        raise typer.BadParameter("say why; it is kept with the file", param_hint="--reason")
    held = Feeds(session.target.stock()).held(SourceId(name(source, "source")))
    found = next((each for each in reversed(held) if as_of in {"", each.as_of}), None)
    if found is None:
        raise InvalidInput("no file of this source is held", code="nothing_held", source=source, as_of=as_of)
    session.tell(f"{found.file}: {found.reason}")
    bucket, key = session.target.outputs["FilesBucket"], _report(source, found.kept, "json")
    with Files(session.target.s3(), bucket).open(key) as opened:
        told = _details(opened) if opened else {}
    for because in told.get("because", ()):
        session.tell(f"  {because}")
    return found


def _details(report: Opened) -> dict[str, Any]:
    report.file.seek(0)
    details: dict[str, Any] = json.load(report.file)["details"]
    return details


def of(table: Table, source: Source, feed: Feed, now: datetime) -> Status:
    """Put together what is known of a source's feed."""
    seen, history = freshness.look(source, feed, times.text(now)), _history(table, source.source, feed, now)
    expected_by = times.text(times.read(feed.heard_at) + source.cadence) if source.cadence and feed.heard_at else ""
    held = [item for item in history if item["verdict"] == Verdict.HELD]
    return Status(
        source=source.source,
        is_active=source.active,
        applied=_applied(feed, history, now),
        worth_percent=seen.percent if feed.applied else None,
        heard_at=feed.heard_at,
        expected_by=expected_by,
        is_silent=seen.is_silent if source.cadence else None,
        open_runs=len(feed.open),
        unconfirmed=len(feed.unconfirmed),
        held=_held(source.source, held[-1]) if held else None,
    )


def _history(table: Table, source: SourceId, feed: Feed, now: datetime) -> list[dict[str, Any]]:
    """Read a feed's files of the last days, oldest first; first the applied one where that is older."""
    since, until = (keys.feed_file(source, at) for at in (times.text(now - LOOKED_BACK), "~"))
    names = {":pk": since.pk, ":since": since.sk, ":until": until.sk}
    found = list(table.query("PK = :pk AND SK BETWEEN :since AND :until", names))
    applied = table.get(keys.feed_file(source, feed.applied.as_of), consistent=False) if feed.applied else None
    return [applied, *found] if applied and applied["SK"] < since.sk else found


def _applied(feed: Feed, history: list[dict[str, Any]], now: datetime) -> Applied | None:
    run = feed.applied
    if run is None:
        return None
    numbers = ("read", "changed", "refused", "absent")
    entry = next((item for item in history if item["file"] == run.file and item["verdict"] == Verdict.APPLIED), {})
    return Applied(
        file=_name(run.file),
        as_of=run.as_of,
        age_seconds=int((now - times.read(run.as_of)).total_seconds()),
        kept=run.snapshot,
        **{number: entry[number] for number in numbers if number in entry},
    )


def _held(source: SourceId, item: Mapping[str, Any]) -> Held:
    report = _report(source, item["kept"], "txt")
    as_of = item["SK"].removeprefix("FILE#")
    return Held(file=_name(item["file"]), as_of=as_of, reason=item["reason"], kept=item["kept"], report=report)


def _report(source: str, kept: str, ending: str) -> str:
    """Say where IngestCounts puts the report of a file."""
    return f"out/{source}/reports/{kept.rpartition('/')[2]}.{ending}"


def _name(file: str) -> str:
    """Say what the supplier called a file: `in/alpina/stock.csv@v1` is `stock.csv`."""
    return file.rpartition("@")[0].rpartition("/")[2]


def _row(found: Status, now: datetime) -> tuple[object, ...]:
    of_file: tuple[object, ...] = ("no file yet", *[None] * 6)
    if found.applied:
        at = found.applied
        of_file = (at.file, moment(at.as_of), age(at.as_of, now), at.read, at.changed, at.refused, at.absent)
    worth = None if found.worth_percent is None else f"{found.worth_percent} %"
    name = found.source if found.is_active else f"{found.source} (not active)"
    return (name, *of_file, worth, _heard(found, now), found.open_runs, found.unconfirmed)


def _heard(found: Status, now: datetime) -> str:
    told = f"{age(found.heard_at, now)} ago" if found.heard_at else "never"
    if found.is_silent:
        return f"SILENT: {told}" + (f", expected by {moment(found.expected_by)}" if found.expected_by else "")
    return told
