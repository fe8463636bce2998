from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.domain import orders
from shared.domain.names import LevelKey, Sku, SourceId
from shared.domain.orders import TRANSITIONS, Allocation, DeductsAt, Event, Line, LineState, Move, Order
from shared.errors import InvalidInput, Rejected
from tests.support import trade

SOURCES = (SourceId("alpina"), SourceId("baltic"))
ALPINA, BALTIC = SOURCES[0], SourceId("baltic")

few = st.integers(1, 3)
picks = st.integers(0, 8)
line_ids = st.sampled_from(["l1", "l2", "l3", "l9"])
newer = st.integers(-2, 1)


class OrderLife(RuleBasedStateMachine):
    """Everything that can happen to an order, in any order and twice, against a model of its levels."""

    @initialize(
        units=st.lists(st.integers(1, 6), min_size=1, max_size=2),
        same_sku=st.booleans(),
        deducts_at=st.sampled_from(DeductsAt),
        begun=st.booleans(),
    )
    def place(self, units: list[int], same_sku: bool, deducts_at: DeductsAt, begun: bool) -> None:  # noqa: FBT001
        skus = "AA" if same_sku else "AB"
        self.order = trade.order("1", *zip(skus, units, strict=False))
        self.deducts_at = deducts_at
        self.available: Counter[LevelKey] = Counter()
        self.committed: Counter[LevelKey] = Counter()
        self.deducted: Counter[LevelKey] = Counter()
        self.counted: Counter[LevelKey] = Counter()
        self.documents: Counter[tuple[int, str, Event]] = Counter()
        self.done: list[tuple[Event, Callable[[], Order | Move]]] = []
        if begun:
            self.take("l1", ALPINA, units[0], fill=False)
            self.send(0)

    # ---- what can happen

    @rule(line=line_ids, source=st.sampled_from(SOURCES), units=few, fill=st.booleans())
    def take(self, line: str, source: SourceId, units: int, fill: bool) -> None:  # noqa: FBT001
        before = self.order
        attempt = f"a{len(self.done)}"
        change = lambda: orders.take(self.order, {(line, source): units}, attempt=attempt, backordered=fill)  # noqa: E731
        if self.happens(Event.TAKE, change):
            level = LevelKey(self.order.line(line).sku, source)
            self.counted[level] += units  # as much was there
            self.committed[level] += units
            assert self.order.allocations[-1].n >= before.next_n
            assert self.order.next_n > max(each.n for each in self.order.allocations)

    @rule(first=few, second=few)
    def take_of_two_lines(self, first: int, second: int) -> None:
        taken = {("l1", ALPINA): first, ("l2", ALPINA): second}
        if self.happens(Event.TAKE, lambda: orders.take(self.order, taken, attempt="two")):
            assert self.order.allocations[-1].n == self.order.allocations[-2].n
            for (line, source), units in taken.items():
                self.counted[LevelKey(self.order.line(line).sku, source)] += units
                self.committed[LevelKey(self.order.line(line).sku, source)] += units

    @rule(chance=st.integers(0, 3))
    def backorder(self, chance: int) -> None:
        if chance == 0:
            self.happens(Event.BACKORDER, lambda: orders.backorder(self.order))

    @rule(by=newer, chance=st.integers(0, 7))
    def cancel(self, by: int, chance: int) -> None:
        if chance:
            return  # now and then: little happens afterwards
        wanted = self.order.cancel_wanted
        version = self.order.version + by
        assert self.happens(Event.CANCEL, lambda: orders.cancel(self.order, version)) is not wanted
        assert self.order.cancel_wanted

    def allocation(self, pick: int) -> tuple[int, str]:
        """The purchase order and line that a document names: of the order, or odd ones."""
        known = [(each.n, each.line) for each in self.order.allocations]
        return known[pick % len(known)] if known and pick < 7 else (9, "l1") if pick == 7 else (1, "l9")

    @rule(back=st.integers(0, 2))
    def send(self, back: int) -> None:
        n = self.order.next_n - 1 - back
        self.happens(Event.SEND, lambda: orders.send(self.order, n, deducts_at=self.deducts_at))

    @rule(pick=picks, units=few)
    def accept(self, pick: int, units: int) -> None:
        n, line = self.allocation(pick)
        change = lambda: orders.accept(self.order, n, line, units, deducts_at=self.deducts_at)  # noqa: E731
        if self.happens(Event.ACCEPT, change):
            self.documents[n, line, Event.ACCEPT] += units

    @rule(pick=picks, units=few)
    def ship(self, pick: int, units: int) -> None:
        n, line = self.allocation(pick)
        change = lambda: orders.ship(self.order, n, line, units, deducts_at=self.deducts_at)  # noqa: E731
        if self.happens(Event.SHIP, change):
            self.documents[n, line, Event.SHIP] += units

    @rule(pick=picks, units=few)
    def reject(self, pick: int, units: int) -> None:
        n, line = self.allocation(pick)
        self.happens(Event.REJECT, lambda: orders.reject(self.order, n, line, units))

    @rule(pick=picks, units=few)
    def reroute(self, pick: int, units: int) -> None:
        n, line = self.allocation(pick)
        self.happens(Event.REROUTE, lambda: orders.reroute(self.order, n, line, units))

    @rule(pick=picks, units=few)
    def confirm_cancel(self, pick: int, units: int) -> None:
        n, line = self.allocation(pick)
        self.happens(Event.CONFIRM_CANCEL, lambda: orders.confirm_cancel(self.order, n, line, units))

    @rule(line=line_ids, units=few)
    def put_back(self, line: str, units: int) -> None:
        before = self.order
        with suppress(Rejected, InvalidInput):
            self.order = orders.put_back(before, line, units)
            returned = sum(new.returned - old.returned for old, new in self.allocations_of(line, before))
            assert returned == units
        assert [self.order.counts(each) for each in self.order.lines] == [before.counts(each) for each in before.lines]

    def allocations_of(self, line: str, before: Order) -> list[tuple[Allocation, Allocation]]:
        pairs = zip(before.allocations, self.order.allocations, strict=True)
        return [(old, new) for old, new in pairs if old.line == line]

    @rule(wanted=st.dictionaries(line_ids, st.integers(0, 7), max_size=2), by=newer)
    def edit(self, wanted: dict[str, int], by: int) -> None:
        version = self.order.version + by
        before = self.order
        is_there = any(line.line == "l3" for line in before.lines)
        added = [] if is_there else [Line(line="l3", sku=Sku("C"), ordered=2)]
        change = lambda: orders.edit(self.order, wanted, version, added)  # noqa: E731
        if self.happens(Event.EDIT, change):
            assert before.version < version == self.order.version
            for line in before.lines:
                self.is_as_wanted(before, line, wanted)

    @precondition(lambda self: self.done)
    @rule(which=st.integers(0, 50))
    def something_again(self, which: int) -> None:
        self.happens(*self.done[which % len(self.done)], again=True)

    # ---- what must hold

    def is_as_wanted(self, before: Order, line: Line, wanted: Mapping[str, int]) -> None:
        """An edit leaves what is wanted, or as much as suppliers were asked for."""
        after = self.order.line(line.line)
        asked_for = sum(before.counts(line)[state] for state in (LineState.SENT, LineState.ACCEPTED, LineState.SHIPPED))
        active = wanted.get(line.line, line.ordered - line.cancelled)
        assert after.ordered - after.cancelled == max(active, asked_for)

    def happens(self, event: Event, change: Callable[[], Order | Move], *, again: bool = False) -> bool:
        """Let it happen, or be refused and change nothing; answer which."""
        before = self.order
        try:
            result = change()
        except (Rejected, InvalidInput):
            return False
        moved = result if isinstance(result, Move) else Move(result)
        if again and event in {Event.TAKE, Event.ACCEPT, Event.SHIP}:
            return False  # their markers and attempts are what makes them harmless: what was computed is not written
        self.order = moved.order
        if not again:
            self.done.append((event, change))
        for effect in moved.effects:
            assert effect.give_back or effect.deduct or effect.late
            self.available[effect.level] += effect.give_back - effect.late
            self.committed[effect.level] -= effect.give_back + effect.deduct
            self.deducted[effect.level] += effect.deduct + effect.late
        assert len({effect.level for effect in moved.effects}) == len(moved.effects)
        self.is_in_the_table(event, before)
        self.only_grows(before)
        return True

    def is_in_the_table(self, event: Event, before: Order) -> None:
        to = set(TRANSITIONS[event].values())
        if before.cancel_wanted and event in {Event.REJECT, Event.REROUTE}:
            to = {LineState.CANCELLED}
        for line in before.lines:
            was, now = before.counts(line), self.order.counts(self.order.line(line.line))
            if event is Event.EDIT and self.order.line(line.line).ordered > line.ordered:
                assert {state for state in LineState if was[state] != now[state]} == {LineState.OPEN}
                continue
            assert {state for state in LineState if now[state] < was[state]} <= set(TRANSITIONS[event])
            assert {state for state in LineState if now[state] > was[state]} <= to

    def only_grows(self, before: Order) -> None:
        assert self.order.version >= before.version
        assert self.order.next_n >= before.next_n
        for old, new in zip(before.allocations, self.order.allocations, strict=False):
            assert (new.line, new.source, new.n, new.units) == (old.line, old.source, old.n, old.units)
            assert (new.sent, new.acked, new.rejected, new.shipped) >= (old.sent, 0, 0, 0)
            for counter in ("acked", "rejected", "shipped", "given_back"):
                assert getattr(new, counter) >= getattr(old, counter)
            assert new.committed <= old.committed

    @invariant()
    def lines_add_up(self) -> None:
        for line in self.order.lines:
            counts = self.order.counts(line)
            assert sum(counts.values()) == line.ordered
            assert min(counts.values()) >= 0

    @invariant()
    def levels_hold_what_the_order_says(self) -> None:
        held: Counter[LevelKey] = Counter()
        gone: Counter[LevelKey] = Counter()
        for each in self.order.allocations:
            level = LevelKey(self.order.line(each.line).sku, each.source)
            held[level] += each.committed
            assert 0 <= each.committed <= each.live
            if self.deducts_at is DeductsAt.ACCEPT:
                gone[level] += max(each.acked, each.shipped)
            if self.deducts_at is DeductsAt.SHIP:
                gone[level] += each.shipped
        assert held == self.committed
        if self.deducts_at is not DeductsAt.RECEIPT:
            assert gone == self.deducted
        for level, units in self.counted.items():
            assert self.available[level] + self.committed[level] + self.deducted[level] == units

    @invariant()
    def documents_add_up(self) -> None:
        for each in self.order.allocations:
            assert each.acked == self.documents[each.n, each.line, Event.ACCEPT] <= each.units
            assert each.shipped == self.documents[each.n, each.line, Event.SHIP] <= each.units
            assert each.sent or not each.acked + each.shipped
            assert 0 <= each.returned <= each.shipped

    @invariant()
    def a_cancelled_order_wants_nothing(self) -> None:
        if self.order.cancel_wanted:
            assert not self.order.wants_units
            assert not self.order.total(LineState.OPEN) + self.order.total(LineState.BACKORDERED)
            assert not self.order.total(LineState.RESERVED)


