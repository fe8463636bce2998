from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.domain import messages, times
from shared.domain.facts import Product
from shared.domain.feeds import FileReport, Verdict
from shared.domain.flags import Flag, FlagKind
from shared.domain.ledger import movement
from shared.domain.messages import Refresh, Scope
from shared.domain.names import ChannelId, OrderKey, Sku, SourceId
from shared.domain.stock import Count, First, Level
from shared.runtime import clock
from shared.runtime.settings import settings
from shared.storage import facts, keys, ledger, levels, offers, order_lists
from shared.storage.availability import Availability, Told, told_item
from shared.storage.dynamo import Transactions
from shared.storage.feeds import Feeds
from shared.storage.flags import Flags
from shared.storage.levels import Levels
from shared.storage.pauses import Pause, Pauses
from tests.integration.conftest import push_rules
from tests.support import terminal as terminals
from tests.support import trade
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

SKU, ALPINA, NORDLYS = Sku("NL-1001"), SourceId("alpina"), ChannelId("nordlys")
KEY = trade.at("NL-1001", "alpina")
KEPT = "done/alpina/stock.csv"
FILE = "Item;On hand;Price\nNL-1000;3;9,00\nNL-1001;20;9,00\n"


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    push_rules(aws, {"percent": 90, "buffer": 2})
    return terminals.at(tmp_path, capsys, monkeypatch)


def recorded(aws: Aws, before: Level | None) -> Level:
    """Write the movement of a level's last write, as the stream's reader does."""
    found = aws.stock.get(keys.level(KEY))
    assert found
    after = levels.from_item(found)
    aws.stock.write_all([ledger.to_item(movement(before, after))])
    return after


@pytest.fixture
def counted(aws: Aws) -> Level:
    """20 pieces, counted just now in a file that is kept, listed in the shop."""
    as_of = times.text(clock.now())
    aws.s3.put_object(Bucket=settings().files_bucket, Key=KEPT, Body=FILE.encode())
    report = FileReport(source=ALPINA, file="in/alpina/stock.csv@1", as_of=as_of, verdict=Verdict.APPLIED, kept=KEPT)
    Feeds(aws.stock).record(report)
    Levels(aws.stock).count(First(count=Count(key=KEY, units=20, as_of=as_of, count_id=report.file)), as_of)
    product = Product(sku=SKU, title="A chair", inventory_items={NORDLYS: "gid://shopify/InventoryItem/1"})
    aws.stock.put(facts.to_item(product))
    return recorded(aws, None)


@pytest.fixture
def promised(aws: Aws, counted: Level) -> tuple[Level, OrderKey]:
    """Five of them promised to an order."""
    order = trade.order("77", ("NL-1001", 5))
    action = levels.take(aws.stock.name, KEY, {order.key.token: 5}, "t1", times.text(clock.now()))
    assert Transactions(aws.dynamodb).commit([action]).is_done
    aws.orders.write_all(list(order_lists.of_order(order).values()))
    return recorded(aws, counted), order.key


def told(aws: Aws, number: int) -> None:
    aws.stock.put(told_item(Told(sku=SKU, channel=NORDLYS, number=number, told_at=trade.T0, revision=1)))


# ---- explain


@pytest.mark.usefixtures("promised")
def test_every_term_is_told_with_file_line_order_and_rule(aws: Aws, terminal: Terminal) -> None:
    told(aws, 11)

    assert terminal.run("stock", "explain", "NL-1001") == 0

    assert "+20  counted, as of" in terminal.out
    assert f"{KEPT}, line 3" in terminal.out
    assert "-5  promised to order nordlys#77" in terminal.out
    assert "15  available" in terminal.out
    assert "-2  only 90 % of it is offered (rule channels.nordlys.percent)" in terminal.out
    assert "-2  kept back (rule channels.nordlys.buffer: 2)" in terminal.out
    assert "11  to sell" in terminal.out
    assert "told 11" in terminal.out


@pytest.mark.usefixtures("counted")
def test_a_source_below_its_margin_is_told_with_the_figures_and_the_rule(aws: Aws, terminal: Terminal) -> None:
    push_rules(aws, {"margin_floor_percent": 20, "below_margin": "zero"})
    aws.stock.put(facts.to_item(Product(sku=SKU, title="A chair", price_minor=1000, currency="EUR")))
    aws.stock.put(offers.to_item(trade.offer(SKU, ALPINA, 900)))

    assert terminal.run("stock", "explain", "NL-1001") == 0

    assert (
        "   -20  not told: it costs 9.00 EUR, sells for 10.00 EUR: 10.0 % of it are left, and the floor is 20 % "
        "(rule channels.nordlys.below_margin: zero)"
    ) in terminal.out
    assert "     0  to sell" in terminal.out


@pytest.mark.usefixtures("promised")
def test_the_terms_of_the_document_add_up_to_the_stored_numbers(aws: Aws, terminal: Terminal) -> None:
    told(aws, 11)

    document = terminal.document("stock", "explain", "NL-1001", "--channel", "nordlys")

    (source,) = document["sources"]
    (channel,) = document["channels"]
    assert (
        sum(term["units"] for term in source["explained"]["terms"]) == source["explained"]["level"]["available"] == 15
    )
    assert sum(term["units"] for term in channel["number"]["terms"]) == channel["number"]["units"] == channel["told"]


def test_a_level_that_nobody_can_explain_fails_loudly(aws: Aws, terminal: Terminal, counted: Level) -> None:
    aws.stock.put(levels.to_item(replace(counted, available=21, counted=21)))

    assert terminal.run("stock", "explain", "NL-1001") == 1

    assert "the terms do not add up to what is stored" in terminal.err
    assert "available" not in terminal.out


