"""A person looks at suppliers' documents, and says what becomes of those that are held."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.domain import rules, times
from shared.domain.names import SourceId
from shared.domain.packages import Package
from shared.runtime.settings import settings
from shared.storage import parcels
from shared.storage.config import Config
from shared.storage.files import Arrival, Files
from shared.storage.order_book import OrderBook
from tests.support import documents, trade, x12
from tests.support import terminal as terminals
from tests.support.documents import NUMBER, asked
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

OUTSIDE = f"BAK*00*AC*{NUMBER}*20261124\nPO1*l1*10*EA\nACK*IS*10*EA****VN*NL-1009"
WHY = ("--reason", "agreed by phone")


def document() -> dict[str, Any]:
    found = trade.shop_rules_document("alpina")
    found["channels"]["nordlys"]["active"] = False
    return found


@pytest.fixture
def terminal(aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    Config(aws.s3, settings().config_bucket).push(document())
    return terminals.at(tmp_path, capsys, monkeypatch)


def book(aws: Aws) -> OrderBook:
    return OrderBook(aws.dynamodb, aws.stock, aws.orders)


def take(aws: Aws, body: str, name: str = "po.x12") -> None:
    """Take in one 855, as the function does."""
    names, key = settings(), f"in/alpina/{name}"
    text = x12.file(x12.one_set("855", body)).encode()
    put = aws.s3.put_object(Bucket=names.files_bucket, Key=key, Body=text)
    arrival = Arrival(
        key=key, version=put["VersionId"], etag=put["ETag"].strip('"'), size=len(text), stored_at=times.read(trade.NOW)
    )
    flow = documents.takes(aws.dynamodb, aws.s3, (names.stock_table, names.order_table, names.files_bucket))
    known = rules.parse(document())
    with Files(aws.s3, names.files_bucket).open(key) as opened:
        assert opened is not None
        source = known.sources[SourceId("alpina")]
        flow.run(opened, arrival, f"done/alpina/{name}", source, known, trade.times_now())


def held(terminal: Terminal) -> tuple[str, str, str]:
    (found,) = terminal.document("documents", "list")
    return found["source"], found["type"], found["number"]


def test_a_held_document_is_listed_and_shown_with_its_places(aws: Aws, terminal: Terminal) -> None:
    asked(book(aws), {"NL-1001": 10})
    take(aws, OUTSIDE)

    shown = terminal.document("documents", "show", *held(terminal))

    assert (shown["state"], shown["about"], shown["can_be_released"]) == ("held", NUMBER, True)
    assert [(each["code"], each["segment"], each["value"]) for each in shown["findings"]] == [
        ("substitute", 6, "NL-1009")
    ]
    assert terminal.run("documents", "show", *held(terminal)) == 0
    assert "segment or line 6" in terminal.out


def test_a_release_tried_dry_moves_nothing_and_in_earnest_all_of_it(aws: Aws, terminal: Terminal) -> None:
    asked(book(aws), {"NL-1001": 10})
    take(aws, OUTSIDE)
    which = held(terminal)

    assert terminal.run("documents", "release", *which, *WHY, "--dry-run") == 0
    assert f"{NUMBER}, line l1: 10 accepted" in terminal.out + terminal.err
    assert documents.seen(book(aws)).units() == {"sent": 10}

    assert terminal.run("documents", "release", *which, *WHY) == 0
    assert documents.seen(book(aws)).units() == {"accepted": 10}
    assert terminal.document("documents", "list") == []
    (applied,) = terminal.document("documents", "list", "--supplier", "alpina")
    assert (applied["state"], applied["because"]) == ("applied", "agreed by phone")


def test_what_is_wrong_is_not_released_but_tried_again_when_it_is_mended(aws: Aws, terminal: Terminal) -> None:
    take(aws, f"BAK*00*AD*{NUMBER}*20261124")
    which = held(terminal)
    assert terminal.run("documents", "release", *which, *WHY) == 1

    assert terminal.run("documents", "retry", *which) == 0
    assert terminal.document("documents", "show", *which)["state"] == "held"

    asked(book(aws), {"NL-1001": 10})
    assert terminal.run("documents", "retry", *which) == 0
    assert documents.seen(book(aws)).units() == {"accepted": 10}


def test_a_rejected_document_is_never_applied(aws: Aws, terminal: Terminal) -> None:
    asked(book(aws), {"NL-1001": 10})
    take(aws, OUTSIDE)
    which = held(terminal)

    assert terminal.run("documents", "reject", *which) == 2
    assert terminal.run("documents", "reject", *which, *WHY) == 0
    take(aws, OUTSIDE, "again.x12")

    assert terminal.document("documents", "list") == []
    assert terminal.run("documents", "retry", *which) == 1
    assert documents.seen(book(aws)).units() == {"sent": 10}


def test_an_order_shows_its_parcels_and_is_found_by_them(aws: Aws, terminal: Terminal) -> None:
    order = asked(book(aws), {"NL-1001": 10})
    package = Package(
        number="1Z5R89390357567127",
        source=documents.ALPINA,
        carrier="ups",
        service="",
        validity="valid",
        shipped_at="2026-11-24",
        document="S1",
        lines={"l1": 6},
    )
    parcels.keep(aws.orders, order.key, package)

    shown = terminal.document("orders", "show", "1Z5R89390357567127")

    assert [(each["number"], each["lines"]) for each in shown["parcels"]] == [("1Z5R89390357567127", {"l1": 6})]
