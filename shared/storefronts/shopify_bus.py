"""What Shopify sends over an EventBridge partner bus: a webhook's headers and body inside an event of the bus.

Nothing is signed: the body was written anew on its way, so its HMAC fits no more, and Shopify asks for none. Who sent
it is known by the bus, whose source is one app's: `source` and `account` are ours, or it is refused.
(https://shopify.dev/docs/apps/build/webhooks/subscribe/event-bridge)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import InvalidInput
from shared.storefronts.payloads import Object, short

WEBHOOK = "shopifyWebhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """Whose events are believed: `source`, as the partner event source is called, empty for no bus, and our account."""

    source: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A webhook as it would have come by HTTP. Header names are in lower case."""

    shop: str
    headers: Mapping[str, str]
    body: bytes


def is_carried(event: Mapping[str, Any]) -> bool:
    """Answer whether this is an event of a bus at all."""
    return "detail-type" in event


def read(event: Mapping[str, Any], bus: Bus) -> Carried:
    """Read an event of our bus. Raises InvalidInput for one of another bus, and for what is no webhook.

    The names of `metadata` come in more than one spelling.
    """
    told = {"source": bus.source, "account": bus.account, "detail-type": WEBHOOK}
    if not bus.source or any(event.get(name) != value for name, value in told.items()):
        found = {name.replace("-", "_"): str(event.get(name))[:80] for name in told}
        raise InvalidInput("an event is not of our bus", code="other_bus", **found)
    detail = Object(event.get("detail"), "detail")
    told_with = Object(detail.value.get("metadata"), "metadata").value
    headers = {name.lower(): value for name, value in told_with.items() if isinstance(value, str)}
    payload = Object(detail.value.get("payload"), "payload").value
    try:
        body = json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:  # a number out of all bounds, or half a character
        raise InvalidInput("a payload cannot be written as JSON", code="not_json") from error
    return Carried(shop=short(headers.get("x-shopify-shop-domain")), headers=headers, body=body)
