"""`truestock orders`: find one, see why it is as it is, hold it, let it go, cancel it, send it again."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from cli import plans
from cli.session import Session, reads, writes
from cli.words import moment
from shared.domain import clocks, orders, places, taking, times
from shared.domain.answers import MOST_UNITS, Answer, LineAnswer, Says
from shared.domain.names import OrderKey, Sku, SourceId, name, order_key
from shared.domain.orders import LineState, Order
from shared.domain.packages import Package
from shared.domain.people import By
from shared.domain.purchase_orders import PoState, PurchaseOrder
from shared.domain.routing import decisions, plain
from shared.errors import InvalidInput
from shared.flows.answer_orders import AnswerOrders
from shared.flows.operate_orders import OperateOrders
from shared.runtime import clock
from shared.storage import keys, order_lists, whole_orders
from shared.storage.problems import Problems
from shared.storage.whole_orders import WholeOrder

app = typer.Typer(
    help="Orders: where they are and why; hold, release, cancel, reroute, send again, what suppliers answer."
)


class Agrees(StrEnum):
    """What a customer answers who was asked to wait."""

    YES = "yes"
    NO = "no"


REFERENCES = ("po", "token", "tracking")
OpId = Annotated[str, typer.Option("--id", help="Names this wish: the same one twice is done once.")]
Attempt = Annotated[
    str, typer.Option("--attempt", metavar="A", help="An earlier plan, kept for 7 days; else the last.")
]
ToSource = Annotated[str, typer.Option("--to", metavar="SOURCE", help="Who shall ship it.")]
FromSource = Annotated[str, typer.Option("--from", metavar="SOURCE", help="Whose units shall move; else all others'.")]
Which = Annotated[str, typer.Argument(metavar="ORDER", help="CHANNEL#ID, an order's name, or anything that finds it.")]


@app.command()
@reads
def find(session: Session, text: Annotated[str, typer.Argument(metavar="TEXT")]) -> None:
    """Find an order by its id, its name, a purchase order's number, a tracking number, or its token."""
    rows = []
    for key in _found(session, text):
        whole = whole_orders.read(session.target.orders(), key)
        if whole:
            order = whole.order
            rows.append((str(key), order.name, order.state, moment(order.placed_at), order.hold))
    session.table(f"{len(rows)} found", ["order", "name", "state", "placed", "held because"], rows)
    columns = ("order", "name", "state", "placed_at", "hold")
    session.answer([dict(zip(columns, row, strict=True)) for row in rows])
    if not rows:
        raise InvalidInput("no order is found by that", code="unknown_order", text=text)


@app.command()
@reads
def show(session: Session, which: Which) -> None:
    """Show an order: its lines, its suppliers with why each was chosen, its purchase orders, what happened."""
    whole = _whole(session, which)
    order = whole.order
    session.tell(f"{order.key} ({order.name}), placed {moment(order.placed_at)}: {order.state}")
    if order.hold:
        session.tell(f"held: {order.hold}")
    if order.agreed_until:
        session.tell(f"the customer agreed to wait until {order.agreed_until}")
    states = [state for state in LineState if order.total(state)]
    rows = [
        (
            line.line,
            line.sku,
            line.ordered,
            *(order.counts(line)[state] for state in states),
            line.promised,
            line.instead_of,
        )
        for line in order.lines
    ]
    session.table("lines", ["line", "SKU", "ordered", *states, "promised for", "instead of"], rows)
    chosen = [(each.line, each.source, each.units, _why(whole, each.line, each.source)) for each in order.allocations]
    session.table("from whom", ["line", "source", "units", "why"], chosen)
    if whole.plan:
        columns = ["line", "source", "had", "a piece", "taken", "why"]
        session.table(f"who was weighed, {moment(whole.plan.made_at)}", columns, map(plans.weighed, whole.plan.weighed))
    pos = [
        (
            po.number,
            po.source,
            po.state,
            moment(po.sent_at) if po.sent_at else "",
            moment(po.due_at) if po.state is PoState.READY and po.due_at else "",
            _cancel_of(po),
        )
        for po in whole.purchase_orders
    ]
    session.table("purchase orders", ["number", "source", "state", "sent", "waits until, at most", "cancel"], pos)
    parcels = [(each.number, each.source, each.carrier, each.validity, _packed(each)) for each in whole.parcels]
    session.table("parcels", ["number", "source", "carrier", "number is", "lines"], parcels)
    events = list(session.target.orders().query("PK = :pk AND begins_with(SK, :evt)", _events(order.key)))
    told = [(moment(each["at"]), each["kind"], each.get("actor", ""), each.get("reason", "")) for each in events]
    session.table("what happened", ["when", "what", "who", "why"], sorted(told))
    session.answer(
        {
            "order": asdict(order) | {"key": str(order.key), "state": order.state},
            "plan": plans.document_of(whole.plan) if whole.plan else None,
            "purchase_orders": [asdict(po) for po in whole.purchase_orders],
            "parcels": [asdict(each) for each in whole.parcels],
            "events": [{"at": at, "kind": kind, "actor": who, "reason": why} for at, kind, who, why in sorted(told)],
        }
    )


