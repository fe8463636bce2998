"""Who may ship a line at all, and in words why not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from shared.domain.routing import pricing
from shared.domain.routing.problem import PPM, Candidate, Demand, Demands, Policy, Supplier


def refusal_of_supplier(supplier: Supplier, demands: Demands, at: Decimal | str) -> str:
    """Say why a source may ship nothing of this order, or nothing."""
    if not supplier.active:
        return "inactive"
    if supplier.held:
        return f"held: {supplier.held}"
    if supplier.paused:
        return "paused"
    if supplier.orders_a_day is not None and supplier.orders_today >= supplier.orders_a_day:
        return "over its orders a day"
    if isinstance(at, str):
        return at
    return _refusal_of_place(supplier, demands)


def _refusal_of_place(supplier: Supplier, demands: Demands) -> str:
    to, limits = demands.to, supplier.ship_to
    if limits.countries and to.country not in limits.countries:
        return f"does not ship to {to.country}"
    if to.region and to.region in limits.without_regions:
        return f"does not ship to {to.country}-{to.region}"
    if to.po_box and not limits.po_box:
        return "does not ship to a PO box"
    if pricing.brackets_to(supplier, to.country) is None:
        return f"no freight tariff to {to.country}"
    return ""


def refusal_of_offer(candidate: Candidate, demand: Demand, demands: Demands) -> str:
    """Say why a source that may ship may not ship this line, whatever it costs, or nothing."""
    if candidate.refused:
        return candidate.refused
    if candidate.stale:
        return "count is stale"
    if (candidate.supplier.source, demand.sku) in demands.rejected_by:
        return "rejected this order before"
    if demand.hazmat and not candidate.supplier.ship_to.hazmat:
        return "does not ship hazardous goods"
    return ""


def refusal_of_terms(demand: Demand, demands: Demands, policy: Policy, unit_minor: int | None, day: date) -> str:
    """Say why a line must not be shipped at such a cost on such a day, or nothing."""
    if unit_minor is None:
        return "cost unknown"
    if policy.must_meet_promise and demands.promised_by is not None and day > demands.promised_by:
        return f"too late: arrives {day.isoformat()}"
    floor = policy.margin_floor_ppm
    if floor is not None and (demand.price_minor - unit_minor) * PPM < floor * demand.price_minor:
        return "below the margin floor"
    if demand.price_minor < demand.map_minor:
        return "sold below the minimum advertised price"
    return ""
