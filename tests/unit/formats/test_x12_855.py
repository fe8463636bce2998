from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from shared.domain.answer_profiles import USUAL
from shared.domain.answer_words import Action, ChangeOutcome, Reason
from shared.domain.documents import Acknowledgement, ChangeAnswer, DocumentRefused, Purpose, When, Whose, product_id
from shared.errors import InvalidInput
from shared.formats import x12_acks
from tests.support import x12
from tests.support.x12 import codes, file, one_set

HEAD = "BAK*00*AC*ALPINA-000001*20261125****SO-77*20261125"
LINE = "PO1*1*10*EA*12.50**VN*A-1*SK*NL-1*UP*012345678905"


def answer(*segments: str, head: str = HEAD, **how: object) -> Acknowledgement:
    profile = replace(USUAL, **how)  # type: ignore[arg-type]
    read = x12.document("855", "\n".join([head, *segments]), profile)
    assert isinstance(read, Acknowledgement)
    return read


def says(*acks: str, line: str = LINE, **how: object) -> list[tuple[Action, int | None]]:
    (found,) = answer(line, *acks, head=HEAD, **how).lines
    return [(each.action, each.units) for each in found.says]


def refusal(*segments: str, head: str = HEAD) -> list[tuple[str, int, int]]:
    return codes("855", "\n".join([head, *segments]))


def test_an_answer_says_which_order_whose_document_and_where_its_lines_stand() -> None:
    text = file(one_set("855", f"{HEAD}\nCUR*SE*USD\n{LINE}\nACK*IA*10*EA*068*20261201"))
    (found,) = x12.received(text)

    read = found.document
    assert isinstance(read, Acknowledgement)
    assert (read.order, read.supplier_order, read.currency) == ("ALPINA-000001", "SO-77", "USD")
    assert (read.dated, read.purpose, read.whole) == (date(2026, 11, 25), Purpose.ORIGINAL, None)
    assert (read.origin.sender, read.origin.control) == ("SUPPLIER", ("000000007", "7", "0001"))
    (line,) = read.lines
    assert (line.line, line.ordered, line.price) == ("1", 10, Decimal("12.50"))
    assert line.spot == (6, text.index("PO1"))
    (said,) = line.says
    assert (said.action, said.units, said.on) == (Action.ACCEPT, 10, When(date(2026, 12, 1), "ship"))
    assert said.spot == (7, text.index("ACK"))


def test_products_are_read_by_their_qualifiers_wherever_they_stand() -> None:
    for line in (LINE, "PO1*1*10*EA*12.50**UP*012345678905*SK*NL-1*VP*A-1", "PO1*1*10*EA***XX*1*BP*NL-1*VC*A-1*UP*"):
        (found,) = answer(line, "ACK*IA*10*EA").lines
        assert product_id(found.products, Whose.SUPPLIER) == "A-1"
        assert product_id(found.products, Whose.OURS) == "NL-1"


def test_a_line_that_names_two_products_of_one_side_is_told_when_it_is_asked() -> None:
    (found,) = answer("PO1*1*10*EA***VN*A-1*VP*B-2", "ACK*IA*10*EA").lines

    assert product_id(found.products, Whose.GTIN) == ""
    with pytest.raises(InvalidInput):
        product_id(found.products, Whose.SUPPLIER)


