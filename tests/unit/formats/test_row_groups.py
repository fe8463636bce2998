"""Which keys differ between files, with all lines about them: the same whatever the way it was found."""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.photographs import Refusal, Row
from shared.errors import InvalidInput
from shared.formats import line_changes, row_groups, row_lines
from shared.formats.line_changes import Method
from shared.formats.row_groups import Group, How
from shared.formats.row_lines import RowLines
from tests.support.stock_files import DELIMITED, profile

HEADING = "Item,On hand,Price\n"
Said = list[tuple[str, int]]

FILES = st.lists(st.tuples(st.sampled_from(["A", "B", "C", "D", "E", "F", ""]), st.integers(0, 2)), max_size=9)


def body(rows: Said) -> bytes:
    return (HEADING + "".join(f"{sku},{units},1.00\n" for sku, units in rows)).encode()


def grouped(*files: bytes, how: How | None = None, profile: Any = DELIMITED, **settings: Any) -> list[Group]:  # noqa: ANN401
    """The new file, the old one, and those of open runs."""
    settings = {"asked": frozenset()} | settings
    with row_lines.opened([io.BytesIO(each) for each in files], profile, "EUR") as opened:
        new, *rest = opened
        old, others = (rest[0], rest[1:]) if rest else (None, [])
        return list(row_groups.grouped(new, old, others, settings.pop("asked"), how or How(), **settings))


def by_key(groups: Iterable[Group]) -> dict[bytes, tuple[list[bytes], list[bytes]]]:
    told: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
    for group in groups:
        if group.key != row_groups.NAMELESS:
            assert group.key not in told
            told[group.key] = sorted(line for _, line in group.new), sorted(group.old)
    return told


def lines_by_key(rows: Said) -> dict[bytes, list[bytes]]:
    found: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for sku, units in rows:
        found[sku.encode()].append(f"{sku},{units},1.00\n".encode())
    return {key: sorted(lines) for key, lines in found.items()}


def differing(new: Said, old: Said) -> dict[bytes, tuple[list[bytes], list[bytes]]]:
    now, before = lines_by_key(new), lines_by_key(old)
    return {
        key: (now.get(key, []), before.get(key, []))
        for key in now.keys() | before.keys()
        if key and now.get(key) != before.get(key)
    }


@pytest.fixture(autouse=True, scope="module")
def few_parts() -> Iterator[None]:
    """Thousands of small files are laid out here: each part is a file on disk."""
    parts, row_groups.PARTS = row_groups.PARTS, 4
    yield
    row_groups.PARTS = parts


@contextmanager
def not_merged(set_up_to: int) -> Iterator[None]:
    """As if the order of each file were another, and so many bytes fitted into memory."""
    known = line_changes.GIVE_UP_AFTER, line_changes.SET_UP_TO
    line_changes.GIVE_UP_AFTER, line_changes.SET_UP_TO = -1, set_up_to
    try:
        yield
    finally:
        line_changes.GIVE_UP_AFTER, line_changes.SET_UP_TO = known


WAYS = pytest.mark.parametrize(
    "way", [nullcontext, partial(not_merged, 10**9), partial(not_merged, 0)], ids=["merged", "by a set", "on disk"]
)


@WAYS
@settings(max_examples=60)
@given(new=FILES, old=FILES, most=st.sampled_from([0, 1, 100]))
def test_every_key_that_differs_comes_with_all_its_lines_in_whatever_order_and_room(
    way: Any,  # noqa: ANN401
    new: Said,
    old: Said,
    most: int,
) -> None:
    with way():
        found = by_key(grouped(body(new), body(old), most=most))

    wanted = differing(new, old)
    assert {key: lines for key, lines in found.items() if lines[0] != lines[1]} == wanted


def unique(rows: Said) -> Said:
    return sorted((sku, units) for sku, units in dict(rows).items() if sku)


@given(new=FILES.map(unique), old=FILES.map(unique), asked=st.sets(st.sampled_from([b"A", b"C", b"X"])))
def test_files_in_order_are_joined_as_they_stream(new: Said, old: Said, asked: set[bytes]) -> None:
    how = How()
    found = by_key(grouped(body(new), body(old), how=how, old_rises=True, asked=asked))

    now = lines_by_key(new)
    unchanged = {key: (now.get(key, []), now.get(key, [])) for key in asked - differing(new, old).keys()}
    assert (how.method, how.rises) == (Method.MERGE, True)
    assert found == differing(new, old) | unchanged


def test_lines_in_order_that_are_about_nothing_stand_for_themselves() -> None:
    found = grouped(body([("", 1), ("A", 1)]), body([("", 2), ("A", 1)]), old_rises=True)

    assert found == [
        Group(row_groups.NAMELESS, [(2, b",1,1.00\n")], []),
        Group(row_groups.NAMELESS, [], [b",2,1.00\n"]),
    ]


