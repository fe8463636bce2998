from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.answer_profiles import USUAL
from shared.domain.documents import (
    AdviceFault,
    ApplicationAdvice,
    ElementFault,
    FunctionalAck,
    GroupAck,
    SegmentFault,
    SetAck,
    Verdict,
)
from shared.errors import InvalidInput
from shared.formats import x12_997, x12_writer
from shared.formats.x12_documents import Documents
from shared.formats.x12_writer import Partnership, Party
from tests.support import x12
from tests.support.x12 import codes, file, one_set

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
US = Partnership(sender=Party(id="SHOP"), receiver=Party(id="SUPPLIER"))


def ack(*segments: str) -> GroupAck:
    read = x12.document("997", "\n".join(segments))
    assert isinstance(read, FunctionalAck)
    return read.group


def written(group: GroupAck) -> bytes:
    return x12_writer.interchange(US, "FA", [("997", x12_997.body(group))], control=5, at=AT)


def read_back(raw: bytes) -> GroupAck:
    documents = Documents(io.BytesIO(raw), USUAL, "UTC")
    (found,) = documents.received()
    assert isinstance(found.document, FunctionalAck), found.findings
    assert documents.findings == []
    return found.document.group


def test_an_accepted_group_is_read() -> None:
    assert ack("AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1") == GroupAck(
        functional_id="PO",
        control="7",
        verdict=Verdict.ACCEPTED,
        included=1,
        received=1,
        accepted=1,
        sets=(SetAck(number="850", control="0001", verdict=Verdict.ACCEPTED),),
    )


def test_what_a_partner_could_not_read_has_its_places() -> None:
    read = ack(
        "AK1*PO*7",
        *("AK2*850*0001", "AK3*PO1*9**8", "AK4*2*330*6*abc", "AK4*7>2**7", "AK3*TD5*12*N1*1", "AK5*R*5*2"),
        *("AK2*850*0002", "AK5*E"),
        "AK9*P*2*2*1*4",
    )

    assert (read.verdict, read.codes) == (Verdict.PARTLY, ("4",))
    assert [(each.control, each.verdict) for each in read.sets] == [
        ("0001", Verdict.REJECTED),
        ("0002", Verdict.WITH_ERRORS),
    ]
    assert read.sets[0].codes == ("5", "2")
    assert read.sets[0].faults == (
        SegmentFault(
            name="PO1",
            in_set=9,
            code="8",
            elements=(
                ElementFault(element=2, code="6", reference="330", value="abc"),
                ElementFault(element=7, code="7", component=2),
            ),
        ),
        SegmentFault(name="TD5", in_set=12, code="1", loop="N1"),
    )


def test_a_group_may_be_answered_without_naming_its_sets() -> None:
    assert ack("AK1*PO*7", "AK9*R*1*1*0").sets == ()


@pytest.mark.parametrize(("letter", "verdict"), x12_997.VERDICTS.items())
def test_every_verdict_has_its_meaning(letter: str, verdict: Verdict) -> None:
    assert ack("AK1*PO*7", "AK2*850*0001", "AK5*A", f"AK9*{letter}*1*1*1").verdict is verdict


@pytest.mark.parametrize(
    ("_case", "segments", "why"),
    [
        ("a verdict nobody knows", ["AK1*PO*7", "AK9*Q*1*1*1"], ("verdict_unknown", 3, 1)),
        ("no group", ["AK9*A*1*1*1"], ("segment_missing", 2, 0)),
        ("no end", ["AK1*PO*7"], ("segment_missing", 2, 0)),
        ("two groups", ["AK1*PO*7", "AK1*PO*8", "AK9*A*1*1*1"], ("segment_twice", 3, 0)),
        ("a set without a verdict", ["AK1*PO*7", "AK2*850*1", "AK9*A*1*1*1"], ("segment_missing", 4, 0)),
        ("a count that is none", ["AK1*PO*7", "AK9*A*x*1*1"], ("number_unreadable", 3, 2)),
        (
            "a fault of no segment",
            ["AK1*PO*7", "AK2*850*1", "AK4*2**6", "AK5*A", "AK9*A*1*1*1"],
            ("segment_misplaced", 4, 0),
        ),
        ("a group without a number", ["AK1*PO", "AK9*A*1*1*1"], ("element_missing", 2, 2)),
    ],
)
def test_what_would_have_to_be_guessed_refuses_it(_case: str, segments: list[str], why: tuple[str, int, int]) -> None:
    assert codes("997", "\n".join(segments)) == [why]


