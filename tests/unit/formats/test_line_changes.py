from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.formats import line_changes
from shared.formats.line_changes import Lines, Method, Survey

LINES = st.lists(st.binary(max_size=6).map(lambda raw: raw.replace(b"\n", b"") + b"\n"), max_size=40)
ON_DISK = 0


def key(line: bytes) -> bytes:
    return line.partition(b",")[0]


def without_stamp(line: bytes) -> bytes:
    return line.rpartition(b",")[0]


@dataclass(frozen=True)
class Told:
    method: Method
    added: list[tuple[int, bytes]]
    gone: list[bytes]


def between(old: Iterable[bytes], new: Iterable[bytes], **how: Any) -> Told:  # noqa: ANN401 - as `between` takes it
    files = Lines(io.BytesIO(b"".join(old))), Lines(io.BytesIO(b"".join(new)))
    with line_changes.between(*files, key, **how) as changes:
        return Told(changes.method, list(changes.added), [line for _, line in changes.gone])


def rows(units: dict[int, int], stamp: str = "") -> list[bytes]:
    return [f"SKU-{number:05},{count}{stamp}\n".encode() for number, count in units.items()]


def test_equal_files_have_no_changes() -> None:
    same = rows(dict.fromkeys(range(50), 1))

    changes = between(same, same)

    assert (changes.method, changes.added, changes.gone) == (Method.MERGE, [], [])


def test_a_changed_a_new_and_a_gone_row_are_told_with_their_lines() -> None:
    changes = between(rows({1: 5, 2: 5, 4: 5}), rows({1: 5, 2: 6, 3: 1}))

    assert changes.added == [(2, b"SKU-00002,6\n"), (3, b"SKU-00003,1\n")]
    assert changes.gone == [b"SKU-00002,5\n", b"SKU-00004,5\n"]


def test_a_stamp_that_changes_on_every_row_is_no_change() -> None:
    old, new = rows(dict.fromkeys(range(9), 1), ",10:00"), rows({**dict.fromkeys(range(9), 1), 4: 2}, ",11:00")

    changes = between(old, new, cut=without_stamp)

    assert changes.added == [(5, b"SKU-00004,2,11:00\n")]
    assert changes.gone == [b"SKU-00004,1,10:00\n"]


def shuffled(lines: list[bytes], seed: int) -> list[bytes]:
    mixed = list(lines)
    random.Random(seed).shuffle(mixed)  # noqa: S311
    return mixed


def test_files_in_no_order_are_compared_by_a_set() -> None:
    count = 20 * line_changes.GIVE_UP_AFTER
    old = dict.fromkeys(range(count), 3)
    new = old | {7: 2, 19: 4, count: 1}
    del new[11]
    given_new = shuffled(rows(new, ",11:00"), 2)

    changes = between(shuffled(rows(old, ",10:00"), 1), given_new, cut=without_stamp)

    assert changes.method is Method.SET
    assert {line for _, line in changes.added} == set(rows({7: 2, 19: 4, count: 1}, ",11:00"))
    assert set(changes.gone) == set(rows({7: 3, 19: 3, 11: 3}, ",10:00"))
    assert all(given_new[number - 1] == line for number, line in changes.added)


@contextmanager
def not_merged() -> Iterator[None]:
    """As if the order of each file were another."""
    given_up, line_changes.GIVE_UP_AFTER = line_changes.GIVE_UP_AFTER, -1
    try:
        yield
    finally:
        line_changes.GIVE_UP_AFTER = given_up


def test_files_in_no_order_that_no_set_holds_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_changes, "SET_UP_TO", ON_DISK)
    with not_merged():
        changes = between(rows({1: 5, 2: 5}), rows({2: 5, 1: 5}))

    assert (changes.method, changes.added, changes.gone) == (Method.PARTITIONS, [], [])


@pytest.mark.parametrize("how", [nullcontext, not_merged], ids=["merged", "by a set"])
@given(old=LINES, new=LINES)
def test_whatever_the_order_what_is_not_told_stands_in_both(how: Any, old: list[bytes], new: list[bytes]) -> None:  # noqa: ANN401
    with how():
        changes = between(old, new)

    matched = Counter(new) - Counter(line for _, line in changes.added)
    assert not matched - Counter(old)
    assert matched == Counter(old) - Counter(changes.gone)
    assert all(new[number - 1] == line for number, line in changes.added)


