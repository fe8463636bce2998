"""`truestock`: the operator's command.

It acts on the local cloud that `make run` started, or on `--stack NAME`, and says which; outside the local cloud
every write asks.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cli import files, target
from cli.files import Configuration, WrongFile
from cli.target import NoTarget, Target
from shared.errors import AppError
from shared.storage.config import Config
from shared.storage.dynamo import Table
from shared.storage.products import Products

WRONG = 2
FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 is done, 1 failed, 2 is a mistake of the caller or in a file."""
    asked = _parser().parse_args(arguments)
    try:
        read = files.read(asked.folder)
        if asked.action == "check":
            print(_described(asked.folder, read))
            return 0
        found = target.stack(asked.stack) if asked.stack else target.local(asked.cloud)
        return _push(read, found, is_dry=asked.dry_run, is_agreed=asked.yes)
    except (WrongFile, NoTarget) as failure:
        print(failure, file=sys.stderr)
        return WRONG
    except AppError as failure:
        print(f"not done: {failure}", file=sys.stderr)
        return FAILED


def _push(read: Configuration, on: Target, *, is_dry: bool, is_agreed: bool) -> int:
    """Make a configuration current: rules as a new version, products as a difference."""
    products = Products(Table(on.dynamodb(), on.outputs["StockTable"]))
    difference = products.difference(read.products)
    print(f"on {on.called}: rules version {read.rules.version}; products: {len(difference.new)} new,", end=" ")
    print(f"{len(difference.changed)} changed, {difference.unchanged} unchanged")
    if is_dry:
        print("a dry run: nothing was written")
        return 0
    if not on.is_local and not is_agreed and input("push this? [y/N] ").strip().lower() != "y":
        print("nothing was written")
        return FAILED
    Config(on.s3(), on.outputs["ConfigBucket"]).push(read.document)
    products.push(difference)
    print("pushed; functions see it within half a minute")
    return 0


def _described(folder: Path, read: Configuration) -> str:
    return (
        f"{folder} is right: rules version {read.rules.version}, {len(read.rules.channels)} channels, "
        f"{len(read.rules.sources)} sources, {len(read.products)} products"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="truestock", description=(__doc__ or "").partition("\n")[0])
    rooms = parser.add_subparsers(dest="room", required=True, metavar="room")
    config = rooms.add_parser("config", help="rules and products")
    actions = config.add_subparsers(dest="action", required=True, metavar="action")
    for action, told in (("check", "find mistakes in a folder"), ("push", "check a folder and make it current")):
        one = actions.add_parser(action, help=told)
        one.add_argument("folder", type=Path, nargs="?", default=Path("config"), help="default: config")
        if action == "push":
            one.add_argument("--dry-run", action="store_true", help="say what would change, write nothing")
            one.add_argument("--yes", action="store_true", help="do not ask")
            one.add_argument("--stack", default="", help="a stack in AWS; default: the local cloud")
            default = os.environ.get("TRUESTOCK_CLOUD", "default")  # noqa: TID251 - a terminal's own choice
            one.add_argument("--cloud", default=default, help="name of a local cloud")
    return parser


if __name__ == "__main__":
    sys.exit(main())