@WAYS
@settings(max_examples=60)
@given(new=FILES, old=FILES, asked=st.sets(st.sampled_from([b"A", b"C"])), most=st.sampled_from([0, 100]))
def test_what_is_asked_for_comes_changed_or_not(
    way: Any,  # noqa: ANN401
    new: Said,
    old: Said,
    asked: set[bytes],
    most: int,
) -> None:
    with way():
        found = by_key(grouped(body(new), body(old), asked=asked, most=most))

    now, before = lines_by_key(new), lines_by_key(old)
    for key in asked & (now.keys() | before.keys()):
        assert found[key] == (now.get(key, []), before.get(key, []))


@WAYS
@settings(max_examples=60)
@given(new=FILES, old=FILES, other=FILES, most=st.sampled_from([0, 100]))
def test_what_an_open_run_says_otherwise_comes_and_is_unsure(
    way: Any,  # noqa: ANN401
    new: Said,
    old: Said,
    other: Said,
    most: int,
) -> None:
    how = How()
    with way():
        found = by_key(grouped(body(new), body(old), body(other), how=how, most=most))

    now, before = lines_by_key(new), lines_by_key(old)
    for key in differing(new, other):
        assert how.unsure is None or key in how.unsure
        if key in now.keys() | before.keys():
            assert found[key] == (now.get(key, []), before.get(key, []))


@given(rows=FILES)
def test_a_first_file_comes_whole_and_tells_whether_its_keys_rise(rows: Said) -> None:
    how = How()
    found = by_key(grouped(body(rows), how=how))

    assert {key: new for key, (new, old) in found.items() if not old} == {
        key: lines for key, lines in lines_by_key(rows).items() if key
    }
    skus = [sku for sku, _ in rows]
    assert how.rises == (all(skus) and skus == sorted(set(skus)))


def test_a_line_about_nothing_stands_for_itself() -> None:
    found = grouped(body([("", 1), ("A", 1), ("", 2)]), body([("", 1), ("A", 1), ("", 3)]))

    assert sorted((len(each.new), len(each.old)) for each in found if each.key == b"") == [(0, 1), (1, 0)]


def test_a_file_in_order_is_searched_by_halves() -> None:
    rows = [(f"SKU-{i:05}", i % 7) for i in range(0, 4_000, 2)]
    asked = {f"SKU-{i:05}".encode() for i in (0, 2, 1_998, 3_998, 3_999, 1)}

    found = by_key(grouped(body(rows), body(rows), old_rises=True, asked=asked))

    assert {key for key, (new, _) in found.items() if new} == {f"SKU-{i:05}".encode() for i in (0, 2, 1_998, 3_998)}


def test_a_sku_that_comes_thousands_of_times_holds_the_file() -> None:
    rows = [("A", 1)] * (row_groups.MOST_LINES_OF_A_KEY + 1)

    with pytest.raises(InvalidInput, match="too many times"):
        grouped(body(rows))
    with pytest.raises(InvalidInput, match="too many times"):
        grouped(body(rows), body([("A", 1)]))


# ---- lines of every make


def keys_and_rows(opened: RowLines) -> list[tuple[bytes, str | None]]:
    rows = [(opened.key(line), opened.read(number, line)) for number, line in opened.lines.numbered()]
    return [(key, row.sku) for key, row in rows if row]


ODD = """Item,On hand,Price
A-1,1,1.00
 B-2 ,2,1.00
"C,3",3,1.00
="0004",4,1.00
Ä5,5,1.00
1.2E+11,6,1.00
G,x,1.00
"H""8",8,1.00
"""


def test_the_key_of_a_line_is_the_sku_that_is_read_there() -> None:
    with row_lines.opened([io.BytesIO(ODD.encode())], DELIMITED, "EUR") as (opened,):
        found = keys_and_rows(opened)

    assert [key.decode() for key, sku in found if sku] == [sku for _, sku in found if sku]
    assert [sku for _, sku in found] == ["A-1", "B-2", "C,3", "0004", "Ä5", None, "G", 'H"8']


def test_a_cell_that_goes_on_over_lines_makes_the_file_one_of_our_own_lines() -> None:
    text = 'Item,On hand,Price\nA,1,"1.00"\n"B\nb",2,1.00\nC,3,1.00\n'

    with row_lines.opened([io.BytesIO(text.encode())], DELIMITED, "EUR") as (opened,):
        rows = [opened.read(number, line) for number, line in opened.lines.numbered()]
        assert opened.make == row_lines.OURS

    assert [(row.line, type(row)) for row in rows if row] == [(2, Row), (3, Refusal), (5, Row)]


def test_files_of_different_makes_are_both_read_whole() -> None:
    plain, moved = body([("A", 1), ("B", 2)]), b"On hand,Item,Price\n1,A,1.00\n3,B,1.00\n"

    found = by_key(grouped(moved, plain))

    assert [key for key, (new, old) in found.items() if new != old] == [b"B"]


