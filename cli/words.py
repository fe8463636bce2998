"""Explanations in a shopkeeper's words."""

from __future__ import annotations

from collections.abc import Iterator

from shared.domain.availability import Term, TermKind
from shared.domain.explain import LevelTerm, LevelTermKind
from shared.domain.rules import Channel, Rules
from shared.flows.explain_stock import ChannelExplained, SkuExplained, SourceExplained


def sku(found: SkuExplained, rules: Rules) -> Iterator[str]:
    """Tell why a SKU has its numbers: sources first, then shops."""
    yield f"{found.sku}, as of {moment(found.at)}"
    for source in found.sources:
        yield ""
        yield from _source(source)
    for each in found.channels:
        yield ""
        yield from _channel(each, rules.channels[each.channel], rules)


def moment(time: str) -> str:
    """Write a time as people read it, in UTC."""
    return time.replace("T", " ").partition(".")[0] + " UTC"


def _source(found: SourceExplained) -> Iterator[str]:
    level = found.explained.level
    yield f"{found.name} ({found.source}) has {level.available} available:"
    for term in found.explained.terms:
        yield f"  {term.units:+6}  {_term(term, found)}"
    yield f"  {level.available:6}  available"
    if level.held_until:
        yield f"  {'':6}  held since {moment(level.held_since)}: none of it is offered"
    if found.confirmed_at > level.counted_as_of:
        yield f"  {'':6}  a file as of {moment(found.confirmed_at)} still says the same"


def _term(term: LevelTerm, found: SourceExplained) -> str:
    match term.kind:
        case LevelTermKind.COUNTED:
            where = f"{found.counted_in.kept}, line {found.counted_in.line}" if found.counted_in.line else term.cause
            return f"counted, as of {moment(term.at)}, in {where}"
        case LevelTermKind.ADJUSTED:
            by = found.people.get(term.cause)
            return f"corrected {moment(term.at)} by {by.actor}: {by.reason}" if by else f"corrected {moment(term.at)}"
        case LevelTermKind.COMMITTED:
            order = found.orders.get(term.cause)
            return f"promised to order {order or term.cause}, {moment(term.at)}"
        case LevelTermKind.COMPENSATED:
            by = found.people.get(term.cause)
            told = f"set right, for that is what its order holds, {moment(term.at)}"
            return f"{told}, by {by.actor}: {by.reason}" if by else told
        case LevelTermKind.DEDUCTED:
            return f"taken off by the supplier after that count, {moment(term.at)}"
        case LevelTermKind.EARLIER:
            return f"promised to orders before {moment(term.at)}, when the ledger that is kept begins"


def _channel(found: ChannelExplained, channel: Channel, rules: Rules) -> Iterator[str]:
    yield f"{channel.shop} ({found.channel}) can sell {found.number.units}:"
    for term in found.number.terms:
        yield f"  {term.units:+6}  {_rule(term, channel, rules)}"
    yield f"  {found.number.units:6}  to sell"
    if found.told is None:
        yield f"  never told: {found.because}"
    else:
        differs = f"; {found.because}" if found.because else ""
        yield f"  told {found.told}, {moment(found.told_at)}{differs}"


def _rule(term: Term, channel: Channel, rules: Rules) -> str:
    match term.kind:
        case TermKind.OFFERED:
            return f"offered by {term.source}"
        case TermKind.STALE:
            tiers = rules.sources[term.source].freshness if term.source else ()
            told = ", ".join(f"{tier.percent} % after {tier.after.total_seconds() / 3600:g} h" for tier in tiers)
            return f"its count is old (rule sources.{term.source}.freshness: {told})"
        case TermKind.PERCENT:
            return f"only {channel.percent} % of it is offered (rule channels.{channel.channel}.percent)"
        case TermKind.BUFFER:
            return f"kept back (rule channels.{channel.channel}.buffer: {channel.buffer})"
        case TermKind.FLOOR:
            return f"too few to offer (rule channels.{channel.channel}.floor: {channel.floor})"
        case TermKind.CAP:
            return f"more than is shown (rule channels.{channel.channel}.cap: {channel.cap})"
