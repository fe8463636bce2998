"""The stand-ins for other platforms than Shopify sign, ask for signatures, and misbehave when told to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import faults
from local.amazon_api import AmazonShop
from local.generic_shop import GenericShop
from local.stand_in import Asked, serving
from local.woo_shop import WooShop
from tests.support import stand_ins
from tests.support.stand_ins import Clock, Endpoint

BASIC = base64.b64encode(f"{stand_ins.WOO_KEY}:{stand_ins.WOO_SECRET}".encode()).decode()


def send(url: str, method: str, headers: dict[str, str], body: Any = None) -> tuple[int, Any, str | None]:  # noqa: ANN401
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - our own loopback URL
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read()), None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), error.headers.get("Retry-After")


def woo(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any, str | None]:  # noqa: ANN401
    return send(f"{url}/wp-json/wc/v3/{path}", method, {"Authorization": f"Basic {BASIC}"}, body)


def bigcommerce(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any, str | None]:  # noqa: ANN401
    return send(f"{url}/stores/abc123/{path}", method, {"X-Auth-Token": stand_ins.BIGCOMMERCE_TOKEN}, body)


def generic(url: str, at: int, kind: str, event_id: str = "e1", **data: Any) -> tuple[int, Any, str | None]:  # noqa: ANN401
    body = {"type": kind, "data": data}
    signed = f"{event_id}.{at}.".encode() + json.dumps(body).encode()
    key = base64.b64decode(stand_ins.GENERIC_TOKEN.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    headers = {"webhook-id": event_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}
    return send(f"{url}/truestock", "POST", headers, body)


def amazon(url: str, shop: AmazonShop, sku: str, units: int) -> tuple[int, Any, str | None]:
    client, client_secret, refresh = stand_ins.AMAZON_TOKEN.split(":")
    form = {"client_id": client, "client_secret": client_secret, "refresh_token": refresh}
    asked = urllib.parse.urlencode({"grant_type": "refresh_token", **form}).encode()
    with shop.store.open() as store:
        granted = shop.answer(store, Asked("POST", "/auth/o2/token", {}, {}, asked))
    value = [{"fulfillment_channel_code": "DEFAULT", "quantity": units}]
    patch = {"op": "merge", "path": "/attributes/fulfillment_availability", "value": value}
    path = f"/listings/2021-08-01/items/{shop.seller}/{sku}?marketplaceIds={shop.marketplace}"
    headers = {"x-amz-access-token": granted.body["access_token"]}
    return send(f"{url}{path}", "PATCH", headers, {"productType": "PRODUCT", "patches": [patch]})


@dataclass
class Standing:
    """A shop of any kind, and how it is told that A has so many units, and what it shows then."""

    shop: Any
    tell: Callable[[str, int], tuple[int, Any, str | None]]
    shown: Callable[[], int]


@pytest.fixture(params=["woo", "bigcommerce", "amazon", "generic"])
def standing(request: pytest.FixtureRequest, tmp_path: Path) -> Standing:
    clock = Clock()
    if request.param == "woo":
        shop = stand_ins.woo(tmp_path, Endpoint(), clock)
        shop.has(11, "A", 5)

        def tell(url: str, units: int) -> tuple[int, Any, str | None]:
            return woo(url, "POST", "products/batch", {"update": [{"id": 11, "stock_quantity": units}]})

        return Standing(shop, tell, lambda: shop.quantities()[11] or 0)
    if request.param == "bigcommerce":
        store = stand_ins.bigcommerce(tmp_path, Endpoint(), clock)
        store.has(11, "A", 5)

        def adjust(url: str, units: int) -> tuple[int, Any, str | None]:
            item = {"location_id": 1, "product_id": 11, "quantity": units}
            return bigcommerce(url, "PUT", "v3/inventory/adjustments/absolute", {"items": [item]})

        return Standing(store, adjust, lambda: store.quantities()["A"])
    if request.param == "amazon":
        seller = stand_ins.amazon(tmp_path, clock)
        seller.has("A", 5)
        return Standing(
            seller, lambda url, units: amazon(url, seller, "A", units), lambda: seller.quantities()["A"] or 0
        )
    other = stand_ins.generic(tmp_path, Endpoint(), clock)
    other.has("A", 5)
    at = int(clock.now.timestamp())

    def say(url: str, units: int) -> tuple[int, Any, str | None]:
        return generic(url, at, "stock.set", f"set-{units}", items=[{"listing": "A", "quantity": units}])

    return Standing(other, say, lambda: other.quantities()["A"])


# ---- faults


def test_it_throttles_as_often_as_it_is_told_and_then_no_more(standing: Standing) -> None:
    faults.set(standing.shop.store, "throttle", times=2, seconds=3)

    with serving(standing.shop) as url:
        answers = [standing.tell(url, 4) for _ in range(3)]

    assert [(status, after) for status, _, after in answers] == [(429, "3"), (429, "3"), (200, None)]
    assert standing.shown() == 4


def test_it_fails_without_doing_what_it_is_asked(standing: Standing) -> None:
    faults.set(standing.shop.store, "fail", status=502)

    with serving(standing.shop) as url:
        assert standing.tell(url, 4)[0] == 502

    assert standing.shown() == 5


def test_it_does_what_it_is_asked_and_drops_the_answer(standing: Standing) -> None:
    faults.set(standing.shop.store, "drop")

    with serving(standing.shop) as url, pytest.raises((http.client.HTTPException, ConnectionError)):
        standing.tell(url, 4)

    assert standing.shown() == 4


def test_it_hangs_and_answers_later_or_never(standing: Standing) -> None:
    waited: list[float] = []
    standing.shop.wait = waited.append
    faults.set(standing.shop.store, "hang", seconds=9)
    faults.set(standing.shop.store, "hang")

    with serving(standing.shop) as url:
        assert standing.tell(url, 4)[0] == 200
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            standing.tell(url, 3)

    assert (waited, standing.shown()) == ([9, 3600.0], 4)


def test_it_answers_success_and_does_nothing(standing: Standing) -> None:
    faults.set(standing.shop.store, "lie")

    with serving(standing.shop) as url:
        assert standing.tell(url, 4)[0] == 200
        assert standing.shown() == 5
        assert standing.tell(url, 4)[0] == 200

    assert (standing.shown(), faults.waiting(standing.shop.store)) == (4, [])


# ---- who may ask, and what is answered


def test_another_key_opens_no_shop(tmp_path: Path) -> None:
    with serving(stand_ins.woo(tmp_path, Endpoint(), Clock())) as url:
        asked = f"{url}/wp-json/wc/v3/orders"
        assert send(asked, "GET", {"Authorization": "Basic eDp5"})[0] == 401
        assert send(asked, "GET", {})[0] == 401
        assert woo(url, "GET", "orders/7")[0:2] == (
            404,
            {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}},
        )
        assert woo(url, "GET", "nothing")[0] == 404
        assert woo(url, "POST", "products/batch", {"update": [{"id": 1}] * 101})[0] == 413


def test_another_token_opens_no_bigcommerce_store(tmp_path: Path) -> None:
    with serving(stand_ins.bigcommerce(tmp_path, Endpoint(), Clock())) as url:
        assert send(f"{url}/stores/abc123/v2/orders", "GET", {"X-Auth-Token": "another"})[0] == 401
        assert bigcommerce(url, "GET", "v2/orders/7")[0] == 404
        assert bigcommerce(url, "GET", "v2/nothing")[0] == 404
        assert bigcommerce(url, "PUT", "v3/hooks/7", {"is_active": True})[0] == 404
        many = [{"location_id": 1, "product_id": 1, "quantity": 1}] * 2001
        assert bigcommerce(url, "PUT", "v3/inventory/adjustments/absolute", {"items": many})[0] == 422


def test_a_change_that_comes_again_is_answered_and_not_made_again(tmp_path: Path) -> None:
    clock = Clock()
    shop = stand_ins.generic(tmp_path, Endpoint(), clock)
    shop.has("A", 5)
    at = int(clock.now.timestamp())

    with serving(shop) as url:
        answers = [generic(url, at, "stock.set", items=[{"listing": "A", "quantity": 3}]) for _ in range(2)]
        other = generic(url, at, "stock.set", items=[{"listing": "A", "quantity": 4}])
        late = generic(url, at - 301, "stock.read", listings=["A"])

    assert [status for status, *_ in (*answers, other, late)] == [200, 200, 409, 401]
    assert shop.told() == [("A", 3)]


def test_what_a_shop_sends_is_signed_and_a_duplicate_is_the_same(tmp_path: Path) -> None:
    endpoint, clock = Endpoint(), Clock()
    shop: WooShop = stand_ins.woo(tmp_path, endpoint, clock)
    faults.set(shop.store, "duplicate")

    assert shop.buy(1, (11, "A", 1)) == 200

    (first, told), again = endpoint.came
    right = base64.b64encode(hmac.digest(b"woo-secret", first, hashlib.sha256)).decode()
    assert (told["X-WC-Webhook-Signature"], again) == (right, (first, told))


def test_a_generic_shop_signs_its_events_by_the_specification(tmp_path: Path) -> None:
    endpoint, clock = Endpoint(), Clock()
    shop: GenericShop = stand_ins.generic(tmp_path, endpoint, clock)

    shop.buy("M-1", ("1", "A", 1))

    ((body, told),) = endpoint.came
    signed = f"{told['webhook-id']}.{told['webhook-timestamp']}.".encode() + body
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert told["webhook-signature"] == f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def test_a_bigcommerce_store_signs_with_its_client_secret_and_says_only_which_order(tmp_path: Path) -> None:
    endpoint = Endpoint()
    shop = stand_ins.bigcommerce(tmp_path, endpoint, Clock())
    faults.set(shop.store, "duplicate")

    shop.buy(7, (1, "A", 1))

    (body, told), again = endpoint.came
    signed = f"{told['webhook-id']}.{told['webhook-timestamp']}.".encode() + body
    right = base64.b64encode(hmac.digest(b"client-secret", signed, hashlib.sha256)).decode()
    assert (told["webhook-signature"], again) == (f"v1,{right}", (body, told))
    assert json.loads(body)["data"] == {"type": "order", "id": 7}