def test_we_answer_what_we_read_with_the_places_of_what_we_could_not() -> None:
    head = "BAK*00*AC*PO-1*20261125"
    good = one_set("855", f"{head}\nPO1*1*10*EA***VN*A\nACK*IA*10*EA", "0001")
    bad = one_set("855", f"{head}\nPO1*1*10*EA***VN*A\nACK*QQ*x*EA\nPO1*2*1*EA***VN*B", "0002")
    found = x12.received(file(good, bad))

    group = x12_997.answer(
        found[0].group.functional_id,
        found[0].group.control,
        [x12_997.Read(number=each.number, control=each.control, findings=each.findings) for each in found],
    )
    lines = written(group).decode().split("~")

    assert lines[3:-4] == [
        "AK1*PR*7",
        "AK2*855*0001",
        "AK5*A",
        "AK2*855*0002",
        "AK3*ACK*4**8",
        "AK4*1**7*QQ",
        "AK5*R*5",
        "AK9*P*2*2*1",
    ]
    assert read_back(written(group)) == group


@pytest.mark.parametrize(
    ("number", "body", "segments"),
    [
        ("810", "BIG*1", ["AK5*R*1"]),
        ("855", "REF*1", ["AK3*BAK*2**3", "AK5*R*5"]),
        (
            "855",
            "BAK*00*AC*PO*20261301\nPO1*1*1*EA***VN*A\nACK*IA*1*EA",
            ["AK3*BAK*2**8", "AK4*4**8*20261301", "AK5*R*5"],
        ),
        (
            "856",
            "BSN*00*1*20261125\nHL*1**S\nHL*1**S\nHL*2*1*I\nLIN*1*VN*A\nSN1*1*1*EA\nPRF*1",
            ["AK3*HL*4**8", "AK4*1**7*1", "AK5*R*5"],
        ),
    ],
)
def test_each_kind_of_fault_has_its_code(number: str, body: str, segments: list[str]) -> None:
    (found,) = x12.received(file(one_set(number, body)))
    group = x12_997.answer("XX", "7", [x12_997.Read(number=number, control="0001", findings=found.findings)])

    assert ["*".join(each) for each in x12_997.body(group)][2:-1] == segments
    assert group.verdict is Verdict.REJECTED


def test_a_count_of_segments_that_is_wrong_is_a_fault_of_the_set() -> None:
    text = file(one_set("855", "BAK*00*AT*PO*20261125")).replace("SE*3", "SE*4")
    (found,) = x12.received(text)

    assert x12_997.answer("PR", "7", [x12_997.Read(number="855", control="1", findings=found.findings)]).sets[
        0
    ].codes == ("4",)


def test_an_acknowledgement_is_never_acknowledged() -> None:
    with pytest.raises(InvalidInput):
        x12_997.answer("FA", "7", [x12_997.Read(number="997", control="0001")])


def test_a_value_that_is_told_back_cannot_make_segments_of_its_own() -> None:
    text = file(one_set("855", "BAK*00*AC*PO*20261125\nPO1*1*1*EA***VN*A\nACK*IA*7>8^9*EA"))
    (found,) = x12.received(text.replace("*", "|").replace("7>8^9", "7*8~".replace("~", "") + ">9^"))
    group = x12_997.answer("PR", "7", [x12_997.Read(number="855", control="1", findings=found.findings)])

    assert [each.value for fault in group.sets[0].faults for each in fault.elements] == ["7 8 9"]
    assert read_back(written(group)) == group


