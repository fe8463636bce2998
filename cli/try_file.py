"""`truestock feeds try`: what a file would do, before a supplier sends it. It writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from cli import rules_file
from cli.mistakes import WrongFile
from cli.session import Session, reads
from shared.domain import photographs, times
from shared.domain.guard import Ruling
from shared.domain.names import SourceId, name
from shared.domain.photographs import Row
from shared.domain.rules import Source
from shared.errors import InvalidInput
from shared.flows import read_files
from shared.flows.read_files import Against, FileRead
from shared.formats import stock_files
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
    with file.open("rb") as opened, ExitStack() as stack:
        taken, failure = taken_of(opened, source, now)
        session.tell(f"{file.name}: {taken}")
        show_rows(session, opened, source, most)
        against = stack.enter_context(_against(session, source))
        found = stack.enter_context(read_files.reading(opened, source, against))
        failure = failure or found.failure
        said, verdict = found.tally, found.judge(source)
        session.tell(f"{said.read} rows, {said.refused} refused")
        show_refusals(session, found, most)
        if not failure:
            _show_changes(session, found, source, most, is_first=against.snapshot is None)
        reasons = [f"{failure.message}: {failure.details}"] if failure else [*verdict.reasons]
        for odd in verdict.odd:
            session.tell(f"unusual: {odd}")
        for reason in reasons:
            session.tell(f"would be held: {reason}")
        is_held = bool(failure) or verdict.ruling is Ruling.HOLD
        if not is_held:
            session.tell(f"guard: {verdict.ruling}")
        session.answer(
            {
                "file": str(file),
                "supplier": supplier,
                "read": said.read,
                "refused": said.refused,
                "refusals": [asdict(each) for each in found.refusals],
                "ruling": "hold" if is_held else verdict.ruling,
                "reasons": reasons,
                "odd": verdict.odd,
                "changed": found.changed,
                "absent": found.left_out,
            }
        )
    if is_held:
        raise typer.Exit(1)


def taken_of(opened: BinaryIO, source: Source, now: datetime) -> tuple[str, InvalidInput | None]:
    """Say as of when the file would count, or why that cannot be known."""
    try:
        at = read_files.taken_at(opened, source, now)
    except InvalidInput as failure:
        return "as of when cannot be known", failure
    return (f"as of {times.text(at)}, as it says" if at else "as of when it comes, less its lag"), None


@contextmanager
def _against(session: Session, source: Source) -> Iterator[Against]:
    """Fetch the file that counts now, where it was read as this one would be."""
    applied = Feeds(session.target.stock()).now(source.source).applied
    if applied is None or applied.reading != read_files.reading_of(source):
        yield Against()
        return
    with Files(session.target.s3(), session.target.outputs["FilesBucket"]).open(applied.snapshot) as opened:
        yield Against(snapshot=opened.file if opened else None, tally=applied.tally, rises=applied.rises)


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


def show_rows(session: Session, opened: BinaryIO, source: Source, most: int) -> None:
    """Show the first rows as they are read; a file that breaks off shows those before."""
    rows: list[Row] = []
    try:
        for row in stock_files.read(opened, source.feed, source.currency):
            if len(rows) == most:
                break
            if isinstance(row, Row):
                rows.append(row)
    except InvalidInput:
        session.tell("it cannot be read to its end")
    shown = [(row.line, row.sku, row.units, row.told, row.cost_minor, row.warning) for row in rows]
    session.table("first rows, as read", ["line", "SKU", "units", "the file says", "cost", "warning"], shown)


def show_refusals(session: Session, found: FileRead, most: int) -> None:
    """Show the first refused rows by line."""
    shown = [(each.line, each.column, repr(each.value), each.reason) for each in found.refusals[:most]]
    if shown:
        told = f"refused, the first {len(shown)} of {found.tally.refused}"
        session.table(told, ["line", "column", "value", "reason"], shown)


def _show_changes(session: Session, found: FileRead, source: Source, most: int, *, is_first: bool) -> None:
    if is_first:
        session.tell("there is no file to compare it with: every row would be written")
        return
    changes = ((each.sku, each.row, each.before) for each in found.differences if each.is_changed)
    shown = [
        (sku, row and row.units, before and before.units, row and row.cost_minor, before and before.cost_minor)
        for sku, row, before in islice(changes, most)
    ]
    session.table(
        f"would change: {found.changed} of {found.tally.skus}, the first {len(shown)}; compared by {found.how.method}",
        ["SKU", "units now", "units then", "cost now", "cost then"],
        shown,
    )
    if found.absent:
        is_zero = photographs.zeroes_absent(found.tally, is_full=source.feed.full)
        told = ", ".join(found.left_out[:most]) + (" ..." if found.absent > most else "")
        session.tell(f"{found.absent} SKUs are not in it and would {'count as 0' if is_zero else 'stay'}: {told}")
