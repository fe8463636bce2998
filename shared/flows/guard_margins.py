"""Costs, prices or margins that changed -> an exception for what is sold below its margin, and refreshed numbers.

Everything is read and judged anew, so the same change twice opens nothing twice. A channel without a margin floor
costs nothing: for it nothing is read. Of many offers of one source one exception tells, not thousands.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, islice

from shared.domain import margins, times
from shared.domain.facts import Product
from shared.domain.messages import Message, Refresh, Scope
from shared.domain.names import ChannelId, LevelKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.problems import Problem
from shared.domain.rules import Channel, Rules
from shared.flows import compensate
from shared.storage.availability import Availability
from shared.storage.dynamo import Table
from shared.storage.facts import Facts
from shared.storage.offers import Offers
from shared.storage.problems import Problems

MARGIN = "margin"
MOST_EACH = 20
"""Of one source: with more below their margin, one exception tells of all."""
MOST_SKUS = 1_000
"""Of one source: with more whose numbers may differ, all of the source is refreshed."""
AT_ONCE = 100
MOST_LOOKS = 20
"""So many times that many SKUs are looked at in one minute for what else is below its margin."""

ACTION = "raise the price (products.csv, then truestock config push), or have the supplier mend its cost"
OVER = "it is sold below no margin any more"


@dataclass(frozen=True, slots=True)
class _Below:
    """An offer that is below the margin of these channels, and the figures."""

    key: LevelKey
    told: str
    zeroed_on: tuple[ChannelId, ...]


@dataclass(slots=True)
class Found:
    """What was found to be below its margin at one source: how many, the first of them, the first by its SKU."""

    offers: int = 0
    first: list[_Below] = field(default_factory=list)
    least: str = ""

    def add(self, below: _Below) -> None:
        """Add an offer."""
        self.least = min(self.least, below.key.sku) if self.least else below.key.sku
        self.offers += 1
        if len(self.first) < MOST_EACH:
            self.first.append(below)


@dataclass(slots=True)
class GuardMargins:
    """Looks, opens exceptions, and says when one is over. `to_channels` sends messages to the channel queue."""

    stock: Table
    problems: Problems
    to_channels: Callable[[Iterable[Message]], None]

    def run(self, changed: Iterable[tuple[Offer | None, Offer]], rules: Rules, now: datetime) -> Counter[str]:
        """Judge the offers of one file whose cost changed, (before, after), after they were written.

        Asks for a refresh of the numbers that a changed verdict moves. Answers what was counted. Raises Transient when
        a table or the queue did not take it: doing it again is harmless.
        """
        found: dict[SourceId, Found] = defaultdict(Found)
        turned: dict[tuple[ChannelId, SourceId], dict[Sku, None]] = defaultdict(dict)
        ruled = {source: _ruled(rules, source) for source in rules.sources}
        judged = (pair for pair in changed if ruled.get(pair[1].key.source) and _is_other(*pair))
        while some := list(islice(judged, AT_ONCE)):
            products = Facts(self.stock).products({after.key.sku for _, after in some})
            for before, after in some:
                key, product = after.key, products.get(after.key.sku)
                asking = _listing(product, ruled[key.source])
                for channel in (each for each in asking if each.zeroes_below_margin):
                    was, will = (margins.judge(channel, product, offer).is_below for offer in (before, after))
                    skus = turned[channel.channel, key.source]
                    if was != will and len(skus) <= MOST_SKUS:
                        skus[key.sku] = None
                if below := _below(asking, product, key, after):
                    found[key.source].add(below)
        self.to_channels(each for (channel, source), skus in turned.items() for each in _ask(channel, source, skus))
        return self.tell(found, now)

    def look(self, levels: Collection[LevelKey], rules: Rules, found: dict[SourceId, Found]) -> None:
        """Judge what is offered of these levels now, and add what is below its margin to what was found."""
        for below in self._look(levels, rules):
            found.setdefault(below.key.source, Found()).add(below)

    def tell(self, found: dict[SourceId, Found], now: datetime) -> Counter[str]:
        """Open exceptions of what was found, or say in those that are open what is so now."""
        for source, of_source in found.items():
            if of_source.offers > MOST_EACH:
                self._open(self._of_many(source, of_source), now)
            else:
                for below in of_source.first:
                    self._open(_of_one(below), now)
        return Counter({"OfferBelowMargin": sum(each.offers for each in found.values())} if found else {})

    def over(self, problem: Problem, rules: Rules) -> str:
        """Say why an exception is over; empty when it is not.

        One of many offers stands as long as any offer of the source is below. It keeps the SKU up to which none is,
        so that the next look begins there.
        """
        if "sku" in problem.details:
            key = compensate.level_of(problem)
            return "" if any(self._look([key], rules)) else OVER
        source, begin = SourceId(problem.subject), Sku(str(problem.details["from"]))
        skus = chain([[begin]], _chunks(Availability(self.stock).skus_of(source, begin)))
        for some in islice(skus, MOST_LOOKS):
            last = some[-1]
            below = next(self._look([LevelKey(sku, source) for sku in some], rules), None)
            if below:
                last = below.key.sku
                break
        else:
            if next(skus, None) is None:
                return "no offer of it is below its margin any more"
        if last != begin:
            self.problems.renew(replace(problem, details={**problem.details, "from": last}))
        return ""

    def _look(self, levels: Collection[LevelKey], rules: Rules) -> Iterator[_Below]:
        ruled = {source: _ruled(rules, source) for source in {key.source for key in levels}}
        wanted = sorted(key for key in levels if ruled[key.source])
        products = Facts(self.stock).products(key.sku for key in wanted)
        offers = Offers(self.stock).read(wanted)
        for key in wanted:
            product = products.get(key.sku)
            if below := _below(_listing(product, ruled[key.source]), product, key, offers.get(key)):
                yield below

    def _open(self, problem: Problem, now: datetime) -> None:
        if not self.problems.open(problem, times.text(now)):
            self.problems.renew(problem)

    def _of_many(self, source: SourceId, found: Found) -> Problem:
        """Describe many offers of one source; one that stands already may begin before the first of these."""
        standing = self.problems.read(MARGIN, source)
        begins = str(standing.problem.details["from"]) if standing and standing.is_open else found.least
        return Problem(
            kind=MARGIN,
            subject=source,
            reason=f"{found.offers} of its offers are below their margin, such as {found.first[0].key.sku}, "
            f"which {found.first[0].told}",
            action=f"{ACTION}; look at its last file first, for its costs may be of another scale",
            details={
                "offers": found.offers,
                "first": "\n".join(f"{each.key.sku} {each.told}" for each in found.first),
                "from": min(begins, found.least),
            },
        )


def _is_other(before: Offer | None, after: Offer) -> bool:
    return before is None or (before.cost_minor, before.currency) != (after.cost_minor, after.currency)


def _ruled(rules: Rules, source: SourceId) -> list[Channel]:
    """List the channels with a margin floor that a source ships for."""
    return [
        channel
        for channel in rules.active_channels
        if channel.margin_floor_percent is not None and any(each.source == source for each in rules.sources_of(channel))
    ]


def _listing(product: Product | None, channels: Iterable[Channel]) -> list[Channel]:
    """Keep the channels that list a product: elsewhere nobody buys it."""
    return [each for each in channels if product and product.inventory_items.get(each.channel)]


def _below(asking: Iterable[Channel], product: Product | None, key: LevelKey, offer: Offer | None) -> _Below | None:
    judged = [(channel, margin) for channel in asking if (margin := margins.judge(channel, product, offer)).is_below]
    if not judged:
        return None
    told = "; ".join(f"on {channel.channel} {margin.told}" for channel, margin in judged)
    return _Below(key, told, tuple(channel.channel for channel, _ in judged if channel.zeroes_below_margin))


def _of_one(below: _Below) -> Problem:
    told = f"; until then none of {below.key.source}'s is told to {', '.join(below.zeroed_on)}"
    return Problem(
        kind=MARGIN,
        subject=compensate.subject(below.key),
        reason=below.told,
        action=ACTION + (told if below.zeroed_on else ""),
        details={"sku": below.key.sku, "source": below.key.source},
    )


def _ask(channel: ChannelId, source: SourceId, skus: Iterable[Sku]) -> Iterator[Refresh]:
    """Ask for SKUs, or for all of the source where they are too many."""
    asked = [Refresh(scope=Scope.SKU, name=sku, channel=channel) for sku in skus]
    if len(asked) > MOST_SKUS:
        asked = [Refresh(scope=Scope.SOURCE, name=source, channel=channel)]
    yield from asked


def _chunks(skus: Iterator[Sku]) -> Iterator[list[Sku]]:
    while some := list(islice(skus, AT_ONCE)):
        yield some