@pytest.mark.parametrize(
    ("ack", "said"),
    [
        ("ACK*IA*10*EA", [(Action.ACCEPT, 10)]),
        ("ACK*AC*10*EA", [(Action.ACCEPT, 10)]),
        ("ACK*AR*10*EA", [(Action.ACCEPT, 10)]),
        ("ACK*SP*10*EA", [(Action.ACCEPT, 10)]),
        ("ACK*IA", [(Action.ACCEPT, None)]),
        ("ACK*BP*6*EA", [(Action.PARTIAL, 6), (Action.BACKORDER, 4)]),
        ("ACK*IQ*8*EA", [(Action.PARTIAL, 8)]),
        ("ACK*IQ*0*EA", [(Action.PARTIAL, 0)]),
        ("ACK*IQ*12*EA", [(Action.CHANGE, 12)]),
        ("ACK*IB*10*EA", [(Action.BACKORDER, 10)]),
        ("ACK*IB*0*EA", [(Action.BACKORDER, None)]),
        ("ACK*IC*10*EA", [(Action.CHANGE, 10)]),
        ("ACK*IP*10*EA", [(Action.PRICE, 10)]),
        ("ACK*DR*10*EA", [(Action.DATE, 10)]),
        ("ACK*IS*10*EA****VN*A-9", [(Action.SUBSTITUTE, 10)]),
        ("ACK*IR*10*EA", [(Action.REJECT, 10)]),
        ("ACK*IR*0*EA", [(Action.REJECT, None)]),
        ("ACK*IR", [(Action.REJECT, None)]),
        ("ACK*ID*10*EA", [(Action.DELETE, 10)]),
        ("ACK*IH*10*EA", [(Action.HOLD, 10)]),
        ("ACK*IE*10*EA", [(Action.HOLD, 10)]),
        ("ACK*IF*10*EA", [(Action.HOLD, 10)]),
        ("ACK*IW*10*EA", [(Action.HOLD, 10)]),
    ],
)
def test_every_code_of_a_line_has_its_meaning(ack: str, said: list[tuple[Action, int | None]]) -> None:
    assert says(ack) == said


def test_there_is_a_case_for_every_code() -> None:
    marks = next(m for m in test_every_code_of_a_line_has_its_meaning.pytestmark if m.name == "parametrize")  # type: ignore[attr-defined]

    assert {ack.split("*")[1] for ack, _ in marks.args[1]} == x12_acks.ACTIONS.keys()


def test_several_answers_to_one_line_are_all_kept() -> None:
    acks = ("ACK*IA*6*EA*068*20261126", "ACK*IB*3*EA*068*20270110", "ACK*IR*1*EA")

    assert says(*acks) == [(Action.ACCEPT, 6), (Action.BACKORDER, 3), (Action.REJECT, 1)]


def test_loops_may_stand_in_any_order() -> None:
    texts = ["PID*F****Chair", "ACK*IR*10*EA", "REF*ZZ**discontinued", "ZZZ*1", "MSG*for good"]
    reasons = {"discontinued for good": Reason.DISCONTINUED}
    for order in (texts, texts[::-1]):
        (line,) = answer(LINE, *order, reasons=reasons | {"for good discontinued": Reason.DISCONTINUED}).lines
        assert line.says[0].reason is Reason.DISCONTINUED


def test_a_reason_is_what_the_profile_says_of_the_suppliers_word_and_no_guess() -> None:
    code = "ACK*IR*10*EA" + "*" * 26 + "OOS"
    reasons = {"oos": Reason.OUT_OF_STOCK}

    assert answer(LINE, code, reasons=reasons).lines[0].says[0].reason is Reason.OUT_OF_STOCK
    assert answer(LINE, code).lines[0].says[0].reason is Reason.OTHER
    assert answer(LINE, "ACK*IR*10*EA", "REF*ZZ**out of stock").lines[0].says[0].reason is Reason.OTHER
    assert answer(LINE, "ACK*IR*10*EA", "REF*ZZ**out of stock").lines[0].says[0].text == "out of stock"


def test_a_substitute_names_what_ships_instead() -> None:
    (line,) = answer(LINE, "ACK*IS*10*EA****VN*A-9*SK*NL-9").lines

    assert product_id(line.says[0].substitute, Whose.SUPPLIER) == "A-9"
    assert product_id(line.products, Whose.SUPPLIER) == "A-1"


@pytest.mark.parametrize(
    ("line", "price"),
    [
        (["PO1*1*10*EA*13.75**VN*A-1", "ACK*IP*10*EA"], "13.75"),
        (["PO1*1*10*EA*.5*PE*VN*A-1", "ACK*IP*10*EA"], "0.5"),
        (["PO1*1*10*EA***VN*A-1", "CTP**CON*14", "ACK*IP*10*EA"], "14"),
    ],
)
def test_a_price_change_says_the_price_of_a_piece(line: list[str], price: str) -> None:
    assert answer(*line).lines[0].says[0].price == Decimal(price)


