"""Which platform reads what a channel sends: each is entered here once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.domain import platforms
from shared.domain.rules import Channel
from shared.errors import InvalidInput
from shared.storefronts import shopify, woocommerce
from shared.storefronts.amazon import Notices
from shared.storefronts.contract import Inbound
from shared.storefronts.standard_webhooks import Hooks


def _generic(channel: Channel) -> Inbound:
    if channel.mapping is None:
        raise InvalidInput("a generic shop has no mapping", code="no_mapping", channel=channel.channel)
    return Hooks(mapping=channel.mapping, currency=channel.currency)


_READERS: Mapping[str, Callable[[Channel], Inbound]] = {
    platforms.SHOPIFY: lambda _: shopify,
    platforms.WOOCOMMERCE: lambda _: woocommerce,
    platforms.AMAZON: lambda channel: Notices(seller=channel.shop, marketplace=channel.marketplace),
    platforms.GENERIC: _generic,
}


def of(channel: Channel) -> Inbound:
    """Return who reads a channel's events."""
    return _READERS[channel.platform](channel)
