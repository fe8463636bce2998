"""`truestock channels check`: whether a shop and we reach each other, and what is in the way of telling it numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from cli import channel_hooks
from cli.finding import Finding
from cli.session import Session, reads
from cli.target import Target
from cli.words import moment
from shared.domain import platforms, times
from shared.domain.availability import Rank
from shared.domain.names import ChannelId
from shared.domain.rules import Channel, Rules
from shared.errors import AppError, InvalidInput
from shared.runtime import clock
from shared.storage import pauses
from shared.storage.availability import Availability, Lease, Leases, Mark
from shared.storage.pauses import Pause, Pauses
from shared.storefronts import graphql, shopify
from shared.storefronts.contract import NOT_UNDERSTOOD

app = typer.Typer()

TIMEOUT_SECONDS = 5
MOST_MARKS = 1_000
UNAUTHORIZED = (401, 403)

_SHOP = "query Shop { shop { myshopifyDomain } }"
_LOCATION = "query Location($id: ID!) { location(id: $id) { id } }"

_WEBHOOKS = "query Webhooks { webhookSubscriptions(first: 250) { nodes { topic uri } } }"

Which = Annotated[str, typer.Argument(metavar="CHANNEL", help="All active channels without it.")]
Post = Callable[[str, str, str, Mapping[str, Any], float], Mapping[str, Any]]


@app.command()
@reads
def check(session: Session, channel: Which = "") -> None:
    """Check secrets, the shop's answer, its location, pauses, and what waits; exit 1 when something is wrong."""
    now = clock.now()
    looked_at = chosen(session.target.config().rules(now), channel)
    answered, is_right = {}, True
    for each in looked_at:
        findings = list(look(session.target, each, now, graphql.post))
        rows = [("ok" if one.is_right else "WRONG", one.what, one.told) for one in findings]
        session.table(f"{each.channel} ({each.shop})", ["", "what", "seen"], rows)
        for one in findings:
            if one.do:
                session.tell(f"what to do about {one.what}: {one.do}")
        answered[each.channel] = [asdict(one) for one in findings]
        is_right = is_right and all(one.is_right for one in findings)
    if not looked_at:
        session.tell("the rules have no active channel")
    session.answer({"is_right": is_right, "channels": answered})
    if not is_right:
        raise typer.Exit(1)


def chosen(rules: Rules, channel: str) -> tuple[Channel, ...]:
    """Return the channel that was named, or all active ones. Raises typer.BadParameter for an unknown one."""
    if channel and channel not in rules.channels:
        known = ", ".join(sorted(rules.channels)) or "none"
        raise typer.BadParameter(
            f"{channel!r} is no channel of the current rules; known: {known}", param_hint="CHANNEL"
        )
    return (rules.channels[ChannelId(channel)],) if channel else rules.active_channels


def look(target: Target, channel: Channel, now: datetime, post: Post) -> Iterator[Finding]:
    """Look at everything between us and a shop."""
    name = f"{target.secret_prefix}/shops/{channel.channel}"
    yield active(channel)
    secret = channel_hooks.read_secret(target, name)
    yield from secrets(secret, name, channel.channel, signs=channel.platform != platforms.AMAZON)
    if secret and secret.get("token"):
        token = str(secret["token"])
        if channel.platform == platforms.SHOPIFY:
            yield is_shop(channel, token, post)
            yield has_location(channel, token, post)
            if source := target.outputs.get("ShopifyEventSource"):
                yield has_webhooks(channel, token, source, post)
        else:
            yield from channel_hooks.answers(target, channel, token)
    stock = target.stock()
    yield paused(Pauses(stock).stops(pauses.channel(channel.channel)), channel.channel)
    yield leased(Leases(stock).read(channel.channel), times.text(now))
    yield waits(Availability(stock).marks(channel.channel, MOST_MARKS))


def active(channel: Channel) -> Finding:
    """Say whether the rules let it be told at all."""
    if channel.active:
        return Finding(what="rules", is_right=True, told="the channel is active")
    do = f"set channels.{channel.channel}.active and run `truestock config push`"
    return Finding(what="rules", is_right=False, told="the channel is not active: it is told nothing", do=do)


def secrets(
    secret: Mapping[str, Any] | None, name: str, channel: ChannelId, *, signs: bool = True
) -> Iterator[Finding]:
    """Look for both secrets, without showing either. `signs`: whether the platform signs its events with one."""
    make = f"`truestock channels rotate {channel}`"
    if secret is None:
        yield Finding(what="secret", is_right=False, told=f"there is no {name}", do=f"{make}, then with --token")
        return
    signing, token = ("signing secret", "current", make), ("token", "token", f"{make[:-1]} --token`")
    for what, field, do in (signing, token) if signs else (token,):
        is_there = bool(secret.get(field))
        told = f"{name} has one" if is_there else f"{name} has none"
        yield Finding(what=what, is_right=is_there, told=told, do="" if is_there else do)


