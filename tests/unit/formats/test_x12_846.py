from __future__ import annotations

import io
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from shared.formats import stock_files
from tests.support.stock_files import gz, profile, read, row
from tests.support.x12 import file, one_set

COLUMNS = {"sku": "LIN.VP", "quantity": "QTY.33", "cost": "CTP.WHL", "gtin": "LIN.UP", "warehouse": "N1.SF"}
HOW = profile(format="x12", columns=COLUMNS)
PLAIN = profile(format="x12", columns={"sku": "LIN.VP", "quantity": "QTY.33"})

ADVICE = """
BIA*00*DD*00029997*20260725*0500
CUR*BY*USD
N1*SF*CA Warehouse*91*CA
LIN*147*VP*SAM-116L*MF*AGCL*MG*SAM-116L*UP*036000291452
PID*F*08***Toner
CTP*WH*WHL*28.99
SDQ*EA*54*MEL*50
QTY*33*7*EA
LIN*148*VP*SAM-203E*UP*
CTP*WH*WHL*55.0
QTY*33*0*EA
LIN*149*MF*AGCL*VP*SAM-203L
CTP*WH*WHL*47.13
CTT*3
"""


def rows(body: str, how: FeedProfile = HOW, currency: str = "USD") -> list[Row | Refusal]:
    return read(file(one_set("846", body)), how, currency)


def refused(text: str, how: FeedProfile = PLAIN) -> str:
    with pytest.raises(InvalidInput) as failure:
        read(text, how)
    return failure.value.code


def test_a_line_is_read_by_the_qualifiers_of_its_segments() -> None:
    text = file(one_set("846", ADVICE))

    assert read(text, HOW, "USD") == [
        row(7, "SAM-116L", 7, 2899, gtin="00036000291452", warehouse="CA"),
        row(12, "SAM-203E", 0, 5500, warehouse="CA"),
        Refusal(
            line=15,
            column="QTY.33",
            value="",
            reason="a quantity is needed: an empty cell is not zero",
            sku=row(1, "SAM-203L", 0).sku,
            offset=text.index("LIN*149"),
        ),
    ]


def test_a_line_may_begin_with_its_products_and_an_advice_without_a_heading() -> None:
    assert rows("LIN*VP*A-1*UP*1\nQTY*33*250", PLAIN) == [row(4, "A-1", 250)]


def test_other_quantities_are_other_columns() -> None:
    body = "LIN*1*UP*012345678901*VP*A-1\nQTY*33*500*EA\nQTY*02*120*EA\nQTY*17*620*EA"

    assert rows(body, PLAIN) == [row(4, "A-1", 500)]
    summed = profile(format="x12", columns={"sku": "LIN.VP", "quantity": ["QTY.33", "QTY.02"]})
    assert rows(body, summed) == [row(4, "A-1", 620)]


def test_a_quantity_that_comes_twice_is_refused_and_not_added_up() -> None:
    (found,) = rows("LIN*1*VP*A-1\nQTY*33*5\nQTY*33*6", PLAIN)

    assert isinstance(found, Refusal)
    assert found.reason == "there is more than one"


def test_what_stands_before_the_first_line_holds_until_a_line_says_otherwise() -> None:
    body = "N1*SF*East*91*E\nLIN*1*VP*A-1\nQTY*33*5\nLIN*2*VP*A-2\nN1*SF*West\nQTY*33*6\nLIN*3*VP*A-3\nQTY*33*7"

    assert [each.warehouse for each in rows(body) if isinstance(each, Row)] == ["E", "West", "E"]


def test_units_of_measure_places_and_references_are_columns_as_well() -> None:
    how = profile(
        format="x12",
        columns={"sku": "LIN.VP", "quantity": "SDQ.MEL", "pack": "QTY.33:3", "status": "REF.ST"},
        packs={"EA": 1, "DZ": 12},
        status={"D": "discontinued", "A": "active"},
    )
    body = "LIN*1*VP*A-1\nREF*ST*D\nSDQ*DZ*54*KAN*3*MEL*50\nQTY*33*53*DZ"

    assert rows(body, how) == [row(4, "A-1", 600, is_discontinued=True)]


def test_a_file_may_hold_several_advices_and_be_packed() -> None:
    text = file(one_set("846", "LIN*1*VP*A-1\nQTY*33*1", "0001"), one_set("846", "LIN*1*VP*A-2\nQTY*33*2", "0002"))

    assert [each.sku for each in read(gz(text.encode()), PLAIN) if isinstance(each, Row)] == ["A-1", "A-2"]


