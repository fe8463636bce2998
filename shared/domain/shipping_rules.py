"""What rules say of shipping: a source's terms, a channel's way of choosing, and the rates between currencies.

Amounts are written as text or whole numbers, never as fractions that YAML would make binary ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum

from shared.domain.countries import COUNTRIES
from shared.domain.money import CURRENCIES, minor
from shared.domain.places import Place, ppm
from shared.domain.routing.pricing import EXACTLY
from shared.domain.routing.problem import (
    Bracket,
    Cutoff,
    Goal,
    Objective,
    Packs,
    Rates,
    ShipTo,
    Split,
    Tariff,
    UnknownCost,
)
from shared.errors import InvalidInput

MOST_DAYS = 365
MOST_UNITS = 1_000_000
MOST_GRAMS = 100_000_000
MOST_ORDERS_A_DAY = 1_000_000

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNKNOWN_COSTS = {"last": UnknownCost.PRICE, "refuse": UnknownCost.REFUSE}
"""What becomes of a source that did not say what a SKU costs: it comes last, or it ships none of it."""
CHEAPEST, FEWEST = Goal(objective=Objective.LANDED_COST), Goal(objective=Objective.PARCELS)

CODES = "ISO 3166 codes such as 'DE', in quotes where YAML makes something else of them: 'NO'"
_REGION = re.compile(r"([A-Z]{2})-[^\s-][^\s]{0,9}")
_GOAL = re.compile(r"([a-z_]+)(?: within ([0-9.]+) ?%)?")
_RATE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")

Holidays = Mapping[str, frozenset[date]]


class SingleSource(StrEnum):
    """Whether an order comes from one source: it must, fewest parcels go before all goals, or only the goals count."""

    REQUIRED = "required"
    PREFERRED = "preferred"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipping:
    """A source's terms, amounts in minor units of its currency. As it stands here: free, everywhere, at once.

    Regions of `ship_to` stand with their country, `ES-GC`. `reject_ppm`: how often it rejects what it was asked for,
    until that is measured. `pack` and `minimum` hold for all its SKUs. `hard_buffer`: what a level keeps back is kept
    from orders too, not only from shops.
    """

    order_fee_minor: int = 0
    parcel_fee_minor: int = 0
    order_minimum_minor: int = 0
    surcharges: tuple[Bracket, ...] = ()
    tariffs: tuple[Tariff, ...] = ()
    ship_to: ShipTo = field(default_factory=ShipTo)
    cutoff: Cutoff | None = None
    lead_days: int = 0
    priority: int = 0
    orders_a_day: int | None = None
    reject_ppm: int = 0
    pack: int = 1
    minimum: int = 1
    hard_buffer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """How a channel chooses, amounts in minor units of its currency.

    `goals` come one after the other, each within its tolerance of the best; none: `usual_goals`. `promised_days`: an
    order is promised for so many days after it was placed; None: for no day.
    """

    goals: tuple[Goal, ...] = ()
    single_source: SingleSource = SingleSource.NO
    split: Split = Split.ALLOWED
    split_above_minor: int = 0
    packs: Packs = Packs.ROUND_UP
    late_day_minor: int = 0
    reject_cost_minor: int = 0
    promised_days: int | None = None
    must_meet_promise: bool = False
    unknown_cost: UnknownCost = UnknownCost.PRICE


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTable:
    """What one unit of `base` buys of each currency, `base` itself included, as of the beginning of a day (UTC)."""

    base: str
    bought: Mapping[str, Decimal]
    as_of: datetime
    max_age_days: int

    def into(self, currency: str, of: Iterable[str]) -> Rates:
        """Return what one unit of some currencies buys of an order's, as far as the table knows them."""
        own = self.bought.get(currency)
        known = sorted(set(of) & self.bought.keys())
        rates = {each: EXACTLY.divide(own, self.bought[each]) for each in known} if own else {}
        return Rates(rates=rates, as_of=self.as_of, max_age_days=self.max_age_days)


def holidays(at: Place) -> Holidays:
    """Read named lists of days."""
    return {key: at.days(key) for key in at.names()}


