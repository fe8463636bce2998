"""The stand-in shop misbehaves as it is told, and as often."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local import faults
from local.faults import Fault
from local.shop import Shop, Store, serving

ITEM = "gid://shopify/InventoryItem/1"
LOCATION = "gid://shopify/Location/1"
NAME = {"query": "{ shop { name } }"}
SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id } userErrors { code } } }"""


@dataclass
class Waits:
    """What the shop waited for, in seconds; no time passes."""

    seconds: list[float] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.meanwhile()


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def came() -> list[bytes]:
    return []


@pytest.fixture
def shop(tmp_path: Path, waits: Waits, came: list[bytes]) -> Shop:
    def deliver(body: bytes, _: dict[str, str]) -> int:
        came.append(body)
        return 200

    return Shop(
        store=Store(tmp_path / "shop.sqlite"),
        domain="nordlys.example",
        location=LOCATION,
        secret="shop-secret",
        token="shpat",
        items={"A": ITEM},
        deliver=deliver,
        wait=waits,
    )


def telling(units: int, key: str = "k1") -> dict[str, Any]:
    one = {"inventoryItemId": ITEM, "locationId": LOCATION, "quantity": units, "changeFromQuantity": None}
    given = {"name": "available", "reason": "correction", "quantities": [one]}
    return {"query": SET, "variables": {"input": given, "key": key}}


def post(url: str, request: dict[str, Any]) -> tuple[int, Any, str | None]:
    headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": "shpat"}
    posted = urllib.request.Request(url, json.dumps(request).encode(), headers)  # noqa: S310 - our own loopback URL
    try:
        with urllib.request.urlopen(posted, timeout=5) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read()), None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), error.headers.get("Retry-After")


def order() -> dict[str, Any]:
    lines = [{"id": 11, "sku": "A", "quantity": 2}]
    return {"id": 1, "updated_at": "2026-11-24T08:00:00Z", "cancelled_at": None, "line_items": lines}


# ---- requests


def test_the_next_requests_are_throttled_and_then_no_more(shop: Shop) -> None:
    faults.set(shop.store, "throttle", times=2, seconds=3)

    with serving(shop) as url:
        first, second, third = post(url, telling(5)), post(url, telling(5)), post(url, NAME)

    assert [(status, after) for status, _, after in (first, second, third)] == [(429, "3"), (429, "3"), (200, None)]
    assert shop.store.quantities() == {}


