"""`truestock`: the operator's command.

It acts on the local cloud that `make run` started, or on `--stack NAME`, and says which; outside the local cloud
every write asks. Exit status: 0 done, 1 failed, 2 a mistake of the caller or in a file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from cli import (
    channel_checks,
    channel_hooks,
    channel_status,
    channels,
    compensate,
    config,
    documents,
    exceptions,
    feeds,
    listings,
    orders,
    pauses,
    people,
    policy,
    queue,
    route,
    stock,
    stock_changes,
    suppliers,
)
from cli.mistakes import WrongFile
from cli.screen import Screen
from cli.target import NoTarget
from shared.errors import AppError

FAILED = 1
WRONG = 2

DAILY = (
    ("what needs a person now", "truestock exceptions list"),
    ("why a SKU has its number", "truestock stock explain SKU"),
    ("where an order is", "truestock orders find TEXT"),
    ("how a cart would ship now", "truestock route --cart FILE"),
    ("whether the suppliers' files come in", "truestock feeds status"),
    ("what is kept of a customer", "truestock people find"),
    ("stop selling, or go on", "truestock pause SCOPE, truestock resume SCOPE"),
    ("make changed rules and facts current", "truestock config push"),
)


class Answering(TyperGroup):
    """Turns expected failures into one line on stderr and an exit status."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer keeps its context's type to itself
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (WrongFile, NoTarget) as failure:
            print(failure, file=sys.stderr)
            raise typer.Exit(WRONG) from failure
        except AppError as failure:
            print(f"not done: {failure}", file=sys.stderr)
            raise typer.Exit(FAILED) from failure
        except (ClientError, BotoCoreError) as failure:
            print(f"not done: AWS did not do it: {failure}", file=sys.stderr)
            raise typer.Exit(FAILED) from failure


app = typer.Typer(cls=Answering, help="One honest number per SKU, and every order to the right supplier.")
app.add_typer(channels.app, name="channels")
app.add_typer(config.app, name="config")
app.add_typer(listings.app, name="listings")
app.add_typer(orders.app, name="orders")
app.add_typer(stock.app, name="stock")
app.add_typer(exceptions.app, name="exceptions")
app.add_typer(documents.app, name="documents")
app.add_typer(feeds.app, name="feeds")
app.add_typer(suppliers.app, name="suppliers")
app.add_typer(queue.app, name="queue")
app.add_typer(policy.app, name="policy")
app.add_typer(people.app, name="people")
app.add_typer(pauses.app)
app.add_typer(route.app)
channels.app.add_typer(channel_checks.app)
channels.app.add_typer(channel_hooks.app)
channels.app.add_typer(channel_status.app)
stock.app.add_typer(stock_changes.app)
stock.app.add_typer(compensate.app)


@app.callback(invoke_without_command=True)
def daily(ctx: typer.Context) -> None:
    """Show what an operator does daily."""
    if ctx.invoked_subcommand is None:
        Screen().table("every day", ["to know or to do", "type"], DAILY)
        Screen().tell("\ntruestock --help lists every command; each one tells its options with --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 is done, 1 failed, 2 is a mistake of the caller or in a file."""
    try:
        typer.main.get_command(app).main(args=arguments, prog_name="truestock")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
