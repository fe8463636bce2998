"""The stand-in shop's Admin API keeps to the platform's published contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.admin_api import Points
from local.shop import Shop, Store
from shared.storefronts import shopify_admin, shopify_orders
from shared.storefronts.contract import Quantity

ITEM = "gid://shopify/InventoryItem/1"
OTHER = "gid://shopify/InventoryItem/2"
LOCATION = "gid://shopify/Location/1"
ELSEWHERE = "gid://shopify/Location/2"
ORDER = "gid://shopify/Order/1"
FULFILMENT_ORDER = "gid://shopify/FulfillmentOrder/17"
A, B = "gid://shopify/FulfillmentOrderLineItem/117", "gid://shopify/FulfillmentOrderLineItem/127"
NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)

SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id reason createdAt } userErrors { code field message } } }"""
SET_WITHOUT_KEY = """mutation Set($input: InventorySetQuantitiesInput!) {
  inventorySetQuantities(input: $input) { userErrors { code field message } } }"""
READ = """query Read($ids: [ID!]!, $location: ID!) { nodes(ids: $ids) { __typename id ... on InventoryItem {
  sku inventoryLevel(locationId: $location) { quantities(names: ["available"]) { name quantity } } } } }"""
ORDERS = """query Orders($search: String, $first: Int, $after: String, $key: OrderSortKeys, $reverse: Boolean) {
  orders(query: $search, first: $first, after: $after, sortKey: $key, reverse: $reverse) {
    nodes { legacyResourceId lineItems(first: 5) { nodes { sku } } } pageInfo { hasNextPage endCursor } } }"""
AN_ORDER = """query Order($id: ID!) { order(id: $id) {
  updatedAt cancelledAt cancelReason displayFulfillmentStatus lineItems(first: 5) { nodes { currentQuantity } }
  fulfillments { name totalQuantity trackingInfo { company number url }
    fulfillmentLineItems(first: 5) { nodes { quantity lineItem { sku } } } }
  fulfillmentOrders(first: 5) { nodes {
    id status assignedLocation { location { id } }
    lineItems(first: 5) { nodes { id remainingQuantity totalQuantity lineItem { id sku } } } } } } }"""
FULFIL = """mutation Fulfil($it: FulfillmentInput!) { fulfillmentCreate(fulfillment: $it, message: "on its way") {
  fulfillment { id status trackingInfo { number } } userErrors { field message } } }"""
CANCEL = """mutation Cancel($order: ID!, $restock: Boolean!, $note: String, $refund: Boolean,
    $method: OrderCancelRefundMethodInput) {
  orderCancel(orderId: $order, reason: INVENTORY, restock: $restock, staffNote: $note, refund: $refund,
      refundMethod: $method) {
    job { id done } orderCancelUserErrors { field message code } userErrors { field message } } }"""
JOB = "query Job($id: ID!) { job(id: $id) { id done } }"


@dataclass
class Clock:
    """The shop's time."""

    now: datetime = NINE

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, clock: Clock) -> Shop:
    return Shop(
        store=Store(tmp_path / "shop.sqlite"),
        domain="nordlys.example",
        location=LOCATION,
        secret="shop-secret",
        token="shpat",
        items={"A": ITEM, "B": OTHER},
        deliver=lambda _body, _headers: 200,
        cancels_after=timedelta(seconds=5),
        clock=clock,
    )


def ask(shop: Shop, query: str, **variables: object) -> dict[str, Any]:
    return shop.answer({"query": query, "variables": variables})


def quantity(item: str, units: object, before: int | None = None, location: str = LOCATION) -> dict[str, Any]:
    return {"inventoryItemId": item, "locationId": location, "quantity": units, "changeFromQuantity": before}


def batch(*quantities: Mapping[str, Any], **more: object) -> dict[str, Any]:
    return {"name": "available", "reason": "correction", "quantities": list(quantities)} | more


def tell(shop: Shop, *quantities: Mapping[str, Any], key: str = "k1", **more: object) -> list[tuple[str, Any]]:
    """Set quantities; return the codes and places of what is refused."""
    errors = ask(shop, SET, input=batch(*quantities, **more), key=key)["data"]["inventorySetQuantities"]["userErrors"]
    return [(error["code"], error["field"]) for error in errors]


