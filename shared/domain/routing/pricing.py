"""What a source charges, in the order's currency: conversion, brackets, packs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import pairwise

from shared.domain.money import exponent
from shared.domain.routing.problem import Bracket, Packs, Rates, Supplier
from shared.errors import InvalidInput

ONE = Decimal(1)
EXACTLY = Context(prec=60, rounding=ROUND_HALF_UP)


def rate(source_currency: str, order_currency: str, rates: Rates | None, now: datetime) -> Decimal | str:
    """Return minor units of the order's currency for one of the source's, or why there is none."""
    if source_currency == order_currency:
        return ONE
    if rates is None or source_currency not in rates.rates:
        return f"no rate for {source_currency}"
    if now - rates.as_of > timedelta(days=rates.max_age_days):
        return f"rate for {source_currency} is too old"
    return rates.rates[source_currency].scaleb(exponent(order_currency) - exponent(source_currency), EXACTLY)


def converted(amount_minor: int, at: Decimal) -> int:
    """Convert minor units, halves up."""
    return (
        amount_minor
        if at is ONE or at == 1
        else int(EXACTLY.multiply(at, Decimal(amount_minor)).quantize(Decimal(1), ROUND_HALF_UP, EXACTLY))
    )


def check_brackets(brackets: Sequence[Bracket], code: str) -> None:
    """Refuse brackets that are empty, out of order (a hole or an overlap) or negative."""
    limits = [0, *(b.upto for b in brackets)]
    rising = all(lower < upper for lower, upper in pairwise(limits))
    if not brackets or not rising or min(b.price_minor for b in brackets) < 0:
        raise InvalidInput("brackets must rise without hole or overlap", code=code)


def brackets_to(supplier: Supplier, country: str) -> tuple[Bracket, ...] | None:
    """Return the freight brackets to a country, () where freight is free, None where no tariff goes there."""
    if not supplier.tariffs:
        return ()
    found = [tariff.brackets for tariff in supplier.tariffs if country in tariff.countries]
    if len(found) > 1:
        raise InvalidInput("two tariffs overlap", code="tariff_overlap", source=supplier.source, country=country)
    return found[0] if found else None


def freight(brackets: Sequence[tuple[int, int]], grams: int) -> tuple[int, int]:
    """Return (price, parcels) of a weight over (limit, price): full parcels of the last bracket and one of the rest."""
    if not brackets:
        return 0, 1
    largest, price = brackets[-1]
    full = max(-(-grams // largest) - 1, 0)
    rest = grams - full * largest
    return full * price + next(p for limit, p in brackets if rest <= limit), full + 1


def surcharge(brackets: Sequence[tuple[int, int]], goods_minor: int) -> int:
    """Return what a basket of that value pays on top, nothing above the last bracket."""
    return next((price for limit, price in brackets if goods_minor <= limit), 0)


def bought(units: int, pack: int, minimum: int, packs: Packs) -> int | None:
    """Return how many units must be bought to have `units`, None where the policy or the minimum forbids it."""
    if packs is Packs.WHOLE_ONLY:
        return units if units % pack == 0 and units >= minimum else None
    return -(-max(units, minimum) // pack) * pack