@pytest.mark.usefixtures("counted")
def test_a_correction_is_told_with_who_and_why(aws: Aws, terminal: Terminal, counted: Level) -> None:
    by = ("--kind", "damaged", "--reason", "fell", "--actor", "bo")
    terminal.run("stock", "adjust", "NL-1001", "--source", "alpina", "--units", "-4", *by)
    recorded(aws, counted)

    assert terminal.run("stock", "explain", "NL-1001") == 0

    assert "+20  counted" in terminal.out
    assert "-4  damaged" in terminal.out
    assert "by bo: fell" in terminal.out


@pytest.mark.parametrize(
    ("_case", "because"),
    [("never told", "never told: it is about to be told"), ("paused", "paused by bo since"), ("other", "told 3")],
)
def test_a_number_that_was_not_told_says_why(
    aws: Aws, terminal: Terminal, counted: Level, _case: str, because: str
) -> None:
    assert counted
    if _case != "never told":
        told(aws, 3)
    if _case == "paused":
        Pauses(aws.stock).set(Pause(scope="channel#nordlys", actor="bo", reason="sale", since=trade.T0))

    terminal.run("stock", "explain", "NL-1001")

    assert because in terminal.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "NL-9999"), "nobody has ever counted this SKU"),
        (("explain", "NL-1001", "--channel", "sur"), "no such channel"),
    ],
)
@pytest.mark.usefixtures("counted")
def test_what_is_not_there_is_said(terminal: Terminal, arguments: tuple[str, ...], said: str) -> None:
    assert terminal.run("stock", *arguments) == 1

    assert said in terminal.err


# ---- adjust


def adjust(terminal: Terminal, units: int, *more: str) -> int:
    said = ("--source", "alpina", "--kind", "correction", "--reason", "miscounted", "--units", str(units))
    return terminal.run("stock", "adjust", "NL-1001", *said, *more)


def now(aws: Aws) -> tuple[int, int]:
    found = aws.stock.get(keys.level(KEY))
    assert found
    return found["counted"], found["available"]


@pytest.mark.usefixtures("promised")
def test_an_adjustment_moves_count_and_available_and_is_settled_by_the_next_file(aws: Aws, terminal: Terminal) -> None:
    assert adjust(terminal, -3) == 0

    assert now(aws) == (17, 12)
    assert Levels(aws.stock).open(ALPINA) == [KEY]


@pytest.mark.usefixtures("promised")
def test_the_same_adjustment_twice_is_one(aws: Aws, terminal: Terminal) -> None:
    adjust(terminal, -3, "--id", "monday")

    assert adjust(terminal, -3, "--id", "monday") == 0

    assert now(aws) == (17, 12)
    assert "made already" in terminal.out


@pytest.mark.usefixtures("promised")
def test_more_than_was_counted_cannot_be_lost(aws: Aws, terminal: Terminal) -> None:
    assert adjust(terminal, -21) == 1

    assert now(aws) == (20, 15)
    assert "more than was counted" in terminal.err


@pytest.mark.usefixtures("promised")
def test_a_dry_run_and_a_missing_reason_write_nothing(aws: Aws, terminal: Terminal) -> None:
    assert adjust(terminal, -3, "--dry-run") == 0
    without = ("--units", "5", "--source", "alpina", "--kind", "found")
    assert terminal.run("stock", "adjust", "NL-1001", *without) == 2

    assert now(aws) == (20, 15)
    assert "why" in terminal.err


@pytest.mark.usefixtures("promised")
def test_outside_of_the_local_cloud_it_asks(aws: Aws, terminal: Terminal) -> None:
    arguments = (
        "stock",
        "adjust",
        "NL-1001",
        "--units",
        "1",
        "--source",
        "alpina",
        "--kind",
        "found",
        "--reason",
        "behind the shelf",
        "--stack",
        "shop",
    )

    assert terminal.run(*arguments, said="n\n") == 1
    assert now(aws) == (20, 15)
    assert terminal.run(*arguments, said="y\n") == 0
    assert now(aws) == (21, 16)


# ---- list, refresh


@pytest.mark.usefixtures("promised")
def test_levels_are_listed_by_source_by_prefix_and_by_flag(aws: Aws, terminal: Terminal) -> None:
    aws.stock.put(levels.to_item(trade.level("NL-1002", "baltic", 1)))
    aws.stock.write_all([ledger.catalogue_item(Sku(sku)) for sku in ("NL-1001", "NL-1002")])
    Flags(aws.stock).write({Flag(kind=FlagKind.LOW, level=trade.at("NL-1002", "baltic"), since=trade.T0): True})

    def listed(*arguments: str) -> list[tuple[str, str]]:
        return [tuple(each["key"]) for each in terminal.document("stock", "list", *arguments)]

    assert listed("--source", "alpina") == [("NL-1001", "alpina")]
    assert listed("NL-100") == [("NL-1001", "alpina"), ("NL-1002", "baltic")]
    assert listed("--low") == [("NL-1002", "baltic")]
    assert listed("NL-1001", "--low") == []
    assert terminal.run("stock", "list") == 2


def test_a_refresh_is_asked_for_by_a_message(aws: Aws, terminal: Terminal) -> None:
    assert terminal.run("stock", "refresh", "--source", "alpina", "--channel", "nordlys") == 0

    (text,) = aws.messages(settings().channel_queue_url)
    assert messages.read(text) == Refresh(scope=Scope.SOURCE, name="alpina", channel="nordlys")
    assert Availability(aws.stock).marks(NORDLYS, 1) == []
