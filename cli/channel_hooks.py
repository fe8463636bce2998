"""What tells us of a shop's orders, and whether it answers: seen by `channels check`, made by `channels subscribe`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

import typer

from cli import channel_amazon
from cli.finding import Finding
from cli.session import Session, writes
from cli.target import Target
from shared.domain import platforms
from shared.domain.names import ChannelId
from shared.domain.rules import Channel
from shared.errors import AppError, InvalidInput
from shared.runtime import clock
from shared.storefronts import bigcommerce_hooks, bigcommerce_stock, woocommerce_hooks
from shared.storefronts.bigcommerce_rest import Api
from shared.storefronts.contract import NOT_UNDERSTOOD
from shared.storefronts.json_calls import NOT_FOUND, UNAUTHORIZED
from shared.storefronts.outbound import Outbound
from shared.storefronts.subscriptions import ACTIVE, Subscription
from shared.storefronts.woocommerce_rest import Rest

app = typer.Typer()

Which = Annotated[
    str,
    typer.Argument(metavar="CHANNEL", help="A WooCommerce or BigCommerce shop or Amazon seller of the rules."),
]

HAVE_WEBHOOKS = (platforms.WOOCOMMERCE, platforms.BIGCOMMERCE)
SUBSCRIBABLE = (*HAVE_WEBHOOKS, platforms.AMAZON)
FORBIDDEN = 403
LOOKS_LIKE = {
    platforms.WOOCOMMERCE: "WooCommerce: https://<shop>/wp-json/wc/v3",
    platforms.BIGCOMMERCE: "BigCommerce: https://api.bigcommerce.com/stores/<hash>",
    platforms.AMAZON: "Amazon: the endpoint of the seller's region, https://sellingpartnerapi-<region>.amazon.com",
}
"""Platform -> where its API is."""


def webhook_url(target: Target, channel: ChannelId) -> str:
    """Say where a shop's events go."""
    return f"{target.outputs['ApiUrl'].rstrip('/')}/webhooks/{channel}"


def answers(target: Target, channel: Channel, token: str) -> Iterator[Finding]:
    """Ask a shop that is not Shopify's: for its webhooks where it has some, Amazon for roles and a subscription.

    A generic one is asked for no quantities at all.
    """
    try:
        if channel.platform == platforms.BIGCOMMERCE:
            yield from _scopes(channel, Api(url=channel.api_url, token=token))
        if channel.platform in HAVE_WEBHOOKS:
            yield _hooks(target, channel, token)
        elif channel.platform == platforms.AMAZON:
            yield from channel_amazon.findings(target, channel, token)
        else:
            shops = Outbound(token=lambda _: token, now=clock.now, new_id=lambda: uuid.uuid4().hex, wait=clock.wait)
            shops.numbers(channel).list_levels(())
            yield Finding(what="shop", is_right=True, told=f"{channel.api_url} takes our signature")
    except AppError as failure:
        yield Finding(what="shop", is_right=False, told=f"{channel.api_url}: {failure}", do=_remedy(channel, failure))


@app.command()
@writes
def subscribe(session: Session, channel: Which) -> None:
    """Make the webhooks that a shop lacks, and switch on those it has off.

    WooCommerce signs them with the current secret; one whose secret was changed by hand in the shop is left as it is.
    BigCommerce signs them with the client secret of the API account, which is to be the current one. For an Amazon
    seller, make the subscription that has Amazon post to our queue.
    """
    rules = session.target.config().rules(clock.now())
    found = rules.channels.get(ChannelId(channel))
    if found is None or found.platform not in SUBSCRIBABLE:
        known = ", ".join(sorted(key for key, each in rules.channels.items() if each.platform in SUBSCRIBABLE))
        told = f"{channel!r} is no shop that can be subscribed; known: {known or 'none'}"
        raise typer.BadParameter(told, param_hint="CHANNEL")
    secret = _secret(session.target, found)
    if found.platform == platforms.AMAZON:
        channel_amazon.subscribe(session, found, secret["token"])
        return
    url = webhook_url(session.target, found.channel)
    off = [each for each in _look(found, secret["token"], url) if each.state != ACTIVE]
    is_written = bool(off) and session.agree([f"webhook {each.topic}: {each.state} -> {ACTIVE}" for each in off])
    if is_written:
        _mend(found, secret, url, off)
        session.tell("done")
    if not off:
        session.tell("all webhooks are there and active")
    session.answer({"channel": channel, "topics": [each.topic for each in off], "is_written": is_written})


