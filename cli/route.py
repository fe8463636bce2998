"""`truestock route`: how a cart would ship if it were ordered now, on live stock. Nothing is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from cli import plans
from cli.mistakes import Mistake, WrongFile, read_text
from cli.plans import difference, summary
from cli.session import Session, reads
from cli.words import moment
from shared.domain import taking, times
from shared.domain.countries import COUNTRIES
from shared.domain.facts import Product
from shared.domain.money import minor
from shared.domain.names import ChannelId, OrderKey, Sku, name
from shared.domain.orders import Destination, Line, Order
from shared.domain.routing.comparing import cheapest_per_line
from shared.domain.routing.plain import to_plain
from shared.domain.routing.problem import Plan
from shared.domain.rules import Channel, Rules
from shared.errors import InvalidInput
from shared.runtime import clock
from shared.storage.facts import Facts

app = typer.Typer()

MOST_LINES = 500
MOST_UNITS = 100_000

Cart = Annotated[Path, typer.Option("--cart", metavar="FILE", help="A csv file: sku, units, and perhaps price.")]
InChannel = Annotated[str, typer.Option("--channel", metavar="C", help="The shop that sells it; else the only one.")]
To = Annotated[str, typer.Option("--to", metavar="COUNTRY[-REGION]", help="Where it goes: DE, or ES-GC.")]


@app.command()
@reads
def route(session: Session, *, cart: Cart, channel: InChannel = "", to: To = "") -> None:
    """Show how a cart would ship now: what from where, what it costs, and why not otherwise. Writes nothing."""
    now = clock.now()
    rules = session.target.config().rules(now)
    shop = _channel(rules, channel)
    lines = _lines(cart, shop, Facts(session.target.stock()))
    order = Order(
        key=OrderKey(shop.channel, "cart"),
        name="cart",
        version=0,
        placed_at=times.text(now),
        currency=shop.currency,
        lines=lines,
        destination=_destination(to),
    )
    known = session.target.book().read((), taking.needs_of(order, rules), consistent=True)
    decision = taking.decide_alone(order, known, rules, now)
    units, where = sum(line.ordered for line in lines), f" to {to}" if to else ""
    session.tell(f"{units} units in {len(lines)} lines{where}, ordered at {shop.shop} {moment(times.text(now))}")
    session.tell(summary(decision.plan, shop.currency))
    session.tell("")
    plans.explain(session, decision)
    other = cheapest_per_line(decision)
    session.tell(f"cheapest per line: {_beside(decision.plan, other, shop.currency)}")
    session.answer(plans.document(decision) | {"cheapest_per_line": to_plain(other)})


def _beside(plan: Plan, other: Plan, currency: str) -> str:
    """Say what taking each line from whoever is cheapest would come to."""
    if other.taken == plan.taken:
        return "the same"
    missing = sum(other.short.values()) - sum(plan.short.values())
    worse = difference(other.landed_minor - plan.landed_minor, other.parcels - plan.parcels, missing, currency)
    return f"{summary(other, currency)}: {worse}"


def _channel(rules: Rules, wanted: str) -> Channel:
    if wanted:
        if wanted not in rules.channels:
            raise typer.BadParameter(f"{wanted!r} is no channel of the current rules", param_hint="--channel")
        return rules.channels[ChannelId(wanted)]
    if len(rules.channels) != 1:
        raise typer.BadParameter(f"say which of {', '.join(sorted(rules.channels))}", param_hint="--channel")
    return next(iter(rules.channels.values()))


def _destination(to: str) -> Destination:
    country, _, region = to.partition("-")
    if country and country not in COUNTRIES:
        raise typer.BadParameter(f"{country!r} is no code of ISO 3166, such as DE", param_hint="--to")
    return Destination(country=country, region=region)


def _lines(file: Path, shop: Channel, facts: Facts) -> tuple[Line, ...]:
    """Read a cart; what a line does not price costs what the product does. Raises WrongFile with every mistake."""
    reader = csv.DictReader(io.StringIO(read_text(file)), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise WrongFile([Mistake(file, reader.line_num, f"no line of csv: {error}")]) from error
    columns = set(reader.fieldnames or ())
    if not {"sku", "units"} <= columns <= {"sku", "units", "price"}:
        raise WrongFile([Mistake(file, 1, "the columns are sku, units, and perhaps price")])
    if not 0 < len(rows) <= MOST_LINES:
        raise WrongFile([Mistake(file, 0, f"a cart has 1 to {MOST_LINES} lines, this one {len(rows)}")])
    prices = _prices(facts, {row["sku"] or "" for _, row in rows}, shop.currency)
    lines: list[Line] = []
    mistakes: list[Mistake] = []
    for at, (number, row) in enumerate(rows, 1):
        try:
            lines.append(_line(f"{at:0{len(str(len(rows)))}}", row, shop.currency, prices))
        except InvalidInput as failure:
            mistakes.append(Mistake(file, number, str(failure)))
    if mistakes:
        raise WrongFile(mistakes)
    return tuple(lines)


def _line(line: str, row: Mapping[str, str | None], currency: str, prices: Mapping[Sku, int]) -> Line:
    sku = Sku(name(row["sku"], "sku"))
    told = (row["units"] or "").strip()
    units = int(told) if told.isascii() and told.isdigit() else 0
    if not 0 < units <= MOST_UNITS:
        raise InvalidInput("units are a whole number above zero", code="quantity", value=told[:40])
    price = (row.get("price") or "").strip()
    price_minor = minor(price, currency) if price else prices.get(sku, 0)
    return Line(line=line, sku=sku, ordered=units, open=units, price_minor=price_minor)


def _prices(facts: Facts, skus: set[str], currency: str) -> dict[Sku, int]:
    named = [Sku(sku.strip()) for sku in sorted(skus) if sku.strip() and "#" not in sku]
    products: dict[Sku, Product] = facts.products(named)
    return {
        sku: each.price_minor
        for sku, each in products.items()
        if each.price_minor is not None and each.currency == currency
    }