WORD = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=6)
CODE = st.sampled_from(["1", "2", "5", "8"])
SET = st.builds(
    SetAck,
    number=WORD,
    control=WORD,
    verdict=st.sampled_from([Verdict.ACCEPTED, Verdict.WITH_ERRORS, Verdict.REJECTED]),
    codes=st.lists(CODE, max_size=5).map(tuple),
    faults=st.lists(
        st.builds(
            SegmentFault,
            name=WORD,
            in_set=st.integers(1, 10**6),
            code=CODE,
            loop=st.just("") | WORD,
            elements=st.lists(
                st.builds(
                    ElementFault,
                    element=st.integers(1, 99),
                    code=CODE,
                    reference=st.just("") | WORD,
                    value=st.just("") | WORD,
                ),
                max_size=3,
            ).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
)
GROUP = st.builds(
    GroupAck,
    functional_id=WORD,
    control=WORD,
    verdict=st.sampled_from(Verdict),
    included=st.integers(0, 10**6),
    received=st.integers(0, 10**6),
    accepted=st.integers(0, 10**6),
    sets=st.lists(SET, max_size=4).map(tuple),
    codes=st.lists(CODE, max_size=5).map(tuple),
)


@given(GROUP)
def test_what_is_written_is_read_back(group: GroupAck) -> None:
    assert read_back(written(group)) == group


# ---- 824


def advice(*segments: str) -> ApplicationAdvice:
    read = x12.document("824", "\n".join(segments))
    assert isinstance(read, ApplicationAdvice)
    return read


def test_an_application_says_of_which_document_what_it_did_not_like() -> None:
    read = advice(
        "BGN*11*ADV-1*20261125",
        "N1*ST*SHOP",
        *("OTI*TR*PO*ALPINA-000001*****7*0001*850", "REF*VN*1", "TED*007*UNKNOWN SKU*PO1*9*7**NL-1", "NTE**call us"),
        *("OTI*TA*PO*ALPINA-000002",),
    )

    rejected, accepted = read.advised
    assert (read.number, read.dated) == ("ADV-1", date(2026, 11, 25))
    assert (rejected.verdict, rejected.qualifier, rejected.reference) == (Verdict.REJECTED, "PO", "ALPINA-000001")
    assert (rejected.group_control, rejected.set_control, rejected.set_number) == ("7", "0001", "850")
    assert rejected.faults == (
        AdviceFault(code="007", text="UNKNOWN SKU", name="PO1", in_set=9, element=7, value="NL-1"),
        AdviceFault(code="", text="call us"),
    )
    assert accepted.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("TA", "accepted"),
        ("TC", "with_errors"),
        ("TE", "with_errors"),
        ("GP", "partly"),
        ("IR", "rejected"),
        ("BA", "accepted"),
    ],
)
def test_every_verdict_of_an_application_has_its_meaning(code: str, verdict: str) -> None:
    assert advice("BGN*11*1*20261125", f"OTI*{code}*PO*1").advised[0].verdict == verdict


@pytest.mark.parametrize(
    ("segments", "why"),
    [
        (["BGN*11*1*20261125", "OTI*QQ*PO*1"], ("verdict_unknown", 3, 1)),
        (["BGN*11*1*20261125", "OTI*TR*PO"], ("element_missing", 3, 3)),
        (["BGN*11*1*20261125", "OTI*TR*PO*1", "TED*007**PO1*x"], ("number_unreadable", 4, 4)),
        (["BGN*11*1*20261125"], ("segment_missing", 3, 0)),
        (["BGN*11*1*20261125", "BGN*11*2*20261125", "OTI*TA*PO*1"], ("segment_twice", 3, 0)),
        (["OTI*TR*PO*1"], ("segment_missing", 2, 0)),
    ],
)
def test_an_advice_that_cannot_be_read_is_refused(segments: list[str], why: tuple[str, int, int]) -> None:
    assert codes("824", "\n".join(segments)) == [why]
