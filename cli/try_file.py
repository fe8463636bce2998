"""`truestock feeds try`: what a file would do, before a supplier sends it. It writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli import rules_file
from cli.mistakes import WrongFile
from cli.session import Session, reads
from shared.domain import feeds, times
from shared.domain.feeds import Photo, Photograph
from shared.domain.guard import Ruling
from shared.domain.names import Sku, SourceId, name
from shared.domain.rules import Source
from shared.errors import InvalidInput
from shared.flows import read_files
from shared.runtime import clock
from shared.storage.feeds import Feeds
from shared.storage.files import Files

MOST_SHOWN = 10
Config = Annotated[Path | None, typer.Option("--config", metavar="DIR", help="By the rules.yaml there, not as pushed.")]


@reads
def try_file(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
    *,
    supplier: Annotated[str, typer.Option("--supplier", metavar="S", help="Whose file it would be.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="A folder with rules.yaml, not the pushed one.")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="At most so many rows of each kind.")] = MOST_SHOWN,
) -> None:
    """Read a file as a supplier's: rows, refusals with their lines, what would change, the guard's verdict.

    Compared with the file that counts now. Fails when it would be held. Writes nothing.
    """
    now, source = clock.now(), _source(session, supplier, config)
    with file.open("rb") as opened:
        found = read_files.read(opened, source, now)
    photograph = found.photograph
    taken = f"as of {times.text(found.taken_at)}, as it says" if found.taken_at else "as of when it comes, less its lag"
    session.tell(f"{file.name}: {photograph.read} rows, {photograph.refused} refused, {taken}")
    show_rows(session, photograph, most)
    before = None
    verdict = read_files.judge(photograph, None, source)
    if not found.failure:
        bucket = session.target.outputs["FilesBucket"]
        before = read_files.snapshot(
            Files(session.target.s3(), bucket), Feeds(session.target.stock()).now(source.source), source
        )
        verdict = read_files.judge(photograph, before, source)
        _show_changes(session, photograph, before, source, most)
    reasons = [*verdict.reasons] if not found.failure else [f"{found.failure.message}: {found.failure.details}"]
    for odd in verdict.odd:
        session.tell(f"unusual: {odd}")
    for reason in reasons:
        session.tell(f"would be held: {reason}")
    is_held = bool(found.failure) or verdict.ruling is Ruling.HOLD
    if not is_held:
        session.tell(f"guard: {verdict.ruling}")
    session.answer(
        {
            "file": str(file),
            "supplier": supplier,
            "read": photograph.read,
            "refused": photograph.refused,
            "refusals": [asdict(each) for each in photograph.refusals],
            "ruling": "hold" if is_held else verdict.ruling,
            "reasons": reasons,
            "odd": verdict.odd,
            "changed": feeds.changed(photograph.rows, before),
            "absent": feeds.absent(photograph, before or {}),
        }
    )
    if is_held:
        raise typer.Exit(1)


def _source(session: Session, supplier: str, config: Path | None) -> Source:
    if config is None:
        rules = session.target.config().rules(clock.now())
    else:
        checked = rules_file.read(config / "rules.yaml")
        if checked.rules is None:
            raise WrongFile(checked.mistakes)
        rules = checked.rules
    source = rules.sources.get(SourceId(name(supplier, "supplier")))
    if source is None:
        known = ", ".join(sorted(rules.sources))
        raise InvalidInput("the rules name no such supplier", code="unknown_source", supplier=supplier, known=known)
    return source


def show_rows(session: Session, photograph: Photograph, most: int) -> None:
    """Show the first rows as read, and the first that were refused."""
    rows = sorted(photograph.rows.values(), key=lambda row: row.line)[:most]
    shown = [(row.line, row.sku, row.units, row.told, row.cost_minor, row.warning) for row in rows]
    session.table("first rows, as read", ["line", "SKU", "units", "the file says", "cost", "warning"], shown)
    refusals = [(each.line, each.column, repr(each.value), each.reason) for each in photograph.refusals[:most]]
    if refusals:
        told = f"refused, the first {len(refusals)} of {photograph.refused}"
        session.table(told, ["line", "column", "value", "reason"], refusals)


def _show_changes(session: Session, photograph: Photograph, before: Photo | None, source: Source, most: int) -> None:
    if before is None:
        session.tell("there is no file to compare it with: every row would be written")
        return
    changes = list(_changes(photograph.rows, before))
    session.table(
        f"would change: {len(changes)} of {len(photograph.rows)}, the first {min(most, len(changes))}",
        ["SKU", "units now", "units then", "cost now", "cost then"],
        changes[:most],
    )
    absent = feeds.absent(photograph, before)
    if absent:
        is_zero = feeds.zeroes_absent(photograph, is_full=source.feed.full)
        told = ", ".join(absent[:most]) + (" ..." if len(absent) > most else "")
        session.tell(f"{len(absent)} SKUs are not in it and would {'count as 0' if is_zero else 'stay'}: {told}")


def _changes(rows: Photo, before: Photo) -> Iterator[tuple[Sku, int | None, int, int | None, int | None]]:
    for sku, row in rows.items():
        old = before.get(sku)
        if old is None:
            yield sku, None, row.units, None, row.cost_minor
        elif (old.units, old.cost_minor) != (row.units, row.cost_minor):
            yield sku, old.units, row.units, old.cost_minor, row.cost_minor
