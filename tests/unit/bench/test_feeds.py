from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import feed_reads, feeds
from bench.feed_files import HEADING, Catalogue
from bench.feed_reads import Files, Found, Way
from bench.feeds import Measured
from bench.peers import dict_reader
from shared.flows import read_files

FEW = Catalogue(rows=400, changed=5, dearer=3)
OURS = (Way.FIND, Way.EVERYTHING, Way.DICT_READER)


def written(folder: Path, catalogue: Catalogue) -> Files:
    files = Files(new=folder / "new.csv", old=folder / "old.csv", catalogue=catalogue)
    catalogue.write(files.old, 0)
    catalogue.write(files.new, 1)
    return replace(files, tally=feed_reads.tally(catalogue))


def lines(path: Path) -> list[bytes]:
    heading, *found = path.read_bytes().splitlines(keepends=True)
    assert heading == HEADING
    return found


def test_as_many_rows_differ_as_are_said_to(tmp_path: Path) -> None:
    files = written(tmp_path, FEW)

    old, new = lines(files.old), lines(files.new)

    assert old == sorted(old)
    differ = {at for at, (before, now) in enumerate(zip(old, new, strict=True)) if before != now}
    assert differ == {at for at in range(FEW.rows) if FEW.is_changed(at) or FEW.is_dearer(at)}
    changed, dearer = FEW.count()
    assert 0 < changed < 0.1 * FEW.rows
    assert 0 < dearer < len(differ) <= changed + dearer


def test_what_the_first_file_says_in_numbers_is_what_reading_it_tells(tmp_path: Path) -> None:
    files = written(tmp_path, FEW)

    with files.old.open("rb") as old, read_files.reading(old, feed_reads.source(FEW)) as found:
        assert found.failure is None
        assert found.tally == files.tally


def test_about_the_share_that_is_asked_for_changes() -> None:
    for share in (1, 5, 30):
        changed, _ = Catalogue(rows=20_000, changed=share).count()
        assert changed == pytest.approx(share / 100 * 20_000, rel=0.15)


def test_files_out_of_order_have_the_same_rows_in_orders_of_their_own(tmp_path: Path) -> None:
    ordered = written(tmp_path, FEW)
    old, new = lines(ordered.old), lines(ordered.new)

    mixed = written(tmp_path, replace(FEW, in_order=False))

    assert sorted(lines(mixed.old)) == old
    assert sorted(lines(mixed.new)) == new
    skus = [[line[:9] for line in lines(path)] for path in (mixed.old, mixed.new)]
    assert skus[0] != skus[1]
    assert sorted(skus[0]) not in skus


def test_a_stamped_file_differs_on_every_row(tmp_path: Path) -> None:
    files = written(tmp_path, replace(FEW, stamped=True))

    assert not set(lines(files.old)) & set(lines(files.new))


@pytest.mark.parametrize("way", OURS)
@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("stamped", [False, True])
def test_every_way_finds_what_differs(way: Way, tmp_path: Path, *, in_order: bool, stamped: bool) -> None:
    # Enough of them that a merge of files out of order, which tells what only moved as well, is given up.
    catalogue = replace(FEW, rows=3_000, dearer=0, in_order=in_order, stamped=stamped)

    count, _ = feed_reads.WAYS[way](written(tmp_path, catalogue))

    assert (count, 0) == catalogue.count()


def test_the_script_of_an_afternoon_tells_what_changed_came_and_went(tmp_path: Path) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("sku,qty,cost\nA,1,2.00\nB,1,2.00\nC,1,2.00\n")
    new.write_text("sku,qty,cost\nA,1,2.00\nB,2,2.00\nD,1,2.00\n")

    assert dict_reader.changes(new, old) == ({"B": (2, "2.00"), "D": (1, "2.00")}, {"C"})


def test_a_way_goes_in_a_process_of_its_own_and_tells_its_memory(tmp_path: Path) -> None:
    files = written(tmp_path, FEW)

    found = feed_reads.run(Way.FIND, files)

    assert (found.count, found.method) == (len(set(lines(files.new)) - set(lines(files.old))), "merge")
    assert 0 < found.seconds < 5
    assert 0 < found.peak_mb < 64


def test_out_of_order_either_little_memory_or_little_time_will_do() -> None:
    assert feeds.bars(60, in_order=True) == feeds.bars(70, in_order=True) == (1.2, 64)
    assert feeds.bars(64, in_order=False) == (4, 64)
    assert feeds.bars(65, in_order=False) == (2.5, 160)


@pytest.mark.parametrize(
    ("seconds", "peak_mb", "in_order", "oks"),
    [
        (1.2, 64, True, [True, True]),
        (1.3, 64, True, [False, True]),
        (1.2, 65, True, [True, False]),
        (4.0, 64, False, [True, True]),
        (4.0, 65, False, [False, True]),
        (2.5, 161, False, [True, False]),
    ],
)
def test_a_file_is_held_against_polars_in_time_and_against_a_limit_in_memory(
    seconds: float, peak_mb: float, oks: list[bool], *, in_order: bool
) -> None:
    ours = Found(seconds=seconds, peak_mb=peak_mb, count=1, method="merge")
    polars = Found(seconds=1.0, peak_mb=300, count=1)

    assert [figure.ok for figure in Measured("a feed", in_order, ours, polars).figures()] == oks