@pytest.mark.parametrize(
    ("_case", "text", "code"),
    [
        ("another document", file(one_set("855", "BAK*00*AT*1*20261125")), "x12_other_set"),
        ("lines counted otherwise", file(one_set("846", "LIN*1*VP*A\nQTY*33*1\nCTT*2")), "x12_counts"),
        (
            "segments counted otherwise",
            file(one_set("846", "LIN*1*VP*A\nQTY*33*1")).replace("SE*4", "SE*9"),
            "x12_counts",
        ),
        ("no X12", "sku,quantity\nA,1\n", "x12_no_isa"),
        ("cut off", file(one_set("846", ADVICE))[:400], "x12_cut_off"),
        ("a line without end", file(one_set("846", "LIN*1*VP*A\n" + "\n".join(["QTY*02*1"] * 1_100))), "row_too_long"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_as_a_whole(_case: str, text: str, code: str) -> None:
    assert refused(text) == code


def test_counts_are_ignored_where_the_profile_says_so() -> None:
    how = profile(format="x12", columns={"sku": "LIN.VP", "quantity": "QTY.33"}, counts="ignore")
    text = file(one_set("846", "LIN*1*VP*A-1\nQTY*33*1\nCTT*2")).replace("SE*5", "SE*9")

    assert read(text, how) == [row(4, "A-1", 1)]


def test_a_file_says_when_it_was_taken() -> None:
    how = profile(format="x12", columns=COLUMNS, as_of={"at": "BIA04 BIA05", "format": "%Y%m%d %H%M", "zone": "UTC"})
    opened = io.BytesIO(file(one_set("846", ADVICE)).encode())

    assert stock_files.taken_at(opened, how, "Europe/Berlin") == datetime(2026, 7, 25, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize("at", ["BIA04", "BIA05 BIA06"])
def test_a_file_that_does_not_say_it_is_refused(at: str) -> None:
    how = profile(format="x12", columns=COLUMNS, as_of={"at": at, "format": "%Y%m%d %H%M", "zone": "UTC"})

    with pytest.raises(InvalidInput):
        stock_files.taken_at(io.BytesIO(file(one_set("846", "LIN*1*VP*A\nQTY*33*1")).encode()), how, "UTC")


@pytest.mark.parametrize(
    ("settings", "at"),
    [
        ({"columns": {"sku": "VP", "quantity": "QTY.33"}}, "feed.columns.sku"),
        ({"columns": {"sku": "LIN.VP", "quantity": 3}}, "feed.columns.quantity"),
        ({"columns": {"sku": "LIN.VP", "quantity": "QTY.33"}, "heading_line": 2}, "feed.heading_line"),
        ({"columns": {"sku": "LIN.VP", "quantity": "QTY.33"}, "counts": "maybe"}, "feed.counts"),
        ({"columns": {"sku": "LIN.VP", "quantity": "QTY.33"}, "as_of": {"at": "B1"}}, "feed.as_of.at"),
    ],
)
def test_a_profile_that_cannot_be_of_x12_is_refused(settings: dict[str, object], at: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        profile(format="x12", **settings)
    assert wrong.value.details["at"] == at


PRICED = profile(format="x12", columns={"sku": "LIN.VP", "quantity": "QTY.33", "cost": "CTP.WHL"})
IDS = st.from_regex(r"[A-Z][A-Z0-9./_-]{0,12}", fullmatch=True)


@given(st.lists(st.tuples(IDS, st.integers(0, 10**6), st.none() | st.integers(0, 10**6)), max_size=6))
def test_what_is_written_is_read_back(values: list[tuple[str, int, int | None]]) -> None:
    lines, wanted, at = [], [], 3
    for number, (sku, units, cost) in enumerate(values, 1):
        segments = [f"LIN*{number}*VP*{sku}", f"QTY*33*{units}*EA"]
        if cost is not None:
            segments.append(f"CTP*WH*WHL*{cost // 100}.{cost % 100:02}")
        wanted.append(row(at + 1, sku, units, cost))
        lines += segments
        at += len(segments)

    assert rows("\n".join([*lines, f"CTT*{len(values)}"]), PRICED) == wanted


def test_no_more_of_a_file_is_held_than_a_line() -> None:
    line = "LIN*1*VP*A-1~QTY*33*7*EA~PID*F****" + "x" * 200 + "~"
    text = file(one_set("846", "LIN*1*VP*A-0\nQTY*33*7")).replace("SE*4", f"SE*{4 + 3 * 4_000}")
    raw = io.BytesIO(text.replace("SE*", line * 4_000 + "SE*").encode())
    tracemalloc.start()
    try:
        assert sum(isinstance(each, Row) for each in stock_files.read(raw, PLAIN, "USD")) == 4_001
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
