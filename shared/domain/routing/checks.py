"""What can never be routed, whoever ships: refused before anything is planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from shared.domain.names import SourceId
from shared.domain.routing import pricing
from shared.domain.routing.problem import PPM, Candidate, Demands, Policy, Supplier
from shared.errors import InvalidInput


def check(demands: Demands, policy: Policy, now: datetime) -> None:
    """Raise InvalidInput for an order or a policy that makes no sense."""
    ids = [demand.line for demand in demands.lines]
    wrong = (
        (not ids, "no_lines"),
        (len(set(ids)) < len(ids), "line_twice"),
        (any(d.units <= 0 for d in demands.lines), "units_not_positive"),
        (any(d.price_minor < 0 or d.grams < 0 or d.map_minor < 0 for d in demands.lines), "negative_amount"),
        (len(demands.to.country) != 2 or not demands.to.country.isupper(), "country_unknown"),  # noqa: PLR2004
        (now.tzinfo is None, "time_without_zone"),
        (len({goal.objective for goal in policy.goals}) < len(policy.goals), "goal_twice"),
        (any(goal.tolerance_ppm < 0 for goal in policy.goals), "negative_tolerance"),
        (min(policy.late_day_minor, policy.reject_cost_minor, policy.split_above_minor) < 0, "negative_amount"),
        (policy.rates is not None and not all(map(_is_rate, policy.rates.rates.values())), "bad_rate"),
    )
    for is_so, code in wrong:
        if is_so:
            raise InvalidInput("an order cannot be routed as it is", code=code)


def _is_rate(rate: Decimal) -> bool:
    return rate.is_finite() and rate > 0


def suppliers_of(candidates: Iterable[Candidate]) -> Mapping[SourceId, Supplier]:
    """Return every source's terms by id. Raises InvalidInput for terms that make no sense or contradict each other."""
    suppliers: dict[SourceId, Supplier] = {}
    seen = set()
    for offer in candidates:
        supplier = offer.supplier
        source = supplier.source
        if (offer.cost_minor or 0) < 0 or offer.pack < 1 or offer.minimum < 1 or offer.lead_days < 0:
            raise InvalidInput("an offer makes no sense", code="bad_terms", source=source, sku=offer.sku)
        if not 0 <= offer.reject_ppm <= PPM:
            raise InvalidInput("an offer makes no sense", code="bad_chance", source=source, sku=offer.sku)
        if (source, offer.sku) in seen:
            raise InvalidInput("a source offers a SKU twice", code="candidate_twice", source=source, sku=offer.sku)
        seen.add((source, offer.sku))
        known = suppliers.setdefault(source, supplier)
        if known is not supplier and known != supplier:
            raise InvalidInput("a source has two sets of terms", code="supplier_differs", source=source)
    for supplier in suppliers.values():
        _check_terms(supplier)
    return suppliers


def _check_terms(supplier: Supplier) -> None:
    fees = supplier.order_fee_minor, supplier.parcel_fee_minor, supplier.order_minimum_minor, supplier.priority
    if min(fees) < 0:
        raise InvalidInput("a source's terms make no sense", code="bad_terms", source=supplier.source)
    if supplier.surcharges:
        pricing.check_brackets(supplier.surcharges, "surcharge_brackets")
    for tariff in supplier.tariffs:
        pricing.check_brackets(tariff.brackets, "tariff_brackets")
