from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from shared.domain.names import Sku, SourceId
from shared.domain.purchase_orders import (
    ASKED_AGAIN,
    PO_TRANSITIONS,
    PoEvent,
    PoLine,
    PoState,
    PurchaseOrder,
    step,
)
from shared.errors import Rejected
from tests.support import trade

TERMINAL = {PoState.CLOSED, PoState.CANCELLED}
HAS_IT = {PoState.SENT, PoState.ACKNOWLEDGED, PoState.SHIPPED, PoState.CLOSED, PoState.REJECTED, PoState.CANCELLING}


def purchase_order(state: PoState = PoState.READY, *, cancel_wanted: bool = False) -> PurchaseOrder:
    return PurchaseOrder(
        order=trade.key(),
        source=SourceId("alpina"),
        n=1,
        number="ALPINA-000001",
        lines=(PoLine(line="l1", sku=Sku("A"), units=2),),
        state=state,
        cancel_wanted=cancel_wanted,
    )


def reachable() -> Iterator[PurchaseOrder]:
    """Every (state, cancel wanted) that events lead to from ready."""
    seen: set[tuple[PoState, bool]] = set()
    waiting = [purchase_order()]
    while waiting:
        po = waiting.pop()
        if (po.state, po.cancel_wanted) in seen:
            continue
        seen.add((po.state, po.cancel_wanted))
        yield po
        waiting += [step(po, event) for event in PoEvent if (po.state, event) in PO_TRANSITIONS]


@pytest.mark.parametrize(("state", "event"), [*product(PoState, PoEvent)])
def test_what_is_not_in_the_table_is_refused(state: PoState, event: PoEvent) -> None:
    before = purchase_order(state)

    if (state, event) in PO_TRANSITIONS:
        assert step(before, event).revision == before.revision + 1
    else:
        with pytest.raises(Rejected) as refused:
            step(before, event)
        assert refused.value.details == {"number": "ALPINA-000001", "state": state, "event": event}


def test_every_state_can_be_reached() -> None:
    assert {po.state for po in reachable()} == set(PoState)


def test_nothing_happens_to_what_is_closed_or_cancelled_and_to_nothing_else() -> None:
    assert {state for state in PoState if not any(at is state for at, _ in PO_TRANSITIONS)} == TERMINAL


def test_from_everywhere_there_is_a_way_to_an_end() -> None:
    ways = {state: {to for (at, _), to in PO_TRANSITIONS.items() if at is state} for state in PoState}
    ends = set(TERMINAL)
    while more := {state for state, to in ways.items() if to & ends} - ends:
        ends |= more

    assert ends == set(PoState)


def test_only_a_claim_lets_a_purchase_order_be_sent() -> None:
    assert {at for (at, event), _ in PO_TRANSITIONS.items() if event is PoEvent.SENT} == ASKED_AGAIN
    assert {at for (at, _), to in PO_TRANSITIONS.items() if to in HAS_IT and at not in HAS_IT} == ASKED_AGAIN


def test_it_is_claimed_again_only_when_somebody_saw_that_it_is_absent() -> None:
    claims = {(at, event) for (at, event), to in PO_TRANSITIONS.items() if to is PoState.CLAIMED}

    assert claims == {
        (PoState.READY, PoEvent.CLAIM),
        (PoState.FAILED, PoEvent.CLAIM),
        (PoState.CLAIMED, PoEvent.ABSENT),
        (PoState.UNKNOWN, PoEvent.ABSENT),
        (PoState.CLAIMED, PoEvent.CANCEL),
    }


@pytest.mark.parametrize("state", sorted(ASKED_AGAIN))
def test_a_cancel_on_the_way_is_remembered_and_goes_out_when_the_send_is_recorded(state: PoState) -> None:
    wanted = step(purchase_order(state), PoEvent.CANCEL)
    assert (wanted.state, wanted.cancel_wanted) == (state, True)

    assert step(wanted, PoEvent.SENT).state is PoState.CANCELLING


@pytest.mark.parametrize("state", sorted(ASKED_AGAIN))
def test_what_the_supplier_has_not_is_cancelled_instead_of_claimed_again(state: PoState) -> None:
    assert step(purchase_order(state, cancel_wanted=True), PoEvent.ABSENT).state is PoState.CANCELLED
    assert step(purchase_order(state), PoEvent.ABSENT).state is PoState.CLAIMED


def test_an_unsent_purchase_order_is_cancelled_at_once() -> None:
    assert step(purchase_order(), PoEvent.CANCEL).state is PoState.CANCELLED


def test_a_wanted_cancel_is_never_forgotten() -> None:
    for po in reachable():
        for event in PoEvent:
            if po.cancel_wanted and (po.state, event) in PO_TRANSITIONS:
                assert step(po, event).cancel_wanted


def test_nothing_that_shall_be_cancelled_is_merely_sent() -> None:
    assert not [po for po in reachable() if po.cancel_wanted and po.state is PoState.SENT]
