from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.domain import times
from shared.domain.availability import Rank
from shared.domain.names import ChannelId
from shared.runtime import clients, clock
from shared.runtime.settings import settings
from shared.storage.availability import Availability, Leases, Mark
from shared.storage.config import Config
from shared.storage.pauses import Pause, Pauses
from tests.support import terminal as terminals
from tests.support.publishing import LEFT
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

NORDLYS = ChannelId("nordlys")
SECRET = "truestock/test/shops/nordlys"
LOCATION = "gid://shopify/Location/71001"
SINCE = "2026-11-20T08:00:00.000Z"


class Shop(ThreadingHTTPServer):
    """A shop that answers two questions to whoever brings its token."""

    domain = "nordlys-living.myshopify.com"
    webhooks: tuple[dict[str, str], ...] = ()

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "myshopifyDomain" in asked["query"]:
            return {"shop": {"myshopifyDomain": self.domain}}
        if "webhookSubscriptions" in asked["query"]:
            return {"webhookSubscriptions": {"nodes": list(self.webhooks)}}
        found = asked["variables"]["id"]
        return {"location": {"id": found} if found == LOCATION else None}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_known = self.headers["X-Shopify-Access-Token"] == "shpat-token"
        assert isinstance(self.server, Shop)
        body = json.dumps({"data": self.server.answer(asked)} if is_known else {}).encode()
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def rules(aws: Aws, **changes: object) -> None:
    config = Config(aws.s3, settings().config_bucket)
    document = config.document()
    document["channels"]["nordlys"] |= changes
    config.push(document)


