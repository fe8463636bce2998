from __future__ import annotations

import pytest

from shared.runtime import clock


@pytest.mark.parametrize(("tried", "longest"), [(1, 0.02), (2, 0.04), (3, 0.08), (6, 0.64), (12, 0.64)], ids=str)
def test_a_moment_is_drawn_from_all_between_none_and_twice_the_last(tried: int, longest: float) -> None:
    drawn = [clock.moment(tried) for _ in range(1000)]

    assert len(set(drawn)) > 990
    assert 0 <= min(drawn) < longest / 10
    assert longest * 0.9 < max(drawn) <= longest
