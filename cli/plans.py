"""A routing decision in a shopkeeper's words: what ships from where, what that costs, and why not otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.session import Session
from shared.domain.money import decimal
from shared.domain.names import SourceId
from shared.domain.routing.candidates import NOT_LISTED
from shared.domain.routing.plain import to_plain
from shared.domain.routing.problem import Alternative, Decision, Plan
from shared.storage.plans import LastPlan

TERMS = (
    ("goods", "goods_minor"),
    ("bought beyond", "surplus_minor"),
    ("order fee", "order_fee_minor"),
    ("small basket", "surcharge_minor"),
    ("freight", "freight_minor"),
    ("parcel fee", "parcel_fee_minor"),
    ("late", "late_minor"),
    ("risk of a reject", "reject_minor"),
)
"""What a part of a plan costs, by its field; a term that nobody asks for is not shown."""


def explain(session: Session, decision: Decision) -> None:
    """Tell a plan: what ships from where, its cost term by term, why not the others, and the next best one."""
    plan, currency = decision.plan, decision.demands.currency
    sku_of = {line.line: line.sku for line in decision.demands.lines}
    price_of = {(each.line, each.source): each.unit_minor for each in plan.weighed}
    arrives = {each.source: each.arrives for each in plan.sources}
    ships = [
        (source, line, sku_of[line], units, _amount(price_of[line, source], currency), arrives[source])
        for (line, source), units in sorted(plan.taken.items(), key=lambda each: (each[0][1], each[0][0]))
    ]
    session.table("what ships from where", ["from", "line", "SKU", "units", "a piece", "arrives"], ships)
    for line, why in plan.why_short.items():
        session.tell(f"nobody ships {plan.short[line]} of {sku_of[line]}: {'; '.join(why) or 'nobody offers it'}")
    if plan.sources:
        session.tell("")
        _costs(session, plan, currency)
    others = [
        (each.line, sku_of[each.line], each.source, each.available, _amount(each.unit_minor, currency), each.verdict)
        for each in plan.weighed
        if not each.taken and each.verdict != NOT_LISTED
    ]
    if others:
        session.tell("")
        session.table("why not from the others", ["line", "SKU", "source", "has", "a piece", "why"], others)
    session.tell("")
    session.tell(_next_best(plan.next_best, currency))
    if not plan.exact:
        session.tell(f"the search was cut short: {_bound(plan, currency)}")


def weighed(each: Mapping[str, Any]) -> tuple[object, ...]:
    """Say of a candidate of a stored plan what it had and why it was taken or not: a row of `orders show`."""
    price = _amount(each["cost_minor"], each["currency"])
    return each["line"], each["source"], each["available"], price, each["taken"], each["verdict"]


def document(decision: Decision) -> dict[str, Any]:
    """Say a decision to a program."""
    return {
        "currency": decision.demands.currency,
        "to": to_plain(decision.demands.to),
        "lines": [to_plain(line) for line in decision.demands.lines],
        "plan": to_plain(decision.plan),
    }


def document_of(last: LastPlan) -> dict[str, Any]:
    """Say a stored plan to a program."""
    told = {"attempt": last.attempt, "made_at": last.made_at, "rules_version": last.rules_version}
    return told | {"short": dict(last.short), "weighed": [dict(each) for each in last.weighed]}


def summary(plan: Plan, currency: str) -> str:
    """Say in a line what a plan comes to."""
    whence = listed({source for _, source in plan.taken})
    short = sum(plan.short.values())
    left = f"; nobody ships {short} of the units" if short else ""
    return f"{_parcels(plan.parcels)} from {whence}, {money(plan.landed_minor, currency)} in all{left}"


def difference(cost_minor: int, parcels: int, short: int, currency: str) -> str:
    """Say how much worse something is; what is the same is not said."""
    told = []
    if short:
        told.append(f"{abs(short)} units {'more' if short > 0 else 'fewer'} left unshipped")
    if cost_minor:
        told.append(f"{money(abs(cost_minor), currency)} {'dearer' if cost_minor > 0 else 'cheaper'}")
    if parcels:
        told.append(f"{_parcels(abs(parcels))} {'more' if parcels > 0 else 'fewer'}")
    return ", ".join(told) or "no worse in cost and parcels"


def money(amount_minor: int, currency: str) -> str:
    """Write an amount with its currency."""
    return f"{_amount(amount_minor, currency)} {currency}"


def listed(sources: set[SourceId]) -> str:
    """Name sources as people do: a, b and c."""
    if not sources:
        return "nobody"
    *most, last = sorted(sources)
    return f"{', '.join(most)} and {last}" if most else last


def _costs(session: Session, plan: Plan, currency: str) -> None:
    terms = [(told, field) for told, field in TERMS if any(getattr(each, field) for each in plan.sources)]
    rows: list[tuple[object, ...]] = [
        (
            each.source,
            each.parcels,
            *(_amount(getattr(each, field), currency) for _, field in terms),
            _amount(each.total_minor, currency),
            each.arrives,
        )
        for each in plan.sources
    ]
    if len(rows) > 1:
        sums = (_amount(sum(getattr(each, field) for each in plan.sources), currency) for _, field in terms)
        latest = max(each.arrives for each in plan.sources)
        rows.append(("together", plan.parcels, *sums, _amount(plan.landed_minor, currency), latest))
    columns = ["from", "parcels", *(told for told, _ in terms), "total", "arrives"]
    session.table(f"what it costs, in {currency}", columns, rows)


def _next_best(other: Alternative | None, currency: str) -> str:
    if other is None:
        return "there is no other way to ship any of it"
    whence = listed({source for _, source in other.taken})
    worse = difference(other.landed_more_minor, other.parcels_more, other.short_more, currency)
    return f"next best: from {whence}: {worse}"


def _bound(plan: Plan, currency: str) -> str:
    if plan.short_gap:
        return f"another plan may ship up to {plan.short_gap} units more"
    return f"no other plan is better by more than {money(plan.bound_gap, currency)}"


def _parcels(count: int) -> str:
    return f"{count} parcel" if count == 1 else f"{count} parcels"


def _amount(amount_minor: int | None, currency: str) -> str:
    if amount_minor is None:
        return ""
    return f"-{decimal(-amount_minor, currency)}" if amount_minor < 0 else decimal(amount_minor, currency)