test_whatever_happens_to_an_order_its_units_add_up = OrderLife.TestCase


# ---- examples in the trade's words


def sent_order(units: int, deducts_at: DeductsAt = DeductsAt.ACCEPT) -> Order:
    """An order of so many pieces, asked of alpina under purchase order 1."""
    taken = orders.take(trade.order("1", ("A", units)), {("l1", ALPINA): units}, attempt="a1")
    return orders.send(taken, 1, deducts_at=deducts_at).order


def where(order: Order) -> dict[str, int]:
    return {state.value: units for state, units in order.counts(order.lines[0]).items() if units}


def level_change(moves: list[Move]) -> tuple[int, int, int]:
    """What the moves did to (available, committed, deducted)."""
    effects = [effect for move in moves for effect in move.effects]
    return (
        sum(effect.give_back - effect.late for effect in effects),
        -sum(effect.give_back + effect.deduct for effect in effects),
        sum(effect.deduct + effect.late for effect in effects),
    )


@pytest.mark.parametrize("deducts_at", [DeductsAt.ACCEPT, DeductsAt.SHIP])
@pytest.mark.parametrize("documents", [*permutations(["accept 2", "reject 1", "ship 2"])])
def test_documents_in_any_order_end_the_same(documents: tuple[str, ...], deducts_at: DeductsAt) -> None:
    order, moves = sent_order(3), []
    for document in documents:
        word, units = document.split()
        if word == "reject":
            move = orders.reject(order, 1, "l1", int(units))
        else:
            tell = orders.accept if word == "accept" else orders.ship
            move = tell(order, 1, "l1", int(units), deducts_at=deducts_at)
        order = move.order
        moves.append(move)

    assert where(order) == {"shipped": 2, "open": 1}
    assert level_change(moves) == (1, -3, 2)
    assert order.allocations[0].late == 0