def shipping(at: Place, currency: str, zone: str, lists: Holidays) -> Shipping:
    """Read a source's terms; `zone` and `currency` are the source's, `lists` what holidays may be named."""
    at.only(
        "order_fee",
        "parcel_fee",
        "order_minimum",
        "surcharges",
        "freight",
        "ship_to",
        "cutoff",
        "lead_days",
        "priority",
        "orders_a_day",
        "reject_percent",
        "pack",
        "minimum",
        "hard_buffer",
    )
    tariffs = _tariffs(at, currency)
    return Shipping(
        order_fee_minor=at.amount("order_fee", currency, default=0),
        parcel_fee_minor=at.amount("parcel_fee", currency, default=0),
        order_minimum_minor=at.amount("order_minimum", currency, default=0),
        surcharges=_surcharges(at, currency),
        tariffs=tariffs,
        ship_to=_ship_to(at.child("ship_to"), tariffs) if at.has("ship_to") else ShipTo(),
        cutoff=_cutoff(at.child("cutoff"), zone, lists) if at.has("cutoff") else None,
        lead_days=at.whole("lead_days", 0, MOST_DAYS, default=0),
        priority=at.whole("priority", 0, MOST_UNITS, default=0),
        orders_a_day=at.whole("orders_a_day", 0, MOST_ORDERS_A_DAY) if at.has("orders_a_day") else None,
        reject_ppm=at.ppm("reject_percent", 100, default=0),
        pack=at.whole("pack", 1, MOST_UNITS, default=1),
        minimum=at.whole("minimum", 1, MOST_UNITS, default=1),
        hard_buffer=at.flag("hard_buffer", default=False),
    )


def routing(at: Place, currency: str) -> Routing:
    """Read a channel's way of choosing."""
    at.only(
        "goals",
        "single_source",
        "split_lines",
        "packs",
        "late_day_cost",
        "reject_cost",
        "promised_days",
        "must_meet_promise",
        "unknown_cost",
    )
    single = SingleSource.NO  # which YAML reads as false
    if at.value("single_source") is not False:
        single = SingleSource(at.one_of("single_source", *SingleSource, default=SingleSource.NO))
    split, above = _split(at, currency)
    promised = at.whole("promised_days", 0, MOST_DAYS) if at.has("promised_days") else None
    must = at.flag("must_meet_promise", default=False)
    if must and promised is None:
        raise at.wrong("must_meet_promise", must, "false, or promised_days beside it: nothing is promised without")
    return Routing(
        goals=_goals(at, single),
        single_source=single,
        split=split,
        split_above_minor=above,
        packs=Packs(at.one_of("packs", *Packs, default=Packs.ROUND_UP)),
        late_day_minor=at.amount("late_day_cost", currency, default=0),
        reject_cost_minor=at.amount("reject_cost", currency, default=0),
        promised_days=promised,
        must_meet_promise=must,
        unknown_cost=UNKNOWN_COSTS[at.one_of("unknown_cost", *UNKNOWN_COSTS, default="last")],
    )


def rates(at: Place) -> RateTable:
    """Read rates: how much of each currency one unit of the base buys."""
    at.only("base", "as_of", "max_age_days", "buys")
    base = at.currency("base")
    table = at.child("buys")
    bought = {base: Decimal(1)}
    for key in table.names():
        if key not in CURRENCIES or key == base:
            raise table.wrong(key, key, f"ISO 4217 codes of other currencies than {base}")
        bought[key] = _rate(table, key)
    return RateTable(
        base=base,
        bought=bought,
        as_of=datetime.combine(at.day("as_of"), time(), UTC),
        max_age_days=at.whole("max_age_days", 1, MOST_DAYS),
    )


def _rate(table: Place, key: str) -> Decimal:
    value = table.value(key)
    is_exact = isinstance(value, str | int) and not isinstance(value, bool)
    if is_exact and _RATE.fullmatch(str(value)) and Decimal(str(value)) > 0:
        return Decimal(str(value))
    raise table.wrong(key, value, "a number above zero in quotes: '0.8712'")


def usual_goals(terms: Iterable[Shipping]) -> tuple[Goal, ...]:
    """Say what a channel wants that says nothing: the cheapest plan where it is known what a parcel costs.

    Where no source states any terms, a second parcel looks free: fewest parcels then come first.
    """
    return (FEWEST, CHEAPEST) if all(each == Shipping() for each in terms) else (CHEAPEST, FEWEST)


def _goals(at: Place, single: SingleSource) -> tuple[Goal, ...]:
    allowed = f"a list of {', '.join(Objective)}, each once, each perhaps with ` within 2 %`"
    first = (FEWEST,) if single is SingleSource.PREFERRED else ()
    if not at.has("goals"):
        return (FEWEST, CHEAPEST) if first else ()
    read = [_GOAL.fullmatch(text) for text in at.texts("goals")]
    goals = [
        Goal(objective=Objective(each[1]), tolerance_ppm=within)
        for each in read
        if each and each[1] in set(Objective) and (within := ppm(each[2] or 0)) is not None
    ]
    objectives = [goal.objective for goal in goals]
    if not goals or len(goals) < len(read) or len(set(objectives)) < len(objectives):
        raise at.wrong("goals", at.value("goals"), allowed)
    if first and Objective.PARCELS in objectives:
        raise at.wrong("goals", at.value("goals"), "no parcels where single_source is preferred: they come first then")
    return (*first, *goals)


