"""Who may ship a line at all, and in words why not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from shared.domain.routing import pricing
from shared.domain.routing.problem import PPM, Candidate, Demand, Demands, Policy, Supplier


def refusal_of_supplier(supplier: Supplier, demands: Demands, at: Decimal | str) -> str:
    """Say why a source may ship nothing of this order, or nothing."""
    to, limits = demands.to, supplier.ship_to
    reasons = (
        (not supplier.active, "inactive"),
        (bool(supplier.held), f"held: {supplier.held}"),
        (supplier.paused, "paused"),
        (bool(limits.countries) and to.country not in limits.countries, f"does not ship to {to.country}"),
        (to.region in limits.without_regions and bool(to.region), f"does not ship to {to.country}-{to.region}"),
        (to.po_box and not limits.po_box, "does not ship to a PO box"),
        (pricing.brackets_to(supplier, to.country) is None, f"no freight tariff to {to.country}"),
        (supplier.orders_a_day is not None and supplier.orders_today >= supplier.orders_a_day, "over its orders a day"),
        (isinstance(at, str), str(at)),
    )
    return next((why for so, why in reasons if so), "")


def refusal_of_offer(
    candidate: Candidate, demand: Demand, demands: Demands, policy: Policy, unit_minor: int | None, day: date
) -> str:
    """Say why a source may not ship this line, or nothing; the source itself is eligible."""
    if unit_minor is None:
        return "cost unknown"
    margin = demand.price_minor - unit_minor
    floor = policy.margin_floor_ppm
    reasons = (
        (bool(candidate.refused), candidate.refused),
        (candidate.stale, "count is stale"),
        ((candidate.supplier.source, demand.sku) in demands.rejected_by, "rejected this order before"),
        (demand.hazmat and not candidate.supplier.ship_to.hazmat, "does not ship hazardous goods"),
        (
            policy.must_meet_promise and demands.promised_by is not None and day > demands.promised_by,
            f"too late: arrives {day.isoformat()}",
        ),
        (floor is not None and margin * PPM < floor * demand.price_minor, "below the margin floor"),
        (demand.price_minor < demand.map_minor, "sold below the minimum advertised price"),
    )
    return next((why for so, why in reasons if so), "")