def test_a_late_accept_after_a_reroute_is_paid_by_the_level_and_the_line_does_not_move() -> None:
    rerouted = orders.reroute(sent_order(2), 1, "l1", 2)
    late = orders.accept(rerouted.order, 1, "l1", 2, deducts_at=DeductsAt.ACCEPT)

    assert where(late.order) == {"open": 2}
    assert late.order.allocations[0].late == 2
    assert level_change([rerouted, late]) == (0, -2, 2)


def test_a_shipment_of_what_was_cancelled_is_late_too() -> None:
    gone = orders.confirm_cancel(sent_order(2), 1, "l1", 2)
    late = orders.ship(gone.order, 1, "l1", 1, deducts_at=DeductsAt.SHIP)

    assert where(late.order) == {"cancelled": 2}
    assert level_change([gone, late]) == (1, -2, 1)


def test_what_is_shipped_is_no_longer_only_accepted() -> None:
    accepted = orders.accept(sent_order(3), 1, "l1", 2, deducts_at=DeductsAt.SHIP).order
    assert where(accepted) == {"sent": 1, "accepted": 2}

    assert where(orders.ship(accepted, 1, "l1", 1, deducts_at=DeductsAt.SHIP).order) == {
        "sent": 1,
        "accepted": 1,
        "shipped": 1,
    }


