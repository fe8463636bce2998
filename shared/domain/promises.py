"""What a channel may sell before anybody has it: backorders and preorders of a SKU, to a cap, for a day.

Who is told that he may buy it is told a day as well; more than the cap is promised to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.domain.names import Sku, name
from shared.domain.places import Place

MOST_WAITING = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Backorders:
    """How many units of a SKU may wait on a channel at once, between which days (UTC, both included), until when.

    They are promised for `ships_on`, which makes it a preorder, or for `lead_days` after they were sold.
    """

    most: int
    first: date | None = None
    last: date | None = None
    lead_days: int = 0
    ships_on: date | None = None

    def holds(self, now: datetime) -> bool:
        """Answer whether they are sold now."""
        return (self.first or date.min) <= now.date() <= (self.last or date.max)

    def promised(self, now: datetime) -> str:
        """Return the day for which a unit that is sold now is promised."""
        return (self.ships_on or now.date() + timedelta(days=self.lead_days)).isoformat()

    def turns(self, now: datetime) -> bool:
        """Answer whether today they begin to be sold, or are sold no more since yesterday."""
        day = now.date()
        return day == self.first or (self.last is not None and day == self.last + timedelta(days=1))


def parse(rows: list[Place]) -> Mapping[Sku, Backorders]:
    """Read a channel's table of them, one row a SKU."""
    found: dict[Sku, Backorders] = {}
    for at in rows:
        at.only("sku", "most", "from", "until", "lead_days", "ships_on")
        sku = Sku(name(at.text("sku"), f"{at.path}.sku"))
        if sku in found:
            raise at.wrong("sku", sku, "a SKU that no other row names")
        if at.has("lead_days") == at.has("ships_on"):
            raise at.wrong("lead_days", at.value("lead_days"), "either lead_days or ships_on")
        first, last, ships_on = (at.day(key) if at.has(key) else None for key in ("from", "until", "ships_on"))
        if first and last and last < first:
            raise at.wrong("until", last.isoformat(), "a day not before `from`")
        found[sku] = Backorders(
            most=at.whole("most", 1, MOST_WAITING),
            first=first,
            last=last,
            lead_days=at.whole("lead_days", 1, 365) if at.has("lead_days") else 0,
            ships_on=ships_on,
        )
    return found
