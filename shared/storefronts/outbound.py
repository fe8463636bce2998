"""Which platform is told, and how: each is entered here once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from shared.domain import platforms
from shared.domain.rules import Channel
from shared.errors import InvalidInput
from shared.storefronts import graphql
from shared.storefronts.amazon_api import Access, Api
from shared.storefronts.amazon_orders import Orders as AmazonOrders
from shared.storefronts.amazon_stock import Stock as AmazonStock
from shared.storefronts.contract import Desk, Numbers, Orders
from shared.storefronts.generic_shop import GenericShop
from shared.storefronts.shopify_admin import Shop
from shared.storefronts.shopify_fulfilments import OrderDesk
from shared.storefronts.shopify_orders import Orders as ShopifyOrders
from shared.storefronts.woocommerce_orders import Orders as WooOrders
from shared.storefronts.woocommerce_rest import Rest
from shared.storefronts.woocommerce_stock import Stock


class Outbound:
    """Connects channels. `token` gives what a channel is called with, `now` the time, `new_id` never the same twice.

    `untold`: platforms whose shops are told nothing.
    """

    def __init__(
        self,
        token: Callable[[Channel], str],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        untold: Collection[str] = platforms.EXPERIMENTAL,
    ) -> None:
        self._token = token
        self._now = now
        self._new_id = new_id
        self._untold = untold
        self._access = Access(now=now)

    def numbers(self, channel: Channel) -> Numbers:
        """Connect a shop's quantities. Raises InvalidInput for a platform that is experimental."""
        self._refuse_untold(channel)
        match channel.platform:
            case platforms.WOOCOMMERCE:
                return Stock(self._rest(channel))
            case platforms.AMAZON:
                return AmazonStock(self.api(channel))
            case platforms.GENERIC:
                return self._generic(channel)
        token = self._token(channel)
        return Shop(url=channel.api_url, location=channel.location, token=token, post=graphql.post)

    def desk(self, channel: Channel) -> Desk:
        """Connect the state of a shop's orders. Raises InvalidInput for a platform that is experimental."""
        self._refuse_untold(channel)
        match channel.platform:
            case platforms.WOOCOMMERCE:
                return WooOrders(self._rest(channel))
            case platforms.AMAZON:
                return AmazonOrders(self.api(channel), self._now)
            case platforms.GENERIC:
                return self._generic(channel)
        return OrderDesk(url=channel.api_url, token=self._token(channel))

    def orders(self, channel: Channel) -> Orders:
        """Connect what finds a shop's orders."""
        match channel.platform:
            case platforms.WOOCOMMERCE:
                return WooOrders(self._rest(channel))
            case platforms.AMAZON:
                return AmazonOrders(self.api(channel), self._now)
            case platforms.GENERIC:
                return self._generic(channel)
        return ShopifyOrders(url=channel.api_url, token=self._token(channel))

    def api(self, channel: Channel) -> Api:
        """Connect an Amazon seller's API."""
        return Api(
            url=channel.api_url,
            auth_url=channel.auth_url,
            seller=channel.shop,
            marketplace=channel.marketplace,
            secret=self._token(channel),
            access=self._access,
        )

    def _refuse_untold(self, channel: Channel) -> None:
        if channel.platform in self._untold:
            raise InvalidInput(
                "this platform is experimental: set channels.<id>.active to false, or take a release that supports it",
                code="platform_experimental",
                platform=channel.platform,
                channel=channel.channel,
            )

    def _rest(self, channel: Channel) -> Rest:
        return Rest(url=channel.api_url, token=self._token(channel))

    def _generic(self, channel: Channel) -> GenericShop:
        if channel.mapping is None:
            raise InvalidInput("a generic shop has no mapping", code="no_mapping", channel=channel.channel)
        token = self._token(channel)
        return GenericShop(
            url=channel.api_url, token=token, mapping=channel.mapping, now=self._now, new_id=self._new_id
        )