def test_no_more_comes_back_than_was_shipped_and_shipped_it_stays() -> None:
    order = orders.take(trade.order("1", ("A", 5)), {("l1", ALPINA): 2, ("l1", SOURCES[1]): 3}, attempt="a1")
    for n, shipped in ((1, 2), (2, 1)):
        order = orders.send(order, n, deducts_at=DeductsAt.SHIP).order
        order = orders.ship(order, n, "l1", shipped, deducts_at=DeductsAt.SHIP).order

    back = orders.put_back(orders.put_back(order, "l1", 1), "l1", 2)

    assert [each.returned for each in back.allocations] == [2, 1]
    assert where(back) == where(order) == {"shipped": 3, "sent": 2}
    for units in (1, 0, -1):
        with pytest.raises(Rejected):
            orders.put_back(back, "l1", units)
    with pytest.raises(InvalidInput):
        orders.put_back(order, "l9", 1)


def test_a_supplier_ships_no_more_than_it_was_asked_for() -> None:
    shipped = orders.ship(sent_order(3), 1, "l1", 3, deducts_at=DeductsAt.SHIP).order

    with pytest.raises(Rejected):
        orders.ship(shipped, 1, "l1", 1, deducts_at=DeductsAt.SHIP)


def test_a_supplier_that_was_not_asked_answers_nothing() -> None:
    taken = orders.take(trade.order("1", ("A", 1)), {("l1", ALPINA): 1}, attempt="a1")

    with pytest.raises(Rejected):
        orders.accept(taken, 1, "l1", 1, deducts_at=DeductsAt.ACCEPT)
    with pytest.raises(Rejected):
        orders.reject(taken, 1, "l1", 1)
    with pytest.raises(InvalidInput):
        orders.accept(taken, 2, "l1", 1, deducts_at=DeductsAt.ACCEPT)


