"""What routing is asked and what it answers: whole numbers and exact fractions only, frozen, compared by value.

Money is in minor units of the order's currency unless a field says otherwise; probabilities are parts per million;
weights are grams.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum

from shared.domain.names import Sku, SourceId

PPM = 1_000_000


class Objective(StrEnum):
    """What a channel may ask to be as small as possible."""

    PARCELS = "parcels"
    LANDED_COST = "landed_cost"
    PROMISED_DATE = "promised_date"
    PRIORITY = "priority"
    RELIABILITY = "reliability"


class Split(StrEnum):
    """Whether one line may come from several sources."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    ABOVE = "above"


class Packs(StrEnum):
    """What is done when the units wanted are no whole packs."""

    ROUND_UP = "round_up"
    WHOLE_ONLY = "whole_only"


class UnknownCost(StrEnum):
    """What a source is worth that never said what it takes: nothing, or the selling price."""

    REFUSE = "refuse"
    PRICE = "price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Units of one line that somebody has to ship; lines of one `kit` leave one source together."""

    line: str
    sku: Sku
    units: int
    grams: int = 0
    price_minor: int = 0
    map_minor: int = 0
    kit: str = ""
    hazmat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the order goes, as far as suppliers care."""

    country: str
    region: str = ""
    po_box: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """One order: its open lines, where it goes, when it was promised and who has already rejected it."""

    lines: tuple[Demand, ...]
    to: Destination
    currency: str
    promised_by: date | None = None
    rejected_by: frozenset[tuple[SourceId, Sku]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """A price up to and including a limit: grams for freight, minor units of goods for a surcharge."""

    upto: int
    price_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Freight to the countries of one zone; above the last bracket the goods travel in several parcels."""

    countries: frozenset[str]
    brackets: tuple[Bracket, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipTo:
    """Where a supplier delivers; an empty set of countries means everywhere."""

    countries: frozenset[str] = frozenset()
    without_regions: frozenset[str] = frozenset()
    po_box: bool = True
    hazmat: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """Orders in before `at` leave that business day."""

    at: time
    zone: str
    holidays: frozenset[date] = frozenset()
    weekdays: frozenset[int] = frozenset(range(5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """A source's terms, its amounts in its own `currency`.

    `surcharges` add their price to a basket of up to that value, and nothing above the last. No tariffs at all
    means that freight is free.
    """

    source: SourceId
    currency: str
    active: bool = True
    held: str = ""
    paused: bool = False
    order_fee_minor: int = 0
    parcel_fee_minor: int = 0
    order_minimum_minor: int = 0
    surcharges: tuple[Bracket, ...] = ()
    tariffs: tuple[Tariff, ...] = ()
    ship_to: ShipTo = field(default_factory=ShipTo)
    cutoff: Cutoff | None = None
    priority: int = 0
    orders_today: int = 0
    orders_a_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a source offers of one SKU; `cost_minor` is in the supplier's currency, None where unknown."""

    supplier: Supplier
    sku: Sku
    available: int
    cost_minor: int | None
    reject_ppm: int = 0
    pack: int = 1
    minimum: int = 1
    lead_days: int = 0
    stale: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How many units of the order's currency one unit of another buys, as of a time."""

    rates: Mapping[str, Decimal]
    as_of: datetime
    max_age_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One objective and how far, in ppm of the best, later objectives may leave it."""

    objective: Objective
    tolerance_ppm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a channel wants its orders shipped. Whatever the goals, the fewest units are left short.

    `unknown_cost` at PRICE reckons a cost nobody told at the selling price, and never below a cost somebody told: such
    a source comes last, ships where nobody else can, and any margin floor refuses it. `node_budget` is the time box:
    so many steps for the plan and as many for the next best, about a second each on one core. Steps are counted
    because a clock would answer differently when an order is replayed.
    """

    goals: tuple[Goal, ...] = (Goal(objective=Objective.LANDED_COST),)
    split: Split = Split.ALLOWED
    split_above_minor: int = 0
    packs: Packs = Packs.ROUND_UP
    single_source: bool = False
    margin_floor_ppm: int | None = None
    late_day_minor: int = 0
    reject_cost_minor: int = 0
    must_meet_promise: bool = False
    rates: Rates | None = None
    unknown_cost: UnknownCost = UnknownCost.PRICE
    node_budget: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTerms:
    """What one source's part of a plan costs, term by term, in the order's currency."""

    source: SourceId
    goods_minor: int
    surplus_minor: int
    order_fee_minor: int
    surcharge_minor: int
    freight_minor: int
    parcel_fee_minor: int
    late_minor: int
    reject_minor: int
    parcels: int
    grams: int
    arrives: date

    @property
    def total_minor(self) -> int:
        """Return the landed cost of this part."""
        goods = self.goods_minor + self.surplus_minor
        fees = self.order_fee_minor + self.surcharge_minor + self.freight_minor + self.parcel_fee_minor
        return goods + fees + self.late_minor + self.reject_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One candidate for one line: what a unit of it costs, what was taken, and the verdict in words."""

    line: str
    source: SourceId
    available: int
    unit_minor: int | None
    late_minor: int
    reject_minor: int
    arrives: date | None
    taken: int
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """The best plan without one of the sources used, and by how much it is worse."""

    taken: Mapping[tuple[str, SourceId], int]
    landed_minor: int
    landed_more_minor: int
    parcels_more: int
    short_more: int
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer, its price terms and why.

    Where the search was cut short (`exact` is false), no plan leaves more than `short_gap` units fewer short, and, if
    that is 0, none is more than `bound_gap` better by the first goal whose best is not proven.
    """

    taken: Mapping[tuple[str, SourceId], int]
    short: Mapping[str, int]
    why_short: Mapping[str, tuple[str, ...]]
    sources: tuple[SourceTerms, ...]
    weighed: tuple[Weighed, ...]
    landed_minor: int
    parcels: int
    next_best: Alternative | None
    exact: bool
    bound_gap: int
    digest: str
    short_gap: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was asked and what was answered."""

    demands: Demands
    candidates: tuple[Candidate, ...]
    policy: Policy
    now: datetime
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """What routing must know of a SKU: what a piece weighs, and below which price in `currency` nobody may sell it.

    `substitutes`: what may go instead, best first.
    """

    grams: int = 0
    hazmat: bool = False
    map_minor: int = 0
    currency: str = ""
    substitutes: tuple[Sku, ...] = ()
