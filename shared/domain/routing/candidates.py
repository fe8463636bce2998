"""What the planner is asked for one order of a batch.

That is its open lines, every source that may ship for its channel with its terms, and the channel's policy. Pure: who
is out before anything is planned is out with the reason in words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from shared.domain import feeds, times
from shared.domain.availability import worth_percent
from shared.domain.countries import COUNTRIES, UNKNOWN
from shared.domain.feeds import Feed
from shared.domain.money import CURRENCIES
from shared.domain.names import LevelKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.orders import Line, Order
from shared.domain.routing import pricing
from shared.domain.routing.problem import Candidate, Demand, Demands, Destination, Policy, Rates, Supplier
from shared.domain.rules import Channel, Rules, Source
from shared.domain.shipping_rules import Shipping, SingleSource, usual_goals
from shared.domain.stock import Level
from shared.errors import InvalidInput


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


NOTHING_KNOWN = Goods()
NOT_LISTED = "does not list it"

_PO_BOX = re.compile(
    r"\bp\.?\s*o\.?\s*box\b|\bpost(?:al |[ -]?office )?box\b|\bpostfach\b|\bpostbus\b|\bpostboks\b|\bskrytka poczt"
    r"|\bbo\S+ postale\b|\bb\.?p\.?\s+[0-9]|\bapartado (?:de correos|postal|[0-9])|\bcasella postale\b",
    re.IGNORECASE,
)
"""A PO box as addresses write it: English, German, Dutch, Norwegian, Polish, French, Spanish, Italian."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What a batch knows of its sources.

    `left`: takeable units of a level that the batch has not taken yet. Absent levels list nothing, absent offers are
    of unknown cost, absent goods weigh nothing. `feeds`: needed of sources whose freshness has tiers; a level whose
    count did not change is as old as the last file that still says so, and only the feed knows that one.
    """

    left: Mapping[LevelKey, int]
    levels: Mapping[LevelKey, Level]
    offers: Mapping[LevelKey, Offer] = field(default_factory=dict)
    feeds: Mapping[SourceId, Feed] = field(default_factory=dict)
    goods: Mapping[Sku, Goods] = field(default_factory=dict)
    paused: Collection[SourceId] = frozenset()
    orders_today: Mapping[SourceId, int] = field(default_factory=dict)


def destination_of(order: Order, address: Mapping[str, str] | None = None) -> Destination | None:
    """Return where an order goes, None where its country is not known.

    `address`: the full one, where the caller has it; only it tells a PO box, and nothing else is kept of it.
    """
    place = order.destination
    if not place.country:
        return None
    lines = (address or {}).get("address1", ""), (address or {}).get("address2", "")
    is_box = place.po_box or any(_PO_BOX.search(line) for line in lines)
    return Destination(country=place.country, region=place.region, po_box=is_box)


def problem_of(
    order: Order,
    wanted: Mapping[str, int],
    supply: Supply,
    rules: Rules,
    now: datetime,
    *,
    to: Destination | None,
    margin_floor_ppm: int | None = None,
) -> tuple[Demands, tuple[Candidate, ...], Policy]:
    """Return what the planner is asked for `wanted` units of the order's lines (line id -> units).

    Raises InvalidInput for an order that names a country or a currency which does not exist, and for amounts of the
    channel's policy that no rate turns into the order's currency.
    """
    if to is not None and to.country not in COUNTRIES:
        raise InvalidInput("an order names an unknown country", code="country_unknown", country=to.country)
    if order.currency not in CURRENCIES:
        raise InvalidInput("an order names an unknown currency", code="currency_unknown", currency=order.currency)
    channel = rules.channels[order.key.channel]
    sources = [source for _, source in sorted(rules.sources.items()) if rules.ships_for(source.source, channel)]
    lines = [order.line(line) for line, units in sorted(wanted.items()) if units]
    skus = sorted({line.sku for line in lines})
    currencies = {channel.currency, *(source.currency for source in sources)}
    currencies |= {supply.goods[sku].currency for sku in skus if sku in supply.goods}
    market = _Market(
        order=order,
        supply=supply,
        channel=channel,
        rates=rules.rates.into(order.currency, currencies) if rules.rates else None,
        terms=[source.shipping for source in sources],
        to=to,
        now=now,
        told_now=times.text(now),
    )
    demands = Demands(
        lines=tuple(market.demand(line, wanted[line.line]) for line in lines),
        to=to or Destination(country=UNKNOWN),
        currency=order.currency,
        promised_by=_promised_by(order, channel),
        rejected_by=frozenset(
            (source.source, sku) for source in sources for sku in skus if order.excludes(LevelKey(sku, source.source))
        ),
    )
    suppliers = {source.source: market.supplier(source) for source in sources}
    candidates = tuple(market.candidate(sku, source, suppliers[source.source]) for sku in skus for source in sources)
    return demands, candidates, market.policy(margin_floor_ppm)


def _promised_by(order: Order, channel: Channel) -> date | None:
    days = channel.routing.promised_days
    return None if days is None else times.read(order.placed_at).date() + timedelta(days=days)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Market:
    """One order among its sources."""

    order: Order
    supply: Supply
    channel: Channel
    rates: Rates | None
    terms: Sequence[Shipping]
    to: Destination | None
    now: datetime
    told_now: str

    def demand(self, line: Line, units: int) -> Demand:
        goods = self.supply.goods.get(line.sku, NOTHING_KNOWN)
        at = self._rate_of_map(goods)
        return Demand(
            line=line.line,
            sku=line.sku,
            units=units,
            grams=goods.grams,
            price_minor=line.price_minor,
            map_minor=0 if isinstance(at, str) else pricing.converted(goods.map_minor, at),
            hazmat=goods.hazmat,
        )

    def supplier(self, source: Source) -> Supplier:
        terms = source.shipping
        country = self.to.country if self.to else UNKNOWN
        regions = frozenset(
            region for each in terms.ship_to.without_regions for of, _, region in [each.partition("-")] if of == country
        )
        return Supplier(
            source=source.source,
            currency=source.currency,
            active=source.active,
            paused=source.source in self.supply.paused,
            order_fee_minor=terms.order_fee_minor,
            parcel_fee_minor=terms.parcel_fee_minor,
            order_minimum_minor=terms.order_minimum_minor,
            surcharges=terms.surcharges,
            tariffs=terms.tariffs,
            ship_to=replace(terms.ship_to, without_regions=regions),
            cutoff=terms.cutoff,
            priority=terms.priority,
            orders_today=self.supply.orders_today.get(source.source, 0),
            orders_a_day=terms.orders_a_day,
        )

    def candidate(self, sku: Sku, source: Source, supplier: Supplier) -> Candidate:
        key, terms = LevelKey(sku, source.source), source.shipping
        level = self.supply.levels.get(key)
        kept_back = level.buffer if level and terms.hard_buffer else 0
        return Candidate(
            supplier=supplier,
            sku=sku,
            available=max(self.supply.left.get(key, 0) - kept_back, 0),
            cost_minor=self._told(key, source),
            reject_ppm=terms.reject_ppm,
            pack=terms.pack,
            minimum=terms.minimum,
            lead_days=terms.lead_days,
            stale=level is not None and self._is_stale(level, source),
            refused=self._refusal(sku, level, source),
        )

    def policy(self, margin_floor_ppm: int | None) -> Policy:
        wanted = self.channel.routing
        return Policy(
            goals=wanted.goals or usual_goals(self.terms),
            split=wanted.split,
            split_above_minor=self._own(wanted.split_above_minor),
            packs=wanted.packs,
            single_source=wanted.single_source is SingleSource.REQUIRED,
            margin_floor_ppm=margin_floor_ppm,
            late_day_minor=self._own(wanted.late_day_minor),
            reject_cost_minor=self._own(wanted.reject_cost_minor),
            must_meet_promise=wanted.must_meet_promise,
            rates=self.rates,
            unknown_cost=wanted.unknown_cost,
        )

    def _refusal(self, sku: Sku, level: Level | None, source: Source) -> str:
        goods = self.supply.goods.get(sku, NOTHING_KNOWN)
        at = self._rate_of_map(goods)
        regions = source.shipping.ship_to.without_regions
        reasons = (
            (level is None, NOT_LISTED),
            (level is not None and level.status != "active", f"is {level.status if level else ''} there"),
            (level is not None and level.held_until > self.told_now, "is held there"),
            (self.to is None and bool(regions), "does not ship everywhere, and no country is known"),
            (isinstance(at, str), f"minimum advertised price: {at}"),
        )
        return next((why for so, why in reasons if so), "")

    def _is_stale(self, level: Level, source: Source) -> bool:
        confirmed = feeds.confirmed_at(self.supply.feeds.get(source.source), level)
        return worth_percent(source, confirmed, self.told_now) == 0

    def _told(self, key: LevelKey, source: Source) -> int | None:
        offer = self.supply.offers.get(key)
        return offer.cost_minor if offer and offer.currency == source.currency else None

    def _own(self, amount_minor: int) -> int:
        """Return an amount of the channel's in the order's currency."""
        at = self._rate(self.channel.currency) if amount_minor else Decimal(1)
        if isinstance(at, str):
            raise InvalidInput("a policy's amount has no rate", code="rate_unknown", currency=self.channel.currency)
        return pricing.converted(amount_minor, at)

    def _rate_of_map(self, goods: Goods) -> Decimal | str:
        return self._rate(goods.currency) if goods.map_minor else Decimal(1)

    def _rate(self, currency: str) -> Decimal | str:
        return pricing.rate(currency, self.order.currency, self.rates, self.now)