def _hooks(target: Target, channel: Channel, token: str) -> Finding:
    url = webhook_url(target, channel.channel)
    found = _look(channel, token, url)
    off = [f"{each.topic} is {each.state}" for each in found if each.state != ACTIVE]
    if not off:
        return Finding(what="webhooks", is_right=True, told=f"{len(found)} active to {url}")
    do = f"`truestock channels subscribe {channel.channel}`"
    return Finding(what="webhooks", is_right=False, told=f"{', '.join(off)} to {url}", do=do)


def _look(channel: Channel, token: str, url: str) -> tuple[Subscription, ...]:
    if channel.platform == platforms.BIGCOMMERCE:
        return bigcommerce_hooks.look(Api(url=channel.api_url, token=token), url)
    return woocommerce_hooks.look(Rest(url=channel.api_url, token=token), url)


def _mend(channel: Channel, secret: dict[str, Any], url: str, off: Iterable[Subscription]) -> None:
    if channel.platform == platforms.BIGCOMMERCE:
        bigcommerce_hooks.mend(Api(url=channel.api_url, token=secret["token"]), url, off)
    else:
        woocommerce_hooks.mend(Rest(url=channel.api_url, token=secret["token"]), url, secret["current"], off)


def _scopes(channel: Channel, api: Api) -> Iterator[Finding]:
    """Read what each scope opens; whether it may be changed, too, shows only when it is."""
    yield _scope("Orders", lambda: api.get("v2/orders", limit=1))
    try:
        yield _scope("Store Inventory", lambda: api.get(bigcommerce_stock.items_of(channel.location), limit=1))
    except InvalidInput as failure:
        if failure.details.get("status") != NOT_FOUND:
            raise
        do = f"put a location of the shop into channels.{channel.channel}.location and run `truestock config push`"
        yield Finding(what="location", is_right=False, told=f"the shop has no location {channel.location}", do=do)


def _scope(name: str, ask: Callable[[], object]) -> Finding:
    try:
        ask()
    except InvalidInput as failure:
        if failure.details.get("status") != FORBIDDEN:
            raise
        do = f"give the API account the scope {name}: modify"
        return Finding(what="scope", is_right=False, told=f"{name} is not open to our token", do=do)
    return Finding(what="scope", is_right=True, told=f"{name} is open to our token")


def _remedy(channel: Channel, failure: AppError) -> str:
    at, shown = f"channels.{channel.channel}.api_url", LOOKS_LIKE.get(channel.platform, "any https URL")
    if failure.details.get("status") in UNAUTHORIZED or failure.code == "token":
        return f"give us a key that may read and write, by `truestock channels rotate {channel.channel} --token`"
    if failure.code in {"shop_silent", "shop_answer", "shop_refused", NOT_UNDERSTOOD}:
        return f"see that {at} is right ({shown}) and can be reached from here"
    return "ask again soon"


def read_secret(target: Target, name: str) -> dict[str, Any] | None:
    """Read a shop's secret: None when there is none, empty when it is no JSON table."""
    manager = target.secretsmanager()
    try:
        kept = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
    except manager.exceptions.ResourceNotFoundException:
        return None
    except (KeyError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _secret(target: Target, channel: Channel) -> dict[str, Any]:
    name = f"{target.secret_prefix}/shops/{channel.channel}"
    kept = read_secret(target, name) or {}
    signs = channel.platform != platforms.AMAZON
    if (signs and not kept.get("current")) or not kept.get("token"):
        raise InvalidInput("a shop's secret lacks its signing secret or its token", code="secret", secret=name)
    return kept
