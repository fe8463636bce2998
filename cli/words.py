"""Explanations in a shopkeeper's words."""

from __future__ import annotations

from collections.abc import Iterator

from shared.domain.availability import Term, TermKind
from shared.domain.explain import LevelTerm, LevelTermKind
from shared.domain.physical import Adjustment
from shared.domain.rules import Channel, Rules, Source
from shared.domain.stock import UNTIL_COUNTED
from shared.flows.explain_stock import ChannelExplained, SkuExplained, SourceExplained

DONE = {
    LevelTermKind.COUNTED_BY_HAND: "counted by hand, as of",
    LevelTermKind.ADJUSTED: "corrected",
    LevelTermKind.RECEIVED: "received",
    LevelTermKind.TRANSFERRED: "sent to another source",
    LevelTermKind.EXPECTED: "expected since",
    LevelTermKind.COMPENSATED: "set right, for that is what its order holds,",
}
ADJUSTED = {
    Adjustment.DAMAGED: "damaged",
    Adjustment.LOST: "lost",
    Adjustment.FOUND: "found",
    Adjustment.MISPICK: "wrongly picked",
    Adjustment.CORRECTION: "corrected",
}


def sku(found: SkuExplained, rules: Rules) -> Iterator[str]:
    """Tell why a SKU has its numbers: sources first, then shops."""
    yield f"{found.sku}, as of {moment(found.at)}"
    for source in found.sources:
        yield ""
        yield from _source(source, found.at)
    for each in found.channels:
        yield ""
        yield from _channel(each, rules.channels[each.channel], rules)


def moment(time: str) -> str:
    """Write a time as people read it, in UTC."""
    return time.replace("T", " ").partition(".")[0] + " UTC"


def _source(found: SourceExplained, now: str) -> Iterator[str]:
    explained = found.explained
    level = explained.level
    yield f"{found.name} ({found.source}) has {level.available} available:"
    for term in explained.terms:
        yield f"  {term.units:+6}  {_term(term, found)}"
    yield f"  {level.available:6}  available"
    if level.held_until > now:
        until = "it is counted again" if level.held_until == UNTIL_COUNTED else moment(level.held_until)
        by = _by(found, explained.held_by)
        yield f"  {'':6}  held since {moment(level.held_since)} until {until}{by}: none of it is offered"
    if level.incoming:
        yield f"  {level.incoming:6}  on the way, which nobody may take:"
    for term in explained.incoming:
        yield f"  {term.units:6}  {_term(term, found)}"
    if found.confirmed_at > level.counted_as_of:
        yield f"  {'':6}  a file as of {moment(found.confirmed_at)} still says the same"


def _term(term: LevelTerm, found: SourceExplained) -> str:
    when, order = moment(term.at), found.orders.get(term.cause) or term.cause
    match term.kind:
        case LevelTermKind.COUNTED:
            where = f"{found.counted_in.kept}, line {found.counted_in.line}" if found.counted_in.line else term.cause
            return f"counted, as of {when}, in {where}"
        case LevelTermKind.COMMITTED:
            return f"promised to order {order}, {when}"
        case LevelTermKind.RETURNED:
            return f"sent back by the customer of order {order}, {when}"
        case LevelTermKind.DEDUCTED:
            return f"taken off by the supplier after that count, {when}"
        case LevelTermKind.EARLIER:
            return f"promised to orders before {when}, when the ledger that is kept begins"
        case _:
            return _by_hand(term, found)


def _by_hand(term: LevelTerm, found: SourceExplained) -> str:
    """Tell what a person did. What is kept of it may have expired: who, why, and of what kind an adjustment was."""
    operation = found.by_hand.get(term.cause)
    verb = DONE[term.kind]
    if operation and operation.adjustment:
        verb = ADJUSTED[Adjustment(operation.adjustment)]
    due = f", due {operation.due}" if operation and operation.due else ""
    return f"{verb} {moment(term.at)}{due}{_by(found, term.cause)}"


def _by(found: SourceExplained, op_id: str) -> str:
    """Say who made a change and why, where that is kept."""
    operation = found.by_hand.get(op_id)
    return f" by {operation.actor}: {operation.reason}" if operation else ""


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
    if term.source:
        return _rule_of(term, rules.sources[term.source], channel)
    match term.kind:
        case TermKind.PERCENT:
            return f"only {channel.percent} % of it is offered (rule channels.{channel.channel}.percent)"
        case TermKind.BUFFER:
            return f"kept back (rule channels.{channel.channel}.buffer: {channel.buffer})"
        case TermKind.FLOOR:
            return f"too few to offer (rule channels.{channel.channel}.floor: {channel.floor})"
        case TermKind.BACKORDERS:
            return f"sold before anybody has it, and not sold yet (rule channels.{channel.channel}.backorders)"
        case _:
            return f"more than is shown (rule channels.{channel.channel}.cap: {channel.cap})"


def _rule_of(term: Term, source: Source, channel: Channel) -> str:
    match term.kind:
        case TermKind.OFFERED:
            return f"offered by {source.source}"
        case TermKind.MARGIN:
            return f"not told: it {term.because} (rule channels.{channel.channel}.below_margin: {channel.below_margin})"
        case _:
            tiers = source.freshness
            told = ", ".join(f"{tier.percent} % after {tier.after.total_seconds() / 3600:g} h" for tier in tiers)
            return f"its count is old (rule sources.{source.source}.freshness: {told})"
