"""WooCommerce's orders: found by when they changed, told what was fulfilled, cancelled.

WooCommerce's core has no fulfilments that every shop has switched on. Units fulfilled are kept as fields of the order,
one a line, absolute, so that telling them twice is harmless; a note tells the people in the shop; and when every unit
is, the order's status becomes `completed`, which is what its customer is told by mail. A cancel is done when it is
answered; money goes back by the shop's payment plugins, never by us.

Parcels are kept as fields, too: the core has no place for them, and every plugin that has one has its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain import times
from shared.domain.carriers import Carrier
from shared.errors import InvalidInput, Rejected
from shared.storefronts import changes, woocommerce
from shared.storefronts.contract import Found, Parcel, Part, Seen
from shared.storefronts.json_calls import NOT_FOUND, strange
from shared.storefronts.woocommerce_rest import Rest

PAGE = 50
FULFILLED = "truestock_fulfilled_"
"""How the fields begin that keep the units fulfilled; then comes the line's id."""
PARCEL = "truestock_parcel_"
"""How the fields begin that keep a parcel's carrier; then comes its number."""
CARRIERS: Mapping[str, str] = {Carrier.UPS: "UPS", Carrier.FEDEX: "FedEx", Carrier.USPS: "USPS", Carrier.DHL: "DHL"}
"""Carriers as a customer reads them in a note."""

_COUNT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Orders:
    """A shop's orders."""

    rest: Rest

    # ---- found

    def list_orders_since(self, since: datetime) -> Iterator[Found]:
        """Yield orders changed at or after a time, oldest change first, with the lines of their refunds."""
        for order in changes.since(since, PAGE, self._page, _changed_at):
            yield self._found(order, str(_field(order, "id")))

    def _page(self, after: datetime, page: int) -> list[dict[str, Any]]:
        listed = self.rest.get(
            "orders",
            modified_after=f"{after:%Y-%m-%dT%H:%M:%S}",
            dates_are_gmt="true",
            orderby="modified",
            order="asc",
            status="any",
            per_page=PAGE,
            page=page,
        )
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise strange("orders")
        return listed

    def fetch_order(self, order_id: str) -> Found:
        """Read one order, with the lines of its refunds. Raises Rejected when the shop has it no more."""
        return self._found(self._read(order_id), order_id)

    def _found(self, order: Mapping[str, Any], order_id: str) -> Found:
        refunds = order.get("refunds")
        if refunds:
            order = {**order, "refunds": self.rest.get(f"orders/{order_id}/refunds", per_page=100)}
        return Found(order_id=order_id, topic="order.updated", body=json.dumps(order).encode())

    # ---- told

    def order(self, order_id: str) -> Seen:
        """Read an order, less what was refunded. Raises Rejected when the shop has it no more."""
        order = self._read(order_id)
        status = _field(order, "status")
        kept = _kept(order)
        refunds = self.rest.get(f"orders/{order_id}/refunds", per_page=100) if order.get("refunds") else []
        refunded = woocommerce.refunded(refunds)
        parts = []
        for item in _rows(order, "line_items"):
            line = str(_field(item, "id"))
            bought = _field(item, "quantity")
            units = max(bought - refunded.get(line, 0), 0) if isinstance(bought, int) else 0
            done = units if status == woocommerce.SHIPPED else min(kept.get(line, 0), units)
            parts.append(
                Part(
                    line=line,
                    fulfilment_order=order_id,
                    location="",
                    item=line,
                    units=units,
                    left=units - done,
                    is_open=status not in woocommerce.GIVEN_UP,
                )
            )
        told = frozenset(key.removeprefix(PARCEL) for key in _fields(order) if key.startswith(PARCEL))
        return Seen(is_cancelled=status in woocommerce.GIVEN_UP, parts=tuple(parts), tracking=told)

    def say_fulfilment(self, parts: Sequence[tuple[Part, int]], parcel: Parcel | None = None) -> None:
        """Keep what is fulfilled now on the order and in what parcel, complete it with the last unit, leave a note.

        A note with a parcel's number goes to the customer: the core has no other place for it.
        """
        order_id = parts[0][0].fulfilment_order
        told = {part.line: part.units - part.left + units for part, units in parts}
        left = sum(part.left for part in self.order(order_id).parts if part.line not in told)
        left += sum(part.left - units for part, units in parts)
        kept = {f"{FULFILLED}{line}": str(units) for line, units in sorted(told.items())}
        carrier = CARRIERS.get(parcel.carrier, parcel.carrier) if parcel else ""
        if parcel:
            kept[f"{PARCEL}{parcel.number}"] = carrier
        change: dict[str, Any] = {"meta_data": [{"key": key, "value": value} for key, value in kept.items()]}
        self._change(order_id, change | ({} if left else {"status": woocommerce.SHIPPED}))
        said = ", ".join(f"{units} of line {part.line}" for part, units in parts)
        found = f", {carrier} {parcel.number}".replace("  ", " ") if parcel else ""
        self.rest.post(f"orders/{order_id}/notes", {"note": f"Shipped: {said}{found}.", "customer_note": bool(parcel)})

    def say_cancel(self, order_id: str, *, refunds: bool) -> str:
        """Cancel an order; the shop would do so after it was shipped, too.

        Raises Rejected for one that it has as shipped, and where money shall go back, which is for its payment plugin.
        """
        if refunds:
            raise Rejected("this platform's money goes back by hand", code="refund_by_hand", order=order_id)
        if _field(self._read(order_id), "status") == woocommerce.SHIPPED:
            raise Rejected("the shop has this as shipped", code="not_cancelled", order=order_id)
        if _field(self._change(order_id, {"status": "cancelled"}), "status") not in woocommerce.GIVEN_UP:
            raise Rejected("the shop does not cancel this", code="not_cancelled", order=order_id)
        return ""

    def is_done(self, _job: str) -> bool:
        """Answer yes: nothing is a job here."""
        return True

    def _read(self, order_id: str) -> Mapping[str, Any]:
        return self._of(order_id, self.rest.get, f"orders/{order_id}")

    def _change(self, order_id: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._of(order_id, self.rest.put, f"orders/{order_id}", told)

    @staticmethod
    def _of(order_id: str, ask: Callable[..., Any], *asked: object) -> Mapping[str, Any]:
        """Ask about one order. Raises Rejected when the shop has it no more."""
        try:
            answer = ask(*asked)
        except InvalidInput as failure:
            if failure.details.get("status") == NOT_FOUND:
                raise Rejected("the shop has no such order", code="no_such_order", order=order_id) from failure
            raise
        if not isinstance(answer, dict):
            raise strange("order")
        return answer


def _changed_at(order: Mapping[str, Any]) -> datetime:
    return times.read(f"{_field(order, 'date_modified_gmt')}Z", "date_modified_gmt")


def _kept(order: Mapping[str, Any]) -> dict[str, int]:
    """Read the units fulfilled, by line, from the order's fields."""
    return {
        key.removeprefix(FULFILLED): int(value)
        for key, value in _fields(order).items()
        if key.startswith(FULFILLED) and _COUNT.fullmatch(value)
    }


def _fields(order: Mapping[str, Any]) -> dict[str, str]:
    """Read an order's fields; of two of one name the last one counts, for people may add some."""
    return {str(meta.get("key")): str(meta.get("value")) for meta in _rows(order, "meta_data")}


def _rows(order: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    found = order.get(field)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise strange(field)
    return found


def _field(order: object, field: str) -> Any:  # noqa: ANN401 - the platform's JSON
    if not isinstance(order, dict) or field not in order:
        raise strange(field)
    return order[field]
