"""An order with all that lies beside it, in one query: its last plan and its purchase orders."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.names import OrderKey
from shared.domain.orders import Order
from shared.domain.purchase_orders import PurchaseOrder
from shared.storage import keys, orders, plans, purchase_orders
from shared.storage.dynamo import Table
from shared.storage.plans import LastPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeOrder:
    """An order; `plan` is None when it never had one or the plan has expired."""

    order: Order
    plan: LastPlan | None
    purchase_orders: tuple[PurchaseOrder, ...]


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
        plan=plans.read(plan) if plan else None,
        purchase_orders=tuple(
            purchase_orders.from_item(item) for item in found.values() if item["entity"] == "purchase_order"
        ),
    )
