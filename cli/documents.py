"""`truestock documents`: what suppliers said about purchase orders, and a person's word on what is held of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli.session import Session, reads, writes
from cli.words import moment
from shared.domain import times
from shared.domain.document_moves import Step
from shared.domain.names import SourceId, name
from shared.domain.people import By
from shared.domain.physical import source_of
from shared.errors import Conflict, InvalidInput, Rejected
from shared.flows.answer_orders import AnswerOrders
from shared.flows.cancel_requests import CancelRequests
from shared.flows.settle_documents import HELD, Came, SettleDocuments, can_be_released
from shared.flows.take_documents import TakeDocuments
from shared.formats.document_reports import place
from shared.runtime import clock
from shared.storage.documents import Documents, Entry, State
from shared.storage.files import Files
from shared.storage.operations import Operations
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems

app = typer.Typer(help="Documents: suppliers' answers to purchase orders, their shipments, and what is held of them.")

Supplier = Annotated[str, typer.Argument(metavar="SUPPLIER")]
Type = Annotated[str, typer.Argument(metavar="TYPE", help="As `truestock documents list` says it: 855, shipment ...")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="As `truestock documents list` says it.")]
OfSupplier = Annotated[str, typer.Option("--supplier", metavar="S", help="All of this supplier, not only held ones.")]


@app.callback()
def documents() -> None:
    """Look after suppliers' documents."""


@app.command("list")
@reads
def list_documents(session: Session, *, supplier: OfSupplier = "") -> None:
    """List the documents that are held, with the first reason of each; or all of a supplier."""
    store = Documents(session.target.orders())
    if supplier:
        found = list(store.of(SourceId(name(supplier, "supplier"))))
    else:
        subjects = [key for kind, key in Problems(session.target.orders()).open_keys() if kind == HELD]
        entries = [store.read(SourceId(source), kind, number) for source, kind, number in map(_parts, subjects)]
        found = [each for each in entries if each]
    columns = ["supplier", "type", "number", "about", "state", "came", "why", "may be released"]
    session.table(f"{len(found)} documents", columns, [_row(each) for each in found])
    session.answer([_document(each) for each in found])


@app.command()
@reads
def show(session: Session, supplier: Supplier, kind: Type, number: Number) -> None:
    """Show a document: what it moved or would move, and everything that is wrong with it, with its place."""
    entry = _entry(session, supplier, kind, number)
    session.tell(f"{entry.subject}, about {entry.about or 'no purchase order'}, came {moment(entry.received_at)}")
    session.tell(f"{entry.state}" + (f" by {entry.by}: {entry.because}" if entry.by or entry.because else ""))
    session.tell(f"file s3://{session.target.outputs['FilesBucket']}/{entry.file}, its document {entry.place + 1}")
    for found in entry.findings:
        session.tell(f"  {place(found)}")
    session.table(
        "what it says", ["purchase order", "line", "says", "units", "why"], [tuple(each) for each in entry.said]
    )
    session.answer(_document(entry))


@app.command()
@writes
def release(session: Session, supplier: Supplier, kind: Type, number: Number) -> None:
    """Apply a document though its price, date, substitute or units are outside the rules. Needs --reason."""
    entry = _decide(session, supplier, kind, number)
    if not can_be_released(entry):
        raise Rejected("it is wrong, not only outside the rules: mend the cause and retry", code="not_releasable")
    _again(session, entry, By(session.actor, session.reason))


@app.command()
@writes
def retry(session: Session, supplier: Supplier, kind: Type, number: Number) -> None:
    """Judge a held document anew, by the rules and orders as they are now."""
    entry = _entry(session, supplier, kind, number)
    if entry.state not in {State.HELD, State.TAKEN}:
        raise Rejected("it is not held", code="not_held", state=entry.state.value)
    _again(session, entry, None)


@app.command()
@writes
def reject(session: Session, supplier: Supplier, kind: Type, number: Number) -> None:
    """Put a held document aside for good: nothing of it is applied. Needs --reason."""
    entry = _decide(session, supplier, kind, number)
    is_written = session.agree([f"{entry.subject} is never applied"])
    if is_written:
        if not _flow(session).settle.reject(entry, By(session.actor, session.reason), clock.now()):
            raise Conflict("somebody has decided already", code="decided_already", document=entry.subject)
        session.tell("done")
    session.answer(_document(entry) | {"is_written": is_written})


def _again(session: Session, entry: Entry, allowed_by: By | None) -> None:
    """Read a document again from its file, say what it would move, and apply or hold it."""
    flow, now = _flow(session), clock.now()
    rules = session.target.config().rules(now)
    source = source_of(rules, entry.source)
    found = flow.again(entry, source)
    if found is None:
        raise InvalidInput("its file is not there any more", code="file_gone", file=entry.file)
    came = Came(
        file=entry.file,
        name=entry.name,
        place=entry.place,
        received_at=times.read(entry.received_at),
        allowed_by=allowed_by,
    )
    judged = flow.settle.judge(found, source, came, flow.settle.seen(found, source))
    for finding in judged.meaning.findings:
        session.tell(f"  {place(finding)}")
    would = [_step(each) for each in judged.meaning.steps] or ["nothing moves"]
    is_written = session.agree(["it stays held"] if judged.meaning.findings else would)
    after = entry
    if is_written:
        _, after = flow.settle.run(found, source, came, rules, now)
        flow.settle.read_again(entry, after, now)
        session.tell(f"{after.subject} is {after.state}")
    session.answer(_document(after) | {"is_written": is_written})


def _decide(session: Session, supplier: str, kind: str, number: str) -> Entry:
    if not session.reason:
        raise typer.BadParameter("say why; it is kept with the document", param_hint="--reason")
    entry = _entry(session, supplier, kind, number)
    if entry.state is not State.HELD:
        raise Rejected("it is not held", code="not_held", state=entry.state.value)
    for finding in entry.findings:
        session.tell(f"  {place(finding)}")
    return entry


def _entry(session: Session, supplier: str, kind: str, number: str) -> Entry:
    found = Documents(session.target.orders()).read(SourceId(name(supplier, "supplier")), kind, number)
    if found is None:
        raise InvalidInput("no such document; see truestock documents list", code="unknown_document", number=number)
    return found


def _flow(session: Session) -> TakeDocuments:
    target = session.target
    book, bucket = target.book(), target.outputs["FilesBucket"]
    problems, seen, ways = Problems(book.orders), Documents(book.orders), target.ways()
    settle = SettleDocuments(
        book=book,
        documents=seen,
        answers=AnswerOrders(book=book, problems=problems, pause=clock.pause),
        operations=Operations(book.stock, book.orders),
        problems=problems,
        cancels=lambda: CancelRequests(seen, Pauses(book.stock), problems, ways.of),
    )
    return TakeDocuments(
        files=Files(target.s3(), bucket), documents=seen, settle=settle, problems=problems, folder=ways.folder
    )


def _parts(subject: str) -> tuple[str, str, str]:
    source, _, rest = subject.partition(" ")
    kind, _, number = rest.partition(" ")
    return source, kind, number


def _step(step: Step) -> str:
    return f"{step.number}, line {step.line}: {step.units} {step.says}" + (f", {step.why}" if step.why else "")


def _row(entry: Entry) -> tuple[object, ...]:
    why = entry.findings[0].text if entry.findings else entry.because
    came, may = moment(entry.received_at), "yes" if can_be_released(entry) else ""
    return (entry.source, entry.type, entry.number, entry.about, entry.state, came, why, may)


def _document(entry: Entry) -> dict[str, Any]:
    return asdict(entry) | {"can_be_released": can_be_released(entry)}
