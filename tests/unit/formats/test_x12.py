from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.formats import x12
from shared.formats.x12 import Segment
from shared.formats.x12_envelope import Envelopes

ISA = "ISA*00*          *00*          *ZZ*SUPPLIER       *ZZ*SHOP           *261124*0900*U*00401*000000007*0*P*>~"
GS = "GS*IB*SUPPLIER*SHOP*20261124*0900*7*X*004010~"
ADVICE = "ST*846*0001~BIA*00*DD*1*20261124~LIN*1*VP*A-1~QTY*33*7*EA~SE*5*0001~"
END = "GE*1*7~IEA*1*000000007~"
FILE = ISA + GS + ADVICE + END


def read(text: str | bytes) -> list[Segment]:
    return list(x12.segments(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def ids(text: str | bytes) -> list[str]:
    return [segment.id for segment in read(text)]


ALL = ["ISA", "GS", "ST", "BIA", "LIN", "QTY", "SE", "GE", "IEA"]


def test_segments_have_their_number_their_first_byte_and_their_elements() -> None:
    lin = read(FILE)[4]

    assert (lin.position, lin.offset, lin.elements) == (5, FILE.index("LIN"), ["LIN", "1", "VP", "A-1"])
    assert (lin.get(3), lin.get(4)) == ("A-1", "")


@pytest.mark.parametrize(
    "text",
    [
        FILE,
        "\ufeff" + FILE,
        " \r\n" + FILE,
        FILE.replace("~", "~\n"),
        FILE.replace("~", "~\r\n") + "\x1a",
        FILE.replace("~", "\n"),
        FILE.replace("~", "\r\n"),
        FILE.replace("~", "\x1e"),
        FILE.replace("~", "\u00a7"),
        FILE.replace("*", "|").replace(">", ":"),
        FILE.removesuffix("~"),
        FILE.removesuffix("~") + "\n",
        FILE.replace("SUPPLIER       ", "SUPPLIER").replace("*          *", "**"),
        ISA + "\n".join((GS + ADVICE + END)[i : i + 8] for i in range(0, len(FILE), 8)),
        FILE + "\x00" * 900,
    ],
    ids=[
        "plain",
        "byte-order mark",
        "white space first",
        "line feeds",
        "carriage returns and a ^Z",
        "line feed as terminator",
        "both as terminator",
        "record separator",
        "a character of two bytes",
        "other delimiters",
        "no last terminator",
        "a line feed instead of it",
        "an ISA without its padding",
        "wrapped in the middle of elements",
        "zeros behind it",
    ],
)
def test_what_partners_send_is_read(text: str) -> None:
    assert ids(text) == ALL
    assert read(text)[4].elements == ["LIN", "1", "VP", "A-1"]


def test_letters_that_are_not_utf_8_are_read_as_windows_writes_them() -> None:
    assert read(FILE.encode().replace(b"A-1", b"Gr\xf6\xdfe \x80"))[4].get(3) == "Gr\u00f6\u00dfe \u20ac"


def test_each_interchange_has_its_own_delimiters_and_bytes_are_counted_on() -> None:
    second = FILE.replace("*", "|").replace("~", "\n")
    found = read(FILE + "\r\n" + second)

    assert [segment.id for segment in found] == ALL * 2
    assert found[9].offset == len(FILE) + 2
    assert (found[13].position, found[13].elements) == (14, ["LIN", "1", "VP", "A-1"])


@pytest.mark.parametrize(
    ("text", "code", "byte"),
    [
        ("", "x12_no_interchange", 0),
        ("sku,qty\nA,1\n", "x12_no_isa", 0),
        ("ISA*00*", "x12_isa_short", 0),
        (ISA[:105], "x12_delimiters", 0),
        (FILE[: FILE.index("QTY") + 6], "x12_cut_off", FILE.index("QTY")),
        (FILE.removesuffix(END), "x12_cut_off", FILE.index("GE*")),
        (FILE + "GS*IB~", "x12_no_isa", len(FILE)),
        (ISA + GS + "N" * (1 << 17) + "~", "x12_segment_too_long", len(ISA + GS)),
    ],
)
def test_what_is_no_x12_or_ends_in_the_middle_is_refused_with_its_place(text: str, code: str, byte: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(text)

    assert (refused.value.code, refused.value.details["byte"]) == (code, byte)


@given(st.integers(min_value=0, max_value=len(FILE)), st.binary(max_size=8))
def test_of_a_damaged_file_only_invalid_input_comes_out(at: int, damage: bytes) -> None:
    raw = FILE.encode()
    with contextlib.suppress(InvalidInput):
        read(raw[:at] + damage + raw[at + len(damage) :])


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_where_a_chunk_ends_makes_no_difference(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = read(FILE * 3)
    monkeypatch.setattr(x12, "CHUNK", chunk)

    assert read(FILE * 3) == wanted


# ---- envelopes


def walk(text: str) -> tuple[list[tuple[str, str, str, list[str]]], list[tuple[str, int, int, str]]]:
    envelopes = Envelopes(io.BytesIO(text.encode()))
    sets = [
        (each.number, each.group.functional_id, each.interchange.sender, [segment.id for segment in each.body])
        for each in envelopes.sets()
    ]
    return sets, [(found.code, found.segment, found.element, found.text) for found in envelopes.findings]


def test_sets_are_told_with_whose_they_are() -> None:
    assert walk(FILE) == ([("846", "IB", "SUPPLIER", ["BIA", "LIN", "QTY"])], [])


def test_a_set_that_nobody_walks_is_walked_to_its_end() -> None:
    two = ISA + GS + ADVICE + ADVICE.replace("0001", "0002") + END.replace("GE*1", "GE*2")
    envelopes = Envelopes(io.BytesIO(two.encode()))

    assert [each.control for each in envelopes.sets()] == ["0001", "0002"]
    assert envelopes.findings == []


def test_an_interchange_acknowledgement_between_envelopes_is_passed_over() -> None:
    assert walk(ISA + "TA1*000000001*261124*0900*A*000~" + GS + ADVICE + END)[1] == []


@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("SE*5", "SE*6", ("count_of_segments", 7, 1, "it says 6, there are 5 segments")),
        ("SE*5", "SE*", ("count_of_segments", 7, 1, "it says nothing, there are 5 segments")),
        ("GE*1", "GE*2", ("count_of_sets", 8, 1, "it says 2, there are 1 sets")),
        ("IEA*1", "IEA*3", ("count_of_groups", 9, 1, "it says 3, there are 1 groups")),
        ("SE*5*0001", "SE*5*0002", ("control_of_set", 7, 2, "opened as 0001, closed as 0002")),
        ("GE*1*7", "GE*1*8", ("control_of_group", 8, 2, "opened as 7, closed as 8")),
        ("IEA*1*000000007", "IEA*1*1", ("control_of_interchange", 9, 2, "opened as 000000007, closed as 1")),
    ],
)
def test_counts_and_numbers_that_disagree_are_findings(
    right: str, wrong: str, finding: tuple[str, int, int, str]
) -> None:
    sets, findings = walk(FILE.replace(right, wrong))

    assert (len(sets), findings) == (1, [finding])


def test_a_control_number_without_its_zeros_is_the_same() -> None:
    assert walk(FILE.replace("IEA*1*000000007", "IEA*1*7"))[1] == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ISA + ADVICE + END, "x12_misplaced"),
        (ISA + GS + "LIN*1~" + END, "x12_misplaced"),
        (ISA + GS + ADVICE.replace("SE*5*0001~", "") + END, "x12_not_closed"),
        (ISA + GS + ADVICE + "IEA*1*000000007~", "x12_misplaced"),
    ],
)
def test_an_envelope_that_is_missing_or_not_closed_is_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        walk(text)

    assert refused.value.code == code
    assert refused.value.details["byte"]
