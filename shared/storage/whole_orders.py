"""An order with all that lies beside it, in one query: its last plan, its purchase orders and its parcels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.domain.names import OrderKey
from shared.domain.orders import Order
from shared.domain.packages import Package
from shared.domain.purchase_orders import PurchaseOrder
from shared.storage import dynamo, keys, orders, parcels, plans, purchase_orders
from shared.storage.dynamo import Table
from shared.storage.plans import LastPlan


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
        plan=plans.read(plan) if plan else None,
        purchase_orders=tuple(
            purchase_orders.from_item(item) for item in found.values() if item["entity"] == "purchase_order"
        ),
        parcels=tuple(parcels.read(item) for item in found.values() if item["entity"] == "parcel"),
    )


def with_plans(table: Table, wanted: Iterable[OrderKey]) -> Iterator[tuple[Order, LastPlan | None]]:
    """Yield orders with their last plans; one that is gone meanwhile is left out."""
    found = dynamo.read_all(table.client, [(table.name, keys.order(key)) for key in wanted])
    there = [orders.from_item(item) for item in found.values()]
    plan_of = {order.key: keys.plan(order.key, order.attempt) for order in there if order.attempt}
    read = dynamo.read_all(table.client, [(table.name, at) for at in plan_of.values()])
    for order in there:
        item = read.get((table.name, plan_of[order.key])) if order.key in plan_of else None
        yield order, plans.read(item) if item else None


def plan(table: Table, key: OrderKey, attempt: str) -> LastPlan | None:
    """Read the plan of one attempt, strongly; None when there is none, or none any more."""
    found = table.get(keys.plan(key, attempt))
    return plans.read(found) if found else None
