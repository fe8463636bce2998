"""`truestock policy`: what other rules would have done with the orders that are past. Nothing is written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from cli import rules_file
from cli.mistakes import WrongFile
from cli.plans import listed, money
from cli.session import Session, reads
from shared.domain import trying
from shared.domain.orders import Order
from shared.domain.routing.problem import Decision, Plan
from shared.domain.rules import Rules
from shared.errors import InvalidInput
from shared.runtime import clock
from shared.storage import order_lists, whole_orders
from shared.storage.plans import LastPlan

app = typer.Typer(help="Rules: what others would have done with past orders.")

LONGEST_DAYS = 366
MOST_SHOWN = 40
_DAYS = re.compile(r"([0-9]{1,3})d")

New = Annotated[Path, typer.Argument(metavar="FILE", help="The rules to try, such as a changed config/rules.yaml.")]
Since = Annotated[str, typer.Option("--since", metavar="30d", help="Orders placed in so many days, or since a day.")]


@dataclass(frozen=True, slots=True)
class Tried:
    """One order as it was planned and by other rules; `now` is None where these cannot route it, and `because` why."""

    order: Order
    then: Decision
    now: Plan | None
    because: str = ""

    @property
    def is_other(self) -> bool:
        """Whether it would ship otherwise."""
        return self.now is None or self.now.taken != self.then.plan.taken


@app.command("try")
@reads
def try_(session: Session, file: New, *, since: Since = "30d") -> None:
    """Show what other rules would have done with past orders: cost, parcels, dates, and which orders change.

    Each order's last plan is made again from what it was made from: stock, prices and pauses of then. Writes nothing.
    """
    found = rules_file.read(file)
    if found.rules is None:
        raise WrongFile(found.mistakes)
    now = clock.now()
    first = _first(since, now)
    tried, left_out = _all(session, found.rules, first, now.date())
    session.tell(f"{len(tried)} orders since {first}, as they were planned and by {file} ({found.rules.version})")
    for why, count in sorted(left_out.items()):
        session.tell(f"{count} left out: {why}")
    changed = [each for each in tried if each.is_other]
    for currency in sorted({each.then.demands.currency for each in tried}):
        session.tell("")
        session.table(f"orders in {currency}", ["", "then", "by the new rules"], _sums(tried, currency))
    session.tell("")
    rows = [_row(each) for each in changed[:MOST_SHOWN]]
    columns = ["order", "from", "cost", "parcels", "arrives", "now from", "now cost", "now parcels", "now arrives"]
    session.table(f"orders that change: {len(changed)}", columns, rows)
    if len(changed) > MOST_SHOWN:
        session.tell(f"and {len(changed) - MOST_SHOWN} more: --json lists them all")
    session.answer(
        {
            "since": first.isoformat(),
            "orders": len(tried),
            "left_out": dict(left_out),
            "changed": [_document(each) for each in changed],
        }
    )


def _all(session: Session, rules: Rules, first: date, last: date) -> tuple[list[Tried], Counter[str]]:
    tried: list[Tried] = []
    left_out: Counter[str] = Counter()
    for order, plan in _orders(session, first, last):
        if plan is None or plan.decision is None:
            left_out["nothing is kept of what their plan was made from"] += 1
        elif order.key.channel not in rules.channels:
            left_out["the new rules do not have their channel"] += 1
        else:
            tried.append(_tried(rules, order, plan.decision))
    return sorted(tried, key=lambda each: (each.order.placed_at, each.order.key)), left_out


def _orders(session: Session, first: date, last: date) -> Iterator[tuple[Order, LastPlan | None]]:
    table = session.target.orders()
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    for day in track(days, "reading orders, day by day", console=Console(stderr=True), transient=True):
        yield from whole_orders.with_plans(table, order_lists.placed_on(table, day.isoformat()))


def _tried(rules: Rules, order: Order, then: Decision) -> Tried:
    try:
        return Tried(order, then, trying.under(rules, order, then).plan)
    except InvalidInput as failure:
        return Tried(order, then, None, str(failure))


def _sums(tried: Sequence[Tried], currency: str) -> list[tuple[object, ...]]:
    """Add up what both rules can route, then and now."""
    pairs = [(each.then.plan, each.now) for each in tried if each.now and each.then.demands.currency == currency]
    then, now = [was for was, _ in pairs], [is_now for _, is_now in pairs]
    days = [(trying.arrives(was), trying.arrives(is_now)) for was, is_now in pairs]
    moved = [(after - before).days for before, after in days if before and after]
    rows: list[tuple[object, ...]] = [
        ("landed cost", *(money(sum(plan.landed_minor for plan in plans), currency) for plans in (then, now))),
        ("parcels", *(sum(plan.parcels for plan in plans) for plans in (then, now))),
        ("units nobody ships", *(sum(sum(plan.short.values()) for plan in plans) for plans in (then, now))),
        ("orders that arrive earlier", "", sum(by < 0 for by in moved)),
        ("orders that arrive later", "", sum(by > 0 for by in moved)),
    ]
    refused = sum(each.now is None and each.then.demands.currency == currency for each in tried)
    return [*rows, ("orders that cannot be routed (left out above)", "", refused)] if refused else rows


def _row(each: Tried) -> tuple[object, ...]:
    currency = each.then.demands.currency
    if each.now is None:
        return (str(each.order.key), *_told(each.then.plan, currency), each.because, "", "", "")
    return (str(each.order.key), *_told(each.then.plan, currency), *_told(each.now, currency))


def _told(plan: Plan, currency: str) -> tuple[object, ...]:
    whence = listed({source for _, source in plan.taken})
    return whence, money(plan.landed_minor, currency), str(plan.parcels), trying.arrives(plan) or ""


def _document(each: Tried) -> dict[str, Any]:
    told = {"order": str(each.order.key), "currency": each.then.demands.currency, "because": each.because}
    return told | {"then": _plan(each.then.plan), "now": _plan(each.now) if each.now else None}


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "taken": [{"line": line, "source": source, "units": units} for (line, source), units in plan.taken.items()],
        "short": dict(plan.short),
        "landed_minor": plan.landed_minor,
        "parcels": plan.parcels,
        "arrives": trying.arrives(plan),
    }


def _first(since: str, now: datetime) -> date:
    """Read `30d` or a day."""
    days = _DAYS.fullmatch(since)
    try:
        first = now.date() - timedelta(days=int(days[1])) if days else date.fromisoformat(since)
    except ValueError as error:
        raise typer.BadParameter("say 30d, or a day such as 2026-11-01", param_hint="--since") from error
    if not 0 <= (now.date() - first).days <= LONGEST_DAYS:
        raise typer.BadParameter(f"a day of the last {LONGEST_DAYS}", param_hint="--since")
    return first