def is_shop(channel: Channel, token: str, post: Post) -> Finding:
    """Ask the shop who it is."""
    try:
        found = graphql.data(post(channel.api_url, token, _SHOP, {}, TIMEOUT_SECONDS), "shop")
        domain = str(found["myshopifyDomain"])
    except (AppError, KeyError, TypeError, ValueError) as failure:
        return _unanswered("shop", channel, failure)
    if domain.lower() == channel.shop.lower():
        return Finding(what="shop", is_right=True, told=f"{domain} takes our token")
    told = f"{channel.api_url} is {domain}, the rules say {channel.shop}"
    do = f"mend channels.{channel.channel}.shop or .api_url and run `truestock config push`"
    return Finding(what="shop", is_right=False, told=told, do=do)


def has_location(channel: Channel, token: str, post: Post) -> Finding:
    """Ask the shop for the location that its numbers are of."""
    variables = {"id": channel.location}
    try:
        answer = post(channel.api_url, token, _LOCATION, variables, TIMEOUT_SECONDS)
        found = graphql.data(answer, "location", may_lack=True) or {}
    except (AppError, TypeError, AttributeError, ValueError) as failure:
        return _unanswered("location", channel, failure)
    if isinstance(found, dict) and found.get("id") == channel.location:
        return Finding(what="location", is_right=True, told=f"{channel.location} is there")
    do = f"put a location of the shop into channels.{channel.channel}.location and run `truestock config push`"
    return Finding(what="location", is_right=False, told=f"the shop has no {channel.location}", do=do)


def has_webhooks(channel: Channel, token: str, source: str, post: Post) -> Finding:
    """Ask the shop whether it sends what we act on to the partner bus: each topic, or it comes by HTTP alone."""
    try:
        answer = post(channel.api_url, token, _WEBHOOKS, {}, TIMEOUT_SECONDS)
        nodes = graphql.data(answer, "webhookSubscriptions")["nodes"]
        sent = {str(each["topic"]) for each in nodes if str(each["uri"]).endswith(f":event-source/{source}")}
    except (AppError, KeyError, TypeError, ValueError) as failure:
        return _unanswered("event bus", channel, failure)
    wanted = {topic.replace("/", "_").upper() for topic in (*shopify.ORDER_TOPICS, shopify.EDITED)}
    if lacking := sorted(wanted - sent):
        do = f"subscribe the app to them at {source} (docs/storefronts.md); those of its shopify.app.toml are not shown"
        return Finding(what="event bus", is_right=False, told=f"{source} gets no {', '.join(lacking)}", do=do)
    return Finding(what="event bus", is_right=True, told=f"{len(wanted)} topics go to {source}")


def paused(found: Pause | None, channel: ChannelId) -> Finding:
    """Say whether a person has stopped it."""
    if found is None:
        return Finding(what="pause", is_right=True, told="not paused")
    told = f"told nothing since {moment(found.since)}: paused by {found.actor}: {found.reason}"
    scope = "all" if found.scope == pauses.ALL else f"--channel {channel}"
    return Finding(what="pause", is_right=False, told=told, do=f"`truestock resume {scope}`")


def leased(found: Lease | None, now: str) -> Finding:
    """Say how the publisher fares with the shop."""
    if found is None:
        return Finding(what="publisher", is_right=True, told="never told anything yet")
    rests = f"; it rests until {moment(found.rests_until)}" if found.rests_until > now else ""
    if found.failing:
        told = f"failing since {moment(found.failing_since)}: {found.failing}{rests}"
        do = "mend what is wrong here; else see the shop's status page. It is tried again every minute"
        return Finding(what="publisher", is_right=False, told=told, do=do)
    told = "at work" if found.leased_until > now else "done with what it was asked for"
    return Finding(what="publisher", is_right=True, told=f"{told}{rests}")


def waits(marks: list[Mark]) -> Finding:
    """Say how much waits to be told; that alone is nothing wrong."""
    if not marks:
        return Finding(what="to tell", is_right=True, told="nothing waits")
    count = f"{MOST_MARKS} or more" if len(marks) == MOST_MARKS else len(marks)
    first = {Rank.ZERO: "a number that is 0 now", Rank.FALLS: "a number that fell", Rank.RISES: "a number that rose"}
    told = first.get(marks[0].rank, "an order")
    return Finding(what="to tell", is_right=True, told=f"{count} wait; first {told} ({marks[0].subject})")


def _unanswered(what: str, channel: Channel, failure: Exception) -> Finding:
    if not isinstance(failure, AppError):
        failure = InvalidInput("the shop's answer is not as its API says", code="shop_answer")
    token = f"`truestock channels rotate {channel.channel} --token`"
    url = f"see that channels.{channel.channel}.api_url is the shop's Admin API of a current version"
    remedies = {"shop_silent": f"{url} and can be reached from here", "shop_answer": url, NOT_UNDERSTOOD: url}
    do = remedies.get(failure.code, "ask again soon")
    if failure.code == "shop_refused":
        is_token = failure.details.get("status") in UNAUTHORIZED
        is_scope = "ACCESS_DENIED" in str(failure.details.get("codes", ""))
        do = f"make a new token in the shop's app; then {token}" if is_token else url
        do = "give the app the scopes read_locations and read_inventory" if is_scope else do
    return Finding(what=what, is_right=False, told=f"{channel.api_url}: {failure}", do=do)
