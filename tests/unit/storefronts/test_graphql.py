"""One POST to a shop, on a server of our own: every answer becomes data or one of our kinds."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shared.errors import InvalidInput, Transient
from shared.storefronts import graphql, web


@dataclass
class Server:
    """Answers every request the same; `asked` is what came."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    asked: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.asked.append((dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(told.status)
            for name, value in {**told.headers, "Content-Length": str(len(told.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        told.url = f"http://127.0.0.1:{listening.server_address[1]}/graphql"
        yield told
        listening.shutdown()
        thread.join()


def post(server: Server) -> dict[str, Any]:
    return graphql.post(server.url, "shpat", "query Q { shop }", {"id": "1"}, 5)


def test_a_query_is_posted_with_its_variables_and_the_token(server: Server) -> None:
    server.body = b'{"data": {"shop": 1}}'

    assert post(server) == {"data": {"shop": 1}}

    ((headers, body),) = server.asked
    assert body == {"query": "query Q { shop }", "variables": {"id": "1"}}
    assert headers["X-Shopify-Access-Token"] == "shpat"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("_case", "headers", "wait"),
    [
        ("as it says", {"Retry-After": "2.0"}, 2.0),
        ("in whole seconds", {"Retry-After": "40"}, 40.0),
        ("it does not say", {}, 1.0),
        ("at least a second", {"Retry-After": "0"}, 1.0),
        ("at most an hour", {"Retry-After": "99999999999"}, 3600.0),
        ("for ever", {"Retry-After": "inf"}, 1.0),
        ("no number", {"Retry-After": "nan"}, 1.0),
        ("a date is not understood", {"Retry-After": "Tue, 24 Nov 2026 08:00:00 GMT"}, 1.0),
        ("in milliseconds, as BigCommerce does", {"X-Rate-Limit-Time-Reset-Ms": "15500"}, 15.5),
        ("the header that all know counts", {"X-Rate-Limit-Time-Reset-Ms": "2500", "Retry-After": "9"}, 9.0),
        ("at most an hour, too", {"X-Rate-Limit-Time-Reset-Ms": "999999999"}, 3600.0),
        ("no milliseconds", {"X-Rate-Limit-Time-Reset-Ms": "-1"}, 1.0),
    ],
)
def test_a_shop_that_throttles_says_how_long_to_wait(
    _case: str, headers: dict[str, str], wait: float, server: Server
) -> None:
    server.status, server.headers = 429, headers

    with pytest.raises(Transient) as failure:
        post(server)

    assert (failure.value.code, failure.value.details["wait"]) == ("throttled", wait)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (500, b"", Transient, "shop_failed"),
        (503, b"", Transient, "shop_failed"),
        (401, b"", InvalidInput, "shop_refused"),
        (404, b"", InvalidInput, "shop_refused"),
        (200, b"<html>", InvalidInput, "shop_answer"),
        (200, b"\xff\xfe", InvalidInput, "shop_answer"),
        (200, b"[]", InvalidInput, "shop_answer"),
    ],
)
def test_other_answers_are_of_our_kinds(
    status: int, body: bytes, kind: type[InvalidInput | Transient], code: str, server: Server
) -> None:
    server.status, server.body = status, body

    with pytest.raises(kind) as failure:
        post(server)

    assert failure.value.code == code
    assert "wait" not in failure.value.details


def test_a_shop_that_is_not_there_did_not_answer() -> None:
    with pytest.raises(Transient) as failure:
        graphql.post("http://127.0.0.1:9/graphql", "shpat", "q", {}, 1)

    assert failure.value.code == "shop_silent"


def test_a_redirect_is_not_followed_with_our_token(server: Server) -> None:
    server.status, server.headers = 303, {"Location": server.url}

    with pytest.raises(InvalidInput) as failure:
        post(server)

    assert (failure.value.code, failure.value.details["status"], len(server.asked)) == ("shop_refused", 303, 1)


def test_an_answer_that_is_too_large_is_not_read(server: Server) -> None:
    server.body = b"{" + b" " * web.MOST_ANSWER_BYTES + b"}"

    with pytest.raises(InvalidInput):
        post(server)


# ---- the cost of what was asked


def throttled(**extensions: Any) -> dict[str, Any]:  # noqa: ANN401 - as the platform says it
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    return {"errors": [error], **({"extensions": extensions} if extensions else {})}


def cost(requested: object, available: object, rate: object) -> dict[str, Any]:
    status = {"maximumAvailable": 2000.0, "currentlyAvailable": available, "restoreRate": rate}
    return {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": status}


@pytest.mark.parametrize(
    ("_case", "answer", "wait"),
    [
        ("what is lacking, at the rate at which it comes", throttled(cost=cost(502, 2, 100.0)), 5.0),
        ("the whole bucket of a small shop", throttled(cost=cost(1000, 0, 50)), 20.0),
        ("at least a second", throttled(cost=cost(10, 5, 100.0)), 1.0),
        ("enough is there by now", throttled(cost=cost(10, 50, 100.0)), 1.0),
        ("it does not say", throttled(), 1.0),
        ("it says something else", throttled(cost=None), 1.0),
        ("it does not say how fast", throttled(cost={"requestedQueryCost": 10}), 1.0),
        ("it restores nothing", throttled(cost=cost(10, 5, 0)), 1.0),
        ("what it says is no number", throttled(cost=cost("ten", 5, 100)), 1.0),
    ],
)
def test_the_wait_is_what_the_shop_needs_until_it_has_the_points(
    _case: str, answer: dict[str, Any], wait: float
) -> None:
    with pytest.raises(Transient) as failure:
        graphql.data(answer, "shop")

    assert failure.value.details["wait"] == pytest.approx(wait)
    assert isinstance(failure.value.details["wait"], float)


@pytest.mark.parametrize(
    ("_case", "answer"),
    [
        ("nothing of that name", {"data": {"other": 1}}),
        ("no data", {"data": None, "errors": []}),
        ("an error beside the data", {"data": {"shop": 1}, "errors": [{"message": "no"}]}),
        ("an error that is none", {"data": {"shop": 1}, "errors": ["no"]}),
    ],
)
def test_what_the_shop_did_not_understand_is_invalid(_case: str, answer: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as failure:
        graphql.data(answer, "shop")

    assert failure.value.code == "not_understood"


@pytest.mark.parametrize("code", ["ACCESS_DENIED", "SHOP_INACTIVE"])
def test_a_shop_that_refuses_us_is_told_from_one_that_does_not_understand(code: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        graphql.data({"data": None, "errors": [{"extensions": {"code": code}}]}, "shop")

    assert failure.value.code == "shop_refused"


def test_what_a_shop_may_lack_is_none_only_where_it_says_so() -> None:
    assert graphql.data({"data": {"order": None}}, "order", may_lack=True) is None
    lacking: list[dict[str, Any]] = [{"data": {}}, {"data": None}, {"data": {"order": None}, "errors": [{}]}]
    for answer in lacking:
        with pytest.raises(InvalidInput):
            graphql.data(answer, "order", may_lack=True)


def test_data_is_what_was_asked_for() -> None:
    assert graphql.data({"data": {"shop": [1]}, "extensions": {}}, "shop") == [1]
