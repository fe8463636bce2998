"""`truestock stock`: what people change by hand, each change once, with who and why."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Annotated

import typer

from cli import orders
from cli.session import Session, writes
from shared.domain import orders as order_moves
from shared.domain import physical, times
from shared.domain.names import LevelKey, Sku, SourceId, name
from shared.domain.orders import LineState
from shared.domain.people import By, Wish
from shared.domain.physical import Adjustment
from shared.domain.rules import Source
from shared.domain.stock import UNTIL_COUNTED, Count, First, Level
from shared.runtime import clock
from shared.storage import keys
from shared.storage.keys import Key
from shared.storage.operations import Operations, return_id

app = typer.Typer()

Units = Annotated[int, typer.Option("--units", metavar="N", help="So many pieces.")]
MoreOrFewer = Annotated[int, typer.Option("--units", metavar="N", help="So many pieces more, or fewer: --units -2")]
Where = Annotated[str, typer.Option("--source", metavar="S", help="Where the pieces are.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Until then; else until the next count of it.")]
AsOf = Annotated[str, typer.Option("--as-of", metavar="TIME", help="When it was counted; else now.")]
Kind = Annotated[Adjustment, typer.Option("--kind", help="What happened to them.")]
OpId = Annotated[str, typer.Option("--id", help="Names this change: the same one twice is made once.")]

TOLD = ("counted", "available", "incoming")


@app.command()
@writes
def adjust(session: Session, sku: str, *, units: MoreOrFewer, source: Where, kind: Kind, op_id: OpId = "") -> None:
    """Correct what a source has, until its next file says what is true. Needs --reason."""
    key = _key(sku, source)
    physical.check_change(units, kind)

    _change(
        session,
        keys.operation,
        op_id,
        lambda operations: _told(operations, key, lambda level: physical.adjust(level, units)),
        lambda operations, wish: operations.adjust(key, units, kind, wish),
    )


@app.command()
@writes
def expect(
    session: Session,
    sku: str,
    *,
    units: MoreOrFewer,
    source: Where,
    due: Annotated[str, typer.Option("--due", metavar="DATE", help="The day on which it should come.")] = "",
    op_id: OpId = "",
) -> None:
    """Expect pieces to come: shown, never sold. Fewer: what will not come after all. Needs --reason."""
    key, day = _key(sku, source), physical.day(due) if due else ""
    physical.check_change(units)

    _change(
        session,
        keys.operation,
        op_id,
        lambda operations: _told(operations, key, lambda level: physical.expect(level, units)),
        lambda operations, wish: operations.expect(key, units, day, wish),
    )


@app.command()
@writes
def receive(session: Session, sku: str, *, units: Units, source: Where, op_id: OpId = "") -> None:
    """Receive pieces: what is expected becomes what is there. Needs --reason."""
    key = _key(sku, source)
    physical.check_units(units)

    def told(operations: Operations) -> list[str]:
        over = units - operations.level(key).incoming
        more = [f"{over} more than was expected"] if over > 0 else []
        return _told(operations, key, lambda level: physical.receive(level, units)) + more

    _change(session, keys.operation, op_id, told, lambda operations, wish: operations.receive(key, units, wish))


@app.command()
@writes
def transfer(
    session: Session,
    sku: str,
    *,
    units: Units,
    leaves: Annotated[str, typer.Option("--from", metavar="A", help="The source of our own that they leave.")],
    awaits: Annotated[str, typer.Option("--to", metavar="B", help="The one that will receive them.")],
    op_id: OpId = "",
) -> None:
    """Send pieces from one source of our own to another; `receive` there ends it. Needs --reason."""
    here, there = _key(sku, leaves), _key(sku, awaits)
    physical.check_units(units)
    sources = [_own(session, each.source) for each in (here, there)]

    def told(operations: Operations) -> list[str]:
        return [
            *_told(operations, here, lambda level: physical.send_off(level, units)),
            *_told(operations, there, lambda level: physical.expect(level, units)),
        ]

    _change(
        session,
        keys.operation,
        op_id,
        told,
        lambda operations, wish: operations.transfer(here.sku, units, sources[0], sources[1], wish),
    )


@app.command()
@writes
def count(session: Session, sku: str, *, units: Units, source: Where, as_of: AsOf = "", op_id: OpId = "") -> None:
    """Count a shelf, while orders go on: like a file of one row. A first count makes the level. Needs --reason."""
    key, at = _key(sku, source), _time(as_of)
    physical.check_units(units, least=0)
    of = _source(session, key.source)

    def told(operations: Operations) -> list[str]:
        counted = Count(key=key, units=units, as_of=at or times.text(clock.now()), count_id="")
        write = physical.photograph(counted, operations.levels([key]).get(key), of.feed.slack)
        if isinstance(write, First):
            return [f"{physical.named(key)}: counted for the first time, {units}"]
        was = write.seen
        changed = f"counted {was.counted} -> {units}, available {was.available} -> {was.available + write.rise}"
        return [f"{physical.named(key)}: {changed}"]

    _change(
        session, keys.operation, op_id, told, lambda operations, wish: operations.count(key.sku, units, of, at, wish)
    )


@app.command("return")
@writes
def put_back(
    session: Session,
    which: orders.Which,
    *,
    line: Annotated[str, typer.Option("--line", metavar="L", help="The line of the order.")],
    units: Units,
    source: Annotated[str, typer.Option("--source", metavar="S", help="The source of our own that puts them back.")],
    op_id: OpId = "",
) -> None:
    """Put pieces back on the shelf that a customer sent back. Needs --reason."""
    physical.check_units(units)
    of, order = _own(session, SourceId(name(source, "source"))), orders.named(session, which)

    def told(operations: Operations) -> list[str]:
        before = operations.order(order)
        order_moves.put_back(before, line, units)
        shipped = before.counts(before.line(line))[LineState.SHIPPED]
        key = LevelKey(before.line(line).sku, of.source)
        return [
            f"order {order}, line {line}: {units} of {shipped} shipped come back",
            *_told(operations, key, lambda level: physical.put_back(level, units)),
        ]

    _change(
        session,
        lambda op_id: keys.event(order, return_id(op_id)),
        op_id,
        told,
        lambda operations, wish: operations.put_back(order, line, units, of, wish),
    )


@app.command()
@writes
def hold(session: Session, sku: str, *, source: Where, until: Until = "", op_id: OpId = "") -> None:
    """Sell none of it until a time, or until its next count. Needs --reason."""
    key, end = _key(sku, source), _time(until)

    def told(operations: Operations) -> list[str]:
        level = operations.level(key)
        physical.hold(level, times.text(clock.now()), end or UNTIL_COUNTED)
        return [f"{physical.named(key)}: none of {level.available} is sold until {end or 'it is counted again'}"]

    _change(session, keys.operation, op_id, told, lambda operations, wish: operations.hold(key, end, wish))


@app.command()
@writes
def unhold(session: Session, sku: str, *, source: Where, op_id: OpId = "") -> None:
    """Sell it again. Needs --reason."""
    key = _key(sku, source)

    def told(operations: Operations) -> list[str]:
        level = physical.unhold(operations.level(key))
        return [f"{physical.named(key)}: {level.available} are sold again"]

    _change(session, keys.operation, op_id, told, lambda operations, wish: operations.unhold(key, wish))


def _change(
    session: Session,
    marker: Callable[[str], Key],
    op_id: str,
    told: Callable[[Operations], list[str]],
    make: Callable[[Operations, Wish], bool],
) -> None:
    """Say what a change would do, ask, make it. One that was made already has nothing to say: it may be impossible."""
    if not session.reason:
        raise typer.BadParameter("say why; it is kept with the change", param_hint="--reason")
    op_id = name(op_id, "id") if op_id else uuid.uuid4().hex[:16]
    operations = Operations(session.target.stock(), session.target.orders())
    is_made = operations.is_made(marker(op_id))
    what = ["a change of this id was made already"] if is_made else told(operations)
    is_written = session.agree(what)
    is_new = False
    if is_written:
        session.tell(f"its id: {op_id}; should no answer come, repeat it with --id {op_id}")
        is_new = make(operations, Wish(op_id, By(session.actor, session.reason), clock.now()))
        session.tell("done; the shops are told" if is_new else f"this change was made already: {op_id}")
    session.answer({"id": op_id, "told": what, "is_written": is_written, "is_new": is_new})


def _told(operations: Operations, key: LevelKey, step: Callable[[Level], Level]) -> list[str]:
    """Say what a step makes of a level as it is now."""
    before = operations.level(key)
    after = step(before)
    changed = [
        f"{field} {was} -> {now}" for field in TOLD if (was := getattr(before, field)) != (now := getattr(after, field))
    ]
    told = [f"{physical.named(key)}: {', '.join(changed)}"]
    if after.available < min(before.available, 0):
        told.append(f"{-after.available} more are promised to orders than are there")
    return told


def _key(sku: str, source: str) -> LevelKey:
    return LevelKey(Sku(name(sku, "sku")), SourceId(name(source, "source")))


def _time(text: str) -> str:
    return times.text(times.read(text)) if text else ""


def _source(session: Session, source: SourceId) -> Source:
    return physical.source_of(session.target.config().rules(clock.now()), source)


def _own(session: Session, source: SourceId) -> Source:
    found = _source(session, source)
    physical.check_own(found)
    return found