def test_a_date_behind_the_line_is_that_of_its_only_answer() -> None:
    on = When(date(2026, 12, 5), "deliver")

    assert answer(LINE, "ACK*DR*10*EA", "DTM*067*20261205").lines[0].says[0].on == on
    several = answer(LINE, "ACK*IA*6*EA", "ACK*IB*4*EA", "DTM*067*20261205").lines[0].says
    assert [each.on for each in several] == [None, None]


def test_units_of_measure_are_turned_into_pieces() -> None:
    dozens = {"": 1, "ea": 1, "dz": 12}

    assert says("ACK*IA*2*DZ", line="PO1*1*2*DZ*30**VN*A-1", uoms=dozens) == [(Action.ACCEPT, 24)]
    assert answer("PO1*1*2*DZ*30**VN*A-1", "ACK*IA*2*DZ", uoms=dozens).lines[0].price is None
    assert says("ACK*IA*10.000*PC") == [(Action.ACCEPT, 10)]


@pytest.mark.parametrize(
    ("kind", "lines", "whole"),
    [
        ("AK", [], Action.ACCEPT),
        ("AT", [], Action.ACCEPT),
        ("AD", [], Action.ACCEPT),
        ("RJ", [], Action.REJECT),
        ("RD", [], Action.REJECT),
        ("AH", [], Action.HOLD),
        ("AE", [LINE, "ACK*IR*10*EA"], Action.ACCEPT),
        ("RF", [LINE, "ACK*IA*10*EA"], Action.REJECT),
        ("AC", [LINE, "ACK*IA*10*EA"], None),
    ],
)
def test_what_is_said_of_the_order_holds_for_lines_it_does_not_list(
    kind: str, lines: list[str], whole: Action | None
) -> None:
    assert answer(*lines, head=HEAD.replace("*AC*", f"*{kind}*")).whole is whole


@pytest.mark.parametrize(("kind", "action"), [("AD", Action.ACCEPT), ("RD", Action.REJECT)])
def test_a_line_without_an_answer_has_that_of_the_order(kind: str, action: Action) -> None:
    (line,) = answer(LINE, head=HEAD.replace("*AC*", f"*{kind}*")).lines

    assert [(each.action, each.units) for each in line.says] == [(action, None)]


def test_an_order_that_is_said_to_be_unchanged_with_a_changed_line_is_read_and_told() -> None:
    (found,) = x12.received(file(one_set("855", f"{HEAD.replace('*AC*', '*AD*')}\n{LINE}\nACK*IQ*8*EA")))

    assert [each.code for each in found.remarks] == ["answer_contradicts"]
    assert found.document