@app.command()
@reads
def replay(session: Session, which: Which, *, attempt: Attempt = "") -> None:
    """Make an order's plan again from what it was made from, and say whether it is the same. Exit status 1 if not."""
    key = named(session, which)
    table = session.target.orders()
    order = session.target.book().order(key)
    last = whole_orders.plan(table, key, attempt or (order.attempt if order else ""))
    if last is None or last.decision is None:
        raise InvalidInput("nothing is kept of what this plan was made from", code="plan_gone", attempt=attempt)
    again = last.decision.again()
    is_same = decisions.is_same(again, last.decision.plan)
    told = "the very same" if is_same else "ANOTHER one: the planner has changed since"
    session.tell(f"planned {moment(last.made_at)} by rules {last.rules_version}; made again now it is {told}")
    session.tell("")
    plans.explain(session, last.decision)
    if not is_same:
        session.tell(f"now it would be {plans.summary(again, last.decision.demands.currency)}")
    told_to_programs = {"order": str(key), "is_same": is_same, "again": plain.to_plain(again)}
    session.answer(plans.document_of(last) | told_to_programs | plans.document(last.decision))
    if not is_same:
        raise typer.Exit(1)


@app.command()
@writes
def reroute(session: Session, which: Which, *, to: ToSource, away_from: FromSource = "", op_id: OpId = "") -> None:
    """Have another source ship an order; what was sent and not accepted yet is asked to be cancelled. Needs --reason.

    Shows first what the other source would ship, and what that costs.
    """
    if not session.reason:
        raise typer.BadParameter("say why; it is kept with the order", param_hint="--reason")
    now = clock.now()
    rules, book = session.target.config().rules(now), session.target.book()
    before = _whole(session, which).order
    for source in filter(None, (to, away_from)):
        if source not in rules.sources:
            raise InvalidInput("no such source", code="unknown_source", source=source)
    leaves = {SourceId(away_from)} if away_from else {each.source for each in before.allocations} - {SourceId(to)}
    moved = orders.reroute_to(before, SourceId(to), orders.reroutable(before, leaves), orders.NO_LIMIT).order
    known = book.read((), taking.needs_of(moved, rules), consistent=True)
    decision = taking.decide_alone(moved, known, rules, now)
    plans.explain(session, decision)
    if not decision.plan.taken:
        raise InvalidInput("that source ships none of it", code="reroute_in_vain", source=to)
    gone: Counter[SourceId] = Counter()
    for was, now_is in zip(before.allocations, moved.allocations, strict=True):
        gone[was.source] += was.live - now_is.live
    told = [
        f"{units} units leave {source}; what it was sent it is asked to cancel" for source, units in (+gone).items()
    ]
    is_written = session.agree([*told, f"the next plan of order {before.key} may take from {to} only"])
    after = before
    if is_written:
        by = By(session.actor, session.reason)
        after = _flow(session).reroute(before.key, SourceId(to), leaves, by, op_id or uuid.uuid4().hex[:16], now)
        session.tell(f"order {after.key} is {after.state} now; it is planned again in a moment")
    session.answer({"order": str(before.key), "to": to, "is_written": is_written} | plans.document(decision))