@pytest.fixture
def terminal(
    aws: Aws, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    rules(aws, api_url=f"http://127.0.0.1:{shop.server_port}/admin/api/2026-10/graphql.json")
    return terminals.at(tmp_path, capsys, monkeypatch)


def wrong(terminal: Terminal, status: int = 1) -> dict[str, str]:
    """Check; return what is wrong with what."""
    found = terminal.document("channels", "check", "nordlys", status=status)
    assert found["is_right"] is (status == 0)
    return {each["what"]: each["told"] for each in found["channels"]["nordlys"] if not each["is_right"]}


def test_a_channel_where_all_is_right_says_so(terminal: Terminal) -> None:
    assert wrong(terminal, status=0) == {}

    assert terminal.run("channels", "check") == 0
    assert "WRONG" not in terminal.out
    lines = [line.split() for line in terminal.out.splitlines() if line.startswith("ok")]
    assert [line[1] for line in lines] == ["rules", "signing", "token", "shop", "location", "pause", "publisher", "to"]
    assert "what to do" not in terminal.out
    for secret in ("shop-secret", "shpat-token"):
        assert secret not in terminal.out


def test_what_is_wrong_is_told_with_what_to_do(terminal: Terminal, shop: Shop) -> None:
    shop.domain = "other.myshopify.com"

    assert terminal.run("channels", "check") == 1

    (line,) = [line for line in terminal.out.splitlines() if line.startswith("WRONG")]
    assert "is other.myshopify.com, the rules say nordlys-living.myshopify.com" in line
    assert "what to do about shop: mend channels.nordlys.shop or .api_url" in terminal.out


def test_a_token_that_the_shop_refuses_is_wrong(terminal: Terminal) -> None:
    kept = json.dumps({"current": "s", "previous": "", "token": "another"})
    clients.secretsmanager().put_secret_value(SecretId=SECRET, SecretString=kept)

    assert sorted(wrong(terminal)) == ["location", "shop"]
    assert "make a new token in the shop's app; then `truestock channels rotate nordlys --token`" in terminal.out


def test_a_shop_that_does_not_answer_is_wrong(aws: Aws, terminal: Terminal) -> None:
    rules(aws, api_url="http://127.0.0.1:9/graphql.json")

    assert sorted(wrong(terminal)) == ["location", "shop"]


SOURCE = "aws.partner/shopify.com/4711/truestock"
TOPICS = ("ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_PAID", "ORDERS_CANCELLED", "ORDERS_EDITED")


@pytest.mark.parametrize(
    ("_case", "webhooks", "lacking"),
    [
        ("all", dict.fromkeys(TOPICS, SOURCE), ""),
        ("one by HTTP", dict.fromkeys(TOPICS[:4], SOURCE), "ORDERS_EDITED"),
        ("another source", dict.fromkeys(TOPICS, f"{SOURCE}-2"), ", ".join(sorted(TOPICS))),
    ],
)
def test_topics_that_do_not_go_to_the_bus_are_told(
    aws: Aws,
    shop: Shop,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    _case: str,
    webhooks: dict[str, str],
    lacking: str,
) -> None:
    rules(aws, api_url=f"http://127.0.0.1:{shop.server_port}/admin/api/2026-10/graphql.json")
    arn = "arn:aws:events:us-east-1::event-source/"
    shop.webhooks = tuple({"topic": topic, "uri": arn + source} for topic, source in webhooks.items())
    terminal = terminals.at(tmp_path, capsys, monkeypatch, {"ShopifyEventSource": SOURCE})

    if lacking:
        assert wrong(terminal) == {"event bus": f"{SOURCE} gets no {lacking}"}
    else:
        assert wrong(terminal, status=0) == {}


def test_a_location_that_the_shop_has_not_is_wrong(aws: Aws, terminal: Terminal) -> None:
    rules(aws, location="gid://shopify/Location/9")

    assert wrong(terminal) == {"location": "the shop has no gid://shopify/Location/9"}


@pytest.mark.parametrize(
    ("kept", "missing"),
    [
        (None, ["secret"]),
        ("no json", ["signing secret", "token"]),
        ('["a list"]', ["signing secret", "token"]),
        ('{"current": "", "token": "shpat-token"}', ["signing secret"]),
    ],
)
def test_a_secret_that_is_not_there_is_wrong(terminal: Terminal, kept: str | None, missing: list[str]) -> None:
    if kept is None:
        clients.secretsmanager().delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    else:
        clients.secretsmanager().put_secret_value(SecretId=SECRET, SecretString=kept)

    assert list(wrong(terminal)) == missing


@pytest.mark.parametrize("scope", ["all", "channel#nordlys"])
def test_a_pause_is_wrong(aws: Aws, terminal: Terminal, scope: str) -> None:
    Pauses(aws.stock).set(Pause(scope=scope, actor="bo", reason="stocktaking", since=SINCE))

    assert wrong(terminal) == {"pause": "told nothing since 2026-11-20 08:00:00 UTC: paused by bo: stocktaking"}


def test_a_shop_that_fails_its_publisher_is_wrong(aws: Aws, terminal: Terminal) -> None:
    leases, now = Leases(aws.stock), clock.now()
    leases.take(NORDLYS, "me", ["m"], now, now + timedelta(seconds=40))
    assert wrong(terminal, status=0) == {}

    leases.fail(NORDLYS, "me", "shop_silent", times.read(SINCE), now + timedelta(hours=1), LEFT)

    told = wrong(terminal)["publisher"]
    assert told.startswith("failing since 2026-11-20 08:00:00 UTC: shop_silent; it rests until ")


def test_what_waits_to_be_told_is_counted(aws: Aws, terminal: Terminal) -> None:
    marks = [Mark(channel=NORDLYS, rank=rank, subject=f"NL-{rank}", cause="c") for rank in (Rank.RISES, Rank.FALLS)]
    Availability(aws.stock).mark(marks)

    assert terminal.run("channels", "check") == 0

    assert "2 wait; first a number that fell (NL-1)" in terminal.out


def test_what_waits_is_shown_by_rank_with_the_limit_of_the_shop(aws: Aws, terminal: Terminal) -> None:
    rules(aws, limit=3)
    left = [Mark(channel=NORDLYS, rank=rank, subject="NL-1", cause="c", at=SINCE) for rank in (Rank.RISES, Rank.ZERO)]
    Availability(aws.stock).mark(left)

    (found,) = terminal.document("channels", "status")

    assert found["waiting"] == {"zero": 1, "falls": 0, "order": 0, "rises": 1}
    assert (found["oldest"], found["limit_per_second"], found["is_ruled"]) == (SINCE, 3, True)
    assert terminal.run("channels", "status", "nordlys") == 0
    assert "2026-11-20 08:00:00 UTC" in terminal.out
    assert "3 a second by the rules" in terminal.out
    assert terminal.run("channels", "status", "nordlis") == 2


def test_a_channel_that_is_not_active_is_checked_only_when_named(aws: Aws, terminal: Terminal) -> None:
    rules(aws, active=False)

    assert terminal.document("channels", "check") == {"is_right": True, "channels": {}}
    assert wrong(terminal) == {"rules": "the channel is not active: it is told nothing"}


def test_an_unknown_channel_is_refused_with_the_known_ones(terminal: Terminal) -> None:
    assert terminal.run("channels", "check", "nordlis") == 2

    assert "known: nordlys" in terminal.err
