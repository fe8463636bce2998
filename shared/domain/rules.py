"""The merchant's rules: channels and sources, read from one versioned object.

A mistake is refused with the place where it stands: the command that pushes rules and the functions that read them
share this reader, so that what was accepted once is never a surprise at night.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.domain import answer_profiles, clock_rules, platforms, profiles, promises, sending_rules, shipping_rules
from shared.domain.answer_profiles import AnswerProfile
from shared.domain.clock_rules import Clocks, Delays
from shared.domain.facts import Codes
from shared.domain.intake import Paid
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.orders import DeductsAt
from shared.domain.places import Place
from shared.domain.platforms import OrderMapping
from shared.domain.problems import OWNER
from shared.domain.profiles import FeedProfile
from shared.domain.promises import Backorders
from shared.domain.routing import calendar
from shared.domain.sending_rules import AS_FILES, Send, Sending
from shared.domain.shipping_rules import Holidays, RateTable, Routing, Shipping
from shared.errors import InvalidInput

MOST_HOURS = 90 * 24


NO_CAP = 1_000_000_000
MOST_A_SECOND = 10_000
REROUTES = 3

RATE_MISSING = "rate_missing"
"""The code of a source's currency that no rate turns into that of a channel it ships for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A shop. `when_short`: what becomes of units nobody has, `backorder`, `hold` or `cancel`.

    `backorders`: SKUs that it sells before anybody has them; of such a SKU more than the cap is held, or cancelled.
    `reroutes`: so often units of a line that a supplier rejected are looked for elsewhere. `substitutes`: whether a
    product's alternatives go out when it is short (`allow`), are named to a person (`offer`), or neither (`never`).
    `imported_twice`: an order that came by another channel too is told (`flag`), or held as well (`hold`).

    Its numbers are `percent` of what its sources offer, less `buffer`, 0 at or below `floor`, at most `cap`.
    `sources`: who may ship for it; empty means every active source. `margin_floor_percent`: so much of a price has to
    be left after a source's cost, None: nobody asks; `below_margin`: what becomes of an offer that leaves less, or of
    a price below the MAP: `tell` opens an exception, `zero` has the channel told none of it as well. `location`: of a
    Shopify or BigCommerce store; `mapping`: of a generic shop; `marketplace`, `auth_url`: of an Amazon seller, who is
    its `shop`. `takes`: how far an order has to be paid for to be shipped; `takes_tests`: test orders are orders, too.
    `limit`: how much of what the platform counts, calls or points, it may be asked a second; None: as much as the
    platform takes. `delays`: when a customer is told of one, and what its silence means.
    """

    channel: ChannelId
    platform: str
    shop: str
    api_url: str
    location: str
    currency: str
    when_short: str = "backorder"
    backorders: Mapping[Sku, Backorders] = field(default_factory=dict, hash=False)
    reroutes: int = REROUTES
    substitutes: str = "never"
    imported_twice: str = "flag"
    percent: int = 100
    buffer: int = 0
    floor: int = 0
    cap: int = NO_CAP
    sources: tuple[SourceId, ...] = ()
    refunds_cancels: bool = False
    margin_floor_percent: int | None = None
    below_margin: str = "tell"
    active: bool = True
    routing: Routing = field(default_factory=Routing)
    delays: Delays = field(default_factory=Delays)
    mapping: OrderMapping | None = None
    marketplace: str = ""
    auth_url: str = ""
    takes: frozenset[Paid] = frozenset(Paid)
    takes_tests: bool = False
    limit: int | None = None

    def backorders_of(self, sku: Sku, now: datetime) -> Backorders | None:
        """Return under which terms a SKU is sold now before anybody has it; None: under none."""
        found = self.backorders.get(sku)
        return found if found and found.holds(now) else None

    @property
    def zeroes_below_margin(self) -> bool:
        """Whether what a source offers below the margin is not told."""
        return self.margin_floor_percent is not None and self.below_margin == "zero"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """From this age of a count on, only so many percent of it are offered."""

    after: timedelta
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Anything that can ship.

    `answers`: how its answers to purchase orders read. `deducts_at`: when it takes our units off its own count;
    `takes_in_within`: how long after it was sent one it has surely read a purchase order, which is when it deducts at
    receipt; `send_by`: how it is sent them; `ships_within`: by when it must have deducted, though it never reported a
    shipment. `cadence`: how often it shows that it is there, by a file or an empty one; None: nobody waits for it.
    `freshness`: what its counts are worth as they grow old, by age; none: they never do. `low_at`: a level with so many
    units or fewer is low. `own`: its stock is ours, to move and to put returns on. `codes`: what a code of its files
    that nobody has mapped is. `clocks`: how long things may take with it.
    """

    source: SourceId
    name: str
    currency: str
    zone: str
    feed: FeedProfile
    answers: AnswerProfile = answer_profiles.USUAL
    deducts_at: DeductsAt = DeductsAt.SHIP
    takes_in_within: timedelta = timedelta(hours=24)
    send_by: Sending = AS_FILES
    ships_within: timedelta = timedelta(days=14)
    cadence: timedelta | None = None
    freshness: tuple[Tier, ...] = ()
    low_at: int | None = None
    own: bool = False
    codes: Codes = Codes.SAME
    active: bool = True
    shipping: Shipping = field(default_factory=Shipping)
    clocks: Clocks = field(default_factory=Clocks)

    def day(self, now: datetime) -> str:
        """Return the day that it is there now."""
        return now.astimezone(ZoneInfo(self.zone)).date().isoformat()

    def may_send(self, now: datetime) -> datetime:
        """Return from when on a purchase order that is ready now may go out."""
        cutoff = self.shipping.cutoff
        if self.send_by.send is Send.ANY_TIME or cutoff is None:
            return now
        return calendar.opens(cutoff, self.send_by.opens, now)

    def waits_until(self, now: datetime) -> datetime:
        """Return until when a purchase order that is made now waits: for its supplier to open, or for its batch."""
        if self.send_by.batch:
            return calendar.next_of(self.send_by.batch.at, self.zone, self.shipping.cutoff, now)
        return self.may_send(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules of one version.

    `compensate_up_to`: a level that differs by so many units or fewer is made right without asking; 0: none is.
    `rates`: what currencies cost each other; None: no source may ask in another one than the order's.
    """

    version: str
    channels: Mapping[ChannelId, Channel] = field(default_factory=dict)
    sources: Mapping[SourceId, Source] = field(default_factory=dict)
    compensate_up_to: int = 0
    rates: RateTable | None = None

    @property
    def active_sources(self) -> tuple[Source, ...]:
        """Sources that orders may go to, in order of id."""
        return tuple(source for _, source in sorted(self.sources.items()) if source.active)

    @property
    def owners(self) -> tuple[str, ...]:
        """Who looks after exceptions, each once."""
        terms = [source.clocks for source in self.sources.values()]
        named = (owner for each in terms for owner in (each.owner, each.escalates_to) if owner)
        return tuple(sorted({OWNER, *named}))

    @property
    def active_channels(self) -> tuple[Channel, ...]:
        """Channels that are told numbers, in order of id."""
        return tuple(channel for _, channel in sorted(self.channels.items()) if channel.active)

    def ships_for(self, source: SourceId, channel: Channel) -> bool:
        """Whether a source may ship for a channel."""
        return not channel.sources or source in channel.sources

    def sources_of(self, channel: Channel) -> tuple[Source, ...]:
        """Active sources that may ship for a channel, in order of id."""
        return tuple(each for each in self.active_sources if self.ships_for(each.source, channel))


def parse(document: object) -> Rules:
    """Read rules from plain values. Raises InvalidInput naming the place, the value and what is allowed there."""
    root = Place("rules", document)
    root.only("schema", "version", "channels", "sources", "reconcile", "holidays", "rates")
    root.one_of("schema", 1)
    holidays = shipping_rules.holidays(root.child("holidays")) if root.has("holidays") else {}
    sources = {SourceId(key): _source(SourceId(key), place, holidays) for key, place in root.children("sources")}
    read = Rules(
        version=root.text("version"),
        channels={ChannelId(key): _channel(ChannelId(key), place, sources) for key, place in root.children("channels")},
        sources=sources,
        compensate_up_to=_compensate_up_to(root.child("reconcile")) if root.has("reconcile") else 0,
        rates=shipping_rules.rates(root.child("rates")) if root.has("rates") else None,
    )

    _check_rates(read)
    return read


def _check_rates(read: Rules) -> None:
    for channel in read.active_channels:
        for source in read.sources_of(channel):
            known = read.rates.bought if read.rates else {}
            if source.currency != channel.currency and not {source.currency, channel.currency} <= known.keys():
                raise InvalidInput(
                    "a source's currency has no rate to that of a channel it ships for",
                    code=RATE_MISSING,
                    at=f"rules.sources.{source.source}.currency",
                    value=source.currency,
                    allowed=f"'{channel.currency}', or what rates.yaml turns into it",
                )


def _compensate_up_to(at: Place) -> int:
    at.only("compensate_up_to")
    return at.whole("compensate_up_to", 0, 1_000, default=0)


def _channel(key: ChannelId, at: Place, sources: Collection[SourceId]) -> Channel:
    connection = platforms.parse(
        at,
        "currency",
        "when_short",
        "backorders",
        "reroutes",
        "substitutes",
        "imported_twice",
        "percent",
        "buffer",
        "floor",
        "cap",
        "sources",
        "refunds_cancels",
        "margin_floor_percent",
        "below_margin",
        "active",
        "routing",
        "limit",
        "delays",
    )
    currency = at.currency("currency")
    has_floor = at.has("margin_floor_percent")
    if at.has("below_margin") and not has_floor:
        raise at.wrong("below_margin", at.value("below_margin"), "margin_floor_percent beside it")
    return Channel(
        channel=key,
        platform=connection.platform,
        shop=connection.shop,
        api_url=connection.api_url,
        location=connection.location,
        mapping=connection.mapping,
        marketplace=connection.marketplace,
        auth_url=connection.auth_url,
        takes=connection.takes,
        takes_tests=connection.takes_tests,
        currency=currency,
        when_short=at.one_of("when_short", "backorder", "hold", "cancel", default="backorder"),
        backorders=promises.parse(at.rows("backorders")),
        reroutes=at.whole("reroutes", 0, 100, default=REROUTES),
        substitutes=at.one_of("substitutes", "never", "offer", "allow", default="never"),
        imported_twice=at.one_of("imported_twice", "flag", "hold", default="flag"),
        percent=at.whole("percent", 0, 100, default=100),
        buffer=at.whole("buffer", 0, 1_000_000, default=0),
        floor=at.whole("floor", 0, 1_000_000, default=0),
        cap=at.whole("cap", 1, NO_CAP, default=NO_CAP),
        sources=tuple(SourceId(each) for each in at.each_of("sources", sources)),
        refunds_cancels=at.flag("refunds_cancels", default=False),
        margin_floor_percent=at.whole("margin_floor_percent", 0, 95) if has_floor else None,
        below_margin=at.one_of("below_margin", "tell", "zero", default="tell"),
        active=at.flag("active", default=True),
        routing=shipping_rules.routing(at.child("routing"), currency) if at.has("routing") else Routing(),
        limit=at.whole("limit", 1, MOST_A_SECOND) if at.has("limit") else None,
        delays=clock_rules.delays(at.child("delays")) if at.has("delays") else Delays(),
    )


def _source(key: SourceId, at: Place, holidays: Holidays) -> Source:
    at.only(
        "name",
        "currency",
        "zone",
        "feed",
        "answers",
        "deducts_at",
        "takes_in_within_hours",
        "send_by",
        "ships_within_days",
        "cadence_hours",
        "freshness",
        "low_at",
        "own",
        "codes",
        "active",
        "shipping",
        "clocks",
    )
    currency, zone = at.currency("currency"), at.text("zone")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise at.wrong("zone", zone, "a zone of the tz database, such as Europe/Berlin") from error
    shipping = (
        shipping_rules.shipping(at.child("shipping"), currency, zone, holidays) if at.has("shipping") else Shipping()
    )
    return Source(
        source=key,
        name=at.text("name"),
        currency=currency,
        zone=zone,
        feed=profiles.parse(at.child("feed")),
        answers=answer_profiles.parse(at.child("answers")) if at.has("answers") else answer_profiles.USUAL,
        deducts_at=DeductsAt(at.one_of("deducts_at", *DeductsAt, default=DeductsAt.SHIP)),
        takes_in_within=timedelta(hours=at.whole("takes_in_within_hours", 0, MOST_HOURS, default=24)),
        send_by=_send_by(at, shipping),
        ships_within=timedelta(days=at.whole("ships_within_days", 1, 90, default=14)),
        cadence=timedelta(hours=at.whole("cadence_hours", 1, MOST_HOURS)) if at.has("cadence_hours") else None,
        freshness=_freshness(at.rows("freshness")),
        low_at=at.whole("low_at", 0, 1_000_000) if at.has("low_at") else None,
        own=at.flag("own", default=False),
        codes=Codes(at.one_of("codes", *Codes, default=Codes.SAME)),
        active=at.flag("active", default=True),
        shipping=shipping,
        clocks=clock_rules.clocks(at.child("clocks")) if at.has("clocks") else Clocks(),
    )


def _send_by(at: Place, shipping: Shipping) -> Sending:
    read = sending_rules.parse(at, "send_by")
    if read.send is Send.BUSINESS_HOURS and (shipping.cutoff is None or read.opens >= shipping.cutoff.at):
        raise at.wrong("send_by.send", read.send.value, "shipping.cutoff beside it, later on the day than opens")
    return read


def _freshness(rows: list[Place]) -> tuple[Tier, ...]:
    tiers: list[Tier] = []
    for at in rows:
        at.only("after_hours", "percent")
        hours, percent = at.whole("after_hours", 1, MOST_HOURS), at.whole("percent", 0, 99)
        if tiers and not (tiers[-1].after < timedelta(hours=hours) and tiers[-1].percent > percent):
            raise at.wrong("after_hours", hours, "tiers by age: each later than the one before, and worth less")
        tiers.append(Tier(after=timedelta(hours=hours), percent=percent))
    return tuple(tiers)
