"""Documents damaged at random or on purpose: refused or read, in bounded time, and nothing but InvalidInput."""

from __future__ import annotations

import io
import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.answer_profiles import USUAL
from shared.domain.documents import MOST_FINDINGS, MOST_LINES
from shared.errors import InvalidInput
from shared.formats import stock_files
from shared.formats.x12_documents import READERS, Documents
from tests.support.stock_files import profile
from tests.support.x12 import ISA, file, one_set

STOCK = profile(format="x12", columns={"sku": "LIN.VP", "quantity": ["QTY.33", "SDQ.MEL"], "cost": "CTP.WHL"})

WHOLE = {
    "855": "BAK*00*AC*PO-1*20261125****7\nPO1*1*10*EA*12.50**VN*A-1\nACK*BP*6*EA*068*20261201\nREF*ZZ**x\nCTT*1",
    "865": "BCA*00*AC*PO-1**1*20261125***7\nPOC*1*DI*10**EA*12.50**VN*A-1\nACK*ID*10*EA\nCTT*1",
    "856": (
        "BSN*00*S-1*20261125*1045\nHL*1**S\nTD5**2*UPSN\nREF*CN*T\nDTM*011*20261125*1405*ET\nHL*2*1*O\nPRF*PO-1\n"
        "HL*3*2*P\nMAN*GM*1**CP*T2\nHL*4*3*I\nLIN*1*VN*A-1\nSN1*1*5*EA"
    ),
    "997": "AK1*PO*7\nAK2*850*0001\nAK3*PO1*9**8\nAK4*2>1*330*6*abc\nAK5*R*5\nAK9*P*2*2*1",
    "824": "BGN*11*1*20261125\nOTI*TR*PO*PO-1*****7*1*850\nTED*007*x*PO1*9*7**y\nNTE**z",
    "846": "BIA*00*DD*1*20261125\nLIN*1*VP*A-1\nQTY*33*7*EA\nSDQ*EA*54*MEL*50\nCTP*WH*WHL*28.99\nCTT*1",
}


def read(text: str | bytes) -> list[bool]:
    """Read a file in every way there is; say of each of its documents whether it was taken."""
    raw = text.encode() if isinstance(text, str) else text
    with suppress(InvalidInput):
        for _ in stock_files.read(io.BytesIO(raw), STOCK, "USD"):
            pass
    taken: list[bool] = []
    with suppress(InvalidInput):
        for each in Documents(io.BytesIO(raw), USUAL, "UTC").received():
            taken.append(each.document is not None)
            assert (each.document is None) == bool(each.findings)
            assert len(each.findings) <= MOST_FINDINGS + 2
            assert all(found.byte < len(raw) and (found.in_set >= 1 or found.name == "SE") for found in each.findings)
    return taken


def test_there_is_a_whole_document_of_every_kind() -> None:
    assert WHOLE.keys() == READERS.keys() | {"846"}
    for number, body in WHOLE.items():
        assert read(file(one_set(number, body))) == [number != "846"]


KIND = st.sampled_from(sorted(WHOLE))
ELEMENT = st.sampled_from(
    [
        "",
        "0",
        "-1",
        "1.5",
        "9" * 30,
        "1E5",
        "\u0661\u0662",
        "\u00b2",
        "20261331",
        "EA",
        "LM",
        "VN",
        "S",
        "O",
        "P",
        "I",
        "IA",
        "BP",
        "x" * 90,
        "1>2",
        "^",
        "\x00",
    ]
)


@given(KIND, st.data())
def test_elements_that_are_something_else(kind: str, data: st.DataObject) -> None:
    segments = [line.split("*") for line in WHOLE[kind].split("\n")]
    for _ in range(data.draw(st.integers(1, 4))):
        segment = data.draw(st.sampled_from(segments))
        at = data.draw(st.integers(1, len(segment)))
        segment[at : at + 1] = [data.draw(ELEMENT)]

    read(file(one_set(kind, "\n".join("*".join(each) for each in segments))))


@given(KIND, st.data())
def test_segments_that_are_gone_doubled_or_elsewhere(kind: str, data: st.DataObject) -> None:
    segments = WHOLE[kind].split("\n")
    shuffled = data.draw(st.lists(st.sampled_from(segments), max_size=14))

    read(file(one_set(kind, "\n".join(shuffled))))


@given(KIND, st.integers(0, 600), st.binary(max_size=6))
def test_bytes_that_are_something_else(kind: str, at: int, damage: bytes) -> None:
    raw = file(one_set(kind, WHOLE[kind])).encode()

    read(raw[:at] + damage + raw[at + len(damage) :])


