"""The shop has of an order what it lacked, and never twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import orders
from shared.domain.names import Sku, SourceId
from shared.domain.orders import DeductsAt, Order
from shared.errors import Rejected, Transient
from shared.flows.tell_orders import Pending, tell
from shared.storefronts.contract import Part, Seen
from tests.support import trade
from tests.support.publishing import FakeDesk, part

ALPINA = SourceId("alpina")
SHIP = DeductsAt.SHIP


def shipped(*units: int, of: int = 5) -> Order:
    """An order whose line i has `of` pieces, of which so many were shipped."""
    order = trade.order("1", *((f"S{i}", of) for i in range(len(units))))
    order = orders.take(order, {(line.line, ALPINA): of for line in order.lines}, attempt="t")
    order = orders.send(order, 1, deducts_at=SHIP).order
    for line, many in zip(order.lines, units, strict=True):
        order = orders.ship(order, 1, line.line, many, deducts_at=SHIP).order if many else order
    return order


def desk(*parts: Part, is_cancelled: bool = False) -> FakeDesk:
    return FakeDesk(seen={"1": Seen(is_cancelled=is_cancelled, parts=parts)})


def told(order: Order, shop: FakeDesk, job: str = "", *, refunds: bool = False) -> Pending | None:
    return tell(order, shop, refunds=refunds, job=job)


CANCELLED = orders.cancel(trade.order("1", ("A", 2)), 2).order


# ---- fulfilments


@pytest.mark.parametrize(
    ("_case", "parts", "expected"),
    [
        ("all of it is new to the shop", [part(units=5, left=5)], [[("L1", "l1", 3)]]),
        ("some of it the shop has", [part(units=5, left=4)], [[("L1", "l1", 2)]]),
        ("all of it the shop has, by an earlier try or by hand", [part(units=5, left=2)], []),
        ("the shop has more than was shipped", [part(units=5, left=0)], []),
        (
            "what a closed part has of it counts",
            [part(units=2, left=0, at="fo1", is_open=False), part(units=3, left=3, at="fo2")],
            [[("L1", "l1", 1)]],
        ),
        (
            "a part that is closed takes nothing",
            [part(units=1, left=1, at="fo1", is_open=False), part(units=4, left=4, at="fo2")],
            [[("L1", "l1", 3)]],
        ),
        (
            "two parts at one location are one fulfilment",
            [part(units=2, left=2, at="fo1"), part(units=3, left=3, at="fo2")],
            [[("L1", "l1", 2), ("L1", "l1", 1)]],
        ),
        (
            "one fulfilment a location",
            [part(units=2, left=2, location="L2", at="fo1"), part(units=3, left=3, location="L1", at="fo2")],
            [[("L1", "l1", 1)], [("L2", "l1", 2)]],
        ),
    ],
)
def test_only_what_the_shop_lacks_is_fulfilled(
    _case: str, parts: list[Part], expected: list[list[tuple[str, str, int]]]
) -> None:
    shop = desk(*parts)

    assert told(shipped(3), shop) is None

    assert shop.fulfilled == expected


def test_lines_that_are_not_shipped_are_left_alone() -> None:
    shop = desk(part("l1", 5, 5), part("l2", 5, 5), part("l3", 5, 5))

    told(shipped(0, 2, 5), shop)

    assert shop.fulfilled == [[("L1", "l2", 2), ("L1", "l3", 5)]]


def test_an_order_that_is_told_again_is_not_fulfilled_again() -> None:
    shop = desk(part(units=5, left=5))

    for _ in range(3):
        assert told(shipped(3), shop) is None
    assert told(shipped(4), shop) is None

    assert shop.fulfilled == [[("L1", "l1", 3)], [("L1", "l1", 1)]]


def test_a_lost_answer_and_a_second_try_fulfil_once() -> None:
    shop = desk(part("l1", 5, 5, "L1", "fo1"), part("l2", 5, 5, "L2", "fo2"))
    shop.loses = [Transient("the shop did not answer", code="shop_silent")]
    with pytest.raises(Transient):
        told(shipped(2, 3), shop)

    told(shipped(2, 3), shop)

    assert shop.fulfilled == [[("L1", "l1", 2)], [("L2", "l2", 3)]]


@pytest.mark.parametrize("parts", [[], [part(units=2, left=2)], [part(units=5, left=5, is_open=False)]])
def test_a_shop_with_fewer_units_than_were_shipped_is_for_a_person(parts: list[Part]) -> None:
    shop = desk(*parts)

    with pytest.raises(Rejected) as failure:
        told(shipped(3), shop)

    assert failure.value.code == "shop_has_fewer"
    assert shop.fulfilled == []


stands = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans(), st.sampled_from(["L1", "L2"])), max_size=4
).map(
    lambda each: [
        part(units=done + left, left=left, location=location, at=f"at_the_shop{i}", is_open=is_open)
        for i, (done, left, is_open, location) in enumerate(each)
    ]
)


@given(stands, st.integers(1, 5))
def test_afterwards_the_shop_has_what_was_shipped_or_nothing_was_done(parts: list[Part], many: int) -> None:
    shop = desk(*parts)
    had = shop.seen["1"].fulfilled("l1")

    try:
        told(shipped(many), shop)
    except Rejected:
        assert shop.seen["1"].fulfilled("l1") == had
        assert had + sum(each.left for each in parts if each.is_open) < many
    else:
        assert shop.seen["1"].fulfilled("l1") == max(had, many)
    assert all(each.left >= 0 for each in shop.seen["1"].parts)
    assert all(len({location for location, _, _ in one}) == 1 for one in shop.fulfilled)


# ---- cancels


def test_a_cancel_is_pending_until_its_job_is_done() -> None:
    shop = desk(part())
    shop.done = {"job-1": False}

    assert told(CANCELLED, shop) == Pending("job-1")
    assert told(CANCELLED, shop, "job-1") == Pending("job-1")
    assert shop.cancelled == [("1", False)]

    shop.done = {"job-1": True}
    shop.seen["1"] = replace(shop.seen["1"], is_cancelled=True)
    assert told(CANCELLED, shop, "job-1") is None
    assert shop.cancelled == [("1", False)]


def test_a_cancel_whose_job_ended_badly_is_for_a_person_and_not_begun_again() -> None:
    shop = desk(part())
    shop.done = {"job-0": True}

    with pytest.raises(Rejected) as failure:
        told(CANCELLED, shop, "job-0")

    assert failure.value.code == "cancel_failed"
    assert shop.cancelled == []


def test_a_cancel_that_is_no_job_is_looked_after_at_once() -> None:
    shop = desk(part())
    shop.cancels_at_once = True

    assert told(CANCELLED, shop) is None
    assert shop.cancelled == [("1", False)]


def test_a_shop_that_says_cancelled_and_is_not_is_for_a_person() -> None:
    shop = desk(part())
    shop.cancels_at_once = False

    with pytest.raises(Rejected) as failure:
        told(CANCELLED, shop)

    assert failure.value.code == "cancel_failed"


def test_what_the_shop_cancelled_itself_is_told_nothing() -> None:
    shop = desk(is_cancelled=True)

    assert told(CANCELLED, shop) is None
    assert (shop.cancelled, shop.fulfilled) == ([], [])


@pytest.mark.parametrize("refunds", [False, True])
def test_a_refund_is_asked_for_if_it_is_wanted(*, refunds: bool) -> None:
    shop = desk(part())

    told(CANCELLED, shop, refunds=refunds)

    assert shop.cancelled == [("1", refunds)]


def test_a_cancel_that_came_after_the_supplier_shipped_is_no_cancel() -> None:
    shop = desk(part(units=5, left=5))

    assert told(orders.cancel(shipped(5), 2).order, shop) is None

    assert (shop.cancelled, shop.fulfilled) == ([], [[("L1", "l1", 5)]])


def test_what_went_out_instead_of_a_line_fulfils_that_line() -> None:
    order = orders.substitute(trade.order("1", ("A", 5)), "l1", 2, Sku("B"))
    order = orders.take(order, {("l1", ALPINA): 3, ("l1-1", ALPINA): 2}, attempt="t")
    order = orders.send(order, 1, deducts_at=SHIP).order
    order = orders.ship(order, 1, "l1", 1, deducts_at=SHIP).order
    order = orders.ship(order, 1, "l1-1", 2, deducts_at=SHIP).order
    shop = desk(part(units=5, left=5))

    told(order, shop)

    assert shop.fulfilled == [[("L1", "l1", 3)]]
