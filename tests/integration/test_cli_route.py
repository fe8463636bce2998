from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.domain.names import Sku
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import keys, levels, offers
from shared.storage.config import Config
from tests.integration.conftest import forget
from tests.support import terminal as terminals
from tests.support import trade
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

SOURCES = ("alpina", "baltic", "celtic", "dansk")
PRICES = {
    "NL-1001": {"alpina": 900, "baltic": 940, "celtic": 990},
    "NL-1002": {"alpina": 1250, "baltic": 1190},
    "NL-1003": {"celtic": 700, "alpina": 760},
    "NL-1004": {"dansk": 400, "baltic": 430},
}
CART = "sku,units,price\nNL-1001,2,19.90\nNL-1002,1,24.90\nNL-1003,3,14.90\nNL-1004,1,9.90\n"


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(clock, "now", trade.times_now)
    push(aws, order_fee="4.50", lead_days=2)
    for sku, costs in PRICES.items():
        for source, cost in costs.items():
            aws.stock.put(levels.to_item(trade.level(sku, source, 20)))
            aws.stock.put(offers.to_item(trade.offer(sku, source, cost)))
    (tmp_path / "cart.csv").write_text(CART)
    return terminals.at(tmp_path, capsys, monkeypatch)


def push(aws: Aws, **terms: Any) -> None:  # noqa: ANN401 - any term of shipping
    """Make rules of four sources current, each with these terms."""
    document = trade.shop_rules_document(*SOURCES)
    for source in document["sources"].values():
        source["shipping"] = terms
    Config(aws.s3, settings().config_bucket).push(document)
    forget()


def cart(terminal: Terminal, text: str = CART) -> str:
    file = terminal.cloud / "cart.csv"
    file.write_text(text)
    return str(file)


TOLD = """\
7 units in 4 lines to AT, ordered at nordlys.example 2026-11-24 09:00:00 UTC
2 parcels from baltic and celtic, 65.00 EUR in all

what ships from where
from    line  SKU      units  a piece  arrives
baltic  1     NL-1001      2     9.40  2026-11-26
baltic  2     NL-1002      1    11.90  2026-11-26
baltic  4     NL-1004      1     4.30  2026-11-26
celtic  3     NL-1003      3     7.00  2026-11-26

what it costs, in EUR
from      parcels  goods  order fee  total  arrives
baltic          1  35.00       4.50  39.50  2026-11-26
celtic          1  21.00       4.50  25.50  2026-11-26
together        2  56.00       9.00  65.00  2026-11-26

why not from the others
line  SKU      source  has  a piece  why
1     NL-1001  alpina   20     9.00  the whole order is better with baltic
1     NL-1001  celtic   20     9.90  a unit costs more than at baltic
2     NL-1002  alpina   20    12.50  a unit costs more than at baltic
3     NL-1003  alpina   20     7.60  a unit costs more than at celtic
4     NL-1004  dansk    20     4.00  the whole order is better with baltic

next best: from alpina and baltic: 1.00 EUR dearer
cheapest per line: 4 parcels from alpina, baltic, celtic and dansk, 72.90 EUR in all: 7.90 EUR dearer, 2 parcels more
"""


def test_a_cart_that_would_ship_in_four_parcels_ships_in_two_and_says_so(terminal: Terminal) -> None:
    assert terminal.run("route", "--cart", cart(terminal), "--to", "AT") == 0

    _, *told = terminal.out.splitlines()
    assert [line.rstrip() for line in told] == TOLD.splitlines()


def test_routing_a_cart_writes_nothing(aws: Aws, terminal: Terminal) -> None:
    def everything() -> list[str]:
        tables = (aws.stock.name, aws.orders.name)
        return [repr(aws.dynamodb.scan(TableName=name)["Items"]) for name in tables]

    before = everything()

    assert terminal.document("route", "--cart", cart(terminal))["plan"]["parcels"] == 2

    assert everything() == before


def test_a_source_that_does_not_deliver_there_is_out_and_says_why(aws: Aws, terminal: Terminal) -> None:
    push(aws, ship_to={"countries": ["AT", "DE"], "without_regions": ["DE-HE"]})

    assert terminal.run("route", "--cart", cart(terminal), "--to", "SE") == 0
    assert "nobody ships 2 of NL-1001: alpina: does not ship to SE; baltic: does not ship to SE" in terminal.out
    assert terminal.run("route", "--cart", cart(terminal), "--to", "DE-HE") == 0
    assert "does not ship to DE-HE" in terminal.out
    assert terminal.document("route", "--cart", cart(terminal), "--to", "DE-BY")["plan"]["short"] == []


def test_weights_of_products_decide_freight_and_a_price_left_out_is_the_products(aws: Aws, terminal: Terminal) -> None:
    push(aws, freight=[{"to": ["AT"], "brackets": [{"upto_grams": 900, "price": "5.00"}]}])
    pk, sk = keys.item(Sku("NL-1001"))
    product = {"PK": pk, "SK": sk, "entity": "product", "schema": 2, "revision": 1, "title": "Tray"}
    aws.stock.put(product | {"inventory_items": {}, "grams": 800, "price_minor": 1990, "currency": "EUR"})

    told = terminal.document("route", "--cart", cart(terminal, "sku,units\nNL-1001,2\n"), "--to", "AT")

    assert told["lines"][0]["price_minor"] == 1990
    assert [(each["source"], each["parcels"], each["freight_minor"]) for each in told["plan"]["sources"]] == [
        ("alpina", 2, 1000)
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sku;units\n", "the columns are sku, units, and perhaps price"),
        ("sku,units\n", "1 to 500 lines"),
        ("sku,units\nNL-1001,0\n", "line 2: units are a whole number above zero"),
        ("sku,units\nNL-1001,1\nNL-1002,1.5\n", "line 3: units are a whole number above zero"),
        ("sku,units\n,1\n", "line 2: a name must not be empty"),
        ("sku,units,price\nNL-1001,1,-5\n", "line 2: an amount such as 12.40"),
    ],
)
def test_a_cart_that_is_wrong_is_refused_with_its_line(terminal: Terminal, text: str, told: str) -> None:
    assert terminal.run("route", "--cart", cart(terminal, text)) == 2
    assert told in terminal.err


@pytest.mark.parametrize("words", [("--to", "XX"), ("--to", "de"), ("--channel", "nobody")])
def test_a_place_or_a_shop_that_does_not_exist_is_refused(terminal: Terminal, words: tuple[str, str]) -> None:
    assert terminal.run("route", "--cart", cart(terminal), *words) == 2
    assert words[1] in terminal.err