def _split(at: Place, currency: str) -> tuple[Split, int]:
    value = at.value("split_lines")
    for split in (Split.ALLOWED, Split.FORBIDDEN):
        if value in (None, split):
            return split, 0
    words = value.split(" ") if isinstance(value, str) else []
    try:
        if len(words) == len(("above", "250.00")) and words[0] == Split.ABOVE:
            return Split.ABOVE, minor(words[1], currency)
    except InvalidInput:
        pass
    raise at.wrong("split_lines", value, f"one of 'allowed', 'forbidden', 'above 250.00' (in {currency})")


def _tariffs(at: Place, currency: str) -> tuple[Tariff, ...]:
    found: list[Tariff] = []
    for row in at.rows("freight"):
        row.only("to", "brackets")
        countries = _countries(row, "to")
        if not countries:
            raise row.wrong("to", row.value("to"), f"a list of countries, {CODES}")
        twice = countries & frozenset().union(*(tariff.countries for tariff in found))
        if twice:
            raise row.wrong("to", ", ".join(sorted(twice)), "countries that no other zone of this source has")
        found.append(Tariff(countries=countries, brackets=_brackets(row, currency)))
    return tuple(sorted(found, key=lambda tariff: min(tariff.countries)))


def _surcharges(at: Place, currency: str) -> tuple[Bracket, ...]:
    found: list[Bracket] = []
    for row in at.rows("surcharges"):
        row.only("upto", "price")
        bracket = Bracket(upto=row.amount("upto", currency), price_minor=row.amount("price", currency))
        found.append(_rising(row, "upto", bracket, found))
    return tuple(found)


def _brackets(at: Place, currency: str) -> tuple[Bracket, ...]:
    found: list[Bracket] = []
    for row in at.rows("brackets"):
        row.only("upto_grams", "price")
        upto = row.whole("upto_grams", 1, MOST_GRAMS)
        bracket = Bracket(upto=upto, price_minor=row.amount("price", currency))
        found.append(_rising(row, "upto_grams", bracket, found))
    if not found:
        raise at.wrong("brackets", at.value("brackets"), "a list of at least one: {upto_grams: 2000, price: '4.90'}")
    return tuple(found)


def _rising(at: Place, key: str, bracket: Bracket, before: list[Bracket]) -> Bracket:
    if bracket.upto <= (before[-1].upto if before else 0):
        raise at.wrong(key, at.value(key), "more than in the bracket before it: they neither overlap nor are empty")
    return bracket


def _countries(at: Place, key: str) -> frozenset[str]:
    value = at.value(key)
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(each, str) and each in COUNTRIES for each in value):
        wrong = [each for each in value if each not in COUNTRIES] if isinstance(value, list) else value
        raise at.wrong(key, wrong, f"a list of {CODES}")
    return frozenset(value)


def _ship_to(at: Place, tariffs: tuple[Tariff, ...]) -> ShipTo:
    at.only("countries", "without_regions", "po_box", "hazmat")
    countries = _countries(at, "countries")
    priced = frozenset().union(*(tariff.countries for tariff in tariffs))
    if tariffs and countries - priced:
        raise at.wrong("countries", sorted(countries - priced), f"countries with freight: {', '.join(sorted(priced))}")
    regions = at.texts("without_regions")
    for region in regions:
        read = _REGION.fullmatch(region)
        if not read or read[1] not in COUNTRIES:
            raise at.wrong("without_regions", region, "a list of regions with their country, such as 'ES-GC'")
    return ShipTo(
        countries=countries,
        without_regions=frozenset(regions),
        po_box=at.flag("po_box", default=True),
        hazmat=at.flag("hazmat", default=True),
    )


def _cutoff(at: Place, zone: str, lists: Holidays) -> Cutoff:
    at.only("at", "weekdays", "holidays")
    weekdays = at.each_of("weekdays", WEEKDAYS) if at.has("weekdays") else WEEKDAYS[:5]
    if not weekdays:
        raise at.wrong("weekdays", weekdays, f"a list of at least one of {', '.join(WEEKDAYS)}")
    holidays = at.value("holidays")
    if isinstance(holidays, str) and holidays not in lists:
        known = f" ({', '.join(sorted(lists))})" if lists else ""
        raise at.wrong("holidays", holidays, f"the name of a list of rules.holidays{known}, or a list of days")
    return Cutoff(
        at=at.clock("at"),
        zone=zone,
        holidays=lists[holidays] if isinstance(holidays, str) else at.days("holidays"),
        weekdays=frozenset(WEEKDAYS.index(day) for day in weekdays),
    )
