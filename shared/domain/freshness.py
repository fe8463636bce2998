"""How fresh a source's counts are now, and what of that is another thing than when it was last looked at.

Counts grow old without any write, so somebody looks every minute and remembers what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain import times
from shared.domain.availability import WHOLE, worth_percent
from shared.domain.feeds import Feed
from shared.domain.names import Sku
from shared.domain.rules import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What a source's counts are worth, in percent: all of them, and those SKUs that its last file does not confirm.

    `is_silent`: it was expected to be heard of by now.
    """

    percent: int = WHOLE
    skus: Mapping[Sku, int] = field(default_factory=dict)
    is_silent: bool = False


def look(source: Source, feed: Feed, now: str) -> Freshness:
    """Look at a source now; one that never sent a file has nothing to grow old, but may be silent."""
    percent = worth_percent(source, feed.applied.as_of, now) if feed.applied else WHOLE
    skus = {sku: worth_percent(source, at, now) for sku, at in feed.unconfirmed.items()}
    return Freshness(
        percent=percent,
        skus={sku: worth for sku, worth in skus.items() if worth != percent},
        is_silent=source.cadence is not None and feed.heard_at < times.text(times.read(now) - source.cadence),
    )


def differing(before: Freshness, after: Freshness) -> set[Sku]:
    """Name the SKUs that are worth another share than before, apart from what holds for all of the source."""
    return {
        sku
        for sku in before.skus.keys() | after.skus.keys()
        if before.skus.get(sku, before.percent) != after.skus.get(sku, after.percent)
    }
