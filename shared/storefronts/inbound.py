"""Which platform reads what a channel sends: each is entered here once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.domain import platforms
from shared.domain.rules import Channel
from shared.errors import InvalidInput
from shared.storefronts import bigcommerce, shopify, woocommerce
from shared.storefronts.amazon import Notices
from shared.storefronts.contract import Details, Inbound
from shared.storefronts.standard_webhooks import Hooks


def _generic(channel: Channel) -> Inbound:
    if channel.mapping is None:
        raise InvalidInput("a generic shop has no mapping", code="no_mapping", channel=channel.channel)
    return Hooks(mapping=channel.mapping, currency=channel.currency)


_READERS: Mapping[str, Callable[[Channel], Inbound]] = {
    platforms.SHOPIFY: lambda _: shopify,
    platforms.WOOCOMMERCE: lambda _: woocommerce,
    platforms.BIGCOMMERCE: lambda _: bigcommerce,
    platforms.AMAZON: lambda channel: Notices(seller=channel.shop, marketplace=channel.marketplace),
    platforms.GENERIC: _generic,
}


_DETAILS: Mapping[str, Details] = {platforms.SHOPIFY: shopify, platforms.WOOCOMMERCE: woocommerce}


def details(channel: Channel) -> Details | None:
    """Return who reads what a channel sends of refunds and products; None: it sends none."""
    return _DETAILS.get(channel.platform)


def of(channel: Channel) -> Inbound:
    """Return who reads a channel's events."""
    return _READERS[channel.platform](channel)