def test_a_column_whose_change_is_none_is_left_aside() -> None:
    how = profile(volatile=["Seen"])
    old = b"Item,On hand,Price,Seen\nA,1,1.00,8:00\nB,2,1.00,8:00\nC,3,1.00,8:00\n"
    new = b"Item,On hand,Price,Seen\nA,1,1.00,9:00\nB,5,1.00,9:00\nC,3,1.00,9:00\n"

    assert by_key(grouped(new, old, profile=how)).keys() == {b"B"}
    assert by_key(grouped(new, old)).keys() == {b"A", b"B", b"C"}


def stamped(rows: Said, stamp: str, first: str, end: str) -> bytes:
    """A file with a stamp on every row, which may be another one on the first."""
    lines = [f"{sku},{units},1.00,{stamp if at else first}\n" for at, (sku, units) in enumerate(rows)]
    return ("Item,On hand,Price,Seen\n" + "".join(lines)).encode().removesuffix(b"\n") + end.encode()


@given(
    new=FILES,
    old=FILES,
    stamps=st.sampled_from([("8:00", "9:00"), ("9:00", "10:00"), ("x", "x")]),
    first=st.sampled_from(["", "7:77", "Seen"]),
    end=st.sampled_from(["\n", ""]),
    most=st.sampled_from([0, 100]),
)
def test_a_stamp_counts_for_nothing_whether_all_rows_have_the_same_or_not(
    new: Said, old: Said, stamps: tuple[str, str], first: str, end: str, most: int
) -> None:
    def without(lines: list[bytes]) -> list[bytes]:
        return [line.rpartition(b",")[0] + b"\n" for line in lines]

    files = stamped(new, stamps[1], first or stamps[1], end), stamped(old, stamps[0], stamps[0], "\n")
    found = by_key(grouped(*files, profile=profile(volatile=["Seen"]), most=most))

    told = {key: (without(now), without(before)) for key, (now, before) in found.items()}
    assert {key: lines for key, lines in told.items() if lines[0] != lines[1]} == differing(new, old)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (("8:00", "8:00", "8:00"), ("9:00", "9:00", "9:00")),
        (("9:00", "9:00", "9:00"), ("10:00", "10:00", "10:00")),
        (("2026-11-24 08:00", "8", "8"), ("2026-11-24 09:00", "9", "9")),
    ],
)
def test_of_stamped_rows_those_are_told_that_differ_and_no_others(before: list[str], now: list[str]) -> None:
    def rows(units: int, stamps: list[str]) -> bytes:
        said = zip("ABC", (1, units, 3), stamps, strict=True)
        return ("Item,On hand,Price,Seen\n" + "".join(f"{sku},{n},1.00,{at}\n" for sku, n, at in said)).encode()

    assert by_key(grouped(rows(5, now), rows(2, before), profile=profile(volatile=["Seen"]))).keys() == {b"B"}


def test_a_row_that_is_too_short_is_told_though_it_ends_like_the_others() -> None:
    how = profile(volatile=["Seen"])
    old, new = stamped([("A", 1), ("B", 1)], "8:00", "8:00", "\n"), stamped([("A", 1), ("B", 1)], "9:00", "9:00", "\n")

    assert by_key(grouped(new.replace(b"B,1,", b"B,"), old, profile=how)).keys() == {b"B"}


@pytest.mark.parametrize("settings", [{"format": "ndjson"}, {"format": "fixed", "heading_line": 0}])
def test_a_volatile_cell_of_other_lines_is_left_aside(settings: dict[str, Any]) -> None:
    if settings["format"] == "ndjson":
        how = profile(**settings, volatile=["Seen"])
        line = '{{"Item": "{}", "On hand": {}, "Price": "1.00", "Seen": "{}"}}\n'
    else:
        columns = {"sku": "1-4", "quantity": "5-8", "cost": "9-13"}
        how, line = profile(**settings, columns=columns, volatile=["14-18"]), "{:<4}{:>4} 1.00{}\n"
    old = "".join(line.format(sku, units, "08:00") for sku, units in (("A", 1), ("B", 2))).encode()
    new = "".join(line.format(sku, units, "09:00") for sku, units in (("A", 1), ("B", 3))).encode()

    assert by_key(grouped(new, old, profile=how)).keys() == {b"B"}


def test_a_file_with_more_rows_than_one_function_goes_through_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_lines, "MOST_ROWS", 2)

    with pytest.raises(InvalidInput, match="split it") as failure:
        grouped(body([("A", 1), ("B", 1), ("C", 1)]))

    assert failure.value.code == "file_too_long"


def test_the_same_is_found_in_large_files_in_order_and_out_of_it() -> None:
    chance = random.Random(3)  # noqa: S311
    old = [(f"SKU-{i:05}", chance.randint(0, 9)) for i in range(3_000)]
    new = [(sku, units + (chance.random() < 0.05)) for sku, units in old if chance.random() > 0.01]
    mixed = chance.sample(new, len(new))

    in_order = by_key(grouped(body(new), body(old), old_rises=True))

    assert in_order == differing(new, old)
    for most in (10, 10_000):
        found = by_key(grouped(body(mixed), body(old), most=most))
        assert {key: lines for key, lines in found.items() if lines[0] != lines[1]} == in_order
