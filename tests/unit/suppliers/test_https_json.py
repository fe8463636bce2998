from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from local import faults, supplier_stand_ins
from local.stand_in import serving
from local.supplier_stand_ins import SupplierApi
from shared.domain.names import SourceId
from shared.domain.sending_rules import Api, Auth, SignIn
from shared.errors import AppError, Rejected, Transient
from shared.suppliers.contract import NotTaken
from shared.suppliers.https_json import HttpsJson

ALPINA = SourceId("alpina")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
BODY = b'{"po":"A-1"}'
SECRET = {"key": "letters", "user": "shop", "password": "letters", "client_id": "shop", "client_secret": "letters"}


@contextmanager
def supplier(folder: Path, **settings: Any) -> Iterator[tuple[SupplierApi, str]]:  # noqa: ANN401
    over = Event()
    api = SupplierApi(supplier_stand_ins.store(folder / "api.sqlite"), wait=over.wait, **settings)
    with serving(api) as url:
        yield api, url
        over.set()


def way(url: str, now: datetime = NOW, **changes: Any) -> HttpsJson:  # noqa: ANN401
    settings: dict[str, Any] = {
        "look_url": f"{url}/orders/{{number}}",
        "timeout_seconds": 2,
        "reason_at": "errors.0.message",
    }
    api = Api(url=f"{url}/orders", **(settings | changes))
    return HttpsJson(api, lambda: SECRET | {"secret": "letters"}, lambda: now)


def ended(way: HttpsJson, body: bytes = BODY) -> AppError | None:
    try:
        way.send(ALPINA, "A-1", body)
    except AppError as failure:
        return failure
    return None


def test_an_order_is_posted_with_its_number_as_idempotency_key(tmp_path: Path) -> None:
    with supplier(tmp_path) as (api, url):
        way(url, idempotency_header="Idempotency-Key").send(ALPINA, "A-1", BODY)

        assert api.arrived() == [("A-1", BODY)]
        with api.store.open() as store:
            headers = json.loads(store.execute("SELECT headers FROM arrived").fetchone()[0])
    assert (headers["idempotency-key"], headers["content-type"]) == ("A-1", "application/json")


@pytest.mark.parametrize(
    ("fault", "settings", "kind", "code", "arrived"),
    [
        ("throttle", {"seconds": 7}, NotTaken, "throttled", 0),
        ("fail", {"status": 500}, Transient, "supplier_failed", 0),
        ("fail", {"status": 503}, Transient, "supplier_failed", 0),
        ("fail", {"status": 403}, NotTaken, "not_let_in", 0),
        ("fail", {"status": 404}, Rejected, "supplier_refused", 0),
        ("fail", {"status": 302}, Rejected, "supplier_refused", 0),
        ("drop", {}, Transient, "no_answer", 1),
    ],
)
def test_a_fault_ends_a_send_as_what_it_says_of_the_order(
    fault: str, settings: dict[str, Any], kind: type[AppError], code: str, arrived: int, tmp_path: Path
) -> None:
    with supplier(tmp_path) as (api, url):
        faults.set(api.store, fault, **settings)

        failure = ended(way(url))

        assert (type(failure), failure and failure.code) == (kind, code)
        assert len(api.arrived()) == arrived
    if isinstance(failure, NotTaken):
        assert failure.wait == (7.0 if fault == "throttle" else 900.0)


def test_an_answer_that_does_not_come_in_time_is_unknown(tmp_path: Path) -> None:
    with supplier(tmp_path) as (api, url):
        faults.set(api.store, "hang")

        failure = ended(way(url, timeout_seconds=0.2))

    assert (type(failure), failure and failure.code) == (Transient, "no_answer")


def test_a_slow_answer_is_an_answer(tmp_path: Path) -> None:
    with supplier(tmp_path) as (api, url):
        faults.set(api.store, "hang", seconds=0.1)

        assert ended(way(url)) is None
        assert len(api.arrived()) == 1


def test_who_cannot_be_reached_has_not_taken_it() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

        failure = ended(way(url))

    assert (type(failure), failure and failure.code) == (NotTaken, "unreached")


def test_a_refusal_says_the_suppliers_reason_and_nothing_else(tmp_path: Path) -> None:
    with supplier(tmp_path) as (_, url):
        failure = ended(way(url), b'{"po":""}')

    assert isinstance(failure, Rejected)
    assert failure.details == {"status": 422, "reason": "a number is missing"}


