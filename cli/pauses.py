"""`truestock pause`, `truestock resume`: stop what goes to a supplier, what a shop is told, or both; and go on.

Who resumes a supplier has its purchase orders that wait sent at once. One that a sender sets aside at that very moment
may be missed: it goes by itself, within `PAUSED_FOR`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

import typer

from cli.exceptions import age
from cli.session import Session, writes
from cli.words import moment
from shared.domain import times
from shared.domain.messages import Publish
from shared.domain.names import ChannelId, SourceId
from shared.domain.people import By
from shared.domain.purchase_orders import ASKED_AGAIN, PoState, PurchaseOrder
from shared.domain.rules import Rules
from shared.errors import Conflict, InvalidInput
from shared.flows.send_purchase_orders import PAUSED_FOR
from shared.runtime import clock
from shared.storage import due_work, pauses
from shared.storage.due_work import Due
from shared.storage.outbox import Outbox
from shared.storage.pauses import ALL, Pause, Pauses

app = typer.Typer(help="Stop what goes to suppliers and shops, and go on.")

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far this machine's clock may lag behind the sender's."""
MOST_DUE = 20_000
"""Entries of due work that are looked through; what is behind them goes by itself."""

AllArgument = Annotated[str, typer.Argument(metavar="all", help="Everything: all suppliers and all shops.")]
SupplierOption = Annotated[str, typer.Option("--supplier", metavar="S", help="What goes to this supplier.")]
ChannelOption = Annotated[str, typer.Option("--channel", metavar="C", help="What this shop is told.")]


@dataclass(frozen=True, slots=True)
class Stop:
    """What is paused or resumed: the pause's scope, and the suppliers and channels in it."""

    scope: str
    suppliers: tuple[SourceId, ...]
    channels: tuple[ChannelId, ...]

    @property
    def stopped(self) -> str:
        """Say what a pause of it means."""
        if self.scope == ALL:
            return (
                "no purchase order goes to any supplier and no shop is told anything until you resume; "
                "orders are still taken"
            )
        if self.suppliers:
            return f"no purchase order goes to {self.suppliers[0]} until you resume; orders are still taken"
        return (
            f"{self.channels[0]} is told no number and nothing of its orders until you resume: "
            "it goes on selling by the numbers it has; its orders are still taken"
        )

    @property
    def called(self) -> str:
        """Name it as a person would."""
        return "everything" if self.scope == ALL else (*self.suppliers, *self.channels)[0]


@app.command()
@writes
def pause(
    session: Session, what: AllArgument = "", *, supplier: SupplierOption = "", channel: ChannelOption = ""
) -> None:
    """Stop what goes to a supplier, what a shop is told, or all; needs --reason. Without a scope: list."""
    table, now = session.target.stock(), clock.now()
    rules = session.target.config().rules(now)
    if not (what or supplier or channel):
        scopes = [ALL, *map(pauses.supplier, rules.sources), *map(pauses.channel, rules.channels)]
        _list(session, Pauses(table).read(scopes), now)
        return
    stop = scope(rules, what, supplier, channel)
    if not session.reason.strip():
        raise typer.BadParameter("say why; whoever finds it paused reads that", param_hint="--reason")
    there = Pauses(table).read([stop.scope])
    is_written = not there and session.agree([stop.stopped])
    if is_written:
        mine = Pause(scope=stop.scope, actor=session.actor, reason=session.reason, since=times.text(now))
        is_written = Pauses(table).set(mine)
        there = [] if is_written else Pauses(table).read([stop.scope])
    if is_written:
        session.tell(f"paused; go on with `truestock resume {_typed(stop)}`")
    for each in there:
        session.tell(f"{stop.called} is paused already, {_told(each)}: nothing was written")
    session.answer({"scope": stop.scope, "is_written": is_written})


@app.command()
@writes
def resume(
    session: Session, what: AllArgument = "", *, supplier: SupplierOption = "", channel: ChannelOption = ""
) -> None:
    """Go on with a supplier, a shop, or all; what waited goes at once."""
    store, now = Pauses(session.target.stock()), clock.now()
    rules = session.target.config().rules(now)
    stop = scope(rules, what, supplier, channel)
    there, outbox = store.read([stop.scope]), Outbox(session.target.book())
    answered = {"scope": stop.scope, "is_written": False, "purchase_orders": 0, "channels": []}
    if not there:
        session.tell(f"{stop.called} is not paused: nothing was written")
        _tell_all_paused(session, store, stop)
        session.answer(answered)
        return
    waits = sum(1 for _ in waiting(outbox, stop.suppliers, now)) if stop.suppliers else 0
    told = [f"{stop.called} goes on; it was paused {_told(there[0])}"]
    told += [f"{waits} purchase orders wait for that"] if stop.suppliers else []
    is_written = session.agree(told)
    if is_written:
        store.lift(stop.scope, By(session.actor, session.reason), times.text(now))
        _tell_all_paused(session, store, stop)
        free = [each for each in stop.suppliers if not store.stops(pauses.supplier(each))]
        brought = bring_forward(outbox, free, now) if free else 0
        shops = [each for each in stop.channels if rules.channels[each].active]
        shops = [each for each in shops if not store.stops(pauses.channel(each))]
        session.target.send("ChannelQueueUrl", [Publish(channel=each) for each in shops])
        session.tell(f"resumed; {_done(brought, shops, stop)}")
        answered |= {"is_written": True, "purchase_orders": brought, "channels": shops}
    session.answer(answered)


