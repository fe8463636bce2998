"""An Amazon seller's notifications and what our application may do: seen by `channels check`, made by `subscribe`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from cli.finding import Finding
from cli.session import Session
from cli.target import Target
from shared.domain.names import ChannelId
from shared.domain.rules import Channel
from shared.errors import InvalidInput
from shared.runtime import clock
from shared.storefronts import amazon_hooks
from shared.storefronts.amazon import ORDER_CHANGE
from shared.storefronts.amazon_api import Api
from shared.storefronts.outbound import Outbound

QUEUE = "ShopEventQueueUrl"
"""The stack's output that names where Amazon posts to."""


def findings(target: Target, channel: Channel, token: str) -> Iterator[Finding]:
    """Ask for the application's roles and for the subscription to changes of orders."""
    api = _api(channel, token)
    lacking = amazon_hooks.forbidden(api)
    if lacking:
        do = "give the application these roles in Seller Central, have the seller authorise it anew"
        do += f", and keep the new refresh token by `truestock channels rotate {channel.channel} --token`"
        yield Finding(what="roles", is_right=False, told=f"missing: {', '.join(lacking)}", do=do)
    else:
        yield Finding(what="roles", is_right=True, told=f"{channel.api_url} takes our token for listings and orders")
    yield _subscription(amazon_hooks.look(api, queue_arn(target)), channel.channel)


def subscribe(session: Session, channel: Channel, token: str) -> None:
    """Make the destination of our queue and the seller's subscription to it, where they are missing."""
    api, arn = _api(channel, token), queue_arn(session.target)
    found = amazon_hooks.look(api, arn)
    is_written = not found.is_right and session.agree([f"ORDER_CHANGE of {channel.shop} -> {arn}"])
    if is_written:
        amazon_hooks.mend(api, arn, found)
        session.tell("done")
    if found.is_right:
        session.tell("Amazon posts to our queue already")
    topics = [] if found.is_right else [ORDER_CHANGE]
    session.answer({"channel": channel.channel, "topics": topics, "is_written": is_written})


def queue_arn(target: Target) -> str:
    """Return the queue that Amazon posts to. Raises InvalidInput for a stack without one."""
    url = target.outputs.get(QUEUE)
    if not url:
        raise InvalidInput("the stack has no queue for shops' events: deploy this release", code="no_queue")
    asked = target.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return asked["Attributes"]["QueueArn"]


def _subscription(found: amazon_hooks.Subscription, channel: ChannelId) -> Finding:
    if found.is_right:
        return Finding(what="subscription", is_right=True, told="changes of orders are posted to our queue")
    if found.goes_to:
        do = "delete that subscription if it is nobody's any more (deleteSubscriptionById), then subscribe"
        told = f"changes of orders go to another destination, {found.goes_to}"
        return Finding(what="subscription", is_right=False, told=told, do=do)
    told = "our queue is a destination, not subscribed" if found.destination else "our queue is no destination"
    return Finding(what="subscription", is_right=False, told=told, do=f"`truestock channels subscribe {channel}`")


def _api(channel: Channel, token: str) -> Api:
    return Outbound(token=lambda _: token, now=clock.now, new_id=lambda: uuid.uuid4().hex, wait=clock.wait).api(channel)