@app.command()
@writes
def substitute(
    session: Session,
    which: Which,
    line: Annotated[str, typer.Argument(metavar="LINE", help="Which line of the order is short.")],
    sku: Annotated[str, typer.Argument(metavar="SKU", help="What goes out instead.")],
    *,
    units: Annotated[int, typer.Option("--units", min=0, max=MOST_UNITS, metavar="N", help="Else all that wait.")] = 0,
    op_id: OpId = "",
) -> None:
    """Have another SKU go out for units of a line that wait; the money stays the line's. Needs --reason.

    Shows first who would ship it, and what that costs. The customer's consent is yours to have, and to note.
    """
    if not session.reason:
        raise typer.BadParameter("say who agreed; it is kept with the order", param_hint="--reason")
    now = clock.now()
    rules, book = session.target.config().rules(now), session.target.book()
    before = _whole(session, which).order
    waits = before.line(line)
    given = units or waits.open + waits.backordered
    moved = orders.substitute(before, line, given, Sku(name(sku, "SKU")))
    alone = replace(moved, lines=moved.lines[-1:], allocations=())
    known = book.read((), taking.needs_of(alone, rules), consistent=True)
    decision = taking.decide_alone(alone, known, rules, now)
    plans.explain(session, decision)
    if decision.plan.short:
        raise InvalidInput("nobody ships so many of it", code="substitute_short", sku=sku, units=given)
    is_written = session.agree([f"{given} units of line {line} of order {before.key} go out as {sku}"])
    if is_written:
        by = By(session.actor, session.reason)
        _flow(session).substitute(before.key, (line, given, Sku(sku)), by, op_id or uuid.uuid4().hex[:16], now)
        session.tell(f"order {before.key} is planned again in a moment")
    session.answer({"order": str(before.key), "line": line, "sku": sku, "units": given, "is_written": is_written})


@app.command()
@writes
def hold(session: Session, which: Which, *, op_id: OpId = "") -> None:
    """Hold an order: nothing more of it goes to a supplier. Needs --reason."""
    _operate(session, which, op_id, "is held: nothing more of it goes to a supplier", lambda flow: flow.hold)


@app.command()
@writes
def release(session: Session, which: Which, *, op_id: OpId = "") -> None:
    """Release a held order: its units go to their suppliers, open ones are looked for. Needs --reason."""
    _operate(session, which, op_id, "is released", lambda flow: flow.release)


@app.command()
@writes
def cancel(session: Session, which: Which, *, op_id: OpId = "") -> None:
    """Cancel an order: at once what no supplier has, by asking the rest; then the shop is told. Needs --reason."""
    _operate(session, which, op_id, "is cancelled, as far as no supplier has it", lambda flow: flow.cancel)


@app.command()
@writes
def consent(
    session: Session,
    which: Which,
    says: Annotated[Agrees, typer.Argument(help="Whether the customer agrees to wait.")],
    *,
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="Until when; else as the notice asked.")] = "",
    op_id: OpId = "",
) -> None:
    """Record whether a customer agrees to wait for a late order: `no` cancels and refunds it. Needs --reason."""
    if says is Agrees.NO:
        _operate(session, which, op_id, "is cancelled: its customer does not wait", lambda flow: flow.cancel)
        return
    now, order = clock.now(), _whole(session, which).order
    channel = session.target.config().rules(now).channels.get(order.key.channel)
    asked = clocks.notice(order, channel, now) if channel else None
    if not until and asked is None:
        raise typer.BadParameter("the customer was not asked to wait, so say until when", param_hint="--until")
    day = asked.wait_until if asked and not until else places.day(until)
    if day is None or day < now.date():
        raise typer.BadParameter("a day to come, such as 2026-12-24", param_hint="--until")
    told = f"waits until {day}: its customer agrees"
    _operate(session, which, op_id, told, lambda flow: partial(_consent, flow, day.isoformat()))


def _consent(flow: OperateOrders, until: str, key: OrderKey, by: By, op_id: str, now: datetime) -> Order:
    return flow.consent(key, until, by, op_id, now)


@app.command()
@writes
def resend(session: Session, number: Annotated[str, typer.Argument(metavar="NUMBER")]) -> None:
    """Have a purchase order sent that failed or waits; of one that may have arrived the supplier is asked first."""
    key = order_lists.find(session.target.orders(), "po", number)
    if key is None:
        raise InvalidInput("no purchase order has this number", code="unknown_po", number=number)
    is_written = session.agree([f"purchase order {number} of order {key} is sent as soon as it may be"])
    if is_written:
        po = _flow(session).resend(key, number, clock.now())
        session.tell(f"{number} was {po.state}; it is due {moment(po.due_at)}")
    session.answer({"number": number, "order": str(key), "is_written": is_written})


