"""The three shops that stand beside a local cloud: Shopify's, WooCommerce's, and one of no known platform.

Each keeps its memory in a file of its own beside the cloud's state, and has the secrets that the cloud holds of it.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from local import drawn, generic_shop, readback, stand_in, woo_shop
from local import shop as shops
from local.cloud import Cloud
from local.generic_shop import GenericShop
from local.shop import Shop
from local.woo_shop import WooShop

WOO, GENERIC = "havn", "torg"


@dataclass(frozen=True)
class Market:
    """The shops of one cloud."""

    nordlys: Shop
    havn: WooShop
    torg: GenericShop

    def shows(self) -> dict[str, dict[str, int | None]]:
        """Answer what each shop shows: channel -> listing -> units."""
        return {
            drawn.CHANNEL: dict(self.nordlys.store.quantities()),
            WOO: {str(product): units for product, units in self.havn.quantities().items()},
            GENERIC: dict(self.torg.quantities()),
        }


def of(cloud: Cloud) -> Market:
    """Stand in for the shops of a cloud."""
    rules = drawn.rules()["channels"]
    kept = _secrets(cloud, drawn.CHANNEL, lambda: (secrets.token_hex(32), f"shpat_{secrets.token_hex(16)}"))
    nordlys = Shop(
        store=readback.store(cloud),
        domain=rules[drawn.CHANNEL]["shop"],
        location=rules[drawn.CHANNEL]["location"],
        secret=kept["current"],
        token=kept["token"],
        items=readback.listings(),
        deliver=_deliver(cloud, drawn.CHANNEL),
    )
    kept = _secrets(
        cloud, WOO, lambda: (secrets.token_hex(32), f"ck_{secrets.token_hex(8)}:cs_{secrets.token_hex(16)}")
    )
    key, key_secret = kept["token"].split(":")
    havn = WooShop(
        store=stand_in.Store(cloud.state / f"{WOO}.sqlite", woo_shop.SCHEMA),
        secret=kept["current"],
        key=key,
        key_secret=key_secret,
        deliver=_deliver(cloud, WOO),
    )
    kept = _secrets(cloud, GENERIC, lambda: (_standard(), _standard()))
    torg = GenericShop(
        store=stand_in.Store(cloud.state / f"{GENERIC}.sqlite", generic_shop.SCHEMA),
        secret=kept["current"],
        token=kept["token"],
        deliver=_deliver(cloud, GENERIC),
    )
    return Market(nordlys, havn, torg)


@contextmanager
def serving(market: Market) -> Iterator[Mapping[str, str]]:
    """Serve all shops while the block runs; give each channel's `api_url`."""
    _list(market)
    with ExitStack() as standing:
        yield {
            drawn.CHANNEL: standing.enter_context(shops.serving(market.nordlys)),
            WOO: standing.enter_context(stand_in.serving(market.havn)) + "/wp-json/wc/v3",
            GENERIC: standing.enter_context(stand_in.serving(market.torg)),
        }


def _list(market: Market) -> None:
    """Have the two others sell what config/listings.csv says; what they have already stays as it is."""
    shown = market.shows()
    for channel, listing, sku in drawn.listed():
        if listing in shown[channel]:
            continue
        if channel == WOO:
            market.havn.has(int(listing), sku, 0)
        else:
            market.torg.has(listing, 0)


def _deliver(cloud: Cloud, channel: str) -> Callable[[bytes, dict[str, str]], int]:
    return lambda body, headers: cloud.api(f"/webhooks/{channel}", body, headers).status


def _standard() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _secrets(cloud: Cloud, channel: str, make: Callable[[], tuple[str, str]]) -> dict[str, str]:
    """Read the secrets that the cloud holds of a shop; made when there are none."""
    name = f"truestock/{cloud.stack}/shops/{channel}"
    manager = cloud.client("secretsmanager")
    try:
        read: dict[str, str] = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
    except manager.exceptions.ResourceNotFoundException:
        current, token = make()
        read = {"current": current, "previous": "", "token": token}
        manager.create_secret(Name=name, SecretString=json.dumps(read))
    return read
