"""What is done next about a purchase order; that nobody does it twice is shown on the real engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from shared.domain import orders, rules, times
from shared.domain.facts import Codes
from shared.domain.gate import Ended
from shared.domain.names import OrderKey, Sku, SourceId
from shared.domain.orders import Effect, LineState, Order
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.domain.rules import Rules
from shared.domain.sending_rules import X12, Limits, Sending, WrittenAs
from shared.errors import AppError, Conflict, Rejected, Transient
from shared.flows.send_purchase_orders import Lifetime, SendPurchaseOrders, Sent
from shared.storage import pauses
from shared.suppliers.contract import NotTaken, UnderWay
from tests.support import trade
from tests.support.pauses import FakePauses
from tests.support.problems import FakeProblems

NOW = trade.times_now()
RULES = trade.shop_rules("alpina", "celtic")
ALPINA = SourceId("alpina")
LONG_AGO = "2026-11-24T08:30:00.000Z"
A_DAY_AGO = "2026-11-23T09:00:00.000Z"
MINUTE = timedelta(minutes=1)


@dataclass
class FakeOutbox:
    """Keeps what is written; `refuses` as many changes as it says."""

    stored: Order | None
    made: dict[int, PurchaseOrder] = field(default_factory=dict)
    address: Mapping[str, str] | None = field(default_factory=lambda: {"name": "Ada Buyer"})
    refuses: int = 0
    tracked: bool = False
    numbers: int = 122
    moves: list[tuple[str, Sequence[Effect]]] = field(default_factory=list)

    def order(self, _key: OrderKey) -> Order | None:
        return self.stored

    def purchase_orders(self, _key: OrderKey) -> list[PurchaseOrder]:
        return list(self.made.values())

    def purchase_order(self, like: PurchaseOrder) -> PurchaseOrder:
        return self.made[like.n]

    def ship_to(self, _order: Order, _now: datetime) -> Mapping[str, str] | None:
        return self.address

    def is_tracked(self, _po: PurchaseOrder) -> bool:
        return self.tracked

    def number(self, _source: SourceId, _kind: str = "PO", *, day: str = "") -> int:  # noqa: ARG002
        self.numbers += 1
        return self.numbers

    def make(self, po: PurchaseOrder) -> bool:
        self.made[po.n] = po
        return True

    def claim(self, order: tuple[Order, Order], po: tuple[PurchaseOrder, PurchaseOrder]) -> None:
        self.change(*po)
        self._move(*order)

    def change(self, before: PurchaseOrder, after: PurchaseOrder) -> None:
        if self.refuses:
            self.refuses -= 1
            raise Conflict("changed", code="po_changed")
        assert after.revision == before.revision + 1
        self.made[after.n] = after

    def drop(self, _order: Order, before: PurchaseOrder, after: PurchaseOrder) -> None:
        self.change(before, after)

    def settle(
        self,
        order: tuple[Order, Order],
        effects: Sequence[Effect],
        changed: Sequence[tuple[PurchaseOrder, PurchaseOrder]],
        *,
        move_id: str,
        now: datetime,
    ) -> None:
        assert now == NOW
        self._move(*order)
        self.moves.append((move_id, effects))
        assert not changed or changed[0][0] == self.made[changed[0][0].n]  # over the revision that stands
        for before, after in changed:
            self.change(before, after)

    def _move(self, before: Order, after: Order) -> None:
        assert after.revision == before.revision + 1
        orders.check(after)
        self.stored = after


@dataclass
class FakeFolder:
    """`says` is raised by the next sends; `there` is what a look finds."""

    says: list[AppError] = field(default_factory=list)
    there: bool | AppError = False
    sent: list[str] = field(default_factory=list)
    times_out: timedelta = timedelta(seconds=10)
    lands_within: timedelta = timedelta(seconds=60)
    looks: bool = True
    cancels: bool = True

    def send(self, _source: SourceId, number: str, _body: bytes) -> None:
        self.sent.append(number)
        if self.says:
            raise self.says.pop(0)

    def send_cancel(self, source: SourceId, number: str, body: bytes, _request: str = "") -> None:
        self.send(source, f"{number}-cancel", body)

    def has(self, _source: SourceId, _number: str, _body: bytes) -> bool:
        if isinstance(self.there, AppError):
            raise self.there
        return self.there


@dataclass
class FakeCodes:
    """What alpina calls our SKUs, whatever the day."""

    known: dict[Sku, tuple[str, int]] = field(default_factory=dict)

    def called(self, _supplier: SourceId, skus: Iterable[Sku], _day: date) -> dict[Sku, tuple[str, int]]:
        return {sku: self.known[sku] for sku in skus if sku in self.known}


@dataclass
class FakeGates:
    """Lets in unless it is to wait; `opens`: whether a failure is the one too many."""

    waits: timedelta | None = None
    opens: bool = False
    ended: list[tuple[Ended, timedelta]] = field(default_factory=list)

    def enter(self, _source: SourceId, _limits: Limits, _holder: str, _until: str, now: datetime) -> datetime | None:
        return now + self.waits if self.waits else None

    def leave(
        self, _source: SourceId, _limits: Limits, _holder: str, ended: Ended, _now: datetime, wait: timedelta
    ) -> bool:
        self.ended.append((ended, wait))
        return self.opens


@dataclass
class World:
    outbox: FakeOutbox
    folder: FakeFolder = field(default_factory=FakeFolder)
    problems: FakeProblems = field(default_factory=FakeProblems)
    pauses: FakePauses = field(default_factory=FakePauses)
    codes: FakeCodes = field(default_factory=FakeCodes)
    gates: FakeGates = field(default_factory=FakeGates)

    def run(
        self,
        by: Rules = RULES,
        now: datetime = NOW,
        left: timedelta = timedelta(seconds=30),
        **changes: Any,  # noqa: ANN401
    ) -> Sent:
        flow = SendPurchaseOrders(
            self.outbox,  # type: ignore[arg-type]
            self.pauses,  # type: ignore[arg-type]
            self.problems,  # type: ignore[arg-type]
            self.codes,  # type: ignore[arg-type]
            self.gates,  # type: ignore[arg-type]
            lambda _: self.folder,
            new_id=lambda: "claim-1",
        )
        life = Lifetime(now + timedelta(seconds=30), lambda: left)
        return flow.run([trade.key()], replace(by, **changes), now, life)

    @property
    def po(self) -> PurchaseOrder:
        (po,) = self.outbox.made.values()
        return po


def reserved(*lines: tuple[str, int]) -> Order:
    """An order whose lines are all reserved at alpina."""
    order = trade.order("1", *(lines or (("A", 2),)))
    return orders.take(order, {(line.line, ALPINA): line.open for line in order.lines}, attempt="t")


def asked_for(state: PoState, *lines: tuple[str, int], wanted: bool = False, **changes: Any) -> World:  # noqa: ANN401
    """A world whose supplier was asked, with the purchase order in a state."""
    order = orders.send(reserved(*lines), 1, deducts_at=orders.DeductsAt.SHIP).order
    if wanted:
        order = orders.cancel(order, 2).order
    po = PurchaseOrder(
        order=order.key,
        source=ALPINA,
        n=1,
        number="ALPINA-000123",
        lines=(PoLine(line="l1", sku=order.lines[0].sku, units=2),),
        state=state,
        cancel_wanted=wanted,
        claimed_by="another",
        claimed_until=LONG_AGO,
        due_at=LONG_AGO,
    )
    return World(FakeOutbox(order, {1: replace(po, **changes)}))


def later(by: timedelta) -> str:
    return times.text(NOW + by)


def test_reserved_units_become_a_purchase_order_that_is_sent() -> None:
    world = World(FakeOutbox(reserved(("A", 2), ("B", 1))))

    sent = world.run()

    assert sent.failure is None
    assert sent.counted == {"PurchaseOrderMade": 1, "PurchaseOrderSent": 1}
    assert world.folder.sent == ["ALPINA-000123"]
    assert [(line.sku, line.units) for line in world.po.lines] == [("A", 2), ("B", 1)]
    assert (world.po.state, world.po.claimed_by) == (PoState.SENT, "claim-1")
    assert (world.po.made_at, world.po.sent_at) == (trade.NOW, trade.NOW)
    assert world.po.claimed_until == later(timedelta(seconds=90))
    assert world.po.due_at == later(timedelta(hours=24))
    assert world.outbox.stored is not None
    assert world.outbox.stored.total(LineState.SENT) == 3


def test_what_is_sent_is_done() -> None:
    world = World(FakeOutbox(reserved()))
    world.run()
    before = world.po

    assert world.run().counted == {}
    assert (world.po, len(world.folder.sent)) == (before, 1)


def test_an_edit_after_it_was_made_counts() -> None:
    order = reserved(("A", 5))
    made = asked_for(PoState.READY).outbox.made[1]
    world = World(FakeOutbox(orders.edit(order, {"l1": 3}, 2).order, {1: made}))

    world.run()

    assert [line.units for line in world.po.lines] == [3]


def test_an_order_that_is_not_there_asks_for_nothing() -> None:
    world = World(FakeOutbox(None))

    assert world.run() == Sent()


def test_what_is_not_reserved_any_more_is_dropped() -> None:
    made = asked_for(PoState.READY).outbox.made[1]
    world = World(FakeOutbox(orders.cancel(reserved(), 2).order, {1: made}))

    world.run()

    assert (world.po.state, world.po.due_at, world.folder.sent) == (PoState.CANCELLED, "", [])


def test_a_held_order_sends_nothing() -> None:
    world = World(FakeOutbox(replace(reserved(), hold="no source has it")))

    world.run()

    assert (world.outbox.made, world.outbox.numbers, world.folder.sent) == ({}, 122, [])


@pytest.mark.parametrize(
    ("kind", "address", "sources"),
    [
        ("no_ship_to", None, RULES.sources),
        ("control_character", {"name": "two\nlines"}, RULES.sources),
        ("address_part", {"doorbell": "Buyer"}, RULES.sources),
        ("unknown_source", {"name": "Ada Buyer"}, {}),
    ],
)
def test_what_cannot_be_sent_stays_ready_for_a_person_and_is_tried_in_an_hour(
    kind: str, address: dict[str, str] | None, sources: dict[SourceId, Any]
) -> None:
    due = asked_for(PoState.READY).outbox.made[1]
    world = World(FakeOutbox(reserved(), {1: due}, address))

    assert world.run(sources=sources).failure is None
    world.run(sources=sources)

    assert (world.po.state, world.po.due_at, world.po.revision) == (PoState.READY, later(timedelta(hours=1)), 2)
    assert (set(world.problems.kinds), world.problems.opened[0].subject) == ({kind}, "ALPINA-000123")
    assert world.folder.sent == []
    assert "Ada" not in repr(world.problems.opened)


def test_lines_go_out_by_the_suppliers_own_codes_in_its_packs_and_stay_so() -> None:
    world = World(FakeOutbox(reserved(("A", 12), ("B", 1))), codes=FakeCodes({Sku("A"): ("60-1", 6)}))
    world.folder.says = [Transient("no answer", code="file_drop")]

    world.run()
    asked = world.po.lines
    world.codes.known = {Sku("A"): ("60-9", 1)}
    world.outbox.made[1] = replace(world.po, claimed_until=LONG_AGO)
    world.run()

    assert [(line.units, line.code, line.pack) for line in asked] == [(12, "60-1", 6), (1, "", 1)]
    assert (world.po.lines, world.po.state) == (asked, PoState.SENT)


def test_units_that_are_no_whole_packs_are_for_a_person() -> None:
    world = World(FakeOutbox(reserved(("A", 7))), codes=FakeCodes({Sku("A"): ("60-1", 6)}))

    world.run()

    assert (world.problems.kinds, world.folder.sent, world.po.state) == (["not_whole_packs"], [], PoState.READY)


def test_a_source_whose_codes_are_all_mapped_is_asked_for_nothing_that_it_has_no_code_for() -> None:
    world = World(FakeOutbox(reserved(("A", 2), ("B", 1))), codes=FakeCodes({Sku("A"): ("60-1", 1)}))
    alpina = replace(RULES.sources[ALPINA], codes=Codes.MAPPED)

    world.run(sources={ALPINA: alpina})

    assert (world.problems.kinds, world.folder.sent) == (["no_supplier_code"], [])
    assert world.problems.opened[0].details == {"sku": "B"}


def test_no_send_begins_with_less_time_left_than_it_can_take() -> None:
    world = World(FakeOutbox(reserved()))

    failure = world.run(left=timedelta(seconds=9.9)).failure

    assert failure is not None
    assert failure.code == "no_time"
    assert (world.po.state, world.folder.sent) == (PoState.READY, [])


@pytest.mark.parametrize(("refused", "failure"), [(2, None), (3, "po_busy")])
def test_a_refused_write_is_decided_again_three_times(refused: int, failure: str | None) -> None:
    world = World(FakeOutbox(reserved(), refuses=refused))

    sent = world.run()

    assert (sent.failure.code if sent.failure else None) == failure


def test_a_send_without_an_answer_is_unknown_until_its_claim_is_over() -> None:
    world = World(FakeOutbox(reserved()), FakeFolder(says=[Transient("no answer", code="file_drop")]))

    assert world.run().failure is None
    assert world.run().counted == {}

    assert (world.po.state, world.folder.sent) == (PoState.UNKNOWN, ["ALPINA-000123"])
    assert world.po.due_at == world.po.claimed_until == later(timedelta(seconds=90))


def test_other_content_under_the_number_is_for_a_person() -> None:
    world = World(FakeOutbox(reserved()), FakeFolder(says=[Rejected("another", code="other_content")]))

    world.run()
    world.run()

    assert (world.po.state, world.po.due_at, len(world.folder.sent)) == (PoState.FAILED, "", 1)
    assert world.problems.kinds == ["other_content"]


@pytest.mark.parametrize("state", [PoState.CLAIMED, PoState.UNKNOWN])
@pytest.mark.parametrize(
    ("there", "wanted", "state_after", "sent"),
    [
        (True, False, PoState.SENT, []),
        (True, True, PoState.CANCELLING, ["ALPINA-000123-cancel"]),
        (False, False, PoState.SENT, ["ALPINA-000123"]),
        (False, True, PoState.CANCELLED, []),
    ],
)
def test_after_a_claim_somebody_looks_before_anybody_sends(
    state: PoState, *, there: bool, wanted: bool, state_after: PoState, sent: list[str]
) -> None:
    world = asked_for(state, wanted=wanted)
    world.folder.there = there

    world.run()

    assert (world.po.state, world.folder.sent) == (state_after, sent)


@pytest.mark.parametrize("state", [PoState.CLAIMED, PoState.UNKNOWN])
@pytest.mark.parametrize("until", [trade.NOW, later(MINUTE)])
def test_nobody_looks_while_a_claim_stands(state: PoState, until: str) -> None:
    world = asked_for(state, claimed_until=until)
    before = world.po

    world.run()

    assert (world.po, world.folder.sent) == (before, [])


def test_who_cannot_be_asked_is_never_sent_to_again() -> None:
    world = asked_for(PoState.UNKNOWN)
    world.folder.there = Transient("no answer", code="file_drop")

    assert world.run().failure is None

    assert (world.po.state, world.po.due_at) == (PoState.UNKNOWN, later(timedelta(hours=1)))
    assert (world.problems.kinds, world.folder.sent) == (["not_looked_up"], [])


def test_units_that_no_supplier_has_go_back_once() -> None:
    world = asked_for(PoState.UNKNOWN, ("A", 2), ("A", 3), wanted=True)

    world.run()
    world.run()

    assert world.outbox.moves == [("never_sent#alpina#1#0", [Effect(level=trade.at("A", "alpina"), give_back=5)])]
    assert world.outbox.stored is not None
    assert world.outbox.stored.total(LineState.CANCELLED) == 5


def test_more_units_than_a_transaction_holds_go_back_in_two_moves() -> None:
    world = asked_for(PoState.UNKNOWN, *((f"S{i:03d}", 1) for i in range(120)), wanted=True)

    world.run()

    assert [(name, len(effects)) for name, effects in world.outbox.moves] == [
        ("never_sent#alpina#1#30", 90),
        ("never_sent#alpina#1#0", 30),
    ]
    assert world.po.state is PoState.CANCELLED


@pytest.mark.parametrize(
    ("_case", "world"),
    [
        ("refused, and then cancelled", asked_for(PoState.CANCELLED, wanted=True)),
        ("cancelled while the refusal was on its way", asked_for(PoState.FAILED, wanted=True)),
    ],
)
def test_a_failed_send_that_is_cancelled_gives_its_units_back(_case: str, world: World) -> None:
    world.run()

    assert (world.po.state, world.folder.sent) == (PoState.CANCELLED, [])
    assert [sum(effect.give_back for effect in effects) for _, effects in world.outbox.moves] == [2]


def test_a_cancel_is_told_once() -> None:
    world = asked_for(PoState.CANCELLING, wanted=True)

    world.run()
    world.run()

    assert (world.folder.sent, world.po.cancel_told) == (["ALPINA-000123-cancel"], True)
    assert world.po.due_at == later(timedelta(hours=24))


def test_a_cancel_without_an_answer_is_told_again() -> None:
    world = asked_for(PoState.CANCELLING, wanted=True)
    world.folder.says = [Transient("no answer", code="file_drop")]

    failure = world.run().failure

    assert (failure.code if failure else "", world.po.cancel_told) == ("file_drop", False)
    world.run()
    assert world.po.cancel_told


@pytest.mark.parametrize(
    ("due_at", "kinds", "due_after"),
    [(LONG_AGO, ["not_acknowledged"], later(timedelta(hours=24))), (later(MINUTE), [], later(MINUTE))],
)
def test_a_supplier_that_is_silent_for_too_long_is_an_exception(due_at: str, kinds: list[str], due_after: str) -> None:
    world = asked_for(PoState.SENT, due_at=due_at, sent_at=A_DAY_AGO)

    world.run()

    assert (world.problems.kinds, world.po.due_at, world.folder.sent) == (kinds, due_after, [])


# ---- a person has stopped a supplier

QUARTER = later(timedelta(minutes=15))


def test_a_paused_supplier_gets_nothing_and_its_purchase_order_waits() -> None:
    world = World(FakeOutbox(reserved()), pauses=FakePauses({pauses.supplier(ALPINA)}))

    sent = world.run()

    assert (sent.failure, sent.counted) == (None, {"PurchaseOrderMade": 1, "PurchaseOrderPaused": 1})
    assert (world.po.state, world.folder.sent, world.problems.opened) == (PoState.READY, [], [])
    assert world.outbox.stored is not None
    assert world.outbox.stored.total(LineState.RESERVED) == 2


def test_a_pause_of_another_supplier_stops_nobody_else() -> None:
    world = World(FakeOutbox(reserved()), pauses=FakePauses({pauses.supplier(SourceId("celtic"))}))

    world.run()

    assert world.folder.sent == ["ALPINA-000123"]


@pytest.mark.parametrize(
    ("_case", "state", "wanted"),
    [
        ("not sent yet", PoState.READY, False),
        ("nobody knows whether it has it", PoState.UNKNOWN, False),
        ("a claim that nobody finished", PoState.CLAIMED, False),
        ("a cancel request waits too", PoState.CANCELLING, True),
    ],
)
def test_what_is_paused_is_looked_at_in_a_quarter_of_an_hour(_case: str, state: PoState, *, wanted: bool) -> None:
    world = paused(state, wanted=wanted)

    assert world.run().counted == {"PurchaseOrderPaused": 1}

    assert (world.po.state, world.po.due_at, world.folder.sent) == (state, QUARTER, [])
    assert not world.po.cancel_told


def test_what_is_paused_and_not_due_is_not_written_again() -> None:
    world = paused(PoState.READY)
    world.run()
    before = world.po

    world.run()

    assert world.po == before


@pytest.mark.parametrize(
    ("state", "sent", "state_after"),
    [
        (PoState.READY, "ALPINA-000123", PoState.SENT),
        (PoState.UNKNOWN, "ALPINA-000123", PoState.SENT),
        (PoState.CANCELLING, "ALPINA-000123-cancel", PoState.CANCELLING),
    ],
)
def test_who_resumes_has_it_sent_once(state: PoState, sent: str, state_after: PoState) -> None:
    world = paused(state, wanted=state is PoState.CANCELLING)
    world.run()
    world.pauses.scopes.clear()

    world.run()
    world.run()

    assert (world.folder.sent, world.po.state) == ([sent], state_after)


def test_what_nobody_wants_any_more_is_dropped_in_spite_of_a_pause() -> None:
    made = asked_for(PoState.READY).outbox.made[1]
    world = World(
        FakeOutbox(orders.cancel(reserved(), 2).order, {1: made}), pauses=FakePauses({pauses.supplier(ALPINA)})
    )

    world.run()

    assert (world.po.state, world.folder.sent) == (PoState.CANCELLED, [])


def test_units_of_a_failed_send_go_back_in_spite_of_a_pause() -> None:
    world = paused(PoState.FAILED, wanted=True)

    world.run()

    assert (world.po.state, world.folder.sent) == (PoState.CANCELLED, [])


def test_a_silent_supplier_is_an_exception_in_spite_of_a_pause() -> None:
    world = paused(PoState.SENT)
    world.outbox.made[1] = replace(world.po, sent_at=A_DAY_AGO)

    world.run()

    assert world.problems.kinds == ["not_acknowledged"]


def test_what_was_refused_is_sent_again_only_when_a_person_makes_it_due() -> None:
    world = asked_for(PoState.FAILED, due_at="")
    world.run()
    assert world.folder.sent == []

    world.outbox.made[1] = replace(world.po, due_at=LONG_AGO)
    world.run()
    world.run()

    assert (world.folder.sent, world.po.state) == (["ALPINA-000123"], PoState.SENT)


def test_what_was_refused_waits_while_its_supplier_is_paused() -> None:
    world = paused(PoState.FAILED)

    world.run()

    assert (world.folder.sent, world.po.state, world.po.due_at) == ([], PoState.FAILED, QUARTER)


def paused(state: PoState, *, wanted: bool = False) -> World:
    world = asked_for(state, wanted=wanted)
    if state is PoState.READY:
        world = World(FakeOutbox(reserved(), {1: world.po}))
    world.pauses.scopes.add(pauses.supplier(ALPINA))
    return world


# ---- what the rules say of sending


def rules_with(**sending: Any) -> dict[str, Any]:  # noqa: ANN401
    """Rules by which alpina is sent to so."""
    return {"sources": {ALPINA: replace(RULES.sources[ALPINA], send_by=Sending(**sending))}}


def test_what_was_surely_not_taken_is_sent_again_when_the_supplier_says() -> None:
    throttled = NotTaken("throttled", code="throttled", wait=120.0)
    world = World(FakeOutbox(reserved()), FakeFolder(says=[throttled]))

    assert world.run().counted["SendNotTaken"] == 1
    assert (world.po.state, world.po.due_at) == (PoState.FAILED, later(2 * MINUTE))
    assert world.run().counted == {}

    world.outbox.made[1] = replace(world.po, due_at=LONG_AGO)
    world.run()
    assert (world.po.state, world.folder.sent, world.problems.kinds) == (PoState.SENT, ["ALPINA-000123"] * 2, [])


def test_a_way_that_cannot_look_waits_for_an_answer_and_then_for_a_person() -> None:
    world = asked_for(PoState.CLAIMED)
    world.folder.looks, world.folder.there = False, True
    patient, impatient = (rules_with(unknown_for=timedelta(hours=hours)) for hours in (4, 0))

    world.run(**patient)
    assert (world.po.state, world.po.due_at) == (PoState.UNKNOWN, times.text(times.read(LONG_AGO) + 240 * MINUTE))
    world.run(**patient)
    assert world.problems.kinds == []

    world.outbox.made[1] = replace(world.po, due_at=LONG_AGO)
    world.run(**impatient)
    assert (world.po.state, world.folder.sent, world.problems.kinds) == (PoState.UNKNOWN, [], ["not_looked_up"])


def test_what_went_out_another_way_is_neither_asked_nor_sent() -> None:
    world = asked_for(PoState.UNKNOWN, sent_by="https json")

    world.run()

    assert (world.po.state, world.folder.sent, world.problems.kinds) == (PoState.UNKNOWN, [], ["way_changed"])


@pytest.mark.parametrize(
    ("_case", "sending", "cancels", "kind"),
    [
        ("after its time", {"cancels_within": 30 * MINUTE}, True, "cancel_too_late"),
        ("never", {}, False, "no_cancel"),
    ],
)
def test_a_cancel_that_the_supplier_does_not_take_is_for_a_person(
    _case: str, sending: dict[str, Any], kind: str, *, cancels: bool
) -> None:
    world = asked_for(PoState.CANCELLING, sent_at=times.text(NOW - 31 * MINUTE))
    world.folder.cancels = cancels

    world.run(**rules_with(**sending))

    assert (world.folder.sent, world.problems.kinds, world.po.cancel_told) == ([], [kind], False)


def test_a_cancel_in_its_time_is_told() -> None:
    world = asked_for(PoState.CANCELLING, sent_at=times.text(NOW - 30 * MINUTE))

    world.run(**rules_with(cancels_within=30 * MINUTE))

    assert (world.folder.sent, world.po.cancel_told) == (["ALPINA-000123-cancel"], True)


def test_an_interchange_keeps_its_control_number_and_its_cancel_gets_another() -> None:
    x12 = rules_with(written_as=WrittenAs.X12, x12=X12(sender="SHOP", receiver="ALPINA"))
    world = World(FakeOutbox(reserved()), FakeFolder(says=[NotTaken("no", code="throttled", wait=60.0)]))
    world.run(**x12)
    control = world.po.control

    world.outbox.made[1] = replace(world.po, due_at=LONG_AGO)
    world.run(**x12)
    assert (world.po.state, world.po.control) == (PoState.SENT, control)

    world.outbox.made[1] = replace(world.po, state=PoState.CANCELLING, due_at=LONG_AGO)
    world.folder.says = [NotTaken("no", code="throttled", wait=60.0)]
    world.run(**x12)
    numbered = world.po
    world.outbox.made[1] = replace(numbered, due_at=LONG_AGO)
    world.run(**x12)

    assert numbered.cancel_control not in {0, control}
    assert (world.po.cancel_control, world.po.cancel_at, world.po.cancel_told) == (
        numbered.cancel_control,
        numbered.cancel_at,
        True,
    )


def test_a_supplier_that_is_to_be_left_alone_is_sent_nothing() -> None:
    due = asked_for(PoState.READY).outbox.made[1]
    world = World(FakeOutbox(reserved(), {1: due}), gates=FakeGates(waits=7 * MINUTE))

    world.run(**rules_with(limits=Limits(failures=1)))

    assert (world.po.state, world.po.due_at, world.folder.sent) == (PoState.READY, later(7 * MINUTE), [])


@pytest.mark.parametrize(
    ("says", "ended"),
    [
        ([], Ended.ANSWERED),
        ([Rejected("no", code="supplier_refused")], Ended.ANSWERED),
        ([UnderWay("on its way", code="under_way")], Ended.ANSWERED),
        ([NotTaken("no", code="throttled", wait=60.0)], Ended.THROTTLED),
        ([NotTaken("no", code="unreached", wait=60.0)], Ended.FAILED),
        ([Transient("lost", code="no_answer")], Ended.FAILED),
    ],
)
def test_the_gate_hears_how_a_turn_ended(says: list[AppError], ended: Ended) -> None:
    world = World(FakeOutbox(reserved()), FakeFolder(says=says), gates=FakeGates(opens=ended is Ended.FAILED))

    world.run(**rules_with(limits=Limits(failures=1)))

    assert [each for each, _ in world.gates.ended] == [ended]
    assert ("supplier_failing" in world.problems.kinds) is (ended is Ended.FAILED)


def test_a_claim_that_was_overtaken_gives_its_turn_back() -> None:
    world = World(FakeOutbox(reserved(), refuses=1))

    world.run(**rules_with(limits=Limits(at_once=1)))

    assert [each for each, _ in world.gates.ended] == [Ended.NOTHING, Ended.ANSWERED]


# ---- a supplier is sent to while it is there

HOURS = {"cutoff": {"at": "14:00", "holidays": ["2026-11-26"]}}
BEFORE_CUTOFF, AFTER_CUTOFF = "2026-11-24T12:59:59.000Z", "2026-11-25T13:00:00.000Z"
"""In Vienna 13:59:59 of a Tuesday, and 14:00 of the day before a holiday."""


def hours(send_by: object) -> Rules:
    document = trade.shop_rules_document("alpina", "celtic")
    document["sources"]["alpina"] |= {"shipping": HOURS, "send_by": send_by}
    return rules.parse(document)


@pytest.mark.parametrize(
    ("_case", "send_by", "now", "state", "due_at"),
    [
        ("any time", "file", AFTER_CUTOFF, PoState.SENT, None),
        (
            "before the cutoff",
            {"way": "file", "send": "business_hours", "opens": "08:00"},
            BEFORE_CUTOFF,
            PoState.SENT,
            None,
        ),
        (
            "after it, over a holiday",
            {"way": "file", "send": "business_hours", "opens": "08:00"},
            AFTER_CUTOFF,
            PoState.READY,
            "2026-11-27T07:00:00.000Z",
        ),
    ],
)
def test_what_is_made_after_the_cutoff_waits_for_the_opening_where_a_rule_says_so(
    _case: str, send_by: object, now: str, state: PoState, due_at: str | None
) -> None:
    world = World(FakeOutbox(reserved()))

    world.run(hours(send_by), times.read(now))

    assert world.po.state is state
    assert due_at is None or world.po.due_at == due_at


def test_what_waited_for_the_opening_goes_out_then_and_once() -> None:
    world = World(FakeOutbox(reserved()))
    held = hours({"way": "file", "send": "business_hours", "opens": "08:00"})
    world.run(held, times.read(AFTER_CUTOFF))

    world.run(held, times.read("2026-11-27T06:59:59.000Z"))
    assert world.folder.sent == []
    world.run(held, times.read("2026-11-27T07:00:00.000Z"))
    world.run(held, times.read("2026-11-27T07:00:00.000Z"))

    assert (world.folder.sent, world.po.state) == (["ALPINA-000123"], PoState.SENT)


def test_what_a_release_makes_due_at_night_waits_for_the_opening_too() -> None:
    made = asked_for(PoState.READY).outbox.made[1]
    world = World(FakeOutbox(reserved(), {1: made}))

    world.run(hours({"way": "file", "send": "business_hours", "opens": "08:00"}), times.read(AFTER_CUTOFF))

    assert (world.po.state, world.po.due_at) == (PoState.READY, "2026-11-27T07:00:00.000Z")
