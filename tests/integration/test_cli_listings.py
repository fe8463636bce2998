from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local import faults
from local import shop as local_shop
from local.stand_in import serving
from shared.domain.facts import Catalogue, Product
from shared.domain.names import ChannelId, Sku
from shared.runtime import clients, clock
from shared.runtime.settings import settings
from shared.storage.config import Config
from shared.storage.facts import Facts
from tests.integration.conftest import sample_rules
from tests.support import stand_ins
from tests.support import terminal as terminals
from tests.support.stand_ins import Endpoint
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

FJORD = ChannelId("fjord")
AT = "2026-11-25T08:00:00.000Z"


@dataclass
class Desk:
    """An operator's terminal, our facts, the shop, and how it calls its products."""

    terminal: Terminal
    facts: Facts
    shop: Any
    called: dict[str, str]

    def ours(self, **skus: str) -> None:
        """Have SKUs, each listed as it is called, or not at all."""
        products = tuple(
            Product(sku=Sku(sku), title=sku, inventory_items={FJORD: listing} if listing else {})
            for sku, listing in skus.items()
        )
        self.facts.push(self.facts.difference(Catalogue(products=products)), AT)


@pytest.fixture(params=["woocommerce", "generic", "shopify"])
def desk(
    request: pytest.FixtureRequest,
    aws: Aws,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    terminal = terminals.at(tmp_path, capsys, monkeypatch, {"ApiUrl": "https://api.example"})
    match request.param:
        case "woocommerce":
            shop: Any = stand_ins.woo(tmp_path, Endpoint(), clock.now)
            for product, sku, parent in ((11, "A", 0), (12, "B", 0), (20, "", 0), (21, "C", 20), (31, "X", 0)):
                shop.has(product, sku, 5, parent)
            called, token = {"A": "11", "B": "12", "C": "20/21"}, f"{stand_ins.WOO_KEY}:{stand_ins.WOO_SECRET}"
        case "generic":
            shop = stand_ins.generic(tmp_path, Endpoint(), clock.now)
            for sku in "ABCX":
                shop.has(sku, 5)
            called, token = {sku: sku for sku in "ABC"}, stand_ins.GENERIC_TOKEN
        case _:
            called = {sku: f"gid://shopify/InventoryItem/{at}" for at, sku in enumerate("ABC", 1)}
            shop = local_shop.Shop(
                store=local_shop.Store(tmp_path / "shop.sqlite"),
                domain="f.example",
                location="gid://shopify/Location/1",
                secret="s",
                token="shpat",
                items={**called, "X": "gid://shopify/InventoryItem/9"},
                deliver=lambda *_: 200,
            )
            token = "shpat"
    kept = json.dumps({"current": "signs", "previous": "", "token": token})
    clients.secretsmanager().create_secret(Name="truestock/test/shops/fjord", SecretString=kept)
    opened = local_shop.serving(shop) if request.param == "shopify" else serving(shop)
    with opened as url:
        channel: dict[str, Any] = {
            "woocommerce": {"platform": "woocommerce", "shop": "f.example", "api_url": f"{url}/wp-json/wc/v3"},
            "generic": stand_ins.generic_channel(api_url=f"{url}/truestock"),
            "shopify": {
                "platform": "shopify",
                "shop": "f.example",
                "api_url": url,
                "location": "gid://shopify/Location/1",
            },
        }[request.param]
        rules = sample_rules()
        rules["channels"] = {"fjord": {**channel, "currency": "EUR"}}
        Config(aws.s3, settings().config_bucket).push(rules)
        yield Desk(terminal, Facts(aws.stock), shop, called)


woo_alone = pytest.mark.parametrize("desk", ["woocommerce"], indirect=True)


def test_listings_are_shown_and_then_learned(desk: Desk) -> None:
    desk.ours(A="", B=desk.called["B"], C="")

    dry = desk.terminal.document("listings", "import", "fjord", "--dry-run")
    assert (dry["new"], dry["unchanged"], dry["learned"]) == (
        {"A": desk.called["A"], "C": desk.called["C"]},
        1,
        [],
    )
    assert set(desk.facts.listings(FJORD)) == {desk.called["B"]}

    learned = desk.terminal.document("listings", "import", "fjord")

    assert (learned["learned"], list(learned["unknown"])) == (["A", "C"], ["X"])
    assert desk.facts.listings(FJORD) == {listing: Sku(sku) for sku, listing in desk.called.items()}
    assert desk.terminal.document("listings", "import", "fjord")["new"] == {}


@woo_alone
def test_numbers_of_what_was_learned_are_told(desk: Desk) -> None:
    desk.ours(A="")

    assert desk.terminal.run("listings", "import", "fjord") == 0

    assert desk.facts.products([Sku("A")])[Sku("A")].learned == (FJORD,)
    assert "shops are told what differs: 1 SKUs" in desk.terminal.out


@woo_alone
def test_what_is_for_a_person_is_told_and_left(desk: Desk) -> None:
    desk.shop.has(13, "A", 5)
    desk.shop.has(14, "D", None)
    desk.ours(A="", B="99", C="20/21", D="", E="12")

    assert desk.terminal.run("listings", "import", "fjord") == 0

    assert "listings: 1 new, 0 moved, 1 unchanged" in desk.terminal.out
    for told in (
        "listed twice in the shop; leave one: 1\n  A: 11, 13",
        "of several SKUs, here or in the shop; correct one of them: 1\n  12: B, E",
        "the shop keeps no quantity of it: 1\n  D",
        "none of our SKUs: 1\n  X: 31",
        "not in the shop any more: 1\n  B: 99",
    ):
        assert told in desk.terminal.out
    assert desk.facts.listings(FJORD) == {"99": Sku("B"), "20/21": Sku("C"), "14": Sku("D"), "12": Sku("E")}


@woo_alone
def test_a_shop_that_fails_has_nothing_learned(desk: Desk) -> None:
    desk.ours(A="")
    faults.set(desk.shop.store, "fail", status=503)

    assert desk.terminal.run("listings", "import", "fjord") == 1

    assert desk.facts.listings(FJORD) == {}


@pytest.mark.parametrize("desk", ["generic"], indirect=True)
def test_a_shop_that_tells_no_products_says_so(desk: Desk) -> None:
    faults.set(desk.shop.store, "fail", status=400)

    assert desk.terminal.run("listings", "import", "fjord") == 1

    assert "this shop does not tell what it lists" in desk.terminal.err
