"""Our documents and a partner that nobody here wrote: mock-edi, on loopback or over folders."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from mockedi.testing import Mock  # type: ignore[import-untyped]  # its package has no types

from shared.domain.answer_profiles import USUAL, AnswerProfile
from shared.domain.answer_words import Action, ChangeOutcome, Reason
from shared.domain.documents import (
    Acknowledgement,
    Carriage,
    ChangeAnswer,
    ChangeRequest,
    FunctionalAck,
    OrderedLine,
    OrderRequest,
    ShipmentNotice,
    Verdict,
    Whose,
    Wish,
    WishedLine,
    product_id,
)
from shared.formats import x12_850, x12_860, x12_997, x12_writer
from shared.formats.x12_850 import Habits
from shared.formats.x12_documents import Documents, Received
from shared.formats.x12_writer import Body, Partnership, Party

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
US = Partnership(sender=Party(id="ACME"), receiver=Party(id="MOCKEDI"), is_test=True)
HABITS = Habits(supplier="VP")
LINES = (
    OrderedLine(line="1", sku="NL-1", units=10, supplier_sku="WIDGET-001", price=Decimal("12.50")),
    OrderedLine(line="2", sku="NL-2", units=4, supplier_sku="PANEL-A3", price=Decimal("124.50")),
)
ORDER = OrderRequest(
    number="ALPINA-000123",
    dated=date(2026, 11, 25),
    lines=LINES,
    currency="USD",
    order_name="#1001",
    order_token="vujhet6hyo",
    ship_by=date(2026, 11, 27),
    ship_to={"name": "Ada Buyer", "address1": "Harbour Street 1", "city": "Boston", "province": "MA", "zip": "02210"},
)
REQUEST = ChangeRequest(
    number=ORDER.number, ordered=ORDER.dated, request=1, dated=ORDER.dated, is_cancel=False, lines=()
)


def sent(functional_id: str, number: str, body: Body, control: int = 1) -> str:
    return x12_writer.interchange(US, functional_id, [(number, body)], control=control, at=AT).decode()


def order(of: OrderRequest = ORDER) -> str:
    return sent("PO", "850", x12_850.body(of, habits=HABITS).body)


def change(*lines: WishedLine, is_cancel: bool = False) -> str:
    request = replace(REQUEST, lines=lines, is_cancel=is_cancel)
    return sent("PC", "860", x12_860.body(request, HABITS).body, control=2)


def read(payload: str, profile: AnswerProfile = USUAL) -> list[Received]:
    return list(Documents(io.BytesIO(payload.encode()), profile, "America/New_York").received())


def collected(partner: Mock, profile: AnswerProfile = USUAL) -> dict[str, Received]:
    """What waits in the mailbox, by its number; each is an interchange of its own."""
    found = [each for row in partner.mailbox(leave=False) for each in read(row["payload"], profile)]
    return {each.number: each for each in found}


@pytest.fixture(scope="module")
def shared() -> Iterator[Mock]:
    with Mock.start() as started:
        yield started


@pytest.fixture
def partner(shared: Mock) -> Mock:
    shared.reset()
    return shared


def answers(partner: Mock, behaviour: str, profile: AnswerProfile = USUAL) -> dict[str, Received]:
    """Send our order to a partner who behaves so, and read what comes back."""
    partner.behaviour("ACME", behaviour)
    partner.send(order())
    partner.settle()
    return collected(partner, profile)


def acknowledgement(found: dict[str, Received]) -> Acknowledgement:
    read = found["855"].document
    assert isinstance(read, Acknowledgement), found["855"].findings
    return read


def notice(found: dict[str, Received]) -> ShipmentNotice:
    read = found["856"].document
    assert isinstance(read, ShipmentNotice), found["856"].findings
    return read


def says(found: dict[str, Received]) -> list[tuple[str, Action, int | None]]:
    return [(line.line, said.action, said.units) for line in acknowledgement(found).lines for said in line.says]


def shipped(found: dict[str, Received]) -> list[tuple[str, str, int]]:
    return [(line.order, line.line, line.units) for parcel in notice(found).parcels for line in parcel.lines]


def test_it_takes_our_order_and_answers_with_what_we_can_read(partner: Mock) -> None:
    found = answers(partner, "accept")

    ack = found["997"].document
    assert isinstance(ack, FunctionalAck)
    assert [each.faults for each in ack.group.sets] == [()]
    assert (ack.group.functional_id, ack.group.control, ack.group.verdict) == ("PO", "1", Verdict.ACCEPTED)
    assert [each.faults for each in ack.group.sets] == [()]
    assert (acknowledgement(found).order, acknowledgement(found).currency) == (ORDER.number, "USD")
    assert says(found) == [("1", Action.ACCEPT, 10), ("2", Action.ACCEPT, 4)]
    assert [product_id(line.products, Whose.SUPPLIER) for line in acknowledgement(found).lines] == [
        "WIDGET-001",
        "PANEL-A3",
    ]
    assert shipped(found) == [(ORDER.number, "1", 10), (ORDER.number, "2", 4)]
    (parcel,) = notice(found).parcels
    assert (parcel.carrier, len(parcel.tracking)) == ("UPSN", 1)
    assert all(not each.unknown for each in found.values())


def test_a_carrier_wish_is_a_segment_it_does_not_know_and_it_takes_the_order_with_a_note(partner: Mock) -> None:
    wish = Carriage(carrier="UPSN", service="Ground")
    partner.send(order(replace(ORDER, carriage=wish)))
    partner.settle()

    ack = collected(partner)["997"].document
    assert isinstance(ack, FunctionalAck)
    (only,) = ack.group.sets
    assert (only.verdict, [(each.name, each.code) for each in only.faults]) == (Verdict.WITH_ERRORS, [("TD5", "1")])


def test_it_finds_the_place_of_a_fault_that_we_make(partner: Mock) -> None:
    partner.send(order().replace("PO1*1*10*EA", "PO1*1*abc*EA"))
    partner.settle()

    ack = collected(partner)["997"].document
    assert isinstance(ack, FunctionalAck)
    (fault,) = ack.group.sets[0].faults
    assert (fault.name, fault.in_set) == ("PO1", 10)
    assert [(each.element, each.value) for each in fault.elements] == [(2, "abc")]


def test_short_shipped(partner: Mock) -> None:
    found = answers(partner, "short-ship")

    assert says(found) == [("1", Action.PARTIAL, 8), ("2", Action.PARTIAL, 3)]
    assert shipped(found) == [(ORDER.number, "1", 8), (ORDER.number, "2", 3)]


def test_a_line_rejected_for_a_reason_that_the_profile_knows(partner: Mock) -> None:
    profile = replace(USUAL, reasons={"panel-a3 is discontinued": Reason.DISCONTINUED})
    found = answers(partner, "reject-line", profile)

    assert says(found) == [("1", Action.ACCEPT, 10), ("2", Action.REJECT, None)]
    assert acknowledgement(found).lines[1].says[0].reason is Reason.DISCONTINUED
    assert shipped(found) == [(ORDER.number, "1", 10)]


def test_all_rejected(partner: Mock) -> None:
    found = answers(partner, "reject-all")

    assert says(found) == [("1", Action.REJECT, None), ("2", Action.REJECT, None)]
    assert "856" not in found


def test_more_shipped_than_accepted_is_told_as_it_stands(partner: Mock) -> None:
    found = answers(partner, "over-ship")

    assert [units for _, _, units in shipped(found)] == [13, 6]


def test_a_price_of_its_own(partner: Mock) -> None:
    partner.send(order(replace(ORDER, lines=(LINES[0], replace(LINES[1], price=Decimal("3.25"))))))
    partner.settle()
    found = collected(partner)

    (said,) = acknowledgement(found).lines[1].says
    assert (said.action, said.units, said.price) == (Action.PRICE, 4, Decimal("124.50"))


def test_no_answer_at_all(partner: Mock) -> None:
    assert answers(partner, "no-ack") == {}


def test_documents_out_of_order_are_read_each_by_itself(partner: Mock) -> None:
    found = answers(partner, "out-of-order")

    assert list(found) == ["997", "810", "856", "855"]
    assert shipped(found) == [(ORDER.number, "1", 10), (ORDER.number, "2", 4)]
    assert found["810"].document is None


def test_corrupt_documents_are_refused_with_their_place_and_nothing_of_them_is_used(partner: Mock) -> None:
    found = answers(partner, "corrupt")

    refused = {number: [each.code for each in received.findings] for number, received in found.items()}
    assert refused == {
        "997": [],
        "855": ["count_of_segments"],
        "856": ["count_of_segments"],
        "810": ["set_not_read", "count_of_segments"],
    }
    assert [found[number].document for number in ("855", "856")] == [None, None]


def test_it_takes_our_word_on_what_it_sent(partner: Mock) -> None:
    found = answers(partner, "accept")
    one = found["855"]
    group = x12_997.answer(
        one.group.functional_id, one.group.control, [x12_997.Read(number="855", control=one.control)]
    )

    assert partner.send(sent("FA", "997", x12_997.body(group), control=3))["accepted"]


# ---- changes


@pytest.fixture(scope="module")
def slow() -> Iterator[Mock]:
    with Mock.start(despatch_delay_ms=10**9, invoice_delay_ms=10**9) as started:
        yield started


def changed(slow: Mock, payload: str, profile: AnswerProfile = USUAL) -> ChangeAnswer:
    slow.reset()
    slow.send(order())
    slow.mailbox(leave=False)
    slow.send(payload)
    found = collected(slow, profile)
    ack, answer = found["997"].document, found["865"].document
    assert isinstance(ack, FunctionalAck)
    assert ack.group.verdict is Verdict.ACCEPTED
    assert isinstance(answer, ChangeAnswer), found["865"].findings
    return answer


DELETED = WishedLine(line=LINES[1], wish=Wish.DELETE)


@pytest.mark.parametrize("meant", [ChangeOutcome.UNCLEAR, ChangeOutcome.DONE])
def test_a_line_taken_off_is_answered_as_this_partner_answers(slow: Mock, meant: ChangeOutcome) -> None:
    answer = changed(slow, change(DELETED), replace(USUAL, rejected_change=meant))

    assert (answer.order, answer.request) == (ORDER.number, "1")
    assert [(each.answer.line, each.answer.change, each.outcome) for each in answer.lines] == [("2", "DI", meant)]


def test_a_whole_order_cancelled(slow: Mock) -> None:
    lines = [WishedLine(line=line, wish=Wish.DELETE) for line in LINES]
    answer = changed(slow, change(*lines, is_cancel=True), replace(USUAL, rejected_change=ChangeOutcome.DONE))

    assert [each.outcome for each in answer.lines] == [ChangeOutcome.DONE, ChangeOutcome.DONE]


def test_fewer_units(slow: Mock) -> None:
    answer = changed(slow, change(WishedLine(line=replace(LINES[0], units=6), wish=Wish.FEWER)))

    (line,) = answer.lines
    assert (line.outcome, line.answer.ordered, line.answer.says[0].units) == (ChangeOutcome.DONE, 6, 6)


# ---- folders


def test_the_same_over_folders(tmp_path: Path) -> None:
    inbox, outbox = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    outbox.mkdir()
    with Mock.start(drop_dir=str(inbox), pickup_dir=str(outbox), drop_interval_ms=50, drop_settle_ms=0) as started:
        (inbox / "PO-1.edi").write_text(order())
        deadline = time.monotonic() + 20
        while len(list(outbox.glob("*-856-*.edi"))) < 1 and time.monotonic() < deadline:
            started.post("/_mock/drop/scan")

    found = {each.number: each for path in sorted(outbox.glob("*.edi")) for each in read(path.read_text())}
    assert says(found) == [("1", Action.ACCEPT, 10), ("2", Action.ACCEPT, 4)]
    assert shipped(found) == [(ORDER.number, "1", 10), (ORDER.number, "2", 4)]
