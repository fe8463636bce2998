from __future__ import annotations

from datetime import timedelta

from shared.storage import archive
from tests.support import trade

NOW = trade.times_now()


def test_what_is_archived_on_any_day_it_lives_is_in_a_folder_that_is_asked_for() -> None:
    for days in range(62):
        assert archive.of_day("nordlys", "7", NOW - timedelta(days=days)) in set(archive.folders("nordlys", "7", NOW))
    assert archive.of_polls("nordlys", "7") in set(archive.folders("nordlys", "7", NOW))


def test_a_folder_is_of_one_order_alone() -> None:
    ids = ["7", "77", "", "-", "a/b", "a", "%2D", "é" * 128, "\U0001f600" * 128]
    folders = [archive.of_day("nordlys", each, NOW) for each in ids]

    assert not [(a, b) for a in folders for b in folders if a is not b and b.startswith(a)]
    assert max(len(each) for each in folders) < 900
