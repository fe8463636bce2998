"""`truestock channels`: what connects us with a shop."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from cli.session import Session, writes
from shared.errors import InvalidInput

app = typer.Typer(help="Shops: the secrets that connect us with them.")

Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="A shop of the current rules.")]
FromStdin = Annotated[bool, typer.Option("--from-stdin", help="Read it as one line from stdin instead of asking.")]
Token = Annotated[bool, typer.Option("--token", help="Replace the token we call the shop with instead.")]


@app.command()
@writes
def rotate(session: Session, channel: Channel, *, token: Token = False, from_stdin: FromStdin = False) -> None:
    """Replace the secret that signs a shop's events; the one before it holds on until the next rotation.

    The new secret is asked for and never shown; it is no argument, for other users of the machine see arguments.
    """
    rules = session.target.config().document()
    if isinstance(rules, dict) and channel not in rules.get("channels", {}):
        raise typer.BadParameter(f"{channel!r} is no channel of the current rules", param_hint="CHANNEL")
    what = "token" if token else "signing secret"
    name = f"{session.target.secret_prefix}/shops/{channel}"
    kept = _kept(session, name)
    before = kept or {"current": "", "previous": "", "token": ""}
    after = before if session.dry_run else _replaced(before, _asked(what, from_stdin=from_stdin), is_token=token)
    if kept is None:
        told = f"{name} is made, with its {what}"
    else:
        told = f"the {what} in {name} is replaced" + ("" if token else "; the current one becomes the previous one")
    is_written = session.agree([told])
    if is_written:
        _write(session, name, after, is_new=kept is None)
        session.tell("done; functions read it within five minutes, or at once when a signature does not fit")
    session.answer({"channel": channel, "secret": name, "replaced": what, "is_written": is_written})


def _kept(session: Session, name: str) -> dict[str, Any] | None:
    manager = session.target.secretsmanager()
    try:
        kept = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
    except manager.exceptions.ResourceNotFoundException:
        return None
    except ValueError:
        kept = None
    if not isinstance(kept, dict):
        raise InvalidInput("the secret is no JSON table; write it anew by hand", code="secret_unreadable", secret=name)
    return kept


def _asked(what: str, *, from_stdin: bool) -> str:
    new = sys.stdin.readline() if from_stdin else typer.prompt(f"new {what}", hide_input=True, err=True)
    if not new.strip():
        raise typer.BadParameter(f"no {what} was given; nothing was written")
    return str(new).strip()


def _replaced(kept: dict[str, Any], new: str, *, is_token: bool) -> dict[str, Any]:
    """Put a new secret in. The current one a second time is refused: the previous one would be lost by it."""
    field = "token" if is_token else "current"
    if kept.get(field) == new:
        raise typer.BadParameter("this one is current already; nothing was written")
    return kept | ({"token": new} if is_token else {"current": new, "previous": kept.get("current", "")})


def _write(session: Session, name: str, secret: dict[str, Any], *, is_new: bool) -> None:
    manager, text = session.target.secretsmanager(), json.dumps(secret)
    if is_new:
        manager.create_secret(Name=name, SecretString=text)
    else:
        manager.put_secret_value(SecretId=name, SecretString=text)