def test_a_duplicate_is_there_when_the_supplier_says_so_asked(tmp_path: Path) -> None:
    with supplier(tmp_path, knows_numbers=True) as (api, url):
        assert [ended(way(url)), ended(way(url)), ended(way(url, look_url=""))] == [None, None, None]
        assert len(api.arrived()) == 1

        faults.set(api.store, "fail", status=409)
        failure = ended(way(url, look_url=f"{url}/orders/{{number}}-other"))

    assert isinstance(failure, Rejected)


def test_the_supplier_is_asked_by_the_number(tmp_path: Path) -> None:
    with supplier(tmp_path) as (_, url):
        assert not way(url).has(ALPINA, "A-1", BODY)
        way(url).send(ALPINA, "A-1", BODY)

        assert way(url).has(ALPINA, "A-1", BODY)
        assert way(url, number_at="po").has(ALPINA, "A-1", BODY)
        assert not way(url, number_at="found.0.po").has(ALPINA, "A-1", BODY)


@pytest.mark.parametrize(
    "fault", [("throttle", {}), ("fail", {"status": 500}), ("fail", {"status": 401}), ("drop", {})]
)
def test_a_supplier_that_does_not_say_is_not_one_that_has_it_not(
    fault: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    with supplier(tmp_path) as (api, url):
        faults.set(api.store, fault[0], **fault[1])

        with pytest.raises(Transient):
            way(url).has(ALPINA, "A-1", BODY)


def test_a_404_of_something_else_than_the_api_is_no_answer() -> None:
    page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(page)

        thread = Thread(target=answer)
        thread.start()
        with pytest.raises(Transient) as failure:
            way(f"http://127.0.0.1:{server.getsockname()[1]}").has(ALPINA, "A-1", BODY)
        thread.join()

    assert failure.value.code == "not_json"


SIGNATURE = Auth(
    kind=SignIn.SIGNATURE, header="X-Signature", prefix="v1=", over="{timestamp}.{body}", timestamp_header="X-Time"
)


@pytest.mark.parametrize(
    ("signs_in", "auth"),
    [
        ("key", Auth(kind=SignIn.KEY, header="X-Api-Key")),
        ("basic", Auth(kind=SignIn.BASIC)),
        ("signature", SIGNATURE),
    ],
)
def test_we_sign_in_as_the_rules_say(signs_in: str, auth: Auth, tmp_path: Path) -> None:
    with supplier(tmp_path, signs_in=signs_in) as (api, url):
        failure = ended(way(url))
        assert (type(failure), failure and failure.code) == (NotTaken, "not_let_in")

        way(url, auth=auth).send(ALPINA, "A-1", BODY)

        assert way(url, auth=auth).has(ALPINA, "A-1", BODY)
        assert len(api.arrived()) == 1


def oauth(url: str) -> HttpsJson:
    return way(url, auth=Auth(kind=SignIn.OAUTH2, token_url=f"{url}/token"))


def tokens(api: SupplierApi) -> int:
    with api.store.open() as store:
        (count,) = store.execute("SELECT count(*) FROM tokens").fetchone()
    return int(count)


def test_a_token_is_kept_until_it_runs_out(tmp_path: Path) -> None:
    with supplier(tmp_path, signs_in="oauth2") as (api, url):
        there = oauth(url)
        there.send(ALPINA, "A-1", BODY)
        there.send(ALPINA, "A-1", BODY)
        assert tokens(api) == 1

        there.now = lambda: NOW + timedelta(seconds=3540)
        there.send(ALPINA, "A-1", BODY)

        assert tokens(api) == 2


def test_a_token_that_is_refused_is_renewed_and_the_order_is_taken_once(tmp_path: Path) -> None:
    with supplier(tmp_path, signs_in="oauth2") as (api, url):
        there = oauth(url)
        there.send(ALPINA, "A-1", BODY)
        with api.store.open() as store:
            store.execute("INSERT INTO tokens VALUES ('of another')")

        there.send(ALPINA, "A-2", b'{"po":"A-2"}')

        assert [number for number, _ in api.arrived()] == ["A-1", "A-2"]


def test_without_a_token_or_a_secret_nothing_is_sent(tmp_path: Path) -> None:
    with supplier(tmp_path, signs_in="oauth2", secret="changed") as (api, url):
        refused = ended(oauth(url))
        lacking = oauth(url)
        lacking.secret = dict

        assert [type(refused), type(ended(lacking))] == [NotTaken, NotTaken]
        assert api.arrived() == []


def test_a_send_and_its_token_fit_one_invocation() -> None:
    slowest = HttpsJson(Api(url="", auth=Auth(kind=SignIn.OAUTH2)), dict, lambda: NOW)

    assert slowest.times_out < timedelta(seconds=25)