def test_a_cancel_frees_what_no_supplier_was_asked_for_and_asks_about_the_rest() -> None:
    order = orders.take(trade.order("1", ("A", 5)), {("l1", ALPINA): 2}, attempt="a1")
    order = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order
    order = orders.take(order, {("l1", SOURCES[1]): 2}, attempt="a2")

    cancelled = orders.cancel(order, 7)

    assert where(cancelled.order) == {"sent": 2, "cancelled": 3}
    assert [(each.level.source, each.give_back) for each in cancelled.effects] == [("baltic", 2)]
    rejected = orders.reject(cancelled.order, 1, "l1", 2)
    assert where(rejected.order) == {"cancelled": 5}


def test_a_cancel_before_anything_leaves_nothing_to_take() -> None:
    cancelled = orders.cancel(trade.order("1", ("A", 2)), 1)

    assert (where(cancelled.order), cancelled.effects) == ({"cancelled": 2}, ())
    with pytest.raises(Rejected):
        orders.take(cancelled.order, {("l1", ALPINA): 1}, attempt="a1")
    with pytest.raises(Rejected):
        orders.cancel(cancelled.order, 2)


def test_a_cancel_frees_two_lines_of_one_sku_in_one_write() -> None:
    order = orders.take(trade.order("1", ("A", 1), ("A", 2)), {("l1", ALPINA): 1, ("l2", ALPINA): 2}, attempt="a1")

    assert [effect.give_back for effect in orders.cancel(order, 1).effects] == [3]


def test_an_edit_to_fewer_takes_open_then_backordered_then_reserved_units() -> None:
    order = orders.take(trade.order("1", ("A", 6)), {("l1", ALPINA): 2}, attempt="a1")
    order = orders.edit(orders.backorder(order), {"l1": 7}, 2).order
    assert where(order) == {"reserved": 2, "backordered": 4, "open": 1}

    fewer = orders.edit(order, {"l1": 1}, 3)

    assert where(fewer.order) == {"reserved": 1, "cancelled": 6}
    assert [effect.give_back for effect in fewer.effects] == [1]


def test_an_edit_never_touches_what_a_supplier_was_asked_for() -> None:
    assert where(orders.edit(sent_order(3), {"l1": 1}, 2).order) == {"sent": 3}


def test_an_older_edit_undoes_nothing() -> None:
    order = orders.edit(trade.order("1", ("A", 2)), {"l1": 5}, 3).order

    with pytest.raises(Rejected):
        orders.edit(order, {"l1": 1}, 3)
    with pytest.raises(Rejected):
        orders.edit(orders.cancel(order, 4).order, {"l1": 1}, 5)


def test_a_fill_takes_backordered_units_and_a_plan_does_not() -> None:
    waiting = orders.backorder(trade.order("1", ("A", 2)))

    with pytest.raises(Rejected):
        orders.take(waiting, {("l1", ALPINA): 1}, attempt="a1")
    filled = orders.take(waiting, {("l1", ALPINA): 1}, attempt="a1", backordered=True)
    assert where(filled) == {"backordered": 1, "reserved": 1}


def test_a_source_that_deducts_at_receipt_has_deducted_what_it_was_sent() -> None:
    taken = orders.take(trade.order("1", ("A", 3)), {("l1", ALPINA): 3}, attempt="a1")
    sent = orders.send(taken, 1, deducts_at=DeductsAt.RECEIPT)
    rejected = orders.reject(sent.order, 1, "l1", 1)

    assert level_change([sent]) == (0, -3, 3)
    assert level_change([rejected]) == (0, 0, 0)


def test_a_bug_that_leaves_the_table_of_states_is_caught() -> None:
    order = trade.order("1", ("A", 2))

    with pytest.raises(AssertionError, match="a line does not add up"):
        orders.check(replace(order, lines=(replace(order.lines[0], open=1),)))
    taken = orders.take(order, {("l1", ALPINA): 1}, attempt="a1")
    with pytest.raises(AssertionError, match="an allocation does not add up"):
        orders.check(replace(taken, allocations=(replace(taken.allocations[0], committed=2),)))


def test_an_order_is_cancelled_when_nothing_of_it_is_on_its_way_any_more() -> None:
    order = trade.order("1", ("A", 2))
    taken = orders.take(order, {("l1", ALPINA): 2}, attempt="t")
    sent = orders.send(taken, 1, deducts_at=DeductsAt.SHIP).order
    wanted = orders.cancel(sent, 2).order

    assert orders.cancel(taken, 2).order.is_cancelled
    assert not wanted.is_cancelled
    assert orders.confirm_cancel(wanted, 1, "l1", 2).order.is_cancelled
    assert not orders.ship(wanted, 1, "l1", 1, deducts_at=DeductsAt.SHIP).order.is_cancelled


