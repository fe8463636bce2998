from __future__ import annotations

import pytest

from bench import feed_bill
from bench.feed_bill import Spent, Use
from bench.feed_day import Took
from bench.meter import Bill
from shared.flows.feed_runs import PIECE

FILE = Use(write_units=3, read_units=4, puts=3, gets=2)
A_PIECE = Use(write_units=1, read_units=2)
NOTHING = Spent(write_units=0, seconds=0, invocations=0, gets=0, queue_requests=0)


@pytest.mark.parametrize(
    ("changes", "dollars"),
    [
        ({"write_units": 1e6}, 0.625),
        ({"read_units": 1e6}, 0.125),
        ({"seconds": 1e6}, 2 * 13.3334),
        ({"invocations": 10**6}, 0.2),
        ({"puts": 1e6}, 5.0),
        ({"gets": 1e6}, 0.4),
        ({"queue_requests": 1e6}, 0.4),
    ],
)
def test_each_service_is_paid_for(changes: dict[str, float], dollars: float) -> None:
    spent = {"write_units": 0, "seconds": 0, "invocations": 0, "gets": 0, "queue_requests": 0} | changes

    assert NOTHING.dollars(2048) == 0
    assert Spent(**spent).dollars(2048) == pytest.approx(dollars)  # type: ignore[arg-type]


def test_a_few_rows_are_written_by_the_function_that_reads_the_file() -> None:
    assert feed_bill.spent(FILE, A_PIECE, PIECE - 1, 7.0) == Spent(
        write_units=PIECE - 1 + 3, read_units=4, invocations=1, seconds=7.0, puts=3, gets=2, queue_requests=2
    )


@pytest.mark.parametrize(("written", "pieces", "sends"), [(PIECE, 1, 1), (10 * PIECE + 1, 11, 2)])
def test_many_rows_go_out_in_pieces_each_put_fetched_sent_and_written_once(
    written: int, pieces: int, sends: int
) -> None:
    assert feed_bill.spent(FILE, A_PIECE, written, 7.0) == Spent(
        write_units=written + 3 + pieces,
        read_units=4 + 2 * pieces,
        invocations=1 + pieces,
        seconds=7.0,
        puts=3 + pieces + 1,
        gets=2 + pieces + 1,
        queue_requests=2 + 2 * pieces + sends,
    )


def test_what_a_file_takes_beside_its_rows_is_all_but_levels_and_offers() -> None:
    bill = Bill(write_units=10, read_units=2.5, by_entity={"level": 4, "offer": 3, "feed": 2, "feed_file": 1})
    took = Took(pieces=0, seconds=1, cpu=1, cpu_of_pieces=0, gets=2, puts=3, bill=bill)

    assert feed_bill.beside_rows(took) == Use(write_units=3, read_units=2.5, puts=3, gets=2)
