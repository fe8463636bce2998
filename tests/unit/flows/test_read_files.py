"""What is read of a file by its differences is what reading all of it would tell."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import guard, photographs
from shared.domain.names import Sku
from shared.domain.photographs import Difference, Photograph
from shared.domain.rules import Source
from shared.flows import read_files
from shared.flows.read_files import Against
from shared.formats import stock_files
from tests.support import photos, trade
from tests.support import stock_files as written

COLUMNS = {"sku": "Item", "quantity": "On hand", "cost": "Price"}
PLAIN = written.profile()
BY_WAREHOUSE = written.profile(columns=COLUMNS | {"warehouse": "Where"})

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C", "D", "", "1.2E+11"]),
        st.sampled_from(["0", "1", "7", "900", "x"]),
        st.sampled_from(["", "1.00", "9.50", "?"]),
        st.sampled_from(["north", "south"]),
    ),
    max_size=8,
)


def body(rows: list[tuple[str, str, str, str]]) -> bytes:
    return "".join(f"{','.join(row)}\n" for row in [("Item", "On hand", "Price", "Where"), *rows]).encode()


def source(profile: Any = PLAIN) -> Source:  # noqa: ANN401 - a profile
    return Source(source=trade.at("A", "alpina").source, name="Alpina", currency="EUR", zone="UTC", feed=profile)


def whole(data: bytes, of: Source) -> Photograph:
    return photographs.gather(stock_files.read(io.BytesIO(data), of.feed, of.currency))


@pytest.mark.parametrize("profile", [PLAIN, BY_WAREHOUSE], ids=["a row each", "a row for each warehouse"])
@given(old=ROWS, new=ROWS)
def test_a_file_compared_says_what_it_says_when_it_is_read_whole(profile: Any, old: Any, new: Any) -> None:  # noqa: ANN401
    of = source(profile)
    before, now = whole(body(old), of), whole(body(new), of)
    against = Against(snapshot=io.BytesIO(body(old)), tally=photographs.tally(before))

    with read_files.reading(io.BytesIO(body(new)), of, against) as found:
        told = {each.sku: each for each in found.differences}

    assert found.tally == photographs.tally(now)
    wanted = {each.sku: each for each in photos.differences(now, before.rows) if _differs(each)}
    assert {sku: _numbers(each) for sku, each in told.items() if _differs(each)} == {
        sku: _numbers(each) for sku, each in wanted.items()
    }
    assert (found.changed, found.absent) == (
        sum(each.is_changed for each in wanted.values()),
        sum(each.is_absent for each in wanted.values()),
    )
    compared = guard.compare(found.tally, found.before, found.drift)
    assert compared == photos.compare(now, before.rows)


def _differs(each: Difference) -> bool:
    return each.is_changed or each.is_lost


def _numbers(each: Difference) -> tuple[object, ...]:
    said = [(row.units, row.cost_minor) if row else None for row in (each.row, each.before)]
    return (*said, each.is_named)


def test_what_a_snapshot_says_is_counted_where_that_was_not_kept() -> None:
    of, old = source(), [("A", "1", "1.00", ""), ("B", "7", "", ""), ("C", "x", "", "")]

    with read_files.reading(io.BytesIO(body(old)), of, Against(snapshot=io.BytesIO(body(old)))) as found:
        assert found.before == found.tally == photographs.tally(whole(body(old), of))


def test_refusals_are_told_by_line_and_no_more_than_a_report_holds() -> None:
    rows = [(f"S{i:04}", "x" if i % 3 == 0 else "1", "", "") for i in range(600)]

    with read_files.reading(io.BytesIO(body(rows)), source()) as found:
        assert [each.line for each in found.refusals] == [2 + 3 * i for i in range(photographs.MOST_TOLD)]
        assert found.tally.refused == 200


@pytest.mark.parametrize(
    ("before", "now", "holds"), [("A,1\n", "A,2\n", False), ("A,1\n", "A,2", True), ("A,1", "A,2", False)]
)
def test_a_last_line_without_the_end_that_the_one_before_had_holds_a_file(
    before: str, now: str, *, holds: bool
) -> None:
    of = source(written.profile(columns={"sku": "Item", "quantity": "On hand"}))
    old, new = (f"Item,On hand\n{each}".encode() for each in (before, now))

    with read_files.reading(io.BytesIO(new), of, Against(snapshot=io.BytesIO(old))) as found:
        assert (found.judge(of).ruling is guard.Ruling.HOLD) == holds


def test_what_was_unconfirmed_and_is_there_again_is_told() -> None:
    old, new = [("A", "1", "", ""), ("B", "1", "", "")], [("A", "1", "", ""), ("C", "1", "", "")]
    against = Against(snapshot=io.BytesIO(body(old)), unconfirmed={Sku("C"), Sku("Z")})

    with read_files.reading(io.BytesIO(body(new)), source(), against) as found:
        assert (found.back, found.left_out, found.refused) == (["C"], ["B"], [])


def test_a_sku_that_only_an_open_run_had_may_have_been_written() -> None:
    same, other = [("A", "1", "", ""), ("B", "1", "", "")], [("A", "1", "", ""), ("B", "1", "", ""), ("Z", "5", "", "")]
    against = Against(snapshot=io.BytesIO(body(same)), rises=True, others=[io.BytesIO(body(other))])

    with read_files.reading(io.BytesIO(body(same)), source(), against) as found:
        (differs,) = found.differences

    write = photographs.write_of(differs, waits=False, zeroes_absent=True)
    assert differs == Difference(sku=Sku("Z"), row=None, is_named=False, before=None, is_sure=False)
    assert write
    assert (write.row.units, write.old) == (0, None)
