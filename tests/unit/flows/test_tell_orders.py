"""The shop has of an order what it lacked, and never twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import orders
from shared.domain.names import Sku, SourceId
from shared.domain.orders import DeductsAt, Order
from shared.domain.packages import Package
from shared.errors import Rejected, Transient
from shared.flows.tell_orders import Pending, tell
from shared.storefronts.contract import Parcel, Part, Seen
from tests.support import trade
from tests.support.publishing import FakeDesk, part


def desk(*parts: Part, is_cancelled: bool = False) -> FakeDesk:
    return FakeDesk(seen={"1": Seen(is_cancelled=is_cancelled, parts=parts)})


def told(
    order: Order, shop: FakeDesk, job: str = "", *, refunds: bool = False, packages: Sequence[Package] = ()
) -> Pending | None:
    return tell(order, packages, shop, refunds=refunds, job=job)


def package(number: str, carrier: str = "ups", **lines: int) -> Package:
    return Package(number=number, carrier=carrier, lines=lines)


def numbers(shop: FakeDesk) -> list[str]:
    return [parcel.number if parcel else "" for parcel in shop.parcels]


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

    assert told(trade.shipped(3), shop) is None

    assert shop.fulfilled == expected


def test_lines_that_are_not_shipped_are_left_alone() -> None:
    shop = desk(part("l1", 5, 5), part("l2", 5, 5), part("l3", 5, 5))

    told(trade.shipped(0, 2, 5), shop)

    assert shop.fulfilled == [[("L1", "l2", 2), ("L1", "l3", 5)]]


def test_an_order_that_is_told_again_is_not_fulfilled_again() -> None:
    shop = desk(part(units=5, left=5))

    for _ in range(3):
        assert told(trade.shipped(3), shop) is None
    assert told(trade.shipped(4), shop) is None

    assert shop.fulfilled == [[("L1", "l1", 3)], [("L1", "l1", 1)]]


def test_a_lost_answer_and_a_second_try_fulfil_once() -> None:
    shop = desk(part("l1", 5, 5, "L1", "fo1"), part("l2", 5, 5, "L2", "fo2"))
    shop.loses = [Transient("the shop did not answer", code="shop_silent")]
    with pytest.raises(Transient):
        told(trade.shipped(2, 3), shop)

    told(trade.shipped(2, 3), shop)

    assert shop.fulfilled == [[("L1", "l1", 2)], [("L2", "l2", 3)]]


@pytest.mark.parametrize("parts", [[], [part(units=2, left=2)], [part(units=5, left=5, is_open=False)]])
def test_a_shop_with_fewer_units_than_were_shipped_is_for_a_person(parts: list[Part]) -> None:
    shop = desk(*parts)

    with pytest.raises(Rejected) as failure:
        told(trade.shipped(3), shop)

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
        told(trade.shipped(many), shop)
    except Rejected:
        assert shop.seen["1"].fulfilled("l1") == had
        assert had + sum(each.left for each in parts if each.is_open) < many
    else:
        assert shop.seen["1"].fulfilled("l1") == max(had, many)
    assert all(each.left >= 0 for each in shop.seen["1"].parts)
    assert all(len({location for location, _, _ in one}) == 1 for one in shop.fulfilled)


# ---- parcels


@pytest.mark.parametrize(
    ("_case", "packages", "left", "expected"),
    [
        ("all in one parcel", [package("P1", l1=3)], 5, [("P1", 3)]),
        ("several parcels", [package("P1", l1=1), package("P2", l1=2)], 5, [("P1", 1), ("P2", 2)]),
        ("what is in no parcel comes without, last", [package("P1", l1=2)], 5, [("P1", 2), ("", 1)]),
        ("no parcel is known", [], 5, [("", 3)]),
        ("a parcel of another line", [package("P1", l9=3)], 5, [("", 3)]),
        ("more in a parcel than was shipped", [package("P1", l1=9), package("P2", l1=1)], 5, [("P1", 3)]),
        (
            "what the shop has was in the parcel that went first",
            [package("P1", l1=2), package("P2", l1=1)],
            3,
            [("P2", 1)],
        ),
        ("all was fulfilled by hand before its parcel was known", [package("P1", l1=3)], 2, []),
    ],
)
def test_units_that_the_shop_lacks_are_told_in_their_parcels(
    _case: str, packages: list[Package], left: int, expected: list[tuple[str, int]]
) -> None:
    shop = desk(part(units=5, left=left))

    told(trade.shipped(3), shop, packages=packages)

    assert [(number, units) for number, [(_, _, units)] in zip(numbers(shop), shop.fulfilled, strict=True)] == expected


def test_a_parcel_with_several_lines_is_one_fulfilment_with_its_carrier() -> None:
    shop = desk(part("l1", 5, 5), part("l2", 5, 5))

    told(trade.shipped(2, 1), shop, packages=[package("P1", "fedex", l1=2, l2=1)])

    assert shop.fulfilled == [[("L1", "l1", 2), ("L1", "l2", 1)]]
    assert shop.parcels == [Parcel(number="P1", carrier="fedex")]


def test_a_parcel_from_two_locations_is_told_once_a_location() -> None:
    shop = desk(part(units=2, left=2, location="L2", at="fo1"), part(units=3, left=3, location="L1", at="fo2"))

    told(trade.shipped(3), shop, packages=[package("P1", l1=3)])

    assert shop.fulfilled == [[("L1", "l1", 1)], [("L2", "l1", 2)]]
    assert numbers(shop) == ["P1", "P1"]


def test_parcels_are_told_as_they_become_known_and_never_again() -> None:
    shop = desk(part(units=5, left=5))
    first, second = package("P1", l1=2), package("P2", l1=1)

    for _ in range(2):
        told(trade.shipped(2), shop, packages=[first])
    for _ in range(2):
        told(trade.shipped(3), shop, packages=[first, second])

    assert (numbers(shop), shop.fulfilled) == (["P1", "P2"], [[("L1", "l1", 2)], [("L1", "l1", 1)]])


def test_a_parcel_that_is_known_after_its_units_were_told_is_not_told() -> None:
    shop = desk(part(units=5, left=5))
    told(trade.shipped(2), shop)

    told(trade.shipped(2), shop, packages=[package("P1", l1=2)])
    told(trade.shipped(3), shop, packages=[package("P1", l1=2), package("P2", l1=1)])

    assert numbers(shop) == ["", "P2"]


def test_a_parcel_whose_answer_was_lost_between_two_locations_is_told_to_its_end() -> None:
    shop = desk(part("l1", 5, 5, "L1", "fo1"), part("l2", 5, 5, "L2", "fo2"))
    shop.loses = [Transient("the shop did not answer", code="shop_silent")]
    packages = [package("P0", l2=1), package("P1", l1=2, l2=2)]
    with pytest.raises(Transient):
        told(trade.shipped(2, 3), shop, packages=packages)

    told(trade.shipped(2, 3), shop, packages=packages)
    told(trade.shipped(2, 3), shop, packages=packages)

    assert numbers(shop) == ["P0", "P1", "P1"]
    assert shop.fulfilled == [[("L2", "l2", 1)], [("L1", "l1", 2)], [("L2", "l2", 2)]]


def test_a_parcel_that_the_shop_knows_has_its_units_though_another_went_first() -> None:
    shop = FakeDesk(seen={"1": Seen(is_cancelled=False, parts=(part(units=5, left=4),), tracking=frozenset({"P2"}))})

    told(trade.shipped(3), shop, packages=[package("P1", l1=2), package("P2", l1=1)])

    assert (numbers(shop), shop.fulfilled) == (["P1"], [[("L1", "l1", 2)]])


@given(
    stands,
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from(["P1", "P2", "P3"]), st.integers(0, 6)), unique_by=lambda each: each[0]),
    st.frozensets(st.sampled_from(["P1", "P2", "by hand"])),
)
def test_with_any_parcels_the_shop_has_what_was_shipped_and_no_more(
    parts: list[Part], many: int, packed: list[tuple[str, int]], known: frozenset[str]
) -> None:
    shop = FakeDesk(seen={"1": Seen(is_cancelled=False, parts=tuple(parts), tracking=known)})
    packages, had = [package(number, l1=units) for number, units in packed], shop.seen["1"].fulfilled("l1")

    try:
        told(trade.shipped(many), shop, packages=packages)
    except Rejected:
        assert shop.fulfilled == []
        return
    calls = len(shop.fulfilled)
    told(trade.shipped(many), shop, packages=packages)

    assert shop.seen["1"].fulfilled("l1") == max(had, many)
    assert len(shop.fulfilled) == calls
    assert all(each.left >= 0 for each in shop.seen["1"].parts)
    for number, units in packed:
        told_in = sum(
            one[2]
            for parcel, call in zip(shop.parcels, shop.fulfilled, strict=True)
            for one in call
            if parcel and parcel.number == number
        )
        assert told_in <= units


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

    assert told(orders.cancel(trade.shipped(5), 2).order, shop) is None

    assert (shop.cancelled, shop.fulfilled) == ([], [[("L1", "l1", 5)]])


def test_what_went_out_instead_of_a_line_fulfils_that_line() -> None:
    order = orders.substitute(trade.order("1", ("A", 5)), "l1", 2, Sku("B"))
    order = orders.take(order, {("l1", SourceId("alpina")): 3, ("l1-1", SourceId("alpina")): 2}, attempt="t")
    order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
    order = orders.ship(order, 1, "l1", 1, deducts_at=DeductsAt.SHIP).order
    order = orders.ship(order, 1, "l1-1", 2, deducts_at=DeductsAt.SHIP).order
    shop = desk(part(units=5, left=5))

    told(order, shop, packages=[Package(number="N1", carrier="ups", lines={"l1-1": 2})])

    assert shop.fulfilled == [[("L1", "l1", 2)], [("L1", "l1", 1)]]
    assert numbers(shop) == ["N1", ""]
