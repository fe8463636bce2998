"""Webhooks of a BigCommerce store that tell us of its orders: which are there, and making those that are not.

They belong to the API account whose token made them and are signed with its client secret. A store switches one off
after 48 hours of failures or 90 days of silence. (github.com/bigcommerce/docs: `docs/integrations/webhooks/
overview.mdx`, `reference/webhooks.v3.yml`.)
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.storefronts.bigcommerce import ORDER_TOPICS
from shared.storefronts.bigcommerce_rest import Api, data
from shared.storefronts.subscriptions import ACTIVE, MISSING, Subscription

OFF = "deactivated"
TOPICS = tuple(sorted(ORDER_TOPICS.keys() - {"store/order/statusUpdated"}))
"""A change of the status is an update, too: asking for both would have every order fetched twice."""


def look(api: Api, delivery_url: str) -> tuple[Subscription, ...]:
    """Look for a webhook of every topic that delivers to a URL: a store has no two of them."""
    listed = data(api.get("v3/hooks", destination=delivery_url, limit=250), "webhooks")
    ours = [each for each in listed if each.get("destination") == delivery_url and isinstance(each.get("id"), int)]
    found = {str(each.get("scope")): each for each in ours}
    return tuple(
        Subscription(
            topic=topic, state=ACTIVE if found[topic].get("is_active") is True else OFF, webhook=found[topic]["id"]
        )
        if topic in found
        else Subscription(topic=topic, state=MISSING)
        for topic in TOPICS
    )


def mend(api: Api, delivery_url: str, found: Iterable[Subscription]) -> None:
    """Make what is missing and switch on what is off."""
    for each in found:
        if each.state == MISSING:
            api.post("v3/hooks", {"scope": each.topic, "destination": delivery_url, "is_active": True})
        elif each.state != ACTIVE:
            api.put(f"v3/hooks/{each.webhook}", {"is_active": True})
