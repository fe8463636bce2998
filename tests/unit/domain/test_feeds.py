"""Which files may write, and which of their rows need it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import feeds, photographs, times
from shared.domain.feeds import Feed, Run, Standing
from shared.domain.names import Sku, SourceId
from shared.domain.photographs import Difference, Photograph, Refusal, Row, RowWrite, Tally
from shared.domain.stock import Level
from shared.errors import InvalidInput
from tests.support import photos, trade

ALPINA = SourceId("alpina")
NOW = times.read("2026-11-24T12:00:00Z")


def run(hour: int, name: str = "") -> Run:
    file = f"in/alpina/{name or hour}.csv@v"
    return Run(as_of=f"2026-11-24T{hour:02}:00:00.000Z", file=file, snapshot=f"done/{hour}", reading="r1")


def row(sku: str, units: int = 1, cost_minor: int | None = None, line: int = 2) -> Row:
    return Row(line=line, sku=Sku(sku), units=units, cost_minor=cost_minor)


def photo(*rows: Row) -> dict[Sku, Row]:
    return {each.sku: each for each in rows}


def refusal(line: int, sku: str = "") -> Refusal:
    return Refusal(line=line, column="qty", value="x", reason="no", sku=Sku(sku) if sku else None)


# ---- runs


def test_the_first_file_of_a_feed_is_opened() -> None:
    claim = feeds.claim(Feed(source=ALPINA), run(8))

    assert claim.standing is Standing.OPENED
    assert claim.feed == Feed(source=ALPINA, open=(run(8),), revision=1)
    assert claim.others == ()


def test_a_newer_file_is_opened_beside_one_that_is_not_finished() -> None:
    claim = feeds.claim(Feed(source=ALPINA, applied=run(7), open=(run(8),), revision=3), run(9))

    assert claim.standing is Standing.OPENED
    assert claim.feed.open == (run(8), run(9))
    assert claim.others == (run(8),)


@pytest.mark.parametrize(
    "feed",
    [
        Feed(source=ALPINA, applied=run(9), revision=2),
        Feed(source=ALPINA, applied=run(7), open=(run(9),), revision=2),
        Feed(source=ALPINA, applied=run(8, "another of the same moment"), revision=2),
        Feed(source=ALPINA, open=(run(8, "another of the same moment"),), revision=2),
    ],
)
def test_a_file_that_is_not_newer_than_all_others_is_refused_as_older(feed: Feed) -> None:
    claim = feeds.claim(feed, run(8))

    assert (claim.standing, claim.feed) == (Standing.OLDER, feed)


def test_a_second_delivery_goes_on_with_the_run_as_it_was_opened() -> None:
    feed = Feed(source=ALPINA, open=(run(8), run(9)), revision=2)

    claim = feeds.claim(feed, replace(run(8), as_of="2026-11-24T08:00:00.500Z"))

    assert (claim.standing, claim.run, claim.feed) == (Standing.GOES_ON, run(8), feed)
    assert claim.others == (run(9),)


def test_a_second_delivery_of_the_snapshot_is_done() -> None:
    feed = Feed(source=ALPINA, applied=run(8), open=(run(9),), revision=2)

    assert feeds.claim(feed, run(8)).standing is Standing.DONE


def test_finishing_closes_all_that_is_not_newer() -> None:
    feed = Feed(source=ALPINA, applied=run(6), open=(run(7), run(8), run(9)), revision=4)

    assert feeds.finish(feed, run(8), [], [], compared=True) == Feed(
        source=ALPINA, applied=run(8), open=(run(9),), revision=5
    )


@pytest.mark.parametrize("hour", [8, 9])
def test_the_snapshot_never_moves_to_an_older_file(hour: int) -> None:
    assert feeds.finish(Feed(source=ALPINA, applied=run(hour), revision=4), run(8), [], [], compared=True) is None


# ---- what a file confirms


def of_alpina(sku: str, as_of: str) -> Level:
    return trade.level(sku, "alpina", 1, counted_as_of=as_of)


def applied(*files: tuple[int, str], compared: bool = True) -> Feed:
    """A feed after these files, hour and the SKUs of its good rows; `compared`: each was, with the one before."""
    feed, snapshot = Feed(source=ALPINA), None
    for hour, skus in files:
        rows = photo(*map(row, skus))
        after = photos.finish(feed, run(hour), rows, snapshot)
        assert after is not None
        feed, snapshot = after, rows if compared else None
    return feed


def hour_of(at: str) -> int:
    return times.read(at).hour


@pytest.mark.parametrize(
    ("_case", "feed", "counted", "confirmed"),
    [
        ("no file yet", Feed(source=ALPINA), 7, 7),
        ("a first file confirms what it wrote", applied((8, "A")), 8, 8),
        ("a first file confirms nothing that was there before it", applied((8, "A")), 7, 7),
        ("an unchanged row is confirmed by the newer file", applied((8, "A"), (9, "A")), 8, 9),
        ("by the newest", applied((8, "A"), (9, "A"), (10, "A")), 8, 10),
        ("a row that a file left out is not", applied((8, "AB"), (9, "B")), 8, 8),
        ("nor two files later", applied((8, "AB"), (9, "B"), (10, "B")), 8, 8),
        ("it stays as old as the last file that had it", applied((8, "AB"), (9, "AB"), (10, "B"), (11, "B")), 8, 9),
        ("until a file has it again", applied((8, "AB"), (9, "B"), (10, "AB")), 8, 10),
        ("and then the next may leave it out", applied((8, "AB"), (9, "B"), (10, "AB"), (11, "B")), 8, 10),
        ("a count by hand is newer than any file", applied((8, "A"), (9, "A")), 11, 11),
        ("a level that a file left out may be counted by hand", applied((8, "AB"), (9, "B")), 11, 11),
        ("a file that could not be compared confirms what it wrote", applied((8, "A"), (9, "A"), compared=False), 9, 9),
        ("and of what it did not write nothing", applied((8, "AB"), (9, "B"), compared=False), 8, 8),
    ],
)
def test_a_count_is_as_old_as_the_last_file_that_still_says_so(
    _case: str, feed: Feed, counted: int, confirmed: int
) -> None:
    assert hour_of(feeds.confirmed_at(feed, of_alpina("A", run(counted).as_of))) == confirmed


def test_a_count_of_a_source_that_sends_no_files_is_as_old_as_it_is() -> None:
    assert feeds.confirmed_at(None, of_alpina("A", run(8).as_of)) == run(8).as_of


def test_a_refused_row_confirms_nothing() -> None:
    first = photographs.gather([row("A"), row("B")])
    second = photographs.gather([row("B"), refusal(3, "A")])
    feed = photos.finish(Feed(source=ALPINA), run(8), first.rows, None)
    assert feed is not None
    feed = photos.finish(feed, run(9), second.rows, first.rows)

    assert hour_of(feeds.confirmed_at(feed, of_alpina("A", run(8).as_of))) == 8
    assert hour_of(feeds.confirmed_at(feed, of_alpina("B", run(8).as_of))) == 9


@given(st.lists(st.sets(st.sampled_from("ABC"), min_size=1), min_size=1, max_size=8))
def test_confirmed_at_is_the_time_of_the_last_file_with_the_sku_in_its_good_rows(files: list[set[str]]) -> None:
    feed = applied(*((hour, "".join(sorted(skus))) for hour, skus in enumerate(files)))

    for sku in set().union(*files):
        with_it = [hour for hour, skus in enumerate(files) if sku in skus]
        first_written = of_alpina(sku, run(with_it[0]).as_of)
        assert feeds.confirmed_at(feed, first_written) == run(with_it[-1]).as_of


def test_no_more_skus_are_remembered_than_an_entry_holds() -> None:
    everything = photo(*(row(f"S{i}") for i in range(feeds.MOST_UNCONFIRMED + 10)), row("Z"))
    feed = Feed(source=ALPINA, applied=run(8), confirms_since=run(8).as_of)

    after = photos.finish(feed, run(9), photo(row("Z")), everything)

    assert after is not None
    assert len(after.unconfirmed) == feeds.MOST_UNCONFIRMED


def test_a_heartbeat_never_goes_back() -> None:
    feed = feeds.heartbeat(Feed(source=ALPINA, revision=1), run(8).as_of)

    assert feed == Feed(source=ALPINA, heartbeat_at=run(8).as_of, revision=2)
    assert feeds.heartbeat(feed, run(8).as_of) is None
    assert feeds.heartbeat(feed, run(7).as_of) is None


# ---- whole files


@pytest.mark.parametrize("name", ["", ".hidden", "stock.csv.part", "stock.TMP", "stock.csv.filepart"])
def test_an_upload_on_its_way_is_no_file(name: str) -> None:
    assert feeds.is_unfinished(name)
    assert not feeds.is_unfinished("stock.csv")


def test_a_file_from_the_future_is_not_opened() -> None:
    feeds.check(1, NOW + timedelta(minutes=5), NOW)

    with pytest.raises(InvalidInput) as failure:
        feeds.check(1, NOW + timedelta(minutes=5, seconds=1), NOW)
    assert failure.value.code == "file_from_future"


def test_a_file_that_is_too_large_is_not_opened() -> None:
    feeds.check(feeds.MOST_BYTES, NOW, NOW)

    with pytest.raises(InvalidInput) as failure:
        feeds.check(feeds.MOST_BYTES + 1, NOW, NOW)
    assert failure.value.code == "file_too_large"


def test_of_a_sku_that_comes_twice_every_row_is_refused() -> None:
    rows = [row("A", 1, line=2), row("B", 2, line=3), row("A", 1, line=4), row("A", 7, line=5)]

    photograph = photographs.gather(rows)

    assert photograph.rows == photo(row("B", 2, line=3))
    assert [each.line for each in photograph.refusals] == [2, 4, 5]
    assert {each.reason for each in photograph.refusals} == {"the SKU comes more than once"}
    assert (photograph.read, photograph.refused) == (4, 3)


def test_all_refused_rows_are_counted_and_the_first_hundred_told() -> None:
    photograph = photographs.gather(refusal(line) for line in range(2, 152))

    assert photograph.refused == 150
    assert [each.line for each in photograph.refusals] == list(range(2, 102))


def test_warnings_are_kept() -> None:
    warned = replace(row("A"), warning="below zero")

    assert photographs.gather([warned, row("B")]).warnings == [warned]


def said(good: int, bad: int) -> Tally:
    return photographs.tally(
        photographs.gather([*(row(f"S{i}") for i in range(good)), *(refusal(i) for i in range(bad))])
    )


@pytest.mark.parametrize(("good", "bad"), [(1, 0), (1, 4), (20, 5), (800, 200)])
def test_a_few_refused_rows_do_not_hold_a_file(good: int, bad: int) -> None:
    photographs.check_rows(said(good, bad))


@pytest.mark.parametrize(
    ("good", "bad", "code"), [(0, 0, "no_rows"), (0, 3, "no_rows"), (19, 5, "many_refused"), (799, 200, "many_refused")]
)
def test_a_file_of_which_too_little_is_left_is_held(good: int, bad: int, code: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        photographs.check_rows(said(good, bad))
    assert failure.value.code == code


def test_a_sku_whose_row_is_refused_is_not_absent() -> None:
    found = photographs.gather([row("A"), refusal(3, "B"), row("C", line=4), row("C", line=5)])
    before = photo(row("A"), row("B"), row("C"), row("D"))

    assert [each.sku for each in photos.differences(found, before) if each.is_absent] == ["D"]
    assert {each.sku for each in photos.differences(found, before) if each.is_lost} == {"B", "C", "D"}


def test_rows_that_say_something_new_are_changed() -> None:
    new = Photograph(rows=photo(row("A", 1, 100), row("B", 2, 100), row("C", 3, 101), row("D", 4)))
    before = photo(row("A", 1, 100, line=9), row("B", 1, 100), row("C", 3, 100), row("E"))

    assert [each.sku for each in photos.differences(new, before) if each.is_changed] == ["B", "C", "D"]


def test_what_a_file_says_is_counted_and_can_be_added_part_by_part() -> None:
    rows: list[Row | Refusal] = [
        row("A", 5, 100),
        row("B", 0, 0),
        row("C", 2),
        refusal(4, "D"),
        refusal(5),
        row("E", line=6),
        row("E", line=7),
    ]
    whole = photographs.tally(photographs.gather(rows))

    assert whole == Tally(skus=3, stocked=2, costed=1, units=7, refused=4, nameless=1)
    assert whole.read == 7
    first, rest = photographs.tally(photographs.gather(rows[:2])), photographs.tally(photographs.gather(rows[2:]))
    assert (first + rest, whole - rest) == (whole, first)


# ---- rows to write


def counts(new: Row, applied: Row | None, *others: Row, waiting: bool = False) -> list[RowWrite]:
    snapshot = photo(applied) if applied else {}
    return list(
        photos.rows_to_write(photo(new), snapshot, {new.sku} if waiting else set(), [photo(other) for other in others])
    )


def test_a_row_that_equals_the_snapshot_costs_nothing() -> None:
    assert counts(row("A", 5, 100), row("A", 5, 100, line=9)) == []


def test_a_changed_count_is_written_against_the_old_one() -> None:
    assert counts(row("A", 5), row("A", 7)) == [RowWrite(row=row("A", 5), old=7, count=True, cost=False)]


def test_a_changed_cost_is_written_alone() -> None:
    new = row("A", 5, 120)

    assert counts(new, row("A", 5, 100)) == [RowWrite(row=new, old=5, count=False, cost=True, old_cost=100)]
    assert counts(new, row("A", 5)) == [RowWrite(row=new, old=5, count=False, cost=True)]


def test_a_row_without_a_cost_leaves_the_known_one() -> None:
    assert counts(row("A", 5), row("A", 5, 100)) == []


def test_a_row_that_is_new_has_no_old_count() -> None:
    new = row("A", 5, 100)

    assert counts(new, None) == [RowWrite(row=new, old=None, count=True, cost=True)]
    assert counts(row("A", 5), None) == [RowWrite(row=row("A", 5), old=None, count=True, cost=False)]


def test_an_unchanged_row_is_written_while_its_level_waits_for_a_count() -> None:
    new = row("A", 5, 100)

    assert counts(new, new, waiting=True) == [RowWrite(row=new, old=5, count=True, cost=False, old_cost=100)]


def test_an_unchanged_row_is_written_if_an_open_run_says_otherwise() -> None:
    new = row("A", 5, 100)

    both = [RowWrite(row=new, old=5, count=True, cost=True, old_cost=100)]
    assert counts(new, new, row("A", 6, 100)) == both
    assert counts(new, new, row("A", 5, 90)) == both
    assert counts(new, new, new, row("B", 6)) == []


@pytest.mark.parametrize(
    ("file", "before", "is_sure", "units"),
    [
        ("full", row("A", 5, 100), True, 0),
        ("full", row("A", 0, 100), True, None),
        ("delta", row("A", 5, 100), True, None),
        ("refuses it", row("A", 5, 100), True, None),
        ("full", None, False, 0),
        ("full", None, True, None),
        ("full", row("A", 0), False, 0),
    ],
)
def test_what_a_full_file_does_not_name_is_a_row_of_none(
    file: str, before: Row | None, *, is_sure: bool, units: int | None
) -> None:
    differs = Difference(sku=Sku("A"), row=None, is_named=file == "refuses it", before=before, is_sure=is_sure)

    write = photographs.write_of(differs, waits=False, zeroes_absent=file != "delta")

    told = (write.row.units, write.count, write.cost) if write else None
    assert told == (None if units is None else (units, True, False))


def test_a_snapshot_that_cannot_be_read_proves_nothing() -> None:
    new = row("A", 5, 100)

    assert list(photos.rows_to_write(photo(new), None, set(), [])) == [
        RowWrite(row=new, old=None, count=True, cost=True)
    ]


def test_an_open_run_that_cannot_be_read_may_have_written_anything() -> None:
    new = row("A", 5, 100)

    assert list(photos.rows_to_write(photo(new), photo(new), set(), [None])) == [
        RowWrite(row=new, old=5, count=True, cost=True, old_cost=100)
    ]


few_rows = st.dictionaries(
    st.sampled_from("ABC"), st.tuples(st.integers(0, 2), st.none() | st.integers(0, 1)), max_size=3
).map(lambda each: photo(*(row(sku, *values) for sku, values in each.items())))


@given(few_rows, few_rows, st.lists(few_rows, max_size=2))
def test_a_row_is_skipped_only_if_everyone_who_may_write_it_says_the_same(
    new: dict[Sku, Row], applied: dict[Sku, Row], others: list[dict[Sku, Row]]
) -> None:
    def says(sku: Sku, *photos: dict[Sku, Row]) -> set[tuple[int, int | None]]:
        return {(each[sku].units, each[sku].cost_minor) for each in photos if sku in each}

    written = {write.row.sku for write in photos.rows_to_write(new, applied, set(), others) if write.count}

    for sku in new.keys() - written:
        assert {units for units, _ in says(sku, new, applied, *others)} == {new[sku].units}
        assert sku in applied
    for sku in written & applied.keys():
        assert says(sku, new, applied, *others) != says(sku, new)