def codes(answer: Mapping[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer["errors"]]


def buy(shop: Shop, order_id: int = 1, at: str = "2026-11-24T08:00:00Z", **more: object) -> None:
    """Send an order of 3 A (line 11) and 2 B (line 12)."""
    lines = [{"id": order_id * 10 + 1, "sku": "A", "quantity": 3}, {"id": order_id * 10 + 2, "sku": "B", "quantity": 2}]
    shop.send("orders/create", {"id": order_id, "updated_at": at, "cancelled_at": None, "line_items": lines} | more)


def seen(shop: Shop, order: str = ORDER) -> Any:  # noqa: ANN401 - JSON
    return ask(shop, AN_ORDER, id=order)["data"]["order"]


def left(shop: Shop) -> tuple[str, list[int]]:
    """Return the state of the fulfilment order and what remains of each line."""
    (node,) = seen(shop)["fulfillmentOrders"]["nodes"]
    return node["status"], [part["remainingQuantity"] for part in node["lineItems"]["nodes"]]


def fulfil(
    shop: Shop, *lines: tuple[str, int], order: str = FULFILMENT_ORDER, tracking: object = None
) -> list[tuple[list[str], str]]:
    """Fulfil lines, or all that is left; return what is refused."""
    group: dict[str, Any] = {"fulfillmentOrderId": order}
    if lines:
        group["fulfillmentOrderLineItems"] = [{"id": gid, "quantity": units} for gid, units in lines]
    return fulfil_groups(shop, group, tracking=tracking)


def fulfil_groups(shop: Shop, *groups: dict[str, Any], tracking: object = None) -> list[tuple[list[str], str]]:
    given = {"lineItemsByFulfillmentOrder": list(groups), "trackingInfo": tracking}
    errors = ask(shop, FULFIL, it=given)["data"]["fulfillmentCreate"]["userErrors"]
    return [(error["field"], error["message"]) for error in errors]


def cancel(shop: Shop, order: str = ORDER, *, restock: bool = True, **more: object) -> Any:  # noqa: ANN401 - JSON
    return ask(shop, CANCEL, order=order, restock=restock, **more)["data"]["orderCancel"]


def is_done(shop: Shop, job: Mapping[str, Any]) -> bool:
    done: bool = ask(shop, JOB, id=job["id"])["data"]["job"]["done"]
    return done


# ---- what is asked


@pytest.mark.parametrize(
    ("_case", "query", "code", "message"),
    [
        ("a field that is not there", "{ shop { colour } }", "undefinedField", "Field 'colour' doesn't exist on type"),
        ("an older mutation", "mutation { inventoryAdjustQuantity }", "undefinedField", "on type 'Mutation'"),
        ("no argument", "{ order { id } }", "missingRequiredArguments", "'order' is missing required arguments: id"),
        ("another argument", "{ shop(a: 1) { name } }", "argumentNotAccepted", "doesn't accept argument 'a'"),
        ("a wrong type", '{ orders(first: "x") { nodes { id } } }', "argumentLiteralsIncompatible", "Int"),
        ("no selection", "{ shop }", "selectionMismatch", "shop"),
        ("a type that is not there", "{ node(id: 1) { ... on Colour { id } } }", "undefinedType", "Colour"),
        ("a directive that is not there", "{ shop @loud { name } }", "undefinedDirective", "@loud is not defined"),
        ("a variable for nothing", "query Q($a: Int) { shop { name } }", "variableNotUsed", "$a"),
        ("a variable from nowhere", "{ order(id: $a) { id } }", "variableNotDefined", "$a"),
        ("a variable of another type", "query Q($a: Int) { order(id: $a) { id } }", "variableMismatch", "$a"),
        ("half a query", "{ shop {", "PARSE_ERROR", "Syntax Error"),
    ],
)
def test_a_query_outside_the_schema_is_not_run(_case: str, query: str, code: str, message: str, shop: Shop) -> None:
    answer = shop.answer({"query": query})

    assert codes(answer) == [code]
    assert message in answer["errors"][0]["message"]
    assert "data" not in answer


@pytest.mark.parametrize(
    ("_case", "given", "path", "explanation"),
    [
        ("nothing", None, [], "Expected value to not be null"),
        ("no reason", {"name": "available", "quantities": []}, ["reason"], "Expected value to not be null"),
        (
            "a field of older versions",
            batch(ignoreCompareQuantity=True),
            ["ignoreCompareQuantity"],
            "Field is not defined on InventorySetQuantitiesInput",
        ),
        ("half a unit", batch(quantity(ITEM, 1.5)), ["quantities", 0, "quantity"], "Could not coerce value 1.5 to Int"),
        ("words", batch(quantity(ITEM, "5")), ["quantities", 0, "quantity"], 'Could not coerce value "5" to Int'),
        ("a bare number", batch(quantity("1", 5)), ["quantities", 0, "inventoryItemId"], "Invalid global id '1'"),
    ],
)
def test_a_variable_of_another_type_is_not_run(
    _case: str, given: object, path: list[object], explanation: str, shop: Shop
) -> None:
    answer = ask(shop, SET, input=given, key="k1")

    assert codes(answer) == ["INVALID_VARIABLE"]
    assert answer["errors"][0]["extensions"]["problems"] == [{"path": path, "explanation": explanation}]
    assert shop.store.quantities() == {}


def test_a_variable_that_is_wrong_is_named_with_its_type(shop: Shop) -> None:
    answer = ask(shop, SET, input=batch(ignoreCompareQuantity=True), key="k1")

    (error,) = answer["errors"]
    assert error["message"] == (
        "Variable $input of type InventorySetQuantitiesInput! was provided invalid value for ignoreCompareQuantity "
        "(Field is not defined on InventorySetQuantitiesInput)"
    )


def test_a_value_no_enum_has_and_a_url_without_a_host_are_refused(shop: Shop) -> None:
    assert codes(ask(shop, ORDERS, first=1, key="COLOUR")) == ["INVALID_VARIABLE"]
    tracked = {"lineItemsByFulfillmentOrder": [], "trackingInfo": {"url": "N1"}}
    assert codes(ask(shop, FULFIL, it=tracked)) == ["INVALID_VARIABLE"]


def test_of_two_operations_one_is_named(shop: Shop) -> None:
    query = "query A { shop { name } } query B { shop { myshopifyDomain } }"

    assert shop.answer({"query": query})["errors"] == [{"message": "An operation name is required"}]
    assert shop.answer({"query": query, "operationName": "A"})["data"] == {"shop": {"name": "nordlys"}}


def test_a_list_has_250_values_at_most(shop: Shop) -> None:
    ids = [f"gid://shopify/InventoryItem/{at}" for at in range(251)]

    assert len(ask(shop, READ, ids=ids[:250], location=LOCATION)["data"]["nodes"]) == 250
    assert codes(ask(shop, READ, ids=ids, location=LOCATION)) == ["MAX_INPUT_SIZE_EXCEEDED"]
    assert codes(ask(shop, SET, input=batch(*(quantity(gid, 1) for gid in ids)), key="k1")) == [
        "MAX_INPUT_SIZE_EXCEEDED"
    ]


def test_what_our_own_clients_ask_is_understood(shop: Shop) -> None:
    def post(_url: str, _token: str, query: str, variables: Mapping[str, Any], _timeout: float) -> dict[str, Any]:
        return ask(shop, query, **variables)

    stock = shopify_admin.Shop(url="", location=LOCATION, token="shpat", post=post)
    wanted = Quantity(item=ITEM, units=5, change_from=None, told_before=0)
    buy(shop)

    assert stock.say_quantity([wanted]).is_done
    assert stock.list_levels([ITEM, OTHER]) == {ITEM: 5}
    found = shopify_orders.Orders(url="", token="shpat", post=post).list_orders_since(NINE - timedelta(hours=1))
    assert [each.order_id for each in found] == ["1"]


# ---- points


def points(answer: Mapping[str, Any]) -> tuple[int, int, int]:
    told = answer["extensions"]["cost"]["throttleStatus"]
    return told["maximumAvailable"], told["currentlyAvailable"], told["restoreRate"]


def test_every_answer_says_what_points_are_left(shop: Shop, clock: Clock) -> None:
    shop.points = Points(most=100, restored=5, cost=30)

    assert points(ask(shop, "{ shop { name } }")) == (100, 70, 5)
    assert points(ask(shop, "{ shop { name } }")) == (100, 40, 5)
    clock.pass_by(4)
    assert points(ask(shop, "{ shop { name } }")) == (100, 30, 5)
    clock.pass_by(1000)
    assert points(ask(shop, "{ shop { name } }")) == (100, 70, 5)


def test_without_points_nothing_is_done_until_they_are_restored(shop: Shop, clock: Clock) -> None:
    shop.points = Points(most=10, restored=2, cost=10)
    ask(shop, "{ shop { name } }")
    clock.pass_by(4)

    answer = ask(shop, SET, input=batch(quantity(ITEM, 5)), key="k1")

    assert codes(answer) == ["THROTTLED"]
    assert answer["extensions"]["cost"] == {
        "requestedQueryCost": 10,
        "actualQueryCost": None,
        "throttleStatus": {"maximumAvailable": 10, "currentlyAvailable": 8, "restoreRate": 2},
    }
    assert shop.store.quantities() == {}
    clock.pass_by(1)
    assert tell(shop, quantity(ITEM, 5)) == []


# ---- stock


def test_quantities_are_set_over_what_is_there(shop: Shop) -> None:
    assert tell(shop, quantity(ITEM, 5, 0), key="k1") == []
    assert tell(shop, quantity(ITEM, 7, 5), key="k2") == []
    assert tell(shop, quantity(ITEM, 9, None), key="k3") == []

    assert shop.store.quantities() == {ITEM: 9}


def test_a_stale_quantity_refuses_the_whole(shop: Shop) -> None:
    tell(shop, quantity(ITEM, 5))

    refused = tell(shop, quantity(OTHER, 4), quantity(ITEM, 7, 6), key="k2")

    assert refused == [("CHANGE_FROM_QUANTITY_STALE", ["input", "quantities", "1", "changeFromQuantity"])]
    assert shop.store.quantities() == {ITEM: 5}
    assert [units for _, units, _ in shop.store.told()] == [5]


def test_the_same_key_gives_the_first_answer_again(shop: Shop) -> None:
    first = ask(shop, SET, input=batch(quantity(ITEM, 5)), key="k1")["data"]
    tell(shop, quantity(ITEM, 6, 5), key="k2")

    assert ask(shop, SET, input=batch(quantity(ITEM, 5)), key="k1")["data"] == first
    assert shop.store.quantities() == {ITEM: 6}


def test_a_key_with_other_quantities_is_refused(shop: Shop) -> None:
    tell(shop, quantity(ITEM, 5))

    assert tell(shop, quantity(ITEM, 6)) == [("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", None)]
    assert shop.store.quantities() == {ITEM: 5}


def test_the_key_is_asked_for_when_the_mutation_runs(shop: Shop) -> None:
    none = ask(shop, SET_WITHOUT_KEY, input=batch(quantity(ITEM, 5)))
    empty = ask(shop, SET, input=batch(quantity(ITEM, 5)), key=" ")

    for answer in (none, empty):
        assert codes(answer) == ["BAD_REQUEST"]
        assert (answer["errors"][0]["path"], answer["data"]) == (
            ["inventorySetQuantities"],
            {"inventorySetQuantities": None},
        )
    assert shop.store.quantities() == {}


def test_a_key_may_be_written_out(shop: Shop) -> None:
    query = SET.replace("$key: String!", "").replace("$key", '"written"').replace("!, )", "!)")

    assert ask(shop, query, input=batch(quantity(ITEM, 5)))["data"]["inventorySetQuantities"]["userErrors"] == []


def test_what_is_changed_from_is_told_or_null_but_never_left_out(shop: Shop) -> None:
    silent = {"inventoryItemId": ITEM, "locationId": LOCATION, "quantity": 5}

    answer = ask(shop, SET, input=batch(silent), key="k1")

    assert codes(answer) == ["INVALID_FIELD_ARGUMENTS"]
    assert "changeFromQuantity" in answer["errors"][0]["message"]
    assert shop.store.quantities() == {}


@pytest.mark.parametrize(
    ("_case", "wanted", "more", "code", "field"),
    [
        ("no such item", quantity("gid://shopify/Product/1", 5), {}, "INVALID_INVENTORY_ITEM", "0 inventoryItemId"),
        ("another location", quantity(ITEM, 5, None, ELSEWHERE), {}, "INVALID_LOCATION", "0 locationId"),
        ("too many", quantity(ITEM, 1_000_000_001), {}, "INVALID_QUANTITY_TOO_HIGH", "0 quantity"),
        ("too few", quantity(ITEM, -1_000_000_001), {}, "INVALID_QUANTITY_TOO_LOW", "0 quantity"),
        ("another name", quantity(ITEM, 5), {"name": "spare"}, "INVALID_NAME", "name"),
        ("another reason", quantity(ITEM, 5), {"reason": "mood"}, "INVALID_REASON", "reason"),
    ],
)
def test_a_batch_the_shop_refuses(
    _case: str, wanted: dict[str, Any], more: dict[str, str], code: str, field: str, shop: Shop
) -> None:
    place = ["input", "quantities", *field.split()] if " " in field else ["input", field]

    assert tell(shop, wanted, **more) == [(code, place)]
    assert shop.store.quantities() == {}


def test_an_item_comes_once_in_a_batch(shop: Shop) -> None:
    refused = tell(shop, quantity(ITEM, 5), quantity(OTHER, 1), quantity(ITEM, 6))

    assert [code for code, _ in refused] == ["NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"] * 2
    assert [field[2] for _, field in refused] == ["0", "2"]
    assert shop.store.quantities() == {}


def test_numbers_are_read_where_they_are(shop: Shop) -> None:
    tell(shop, quantity(ITEM, 5))
    level = {"quantities": [{"name": "available", "quantity": 5}]}

    here = ask(shop, READ, ids=[ITEM, OTHER, "gid://shopify/Product/1"], location=LOCATION)["data"]["nodes"]
    there = ask(shop, READ, ids=[ITEM], location=ELSEWHERE)["data"]["nodes"]

    assert here == [
        {"__typename": "InventoryItem", "id": ITEM, "sku": "A", "inventoryLevel": level},
        {"__typename": "InventoryItem", "id": OTHER, "sku": "B", "inventoryLevel": None},
        None,
    ]
    assert there[0]["inventoryLevel"] is None


def test_items_are_listed_page_by_page(shop: Shop) -> None:
    tell(shop, quantity("gid://shopify/InventoryItem/10", 5))
    query = """query Items($after: String) { inventoryItems(first: 2, after: $after) {
      nodes { id } pageInfo { hasNextPage endCursor } } }"""

    first = ask(shop, query)["data"]["inventoryItems"]
    second = ask(shop, query, after=first["pageInfo"]["endCursor"])["data"]["inventoryItems"]

    assert [node["id"] for node in first["nodes"]] == [ITEM, OTHER]
    assert [node["id"] for node in second["nodes"]] == ["gid://shopify/InventoryItem/10"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


def test_a_thing_is_found_by_its_id_whatever_it_is(shop: Shop) -> None:
    buy(shop)
    query = "query Any($ids: [ID!]!) { nodes(ids: $ids) { __typename } }"
    ids = [ITEM, LOCATION, ORDER, FULFILMENT_ORDER, "gid://shopify/Order/17", "gid://shopify/FulfillmentOrder/1"]

    found = ask(shop, query, ids=ids)["data"]["nodes"]

    kinds = [node and node["__typename"] for node in found]
    assert kinds == ["InventoryItem", "Location", "Order", "FulfillmentOrder", None, None]


def test_a_query_of_one_kind_finds_no_other(shop: Shop) -> None:
    query = """query One($id: ID!) { order(id: $id) { id } inventoryItem(id: $id) { id } location(id: $id) { id }
      node(id: $id) { id } }"""

    found = ask(shop, query, id=ITEM)["data"]

    assert found == {"order": None, "inventoryItem": {"id": ITEM}, "location": None, "node": {"id": ITEM}}
    assert ask(shop, "{ location { id } }")["data"] == {"location": {"id": LOCATION}}


def test_what_the_stand_in_does_not_have_is_said(shop: Shop) -> None:
    on_hand = """{ inventoryItem(id: "gid://shopify/InventoryItem/1") {
      inventoryLevel(locationId: "gid://shopify/Location/1") { quantities(names: ["on_hand"]) { quantity } } } }"""
    tell(shop, quantity(ITEM, 5))

    assert codes(ask(shop, on_hand)) == ["NOT_IN_THE_STAND_IN"]
    assert codes(ask(shop, SET, input=batch(quantity(ITEM, 5), name="on_hand"), key="k2")) == ["NOT_IN_THE_STAND_IN"]
    assert codes(ask(shop, "{ orders(last: 2) { nodes { id } } }")) == ["NOT_IN_THE_STAND_IN"]


# ---- orders


def test_orders_are_read_by_their_last_change_page_by_page(shop: Shop) -> None:
    for number, at in ((1, "10:00:00Z"), (2, "08:00:00Z"), (3, "11:00:00+01:00"), (4, "11:00:00Z")):
        buy(shop, number, f"2026-11-24T{at}")
    variables = {"search": "updated_at:>='2026-11-24T10:00:00Z'", "first": 2, "key": "UPDATED_AT", "reverse": False}

    first = ask(shop, ORDERS, **variables)["data"]["orders"]
    second = ask(shop, ORDERS, **variables, after=first["pageInfo"]["endCursor"])["data"]["orders"]

    assert [node["legacyResourceId"] for node in first["nodes"]] == ["1", "3"]
    assert [node["legacyResourceId"] for node in second["nodes"]] == ["4"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert first["nodes"][0]["lineItems"]["nodes"][0]["sku"] == "A"


@pytest.mark.parametrize(
    ("_case", "variables", "found"),
    [
        ("the last change first", {"key": "UPDATED_AT", "reverse": True}, ["3", "1", "2"]),
        ("by number", {"key": "ID", "reverse": False}, ["1", "2", "3"]),
        ("by their making", {"key": "CREATED_AT", "reverse": False}, ["3", "2", "1"]),
        ("changed before", {"key": "ID", "reverse": False, "search": "updated_at:<2026-11-24T10:00:00Z"}, ["1", "2"]),
        (
            "between two times",
            {
                "key": "ID",
                "reverse": False,
                "search": "updated_at:>'2026-11-24T08:00:00Z' AND created_at:>=2026-11-24T06:00:00Z",
            },
            ["1"],
        ),
    ],
)
def test_orders_are_sorted_and_searched(_case: str, variables: dict[str, Any], found: list[str], shop: Shop) -> None:
    buy(shop, 1, "2026-11-24T09:00:00Z", created_at="2026-11-24T07:00:00Z")
    buy(shop, 2, "2026-11-24T08:00:00Z", created_at="2026-11-24T06:00:00Z")
    buy(shop, 3, "2026-11-24T10:00:00Z", created_at="2026-11-24T05:00:00Z")

    nodes = ask(shop, ORDERS, first=5, **variables)["data"]["orders"]["nodes"]

    assert [node["legacyResourceId"] for node in nodes] == found


def test_a_page_backwards_in_time_goes_on_where_the_last_ended(shop: Shop) -> None:
    for number in (1, 2, 3):
        buy(shop, number, f"2026-11-24T0{number}:00:00Z")
    variables = {"first": 2, "key": "UPDATED_AT", "reverse": True}

    first = ask(shop, ORDERS, **variables)["data"]["orders"]
    second = ask(shop, ORDERS, **variables, after=first["pageInfo"]["endCursor"])["data"]["orders"]

    assert [node["legacyResourceId"] for node in second["nodes"]] == ["1"]


def test_a_search_the_stand_in_cannot_do_is_not_ignored(shop: Shop) -> None:
    for search in ("tag:gift", "shirt", "updated_at:>=2026-11-24T10:00:00Z status:open"):
        buy(shop)
        assert codes(ask(shop, ORDERS, search=search, first=1, key="ID", reverse=False)) == ["NOT_IN_THE_STAND_IN"]


def test_a_page_has_a_size(shop: Shop) -> None:
    answer = ask(shop, "{ orders { nodes { id } } }")

    assert codes(answer) == ["BAD_REQUEST"]
    assert answer["errors"][0]["message"] == "you must provide one of first or last"


# ---- fulfilments


def test_a_fulfilment_order_is_there_with_its_order(shop: Shop) -> None:
    buy(shop)

    (node,) = seen(shop)["fulfillmentOrders"]["nodes"]

    assert (node["id"], node["status"], node["assignedLocation"]) == (
        FULFILMENT_ORDER,
        "OPEN",
        {"location": {"id": LOCATION}},
    )
    assert node["lineItems"]["nodes"] == [
        {
            "id": A,
            "remainingQuantity": 3,
            "totalQuantity": 3,
            "lineItem": {"id": "gid://shopify/LineItem/11", "sku": "A"},
        },
        {
            "id": B,
            "remainingQuantity": 2,
            "totalQuantity": 2,
            "lineItem": {"id": "gid://shopify/LineItem/12", "sku": "B"},
        },
    ]
    assert seen(shop)["displayFulfillmentStatus"] == "UNFULFILLED"


def test_units_are_fulfilled_in_parts(shop: Shop, clock: Clock) -> None:
    buy(shop)

    clock.pass_by(60)
    assert fulfil(shop, (A, 1)) == []
    assert left(shop) == ("IN_PROGRESS", [2, 2])
    assert (seen(shop)["displayFulfillmentStatus"], seen(shop)["updatedAt"]) == (
        "PARTIALLY_FULFILLED",
        "2026-11-24T09:01:00Z",
    )

    assert fulfil(shop) == []
    assert left(shop) == ("CLOSED", [0, 0])
    order = seen(shop)
    assert order["displayFulfillmentStatus"] == "FULFILLED"
    assert [(each["name"], each["totalQuantity"]) for each in order["fulfillments"]] == [("#1-F1", 1), ("#1-F2", 4)]
    assert order["fulfillments"][1]["fulfillmentLineItems"]["nodes"] == [
        {"quantity": 2, "lineItem": {"sku": "A"}},
        {"quantity": 2, "lineItem": {"sku": "B"}},
    ]


@pytest.mark.parametrize(
    ("_case", "tracking", "kept"),
    [
        ("none", None, []),
        (
            "one parcel",
            {"company": "Posten", "number": "N1", "url": "https://posten.example/N1"},
            [{"company": "Posten", "number": "N1", "url": "https://posten.example/N1"}],
        ),
        (
            "two parcels",
            {"company": "Posten", "numbers": ["N1", "N2"]},
            [{"company": "Posten", "number": "N1", "url": None}, {"company": "Posten", "number": "N2", "url": None}],
        ),
    ],
)
def test_tracking_is_kept(_case: str, tracking: object, kept: list[object], shop: Shop) -> None:
    buy(shop)

    assert fulfil(shop, (A, 1), tracking=tracking) == []

    assert seen(shop)["fulfillments"][0]["trackingInfo"] == kept
    assert shop.store.fulfilments()[0].tracking == kept


WHOLE = ["fulfillment"]
TOO_MANY = "Invalid fulfillment order line item quantity requested."


@pytest.mark.parametrize(
    ("_case", "lines", "field", "message"),
    [
        ("more than was ordered", [(A, 4)], WHOLE, TOO_MANY),
        ("more in two parts", [(A, 2), (A, 2)], WHOLE, TOO_MANY),
        ("one line of two too many", [(A, 1), (B, 3)], WHOLE, TOO_MANY),
        (
            "another order's line",
            [("gid://shopify/FulfillmentOrderLineItem/217", 1)],
            WHOLE,
            "Fulfillment order line item does not exist.",
        ),
        ("an order's line", [("gid://shopify/LineItem/11", 1)], WHOLE, "Fulfillment order line item does not exist."),
        (
            "no units",
            [(A, 1), (B, 0)],
            ["fulfillment", "lineItemsByFulfillmentOrder", "0", "fulfillmentOrderLineItems", "1", "quantity"],
            "Quantity must be greater than 0",
        ),
    ],
)
def test_units_the_shop_does_not_fulfil(
    _case: str, lines: list[tuple[str, int]], field: list[str], message: str, shop: Shop
) -> None:
    buy(shop)

    assert fulfil(shop, *lines) == [(field, message)]
    assert left(shop) == ("OPEN", [3, 2])
    assert shop.store.fulfilments() == []


def test_what_is_fulfilled_is_closed(shop: Shop) -> None:
    buy(shop)
    fulfil(shop)

    assert fulfil(shop) == [(WHOLE, "Fulfillment order 17 has an unfulfillable status= closed.")]
    assert len(shop.store.fulfilments()) == 1


def test_an_order_is_no_fulfilment_order(shop: Shop) -> None:
    buy(shop)

    assert fulfil(shop, order=ORDER) == [(WHOLE, "Fulfillment order does not exist.")]
    assert fulfil(shop, order="gid://shopify/FulfillmentOrder/27") == [(WHOLE, "Fulfillment order does not exist.")]


def test_one_fulfilment_is_of_one_order(shop: Shop) -> None:
    buy(shop, 1)
    buy(shop, 2)

    refused = fulfil_groups(
        shop, {"fulfillmentOrderId": FULFILMENT_ORDER}, {"fulfillmentOrderId": "gid://shopify/FulfillmentOrder/27"}
    )

    message = "All fulfillment orders must belong to the same order. Multiple orders with ids [1, 2] were found."
    assert refused == [(WHOLE, message)]


# ---- cancels


def test_a_cancel_is_done_only_after_a_while(shop: Shop, clock: Clock) -> None:
    tell(shop, quantity(ITEM, 10))
    buy(shop)
    begun = cancel(shop)

    assert (begun["job"]["done"], begun["orderCancelUserErrors"], begun["userErrors"]) == (False, [], [])
    clock.pass_by(4.9)
    assert not is_done(shop, begun["job"])
    assert (seen(shop)["cancelledAt"], left(shop)) == (None, ("OPEN", [3, 2]))
    assert shop.store.quantities() == {ITEM: 7}

    clock.pass_by(0.1)
    assert is_done(shop, begun["job"])
    order = seen(shop)
    assert (order["cancelledAt"], order["cancelReason"]) == ("2026-11-24T09:00:05Z", "INVENTORY")
    assert order["updatedAt"] == "2026-11-24T09:00:05Z"
    assert [line["currentQuantity"] for line in order["lineItems"]["nodes"]] == [0, 0]
    assert left(shop) == ("CLOSED", [0, 0])
    assert shop.store.quantities() == {ITEM: 10}


def test_units_come_back_only_when_asked_for(shop: Shop, clock: Clock) -> None:
    tell(shop, quantity(ITEM, 10))
    buy(shop)

    cancel(shop, restock=False)
    clock.pass_by(5)

    assert seen(shop)["cancelledAt"] is not None
    assert shop.store.quantities() == {ITEM: 7}


def test_the_webhook_of_a_cancel_gives_the_units_back_no_second_time(shop: Shop, clock: Clock) -> None:
    tell(shop, quantity(ITEM, 10))
    buy(shop)
    cancel(shop)
    clock.pass_by(5)
    at = seen(shop)["cancelledAt"]

    lines = [{"id": 11, "sku": "A", "quantity": 3}]
    shop.send("orders/cancelled", {"id": 1, "updated_at": at, "cancelled_at": at, "line_items": lines})

    assert shop.store.quantities() == {ITEM: 10}


def test_an_order_cancelled_by_its_customer_meanwhile_gives_units_back_once(shop: Shop, clock: Clock) -> None:
    tell(shop, quantity(ITEM, 10))
    buy(shop)
    job = cancel(shop)["job"]
    at = "2026-11-24T09:00:01Z"

    lines = [{"id": 11, "sku": "A", "quantity": 3}]
    shop.send("orders/cancelled", {"id": 1, "updated_at": at, "cancelled_at": at, "line_items": lines})
    clock.pass_by(5)

    assert is_done(shop, job)
    assert (seen(shop)["cancelledAt"], left(shop)) == (at, ("CLOSED", [0]))
    assert shop.store.quantities() == {ITEM: 10}


def refusal(shop: Shop, order: str = ORDER, **more: object) -> tuple[list[str], str, str]:
    answer = cancel(shop, order, **more)  # type: ignore[arg-type]
    (error,) = answer["orderCancelUserErrors"]
    assert answer["job"] is None
    assert answer["userErrors"] == [{"field": error["field"], "message": error["message"]}]
    return error["field"], error["message"], error["code"]


def test_an_order_is_cancelled_once(shop: Shop, clock: Clock) -> None:
    buy(shop)
    cancel(shop)
    clock.pass_by(5)

    assert refusal(shop) == (["orderId"], "Cannot cancel an order that has already been canceled", "INVALID")
    assert len(shop.store.cancels()) == 1


def test_an_order_that_is_fulfilled_in_part_is_not_cancelled(shop: Shop) -> None:
    buy(shop)
    fulfil(shop, (A, 1))

    assert refusal(shop) == (["orderId"], "Cannot cancel an order that has outstanding fulfillments", "INVALID")


def test_a_cancel_the_shop_refuses_for_what_it_is_given(shop: Shop) -> None:
    buy(shop)
    buy(shop, 17)
    method = {"originalPaymentMethodsRefund": True}
    both = "Only one of the arguments `refund` or `refund_method` is allowed."
    long = "Staff note is too long. Maximum length is 255 characters."

    assert refusal(shop, "gid://shopify/Order/2") == (["orderId"], "Order does not exist", "NOT_FOUND")
    assert refusal(shop, FULFILMENT_ORDER) == (["orderId"], "Order does not exist", "NOT_FOUND")
    assert refusal(shop, refund=False, method=method) == (["refund"], both, "INVALID")
    assert refusal(shop, note="x" * 256) == (["staffNote"], long, "INVALID")
    assert cancel(shop, note="x" * 255, method=method)["orderCancelUserErrors"] == []
    assert [each.refunds for each in shop.store.cancels()] == [True]


def test_what_is_fulfilled_while_a_cancel_waits_stays_fulfilled(shop: Shop, clock: Clock) -> None:
    buy(shop)
    job = cancel(shop)["job"]

    assert fulfil(shop, (A, 1)) == []
    clock.pass_by(5)

    assert is_done(shop, job)
    assert seen(shop)["cancelledAt"] is None
    assert left(shop) == ("IN_PROGRESS", [2, 2])


def test_a_cancelled_order_is_not_fulfilled(shop: Shop, clock: Clock) -> None:
    buy(shop)
    cancel(shop)
    clock.pass_by(5)

    assert fulfil(shop, (A, 1)) == [(WHOLE, "Fulfillment order 17 has an unfulfillable status= closed.")]


def test_a_job_nobody_began_is_not_there(shop: Shop) -> None:
    assert ask(shop, JOB, id="gid://shopify/Job/none")["data"] == {"job": None}
