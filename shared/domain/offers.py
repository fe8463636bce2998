"""What seldom changes about a SKU at a source, kept apart from its level so that a price never meets a reservation."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.names import LevelKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a source asks for one piece: minor units of a currency, None where it did not say.

    `as_of`: the file's time.
    """

    key: LevelKey
    cost_minor: int | None
    currency: str
    as_of: str