def scope(rules: Rules, what: str, supplier: str, channel: str) -> Stop:
    """Read what is asked about. Raises typer.BadParameter unless it is one thing that the rules know."""
    if sum(map(bool, (what, supplier, channel))) != 1:
        raise typer.BadParameter("name one scope: all, --supplier S or --channel C")
    if what and what != ALL:
        raise typer.BadParameter(f"{what!r} is no scope: it is all, --supplier S or --channel C", param_hint="all")
    if what:
        return Stop(ALL, tuple(sorted(rules.sources)), tuple(sorted(rules.channels)))
    kind, name = ("supplier", supplier) if supplier else ("channel", channel)
    known = sorted(rules.sources if supplier else rules.channels)
    if name not in known:
        told = f"{name!r} is no {kind} of the current rules; known: {', '.join(known) or 'none'}"
        raise typer.BadParameter(told, param_hint=f"--{kind}")
    if supplier:
        return Stop(pauses.supplier(SourceId(supplier)), (SourceId(supplier),), ())
    return Stop(pauses.channel(ChannelId(channel)), (), (ChannelId(channel),))


def waiting(outbox: Outbox, suppliers: Collection[SourceId], now: datetime) -> Iterator[PurchaseOrder]:
    """Yield purchase orders to these suppliers that a pause has set aside; the sweep tells of those it cannot read."""
    until = times.text(now + PAUSED_FOR + CLOCKS_DIFFER)
    found = due_work.due(outbox.book.orders, until, MOST_DUE)
    for order in dict.fromkeys(each.order for each in found if isinstance(each, Due) and not each.is_order):
        try:
            there = outbox.purchase_orders(order)
        except InvalidInput:
            continue
        yield from (po for po in there if po.source in suppliers and is_set_aside(po, times.text(now), until))


def is_set_aside(po: PurchaseOrder, now: str, until: str) -> bool:
    """Whether a purchase order waits to be sent or looked up, as a pause leaves it, and for nothing else.

    One that a supplier should answer waits for the supplier; one with a claim that stands is being sent.
    """
    is_to_go = (
        po.state in {PoState.READY, PoState.FAILED}
        or (po.state in ASKED_AGAIN and po.claimed_until < now)
        or (po.state is PoState.CANCELLING and not po.cancel_told)
    )
    return is_to_go and now < po.due_at <= until


def bring_forward(outbox: Outbox, suppliers: Collection[SourceId], now: datetime) -> int:
    """Make what waits due now, which the table's stream tells the sender; count it. Whoever moves one does no less."""
    brought = 0
    for po in waiting(outbox, suppliers, now):
        try:
            outbox.change(po, replace(po, due_at=times.text(now), revision=po.revision + 1))
        except Conflict:
            continue
        brought += 1
    return brought


def _list(session: Session, paused: list[Pause], now: datetime) -> None:
    rows = [(each.scope.replace("#", " "), age(each.since, now), each.actor, each.reason) for each in paused]
    if rows:
        session.table("paused", ["what", "for", "who", "why"], rows)
    else:
        session.tell("nothing is paused")
    session.answer([asdict(each) for each in paused])


def _tell_all_paused(session: Session, store: Pauses, stop: Stop) -> None:
    """Say what stays stopped although it is resumed."""
    for each in store.read([ALL]) if stop.scope != ALL else ():
        session.tell(f"everything is paused, {_told(each)}: nothing goes out before `truestock resume all`")
    for scopes in [pauses.supplier(each) for each in stop.suppliers], [pauses.channel(each) for each in stop.channels]:
        for each in store.read(scopes) if stop.scope == ALL else ():
            session.tell(f"{each.scope.replace('#', ' ')} stays paused by itself, {_told(each)}")


def _told(found: Pause) -> str:
    return f"since {moment(found.since)} by {found.actor}: {found.reason}"


def _typed(stop: Stop) -> str:
    kind, _, name = stop.scope.partition("#")
    return f"--{kind} {name}" if name else kind


def _done(brought: int, shops: list[ChannelId], stop: Stop) -> str:
    told = [f"{brought} purchase orders are sent at once"] if stop.suppliers else []
    if stop.channels:
        told.append(f"what waits is told to {', '.join(shops) or 'no shop'}")
    return "; ".join(told)
