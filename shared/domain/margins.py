"""What is left of a product's price at what a source asks for it, held against a channel's margin floor and the MAP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from shared.domain import money
from shared.domain.facts import Product
from shared.domain.names import SourceId
from shared.domain.offers import Offer
from shared.domain.rules import Channel

WHOLE = 100


class Verdict(StrEnum):
    """How an offer stands to a channel's rule."""

    OK = "ok"
    BELOW_FLOOR = "below_floor"
    BELOW_MAP = "below_map"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """A verdict, and its figures in words."""

    verdict: Verdict
    told: str

    @property
    def is_below(self) -> bool:
        """Whether it should not be sold so; what cannot be judged is not below."""
        return self.verdict in {Verdict.BELOW_FLOOR, Verdict.BELOW_MAP}


def judge(channel: Channel, product: Product | None, offer: Offer | None, rate: Decimal | None = None) -> Margin:
    """Judge an offer of a product on a channel, exactly.

    `rate`: units of the price's currency for one of the cost's, where they differ; without it that cannot be judged.
    A price below the MAP is so whatever the product costs.
    """
    floor = channel.margin_floor_percent
    if floor is None:
        return Margin(verdict=Verdict.OK, told="the channel has no margin floor")
    if product is None or not product.price_minor:
        return Margin(verdict=Verdict.UNKNOWN, told="the product has no price")
    price = product.price_minor
    sells = f"sells for {_money(price, product.currency)}"
    if product.map_minor is not None and price < product.map_minor:
        least = _money(product.map_minor, product.currency)
        return Margin(verdict=Verdict.BELOW_MAP, told=f"{sells}, and may not be advertised for less than {least}")
    if offer is None or offer.cost_minor is None:
        return Margin(verdict=Verdict.UNKNOWN, told=f"{sells}, and the source names no cost")
    cost, costs = _cost(offer.cost_minor, offer.currency, product.currency, rate)
    if cost is None:
        return Margin(verdict=Verdict.UNKNOWN, told=f"{costs}, {sells}, and no rate is known")
    left = price - cost
    percent = Decimal(left * WHOLE * 10 // price).scaleb(-1)
    is_enough = left * WHOLE >= price * floor
    return Margin(
        verdict=Verdict.OK if is_enough else Verdict.BELOW_FLOOR,
        told=f"{costs}, {sells}: {percent} % of it are left, and the floor is {floor} %",
    )


def not_counted(
    channel: Channel, product: Product | None, offers: Mapping[SourceId, Offer | None]
) -> dict[SourceId, str]:
    """Name the sources whose units a channel that zeroes them is not told, each with its figures."""
    judged = {source: judge(channel, product, offer) for source, offer in offers.items()}
    return {source: margin.told for source, margin in judged.items() if margin.is_below}


def _cost(cost_minor: int, currency: str, wanted: str, rate: Decimal | None) -> tuple[Fraction | None, str]:
    """Return a cost in minor units of the wanted currency, None without a rate, and in words."""
    costs = f"costs {_money(cost_minor, currency)}"
    if currency == wanted:
        return Fraction(cost_minor), costs
    if rate is None:
        return None, costs
    cost = cost_minor * Fraction(rate) * Fraction(10) ** (money.exponent(wanted) - money.exponent(currency))
    return cost, f"{costs} ({_money(round(cost), wanted)})"


def _money(amount_minor: int, currency: str) -> str:
    return f"{money.decimal(amount_minor, currency)} {currency}"
