"""Webhooks of a WooCommerce shop that tell us of orders and products: which are there, and making those that are not.

A shop switches a webhook off after five failures in a row and says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.storefronts.json_calls import strange
from shared.storefronts.subscriptions import ACTIVE, MISSING, Subscription
from shared.storefronts.woocommerce import ORDER_TOPICS, PRODUCT_TOPICS
from shared.storefronts.woocommerce_rest import Rest


def look(rest: Rest, delivery_url: str) -> tuple[Subscription, ...]:
    """Look for a webhook of every topic that delivers to a URL; of several, an active one counts."""
    listed = rest.get("webhooks", per_page=100)
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise strange("webhooks")
    ours = [each for each in listed if each.get("delivery_url") == delivery_url and isinstance(each.get("id"), int)]
    ours.sort(key=lambda each: each.get("status") == ACTIVE)
    found = {str(each.get("topic")): each for each in ours}
    return tuple(
        Subscription(topic=topic, state=str(found[topic].get("status")), webhook=found[topic]["id"])
        if topic in found
        else Subscription(topic=topic, state=MISSING)
        for topic in (*ORDER_TOPICS, *sorted(PRODUCT_TOPICS))
    )


def mend(rest: Rest, delivery_url: str, secret: str, found: Iterable[Subscription]) -> None:
    """Make what is missing and switch on what is off, each signed with the secret."""
    for each in found:
        signed = {"status": ACTIVE, "secret": secret}
        if each.state == MISSING:
            told = {"name": f"Truestock {each.topic}", "topic": each.topic, "delivery_url": delivery_url}
            rest.post("webhooks", told | signed)
        elif each.state != ACTIVE:
            rest.put(f"webhooks/{each.webhook}", signed)