def test_a_row_that_stands_twice_is_told_the_second_time() -> None:
    once = rows({1: 5, 2: 5})

    assert [line for _, line in between(once, [*once, once[1]]).added] == [once[1]]


def test_the_last_line_needs_no_newline() -> None:
    changes = between([b"A,1\n", b"B,2"], [b"A,1\n", b"B,3"])

    assert changes.added == [(2, b"B,3\n")]


def test_many_changes_go_to_disk_and_come_back_in_order() -> None:
    count = 40_000
    long = ",".join("x" * 30 for _ in range(5))
    changes = between(rows(dict.fromkeys(range(count), 1), long), rows(dict.fromkeys(range(count), 2), long))

    assert [number for number, _ in changes.added] == list(range(1, count + 1))


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(InvalidInput, match="too long"):
        line_changes.survey(io.BytesIO(b"A,1\n" + b"x" * 3 * line_changes.LONGEST_LINE))


@pytest.mark.parametrize(
    ("body", "lines", "quotes", "newlines_end_lines", "is_plain"),
    [
        (b"", 0, 0, True, True),
        (b"A,1\nB,2", 2, 0, True, True),
        (b'A,"1"\nB,"2\n', 2, 3, True, False),
        (b"A,1\r\nB,2\r\n", 2, 0, True, True),
        (b"A,1\rB,2\r", 1, 0, False, True),
        ("Ä,1\n".encode(), 1, 0, True, False),
        (b"A\x1c,1\n", 1, 0, True, False),
    ],
)
def test_a_survey_tells_what_a_file_is_made_of(
    body: bytes, lines: int, quotes: int, *, newlines_end_lines: bool, is_plain: bool
) -> None:
    assert line_changes.survey(io.BytesIO(body)) == Survey(
        lines=lines, quotes=quotes, newlines_end_lines=newlines_end_lines, is_plain=is_plain
    )


def test_a_line_end_of_two_bytes_is_seen_across_what_is_read_at_once() -> None:
    body = b"x\n" + b"y" * (line_changes.LONGEST_LINE - 3) + b"\r\nA,1\r\n"

    assert line_changes.survey(io.BytesIO(body)).newlines_end_lines


def test_a_zero_byte_is_refused() -> None:
    with pytest.raises(InvalidInput, match="zero byte"):
        line_changes.survey(io.BytesIO(b"A,1\nB\0,2\n"))


RISING = st.lists(st.integers(0, 30), unique=True, max_size=12).map(sorted)


@given(old=RISING, new=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=14))
def test_an_order_that_is_said_to_be_kept_is_kept(old: list[int], new: list[tuple[int, int]]) -> None:
    before = [f"{each:02},0\n".encode() for each in old]
    after = [f"{each:02},{units}\n".encode() for each, units in new]
    files = Lines(io.BytesIO(b"".join(before))), Lines(io.BytesIO(b"".join(after)))

    with line_changes.between(*files, key) as changes:
        keys = [each for each, _ in new]
        assert changes.keeps_order == (sorted(set(keys)) == keys)


@pytest.mark.parametrize("place", [line_changes.AT_ONCE - 1, line_changes.AT_ONCE, line_changes.AT_ONCE + 1])
@pytest.mark.parametrize("came", ["below", "above"])
def test_a_line_that_comes_in_between_is_held_against_the_one_above_wherever_it_stands(place: int, came: str) -> None:
    before = [f"{each:05},0\n".encode() for each in range(0, 10 * place, 5)]
    number = 5 * (place - 1) + (2 if came == "above" else -2)
    after = [*before[:place], f"{number:05},1\n".encode(), *before[place:]]
    files = Lines(io.BytesIO(b"".join(before))), Lines(io.BytesIO(b"".join(after)))

    with line_changes.between(*files, key) as changes:
        assert list(changes.added) == [(place + 1, after[place])]
        assert changes.keeps_order == (came == "above")
