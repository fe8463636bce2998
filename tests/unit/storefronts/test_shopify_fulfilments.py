"""What Shopify says of an order is read, and it is asked as its contract wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.errors import InvalidInput, Rejected, Transient
from shared.storefronts.contract import Parcel, Part, Seen
from shared.storefronts.shopify_fulfilments import OrderDesk

URL = "https://nordlys.example/graphql"
FO1, FO2 = (f"gid://shopify/FulfillmentOrder/{n}" for n in (900, 901))
BERGEN, OSLO = (f"gid://shopify/Location/{n}" for n in (71001, 71002))


@dataclass
class Wire:
    """Keeps what was posted and answers as told."""

    answer: dict[str, Any]
    posted: list[Mapping[str, Any]] = field(default_factory=list)

    def __call__(
        self, url: str, token: str, query: str, variables: Mapping[str, Any], timeout: float
    ) -> Mapping[str, Any]:
        assert (url, token) == (URL, "shpat")
        assert timeout > 0
        self.posted.append({"query": query, **variables})
        return self.answer


def desk(wire: Wire) -> OrderDesk:
    return OrderDesk(url=URL, token="shpat", post=wire)


def answer(name: str, said: object) -> Wire:
    return Wire({"data": {name: said}, "extensions": {"cost": {"requestedQueryCost": 12}}})


def item(n: int, line: int, total: int, remaining: int) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/FulfillmentOrderLineItem/{n}",
        "remainingQuantity": remaining,
        "totalQuantity": total,
        "lineItem": {"id": f"gid://shopify/LineItem/{line}"},
    }


def fulfilment_order(id_: str, status: str, location: str | None, *items: dict[str, Any]) -> dict[str, Any]:
    assigned = {"location": {"id": location} if location else None}
    return {"id": id_, "status": status, "assignedLocation": assigned, "lineItems": {"nodes": list(items)}}


def order(*nodes: dict[str, Any], cancelled_at: str | None = None) -> Wire:
    said: dict[str, Any] = {
        "cancelledAt": cancelled_at,
        "fulfillments": [],
        "fulfillmentOrders": {"nodes": list(nodes)},
    }
    return answer("order", said)


def part(n: int = 1, units: int = 2, location: str = BERGEN, of: str = FO1) -> Part:
    return Part(
        line="101",
        fulfilment_order=of,
        location=location,
        item=f"gid://shopify/FulfillmentOrderLineItem/{n}",
        units=units,
        left=units,
        is_open=True,
    )


# ---- reading


def test_an_order_is_read_part_by_part() -> None:
    wire = order(
        fulfilment_order(FO1, "CLOSED", BERGEN, item(1, 101, 2, 0)),
        fulfilment_order(FO2, "OPEN", OSLO, item(2, 101, 3, 3), item(3, 102, 1, 1)),
    )

    seen = desk(wire).order("5550001")

    (posted,) = wire.posted
    assert posted["id"] == "gid://shopify/Order/5550001"
    assert not seen.is_cancelled
    assert [(p.line, p.fulfilment_order, p.location, p.units, p.left, p.is_open) for p in seen.parts] == [
        ("101", FO1, BERGEN, 2, 0, False),
        ("101", FO2, OSLO, 3, 3, True),
        ("102", FO2, OSLO, 1, 1, True),
    ]
    assert seen.parts[1].item == "gid://shopify/FulfillmentOrderLineItem/2"
    assert (seen.fulfilled("101"), seen.fulfilled("102"), seen.fulfilled("103")) == (2, 0, 0)


@pytest.mark.parametrize(
    ("status", "is_open"),
    [
        ("OPEN", True),
        ("IN_PROGRESS", True),
        ("SCHEDULED", True),
        ("ON_HOLD", False),
        ("CANCELLED", False),
        ("CLOSED", False),
        ("INCOMPLETE", False),
        ("A_STATE_TO_COME", False),
    ],
)
def test_only_some_states_let_units_be_fulfilled(status: str, *, is_open: bool) -> None:
    (found,) = desk(order(fulfilment_order(FO1, status, BERGEN, item(1, 101, 2, 2)))).order("1").parts

    assert found.is_open is is_open


def test_a_fulfilment_order_whose_location_was_deleted_is_read() -> None:
    (found,) = desk(order(fulfilment_order(FO1, "OPEN", None, item(1, 101, 2, 2)))).order("1").parts

    assert found.location == ""


def test_a_cancelled_order_is_read_as_that() -> None:
    assert desk(order(cancelled_at="2026-11-24T08:00:00Z")).order("1") == Seen(is_cancelled=True, parts=())


@pytest.mark.parametrize(
    "said",
    [
        {"cancelledAt": None},
        {"cancelledAt": None, "fulfillments": [], "fulfillmentOrders": None},
        {"cancelledAt": None, "fulfillments": [{}], "fulfillmentOrders": {"nodes": []}},
        {"cancelledAt": None, "fulfillments": [], "fulfillmentOrders": {"nodes": [{"id": FO1, "status": "OPEN"}]}},
        {"cancelledAt": None, "fulfillments": [], "fulfillmentOrders": {"nodes": [None]}},
    ],
)
def test_an_order_of_another_shape_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as failure:
        desk(answer("order", said)).order("1")

    assert failure.value.code == "shop_answer"


# ---- fulfilling


def test_units_of_one_location_are_fulfilled_in_one_piece() -> None:
    wire = answer("fulfillmentCreate", {"fulfillment": {"id": "gid://shopify/Fulfillment/1"}, "userErrors": []})

    desk(wire).say_fulfilment([(part(2, of=FO2), 1), (part(1), 2), (part(3), 1)])

    (posted,) = wire.posted
    assert posted["fulfillment"] == {
        "lineItemsByFulfillmentOrder": [
            {
                "fulfillmentOrderId": FO1,
                "fulfillmentOrderLineItems": [
                    {"id": "gid://shopify/FulfillmentOrderLineItem/1", "quantity": 2},
                    {"id": "gid://shopify/FulfillmentOrderLineItem/3", "quantity": 1},
                ],
            },
            {
                "fulfillmentOrderId": FO2,
                "fulfillmentOrderLineItems": [{"id": "gid://shopify/FulfillmentOrderLineItem/2", "quantity": 1}],
            },
        ],
        "notifyCustomer": True,
    }


def test_a_parcel_is_told_with_its_carrier_as_shopify_writes_it() -> None:
    wire = answer("fulfillmentCreate", {"fulfillment": {"id": "gid://shopify/Fulfillment/1"}, "userErrors": []})

    desk(wire).say_fulfilment([(part(), 1)], Parcel(number="1Z999AA10123456784", carrier="ups"))
    desk(wire).say_fulfilment([(part(), 1)], Parcel(number="N1", carrier="Posten"))
    desk(wire).say_fulfilment([(part(), 1)], Parcel(number="N2"))

    assert [each["fulfillment"]["trackingInfo"] for each in wire.posted] == [
        {"number": "1Z999AA10123456784", "company": "UPS"},
        {"number": "N1", "company": "Posten"},
        {"number": "N2"},
    ]


def test_the_parcels_that_a_shop_has_are_read() -> None:
    made = [{"trackingInfo": [{"number": "N1"}, {"number": None}]}, {"trackingInfo": []}]
    said: dict[str, Any] = {"cancelledAt": None, "fulfillments": made, "fulfillmentOrders": {"nodes": []}}

    assert desk(answer("order", said)).order("1").tracking == {"N1"}


def test_a_fulfilment_the_shop_refuses_is_an_answer() -> None:
    said = {"fulfillment": None, "userErrors": [{"field": ["fulfillment"], "message": "Fulfillment order is on hold"}]}

    with pytest.raises(Rejected) as failure:
        desk(answer("fulfillmentCreate", said)).say_fulfilment([(part(), 1)])

    assert (failure.value.code, failure.value.details["said"]) == ("not_fulfilled", "Fulfillment order is on hold")


# ---- cancelling


@pytest.mark.parametrize(("refunds", "method"), [(False, None), (True, {"originalPaymentMethodsRefund": True})])
def test_a_cancel_is_begun_and_its_job_returned(method: dict[str, bool] | None, *, refunds: bool) -> None:
    wire = answer("orderCancel", {"job": {"id": "gid://shopify/Job/1", "done": False}, "orderCancelUserErrors": []})

    assert desk(wire).say_cancel("5550001", refunds=refunds) == "gid://shopify/Job/1"

    (posted,) = wire.posted
    assert posted["orderId"] == "gid://shopify/Order/5550001"
    assert (posted["restock"], posted["refundMethod"]) == (True, method)
    assert posted["reason"] == "OTHER"


def test_a_cancel_the_shop_refuses_is_an_answer() -> None:
    errors = [{"code": "INVALID", "field": ["orderId"], "message": "Cannot cancel"}, {"message": "It was fulfilled"}]

    with pytest.raises(Rejected) as failure:
        desk(answer("orderCancel", {"job": None, "orderCancelUserErrors": errors})).say_cancel("1", refunds=False)

    assert (failure.value.code, failure.value.details["said"]) == ("not_cancelled", "Cannot cancel; It was fulfilled")


@pytest.mark.parametrize("is_done", [False, True])
def test_a_job_says_whether_it_has_ended(*, is_done: bool) -> None:
    wire = answer("job", {"id": "gid://shopify/Job/1", "done": is_done})

    assert desk(wire).is_done("gid://shopify/Job/1") is is_done
    assert wire.posted[0]["id"] == "gid://shopify/Job/1"


# ---- an answer that is none


@pytest.mark.parametrize(
    ("_case", "said", "kind", "code"),
    [
        ("busy", {"errors": [{"extensions": {"code": "THROTTLED"}}]}, Transient, "throttled"),
        ("no right to read it", {"errors": [{"extensions": {"code": "ACCESS_DENIED"}}]}, InvalidInput, "shop_refused"),
        ("nothing", {}, InvalidInput, "not_understood"),
    ],
)
def test_every_call_tells_a_busy_shop_from_one_that_does_not_understand(
    _case: str, said: dict[str, Any], kind: type[Exception], code: str
) -> None:
    asks: list[Callable[[OrderDesk], object]] = [
        lambda shop: shop.order("1"),
        lambda shop: shop.say_fulfilment([(part(), 1)]),
        lambda shop: shop.say_cancel("1", refunds=False),
        lambda shop: shop.is_done("job"),
    ]
    for ask in asks:
        with pytest.raises(kind) as failure:
            ask(desk(Wire(said)))
        assert getattr(failure.value, "code", "") == code


def test_the_token_is_not_shown() -> None:
    assert "shpat" not in repr(desk(Wire({})))