@pytest.mark.parametrize(
    ("_case", "segments", "why"),
    [
        ("a code nobody knows", [LINE, "ACK*QQ*10*EA"], ("ack_code_unknown", 4, 1)),
        ("a part of a piece", [LINE, "ACK*IA*2.5*EA"], ("units_unreadable", 4, 2)),
        ("below zero", [LINE, "ACK*IA*-2*EA"], ("units_unreadable", 4, 2)),
        ("another mark", [LINE, "ACK*IA*1,000*EA"], ("units_unreadable", 4, 2)),
        ("a unit of measure nobody knows", [LINE, "ACK*IA*10*LM"], ("uom_unknown", 4, 3)),
        ("a day that is none", [LINE, "ACK*IB*10*EA*068*20261301"], ("date_unreadable", 4, 5)),
        ("a day of six digits", [LINE, "ACK*IB*10*EA*068*261201"], ("date_unreadable", 4, 5)),
        ("a balance of nothing known", ["PO1*1****VN*A-1", "ACK*BP*6*EA"], ("balance_unclear", 4, 2)),
        ("a balance of nothing", [LINE, "ACK*BP*10*EA"], ("balance_unclear", 4, 2)),
        ("changed, but to what", [LINE, "ACK*IQ"], ("units_missing", 4, 2)),
        ("a price nobody said", ["PO1*1*10*EA***VN*A-1", "ACK*IP*10*EA"], ("price_missing", 4, 1)),
        ("a price of a hundred", ["PO1*1*10*EA*9*HP*VN*A-1", "ACK*IP*10*EA"], ("price_missing", 4, 1)),
        (
            "a price of another hundred",
            ["PO1*1*10*EA***VN*A-1", "CTP**CON*1400*100*EA", "ACK*IP*10*EA"],
            ("price_missing", 5, 1),
        ),
        ("a price that is none", ["PO1*1*10*EA*9,50**VN*A-1", "ACK*IA*10*EA"], ("price_unreadable", 3, 4)),
        ("a substitute nobody named", [LINE, "ACK*IS*10*EA"], ("substitute_unnamed", 4, 7)),
        ("accepted, but nothing", [LINE, "ACK*IA*0*EA"], ("units_zero", 4, 2)),
        ("two answers, one without units", [LINE, "ACK*IA*6*EA", "ACK*IB"], ("units_missing", 5, 2)),
        ("more than was ordered", [LINE, "ACK*IA*6*EA", "ACK*IB*5*EA"], ("units_exceed", 5, 2)),
        ("a line without a name", ["PO1**10*EA", "ACK*IA*10*EA"], ("line_unnamed", 3, 1)),
        ("an answer before any line", ["ACK*IA*10*EA", LINE, "ACK*IA*10*EA"], ("segment_misplaced", 3, 0)),
        ("a line without an answer", [LINE], ("line_unanswered", 2, 2)),
        ("no lines", [], ("lines_missing", 2, 2)),
        ("a beginning too many", [HEAD, LINE, "ACK*IA*10*EA"], ("segment_twice", 3, 0)),
        ("lines that are counted otherwise", [LINE, "ACK*IA*10*EA", "CTT*2"], ("count_of_lines", 5, 1)),
    ],
)
def test_what_would_have_to_be_guessed_refuses_the_document_with_its_place(
    _case: str, segments: list[str], why: tuple[str, int, int]
) -> None:
    assert refusal(*segments) == [why]


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("BAK*00*AC**20261125", ("element_missing", 2, 3)),
        ("BAK*99*AC*PO-1*20261125", ("purpose_unknown", 2, 1)),
        ("BAK*00*QQ*PO-1*20261125", ("ack_type_unknown", 2, 2)),
        ("BAK*00*AC*PO-1*2026-11-25", ("date_unreadable", 2, 4)),
        ("BAK*00*RD*PO-1*20261125", ("answer_contradicts", 2, 2)),
        ("REF*VN*1", ("segment_missing", 2, 0)),
    ],
)
def test_a_beginning_that_cannot_be_read_refuses_it(head: str, why: tuple[str, int, int]) -> None:
    assert refusal(LINE, "ACK*IA*10*EA", head=head) == [why]


def test_all_that_is_wrong_is_told_at_once_and_the_other_documents_of_the_file_are_read() -> None:
    bad = one_set("855", f"{HEAD}\n{LINE}\nACK*IA*x*EA\n{LINE}\nACK*QQ*10*EA", "0001")
    good = one_set("855", f"{HEAD}\n{LINE}\nACK*IA*10*EA", "0002")
    first, second = x12.received(file(bad, good))

    assert [(each.name, each.in_set, each.value) for each in first.findings] == [("ACK", 4, "x"), ("ACK", 6, "QQ")]
    assert first.document is None
    assert second.document


def test_a_refusal_says_its_first_finding() -> None:
    refused = DocumentRefused(x12.refused("855", f"{HEAD}\n{LINE}\nACK*QQ*10*EA"))

    assert (refused.code, refused.details["element"]) == ("ack_code_unknown", 1)


def test_segments_that_nobody_knows_are_counted_and_do_no_harm() -> None:
    (found,) = x12.received(file(one_set("855", f"{HEAD}\nXX1*1\n{LINE}\nACK*IA*10*EA\nXX1*2\nYY*1")))

    assert (found.unknown, found.findings) == ({"XX1": 2, "YY": 1}, ())


