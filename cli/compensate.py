"""`truestock stock compensate`: a level that drifted, made right."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from cli.session import Session, writes
from shared.domain.conservation import Mend
from shared.domain.names import LevelKey, Sku, SourceId, name
from shared.domain.people import By
from shared.errors import Conflict, InvalidInput, Rejected
from shared.flows.compensate import Compensate, proposed
from shared.runtime import clock
from shared.storage.ledger import Ledger
from shared.storage.problems import Problems

app = typer.Typer()


@app.command()
@writes
def compensate(
    session: Session,
    sku: str,
    *,
    source: Annotated[str, typer.Option("--source", metavar="S", help="Where the level is.")],
    op_id: Annotated[str, typer.Option("--id", help="Names this change: the same one twice is made once.")] = "",
) -> None:
    """Make a level right that differs from its orders or its movements. Needs --reason."""
    if not session.reason:
        raise typer.BadParameter("say why; it is kept with the change", param_hint="--reason")
    key = LevelKey(Sku(name(sku, "sku")), SourceId(name(source, "source")))
    stock, orders = session.target.stock(), session.target.orders()
    flow = Compensate(stock=stock, orders=orders, ledger=Ledger(stock), problems=Problems(orders))
    now = clock.now()
    looked = flow.look(key, now, flow.named(key))
    if looked is None:
        raise InvalidInput("no such level", code="unknown_level", sku=sku, source=source)
    document = {"sku": sku, "source": source, "was": looked.drift.reason if looked.drift else "", "is_written": False}
    if looked.is_sound:
        session.tell(f"{key.sku} at {key.source} is sound: there is nothing to compensate")
        session.answer(document)
        return
    if looked.drift is None:
        raise Conflict("it was written just now; try again in a quarter of an hour", code="not_settled")
    mend = looked.drift.mend
    if mend is None:
        raise Rejected("only a person can tell what is right", code="no_proposal", wrong=looked.drift.reason)
    op_id = op_id or uuid.uuid4().hex[:16]
    document |= {"id": op_id, "proposed": proposed(mend), "is_written": session.agree(_told(looked.drift.reason, mend))}
    if document["is_written"]:
        is_new = flow.apply(mend, By(session.actor, session.reason), op_id, now)
        session.tell("done; its exception closes itself" if is_new else f"this change was made already: {op_id}")
    session.answer(document)


def _told(reason: str, mend: Mend) -> list[str]:
    """Say what is wrong, and what was and will be."""
    level, told = mend.seen, proposed(mend)
    deducted = sum(level.deducted.values())
    numbers = (
        ("available", level.available, mend.available),
        ("committed", level.committed, mend.committed),
        ("deducted", deducted, mend.deducted),
    )
    return [
        f"{level.key.sku} at {level.key.source}: {reason}",
        "  " + ", ".join(f"{what} {before} -> {before + units}" for what, before, units in numbers),
        *(f"  {what}: {told[what]}" for what in ("orders", "ledger") if what in told),
    ]
