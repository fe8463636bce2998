"""What the merchant sells: facts per SKU, apart from rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.names import ChannelId, Sku


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A SKU, its title, and what each channel that lists it calls its inventory item."""

    sku: Sku
    title: str
    inventory_items: Mapping[ChannelId, str] = field(default_factory=dict)