@pytest.mark.parametrize("counts", ["refuse", "tell"])
def test_counts_that_do_not_add_up_are_the_partners_policy(counts: str) -> None:
    text = file(one_set("855", f"{HEAD}\n{LINE}\nACK*IA*10*EA\nCTT*7")).replace("SE*6", "SE*9")
    (found,) = x12.received(text, replace(USUAL, counts=counts))

    noted = found.findings if counts == "refuse" else found.remarks
    assert [each.code for each in noted] == ["count_of_lines", "count_of_segments"]
    assert (found.document is None) == (counts == "refuse")


def test_the_same_content_has_the_same_digest_whatever_its_envelopes() -> None:
    first = file(one_set("855", f"{HEAD}\n{LINE}\nACK*IA*10*EA"))
    again = first.replace("000000007", "000000008").replace("*7*X", "*8*X").replace("GE*1*7", "GE*1*8")
    other = first.replace("ACK*IA*10", "ACK*IA*09")

    digests = [
        each.document.origin.digest for text in (first, again, other) for each in x12.received(text) if each.document
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_document_lists_so_many_findings_and_no_more() -> None:
    found = x12.refused("855", "\n".join([HEAD, *([LINE, "ACK*QQ*10*EA"] * 1_000)]))

    assert len(found) == 100


# ---- 865

CHANGED = "BCA*00*AC*ALPINA-000001**1*20261125***SO-77"


def change(*segments: str, head: str = CHANGED, **how: object) -> ChangeAnswer:
    read = x12.document("865", "\n".join([head, *segments]), replace(USUAL, **how))  # type: ignore[arg-type]
    assert isinstance(read, ChangeAnswer)
    return read


@pytest.mark.parametrize(
    ("poc", "ack", "outcome"),
    [
        ("POC*1*DI*10**EA*12.50**VN*A-1", "ACK*ID*10*EA", ChangeOutcome.DONE),
        ("POC*1*DI*10**EA*12.50**VN*A-1", "ACK*IA*10*EA", ChangeOutcome.DONE),
        ("POC*1*QD*4**EA*12.50**VN*A-1", "ACK*IA*4*EA", ChangeOutcome.DONE),
        ("POC*1*QD*4**EA*12.50**VN*A-1", "ACK*ID*4*EA", ChangeOutcome.UNCLEAR),
        ("POC*1*DI*10**EA*12.50**VN*A-1", "ACK*IR*0*EA", ChangeOutcome.UNCLEAR),
        ("POC*1*QD*4**EA*12.50**VN*A-1", "ACK*IQ*3*EA", ChangeOutcome.UNCLEAR),
        ("POC*1*DI*10**EA*12.50**VN*A-1", "ACK*IH*10*EA", ChangeOutcome.UNCLEAR),
    ],
)
def test_what_became_of_a_change_is_said_line_by_line(poc: str, ack: str, outcome: ChangeOutcome) -> None:
    read = change(poc, ack)

    assert (read.order, read.request, read.supplier_order) == ("ALPINA-000001", "1", "SO-77")
    assert [(each.answer.line, each.outcome) for each in read.lines] == [("1", outcome)]


@pytest.mark.parametrize("meant", ChangeOutcome)
def test_what_a_rejected_line_means_is_the_partners_profile(meant: ChangeOutcome) -> None:
    rejected = CHANGED.replace("*AC*", "*RD*")
    for segments in (["POC*1*DI*10**EA***VN*A-1", "ACK*IR*0*EA"], ["POC*1*DI*10**EA***VN*A-1"]):
        assert change(*segments, head=rejected, rejected_change=meant).lines[0].outcome is meant


@pytest.mark.parametrize(
    ("kind", "whole"),
    [("AT", ChangeOutcome.DONE), ("RJ", ChangeOutcome.REFUSED), ("AC", ChangeOutcome.UNCLEAR)],
)
def test_an_answer_without_lines_is_about_the_whole_request(kind: str, whole: ChangeOutcome) -> None:
    assert change(head=CHANGED.replace("*AC*", f"*{kind}*")).whole is whole