@app.command()
@writes
def answer(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The purchase order's number.")],
    *,
    line: Annotated[str, typer.Option("--line", metavar="L", help="Which line of the order.")],
    says: Annotated[Says, typer.Option("--says", help="What becomes of the units.")],
    units: Annotated[int, typer.Option("--units", min=1, max=MOST_UNITS, metavar="N")],
    document: Annotated[
        str, typer.Option("--document", metavar="ID", help="The same one twice says nothing new.")
    ] = "",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When the supplier says it was; else now.")] = "",
) -> None:
    """Record what a supplier says of a line by phone or mail. Needs --reason.

    What it rejects is looked for elsewhere at once.
    """
    if not session.reason:
        raise typer.BadParameter("say who told you; it is kept with the order", param_hint="--reason")
    key = order_lists.find(session.target.orders(), "po", number)
    if key is None:
        raise InvalidInput("no purchase order has this number", code="unknown_po", number=number)
    now = clock.now()
    made = Answer(
        order=key,
        number=number,
        document=document or uuid.uuid4().hex[:16],
        received_at=now,
        lines=(LineAnswer(line=line, says=says, units=units),),
        at=times.read(at, "--at") if at else None,
    )
    is_written = session.agree([f"{number}, line {line} of order {key}: {units} {says}"])
    counted: dict[str, int] = {}
    if is_written:
        book = session.target.book()
        flow = AnswerOrders(book=book, problems=Problems(book.orders), pause=clock.pause)
        counted = dict(flow.run(made, session.target.config().rules(now), now, By(session.actor, session.reason)))
        is_new = set(counted) != {"AnswerRepeated"}
        session.tell("done" if is_new else f"this was recorded already: {made.document}")
    session.answer({"number": number, "order": str(key), "line": line, "moved": counted, "is_written": is_written})


def _operate(
    session: Session, which: str, op_id: str, told: str, move: Callable[[OperateOrders], Callable[..., Order]]
) -> None:
    if not session.reason:
        raise typer.BadParameter("say why; it is kept with the order", param_hint="--reason")
    before = _whole(session, which).order
    is_written = session.agree([f"order {before.key} ({before.name}, {before.state}) {told}"])
    after = before
    if is_written:
        by = By(session.actor, session.reason)
        after = move(_flow(session))(before.key, by, op_id or uuid.uuid4().hex[:16], clock.now())
        session.tell(f"order {after.key} is {after.state} now")
    session.answer({"order": str(before.key), "was": before.state, "state": after.state, "is_written": is_written})


def _flow(session: Session) -> OperateOrders:
    return OperateOrders(
        book=session.target.book(), to_orders=lambda messages: session.target.send("OrderQueueUrl", messages)
    )


def _whole(session: Session, which: str) -> WholeOrder:
    found = _found(session, which)
    whole = whole_orders.read(session.target.orders(), found[0]) if found else None
    if whole is None:
        raise InvalidInput("no such order; try truestock orders find", code="unknown_order", text=which)
    if len(found) > 1:
        raise InvalidInput("several orders are called so", code="ambiguous", orders=[str(each) for each in found])
    return whole


def named(session: Session, which: str) -> OrderKey:
    """Name an order by anything that finds exactly one."""
    return _whole(session, which).order.key


def _found(session: Session, text: str) -> list[OrderKey]:
    """Find orders by anything that names them, each once."""
    table = session.target.orders()
    rules = session.target.config().rules(clock.now())
    named = [order_key(text)] if "#" in text.strip("#") else []
    named += [OrderKey(channel, text.strip("#")) for channel in rules.channels]
    found = [key for key in named if table.get(keys.order(key))]
    values = [(kind, text) for kind in REFERENCES]
    values += [("name", f"{channel}#{name}") for channel in rules.channels for name in (text, f"#{text.strip('#')}")]
    found += [key for kind, value in values if (key := order_lists.find(table, kind, value))]
    return list(dict.fromkeys(found))


def _cancel_of(po: PurchaseOrder) -> str:
    """Say how far the cancel of a purchase order is; what the supplier answers is its state."""
    if not po.cancel_wanted:
        return ""
    return f"asked {moment(po.cancel_at)}" if po.cancel_told and po.cancel_at else "wanted"


def _why(whole: WholeOrder, line: str, source: str) -> str:
    weighed = whole.plan.weighed if whole.plan else ()
    return next((each["verdict"] for each in weighed if (each["line"], each["source"]) == (line, source)), "")


def _events(key: OrderKey) -> dict[str, object]:
    return {":pk": keys.order(key).pk, ":evt": "EVT#"}


def _packed(package: Package) -> str:
    return ", ".join(f"{line} x {units}" for line, units in package.lines.items())
