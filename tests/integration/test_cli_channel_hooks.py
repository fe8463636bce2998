from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local import faults
from local.stand_in import serving
from local.woo_shop import WooShop
from shared.runtime import clients, clock
from shared.runtime.settings import settings
from shared.storage.config import Config
from tests.integration.conftest import sample_rules
from tests.support import stand_ins
from tests.support import terminal as terminals
from tests.support.stand_ins import Endpoint
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

SECRET = "truestock/test/shops/fjord"
API = "https://api.example"
TOKENS = {
    "woocommerce": f"{stand_ins.WOO_KEY}:{stand_ins.WOO_SECRET}",
    "bigcommerce": stand_ins.BIGCOMMERCE_TOKEN,
    "generic": stand_ins.GENERIC_TOKEN,
}


@dataclass
class Desk:
    """An operator's terminal, and the shop that is looked at."""

    terminal: Terminal
    shop: Any
    settle: Callable[..., object]

    def wrong(self, status: int = 1) -> dict[str, str]:
        found = self.terminal.document("channels", "check", "fjord", status=status)
        return {each["what"]: each["told"] for each in found["channels"]["fjord"] if not each["is_right"]}


@pytest.fixture(params=["woocommerce", "bigcommerce", "generic"])
def desk(
    request: pytest.FixtureRequest,
    aws: Aws,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    makes: Any = getattr(stand_ins, {"woocommerce": "woo"}.get(request.param, request.param))
    shop: Any = makes(tmp_path, Endpoint(), clock.now)
    keep(TOKENS[request.param])
    with serving(shop) as url:
        fjord: dict[str, Any] = {
            "woocommerce": {"platform": "woocommerce", "shop": "f.example", "api_url": f"{url}/wp-json/wc/v3"},
            "bigcommerce": stand_ins.bigcommerce_channel(api_url=f"{url}/stores/abc123"),
            "generic": stand_ins.generic_channel(api_url=f"{url}/truestock"),
        }[request.param]

        def settle(**changes: object) -> None:
            channels = {"fjord": {**fjord, "currency": "EUR", **changes}}
            Config(aws.s3, settings().config_bucket).push(sample_rules() | {"channels": channels})

        settle()
        yield Desk(terminals.at(tmp_path, capsys, monkeypatch, {"ApiUrl": API}), shop, settle)


def keep(token: str, current: str = "signs") -> None:
    kept = json.dumps({"current": current, "previous": "", "token": token})
    manager = clients.secretsmanager()
    try:
        manager.create_secret(Name=SECRET, SecretString=kept)
    except manager.exceptions.ResourceExistsException:
        manager.put_secret_value(SecretId=SECRET, SecretString=kept)


@pytest.fixture
def seller(
    aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    shop = stand_ins.amazon(tmp_path, clock.now)
    keep(stand_ins.AMAZON_TOKEN, current="")
    queue = clients.sqs().create_queue(QueueName="shop-events")["QueueUrl"]
    with serving(shop) as url:

        def settle(**changes: object) -> None:
            channels = {"fjord": {**stand_ins.amazon_channel(shop, url), **changes}}
            Config(aws.s3, settings().config_bucket).push(sample_rules() | {"channels": channels})

        settle()
        outputs = {"ApiUrl": API, "ShopEventQueueUrl": queue}
        yield Desk(terminals.at(tmp_path, capsys, monkeypatch, outputs), shop, settle)


woo_alone = pytest.mark.parametrize("desk", ["woocommerce"], indirect=True)
bigcommerce_alone = pytest.mark.parametrize("desk", ["bigcommerce"], indirect=True)
generic_alone = pytest.mark.parametrize("desk", ["generic"], indirect=True)


@woo_alone
def test_missing_webhooks_are_told_and_made_once(desk: Desk) -> None:
    assert list(desk.wrong()) == ["webhooks"]
    assert desk.terminal.run("channels", "check") == 1
    assert "what to do about webhooks: `truestock channels subscribe fjord`" in desk.terminal.out

    made = desk.terminal.document("channels", "subscribe", "fjord")
    again = desk.terminal.document("channels", "subscribe", "fjord")

    assert (made["is_written"], sorted(made["topics"])) == (
        True,
        [
            *("order.created", "order.deleted", "order.restored", "order.updated"),
            *("product.created", "product.restored", "product.updated"),
        ],
    )
    assert (again["is_written"], again["topics"]) == (False, [])
    assert desk.wrong(status=0) == {}
    assert isinstance(desk.shop, WooShop)


@woo_alone
def test_a_dry_run_makes_no_webhook(desk: Desk) -> None:
    assert desk.terminal.document("channels", "subscribe", "fjord", "--dry-run")["is_written"] is False

    assert "order.created is missing" in desk.wrong()["webhooks"]


@bigcommerce_alone
def test_what_lacks_in_a_bigcommerce_store_is_told_and_made_once(desk: Desk) -> None:
    assert list(desk.wrong()) == ["webhooks"]

    made = desk.terminal.document("channels", "subscribe", "fjord")
    again = desk.terminal.document("channels", "subscribe", "fjord")

    assert made["topics"] == [
        "store/order/archived",
        "store/order/created",
        "store/order/refund/created",
        "store/order/updated",
    ]
    assert (made["is_written"], again["is_written"], again["topics"]) == (True, False, [])
    assert desk.wrong(status=0) == {}


@bigcommerce_alone
@pytest.mark.parametrize(("closed", "scope"), [("/v2/orders", "Orders"), ("/v3/inventory", "Store Inventory")])
def test_a_scope_that_lacks_is_named(desk: Desk, closed: str, scope: str) -> None:
    desk.shop.closed = closed

    assert desk.wrong()["scope"] == f"{scope} is not open to our token"
    assert desk.terminal.run("channels", "check") == 1
    assert "give the API account the scope" in desk.terminal.out


@bigcommerce_alone
def test_a_location_the_store_does_not_have_is_named(desk: Desk) -> None:
    desk.settle(location=7)

    assert desk.wrong()["location"] == "the shop has no location 7"


@generic_alone
def test_a_generic_shop_that_takes_our_signature_is_right(desk: Desk) -> None:
    assert desk.wrong(status=0) == {}
    assert desk.terminal.run("channels", "subscribe", "fjord") == 2
    assert "is no shop that can be subscribed" in desk.terminal.err


def test_a_token_that_the_shop_refuses_is_wrong(desk: Desk) -> None:
    keep("whsec_b3RoZXI=")

    assert "status=401" in desk.wrong()["shop"]
    assert desk.terminal.run("channels", "check") == 1
    assert "`truestock channels rotate fjord --token`" in desk.terminal.out


def test_a_shop_that_fails_is_asked_again(desk: Desk) -> None:
    faults.set(desk.shop.store, "fail")

    assert "shop" in desk.wrong()


@woo_alone
def test_without_a_signing_secret_no_webhook_is_made(desk: Desk) -> None:
    keep(f"{stand_ins.WOO_KEY}:{stand_ins.WOO_SECRET}", current="")

    assert desk.terminal.run("channels", "subscribe", "fjord") == 1
    assert "lacks its signing secret" in desk.terminal.err


def test_amazon_is_subscribed_to_our_queue_once(seller: Desk) -> None:
    assert seller.wrong() == {"subscription": "our queue is no destination"}
    assert seller.terminal.document("channels", "subscribe", "fjord", "--dry-run")["is_written"] is False
    assert seller.shop.subscriptions() == {}

    made = seller.terminal.document("channels", "subscribe", "fjord")
    again = seller.terminal.document("channels", "subscribe", "fjord")

    assert (made["is_written"], made["topics"]) == (True, ["ORDER_CHANGE"])
    assert (again["is_written"], again["topics"]) == (False, [])
    assert seller.wrong(status=0) == {}


def test_roles_that_amazon_does_not_grant_are_wrong(seller: Desk) -> None:
    seller.shop.roles = frozenset({"orders", "notifications"})

    assert seller.wrong()["roles"] == "missing: Product Listing"
    assert seller.terminal.run("channels", "check") == 1
    assert "have the seller authorise it anew" in seller.terminal.out


def test_a_subscription_to_somebody_elses_queue_is_wrong_and_left(seller: Desk) -> None:
    with seller.shop.store.open() as store:
        store.execute("INSERT INTO subscriptions VALUES ('ORDER_CHANGE', '{\"destinationId\": \"d-9\"}')")

    assert "d-9" in seller.wrong()["subscription"]
    assert seller.terminal.run("channels", "subscribe", "fjord") == 1
    assert "the subscription goes to another queue" in seller.terminal.err


def test_a_refresh_token_that_was_taken_back_is_wrong(seller: Desk) -> None:
    keep("amzn1.client:amzn1.secret:Atzr|old", current="")

    assert "Amazon refuses the token" in seller.wrong()["shop"]
