"""`truestock exceptions`: what a person should look at, who looks after it, and its end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from cli.session import Session, reads, writes
from shared.domain import times
from shared.domain.problems import Standing
from shared.errors import Conflict, InvalidInput, Rejected, Transient
from shared.runtime import clock
from shared.storage.problems import Problems

app = typer.Typer(help="Exceptions: what needs a person. List them, take one, close it.")

TRIES = 3
MOST_NEAR = 5

OnlyKind = Annotated[str, typer.Option("--kind", metavar="KIND", help="Only those of this kind.")]
OnlyOwner = Annotated[str, typer.Option("--owner", metavar="OWNER", help="Only those of this owner.")]
Kind = Annotated[str, typer.Argument(metavar="KIND", help="As `truestock exceptions list` says it.")]
Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="As `truestock exceptions list` says it.")]


@app.callback()
def exceptions() -> None:
    """Look after exceptions."""


@app.command("list")
@reads
def list_open(session: Session, *, kind: OnlyKind = "", owner: OnlyOwner = "") -> None:
    """List what is open, oldest first."""
    now = clock.now()
    opened = [each for each in _open_ones(session, now) if owner in {"", each.problem.owner}]
    shown = [each for each in opened if kind in {"", each.problem.kind}]
    if opened and not shown:
        kinds = ", ".join(sorted({each.problem.kind for each in opened}))
        session.tell(f"none of kind {kind!r} is open; open are: {kinds}")
    elif not shown:
        session.tell("nothing is open")
    else:
        columns = ["age", "kind", "subject", "reason", "what to do", "looked after by"]
        session.table(f"{len(shown)} open, oldest first", columns, [_row(each, now) for each in shown])
    session.answer([_document(each, now) for each in shown])


@app.command()
@writes
def take(session: Session, kind: Kind, subject: Subject) -> None:
    """Look after an exception; --actor names who does, else you."""
    problems = Problems(session.target.orders())
    seen = find(problems, kind, subject)
    is_written = False
    if seen.taken_by == session.actor:
        session.tell(f"{session.actor} looks after it already: nothing was written")
    else:
        instead = f" instead of {seen.taken_by}" if seen.taken_by else ""
        is_written = session.agree([f"{session.actor} looks after {kind} of {subject}{instead}"])
    if is_written:
        write(problems, seen, lambda found: _take(problems, found, session.actor, {seen.taken_by, ""}))
        session.tell(f"{session.actor} looks after it; what to do: {seen.problem.action}")
    session.answer({"kind": kind, "subject": subject, "taken_by": session.actor, "is_written": is_written})


@app.command()
@writes
def close(session: Session, kind: Kind, subject: Subject) -> None:
    """Close an exception, with --reason; the same trouble opens it again."""
    if not session.reason.strip():
        raise typer.BadParameter("say how it ended; that is kept with the exception", param_hint="--reason")
    problems = Problems(session.target.orders())
    seen = find(problems, kind, subject)
    is_written = session.agree([f"{kind} of {subject} is closed by {session.actor}: {session.reason}"])
    if is_written:
        now = times.text(clock.now())
        write(problems, seen, lambda found: problems.close(found, now, by=session.actor, because=session.reason))
        session.tell("closed; the same trouble opens it again")
    session.answer({"kind": kind, "subject": subject, "closed_by": session.actor, "is_written": is_written})


def find(problems: Problems, kind: str, subject: str) -> Standing:
    """Read an open exception. Raises Rejected when it is closed, InvalidInput with the near ones when there is none."""
    found = problems.read(kind, subject)
    if found is None:
        near = nearest(problems.open_ones(), kind, subject)
        raise InvalidInput(
            "there is no such exception; see truestock exceptions list",
            code="unknown_exception",
            kind=kind,
            subject=subject,
            near=near or "nothing that is open",
        )
    if not found.is_open:
        told = {"since": found.closed_at, "by": found.closed_by, "because": found.closed_because}
        raise Rejected("the exception is closed already", code="exception_closed", kind=kind, subject=subject, **told)
    return found


def nearest(opened: Iterable[Standing], kind: str, subject: str) -> list[str]:
    """Name open exceptions as they would be typed: of the same subject, what reads alike, of the same kind."""
    names = {f"{each.problem.kind} {each.problem.subject}": each.problem for each in opened}
    same = [name for name, problem in names.items() if problem.subject == subject]
    alike = get_close_matches(f"{kind} {subject}", names, MOST_NEAR)
    of_kind = [name for name, problem in names.items() if problem.kind == kind]
    return list(dict.fromkeys([*same, *alike, *of_kind]))[:MOST_NEAR]


def write(problems: Problems, seen: Standing, change: Callable[[Standing], bool]) -> None:
    """Write over what was seen; when that met another write, over a fresh read, three times in all.

    A person agreed to something about this trouble. Raises Rejected when it is over, or another one by now, and
    Conflict when it keeps changing.
    """
    found = seen
    for _ in range(TRIES):
        try:
            if change(found):
                return
        except Transient as failure:
            if failure.code != "problem_busy":
                raise
        found = find(problems, seen.problem.kind, seen.problem.subject)
        if found.opened_at != seen.opened_at:
            raise Rejected("it is another trouble by now: look at it", code="exception_anew", since=found.opened_at)
    raise Conflict("the exception keeps changing; try again", code="exception_busy", tries=TRIES)


def age(since: str, now: datetime) -> str:
    """Say how long ago a time was, by its largest unit: `5 min`, `3 h`, `12 days`; empty without a time."""
    if not since:
        return ""
    passed = max(now - times.read(since), timedelta())
    hours, minutes = divmod(int(passed.total_seconds()) // 60, 60)
    if passed >= timedelta(days=2):
        return f"{passed.days} days"
    return f"{hours} h" if hours else f"{minutes} min"


def _take(problems: Problems, found: Standing, actor: str, instead_of: Collection[str]) -> bool:
    """Take it from whom it was agreed to be taken from. Raises Rejected when someone else was quicker."""
    if found.taken_by not in {actor, *instead_of}:
        raise Rejected("someone else took it: speak with them", code="exception_taken", by=found.taken_by)
    return problems.take(found, actor)


def _open_ones(session: Session, now: datetime) -> list[Standing]:
    """Read what is open of all owners that the rules name, oldest first."""
    problems = Problems(session.target.orders())
    found = [each for owner in session.target.config().rules(now).owners for each in problems.open_ones(owner)]
    return sorted(found, key=lambda each: each.opened_at)


def _row(standing: Standing, now: datetime) -> Sequence[object]:
    problem = standing.problem
    opened = age(standing.opened_at, now)
    return opened, problem.kind, problem.subject, problem.reason, problem.action, standing.taken_by


def _document(standing: Standing, now: datetime) -> dict[str, Any]:
    problem = standing.problem
    return asdict(problem) | {
        "details": dict(problem.details),
        "opened_at": standing.opened_at,
        "age_seconds": int((now - times.read(standing.opened_at)).total_seconds()),
        "taken_by": standing.taken_by,
    }
