"""One call of a command: which cloud it acts on, who acts and why, and the options that every command shares.

A command takes a `Session` first and is decorated with `@reads` or `@writes` below `@app.command()`; the options come
with the decorator:

    @app.command()
    @reads
    def explain(session: Session, sku: str) -> None:
"""

from __future__ import annotations

import functools
import getpass
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import Parameter
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from cli import target
from cli.screen import Screen
from cli.target import Target

P = ParamSpec("P")

JsonOption = Annotated[bool, typer.Option("--json", help="Write one JSON document and nothing else to stdout.")]
StackOption = Annotated[str, typer.Option("--stack", metavar="NAME", help="A stack in AWS; else the local cloud.")]
CloudOption = Annotated[str, typer.Option("--cloud", metavar="NAME", envvar="TRUESTOCK_CLOUD", help="A local cloud.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change and write nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
ActorOption = Annotated[str, typer.Option("--actor", metavar="WHO", help="Who does it; else your login name.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="WHY", help="Why; kept with what is written.")]

OF_READS: dict[str, tuple[object, object]] = {
    "stack": (StackOption, ""),
    "cloud": (CloudOption, "default"),
    "is_json": (JsonOption, False),
}
OF_WRITES: dict[str, tuple[object, object]] = {
    "dry_run": (DryRunOption, False),
    "yes": (YesOption, False),
    "actor": (ActorOption, ""),
    "reason": (ReasonOption, ""),
    **OF_READS,
}


@dataclass(kw_only=True)
class Session(Screen):
    """What the shared options say. `dry_run` and `yes` are asked by `agree`, commands need not look at them."""

    stack: str = ""
    cloud: str = "default"
    dry_run: bool = False
    yes: bool = False
    actor: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        """Name who acts."""
        self.actor = self.actor.strip() or login()

    @cached_property
    def target(self) -> Target:
        """Find what to act on, and say which it is. Raises NoTarget."""
        found = target.stack(self.stack) if self.stack else target.local(self.cloud)
        self.tell(f"on {found.called}")
        return found

    def agree(self, what: Sequence[str]) -> bool:
        """Say what would change; answer whether to write it.

        A dry run never writes, a local cloud never asks. Raises typer.Exit(1) when the answer is no.
        """
        is_local = self.target.is_local
        for each in what:
            self.tell(each)
        if self.dry_run:
            self.tell("a dry run: nothing was written")
            return False
        if is_local or self.yes or typer.confirm("write this?", err=True):
            return True
        self.tell("nothing was written")
        raise typer.Exit(1)


def reads(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Give a command that only looks its session, and --stack, --cloud, --json."""
    return _with(command, OF_READS)


def writes(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Give a command that changes something its session, and --dry-run, --yes, --actor, --reason besides."""
    return _with(command, OF_WRITES)


def login() -> str:
    """Return the login name; a container may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _with(command: Callable[..., None], shared: dict[str, tuple[object, object]]) -> Callable[..., None]:
    @functools.wraps(command)
    def run(**asked: Any) -> None:  # noqa: ANN401 - what the command's own signature says
        session = Session(**{name: asked.pop(name) for name in shared})
        command(session, **asked)

    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in shared.items()
    ]
    # typer reads the signature, and once more the annotations
    run.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in [*own, *options]}
    return run
