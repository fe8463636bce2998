"""Which platform is told, how, and how fast: each is entered here once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from shared.domain import pace, platforms
from shared.domain.pace import Limit
from shared.domain.rules import Channel
from shared.errors import InvalidInput
from shared.storefronts import amazon_api, bigcommerce_rest, generic_shop, shopify_admin, woocommerce_rest
from shared.storefronts.amazon_api import Access
from shared.storefronts.amazon_api import Api as AmazonApi
from shared.storefronts.amazon_orders import Orders as AmazonOrders
from shared.storefronts.amazon_products import Products as AmazonProducts
from shared.storefronts.amazon_stock import MOST_PATCHES, SECONDS_OF_PATCHES
from shared.storefronts.amazon_stock import Stock as AmazonStock
from shared.storefronts.bigcommerce_orders import Orders as BigCommerceOrders
from shared.storefronts.bigcommerce_products import Products as BigCommerceProducts
from shared.storefronts.bigcommerce_rest import Api
from shared.storefronts.bigcommerce_stock import Stock as BigCommerceStock
from shared.storefronts.contract import Desk, Numbers, Orders, Products
from shared.storefronts.generic_shop import GenericShop
from shared.storefronts.paced import Pacer
from shared.storefronts.shopify_admin import Shop
from shared.storefronts.shopify_fulfilments import OrderDesk
from shared.storefronts.shopify_orders import Orders as ShopifyOrders
from shared.storefronts.shopify_products import Products as ShopifyProducts
from shared.storefronts.woocommerce_orders import Orders as WooOrders
from shared.storefronts.woocommerce_products import Products as WooProducts
from shared.storefronts.woocommerce_rest import Rest
from shared.storefronts.woocommerce_stock import BATCHES_A_SECOND, MOST_BATCHES, Stock

LIMITS: Mapping[str, Limit] = {
    platforms.SHOPIFY: shopify_admin.LIMIT,
    platforms.WOOCOMMERCE: woocommerce_rest.LIMIT,
    platforms.BIGCOMMERCE: bigcommerce_rest.LIMIT,
    platforms.AMAZON: amazon_api.LIMIT,
    platforms.GENERIC: generic_shop.LIMIT,
}


def limit(channel: Channel) -> Limit:
    """Return what a shop takes: its platform's limit, or the lower one of the rules."""
    return pace.ruled(LIMITS[channel.platform], channel.limit)


class Outbound:
    """Connects channels.

    `token` gives what a channel is called with, `now` the time, `new_id` never the same twice; `wait` waits so many
    seconds. Who makes several connections to one shop gives them one pacer; else each has its own. `untold`: platforms
    whose shops are told nothing.
    """

    def __init__(
        self,
        token: Callable[[Channel], str],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        wait: Callable[[float], None],
        untold: Collection[str] = platforms.EXPERIMENTAL,
    ) -> None:
        self._token = token
        self._now = now
        self._new_id = new_id
        self._wait = wait
        self._untold = untold
        self._access = Access(now=now)

    def pacer(self, channel: Channel) -> Pacer:
        """Make what lets calls through to a shop as fast as it takes them."""
        return Pacer(pace.full(limit(channel), self._now()), self._now, self._wait)

    def numbers(self, channel: Channel, pacer: Pacer | None = None) -> Numbers:
        """Connect a shop's quantities. Raises InvalidInput for a platform that is experimental."""
        self._refuse_untold(channel)
        pacer = pacer or self.pacer(channel)
        match channel.platform:
            case platforms.WOOCOMMERCE:
                most = min(MOST_BATCHES, int(BATCHES_A_SECOND * limit(channel).per_second))
                return Stock(self._rest(channel, pacer), most)
            case platforms.BIGCOMMERCE:
                return BigCommerceStock(api=self._api(channel, pacer), location=channel.location, wait=self._wait)
            case platforms.AMAZON:
                most = min(MOST_PATCHES, int(SECONDS_OF_PATCHES * limit(channel).per_second))
                return AmazonStock(self.api(channel, pacer), most)
            case platforms.GENERIC:
                return self._generic(channel, pacer)
        token = self._token(channel)
        return Shop(url=channel.api_url, location=channel.location, token=token, post=pacer.post)

    def desk(self, channel: Channel, pacer: Pacer | None = None) -> Desk:
        """Connect the state of a shop's orders. Raises InvalidInput for a platform that is experimental."""
        self._refuse_untold(channel)
        pacer = pacer or self.pacer(channel)
        if channel.platform == platforms.SHOPIFY:
            return OrderDesk(url=channel.api_url, token=self._token(channel), post=pacer.post)
        return self._order_book(channel, pacer)

    def orders(self, channel: Channel, pacer: Pacer | None = None) -> Orders:
        """Connect what finds a shop's orders."""
        pacer = pacer or self.pacer(channel)
        if channel.platform == platforms.SHOPIFY:
            return ShopifyOrders(url=channel.api_url, token=self._token(channel), post=pacer.post)
        return self._order_book(channel, pacer)

    def products(self, channel: Channel) -> Products:
        """Connect what a shop lists."""
        pacer = self.pacer(channel)
        match channel.platform:
            case platforms.WOOCOMMERCE:
                return WooProducts(self._rest(channel, pacer))
            case platforms.BIGCOMMERCE:
                return BigCommerceProducts(self._api(channel, pacer))
            case platforms.AMAZON:
                return AmazonProducts(self.api(channel, pacer))
            case platforms.GENERIC:
                return self._generic(channel, pacer)
        return ShopifyProducts(url=channel.api_url, token=self._token(channel), post=pacer.post)

    def api(self, channel: Channel, pacer: Pacer | None = None) -> AmazonApi:
        """Connect an Amazon seller's API."""
        return AmazonApi(
            url=channel.api_url,
            auth_url=channel.auth_url,
            seller=channel.shop,
            marketplace=channel.marketplace,
            secret=self._token(channel),
            access=self._access,
            send=(pacer or self.pacer(channel)).send,
        )

    def _order_book(self, channel: Channel, pacer: Pacer) -> WooOrders | BigCommerceOrders | AmazonOrders | GenericShop:
        """Connect what both finds a shop's orders and tells their state: all but Shopify have one piece for it."""
        match channel.platform:
            case platforms.WOOCOMMERCE:
                return WooOrders(self._rest(channel, pacer))
            case platforms.BIGCOMMERCE:
                return BigCommerceOrders(self._api(channel, pacer))
            case platforms.AMAZON:
                return AmazonOrders(self.api(channel, pacer), self._now)
        return self._generic(channel, pacer)

    def _refuse_untold(self, channel: Channel) -> None:
        if channel.platform in self._untold:
            raise InvalidInput(
                "this platform is experimental: set channels.<id>.active to false, or take a release that supports it",
                code="platform_experimental",
                platform=channel.platform,
                channel=channel.channel,
            )

    def _api(self, channel: Channel, pacer: Pacer) -> Api:
        return Api(url=channel.api_url, token=self._token(channel), send=pacer.send)

    def _rest(self, channel: Channel, pacer: Pacer) -> Rest:
        return Rest(url=channel.api_url, token=self._token(channel), send=pacer.send)

    def _generic(self, channel: Channel, pacer: Pacer) -> GenericShop:
        if channel.mapping is None:
            raise InvalidInput("a generic shop has no mapping", code="no_mapping", channel=channel.channel)
        return GenericShop(
            url=channel.api_url,
            token=self._token(channel),
            mapping=channel.mapping,
            now=self._now,
            new_id=self._new_id,
            send=pacer.send,
        )
