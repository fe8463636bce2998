"""`python -m local`: the local cloud from a terminal. `make run`, `order`, `feed` and `stop` call it.

It ends with 0 when all is done, 1 on a failure, 2 when a name or port is taken or nothing runs, 3 when the template
was not deployed, 4 when the emulator died, 5 when the day went otherwise than it should, 130 when it was
interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from local import lifecycle
from local.cloud import CLOUDS, Cloud, Failure, Say, current
from local.deploy import TEMPLATE

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Do what the arguments say; return the status."""
    options = _parser().parse_args(arguments)
    say = _speaker()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        status: int = options.do(options, say)
    except Failure as failure:
        say(f"error: {failure}")
        return failure.status
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    return status


def _up(options: argparse.Namespace, say: Say) -> int:
    return _session(options, say, nullcontext, lambda _: 0, lambda _: None)


def _run(options: argparse.Namespace, say: Say) -> int:
    from local import day  # noqa: PLC0415 - stopping and the lifecycle need nothing of the sample shop

    return _session(
        options,
        say,
        lambda cloud: day.standing(cloud, say),
        lambda cloud: day.play(cloud, options.seed, say, morning_only=options.morning),
        day.settle,
    )


def _session(
    options: argparse.Namespace,
    say: Say,
    standing: Callable[[Cloud], AbstractContextManager[object]],
    play: Callable[[Cloud], int],
    settle: Callable[[Cloud], None],
) -> int:
    """Bring a cloud up, play on it, stay up unless told otherwise; when interrupted let what is under way end.

    `standing` is what stands beside the cloud as long as it is up.
    """
    with _cloud(options, say) as cloud, standing(cloud):
        try:
            status = play(cloud)
        except KeyboardInterrupt:
            say("letting what is under way end (once more: at once)")
            settle(cloud)
            raise
        if options.once:
            _deafen()
            return status
        named = "" if cloud.name == "default" else f" NAME={cloud.name}"
        say(f"up at {cloud.url}; it stays up, and its state is saved when it stops, not when it is killed")
        say(f"an order: make order SKU=NL-1001 UNITS=2{named}")
        say(f"a file: make feed FILE=counts.csv SUPPLIER=alpina{named}")
        say("a number explained: .venv/bin/truestock stock explain NL-1001")
        say(f"to stop it: Ctrl-C here, or make stop{named}")
        try:
            lifecycle.wait(cloud)
        except KeyboardInterrupt:
            settle(cloud)
            return status
    return status


def _cloud(options: argparse.Namespace, say: Say) -> AbstractContextManager[Cloud]:
    return lifecycle.up(
        options.name,
        say=say,
        port=options.port,
        seed=options.seed,
        is_fresh=options.fresh,
        enforces_iam=not options.no_iam,
        template=options.template,
        clouds=options.clouds,
    )


def _order(options: argparse.Namespace, say: Say) -> int:
    from local import day  # noqa: PLC0415 - as above

    return day.order(current(options.name, options.clouds), options.sku, options.units, say)


def _feed(options: argparse.Namespace, say: Say) -> int:
    from local import day  # noqa: PLC0415 - as above

    return day.feed(current(options.name, options.clouds), options.file, options.supplier, say)


def _stop(options: argparse.Namespace, say: Say) -> int:
    lifecycle.stop(options.name, say, options.clouds)
    return 0


def _parser() -> argparse.ArgumentParser:
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--name", default="default", help="which local cloud; each has a state of its own")
    named.add_argument("--clouds", type=Path, default=CLOUDS, help="where the states are kept")

    started = argparse.ArgumentParser(add_help=False, parents=[named])
    started.add_argument("--port", type=int, help="a port of 127.0.0.1; without it, a free one")
    started.add_argument("--seed", type=int, default=1, help="what the day's chances are drawn from")
    started.add_argument("--once", action="store_true", help="stop when done instead of staying up")
    started.add_argument("--fresh", action="store_true", help="forget the saved state")
    started.add_argument("--no-iam", action="store_true", help="let every function do anything")
    started.add_argument("--template", type=Path, default=TEMPLATE, help="what to deploy")

    parser = argparse.ArgumentParser(
        prog="python -m local", description="Truestock on an AWS emulator on this machine."
    )
    commands = parser.add_subparsers(required=True)
    for name, do, parents, told in (
        ("run", _run, [started], "start, deploy and play a first day"),
        ("up", _up, [started], "start and deploy, nothing more"),
        ("stop", _stop, [named], "stop one that runs"),
        ("order", _order, [named], "send an order"),
        ("feed", _feed, [named], "drop a supplier's file"),
    ):
        command = commands.add_parser(name, parents=parents, help=told)
        command.set_defaults(do=do)
        if name == "run":
            command.add_argument("--morning", action="store_true", help="leave the afternoon out")
        if name == "order":
            command.add_argument("--sku", required=True)
            command.add_argument("--units", type=int, default=1)
        if name == "feed":
            command.add_argument("--file", type=Path, required=True)
            command.add_argument("--supplier", required=True)
    return parser


def _speaker() -> Say:
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    return say


def _interrupt(*_: object) -> None:
    _deafen()
    raise KeyboardInterrupt


def _deafen() -> None:
    """Ignore signals from now on: while it stops, one would only lose the state that is being saved."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
