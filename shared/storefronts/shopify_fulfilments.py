"""What Shopify is told of orders: units fulfilled, and cancels, by GraphQL Admin 2026-04 and later.

`fulfillmentCreate` has no idempotency key, so whoever calls reads what is fulfilled first. `orderCancel` is a job:
its answer says only that it was begun. (https://shopify.dev/docs/api/admin-
graphql/latest/mutations/fulfillmentCreate, .../orderCancel)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.carriers import Carrier
from shared.errors import InvalidInput, Rejected
from shared.storefronts import graphql
from shared.storefronts.contract import Parcel, Part, Seen

TIMEOUT_SECONDS = 8
OPEN = frozenset({"OPEN", "IN_PROGRESS", "SCHEDULED"})
"""States of a fulfilment order in which units of it can still be fulfilled."""
CARRIERS: Mapping[str, str] = {
    Carrier.UPS: "UPS",
    Carrier.FEDEX: "FedEx",
    Carrier.USPS: "USPS",
    Carrier.DHL: "DHL Express",
}
"""Carriers as Shopify writes them: it makes a link of the number only where the name is one of its list, by case."""

_ORDER = """
query OrderAsItIs($id: ID!) {
  order(id: $id) {
    cancelledAt
    fulfillments(first: 250) { trackingInfo { number } }
    fulfillmentOrders(first: 50) {
      nodes {
        id status
        assignedLocation { location { id } }
        lineItems(first: 100) { nodes { id remainingQuantity totalQuantity lineItem { id } } }
      }
    }
  }
}"""

_FULFIL = """
mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id }
    userErrors { field message }
  }
}"""

_CANCEL = """
mutation Cancel(
  $orderId: ID!, $reason: OrderCancelReason!, $restock: Boolean!, $refundMethod: OrderCancelRefundMethodInput
) {
  orderCancel(orderId: $orderId, reason: $reason, restock: $restock, refundMethod: $refundMethod) {
    job { id done }
    orderCancelUserErrors { code field message }
  }
}"""

_JOB = """
query Job($id: ID!) { job(id: $id) { id done } }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDesk:
    """A shop's orders, and the way there: `post(url, token, query, variables, timeout)` gives the whole answer.

    Every call raises Transient when the shop is busy or silent, InvalidInput when it does not understand us.
    """

    url: str
    token: str = field(repr=False)
    post: Callable[[str, str, str, Mapping[str, Any], float], Mapping[str, Any]] = graphql.post

    def order(self, order_id: str) -> Seen:
        """Read an order by the platform's id. Raises Rejected when the shop has it no more."""
        found = self._ask(_ORDER, {"id": f"gid://shopify/Order/{order_id}"}, "order")
        if found is None:
            raise Rejected("the shop has no such order", code="no_such_order", order=order_id)
        try:
            parts = [
                Part(
                    line=item["lineItem"]["id"].rpartition("/")[2],
                    fulfilment_order=node["id"],
                    location=((node.get("assignedLocation") or {}).get("location") or {}).get("id") or "",
                    item=item["id"],
                    units=item["totalQuantity"],
                    left=item["remainingQuantity"],
                    is_open=node["status"] in OPEN,
                )
                for node in found["fulfillmentOrders"]["nodes"]
                for item in node["lineItems"]["nodes"]
            ]
            told = frozenset(
                each["number"] for made in found["fulfillments"] for each in made["trackingInfo"] if each["number"]
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput("the shop's order has another shape", code="shop_answer") from error
        return Seen(is_cancelled=bool(found["cancelledAt"]), parts=tuple(parts), tracking=told)

    def say_fulfilment(self, parts: Sequence[tuple[Part, int]], parcel: Parcel | None = None) -> None:
        """Fulfil units of parts of one location, in a parcel where one is known.

        Raises Rejected when the shop says no: read the order again.
        """
        by_order: dict[str, list[dict[str, Any]]] = {}
        for part, units in parts:
            by_order.setdefault(part.fulfilment_order, []).append({"id": part.item, "quantity": units})
        wanted = [
            {"fulfillmentOrderId": each, "fulfillmentOrderLineItems": items} for each, items in sorted(by_order.items())
        ]
        told: dict[str, Any] = {"lineItemsByFulfillmentOrder": wanted, "notifyCustomer": True}
        if parcel:
            company = CARRIERS.get(parcel.carrier, parcel.carrier)
            told["trackingInfo"] = {"number": parcel.number} | ({"company": company} if company else {})
        answer = self._ask(_FULFIL, {"fulfillment": told}, "fulfillmentCreate", may_lack=False)
        if answer["userErrors"]:
            raise Rejected("the shop does not fulfil this", code="not_fulfilled", said=_said(answer["userErrors"]))

    def say_cancel(self, order_id: str, *, refunds: bool) -> str:
        """Begin to cancel an order; return the job to ask after. Raises Rejected when the shop says no."""
        variables = {
            "orderId": f"gid://shopify/Order/{order_id}",
            "reason": "OTHER",
            "restock": True,
            "refundMethod": {"originalPaymentMethodsRefund": True} if refunds else None,
        }
        answer = self._ask(_CANCEL, variables, "orderCancel", may_lack=False)
        if answer["orderCancelUserErrors"]:
            said = _said(answer["orderCancelUserErrors"])
            raise Rejected("the shop does not cancel this", code="not_cancelled", said=said)
        return str(answer["job"]["id"])

    def is_done(self, job: str) -> bool:
        """Answer whether a job has ended, well or not: the order tells which. One the shop has forgotten has."""
        found = self._ask(_JOB, {"id": job}, "job")
        return found is None or bool(found["done"])

    def _ask(self, query: str, variables: Mapping[str, Any], name: str, *, may_lack: bool = True) -> Any:  # noqa: ANN401 - the platform's JSON
        answer = self.post(self.url, self.token, query, variables, TIMEOUT_SECONDS)
        return graphql.data(answer, name, may_lack=may_lack)


def _said(errors: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(str(error.get("message")) for error in errors)[:200]