@given(KIND, st.integers(0, 600))
def test_a_file_cut_off_anywhere_gives_no_document_that_is_not_whole(kind: str, at: int) -> None:
    text = file(one_set(kind, WHOLE[kind]))
    ends = text.index("SE*")

    assert not any(read(text[: min(at, ends)]))


MOST_SECONDS = 3
MANY = 6_000
MOST = 5_000
"""What the bounds are set to here, so that they are met soon."""


@pytest.mark.parametrize(
    ("_case", "number", "begins", "goes_on"),
    [
        ("lines", "855", "BAK*00*AC*PO-1*20261125~", "PO1*1*1*EA***VN*A~ACK*IA*1*EA~"),
        ("answers of a line", "855", "BAK*00*AC*PO-1*20261125~PO1*1*1*EA***VN*A~", "ACK*IA*1*EA~"),
        ("texts of a line", "855", "BAK*00*AC*PO-1*20261125~PO1*1*1*EA***VN*A~", "REF*ZZ**" + "x" * 100 + "~"),
        ("changes", "865", "BCA*00*AC*PO-1**1*20261125~", "POC*1*DI*1**EA***VN*A~ACK*ID*1*EA~"),
        ("orders of a level", "856", "BSN*00*S-1*20261125*1045~HL*1**S~", "PRF*A~REF*PO*B~MAN*GM*1~"),
        ("items of a level", "856", "BSN*00*S-1*20261125*1045~HL*1**S~", "LIN*1*VN*A~SN1*1*1*EA~"),
        ("sets of a group", "997", "AK1*PO*7~AK9*A*1*1*1~", "AK2*850*1~AK5*A~"),
        ("sets without an end", "997", "AK1*PO*7~AK9*A*1*1*1~", "AK2*850*1~"),
        ("faults of a set", "997", "AK1*PO*7~AK9*A*1*1*1~AK2*850*1~AK5*A~", "AK3*PO1*1**8~AK4*2**6*abc~"),
        ("errors", "824", "BGN*11*1*20261125~OTI*TR*PO*1~", "TED*007*x*PO1*1~NTE**y~"),
        ("documents of ours", "824", "BGN*11*1*20261125~", "OTI*TR*PO*1~"),
    ],
)
def test_a_document_without_end_is_refused_in_bounded_time(
    monkeypatch: pytest.MonkeyPatch, _case: str, number: str, begins: str, goes_on: str
) -> None:
    for module in ("x12_acks", "x12_856", "x12_997", "x12_824"):
        monkeypatch.setattr(f"shared.formats.{module}.MOST_LINES", MOST)
    monkeypatch.setattr("shared.formats.x12_997.MOST_FAULTS", MOST)
    text = f"{ISA}GS*PR*SUPPLIER*SHOP*20261124*0900*7*X*004010~ST*{number}*0001~{begins}"
    count = (begins + goes_on * MANY).count("~") + 2
    raw = io.BytesIO((text + goes_on * MANY + f"SE*{count}*0001~GE*1*7~IEA*1*000000007~").encode())
    began = time.process_time()
    (found,) = Documents(raw, USUAL, "UTC").received()

    assert found.document is None
    assert len(found.findings) <= MOST_FINDINGS + 1
    assert time.process_time() - began < MOST_SECONDS


def test_segments_without_end_that_nobody_knows_are_only_counted() -> None:
    text = file(one_set("855", "\n".join(["BAK*00*AT*PO-1*20261125", *["QQQ*1"] * MANY])))
    (found,) = Documents(io.BytesIO(text.encode()), USUAL, "UTC").received()

    assert (found.document is not None, found.unknown) == (True, {"QQQ": MANY})


def test_the_most_lines_that_are_read_is_a_bound_and_one_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.formats.x12_acks.MOST_LINES", 3)
    line = "PO1*1*1*EA***VN*A\nACK*IA*1*EA"

    for count, taken in ((3, [True]), (4, [False])):
        assert read(file(one_set("855", "\n".join(["BAK*00*AC*PO-1*20261125", *[line] * count])))) == taken
    assert MOST_LINES == 100_000


def test_what_is_refused_holds_no_memory() -> None:
    lines = "PO1*1*1*EA***VN*A~ACK*QQ*1*EA~" * 4_000
    raw = io.BytesIO((file(one_set("855", "BAK*00*AC*PO-1*20261125")).replace("SE*", lines + "SE*")).encode())
    tracemalloc.start()
    try:
        (found,) = Documents(raw, USUAL, "UTC").received()
        assert len(found.findings) == MOST_FINDINGS + 1
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