def test_a_request_is_out_of_points_when_told_so(shop: Shop) -> None:
    faults.set(shop.store, "throttle", points=True)

    with serving(shop) as url:
        status, answer, _ = post(url, telling(5))

    assert (status, answer["errors"][0]["extensions"]["code"]) == (200, "THROTTLED")
    assert answer["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 0
    assert shop.store.quantities() == {}


@pytest.mark.parametrize(("settings", "status"), [({}, 500), ({"status": 502}, 502)])
def test_a_request_fails_without_being_done(settings: dict[str, Any], status: int, shop: Shop) -> None:
    faults.set(shop.store, "fail", **settings)

    with serving(shop) as url:
        assert post(url, telling(5))[0] == status

    assert shop.store.quantities() == {}


def test_a_request_that_hangs_is_done_after_what_came_later(shop: Shop, waits: Waits) -> None:
    faults.set(shop.store, "hang", seconds=9)
    waits.meanwhile = lambda: shop.answer(telling(4, "later"))

    with serving(shop) as url:
        status, answer, _ = post(url, telling(5))

    assert (status, answer["data"]["inventorySetQuantities"]["userErrors"]) == (200, [])
    assert waits.seconds == [9]
    assert [units for _, units, _ in shop.store.told()] == [4, 5]


def test_a_request_that_hangs_for_good_is_never_done(shop: Shop, waits: Waits) -> None:
    faults.set(shop.store, "hang")

    with serving(shop) as url, pytest.raises((http.client.HTTPException, ConnectionError)):
        post(url, telling(5))

    assert waits.seconds == [3600]
    assert shop.store.quantities() == {}


def test_a_dropped_request_is_done_without_an_answer(shop: Shop) -> None:
    faults.set(shop.store, "drop")

    with serving(shop) as url:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            post(url, telling(5))
        assert shop.store.quantities() == {ITEM: 5}
        again = post(url, telling(5))

    assert again[1]["data"]["inventorySetQuantities"]["userErrors"] == []
    assert [units for _, units, _ in shop.store.told()] == [5]


def test_a_request_with_another_token_uses_no_fault_up(shop: Shop) -> None:
    faults.set(shop.store, "fail")
    with serving(shop) as url:
        shop.token = "another"
        assert post(url, NAME)[0] == 401

    assert faults.waiting(shop.store) == [Fault("fail", 1, {})]


# ---- lies


def test_a_lie_is_an_answer_without_the_deed(shop: Shop) -> None:
    faults.set(shop.store, "lie")

    lied = shop.answer(telling(5))["data"]["inventorySetQuantities"]

    assert lied["userErrors"] == []
    assert lied["inventoryAdjustmentGroup"]["id"].startswith("gid://shopify/InventoryAdjustmentGroup/")
    assert (shop.store.quantities(), shop.store.told()) == ({}, [])


def test_after_a_lie_the_same_key_does_the_deed(shop: Shop) -> None:
    faults.set(shop.store, "lie")
    shop.answer(telling(5))

    shop.answer(telling(5))

    assert shop.store.quantities() == {ITEM: 5}


def test_a_lie_fulfils_nothing(shop: Shop) -> None:
    shop.send("orders/create", order())
    faults.set(shop.store, "lie")
    query = """mutation { fulfillmentCreate(fulfillment: {lineItemsByFulfillmentOrder: [
      {fulfillmentOrderId: "gid://shopify/FulfillmentOrder/17"}]}) {
        fulfillment { status } userErrors { message } } }"""

    lied = shop.answer({"query": query})["data"]["fulfillmentCreate"]

    assert lied == {"fulfillment": {"status": "SUCCESS"}, "userErrors": []}
    assert shop.store.fulfilments() == []


def test_a_question_is_no_occasion_to_lie(shop: Shop) -> None:
    faults.set(shop.store, "lie")

    shop.answer(NAME)

    assert faults.waiting(shop.store) == [Fault("lie", 1, {})]


# ---- webhooks


def test_a_webhook_is_delivered_twice_and_the_next_once(shop: Shop, came: list[bytes]) -> None:
    faults.set(shop.store, "duplicate")

    shop.send("orders/create", order(), webhook_id="w1")
    shop.send("orders/updated", order(), webhook_id="w2")

    assert [sent.webhook_id for sent in shop.store.deliveries()] == ["w1", "w1", "w2"]
    assert came == [sent.body for sent in shop.store.deliveries()]


# ---- setting them


def test_faults_are_met_in_the_order_in_which_they_are_set(shop: Shop) -> None:
    faults.set(shop.store, "fail", times=2, status=502)
    faults.set(shop.store, "throttle")
    faults.set(shop.store, "duplicate")

    with serving(shop) as url:
        statuses = [post(url, NAME)[0] for _ in range(4)]

    assert statuses == [502, 502, 429, 200]
    assert faults.waiting(shop.store) == [Fault("duplicate", 1, {})]


def test_another_process_sets_them(shop: Shop, tmp_path: Path) -> None:
    faults.set(Store(tmp_path / "shop.sqlite"), "fail")

    with serving(shop) as url:
        assert post(url, NAME)[0] == 500


def test_cleared_faults_are_gone(shop: Shop) -> None:
    faults.set(shop.store, "fail", times=9)
    faults.clear(shop.store)

    with serving(shop) as url:
        assert post(url, NAME)[0] == 200


@pytest.mark.parametrize(
    ("_case", "kind", "times", "settings"),
    [("no such fault", "explode", 1, {}), ("no such setting", "drop", 1, {"seconds": 3}), ("no times", "drop", 0, {})],
)
def test_a_fault_that_means_nothing_is_not_set(
    _case: str, kind: str, times: int, settings: dict[str, Any], shop: Shop
) -> None:
    with pytest.raises(ValueError, match="fault"):
        faults.set(shop.store, kind, times, **settings)

    assert faults.waiting(shop.store) == []


def test_the_command_sets_shows_and_clears(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    def command(*arguments: str) -> int:
        return faults.main(["--cloud", "soak", *arguments], {"soak": shop.store}.__getitem__)

    assert command("throttle", "--times", "3", "--seconds", "2") == 0
    assert faults.waiting(shop.store) == [Fault("throttle", 3, {"seconds": 2})]
    assert capsys.readouterr().out == "throttle 3 times {'seconds': 2.0}\n"

    assert command("show") == 0
    assert faults.waiting(shop.store) == [Fault("throttle", 3, {"seconds": 2})]

    assert command("clear") == 0
    assert faults.waiting(shop.store) == []


def test_the_command_says_what_it_cannot_do(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert faults.main(["--cloud", "nobody-started-this", "drop"]) == 2
    assert "no local cloud named nobody-started-this is running" in capsys.readouterr().err
    assert faults.main(["drop", "--seconds", "3"], lambda _: shop.store) == 2
    assert "the fault drop has no setting seconds" in capsys.readouterr().err
