"""When a supplier's count already shows our orders, and when it cannot: a table of cases in the trade's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain import feeds, orders, stock, times
from shared.domain.feeds import Feed, Run
from shared.domain.names import SourceId
from shared.domain.orders import DeductsAt, Effect, Move, Order
from shared.domain.photographs import Row
from shared.domain.stock import Count, Exact, First, Level
from shared.errors import InvalidInput
from tests.support import photos, trade

KEY = trade.at("A", "alpina")
ALPINA = SourceId("alpina")
NO_SLACK = timedelta(0)


def at(clock: str) -> str:
    return f"2026-11-24T{clock}:00.000Z"


class Shelf:
    """One level of 100, and what happens to it."""

    def __init__(self, counted: int = 100, as_of: str = "10:00", slack: timedelta = NO_SLACK) -> None:
        self.level = trade.level("A", "alpina", counted, counted_as_of=at(as_of))
        self.slack = slack

    @property
    def available(self) -> int:
        assert stock.adds_up(self.level)
        return self.level.available

    def order(self, units: int, deducts_at: DeductsAt = DeductsAt.ACCEPT) -> Order:
        """Take units and send them to the supplier."""
        self.level = replace(self.level, available=self.level.available - units, committed=self.level.committed + units)
        taken = orders.take(trade.order("1", ("A", units)), {("l1", ALPINA): units}, attempt="t")
        return self.move(orders.send(taken, 1, deducts_at=deducts_at), "10:20")

    def move(self, move: Move, clock: str) -> Order:
        """Apply what a move does to the level; a deduction is of that time."""
        for effect in move.effects:
            self._effect(effect, clock)
        return move.order

    def _effect(self, effect: Effect, clock: str) -> None:
        back = effect.give_back
        self.level = replace(self.level, available=self.level.available + back, committed=self.level.committed - back)
        if effect.deduct or effect.late:
            when = times.read(at(clock))
            planned = stock.deduction(KEY, effect.deduct, effect.late, when, self.slack, self.level)
            self.level = stock.deduct(self.level, planned)

    def accepted(self, order: Order, units: int, clock: str) -> Order:
        return self.move(orders.accept(order, 1, "l1", units, deducts_at=DeductsAt.ACCEPT), clock)

    def shipped(self, order: Order, units: int, clock: str) -> Order:
        return self.move(orders.ship(order, 1, "l1", units, deducts_at=DeductsAt.SHIP), clock)

    def count(self, units: int, as_of: str) -> int:
        """Apply a photograph; return what is available then."""
        count = Count(key=KEY, units=units, as_of=at(as_of), count_id=as_of)
        write = stock.exact(count, self.level, self.slack)
        if write is None:
            return self.available
        assert isinstance(write, Exact)
        kept = {bucket: units for bucket, units in self.level.deducted.items() if bucket not in write.gone}
        self.level = replace(
            self.level,
            available=self.level.available + write.rise,
            counted=units,
            counted_as_of=count.as_of,
            deducted=kept,
        )
        return self.available


def test_the_worked_table_of_a_source_that_deducts_when_it_accepts() -> None:
    shelf = Shelf(100, "10:00")
    shelf.accepted(shelf.order(5), 5, "10:30")
    assert shelf.available == 95

    assert shelf.count(100, "10:15") == 95  # arrives later, was made before
    assert shelf.count(95, "11:00") == 95  # not 90
    assert shelf.count(100, "12:00") == 100  # a restock hides it


def test_a_file_made_before_the_supplier_imported_our_order_still_owes_it() -> None:
    shelf = Shelf(100, "10:00")
    shelf.order(5)

    assert shelf.count(100, "11:00") == 95
    assert shelf.count(95, "12:00") == 90  # it has imported it, and we have not heard so yet: too few, never too many


def test_a_shipment_that_is_never_reported_is_deducted_at_its_time_limit() -> None:
    shelf = Shelf(100, "10:00")
    order = shelf.order(5, DeductsAt.SHIP)
    assert shelf.count(95, "12:00") == 90

    shelf.move(orders.limit(order, 1), "14:00")

    assert shelf.available == 90
    assert shelf.count(95, "15:00") == 95


def test_an_acceptance_reported_after_the_photograph_that_shows_it_is_not_subtracted_twice() -> None:
    shelf = Shelf(100, "10:00")
    order = shelf.order(5)
    assert shelf.count(95, "11:00") == 90

    shelf.accepted(order, 5, "10:30")

    assert shelf.available == 95


def test_a_count_older_than_the_last_one_says_nothing() -> None:
    shelf = Shelf(100, "10:00")
    shelf.count(80, "12:00")

    assert shelf.count(100, "11:00") == 80


def test_the_same_count_twice_says_nothing_the_second_time() -> None:
    shelf = Shelf(100, "10:00")
    shelf.count(80, "12:00")
    shelf.order(5)

    assert shelf.count(80, "12:00") == 75


def test_a_count_from_the_future_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ahead"):
        feeds.check(1, times.read(at("12:06")), times.read(at("12:00")))


@pytest.mark.parametrize(("accepted", "then"), [(5, 95), (3, 95), (1, 95)])
def test_of_a_partial_acceptance_the_rest_stays_promised(accepted: int, then: int) -> None:
    shelf = Shelf(100, "10:00")
    shelf.accepted(shelf.order(5), accepted, "10:30")

    assert shelf.available == then
    assert shelf.level.committed == 5 - accepted
    assert shelf.count(100 - accepted, "11:00") == 95


def test_a_reject_gives_back_what_the_supplier_never_deducted() -> None:
    shelf = Shelf(100, "10:00")
    order = shelf.order(5)

    shelf.move(orders.reject(order, 1, "l1", 5), "10:30")

    assert shelf.available == 100
    assert shelf.count(100, "11:00") == 100


@pytest.mark.parametrize(("counted", "available"), [(100, 100), (95, 95)], ids=["adds it back", "does not"])
def test_after_a_cancel_of_accepted_units_only_the_next_photograph_tells(counted: int, available: int) -> None:
    shelf = Shelf(100, "10:00")
    order = shelf.accepted(shelf.order(5), 5, "10:30")

    shelf.move(orders.confirm_cancel(order, 1, "l1", 5), "10:40")

    assert shelf.available == 95
    assert shelf.count(counted, "11:00") == available


def test_an_acceptance_after_the_units_were_given_back_is_subtracted_again() -> None:
    shelf = Shelf(100, "10:00")
    order = shelf.order(5)
    order = shelf.move(orders.reroute(order, 1, "l1", 5), "10:25")
    assert shelf.available == 100

    shelf.accepted(order, 5, "10:30")

    assert shelf.available == 95
    assert shelf.count(95, "11:00") == 95


def test_a_restock_hidden_behind_an_equal_count_settles_what_was_deducted() -> None:
    shelf = Shelf(100, "10:00")
    shelf.accepted(shelf.order(5), 5, "10:30")

    assert shelf.count(100, "11:00") == 100


def test_an_unchanged_row_of_an_accepted_file_is_written_while_a_deduction_waits_for_it() -> None:
    row = Row(line=2, sku=KEY.sku, units=100)

    assert [each.old for each in photos.rows_to_write({KEY.sku: row}, {KEY.sku: row}, {KEY.sku}, [])] == [100]
    assert list(photos.rows_to_write({KEY.sku: row}, {KEY.sku: row}, set(), [])) == []


def test_an_unchanged_row_of_an_accepted_file_confirms_its_count() -> None:
    level = Shelf(100, "10:00").level
    applied = Run(as_of=at("12:00"), file="f", snapshot="s", reading="r")

    assert feeds.confirmed_at(Feed(source=ALPINA, applied=applied), level) == at("12:00")


def test_a_deduction_in_the_quarter_of_an_hour_of_the_photograph_may_not_be_in_it() -> None:
    shelf = Shelf(100, "10:00")
    shelf.accepted(shelf.order(5), 5, "10:31")

    assert shelf.count(95, "10:44") == 90
    assert shelf.count(95, "10:45") == 95


def test_a_clock_that_may_be_off_delays_what_a_photograph_is_believed_to_show() -> None:
    shelf = Shelf(100, "10:00", timedelta(minutes=20))
    shelf.accepted(shelf.order(5), 5, "10:30")

    assert shelf.count(95, "11:04") == 90
    assert shelf.count(95, "11:05") == 95


def test_units_deducted_at_receipt_are_not_given_back_when_they_are_rejected() -> None:
    shelf = Shelf(100, "10:00")
    order = shelf.order(5, DeductsAt.RECEIPT)
    assert shelf.level.deducted == {at("10:15"): 5}

    shelf.move(orders.reject(order, 1, "l1", 5), "10:30")

    assert shelf.available == 95
    assert shelf.count(100, "11:00") == 100


# ---- the time that a source says


SENT, RECEIVED = times.read(at("10:00")), times.read(at("12:00"))


@pytest.mark.parametrize(
    ("says", "used", "odd"),
    [
        (None, "12:00", ""),
        ("11:00", "11:00", ""),
        ("10:00", "10:00", ""),
        ("12:05", "12:05", ""),
        ("09:54", "12:00", "it deducted 6 minutes before it was asked"),
        ("09:00", "12:00", "it deducted 60 minutes before it was asked (its zone may be wrong by whole hours)"),
        ("13:02", "13:02", "it deducts 62 minutes after it said so (its zone may be wrong by whole hours)"),
        ("12:30", "12:30", "it deducts 30 minutes after it said so"),
    ],
)
def test_a_time_that_cannot_be_is_flagged_and_never_taken_for_an_earlier_one(
    says: str | None, used: str, odd: str
) -> None:
    said = stock.said(times.read(at(says)) if says else None, SENT, RECEIVED, timedelta(minutes=5))

    assert (times.text(said.at), said.odd) == (at(used), odd)


# ---- a level stays small


def test_the_more_buckets_a_level_holds_the_wider_is_the_span_whose_last_one_is_joined() -> None:
    level: Level = Shelf(1_000, "00:00").level
    level = replace(level, committed=500, available=500)
    begin = times.read(at("00:00"))
    for quarter in range(40 * 24 * 4):
        when = begin + quarter * stock.BUCKET
        planned = stock.deduction(KEY, 0, 0, when, NO_SLACK, level)
        assert planned.bucket >= times.text(when), "an earlier bucket would be shown too soon"
        assert len(level.deducted) < planned.most or planned.bucket in level.deducted
        level = stock.deduct(level, planned)

    assert len(level.deducted) <= 6 + 6  # a bucket a week once six are there


def test_first_counts_have_nothing_to_settle() -> None:
    assert isinstance(stock.exact(Count(key=KEY, units=1, as_of=at("10:00"), count_id="f"), None, NO_SLACK), First)