def test_an_edit_to_nothing_and_a_cancel_that_came_first_are_no_cancelled_orders() -> None:
    order = trade.order("1", ("A", 2))

    assert not orders.edit(order, {"l1": 0}, 2).order.is_cancelled
    assert not orders.cancel(replace(order, lines=()), 2).order.is_cancelled


def taken_and_sent(units: int = 5) -> Order:
    order = orders.take(trade.order("1", ("A", units)), {("l1", SourceId("alpina")): units}, attempt="t")
    return orders.send(order, 1, deducts_at=DeductsAt.SHIP).order


def test_what_was_never_reported_is_deducted_and_the_line_stays_where_it_is() -> None:
    move = orders.limit(taken_and_sent(), 1)

    assert where(move.order) == {"sent": 5}
    assert [(effect.deduct, effect.late) for effect in move.effects] == [(5, 0)]
    assert move.order.allocations[0].committed == 0


@pytest.mark.parametrize("parts", [(5,), (2, 3), (1, 1, 3)])
def test_a_shipment_reported_after_its_limit_moves_the_order_only(parts: tuple[int, ...]) -> None:
    order = orders.limit(taken_and_sent(), 1).order

    for units in parts:
        move = orders.ship(order, 1, "l1", units, deducts_at=DeductsAt.SHIP)
        assert move.effects == ()
        order = move.order

    assert where(order) == {"shipped": 5}


def test_units_given_back_after_the_limit_and_shipped_all_the_same_cost_the_level_nothing_more() -> None:
    order = orders.reject(orders.limit(taken_and_sent(), 1).order, 1, "l1", 2)

    late = orders.ship(order.order, 1, "l1", 5, deducts_at=DeductsAt.SHIP)

    assert (order.effects, late.effects) == ((), ())


def test_what_was_shipped_in_part_is_limited_for_the_rest() -> None:
    order = orders.ship(taken_and_sent(), 1, "l1", 3, deducts_at=DeductsAt.SHIP).order

    move = orders.limit(order, 1)

    assert [effect.deduct for effect in move.effects] == [2]
    with pytest.raises(Rejected):
        orders.limit(move.order, 1)


def test_a_reroute_takes_back_whole_purchase_orders_a_few_levels_at_a_time() -> None:
    order = trade.order("1", ("A", 2), ("B", 1), ("C", 3))
    order = orders.take(order, {("l1", ALPINA): 2, ("l2", ALPINA): 1, ("l3", BALTIC): 3}, attempt="t")
    celtic = SourceId("celtic")

    first = orders.reroute_to(order, celtic, {1, 2}, most=2)
    second = orders.reroute_to(first.order, celtic, {1, 2}, most=2)

    assert [(each.level.sku, each.give_back) for each in first.effects] == [("A", 2), ("B", 1)]
    assert [(each.level.sku, each.give_back) for each in second.effects] == [("C", 3)]
    assert (second.order.total(LineState.OPEN), second.order.reroute_to) == (6, "celtic")
    assert second.order.excludes(trade.at("A", "alpina"))
    with pytest.raises(Rejected, match="nothing is left"):
        orders.reroute_to(second.order, celtic, {1, 2})


def test_a_purchase_order_of_which_a_part_is_accepted_goes_nowhere_else() -> None:
    order = trade.order("1", ("A", 2), ("B", 1))
    order = orders.take(order, {("l1", ALPINA): 2, ("l2", ALPINA): 1}, attempt="t")
    sent = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order

    assert orders.reroutable(sent, {ALPINA}) == {1}
    assert orders.reroutable(sent, {BALTIC}) == set()
    assert orders.reroutable(orders.accept(sent, 1, "l1", 1, deducts_at=DeductsAt.SHIP).order, {ALPINA}) == set()
    assert orders.reroutable(orders.ship(sent, 1, "l2", 1, deducts_at=DeductsAt.SHIP).order, {ALPINA}) == set()
