"""What a generic shop is told and asked: one URL, signed POSTs by the Standard Webhooks specification.

Each is `{"type": ..., "data": {...}}`; docs/storefronts.md has all seven. `webhook-id` of a change is its idempotency
key: the same change has the same one however often it is tried, and the shop answers what it answered first.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain import times
from shared.domain.pace import Limit
from shared.domain.platforms import OrderMapping
from shared.errors import InvalidInput, Rejected
from shared.storefronts import json_calls, payloads, standard_webhooks, web
from shared.storefronts.contract import (
    NOT_TAKEN,
    Answer,
    Found,
    Listing,
    Parcel,
    Part,
    Quantity,
    Seen,
    is_taken,
    write_key,
)

TIMEOUT_SECONDS = 8
MOST_PAGES = 1000
LIMIT = Limit(per_second=10.0, burst=20.0)
"""Calls, unless the rules have a lower one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericShop:
    """A shop at a URL. `token`: the secret that signs what we send, `whsec_...`.

    `now` is the time that is signed, `new_id` never gives the same twice. Every call raises Transient when the shop is
    busy or silent, InvalidInput when it refuses us or what we ask, or answers in another shape.
    """

    url: str
    token: str = field(repr=False)
    mapping: OrderMapping
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    send: web.Send = web.send

    # ---- quantities

    def say_quantity(self, wanted: Sequence[Quantity]) -> Answer:
        """Set absolute numbers, and look whether they are there; the shop answers which it refuses, and why."""
        items = [{"listing": each.item, "quantity": each.units} for each in wanted]
        answer = self._ask("stock.set", {"items": items}, key=write_key(wanted))
        codes = {str(each.get("listing")): str(each.get("error"))[:80] for each in _rows(answer, "refused")}
        said = [each for each in wanted if each.item not in codes]
        shown = self.list_levels(each.item for each in said)
        not_taken = {each.item: NOT_TAKEN for each in said if not is_taken(each, shown.get(each.item))}
        return Answer(refused={each.item: codes[each.item] for each in wanted if each.item in codes} | not_taken)

    def list_levels(self, items: Iterable[str]) -> dict[str, int]:
        """Read the shop's own numbers; what it does not know is absent."""
        answer = self._ask("stock.read", {"listings": sorted(items)})
        told = {str(each.get("listing")): each.get("quantity") for each in _rows(answer, "items")}
        return {listing: units for listing, units in told.items() if isinstance(units, int)}

    def list_products(self) -> Iterator[Listing]:
        """Yield what the shop lists and has a SKU for that can be one of ours."""
        cursor: object = None
        for _ in range(MOST_PAGES):
            answer = self._ask("products.list", {"cursor": cursor})
            for each in _rows(answer, "products"):
                sku, listing = payloads.sku_or_none(each.get("sku")), each.get("listing")
                if sku and isinstance(listing, str):
                    title = payloads.short(each.get("title"))
                    yield Listing(sku=sku, listing=listing, title=title, is_counted=True)
            cursor = answer.get("next")
            if cursor is None:
                return
        raise InvalidInput("the shop's products have no end", code="shop_answer", pages=MOST_PAGES)

    # ---- orders

    def list_orders_since(self, since: datetime) -> Iterator[Found]:
        """Yield orders changed at or after a time, each as its event would tell it."""
        cursor: object = None
        for _ in range(MOST_PAGES):
            answer = self._ask("orders.list", {"since": times.text(since), "cursor": cursor})
            yield from map(self._found, _rows(answer, "orders"))
            cursor = answer.get("next")
            if cursor is None:
                return
        raise InvalidInput("the shop's orders have no end", code="shop_answer", pages=MOST_PAGES)

    def fetch_order(self, order_id: str) -> Found:
        """Read one order as its event would tell it. Raises Rejected when the shop has it no more."""
        answer = self._of_order(order_id, "order.fetch", {"order": order_id})
        order = answer.get("order")
        if not isinstance(order, dict):
            raise json_calls.strange("order.fetch")
        return self._found(order)

    def _found(self, order: Mapping[str, Any]) -> Found:
        order_id = standard_webhooks.pick(order, self.mapping.order)
        told = standard_webhooks.pick(order, self.mapping.topic)
        topic = told if isinstance(told, str) and told in self.mapping.topics else "unknown"
        return Found(order_id=str(order_id), topic=topic, body=json.dumps(order).encode())

    def order(self, order_id: str) -> Seen:
        """Read an order. Raises Rejected when the shop has it no more."""
        answer = self._of_order(order_id, "order.read", {"order": order_id})
        parts = []
        for each in _rows(answer, "lines"):
            units, fulfilled = each.get("quantity"), each.get("fulfilled")
            if not isinstance(units, int) or not isinstance(fulfilled, int):
                raise json_calls.strange("order.read")
            parts.append(
                Part(
                    line=str(each.get("line")),
                    fulfilment_order=order_id,
                    location="",
                    item=str(each.get("line")),
                    units=units,
                    left=max(units - fulfilled, 0),
                    is_open=True,
                )
            )
        parcels = _rows(answer, "parcels") if "parcels" in answer else []
        told = frozenset(str(each["number"]) for each in parcels if each.get("number"))
        return Seen(is_cancelled=answer.get("is_cancelled") is True, parts=tuple(parts), tracking=told)

    def say_fulfilment(self, parts: Sequence[tuple[Part, int]], parcel: Parcel | None = None) -> None:
        """Say how many units of lines are fulfilled now, all in all, and in what parcel the last of them are."""
        order_id = parts[0][0].fulfilment_order
        lines = [{"line": part.line, "fulfilled": part.units - part.left + units} for part, units in parts]
        data: dict[str, Any] = {"order": order_id, "lines": sorted(lines, key=lambda line: str(line["line"]))}
        if parcel:
            data["parcel"] = {"number": parcel.number, "carrier": parcel.carrier}
        self._of_order(order_id, "order.fulfil", data, key=_key("order.fulfil", data))

    def say_cancel(self, order_id: str, *, refunds: bool) -> str:
        """Cancel an order. Raises Rejected when the shop does not."""
        data = {"order": order_id, "refund": refunds}
        answer = self._of_order(order_id, "order.cancel", data, key=_key("order.cancel", data))
        if answer.get("is_cancelled") is not True:
            raise Rejected("the shop does not cancel this", code="not_cancelled", order=order_id)
        return ""

    def is_done(self, _job: str) -> bool:
        """Answer yes: nothing is a job here."""
        return True

    # ---- the way there

    def _of_order(self, order_id: str, kind: str, data: Mapping[str, Any], key: str = "") -> dict[str, Any]:
        try:
            return self._ask(kind, data, key=key)
        except InvalidInput as failure:
            if failure.details.get("status") == json_calls.NOT_FOUND:
                raise Rejected("the shop has no such order", code="no_such_order", order=order_id) from failure
            raise

    def _ask(self, kind: str, data: Mapping[str, Any], key: str = "") -> dict[str, Any]:
        body = json.dumps({"type": kind, "data": data}, separators=(",", ":")).encode()
        event_id, seconds = key or self.new_id(), str(int(self.now().timestamp()))
        signs = standard_webhooks.key(self.token)
        if not signs:
            raise InvalidInput("a shop's token is no secret such as whsec_...", code="token")
        digest = hmac.digest(signs, standard_webhooks.signed(event_id, seconds, body), hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": seconds,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
        request = web.Request(method="POST", url=self.url, headers=headers, body=body, timeout=TIMEOUT_SECONDS)
        read = json_calls.ask(self.send, request)
        if not isinstance(read, dict):
            raise json_calls.strange(kind)
        return read


def _key(kind: str, data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([kind, data], sort_keys=True).encode()).hexdigest()[:40]


def _rows(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise json_calls.strange(name)
    return found
