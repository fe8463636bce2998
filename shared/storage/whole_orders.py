"""An order with all that lies beside it, in one query: its last plan, its purchase orders and its parcels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.names import OrderKey
from shared.domain.orders import Order
from shared.domain.purchase_orders import PurchaseOrder
from shared.storage import documents, keys, orders, purchase_orders
from shared.storage.documents import Package
from shared.storage.dynamo import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPlan:
    """The plan that an order names: what was taken from whom, what was short, and every candidate with its verdict."""

    attempt: str
    made_at: str
    rules_version: str
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeOrder:
    """An order; `plan` is None when it never had one or the plan has expired."""

    order: Order
    plan: LastPlan | None
    purchase_orders: tuple[PurchaseOrder, ...]
    parcels: tuple[Package, ...]


def read(table: Table, key: OrderKey) -> WholeOrder | None:
    """Read an order, strongly; None when there is none."""
    pk, sk = keys.order(key)
    found = {item["SK"]: item for item in table.query("PK = :pk", {":pk": pk}, consistent=True)}
    if sk not in found:
        return None
    order = orders.from_item(found[sk])
    plan = found.get(keys.plan(key, order.attempt).sk)
    return WholeOrder(
        order=order,
        plan=_plan(plan) if plan else None,
        purchase_orders=tuple(
            purchase_orders.from_item(item) for item in found.values() if item["entity"] == "purchase_order"
        ),
        parcels=tuple(documents.package_of(item) for item in found.values() if item["entity"] == "parcel"),
    )


def _plan(item: Mapping[str, Any]) -> LastPlan:
    return LastPlan(
        attempt=item["attempt"],
        made_at=item["made_at"],
        rules_version=item["rules_version"],
        told=json.loads(item["plan"]),
    )
