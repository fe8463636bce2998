from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.formats import x12, x12_writer
from shared.formats.x12 import Delimiters
from shared.formats.x12_envelope import Envelopes
from shared.formats.x12_writer import Partnership, Party

AT = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)
US = Partnership(sender=Party(id="SHOP"), receiver=Party(id="SUPPLIER", qualifier="01", group_id="SUPPLY"))
ORDER = [["BEG", "00", "DS", "ALPINA-000001", "", "20261124"], ["PO1", "1", "3", "EA", "", "", "VN", "A-1"]]
ELEMENT = st.text(st.characters(codec="utf-8", exclude_characters="*>~^", categories=("L", "N", "P", "S")), min_size=1)


def test_an_interchange_is_written_as_partners_read_it() -> None:
    written = x12_writer.interchange(US, "PO", [("850", ORDER)], control=42, at=AT)

    assert written == (
        b"ISA*00*          *00*          *ZZ*SHOP           *01*SUPPLIER       *261124*0905*U*00401*000000042*0*P*>~"
        b"GS*PO*SHOP*SUPPLY*20261124*0905*42*X*004010~"
        b"ST*850*0001~BEG*00*DS*ALPINA-000001**20261124~PO1*1*3*EA***VN*A-1~SE*4*0001~"
        b"GE*1*42~IEA*1*000000042~"
    )


@given(st.lists(st.lists(st.lists(ELEMENT, min_size=1, max_size=4), max_size=5), min_size=1, max_size=3))
def test_what_is_written_is_read_again_with_nothing_to_find(bodies: list[list[list[str]]]) -> None:
    named = [[["REF", *elements] for elements in body] for body in bodies]
    written = x12_writer.interchange(US, "PO", [("850", body) for body in named], control=1, at=AT)

    envelopes = Envelopes(io.BytesIO(written))
    assert [[segment.elements for segment in each.body] for each in envelopes.sets()] == named
    assert envelopes.findings == []


def test_the_fifth_version_and_other_delimiters_keep_the_fixed_layout() -> None:
    ours = Delimiters(element=b"|", component=b":", segment=b"\n")
    partnership = replace(US, version="005010", is_test=True, delimiters=ours)
    written = x12_writer.interchange(partnership, "PO", [("850", ORDER)], control=1, at=AT)

    assert len(written.partition(b"\n")[0]) + 1 == x12.LENGTH_OF_ISA
    isa = next(x12.segments(io.BytesIO(written)))
    assert [isa.get(number) for number in (11, 12, 15, 16)] == ["^", "00501", "T", ":"]


@pytest.mark.parametrize("unfit", ["A*1", "A~1", "A>1", "A^1", "A\n1", "A\x001"])
def test_an_identifier_that_a_delimiter_would_break_is_refused_and_never_altered(unfit: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        x12_writer.interchange(US, "PO", [("850", [["PO1", "1", unfit]])], control=1, at=AT)

    assert (refused.value.details["segment"], refused.value.details["element"]) == ("PO1", 2)


def test_words_for_people_lose_what_would_break_them() -> None:
    assert x12_writer.words(" Tom*s  House~\r\n 2nd > floor ") == "Tom s House 2nd floor"
    assert x12_writer.words("x" * 70) == "x" * 60


@pytest.mark.parametrize(
    "wrong",
    [
        replace(US, sender=Party(id="A" * 16)),
        replace(US, receiver=Party(id="")),
        replace(US, sender=Party(id="A", qualifier="Z")),
        replace(US, sender=Party(id="A*B")),
        replace(US, version="003050"),
    ],
)
def test_parties_and_versions_that_fit_no_envelope_are_refused(wrong: Partnership) -> None:
    with pytest.raises(InvalidInput):
        x12_writer.interchange(wrong, "PO", [("850", ORDER)], control=1, at=AT)


@pytest.mark.parametrize("control", [0, 1_000_000_000])
def test_a_control_number_has_nine_digits(control: int) -> None:
    with pytest.raises(InvalidInput):
        x12_writer.interchange(US, "PO", [("850", ORDER)], control=control, at=AT)
