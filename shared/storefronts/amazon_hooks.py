"""What makes Amazon post to our queue: a destination, which is the queue, and a subscription of the seller's to it.

(models/notifications-api-model/notifications.json.) A destination is the application's, so it is made and listed
without a seller; a subscription is the seller's, one a type and version of its payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.errors import InvalidInput
from shared.storefronts.amazon import ORDER_CHANGE
from shared.storefronts.amazon_api import FORBIDDEN, NOT_FOUND, NOTIFICATIONS, Api
from shared.storefronts.amazon_orders import INCLUDED, ORDERS
from shared.storefronts.amazon_stock import listings_of
from shared.storefronts.json_calls import strange

DESTINATIONS = "/notifications/v1/destinations"
SUBSCRIPTION = f"/notifications/v1/subscriptions/{ORDER_CHANGE}"
PAYLOAD_VERSION = "1.0"
CHANGES = ("OrderStatusChange", "BuyerRequestedChange")
NO_ORDER = "000-0000000-0000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What is there: the destination of our queue and where the seller's subscription goes, each empty when missing."""

    destination: str
    goes_to: str

    @property
    def is_right(self) -> bool:
        """Whether changes of orders come to our queue."""
        return bool(self.destination) and self.destination == self.goes_to


def look(api: Api, queue_arn: str) -> Subscription:
    """Look for both."""
    answer = api.get("getDestinations", DESTINATIONS, scope=NOTIFICATIONS)
    listed = _payload(answer, list, "destinations")
    ours = [each for each in listed if isinstance(each, dict) and _queue(each) == queue_arn]
    destination = str(ours[0].get("destinationId", "")) if ours else ""
    try:
        found = _payload(api.get("getSubscription", SUBSCRIPTION), dict, "subscription")
    except InvalidInput as failure:
        if failure.details.get("status") != NOT_FOUND:
            raise
        found = {}
    return Subscription(destination=destination, goes_to=str(found.get("destinationId", "")))


def mend(api: Api, queue_arn: str, found: Subscription) -> None:
    """Make what is missing. Raises InvalidInput for a subscription that goes elsewhere: whose it is, we cannot know."""
    if found.goes_to and not found.is_right:
        raise InvalidInput("the subscription goes to another queue", code="subscribed_elsewhere", to=found.goes_to)
    destination = found.destination
    if not destination:
        told = {"name": "truestock", "resourceSpecification": {"sqs": {"arn": queue_arn}}}
        made = _payload(api.post("createDestination", DESTINATIONS, told, NOTIFICATIONS), dict, "destination")
        destination = str(made.get("destinationId", ""))
    chosen = {"eventFilterType": ORDER_CHANGE, "orderChangeTypes": list(CHANGES)}
    asked = {"payloadVersion": PAYLOAD_VERSION, "destinationId": destination}
    api.post("createSubscription", SUBSCRIPTION, asked | {"processingDirective": {"eventFilter": chosen}})


def forbidden(api: Api) -> tuple[str, ...]:
    """Name the roles that the application lacks: of what it may not read, Amazon says 403."""
    asked = {
        "Product Listing": (
            "searchListingsItems",
            listings_of(api),
            {"marketplaceIds": api.marketplace, "pageSize": "1"},
        ),
        "Inventory and Order Tracking": ("getOrder", f"{ORDERS}/{NO_ORDER}", {"includedData": INCLUDED}),
    }
    lacking = []
    for role, (operation, path, query) in asked.items():
        try:
            api.get(operation, path, query)
        except InvalidInput as failure:
            if failure.details.get("status") == FORBIDDEN:
                lacking.append(role)
            elif failure.code == "token" or operation != "getOrder":
                raise
    return tuple(lacking)


def _queue(destination: dict[str, Any]) -> object:
    resource = destination.get("resource")
    sqs = resource.get("sqs") if isinstance(resource, dict) else None
    return sqs.get("arn") if isinstance(sqs, dict) else None


def _payload(answer: object, kind: type, what: str) -> Any:  # noqa: ANN401 - the platform's JSON
    payload = answer.get("payload") if isinstance(answer, dict) else None
    if not isinstance(payload, kind):
        raise strange(what)
    return payload
