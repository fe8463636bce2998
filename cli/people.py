"""`truestock people`: what is kept of a customer: find it, write it to a file for them, erase it.

The address of mail is asked for, or read from stdin: a command line stays in the shell's history.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.session import Session, reads, writes
from cli.target import Target
from shared.domain import customers, times
from shared.domain.customers import Erasure
from shared.domain.names import OrderKey
from shared.errors import InvalidInput
from shared.flows.personal_data import PersonalData
from shared.runtime import clock
from shared.storage.outbox import Outbox
from shared.storage.people import People
from shared.storage.versions import Versions

app = typer.Typer(help="Customers: what is kept of one, by their address of mail; a file of it for them; erasing it.")

FromStdin = Annotated[bool, typer.Option("--from-stdin", help="Read the address as one line instead of asking.")]
ToFile = Annotated[Path, typer.Option("--to", metavar="FILE", help="A new file; only you may read it.")]
ONLY_OWNER = 0o600


@app.command()
@reads
def find(session: Session, *, from_stdin: FromStdin = False) -> None:
    """List a customer's orders, and how much of each is kept. Shows no personal data."""
    data, name = _data(session.target), _asked(session, from_stdin=from_stdin)
    rows = list(_found(data, name, clock.now()))
    _show(session, rows)
    session.answer({"orders": rows})


@app.command()
@reads
def export(session: Session, *, to: ToFile, from_stdin: FromStdin = False) -> None:
    """Write all that is kept of a customer to a file, as JSON: addresses, the shop's events, purchase orders."""
    data, name, now = _data(session.target), _asked(session, from_stdin=from_stdin), clock.now()
    found = [_exported(data, key, now) for key in data.people.orders_of([name])]
    try:
        file = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, ONLY_OWNER)
    except OSError as error:
        raise typer.BadParameter(f"{to}: {error.strerror}", param_hint="--to") from error
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        json.dump(found, opened, indent=2, ensure_ascii=False)
    session.tell(f"{len(found)} orders are in {to}")
    session.answer({"file": str(to), "orders": [each["order"] for each in found]})


@app.command()
@writes
def erase(session: Session, *, from_stdin: FromStdin = False) -> None:
    """Erase a customer everywhere. Only shows what would go, unless --yes is given.

    The sweep does it within minutes; an order that is not shipped yet is waited for.
    """
    session.dry_run = session.dry_run or not session.yes
    data, name, now = _data(session.target), _asked(session, from_stdin=from_stdin), clock.now()
    rows = list(_found(data, name, now))
    _show(session, rows)
    erasure = Erasure(
        erasure=uuid.uuid4().hex[:16], channel="", asked_at=times.text(now), names=(name,), due_at=times.text(now)
    )
    told = f"every version of what is kept of {len(rows)} orders is deleted, and any other event that has the address"
    is_written = session.agree([told])
    if is_written:
        data.people.ask(erasure)
        session.tell(f"erasure {erasure.erasure} is under way")
    session.answer({"orders": rows, "erasure": erasure.erasure if is_written else "", "is_written": is_written})


def _asked(session: Session, *, from_stdin: bool) -> str:
    """Return the name of the customer whose address is typed, under the stack's key."""
    typed = sys.stdin.readline() if from_stdin else typer.prompt("the customer's address of mail", err=True)
    if "@" not in typed:
        raise InvalidInput("this is no address of mail", code="no_address")
    secret = f"{session.target.secret_prefix}/people"
    key = session.target.secretsmanager().get_secret_value(SecretId=secret)["SecretString"].encode()
    return customers.of_email(key, typed)


def _data(target: Target) -> PersonalData:
    book, s3 = target.book(), target.s3()
    return PersonalData(
        people=People(book.orders),
        outbox=Outbox(book),
        archive=Versions(s3, target.outputs["ArchiveBucket"]),
        files=Versions(s3, target.outputs["FilesBucket"]),
    )


def _found(data: PersonalData, name: str, now: datetime) -> Iterator[dict[str, Any]]:
    for key in data.people.orders_of([name]):
        order = data.outbox.order(key)
        yield {
            "order": str(key),
            "state": order.state if order else "unknown",
            "addresses": len(data.people.addresses(key)),
            "objects": sum(1 for _ in data.objects(key, now)),
        }


def _show(session: Session, rows: list[dict[str, Any]]) -> None:
    session.table(
        f"{len(rows)} orders", ["order", "state", "addresses", "objects"], [tuple(row.values()) for row in rows]
    )


def _exported(data: PersonalData, key: OrderKey, now: datetime) -> dict[str, Any]:
    return {
        "order": str(key),
        "addresses": [item["address"] for item in data.people.addresses(key)],
        "objects": [
            {"key": each.key, "content": bucket.read(each).decode(errors="replace")}
            for bucket, each in data.objects(key, now)
        ],
    }
